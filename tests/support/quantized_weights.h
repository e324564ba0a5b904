// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/quant/quantized_weight.h"
#include "core/tensor/half.h"

namespace gradus::test {

/// Random exponents (one, or one for each row) and, with a share above 0, outliers for a weight
/// with power levels whose other parts are there.
inline void addPowerParts(QuantizedWeight& weight, std::uint64_t seed, bool perRow, double share)
{
    RandomStream random(seed);
    for (std::int64_t i = 0; i < (perRow ? weight.rows : 1); ++i)
        weight.exponents.push_back(static_cast<float>(0.3 + random.uniform()));
    SparseWeights& outliers = weight.outliers;
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        outliers.rowStarts.push_back(static_cast<std::uint32_t>(outliers.columns.size()));
        for (std::int64_t c = 0; c < weight.cols; ++c)
            if (random.uniform() < share) {
                const auto value = static_cast<float>(random.normal());
                outliers.columns.push_back(static_cast<std::uint32_t>(c));
                outliers.values.push_back(weight.scheme.scaleType == DType::F16 ? roundToHalf(value)
                                                                                : value);
            }
    }
    outliers.rowStarts.push_back(static_cast<std::uint32_t>(outliers.columns.size()));
    if (outliers.columns.empty())
        outliers.rowStarts.clear();
}

/// Random codes, scales and zeros under the scheme: what stores or multiplies a weight does not
/// care whether it came of a method. leastZero keeps zeros away from 0.
inline QuantizedWeight sampleWeight(const Scheme& scheme, std::int64_t rows, std::int64_t cols,
                                    std::uint64_t seed, bool indexed = false, int leastZero = 0)
{
    RandomStream random(seed);
    QuantizedWeight weight;
    weight.scheme = scheme;
    weight.rows = rows;
    weight.cols = cols;
    const auto levels = static_cast<std::uint64_t>(scheme.maximumCode()) + 1;
    for (std::int64_t i = 0; i < rows * cols; ++i)
        weight.codes.push_back(static_cast<std::uint8_t>(
            scheme.levels == Levels::Power ? 1 + random.below(levels - 1) : random.below(levels)));
    for (std::int64_t i = 0; i < scaleCount(scheme, rows, cols); ++i) {
        const auto scale = static_cast<float>(0.001 + 0.02 * random.uniform());
        weight.scales.push_back(scheme.scaleType == DType::F16 ? roundToHalf(scale) : scale);
        const auto zero =
            static_cast<float>(static_cast<std::uint64_t>(leastZero) +
                               random.below(levels - static_cast<std::uint64_t>(leastZero)));
        weight.zeros.push_back(scheme.symmetric ? static_cast<float>(1 << (scheme.bits - 1))
                               : scheme.floatZeros
                                   ? roundToHalf(zero + static_cast<float>(random.normal()))
                                   : zero);
    }
    if (indexed) {
        const auto groups = static_cast<std::uint64_t>(groupsPerRow(scheme, cols));
        for (std::int64_t i = 0; i < cols; ++i)
            weight.groupIndex.push_back(static_cast<std::int32_t>(random.below(groups)));
    }
    if (scheme.levels != Levels::Uniform)
        addPowerParts(weight, seed + 1, seed % 2 == 0, seed % 3 == 0 ? 0 : 0.05);
    return weight;
}

/// The same with power levels: exponents[0] for all rows, or one for each. powersOfTwo: scales, so
/// that products with them are exact.
inline QuantizedWeight samplePowerWeight(Scheme scheme, std::int64_t rows, std::int64_t cols,
                                         std::vector<float> exponents, std::uint64_t seed,
                                         bool powersOfTwo = false)
{
    scheme.symmetric = true;
    if (scheme.levels == Levels::Uniform)
        scheme.levels = Levels::Power;
    QuantizedWeight weight = sampleWeight(scheme, rows, cols, seed);
    weight.exponents = std::move(exponents);
    weight.outliers = {};
    for (std::uint8_t& code : weight.codes)
        if (code == 0 && scheme.levels == Levels::Power)
            code = 1;
    RandomStream random(seed + 1);
    for (float& scale : weight.scales)
        if (powersOfTwo)
            scale = static_cast<float>(1.0 / static_cast<double>(1 << random.below(4)));
    return weight;
}

/// A few weights of every row become outliers: their codes are those of the level nearest 0.
inline void addOutliers(QuantizedWeight& weight, std::int64_t perRow, std::uint64_t seed)
{
    RandomStream random(seed);
    const auto middle = static_cast<std::uint8_t>(1 << (weight.scheme.bits - 1));
    weight.outliers = {};
    weight.outliers.rowStarts.push_back(0);
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        const std::int64_t step = std::max<std::int64_t>(1, weight.cols / perRow);
        for (std::int64_t c = r % step; c < weight.cols; c += step) {
            weight.codes[static_cast<std::size_t>(r * weight.cols + c)] = middle;
            weight.outliers.columns.push_back(static_cast<std::uint32_t>(c));
            weight.outliers.values.push_back(roundToHalf(static_cast<float>(random.normal())));
        }
        weight.outliers.rowStarts.push_back(
            static_cast<std::uint32_t>(weight.outliers.columns.size()));
    }
}

} // namespace gradus::test
