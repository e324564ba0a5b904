// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/shape_inference.h"

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

namespace gradus {

namespace {

/// Tensors of integers are followed up to this length: shapes, and what they are made of.
constexpr std::int64_t longestElements = 64;
/// No tensor has more axes, nor a size beyond this.
constexpr std::size_t mostAxes = 64;
constexpr std::int64_t largestSize = std::int64_t(1) << 40;

using Known = std::optional<SymbolicShape>;

SymbolicShape ofNumbers(const Shape& shape)
{
    SymbolicShape sizes;
    for (const std::int64_t size : shape)
        sizes.push_back({size, 0});
    return sizes;
}

std::optional<std::vector<std::int64_t>> numbersOf(const SymbolicShape* sizes)
{
    if (!sizes)
        return std::nullopt;
    std::vector<std::int64_t> numbers;
    for (const SymbolicSize& size : *sizes) {
        if (!size.isNumber())
            return std::nullopt;
        numbers.push_back(size.number);
    }
    return numbers;
}

/// Negative axes count from the end; nothing when it is outside.
std::optional<std::size_t> axisOf(std::int64_t axis, std::size_t rank)
{
    if (axis < 0)
        axis += static_cast<std::int64_t>(rank);
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank))
        return std::nullopt;
    return static_cast<std::size_t>(axis);
}

} // namespace

/// The rules, one for each operator, for the node at hand.
struct ShapeInference::Visitor
{
    ShapeInference& all;
    const Node& node;

    [[nodiscard]] const SymbolicShape* in(std::size_t i) const
    {
        return i < node.inputs.size() && node.inputs[i] != noValue ? all.shape(node.inputs[i])
                                                                   : nullptr;
    }
    [[nodiscard]] const SymbolicShape* elementsOf(std::size_t i) const
    {
        return i < node.inputs.size() && node.inputs[i] != noValue ? all.elements(node.inputs[i])
                                                                   : nullptr;
    }
    [[nodiscard]] bool has(std::size_t i) const
    {
        return i < node.inputs.size() && node.inputs[i] != noValue;
    }
    void set(std::size_t output, Known shape) const
    {
        if (shape && output < node.outputs.size() && node.outputs[output] != noValue)
            all.remember(node.outputs[output], std::move(*shape));
    }
    void setElements(Known elements) const
    {
        if (elements && static_cast<std::int64_t>(elements->size()) <= longestElements &&
            node.outputs.front() != noValue)
            all.m_elements[node.outputs.front()] = std::move(*elements);
    }
    void same() const
    {
        if (const SymbolicShape* x = in(0))
            set(0, *x);
    }
    /// The tensor that an operator names, in its own shape.
    [[nodiscard]] std::optional<Shape> parameter(const std::string& name) const
    {
        if (const auto found = all.m_model.graph.computed.find(name);
            found != all.m_model.graph.computed.end())
            return found->second->shape();
        const TensorInfo* info = all.m_model.source.tensors->find(name);
        return info ? std::optional(info->shape) : std::nullopt;
    }
    /// rows × cols of a weight.
    [[nodiscard]] std::optional<Shape> matrix(const std::string& name) const
    {
        if (const auto use = all.m_uses.find(name); use != all.m_uses.end())
            return Shape{use->second->rows, use->second->cols};
        const auto shape = parameter(name);
        if (!shape || shape->empty())
            return std::nullopt;
        return Shape{shape->front(),
                     elementCount(*shape) / std::max<std::int64_t>(1, shape->front())};
    }
    [[nodiscard]] Known broadcast(const SymbolicShape* a, const SymbolicShape* b) const
    {
        if (!a || !b)
            return std::nullopt;
        if (a->size() < b->size())
            std::swap(a, b);
        SymbolicShape result = *a;
        const std::size_t offset = a->size() - b->size();
        for (std::size_t i = 0; i < b->size(); ++i) {
            SymbolicSize& size = result[offset + i];
            const SymbolicSize& other = (*b)[i];
            if (size == other || (other.isNumber() && other.number == 1))
                continue;
            if (size.isNumber() && size.number == 1)
                size = other;
            else if (other.isNumber())
                size = other; // a symbol that is 1 or the same
            else if (!size.isNumber())
                size = all.unknown();
        }
        return result;
    }
    /// Axes of an input (or an attribute), as places.
    [[nodiscard]] std::optional<std::vector<std::size_t>>
    places(const std::vector<std::int64_t>& axes, std::size_t rank) const
    {
        std::vector<std::size_t> result;
        for (const std::int64_t axis : axes) {
            const auto place = axisOf(axis, rank);
            if (!place)
                return std::nullopt;
            result.push_back(*place);
        }
        return result;
    }

