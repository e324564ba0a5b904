// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/power_levels.h"

#include <vector>

namespace gradus {

/// Derivatives of a power grid's ŵ = M·sgn(w)·κ_q, κ_q = (q/N)^(1/a), in forms that are finite
/// everywhere (reference nupes.md, section 5): no power of w is ever formed, so that weights that
/// are zero or denormal have gradients like any other.

/// How ŵ follows its weight, straight through the rounding only: what is right where codes come of
/// the weight by rounding in the power domain.
struct PowerDerivatives
{
    double weight = 1; ///< (5): ρ^(−(1−a)/a), ρ = t/q, t = N·|u|^a; 1 for q = 0, 0 when clipped
    double scale = 0;    ///< (6): sgn·κ_q·(1−ρ), sgn when clipped; 0 for q = 0
    double exponent = 0; ///< (7): sgn·M·(κ_q/a)·((ρ−1)·ln|u| + ln(ρ)/a); 0 for q = 0
};

/// place: the magnitude's place among the levels, which rounding gave: |code| of Levels::Power, i
/// of a mid-rise grid. The innermost level of a mid-rise grid takes ρ = 1 for the weight and keeps
/// its code for scale and exponent: straight through, it has no bound at w = 0. scale ≥ 0.
[[nodiscard]] PowerDerivatives straightThrough(double w, double scale, int place,
                                               const PowerLevels& levels);

/// (8): dκ/da of each magnitude with the codes held, −κ·ln(κ)/a. The exact derivative of the error
/// by the exponent where codes are the nearest levels, or are not derived from the weight at all.
/// With codes rounded in the power domain it drives the exponent to zero: there, (7) is the one.
[[nodiscard]] std::vector<double> heldExponentSlopes(const PowerLevels& levels);
/// The same by code with the level's sign, beside PowerLevels::table.
[[nodiscard]] std::vector<float> heldExponentTable(const PowerLevels& levels, int bits);

/// How far apart the levels of a code and the next one are, by the lower code; the last one's is
/// that of the code before. The slope of a latent in units of codes: positive everywhere, zero
/// included.
[[nodiscard]] std::vector<float> secantSlopes(const PowerLevels& levels, int bits);

/// An exponent as a free number θ: a = low + (high − low)/(1 + e^(−θ)).
struct ExponentParameter
{
    static constexpr double low = 0.2;
    static constexpr double high = 1.5;
    static constexpr double largestStep = 0.02; ///< of θ at once

    double theta = 0;

    /// Exponents beyond the range begin just within it.
    [[nodiscard]] static ExponentParameter of(double exponent);
    [[nodiscard]] double exponent() const;
    [[nodiscard]] double slope() const; ///< da/dθ
};

} // namespace gradus
