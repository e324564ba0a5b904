// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/base/text.h"
#include "tests/support/onnx_writer.h"

#include <cmath>
#include <string>

namespace gradus::test {

/// An attention over windows as Swin has it, in ONNX: a layer, a norm over 6 × 6 tokens of 8
/// features, zeros around them up to 8 × 8, the plane rolled by 2, windows of 4 × 4, two heads.
struct WindowedOnnx
{
    float padding = 0;     ///< what is put around the tokens
    float gammaSpread = 1; ///< of the norm's weight, as exponents of e
    std::string more;      ///< nodes after the norm's output "n"
    std::string ending;    ///< further outputs

    static std::string random(const std::string& name, const std::vector<std::int64_t>& shape,
                              double scale, double mean = 0)
    {
        RandomStream stream(9, name, "windows");
        std::int64_t count = 1;
        for (const std::int64_t size : shape)
            count *= size;
        std::vector<float> values;
        for (std::int64_t i = 0; i < count; ++i)
            values.push_back(static_cast<float>(mean + scale * stream.normal()));
        return onnx::initializer(onnx::floats(name, shape, values));
    }

    [[nodiscard]] std::string text() const
    {
        using namespace onnx;
        RandomStream stream(9, "gamma", "windows");
        std::vector<float> gamma;
        for (int i = 0; i < 8; ++i)
            gamma.push_back(0.5F * std::exp(gammaSpread * static_cast<float>(stream.normal())));
        std::string graph = input("x", 1, {-1, 6, 6, 8});
        graph += initializer(floats("gamma", {8}, gamma)) + random("beta", {8}, 0.4, 0.2);
        graph += random("first", {8, 8}, 0.5) + node("MatMul", {"x", "first"}, {"e"});
        graph += node("LayerNormalization", {"e", "gamma", "beta"}, {"n"},
                      attribute("axis", -1) + realAttribute("epsilon", 1e-5F), "norm");
        graph += more;
        graph += initializer(integers("pads", {0, 1, 1, 0, 0, 1, 1, 0})) +
                 initializer(onnx::floats("fill", {}, {padding})) +
                 node("Pad", {"n", "pads", "fill"}, {"padded"}, {}, "pad");
        // Rolled by 2, along the rows and along the columns.
        const auto constant = [](const std::string& name, std::int64_t value) {
            return initializer(integers(name, {value}));
        };
        graph += constant("two", 2) + constant("zero", 0) + constant("end", 8) +
                 constant("rows", 1) + constant("columns", 2);
        const auto roll = [](const std::string& from, const std::string& to,
                             const std::string& axis) {
            return node("Slice", {from, "two", "end", axis}, {to + "a"}) +
                   node("Slice", {from, "zero", "two", axis}, {to + "b"}) +
                   node("Concat", {to + "a", to + "b"}, {to},
                        attribute("axis", axis == "rows" ? 1 : 2), to + ".roll");
        };
        graph += roll("padded", "r1", "rows") + roll("r1", "rolled", "columns");
        graph += initializer(integers("grid", {-1, 2, 4, 2, 4, 8})) +
                 initializer(integers("windows", {-1, 16, 8})) +
                 node("Reshape", {"rolled", "grid"}, {"g"}) +
                 node("Transpose", {"g"}, {"t"}, axes("perm", {0, 1, 3, 2, 4, 5})) +
                 node("Reshape", {"t", "windows"}, {"w"});
        graph += random("qkv", {8, 24}, 0.6) + random("qkv_bias", {24}, 0.2) +
                 node("MatMul", {"w", "qkv"}, {"m"}, {}, "qkv") +
                 node("Add", {"m", "qkv_bias"}, {"u"});
        graph += initializer(integers("split", {-1, 16, 3, 2, 4})) +
                 node("Reshape", {"u", "split"}, {"s"}) +
                 node("Transpose", {"s"}, {"h"}, axes("perm", {2, 0, 3, 1, 4}));
        for (const int part : {0, 1, 2}) {
            const std::string at = std::to_string(part);
            graph += initializer(head("i" + at, 7, {}) +
                                 bytes(9, raw(std::vector<std::int64_t>{part}))) +
                     node("Gather", {"h", "i" + at}, {"p" + at}, attribute("axis", 0));
        }
        graph += initializer(onnx::floats("scale", {}, {0.5F})) +
                 node("Mul", {"p0", "scale"}, {"q"}) +
                 node("Transpose", {"p1"}, {"k"}, axes("perm", {0, 1, 3, 2})) +
                 node("MatMul", {"q", "k"}, {"scores"}) +
                 node("Softmax", {"scores"}, {"p"}, attribute("axis", -1)) +
                 node("MatMul", {"p", "p2"}, {"o"}) +
                 node("Transpose", {"o"}, {"ot"}, axes("perm", {0, 2, 1, 3})) +
                 node("Reshape", {"ot", "windows"}, {"oj"});
        graph += random("proj", {8, 8}, 0.5) + random("proj_bias", {8}, 0.2) +
                 node("MatMul", {"oj", "proj"}, {"pm"}, {}, "proj") +
                 node("Add", {"pm", "proj_bias"}, {"pa"}) +
                 node("Reshape", {"pa", "unsplit"}, {"un"}) +
                 node("Transpose", {"un"}, {"plane"}, axes("perm", {0, 1, 3, 2, 4, 5})) +
                 node("Reshape", {"plane", "whole"}, {"back"}) +
                 node("Slice", {"back", "ones", "sevens", "both"}, {"tokens"}) +
                 node("Add", {"tokens", "e"}, {"y"});
        graph += initializer(integers("unsplit", {-1, 2, 2, 4, 4, 8})) +
                 initializer(integers("whole", {-1, 8, 8, 8})) +
                 initializer(integers("ones", {1, 1})) + initializer(integers("sevens", {7, 7})) +
                 initializer(integers("both", {1, 2})) + onnx::output("y", 1, {-1, 6, 6, 8});
        return model(graph + ending, 17);
    }
};

} // namespace gradus::test
