// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/solve.h"

#include "core/base/format.h"
#include "core/base/text.h"
#include "core/quant/asymmetric_target.h"
#include "core/quant/methods/percentile_rows.h"
#include "core/quant/methods/power_trace.h"
#include "core/quant/shared_exponent.h"
#include "core/quant/solve_groups.h"
#include "core/quant/static_settings.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace gradus {

namespace {

SolveResult run(const LayerProblem& problem, const RtnOptions& options, Monitor& monitor)
{
    return solveRtn(problem, options, monitor);
}
SolveResult run(const LayerProblem& problem, const RtnMseOptions& options, Monitor& monitor)
{
    return solveRtnMse(problem, options, monitor);
}
SolveResult run(const LayerProblem& problem, const GptqOptions& options, Monitor& monitor)
{
    return solveGptq(problem, options, monitor);
}
SolveResult run(const LayerProblem& problem, const DecoupleqOptions& options, Monitor& monitor)
{
    return solveDecoupleq(problem, options, monitor);
}
SolveResult run(const LayerProblem& problem, const PowerquantOptions& options, Monitor& monitor)
{
    return solvePowerquant(problem, options, monitor);
}
SolveResult run(const LayerProblem& problem, const NupesOptions& options, Monitor& monitor)
{
    return solveNupes(problem, options, monitor);
}
SolveResult run(const LayerProblem& problem, const PercentileStaticOptions& /*options*/,
                Monitor& monitor)
{
    return solvePercentileRows(problem, monitor);
}
/// Other static methods are not what solves a weight: see weightMethod().
SolveResult run(const LayerProblem& problem, const StaticMethodOptions& /*options*/,
                Monitor& monitor)
{
    return solveRtn(problem, {}, monitor);
}

/// The exponent that activations share, when they do; throws when the method's levels have none.
std::optional<double> sharedExponent(const LayerProblem& problem, const QuantizedWeight& weight)
{
    if (problem.activation.exponent != ActivationExponent::Shared || weight.exponents.size() != 1)
        return std::nullopt;
    return static_cast<double>(weight.exponents.front());
}

void refuseUnshareable(const LayerProblem& problem, const MethodOptions& options)
{
    if (!problem.activation.enabled() || problem.activation.exponent != ActivationExponent::Shared)
        return;
    const PowerGridOptions* grid = powerGridOf(options);
    if (!grid)
        throw Error(ErrorCode::Usage,
                    concat("the exponent of activations is shared with the weight, but method ",
                           methodName(options),
                           " makes uniform levels; expected a method with power levels, or "
                           "another exponent"));
    if (grid->exponentScope == ExponentScope::Row)
        throw Error(ErrorCode::Usage, "the exponent of activations is shared with the weight, "
                                      "whose rows have one each; expected one per layer or model");
}

void addNote(SolveReport& report, std::string_view sentence)
{
    report.note += concat(report.note.empty() ? "" : "; ", sentence);
}

/// The grid of the layer's inputs, when one is asked for.
void solveInputs(const LayerProblem& problem, SolveResult& result)
{
    if (!problem.activation.enabled())
        return;
    if (problem.inputs && problem.inputs->magnitudes) {
        result.activation = solveActivation(*problem.inputs->magnitudes, problem.activation,
                                            sharedExponent(problem, result.weight));
        return;
    }
    addNote(result.report, "inputs stay float: none were captured");
}

/// The exponent found for weights and inputs together is a given one to the method.
MethodOptions withSharedExponent(const LayerProblem& problem, const MethodOptions& options,
                                 Monitor& monitor)
{
    MethodOptions chosen = options;
    std::visit(
        [&](auto& method) {
            using O = std::decay_t<decltype(method)>;
            if constexpr (std::is_base_of_v<PowerGridOptions, O>) {
                PowerRounding rounding = PowerRounding::Nearest;
                if constexpr (std::is_same_v<O, PowerquantOptions>)
                    rounding = method.rounding;
                if (const auto exponent = findSharedExponent(problem, method, rounding, monitor))
                    method.exponent = *exponent;
            }
        },
        chosen);
    return chosen;
}

/// A layer's problem with the asymmetric target in place of its weight.
class AimedProblem
{
public:
    AimedProblem(const LayerProblem& problem, const NupesOptions& options, Monitor& monitor)
        : m_problem(problem)
        , m_target(problem.weight.rows > 0 ? Tensor({problem.weight.rows, problem.weight.cols})
                                           : Tensor())
    {
        const InputStatistics& inputs = *problem.inputs;
        const std::int64_t groups = inputs.groups;
        const auto square = static_cast<std::size_t>(inputs.features * inputs.features);
        const std::int64_t rows = problem.weight.rows / groups;
        if (problem.cross.size() != inputs.hessian.size() ||
            problem.cross.size() != static_cast<std::size_t>(groups) * square)
            throw Error(ErrorCode::Shape,
                        concat("cross matrix has ", problem.cross.size(), " values, expected ",
                               inputs.features, " × ", inputs.features));
        const std::span<const double> hessian = inputs.hessian;
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::size_t at = static_cast<std::size_t>(g) * square;
            const Tensor part =
                asymmetricTarget(problem.weight.block(g * rows, 0, rows, problem.weight.cols),
                                 hessian.subspan(at, square), problem.cross.subspan(at, square),
                                 options.damping, monitor)
                    .weight;
            std::copy(part.floats().begin(), part.floats().end(),
                      m_target.floats().begin() + g * rows * problem.weight.cols);
        }
        m_problem.reference = problem.weight;
        m_problem.weight = std::as_const(m_target).matrix();
        m_problem.cross = {};
        m_problem.powerErrors = {}; // of another weight
    }
    AimedProblem(const AimedProblem&) = delete;
    AimedProblem& operator=(const AimedProblem&) = delete;