    template <class T>
    void operator()(const T&) const
    {
        using namespace op;
        constexpr bool keeps = std::is_same_v<T, Unary> || std::is_same_v<T, RmsNorm> ||
                               std::is_same_v<T, LayerNorm> || std::is_same_v<T, BatchNorm> ||
                               std::is_same_v<T, InstanceNorm> || std::is_same_v<T, Rotary> ||
                               std::is_same_v<T, Attention> || std::is_same_v<T, Softmax> ||
                               std::is_same_v<T, CumSum> || std::is_same_v<T, QuantizeLinear> ||
                               std::is_same_v<T, DequantizeLinear>;
        if constexpr (keeps)
            same();
    }
    void operator()(const op::Cast&) const
    {
        same();
        if (const SymbolicShape* x = elementsOf(0))
            setElements(*x);
    }
    void operator()(const op::Embedding& embedding) const
    {
        const SymbolicShape* ids = in(0);
        const auto table = matrix(embedding.weight);
        if (!ids || !table)
            return;
        SymbolicShape result = *ids;
        result.push_back({(*table)[1], 0});
        set(0, std::move(result));
    }
    void operator()(const op::Linear& linear) const
    {
        const SymbolicShape* x = in(0);
        const auto weight = matrix(linear.weight);
        if (!x || x->empty() || !weight)
            return;
        SymbolicShape result = *x;
        result.back() = {(*weight)[0], 0};
        set(0, std::move(result));
    }
    void operator()(const op::Convolution& convolution) const
    {
        const SymbolicShape* x = in(0);
        const auto weight = matrix(convolution.weight);
        const std::size_t rank = convolution.isLine ? 3 : 4;
        if (!x || x->size() != rank || !weight)
            return;
        const SymbolicSize height = convolution.isLine ? SymbolicSize{1, 0} : (*x)[2];
        const SymbolicSize width = x->back();
        SymbolicShape result{x->front(), {(*weight)[0], 0}};
        if (height.isNumber() && width.isNumber()) {
            const auto out = convolution.geometry.resolved(height.number, width.number)
                                 .output(height.number, width.number);
            if (!convolution.isLine)
                result.push_back({out[0], 0});
            result.push_back({out[1], 0});
        }
        while (result.size() < rank)
            result.push_back(all.unknown());
        set(0, std::move(result));
    }
    void operator()(const op::ConvolutionTranspose& convolution) const
    {
        const SymbolicShape* x = in(0);
        if (!x || x->size() < 2)
            return;
        SymbolicShape result{x->front(), {convolution.outChannels, 0}};
        while (result.size() < x->size())
            result.push_back(all.unknown());
        set(0, std::move(result));
    }
    void operator()(const op::Pool&) const { channelsKept(); }
    void channelsKept() const
    {
        const SymbolicShape* x = in(0);
        if (!x || x->size() < 2)
            return;
        SymbolicShape result{(*x)[0], (*x)[1]};
        while (result.size() < x->size())
            result.push_back(all.unknown());
        if (node.outputs.size() > 1) // indices of maxima
            set(1, result);
        set(0, std::move(result));
    }
    void operator()(const op::GlobalPool&) const
    {
        const SymbolicShape* x = in(0);
        if (!x || x->size() < 2)
            return;
        SymbolicShape result{(*x)[0], (*x)[1]};
        result.resize(x->size(), {1, 0});
        set(0, std::move(result));
    }
    void rankKept() const
    {
        const SymbolicShape* x = in(0);
        if (!x)
            return;
        SymbolicShape result;
        while (result.size() < x->size())
            result.push_back(all.unknown());
        set(0, std::move(result));
    }
    void operator()(const op::Resize&) const { rankKept(); }
    void operator()(const op::Pad&) const;
    void operator()(const op::Tile&) const { rankKept(); }
    void operator()(const op::Binary& binary) const
    {
        set(0, broadcast(in(0), in(1)));
        const auto a = numbersOf(elementsOf(0));
        const auto b = numbersOf(elementsOf(1));
        if (!a || !b || (a->size() != b->size() && a->size() != 1 && b->size() != 1))
            return;
        SymbolicShape result;
        for (std::size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
            const std::int64_t x = (*a)[a->size() == 1 ? 0 : i];
            const std::int64_t y = (*b)[b->size() == 1 ? 0 : i];
            constexpr std::int64_t large = std::int64_t(1) << 30;
            if (x < -large || x > large || y < -large || y > large)
                return;
            if (binary.kind == op::BinaryKind::Add)
                result.push_back({x + y, 0});
            else if (binary.kind == op::BinaryKind::Subtract)
                result.push_back({x - y, 0});
            else if (binary.kind == op::BinaryKind::Multiply)
                result.push_back({x * y, 0});
            else if (binary.kind == op::BinaryKind::Divide && y != 0)
                result.push_back({x / y, 0});
            else
                return;
        }
        setElements(std::move(result));
    }
    void operator()(const op::Where&) const
    {
        const Known values = broadcast(in(1), in(2));
        set(0, broadcast(in(0), values ? &*values : nullptr));
    }
    void operator()(const op::MatMul& product) const
    {
        const SymbolicShape* a = in(0);
        const SymbolicShape* b = in(1);
        if (!a || !b || a->size() < 2 || b->size() < 2)
            return;
        const SymbolicShape aBatch(a->begin(), a->end() - 2);
        const SymbolicShape bBatch(b->begin(), b->end() - 2);
        Known result = broadcast(&aBatch, &bBatch);
        result->push_back((*a)[a->size() - (product.transposeA ? 1 : 2)]);
        result->push_back((*b)[b->size() - (product.transposeB ? 2 : 1)]);
        set(0, std::move(result));
    }
    void operator()(const op::Reduce& reduce) const
    {
        const SymbolicShape* x = in(0);
        if (!x)
            return;
        std::vector<std::int64_t> axes = reduce.axes;
        if (has(1)) {
            const auto given = numbersOf(elementsOf(1));
            if (!given)
                return;
            axes = *given;
        }
        if (axes.empty() && reduce.noopWithoutAxes)
            return same();
        const auto reduced = places(axes, x->size());
        if (!reduced)
            return;
        SymbolicShape result;
        for (std::size_t i = 0; i < x->size(); ++i) {
            const bool gone = axes.empty() || std::count(reduced->begin(), reduced->end(), i) > 0;
            if (!gone)
                result.push_back((*x)[i]);
            else if (reduce.keepDims)
                result.push_back({1, 0});
        }
        set(0, std::move(result));
    }
    void operator()(const op::ArgExtreme& extreme) const
    {
        const SymbolicShape* x = in(0);
        const auto axis = x ? axisOf(extreme.axis, x->size()) : std::nullopt;
        if (!axis)
            return;
        SymbolicShape result = *x;
        if (extreme.keepDims)
            result[*axis] = {1, 0};
        else
            result.erase(result.begin() + static_cast<std::ptrdiff_t>(*axis));
        set(0, std::move(result));
    }
    void operator()(const op::Reshape& reshape) const;
    void operator()(const op::Transpose& transpose) const
    {
        const SymbolicShape* x = in(0);
        if (!x)
            return;
        SymbolicShape result(x->rbegin(), x->rend());
        if (!transpose.permutation.empty()) {
            const auto order = places(transpose.permutation, x->size());
            if (!order || order->size() != x->size())
                return;
            for (std::size_t i = 0; i < order->size(); ++i)
                result[i] = (*x)[(*order)[i]];
        }
        set(0, std::move(result));
    }
    void operator()(const op::Squeeze&) const
    {
        const SymbolicShape* x = in(0);
        const auto axes = numbersOf(elementsOf(1));
        if (const SymbolicShape* elements = elementsOf(0))
            setElements(*elements);
        if (!x || !axes)
            return;
        const auto gone = places(*axes, x->size());
        if (!gone)
            return;
        SymbolicShape result;
        for (std::size_t i = 0; i < x->size(); ++i)
            if (std::count(gone->begin(), gone->end(), i) == 0)
                result.push_back((*x)[i]);
        set(0, std::move(result));
    }
    void operator()(const op::Unsqueeze&) const
    {
        const SymbolicShape* x = in(0);
        const auto axes = numbersOf(elementsOf(1));
        if (const SymbolicShape* elements = elementsOf(0))
            setElements(*elements);
        if (!x || !axes)
            return;
        const std::size_t rank = x->size() + axes->size();
        const auto added = places(*axes, rank);
        if (!added)
            return;
        SymbolicShape result;
        for (std::size_t i = 0, from = 0; i < rank; ++i)
            if (std::count(added->begin(), added->end(), i) > 0)
                result.push_back({1, 0});
            else if (from < x->size())
                result.push_back((*x)[from++]);
        set(0, std::move(result));
    }
    void operator()(const op::Flatten& flatten) const
    {
        const SymbolicShape* x = in(0);
        if (!x || flatten.axis != 1 || x->empty())
            return;
        SymbolicSize features{1, 0};
        for (std::size_t i = 1; i < x->size(); ++i) {
            const SymbolicSize& size = (*x)[i];
            if (!size.isNumber() ||
                (size.number > 0 && features.number > largestSize / size.number)) {
                features = all.unknown();
                break;
            }
            features.number *= size.number;
        }
        set(0, SymbolicShape{x->front(), features});
    }
    void operator()(const op::Concat& concat) const
    {
        SymbolicShape elements;
        bool known = true;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const SymbolicShape* part = elementsOf(i);
            known = known && part && static_cast<std::int64_t>(elements.size()) <= longestElements;
            if (known)
                elements.insert(elements.end(), part->begin(), part->end());
        }
        const SymbolicShape* first = in(0);
        if (known && first && first->size() == 1)
            setElements(std::move(elements));
        const auto axis = first ? axisOf(concat.axis, first->size()) : std::nullopt;
        if (!axis)
            return;
        SymbolicShape result = *first;
        for (std::size_t i = 1; i < node.inputs.size(); ++i) {
            const SymbolicShape* other = in(i);
            SymbolicSize& size = result[*axis];
            if (!other || other->size() != result.size() || !size.isNumber() ||
                !(*other)[*axis].isNumber()) {
                size = all.unknown();
                break;
            }
            size.number += (*other)[*axis].number;
        }
        set(0, std::move(result));
    }
    void operator()(const op::Split& split) const
    {
        const SymbolicShape* x = in(0);
        const auto axis = x ? axisOf(split.axis, x->size()) : std::nullopt;
        if (!axis)
            return;
        const auto sizes = numbersOf(elementsOf(1));
        const auto parts = static_cast<std::int64_t>(node.outputs.size());
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            SymbolicShape result = *x;
            SymbolicSize& size = result[*axis];
            if (sizes && i < sizes->size())
                size = {(*sizes)[i], 0};
            else if (!has(1) && size.isNumber() && size.number % parts == 0)
                size.number /= parts;
            else
                size = all.unknown();
            set(i, std::move(result));
        }
    }
    void operator()(const op::Slice&) const;
    void operator()(const op::Gather& gather) const
    {
        const SymbolicShape* x = in(0);
        const SymbolicShape* indices = in(1);
        const auto axis = x ? axisOf(gather.axis, x->size()) : std::nullopt;
        if (!axis || !indices)
            return;
        const auto at = x->begin() + static_cast<std::ptrdiff_t>(*axis);
        SymbolicShape result(x->begin(), at);
        result.insert(result.end(), indices->begin(), indices->end());
        result.insert(result.end(), at + 1, x->end());
        set(0, std::move(result));
        const SymbolicShape* elements = elementsOf(0);
        const auto chosen = numbersOf(elementsOf(1));
        if (!elements || !chosen || x->size() != 1)
            return;
        SymbolicShape picked;
        for (const std::int64_t index : *chosen) {
            const auto place = axisOf(index, elements->size());
            if (!place)
                return;
            picked.push_back((*elements)[*place]);
        }
        setElements(std::move(picked));
    }
    void operator()(const op::GatherElements&) const
    {
        if (const SymbolicShape* indices = in(1))
            set(0, *indices);
    }
    void operator()(const op::Expand&) const { set(0, broadcast(in(0), elementsOf(1))); }
    void operator()(const op::ConstantOfShape&) const
    {
        if (const SymbolicShape* shape = elementsOf(0))
            set(0, *shape);
    }
    void operator()(const op::ShapeOf& shapeOf) const
    {
        const SymbolicShape* x = in(0);
        if (!x)
            return;
        const auto rank = static_cast<std::int64_t>(x->size());
        const auto clamped = [&](std::int64_t place) {
            return std::clamp<std::int64_t>(place < 0 ? place + rank : place, 0, rank);
        };
        const std::int64_t first = clamped(shapeOf.start);
        const std::int64_t end = std::max(first, clamped(shapeOf.end));
        set(0, SymbolicShape{{end - first, 0}});
        setElements(SymbolicShape(x->begin() + first, x->begin() + end));
    }
    void operator()(const op::Size&) const { set(0, SymbolicShape{}); }
};

