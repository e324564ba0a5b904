// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/affine_grid.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gradus {

/// Per-channel dual clipping (reference repquant.md, section 6). The paper's own parametrization is
/// not known; this one is derived: u = c + a·(M − c), l = c − η·(c − m), c the channel's median.

enum class ClipSearch
{
    None,    ///< the percentiles of InputRange
    Grid,    ///< deterministic: single factor, then three sweeps over either (section 6.4)
    Learned, ///< Adam on the inverse sigmoids of a and η, straight through the rounding (6.2, 6.3)
};
[[nodiscard]] std::string_view clipSearchName(ClipSearch search); ///< "none", "grid", "learned"
[[nodiscard]] std::optional<ClipSearch> clipSearchFromName(std::string_view name);

/// x: calibration rows × features. heldOut: rows of the same features that decide, channel by
/// channel, whether the search's bounds are kept in place of the percentiles'; empty: x itself
/// does. Result: bounds of every feature; none has a larger error on the deciding rows than with
/// percentile bounds; their squaredError is that of x. Parallel over features, with a checkpoint
/// before each. Throws Error(Numeric) when x or heldOut is not finite.
[[nodiscard]] std::vector<InputBounds> dualClipping(ConstMatrixView x, ConstMatrixView heldOut,
                                                    int bits, ClipSearch search, std::uint64_t seed,
                                                    const Monitor& monitor);

/// ∂x̂/∂(upper), ∂x̂/∂(lower) of one value, straight through both roundings, as section 6.2 combines
/// them: what the learned search descends by. 0 where the bounds meet.
struct BoundGradient
{
    double upper = 0;
    double lower = 0;
};
[[nodiscard]] BoundGradient boundGradient(double x, double low, double high, int bits);

} // namespace gradus
