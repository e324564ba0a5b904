// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/graph/gradient.h"
#include "core/graph/kernels_backward.h"
#include "core/tensor/linalg.h"
#include "tests/support/one_node_model.h"
#include "tests/support/operator_oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradus::test {

namespace {

OneNodeModel modelOf(const OperatorCase& test)
{
    std::vector<bool> present;
    for (const auto& input : test.inputs)
        present.push_back(input.has_value());
    std::map<std::string, Tensor> parameters;
    for (const auto& [name, value] : test.parameters)
        parameters.emplace(name, tensorOf(value));
    return {test.op, present, test.outputs, std::move(parameters)};
}

Values inputsOf(const OperatorCase& test)
{
    Values values;
    for (std::size_t i = 0; i < test.inputs.size(); ++i)
        if (test.inputs[i])
            values.emplace(static_cast<ValueId>(i), tensorOf(*test.inputs[i]));
    return values;
}

bool sameBits(const Tensor& a, const Tensor& b)
{
    return a.dtype() == b.dtype() && a.shape() == b.shape() &&
           (a.empty() || std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0);
}

/// Of floats with a tolerance, of all else exactly; an infinity is only like itself.
std::string difference(const Elements& actual, const Elements& expected, double relative,
                       double absolute)
{
    if (actual.dtype != expected.dtype || actual.shape != expected.shape)
        return concat("is ", shapeText(actual.shape), " of ", dtypeName(actual.dtype),
                      ", expected ", shapeText(expected.shape), " of ", dtypeName(expected.dtype));
    for (std::size_t i = 0; i < expected.at.size(); ++i) {
        const double a = actual.at[i];
        const double e = expected.at[i];
        const double allowed =
            expected.dtype == DType::F32 ? absolute + relative * std::fabs(e) : 0;
        const bool like = a == e || (std::isnan(a) && std::isnan(e)) ||
                          (std::isfinite(e) && std::fabs(a - e) <= allowed);
        if (!like)
            return concat("[", i, "] of ", shapeText(expected.shape), " is ", a, ", expected ", e);
    }
    return {};
}

/// An output and dL/d(it).
struct Pull
{
    std::size_t output = 0;
    Elements gradient;
};

/// L, which is linear in the output.
double weighted(const OperatorOracle& oracle, const OperatorCase& test, const Pull& pull)
{
    const std::vector<Elements> outputs = oracle.evaluate(test);
    double sum = 0;
    for (std::size_t i = 0; i < pull.gradient.at.size(); ++i)
        sum += pull.gradient.at[i] * outputs[pull.output].at[i];
    return sum;
}

/// dL/d(values), which lie inside test, by central differences.
std::vector<double> slopes(const OperatorOracle& oracle, const OperatorCase& test, Elements& values,
                           const Pull& pull)
{
    constexpr double h = 1e-5;
    std::vector<double> result;
    for (double& value : values.at) {
        const double middle = value;
        value = middle + h;
        const double above = weighted(oracle, test, pull);
        value = middle - h;
        result.push_back((above - weighted(oracle, test, pull)) / (2 * h));
        value = middle;
    }
    return result;
}

std::string gradientDifference(std::span<const float> actual, const std::vector<double>& expected)
{
    if (actual.size() != expected.size())
        return concat("has ", actual.size(), " values, expected ", expected.size());
    double largest = 1e-2;
    for (const double value : expected)
        largest = std::max(largest, std::fabs(value));
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!(std::fabs(static_cast<double>(actual[i]) - expected[i]) <= 1e-4 * largest))
            return concat("[", i, "] is ", actual[i], ", the difference quotient is ", expected[i]);
    return {};
}

/// What a sink hears of one node, by tensor.
class Gradients
{
public:
    explicit Gradients(const Operator& op)
        : m_op(op)
    {
    }
    std::map<std::string, std::vector<float>> byTensor;

    GradientSink sink()
    {
        GradientSink sink;
        sink.norm = [this](int, const std::string& tensor, std::span<const float> gradient) {
            byTensor[tensor].assign(gradient.begin(), gradient.end());
        };
        sink.convolution = [this](int, ConstMatrixView weight, std::span<const float> bias) {
            const auto& convolution = std::get<op::Convolution>(m_op);
            auto& to = byTensor[convolution.weight];
            for (std::int64_t r = 0; r < weight.rows; ++r)
                to.insert(to.end(), weight.row(r).begin(), weight.row(r).end());
            if (!convolution.bias.empty())
                byTensor[convolution.bias].assign(bias.begin(), bias.end());
        };
        sink.linear = [this](int, ConstMatrixView x, ConstMatrixView delta) {
            const auto& linear = std::get<op::Linear>(m_op);
            Tensor weight({delta.cols, x.cols});
            multiplyLeftTransposed(delta, x, weight.matrix());
            byTensor[linear.weight].assign(weight.floats().begin(), weight.floats().end());
            if (linear.bias.empty())
                return;
            auto& bias = byTensor[linear.bias];
            bias.resize(static_cast<std::size_t>(delta.cols));
            kernel::addColumnSums(delta, bias);
        };
        return sink;
    }

private:
    const Operator& m_op;
};

