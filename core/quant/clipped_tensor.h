// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/dual_clipping.h"

namespace gradus {

/// One grid for all of x, whose two limits are searched as dualClipping() searches those of a
/// channel: beside a norm there are inputs that are as skewed as its channels (behind a GELU nearly
/// all is on one side of 0). Looks at a million values at most, in whole rows that are evenly
/// spread; the last fifth of these, which are other samples, decide against the percentiles. Throws
/// Error(Numeric) when x is not finite.
[[nodiscard]] AffineGrid clippedTensor(ConstMatrixView x, int bits, ClipSearch search,
                                       std::uint64_t seed, const Monitor& monitor);

} // namespace gradus
