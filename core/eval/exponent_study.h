// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/power_search.h"

#include <vector>

namespace gradus {

/// Error against exponent of a weight, for who explores it: all as NMSE = Σ(w−ŵ)²/Σw².
struct ExponentStudy
{
    std::vector<double> exponents; ///< ascending; ½ and 1 among them; the same in every study
    std::vector<double> power;     ///< rounded in the power domain, scales the largest magnitudes
    std::vector<double> nearest;   ///< to the nearest level
    std::vector<double> clipped;   ///< to the nearest level, with the best common clip of each
    ExponentPoint bestPower;       ///< errors are NMSE, too
    ExponentPoint bestNearest;
    PowerFit bestClipped;
    PowerFit uniformClipped; ///< exponent 1 with its best clip
    double uniform = 0;      ///< exponent 1
    /// Basins of the power curve, best first: minima that a rise of 1 % or more separates.
    std::vector<ExponentPoint> basins;
    double predictedExponent = 1; ///< closed form, high resolution
    double predictedNmse = 0;
    double energy = 0; ///< Σw², for sums over layers
};
/// bits, granularity and levels are the scheme's: mid-rise levels for Levels::PowerMidRise.
[[nodiscard]] ExponentStudy exponentStudy(const PowerErrors& errors, const Scheme& scheme,
                                          double minimumClip, Monitor& monitor);

/// The study of several layers as one: their errors summed at each exponent, the best ones among
/// the points of the curves. Clips are means weighted by energy, the predicted exponent one
/// weighted by predicted errors.
[[nodiscard]] ExponentStudy wholeModelStudy(const std::vector<ExponentStudy>& layers);

} // namespace gradus
