// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_matcher.h"

#include "core/base/text.h"

#include <cmath>
#include <utility>

namespace gradus {

namespace {

constexpr int deepestProduct = 8;

} // namespace

bool isNear(double a, double b)
{
    return std::abs(a - b) <= 2e-6 * std::max(std::abs(a), std::abs(b));
}

GraphMatcher::GraphMatcher(Model& model)
    : m_model(model)
    , m_shapes(model)
{
    const auto& nodes = model.graph.nodes;
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        for (const ValueId output : nodes[n].outputs)
            if (output != noValue)
                m_makers[output] = n;
        forEachRead(nodes[n], [&](ValueId value) { ++m_readers[value]; });
    }
    for (const GraphPort& port : model.graph.outputs)
        ++m_readers[port.value];
}

const Node* GraphMatcher::unary(ValueId value, op::UnaryKind kind) const
{
    const Node* node = maker<op::Unary>(value);
    return node && std::get<op::Unary>(node->op).kind == kind ? node : nullptr;
}

const Node* GraphMatcher::binary(ValueId value, op::BinaryKind kind) const
{
    const Node* node = maker<op::Binary>(value);
    return node && std::get<op::Binary>(node->op).kind == kind ? node : nullptr;
}

bool GraphMatcher::isReadOnce(ValueId value) const
{
    const auto found = m_readers.find(value);
    return found != m_readers.end() && found->second == 1;
}

bool GraphMatcher::isRead(ValueId value) const
{
    const auto found = m_readers.find(value);
    return found != m_readers.end() && found->second > 0;
}

std::optional<float> GraphMatcher::scalar(ValueId value) const
{
    const auto found = m_model.graph.constants.find(value);
    if (found == m_model.graph.constants.end())
        return std::nullopt;
    const SymbolicShape* shape = m_shapes.shape(value);
    if (!shape || shape->size() > 1 || (shape->size() == 1 && shape->front().number != 1))
        return std::nullopt;
    if (!found->second.value)
        return m_model.source.tensors->readFloat(found->second.tensor).floats()[0];
    if (found->second.value->dtype() != DType::F32)
        return std::nullopt;
    return found->second.value->floats()[0];
}

bool GraphMatcher::isScalar(ValueId value, double number) const
{
    const auto found = scalar(value);
    return found && isNear(static_cast<double>(*found), number);
}

GraphMatcher::Product GraphMatcher::product(ValueId value, ValueId stop) const
{
    Product result;
    addFactors(value, stop, 0, result);
    return result;
}

void GraphMatcher::addFactors(ValueId value, ValueId stop, int depth, Product& product) const
{
    if (const auto number = value == stop ? std::nullopt : scalar(value)) {
        product.factor *= static_cast<double>(*number);
        return;
    }
    const Node* times = binary(value, op::BinaryKind::Multiply);
    const Node* over = binary(value, op::BinaryKind::Divide);
    const auto divisor = over ? scalar(over->inputs[1]) : std::nullopt;
    if (value == stop || depth == deepestProduct || (!times && !divisor)) {
        product.values.push_back(value);
    } else if (times) {
        addFactors(times->inputs[0], stop, depth + 1, product);
        addFactors(times->inputs[1], stop, depth + 1, product);
    } else {
        product.factor /= static_cast<double>(*divisor);
        addFactors(over->inputs[0], stop, depth + 1, product);
    }
}

std::string GraphMatcher::vectorParameter(ValueId value, std::int64_t count)
{
    const SymbolicShape* shape = m_shapes.shape(value);
    return shape && shape->size() == 1 && shape->front() == SymbolicSize{count, 0}
               ? parameterOf(value)
               : std::string();
}

std::string GraphMatcher::channelParameter(ValueId value, std::int64_t count, std::size_t rank)
{
    const SymbolicShape* shape = m_shapes.shape(value);
    if (!shape || rank < 2 || shape->size() > rank || shape->size() + 1 < rank)
        return {};
    const std::size_t channels = shape->size() + 1 - rank;
    for (std::size_t i = 0; i < shape->size(); ++i)
        if ((*shape)[i] != SymbolicSize{i == channels ? count : 1, 0})
            return {};
    return parameterOf(value);
}

std::string GraphMatcher::parameterOf(ValueId value)
{
    const auto found = m_model.graph.constants.find(value);
    if (found == m_model.graph.constants.end())
        return {};
    if (!found->second.value)
        return found->second.tensor;
    if (found->second.value->dtype() != DType::F32)
        return {};
    std::string name = concat("constant ", value);
    while (m_model.source.tensors->find(name))
        name += '\'';
    m_model.graph.computed[name] = found->second.value;
    return name;
}

void GraphMatcher::replace(std::size_t index, Operator op, std::vector<ValueId> inputs)
{
    Node& node = m_model.graph.nodes[index];
    for (const ValueId input : inputs)
        if (input != noValue)
            ++m_readers[input];
    for (const ValueId input : node.inputs)
        if (input != noValue)
            --m_readers[input];
    node.op = std::move(op);
    node.inputs = std::move(inputs);
}

} // namespace gradus
