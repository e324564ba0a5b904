// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_matcher.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace gradus {

namespace {

using op::BinaryKind;

/// Heads that were split off a value of batch × positions × heads · size, as batch × heads ×
/// positions × size. The value may be one of several equal parts of a larger one, side by side:
/// queries, keys and values of one product.
struct Heads
{
    ValueId from = noValue;
    std::int64_t part = 0;
    std::int64_t parts = 1;
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
        std::array<Heads, 3> operands; ///< q, k, v
        ValueId mask = noValue;
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

    /// One of the slices of a value along an axis, which is gone.
    struct Pick
    {
        ValueId from = noValue;
        std::size_t axis = 0;
        std::int64_t index = 0;
        std::int64_t count = 0;
    };

    /// The only element of a constant.
    [[nodiscard]] std::optional<std::int64_t> integer(ValueId value) const
    {
        const SymbolicShape* elements =
            value == noValue ? nullptr : m_graph.shapes().elements(value);
        if (!elements || elements->size() != 1 || !elements->front().isNumber())
            return std::nullopt;
        return elements->front().number;
    }

    /// A Gather of one index, or a Squeeze of a part of Split or Slice that is 1 wide.
    [[nodiscard]] std::optional<Pick> picked(ValueId value) const
    {
        const auto complete = [&](ValueId from, std::int64_t axis,
                                  std::int64_t index) -> std::optional<Pick> {
            const SymbolicShape* shape = m_graph.shapes().shape(from);
            const auto rank = static_cast<std::int64_t>(shape ? shape->size() : 0);
            axis += axis < 0 ? rank : 0;
            if (axis < 0 || axis >= rank || !(*shape)[static_cast<std::size_t>(axis)].isNumber())
                return std::nullopt;
            const std::int64_t count = (*shape)[static_cast<std::size_t>(axis)].number;
            index += index < 0 ? count : 0;
            if (index < 0 || index >= count)
                return std::nullopt;
            return Pick{from, static_cast<std::size_t>(axis), index, count};
        };
        if (const Node* gather = m_graph.maker<op::Gather>(value)) {
            const SymbolicShape* shape = m_graph.shapes().shape(gather->inputs[1]);
            const auto index = integer(gather->inputs[1]);
            if (!shape || !shape->empty() || !index)
                return std::nullopt;
            return complete(gather->inputs[0], std::get<op::Gather>(gather->op).axis, *index);
        }
        const Node* squeeze = m_graph.maker<op::Squeeze>(value);
        const auto axis =
            squeeze && squeeze->inputs.size() > 1 ? integer(squeeze->inputs[1]) : std::nullopt;
        if (!axis)
            return std::nullopt;
        const ValueId part = squeeze->inputs[0];
        if (const Node* split = m_graph.maker<op::Split>(part)) {
            const auto found = std::find(split->outputs.begin(), split->outputs.end(), part);
            auto pick = complete(split->inputs[0], *axis, found - split->outputs.begin());
            const auto same = complete(split->inputs[0], std::get<op::Split>(split->op).axis, 0);
            // As many parts as there is to split: each is 1 wide.
            if (!pick || !same || same->axis != pick->axis ||
                pick->count != static_cast<std::int64_t>(split->outputs.size()))
                return std::nullopt;
            return pick;
        }
        if (const Node* slice = m_graph.maker<op::Slice>(part)) {
            const auto start = integer(slice->inputs[1]);
            const auto along = slice->inputs.size() > 3 ? integer(slice->inputs[3]) : std::nullopt;
            if (!start || !along)
                return std::nullopt;
            auto pick = complete(slice->inputs[0], *axis, *start);
            const auto same = complete(slice->inputs[0], *along, 0);
            // The Squeeze takes nothing but what is 1 wide.
            if (!pick || !same || same->axis != pick->axis)
                return std::nullopt;
            return pick;
        }
        return std::nullopt;
    }