/// A size that is copied, known, or what the others leave.
void ShapeInference::Visitor::operator()(const op::Reshape& reshape) const
{
    const SymbolicShape* x = in(0);
    const SymbolicShape* target = elementsOf(1);
    if (const SymbolicShape* elements = elementsOf(0))
        setElements(*elements);
    if (!target)
        return;
    SymbolicShape result = *target;
    std::optional<std::size_t> open;
    for (std::size_t i = 0; i < result.size(); ++i) {
        SymbolicSize& size = result[i];
        if (!size.isNumber())
            continue;
        if (size.number == -1)
            open = i;
        else if (size.number == 0 && !reshape.allowZero)
            size = x && i < x->size() ? (*x)[i] : all.unknown();
    }
    if (open) {
        // The product of all sizes stays: what cancels on both sides is gone.
        std::vector<int> symbols;
        std::int64_t from = 1;
        std::int64_t to = 1;
        const auto grow = [](std::int64_t& product, std::int64_t size) {
            constexpr std::int64_t large = std::int64_t(1) << 31;
            product = size < 0 || size > large || product > large ? 0 : product * size;
        };
        bool known = x != nullptr;
        for (const SymbolicSize& size : known ? *x : SymbolicShape())
            if (size.isNumber())
                grow(from, size.number);
            else
                symbols.push_back(size.symbol);
        for (std::size_t i = 0; i < result.size(); ++i) {
            if (i == *open)
                continue;
            if (result[i].isNumber()) {
                grow(to, result[i].number);
                continue;
            }
            const auto found = std::find(symbols.begin(), symbols.end(), result[i].symbol);
            known = known && found != symbols.end();
            if (found != symbols.end())
                symbols.erase(found);
        }
        if (known && from > 0 && to > 0 && symbols.empty() && from % to == 0)
            result[*open] = {from / to, 0};
        else if (known && from > 0 && from == to && symbols.size() == 1)
            result[*open] = {0, symbols.front()};
        else
            result[*open] = all.unknown();
    }
    set(0, std::move(result));
}

