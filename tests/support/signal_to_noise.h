// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>
#include <vector>

namespace gradus::test {

/// In dB, of values beside those that they should be.
inline double sqnr(const std::vector<float>& exact, const std::vector<float>& actual)
{
    double signal = 0;
    double noise = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const double difference = static_cast<double>(exact[i]) - static_cast<double>(actual[i]);
        signal += static_cast<double>(exact[i]) * static_cast<double>(exact[i]);
        noise += difference * difference;
    }
    return 10 * std::log10(signal / noise);
}

} // namespace gradus::test
