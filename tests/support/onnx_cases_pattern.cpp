// SPDX-License-Identifier: GPL-3.0-or-later
//
// What exporters write out. The recorded results are of the parts, one after the other: what they
// are fused to has to give the same.
#include "tests/support/onnx_case_writer.h"

#include <cmath>

namespace gradus::test {

using namespace onnx;

namespace {

using Inputs = std::vector<std::pair<std::string, Fed>>;

Fed number(double value)
{
    return constant(given({}, {value}));
}

void addNorms(std::vector<OnnxCase>& cases)
{
    const Inputs inputs = {{"x", fed({2, 3, 8})},
                           {"two", number(2)},
                           {"eps", number(1e-5)},
                           {"w", constant(fed({8}, 0.5, 2, 2))},
                           {"b", constant(fed({8}, -1, 1, 3))}};
    const std::string centered =
        node("ReduceMean", {"x"}, {"m"}, axes("axes", {-1})) + node("Sub", {"x", "m"}, {"d"});
    const auto rest = [](const std::string& axis) {
        return node("ReduceMean", {"p"}, {"v"}, axis) + node("Add", {"v", "eps"}, {"e"}) +
               node("Sqrt", {"e"}, {"r"});
    };
    const std::string square = node("Pow", {"d", "two"}, {"p"});
    const std::string end = node("Div", {"d", "r"}, {"n"}) + node("Mul", {"n", "w"}, {"s"});
    cases.push_back(
        several("LayerNorm in parts", 13, inputs,
                centered + square + rest(axes("axes", {-1})) + end + node("Add", {"s", "b"}, {"y"}),
                {"y"}));
    cases.push_back(several(
        "LayerNorm in parts, no bias", 13, inputs,
        centered + square + rest(axes("axes", {2})) + end + node("Relu", {"s"}, {"y"}), {"y"}));
    cases.push_back(several("LayerNorm in parts, a product as the square", 13, inputs,
                            centered + node("Mul", {"d", "d"}, {"p"}) + rest(axes("axes", {-1})) +
                                node("Reciprocal", {"r"}, {"i"}) + node("Mul", {"i", "d"}, {"n"}) +
                                node("Mul", {"w", "n"}, {"s"}) + node("Add", {"b", "s"}, {"y"}),
                            {"y"}));
    // Not a LayerNorm: over another axis, or without the root.
    cases.push_back(several(
        "a norm over another axis", 13, inputs,
        centered + square + rest(axes("axes", {1})) + end + node("Add", {"s", "b"}, {"y"}), {"y"}));
}

void addActivations(std::vector<OnnxCase>& cases)
{
    const Inputs inputs = {{"x", fed({2, 9}, -4, 4)},
                           {"half", number(0.5)},
                           {"one", number(1)},
                           {"three", number(3)},
                           {"six", number(6)},
                           {"zero", number(0)},
                           {"root", number(std::sqrt(2.0))},
                           {"k", number(0.044715)},
                           {"c", number(std::sqrt(2 / 3.14159265358979))},
                           {"q", number(1.702)},
                           {"w", constant(fed({9}, 0.5, 2))}};
    const auto add = [&](const char* name, const std::string& nodes) {
        cases.push_back(several(name, 13, inputs, nodes, {"y"}));
    };
    const std::string erf = node("Div", {"x", "root"}, {"u"}) + node("Erf", {"u"}, {"e"}) +
                            node("Add", {"e", "one"}, {"g"});
    add("Gelu in parts", erf + node("Mul", {"x", "g"}, {"h"}) + node("Mul", {"h", "half"}, {"y"}));
    add("Gelu in parts, the half first",
        erf + node("Mul", {"half", "x"}, {"h"}) + node("Mul", {"h", "g"}, {"y"}));
    add("Gelu in parts, the half at the gate",
        erf + node("Mul", {"half", "g"}, {"h"}) + node("Mul", {"x", "h"}, {"y"}));
    add("Gelu in parts, of a product",
        node("Mul", {"x", "w"}, {"z"}) + node("Div", {"z", "root"}, {"u"}) +
            node("Erf", {"u"}, {"e"}) + node("Add", {"one", "e"}, {"g"}) +
            node("Mul", {"z", "g"}, {"h"}) + node("Mul", {"h", "half"}, {"y"}));
    add("not quite Gelu", erf + node("Mul", {"x", "g"}, {"h"}) + node("Mul", {"h", "k"}, {"y"}));
    const std::string gate = node("Tanh", {"v"}, {"t"}) + node("Add", {"one", "t"}, {"g"}) +
                             node("Mul", {"x", "half"}, {"h"}) + node("Mul", {"h", "g"}, {"y"});
    add("Gelu by tanh in parts",
        node("Pow", {"x", "three"}, {"p"}) + node("Mul", {"k", "p"}, {"a"}) +
            node("Add", {"x", "a"}, {"s"}) + node("Mul", {"c", "s"}, {"v"}) + gate);
    add("Gelu by tanh in parts, products",
        node("Mul", {"x", "x"}, {"p"}) + node("Mul", {"p", "x"}, {"p3"}) +
            node("Mul", {"p3", "k"}, {"a"}) + node("Add", {"a", "x"}, {"s"}) +
            node("Mul", {"s", "c"}, {"v"}) + gate);
    add("Gelu by tanh in parts, x outside",
        node("Mul", {"x", "c"}, {"xc"}) + node("Mul", {"x", "x"}, {"p"}) +
            node("Mul", {"p", "k"}, {"a"}) + node("Add", {"a", "one"}, {"s"}) +
            node("Mul", {"xc", "s"}, {"v"}) + gate);
    add("Silu in parts", node("Sigmoid", {"x"}, {"g"}) + node("Mul", {"x", "g"}, {"y"}));
    add("QuickGelu in parts", node("Mul", {"x", "q"}, {"z"}) + node("Sigmoid", {"z"}, {"g"}) +
                                  node("Mul", {"x", "g"}, {"y"}));
    add("Mish in parts", node("Softplus", {"x"}, {"z"}) + node("Tanh", {"z"}, {"g"}) +
                             node("Mul", {"x", "g"}, {"y"}));
    add("HardSwish in parts",
        node("Add", {"x", "three"}, {"z"}) + node("Clip", {"z", "zero", "six"}, {"g"}) +
            node("Mul", {"x", "g"}, {"m"}) + node("Div", {"m", "six"}, {"y"}));
    add("HardSwish by HardSigmoid",
        node("HardSigmoid", {"x"}, {"g"}, realAttribute("alpha", 1.0F / 6)) +
            node("Mul", {"x", "g"}, {"y"}));
    add("a gate of another value",
        node("Neg", {"x"}, {"z"}) + node("Sigmoid", {"z"}, {"g"}) + node("Mul", {"x", "g"}, {"y"}));
}

/// Heads of x · W, as they go into the product of an attention.
std::string heads(const std::string& name, const std::vector<std::int64_t>& order)
{
    return node("MatMul", {"x", "w" + name}, {name + "0"}) +
           node("Reshape", {name + "0", "split"}, {name + "1"}) +
           node("Transpose", {name + "1"}, {name}, axes("perm", order));
}

void addConvolutionBiases(std::vector<OnnxCase>& cases)
{
    const auto add = [&](const char* name, const Shape& bias, const char* op, bool first) {
        const Inputs inputs = {
            {"x", fed({2, 3, 5, 4}, -1, 1)},
            {"w", constant(fed(op == std::string("Conv") ? Shape{4, 3, 2, 2} : Shape{3, 4, 2, 2},
                               -1, 1, 2))},
            {"b", constant(fed(bias, -1, 1, 3))}};
        cases.push_back(
            several(name, 13, inputs,
                    node(op, {"x", "w"}, {"c"}) +
                        (first ? node("Add", {"b", "c"}, {"y"}) : node("Add", {"c", "b"}, {"y"})),
                    {"y"}));
    };
    add("a convolution and its bias", {4, 1, 1}, "Conv", false);
    add("a bias in front, of four axes", {1, 4, 1, 1}, "Conv", true);
    add("a transposed convolution and its bias", {4, 1, 1}, "ConvTranspose", false);
    add("a row added to a convolution", {3}, "Conv", false);
    add("a constant for every image", {2, 4, 1, 1}, "Conv", false);
}

void addAttention(std::vector<OnnxCase>& cases)
{
    const Inputs inputs = {{"x", fed({2, 5, 12}, -1, 1)},
                           {"wq", constant(fed({12, 12}, -1, 1, 2))},
                           {"wk", constant(fed({12, 12}, -1, 1, 3))},
                           {"wv", constant(fed({12, 12}, -1, 1, 4))},
                           {"split", numbers({0, 0, 3, 4})},
                           {"join", numbers({0, 0, 12})},
                           {"two", number(2)},
                           {"half", number(0.5)}};
    Inputs masked = inputs;
    masked.push_back({"mask", fed({2, 1, 1, 5}, -3, 0)});
    Inputs wrong = inputs;
    wrong.push_back({"mask", fed({2, 1, 5, 1}, -3, 0)});
    const std::string joined = node("MatMul", {"p", "v"}, {"o"}) +
                               node("Transpose", {"o"}, {"t"}, axes("perm", {0, 2, 1, 3})) +
                               node("Reshape", {"t", "join"}, {"y"});
    const std::string qkv =
        heads("q", {0, 2, 1, 3}) + heads("k", {0, 2, 3, 1}) + heads("v", {0, 2, 1, 3});
    const std::string scores = node("MatMul", {"q", "k"}, {"s"});
    const std::string scaled = scores + node("Div", {"s", "two"}, {"sc"});
    const auto add = [&](const char* name, const Inputs& with, const std::string& nodes) {
        cases.push_back(several(name, 13, with, nodes, {"y"}));
    };
    add("attention", inputs, qkv + scaled + node("Softmax", {"sc"}, {"p"}) + joined);
    add("attention with a mask", masked,
        qkv + scaled + node("Add", {"sc", "mask"}, {"m"}) + node("Softmax", {"m"}, {"p"}) + joined);
    add("attention with a mask of rows", wrong,
        qkv + scaled + node("Add", {"mask", "sc"}, {"m"}) + node("Softmax", {"m"}, {"p"}) + joined);
    add("attention with a scale on q", inputs,
        heads("k", {0, 2, 3, 1}) + heads("v", {0, 2, 1, 3}) + node("MatMul", {"x", "wq"}, {"q0"}) +
            node("Mul", {"q0", "half"}, {"qs"}) + node("Reshape", {"qs", "split"}, {"q1"}) +
            node("Transpose", {"q1"}, {"q"}, axes("perm", {0, 2, 1, 3})) + scores +
            node("Softmax", {"s"}, {"p"}) + joined);
    add("attention with k turned twice", inputs,
        heads("q", {0, 2, 1, 3}) + heads("k", {0, 2, 1, 3}) + heads("v", {0, 2, 1, 3}) +
            node("Transpose", {"k"}, {"kt"}, axes("perm", {0, 1, 3, 2})) +
            node("MatMul", {"q", "kt"}, {"s"}) + node("Softmax", {"s"}, {"p"}) + joined);
    // One product for q, k and v, taken apart as exporters do it.
    Inputs packed = inputs;
    packed.push_back({"packed", constant(fed({12, 36}, -1, 1, 5))});
    packed.push_back({"apart", numbers({0, 0, 3, 3, 4})});
    packed.push_back({"first", numbers({0})});
    const std::string names[] = {"q", "k", "v"};
    std::string gathered;
    std::string picked;
    std::string squeezed;
    std::string sliced;
    for (std::size_t i = 0; i < 3; ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const std::string& name = names[i];
        packed.push_back({"at" + name, constant(given({}, {static_cast<double>(i)}, int64))});
        packed.push_back({"from" + name, numbers({at})});
        packed.push_back({"to" + name, numbers({at + 1})});
        gathered += node("Gather", {"turned", "at" + name}, {name}, attribute("axis", 0));
        picked += node("Gather", {"split5", "at" + name}, {name + "1"}, attribute("axis", 2)) +
                  node("Transpose", {name + "1"}, {name}, axes("perm", {0, 2, 1, 3}));
        squeezed += node("Squeeze", {name + "1", "first"}, {name});
        sliced += node("Slice", {"turned", "from" + name, "to" + name, "first"}, {name + "1"});
    }
    const std::string product =
        node("MatMul", {"x", "packed"}, {"qkv"}) + node("Reshape", {"qkv", "apart"}, {"split5"});
    const auto turned = [&](const std::vector<std::int64_t>& order) {
        return product + node("Transpose", {"split5"}, {"turned"}, axes("perm", order));
    };
    const std::string mixed = node("Transpose", {"k"}, {"kt"}, axes("perm", {0, 1, 3, 2})) +
                              node("MatMul", {"q", "kt"}, {"s"}) +
                              node("Div", {"s", "two"}, {"sc"}) + node("Softmax", {"sc"}, {"p"}) +
                              joined;
    const std::vector<std::int64_t> partsFirst = {2, 0, 3, 1, 4};
    add("attention packed, Gather", packed, turned(partsFirst) + gathered + mixed);
    add("attention packed, Split", packed,
        turned(partsFirst) + node("Split", {"turned"}, {"q1", "k1", "v1"}, attribute("axis", 0)) +
            squeezed + mixed);
    add("attention packed, Slice", packed, turned(partsFirst) + sliced + squeezed + mixed);
    add("attention packed, Gather before the heads turn", packed, product + picked + mixed);
    // Heads in front of parts: no parts of the product lie side by side.
    add("attention packed by heads", packed, turned({3, 0, 2, 1, 4}) + gathered + mixed);
    add("attention over another axis", inputs,
        qkv + scaled + node("Softmax", {"sc"}, {"p"}, attribute("axis", 2)) + joined);
}

} // namespace

void addPatternCases(std::vector<OnnxCase>& cases)
{
    addNorms(cases);
    addActivations(cases);
    addAttention(cases);
    addConvolutionBiases(cases);
}

} // namespace gradus::test
