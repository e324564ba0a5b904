// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Uniform affine quantization of inputs (reference repquant.md, section 2.1):
/// code(x) = clamp(rne(x/s) + z, 0, L), x̂ = s·(code − z), L = 2^bits − 1. rne rounds halves to
/// even; the zero is added after rounding, is an integer and not bounded by the codes: a feature
/// that is positive throughout has a negative one.
struct AffineGrid
{
    /// Zeros go no further: floats hold their sums with codes exactly, and steps of 2^−23 of the
    /// values are as fine as float values are.
    static constexpr std::int32_t largestZero = 1 << 23;

    int bits = 8;                    ///< 2 … 8
    std::vector<float> scales;       ///< one, or one per feature; positive and finite
    std::vector<std::int32_t> zeros; ///< likewise, independently of scales
    /// RepQ-ViT's official code leaves the mean zero of a layer unrounded (section 3.3): then codes
    /// are rne(x/s) + z + fraction, clamped to 0 and L, which makes 2^bits + 1 of them. In (−1, 1);
    /// 0 everywhere else.
    float fraction = 0;
    double relativeError = 0; ///< Σ(x−x̂)²/Σx² on the calibration inputs

    bool operator==(const AffineGrid&) const = default;
    [[nodiscard]] int largest() const { return (1 << bits) - 1; }
    [[nodiscard]] float scale(std::size_t feature) const
    {
        return scales[scales.size() == 1 ? 0 : feature];
    }
    [[nodiscard]] std::int32_t zero(std::size_t feature) const
    {
        return zeros[zeros.size() == 1 ? 0 : feature];
    }
    /// Whether codes of all features mean the same: what integer products need of a layer's inputs,
    /// whose zeros may differ nevertheless (section 3.7, option 2).
    [[nodiscard]] bool hasOneScale() const { return scales.size() == 1; }
    /// A sentence naming field, value and constraint, or nothing. features: of the rows.
    [[nodiscard]] std::optional<std::string> validate(std::int64_t features) const;
};

/// x̂ of rows × features. NaN stays NaN, so that a model that computes nonsense does not look sound;
/// what is infinite saturates. May be in place.
void roundToGrid(const AffineGrid& grid, ConstMatrixView x, MatrixView out);
/// Codes, rows × features. Throws Error(Numeric) on NaN, which has none, and Error(Usage) with a
/// fraction, as such codes are no integers.
void encodeToGrid(const AffineGrid& grid, ConstMatrixView x, std::uint8_t* codes);

/// How the range of a grid is found.
enum class InputRange
{
    MinMax,
    /// Of the quantiles 0.999, 0.9999, 0.99999 and those opposite the pair of least squared error
    /// (section 2.2, as RepQ-ViT's code does it).
    Percentile,
    /// Both ends moved towards the median by the same factor, in 60 steps from 1 to 0.2: the one of
    /// least squared error.
    Mse,
};
[[nodiscard]] std::string_view inputRangeName(InputRange range); ///< "min-max", "percentile", "mse"
[[nodiscard]] std::optional<InputRange> inputRangeFromName(std::string_view name);

/// s = (high − low)/L, z = rne(−low/s) of the scale as stored; a scale is at least what keeps z
/// within largestZero. A constant c is held exactly, as powers of two divide it: s =
/// |c|/2^(bits−1), z = 0 or 2^(bits−1) (section 2.2 has |c|/L, which floats do not multiply back to
/// c); 0 by s = 1, z = 0. In double, stored as float. low ≤ high, both finite.
struct AffineStep
{
    float scale = 1;
    std::int32_t zero = 0;
};
[[nodiscard]] AffineStep affineStep(double low, double high, int bits);
/// Σ(x−x̂)² in double.
[[nodiscard]] double squaredError(std::span<const float> x, AffineStep step, int bits);

/// p-quantile of ascending values by linear interpolation at rank p·(n−1), in double.
[[nodiscard]] double quantile(std::span<const float> ascending, double p);

/// Bounds of one granule and what they make of it.
struct InputBounds
{
    double low = 0;
    double high = 0;
    AffineStep step;
    double squaredError = 0;
};
/// Throws Error(Numeric) when x is not finite. Of nothing at all: s = 1, z = 0.
[[nodiscard]] InputBounds boundsOf(std::span<const float> x, int bits, InputRange range);

/// The grid of all of x together. Throws Error(Numeric) when x is not finite.
[[nodiscard]] AffineGrid tensorGrid(ConstMatrixView x, int bits, InputRange range);
/// One scale and zero per feature; parallel over features. Throws as tensorGrid does.
[[nodiscard]] AffineGrid channelGrid(ConstMatrixView x, int bits, InputRange range);

} // namespace gradus
