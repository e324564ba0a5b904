// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// Values that came together by their magnitude.
struct MagnitudeBin
{
    double lowest = 0; ///< border: magnitudes from here up to the next bin's
    std::int64_t count = 0;
    double sum = 0;     ///< of the magnitudes
    double squares = 0; ///< of their squares
};

/// Magnitudes in bins of equal ratio (2^(1/64) or finer), found without knowing the range: one pass
/// over data that is not kept. Zeros have a bin of their own, the first.
class MagnitudeHistogram
{
public:
    MagnitudeHistogram();
    void add(std::span<const float> values); ///< finite; signs do not matter
    void join(const MagnitudeHistogram& other);
    [[nodiscard]] std::vector<MagnitudeBin> bins() const; ///< ascending, none empty
    [[nodiscard]] std::int64_t count() const;
    [[nodiscard]] float largest() const { return m_largest; }

private:
    std::vector<std::int64_t> m_counts;
    std::vector<double> m_sums;
    std::vector<double> m_squares;
    float m_largest = 0;
};

/// Of values with a sign. Zeros are positive.
struct SignedMagnitudes
{
    MagnitudeHistogram positive;
    MagnitudeHistogram negative;
    void add(std::span<const float> values);
};

} // namespace gradus
