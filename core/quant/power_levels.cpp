// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_levels.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace gradus {

PowerLevels::PowerLevels(int largest, double exponent, bool midRise)
    : m_largest(largest)
    , m_exponent(exponent)
    , m_midRise(midRise)
    , m_magnitudes(static_cast<std::size_t>(largest) + 1)
{
    assert(largest >= 1 && largest <= 255);
    assert(std::isfinite(exponent) && exponent > 0);
    const double shift = midRise ? 0.5 : 0;
    for (int i = 0; i <= largest; ++i)
        m_magnitudes[static_cast<std::size_t>(i)] =
            std::pow((i + shift) / (largest + shift), 1 / exponent);
    if (!midRise)
        m_magnitudes.front() = 0;
    m_magnitudes.back() = 1;
}

PowerLevels::PowerLevels(const Scheme& scheme, double exponent)
    : PowerLevels((1 << (scheme.bits - 1)) - 1, exponent, scheme.levels == Levels::PowerMidRise)
{
}

std::vector<double> PowerLevels::thresholds(PowerRounding rounding) const
{
    std::vector<double> borders(static_cast<std::size_t>(m_largest));
    for (std::size_t i = 0; i < borders.size(); ++i) {
        if (rounding == PowerRounding::Nearest)
            borders[i] = (m_magnitudes[i] + m_magnitudes[i + 1]) / 2;
        else if (m_midRise)
            borders[i] = std::pow((static_cast<double>(i) + 1) / (m_largest + 0.5), 1 / m_exponent);
        else
            borders[i] = std::pow((static_cast<double>(i) + 0.5) / m_largest, 1 / m_exponent);
    }
    return borders;
}

std::vector<float> PowerLevels::table(int bits) const
{
    const int middle = 1 << (bits - 1);
    std::vector<float> levels(static_cast<std::size_t>(2 * middle));
    for (int code = 0; code < 2 * middle; ++code) {
        const int c = code - middle;
        const int place = m_midRise ? (c >= 0 ? c : -c - 1) : std::min(std::abs(c), m_largest);
        const auto magnitude = static_cast<float>(m_magnitudes[static_cast<std::size_t>(place)]);
        levels[static_cast<std::size_t>(code)] = c < 0 ? -magnitude : magnitude;
    }
    return levels;
}

PowerEncoder::PowerEncoder(const Scheme& scheme, double exponent, PowerRounding rounding)
    : m_middle(1 << (scheme.bits - 1))
    , m_midRise(scheme.levels == Levels::PowerMidRise)
{
    const PowerLevels levels(scheme, exponent);
    for (const double border : levels.thresholds(rounding))
        m_thresholds.push_back(static_cast<float>(border));
    m_table = levels.table(scheme.bits);
}

std::uint8_t PowerEncoder::encodeNormalized(float u) const
{
    const float magnitude = std::abs(u);
    int place = 0;
    for (const float border : m_thresholds)
        place += magnitude >= border ? 1 : 0;
    if (m_midRise)
        return static_cast<std::uint8_t>(u < 0 ? m_middle - 1 - place : m_middle + place);
    return static_cast<std::uint8_t>(u < 0 ? m_middle - place : m_middle + place);
}

} // namespace gradus
