// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/model_file.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

struct OnnxGraph;

/// An AttributeProto. What its type does not use is empty.
struct OnnxAttribute
{
    std::string name;
    std::int64_t type = 0; ///< AttributeProto.AttributeType; 0 in very old files
    std::int64_t integer = 0;
    float real = 0;
    std::string text;
    std::vector<std::int64_t> integers;
    std::vector<float> reals;
    std::vector<std::string> texts;
    std::string tensor;                  ///< of a Constant node: its name in the ModelFile
    std::shared_ptr<const Tensor> value; ///< of any other node, when it is small
    std::vector<OnnxGraph> graphs;
};

/// A weight that a node multiplies by: input `input` is the tensor as the nodes before turn it.
struct OnnxWeight
{
    std::size_t input = 0;
    std::string tensor; ///< in the ModelFile
    WeightRole role = WeightRole::Other;
    Shape shape; ///< of the input
    WeightLayout layout;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
};

struct OnnxNode
{
    std::string op;
    std::string domain;
    std::string name;
    std::vector<std::string> inputs; ///< "" for one that is missing
    std::vector<std::string> outputs;
    std::vector<OnnxAttribute> attributes;
    std::vector<OnnxWeight> weights;

    [[nodiscard]] const OnnxAttribute* attribute(std::string_view wanted) const;
    /// For messages: the name, or else that of its first output.
    [[nodiscard]] const std::string& label() const;
};

/// A ValueInfoProto of a tensor.
struct OnnxValue
{
    std::string name;
    std::int64_t type = 0;      ///< TensorProto.DataType; 0: no tensor, or not said
    std::optional<Shape> shape; ///< −1 for sizes that are not fixed
};

/// A GraphProto as values: what it computes, without the elements of its tensors.
struct OnnxGraph
{
    std::vector<OnnxNode> nodes; ///< as in the file
    std::vector<OnnxValue> inputs;
    std::vector<OnnxValue> outputs;
    std::vector<OnnxValue> values; ///< of the nodes, as far as the file says
    /// Name in the graph, name in the ModelFile (which differs in graphs inside others).
    std::vector<std::pair<std::string, std::string>> initializers;

    // Of the model; empty in a graph inside another.
    std::map<std::string, std::int64_t> opsets; ///< by domain; "" for ai.onnx
    std::map<std::string, std::string> metadata;
    std::string producer;
    std::vector<std::string> functions; ///< of the model's own, by name
    /// Why the rest is not all that the file holds; empty when it is.
    std::string whyIncomplete;
};

} // namespace gradus
