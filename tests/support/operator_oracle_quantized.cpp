// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_oracle.h"
#include "tests/support/positions.h"

#include <algorithm>
#include <cmath>

namespace gradus::test {

namespace {

/// Which scale belongs to element i of x.
std::size_t scaleIndex(const Elements& x, const Elements& scale, std::int64_t axis,
                       std::int64_t blockSize, std::int64_t i)
{
    if (blockSize == 0 && scale.count() == 1)
        return 0;
    Shape at = positionOf(x.shape, i);
    const std::size_t along = plainAxis(axis, x.shape);
    if (blockSize == 0)
        return static_cast<std::size_t>(at[along]);
    at[along] /= blockSize;
    return indexOf(scale.shape, at);
}

double zeroAt(const OperatorCase& test, std::size_t s)
{
    return test.inputs.size() > 2 && test.inputs[2] ? test.inputs[2]->at[s] : 0;
}

std::vector<Elements> quantizeOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::QuantizeLinear>(test.op);
    Elements y = *test.inputs[0];
    for (std::int64_t i = 0; i < y.count(); ++i) {
        const std::size_t s = scaleIndex(y, *test.inputs[1], op.axis, op.blockSize, i);
        double& value = y.at[static_cast<std::size_t>(i)];
        // In float, since halves decide: what is rounded is a quotient of floats.
        const double ratio = static_cast<double>(static_cast<float>(value) /
                                                 static_cast<float>(test.inputs[1]->at[s]));
        value = std::clamp(ratio - std::remainder(ratio, 1.0) + zeroAt(test, s),
                           static_cast<double>(op.minimum), static_cast<double>(op.maximum));
    }
    return {y};
}

std::vector<Elements> dequantizeOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::DequantizeLinear>(test.op);
    Elements y = *test.inputs[0];
    for (std::int64_t i = 0; i < y.count(); ++i) {
        const std::size_t s = scaleIndex(y, *test.inputs[1], op.axis, op.blockSize, i);
        double& value = y.at[static_cast<std::size_t>(i)];
        value = (value - zeroAt(test, s)) * test.inputs[1]->at[s];
    }
    y.dtype = DType::F32;
    return {y};
}

struct Layout
{
    const char* label;
    Shape x;
    Shape scale;
    std::int64_t axis;
    std::int64_t blockSize;
};

} // namespace

void addQuantizedOracles(OracleTable& table)
{
    const std::vector<Layout> layouts{
        {"one scale", {3, 5}, {}, 1, 0},
        {"one scale in a row", {2, 3, 4}, {1}, 1, 0},
        {"of a scalar", {}, {}, 0, 0},
        {"rows", {4, 6}, {4}, 0, 0},
        {"columns", {4, 6}, {6}, -1, 0},
        {"channels", {2, 3, 4, 2}, {3}, 1, 0},
        {"blocks of rows", {6, 4}, {3, 4}, 0, 2},
        {"blocks of columns", {3, 8}, {3, 2}, 1, 4},
        {"the last block is short", {2, 7, 3}, {2, 3, 3}, 1, 3},
        {"short blocks of columns", {3, 7}, {3, 3}, -1, 3},
        {"empty", {0, 3}, {3}, 1, 0},
        {"several chunks", {300, 257}, {}, 1, 0},
        {"several chunks of rows", {300, 257}, {300}, 0, 0},
    };
    OperatorOracle quantize{quantizeOracle, {}};
    OperatorOracle dequantize{dequantizeOracle, {}};
    for (const auto& [label, shape, scaleShape, axis, blockSize] : layouts) {
        const Elements x = randomElements(shape, "x", -5, 5);
        const Elements scale = randomElements(scaleShape, "scale", 0.02, 0.2);
        const Elements codes =
            mapped(randomElements(shape, "codes", 0, 255), [](double v) { return std::round(v); });
        const Elements zero = mapped(randomElements(scaleShape, "zero", 0, 255),
                                     [](double v) { return std::round(v); });
        const bool small = x.count() < 1000;
        for (const bool hasZero : {false, true}) {
            const std::string name = std::string(label) + (hasZero ? ", zero points" : "");
            OperatorCase q{name, op::QuantizeLinear{axis, blockSize, -128, 127}, {x, scale}};
            OperatorCase d{name, op::DequantizeLinear{axis, blockSize}, {codes, scale}};
            if (hasZero) {
                std::get<op::QuantizeLinear>(q.op).minimum = 0;
                std::get<op::QuantizeLinear>(q.op).maximum = 255;
                q.inputs.push_back(zero);
                d.inputs.push_back(zero);
            }
            d.smooth = small;
            quantize.cases.push_back(std::move(q));
            dequantize.cases.push_back(std::move(d));
        }
    }
    OperatorCase halves{"halves",
                        op::QuantizeLinear{1, 0, -3, 3},
                        {Elements{{9}, {-9, -1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 9}},
                         Elements{{}, {0.5}}}};
    quantize.cases.push_back(halves);
    Elements integers = integerElements({3, 2}, {1, 200, 255, 0, 128, 7});
    Elements zeros = integerElements({128});
    dequantize.cases.push_back(
        {"integers", op::DequantizeLinear{}, {integers, Elements{{1}, {0.1F}}, zeros}});
    table["QuantizeLinear"] = std::move(quantize);
    table["DequantizeLinear"] = std::move(dequantize);
}

} // namespace gradus::test
