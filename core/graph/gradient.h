// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/node_range.h"

#include <functional>
#include <set>

namespace gradus {

/// Receives what a backward pass finds out about parameters, node by node, from the last to the
/// first. Views live for the call only.
struct GradientSink
{
    /// Of a Linear node: its input x (n × in) and delta = dL/d(output) (n × out), from which follow
    /// dL/dW = deltaᵀ·x and dL/dbias = the sums of delta's columns. How to reduce them is the
    /// sink's affair: whole gradients need not exist.
    std::function<void(int node, ConstMatrixView x, ConstMatrixView delta)> linear;
    /// Of a RmsNorm node: dL/dweight.
    std::function<void(int node, std::span<const float> gradient)> norm;
};

/// Forward and backward through a range of nodes (a block, or what follows the last one), for one
/// batch: the backward pass of every graph. Each operator has its forward in node_range.cpp and its
/// backward in gradient.cpp; Embedding has none, as tokens have no gradient and the table is not
/// trained here. Bit-identical for any number of threads. Memory: the values that the backward pass
/// looks at, and one gradient for each value on the way.
class GradientPass
{
public:
    /// wanted: the Linear and RmsNorm nodes whose parameters the sink is to hear of. Only what
    /// leads to them, and to the input when inputGradient says so, is computed.
    GradientPass(const Model& model, const Weights& weights, const NodeRange& range,
                 std::set<int> wanted, bool inputGradient);

    /// input: batch × sequence × features; the output of the range.
    [[nodiscard]] Tensor forward(Tensor input, const Monitor& monitor);
    /// After forward, once: from dL/d(output) to dL/d(input), which is empty when not asked for.
    Tensor backward(Tensor outputGradient, const GradientSink& sink, const Monitor& monitor);

private:
    const Model& m_model;
    const Weights& m_weights;
    NodeRange m_range;
    std::set<int> m_wanted;
    std::set<ValueId> m_moving; ///< values whose gradient is needed
    std::set<ValueId> m_kept;   ///< values that the backward pass reads
    Values m_values;
};

} // namespace gradus
