// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/model.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/block_cuts.h"
#include "core/graph/builders.h"

#include <algorithm>
#include <set>

namespace gradus {

namespace {

bool contains(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

/// Puts a layer into the block that its name tells, which may be new.
void placeInBlock(Layer& layer, Model& model)
{
    const std::string prefix = blockPrefix(layer.name);
    if (prefix.empty())
        return;
    auto block = std::find_if(model.blocks.begin(), model.blocks.end(),
                              [&](const Block& b) { return b.name == prefix; });
    if (block == model.blocks.end()) {
        Block added;
        added.name = prefix;
        block = model.blocks.insert(model.blocks.end(), added);
    }
    layer.block = static_cast<int>(block - model.blocks.begin());
}

LayerKind kindOfRole(WeightRole role)
{
    switch (role) {
    case WeightRole::Linear:
        return LayerKind::Linear;
    case WeightRole::Embedding:
        return LayerKind::Embedding;
    case WeightRole::Convolution:
        return LayerKind::Convolution;
    case WeightRole::Other:
        break;
    }
    return LayerKind::Other;
}

/// Layers of a container whose architecture is unknown: every floating tensor of two or more
/// dimensions.
void listTensorsAsLayers(Model& model)
{
    for (const TensorInfo& info : model.source.tensors->tensors()) {
        if (!isFloating(info.dtype) || info.shape.size() < 2 || elementCount(info.shape) == 0)
            continue;
        Layer layer;
        layer.weight = info.name;
        layer.name =
            info.name.ends_with(".weight") ? info.name.substr(0, info.name.size() - 7) : info.name;
        layer.shape = info.shape;
        layer.rows = info.shape[0];
        layer.cols = elementCount(info.shape) / info.shape[0];
        layer.dtype = info.dtype;
        const bool embeds = contains(info.name, "embed") || contains(info.name, "wte.") ||
                            contains(info.name, "wpe.") || contains(info.name, "token");
        switch (info.shape.size()) {
        case 2:
            layer.kind = embeds ? LayerKind::Embedding : LayerKind::Linear;
            break;
        case 4:
            layer.kind = LayerKind::Convolution;
            break;
        default:
            layer.kind = LayerKind::Other;
            break;
        }
        layer.quantizedByDefault =
            (layer.kind == LayerKind::Convolution || !embeds) && !contains(info.name, "lm_head");
        placeInBlock(layer, model);
        model.layers.push_back(std::move(layer));
    }
}

void listUsesAsLayers(Model& model)
{
    model.layers = layersOfUses(model);
    for (Layer& layer : model.layers)
        placeInBlock(layer, model);
}

void buildGraph(Model& model)
{
    if (model.source.onnx) {
        model.architecture = "ONNX graph (not run)";
        buildOnnx(model);
        return;
    }
    if (model.source.format == "keras") {
        model.architecture = "Keras model (not run)";
        buildKeras(model);
        return;
    }
    if (model.source.format == "gguf" && model.source.config.empty()) {
        model.architecture = "GGUF model (not run)";
        throw Error(
            ErrorCode::Unsupported,
            "GGUF models of other architectures than llama and qwen2 cannot be run yet; the "
            "weights can be inspected and quantized without calibration");
    }
    if (model.source.config.empty())
        throw Error(ErrorCode::Unsupported,
                    "there is no config.json, so the architecture is unknown");
    buildHuggingFace(model);
}

} // namespace

// Constants of elementwise nodes and the like are not weights of a product: they stay float unless
// a rule includes them.
std::vector<Layer> layersOfUses(const Model& model)
{
    std::vector<Layer> layers;
    const ModelFile& file = *model.source.tensors;
    for (const WeightUse& use : file.weightUses()) {
        const TensorInfo& info = *file.find(use.tensor);
        Layer layer;
        layer.name = use.name;
        layer.weight = use.tensor;
        layer.kind = kindOfRole(use.role);
        layer.shape = info.shape;
        layer.rows = use.rows;
        layer.cols = use.cols;
        layer.dtype = info.dtype;
        layer.layout = use.layout;
        layer.quantizedByDefault =
            (layer.kind == LayerKind::Linear || layer.kind == LayerKind::Convolution) &&
            !contains(info.name, "lm_head");
        layers.push_back(std::move(layer));
    }
    return layers;
}

std::string_view layerKindName(LayerKind kind)
{
    switch (kind) {
    case LayerKind::Linear:
        return "linear";
    case LayerKind::Embedding:
        return "embedding";
    case LayerKind::Convolution:
        return "convolution";
    case LayerKind::Other:
        break;
    }
    return "other";
}

std::string_view modelTaskName(ModelTask task)
{
    switch (task) {
    case ModelTask::Language:
        return "language";
    case ModelTask::Classification:
        return "classification";
    case ModelTask::Other:
        break;
    }
    return "other";
}

void forEachRead(const Node& node, const std::function<void(ValueId)>& read)
{
    for (const ValueId value : node.inputs)
        if (value != noValue)
            read(value);
    const auto* branches = std::get_if<op::If>(&node.op);
    if (!branches)
        return;
    for (const auto& branch : {branches->thenBranch, branches->elseBranch}) {
        std::set<ValueId> made;
        const auto readOutside = [&](ValueId value) {
            if (value != noValue && !made.contains(value))
                read(value);
        };
        for (const Node& inner : branch->nodes) {
            forEachRead(inner, readOutside);
            made.insert(inner.outputs.begin(), inner.outputs.end());
        }
        for (const ValueId value : branch->outputs)
            readOutside(value);
    }
}

const Layer* Model::findLayer(std::string_view name) const
{
    const auto found = std::find_if(layers.begin(), layers.end(),
                                    [&](const Layer& layer) { return layer.name == name; });
    return found == layers.end() ? nullptr : &*found;
}

std::shared_ptr<const Model> buildModel(ModelSource source)
{
    auto model = std::make_shared<Model>();
    model->source = std::move(source);
    for (const TensorInfo& info : model->source.tensors->tensors())
        if (isFloating(info.dtype))
            model->parameters += elementCount(info.shape);
    try {
        buildGraph(*model);
    } catch (const Error& error) {
        model->whyNotRunnable = error.what();
        model->graph = {};
        model->task = ModelTask::Other;
        model->image.reset();
        model->labels.clear();
        model->layers.clear();
        model->blocks.clear();
        if (model->architecture.empty())
            model->architecture = "unknown";
        if (model->source.tensors->weightUses().empty())
            listTensorsAsLayers(*model);
        else
            listUsesAsLayers(*model);
    }
    return model;
}

std::shared_ptr<const Model> openModel(const std::filesystem::path& path)
{
    return buildModel(openModelSource(path));
}

} // namespace gradus
