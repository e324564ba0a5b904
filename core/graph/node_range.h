// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"

#include <map>
#include <set>

namespace gradus {

/// Nodes [first, first + count) of a graph that read one value from outside, and leave one.
struct NodeRange
{
    int first = 0;
    int count = 0;
    ValueId input = 0;
    ValueId output = 0;
};
[[nodiscard]] NodeRange blockRange(const Model& model, int block);
/// What follows the last block.
[[nodiscard]] NodeRange headRange(const Model& model);

using Values = std::map<ValueId, Tensor>;

/// Runs a range of nodes, forward: the one place where operators are evaluated. The result holds
/// the range's output and the values in `kept`; all others go with their last reader, or lend it
/// their memory.
[[nodiscard]] Values runNodes(const Model& model, const Weights& weights, const NodeRange& range,
                              Tensor input, const std::set<ValueId>& kept, const Monitor& monitor,
                              const InputObserver& observer = {}, KeyValueCache* cache = nullptr);

} // namespace gradus
