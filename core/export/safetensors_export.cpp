// SPDX-License-Identifier: GPL-3.0-or-later
//
// The source's checkpoint with dequantized weights: a drop-in for the original. Tensors keep names,
// shapes and dtypes; what is neither quantized nor trained is copied byte for byte.
#include "core/base/text.h"
#include "core/export/export_folder.h"
#include "core/export/formats.h"

#include <string_view>
#include <unordered_map>

namespace gradus {

ExportResult exportSafetensors(const ExportRequest& request, Monitor& monitor)
{
    const ModelSource& source = request.model->source;
    std::vector<const Layer*> conflicts;
    const auto quantized = quantizedTensors(exportLayers(*request.run, *request.model), conflicts);
    const auto tuned = tunedTensors(request);
    ExportFolder folder(request.output, source);
    if (!source.config.empty())
        folder.addText("config.json", source.config);
    folder.addCompanions(source);

    // Layers that share a tensor lay it out alike: the model has one use of it.
    std::unordered_map<std::string_view, const WeightLayout*> layouts;
    for (const Layer& layer : request.model->layers)
        layouts.emplace(layer.weight, &layer.layout);
    std::vector<TensorToWrite> tensors;
    const ModelFile& file = *source.tensors;
    for (const TensorInfo& info : file.tensors()) {
        const auto found = quantized.find(info.name);
        std::function<Tensor()> produce;
        if (const auto trained = tuned.find(info.name); trained != tuned.end())
            produce = [value = trained->second] { return value->clone(); };
        else if (found == quantized.end())
            produce = [&file, &info] { return file.read(info.name); };
        else
            produce = [weight = found->second, layout = layouts.at(info.name), &info] {
                const Tensor values = storedOfMatrix(dequantize(*weight), *layout, info.shape);
                return fromFloat(values.floats(), info.dtype, info.shape);
            };
        tensors.push_back({info.name, info.dtype, info.shape, std::move(produce)});
    }
    folder.writeTensors(std::move(tensors), exportMetadata(*request.run), monitor);
    return folder.commit();
}

std::vector<PreflightNote> preflightSafetensors(const ExportRequest& request)
{
    std::vector<PreflightNote> notes;
    std::vector<const Layer*> conflicts;
    const auto layers = exportLayers(*request.run, *request.model);
    (void)quantizedTensors(layers, conflicts);
    for (const Layer* layer : conflicts)
        notes.push_back({layer->name,
                         concat("stays float: it shares the tensor ", layer->weight,
                                " with a layer that is quantized differently"),
                         true});
    for (const ExportLayer& place : layers) {
        const DType dtype = place.layer->dtype;
        if (place.result->weight && dtype != DType::F32 && dtype != DType::F64) {
            notes.push_back({"",
                             concat("dequantized weights are rounded to ", dtypeName(dtype),
                                    ", the type of the original"),
                             false});
            break;
        }
    }
    const ModelFile& file = *request.model->source.tensors;
    for (const UnreadTensor& tensor : file.unread())
        notes.push_back({"", concat("left out: ", tensor.name, ": ", tensor.why), false});
    if (!file.weightUses().empty())
        notes.push_back({"",
                         concat("the weights alone, under the names of the ",
                                request.model->source.format == "onnx" ? "ONNX" : "Keras",
                                " model, as they lie in it; its graph is not written"),
                         false});
    else if (request.model->source.config.empty())
        notes.push_back(
            {"", "the model has no config.json: runtimes that need one cannot load the export",
             false});
    return notes;
}

} // namespace gradus
