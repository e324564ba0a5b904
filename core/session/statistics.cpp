// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/statistics.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/eval/metrics.h"
#include "core/quant/grid.h"
#include "core/quant/solve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {

Tensor layerWeight(const Model& model, const Layer& layer)
{
    Tensor weight = model.source.tensors->readFloat(layer.weight);
    if (const std::int64_t bad = countNonFinite(weight.floats()); bad > 0)
        throw Error(ErrorCode::Numeric,
                    concat(layer.name, ": ", bad, " of ", weight.count(),
                           " weights are NaN or infinite, expected finite ones"));
    weight.reshape({layer.rows, layer.cols});
    return weight;
}

std::vector<LayerStatistics> layerStatistics(const Model& model, const std::string& pattern,
                                             const Scheme& scheme, Monitor& monitor,
                                             const StatisticsSink& sink)
{
    const Regex regex(pattern);
    std::vector<const Layer*> chosen;
    double total = 0; // weights
    for (const Layer& layer : model.layers) {
        if (!pattern.empty() && !regex.search(layer.name))
            continue;
        chosen.push_back(&layer);
        total += static_cast<double>(layer.parameters());
    }
    std::vector<LayerStatistics> rows;
    rows.reserve(chosen.size());
    double done = 0;
    for (const Layer* layer : chosen) {
        const auto weights = static_cast<double>(layer->parameters());
        SubMonitor part(monitor, done / total, (done + weights) / total);
        part.checkpoint();
        part.report(0, layer->name);
        const Tensor weight = layerWeight(model, *layer);
        LayerStatistics row;
        row.name = layer->name;
        row.moments = moments(weight.floats());
        row.outlierShare = outlierShare(weight.floats(), row.moments);
        row.exponent = fitExponent(weight.matrix(), scheme, part);
        if (sink)
            sink(row);
        rows.push_back(std::move(row));
        done += weights;
    }
    monitor.report(1, "done");
    return rows;
}

WeightPreview previewWeight(const Model& model, const Layer& layer, const LayerChoice& choice,
                            const QuantizedWeight* fromRun, int bins, Monitor& monitor)
{
    monitor.checkpoint();
    const Tensor weight = layerWeight(model, layer);
    WeightPreview preview;
    preview.layer = layer.name;
    preview.choice = choice;
    preview.moments = moments(weight.floats());
    preview.outlierShare = outlierShare(weight.floats(), preview.moments);

    double lo = preview.moments.minimum;
    double hi = preview.moments.maximum;
    QuantizedWeight quantized;
    if (!choice.keepFloat) {
        preview.fromRun = fromRun != nullptr;
        if (fromRun) {
            quantized = *fromRun;
        } else {
            LayerProblem problem;
            problem.name = layer.name;
            problem.weight = weight.matrix();
            problem.scheme = choice.scheme;
            const bool mse = std::holds_alternative<RtnMseOptions>(choice.method);
            quantized =
                solve(problem, mse ? choice.method : MethodOptions(RtnOptions{}), monitor).weight;
        }
    }
    Tensor dequantized;
    if (!quantized.codes.empty()) {
        dequantized = dequantize(quantized);
        const WeightError error = weightError(weight.matrix(), std::as_const(dequantized).matrix());
        preview.weightSqnrDb = error.sqnrDb;
        preview.bytes = quantized.size().bytes();
        preview.bitsPerWeight = quantized.size().bitsPerWeight(layer.parameters());
        preview.clipLow = std::numeric_limits<double>::infinity();
        preview.clipHigh = -std::numeric_limits<double>::infinity();
        const int top = quantized.scheme.maximumCode();
        for (std::size_t i = 0; i < quantized.scales.size(); ++i) {
            const double scale = quantized.scales[i];
            preview.clipLow = std::min(preview.clipLow, -scale * quantized.zeros[i]);
            preview.clipHigh = std::max(preview.clipHigh, scale * (top - quantized.zeros[i]));
        }
        for (int code = 0; code <= top; ++code)
            preview.levels.push_back(quantized.scales[0] *
                                     static_cast<float>(code - quantized.zeros[0]));
        lo = std::min(lo, preview.clipLow);
        hi = std::max(hi, preview.clipHigh);
    }
    if (!(hi > lo)) { // a constant weight still gets a histogram with some width
        lo -= 0.5;
        hi += 0.5;
    }
    preview.original = histogram(weight.floats(), lo, hi, bins);
    if (!dequantized.empty())
        preview.dequantized = histogram(dequantized.floats(), lo, hi, bins);
    return preview;
}

} // namespace gradus
