// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/run.h"

#include "core/session/quantize.h"

#include <algorithm>

namespace gradus {

const LayerResult* Run::find(std::string_view layer) const
{
    const auto found = std::find_if(layers.begin(), layers.end(), [&](const LayerResult& result) {
        return result.name == layer;
    });
    return found == layers.end() ? nullptr : &*found;
}

std::map<std::string, std::shared_ptr<const Tensor>>
tunedParameters(const std::vector<LayerResult>& layers)
{
    std::map<std::string, std::shared_ptr<const Tensor>> all;
    // Trainings begin from what the folds and corrections of static quantization left.
    for (const LayerResult& layer : layers)
        if (layer.staticInputs)
            for (const auto& [name, value] : layer.staticInputs->parameters)
                all[name] = value;
    // What the fine-tuning of all blocks made stands for what the blocks' own trainings made.
    for (const bool whole : {false, true})
        for (const LayerResult& layer : layers)
            for (const auto& tuning : layer.tunings)
                if ((tuning->block < 0) == whole)
                    for (const auto& [name, value] : tuning->parameters)
                        all[name] = value;
    return all;
}

Totals totalsOf(const Model& model, const std::vector<LayerResult>& layers)
{
    Totals totals;
    std::vector<LayerChoice> choices;
    for (const LayerResult& result : layers) {
        choices.push_back(result.choice);
        if (result.weight) {
            totals.weights += result.weight->rows * result.weight->cols;
            totals.bytes += result.bytes();
        }
    }
    if (totals.weights > 0)
        totals.bitsPerWeight =
            8.0 * static_cast<double>(totals.bytes) / static_cast<double>(totals.weights);
    totals.floatBytes = floatBytes(model, choices);
    return totals;
}

} // namespace gradus
