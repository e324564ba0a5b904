// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/statistics.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"

#include <utility>

namespace gradus {

namespace {

ExponentStudy study(ConstMatrixView weight, Scheme scheme, Monitor& monitor)
{
    constexpr std::int64_t sortable = std::int64_t(1) << 20; // beyond, bins do as well
    scheme.symmetric = true;
    scheme.levels = Levels::Power;
    const PowerErrors errors = weight.rows * weight.cols <= sortable
                                   ? PowerErrors::sorted(weight, scheme, monitor)
                                   : PowerErrors::binned(weight, scheme, monitor);
    return exponentStudy(errors, scheme, leastStudiedClip, monitor);
}

} // namespace

Tensor layerWeight(const Model& model, const Layer& layer)
{
    const auto computed = model.graph.computed.find(layer.weight);
    Tensor weight = computed == model.graph.computed.end()
                        ? model.source.tensors->readFloat(layer.weight)
                        : computed->second->clone();
    if (const std::int64_t bad = countNonFinite(weight.floats()); bad > 0)
        throw Error(ErrorCode::Numeric,
                    concat(layer.name, ": ", bad, " of ", weight.count(),
                           " weights are NaN or infinite, expected finite ones"));
    return matrixOfStored(std::move(weight), layer.layout, layer.rows, layer.cols);
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
        row.study = study(weight.matrix(), scheme, part);
        if (sink)
            sink(row);
        rows.push_back(std::move(row));
        done += weights;
    }
    monitor.report(1, "done");
    return rows;
}

} // namespace gradus
