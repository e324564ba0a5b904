// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/calibration.h"
#include "core/eval/distribution.h"
#include "core/graph/model.h"
#include "core/quant/power_errors.h"
#include "core/quant/quantized_weight.h"
#include "core/quant/static_inputs.h"
#include "core/session/recipe.h"

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// What does not depend on the recipe; made once when a layer is selected and kept while it is
/// looked at.
struct WeightFacts
{
    std::string layer;
    Tensor weight; ///< rows × cols floats, all finite
    Moments moments;
    Histogram original;      ///< over [minimum, maximum], 1 wide for a constant
    double outlierShare = 0; ///< beyond 6 standard deviations
};
/// Throws Error(Numeric) naming the layer when it holds NaN or infinite values.
[[nodiscard]] std::shared_ptr<const WeightFacts> weightFacts(const Model& model, const Layer& layer,
                                                             int bins, Monitor& monitor);

/// What is shown of a layer under one choice.
struct WeightPreview
{
    std::string layer;
    LayerChoice choice;
    Moments moments;
    Histogram original;
    Histogram dequantized; ///< same bins; empty when kept float
    Histogram error;       ///< ŵ − w, bins symmetric about 0; empty when kept float
    /// Of the first granule, ascending; empty where columns of it have levels of their own, as a
    /// norm was folded.
    std::vector<float> levels;
    /// Of power grids: the smallest and largest exponent of the rows, equal where all share one;
    /// NaN for uniform grids.
    double exponentLow = std::numeric_limits<double>::quiet_NaN();
    double exponentHigh = std::numeric_limits<double>::quiet_NaN();
    std::int64_t keptFloat = 0; ///< weights kept as floats beside the codes
    double clipLow = 0;         ///< lowest level of all granules
    double clipHigh = 0;        ///< highest level of all granules
    std::vector<float> rowLow;  ///< lowest level of each output channel's granules
    std::vector<float> rowHigh;
    std::vector<float> colLow; ///< lowest level of the granules that hold each input channel
    std::vector<float> colHigh;
    double weightSqnrDb = 0;
    double weightCosine = 1; ///< of w and ŵ as vectors
    double outlierShare = 0;
    std::uint64_t bytes = 0; ///< exact; 0 when kept float
    double bitsPerWeight = 0;
    bool fromRun = false; ///< ŵ is a run's
    /// ŵ is what the method makes, else what a preview takes for it: see previewWeight.
    bool ofMethod = false;
    /// tr(E·H·Eᵀ) / tr(W·H·Wᵀ), E = W − Ŵ; NaN without captured inputs.
    double relativeOutputError = std::numeric_limits<double>::quiet_NaN();
    std::int64_t outputErrorRows = 0; ///< rows it was computed over, evenly spread; 0: none
    std::int64_t rows = 0;
    /// The output error is not an estimate from some of the rows.
    [[nodiscard]] bool exact() const { return outputErrorRows == 0 || outputErrorRows == rows; }
};

/// The levels that codes of one granule can have, ascending: code 0 of Levels::Power, which is
/// never written, is left out. parameter: the granule's place in scales, of that row.
[[nodiscard]] std::vector<float> granuleLevels(const QuantizedWeight& weight, std::int64_t row,
                                               std::size_t parameter);

/// w·H·wᵀ for every row w of the float weight: what output errors are relative to, the same for
/// all choices; of a grouped convolution each row with its group's Hessian. Throws Error(Shape)
/// when there are no Hessians of the weight's size.
[[nodiscard]] std::shared_ptr<const std::vector<double>>
outputEnergies(const WeightFacts& facts, const InputStatistics& inputs, Monitor& monitor);

struct PreviewRequest
{
    std::shared_ptr<const WeightFacts> facts;
    LayerChoice choice;
    /// Codes that a run computed for this very choice; null: round to nearest.
    std::shared_ptr<const QuantizedWeight> fromRun;
    /// The run's, where the layer has them: ŵ is divided by their ratio, to be compared with w.
    std::shared_ptr<const StaticInputs> staticInputs = {};
    /// Captured inputs of the layer; null, or without Hessian: no output error.
    std::shared_ptr<const InputStatistics> inputs;
    /// outputEnergies of facts and inputs: halves the work of the output error. Null: made here.
    std::shared_ptr<const std::vector<double>> energies;
    /// The exponent of methods whose layers share the model's; without it, this layer's own.
    std::optional<double> modelExponent;
    /// Of the facts' weight; empty: it is sorted for every preview that searches an exponent.
    PowerErrorsSource powerErrors = {};
    int bins = 160;
    /// Rows to compute the output error over; 0: all.
    std::int64_t outputErrorRows = 0;
};
/// Everything but the output error is exact whatever outputErrorRows says. rtn-mse and powerquant
/// are previewed by themselves, gptq by round-to-nearest (with its MSE clip where that is chosen),
/// nupes by the grid that it starts from: PowerQuant's with nearest levels. Where the exponent is
/// the model's and not known, a layer's own stands for it, and the preview is not ofMethod. The
/// model is not run. Throws Error(Usage) on an invalid scheme, Error(Shape) when fromRun or inputs
/// have other sizes.
[[nodiscard]] WeightPreview previewWeight(const PreviewRequest& request, Monitor& monitor);

} // namespace gradus