/// One backward pass, to input i or to the parameters or to both.
Tensor backward(const OperatorCase& test, std::size_t i, bool inputGradient, Gradients* gradients,
                const Pull& pull)
{
    const OneNodeModel model = modelOf(test);
    Values sides = inputsOf(test);
    NodeRange range = model.range(i);
    range.output = model.node().outputs[pull.output];
    Tensor input = std::move(sides.extract(range.input).mapped());
    const Monitor monitor;
    GradientPass pass(model.model(), model.weights(), range,
                      gradients ? std::set<int>{0} : std::set<int>(), inputGradient);
    const Tensor output = pass.forward(std::move(input), sides, monitor);
    return pass.backward(tensorOf(pull.gradient), gradients ? gradients->sink() : GradientSink(),
                         monitor);
}

std::string inputFault(const OperatorOracle& oracle, const OperatorCase& test, std::size_t i,
                       const Pull& pull)
{
    const Tensor gradient = backward(test, i, true, nullptr, pull);
    if (gradient.shape() != test.inputs[i]->shape)
        return concat("the gradient of input ", i, " is ", shapeText(gradient.shape()));
    OperatorCase moving = test;
    const std::string what =
        gradientDifference(gradient.floats(), slopes(oracle, moving, *moving.inputs[i], pull));
    if (!what.empty())
        return concat("the gradient of input ", i, " ", what);
    const ThreadLimit limit(1);
    if (!sameBits(backward(test, i, true, nullptr, pull), gradient))
        return concat("the gradient of input ", i, " depends on the number of threads");
    return {};
}

std::string parameterFault(const OperatorOracle& oracle, const OperatorCase& test, const Pull& pull)
{
    Gradients gradients(test.op);
    (void)backward(test, 0, false, &gradients, pull);
    OperatorCase moving = test;
    for (auto& [name, value] : moving.parameters) {
        if (std::count(test.constants.begin(), test.constants.end(), name) > 0)
            continue;
        if (!gradients.byTensor.contains(name))
            return concat("there is no gradient of ", name);
        const std::string what =
            gradientDifference(gradients.byTensor[name], slopes(oracle, moving, value, pull));
        if (!what.empty())
            return concat("the gradient of ", name, " ", what);
    }
    Gradients again(test.op);
    (void)backward(test, 0, true, &again, pull);
    if (again.byTensor != gradients.byTensor)
        return "parameters' gradients depend on whether the input's is asked for";
    return {};
}

} // namespace

std::string forwardFault(const OperatorOracle& oracle, const OperatorCase& test)
{
    const OneNodeModel model = modelOf(test);
    const std::vector<Elements> expected = oracle.evaluate(test);
    const Values before = inputsOf(test);
    Values kept = model.run(inputsOf(test), true);
    for (const auto& [value, tensor] : before)
        if (!sameBits(kept.at(value), tensor))
            return concat("input ", value, " was written over");
    const Values taken = model.run(inputsOf(test));
    const ThreadLimit limit(1);
    const Values alone = model.run(inputsOf(test));
    for (std::size_t k = 0; k < test.outputs; ++k) {
        const ValueId value = model.node().outputs[k];
        if (const std::string what = difference(elementsOf(kept.at(value)), expected.at(k),
                                                test.relative, test.absolute);
            !what.empty())
            return concat("output ", k, " ", what);
        if (!sameBits(kept.at(value), taken.at(value)))
            return concat("output ", k, " is another in its input's memory");
        if (!sameBits(kept.at(value), alone.at(value)))
            return concat("output ", k, " depends on the number of threads");
    }
    return {};
}

std::string gradientFault(const OperatorOracle& oracle, const OperatorCase& test,
                          const std::vector<std::size_t>& inputs)
{
    const std::vector<Elements> outputs = oracle.evaluate(test);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
        if (outputs[k].dtype != DType::F32 || outputs[k].at.empty())
            continue; // nothing leads back from nothing
        const Pull pull{k, randomElements(outputs[k].shape, "output gradient")};
        for (std::size_t i = 0; i < test.inputs.size(); ++i) {
            const bool listed =
                inputs.empty() || std::find(inputs.begin(), inputs.end(), i) != inputs.end();
            if (!listed || !test.inputs[i] || test.inputs[i]->dtype != DType::F32)
                continue;
            if (const std::string what = inputFault(oracle, test, i, pull); !what.empty())
                return what;
        }
        if (test.parameters.empty())
            continue;
        if (const std::string what = parameterFault(oracle, test, pull); !what.empty())
            return what;
    }
    return {};
}

} // namespace gradus::test
