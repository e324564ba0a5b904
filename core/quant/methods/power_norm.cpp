// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/power_norm.h"

#include "core/base/parallel.h"
#include "core/quant/power_direct.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus {

namespace {

constexpr int perOctave = 1024;
constexpr int octaves = 32; ///< from 2^-24 up
constexpr std::size_t bins = static_cast<std::size_t>(perOctave * octaves);

std::size_t binOf(double u)
{
    const double place = (std::log2(u) + 24) * perOctave;
    return place > 0 ? std::min(static_cast<std::size_t>(place), bins - 1) : 0;
}

} // namespace

PowerNormErrors::PowerNormErrors(ConstMatrixView weight, const Scheme& scheme,
                                 std::span<const float> scales, double norm, const Monitor& monitor)
    : m_norm(norm)
{
    constexpr std::int64_t few = 1 << 15;
    const auto each = [&](std::int64_t row, const auto& take) {
        overGranules(
            weight, scheme, row, scales,
            [&](std::span<const float> values, float scale, std::int64_t) {
                const double mass = std::pow(static_cast<double>(scale), norm);
                for (const float w : values)
                    if (std::isfinite(w) && scale > 0)
                        take(std::fabs(static_cast<double>(w)) / static_cast<double>(scale), mass);
            });
    };
    if (weight.rows * weight.cols <= few) {
        for (std::int64_t r = 0; r < weight.rows; ++r)
            each(r, [&](double u, double mass) { m_entries.push_back({u, mass}); });
    } else {
        using Bins = std::vector<std::array<double, 2>>;
        const Bins all = parallelReduce(
            weight.rows, (weight.rows + 7) / 8, Bins(bins),
            [&](std::int64_t begin, std::int64_t end) {
                Bins one(bins);
                for (std::int64_t r = begin; r < end; ++r) {
                    monitor.checkpoint();
                    each(r, [&](double u, double mass) {
                        std::array<double, 2>& bin = one[binOf(u)];
                        bin[0] += mass;
                        bin[1] += mass * u;
                    });
                }
                return one;
            },
            [](Bins& total, const Bins& one) {
                for (std::size_t i = 0; i < bins; ++i)
                    for (std::size_t k = 0; k < 2; ++k)
                        total[i][k] += one[i][k];
            },
            &monitor);
        for (const auto& [mass, sum] : all)
            if (mass > 0)
                m_entries.push_back({sum / mass, mass});
    }
    std::sort(m_entries.begin(), m_entries.end(), [](const Entry& a, const Entry& b) {
        return a.u != b.u ? a.u < b.u : a.mass < b.mass;
    });
}

double PowerNormErrors::error(const PreparedLevels& levels, double clip) const
{
    double sum = 0;
    std::size_t place = 0;
    for (const Entry& entry : m_entries) {
        while (place < levels.thresholds.size() && entry.u >= levels.thresholds[place] * clip)
            ++place;
        sum += entry.mass * std::pow(std::fabs(entry.u - levels.magnitudes[place] * clip), m_norm);
    }
    return sum;
}

double PowerNormErrors::total() const
{
    double sum = 0;
    for (const Entry& entry : m_entries)
        sum += entry.mass * std::pow(entry.u, m_norm);
    return sum;
}

} // namespace gradus
