// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/session/quantize.h"

#include <set>

namespace gradus {

std::uint64_t floatBytes(const Model& model, const std::vector<LayerChoice>& choices)
{
    std::set<std::string> quantized;
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (!choices[i].keepFloat)
            quantized.insert(model.layers[i].weight);
    std::uint64_t bytes = 0;
    for (const TensorInfo& info : model.source.tensors->tensors())
        if (isFloating(info.dtype) && !quantized.contains(info.name))
            bytes += info.bytes;
    return bytes;
}

Plan plan(const Model& model, const Recipe& recipe)
{
    const std::vector<LayerChoice> choices = resolve(recipe, model);
    Plan result;
    result.rows.reserve(choices.size());
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const Layer& layer = model.layers[i];
        const LayerChoice& choice = choices[i];
        Plan::Row row;
        row.layer = layer.name;
        row.choice = choice;
        if (choice.keepFloat) {
            if (!layer.quantizedByDefault)
                row.note = "stays float unless a rule includes it";
        } else {
            const StoredSize size =
                storedSize(storedScheme(choice.scheme, choice.method), layer.rows, layer.cols,
                           storedExtras(choice.scheme, choice.method, layer.rows, layer.cols));
            row.bytes = size.bytes();
            row.bitsPerWeight = size.bitsPerWeight(layer.parameters());
            if (choice.scheme.granularity == Granularity::Group) {
                if (choice.scheme.groupSize > layer.cols)
                    row.note = concat("group ", choice.scheme.groupSize,
                                      " is larger than the row of ", layer.cols, ": one group");
                else if (layer.cols % choice.scheme.groupSize != 0)
                    row.note = concat("the last group of a row has ",
                                      layer.cols % choice.scheme.groupSize, " inputs");
            }
            result.totals.weights += layer.parameters();
            result.totals.bytes += row.bytes;
            result.needsCalibration = result.needsCalibration || needsCalibration(choice);
        }
        result.rows.push_back(std::move(row));
    }
    if (result.totals.weights > 0)
        result.totals.bitsPerWeight = 8.0 * static_cast<double>(result.totals.bytes) /
                                      static_cast<double>(result.totals.weights);
    result.totals.floatBytes = floatBytes(model, choices);
    return result;
}

} // namespace gradus