void ShapeInference::Visitor::operator()(const op::Pad&) const
{
    const SymbolicShape* x = in(0);
    const auto pads = numbersOf(elementsOf(1));
    if (!x || !pads)
        return rankKept();
    std::vector<std::int64_t> axes;
    for (std::size_t i = 0; i < x->size(); ++i)
        axes.push_back(static_cast<std::int64_t>(i));
    if (has(3)) {
        const auto given = numbersOf(elementsOf(3));
        if (!given)
            return rankKept();
        axes = *given;
    }
    const auto along = places(axes, x->size());
    if (!along || pads->size() != 2 * along->size())
        return rankKept();
    SymbolicShape result = *x;
    for (std::size_t i = 0; i < along->size(); ++i) {
        const std::int64_t before = (*pads)[i];
        const std::int64_t behind = (*pads)[i + along->size()];
        if (before == 0 && behind == 0)
            continue;
        SymbolicSize& size = result[(*along)[i]];
        constexpr std::int64_t most = std::int64_t(1) << 40;
        const auto isSmall = [](std::int64_t value) { return value >= -most && value <= most; };
        const bool known = size.isNumber() && isSmall(size.number) && isSmall(before) &&
                           isSmall(behind) && size.number + before + behind >= 0;
        size = known ? SymbolicSize{size.number + before + behind, 0} : all.unknown();
    }
    set(0, std::move(result));
}

