// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/weight_view.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/eval/metrics.h"
#include "core/quant/solve.h"
#include "core/session/statistics.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus {

std::shared_ptr<const WeightFacts> weightFacts(const Model& model, const Layer& layer, int bins,
                                               Monitor& monitor)
{
    monitor.checkpoint();
    auto facts = std::make_shared<WeightFacts>();
    facts->layer = layer.name;
    facts->weight = layerWeight(model, layer);
    monitor.checkpoint();
    const auto values = std::as_const(facts->weight).floats();
    facts->moments = moments(values);
    facts->outlierShare = outlierShare(values, facts->moments);
    double lo = facts->moments.minimum;
    double hi = facts->moments.maximum;
    if (!(hi > lo)) {
        lo -= 0.5;
        hi += 0.5;
    }
    facts->original = histogram(values, lo, hi, bins);
    return facts;
}

WeightPreview previewWeight(const PreviewRequest& request, Monitor& monitor)
{
    monitor.checkpoint();
    const WeightFacts& facts = *request.facts;
    const ConstMatrixView weight = facts.weight.matrix();
    WeightPreview preview;
    preview.layer = facts.layer;
    preview.choice = request.choice;
    preview.moments = facts.moments;
    preview.original = facts.original;
    preview.outlierShare = facts.outlierShare;
    preview.rows = weight.rows;
    if (request.choice.keepFloat)
        return preview;
    QuantizedWeight solved;
    if (!request.fromRun) {
        LayerProblem problem;
        problem.name = facts.layer;
        problem.weight = weight;
        problem.scheme = request.choice.scheme;
        const bool mse = std::holds_alternative<RtnMseOptions>(request.choice.method);
        solved = solve(problem, mse ? request.choice.method : MethodOptions(RtnOptions{}), monitor)
                     .weight;
    }
    const QuantizedWeight& quantized = request.fromRun ? *request.fromRun : solved;
    preview.fromRun = request.fromRun != nullptr;
    const Tensor dequantized = dequantize(quantized);
    const WeightError error = weightError(weight, dequantized.matrix());
    preview.weightSqnrDb = error.sqnrDb;
    preview.weightCosine = error.cosine;
    preview.bytes = quantized.size().bytes();
    preview.bitsPerWeight = quantized.size().bitsPerWeight(weight.rows * weight.cols);
    const int top = quantized.scheme.maximumCode();
    const auto perRow = static_cast<std::int64_t>(quantized.scales.size()) / weight.rows;
    preview.clipLow = std::numeric_limits<double>::infinity();
    preview.clipHigh = -std::numeric_limits<double>::infinity();
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        float low = std::numeric_limits<float>::infinity();
        float high = -std::numeric_limits<float>::infinity();
        for (std::int64_t g = 0; g < std::max<std::int64_t>(perRow, 1); ++g) {
            const auto i = static_cast<std::size_t>(perRow > 0 ? r * perRow + g : 0);
            low = std::min(low, quantized.scales[i] * static_cast<float>(-quantized.zeros[i]));
            high =
                std::max(high, quantized.scales[i] * static_cast<float>(top - quantized.zeros[i]));
        }
        preview.rowLow.push_back(low);
        preview.rowHigh.push_back(high);
        preview.clipLow = std::min(preview.clipLow, static_cast<double>(low));
        preview.clipHigh = std::max(preview.clipHigh, static_cast<double>(high));
    }
    for (int code = 0; code <= top; ++code)
        preview.levels.push_back(quantized.scales[0] *
                                 static_cast<float>(code - quantized.zeros[0]));
    const double lo = std::min(facts.original.lo, preview.clipLow);
    const double hi = std::max(facts.original.hi, preview.clipHigh);
    preview.original = histogram(facts.weight.floats(), lo, hi, request.bins);
    preview.dequantized = histogram(dequantized.floats(), lo, hi, request.bins);
    if (request.inputs && !request.inputs->hessian.empty()) {
        preview.relativeOutputError =
            relativeOutputError(weight, dequantized.matrix(), request.inputs->hessian);
        preview.outputErrorRows = weight.rows;
    }
    return preview;
}

} // namespace gradus
