// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/static_inputs.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// What people look at of statically quantized inputs: plots of the workbench, charts of reports.

/// Ranges by feature of what a norm puts out, before the norm was divided by the ratios and after;
/// seen on the calibration inputs, and the limits of the grids.
struct NormRanges
{
    struct Side
    {
        std::vector<float> low; ///< seen
        std::vector<float> high;
        std::vector<float> limitLow; ///< of the grid; what lies beyond saturates
        std::vector<float> limitHigh;
    };
    Side before;
    Side after; ///< empty without the grid of a layer that reads the norm
    /// The layer's limits are the same for all features, up to rounding of their own zeros.
    bool oneRange = false;
};
/// reader: a layer that reads the norm. Lengths that do not agree give no `after`.
[[nodiscard]] NormRanges normRanges(const NormReport& report, const StaticInputs& reader);
/// The features by the width of their ranges, the widest first; equal ones in order.
[[nodiscard]] std::vector<std::int64_t> featuresByRange(const NormReport& report);

/// The levels of a grid for probabilities, on the axis −log₂(p).
struct OctaveLevels
{
    std::vector<double> places; ///< ascending; those that mean 0 have none
    double zeroFrom = 0;        ///< from here on probabilities become 0; infinite: they never do
};
[[nodiscard]] OctaveLevels octaveLevels(const ProbabilityGrid& grid);
[[nodiscard]] ProbabilityQuantizer quantizerOf(const ProbabilityGrid& grid);
[[nodiscard]] int bitsOf(const ProbabilityGrid& grid);
/// Value of the largest level.
[[nodiscard]] double largestLevel(const ProbabilityGrid& grid);
/// A grid of the other kind with as many bits and the same largest level.
[[nodiscard]] ProbabilityGrid comparable(const ProbabilityGrid& grid,
                                         ProbabilityQuantizer quantizer);

[[nodiscard]] std::int64_t totalOf(const ProbabilityHistogram& histogram);
/// Of all probabilities, those that were exactly 0; NaN without any.
[[nodiscard]] double zeroShare(const ProbabilityHistogram& histogram);
/// Of all probabilities, those above 0 that lie from `octave` on; within a bin in proportion.
[[nodiscard]] double shareFrom(const ProbabilityHistogram& histogram, double octave);

} // namespace gradus
