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
    // Those of a later training of a layer stand for the earlier ones.
    std::size_t most = 0;
    for (const LayerResult& layer : layers)
        most = std::max(most, layer.tunings.size());
    for (std::size_t turn = 0; turn < most; ++turn)
        for (const LayerResult& layer : layers)
            if (turn < layer.tunings.size())
                for (const auto& [name, value] : layer.tunings[turn]->parameters)
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
