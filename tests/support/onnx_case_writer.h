// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/onnx_cases.h"
#include "tests/support/onnx_writer.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

/// How the cases of onnx_cases_*.cpp are written.
namespace gradus::test::onnx {

constexpr int float32 = 1;
constexpr int uint8 = 2;
constexpr int int8 = 3;
constexpr int int32 = 6;
constexpr int int64 = 7;
constexpr int boolean = 9;
constexpr int float16 = 10;
constexpr int float64 = 11;

/// An input of a node: fed, an initializer, or missing.
struct Fed
{
    Shape shape;
    std::vector<double> values;
    int type = float32;
    bool isConstant = false;
    bool isMissing = false;
};

/// Numbers in [low, high) that are exact in float32, other ones for every seed.
Fed fed(Shape shape, double low = -2, double high = 2, unsigned seed = 1);
Fed fedWhole(Shape shape, int type, std::int64_t low, std::int64_t high, unsigned seed = 1);
Fed given(Shape shape, std::vector<double> values, int type = float32);
Fed constant(Fed input);
Fed numbers(const std::vector<std::int64_t>& values); ///< int64, an initializer, of one axis
Fed missing();

/// A model of one node with inputs x0, x1, … and outputs y0, …
OnnxCase oneNode(std::string name, std::int64_t opset, const std::string& op,
                 const std::vector<Fed>& inputs, const std::string& attributes = {},
                 int outputs = 1, const std::string& domain = {});

/// A model of these nodes, which read inputs (or initializers) by the names given here.
OnnxCase several(std::string name, std::int64_t opset,
                 const std::vector<std::pair<std::string, Fed>>& inputs, const std::string& nodes,
                 const std::vector<std::string>& outputs);

/// A TensorProto with these elements.
std::string tensor(const std::string& name, const Fed& content);

} // namespace gradus::test::onnx
