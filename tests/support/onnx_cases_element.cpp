// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/onnx_case_writer.h"

namespace gradus::test {

using namespace onnx;

void addElementCases(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    for (const char* op : {"Relu", "Sigmoid", "Tanh", "Erf", "Exp", "Reciprocal", "Abs", "Neg",
                           "Sign", "Floor", "Ceil", "Softplus", "Softsign", "Sin", "Cos"})
        add(oneNode("", 13, op, {fed({2, 7}, -3, 3)}));
    add(oneNode("", 13, "Log", {fed({7}, 0.1, 4)}));
    add(oneNode("", 13, "Sqrt", {fed({7}, 0, 4)}));
    add(oneNode("half to even", 13, "Round",
                {given({8}, {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.4, 9.7})}));
    add(oneNode("", 14, "HardSwish", {fed({2, 9}, -5, 5)}));
    add(oneNode("", 18, "Mish", {fed({2, 9}, -5, 5)}));
    add(oneNode("", 20, "Gelu", {fed({2, 9}, -4, 4)}));
    add(oneNode("by tanh", 20, "Gelu", {fed({2, 9}, -4, 4)}, textAttribute("approximate", "tanh")));
    add(oneNode("of another domain", 13, "Gelu", {fed({2, 9}, -4, 4)}, {}, 1, "com.microsoft"));
    add(oneNode("", 13, "QuickGelu", {fed({2, 9}, -4, 4)}, {}, 1, "com.microsoft"));
    add(oneNode("alpha 1.5", 13, "QuickGelu", {fed({2, 9}, -4, 4)}, realAttribute("alpha", 1.5F), 1,
                "com.microsoft"));
    add(oneNode("", 13, "FastGelu", {fed({2, 9}, -4, 4), fed({9}, -1, 1, 2)}, {}, 1,
                "com.microsoft"));
    add(oneNode("", 13, "BiasGelu", {fed({2, 9}, -4, 4), fed({9}, -1, 1, 2)}, {}, 1,
                "com.microsoft"));
    add(oneNode("", 13, "LeakyRelu", {fed({9})}));
    add(oneNode("alpha", 13, "LeakyRelu", {fed({9})}, realAttribute("alpha", 0.3F)));
    add(oneNode("", 13, "Elu", {fed({9})}));
    add(oneNode("alpha", 13, "Elu", {fed({9})}, realAttribute("alpha", 0.7F)));
    add(oneNode("", 13, "Selu", {fed({9})}));
    add(oneNode("", 13, "HardSigmoid", {fed({9}, -5, 5)}));
    add(oneNode("alpha", 13, "HardSigmoid", {fed({9}, -5, 5)},
                realAttribute("alpha", 1.0F / 6) + realAttribute("beta", 0.4F)));
    add(oneNode("a slope for each channel", 13, "PRelu",
                {fed({2, 3, 2, 2}), constant(fed({3, 1, 1}, 0, 1, 5))}));
    add(oneNode("", 7, "PRelu", {fed({4, 3}), constant(fed({3}, 0, 1, 5))}));
    add(oneNode("", 9, "Not", {fedWhole({5}, boolean, 0, 2)}));
    add(oneNode("of integers", 14, "Relu", {fedWhole({6}, int32, -4, 5)}));
    add(oneNode("of integers", 13, "Abs", {fedWhole({6}, int64, -4, 5)}));
    add(oneNode("of int32", 13, "Neg", {fedWhole({6}, int32, -4, 5)}));

    add(oneNode("", 6 + 1, "Clip", {fed({9})},
                realAttribute("min", -0.5F) + realAttribute("max", 1)));
    add(oneNode("one end", 7, "Clip", {fed({9})}, realAttribute("max", 0.25F)));
    add(oneNode("", 11, "Clip", {fed({9}), constant(given({}, {-0.5})), constant(given({}, {1}))}));
    add(oneNode("only a maximum", 13, "Clip", {fed({9}), missing(), constant(given({}, {0.3}))}));
    add(oneNode("ends that are fed", 13, "Clip", {fed({9}), given({}, {-0.1}), given({}, {0.6})}));
    add(oneNode("of integers", 13, "Clip",
                {fedWhole({9}, int64, -9, 9), constant(given({}, {-3}, int64)),
                 constant(given({}, {4}, int64))}));

    for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
        add(oneNode("", 7, op, {fed({2, 3, 4}, 1, 3), fed({3, 1}, 1, 2, 3)}));
        add(oneNode("of integers", 14, op,
                    {fedWhole({2, 3}, int64, -20, 20), fedWhole({3}, int64, 1, 5, 3)}));
    }
    add(oneNode("of int32", 14, "Mul",
                {fedWhole({4}, int32, -9, 9), fedWhole({4}, int32, 1, 5, 3)}));
    add(oneNode("", 13, "Pow", {fed({2, 5}, 0.2, 3), fed({5}, -2, 2, 3)}));
    add(oneNode("to a whole number", 12, "Pow",
                {fed({2, 5}, -3, 3), constant(given({}, {3}, int64))}));
    add(oneNode("of integers", 13, "Pow",
                {fedWhole({5}, int64, -4, 5), constant(given({}, {2}, int64))}));
    add(oneNode("", 13, "Mod", {fedWhole({8}, int64, -9, 9), fedWhole({8}, int64, 1, 6, 2)}));
    add(oneNode("of reals", 13, "Mod", {fed({8}, -9, 9), fed({8}, 1, 6, 2)}, attribute("fmod", 1)));
    for (const char* op : {"Less", "Greater"})
        add(oneNode("", 9, op, {fed({2, 5}), fed({5}, -2, 2, 3)}));
    for (const char* op : {"LessOrEqual", "GreaterOrEqual"})
        add(oneNode("", 16, op, {fedWhole({2, 5}, int64, 0, 3), fedWhole({5}, int64, 0, 3, 2)}));
    add(oneNode("", 13, "Equal", {fedWhole({9}, int64, 0, 3), fedWhole({9}, int64, 0, 3, 2)}));
    add(oneNode("of booleans", 13, "Equal",
                {fedWhole({9}, boolean, 0, 2), fedWhole({9}, boolean, 0, 2, 2)}));
    for (const char* op : {"And", "Or", "Xor"})
        add(oneNode("", 7, op, {fedWhole({2, 5}, boolean, 0, 2), fedWhole({5}, boolean, 0, 2, 2)}));
    for (const char* op : {"Sum", "Min", "Max", "Mean"}) {
        add(oneNode("of three", 13, op, {fed({2, 3}), fed({3}, -2, 2, 2), fed({2, 1}, -2, 2, 3)}));
        add(oneNode("of one", 8, op, {fed({2, 3})}));
    }
    add(oneNode("", 16, "Where",
                {fedWhole({2, 1}, boolean, 0, 2), fed({3}), fed({2, 3}, -2, 2, 4)}));
    add(oneNode("to whole numbers", 13, "Cast", {fed({9}, -4, 4)}, attribute("to", int64)));
    add(oneNode("to booleans", 13, "Cast", {given({4}, {0, 1, -2, 0.5})},
                attribute("to", boolean)));
    add(oneNode("to reals", 9, "Cast", {fedWhole({5}, int32, -9, 9)}, attribute("to", float32)));
    add(oneNode("of booleans", 9, "Cast", {fedWhole({5}, boolean, 0, 2)},
                attribute("to", float32)));
    add(oneNode("", 15, "CastLike", {fed({5}, -4, 4), fedWhole({1}, int64, 0, 2)}));
    add(oneNode("", 13, "Identity", {fed({5})}));
    add(oneNode("", 7, "Dropout", {fed({5})}, realAttribute("ratio", 0.4F)));
    add(oneNode("", 13, "Dropout",
                {fed({5}), constant(given({}, {0.4})), constant(given({}, {0}, boolean))}));
}

