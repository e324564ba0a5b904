// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/distribution.h"

#include "core/base/parallel.h"
#include "core/eval/binning.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

constexpr std::int64_t chunk = 1 << 16;

bool isFinite(float x)
{
    return (std::bit_cast<std::uint32_t>(x) & 0x7F800000U) != 0x7F800000U;
}

/// Sums of powers of the distance from a mean; parts join exactly (Chan, Golub, LeVeque 1979 and
/// its extension to higher powers, Pébay 2008).
struct CentralSums
{
    double n = 0;
    double mean = 0;
    double m2 = 0;
    double m3 = 0;
    double m4 = 0;
    double lo = std::numeric_limits<double>::infinity();
    double hi = -std::numeric_limits<double>::infinity();

    void join(const CentralSums& b)
    {
        if (b.n == 0)
            return;
        if (n == 0) {
            *this = b;
            return;
        }
        const double total = n + b.n;
        const double delta = b.mean - mean;
        const double step = delta / total;
        const double product = delta * step * n * b.n;
        m4 += b.m4 + product * step * step * (n * n - n * b.n + b.n * b.n) +
              6 * step * step * (n * n * b.m2 + b.n * b.n * m2) + 4 * step * (n * b.m3 - b.n * m3);
        m3 += b.m3 + product * step * (n - b.n) + 3 * step * (n * b.m2 - b.n * m2);
        m2 += b.m2 + product;
        mean += step * b.n;
        n = total;
        lo = std::min(lo, b.lo);
        hi = std::max(hi, b.hi);
    }
};

CentralSums centralSums(std::span<const float> values)
{
    constexpr std::size_t lanes = 8;
    CentralSums s;
    double count[lanes] = {};
    double sum[lanes] = {};
    float lo[lanes];
    float hi[lanes];
    std::fill(lo, lo + lanes, std::numeric_limits<float>::max());
    std::fill(hi, hi + lanes, std::numeric_limits<float>::lowest());
    const auto first = [&](std::size_t j, float x) {
        const bool good = isFinite(x);
        const float kept = good ? x : 0;
        count[j] += good ? 1 : 0;
        sum[j] += static_cast<double>(kept);
        lo[j] = good && x < lo[j] ? x : lo[j];
        hi[j] = good && x > hi[j] ? x : hi[j];
    };
    const std::size_t whole = values.size() / lanes * lanes;
    for (std::size_t i = 0; i < whole; i += lanes)
        for (std::size_t j = 0; j < lanes; ++j)
            first(j, values[i + j]);
    for (std::size_t i = whole; i < values.size(); ++i)
        first(0, values[i]);
    double total = 0;
    for (std::size_t j = 0; j < lanes; ++j) {
        s.n += count[j];
        total += sum[j];
    }
    if (s.n == 0)
        return s;
    s.lo = static_cast<double>(*std::min_element(lo, lo + lanes));
    s.hi = static_cast<double>(*std::max_element(hi, hi + lanes));
    s.mean = total / s.n;
    double m2[lanes] = {};
    double m3[lanes] = {};
    double m4[lanes] = {};
    const double mean = s.mean;
    const auto second = [&](std::size_t j, float x) {
        const double distance = isFinite(x) ? static_cast<double>(x) - mean : 0;
        const double square = distance * distance;
        m2[j] += square;
        m3[j] += square * distance;
        m4[j] += square * square;
    };
    for (std::size_t i = 0; i < whole; i += lanes)
        for (std::size_t j = 0; j < lanes; ++j)
            second(j, values[i + j]);
    for (std::size_t i = whole; i < values.size(); ++i)
        second(0, values[i]);
    for (std::size_t j = 0; j < lanes; ++j) {
        s.m2 += m2[j];
        s.m3 += m3[j];
        s.m4 += m4[j];
    }
    return s;
}

std::span<const float> part(std::span<const float> values, std::int64_t begin, std::int64_t end)
{
    return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

} // namespace

Moments moments(std::span<const float> values, const Monitor* monitor)
{
    const CentralSums s = parallelReduce(
        static_cast<std::int64_t>(values.size()), chunk, CentralSums{},
        [&](std::int64_t begin, std::int64_t end) { return centralSums(part(values, begin, end)); },
        [](CentralSums& total, const CentralSums& one) { total.join(one); }, monitor);
    Moments m;
    m.count = static_cast<std::int64_t>(s.n);
    m.nonFinite = static_cast<std::int64_t>(values.size()) - m.count;
    if (m.count == 0)
        return m;
    m.mean = s.mean;
    m.minimum = s.lo;
    m.maximum = s.hi;
    if (s.lo == s.hi) // no spread but that of rounding the mean
        return m;
    const double variance = s.m2 / s.n;
    m.std = std::sqrt(variance);
    if (variance > 0)
        m.excessKurtosis = s.m4 / s.n / (variance * variance) - 3;
    return m;
}

double outlierShare(std::span<const float> values, const Moments& moments, double multiple,
                    const Monitor* monitor)
{
    if (moments.count == 0)
        return 0;
    const double limit = multiple * moments.std;
    const std::int64_t outside = parallelReduce(
        static_cast<std::int64_t>(values.size()), chunk, std::int64_t(0),
        [&](std::int64_t begin, std::int64_t end) {
            std::int64_t count = 0;
            for (const float x : part(values, begin, end))
                count += isFinite(x) && std::fabs(static_cast<double>(x) - moments.mean) > limit;
            return count;
        },
        [](std::int64_t& total, std::int64_t one) { total += one; }, monitor);
    return static_cast<double>(outside) / static_cast<double>(moments.count);
}

Histogram histogram(std::span<const float> values, double lo, double hi, int bins,
                    const Monitor* monitor)
{
    return parallelReduce(
        static_cast<std::int64_t>(values.size()), std::max<std::int64_t>(chunk, 64LL * bins),
        HistogramCounter(lo, hi, bins).counted(),
        [&](std::int64_t begin, std::int64_t end) {
            HistogramCounter counter(lo, hi, bins);
            counter.add(part(values, begin, end));
            return counter.counted();
        },
        [](Histogram& total, const Histogram& one) { join(total, one); }, monitor);
}

} // namespace gradus
