// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/decoupleq_layer.h"

namespace gradus {

/// Shrinkings p = 1 − i/200 of a row's scales that are tried: 1 … 0.205.
inline constexpr int gridSteps = 160;
[[nodiscard]] inline float gridShrinking(int step)
{
    return static_cast<float>(1 - step / 200.0);
}

/// Rounds to nearest with the start's zeros and p times its scales, one p for all groups of a row,
/// and keeps the p of least error; the first one among equals. state: for all rows the codes of the
/// best p, the start's zeros, and scales that are rounded to what is stored after the codes have
/// been chosen. Returns the step of each row.
std::vector<int> searchGrid(const DecoupleqLayer& layer, const GridState& start, GridState& state);

} // namespace gradus
