// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/onnx_cases.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/executor.h"
#include "core/io/onnx_file.h"
#include "tests/support/onnx_case_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace gradus::test {

namespace onnx {

Fed fed(Shape shape, double low, double high, unsigned seed)
{
    std::mt19937 random(seed * 7919 + static_cast<unsigned>(shape.size()));
    Fed result;
    for (std::int64_t i = 0; i < elementCount(shape); ++i) {
        const double unit = static_cast<double>(random() >> 8) / 16777216.0;
        result.values.push_back(static_cast<float>(low + unit * (high - low)));
    }
    result.shape = std::move(shape);
    return result;
}

Fed fedWhole(Shape shape, int type, std::int64_t low, std::int64_t high, unsigned seed)
{
    std::mt19937 random(seed * 104729 + static_cast<unsigned>(shape.size()));
    Fed result;
    for (std::int64_t i = 0; i < elementCount(shape); ++i)
        result.values.push_back(static_cast<double>(
            low + static_cast<std::int64_t>(random() % static_cast<unsigned>(high - low))));
    result.shape = std::move(shape);
    result.type = type;
    return result;
}

Fed given(Shape shape, std::vector<double> values, int type)
{
    return {std::move(shape), std::move(values), type, false, false};
}

Fed constant(Fed input)
{
    input.isConstant = true;
    return input;
}

Fed numbers(const std::vector<std::int64_t>& values)
{
    return {{static_cast<std::int64_t>(values.size())},
            {values.begin(), values.end()},
            int64,
            true,
            false};
}

Fed missing()
{
    Fed result;
    result.isMissing = true;
    return result;
}

namespace {

template <class T>
std::string rawAs(const std::vector<double>& values)
{
    std::vector<T> typed;
    for (const double value : values)
        typed.push_back(static_cast<T>(value));
    return raw(typed);
}

std::string rawElements(const Fed& content)
{
    switch (content.type) {
    case float32:
        return rawAs<float>(content.values);
    case float64:
        return rawAs<double>(content.values);
    case int64:
        return rawAs<std::int64_t>(content.values);
    case int32:
        return rawAs<std::int32_t>(content.values);
    case int8:
        return rawAs<std::int8_t>(content.values);
    case float16: {
        std::vector<float> floats(content.values.begin(), content.values.end());
        const Tensor half =
            fromFloat(floats, DType::F16, {static_cast<std::int64_t>(floats.size())});
        return {reinterpret_cast<const char*>(half.bytes().data()), half.bytes().size()};
    }
    default:
        return rawAs<std::uint8_t>(content.values);
    }
}

std::string declared(const std::string& name, const Fed& content, OnnxCase& test)
{
    if (content.isConstant)
        return initializer(tensor(name, content));
    test.inputs.push_back({name, content.type, content.shape, content.values});
    return input(name, content.type, content.shape);
}

} // namespace

std::string tensor(const std::string& name, const Fed& content)
{
    return head(name, content.type, content.shape) + bytes(9, rawElements(content));
}

OnnxCase oneNode(std::string name, std::int64_t opset, const std::string& op,
                 const std::vector<Fed>& inputs, const std::string& attributes, int outputs,
                 const std::string& domain)
{
    OnnxCase test;
    test.name = op + " " + std::to_string(opset) + (name.empty() ? "" : ", ") + std::move(name);
    std::string graph;
    std::vector<std::string> from;
    std::vector<std::string> to;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        from.push_back(inputs[i].isMissing ? std::string() : "x" + std::to_string(i));
        if (!inputs[i].isMissing)
            graph += declared(from.back(), inputs[i], test);
    }
    for (int i = 0; i < outputs; ++i) {
        to.push_back("y" + std::to_string(i));
        graph += output(to.back());
    }
    graph += foreignNode(domain, op, from, to, attributes, "the_" + op);
    test.model = model(graph, opset);
    return test;
}

