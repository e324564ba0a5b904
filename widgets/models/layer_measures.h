// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_rows.h"

#include <QString>

#include <vector>

namespace gradus {

/// A number by which layers are compared, in the plot of errors and in the map of the model.
enum class Measure
{
    OutputError,
    WeightSqnr,
    WeightCosine, ///< shown as 1 − cos: the angle between w and ŵ, not the likeness
    Size
};

/// What is known of a layer under one run.
struct LayerMeasures
{
    LayerChoice choice;
    bool known = false; ///< the run has a result for the layer
    bool stale = false; ///< the result does not belong to the recipe
    double relativeOutputError = std::numeric_limits<double>::quiet_NaN();
    double weightSqnrDb = std::numeric_limits<double>::quiet_NaN();
    double weightCosine = std::numeric_limits<double>::quiet_NaN();
    double bitsPerWeight = std::numeric_limits<double>::quiet_NaN();
    std::uint64_t bytes = 0; ///< stored; 0 when not known
};

/// What the table shows: the recipe's choices and sizes, measured where the results are.
[[nodiscard]] std::vector<LayerMeasures> measuresOf(const std::vector<LayerRow>& rows);
/// What a run found, in the order of the rows; unknown where it has nothing.
[[nodiscard]] std::vector<LayerMeasures> measuresOfRun(const std::vector<LayerRow>& rows,
                                                       const Results& results);

/// In shown units: percent, decibel, 1 − cos, bytes. NaN where there is no value that belongs to
/// the recipe; infinite for the SQNR of a layer without any error.
[[nodiscard]] double valueOf(const LayerMeasures& layer, Measure measure);
/// Why valueOf is NaN, in a word or two: "kept float", "out of date", "not computed".
[[nodiscard]] QString absenceOf(const LayerMeasures& layer);
/// True when a is worse than b: more error, size; less SQNR. NaN is worse than nothing.
[[nodiscard]] bool isWorse(double a, double b, Measure measure);

[[nodiscard]] QString measureTitle(Measure measure);            ///< "Output error"
[[nodiscard]] QString measureFormula(Measure measure);          ///< what it is, for a tool tip
[[nodiscard]] QString valueText(double value, Measure measure); ///< "0.73 %", "21.3 dB"

/// "+1.5 dB", "−6.0 dB"; "–" where there is no difference to tell.
[[nodiscard]] QString differenceText(double decibel);
/// "GPTQ 4 bit", "float".
[[nodiscard]] QString shortChoiceText(const LayerChoice& choice);

} // namespace gradus
