// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/kernels.h"

#include <cassert>
#include <cstring>

namespace gradus {

namespace {

using Moving = std::vector<bool>;

// What the backward pass of each operator reads; those that are not here read nothing.

GradientNeeds needsOf(const op::RmsNorm&, const Moving&, bool)
{
    return {{0}, false};
}

GradientNeeds needsOf(const op::Linear&, const Moving&, bool wanted)
{
    return {wanted ? std::vector<std::size_t>{0} : std::vector<std::size_t>(), false};
}

GradientNeeds needsOf(const op::Convolution&, const Moving&, bool wanted)
{
    return {wanted ? std::vector<std::size_t>{0} : std::vector<std::size_t>(), false};
}

GradientNeeds needsOf(const op::Pool& pool, const Moving&, bool)
{
    if (pool.kind == op::PoolKind::Average)
        return {};
    return {{0}, false}; // where the maximum was
}

GradientNeeds needsOf(const op::GlobalPool& pool, const Moving&, bool)
{
    if (pool.kind == op::PoolKind::Average)
        return {};
    return {{0}, false};
}

GradientNeeds needsOf(const op::Resize&, const Moving&, bool)
{
    return {{1, 2}, false}; // scales and sizes
}

GradientNeeds needsOf(const op::Pad&, const Moving&, bool)
{
    return {{1, 3}, false}; // pads and axes
}

GradientNeeds needsOf(const op::Attention&, const Moving&, bool)
{
    return {{0, 1, 2, 3}, false};
}

GradientNeeds needsOf(const op::LayerNorm&, const Moving&, bool)
{
    return {{0}, false};
}

GradientNeeds needsOf(const op::InstanceNorm&, const Moving&, bool)
{
    return {{0}, false};
}

GradientNeeds needsOf(const op::BatchNorm&, const Moving&, bool wanted)
{
    return {wanted ? std::vector<std::size_t>{0} : std::vector<std::size_t>(), false};
}

GradientNeeds needsOf(const op::Unary&, const Moving&, bool)
{
    return {{0}, false};
}

/// Of a product: the other factor of each that moves.
GradientNeeds partners(const Moving& moving)
{
    GradientNeeds needs;
    for (std::size_t i = 0; i < 2; ++i)
        if (moving[i])
            needs.inputs.push_back(1 - i);
    return needs;
}

GradientNeeds needsOf(const op::Binary& binary, const Moving& moving, bool)
{
    if (binary.kind == op::BinaryKind::Add || binary.kind == op::BinaryKind::Subtract)
        return {};
    return binary.kind == op::BinaryKind::Multiply ? partners(moving) // da = dy · b
                                                   : GradientNeeds{{0, 1}, false};
}

GradientNeeds needsOf(const op::MatMul&, const Moving& moving, bool)
{
    return partners(moving);
}

GradientNeeds needsOf(const op::Where&, const Moving&, bool)
{
    return {{0}, false};
}

GradientNeeds needsOf(const op::Softmax&, const Moving&, bool)
{
    return {{}, true};
}

GradientNeeds needsOf(const op::Reduce& reduce, const Moving&, bool)
{
    using Kind = op::ReduceKind;
    switch (reduce.kind) {
    case Kind::Mean:
    case Kind::Sum:
        return {{1}, false};
    case Kind::Product:
    case Kind::L1:
    case Kind::SumSquare:
        return {{0, 1}, false};
    default:
        return {{0, 1}, true};
    }
}

GradientNeeds needsOf(const op::TopK&, const Moving&, bool)
{
    return {{0, 1}, false};
}

// What says which elements were taken.

GradientNeeds needsOf(const op::CumSum&, const Moving&, bool)
{
    return {{1}, false};
}

GradientNeeds needsOf(const op::Split&, const Moving&, bool)
{
    return {{1}, false};
}

GradientNeeds needsOf(const op::Slice&, const Moving&, bool)
{
    return {{1, 2, 3, 4}, false};
}

GradientNeeds needsOf(const op::Gather&, const Moving&, bool)
{
    return {{1}, false};
}

GradientNeeds needsOf(const op::GatherElements&, const Moving&, bool)
{
    return {{1}, false};
}

GradientNeeds needsOf(const op::GatherNd&, const Moving&, bool)
{
    return {{1}, false};
}

GradientNeeds needsOf(const op::DequantizeLinear&, const Moving& moving, bool)
{
    const bool scaleMoves = moving.size() > 1 && moving[1];
    return {scaleMoves ? std::vector<std::size_t>{0, 1, 2} : std::vector<std::size_t>{1}, false};
}

} // namespace

GradientNeeds gradientNeeds(const Operator& op, const std::vector<bool>& moving, bool wanted)
{
    return std::visit(
        [&](const auto& o) {
            if constexpr (requires { needsOf(o, moving, wanted); })
                return needsOf(o, moving, wanted);
            else
                return GradientNeeds(); // shapes and the gradient itself are enough
        },
        op);
}

Differentiation::Differentiation(const Model& model, const Weights& weights, const Values& values,
                                 const Values& sides, const std::map<ValueId, Shape>& shapes,
                                 const std::set<ValueId>& moving, const GradientSink& sink,
                                 const Monitor& monitor)
    : m_model(model)
    , m_weights(weights)
    , m_values(values)
    , m_sides(sides)
    , m_shapes(shapes)
    , m_moving(moving)
    , m_sink(sink)
    , m_monitor(monitor)
{
}

void Differentiation::run(int index, const Node& node, bool wanted)
{
    m_index = index;
    m_node = &node;
    m_wanted = wanted;
    m_deltas.clear();
    bool any = false;
    for (const ValueId value : node.outputs) {
        m_deltas.push_back(takeGradient(value));
        any = any || !m_deltas.back().empty();
    }
    if (!any)
        return; // nothing that leads to the output reads it
    for (std::size_t k = 0; k < m_deltas.size(); ++k)
        if (m_deltas[k].empty() && node.outputs[k] != noValue)
            m_deltas[k] = Tensor::zeros(DType::F32, m_shapes.at(node.outputs[k]));
    std::visit(
        [this](const auto& op) {
            if constexpr (requires { differentiate(op, *this); })
                differentiate(op, *this);
            else
                assert(false && "no gradient passes this operator");
        },
        node.op);
    m_deltas.clear();
    m_held.clear();
}

Tensor Differentiation::takeGradient(ValueId value)
{
    auto found = m_gradients.extract(value);
    return found.empty() ? Tensor() : std::move(found.mapped());
}

const Tensor& Differentiation::in(std::size_t i)
{
    return value(m_node->inputs[i]);
}

const Tensor& Differentiation::output()
{
    return value(m_node->output());
}

const Tensor& Differentiation::value(ValueId id)
{
    if (const auto found = m_values.find(id); found != m_values.end())
        return found->second;
    if (const auto found = m_sides.find(id); found != m_sides.end())
        return found->second;
    const auto constant = m_model.graph.constants.find(id);
    if (constant == m_model.graph.constants.end())
        throw Error(ErrorCode::Internal, concat("value ", id, " of ", m_node->name,
                                                " was not kept for the backward pass"));
    if (constant->second.value)
        return *constant->second.value;
    m_held.push_back(m_weights.get(constant->second.tensor));
    return *m_held.back();
}

const Shape& Differentiation::shape(std::size_t i)
{
    const ValueId id = m_node->inputs[i];
    const auto found = m_shapes.find(id);
    return found != m_shapes.end() ? found->second : value(id).shape();
}

void Differentiation::give(std::size_t i, Tensor gradient)
{
    if (!moves(i))
        return;
    const auto [place, fresh] = m_gradients.try_emplace(m_node->inputs[i]);
    if (fresh)
        place->second = std::move(gradient);
    else
        kernel::addElements(std::as_const(place->second).floats(), std::as_const(gradient).floats(),
                            place->second.floats());
}

std::pair<Tensor*, bool> Differentiation::target(std::size_t i, Shape shape)
{
    const auto [place, fresh] = m_gradients.try_emplace(m_node->inputs[i]);
    if (fresh)
        place->second = Tensor(std::move(shape));
    return {&place->second, !fresh};
}

} // namespace gradus
