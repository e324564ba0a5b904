// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_matcher.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace gradus {

namespace {

using op::BinaryKind;
using op::UnaryKind;

/// x and the activation that a gate of x makes of it when they are multiplied, times a factor.
struct Gated
{
    ValueId x = noValue;
    op::Unary op;
    double factor = 1;
};

class GateMatcher
{
public:
    explicit GateMatcher(const GraphMatcher& graph)
        : m_graph(graph)
    {
    }

    /// What value · x is, up to a factor, for the x that the value is a gate of.
    [[nodiscard]] std::optional<Gated> gate(ValueId value) const
    {
        if (const Node* sigmoid = m_graph.unary(value, UnaryKind::Sigmoid)) {
            // sigmoid(1.702 · x), or of x itself.
            const ValueId inner = sigmoid->inputs[0];
            const auto product = m_graph.product(inner, noValue);
            if (product.values.size() == 1 && isNear(product.factor, 1.702))
                return Gated{product.values[0], {UnaryKind::QuickGelu}, 1};
            return Gated{inner, {UnaryKind::Silu}, 1};
        }
        if (const Node* hard = m_graph.unary(value, UnaryKind::HardSigmoid)) {
            const auto& op = std::get<op::Unary>(hard->op);
            if (isNear(static_cast<double>(op.alpha), 1.0 / 6) &&
                isNear(static_cast<double>(op.beta), 0.5))
                return Gated{hard->inputs[0], {UnaryKind::HardSwish}, 1};
        }
        if (const Node* clip = m_graph.unary(value, UnaryKind::Clip))
            return relu6(*clip);
        if (const Node* tanh = m_graph.unary(value, UnaryKind::Tanh))
            if (const Node* softplus = m_graph.unary(tanh->inputs[0], UnaryKind::Softplus))
                return Gated{softplus->inputs[0], {UnaryKind::Mish}, 1};
        if (const Node* sum = m_graph.binary(value, BinaryKind::Add))
            for (const std::size_t i : {std::size_t(0), std::size_t(1)})
                if (m_graph.isScalar(sum->inputs[i], 1))
                    if (const auto found = gelu(sum->inputs[1 - i]))
                        return found;
        return std::nullopt;
    }

private:
    /// min(max(x + 3, 0), 6): six times the gate of HardSwish.
    [[nodiscard]] std::optional<Gated> relu6(const Node& clip) const
    {
        const auto& op = std::get<op::Unary>(clip.op);
        const Node* sum = m_graph.binary(clip.inputs[0], BinaryKind::Add);
        if (!sum || op.alpha != 0 || op.beta != 6)
            return std::nullopt;
        for (const std::size_t i : {std::size_t(0), std::size_t(1)})
            if (m_graph.isScalar(sum->inputs[i], 3))
                return Gated{sum->inputs[1 - i], {UnaryKind::HardSwish}, 6};
        return std::nullopt;
    }

    /// erf(x/√2), or tanh(√(2/π) (x + 0.044715 x³)): twice the gate of Gelu less 1.
    [[nodiscard]] std::optional<Gated> gelu(ValueId value) const
    {
        if (const Node* erf = m_graph.unary(value, UnaryKind::Erf)) {
            const auto product = m_graph.product(erf->inputs[0], noValue);
            if (product.values.size() == 1 && isNear(product.factor, std::numbers::sqrt2 / 2))
                return Gated{product.values[0], {UnaryKind::Gelu}, 2};
            // x is itself a product: √½ is the outermost factor of it.
            for (const ValueId x : factorsOf(erf->inputs[0])) {
                const auto inner = m_graph.product(erf->inputs[0], x);
                if (inner.values == std::vector<ValueId>{x} &&
                    isNear(inner.factor, std::numbers::sqrt2 / 2))
                    return Gated{x, {UnaryKind::Gelu}, 2};
            }
            return std::nullopt;
        }
        const Node* tanh = m_graph.unary(value, UnaryKind::Tanh);
        if (!tanh)
            return std::nullopt;
        const double outer = std::sqrt(2 / std::numbers::pi);
        for (const ValueId x : candidates(tanh->inputs[0])) {
            const auto product = m_graph.product(tanh->inputs[0], x);
            if (!isNear(product.factor, outer))
                continue;
            const bool plain = product.values.size() == 1 && isCubic(product.values[0], x);
            const bool split = product.values.size() == 2 &&
                               ((product.values[0] == x && isSquare(product.values[1], x)) ||
                                (product.values[1] == x && isSquare(product.values[0], x)));
            if (plain || split)
                return Gated{x, {UnaryKind::GeluTanh}, 2};
        }
        return std::nullopt;
    }