    [[nodiscard]] const LayerProblem& problem() const { return m_problem; }
    /// How near the result came, and how near the layer's own weight is.
    [[nodiscard]] std::string describe(const QuantizedWeight& result, const Monitor& monitor) const
    {
        LayerProblem target = m_problem;
        target.reference = {};
        PowerTrace judge(target, monitor);
        const Tensor rounded = dequantize(result);
        judge.record(TraceStage::Nearest, rounded.matrix(), 1, monitor);
        judge.record(TraceStage::Nearest, m_problem.reference, 1, monitor);
        const std::vector<TracePoint> points = judge.take();
        return concat("asymmetric: error ", formatReal(points[0].relativeError, 3),
                      " to the nearest that outputs can come to the float network's, ",
                      formatReal(points[1].relativeError, 3), " of the unquantized weight");
    }

private:
    LayerProblem m_problem;
    Tensor m_target;
};

SolveResult solveWeight(const LayerProblem& problem, const MethodOptions& options, Monitor& monitor)
{
    if (weightNeedsCalibration(options) && problem.inputs->groups > 1)
        return solveGroups(problem, options, monitor);
    // Every method refuses weights that are not finite, where it reads them anyway.
    return std::visit([&](const auto& chosen) { return run(problem, chosen, monitor); }, options);
}

} // namespace

std::string_view traceStageName(TraceStage stage)
{
    switch (stage) {
    case TraceStage::RoundToNearest:
        return "rtn";
    case TraceStage::Sweep:
        return "sweep";
    case TraceStage::GridSearch:
        return "grid";
    case TraceStage::Integers:
        return "integers";
    case TraceStage::Scales:
        return "scales";
    case TraceStage::Polish:
        return "polish";
    case TraceStage::Outliers:
        return "outliers";
    case TraceStage::Clip:
        return "clip";
    case TraceStage::Exponent:
        return "exponent";
    case TraceStage::Nearest:
        return "nearest";
    case TraceStage::Gradient:
        return "gradient";
    case TraceStage::Block:
        return "block";
    case TraceStage::FineTuning:
        return "fine-tuning";
    }
    return "";
}

SolveResult solve(const LayerProblem& asked, const MethodOptions& method, Monitor& monitor)
{
    const std::string context = concat("layer ", quoted(asked.name));
    const MethodOptions options = weightMethod(method);
    LayerProblem problem = asked;
    // Uniform grids of inputs are not found here: they take the network around the layer.
    if (quantizerOf(asked.activation, method) == ActivationQuantizer::Uniform)
        problem.activation = {};
    if (const auto wrong = problem.scheme.validate())
        throw Error(ErrorCode::Usage, concat(context, ": ", *wrong));
    if (const auto wrong = validate(method))
        throw Error(ErrorCode::Usage, concat(context, ": ", *wrong));
    if (weightNeedsCalibration(options)) {
        if (!problem.inputs || problem.inputs->hessian.empty())
            throw Error(ErrorCode::Usage, concat(context, ": method ", methodName(options),
                                                 " needs calibration inputs, and there are none"));
        if (problem.inputs->features != problem.weight.cols)
            throw Error(ErrorCode::Shape,
                        concat(context, ": calibration inputs have ", problem.inputs->features,
                               " features, expected ", problem.weight.cols));
    }
    monitor.checkpoint();
    try {
        if (const auto wrong = asked.activation.validate())
            throw Error(ErrorCode::Usage, *wrong);
        refuseUnshareable(problem, options);
        const auto* nupes = std::get_if<NupesOptions>(&options);
        const bool asymmetric = nupes && nupes->asymmetric;
        std::optional<AimedProblem> aimed;
        if (asymmetric && !problem.cross.empty() && problem.weight.rows > 0 &&
            problem.weight.rows % problem.inputs->groups == 0)
            aimed.emplace(problem, *nupes, monitor);
        const LayerProblem& chosen = aimed ? aimed->problem() : problem;
        SolveResult result =
            solveWeight(chosen, withSharedExponent(chosen, options, monitor), monitor);
        if (asymmetric)
            addNote(result.report,
                    aimed ? aimed->describe(result.weight, monitor)
                          : "asymmetric: no effect, the inputs are those of the float network");
        solveInputs(problem, result);
        return result;
    } catch (const Error& error) {
        const std::string_view what = error.what(); // of a group's own solve() it says so already
        if (what.substr(0, context.size()) == context)
            throw;
        throw error.within(context);
    }
}

} // namespace gradus
