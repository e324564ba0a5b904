// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/integer_operands.h"

#include "core/quant/power_levels.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdlib>

namespace gradus {

namespace {

/// What a code's magnitude is counted in: k, or 2i + 1 of mid-rise levels; with its sign.
std::int32_t countOf(const Scheme& scheme, int code)
{
    const int middle = 1 << (scheme.bits - 1);
    const int c = code - middle;
    if (scheme.levels == Levels::PowerMidRise)
        return 2 * c + 1; // c = −(i + 1) gives −(2i + 1)
    return scheme.levels == Levels::Power ? std::max(c, 1 - middle) : c;
}

IntegerOperands roundedOperands(const Scheme& scheme, float exponent)
{
    IntegerOperands operands;
    operands.exact = false;
    operands.divisor = scheme.bits <= 4 ? 127 : 32767;
    const PowerLevels levels(scheme, static_cast<double>(exponent));
    const int middle = 1 << (scheme.bits - 1);
    for (int code = 0; code < 2 * middle; ++code) {
        const int c = code - middle;
        const int place =
            levels.midRise() ? (c >= 0 ? c : -c - 1) : std::min(std::abs(c), levels.largest());
        const double magnitude =
            std::round(operands.divisor * levels.magnitudes()[static_cast<std::size_t>(place)]);
        operands.values.push_back(static_cast<std::int32_t>(c < 0 ? -magnitude : magnitude));
    }
    return operands;
}

} // namespace

std::int32_t IntegerOperands::largest() const
{
    std::int32_t largest = 0;
    for (const std::int32_t value : values)
        largest = std::max(largest, std::abs(value));
    return largest;
}

bool hasExactOperands(float exponent)
{
    return exponent == 1.0F || exponent == 0.5F;
}

IntegerOperands weightOperands(const Scheme& scheme, float exponent, bool rounded)
{
    const bool uniform = scheme.levels == Levels::Uniform;
    assert(!uniform || scheme.symmetric);
    if (!uniform && (rounded || !hasExactOperands(exponent)))
        return roundedOperands(scheme, exponent);
    IntegerOperands operands;
    const bool square = !uniform && exponent == 0.5F;
    for (int code = 0; code <= scheme.maximumCode(); ++code) {
        const std::int32_t count = countOf(scheme, code);
        operands.values.push_back(square ? count * std::abs(count) : count);
    }
    if (!uniform)
        operands.divisor = static_cast<double>(operands.values.back());
    // Only the squares of 8-bit mid-rise levels are too large.
    return operands.largest() <= 32767 ? operands : roundedOperands(scheme, exponent);
}

IntegerOperands inputOperands(const ActivationGrid& grid)
{
    assert(hasExactOperands(grid.exponent));
    IntegerOperands operands;
    const int largest = grid.largest();
    for (int code = -largest; code <= largest; ++code)
        operands.values.push_back(grid.exponent == 0.5F ? code * std::abs(code) : code);
    operands.divisor = static_cast<double>(operands.values.back());
    return operands;
}

} // namespace gradus
