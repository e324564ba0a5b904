// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_errors.h"

#include <algorithm>
#include <cmath>

namespace gradus {

PowerErrors PowerErrors::ofMagnitudes(const MagnitudeHistogram& magnitudes)
{
    return ofBins(magnitudes.bins(), static_cast<double>(magnitudes.largest()));
}

PowerErrors PowerErrors::ofBins(const std::vector<MagnitudeBin>& bins, double largest)
{
    PowerErrors errors;
    errors.m_binned = true;
    const double s = largest;
    Sums sums{};
    errors.m_sums.push_back(sums);
    if (!(s > 0))
        return errors;
    float last = 0;
    const auto addBorder = [&](double magnitude) {
        last = std::max(last, static_cast<float>(magnitude));
        errors.m_magnitudes.push_back(last);
        errors.m_sums.push_back(sums);
    };
    for (const MagnitudeBin& bin : bins) {
        if (bin.count == 0)
            continue;
        // Evenly spread over a range of the bin's own mean and deviation; between such ranges there
        // is nothing.
        const auto count = static_cast<double>(bin.count);
        const double mean = bin.sum / count / s;
        const double variance = bin.squares / count / (s * s) - mean * mean;
        const double half = std::sqrt(3 * std::max(0.0, variance));
        sums[0] += s * s * count;
        sums[1] += s * bin.sum;
        sums[2] += bin.squares;
        addBorder(std::max(0.0, mean - half));
        addBorder(mean + half);
    }
    return errors;
}

} // namespace gradus
