// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/quant/affine_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

/// Affine quantization by its definition, one value at a time in double, for tests to check
/// against.
namespace gradus::test {

inline double oracleCode(double x, double scale, double zero, int bits)
{
    const double code = std::nearbyint(x / scale) + zero;
    return std::min(std::max(code, 0.0), static_cast<double>((1 << bits) - 1));
}

inline double oracleRounded(double x, double scale, double zero, int bits)
{
    return scale * (oracleCode(x, scale, zero, bits) - zero);
}

inline double oracleError(std::span<const float> x, double scale, double zero, int bits)
{
    double sum = 0;
    for (const float value : x) {
        const auto exact = static_cast<double>(value);
        const double difference = exact - oracleRounded(exact, scale, zero, bits);
        sum += difference * difference;
    }
    return sum;
}

/// By a full sort.
inline double oracleQuantile(std::vector<float> x, double p)
{
    std::sort(x.begin(), x.end());
    const double rank = p * static_cast<double>(x.size() - 1);
    const auto i = static_cast<std::size_t>(std::floor(rank));
    const auto low = static_cast<double>(x[i]);
    const auto high = static_cast<double>(x[std::min(i + 1, x.size() - 1)]);
    return low + (rank - static_cast<double>(i)) * (high - low);
}

/// Skewed features with heavy tails, of many widths and offsets: what norms put out. The first is
/// far from 0, the second as it is.
inline Tensor skewedRows(std::int64_t rows, std::int64_t features, std::uint64_t seed)
{
    RandomStream random(seed);
    std::vector<double> width;
    std::vector<double> offset;
    std::vector<double> skew;
    for (std::int64_t d = 0; d < features; ++d) {
        width.push_back(std::exp(1.5 * random.normal()));
        offset.push_back(d == 0 ? 40 : d == 1 ? 0 : 2 * random.normal());
        skew.push_back(random.uniform());
    }
    Tensor x({rows, features});
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t d = 0; d < features; ++d) {
            const auto at = static_cast<std::size_t>(d);
            const double n = random.normal();
            const double tail = n * std::exp(0.45 * std::fabs(n));
            const double value = tail > 0 ? tail : tail * skew[at];
            x.matrix().row(r)[at] = static_cast<float>(width[at] * (value + offset[at]));
        }
    return x;
}

inline std::vector<float> columnOf(ConstMatrixView x, std::int64_t feature)
{
    std::vector<float> values;
    for (std::int64_t r = 0; r < x.rows; ++r)
        values.push_back(x.row(r)[static_cast<std::size_t>(feature)]);
    return values;
}

inline AffineGrid gridOf(int bits, std::vector<float> scales, std::vector<std::int32_t> zeros)
{
    AffineGrid grid;
    grid.bits = bits;
    grid.scales = std::move(scales);
    grid.zeros = std::move(zeros);
    return grid;
}

inline ConstMatrixView oneRow(const std::vector<float>& x)
{
    return {x.data(), 1, static_cast<std::int64_t>(x.size())};
}

} // namespace gradus::test
