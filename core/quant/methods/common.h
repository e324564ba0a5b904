// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/grid.h"
#include "core/quant/solve.h"

#include <algorithm>

namespace gradus {

/// What the methods share. Nothing here is for other folders.

/// Rows that make a task of a worthwhile size.
[[nodiscard]] inline std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(cols, 1));
}

/// Codes, scales and zeros of the right sizes, not yet filled.
[[nodiscard]] QuantizedWeight emptyWeight(const Scheme& scheme, std::int64_t rows,
                                          std::int64_t cols);

/// Throws Error(Numeric) naming the first weight that is not finite.
void requireFinite(ConstMatrixView weight, const Monitor& monitor);
[[noreturn]] void throwNotFinite(ConstMatrixView weight);

/// How the range of a granule is chosen.
struct RangeSearch
{
    bool enabled = false; ///< false: min/max
    double minimumClip = 0.4;
    int steps = 60;
};

/// The grid of one granule of finite values.
[[nodiscard]] UniformGrid granuleGrid(std::span<const float> values, const Scheme& scheme,
                                      const RangeSearch& clip);
/// The same for one granule that is the whole matrix; parallel.
[[nodiscard]] UniformGrid matrixGrid(ConstMatrixView weight, const Scheme& scheme,
                                     const RangeSearch& clip, const Monitor& monitor);

/// Rounds weight to the nearest level of the grid of its granule. Throws Error(Numeric) when a
/// weight is not finite.
[[nodiscard]] QuantizedWeight roundToNearest(ConstMatrixView weight, const Scheme& scheme,
                                             const RangeSearch& clip, const Monitor& monitor);

} // namespace gradus
