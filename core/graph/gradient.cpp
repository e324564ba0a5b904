// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/gradient.h"

#include "core/base/error.h"
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/tensor/linalg.h"

#include <tuple>
#include <utility>
#include <vector>

namespace gradus {

namespace {

/// What the backward pass of each operator needs of its inputs' values. moving(i): input i's
/// gradient is needed; wanted: the parameters'.
struct Reads
{
    const std::vector<bool>& moving;
    bool wanted;
    using Inputs = std::vector<std::size_t>;

    Inputs operator()(const op::Embedding&) const { return {}; }
    Inputs operator()(const op::RmsNorm&) const { return {0}; }
    Inputs operator()(const op::Linear&) const { return wanted ? Inputs{0} : Inputs{}; }
    Inputs operator()(const op::Rotary&) const { return {}; }
    Inputs operator()(const op::Attention&) const { return {0, 1, 2}; }
    Inputs operator()(const op::Silu&) const { return {0}; }
    Inputs operator()(const op::Multiply&) const
    {
        Inputs inputs;
        for (std::size_t i = 0; i < 2; ++i)
            if (moving[i])
                inputs.push_back(1 - i); // da = dy · b
        return inputs;
    }
    Inputs operator()(const op::Add&) const { return {}; }
};

/// Takes gradients backwards over one node after the other; one overload per operator.
class Backward
{
public:
    Backward(const Weights& weights, const Values& values, const std::set<ValueId>& moving,
             const GradientSink& sink, const Monitor& monitor)
        : m_weights(weights)
        , m_values(values)
        , m_moving(moving)
        , m_sink(sink)
        , m_monitor(monitor)
    {
    }

    void start(ValueId output, Tensor gradient) { m_gradients[output] = std::move(gradient); }

    void run(int index, const Node& node, bool wanted)
    {
        m_index = index;
        m_node = &node;
        m_wanted = wanted;
        auto own = m_gradients.extract(node.output);
        if (own.empty())
            return; // nothing that leads to the output reads it
        m_delta = std::move(own.mapped());
        std::visit(*this, node.op);
        m_delta = {};
    }

    Tensor take(ValueId value)
    {
        auto found = m_gradients.extract(value);
        return found.empty() ? Tensor() : std::move(found.mapped());
    }

    void operator()(const op::Embedding&) const
    {
        throw Error(ErrorCode::Internal, "an embedding inside a block");
    }

    void operator()(const op::RmsNorm& norm)
    {
        const ConstMatrixView x = in(0).matrix();
        const auto weight = m_weights.get(norm.weight);
        std::vector<float> own(m_wanted ? weight->floats().size() : 0);
        MatrixView dx;
        bool accumulate = false;
        if (moves(0))
            std::tie(dx, accumulate) = target(0, in(0).shape());
        kernel::rmsNormBackward(x, weight->floats(), norm.epsilon, delta(), dx, accumulate, own);
        if (m_wanted)
            m_sink.norm(m_index, own);
    }

    void operator()(const op::Linear& linear)
    {
        if (m_wanted)
            m_sink.linear(m_index, in(0).matrix(), delta());
        if (!moves(0))
            return;
        const auto weight = m_weights.get(linear.weight);
        Shape shape = m_delta.shape();
        shape.back() = weight->shape()[1];
        const auto [dx, accumulate] = target(0, std::move(shape));
        multiply(delta(), weight->matrix(), dx, accumulate, &m_monitor);
    }

    void operator()(const op::Rotary& rotary)
    {
        kernel::rotary(m_delta.matrix(), rotary, m_delta.shape()[1], 0, true);
        give(0, std::move(m_delta));
    }

    void operator()(const op::Attention& attention)
    {
        Tensor dq(in(0).shape());
        Tensor dk(in(1).shape());
        Tensor dv(in(2).shape());
        kernel::attentionBackward(in(0).matrix(), in(1).matrix(), in(2).matrix(), attention,
                                  in(0).shape()[1], delta(), dq.matrix(), dk.matrix(), dv.matrix(),
                                  m_monitor);
        give(0, std::move(dq));
        give(1, std::move(dk));
        give(2, std::move(dv));
    }

