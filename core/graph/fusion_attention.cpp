// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_matcher.h"

#include <utility>

namespace gradus {

namespace {

using op::BinaryKind;

/// Heads that were split off a value of batch × positions × heads · size, as batch × heads ×
/// positions × size.
struct Heads
{
    ValueId from = noValue;
    SymbolicSize batch;
    SymbolicSize positions;
    std::int64_t heads = 0;
    std::int64_t size = 0;
    double scale = 1; ///< that was multiplied in on the way
};

class AttentionMatcher
{
public:
    explicit AttentionMatcher(const GraphMatcher& graph)
        : m_graph(graph)
    {
    }

    struct Found
    {
        op::Attention op;
        std::vector<ValueId> inputs;
    };

    /// The Reshape that joins the heads again, batch × positions × heads · size.
    [[nodiscard]] std::optional<Found> joined(const Node& reshape) const
    {
        const Node* turned = m_graph.maker<op::Transpose>(reshape.inputs[0]);
        const Node* mixed = turned && isTurned(*turned, {0, 2, 1, 3})
                                ? m_graph.maker<op::MatMul>(turned->inputs[0])
                                : nullptr;
        if (!mixed || !isPlain(*mixed))
            return std::nullopt;
        const Node* softmax = m_graph.maker<op::Softmax>(mixed->inputs[0]);
        if (!softmax || !isOverLast(std::get<op::Softmax>(softmax->op)))
            return std::nullopt;
        const auto v = headsOf(mixed->inputs[1], {0, 2, 1, 3});
        if (!v || v->scale != 1)
            return std::nullopt;
        for (Scores scores : scoresOf(softmax->inputs[0]))
            if (auto found = attention(scores, *v, reshape))
                return found;
        return std::nullopt;
    }

private:
    /// scale · q·kᵀ (+ mask).
    struct Scores
    {
        const Node* product = nullptr;
        double scale = 1;
        ValueId mask = noValue;
    };

    [[nodiscard]] static bool isTurned(const Node& node, const std::vector<std::int64_t>& order)
    {
        return std::get<op::Transpose>(node.op).permutation == order;
    }
    [[nodiscard]] static bool isPlain(const Node& node)
    {
        const auto& product = std::get<op::MatMul>(node.op);
        return !product.transposeA && !product.transposeB && product.scale == 1;
    }
    [[nodiscard]] static bool isOverLast(const op::Softmax& softmax)
    {
        return !softmax.logarithm && (softmax.axis == -1 || softmax.axis == 3);
    }

    /// A value without the scalars it was multiplied by.
    [[nodiscard]] ValueId unscaled(ValueId value, double& scale) const
    {
        const auto product = m_graph.product(value, noValue);
        if (product.values.size() != 1)
            return value;
        scale *= product.factor;
        return product.values[0];
    }

    [[nodiscard]] std::vector<Scores> scoresOf(ValueId value) const
    {
        std::vector<Scores> found;
        const auto add = [&](ValueId scaled, ValueId mask) {
            Scores scores;
            scores.mask = mask;
            const ValueId product = unscaled(scaled, scores.scale);
            scores.product = m_graph.maker<op::MatMul>(product);
            if (scores.product)
                found.push_back(scores);
        };
        add(value, noValue);
        if (const Node* sum = m_graph.binary(value, BinaryKind::Add)) {
            add(sum->inputs[0], sum->inputs[1]);
            add(sum->inputs[1], sum->inputs[0]);
        }
        return found;
    }

