// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/calibration.h"
#include "core/quant/activation_grid.h"
#include "core/quant/options.h"
#include "core/quant/power_errors.h"
#include "core/quant/quantized_weight.h"

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Everything a layer-wise method sees of a layer. W: out × in, finite.
struct LayerProblem
{
    std::string name; ///< for messages and random streams
    ConstMatrixView weight;
    Scheme scheme;
    /// Null when there is no calibration.
    std::shared_ptr<const InputStatistics> inputs;
    /// InputStatistics::cross; of several groups one after the other. Empty when the inputs are
    /// those of the float network.
    std::span<const double> cross = {};
    /// What the errors of the trace are measured against where it is not the weight to come near
    /// to; no data: it is.
    ConstMatrixView reference = {};
    std::uint64_t seed = 0;
    /// The model's exponent, for methods with ExponentScope::Model; without it they search one for
    /// this layer.
    std::optional<double> modelExponent;
    /// How the layer's inputs are to be quantized, too.
    ActivationChoice activation;
    /// Of the weight, for whoever looks at it under many choices; empty: it is sorted where needed.
    PowerErrorsSource powerErrors = {};

    [[nodiscard]] ConstMatrixView judgedBy() const { return reference.data ? reference : weight; }
};

/// Steps on the way of a method that improves its result in turn.
enum class TraceStage
{
    RoundToNearest, ///< the start
    Sweep,          ///< GPTQ on the grid of the start
    GridSearch,     ///< another start: the best common shrinking of a row's ranges, then a fit
    Integers,       ///< new integers for the scales and zeros
    Scales,         ///< new scales and zeros for the integers
    Polish,         ///< integer coordinate descent, then a fit
    Outliers,       ///< the largest weights kept as floats
    Clip,           ///< scales below the largest magnitudes
    Exponent,       ///< a power grid instead of a uniform one; another exponent
    Nearest,        ///< nearest levels instead of rounding in the power domain
    Gradient,       ///< gradient steps on latent codes
    Block,          ///< after the block stage
    FineTuning,     ///< after the fine-tuning of all blocks
};
[[nodiscard]] std::string_view traceStageName(TraceStage stage); ///< "rtn", "integers", …

/// The state after one step.
struct TracePoint
{
    TraceStage stage = TraceStage::RoundToNearest;
    int round = 0; ///< of the alternation, from 1; 0 where there is none
    /// ‖X(W−Ŵ)ᵀ‖²/‖XWᵀ‖² on the calibration inputs, without damping. NaN without inputs.
    double relativeError = 0;
    double accepted = 1;    ///< share of the rows that took the step, as it lowered their error
    double scaleChange = 0; ///< ‖s − s'‖/‖s'‖ against the point before
    double zeroChange = 0; ///< root mean square of z − z' against the point before, in steps of s'
    /// Σ(w−ŵ)²/Σw². NaN where it was not measured.
    double weightError = std::numeric_limits<double>::quiet_NaN();
    /// Of power grids, the layer's (of row exponents, their mean); NaN for uniform grids.
    double exponent = std::numeric_limits<double>::quiet_NaN();
};

/// What happened, for the user: expected outcomes are data.
struct SolveReport
{
    std::string
        note; ///< "damping raised to 0.03; 2 dead columns", empty when there is nothing to say
    double damping = 0; ///< used, as a share of the mean diagonal; 0 for methods without
    std::int64_t deadColumns = 0;
    std::vector<TracePoint> trace; ///< empty for methods that go in one step
};

struct SolveResult
{
    QuantizedWeight weight;
    SolveReport report;
    std::optional<ActivationGrid> activation = std::nullopt; ///< when the problem asks for one
};

/// Runs the chosen method. Throws Error(Usage) on invalid options or scheme, Error(Numeric) when
/// the weight is not finite, Error(Usage) when the method needs calibration and there is none.
[[nodiscard]] SolveResult solve(const LayerProblem& problem, const MethodOptions& options,
                                Monitor& monitor);

// The methods themselves, one file each in methods/.
[[nodiscard]] SolveResult solveRtn(const LayerProblem&, const RtnOptions&, Monitor&);
[[nodiscard]] SolveResult solveRtnMse(const LayerProblem&, const RtnMseOptions&, Monitor&);
[[nodiscard]] SolveResult solveGptq(const LayerProblem&, const GptqOptions&, Monitor&);
[[nodiscard]] SolveResult solveDecoupleq(const LayerProblem&, const DecoupleqOptions&, Monitor&);
[[nodiscard]] SolveResult solvePowerquant(const LayerProblem&, const PowerquantOptions&, Monitor&);
[[nodiscard]] SolveResult solveNupes(const LayerProblem&, const NupesOptions&, Monitor&);

} // namespace gradus
