// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/scheme.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// How a magnitude is rounded to a power level (reference nupes.md, section 3).
enum class PowerRounding
{
    PowerDomain, ///< |c| = ⌊N·u^a + ½⌋, as PowerQuant has it
    Nearest,     ///< the nearest level; never a larger error
};

/// The magnitudes of a power grid for u = |w|/scale in [0, 1], ascending, made once in double and
/// never by pow per element: level i is (i/N)^(1/a), i = 0 … N, of a mid-rise grid
/// ((i + ½)/(N + ½))^(1/a). The first of Levels::Power is exactly 0, the last always exactly 1.
class PowerLevels
{
public:
    /// largest: the largest magnitude code N (of a mid-rise grid the last i): 1 … 255. exponent:
    /// positive and finite.
    PowerLevels(int largest, double exponent, bool midRise = false);
    /// Of a scheme with power levels: largest = 2^(bits−1) − 1.
    PowerLevels(const Scheme& scheme, double exponent);

    [[nodiscard]] int largest() const { return m_largest; }
    [[nodiscard]] double exponent() const { return m_exponent; }
    [[nodiscard]] bool midRise() const { return m_midRise; }
    [[nodiscard]] std::span<const double> magnitudes() const { return m_magnitudes; }
    /// Place i: magnitudes from here on belong to i + 1. Ties go up. size = largest.
    [[nodiscard]] std::vector<double> thresholds(PowerRounding rounding) const;

    /// Signed levels by code, 0 … 2^bits − 1, as floats: what dequantizing multiplies by the scale.
    /// Code 0 of Levels::Power, never written, reads as −1 (that of code 1).
    [[nodiscard]] std::vector<float> table(int bits) const;

private:
    int m_largest;
    double m_exponent;
    bool m_midRise;
    std::vector<double> m_magnitudes;
};

/// Codes of weights that share a scale and an exponent; w/scale is clamped to ±1 first, −0 counts
/// as 0. Bit-reproducible: comparisons with thresholds rounded to float once.
class PowerEncoder
{
public:
    PowerEncoder(const Scheme& scheme, double exponent, PowerRounding rounding);
    [[nodiscard]] std::uint8_t encode(float w, float scale) const
    {
        return encodeNormalized(w / scale);
    }
    /// u = w/scale.
    [[nodiscard]] std::uint8_t encodeNormalized(float u) const;
    [[nodiscard]] float level(std::uint8_t code) const { return m_table[code]; }

private:
    int m_middle;
    bool m_midRise;
    std::vector<float> m_thresholds;
    std::vector<float> m_table;
};

} // namespace gradus
