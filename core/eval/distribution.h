// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/power_levels.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

struct Moments
{
    std::int64_t count = 0;
    std::int64_t nonFinite = 0; ///< left out of everything else
    double mean = 0;
    double std = 0; ///< population
    double minimum = 0;
    double maximum = 0;
    double excessKurtosis = 0; ///< 0 for a constant
};
[[nodiscard]] Moments moments(std::span<const float> values, const Monitor* monitor = nullptr);

/// Share of values with |w − mean| > multiple · std.
[[nodiscard]] double outlierShare(std::span<const float> values, const Moments& moments,
                                  double multiple = 6, const Monitor* monitor = nullptr);

/// Equal bins over [lo, hi]; values outside are counted in below and above.
struct Histogram
{
    double lo = 0;
    double hi = 0;
    std::vector<std::int64_t> counts;
    std::int64_t below = 0;
    std::int64_t above = 0;
    [[nodiscard]] double binWidth() const { return (hi - lo) / static_cast<double>(counts.size()); }
};
[[nodiscard]] Histogram histogram(std::span<const float> values, double lo, double hi, int bins,
                                  const Monitor* monitor = nullptr);

/// A weight far from the others, and where it stands.
struct Outlier
{
    std::int64_t row = 0;
    std::int64_t col = 0;
    float value = 0;
    double sigmas = 0; ///< signed distance from the mean in standard deviations
};
struct OutlierList
{
    double multiple = 6;
    std::int64_t count = 0; ///< all of them: |w − mean| > multiple · std, as outlierShare has it
    std::vector<Outlier> largest; ///< by |sigmas|, descending; ties by row, then column
};
/// moments: those of w. At most `limit` outliers are listed, all are counted.
[[nodiscard]] OutlierList findOutliers(ConstMatrixView w, const Moments& moments, double multiple,
                                       std::size_t limit, Monitor& monitor);

/// A channel is a row of W (output) or a column (input).
enum class ChannelAxis
{
    Output,
    Input
};

/// The spread of every channel. Quantile q of n values is their order statistic with index
/// round(q·(n − 1)), a weight that is there. NaN for a channel without finite weights.
struct ChannelRanges
{
    ChannelAxis axis = ChannelAxis::Output;
    std::vector<float> minimum;
    std::vector<float> low; ///< 1 % quantile
    std::vector<float> lowerQuartile;
    std::vector<float> median;
    std::vector<float> upperQuartile;
    std::vector<float> high; ///< 99 % quantile
    std::vector<float> maximum;
};
[[nodiscard]] ChannelRanges channelRanges(ConstMatrixView w, ChannelAxis axis, Monitor& monitor);

/// The distributions of all channels side by side, as an image: columns of neighbouring channels,
/// bins over [lo, hi] as in histogram().
struct ChannelStrip
{
    ChannelAxis axis = ChannelAxis::Output;
    std::int64_t channels = 0;
    std::int64_t channelsPerColumn = 1; ///< the last column may hold fewer
    double lo = 0;
    double hi = 0;
    int bins = 0;
    /// Column after column, each from the lowest bin up: the share of that column's finite weights
    /// in the bin. Weights beyond lo and hi count in the whole, in no bin.
    std::vector<float> share;
    [[nodiscard]] std::int64_t columns() const
    {
        return (channels + channelsPerColumn - 1) / channelsPerColumn;
    }
};
[[nodiscard]] ChannelStrip channelStrip(ConstMatrixView w, ChannelAxis axis, double lo, double hi,
                                        int bins, std::int64_t maximumColumns, Monitor& monitor);

/// The best exponent a of the power grid of scheme.bits (and mid-rise levels, if the scheme has
/// them), scale = max|w| of each granule, rounding in the power domain, no clip (PowerQuant;
/// reference nupes.md, sections 3 and 4). NMSE = Σ(w − ŵ)²/Σw².
struct ExponentFit
{
    double bestExponent = 1;
    double bestNmse = 0;
    double uniformNmse = 0; ///< exponent 1
};
/// W: out × in. bits 2 … 8. The search of power_search.h: exact for few weights, by bins for many,
/// whose winner is measured. Error against exponent: exponent_study.h.
[[nodiscard]] ExponentFit fitExponent(ConstMatrixView weight, const Scheme& scheme,
                                      Monitor& monitor);
[[nodiscard]] double powerGridNmse(ConstMatrixView weight, const Scheme& scheme, double exponent,
                                   const Monitor* monitor = nullptr);

/// What the power grid with one exponent makes of a weight.
struct PowerGridView
{
    double exponent = 1;
    PowerRounding rounding = PowerRounding::PowerDomain;
    double clip = 1; ///< scales are this share of the largest magnitudes
    int largest = 7; ///< N
    bool midRise = false;
    double nmse = 0;
    std::vector<float> levels; ///< of the first granule, ascending, without repetitions
    Histogram dequantized;     ///< over [lo, hi]
    /// Weights where their grid is uniform: t = N · sgn(w) · (|w|/s)^a over [−N − ½, N + ½]; with
    /// N + ½ in place of N and over [−N − 1, N + 1] for mid-rise levels. Clipped to its ends.
    Histogram companded;
    /// How many weights have each code, from the lowest up: 2N + 1 of them, 2N + 2 of mid-rise.
    std::vector<std::int64_t> occupancy;
};
[[nodiscard]] PowerGridView powerGridView(ConstMatrixView weight, const Scheme& scheme,
                                          double exponent, double lo, double hi, int bins,
                                          Monitor& monitor,
                                          PowerRounding rounding = PowerRounding::PowerDomain,
                                          double clip = 1);

} // namespace gradus
