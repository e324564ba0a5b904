// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_weight.h"
#include "tests/support/quant_oracles.h"

namespace gradus::test {

/// Random codes, scales and zeros: what a product does not care about need not come of a method.
inline QuantizedWeight randomWeight(std::int64_t rows, std::int64_t cols, const Scheme& scheme,
                                    std::uint64_t seed)
{
    QuantizedWeight weight;
    weight.scheme = scheme;
    weight.rows = rows;
    weight.cols = cols;
    RandomStream random(seed, "test", "weight");
    const auto levels = static_cast<std::uint64_t>(scheme.maximumCode()) + 1;
    weight.codes.resize(static_cast<std::size_t>(rows * cols));
    for (std::uint8_t& code : weight.codes)
        code = static_cast<std::uint8_t>(random.below(levels));
    const auto stored = [&](double value) {
        const auto rounded = static_cast<float>(value);
        return scheme.scaleType == DType::F16 ? roundToHalf(rounded) : rounded;
    };
    const std::int64_t count = scaleCount(scheme, rows, cols);
    for (std::int64_t i = 0; i < count; ++i) {
        weight.scales.push_back(stored(0.01 * std::exp(random.normal())));
        const double middle = 0.5 * scheme.maximumCode();
        weight.zeros.push_back(scheme.symmetric    ? static_cast<float>(1 << (scheme.bits - 1))
                               : scheme.floatZeros ? stored(middle * (1 + random.normal()))
                                                   : static_cast<float>(random.below(levels)));
    }
    return weight;
}

} // namespace gradus::test
