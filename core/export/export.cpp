// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/export.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/export/formats.h"
#include "core/io/changed_model_file.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"

#include <array>
#include <map>

namespace gradus {

namespace {

struct Entry
{
    ExportFormat format;
    std::string_view name;
    ExportResult (*write)(const ExportRequest&, Monitor&);
    std::vector<PreflightNote> (*preflight)(const ExportRequest&);
};

constexpr std::array<Entry, 5> entries{{
    {ExportFormat::Safetensors, "safetensors", exportSafetensors, preflightSafetensors},
    {ExportFormat::Gptq, "gptq", exportGptq, preflightGptq},
    {ExportFormat::Hdf5, "hdf5", exportHdf5, preflightHdf5},
    {ExportFormat::Onnx, "onnx", exportSource, preflightSource}, // named as sources are
    {ExportFormat::Keras, "keras", exportSource, preflightSource},
}};

const Entry& entryOf(ExportFormat format)
{
    for (const Entry& entry : entries) {
        if (entry.format == format)
            return entry;
    }
    throw Error(ErrorCode::Internal, "unknown export format");
}

bool sameWeight(const QuantizedWeight& a, const QuantizedWeight& b)
{
    return a.scheme == b.scheme && a.codes == b.codes && a.scales == b.scales &&
           a.zeros == b.zeros && a.groupIndex == b.groupIndex && a.exponents == b.exponents &&
           a.outliers == b.outliers;
}

} // namespace

std::optional<ExportFormat> exportFormatFromName(std::string_view name)
{
    for (const Entry& entry : entries) {
        if (entry.name == name)
            return entry.format;
    }
    return std::nullopt;
}

std::string_view exportFormatName(ExportFormat format)
{
    return entryOf(format).name;
}

std::vector<PreflightNote> preflight(const ExportRequest& asked)
{
    const ExportRequest request = preparedForRun(asked);
    std::vector<PreflightNote> notes = entryOf(request.format).preflight(request);
    const auto tuned = tunedParameters(request.run->layers);
    if (!tuned.empty())
        notes.push_back(
            {"",
             concat(tuned.size(), tuned.size() == 1 ? " float tensor" : " float tensors",
                    " of the model ", tuned.size() == 1 ? "was" : "were",
                    " changed by the run (trained, or folded) and ",
                    tuned.size() == 1 ? "is" : "are", " written so: ", tuned.begin()->first,
                    tuned.size() > 1 ? ", …" : ""),
             false});
    std::vector<std::string> grids;
    for (const LayerResult& layer : request.run->layers)
        if (layer.activation || (layer.staticInputs && layer.staticInputs->grid))
            grids.push_back(layer.name);
    if (!grids.empty() && request.format != ExportFormat::Hdf5)
        notes.push_back({"",
                         concat("the inputs of ", grids.front(),
                                grids.size() > 1 ? concat(" and ", grids.size() - 1, " more layers")
                                                 : std::string(),
                                " are quantized in the run; the format holds weights only, so that "
                                "they stay float"),
                         false});
    return notes;
}

ExportResult exportRun(const ExportRequest& asked, Monitor& monitor)
{
    const ExportRequest request = preparedForRun(asked);
    ExportResult result = entryOf(request.format).write(request, monitor);
    result.notes = preflight(request);
    return result;
}

std::vector<ExportLayer> exportLayers(const Run& run, const Model& model)
{
    std::unordered_map<std::string_view, const Layer*> byName;
    std::unordered_map<std::string_view, int> readers;
    for (const Layer& layer : model.layers) {
        byName.emplace(layer.name, &layer);
        ++readers[layer.weight];
    }
    std::vector<ExportLayer> layers;
    for (const LayerResult& result : run.layers) {
        const auto found = byName.find(result.name);
        if (found == byName.end())
            throw Error(
                ErrorCode::Usage,
                concat("the run is not of this model, which has no layer ", quoted(result.name)));
        const Layer& layer = *found->second;
        if (result.weight &&
            (result.weight->rows != layer.rows || result.weight->cols != layer.cols))
            throw Error(ErrorCode::Usage,
                        concat("the run is not of this model: layer ", result.name, " is ",
                               layer.rows, " × ", layer.cols, ", in the run ", result.weight->rows,
                               " × ", result.weight->cols));
        layers.push_back({&layer, &result, readers[layer.weight] > 1});
    }
    return layers;
}

std::unordered_map<std::string, std::shared_ptr<const Tensor>>
tunedTensors(const ExportRequest& request)
{
    std::unordered_map<std::string, std::shared_ptr<const Tensor>> tensors;
    for (const auto& [name, value] : tunedParameters(request.run->layers)) {
        const TensorInfo& info = tunedTensor(*request.model, name, *value);
        tensors[name] =
            std::make_shared<const Tensor>(fromFloat(value->floats(), info.dtype, info.shape));
    }
    return tensors;
}

std::unordered_map<std::string, const QuantizedWeight*>
quantizedTensors(const std::vector<ExportLayer>& layers, std::vector<const Layer*>& conflicts)
{
    std::unordered_map<std::string, const QuantizedWeight*> tensors;
    std::unordered_map<std::string, bool> good;
    for (const ExportLayer& place : layers) {
        const QuantizedWeight* weight = place.result->weight.get();
        const auto [at, isNew] = tensors.emplace(place.layer->weight, weight);
        bool& agrees = good.emplace(place.layer->weight, true).first->second;
        if (!isNew && at->second != weight &&
            !(at->second && weight && sameWeight(*at->second, *weight)))
            agrees = false;
    }
    for (const ExportLayer& place : layers) {
        if (!good.at(place.layer->weight) && place.result->weight)
            conflicts.push_back(place.layer);
    }
    for (auto at = tensors.begin(); at != tensors.end();) {
        if (at->second && good.at(at->first))
            ++at;
        else
            at = tensors.erase(at);
    }
    return tensors;
}

ChangedTensors changedTensors(const ExportRequest& request)
{
    std::vector<const Layer*> conflicts;
    const auto quantized = quantizedTensors(exportLayers(*request.run, *request.model), conflicts);
    ChangedTensors changed;
    // Layers that share a tensor lay it out alike: the model has one use of it.
    for (const Layer& layer : request.model->layers)
        if (const auto found = quantized.find(layer.weight); found != quantized.end())
            changed.emplace(layer.weight, [weight = found->second, &layer] {
                const Tensor values =
                    storedOfMatrix(dequantize(*weight), layer.layout, layer.shape);
                return fromFloat(values.floats(), layer.dtype, layer.shape);
            });
    for (const auto& [name, value] : tunedTensors(request))
        changed[name] = [value = value] { return value->clone(); };
    // What was computed before quantization: nodes of folded norms become the identity.
    const ModelFile& file = *request.model->source.tensors;
    if (const auto* folded = dynamic_cast<const ChangedModelFile*>(&file))
        for (const auto& [name, change] : folded->changes())
            changed.emplace(name, [&file, tensor = name] { return file.read(tensor); });
    return changed;
}

} // namespace gradus
