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
    /// Of a Convolution node: dL/dW (out × C/groups · kh · kw) and, for one with a bias, dL/dbias.
    std::function<void(int node, ConstMatrixView weight, std::span<const float> bias)> convolution;
    /// Of a norm node: dL/d of its weight or its bias, which is named.
    std::function<void(int node, const std::string& tensor, std::span<const float> gradient)> norm;
    /// Of a Convolution node, its input x (n × C × height × width) and delta = dL/d(output) (n ×
    /// out × height × width). Where this is set and `convolution` is not, dL/dW is not computed.
    std::function<void(int node, const Tensor& x, const Tensor& delta)> convolutionOutput = {};
};

/// Forward and backward through a range of nodes (a block, or what follows the last one), for one
/// batch: the backward pass of every graph. Each operator has its forward in evaluate_*.cpp and its
/// backward in differentiate_*.cpp; no gradient passes those that are not isDifferentiable().
/// Bit-identical for any number of threads. Memory: the values that the backward pass looks at, and
/// one gradient for each value on the way.
class GradientPass
{
public:
    /// wanted: the nodes whose parameters the sink is to hear of (Linear, Convolution, norms). Only
    /// what leads to them, and to the input when inputGradient says so, is computed.
    GradientPass(const Model& model, const Weights& weights, const NodeRange& range,
                 std::set<int> wanted, bool inputGradient);

    /// The output of the range. sides: the range's own; they outlive the pass.
    [[nodiscard]] Tensor forward(Tensor input, const Values& sides, const Monitor& monitor);
    /// Of a range without sides.
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
    std::map<ValueId, Shape> m_shapes;
    const Values* m_sides = nullptr;
};

} // namespace gradus
