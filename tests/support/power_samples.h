// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/calibration.h"
#include "core/tensor/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

/// The deterministic samples behind the reference values of power quantization (nupes.md, sections
/// 13 and 15).
namespace gradus::test {

inline double gaussQuantile(double p)
{
    // Newton's iteration on the distribution function from a crude start; exact to rounding.
    double x = p < 0.5 ? -1.0 : 1.0;
    if (p < 1e-3)
        x = -3.5;
    else if (p > 1 - 1e-3)
        x = 3.5;
    for (int i = 0; i < 60; ++i) {
        const double cdf = 0.5 * std::erfc(-x / std::sqrt(2.0));
        const double pdf = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
        const double step = std::clamp((cdf - p) / pdf, -0.5, 0.5);
        x -= step;
        if (std::fabs(step) < 1e-15)
            break;
    }
    return x;
}

inline double laplaceQuantile(double p)
{
    return p < 0.5 ? std::log(2 * p) : -std::log(2 * (1 - p));
}

/// Student's t with four degrees of freedom.
inline double t4Quantile(double p)
{
    const double al = 4 * p * (1 - p);
    const double q = std::cos(std::acos(std::sqrt(al)) / 3) / std::sqrt(al);
    return std::copysign(2 * std::sqrt(std::max(q - 1, 0.0)), p - 0.5);
}

/// On [−1, 1].
inline double uniformQuantile(double p)
{
    return 2 * p - 1;
}

constexpr int quantileSampleSize = 65536;

/// w_i = F⁻¹((i + ½)/65536), in rows of equal length.
inline Tensor quantileSample(double (*quantile)(double), std::int64_t rows = 1)
{
    Tensor w(Shape{rows, quantileSampleSize / rows});
    for (std::size_t i = 0; i < quantileSampleSize; ++i)
        w.floats()[i] =
            static_cast<float>(quantile((static_cast<double>(i) + 0.5) / quantileSampleSize));
    return w;
}

/// Number i of a fixed sequence of uniform numbers in (0, 1).
inline double splitmixUniform(std::uint64_t i)
{
    constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;
    std::uint64_t z = i * golden + golden;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    return (static_cast<double>(z >> 11) + 0.5) / 0x1p53;
}

/// Independent numbers of any distribution: numbers first … of the sequence.
inline Tensor splitmixSample(double (*quantile)(double), std::int64_t rows, std::int64_t cols,
                             double factor = 1, std::uint64_t first = 0)
{
    Tensor w(Shape{rows, cols});
    for (std::size_t i = 0; i < w.floats().size(); ++i)
        w.floats()[i] = static_cast<float>(factor * quantile(splitmixUniform(first + i)));
    return w;
}

constexpr std::int64_t referenceRows = 48;
constexpr std::int64_t referenceCols = 96;

/// The 48 × 96 test layer of section 15.
inline Tensor referenceLayer()
{
    return splitmixSample(t4Quantile, referenceRows, referenceCols, 0.05);
}

/// Its Hessian.
inline std::vector<double> referenceHessian()
{
    const auto n = static_cast<std::size_t>(referenceCols);
    std::vector<double> h(n * n);
    const auto size = [](std::size_t j) {
        return std::exp(0.7 * std::sin(1.3 * (static_cast<double>(j) + 1)));
    };
    for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < n; ++k)
            h[j * n + k] =
                size(j) * size(k) *
                std::pow(.85, std::fabs(static_cast<double>(j) - static_cast<double>(k)));
    return h;
}

/// Statistics of inputs with a given Hessian (d × d).
inline std::shared_ptr<const InputStatistics> statisticsOf(std::vector<double> hessian)
{
    auto inputs = std::make_shared<InputStatistics>();
    const auto d = static_cast<std::size_t>(std::llround(std::sqrt(hessian.size())));
    inputs->features = static_cast<std::int64_t>(d);
    inputs->rows = 4096;
    for (std::size_t j = 0; j < d; ++j) {
        inputs->secondMoment.push_back(hessian[j * d + j]);
        const auto most = static_cast<float>(3 * std::sqrt(hessian[j * d + j]));
        inputs->minimum.push_back(-most);
        inputs->maximum.push_back(most);
    }
    inputs->hessian = std::move(hessian);
    return inputs;
}

inline std::shared_ptr<const InputStatistics> referenceInputs()
{
    return statisticsOf(referenceHessian());
}

} // namespace gradus::test
