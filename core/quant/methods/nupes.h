// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

namespace gradus {

/// The options of NUPES's data-free form, where it starts: PowerQuant to the nearest levels.
[[nodiscard]] PowerquantOptions dataFreeOptions(const NupesOptions& options);

/// NUPES from its data-free result for the same problem; solveNupes makes that itself. For rows of
/// a layer that share its exponent with others, learnExponent has to be off.
[[nodiscard]] SolveResult solveNupesFrom(const LayerProblem& problem, const NupesOptions& options,
                                         SolveResult start, Monitor& monitor);

} // namespace gradus
