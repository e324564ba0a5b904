// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/affine_grid.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <limits>

namespace gradus {

std::optional<std::string> AffineGrid::validate(std::int64_t features) const
{
    const auto fits = [features](std::size_t count) {
        return count == 1 || static_cast<std::int64_t>(count) == features;
    };
    if (bits < 2 || bits > 8)
        return concat("bits of the input grid is ", bits, ", expected 2 to 8");
    if (!fits(scales.size()))
        return concat("the input grid has ", scales.size(), " scales, expected 1 or ", features);
    if (!fits(zeros.size()))
        return concat("the input grid has ", zeros.size(), " zeros, expected 1 or ", features);
    for (std::size_t i = 0; i < scales.size(); ++i)
        if (!(scales[i] > 0 && std::isfinite(scales[i])))
            return concat("scale ", i, " of the input grid is ", scales[i],
                          ", expected a positive, finite number");
    for (std::size_t i = 0; i < zeros.size(); ++i)
        if (zeros[i] < -largestZero || zeros[i] > largestZero)
            return concat("zero ", i, " of the input grid is ", zeros[i], ", expected ",
                          -largestZero, " to ", largestZero);
    if (!(fraction > -1 && fraction < 1))
        return concat("fraction of the input grid is ", fraction,
                      ", expected a number between -1 and 1");
    if (!(relativeError >= 0 && std::isfinite(relativeError)))
        return concat("relative error of the input grid is ", relativeError,
                      ", expected 0 or a positive, finite number");
    return std::nullopt;
}

namespace {

/// Values that take some tens of microseconds.
constexpr std::int64_t grainValues = 32768;

std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, grainValues / std::max<std::int64_t>(1, cols));
}

/// x̂/s = clamp(rne(x/s), −z, L − z): the zero is in the limits alone, which floats hold exactly.
struct StepLimits
{
    float scale;
    float low;
    float high;
};

StepLimits limitsOf(float scale, std::int32_t zero, float fraction, int bits)
{
    const auto top = static_cast<float>((1 << bits) - 1);
    const float low = (0.0F - static_cast<float>(zero)) - fraction;
    return {scale, low, (top - static_cast<float>(zero)) - fraction};
}

/// NaN stays NaN; −0 becomes 0, as code − z has it.
inline float stepsOf(float x, float scale, float low, float high)
{
    float steps = std::nearbyint(x / scale);
    steps = steps < low ? low : steps;
    steps = steps > high ? high : steps;
    return steps + 0.0F;
}

/// The limits of all features in arrays, when they differ.
struct FeatureLimits
{
    std::vector<float> scale;
    std::vector<float> low;
    std::vector<float> high;

    FeatureLimits(const AffineGrid& grid, std::size_t features)
        : scale(features)
        , low(features)
        , high(features)
    {
        for (std::size_t d = 0; d < features; ++d) {
            const StepLimits limits =
                limitsOf(grid.scale(d), grid.zero(d), grid.fraction, grid.bits);
            scale[d] = limits.scale;
            low[d] = limits.low;
            high[d] = limits.high;
        }
    }
};

void roundRow(const StepLimits& limits, const float* x, float* out, std::size_t count)
{
    const auto [scale, low, high] = limits;
#pragma omp simd
    for (std::size_t i = 0; i < count; ++i)
        out[i] = scale * stepsOf(x[i], scale, low, high);
}

void roundRow(const FeatureLimits& limits, const float* x, float* out, std::size_t count)
{
    const float* scale = limits.scale.data();
    const float* low = limits.low.data();
    const float* high = limits.high.data();
#pragma omp simd
    for (std::size_t i = 0; i < count; ++i)
        out[i] = scale[i] * stepsOf(x[i], scale[i], low[i], high[i]);
}

/// Steps above the lowest code, which are codes: whole numbers up to 255.
inline std::uint8_t codeOf(float x, float scale, float low, float high)
{
    float steps = std::nearbyint(x / scale);
    steps = steps > low ? steps : low; // NaN, too
    steps = steps < high ? steps : high;
    return static_cast<std::uint8_t>(static_cast<std::int32_t>(steps - low));
}

/// Returns how many are NaN.
std::int64_t encodeRow(const StepLimits& limits, const float* x, std::uint8_t* codes,
                       std::size_t count)
{
    const auto [scale, low, high] = limits;
    std::int32_t bad = 0;
#pragma omp simd reduction(+ : bad)
    for (std::size_t i = 0; i < count; ++i) {
        codes[i] = codeOf(x[i], scale, low, high);
        bad += std::isnan(x[i]) ? 1 : 0;
    }
    return bad;
}

