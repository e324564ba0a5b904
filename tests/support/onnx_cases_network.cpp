// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/onnx_case_writer.h"

namespace gradus::test {

using namespace onnx;

namespace {

void addProducts(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    add(oneNode("a weight", 13, "MatMul", {fed({2, 3, 4}), constant(fed({4, 5}, -1, 1, 2))}));
    add(oneNode("two activations", 13, "MatMul", {fed({2, 1, 3, 4}), fed({5, 4, 2}, -1, 1, 2)}));
    add(oneNode("a constant in front", 13, "MatMul",
                {constant(fed({3, 4})), fed({4, 2}, -1, 1, 2)}));
    add(oneNode("a batch of weights", 13, "MatMul", {fed({2, 3, 4}), constant(fed({2, 4, 5}))}));
    add(oneNode("a vector", 13, "MatMul", {fed({4}), constant(fed({4, 5}, -1, 1, 2))}));
    add(oneNode("", 9, "Gemm", {fed({2, 4}), constant(fed({4, 3})), constant(fed({3}, -1, 1, 3))}));
    add(oneNode("transB", 13, "Gemm",
                {fed({2, 4}), constant(fed({3, 4})), constant(fed({1, 3}, -1, 1, 3))},
                attribute("transB", 1)));
    add(oneNode("alpha, beta", 13, "Gemm",
                {fed({2, 4}), constant(fed({4, 3})), constant(fed({3}, -1, 1, 3))},
                realAttribute("alpha", 0.5F) + realAttribute("beta", 2)));
    add(oneNode("transA", 13, "Gemm", {fed({4, 2}), constant(fed({4, 3})), fed({2, 1}, -1, 1, 3)},
                attribute("transA", 1)));
    add(oneNode("activations", 13, "Gemm", {fed({4, 2}), fed({3, 4}), fed({}, -1, 1, 3)},
                attribute("transA", 1) + attribute("transB", 1) + realAttribute("alpha", 0.3F)));
    add(oneNode("no C", 13, "Gemm", {fed({2, 4}), constant(fed({4, 3}))}));
    add(several("a weight that is turned", 13,
                {{"x", fed({2, 4})}, {"w", constant(fed({3, 4}))}, {"b", constant(fed({3}))}},
                node("Transpose", {"w"}, {"t"}, axes("perm", {1, 0})) +
                    node("MatMul", {"x", "t"}, {"m"}) + node("Add", {"b", "m"}, {"y"}),
                {"y"}));
    add(several("a weight that is computed", 13,
                {{"x", fed({2, 4})}, {"w", constant(fed({4, 3}))}, {"s", constant(fed({3}))}},
                node("Mul", {"w", "s"}, {"t"}) + node("MatMul", {"x", "t"}, {"y"}), {"y"}));
    add(several("a weight that is rounded", 13, {{"x", fed({2, 4})}, {"w", constant(fed({4, 3}))}},
                node("Cast", {"w"}, {"i"}, attribute("to", int64)) +
                    node("Cast", {"i"}, {"t"}, attribute("to", float32)) +
                    node("MatMul", {"x", "t"}, {"y"}),
                {"y"}));
    add(several("a table that is a head too", 13,
                {{"ids", fedWhole({2, 3}, int64, 0, 5)}, {"w", constant(fed({5, 4}))}},
                node("Gather", {"w", "ids"}, {"h"}) +
                    node("Transpose", {"w"}, {"t"}, axes("perm", {1, 0})) +
                    node("MatMul", {"h", "t"}, {"y"}),
                {"y"}));
}

void addNorms(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    const Fed weight = constant(fed({3}, 0.5, 2, 2));
    const Fed bias = constant(fed({3}, -1, 1, 3));
    const Fed mean = constant(fed({3}, -1, 1, 4));
    const Fed variance = constant(fed({3}, 0.3, 2, 5));
    add(oneNode("", 9, "BatchNormalization", {fed({2, 3, 2, 2}), weight, bias, mean, variance},
                realAttribute("epsilon", 1e-3F)));
    add(oneNode("", 15, "BatchNormalization", {fed({2, 3, 4}), weight, bias, mean, variance}));
    add(oneNode("", 13, "InstanceNormalization", {fed({2, 3, 4, 2}), weight, bias}));
    add(oneNode("", 17, "LayerNormalization", {fed({2, 4, 3}), weight, bias}));
    add(oneNode("no bias", 17, "LayerNormalization", {fed({2, 4, 3}), weight},
                realAttribute("epsilon", 0.01F)));
    add(oneNode("over two axes", 17, "LayerNormalization",
                {fed({2, 4, 3}), constant(fed({4, 3}, 0.5, 2, 2)), constant(fed({4, 3}, -1, 1, 3))},
                attribute("axis", -2)));
    add(oneNode("by an axis from the front", 17, "LayerNormalization",
                {fed({2, 4, 3}), weight, bias}, attribute("axis", 2)));
    add(oneNode("", 13, "SkipLayerNormalization",
                {fed({2, 4, 3}), fed({2, 4, 3}, -1, 1, 7), weight, bias, constant(fed({3}))}, {}, 1,
                "com.microsoft"));
    add(oneNode("", 13, "SimplifiedLayerNormalization", {fed({2, 4, 3}), weight},
                realAttribute("epsilon", 1e-5F) + attribute("axis", -1)));
}

void addQuantized(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    const Fed scale = constant(given({}, {0.125}));
    add(oneNode("uint8", 10, "QuantizeLinear",
                {fed({2, 6}, -20, 20), scale, constant(given({}, {128}, uint8))}));
    add(oneNode("int8", 13, "QuantizeLinear",
                {fed({2, 6}, -20, 20), scale, constant(given({}, {-3}, int8))}));
    add(oneNode("no zero point", 13, "QuantizeLinear", {fed({2, 6}, -5, 20), scale}));
    add(oneNode("an axis", 13, "QuantizeLinear",
                {fed({2, 3}, -20, 20), constant(given({3}, {0.1, 0.5, 1})),
                 constant(given({3}, {0, 3, -5}, int8))},
                attribute("axis", 1)));
    add(oneNode("uint8", 10, "DequantizeLinear",
                {fedWhole({2, 6}, uint8, 0, 256), scale, constant(given({}, {120}, uint8))}));
    add(oneNode("an axis", 13, "DequantizeLinear",
                {fedWhole({3, 4}, int8, -128, 128), constant(given({3}, {0.1, 0.5, 1})),
                 constant(given({3}, {1, 0, -9}, int8))},
                attribute("axis", 0)));
    add(oneNode("int32", 13, "DequantizeLinear", {fedWhole({5}, int32, -999, 999), scale}));
    add(oneNode("blocks", 21, "DequantizeLinear",
                {fedWhole({6, 2}, int8, -128, 128), constant(fed({3, 2}, 0.1, 1))},
                attribute("axis", 0) + attribute("block_size", 2)));
    // Codes as weights, around activations that are rounded too.
    add(several("QDQ product", 13,
                {{"x", fed({2, 4})},
                 {"w", constant(fedWhole({4, 3}, int8, -128, 128))},
                 {"s", constant(given({3}, {0.01, 0.02, 0.005}))},
                 {"z", constant(given({3}, {0, 0, 0}, int8))},
                 {"xs", constant(given({}, {0.02}))},
                 {"xz", constant(given({}, {7}, uint8))}},
                node("QuantizeLinear", {"x", "xs", "xz"}, {"q"}) +
                    node("DequantizeLinear", {"q", "xs", "xz"}, {"d"}) +
                    node("DequantizeLinear", {"w", "s", "z"}, {"f"}, attribute("axis", 1)) +
                    node("MatMul", {"d", "f"}, {"y"}),
                {"y"}));
    add(several("QDQ convolution", 13,
                {{"x", fed({1, 2, 5, 5})},
                 {"w", constant(fedWhole({3, 2, 3, 3}, int8, -128, 128))},
                 {"s", constant(given({3}, {0.01, 0.02, 0.005}))},
                 {"b", constant(fedWhole({3}, int32, -999, 999))},
                 {"bs", constant(given({}, {0.001}))}},
                node("DequantizeLinear", {"w", "s"}, {"f"}, attribute("axis", 0)) +
                    node("DequantizeLinear", {"b", "bs"}, {"g"}) +
                    node("Conv", {"x", "f", "g"}, {"y"}),
                {"y"}));
}

} // namespace

void addNetworkCases(std::vector<OnnxCase>& cases)
{
    addProducts(cases);
    addNorms(cases);
    addQuantized(cases);
}

} // namespace gradus::test