    /// The inputs of a product or of a quotient.
    [[nodiscard]] std::vector<ValueId> factorsOf(ValueId value) const
    {
        if (const Node* times = m_graph.binary(value, BinaryKind::Multiply))
            return times->inputs;
        if (const Node* over = m_graph.binary(value, BinaryKind::Divide))
            return {over->inputs[0]};
        return {};
    }

    /// What x may be in √(2/π) (x + 0.044715 x³) or √(2/π) x (1 + 0.044715 x²).
    [[nodiscard]] std::vector<ValueId> candidates(ValueId value) const
    {
        std::vector<ValueId> found;
        const auto addTerms = [&](ValueId sum) {
            if (const Node* node = m_graph.binary(sum, BinaryKind::Add))
                found.insert(found.end(), node->inputs.begin(), node->inputs.end());
        };
        for (const ValueId factor : factorsOf(value)) {
            found.push_back(factor);
            addTerms(factor);
            for (const ValueId inner : factorsOf(factor)) {
                found.push_back(inner);
                addTerms(inner);
            }
        }
        std::erase_if(found, [&](ValueId each) { return m_graph.scalar(each).has_value(); });
        return found;
    }

    /// x to which power a product is, 0 when it is something else; its factor goes to `factor`.
    [[nodiscard]] int powerOf(ValueId value, ValueId x, double& factor) const
    {
        const auto product = m_graph.product(value, x);
        factor *= product.factor;
        int power = 0;
        for (const ValueId each : product.values) {
            const Node* raised = m_graph.binary(each, BinaryKind::Power);
            if (each == x)
                power += 1;
            else if (raised && raised->inputs[0] == x && m_graph.isScalar(raised->inputs[1], 2))
                power += 2;
            else if (raised && raised->inputs[0] == x && m_graph.isScalar(raised->inputs[1], 3))
                power += 3;
            else
                return 0;
        }
        return power;
    }
    /// x + 0.044715 x³.
    [[nodiscard]] bool isCubic(ValueId value, ValueId x) const
    {
        const Node* sum = m_graph.binary(value, BinaryKind::Add);
        for (const std::size_t i : {std::size_t(0), std::size_t(1)}) {
            double factor = 1;
            if (sum && sum->inputs[i] == x && powerOf(sum->inputs[1 - i], x, factor) == 3 &&
                isNear(factor, 0.044715))
                return true;
        }
        return false;
    }
    /// 1 + 0.044715 x².
    [[nodiscard]] bool isSquare(ValueId value, ValueId x) const
    {
        const Node* sum = m_graph.binary(value, BinaryKind::Add);
        for (const std::size_t i : {std::size_t(0), std::size_t(1)}) {
            double factor = 1;
            if (sum && m_graph.isScalar(sum->inputs[i], 1) &&
                powerOf(sum->inputs[1 - i], x, factor) == 2 && isNear(factor, 0.044715))
                return true;
        }
        return false;
    }

    const GraphMatcher& m_graph;
};

/// The product (or quotient) as one activation.
std::optional<Gated> activation(const GraphMatcher& graph, const GateMatcher& gates, ValueId value)
{
    for (const ValueId factor : graph.product(value, noValue).values) {
        const auto gated = gates.gate(factor);
        if (!gated)
            continue;
        // x may be a product itself: it is not taken apart.
        const auto product = graph.product(value, gated->x);
        std::vector<ValueId> values = product.values;
        std::sort(values.begin(), values.end());
        std::vector<ValueId> expected{gated->x, factor};
        std::sort(expected.begin(), expected.end());
        if (values == expected && isNear(product.factor * gated->factor, 1) &&
            areSame(graph.shapes().shape(value), graph.shapes().shape(gated->x)))
            return gated;
    }
    return std::nullopt;
}

} // namespace

void fuseActivations(GraphMatcher& graph)
{
    const GateMatcher gates(graph);
    for (std::size_t n = 0; n < graph.size(); ++n) {
        const Node& node = graph.node(n);
        const auto* binary = std::get_if<op::Binary>(&node.op);
        if (!binary || node.output() == noValue ||
            (binary->kind != BinaryKind::Multiply && binary->kind != BinaryKind::Divide))
            continue;
        if (const auto found = activation(graph, gates, node.output()))
            graph.replace(n, found->op, {found->x});
    }
}

} // namespace gradus
