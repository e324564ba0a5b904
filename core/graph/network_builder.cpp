// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/network_builder.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/node_range.h"

#include <utility>

namespace gradus {

ValueId NetworkBuilder::addInput(std::string name, DType dtype, Shape shape)
{
    Graph& graph = m_model.graph;
    // Value 0 is there from the start: the first input.
    const ValueId value = graph.inputs.empty() ? 0 : graph.values++;
    graph.inputs.push_back({value, std::move(name), dtype, std::move(shape)});
    return value;
}

void NetworkBuilder::addOutput(ValueId value, std::string name, Shape shape)
{
    Graph& graph = m_model.graph;
    if (graph.outputs.empty())
        graph.output = value;
    graph.outputs.push_back({value, std::move(name), DType::F32, std::move(shape)});
}

ValueId NetworkBuilder::addConstant(Tensor value)
{
    const ValueId id = m_model.graph.values++;
    m_model.graph.constants[id].value = std::make_shared<const Tensor>(std::move(value));
    return id;
}

ValueId NetworkBuilder::addConstant(const std::string& tensor)
{
    const ValueId id = m_model.graph.values++;
    m_model.graph.constants[id].tensor = tensor;
    return id;
}

ValueId NetworkBuilder::add(Operator op, std::vector<ValueId> inputs, std::string name)
{
    return add(std::move(op), std::move(inputs), std::move(name), 1).front();
}

std::vector<ValueId> NetworkBuilder::add(Operator op, std::vector<ValueId> inputs, std::string name,
                                         std::size_t outputs)
{
    Node node;
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.name = std::move(name);
    for (std::size_t i = 0; i < outputs; ++i)
        node.outputs.push_back(m_model.graph.values++);
    m_model.graph.nodes.push_back(std::move(node));
    return m_model.graph.nodes.back().outputs;
}

bool NetworkBuilder::has(const std::string& tensor) const
{
    return m_model.source.tensors->find(tensor) != nullptr;
}

void NetworkBuilder::requireShape(const std::string& tensor, const Shape& shape) const
{
    const TensorInfo* info = m_model.source.tensors->find(tensor);
    if (!info)
        throw Error(ErrorCode::Format, concat("the model has no tensor ", quoted(tensor)));
    if (info->shape != shape)
        throw Error(ErrorCode::Shape, concat(tensor, " is ", shapeText(info->shape),
                                             ", but config.json implies ", shapeText(shape)));
    if (!isFloating(info->dtype))
        throw Error(ErrorCode::Unsupported, concat(tensor, " is stored as ", dtypeName(info->dtype),
                                                   ", expected floating point"));
}

std::string NetworkBuilder::optional(const std::string& tensor, const Shape& shape) const
{
    if (!has(tensor))
        return {};
    requireShape(tensor, shape);
    return tensor;
}

void NetworkBuilder::addLayer(const std::string& name, const std::string& tensor, LayerKind kind,
                              ValueId input, bool byDefault, std::int64_t rows, std::int64_t cols,
                              WeightLayout layout)
{
    const TensorInfo* info = m_model.source.tensors->find(tensor);
    Layer layer;
    layer.name = name;
    layer.weight = tensor;
    layer.kind = kind;
    layer.block = m_block;
    layer.node = static_cast<int>(m_model.graph.nodes.size()) - 1;
    layer.input = input;
    layer.shape = info->shape;
    layer.rows = rows;
    layer.cols = cols;
    layer.dtype = info->dtype;
    layer.layout = std::move(layout);
    layer.quantizedByDefault = byDefault;
    m_model.layers.push_back(std::move(layer));
}

ValueId NetworkBuilder::addLinear(const std::string& name, ValueId input, std::int64_t out,
                                  std::int64_t in, bool byDefault)
{
    const std::string weight = name + ".weight";
    requireShape(weight, {out, in});
    const ValueId value = add(op::Linear{weight, optional(name + ".bias", {out})}, {input}, name);
    addLayer(name, weight, LayerKind::Linear, input, byDefault, out, in);
    return value;
}

ValueId NetworkBuilder::addEmbedding(const std::string& name, ValueId ids, std::int64_t rows,
                                     std::int64_t features)
{
    const std::string weight = name + ".weight";
    requireShape(weight, {rows, features});
    const ValueId value = add(op::Embedding{weight}, {ids}, name);
    addLayer(name, weight, LayerKind::Embedding, ids, false, rows, features);
    return value;
}

ValueId NetworkBuilder::addRmsNorm(const std::string& name, ValueId input, std::int64_t features,
                                   float epsilon)
{
    requireShape(name + ".weight", {features});
    return add(op::RmsNorm{name + ".weight", epsilon}, {input}, name);
}

ValueId NetworkBuilder::addLayerNorm(const std::string& name, ValueId input, std::int64_t features,
                                     float epsilon)
{
    const bool old = !has(name + ".weight") && has(name + ".gamma");
    const std::string weight = name + (old ? ".gamma" : ".weight");
    const std::string bias = name + (old ? ".beta" : ".bias");
    requireShape(weight, {features});
    requireShape(bias, {features});
    return add(op::LayerNorm{weight, bias, epsilon}, {input}, name);
}

ValueId NetworkBuilder::addUnary(op::UnaryKind kind, ValueId input, std::string name)
{
    return add(op::Unary{kind}, {input}, std::move(name));
}

ValueId NetworkBuilder::addBinary(op::BinaryKind kind, ValueId a, ValueId b, std::string name)
{
    return add(op::Binary{kind}, {a, b}, std::move(name));
}

void NetworkBuilder::beginBlock(const std::string& name, ValueId input)
{
    Block block;
    block.name = name;
    block.firstNode = static_cast<int>(m_model.graph.nodes.size());
    block.input = input;
    m_block = static_cast<int>(m_model.blocks.size());
    m_model.blocks.push_back(std::move(block));
}

ValueId NetworkBuilder::endBlock(ValueId output)
{
    Block& block = m_model.blocks.back();
    block.output = output;
    block.nodeCount = static_cast<int>(m_model.graph.nodes.size()) - block.firstNode;
    block.sides = valuesFromOutside(m_model, block.firstNode, block.nodeCount);
    std::erase(block.sides, block.input);
    m_block = -1;
    return output;
}

} // namespace gradus
