// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/quantize.h"

#include <memory>
#include <string>

namespace gradus::test {

/// A model of layers without any file behind it: an embedding, then blocks of two linear layers.
inline std::shared_ptr<Model> madeUpModel(int blocks = 2)
{
    auto model = std::make_shared<Model>();
    model->architecture = "llama";
    model->task = ModelTask::Language;
    const auto add = [&](const std::string& name, LayerKind kind, int block, std::int64_t rows,
                         std::int64_t cols) {
        Layer layer;
        layer.name = name;
        layer.weight = name + ".weight";
        layer.kind = kind;
        layer.block = block;
        layer.shape = {rows, cols};
        layer.rows = rows;
        layer.cols = cols;
        layer.dtype = DType::F16;
        layer.quantizedByDefault = kind == LayerKind::Linear;
        layer.node = static_cast<int>(model->graph.nodes.size());
        Node node;
        node.op = kind == LayerKind::Embedding ? Operator(op::Embedding{layer.weight})
                                               : Operator(op::Linear{layer.weight, ""});
        node.inputs = {model->graph.values - 1};
        node.outputs = {model->graph.values++};
        node.name = name;
        model->graph.nodes.push_back(std::move(node));
        model->parameters += rows * cols;
        model->layers.push_back(layer);
    };
    add("embed", LayerKind::Embedding, -1, 100, 64);
    for (int b = 0; b < blocks; ++b) {
        Block block;
        block.name = "blocks." + std::to_string(b);
        block.firstNode = static_cast<int>(model->graph.nodes.size());
        block.nodeCount = 2;
        model->blocks.push_back(block);
        add(block.name + ".up", LayerKind::Linear, b, 128, 64);
        add(block.name + ".down", LayerKind::Linear, b, 64, 128);
    }
    return model;
}

/// The plan of a recipe without rules.
inline std::shared_ptr<Plan> madeUpPlan(const Model& model, const Recipe& recipe)
{
    auto plan = std::make_shared<Plan>();
    for (const Layer& layer : model.layers) {
        Plan::Row row;
        row.layer = layer.name;
        const auto found = recipe.overrides.find(layer.name);
        if (found != recipe.overrides.end())
            row.choice = found->second;
        else if (layer.quantizedByDefault)
            row.choice = recipe.standard;
        else
            row.choice.keepFloat = true;
        if (!row.choice.keepFloat) {
            const StoredSize size = storedSize(row.choice.scheme, layer.rows, layer.cols);
            row.bytes = size.bytes();
            row.bitsPerWeight = size.bitsPerWeight(layer.parameters());
        }
        plan->rows.push_back(row);
    }
    return plan;
}

} // namespace gradus::test
