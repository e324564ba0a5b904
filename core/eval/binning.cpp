// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/binning.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace gradus {

namespace {
/// Values in a row are counted in different tables, so that runs of equal ones need not wait for
/// each other.
constexpr std::size_t ways = 4;
} // namespace

Binning::Binning(double low, double high, int count)
    : lo(low)
    , hi(high)
    , factor(high > low ? count / (high - low) : 0)
    , bins(count)
{
    assert(count >= 1);
}

void Binning::slots(std::span<const float> values, std::int32_t* slots) const
{
    const double begin = lo;
    const double end = hi;
    const double scale = factor;
    const double last = bins - 1;
    const std::int32_t above = bins + 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = static_cast<double>(values[i]);
        double place = (x - begin) * scale;
        place = place < last ? place : last; // hi itself belongs to the last bin
        place = place > 0 ? place : 0;
        std::int32_t slot = static_cast<std::int32_t>(place) + 1;
        slot = x < begin ? 0 : slot;
        slot = x > end ? above : slot;
        slots[i] = x == x ? slot : above + 1;
    }
}

HistogramCounter::HistogramCounter(double lo, double hi, int bins)
    : m_binning(lo, hi, bins)
    , m_counts(ways * m_binning.slotCount())
{
}

void HistogramCounter::add(std::span<const float> values)
{
    const std::size_t count = m_binning.slotCount();
    std::array<std::uint32_t*, ways> tables{};
    for (std::size_t way = 0; way < ways; ++way)
        tables[way] = m_counts.data() + way * count;
    std::array<std::int32_t, 512> slots{};
    for (std::size_t begin = 0; begin < values.size(); begin += slots.size()) {
        const auto some = values.subspan(begin, std::min(slots.size(), values.size() - begin));
        m_binning.slots(some, slots.data());
        std::size_t i = 0;
        for (; i + ways <= some.size(); i += ways)
            for (std::size_t way = 0; way < ways; ++way)
                ++tables[way][slots[i + way]];
        for (; i < some.size(); ++i)
            ++tables[0][slots[i]];
    }
}

Histogram HistogramCounter::counted() const
{
    Histogram h;
    h.lo = m_binning.lo;
    h.hi = m_binning.hi;
    const std::size_t count = m_binning.slotCount();
    const auto total = [&](std::size_t slot) {
        std::int64_t sum = 0;
        for (std::size_t way = 0; way < ways; ++way)
            sum += m_counts[way * count + slot];
        return sum;
    };
    h.below = total(0);
    h.above = total(count - 2);
    h.counts.resize(count - 3);
    for (std::size_t i = 0; i < h.counts.size(); ++i)
        h.counts[i] = total(i + 1);
    return h;
}

void join(Histogram& total, const Histogram& part)
{
    assert(total.counts.size() == part.counts.size());
    for (std::size_t i = 0; i < total.counts.size(); ++i)
        total.counts[i] += part.counts[i];
    total.below += part.below;
    total.above += part.above;
}

} // namespace gradus