void ShapeInference::Visitor::operator()(const op::Slice&) const
{
    const SymbolicShape* x = in(0);
    const auto starts = numbersOf(elementsOf(1));
    const auto ends = numbersOf(elementsOf(2));
    if (!x || !starts || !ends || starts->size() != ends->size())
        return rankKept();
    std::vector<std::int64_t> axes;
    for (std::size_t i = 0; i < starts->size(); ++i)
        axes.push_back(static_cast<std::int64_t>(i));
    if (has(3)) {
        const auto given = numbersOf(elementsOf(3));
        if (!given || given->size() != starts->size())
            return rankKept();
        axes = *given;
    }
    const auto along = places(axes, x->size());
    if (!along)
        return rankKept();
    SymbolicShape result = *x;
    for (std::size_t i = 0; i < along->size(); ++i)
        result[(*along)[i]] = all.unknown();
    const bool byOne =
        !has(4) || numbersOf(elementsOf(4)) == std::vector<std::int64_t>(along->size(), 1);
    for (std::size_t i = 0; byOne && i < along->size(); ++i) {
        const SymbolicSize& size = (*x)[(*along)[i]];
        if (!size.isNumber())
            continue;
        const auto clamped = [&](std::int64_t place) {
            return std::clamp<std::int64_t>(place < 0 ? place + size.number : place, 0,
                                            size.number);
        };
        result[(*along)[i]] = {
            std::max<std::int64_t>(0, clamped((*ends)[i]) - clamped((*starts)[i])), 0};
    }
    set(0, std::move(result));
    const SymbolicShape* elements = elementsOf(0);
    if (!elements || x->size() != 1 || along->size() != 1 || !byOne)
        return;
    const auto count = static_cast<std::int64_t>(elements->size());
    const auto clamped = [&](std::int64_t place) {
        return std::clamp<std::int64_t>(place < 0 ? place + count : place, 0, count);
    };
    const std::int64_t first = clamped((*starts)[0]);
    const std::int64_t end = std::max(first, clamped((*ends)[0]));
    setElements(SymbolicShape(elements->begin() + first, elements->begin() + end));
}

