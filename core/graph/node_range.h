// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"

#include <set>

namespace gradus {

/// Nodes [first, first + count) of a graph that read one value from outside, besides sides, and
/// leave one.
struct NodeRange
{
    int first = 0;
    int count = 0;
    ValueId input = 0;
    ValueId output = 0;
    std::vector<ValueId> sides; ///< as in Block
};
[[nodiscard]] NodeRange blockRange(const Model& model, int block);
/// What follows the last block.
[[nodiscard]] NodeRange headRange(const Model& model);

/// What nodes [first, first + count) read that they do not make, in ascending order; constants
/// aside.
[[nodiscard]] std::vector<ValueId> valuesFromOutside(const Model& model, int first, int count);

/// Runs nodes [first, first + count), forward. values: what they read from outside, sides aside,
/// constants aside. The result holds the values in `kept` that are there then; all others go with
/// their last reader, or lend it their memory. shapes, if given, receives those of all values.
[[nodiscard]] Values runNodes(const Model& model, const Weights& weights, int first, int count,
                              Values values, const Values& sides, const std::set<ValueId>& kept,
                              const Monitor& monitor, const InputObserver& observer = {},
                              KeyValueCache* cache = nullptr,
                              std::map<ValueId, Shape>* shapes = nullptr);

} // namespace gradus
