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

/// A scale as it is stored in F16 or F32: at least the type's smallest normal number, at most its
/// largest, rounded to it. NaN stays NaN.
[[nodiscard]] float storedScale(double scale, DType type);
/// The same rounded up: of power grids, whose largest level is the scale itself, so that the
/// largest weight does not saturate.
[[nodiscard]] float storedScaleAbove(double scale, DType type);
/// Throws Error(Numeric) when the magnitude is larger than any scale of the type.
void requireScalable(float magnitude, DType type);

/// The grid that covers [lo, hi]. Asymmetric: the range is widened to hold 0, scale =
/// (hi − lo)/(2^b − 1), zero = round(−lo/scale) clamped into the codes. Symmetric: scale =
/// 2·max(|lo|, |hi|)/(2^b − 1), zero = 2^(b−1), as GPTQ and compressed-tensors do. An empty range
/// gives scale 1, so that zeros decode to zeros. The scale is rounded to scheme.scaleType; one that
/// would underflow becomes the type's smallest normal number, one that overflows throws
/// Error(Numeric). With scheme.clip the range is cut to its limits first; where nothing of it is
/// left, everything decodes to 0 (to almost 0 with a symmetric grid).
[[nodiscard]] UniformGrid gridForRange(float lo, float hi, const Scheme& scheme);

/// Smallest and largest of the values, extended to hold 0.
struct Range
{
    float lo = 0;
    float hi = 0;
};
[[nodiscard]] Range rangeOf(std::span<const float> values);

/// rangeOf of each run of `group` values (the last may be short) into ranges; returns whether every
/// value is finite. One pass, vectorised.
[[nodiscard]] bool scanRanges(std::span<const float> values, std::int64_t group,
                              std::span<Range> ranges);

/// gridForRange of many ranges at once, vectorised: the same grids to the bit. scales and zeros: as
/// many as ranges.
void gridsForRanges(std::span<const Range> ranges, const Scheme& scheme, float* scales,
                    float* zeros);

/// UniformGrid::encode of every value with the grid of its run of `group` values, vectorised: the
/// same codes to the bit. codes: as many as values; scales and zeros: one for each run.
void encodeGroups(std::span<const float> values, std::int64_t group, const float* scales,
                  const float* zeros, int maximumCode, std::uint8_t* codes);

/// Σ (w − decode(encode(w)))².
[[nodiscard]] double squaredError(std::span<const float> values, const UniformGrid& grid);

/// Among grids for the range (cut to scheme.clip first) shrunk by 1 … minimumClip in even steps,
/// the one with the least squared error over values; the widest wins ties.
[[nodiscard]] UniformGrid gridByMse(std::span<const float> values, const Scheme& scheme,
                                    double minimumClip, int steps);

/// The grids that gridByMse tries, from the widest on, without repetitions.
[[nodiscard]] std::vector<UniformGrid> clippedGrids(Range range, const Scheme& scheme,
                                                    double minimumClip, int steps);

} // namespace gradus
