// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_rows.h"

#include "widgets/models/choice.h"
#include "widgets/text.h"

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

std::vector<LayerRow> layerRows(const Model& model, const Recipe& recipe, const Plan* plan,
                                const Results& results)
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
        row.floatBytes = static_cast<std::uint64_t>(layer.parameters()) * dtypeSize(layer.dtype);
        if (row.choice.keepFloat) {
            row.bytes = row.floatBytes;
            row.bitsPerWeight = 8.0 * static_cast<double>(dtypeSize(layer.dtype));
        }

        const auto found = results.find(layer.name);
        if (found != results.end()) {
            const auto& [result, under] = found->second;
            row.measured = true;
            row.weightSqnrDb = result.weightSqnrDb;
            row.relativeOutputError = result.relativeOutputError;
            if (!result.note.empty())
                row.note = toQString(result.note);
            const bool sequential = recipe.calibration.mode == CalibrationMode::Sequential;
            if (!(result.choice == row.choice)) {
                row.stale = QStringLiteral("Measured with: %1").arg(choiceText(result.choice));
            } else if (under && (!(under->calibration == recipe.calibration) ||
                                 under->seed != recipe.seed)) {
                row.stale = QStringLiteral("Measured with other calibration settings");
            } else if (sequential && firstChanged < layer.block) {
                row.stale = QStringLiteral("Measured before a layer of an earlier block changed");
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
