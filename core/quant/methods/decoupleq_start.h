// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/decoupleq_layer.h"

namespace gradus {

/// Scales and zeros of all rows from the ranges of their groups, 0 included and cut to the clip of
/// `scheme`: the same scales as round-to-nearest's. Float zeros are not rounded to codes.
void startFromRanges(const DecoupleqLayer& layer, const Scheme& scheme, GridState& state);

} // namespace gradus
