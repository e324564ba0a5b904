// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/onnx_case_writer.h"

namespace gradus::test {

using namespace onnx;

void addShapeCases(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    add(oneNode("", 7, "Reshape", {fed({2, 3, 4}), numbers({0, -1})}));
    add(oneNode("a shape that is fed", 14, "Reshape",
                {fed({2, 6}), given({3}, {2, 3, -1}, int64)}));
    add(oneNode("zeros are sizes", 14, "Reshape", {fed({0, 3}), numbers({3, 0})},
                attribute("allowzero", 1)));
    add(oneNode("", 13, "Transpose", {fed({2, 3, 4})}, axes("perm", {1, 2, 0})));
    add(oneNode("backwards", 7, "Transpose", {fed({2, 3, 4})}));
    add(oneNode("", 9, "Flatten", {fed({2, 3, 4})}));
    add(oneNode("another axis", 13, "Flatten", {fed({2, 3, 4})}, attribute("axis", -1)));
    add(oneNode("to one row", 13, "Flatten", {fed({2, 3})}, attribute("axis", 0)));
    add(oneNode("", 11, "Squeeze", {fed({1, 3, 1, 2})}, axes("axes", {0, -2})));
    add(oneNode("", 13, "Squeeze", {fed({1, 3, 1, 2}), numbers({2})}));
    add(oneNode("all", 13, "Squeeze", {fed({1, 3, 1, 2})}));
    add(oneNode("", 11, "Unsqueeze", {fed({3, 2})}, axes("axes", {0, 3})));
    add(oneNode("", 13, "Unsqueeze", {fed({3, 2}), numbers({-1, 1})}));
    add(oneNode("", 13, "Concat", {fed({2, 3}), fed({2, 1}, 0, 1, 2), constant(fed({2, 2}))},
                attribute("axis", 1)));
    add(oneNode("", 11, "Split", {fed({2, 6})}, attribute("axis", 1) + axes("split", {1, 2, 3}),
                3));
    add(oneNode("equal parts", 11, "Split", {fed({6, 2})}, {}, 3));
    add(oneNode("", 13, "Split", {fed({2, 6}), numbers({4, 2})}, attribute("axis", -1), 2));
    add(oneNode("the last is smaller", 18, "Split", {fed({7, 2})}, attribute("num_outputs", 3), 3));
    add(oneNode("", 9, "Slice", {fed({4, 5})},
                axes("starts", {1, -3}) + axes("ends", {3, 100}) + axes("axes", {0, 1})));
    add(oneNode("all axes", 9, "Slice", {fed({4, 5})},
                axes("starts", {1, 2}) + axes("ends", {4, 4})));
    add(oneNode("", 10, "Slice", {fed({4, 5}), numbers({0}), numbers({-1}), numbers({1})}));
    add(oneNode(
        "steps", 13, "Slice",
        {fed({4, 6}), numbers({3, 5}), numbers({0, -100}), numbers({0, 1}), numbers({-2, -1})}));
    add(oneNode("steps without axes", 13, "Slice",
                {fed({4, 6}), numbers({0, 1}), numbers({4, 6}), missing(), numbers({1, 2})}));
    add(oneNode("", 13, "Gather", {fed({3, 4}), fedWhole({2, 2}, int64, 0, 4)},
                attribute("axis", 1)));
    add(oneNode("a table", 13, "Gather", {constant(fed({5, 3})), fedWhole({2, 4}, int64, 0, 5)}));
    add(oneNode("from the end", 13, "Gather", {fed({3, 4}), constant(given({2}, {-1, 0}, int64))}));
    add(oneNode("int32 indices", 13, "Gather", {fed({3, 4}), fedWhole({2}, int32, 0, 3)}));
    add(oneNode("", 13, "GatherElements", {fed({3, 4}), fedWhole({2, 4}, int64, 0, 3)}));
    add(oneNode("", 12, "GatherND",
                {fed({3, 4, 2}), constant(given({2, 2}, {0, 1, 2, 3}, int64))}));
    add(oneNode("in batches", 12, "GatherND",
                {fed({2, 3, 4}), constant(given({2, 1}, {1, 2}, int64))},
                attribute("batch_dims", 1)));
    add(oneNode("", 13, "Expand", {fed({3, 1}), numbers({2, 1, 4})}));
    add(oneNode("", 13, "Tile", {fed({2, 3}), numbers({2, 3})}));
    add(oneNode("", 13, "Shape", {fed({2, 3, 4})}));
    add(oneNode("a part", 15, "Shape", {fed({2, 3, 4})},
                attribute("start", -2) + attribute("end", 2)));
    add(oneNode("", 13, "Size", {fed({2, 3, 4})}));
    add(oneNode("", 9, "ConstantOfShape", {given({2}, {2, 3}, int64)},
                tensorAttribute("value", tensor("", given({1}, {1.5})))));
    add(oneNode("of integers", 9, "ConstantOfShape", {given({2}, {2, 2}, int64)},
                tensorAttribute("value", tensor("", given({1}, {7}, int64)))));
    add(oneNode("zeros", 9, "ConstantOfShape", {given({1}, {3}, int64)}));
    add(oneNode("", 11, "Range", {given({}, {1}), given({}, {4}), given({}, {0.75})}));
    add(oneNode("of integers", 11, "Range",
                {given({}, {9}, int64), given({}, {0}, int64), given({}, {-2}, int64)}));
    add(oneNode("", 13, "DepthToSpace", {fed({1, 8, 2, 3})}, attribute("blocksize", 2)));
    add(oneNode("CRD", 13, "DepthToSpace", {fed({1, 8, 2, 3})},
                attribute("blocksize", 2) + textAttribute("mode", "CRD")));
    add(oneNode("", 13, "SpaceToDepth", {fed({1, 2, 4, 6})}, attribute("blocksize", 2)));

    const std::string addTo = node("Add", {"x", "c"}, {"y"});
    const auto withConstant = [&](const char* name, const std::string& attributes) {
        add(several(std::string("Constant, ") + name, 13, {{"x", fed({2})}},
                    node("Constant", {}, {"c"}, attributes) + addTo, {"y"}));
    };
    withConstant("a tensor", valueAttribute(floats("", {2}, {1, 2})));
    withConstant("value_float", realAttribute("value_float", 2.5F));
    withConstant("value_floats", realsAttribute("value_floats", {1.5F, -1}));
    add(several(
        "Constant, float16", 13, {{"x", fed({2})}},
        node("Constant", {}, {"h"}, valueAttribute(tensor("", given({2}, {0.5, 3}, float16)))) +
            node("Cast", {"h"}, {"c"}, attribute("to", float32)) + addTo,
        {"y"}));
    add(several("Constant, value_int", 13, {{"x", fedWhole({2}, int64, 0, 9)}},
                node("Constant", {}, {"c"}, attribute("value_int", 5)) + addTo, {"y"}));
    add(several("Constant, value_ints", 13, {{"x", fedWhole({2}, int64, 0, 9)}},
                node("Constant", {}, {"c"}, axes("value_ints", {5, -1})) + addTo, {"y"}));

    // Shapes that are computed: of constants alone, and of what comes.
    add(several("a computed shape", 13, {{"x", fed({2, 3, 4})}, {"minus", numbers({-1})}},
                node("Shape", {"x"}, {"s"}) +
                    node("Constant", {}, {"zero"}, attribute("value_int", 0)) +
                    node("Constant", {}, {"axis"}, axes("value_ints", {0})) +
                    node("Gather", {"s", "zero"}, {"b"}) + node("Unsqueeze", {"b", "axis"}, {"u"}) +
                    node("Concat", {"u", "minus"}, {"t"}, attribute("axis", 0)) +
                    node("Reshape", {"x", "t"}, {"y"}),
                {"y"}));
    add(several("constants alone", 13, {{"x", fed({2, 3})}, {"a", constant(fed({3, 2}))}},
                node("Transpose", {"a"}, {"t"}) + node("Neg", {"t"}, {"n"}) +
                    node("Add", {"x", "n"}, {"y"}),
                {"y"}));
    add(several("nodes out of order", 13, {{"x", fed({2, 3})}},
                node("Relu", {"n"}, {"y"}) + node("Neg", {"x"}, {"n"}), {"y"}));
    add(several("an input that is an output", 13, {{"x", fed({2, 3})}},
                node("Relu", {"x"}, {"y"}) + node("Identity", {"x"}, {"z"}), {"y", "z"}));
    add(several("a constant that is an output", 13, {{"x", fed({2, 3})}, {"c", constant(fed({2}))}},
                node("Relu", {"x"}, {"y"}) + node("Neg", {"c"}, {"z"}), {"y", "z"}));

    const std::string thenGraph = bytes(2, "then") + output("t", float32, {2, 3}) +
                                  node("Mul", {"x", "k"}, {"t"}) +
                                  initializer(tensor("k", given({3}, {1, 2, 3})));
    const std::string elseGraph =
        bytes(2, "else") + output("e", float32, {2, 3}) + node("Neg", {"r"}, {"e"});
    for (const double taken : {0.0, 1.0})
        add(several(taken != 0 ? "If, then" : "If, else", 13,
                    {{"x", fed({2, 3})}, {"c", given({}, {taken}, boolean)}},
                    node("Relu", {"x"}, {"r"}) + node("If", {"c"}, {"y"},
                                                      graphAttribute("then_branch", thenGraph) +
                                                          graphAttribute("else_branch", elseGraph)),
                    {"y"}));
}

} // namespace gradus::test
