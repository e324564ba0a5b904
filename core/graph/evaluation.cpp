// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/evaluation.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/element_chains.h"
#include "core/graph/live_values.h"
#include "core/graph/operator_inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <type_traits>
#include <utility>

namespace gradus {

Evaluation::Evaluation(const Model& model, const Weights& weights, const Monitor& monitor,
                       const InputObserver& observer, KeyValueCache* cache, Values& values,
                       const Values& sides, const Evaluation* around)
    : m_model(model)
    , m_weights(weights)
    , m_monitor(monitor)
    , m_observer(observer)
    , m_cache(cache)
    , m_values(values)
    , m_sides(sides)
    , m_around(around)
{
    for (const Values* there : {static_cast<const Values*>(&values), &sides})
        for (const auto& [value, tensor] : *there)
            count(tensor);
    if (around)
        m_liveBytes += around->m_liveBytes;
}

std::vector<Tensor> Evaluation::run(const Node& node)
{
    if (auto result = elementChain()) {
        std::vector<Tensor> one;
        one.push_back(std::move(*result));
        return one;
    }
    std::vector<Tensor> outputs = std::visit(
        [this](const auto& op) {
            if constexpr (std::is_same_v<decltype(evaluate(op, *this)), Tensor>) {
                std::vector<Tensor> one;
                one.push_back(evaluate(op, *this));
                return one;
            } else {
                return evaluate(op, *this);
            }
        },
        node.op);
    if (outputs.size() == 1)
        finish(outputs.front());
    return outputs;
}

void Evaluation::enter(int index, const Node& node, std::vector<bool> dying,
                       std::span<const Node> followers)
{
    m_followers = followers;
    m_followersDone = 0;
    m_followersAsked = false;
    m_madeBytes = 0;
    m_index = index;
    m_node = &node;
    m_dying = std::move(dying);
    m_held.clear();
    m_inputs.clear();
    for (const ValueId value : node.inputs)
        m_inputs.push_back(value == noValue ? nullptr : find(value));
    // Kernels walk over the lines of tensors without elements too.
    for (std::size_t i = 0; i < m_inputs.size(); ++i)
        if (m_inputs[i] && isTooLarge(m_inputs[i]->shape()))
            throw failure(ErrorCode::Shape,
                          concat("input ", i + 1, " is ", shapeText(m_inputs[i]->shape()),
                                 ", more than the 2^31 elements of any tensor"));
}

const Tensor* Evaluation::find(ValueId value)
{
    for (const Evaluation* at = this; at; at = at->m_around)
        if (const auto found = at->m_values.find(value); found != at->m_values.end())
            return &found->second;
    if (const auto found = m_sides.find(value); found != m_sides.end())
        return &found->second;
    const auto constant = m_model.graph.constants.find(value);
    if (constant == m_model.graph.constants.end())
        throw failure(ErrorCode::Internal, concat("value ", value, " is not there"));
    if (constant->second.value)
        return constant->second.value.get();
    m_held.push_back(m_weights.get(constant->second.tensor));
    return m_held.back().get();
}

Tensor Evaluation::take(std::size_t i)
{
    if (m_dying[i])
        return std::move(m_values.at(m_node->inputs[i]));
    const auto from = in(i).bytes();
    Tensor copy = make(in(i).dtype(), in(i).shape());
    std::copy(from.begin(), from.end(), copy.bytes().begin());
    return copy;
}

void Evaluation::reserve(DType dtype, const Shape& shape) const
{
    const auto count = static_cast<std::uint64_t>(elementCount(shape));
    const auto bytes = checkedMultiply(count, dtypeSize(dtype));
    const std::uint64_t limit = liveValueLimit();
    const std::uint64_t there = m_liveBytes + m_madeBytes;
    constexpr double mebibyte = 1 << 20;
    const auto mebibytes = [&](std::uint64_t size) {
        return concat(std::llround(static_cast<double>(size) / mebibyte), " MiB");
    };
    if (!bytes || *bytes > limit || there > limit - *bytes)
        throw failure(ErrorCode::Unsupported,
                      concat("its result would be ", shapeText(shape), ", too large beside the ",
                             mebibytes(there), " of other values: expected ", mebibytes(limit),
                             " together at most"));
    m_madeBytes += *bytes;
}

Tensor Evaluation::make(DType dtype, Shape shape) const
{
    reserve(dtype, shape);
    return {dtype, std::move(shape)};
}

Tensor Evaluation::likeInput(std::size_t i)
{
    if (!m_dying[i])
        return make(in(i).dtype(), in(i).shape());
    Tensor& own = m_values.at(m_node->inputs[i]);
    // What was read from it stays valid: moving a tensor leaves its memory where it is.
    return std::move(own);
}

std::span<const std::int64_t> Evaluation::integers(std::size_t i) const
{
    const Tensor& tensor = in(i);
    if (tensor.dtype() != DType::I64)
        throw failure(ErrorCode::Shape,
                      concat("input ", i + 1, " is ", dtypeName(tensor.dtype()), ", expected I64"));
    return {reinterpret_cast<const std::int64_t*>(tensor.bytes().data()),
            static_cast<std::size_t>(tensor.count())};
}

std::int64_t Evaluation::integer(std::size_t i) const
{
    const auto values = integers(i);
    if (values.size() != 1)
        throw failure(ErrorCode::Shape, concat("input ", i + 1, " is ", shapeText(in(i).shape()),
                                               ", expected one element"));
    return values[0];
}

void Evaluation::observe() const
{
    if (m_observer && m_index >= 0)
        m_observer(m_index, in(0));
}

std::vector<Tensor> Evaluation::branch(const Subgraph& branch)
{
    Values inside;
    // Layers of a branch are shown to nobody: they have no node of the graph.
    Evaluation evaluation(m_model, m_weights, m_monitor, {}, nullptr, inside, m_sides, this);
    const std::set<ValueId> kept(branch.outputs.begin(), branch.outputs.end());
    evaluateInOrder(branch.nodes, -1, kept, evaluation, inside, nullptr);
    std::vector<Tensor> outputs;
    std::map<ValueId, std::size_t> last;
    for (std::size_t i = 0; i < branch.outputs.size(); ++i)
        last[branch.outputs[i]] = i;
    for (std::size_t i = 0; i < branch.outputs.size(); ++i) {
        const ValueId value = branch.outputs[i];
        const auto own = inside.find(value);
        if (own != inside.end() && last[value] == i) {
            outputs.push_back(std::move(own->second));
            continue;
        }
        // A branch may name one value any number of times.
        const Tensor& source = own != inside.end() ? own->second : *find(value);
        Tensor copy = make(source.dtype(), source.shape());
        if (!source.empty())
            std::memcpy(copy.bytes().data(), source.bytes().data(), source.bytes().size());
        outputs.push_back(std::move(copy));
    }
    return outputs;
}

void evaluateInOrder(std::span<const Node> nodes, int firstIndex, const std::set<ValueId>& kept,
                     Evaluation& evaluation, Values& values, std::map<ValueId, Shape>* shapes)
{
    std::map<ValueId, std::size_t> lastUse;
    for (std::size_t n = 0; n < nodes.size(); ++n)
        forEachRead(nodes[n], [&](ValueId value) { lastUse[value] = n; });
    const auto note = [&](ValueId value, const Tensor& tensor) {
        if (shapes)
            (*shapes)[value] = tensor.shape();
    };
    for (const auto& [value, tensor] : values)
        note(value, tensor);

    for (std::size_t n = 0; n < nodes.size(); ++n) {
        evaluation.monitor().checkpoint();
        const Node& node = nodes[n];
        // Twice among the inputs of one node: nobody may take it.
        const auto diesAt = [&](ValueId value, std::size_t reader) {
            return value != noValue && lastUse[value] == reader && !kept.contains(value);
        };
        std::vector<bool> dying;
        for (const ValueId value : node.inputs)
            dying.push_back(diesAt(value, n) && values.contains(value) &&
                            std::count(node.inputs.begin(), node.inputs.end(), value) == 1);
        // Who asks for the shapes asks for every value's.
        const std::size_t followers = shapes ? 0 : countFollowers(nodes, n, kept, lastUse);
        evaluation.enter(firstIndex < 0 ? -1 : firstIndex + static_cast<int>(n), node,
                         std::move(dying), nodes.subspan(n + 1, followers));
        std::vector<Tensor> outputs = evaluation.run(node);
        if (outputs.size() < node.outputs.size())
            throw evaluation.failure(
                ErrorCode::Shape,
                concat("has ", node.outputs.size(), " outputs, but makes ", outputs.size()));
        const std::size_t last = n + evaluation.followersDone();
        for (; n <= last; ++n)
            forEachRead(nodes[n], [&](ValueId value) {
                const auto found = diesAt(value, n) ? values.find(value) : values.end();
                if (found == values.end())
                    return;
                evaluation.discount(found->second);
                values.erase(found);
            });
        n = last;
        for (std::size_t i = 0; i < nodes[n].outputs.size(); ++i) {
            const ValueId value = nodes[n].outputs[i];
            if (value == noValue)
                continue;
            note(value, outputs[i]);
            if (lastUse.contains(value) || kept.contains(value)) {
                evaluation.count(outputs[i]);
                values.insert_or_assign(value, std::move(outputs[i]));
            }
        }
    }
}

Error Evaluation::failure(ErrorCode code, const std::string& what) const
{
    return {code, concat(m_node ? m_node->name : std::string("a node"), " (",
                         m_node ? operatorName(m_node->op) : std::string_view(), "): ", what)};
}

} // namespace gradus
