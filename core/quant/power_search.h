// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/options.h"
#include "core/quant/power_errors.h"

#include <functional>
#include <optional>
#include <vector>

namespace gradus {

/// The grids among which a search looks.
struct PowerFamily
{
    int largest = 7; ///< N
    bool midRise = false;
    PowerRounding rounding = PowerRounding::PowerDomain;
    ExponentChoice exponents = ExponentChoice::Free;
    std::optional<double> fixedExponent = std::nullopt; ///< the only one
};
/// N and mid-rise levels of a scheme.
[[nodiscard]] PowerFamily powerFamily(const Scheme& scheme, PowerRounding rounding,
                                      ExponentChoice exponents = ExponentChoice::Free);

struct PowerFit
{
    double exponent = 1;
    double clip = 1;  ///< scales are this share of the largest magnitudes
    double error = 0; ///< Σ(w−ŵ)²
};

/// The exponent of least error in [0.15, 1.6] at a given clip (reference nupes.md, section 4.3):
/// a coarse scan, golden sections in its best three cells. error(exponent) may be any objective,
/// such as the sum over several layers. Never worse than 1. Deterministic. scanned, if given,
/// receives every exponent of the scan with its error, ascending.
struct ExponentPoint
{
    double exponent = 1;
    double error = 0;
};
[[nodiscard]] ExponentPoint searchExponent(const std::function<double(double)>& error,
                                           double firstGuess, ExponentChoice exponents,
                                           std::vector<ExponentPoint>* scanned = nullptr);
/// The paper's search as re-implementations have it: Nelder-Mead from 1, initial simplex
/// {1, 1.05}, tolerances 1e-4 on an error relative to the one at 1.
[[nodiscard]] ExponentPoint nelderMeadExponent(const std::function<double(double)>& error);
/// The exponents of the coarse scan: 96 in geometric order from 0.15 to 1.6, ½, 1 and the guess;
/// ascending.
[[nodiscard]] std::vector<double> scannedExponents(double firstGuess);
/// What ExponentChoice makes of the best exponent and those with an exact form. Of equal errors
/// that closest to 1 is better.
[[nodiscard]] ExponentPoint chosenExponent(ExponentPoint free, ExponentPoint half,
                                           ExponentPoint one, ExponentChoice exponents);

/// Levels with their thresholds, made once for many evaluations.
struct PreparedLevels
{
    PreparedLevels(const PowerFamily& family, double exponent);
    double exponent;
    std::vector<double> magnitudes;
    std::vector<double> thresholds;
};
/// Error of levels with scales that are a share `clip` of the largest magnitudes.
using PowerObjective = std::function<double(const PreparedLevels& levels, double clip)>;
[[nodiscard]] PowerObjective powerObjective(const PowerErrors& errors);

/// The clip of least error for given levels: 60 in geometric order from 1 down to minimumClip, then
/// golden sections about the best three. The widest wins ties.
[[nodiscard]] PowerFit searchClip(const PowerObjective& error, const PreparedLevels& levels,
                                  double minimumClip);

/// Both searched together (section 4.4); minimumClip: smallest share tried. Never worse than the
/// best exponent without a clip nor than the best clip at exponent 1.
[[nodiscard]] PowerFit searchPowerGrid(const PowerErrors& errors, const PowerFamily& family,
                                       double minimumClip, Monitor& monitor);
[[nodiscard]] PowerFit searchPowerGrid(const PowerObjective& error, double firstGuess,
                                       const PowerFamily& family, double minimumClip,
                                       const Monitor& monitor);

} // namespace gradus
