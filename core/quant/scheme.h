// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/dtype.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// The words, fixed once: w ≈ scale · (code − zero). Weights are out × in, row-major; a group is a
/// run of consecutive inputs of one row that share a scale (and zero).

enum class Granularity
{
    Tensor,
    Channel,
    Group
};
[[nodiscard]] std::string_view
granularityName(Granularity granularity); ///< "tensor", "channel", "group"

/// Where the levels of a code stand. With c = code − 2^(bits−1), N = 2^(bits−1) − 1 and the
/// exponent a of the layer (or row); see power_levels.h.
enum class Levels
{
    Uniform, ///< scale · (code − zero)
    Power,   ///< scale · sgn(c) · (|c|/N)^(1/a), scale being the value of code N; code 0 unused
    PowerMidRise, ///< scale · ± ((i + ½)/(N + ½))^(1/a), i = 0 … N: no zero, one more level
};
[[nodiscard]] std::string_view levelsName(Levels levels); ///< "uniform", "power", "power-mid-rise"

/// Limits beyond which weights saturate: the range of every granule is cut to them before its grid
/// is made. low ≤ 0 ≤ high, low < high, finite.
struct ClipLimits
{
    float low = 0;
    float high = 0;
    bool operator==(const ClipLimits&) const = default;
};

/// How one layer's weight is quantized. Ranges: bits 2…8, groupSize ≥ 1 where it counts.
struct Scheme
{
    int bits = 4;
    Granularity granularity = Granularity::Channel;
    std::int64_t groupSize = 0;   ///< inputs per group; Granularity::Group only
    bool symmetric = false;       ///< zero = 2^(bits−1), not stored
    DType scaleType = DType::F16; ///< F16 or F32: scales are rounded to it before codes are chosen
    std::optional<ClipLimits> clip = std::nullopt; ///< narrower ranges than the weights'
    /// Zeros are real numbers of the scales' type instead of codes. A property of what a method
    /// makes, not a choice: see storedScheme. Never with symmetric.
    bool floatZeros = false;
    /// A property of what a method makes, too. Power levels are symmetric.
    Levels levels = Levels::Uniform;

    bool operator==(const Scheme&) const = default;

    /// A sentence naming field, value and constraint, or nothing.
    [[nodiscard]] std::optional<std::string> validate() const;
    [[nodiscard]] int maximumCode() const { return (1 << bits) - 1; }
};

/// Inputs per group for a weight with cols inputs: cols for tensor and channel; a group larger
/// than the row is one group.
[[nodiscard]] std::int64_t effectiveGroup(const Scheme& scheme, std::int64_t cols);
/// ⌈cols / group⌉: the last group may be short.
[[nodiscard]] std::int64_t groupsPerRow(const Scheme& scheme, std::int64_t cols);
/// Number of stored scales: 1 for tensor granularity, else rows · groupsPerRow.
[[nodiscard]] std::int64_t scaleCount(const Scheme& scheme, std::int64_t rows, std::int64_t cols);

/// Exact stored size. Codes are one dense bit stream per layer; scales take 16 or 32 bits; zeros of
/// asymmetric schemes are integers of `bits` bits, a dense stream too, or floats like the scales; a
/// permutation of the inputs (act-order without static groups) costs 32 bits per input; an exponent
/// 32 bits; outliers are rows of a sparse matrix: 32 bits for the start of each row and the end,
/// and for each outlier its column (16 bits up to 65536 inputs, else 32) and a value of the scales'
/// type.
struct StoredSize
{
    std::uint64_t codeBits = 0;
    std::uint64_t scaleBits = 0;
    std::uint64_t zeroBits = 0;
    std::uint64_t indexBits = 0;
    std::uint64_t exponentBits = 0;
    std::uint64_t outlierBits = 0;
    [[nodiscard]] std::uint64_t bytes() const; ///< each part rounded up to a byte
    [[nodiscard]] double bitsPerWeight(std::int64_t weights) const; ///< bytes()·8 / weights
};
/// What is stored beside codes, scales and zeros.
struct StoredExtras
{
    bool groupIndex = false;
    std::int64_t exponents = 0;
    std::int64_t outliers = 0;
    bool operator==(const StoredExtras&) const = default;
};
[[nodiscard]] StoredSize storedSize(const Scheme& scheme, std::int64_t rows, std::int64_t cols,
                                    const StoredExtras& extras = {});

} // namespace gradus
