// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/eval/binning.h"
#include "core/eval/distribution.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {

namespace {

bool isFinite(float x)
{
    return (std::bit_cast<std::uint32_t>(x) & 0x7F800000U) != 0x7F800000U;
}

/// Rows that make a task of a worthwhile size.
std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(cols, 1));
}

/// Channels of a task: inputs are read 16 at a time, a cache line of each row.
constexpr std::int64_t inputsAtOnce = 16;

bool further(const Outlier& a, const Outlier& b)
{
    const double x = std::fabs(a.sigmas);
    const double y = std::fabs(b.sigmas);
    if (x != y)
        return x > y;
    return a.row != b.row ? a.row < b.row : a.col < b.col;
}

/// Leaves the `limit` furthest ones, in any order.
void trim(std::vector<Outlier>& list, std::size_t limit)
{
    if (list.size() <= limit)
        return;
    std::nth_element(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(limit), list.end(),
                     further);
    list.resize(limit);
}

} // namespace

OutlierList findOutliers(ConstMatrixView w, const Moments& moments, double multiple,
                         std::size_t limit, Monitor& monitor)
{
    OutlierList identity;
    identity.multiple = multiple;
    if (!(moments.std > 0))
        return identity;
    const double mean = moments.mean;
    const double border = multiple * moments.std;
    const std::size_t room = limit + std::max<std::size_t>(limit, 64); // trimmed when full
    OutlierList all = parallelReduce(
        w.rows, rowGrain(w.cols), identity,
        [&](std::int64_t begin, std::int64_t end) {
            OutlierList part = identity;
            const auto keep = [&](std::int64_t r, std::int64_t c, float x) {
                part.largest.push_back({r, c, x, (static_cast<double>(x) - mean) / moments.std});
                if (part.largest.size() >= room)
                    trim(part.largest, limit);
            };
            constexpr std::size_t block = 256;
            for (std::int64_t r = begin; r < end; ++r) {
                const std::span<const float> row = w.row(r);
                for (std::size_t from = 0; from < row.size(); from += block) {
                    const auto some = row.subspan(from, std::min(block, row.size() - from));
                    int outside = 0; // counted first, without branches: outliers are rare
                    for (const float x : some)
                        outside +=
                            static_cast<int>(isFinite(x)) &
                            static_cast<int>(std::fabs(static_cast<double>(x) - mean) > border);
                    part.count += outside;
                    if (outside == 0 || limit == 0)
                        continue;
                    for (std::size_t i = 0; i < some.size(); ++i)
                        if (isFinite(some[i]) &&
                            std::fabs(static_cast<double>(some[i]) - mean) > border)
                            keep(r, static_cast<std::int64_t>(from + i), some[i]);
                }
            }
            trim(part.largest, limit);
            return part;
        },
        [&](OutlierList& total, const OutlierList& part) {
            total.count += part.count;
            total.largest.insert(total.largest.end(), part.largest.begin(), part.largest.end());
            if (total.largest.size() >= room)
                trim(total.largest, limit);
        },
        &monitor);
    trim(all.largest, limit);
    std::sort(all.largest.begin(), all.largest.end(), further);
    return all;
}

namespace {

/// The order statistics of a channel; rearranges its values, which are finite.
struct Quantiles
{
    float minimum;
    float low;
    float lowerQuartile;
    float median;
    float upperQuartile;
    float high;
    float maximum;
};

Quantiles quantilesOf(std::span<float> v)
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    if (v.empty())
        return {nan, nan, nan, nan, nan, nan, nan};
    const auto index = [&](double q) {
        return static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(v.size() - 1)));
    };
    const auto begin = v.begin();
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(v.size());
    const std::ptrdiff_t at[] = {index(0.01), index(0.25), index(0.5), index(0.75), index(0.99)};
    // From the middle outwards: each selection leaves a smaller part for the next.
    std::nth_element(begin, begin + at[2], v.end());
    std::nth_element(begin, begin + at[1], begin + at[2]);
    std::nth_element(begin, begin + at[0], begin + at[1]);
    const auto after = [&](std::ptrdiff_t i) { return begin + std::min(i + 1, size); };
    if (at[3] > at[2])
        std::nth_element(after(at[2]), begin + at[3], v.end());
    if (at[4] > at[3])
        std::nth_element(after(at[3]), begin + at[4], v.end());
    const auto value = [&](std::ptrdiff_t i) { return v[static_cast<std::size_t>(i)]; };
    return {*std::min_element(begin, begin + at[0] + 1),
            value(at[0]),
            value(at[1]),
            value(at[2]),
            value(at[3]),
            value(at[4]),
            *std::max_element(begin + at[4], v.end())};
}

void store(ChannelRanges& ranges, std::int64_t channel, const Quantiles& q)
{
    const auto i = static_cast<std::size_t>(channel);
    ranges.minimum[i] = q.minimum;
    ranges.low[i] = q.low;
    ranges.lowerQuartile[i] = q.lowerQuartile;
    ranges.median[i] = q.median;
    ranges.upperQuartile[i] = q.upperQuartile;
    ranges.high[i] = q.high;
    ranges.maximum[i] = q.maximum;
}

} // namespace

