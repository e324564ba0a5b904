// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/order_statistics.h"

#include "core/base/parallel.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <limits>

namespace gradus {

namespace {

constexpr std::size_t sampleCount = 1024;
constexpr std::int64_t chunk = 1 << 16;

struct Ends
{
    std::vector<float> low;
    std::vector<float> high;
};

/// Limits that about 1 % of the values reach, from evenly spaced ones: at least `tail` of them do
/// unless the sample is very unlucky, and then nothing is lost but time.
struct Limits
{
    float low;
    float high;
};

Limits guessLimits(std::span<const float> x, double tail)
{
    std::vector<float> sample(sampleCount);
    for (std::size_t i = 0; i < sampleCount; ++i)
        sample[i] = x[i * x.size() / sampleCount];
    const double expected = tail * static_cast<double>(sampleCount);
    const auto rank = static_cast<std::ptrdiff_t>(expected + 5 * std::sqrt(expected) + 3);
    const auto low = sample.begin() + rank;
    std::nth_element(sample.begin(), low, sample.end());
    const auto high = sample.end() - 1 - rank;
    std::nth_element(low, high, sample.end());
    return {*low, *high};
}

Ends valuesBeyond(std::span<const float> x, Limits limits)
{
    const auto collect = [&](std::int64_t begin, std::int64_t end) {
        Ends ends;
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
            if (x[i] <= limits.low)
                ends.low.push_back(x[i]);
            if (x[i] >= limits.high)
                ends.high.push_back(x[i]);
        }
        return ends;
    };
    const auto count = static_cast<std::int64_t>(x.size());
    if (count <= chunk)
        return collect(0, count);
    return parallelReduce(count, chunk, Ends(), collect, [](Ends& all, const Ends& part) {
        all.low.insert(all.low.end(), part.low.begin(), part.low.end());
        all.high.insert(all.high.end(), part.high.begin(), part.high.end());
    });
}

/// The first `count` in order, the others gone.
template <class Order>
void keepFirst(std::vector<float>& values, std::size_t count, const Order& order)
{
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(count);
    if (end != values.end())
        std::nth_element(values.begin(), end, values.end(), order);
    values.resize(count);
    std::sort(values.begin(), values.end(), order);
}

} // namespace

TailQuantiles::TailQuantiles(std::span<const float> x, double tail)
    : m_count(x.size())
{
    assert(!x.empty() && tail >= 0 && tail < 0.5);
    const auto top = static_cast<double>(x.size() - 1);
    // One rank more than the last that is interpolated from, for 1 − (1 − tail) is not tail.
    const std::size_t needed = std::min(x.size(), static_cast<std::size_t>(tail * top) + 3);
    Ends ends;
    // Values that are all alike, or nearly, would all be collected.
    if (x.size() >= 4 * sampleCount && tail <= 0.01)
        ends = valuesBeyond(x, guessLimits(x, tail));
    if (ends.low.size() < needed)
        ends.low.assign(x.begin(), x.end());
    if (ends.high.size() < needed)
        ends.high.assign(x.begin(), x.end());
    keepFirst(ends.low, needed, std::less<>());
    keepFirst(ends.high, needed, std::greater<>());
    std::reverse(ends.high.begin(), ends.high.end());
    m_lowest = std::move(ends.low);
    m_highest = std::move(ends.high);
}

double TailQuantiles::value(std::size_t rank) const
{
    if (rank < m_lowest.size())
        return static_cast<double>(m_lowest[rank]);
    assert(rank < m_count && rank + m_highest.size() >= m_count);
    return static_cast<double>(m_highest[rank + m_highest.size() - m_count]);
}

double TailQuantiles::at(double p) const
{
    const double rank = p * static_cast<double>(m_count - 1);
    const auto i = static_cast<std::size_t>(rank);
    const double low = value(i);
    const double part = rank - static_cast<double>(i);
    return part > 0 && i + 1 < m_count ? low + part * (value(i + 1) - low) : low;
}

double medianOf(std::span<const float> x)
{
    assert(!x.empty());
    std::vector<float> values(x.begin(), x.end());
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::nth_element(values.begin(), middle, values.end());
    const auto low = static_cast<double>(*middle);
    if (values.size() % 2 == 1)
        return low;
    const auto high = static_cast<double>(*std::min_element(middle + 1, values.end()));
    return low + (high - low) / 2;
}

} // namespace gradus
