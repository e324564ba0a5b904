// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/graph/epilogue.h"
#include "core/graph/executor.h"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// What an operator sees of the network while one node is evaluated.
class Evaluation
{
public:
    /// around: of a branch, the graph that it stands in.
    Evaluation(const Model& model, const Weights& weights, const Monitor& monitor,
               const InputObserver& observer, KeyValueCache* cache, Values& values,
               const Values& sides, const Evaluation* around = nullptr);

    /// dying: inputs that nobody reads after this node, whose memory may be taken. followers: the
    /// nodes after it that only carry its result on: each reads what the one before it makes, which
    /// nobody else does.
    void enter(int index, const Node& node, std::vector<bool> dying,
               std::span<const Node> followers = {});
    [[nodiscard]] std::vector<Tensor> run(const Node& node); ///< the node that was entered

    [[nodiscard]] std::size_t inputs() const { return m_node->inputs.size(); }
    [[nodiscard]] std::size_t outputs() const { return m_node->outputs.size(); }
    [[nodiscard]] bool has(std::size_t i) const
    {
        return i < inputs() && m_node->inputs[i] != noValue;
    }
    [[nodiscard]] const Tensor& in(std::size_t i) const { return *m_inputs[i]; }
    /// Input i's own memory, its elements in it, when nobody needs it after this node.
    [[nodiscard]] bool mayTake(std::size_t i) const { return m_dying[i]; }
    [[nodiscard]] Tensor take(std::size_t i); ///< else a copy; in(i) is gone then
    /// A tensor of input i's dtype and shape, perhaps in(i)'s own memory: element-wise operators
    /// may read in(i)'s elements until they write over them.
    [[nodiscard]] Tensor likeInput(std::size_t i);
    /// The elements of an int64 input. Throws Error(Shape) when it is of another dtype.
    [[nodiscard]] std::span<const std::int64_t> integers(std::size_t i) const;
    /// The only element of an int64 input.
    [[nodiscard]] std::int64_t integer(std::size_t i) const;

    /// Before a result is made: throws failure(Unsupported) when it would be more than
    /// liveValueLimit() together with the values that are there now.
    void reserve(DType dtype, const Shape& shape) const;
    /// A result's tensor, reserved before.
    [[nodiscard]] Tensor make(DType dtype, Shape shape) const;
    [[nodiscard]] Tensor make(Shape shape) const { return make(DType::F32, std::move(shape)); }
    /// A value is there from now on, or is not any more.
    void count(const Tensor& value) { m_liveBytes += value.bytes().size(); }
    void discount(const Tensor& value) { m_liveBytes -= value.bytes().size(); }

    [[nodiscard]] const Weights& weights() const { return m_weights; }
    [[nodiscard]] const Monitor& monitor() const { return m_monitor; }
    [[nodiscard]] KeyValueCache* cache() const { return m_cache; }
    [[nodiscard]] int node() const { return m_index; }
    /// As many followers as can be done to parts of a result of this shape, in the order of its
    /// elements. They count as done then. scalesChannels: a part lies within one channel, axis 1.
    [[nodiscard]] Epilogue followers(const Shape& shape, bool scalesChannels);
    [[nodiscard]] std::size_t followersDone() const { return m_followersDone; }
    void observe() const; ///< shows input 0 to the observer, if there is one
    /// Runs a branch and gives its outputs.
    [[nodiscard]] std::vector<Tensor> branch(const Subgraph& branch);
    /// Error(Shape | Unsupported …) that names the node.
    [[nodiscard]] Error failure(ErrorCode code, const std::string& what) const;

private:
    [[nodiscard]] const Tensor* find(ValueId value);
    /// Adds what a node does to a value of this shape. False, and nothing added, where that is not
    /// element by element or does not fit.
    [[nodiscard]] bool addStep(const Node& node, ValueId carried, const Shape& shape,
                               bool scalesChannels, Epilogue& epilogue);
    void addFollowers(const Shape& shape, bool scalesChannels, Epilogue& epilogue);
    /// The node that was entered and followers in one pass, if it is one of them itself.
    [[nodiscard]] std::optional<Tensor> elementChain();
    /// Followers in one pass over the node's result, unless it asked for them itself.
    void finish(Tensor& result);

    const Model& m_model;
    const Weights& m_weights;
    const Monitor& m_monitor;
    const InputObserver& m_observer;
    KeyValueCache* m_cache;
    Values& m_values;
    const Values& m_sides;
    const Evaluation* m_around;
    int m_index = 0;
    const Node* m_node = nullptr;
    std::vector<bool> m_dying;
    std::span<const Node> m_followers;
    std::size_t m_followersDone = 0;
    bool m_followersAsked = false;
    std::uint64_t m_liveBytes = 0;
    mutable std::uint64_t m_madeBytes = 0; ///< by the node that was entered
    std::vector<const Tensor*> m_inputs;
    std::vector<std::shared_ptr<const Tensor>> m_held; ///< named constants that are read now
};

/// Evaluates nodes one after the other into values; see runNodes. firstIndex: of nodes.front() in
/// the graph, −1 in a branch.
void evaluateInOrder(std::span<const Node> nodes, int firstIndex, const std::set<ValueId>& kept,
                     Evaluation& evaluation, Values& values, std::map<ValueId, Shape>* shapes);

/// Evaluates an operator: one overload for each, in evaluate_*.cpp by kind. Inputs may be anything
/// that a file can make of them: every overload checks dtypes and shapes and throws
/// evaluation.failure(). Bit-identical for any number of threads.
[[nodiscard]] Tensor evaluate(const op::Embedding&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::RmsNorm&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::LayerNorm&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::BatchNorm&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::InstanceNorm&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Linear&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Convolution&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::ConvolutionTranspose&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Rotary&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Attention&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Unary&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Binary&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Where&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Cast&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::MatMul&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Softmax&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Reduce&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::ArgExtreme&, Evaluation&);
[[nodiscard]] std::vector<Tensor> evaluate(const op::TopK&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::CumSum&, Evaluation&);
[[nodiscard]] std::vector<Tensor> evaluate(const op::Pool&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::GlobalPool&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Resize&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Pad&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::DepthToSpace&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::SpaceToDepth&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Reshape&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Transpose&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Flatten&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Squeeze&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Unsqueeze&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Concat&, Evaluation&);
[[nodiscard]] std::vector<Tensor> evaluate(const op::Split&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Slice&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Gather&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::GatherElements&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::GatherNd&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Expand&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Tile&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::ShapeOf&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Size&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::ConstantOfShape&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::Range&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::QuantizeLinear&, Evaluation&);
[[nodiscard]] Tensor evaluate(const op::DequantizeLinear&, Evaluation&);
[[nodiscard]] std::vector<Tensor> evaluate(const op::If&, Evaluation&);

} // namespace gradus
