// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_oracle.h"
#include "tests/support/positions.h"

#include <cmath>

namespace gradus::test {

namespace {

double parameterAt(const OperatorCase& test, const std::string& name, std::size_t i, double missing)
{
    return name.empty() ? missing : test.parameters.at(name).at[i];
}

/// Normalizes the elements with those indices by their own mean and variance.
void normalize(const Elements& x, const std::vector<std::size_t>& indices, double epsilon,
               Elements& y)
{
    double mean = 0;
    double variance = 0;
    const auto count = static_cast<double>(indices.size());
    for (const std::size_t i : indices)
        mean += x.at[i] / count;
    for (const std::size_t i : indices)
        variance += (x.at[i] - mean) * (x.at[i] - mean) / count;
    for (const std::size_t i : indices)
        y.at[i] = (x.at[i] - mean) / std::sqrt(variance + epsilon);
}

std::vector<Elements> layerNormOracle(const OperatorCase& test)
{
    const auto& norm = std::get<op::LayerNorm>(test.op);
    const Elements& x = *test.inputs[0];
    Elements y = x;
    const auto features = static_cast<std::size_t>(x.shape.back());
    for (std::size_t row = 0; row < x.at.size(); row += features) {
        std::vector<std::size_t> indices;
        for (std::size_t i = 0; i < features; ++i)
            indices.push_back(row + i);
        normalize(x, indices, static_cast<double>(norm.epsilon), y);
        for (std::size_t i = 0; i < features; ++i)
            y.at[row + i] = y.at[row + i] * parameterAt(test, norm.weight, i, 1) +
                            parameterAt(test, norm.bias, i, 0);
    }
    return {y};
}

std::vector<Elements> batchNormOracle(const OperatorCase& test)
{
    const auto& norm = std::get<op::BatchNorm>(test.op);
    const Elements& x = *test.inputs[0];
    Elements y = x;
    for (std::size_t i = 0; i < x.at.size(); ++i) {
        const auto c =
            static_cast<std::size_t>(positionOf(x.shape, static_cast<std::int64_t>(i))[1]);
        const double deviation =
            std::sqrt(parameterAt(test, norm.variance, c, 1) + static_cast<double>(norm.epsilon));
        y.at[i] = (x.at[i] - parameterAt(test, norm.mean, c, 0)) / deviation *
                      parameterAt(test, norm.weight, c, 1) +
                  parameterAt(test, norm.bias, c, 0);
    }
    return {y};
}

std::vector<Elements> instanceNormOracle(const OperatorCase& test)
{
    const auto& norm = std::get<op::InstanceNorm>(test.op);
    const Elements& x = *test.inputs[0];
    Elements y = x;
    for (std::int64_t n = 0; n < x.shape[0]; ++n)
        for (std::int64_t c = 0; c < x.shape[1]; ++c) {
            std::vector<std::size_t> indices;
            for (std::size_t i = 0; i < x.at.size(); ++i) {
                const Shape at = positionOf(x.shape, static_cast<std::int64_t>(i));
                if (at[0] == n && at[1] == c)
                    indices.push_back(i);
            }
            normalize(x, indices, static_cast<double>(norm.epsilon), y);
            for (const std::size_t i : indices)
                y.at[i] = y.at[i] * parameterAt(test, norm.weight, static_cast<std::size_t>(c), 1) +
                          parameterAt(test, norm.bias, static_cast<std::size_t>(c), 0);
        }
    return {y};
}

std::map<std::string, Elements> parametersOf(std::int64_t count, bool statistics)
{
    std::map<std::string, Elements> all{{"w", randomElements({count}, "weight", 0.5, 1.5)},
                                        {"b", randomElements({count}, "bias")}};
    if (statistics) {
        all["m"] = randomElements({count}, "mean");
        all["v"] = randomElements({count}, "variance", 0.2, 2);
    }
    return all;
}

} // namespace

void addNormOracles(OracleTable& table)
{
    OperatorOracle layer{layerNormOracle, {}};
    const op::LayerNorm norm{"w", "b", 1e-3F};
    for (const Shape& shape :
         std::vector<Shape>{{2, 3, 8}, {5, 17}, {1, 1}, {7}, {2, 2, 2, 33}, {0, 4}})
        layer.cases.push_back({shapeText(shape),
                               norm,
                               {randomElements(shape, "x")},
                               parametersOf(shape.back(), false)});
    layer.cases.push_back({"no bias",
                           op::LayerNorm{"w", "", 1e-5F},
                           {randomElements({3, 9}, "x")},
                           {{"w", randomElements({9}, "weight")}}});
    layer.cases.push_back(
        {"no parameters", op::LayerNorm{"", "", 1e-5F}, {randomElements({3, 9}, "x")}});
    layer.cases.push_back({"far from 0",
                           norm,
                           {randomElements({4, 65}, "x", 99, 101)},
                           parametersOf(65, false),
                           1,
                           1e-4,
                           1e-4,
                           false});
    layer.cases.push_back({"several chunks",
                           norm,
                           {randomElements({400, 192}, "x")},
                           parametersOf(192, false),
                           1,
                           1e-5,
                           2e-6,
                           false});
    table["LayerNorm"] = std::move(layer);

    OperatorOracle batch{batchNormOracle, {}};
    const op::BatchNorm fixed{"w", "b", "m", "v", 1e-3F};
    for (const Shape& shape :
         std::vector<Shape>{{2, 3, 4, 5}, {3, 4}, {1, 5, 1, 1}, {2, 3, 7}, {2, 0, 3}, {0, 3, 2}}) {
        batch.cases.push_back(
            {shapeText(shape), fixed, {randomElements(shape, "x")}, parametersOf(shape[1], true)});
        batch.cases.back().constants = {"m", "v"};
    }
    batch.cases.push_back({"no weight",
                           op::BatchNorm{"", "", "m", "v", 1e-5F},
                           {randomElements({2, 3, 4}, "x")},
                           parametersOf(3, true)});
    batch.cases.back().constants = {"w", "b", "m", "v"};
    batch.cases.push_back({"several chunks",
                           fixed,
                           {randomElements({3, 32, 31, 33}, "x")},
                           parametersOf(32, true),
                           1,
                           1e-5,
                           1e-6,
                           false});
    batch.cases.push_back({"several chunks of features",
                           fixed,
                           {randomElements({900, 77}, "x")},
                           parametersOf(77, true),
                           1,
                           1e-5,
                           1e-6,
                           false});
    table["BatchNorm"] = std::move(batch);

    OperatorOracle instance{instanceNormOracle, {}};
    const op::InstanceNorm own{"w", "b", 1e-2F};
    for (const Shape& shape : std::vector<Shape>{{2, 3, 4, 5}, {1, 2, 9}, {3, 1, 2, 2}})
        instance.cases.push_back(
            {shapeText(shape), own, {randomElements(shape, "x")}, parametersOf(shape[1], false)});
    instance.cases.push_back(
        {"no parameters", op::InstanceNorm{"", "", 1e-5F}, {randomElements({2, 3, 6}, "x")}});
    table["InstanceNorm"] = std::move(instance);
}

} // namespace gradus::test
