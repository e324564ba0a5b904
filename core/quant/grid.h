// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/scheme.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// The uniform grid of one granule: w ≈ scale · (code − zero), code 0 … maximumCode. The scale is
/// already rounded to its storage type and positive.
struct UniformGrid
{
    float scale = 1;
    int zero = 0;
    int maximumCode = 15;

    [[nodiscard]] int encode(float w) const
    {
        // Clamped as float, so that a huge quotient cannot overflow the integer; ties to even.
        const float code = std::nearbyint(w / scale) + static_cast<float>(zero);
        return static_cast<int>(std::clamp(code, 0.0F, static_cast<float>(maximumCode)));
    }
    [[nodiscard]] float decode(int code) const { return scale * static_cast<float>(code - zero); }
};

/// The grid that covers [lo, hi]. Asymmetric: the range is widened to hold 0, scale =
/// (hi − lo)/(2^b − 1), zero = round(−lo/scale) clamped into the codes. Symmetric: scale =
/// 2·max(|lo|, |hi|)/(2^b − 1), zero = 2^(b−1), as GPTQ and compressed-tensors do. An empty range
/// gives scale 1, so that zeros decode to zeros. The scale is rounded to scheme.scaleType; one that
/// would underflow becomes the type's smallest normal number, one that overflows throws
/// Error(Numeric).
[[nodiscard]] UniformGrid gridForRange(float lo, float hi, const Scheme& scheme);

/// Smallest and largest of the values, extended to hold 0.
struct Range
{
    float lo = 0;
    float hi = 0;
};
[[nodiscard]] Range rangeOf(std::span<const float> values);

/// rangeOf, and whether every value is finite, in one pass.
struct RangeScan
{
    Range range;
    bool finite = true;
};
[[nodiscard]] RangeScan scanRange(std::span<const float> values);

/// grid.encode of every value, vectorised: the same codes to the bit. codes: as many as values.
void encode(std::span<const float> values, const UniformGrid& grid, std::uint8_t* codes);

/// Σ (w − decode(encode(w)))².
[[nodiscard]] double squaredError(std::span<const float> values, const UniformGrid& grid);

/// Among grids for the range shrunk by 1 … minimumClip in even steps, the one with the least
/// squared error over values; the widest wins ties.
[[nodiscard]] UniformGrid gridByMse(std::span<const float> values, const Scheme& scheme,
                                    double minimumClip, int steps);

/// The grids that gridByMse tries, from the widest on, without repetitions.
[[nodiscard]] std::vector<UniformGrid> clippedGrids(Range range, const Scheme& scheme,
                                                    double minimumClip, int steps);

} // namespace gradus
