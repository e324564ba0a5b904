// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_rows.h"

#include "widgets/models/choice.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <cmath>

namespace gradus {

Results resultsOf(const Run& run)
{
    Results results;
    const auto recipe = std::make_shared<const Recipe>(run.recipe);
    for (const LayerResult& layer : run.layers)
        results[layer.name] = MeasuredLayer{layer, recipe};
    return results;
}

Rating ratingOfError(double relativeOutputError)
{
    if (std::isnan(relativeOutputError))
        return Rating::None;
    return relativeOutputError <= 0.01   ? Rating::Good
           : relativeOutputError <= 0.05 ? Rating::Fair
                                         : Rating::Poor;
}

bool LayerRow::sameAs(const LayerRow& other) const
{
    const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
    return name == other.name && block == other.block && blockIndex == other.blockIndex &&
           kind == other.kind && shape == other.shape && parameters == other.parameters &&
           choice == other.choice && overridden == other.overridden && locked == other.locked &&
           bytes == other.bytes && same(bitsPerWeight, other.bitsPerWeight) &&
           measured == other.measured && same(weightSqnrDb, other.weightSqnrDb) &&
           same(relativeOutputError, other.relativeOutputError) &&
           same(weightCosine, other.weightCosine) && same(outlierShare, other.outlierShare) &&
           stale == other.stale && note == other.note;
}

QString kindText(LayerKind kind)
{
    switch (kind) {
    case LayerKind::Linear:
        return QCoreApplication::translate("LayerRows", "linear");
    case LayerKind::Embedding:
        return QCoreApplication::translate("LayerRows", "embedding");
    case LayerKind::Convolution:
        return QCoreApplication::translate("LayerRows", "convolution");
    case LayerKind::Other:
        break;
    }
    return QCoreApplication::translate("LayerRows", "other");
}

std::vector<LayerRow> layerRows(const Model& model, const Recipe& recipe, const Plan* plan,
                                const Results& results,
                                const std::map<std::string, LayerStatistics>* statistics)
{
    const bool planned = plan && plan->rows.size() == model.layers.size();
    std::vector<LayerRow> rows;
    rows.reserve(model.layers.size());
    int firstChanged = std::numeric_limits<int>::max(); // block of the first changed layer
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        LayerRow row;
        row.name = layer.name;
        row.blockIndex = layer.block;
        if (layer.block >= 0 && static_cast<std::size_t>(layer.block) < model.blocks.size())
            row.block = model.blocks[static_cast<std::size_t>(layer.block)].name;
        row.kind = layer.kind;
        row.shape = shapeText(layer.shape);
        row.parameters = layer.parameters();
        row.overridden = recipe.overrides.count(layer.name) > 0;
        row.locked = recipe.locked.count(layer.name) > 0;
        row.choice = recipe.standard;
        if (planned && plan->rows[i].layer == layer.name) {
            const Plan::Row& p = plan->rows[i];
            row.choice = p.choice;
            row.bytes = p.bytes;
            row.bitsPerWeight = p.bitsPerWeight;
            row.note = toQString(p.note);
        } else {
            row.choice.keepFloat = row.choice.keepFloat || !layer.quantizedByDefault;
        }
        if (row.choice.keepFloat) {
            row.bytes = static_cast<std::uint64_t>(layer.parameters()) * dtypeSize(layer.dtype);
            row.bitsPerWeight = 8.0 * static_cast<double>(dtypeSize(layer.dtype));
        }

        if (statistics) {
            const auto known = statistics->find(layer.name);
            if (known != statistics->end())
                row.outlierShare = known->second.outlierShare;
        }

        const auto found = results.find(layer.name);
        if (found != results.end()) {
            const auto& [result, under] = found->second;
            row.measured = true;
            row.weightSqnrDb = result.weightSqnrDb;
            row.weightCosine = result.weightCosine;
            row.relativeOutputError = result.relativeOutputError;
            if (!result.note.empty())
                row.note = toQString(result.note);
            const bool sequential = recipe.calibration.mode == CalibrationMode::Sequential;
            if (!(result.choice == row.choice)) {
                row.stale = QCoreApplication::translate("LayerRows", "Measured with: %1")
                                .arg(choiceText(result.choice));
            } else if (under && (!(under->calibration == recipe.calibration) ||
                                 under->seed != recipe.seed)) {
                row.stale = QCoreApplication::translate("LayerRows",
                                                        "Measured with other calibration settings");
            } else if (sequential && firstChanged < layer.block) {
                row.stale = QCoreApplication::translate(
                    "LayerRows", "Measured before a layer of an earlier block changed");
            }
            if (!(result.choice == row.choice) && layer.block >= 0)
                firstChanged = std::min(firstChanged, layer.block);
            if (row.stale.isEmpty() && result.weight) {
                row.bytes = result.bytes();
                row.bitsPerWeight = result.bitsPerWeight();
            }
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace gradus
