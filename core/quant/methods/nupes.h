// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

#include <optional>

namespace gradus {

/// The options of NUPES's data-free form, where it starts: PowerQuant to the nearest levels.
[[nodiscard]] PowerquantOptions dataFreeOptions(const NupesOptions& options);

struct LearnedNupes
{
    SolveResult result; ///< its note says what is special, and not what was learned
    std::optional<int> rounds = std::nullopt; ///< none where nothing could be learned
};
/// NUPES from its data-free result for the same problem; solveNupes makes that itself. For rows of
/// a layer that share its exponent with others, learnExponent has to be off.
[[nodiscard]] LearnedNupes learnNupes(const LayerProblem& problem, const NupesOptions& options,
                                      SolveResult start, Monitor& monitor);

} // namespace gradus
