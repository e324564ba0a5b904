// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <map>
#include <set>
#include <span>

namespace gradus {

/// How many nodes after nodes[n] only carry its result on, element by element: each reads what the
/// one before it makes, which nobody else does. kept: values that must be there at the end.
[[nodiscard]] std::size_t countFollowers(std::span<const Node> nodes, std::size_t n,
                                         const std::set<ValueId>& kept,
                                         const std::map<ValueId, std::size_t>& lastUse);

} // namespace gradus