ShapeInference::ShapeInference(const Model& model, const std::map<ValueId, Shape>& fed)
    : m_model(model)
{
    if (!model.source.tensors)
        return; // a description without a file: nothing has a shape
    for (const WeightUse& use : model.source.tensors->weightUses())
        m_uses.emplace(use.tensor, &use);
    for (const GraphPort& port : model.graph.inputs) {
        const auto given = fed.find(port.value);
        const Shape& shape = given == fed.end() ? port.shape : given->second;
        if (shape.empty())
            continue; // a scalar, or not said
        SymbolicShape sizes;
        for (const std::int64_t size : shape)
            sizes.push_back(size < 0 ? unknown() : SymbolicSize{size, 0});
        remember(port.value, std::move(sizes));
    }
    for (const auto& [value, constant] : model.graph.constants) {
        const TensorInfo* info =
            constant.value ? nullptr : model.source.tensors->find(constant.tensor);
        remember(value, ofNumbers(constant.value ? constant.value->shape()
                                  : info         ? info->shape
                                                 : Shape{}));
        if (constant.value && constant.value->dtype() == DType::I64 &&
            constant.value->count() <= longestElements)
            m_elements[value] =
                ofNumbers({reinterpret_cast<const std::int64_t*>(constant.value->bytes().data()),
                           reinterpret_cast<const std::int64_t*>(constant.value->bytes().data()) +
                               constant.value->count()});
    }
    for (const Node& node : model.graph.nodes)
        if (!node.outputs.empty())
            std::visit(Visitor{*this, node}, node.op);
}

void ShapeInference::remember(ValueId value, SymbolicShape shape)
{
    if (shape.size() > mostAxes || shape.size() > m_room)
        return;
    m_room -= shape.size();
    for (SymbolicSize& size : shape)
        if (size.isNumber() && (size.number < 0 || size.number > largestSize))
            size = unknown(); // whoever runs it complains
    m_shapes[value] = std::move(shape);
}

const SymbolicShape* ShapeInference::shape(ValueId value) const
{
    const auto found = m_shapes.find(value);
    return found == m_shapes.end() ? nullptr : &found->second;
}

const SymbolicShape* ShapeInference::elements(ValueId value) const
{
    const auto found = m_elements.find(value);
    return found == m_elements.end() ? nullptr : &found->second;
}

bool areSame(const SymbolicShape* a, const SymbolicShape* b)
{
    return a && b && *a == *b;
}

} // namespace gradus
