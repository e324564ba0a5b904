// SPDX-License-Identifier: GPL-3.0-or-later
//
// The source's checkpoint with dequantized weights: a drop-in for the original. Tensors keep names,
// shapes and dtypes; what is neither quantized nor trained is copied byte for byte.
#include "core/base/text.h"
#include "core/export/export_folder.h"
#include "core/export/formats.h"

#include <utility>

namespace gradus {

FolderContent safetensorsContent(const ExportRequest& request)
{
    const ModelSource& source = request.model->source;
    ChangedTensors changed = changedTensors(request);
    FolderContent content;
    if (!source.config.empty())
        content.texts.emplace_back("config.json", source.config);
    const ModelFile& file = *source.tensors;
    for (const TensorInfo& info : file.tensors()) {
        const auto found = changed.find(info.name);
        std::function<Tensor()> produce = [&file, &info] { return file.read(info.name); };
        if (found != changed.end())
            produce = std::move(found->second);
        content.tensors.push_back({info.name, info.dtype, info.shape, std::move(produce)});
    }
    content.metadata = exportMetadata(*request.run);
    return content;
}

ExportResult exportSafetensors(const ExportRequest& request, Monitor& monitor)
{
    FolderContent content = safetensorsContent(request);
    ExportFolder folder(request.output, request.model->source);
    return folder.write(std::move(content), request.model->source, monitor);
}

std::vector<PreflightNote> preflightDequantized(const ExportRequest& request)
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
    return notes;
}

std::vector<PreflightNote> preflightSafetensors(const ExportRequest& request)
{
    std::vector<PreflightNote> notes = preflightDequantized(request);
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
