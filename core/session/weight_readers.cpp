// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/weight_readers.h"

#include <algorithm>
#include <set>
#include <variant>

namespace gradus {

namespace {

bool reads(const Node& node, const std::string& tensor)
{
    if (const auto* branches = std::get_if<op::If>(&node.op)) {
        const auto any = [&](const Subgraph& branch) {
            return std::any_of(branch.nodes.begin(), branch.nodes.end(),
                               [&](const Node& inner) { return reads(inner, tensor); });
        };
        return any(*branches->thenBranch) || any(*branches->elseBranch);
    }
    return std::visit(
        [&](const auto& op) {
            if constexpr (requires { op.weight == tensor; })
                return op.weight == tensor;
            else
                return false;
        },
        node.op);
}

} // namespace

WeightReaders readersOf(const Graph& graph, const std::string& tensor)
{
    WeightReaders readers;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        if (reads(graph.nodes[n], tensor))
            readers.nodes.push_back(static_cast<int>(n));
    readers.asConstant =
        std::any_of(graph.constants.begin(), graph.constants.end(), [&](const auto& constant) {
            return !constant.second.value && constant.second.tensor == tensor;
        });
    return readers;
}

bool leadToOutput(const Graph& graph, const WeightReaders& readers)
{
    if (readers.asConstant)
        return true;
    const std::set<int> first(readers.nodes.begin(), readers.nodes.end());
    std::set<ValueId> moved;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const Node& node = graph.nodes[n];
        bool moves = first.contains(static_cast<int>(n));
        if (!moves)
            forEachRead(node, [&](ValueId value) { moves = moves || moved.contains(value); });
        if (moves)
            moved.insert(node.outputs.begin(), node.outputs.end());
        moved.erase(noValue); // which inputs that are left out have, too
    }
    return moved.contains(graph.output);
}

} // namespace gradus
