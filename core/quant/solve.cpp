// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/solve.h"

#include "core/base/text.h"
#include "core/quant/shared_exponent.h"
#include "core/quant/solve_groups.h"

#include <type_traits>

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
    std::string& note = result.report.note;
    note += concat(note.empty() ? "" : "; ", "inputs stay float: none were captured");
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

SolveResult solveWeight(const LayerProblem& problem, const MethodOptions& options, Monitor& monitor)
{
    if (needsCalibration(options) && problem.inputs->groups > 1)
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

SolveResult solve(const LayerProblem& problem, const MethodOptions& options, Monitor& monitor)
{
    const std::string context = concat("layer ", quoted(problem.name));
    if (const auto wrong = problem.scheme.validate())
        throw Error(ErrorCode::Usage, concat(context, ": ", *wrong));
    if (const auto wrong = validate(options))
        throw Error(ErrorCode::Usage, concat(context, ": ", *wrong));
    if (needsCalibration(options)) {
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
        if (const auto wrong = problem.activation.validate())
            throw Error(ErrorCode::Usage, *wrong);
        refuseUnshareable(problem, options);
        SolveResult result =
            solveWeight(problem, withSharedExponent(problem, options, monitor), monitor);
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
