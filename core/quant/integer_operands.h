// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/activation_grid.h"
#include "core/quant/quantized_weight.h"

#include <cstdint>
#include <vector>

namespace gradus {

/// Integers in place of levels: level = integer / divisor (reference nupes.md, section 9.2).
struct IntegerOperands
{
    std::vector<std::int32_t> values; ///< by code; of inputs by code + N
    double divisor = 1;
    /// Exponents 1 (k of N) and ½ (k|k| of N²; of mid-rise levels odd numbers, (2i + 1)²) need no
    /// rounding; others are F · level rounded, F = 127 up to 4 bits, else 32767.
    bool exact = true;
    [[nodiscard]] std::int32_t largest() const; ///< magnitude
};

/// Whether 1/exponent is a power for which operands are exact: 1 and ½.
[[nodiscard]] bool hasExactOperands(float exponent);

/// Of a row of weights with power levels, or symmetric uniform ones (code − 2^(bits−1), divisor 1);
/// at most 16 bits with sign. rounded: as if the exponent were no exact one, so that rows with
/// exponents of their own have one divisor.
[[nodiscard]] IntegerOperands weightOperands(const Scheme& scheme, float exponent,
                                             bool rounded = false);
/// Of inputs on a grid with hasExactOperands(grid.exponent).
[[nodiscard]] IntegerOperands inputOperands(const ActivationGrid& grid);

} // namespace gradus
