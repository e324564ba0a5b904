// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/grid.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/tensor/half.h"

#include <bit>
#include <cassert>
#include <limits>

// This file is compiled with -O3 and without floating-point contraction (see CMakeLists.txt): the
// loops below vectorise, and choose the same codes as UniformGrid::encode compiled anywhere else.

namespace gradus {

namespace {

constexpr std::size_t lanes = 16;

/// scale · clip rounded to its storage type.
float storedScale(double scale, DType type)
{
    const bool half = type == DType::F16;
    float stored = static_cast<float>(scale);
    if (half)
        stored = roundToHalf(stored);
    if (!std::isfinite(stored))
        throw Error(ErrorCode::Numeric, concat("scale ", scale, " is larger than the scale type ",
                                               dtypeName(type), " can hold"));
    return std::max(stored, half ? 0x1p-14F : std::numeric_limits<float>::min());
}

/// std::rint is nearbyint but for a status flag nobody reads, and compiles to one instruction.
inline float codeOf(float w, float scale, float zero, float maximum)
{
    float code = std::rint(w / scale) + zero;
    code = code < 0 ? 0 : code;
    return code > maximum ? maximum : code;
}

} // namespace

UniformGrid gridForRange(float lo, float hi, const Scheme& scheme)
{
    UniformGrid grid;
    grid.maximumCode = scheme.maximumCode();
    grid.zero = scheme.symmetric ? 1 << (scheme.bits - 1) : 0;
    const double low = std::min(lo, 0.0F);
    const double high = std::max(hi, 0.0F);
    if (low == 0 && high == 0)
        return grid;
    const double levels = grid.maximumCode;
    const double width = scheme.symmetric ? 2 * std::max(-low, high) : high - low;
    grid.scale = storedScale(width / levels, scheme.scaleType);
    if (!scheme.symmetric) {
        const float zero = std::nearbyint(-static_cast<float>(low) / grid.scale);
        grid.zero = static_cast<int>(std::clamp(zero, 0.0F, static_cast<float>(levels)));
    }
    return grid;
}

RangeScan scanRange(std::span<const float> values)
{
    // Independent lanes: a compiler may not reorder a min by itself when NaN and −0 count.
    float lo[lanes] = {};
    float hi[lanes] = {};
    std::uint32_t magnitude[lanes] = {};
    const float* v = values.data();
    const std::size_t whole = values.size() / lanes * lanes;
    for (std::size_t i = 0; i < whole; i += lanes)
        for (std::size_t j = 0; j < lanes; ++j) {
            const float x = v[i + j];
            const std::uint32_t bits = std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFU;
            lo[j] = x < lo[j] ? x : lo[j];
            hi[j] = x > hi[j] ? x : hi[j];
            magnitude[j] = bits > magnitude[j] ? bits : magnitude[j];
        }
    for (std::size_t i = whole; i < values.size(); ++i) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(v[i]) & 0x7FFFFFFFU;
        lo[0] = v[i] < lo[0] ? v[i] : lo[0];
        hi[0] = v[i] > hi[0] ? v[i] : hi[0];
        magnitude[0] = bits > magnitude[0] ? bits : magnitude[0];
    }
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
        for (std::size_t j = 0; j < half; ++j) {
            lo[j] = lo[j + half] < lo[j] ? lo[j + half] : lo[j];
            hi[j] = hi[j + half] > hi[j] ? hi[j + half] : hi[j];
            magnitude[j] = magnitude[j + half] > magnitude[j] ? magnitude[j + half] : magnitude[j];
        }
    return {{lo[0], hi[0]}, magnitude[0] < 0x7F800000U};
}

Range rangeOf(std::span<const float> values)
{
    return scanRange(values).range;
}

void encode(std::span<const float> values, const UniformGrid& grid, std::uint8_t* codes)
{
    const float scale = grid.scale;
    const auto zero = static_cast<float>(grid.zero);
    const auto maximum = static_cast<float>(grid.maximumCode);
    const float* v = values.data();
    const std::size_t count = values.size();
    for (std::size_t i = 0; i < count; ++i)
        codes[i] = static_cast<std::uint8_t>(
            static_cast<std::int32_t>(codeOf(v[i], scale, zero, maximum)));
}

namespace {

/// squaredError that may stop as soon as it is certain to exceed limit.
double boundedSquaredError(std::span<const float> values, const UniformGrid& grid, double limit)
{
    const float scale = grid.scale;
    const auto zero = static_cast<float>(grid.zero);
    const auto maximum = static_cast<float>(grid.maximumCode);
    constexpr std::size_t block = 1024;
    double total = 0;
    for (std::size_t begin = 0; begin < values.size() && total <= limit; begin += block) {
        const float* v = values.data() + begin;
        const std::size_t count = std::min(block, values.size() - begin);
        const std::size_t whole = count / lanes * lanes;
        double sums[lanes] = {};
        const auto square = [&](float w) {
            const float code = codeOf(w, scale, zero, maximum);
            const double error =
                static_cast<double>(w) - static_cast<double>(scale * (code - zero));
            return error * error;
        };
        for (std::size_t i = 0; i < whole; i += lanes)
            for (std::size_t j = 0; j < lanes; ++j)
                sums[j] += square(v[i + j]);
        for (std::size_t i = whole; i < count; ++i)
            sums[0] += square(v[i]);
        for (std::size_t half = lanes / 2; half > 0; half /= 2)
            for (std::size_t j = 0; j < half; ++j)
                sums[j] += sums[j + half];
        total += sums[0];
    }
    return total;
}

} // namespace

double squaredError(std::span<const float> values, const UniformGrid& grid)
{
    return boundedSquaredError(values, grid, std::numeric_limits<double>::infinity());
}

std::vector<UniformGrid> clippedGrids(Range range, const Scheme& scheme, double minimumClip,
                                      int steps)
{
    assert(steps >= 2);
    std::vector<UniformGrid> grids;
    for (int i = 0; i < steps; ++i) {
        const double clip = 1 - (1 - minimumClip) * i / (steps - 1);
        const UniformGrid grid =
            gridForRange(static_cast<float>(static_cast<double>(range.lo) * clip),
                         static_cast<float>(static_cast<double>(range.hi) * clip), scheme);
        // A narrower range that rounds to the same stored scale is the same grid.
        if (grids.empty() || grid.scale != grids.back().scale || grid.zero != grids.back().zero)
            grids.push_back(grid);
    }
    return grids;
}

UniformGrid gridByMse(std::span<const float> values, const Scheme& scheme, double minimumClip,
                      int steps)
{
    UniformGrid best;
    double least = std::numeric_limits<double>::infinity();
    for (const UniformGrid& grid : clippedGrids(rangeOf(values), scheme, minimumClip, steps)) {
        const double error = boundedSquaredError(values, grid, least);
        if (error < least) {
            least = error;
            best = grid;
        }
    }
    return best;
}

} // namespace gradus
