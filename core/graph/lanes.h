// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/parallel.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

/// Loops that the kernels share, forward and backward: inline, so that the compiler vectorizes them
/// where they are used.
namespace gradus::kernel {

inline constexpr std::int64_t elementGrain = 1 << 13;
inline constexpr std::size_t lanes = 16;

template <class Body>
void overElements(std::size_t count, const Body& body)
{
    parallelFor(static_cast<std::int64_t>(count), elementGrain,
                [&](std::int64_t begin, std::int64_t end) {
                    body(static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
                });
}

/// Rows per chunk so that a chunk holds about elementGrain elements.
inline std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, elementGrain / std::max<std::int64_t>(1, cols));
}

/// Sum in a fixed number of lanes: vectorises without leave to reorder.
template <class Term>
float laneSum(std::size_t count, const Term& term)
{
    std::array<float, lanes> sums{};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            sums[lane] += term(i + lane);
    float total = 0;
    for (; i < count; ++i)
        total += term(i);
    for (const float sum : sums)
        total += sum;
    return total;
}

inline float maximumOf(std::span<const float> values)
{
    std::array<float, lanes> best;
    best.fill(-std::numeric_limits<float>::infinity());
    std::size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
    for (; i < values.size(); ++i)
        best[0] = std::max(best[0], values[i]);
    return *std::max_element(best.begin(), best.end());
}

inline float exponentialOf(float x)
{
    constexpr float log2e = 1.44269504088896341F;
    constexpr float ln2High = 0.693359375F; // 10 bits: n · ln2High is exact
    constexpr float ln2Low = -2.12194440e-4F;
    constexpr float magic = 12582912.0F; // 1.5 · 2²³: adding it rounds to an integer
    const float clamped = x < -87.3F ? -87.3F : (x > 88.7F ? 88.7F : x);
    const float rounded = clamped * log2e + magic;
    const float n = rounded - magic;
    const float r = (clamped - n * ln2High) - n * ln2Low;
    // Degree 6 minimax-like Taylor tail on |r| ≤ ln2/2: relative error below 1e-7.
    float p = 1.0F / 720.0F;
    p = p * r + 1.0F / 120.0F;
    p = p * r + 1.0F / 24.0F;
    p = p * r + 1.0F / 6.0F;
    p = p * r + 0.5F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    // 2ⁿ in two factors, since n may be 128. n stands in the last bits of the sum; those of a NaN
    // are an integer too, where a conversion would be undefined.
    const auto whole = std::bit_cast<std::int32_t>(rounded) - std::bit_cast<std::int32_t>(magic);
    const std::int32_t half = whole >> 1;
    const float first = std::bit_cast<float>((half + 127) << 23);
    const float second = std::bit_cast<float>((whole - half + 127) << 23);
    const float value = p * first * second;
    return x < -87.3F ? 0.0F : (x > 88.7F ? std::numeric_limits<float>::infinity() : value);
}

/// log Σ exp(row). Runs of floats are summed in lanes, the runs in double: as good as double
/// throughout.
inline double logSumExp(std::span<const float> row)
{
    constexpr std::size_t run = 1024;
    const float top = maximumOf(row);
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); i += run) {
        const auto part = row.subspan(i, std::min(run, row.size() - i));
        sum += static_cast<double>(
            laneSum(part.size(), [&](std::size_t j) { return exponentialOf(part[j] - top); }));
    }
    return std::log(sum) + static_cast<double>(top);
}

} // namespace gradus::kernel
