// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/block_cuts.h"
#include "core/graph/builders.h"
#include "core/graph/fusion.h"
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"

#include <algorithm>
#include <map>
#include <utility>

namespace gradus {

namespace {

/// The tensor that a node multiplies by, when a layer may be made of it.
const std::string* layerWeight(const Operator& op)
{
    if (const auto* linear = std::get_if<op::Linear>(&op))
        return &linear->weight;
    if (const auto* convolution = std::get_if<op::Convolution>(&op))
        return &convolution->weight;
    if (const auto* embedding = std::get_if<op::Embedding>(&op))
        return &embedding->weight;
    return nullptr;
}

void connectLayers(Model& model)
{
    std::map<std::string, Layer*> layers;
    for (Layer& layer : model.layers)
        layers.emplace(layer.weight, &layer);
    for (std::size_t n = 0; n < model.graph.nodes.size(); ++n) {
        const Node& node = model.graph.nodes[n];
        const std::string* weight = layerWeight(node.op);
        const auto layer = weight ? layers.find(*weight) : layers.end();
        if (layer == layers.end() || layer->second->node >= 0)
            continue; // the first node decides
        layer->second->node = static_cast<int>(n);
        layer->second->input = node.inputs.front();
    }
}

/// Layers belong to the block that holds their node; the names of those that no node reaches tell
/// nothing about blocks of this graph.
void placeLayers(Model& model)
{
    for (Layer& layer : model.layers) {
        layer.block = -1;
        for (std::size_t b = 0; b < model.blocks.size(); ++b) {
            const Block& block = model.blocks[b];
            if (layer.node >= block.firstNode && layer.node < block.firstNode + block.nodeCount)
                layer.block = static_cast<int>(b);
        }
    }
}

/// An input of batch × C × H × W or batch × H × W × C with one or three channels.
std::optional<ImageInput> imageInput(const GraphPort& port)
{
    const Shape& shape = port.shape;
    if (port.dtype != DType::F32 || shape.size() != 4)
        return std::nullopt;
    const auto isChannels = [](std::int64_t size) { return size == 1 || size == 3; };
    ImageInput image;
    image.channelsFirst = isChannels(shape[1]);
    if (!image.channelsFirst && !isChannels(shape[3]))
        return std::nullopt;
    image.channels = image.channelsFirst ? shape[1] : shape[3];
    image.height = shape[image.channelsFirst ? 2 : 1];
    image.width = shape[image.channelsFirst ? 3 : 2];
    // Sizes that are not fixed are no input that images could be cut to.
    return image.height > 0 && image.width > 0 ? std::optional(image) : std::nullopt;
}

bool givesClasses(const GraphPort& output)
{
    return output.dtype == DType::F32 && output.shape.size() == 2 && output.shape[1] > 1;
}

/// Names of classes in the metadata: as a list in brackets, {0: 'cat', 1: 'dog'}, or one a line or
/// between commas.
std::vector<std::string> labelsIn(const std::map<std::string, std::string>& metadata)
{
    std::string text;
    for (const char* key : {"names", "labels", "classes", "class_names", "id2label"})
        if (const auto found = metadata.find(key); found != metadata.end() && text.empty())
            text = found->second;
    std::vector<std::string> labels;
    const auto add = [&](std::string_view piece) {
        const auto isEdge = [](char c) {
            return std::string_view(" \t\r\n'\"[]{}").find(c) != std::string_view::npos;
        };
        if (const auto colon = piece.find(':');
            colon != piece.npos &&
            piece.substr(0, colon).find_first_not_of(" \t\r\n'\"{0123456789") == piece.npos)
            piece.remove_prefix(colon + 1);
        while (!piece.empty() && isEdge(piece.front()))
            piece.remove_prefix(1);
        while (!piece.empty() && isEdge(piece.back()))
            piece.remove_suffix(1);
        if (!piece.empty() && isValidUtf8(piece))
            labels.emplace_back(piece);
    };
    const char separator = text.find(',') != text.npos ? ',' : '\n';
    std::size_t begin = 0;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] == '\'' || text[i] == '"') && (quote == 0 || quote == text[i]))
            quote = quote == 0 ? text[i] : '\0';
        if (text[i] == separator && quote == 0) {
            add(std::string_view(text).substr(begin, i - begin));
            begin = i + 1;
        }
    }
    add(std::string_view(text).substr(begin));
    return labels;
}

void describe(Model& model)
{
    const Graph& graph = model.graph;
    if (graph.inputs.size() == 1)
        model.image = imageInput(graph.inputs.front());
    const bool classifies = model.image && givesClasses(graph.outputs.front());
    if (!classifies)
        return;
    model.task = ModelTask::Classification;
    model.labels = labelsIn(model.source.onnx->metadata);
    if (model.labels.size() != static_cast<std::size_t>(graph.outputs.front().shape[1]))
        model.labels.clear();
}

} // namespace

void buildOnnx(Model& model)
{
    OnnxTranslation(model).run();
    fusePatterns(model);
    bringForward(model.graph.nodes);
    model.layers = layersOfUses(model);
    connectLayers(model);
    model.blocks = cutIntoBlocks(model);
    placeLayers(model);
    describe(model);
    model.architecture = "ONNX graph";
}

} // namespace gradus
