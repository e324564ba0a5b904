// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/quant/quantized_weight.h"
#include "core/tensor/half.h"

namespace gradus::test {

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
        weight.codes.push_back(static_cast<std::uint8_t>(random.below(levels)));
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
    return weight;
}

} // namespace gradus::test
