// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/nupes_layer.h"
#include "core/quant/options.h"

#include <vector>

namespace gradus {

/// Codes learned by gradients (reference nupes.md, section 7.2, variant a), on the grids of start:
/// a latent in units of codes for each weight, from where the weight itself stands, rounded hard;
/// its gradient goes straight through the rounding with the secant slope of the levels, which is
/// positive even at zero. Adam, steps falling to zero as a cosine. In the first 60 % of the steps
/// the exponents (where learnExponent) and scales follow theirs; then they are frozen as they are
/// stored, and each row keeps the best of its codes. Errors are set.
[[nodiscard]] NupesState gradientCodes(const NupesLayer& layer, const NupesOptions& options,
                                       bool learnExponent, const NupesState& start);

/// Codes learned as AdaRound does, between the two levels beside each weight only: floors (see
/// floorCodes) or the next codes, on the grids of start. Errors are set.
[[nodiscard]] NupesState upOrDownCodes(const NupesLayer& layer, const NupesOptions& options,
                                       const std::vector<std::uint8_t>& floors,
                                       const NupesState& start);

} // namespace gradus