ChannelRanges channelRanges(ConstMatrixView w, ChannelAxis axis, Monitor& monitor)
{
    const bool output = axis == ChannelAxis::Output;
    const std::int64_t channels = output ? w.rows : w.cols;
    ChannelRanges ranges;
    ranges.axis = axis;
    for (auto* values : {&ranges.minimum, &ranges.low, &ranges.lowerQuartile, &ranges.median,
                         &ranges.upperQuartile, &ranges.high, &ranges.maximum})
        values->resize(static_cast<std::size_t>(channels));
    if (output) {
        parallelFor(
            channels, rowGrain(w.cols),
            [&](std::int64_t begin, std::int64_t end) {
                std::vector<float> values(static_cast<std::size_t>(w.cols));
                for (std::int64_t r = begin; r < end; ++r) {
                    const std::span<const float> row = w.row(r);
                    const auto last = std::copy_if(row.begin(), row.end(), values.begin(),
                                                   [](float x) { return isFinite(x); });
                    store(ranges, r,
                          quantilesOf(
                              {values.data(), static_cast<std::size_t>(last - values.begin())}));
                }
            },
            &monitor);
        return ranges;
    }
    parallelFor(
        channels, inputsAtOnce,
        [&](std::int64_t begin, std::int64_t end) {
            const auto width = static_cast<std::size_t>(end - begin);
            const auto height = static_cast<std::size_t>(w.rows);
            std::vector<float> values(width * height); // channel after channel
            std::array<std::size_t, inputsAtOnce> counts{};
            for (std::int64_t r = 0; r < w.rows; ++r) {
                const float* row = w.data + r * w.stride + begin;
                for (std::size_t k = 0; k < width; ++k) {
                    values[k * height + counts[k]] = row[k];
                    counts[k] += isFinite(row[k]);
                }
            }
            for (std::size_t k = 0; k < width; ++k) {
                monitor.checkpoint();
                store(ranges, begin + static_cast<std::int64_t>(k),
                      quantilesOf({values.data() + k * height, counts[k]}));
            }
        },
        &monitor);
    return ranges;
}

namespace {

/// counts: a column's slots; finite: how many of its weights are.
void setShares(const std::uint32_t* counts, std::int64_t finite, int bins, float* share)
{
    for (int b = 0; b < bins; ++b)
        share[b] = finite > 0 ? static_cast<float>(static_cast<double>(counts[b + 1]) /
                                                   static_cast<double>(finite))
                              : 0.0F;
}

} // namespace

ChannelStrip channelStrip(ConstMatrixView w, ChannelAxis axis, double lo, double hi, int bins,
                          std::int64_t maximumColumns, Monitor& monitor)
{
    assert(maximumColumns >= 1);
    const bool output = axis == ChannelAxis::Output;
    ChannelStrip strip;
    strip.axis = axis;
    strip.channels = output ? w.rows : w.cols;
    strip.channelsPerColumn =
        std::max<std::int64_t>(1, (strip.channels + maximumColumns - 1) / maximumColumns);
    strip.lo = lo;
    strip.hi = hi;
    strip.bins = bins;
    const std::int64_t columns = strip.columns();
    strip.share.resize(static_cast<std::size_t>(columns) * static_cast<std::size_t>(bins));
    const Binning binning(lo, hi, bins);
    const std::size_t slotCount = binning.slotCount();
    // A task: some columns of the strip, wide enough to read whole cache lines of the weight.
    const std::int64_t grain =
        output ? std::max<std::int64_t>(1, rowGrain(w.cols) / strip.channelsPerColumn)
               : std::max<std::int64_t>(1, 64 / strip.channelsPerColumn);
    parallelFor(
        columns, grain,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::uint32_t> counts(static_cast<std::size_t>(end - begin) * slotCount);
            std::vector<std::int64_t> finite(static_cast<std::size_t>(end - begin));
            std::array<std::int32_t, 512> slots{};
            // A run of one row that belongs to one column of the strip.
            const auto add = [&](std::int64_t column, const float* values, std::size_t size) {
                const auto at = static_cast<std::size_t>(column - begin);
                std::uint32_t* to = counts.data() + at * slotCount;
                for (std::size_t i = 0; i < size; i += slots.size()) {
                    const std::span<const float> some(values + i, std::min(slots.size(), size - i));
                    binning.slots(some, slots.data());
                    int good = 0;
                    for (std::size_t k = 0; k < some.size(); ++k) {
                        ++to[slots[k]];
                        good += isFinite(some[k]);
                    }
                    finite[at] += good;
                }
            };
            const std::int64_t first = begin * strip.channelsPerColumn;
            const std::int64_t last = std::min(end * strip.channelsPerColumn, strip.channels);
            if (output) {
                for (std::int64_t r = first; r < last; ++r) {
                    if ((r - first) % rowGrain(w.cols) == 0)
                        monitor.checkpoint();
                    add(r / strip.channelsPerColumn, w.data + r * w.stride,
                        static_cast<std::size_t>(w.cols));
                }
            } else {
                for (std::int64_t r = 0; r < w.rows; ++r) {
                    if (r % 4096 == 0)
                        monitor.checkpoint();
                    for (std::int64_t column = begin; column < end; ++column) {
                        const std::int64_t c = column * strip.channelsPerColumn;
                        add(column, w.data + r * w.stride + c,
                            static_cast<std::size_t>(std::min(strip.channelsPerColumn, last - c)));
                    }
                }
            }
            for (std::int64_t column = begin; column < end; ++column) {
                const auto at = static_cast<std::size_t>(column - begin);
                setShares(counts.data() + at * slotCount, finite[at], bins,
                          strip.share.data() + column * bins);
            }
        },
        &monitor);
    return strip;
}

} // namespace gradus