    void operator()(const op::Silu&)
    {
        kernel::siluBackward(in(0).floats(), std::as_const(m_delta).floats(), m_delta.floats());
        give(0, std::move(m_delta));
    }

    void operator()(const op::Multiply&)
    {
        if (moves(0)) {
            Tensor da(m_delta.shape());
            kernel::multiplyElements(std::as_const(m_delta).floats(), in(1).floats(), da.floats());
            give(0, std::move(da));
        }
        if (moves(1)) {
            kernel::multiplyElements(std::as_const(m_delta).floats(), in(0).floats(),
                                     m_delta.floats());
            give(1, std::move(m_delta));
        }
    }

    void operator()(const op::Add&)
    {
        if (moves(0) && moves(1))
            give(0, m_delta.clone());
        else if (moves(0))
            give(0, std::move(m_delta));
        if (moves(1))
            give(1, std::move(m_delta));
    }

private:
    [[nodiscard]] const Tensor& in(std::size_t i) const { return m_values.at(m_node->inputs[i]); }
    [[nodiscard]] bool moves(std::size_t i) const { return m_moving.contains(m_node->inputs[i]); }
    [[nodiscard]] ConstMatrixView delta() const { return m_delta.matrix(); }

    /// Input i's gradient: to be set, or added to (true) when other nodes have read the value too.
    std::pair<MatrixView, bool> target(std::size_t i, Shape shape)
    {
        const ValueId value = m_node->inputs[i];
        const bool exists = m_gradients.contains(value);
        if (!exists)
            m_gradients[value] = Tensor(std::move(shape));
        return {m_gradients[value].matrix(), exists};
    }

    void give(std::size_t i, Tensor gradient)
    {
        if (!moves(i))
            return;
        const auto [place, fresh] = m_gradients.try_emplace(m_node->inputs[i]);
        if (fresh)
            place->second = std::move(gradient);
        else
            kernel::addElements(std::as_const(place->second).floats(),
                                std::as_const(gradient).floats(), place->second.floats());
    }

    const Weights& m_weights;
    const Values& m_values;
    const std::set<ValueId>& m_moving;
    const GradientSink& m_sink;
    const Monitor& m_monitor;
    Values m_gradients;
    int m_index = 0;
    const Node* m_node = nullptr;
    bool m_wanted = false;
    Tensor m_delta;
};

} // namespace

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
        std::vector<bool> moving;
        bool any = m_wanted.contains(n);
        for (const ValueId value : node.inputs) {
            moving.push_back(m_moving.contains(value));
            any = any || moving.back();
        }
        if (!any)
            continue;
        m_moving.insert(node.output);
        for (const std::size_t i : std::visit(Reads{moving, m_wanted.contains(n)}, node.op))
            m_kept.insert(node.inputs[i]);
    }
}

Tensor GradientPass::forward(Tensor input, const Monitor& monitor)
{
    m_values =
        runNodes(m_model, m_weights, m_range, std::move(input), m_kept, monitor, {}, nullptr);
    if (m_kept.contains(m_range.output))
        return m_values.at(m_range.output).clone();
    return std::move(m_values.extract(m_range.output).mapped());
}

Tensor GradientPass::backward(Tensor outputGradient, const GradientSink& sink,
                              const Monitor& monitor)
{
    if (!m_moving.contains(m_range.output))
        return {};
    Backward backward(m_weights, m_values, m_moving, sink, monitor);
    backward.start(m_range.output, std::move(outputGradient));
    for (int n = m_range.first + m_range.count - 1; n >= m_range.first; --n) {
        monitor.checkpoint();
        const Node& node = m_model.graph.nodes[static_cast<std::size_t>(n)];
        if (m_moving.contains(node.output))
            backward.run(n, node, m_wanted.contains(n));
    }
    m_values.clear();
    return backward.take(m_range.input);
}

} // namespace gradus