    /// The value as a Reshape that splits heads off, turned so that its axes come in this order.
    /// On the way, one of several parts may have been picked: of batch × positions × parts × heads
    /// × size.
    [[nodiscard]] std::optional<Heads> headsOf(ValueId value,
                                               const std::vector<std::int64_t>& order) const
    {
        constexpr int mostSteps = 8;
        constexpr std::int64_t gone = -1;
        Heads found;
        bool isPart = false;
        // Where each axis of the value at hand comes to lie in the end.
        std::vector<std::int64_t> places{0, 1, 2, 3};
        value = unscaled(value, found.scale);
        for (int step = 0; step < mostSteps; ++step) {
            if (const Node* turned = m_graph.maker<op::Transpose>(value)) {
                const auto& permutation = std::get<op::Transpose>(turned->op).permutation;
                const auto rank = static_cast<std::int64_t>(places.size());
                if (permutation.size() != places.size())
                    return std::nullopt;
                std::vector<std::int64_t> before(places.size());
                for (std::size_t to = 0; to < places.size(); ++to) {
                    const std::int64_t axis = permutation[to] + (permutation[to] < 0 ? rank : 0);
                    if (axis < 0 || axis >= rank)
                        return std::nullopt;
                    before[static_cast<std::size_t>(axis)] = places[to];
                }
                places = std::move(before);
                value = turned->inputs[0];
            } else if (const auto pick = picked(value); pick && !isPart) {
                if (pick->axis > places.size())
                    return std::nullopt;
                places.insert(places.begin() + static_cast<std::ptrdiff_t>(pick->axis), gone);
                found.part = pick->index;
                found.parts = pick->count;
                isPart = true;
                value = pick->from;
            } else {
                break;
            }
            value = unscaled(value, found.scale);
        }
        const Node* split = m_graph.maker<op::Reshape>(value);
        std::vector<std::int64_t> expected(order.size());
        for (std::size_t to = 0; to < order.size(); ++to)
            expected[static_cast<std::size_t>(order[to])] = static_cast<std::int64_t>(to);
        if (isPart)
            expected.insert(expected.begin() + 2, gone);
        if (!split || places != expected)
            return std::nullopt;
        found.from = unscaled(split->inputs[0], found.scale);
        const SymbolicShape* apart = m_graph.shapes().shape(value);
        const SymbolicShape* three = m_graph.shapes().shape(found.from);
        if (!apart || !three || apart->size() != expected.size() || three->size() != 3)
            return std::nullopt;
        SymbolicShape four = *apart;
        if (isPart) {
            if (four[2] != SymbolicSize{found.parts, 0})
                return std::nullopt;
            four.erase(four.begin() + 2);
        }
        if (four[0] != (*three)[0] || four[1] != (*three)[1] || !four[2].isNumber() ||
            !four[3].isNumber() ||
            (*three)[2] != SymbolicSize{found.parts * four[2].number * four[3].number, 0})
            return std::nullopt;
        found.batch = four[0];
        found.positions = four[1];
        found.heads = four[2].number;
        found.size = four[3].number;
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
        found.operands = {*q, *k, v};
        if (scores.mask == noValue)
            return found;
        if (!masks(scores.mask, {q->batch, {q->heads, 0}, q->positions, k->positions}))
            return std::nullopt;
        found.mask = scores.mask;
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
    // Nodes that take packed products apart, each in front of the first that reads its parts.
    std::vector<std::pair<std::size_t, Node>> added;
    std::map<std::pair<ValueId, std::int64_t>, std::vector<ValueId>> parts;
    for (std::size_t n = 0; n < graph.size(); ++n) {
        const Node& node = graph.node(n);
        if (!std::holds_alternative<op::Reshape>(node.op) || node.output() == noValue)
            continue;
        const auto found = matcher.joined(node);
        if (!found)
            continue;
        std::vector<ValueId> inputs;
        for (const Heads& heads : found->operands) {
            if (heads.parts == 1) {
                inputs.push_back(heads.from);
                continue;
            }
            std::vector<ValueId>& own = parts[{heads.from, heads.parts}];
            if (own.empty()) {
                for (std::int64_t i = 0; i < heads.parts; ++i)
                    own.push_back(graph.model().graph.values++);
                added.emplace_back(n, Node{op::Split{-1}, {heads.from}, own, node.name});
            }
            inputs.push_back(own[static_cast<std::size_t>(heads.part)]);
        }
        if (found->mask != noValue)
            inputs.push_back(found->mask);
        graph.replace(n, found->op, std::move(inputs));
    }
    auto& nodes = graph.model().graph.nodes; // no pattern looks at them after this
    for (auto each = added.rbegin(); each != added.rend(); ++each)
        nodes.insert(nodes.begin() + static_cast<std::ptrdiff_t>(each->first),
                     std::move(each->second));
}

} // namespace gradus
