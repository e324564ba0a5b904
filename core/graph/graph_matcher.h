// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/graph/shape_inference.h"

#include <map>
#include <optional>
#include <vector>

namespace gradus {

/// A graph as patterns look at it: backwards, from a value to what makes it. Nodes may be replaced
/// by others that make the same value; those that nobody needs any more are left where they are.
class GraphMatcher
{
public:
    explicit GraphMatcher(Model& model);

    [[nodiscard]] std::size_t size() const { return m_model.graph.nodes.size(); }
    [[nodiscard]] Node& node(std::size_t index) { return m_model.graph.nodes[index]; }
    [[nodiscard]] Model& model() { return m_model; }
    [[nodiscard]] const ShapeInference& shapes() const { return m_shapes; }

    /// The node that makes a value; null when none does.
    [[nodiscard]] const Node* maker(ValueId value) const
    {
        const auto found = m_makers.find(value);
        return found == m_makers.end() ? nullptr : &m_model.graph.nodes[found->second];
    }
    /// The same, when it is of this operator; else null.
    template <class Op>
    [[nodiscard]] const Node* maker(ValueId value) const
    {
        const auto found = m_makers.find(value);
        if (found == m_makers.end())
            return nullptr;
        const Node& node = m_model.graph.nodes[found->second];
        return std::holds_alternative<Op>(node.op) ? &node : nullptr;
    }
    [[nodiscard]] const Node* unary(ValueId value, op::UnaryKind kind) const;
    [[nodiscard]] const Node* binary(ValueId value, op::BinaryKind kind) const;
    [[nodiscard]] bool isRead(ValueId value) const;
    [[nodiscard]] bool isReadOnce(ValueId value) const;

    /// The number of a constant of one element that broadcasting cannot make a tensor larger by.
    [[nodiscard]] std::optional<float> scalar(ValueId value) const;
    [[nodiscard]] bool isScalar(ValueId value, double number) const; ///< to float32's precision

    /// A product taken apart: value = factor · values[0] · values[1] · … Factors that are `stop`
    /// are not taken apart.
    struct Product
    {
        double factor = 1;
        std::vector<ValueId> values;
    };
    [[nodiscard]] Product product(ValueId value, ValueId stop) const;

    /// A constant of one axis of so many elements as the name of a tensor that operators may have
    /// as a parameter; "" when it is none.
    [[nodiscard]] std::string vectorParameter(ValueId value, std::int64_t count);

    /// The same of a constant that is one value for each channel of batch × channels × …, a value
    /// of `rank` axes: count × 1 × …, perhaps with a 1 in front.
    [[nodiscard]] std::string channelParameter(ValueId value, std::int64_t count, std::size_t rank);

    /// The node at index makes its first output by this operator from now on.
    void replace(std::size_t index, Operator op, std::vector<ValueId> inputs);

private:
    [[nodiscard]] std::string parameterOf(ValueId value);
    void addFactors(ValueId value, ValueId stop, int depth, Product& product) const;

    Model& m_model;
    ShapeInference m_shapes;
    std::map<ValueId, std::size_t> m_makers;
    std::map<ValueId, int> m_readers;
};

[[nodiscard]] bool isNear(double a, double b); ///< to float32's precision

/// The patterns, one file each; they look at every node once.
void fuseBiases(GraphMatcher& graph);
void fuseLayerNorm(GraphMatcher& graph);
void fuseActivations(GraphMatcher& graph);
void fuseAttention(GraphMatcher& graph);
void fuseConvolutionPadding(GraphMatcher& graph);

} // namespace gradus
