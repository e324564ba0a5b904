// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/nupes_layer.h"

#include <vector>

namespace gradus {

/// The equations of 64 rows take 512 bytes for each pair of groups.
constexpr std::int64_t mostFittedGroups = 512;

/// Closed-form scales for the state's codes and exponents (reference nupes.md, section 7.3, step
/// 2): of a row with groups those of all groups together, since H couples them; of a tensor that of
/// all rows. The unknowns are relative changes, so that nothing cancels where the error is small.
/// Scales are rounded to what is stored one after the other, each of the rest being chosen for
/// those before it; where the best one is not positive or the codes say nothing, the old one stays.
/// A row keeps its scales where these do not lower its error. Errors are set. Returns the rows
/// whose scales changed, in order. With more groups a row than mostFittedGroups, whose equations
/// would take gigabytes, nothing changes.
std::vector<std::int64_t> fitScales(const NupesLayer& layer, NupesRows rows, NupesState& state);

} // namespace gradus
