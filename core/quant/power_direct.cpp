// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_direct.h"

#include "core/base/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

// Compiled without contraction: ŵ rounds as decoding does.

namespace gradus {

namespace {

constexpr std::size_t lanes = 32;

/// Rows that make a task of a worthwhile size.
std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(cols, 1));
}

/// Rows of weights in turn: body(row, grid).
template <class Body>
void overRows(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
              PowerRounding rounding, const Monitor& monitor, const Body& body)
{
    const bool shared = grids.exponents.size() == 1;
    const DirectPowerGrid first(scheme, static_cast<double>(grids.exponents[0]), rounding);
    parallelFor(
        weight.rows, rowGrain(weight.cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r) {
                if (shared)
                    body(r, first);
                else
                    body(r,
                         DirectPowerGrid(scheme, static_cast<double>(grids.exponent(r)), rounding));
            }
        },
        &monitor);
}

inline float powerOf(float distance, double norm)
{
    const float size = std::fabs(distance);
    if (norm == 2)
        return size * size;
    if (norm == 1)
        return size;
    return static_cast<float>(std::pow(static_cast<double>(size), norm));
}

} // namespace

DirectPowerGrid::DirectPowerGrid(const Scheme& scheme, double exponent, PowerRounding rounding)
    : m_middle(1 << (scheme.bits - 1))
    , m_negativeShift(scheme.levels == Levels::PowerMidRise ? 1 : 0)
{
    const PowerLevels levels(scheme, exponent);
    for (const double border : levels.thresholds(rounding))
        m_thresholds.push_back(static_cast<float>(border));
    for (const double magnitude : levels.magnitudes())
        m_magnitudes.push_back(static_cast<float>(magnitude));
}

void DirectPowerGrid::encode(std::span<const float> weights, float scale, std::uint8_t* codes) const
{
    const std::size_t count = weights.size();
    for (std::size_t i = 0; i < count; i += lanes) {
        const std::size_t here = std::min(lanes, count - i);
        float u[lanes] = {};
        std::copy_n(weights.data() + i, here, u);
        std::int32_t place[lanes] = {};
        float size[lanes];
#pragma omp simd
        for (std::size_t j = 0; j < lanes; ++j) {
            u[j] /= scale;
            size[j] = std::fabs(u[j]);
        }
        for (const float border : m_thresholds)
#pragma omp simd
            for (std::size_t j = 0; j < lanes; ++j)
                place[j] += size[j] >= border ? 1 : 0;
        std::uint8_t own[lanes];
        const std::int32_t below = m_middle - m_negativeShift;
        const std::int32_t above = m_middle;
#pragma omp simd
        for (std::size_t j = 0; j < lanes; ++j)
            place[j] = u[j] < 0 ? below - place[j] : above + place[j];
#pragma omp simd
        for (std::size_t j = 0; j < lanes; ++j)
            own[j] = static_cast<std::uint8_t>(place[j]);
        std::copy_n(own, here, codes + i);
    }
}

void DirectPowerGrid::round(std::span<const float> weights, float scale, float* rounded) const
{
    const std::size_t count = weights.size();
    for (std::size_t i = 0; i < count; i += lanes) {
        const std::size_t here = std::min(lanes, count - i);
        float u[lanes] = {};
        std::copy_n(weights.data() + i, here, u);
        float size[lanes];
        float level[lanes];
#pragma omp simd
        for (std::size_t j = 0; j < lanes; ++j) {
            u[j] /= scale;
            size[j] = std::fabs(u[j]);
            level[j] = m_magnitudes[0];
        }
        for (std::size_t k = 0; k < m_thresholds.size(); ++k) {
            const float border = m_thresholds[k];
            const float magnitude = m_magnitudes[k + 1];
#pragma omp simd
            for (std::size_t j = 0; j < lanes; ++j)
                level[j] = size[j] >= border ? magnitude : level[j];
        }
#pragma omp simd
        for (std::size_t j = 0; j < lanes; ++j)
            level[j] = scale * (u[j] < 0 ? -level[j] : level[j]);
#pragma omp simd
        for (std::size_t j = 0; j < lanes; ++j)
            level[j] = u[j] == u[j] ? level[j] : u[j];
        std::copy_n(level, here, rounded + i);
    }
}

double DirectPowerGrid::error(std::span<const float> weights, float scale, double norm) const
{
    constexpr std::size_t block = 8 * lanes;
    float rounded[block];
    double sums[lanes] = {};
    for (std::size_t i = 0; i < weights.size(); i += block) {
        const std::size_t here = std::min(block, weights.size() - i);
        round(weights.subspan(i, here), scale, rounded);
        std::fill(rounded + here, rounded + block, 0.0F);
        float distance[block] = {};
        for (std::size_t j = 0; j < here; ++j) {
            const float one = weights[i + j] - rounded[j];
            distance[j] = std::fabs(one) <= std::numeric_limits<float>::max() ? one : 0;
        }
        if (norm == 2) {
            for (std::size_t k = 0; k < block; k += lanes)
#pragma omp simd
                for (std::size_t j = 0; j < lanes; ++j)
                    sums[j] +=
                        static_cast<double>(distance[k + j]) * static_cast<double>(distance[k + j]);
        } else {
            for (std::size_t j = 0; j < here; ++j)
                sums[j % lanes] += static_cast<double>(powerOf(distance[j], norm));
        }
    }
    return std::accumulate(sums, sums + lanes, 0.0);
}

std::vector<double> powerRowErrors(ConstMatrixView weight, const Scheme& scheme,
                                   const PowerGrids& grids, PowerRounding rounding, double norm,
                                   const Monitor& monitor)
{
    std::vector<double> errors(static_cast<std::size_t>(weight.rows));
    overRows(weight, scheme, grids, rounding, monitor,
             [&](std::int64_t r, const DirectPowerGrid& grid) {
                 double sum = 0;
                 overGranules(weight, scheme, r, grids.scales,
                              [&](std::span<const float> values, float scale, std::int64_t) {
                                  sum += grid.error(values, scale, norm);
                              });
                 errors[static_cast<std::size_t>(r)] = sum;
             });
    return errors;
}

double powerError(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                  PowerRounding rounding, double norm, const Monitor& monitor)
{
    const std::vector<double> errors =
        powerRowErrors(weight, scheme, grids, rounding, norm, monitor);
    return std::accumulate(errors.begin(), errors.end(), 0.0);
}

void encodePower(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                 PowerRounding rounding, std::span<std::uint8_t> codes, const Monitor& monitor)
{
    overRows(weight, scheme, grids, rounding, monitor,
             [&](std::int64_t r, const DirectPowerGrid& grid) {
                 overGranules(weight, scheme, r, grids.scales,
                              [&](std::span<const float> values, float scale, std::int64_t c) {
                                  grid.encode(values, scale, codes.data() + r * weight.cols + c);
                              });
             });
}

void roundPower(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                PowerRounding rounding, MatrixView rounded, const Monitor& monitor)
{
    overRows(weight, scheme, grids, rounding, monitor,
             [&](std::int64_t r, const DirectPowerGrid& grid) {
                 overGranules(weight, scheme, r, grids.scales,
                              [&](std::span<const float> values, float scale, std::int64_t c) {
                                  grid.round(values, scale, rounded.row(r).data() + c);
                              });
             });
}

} // namespace gradus
