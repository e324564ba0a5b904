// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_matcher.h"

#include <utility>

namespace gradus {

namespace {

using op::BinaryKind;

/// What is normalized, and by how much more than its variance.
struct Normalized
{
    ValueId x = noValue;
    float epsilon = 0;
};

class NormMatcher
{
public:
    explicit NormMatcher(const GraphMatcher& graph)
        : m_graph(graph)
    {
    }

    /// (x − mean(x)) / sqrt(mean((x − mean(x))²) + ε) over the last axis.
    [[nodiscard]] std::optional<Normalized> normalized(ValueId value) const
    {
        ValueId centered = noValue;
        ValueId deviation = noValue;
        if (const Node* quotient = m_graph.binary(value, BinaryKind::Divide)) {
            centered = quotient->inputs[0];
            deviation = quotient->inputs[1];
        } else if (const Node* product = m_graph.binary(value, BinaryKind::Multiply)) {
            for (const std::size_t i : {std::size_t(0), std::size_t(1)})
                if (const Node* inverse =
                        m_graph.unary(product->inputs[i], op::UnaryKind::Reciprocal)) {
                    deviation = inverse->inputs[0];
                    centered = product->inputs[1 - i];
                }
        }
        const Node* root = m_graph.unary(deviation, op::UnaryKind::Sqrt);
        const Node* sum = root ? m_graph.binary(root->inputs[0], BinaryKind::Add) : nullptr;
        const ValueId x = centeredOf(centered);
        if (!sum || x == noValue)
            return std::nullopt;
        for (const std::size_t i : {std::size_t(0), std::size_t(1)}) {
            const auto epsilon = m_graph.scalar(sum->inputs[i]);
            const ValueId square = meanOf(sum->inputs[1 - i]);
            if (epsilon && square != noValue && squareOf(square) == x)
                return Normalized{x, *epsilon};
        }
        return std::nullopt;
    }

    /// Of x's last axis.
    [[nodiscard]] std::int64_t features(ValueId x) const
    {
        const SymbolicShape* shape = m_graph.shapes().shape(x);
        return shape && !shape->empty() && shape->back().isNumber() ? shape->back().number : 0;
    }

private:
    /// x where the value is its mean over the last axis, which stays.
    [[nodiscard]] ValueId meanOf(ValueId value) const
    {
        const Node* node = m_graph.maker<op::Reduce>(value);
        if (!node || node->inputs.size() != 1)
            return noValue;
        const auto& reduce = std::get<op::Reduce>(node->op);
        const SymbolicShape* shape = m_graph.shapes().shape(node->inputs[0]);
        const bool last =
            reduce.axes.size() == 1 &&
            (reduce.axes[0] == -1 ||
             (shape && reduce.axes[0] == static_cast<std::int64_t>(shape->size()) - 1));
        return reduce.kind == op::ReduceKind::Mean && reduce.keepDims && last ? node->inputs[0]
                                                                              : noValue;
    }
    /// x where the value is x − mean(x).
    [[nodiscard]] ValueId centeredOf(ValueId value) const
    {
        const Node* difference = m_graph.binary(value, BinaryKind::Subtract);
        return difference && meanOf(difference->inputs[1]) == difference->inputs[0]
                   ? difference->inputs[0]
                   : noValue;
    }
    /// x where the value is (x − mean(x))².
    [[nodiscard]] ValueId squareOf(ValueId value) const
    {
        if (const Node* power = m_graph.binary(value, BinaryKind::Power))
            return m_graph.isScalar(power->inputs[1], 2) ? centeredOf(power->inputs[0]) : noValue;
        const Node* product = m_graph.binary(value, BinaryKind::Multiply);
        return product && product->inputs[0] == product->inputs[1] ? centeredOf(product->inputs[0])
                                                                   : noValue;
    }

    const GraphMatcher& m_graph;
};

/// γ · normalized(x) of a value, γ a vector of x's features.
struct Scaled
{
    Normalized of;
    std::string weight;
    std::int64_t features = 0;
};

std::optional<Scaled> scaledNorm(GraphMatcher& graph, const NormMatcher& norms, ValueId value)
{
    const Node* product = graph.binary(value, BinaryKind::Multiply);
    if (!product)
        return std::nullopt;
    for (const std::size_t i : {std::size_t(0), std::size_t(1)}) {
        const auto found = norms.normalized(product->inputs[i]);
        const std::int64_t features = found ? norms.features(found->x) : 0;
        if (features == 0)
            continue;
        std::string weight = graph.vectorParameter(product->inputs[1 - i], features);
        if (!weight.empty())
            return Scaled{*found, std::move(weight), features};
    }
    return std::nullopt;
}

} // namespace

void fuseLayerNorm(GraphMatcher& graph)
{
    const NormMatcher norms(graph);
    // With a bias first: what is scaled alone is part of it.
    for (std::size_t n = graph.size(); n-- > 0;) {
        const Node& node = graph.node(n);
        const auto* binary = std::get_if<op::Binary>(&node.op);
        if (!binary)
            continue;
        if (binary->kind == BinaryKind::Add) {
            for (const std::size_t i : {std::size_t(0), std::size_t(1)}) {
                const auto scaled = scaledNorm(graph, norms, node.inputs[i]);
                std::string bias = scaled
                                       ? graph.vectorParameter(node.inputs[1 - i], scaled->features)
                                       : std::string();
                if (bias.empty())
                    continue;
                graph.replace(n, op::LayerNorm{scaled->weight, std::move(bias), scaled->of.epsilon},
                              {scaled->of.x});
                break;
            }
        } else if (binary->kind == BinaryKind::Multiply && node.output() != noValue) {
            const auto scaled = scaledNorm(graph, norms, node.output());
            // One that nobody reads any more belonged to a sum.
            if (scaled && graph.isRead(node.output()))
                graph.replace(n, op::LayerNorm{scaled->weight, {}, scaled->of.epsilon},
                              {scaled->of.x});
        }
    }
}

} // namespace gradus
