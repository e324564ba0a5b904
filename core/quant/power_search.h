// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/options.h"
#include "core/quant/power_errors.h"

#include <functional>
#include <vector>

namespace gradus {

/// The grids among which a search looks.
struct PowerFamily
{
    int largest = 7; ///< N
    bool midRise = false;
    PowerRounding rounding = PowerRounding::PowerDomain;
    ExponentChoice exponents = ExponentChoice::Free;
};

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

/// Both searched together (section 4.4); minimumClip: smallest share tried.
[[nodiscard]] PowerFit searchPowerGrid(const PowerErrors& errors, const PowerFamily& family,
                                       double minimumClip, Monitor& monitor);

} // namespace gradus