std::int64_t encodeRow(const FeatureLimits& limits, const float* x, std::uint8_t* codes,
                       std::size_t count)
{
    const float* scale = limits.scale.data();
    const float* low = limits.low.data();
    const float* high = limits.high.data();
    std::int32_t bad = 0;
#pragma omp simd reduction(+ : bad)
    for (std::size_t i = 0; i < count; ++i) {
        codes[i] = codeOf(x[i], scale[i], low[i], high[i]);
        bad += std::isnan(x[i]) ? 1 : 0;
    }
    return bad;
}

template <class Limits>
void roundRows(const Limits& limits, ConstMatrixView x, MatrixView out)
{
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            roundRow(limits, x.row(r).data(), out.row(r).data(), static_cast<std::size_t>(x.cols));
    });
}

template <class Limits>
std::int64_t encodeRows(const Limits& limits, ConstMatrixView x, std::uint8_t* codes)
{
    std::atomic<std::int64_t> bad = 0;
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        std::int64_t some = 0;
        for (std::int64_t r = begin; r < end; ++r)
            some += encodeRow(limits, x.row(r).data(), codes + r * x.cols,
                              static_cast<std::size_t>(x.cols));
        bad += some;
    });
    return bad;
}

bool isUniform(const AffineGrid& grid)
{
    return grid.scales.size() == 1 && grid.zeros.size() == 1;
}

StepLimits uniformLimits(const AffineGrid& grid)
{
    return limitsOf(grid.scale(0), grid.zero(0), grid.fraction, grid.bits);
}

} // namespace

void roundToGrid(const AffineGrid& grid, ConstMatrixView x, MatrixView out)
{
    assert(!grid.validate(x.cols) && x.rows == out.rows && x.cols == out.cols);
    if (isUniform(grid))
        roundRows(uniformLimits(grid), x, out);
    else
        roundRows(FeatureLimits(grid, static_cast<std::size_t>(x.cols)), x, out);
}

void encodeToGrid(const AffineGrid& grid, ConstMatrixView x, std::uint8_t* codes)
{
    assert(!grid.validate(x.cols));
    if (grid.fraction != 0)
        throw Error(ErrorCode::Usage,
                    concat("the input grid has a zero with fraction ", grid.fraction,
                           ", expected a whole one, as codes are whole"));
    const std::int64_t bad =
        isUniform(grid)
            ? encodeRows(uniformLimits(grid), x, codes)
            : encodeRows(FeatureLimits(grid, static_cast<std::size_t>(x.cols)), x, codes);
    if (bad > 0)
        throw Error(ErrorCode::Numeric,
                    concat("inputs have ", bad, bad == 1 ? " value that is" : " values that are",
                           " NaN, expected numbers, which have codes"));
}

AffineStep affineStep(double low, double high, int bits)
{
    assert(low <= high && std::isfinite(low) && std::isfinite(high) && bits >= 2 && bits <= 8);
    constexpr auto smallest = static_cast<double>(std::numeric_limits<float>::min());
    if (!(high > low)) {
        if (low == 0)
            return {1, 0};
        const int middle = 1 << (bits - 1);
        const double scale = std::max(std::fabs(low) / middle, smallest);
        return {static_cast<float>(scale), low > 0 ? 0 : middle};
    }
    const double magnitude = std::max(std::fabs(low), std::fabs(high));
    const double exact =
        std::max({(high - low) / ((1 << bits) - 1), magnitude / AffineGrid::largestZero, smallest});
    const auto scale = static_cast<float>(exact);
    // From the scale as it is stored, or the limits of far-off ranges would be off by steps.
    const double zero = std::nearbyint(-low / static_cast<double>(scale));
    constexpr double most = AffineGrid::largestZero;
    return {scale, static_cast<std::int32_t>(std::clamp(zero, -most, most))};
}

namespace {

double squaredErrorOf(const float* x, std::size_t count, const StepLimits& limits)
{
    const auto [scale, low, high] = limits;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < count; ++i) {
        const float rounded = scale * stepsOf(x[i], scale, low, high);
        const double difference = static_cast<double>(x[i]) - static_cast<double>(rounded);
        sum += difference * difference;
    }
    return sum;
}

} // namespace

double squaredError(std::span<const float> x, AffineStep step, int bits)
{
    const StepLimits limits = limitsOf(step.scale, step.zero, 0, bits);
    const auto count = static_cast<std::int64_t>(x.size());
    if (count <= grainValues)
        return squaredErrorOf(x.data(), x.size(), limits);
    return parallelReduce(
        count, grainValues, 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            return squaredErrorOf(x.data() + begin, static_cast<std::size_t>(end - begin), limits);
        },
        [](double& total, double part) { total += part; });
}

} // namespace gradus
