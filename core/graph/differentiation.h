// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/gradient.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace gradus {

/// What the backward pass of a node needs of the forward pass.
struct GradientNeeds
{
    std::vector<std::size_t> inputs; ///< whose values are kept
    bool output = false;             ///< its first output's value
};

/// moving[i]: input i's gradient is needed; wanted: the parameters'. One place for all operators.
[[nodiscard]] GradientNeeds gradientNeeds(const Operator& op, const std::vector<bool>& moving,
                                          bool wanted);

/// What an operator sees while gradients go backwards through one node.
class Differentiation
{
public:
    Differentiation(const Model& model, const Weights& weights, const Values& values,
                    const Values& sides, const std::map<ValueId, Shape>& shapes,
                    const std::set<ValueId>& moving, const GradientSink& sink,
                    const Monitor& monitor);

    void start(ValueId output, Tensor gradient) { m_gradients[output] = std::move(gradient); }
    /// Takes the gradients of a node's outputs to its inputs; nothing happens when there are none.
    void run(int index, const Node& node, bool wanted);
    /// A value's gradient, empty if nothing led to it.
    [[nodiscard]] Tensor takeGradient(ValueId value);

    [[nodiscard]] std::size_t inputs() const { return m_node->inputs.size(); }
    [[nodiscard]] std::size_t outputs() const { return m_deltas.size(); }
    [[nodiscard]] bool has(std::size_t i) const
    {
        return i < inputs() && m_node->inputs[i] != noValue;
    }
    /// Kept values (see gradientNeeds), sides and constants only.
    [[nodiscard]] const Tensor& in(std::size_t i);
    [[nodiscard]] const Tensor& output(); ///< kept when gradientNeeds() said so
    /// Shapes are known of every input and output.
    [[nodiscard]] const Shape& shape(std::size_t i);
    [[nodiscard]] bool moves(std::size_t i) const
    {
        return has(i) && m_moving.contains(m_node->inputs[i]);
    }
    [[nodiscard]] bool wanted() const { return m_wanted; }
    /// dL/d(output k); of the shape of the output. Zeros where nothing led to it,
    /// empty where nobody reads the output.
    [[nodiscard]] Tensor& delta(std::size_t k = 0) { return m_deltas[k]; }
    /// Adds to input i's gradient, which nobody needs unless moves(i).
    void give(std::size_t i, Tensor gradient);
    /// Input i's gradient in place: to be set, or added to (true) when other nodes have read the
    /// value too.
    [[nodiscard]] std::pair<Tensor*, bool> target(std::size_t i, Shape shape);

    [[nodiscard]] int node() const { return m_index; }
    [[nodiscard]] const Weights& weights() const { return m_weights; }
    [[nodiscard]] const GradientSink& sink() const { return m_sink; }
    [[nodiscard]] const Monitor& monitor() const { return m_monitor; }

private:
    [[nodiscard]] const Tensor& value(ValueId id);

    const Model& m_model;
    const Weights& m_weights;
    const Values& m_values;
    const Values& m_sides;
    const std::map<ValueId, Shape>& m_shapes;
    const std::set<ValueId>& m_moving;
    const GradientSink& m_sink;
    const Monitor& m_monitor;
    Values m_gradients;
    int m_index = 0;
    const Node* m_node = nullptr;
    bool m_wanted = false;
    std::vector<Tensor> m_deltas;
    std::vector<std::shared_ptr<const Tensor>> m_held;
};

/// The backward pass of an operator for which isDifferentiable(): one overload for each, in
/// differentiate_*.cpp by kind.
void differentiate(const op::RmsNorm&, Differentiation&);
void differentiate(const op::LayerNorm&, Differentiation&);
void differentiate(const op::BatchNorm&, Differentiation&);
void differentiate(const op::InstanceNorm&, Differentiation&);
void differentiate(const op::Linear&, Differentiation&);
void differentiate(const op::Convolution&, Differentiation&);
void differentiate(const op::ConvolutionTranspose&, Differentiation&);
void differentiate(const op::Rotary&, Differentiation&);
void differentiate(const op::Attention&, Differentiation&);
void differentiate(const op::Unary&, Differentiation&);
void differentiate(const op::Binary&, Differentiation&);
void differentiate(const op::Where&, Differentiation&);
void differentiate(const op::Cast&, Differentiation&);
void differentiate(const op::MatMul&, Differentiation&);
void differentiate(const op::Softmax&, Differentiation&);
void differentiate(const op::Reduce&, Differentiation&);
void differentiate(const op::TopK&, Differentiation&);
void differentiate(const op::CumSum&, Differentiation&);
void differentiate(const op::Pool&, Differentiation&);
void differentiate(const op::GlobalPool&, Differentiation&);
void differentiate(const op::Resize&, Differentiation&);
void differentiate(const op::Pad&, Differentiation&);
void differentiate(const op::DepthToSpace&, Differentiation&);
void differentiate(const op::SpaceToDepth&, Differentiation&);
void differentiate(const op::Reshape&, Differentiation&);
void differentiate(const op::Transpose&, Differentiation&);
void differentiate(const op::Flatten&, Differentiation&);
void differentiate(const op::Squeeze&, Differentiation&);
void differentiate(const op::Unsqueeze&, Differentiation&);
void differentiate(const op::Concat&, Differentiation&);
void differentiate(const op::Split&, Differentiation&);
void differentiate(const op::Slice&, Differentiation&);
void differentiate(const op::Gather&, Differentiation&);
void differentiate(const op::GatherElements&, Differentiation&);
void differentiate(const op::GatherNd&, Differentiation&);
void differentiate(const op::Expand&, Differentiation&);
void differentiate(const op::Tile&, Differentiation&);
void differentiate(const op::DequantizeLinear&, Differentiation&);

} // namespace gradus
