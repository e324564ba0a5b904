// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/power_direct.h"
#include "core/quant/power_search.h"

#include <span>

namespace gradus {

/// A weight whose power grids are looked for.
struct PowerFitProblem
{
    ConstMatrixView weight;         ///< NaN: kept elsewhere
    Scheme scheme;                  ///< with the levels that it is for
    std::span<const float> largest; ///< magnitudes of the granules
    PowerFamily family;
    PowerClip clip = PowerClip::None;
    double minimumClip = 0.1;
    ExponentSearch search = ExponentSearch::Exact;
    double norm = 2;
    const PowerErrorsSource* source = nullptr; ///< of this very weight; null, or empty: none
};

struct FittedGrids
{
    PowerGrids grids; ///< as stored
    double error = 0; ///< Σ|w − ŵ|^norm with them
};

/// Scales as stored that are a share of the largest magnitudes.
[[nodiscard]] std::vector<float> clippedScales(std::span<const float> largest, double clip,
                                               DType type);

/// One exponent for all granules, and their scales. Never worse than exponent 1, if that is a
/// choice.
[[nodiscard]] FittedGrids fitPowerGrids(const PowerFitProblem& problem, const Monitor& monitor);
/// The same with the exponent 1.
[[nodiscard]] FittedGrids fitUniformGrids(const PowerFitProblem& problem, const Monitor& monitor);
/// An exponent for every row, from the grids of all rows together: no row is worse than with them.
[[nodiscard]] FittedGrids fitRowExponents(const PowerFitProblem& problem, const FittedGrids& start,
                                          const Monitor& monitor);

} // namespace gradus
