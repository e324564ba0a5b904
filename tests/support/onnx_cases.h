// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Small ONNX models, each of one operator (or of a few that belong together) as one opset writes
/// it. What they give is compared with what ONNX Runtime gives: now, when it is installed, or when
/// tests/data/onnx_operators.json was recorded.
namespace gradus::test {

struct OnnxInput
{
    std::string name;
    int type = 1; ///< TensorProto.DataType
    Shape shape;
    std::vector<double> values;

    [[nodiscard]] Tensor tensor() const; ///< F32, I64 or Bool
};

struct OnnxCase
{
    std::string name; ///< "Softmax 11, over several axes"
    std::string model;
    std::vector<OnnxInput> inputs;
    double relative = 1e-5; ///< of the largest element
};

/// One output of a case, by value.
struct OnnxResult
{
    Shape shape;
    std::vector<double> values;
};

const std::vector<OnnxCase>& onnxCases();

/// The model of these bytes.
std::shared_ptr<const Model> onnxModel(const std::string& content);
/// What Gradus makes of a case. Throws Error.
std::vector<OnnxResult> runOnnx(const OnnxCase& test);
/// Empty when both are the same to the case's tolerance; else what is not.
std::string onnxDifference(const std::vector<OnnxResult>& ours,
                           const std::vector<OnnxResult>& theirs, double relative);

// Who fills the list; see onnx_cases_*.cpp.
void addElementCases(std::vector<OnnxCase>& cases);
void addShapeCases(std::vector<OnnxCase>& cases);
void addReductionCases(std::vector<OnnxCase>& cases);
void addNetworkCases(std::vector<OnnxCase>& cases);
void addImageCases(std::vector<OnnxCase>& cases);
void addPatternCases(std::vector<OnnxCase>& cases);

} // namespace gradus::test
