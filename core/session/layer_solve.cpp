// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/layer_solve.h"

#include "core/base/text.h"
#include "core/quant/comparable_weight.h"
#include "core/quant/methods/nupes.h"
#include "core/quant/solve.h"
#include "core/quant/static_settings.h"
#include "core/session/coupling.h"
#include "core/session/stop_only.h"

#include <utility>

namespace gradus {

void addNote(LayerResult& result, const std::string& sentence)
{
    result.note += concat(result.note.empty() ? "" : "; ", sentence);
}

SolvedLayer solveLayer(const LayerTask& task, const Monitor& monitor)
{
    monitor.checkpoint();
    const LayerChoice& choice = task.choice;
    LayerResult result;
    result.name = task.layer->name;
    result.choice = choice;
    LayerProblem problem;
    problem.name = task.layer->name;
    problem.weight = task.weight;
    problem.scheme = choice.scheme;
    problem.inputs = task.inputs;
    problem.cross = task.cross;
    problem.seed = task.seed;
    if (sharesExponent(choice))
        problem.modelExponent = task.modelExponent;
    problem.activation = choice.activation;
    MethodOptions method = choice.method;
    std::string remark;
    const bool isStatic = staticSettings(choice.activation, choice.method).has_value();
    if (isStatic) {
        problem.activation = {};
        if (!task.inputs)
            remark = "inputs stay float: they are not reached";
    } else if (task.layer->kind == LayerKind::Convolution && choice.activation.enabled()) {
        problem.activation = {};
        remark = "inputs stay float: those of convolutions have no power grid";
    }
    if (!task.inputs && weightNeedsCalibration(method)) {
        // The network never reaches it, or not where inputs could be seen.
        remark =
            concat("its inputs are not reached, so that ", methodName(method), " gives way to ");
        if (const auto* nupes = std::get_if<NupesOptions>(&method))
            method = dataFreeOptions(*nupes);
        else
            method = RtnOptions{};
        remark += methodName(method);
    }
    StopOnly stop(monitor);
    SolveResult solved = solve(problem, method, stop);
    result.damping = solved.report.damping;
    result.note = std::move(solved.report.note);
    result.trace = std::move(solved.report.trace);
    result.weight = std::make_shared<const QuantizedWeight>(std::move(solved.weight));
    result.activation = solved.activation;
    if (!remark.empty())
        addNote(result, remark);
    const WeightError error = measureLayer(result, task.weight, task.inputs.get());
    return {std::move(result), error};
}

WeightError measureLayer(LayerResult& result, ConstMatrixView weight, const InputStatistics* inputs)
{
    const std::span<const float> ratio = result.staticInputs
                                             ? std::span<const float>(result.staticInputs->ratio)
                                             : std::span<const float>();
    const Tensor quantized = comparableWeight(*result.weight, ratio);
    const WeightError error = ratio.empty() ? weightError(weight, quantized.matrix())
                                            : weightError(foldedWeight(weight, ratio).matrix(),
                                                          dequantize(*result.weight).matrix());
    result.weightSqnrDb = error.sqnrDb;
    result.weightCosine = error.cosine;
    if (inputs && !inputs->hessian.empty())
        result.relativeOutputError =
            relativeOutputError(weight, quantized.matrix(), inputs->hessian, inputs->groups);
    return error;
}

} // namespace gradus