void addReductionCases(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    for (const char* op :
         {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
          "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}) {
        const bool isSum = std::string(op) == "ReduceSum";
        add(oneNode("", 11, op, {fed({2, 3, 4}, 0.2, 2)}, axes("axes", {-1, 0})));
        add(oneNode("without the axes", 11, op, {fed({2, 3, 4}, 0.2, 2)},
                    axes("axes", {1}) + attribute("keepdims", 0)));
        add(oneNode("over all", 11, op, {fed({2, 3}, 0.2, 2)}));
        add(oneNode("", isSum ? 13 : 18, op, {fed({2, 3, 4}, 0.2, 2), numbers({1})},
                    attribute("keepdims", 0)));
    }
    add(oneNode("over none", 18, "ReduceMean", {fed({2, 3}), numbers({})},
                attribute("noop_with_empty_axes", 1)));
    add(oneNode("over all", 18, "ReduceMax", {fed({2, 3})}));
    add(oneNode("axes that are fed", 13, "ReduceSum", {fed({2, 3, 4}), given({1}, {2}, int64)}));
    add(oneNode("of integers", 13, "ReduceSum", {fedWhole({2, 3}, int64, -5, 6), numbers({1})}));
    for (const char* op : {"ArgMax", "ArgMin"}) {
        add(oneNode("", 11, op, {fed({3, 4})}, attribute("axis", 1)));
        add(oneNode("without the axis", 13, op, {fed({3, 4})},
                    attribute("axis", -2) + attribute("keepdims", 0)));
        add(oneNode("the last", 12, op, {given({2, 4}, {1, 3, 3, 1, 0, 0, 0, 0})},
                    attribute("axis", 1) + attribute("select_last_index", 1)));
    }
    add(oneNode("", 9, "TopK", {fed({3, 6})}, attribute("k", 2) + attribute("axis", 1), 2));
    add(oneNode("", 10, "TopK", {fed({3, 6}), numbers({3})}, {}, 2));
    add(oneNode("the smallest", 11, "TopK", {fed({5, 3}), numbers({2})},
                attribute("largest", 0) + attribute("axis", 0), 2));
    add(oneNode("", 14, "CumSum", {fed({2, 4}), constant(given({}, {1}, int64))}));
    add(oneNode("backwards", 14, "CumSum", {fed({2, 4}), constant(given({}, {0}, int64))},
                attribute("exclusive", 1) + attribute("reverse", 1)));
    for (const char* op : {"Softmax", "LogSoftmax"}) {
        add(oneNode("over several axes", 11, op, {fed({2, 3, 4})}));
        add(oneNode("the last axis", 11, op, {fed({2, 3, 4})}, attribute("axis", 2)));
        add(oneNode("", 13, op, {fed({2, 3, 4})}));
        add(oneNode("another axis", 13, op, {fed({2, 3, 4})}, attribute("axis", 1)));
    }
}

} // namespace gradus::test
