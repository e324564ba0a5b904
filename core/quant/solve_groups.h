// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

namespace gradus {

/// Solves a layer whose inputs fall into groups that do not mix (a grouped or depthwise
/// convolution): each range of rows with its own group's statistics, put together again.
[[nodiscard]] SolveResult solveGroups(const LayerProblem& problem, const MethodOptions& options,
                                      Monitor& monitor);

} // namespace gradus
