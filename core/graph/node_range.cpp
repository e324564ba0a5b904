// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/node_range.h"

#include "core/base/quick_calls.h"
#include "core/graph/evaluation.h"

#include <utility>

namespace gradus {

NodeRange blockRange(const Model& model, int block)
{
    const Block& b = model.blocks[static_cast<std::size_t>(block)];
    return {b.firstNode, b.nodeCount, b.input, b.output, b.sides};
}

NodeRange headRange(const Model& model)
{
    const Block& last = model.blocks.back();
    const int first = last.firstNode + last.nodeCount;
    NodeRange range{first,
                    static_cast<int>(model.graph.nodes.size()) - first,
                    last.output,
                    model.graph.output,
                    {}};
    range.sides = valuesFromOutside(model, first, range.count);
    std::erase(range.sides, range.input);
    return range;
}

std::vector<ValueId> valuesFromOutside(const Model& model, int first, int count)
{
    std::set<ValueId> made;
    std::set<ValueId> read;
    for (int n = first; n < first + count; ++n) {
        const Node& node = model.graph.nodes[static_cast<std::size_t>(n)];
        forEachRead(node, [&](ValueId value) {
            if (!made.contains(value) && !model.graph.constants.contains(value))
                read.insert(value);
        });
        made.insert(node.outputs.begin(), node.outputs.end());
    }
    return {read.begin(), read.end()};
}

Values runNodes(const Model& model, const Weights& weights, int first, int count, Values values,
                const Values& sides, const std::set<ValueId>& kept, const Monitor& monitor,
                const InputObserver& observer, KeyValueCache* cache,
                std::map<ValueId, Shape>* shapes)
{
    const QuickCalls quick;
    Evaluation evaluation(model, weights, monitor, observer, cache, values, sides);
    evaluateInOrder(std::span(model.graph.nodes)
                        .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                    first, kept, evaluation, values, shapes);
    return values;
}

} // namespace gradus
