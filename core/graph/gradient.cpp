// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/gradient.h"

#include "core/graph/differentiation.h"

#include <utility>
#include <vector>

namespace gradus {

GradientPass::GradientPass(const Model& model, const Weights& weights, const NodeRange& range,
                           std::set<int> wanted, bool inputGradient)
    : m_model(model)
    , m_weights(weights)
    , m_range(range)
    , m_wanted(std::move(wanted))
{
    if (inputGradient)
        m_moving.insert(range.input);
    for (int n = range.first; n < range.first + range.count; ++n) {
        const Node& node = model.graph.nodes[static_cast<std::size_t>(n)];
        if (!isDifferentiable(node.op))
            continue; // what follows from it stands still
        std::vector<bool> moving;
        bool any = m_wanted.contains(n);
        for (const ValueId value : node.inputs) {
            moving.push_back(m_moving.contains(value));
            any = any || moving.back();
        }
        if (!any)
            continue;
        m_moving.insert(node.outputs.begin(), node.outputs.end());
        const GradientNeeds needs = gradientNeeds(node.op, moving, m_wanted.contains(n));
        for (const std::size_t i : needs.inputs)
            if (i < node.inputs.size() && node.inputs[i] != noValue)
                m_kept.insert(node.inputs[i]);
        if (needs.output)
            m_kept.insert(node.output());
    }
    m_moving.erase(noValue);
}

Tensor GradientPass::forward(Tensor input, const Values& sides, const Monitor& monitor)
{
    m_sides = &sides;
    m_shapes.clear();
    std::set<ValueId> kept = m_kept;
    kept.insert(m_range.output);
    Values values;
    values.emplace(m_range.input, std::move(input));
    m_values = runNodes(m_model, m_weights, m_range.first, m_range.count, std::move(values), sides,
                        kept, monitor, {}, nullptr, &m_shapes);
    if (m_kept.contains(m_range.output))
        return m_values.at(m_range.output).clone();
    return std::move(m_values.extract(m_range.output).mapped());
}

Tensor GradientPass::forward(Tensor input, const Monitor& monitor)
{
    static const Values none;
    return forward(std::move(input), none, monitor);
}

Tensor GradientPass::backward(Tensor outputGradient, const GradientSink& sink,
                              const Monitor& monitor)
{
    if (!m_moving.contains(m_range.output))
        return {};
    Differentiation backward(m_model, m_weights, m_values, *m_sides, m_shapes, m_moving, sink,
                             monitor);
    backward.start(m_range.output, std::move(outputGradient));
    for (int n = m_range.first + m_range.count - 1; n >= m_range.first; --n) {
        monitor.checkpoint();
        const Node& node = m_model.graph.nodes[static_cast<std::size_t>(n)];
        bool moves = false;
        for (const ValueId value : node.outputs)
            moves = moves || m_moving.contains(value);
        if (moves)
            backward.run(n, node, m_wanted.contains(n));
    }
    m_values.clear();
    return backward.takeGradient(m_range.input);
}

} // namespace gradus
