// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/container_graph.h"

#include "core/graph/block_cuts.h"

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
    std::vector<int> blockOf(model.graph.nodes.size(), -1);
    for (std::size_t b = 0; b < model.blocks.size(); ++b)
        std::fill_n(blockOf.begin() + model.blocks[b].firstNode, model.blocks[b].nodeCount,
                    static_cast<int>(b));
    for (Layer& layer : model.layers)
        layer.block = layer.node < 0 ? -1 : blockOf[static_cast<std::size_t>(layer.node)];
}

} // namespace

void placeIntoGraph(Model& model, std::vector<Layer> layers)
{
    bringForward(model.graph.nodes);
    model.layers = std::move(layers);
    connectLayers(model);
    model.blocks = cutIntoBlocks(model);
    placeLayers(model);
}

std::optional<ImageInput> imageInputOf(const GraphPort& port)
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

} // namespace gradus