OnnxCase several(std::string name, std::int64_t opset,
                 const std::vector<std::pair<std::string, Fed>>& inputs, const std::string& nodes,
                 const std::vector<std::string>& outputs)
{
    OnnxCase test;
    test.name = std::move(name) + " " + std::to_string(opset);
    std::string graph;
    for (const auto& [label, content] : inputs)
        graph += declared(label, content, test);
    for (const std::string& label : outputs)
        graph += output(label);
    test.model = model(graph + nodes, opset);
    return test;
}

} // namespace onnx

Tensor OnnxInput::tensor() const
{
    const DType dtype = type == onnx::float32 || type == onnx::float16 || type == onnx::float64
                            ? DType::F32
                        : type == onnx::boolean ? DType::Bool
                                                : DType::I64;
    Tensor result(dtype, shape);
    for (std::size_t i = 0; i < values.size(); ++i)
        if (dtype == DType::F32)
            result.floats()[i] = static_cast<float>(values[i]);
        else if (dtype == DType::Bool)
            result.bytes()[i] = std::byte(values[i] != 0);
        else {
            const auto whole = static_cast<std::int64_t>(values[i]);
            std::memcpy(result.bytes().data() + 8 * i, &whole, 8);
        }
    return result;
}

const std::vector<OnnxCase>& onnxCases()
{
    static const std::vector<OnnxCase> all = [] {
        std::vector<OnnxCase> cases;
        addElementCases(cases);
        addShapeCases(cases);
        addReductionCases(cases);
        addNetworkCases(cases);
        addImageCases(cases);
        addPatternCases(cases);
        return cases;
    }();
    return all;
}

std::shared_ptr<const Model> onnxModel(const std::string& content)
{
    OpenedOnnx opened = openOnnx(onnx::source(content), {});
    ModelSource source;
    source.format = "onnx";
    source.tensors = std::move(opened.tensors);
    source.onnx = std::move(opened.graph);
    return buildModel(std::move(source));
}

std::vector<OnnxResult> runOnnx(const OnnxCase& test)
{
    const auto model = onnxModel(test.model);
    if (!model->canRun())
        throw Error(ErrorCode::Unsupported, model->whyNotRunnable);
    const Weights weights(model, std::uint64_t(16) << 20);
    std::vector<Tensor> inputs;
    for (const OnnxInput& input : test.inputs)
        inputs.push_back(input.tensor());
    std::vector<OnnxResult> results;
    for (const Tensor& output : Executor(*model, weights).run(std::move(inputs), Monitor())) {
        OnnxResult result;
        result.shape = output.shape();
        const auto* integers = reinterpret_cast<const std::int64_t*>(output.bytes().data());
        for (std::int64_t i = 0; i < output.count(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            result.values.push_back(
                output.dtype() == DType::F32   ? static_cast<double>(output.floats()[at])
                : output.dtype() == DType::I64 ? static_cast<double>(integers[at])
                                               : static_cast<double>(output.bytes()[at]));
        }
        results.push_back(std::move(result));
    }
    return results;
}

std::string onnxDifference(const std::vector<OnnxResult>& ours,
                           const std::vector<OnnxResult>& theirs, double relative)
{
    if (ours.size() != theirs.size())
        return concat(ours.size(), " outputs, expected ", theirs.size());
    for (std::size_t o = 0; o < ours.size(); ++o) {
        if (ours[o].shape != theirs[o].shape)
            return concat("output ", o, " is ", shapeText(ours[o].shape), ", expected ",
                          shapeText(theirs[o].shape));
        double largest = 1e-3;
        for (const double value : theirs[o].values)
            if (std::isfinite(value))
                largest = std::max(largest, std::abs(value));
        for (std::size_t i = 0; i < theirs[o].values.size(); ++i) {
            const double a = ours[o].values[i];
            const double b = theirs[o].values[i];
            const bool same = std::isfinite(b) ? std::abs(a - b) <= relative * largest
                                               : a == b || (std::isnan(a) && std::isnan(b));
            if (!same)
                return concat("output ", o, ", element ", i, ": ", a, ", expected ", b);
        }
    }
    return {};
}

} // namespace gradus::test
