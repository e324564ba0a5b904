// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/magnitude_histogram.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace gradus {

namespace {

constexpr unsigned lowBits = 13; ///< of the 23 of a float's fraction: 2^10 bins an octave
constexpr std::uint32_t lowMask = (1U << lowBits) - 1;
constexpr std::uint32_t octave = 1U << (23 - lowBits);
constexpr std::uint32_t infinity = 0x7f800000U;
constexpr std::uint32_t signBit = 0x80000000U;

/// Magnitudes of a bin are (base + low) · unit, low < 2^lowBits; those of subnormals too.
struct BinValues
{
    double base = 0;
    double unit = 0;

    explicit BinValues(std::uint32_t bin)
    {
        const std::uint32_t exponent = bin / octave;
        const std::uint32_t fraction = bin % octave << lowBits;
        base = static_cast<double>(exponent > 0 ? fraction | 1U << 23 : fraction);
        unit = std::ldexp(1.0, static_cast<int>(std::max(exponent, 1U)) - 150);
    }
};

/// The smallest and the largest magnitude that is finite and not 0, as bits; lowest > highest when
/// there is none.
struct BitRange
{
    std::uint32_t lowest = ~0U;
    std::uint32_t highest = 0;

    void take(std::uint32_t magnitude)
    {
        const bool counts = magnitude - 1 < infinity - 1;
        lowest = std::min(lowest, counts ? magnitude : ~0U);
        highest = std::max(highest, counts ? magnitude : 0U);
    }
    [[nodiscard]] bool empty() const { return lowest > highest; }
};

} // namespace

void MagnitudeHistogram::reserve(std::uint32_t lowest, std::uint32_t highest)
{
    // Whole octaves: it rarely grows twice.
    const std::uint32_t first = (lowest >> lowBits) / octave * octave;
    const std::uint32_t end = ((highest >> lowBits) / octave + 1) * octave;
    if (m_cells.empty()) {
        m_first = first;
        m_cells.resize(end - first);
        return;
    }
    const auto have = m_first + static_cast<std::uint32_t>(m_cells.size());
    if (first < m_first) {
        m_cells.insert(m_cells.begin(), m_first - first, Cell());
        m_first = first;
    }
    if (end > have)
        m_cells.resize(end - m_first);
}

void MagnitudeHistogram::count(std::uint32_t bits)
{
    Cell& cell = m_cells[(bits >> lowBits) - m_first];
    const std::uint64_t low = bits & lowMask;
    ++cell.count;
    cell.low += low;
    cell.squares += low * low;
}

void MagnitudeHistogram::add(std::span<const float> values)
{
    BitRange range;
    for (const float value : values)
        range.take(std::bit_cast<std::uint32_t>(value) & ~signBit);
    if (!range.empty()) {
        reserve(range.lowest, range.highest);
        m_largest = std::max(m_largest, range.highest);
    }
    for (const float value : values) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(value) & ~signBit;
        if (bits == 0)
            ++m_zeros;
        else if (bits < infinity)
            count(bits);
    }
}

void MagnitudeHistogram::join(const MagnitudeHistogram& other)
{
    m_zeros += other.m_zeros;
    if (other.m_cells.empty())
        return;
    m_largest = std::max(m_largest, other.m_largest);
    const auto last = other.m_first + static_cast<std::uint32_t>(other.m_cells.size()) - 1;
    reserve(other.m_first << lowBits, last << lowBits);
    Cell* cells = m_cells.data() + (other.m_first - m_first);
    for (std::size_t i = 0; i < other.m_cells.size(); ++i) {
        cells[i].count += other.m_cells[i].count;
        cells[i].low += other.m_cells[i].low;
        cells[i].squares += other.m_cells[i].squares;
    }
}

std::vector<MagnitudeBin> MagnitudeHistogram::bins() const
{
    std::vector<MagnitudeBin> bins;
    if (m_zeros > 0)
        bins.push_back({0, 0, m_zeros, 0, 0});
    for (std::size_t i = 0; i < m_cells.size(); ++i) {
        const Cell& cell = m_cells[i];
        if (cell.count == 0)
            continue;
        const BinValues at(m_first + static_cast<std::uint32_t>(i));
        const auto count = static_cast<double>(cell.count);
        const auto low = static_cast<double>(cell.low);
        MagnitudeBin bin;
        bin.lowest = std::max(at.base, 1.0) * at.unit; // the lowest bin holds 0, but no zeros
        bin.end = (at.base + (1U << lowBits)) * at.unit;
        bin.count = cell.count;
        bin.sum = (count * at.base + low) * at.unit;
        bin.squares =
            (count * at.base * at.base + 2 * at.base * low + static_cast<double>(cell.squares)) *
            at.unit * at.unit;
        bins.push_back(bin);
    }
    return bins;
}

std::int64_t MagnitudeHistogram::count() const
{
    std::int64_t total = m_zeros;
    for (const Cell& cell : m_cells)
        total += cell.count;
    return total;
}

float MagnitudeHistogram::largest() const
{
    return std::bit_cast<float>(m_largest);
}

bool MagnitudeHistogram::operator==(const MagnitudeHistogram& other) const
{
    return m_zeros == other.m_zeros && m_largest == other.m_largest && m_first == other.m_first &&
           m_cells == other.m_cells;
}

void SignedMagnitudes::add(std::span<const float> values)
{
    BitRange ranges[2];
    for (const float value : values) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        const std::uint32_t magnitude = bits & ~signBit;
        ranges[0].take(bits >= signBit ? 0 : magnitude);
        ranges[1].take(bits >= signBit ? magnitude : 0);
    }
    MagnitudeHistogram* sides[] = {&positive, &negative};
    for (int side = 0; side < 2; ++side)
        if (const BitRange& range = ranges[side]; !range.empty()) {
            sides[side]->reserve(range.lowest, range.highest);
            sides[side]->m_largest = std::max(sides[side]->m_largest, range.highest);
        }
    for (const float value : values) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        const std::uint32_t magnitude = bits & ~signBit;
        if (magnitude == 0)
            ++positive.m_zeros;
        else if (magnitude < infinity)
            sides[bits >> 31]->count(magnitude);
    }
}

void SignedMagnitudes::join(const SignedMagnitudes& other)
{
    positive.join(other.positive);
    negative.join(other.negative);
}

} // namespace gradus
