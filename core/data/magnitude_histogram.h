// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// Values that came together by their magnitude.
struct MagnitudeBin
{
    double lowest = 0; ///< border: magnitudes from here up to the next bin's
    double end = 0;    ///< all are below; of zeros 0
    std::int64_t count = 0;
    double sum = 0;     ///< of the magnitudes
    double squares = 0; ///< of their squares
};

/// Magnitudes in 1024 bins an octave, found without knowing the range: one pass over data that is
/// not kept. A bin is what the first bits of a float say; what the other bits add up to, and their
/// squares, is counted in integers, so that sums are exact and no order of adding matters (up to
/// 2^37 values in a bin). Zeros have a bin of their own, the first. Memory follows the octaves
/// seen, 24 KiB each.
class MagnitudeHistogram
{
public:
    /// Signs do not matter; what is not finite is left out.
    void add(std::span<const float> values);
    void join(const MagnitudeHistogram& other);
    [[nodiscard]] std::vector<MagnitudeBin> bins() const; ///< ascending, none empty
    [[nodiscard]] std::int64_t count() const;
    [[nodiscard]] float largest() const;
    [[nodiscard]] bool operator==(const MagnitudeHistogram& other) const;

private:
    friend struct SignedMagnitudes;
    struct Cell
    {
        std::int64_t count = 0;
        std::uint64_t low = 0;     ///< Σ of the bits below the bin's
        std::uint64_t squares = 0; ///< Σ of their squares
        bool operator==(const Cell&) const = default;
    };
    /// Makes room for these bit patterns of magnitudes, lowest ≤ highest.
    void reserve(std::uint32_t lowest, std::uint32_t highest);
    void count(std::uint32_t bits);

    std::vector<Cell> m_cells;
    std::uint32_t m_first = 0; ///< bin of the first cell
    std::int64_t m_zeros = 0;
    std::uint32_t m_largest = 0; ///< its bits
};

/// Of values with a sign. Zeros are positive.
struct SignedMagnitudes
{
    MagnitudeHistogram positive;
    MagnitudeHistogram negative;
    void add(std::span<const float> values);
    void join(const SignedMagnitudes& other);
    [[nodiscard]] bool operator==(const SignedMagnitudes& other) const = default;
};

} // namespace gradus
