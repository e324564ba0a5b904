// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/constant_folding.h"

#include "core/base/error.h"
#include "core/graph/evaluation.h"
#include "core/graph/operator_inputs.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace gradus {

namespace {

template <class T, class... Among>
constexpr bool isAmong = (std::is_same_v<T, Among> || ...);

constexpr std::int64_t hugeCount = std::int64_t(1) << 50;

std::int64_t times(std::int64_t a, std::int64_t b)
{
    if (a <= 0 || b <= 0)
        return 0;
    return a > hugeCount / b ? hugeCount : a * b;
}

/// What is known of the inputs of a node.
class Inputs
{
public:
    Inputs(const Model& model, const Node& node)
        : m_model(model)
        , m_node(node)
    {
    }

    [[nodiscard]] const Constant& constant(std::size_t i) const
    {
        return m_model.graph.constants.at(m_node.inputs[i]);
    }
    [[nodiscard]] const Shape& shape(std::size_t i) const
    {
        const Constant& input = constant(i);
        return input.value ? input.value->shape()
                           : m_model.source.tensors->find(input.tensor)->shape;
    }
    [[nodiscard]] std::int64_t count(std::size_t i) const { return elementCount(shape(i)); }
    [[nodiscard]] std::int64_t most() const
    {
        std::int64_t most = 1;
        for (std::size_t i = 0; i < m_node.inputs.size(); ++i)
            if (m_node.inputs[i] != noValue)
                most = std::max(most, count(i));
        return most;
    }
    [[nodiscard]] std::optional<std::span<const std::int64_t>> integers(std::size_t i) const
    {
        const auto& value = constant(i).value;
        if (!value || value->dtype() != DType::I64)
            return std::nullopt;
        return std::span(reinterpret_cast<const std::int64_t*>(value->bytes().data()),
                         static_cast<std::size_t>(value->count()));
    }
    [[nodiscard]] std::size_t size() const { return m_node.inputs.size(); }

private:
    const Model& m_model;
    const Node& m_node;
};

std::int64_t broadcastCount(const std::vector<Shape>& shapes)
{
    std::size_t rank = 0;
    for (const Shape& shape : shapes)
        rank = std::max(rank, shape.size());
    std::int64_t count = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
        std::int64_t size = 1;
        for (const Shape& shape : shapes)
            if (axis < shape.size())
                size = std::max(size, shape[shape.size() - 1 - axis]);
        count = times(count, size);
    }
    return count;
}

std::optional<std::int64_t> product(const std::optional<std::span<const std::int64_t>>& values)
{
    if (!values)
        return std::nullopt;
    std::int64_t count = 1;
    for (const std::int64_t size : *values)
        count = times(count, size);
    return count;
}

/// Elements of start, start + delta, … below limit.
std::optional<std::int64_t> rangeElements(const Inputs& inputs)
{
    std::array<std::int64_t, 3> whole{};
    std::array<double, 3> real{};
    bool isWhole = false;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& value = inputs.constant(i).value;
        if (!value || value->count() != 1)
            return std::nullopt;
        isWhole = value->dtype() == DType::I64;
        // Not by way of float32, to which far ends may be equal.
        if (isWhole)
            whole[i] = (*inputs.integers(i))[0];
        else
            real[i] = static_cast<double>(toFloat(value->view()).floats()[0]);
    }
    return isWhole ? rangeCount(whole[0], whole[1], whole[2])
                   : rangeCount(real[0], real[1], real[2]);
}

} // namespace

bool isFoldable(const Operator& op)
{
    return std::visit(
        [](const auto& each) {
            using T = std::decay_t<decltype(each)>;
            return isAmong<T, op::Unary, op::Binary, op::Where, op::Cast, op::Reduce,
                           op::ArgExtreme, op::CumSum, op::Reshape, op::Transpose, op::Flatten,
                           op::Squeeze, op::Unsqueeze, op::Concat, op::Split, op::Slice, op::Gather,
                           op::GatherElements, op::Expand, op::Tile, op::ShapeOf, op::Size,
                           op::ConstantOfShape, op::Range, op::QuantizeLinear,
                           op::DequantizeLinear>;
        },
        op);
}

std::optional<std::int64_t> foldedElements(const Model& model, const Node& node)
{
    const Inputs inputs(model, node);
    return std::visit(
        [&](const auto& each) -> std::optional<std::int64_t> {
            using T = std::decay_t<decltype(each)>;
            if constexpr (isAmong<T, op::Binary, op::Where>) {
                std::vector<Shape> shapes;
                for (std::size_t i = 0; i < inputs.size(); ++i)
                    shapes.push_back(inputs.shape(i));
                return broadcastCount(shapes);
            } else if constexpr (std::is_same_v<T, op::Concat>) {
                std::int64_t count = 0;
                for (std::size_t i = 0; i < inputs.size(); ++i)
                    count += inputs.count(i);
                return count;
            } else if constexpr (std::is_same_v<T, op::Gather>) {
                const Shape& shape = inputs.shape(0);
                const auto rank = static_cast<std::int64_t>(shape.size());
                const std::int64_t axis = each.axis < 0 ? each.axis + rank : each.axis;
                if (axis < 0 || axis >= rank)
                    return std::nullopt;
                const std::int64_t along = shape[static_cast<std::size_t>(axis)];
                return times(inputs.count(0) / std::max<std::int64_t>(1, along), inputs.count(1));
            } else if constexpr (std::is_same_v<T, op::GatherElements>) {
                return inputs.count(1);
            } else if constexpr (std::is_same_v<T, op::Expand>) {
                const auto sizes = inputs.integers(1);
                if (!sizes)
                    return std::nullopt;
                return broadcastCount({inputs.shape(0), Shape(sizes->begin(), sizes->end())});
            } else if constexpr (std::is_same_v<T, op::Tile>) {
                const auto repeats = product(inputs.integers(1));
                if (!repeats)
                    return std::nullopt;
                return times(inputs.count(0), *repeats);
            } else if constexpr (std::is_same_v<T, op::ConstantOfShape>) {
                return product(inputs.integers(0));
            } else if constexpr (std::is_same_v<T, op::Range>) {
                return rangeElements(inputs);
            } else {
                return inputs.most();
            }
        },
        node.op);
}

std::vector<Tensor> foldNode(const Model& model, const Node& node)
{
    // Weights wants to keep its model alive, which it does not need to here.
    const Weights weights(std::shared_ptr<const Model>(std::shared_ptr<const Model>(), &model), 0);
    Values values;
    const Values sides;
    const Monitor monitor;
    const InputObserver nobody;
    Evaluation evaluation(model, weights, monitor, nobody, nullptr, values, sides);
    evaluation.enter(-1, node, std::vector<bool>(node.inputs.size(), false));
    return evaluation.run(node);
}

} // namespace gradus