    /// The value as a Transpose, in this order, of a Reshape that splits heads off. A product that
    /// has an axis order of its own in two steps is followed through both.
    [[nodiscard]] std::optional<Heads> headsOf(ValueId value,
                                               const std::vector<std::int64_t>& order) const
    {
        Heads found;
        value = unscaled(value, found.scale);
        const Node* turned = m_graph.maker<op::Transpose>(value);
        if (!turned)
            return std::nullopt;
        std::vector<std::int64_t> total = std::get<op::Transpose>(turned->op).permutation;
        value = unscaled(turned->inputs[0], found.scale);
        if (const Node* before = m_graph.maker<op::Transpose>(value)) {
            const auto& first = std::get<op::Transpose>(before->op).permutation;
            if (first.size() != 4 || total.size() != 4)
                return std::nullopt;
            for (std::int64_t& axis : total)
                axis = first[static_cast<std::size_t>(axis < 0 ? axis + 4 : axis) & 3];
            value = unscaled(before->inputs[0], found.scale);
        }
        const Node* split = m_graph.maker<op::Reshape>(value);
        if (total != order || !split)
            return std::nullopt;
        found.from = unscaled(split->inputs[0], found.scale);
        const SymbolicShape* four = m_graph.shapes().shape(value);
        const SymbolicShape* three = m_graph.shapes().shape(found.from);
        if (!four || !three || four->size() != 4 || three->size() != 3 ||
            (*four)[0] != (*three)[0] || (*four)[1] != (*three)[1] || !(*four)[2].isNumber() ||
            !(*four)[3].isNumber() ||
            (*three)[2] != SymbolicSize{(*four)[2].number * (*four)[3].number, 0})
            return std::nullopt;
        found.batch = (*four)[0];
        found.positions = (*four)[1];
        found.heads = (*four)[2].number;
        found.size = (*four)[3].number;
        return found;
    }

    [[nodiscard]] std::optional<Found> attention(const Scores& scores, const Heads& v,
                                                 const Node& reshape) const
    {
        const auto& product = std::get<op::MatMul>(scores.product->op);
        if (product.transposeA)
            return std::nullopt;
        const auto q = headsOf(scores.product->inputs[0], {0, 2, 1, 3});
        const auto k = headsOf(scores.product->inputs[1],
                               product.transposeB ? std::vector<std::int64_t>{0, 2, 1, 3}
                                                  : std::vector<std::int64_t>{0, 2, 3, 1});
        if (!q || !k || q->batch != k->batch || q->batch != v.batch ||
            k->positions != v.positions || q->heads != k->heads || q->heads != v.heads ||
            q->size != k->size || q->size != v.size)
            return std::nullopt;
        const SymbolicShape joined{q->batch, q->positions, {q->heads * q->size, 0}};
        if (!areSame(m_graph.shapes().shape(reshape.output()), &joined))
            return std::nullopt;
        Found found;
        found.op.heads = found.op.kvHeads = q->heads;
        found.op.headDim = q->size;
        found.op.scale = static_cast<float>(scores.scale * q->scale * k->scale *
                                            static_cast<double>(product.scale));
        found.op.causal = false;
        found.inputs = {q->from, k->from, v.from};
        if (scores.mask == noValue)
            return found;
        if (!masks(scores.mask, {q->batch, {q->heads, 0}, q->positions, k->positions}))
            return std::nullopt;
        found.inputs.push_back(scores.mask);
        return found;
    }

    /// Whether a mask broadcasts to the scores without making them larger.
    [[nodiscard]] bool masks(ValueId mask, const SymbolicShape& scores) const
    {
        const SymbolicShape* shape = m_graph.shapes().shape(mask);
        if (!shape || shape->size() > scores.size())
            return false;
        const std::size_t offset = scores.size() - shape->size();
        for (std::size_t i = 0; i < shape->size(); ++i)
            if ((*shape)[i] != scores[offset + i] && (*shape)[i] != SymbolicSize{1, 0})
                return false;
        return true;
    }

    const GraphMatcher& m_graph;
};

} // namespace

void fuseAttention(GraphMatcher& graph)
{
    const AttentionMatcher matcher(graph);
    for (std::size_t n = 0; n < graph.size(); ++n) {
        const Node& node = graph.node(n);
        if (!std::holds_alternative<op::Reshape>(node.op) || node.output() == noValue)
            continue;
        if (auto found = matcher.joined(node))
            graph.replace(n, found->op, std::move(found->inputs));
    }
}

} // namespace gradus
