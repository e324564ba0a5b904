// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// Which bin a value falls into, found for many values at once. Slot 0 is below, then the bins,
/// then above, then NaN.
struct Binning
{
    double lo = 0;
    double hi = 0;
    double factor = 0;
    int bins = 1;

    Binning(double low, double high, int count);
    [[nodiscard]] std::size_t slotCount() const { return static_cast<std::size_t>(bins) + 3; }
    /// slots: as many as values.
    void slots(std::span<const float> values, std::int32_t* slots) const;
};

/// A histogram on its way: the serial kernel of histogram(), for passes that count on the side. At
/// most 2^32 − 1 values.
class HistogramCounter
{
public:
    HistogramCounter(double lo, double hi, int bins);
    void add(std::span<const float> values);
    [[nodiscard]] Histogram counted() const;

private:
    Binning m_binning;
    std::vector<std::uint32_t> m_counts; ///< `ways` tables, one after the other
};

/// Counts of the same bins together.
void join(Histogram& total, const Histogram& part);

} // namespace gradus
