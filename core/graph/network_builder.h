// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <string>
#include <vector>

namespace gradus {

/// Puts nodes, layers and blocks into a model, in the order of execution: what the builders of all
/// architectures share. Tensors are checked as they are named; errors are Error(Format | Shape |
/// Unsupported) with a sentence.
class NetworkBuilder
{
public:
    explicit NetworkBuilder(Model& model)
        : m_model(model)
    {
    }

    /// A graph input; the first is value 0 of a new graph.
    ValueId addInput(std::string name, DType dtype, Shape shape);
    void addOutput(ValueId value, std::string name, Shape shape = {});
    ValueId addConstant(Tensor value);
    /// A float tensor of the model, as it lies there.
    ValueId addConstant(const std::string& tensor);

    ValueId add(Operator op, std::vector<ValueId> inputs, std::string name);
    /// Of an operator with several outputs.
    std::vector<ValueId> add(Operator op, std::vector<ValueId> inputs, std::string name,
                             std::size_t outputs);

    [[nodiscard]] bool has(const std::string& tensor) const;
    /// Throws unless the tensor is there, floating and of that shape.
    void requireShape(const std::string& tensor, const Shape& shape) const;
    /// The tensor's name, or "" when it is not there.
    [[nodiscard]] std::string optional(const std::string& tensor, const Shape& shape) const;

    /// The layer of the node that was added last. layout: how the stored tensor is rows × cols.
    void addLayer(const std::string& name, const std::string& tensor, LayerKind kind, ValueId input,
                  bool byDefault, std::int64_t rows, std::int64_t cols, WeightLayout layout = {});

    /// NAME.weight (out × in) and NAME.bias where it is there: node and layer.
    ValueId addLinear(const std::string& name, ValueId input, std::int64_t out, std::int64_t in,
                      bool byDefault = true);
    /// NAME.weight (rows × features): node and layer, float by default.
    ValueId addEmbedding(const std::string& name, ValueId ids, std::int64_t rows,
                         std::int64_t features);
    ValueId addRmsNorm(const std::string& name, ValueId input, std::int64_t features,
                       float epsilon);
    /// NAME.weight and NAME.bias, or NAME.gamma and NAME.beta as old files have them.
    ValueId addLayerNorm(const std::string& name, ValueId input, std::int64_t features,
                         float epsilon);
    ValueId addUnary(op::UnaryKind kind, ValueId input, std::string name);
    ValueId addBinary(op::BinaryKind kind, ValueId a, ValueId b, std::string name);

    /// Nodes and layers between the two belong to a block. endBlock finds the sides itself.
    void beginBlock(const std::string& name, ValueId input);
    ValueId endBlock(ValueId output);

    [[nodiscard]] Model& model() { return m_model; }
    [[nodiscard]] const Model& model() const { return m_model; }

private:
    Model& m_model;
    int m_block = -1;
};

} // namespace gradus
