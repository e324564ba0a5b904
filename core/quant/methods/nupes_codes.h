// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/nupes_layer.h"
#include "core/quant/methods/panel_sweep.h"

#include <vector>

namespace gradus {

/// Nearest levels of the state's grids. Of all rows; errors are not set.
void roundToLevels(const NupesLayer& layer, NupesState& state);

/// GPTQ's sweep on the state's grids: columns rounded to the nearest level in turn, each error
/// spread over those not yet rounded (reference nupes.md, section 7.3). Errors are not set.
void sweepLevels(const NupesLayer& layer, const PanelFactor& factor, NupesRows rows,
                 NupesState& state);

/// Of each weight the code of the highest level that is not above it; the one before the last where
/// it is beyond the last. With the next one these are the two that an up-or-down search knows.
[[nodiscard]] std::vector<std::uint8_t> floorCodes(const NupesLayer& layer,
                                                   const QuantizedWeight& grid);

/// One sweep of coordinate descent: each code goes to the best one of all levels for the others as
/// they are, where that lowers the error by more than noise. floors, if given: only those codes
/// and the next ones (see floorCodes); codes elsewhere move there even so. Errors are set, to what
/// they are without the gain's rounding. Returns the rows that changed, in order.
std::vector<std::int64_t> descendCodes(const NupesLayer& layer, NupesRows rows, NupesState& state,
                                       const std::vector<std::uint8_t>* floors = nullptr);

} // namespace gradus
