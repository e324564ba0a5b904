// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "tests/support/onnx_case_writer.h"

namespace gradus::test {

using namespace onnx;

namespace {

void addConvolutions(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    const Fed image = fed({2, 4, 7, 6});
    const Fed bias = constant(fed({6}, -1, 1, 3));
    add(oneNode("", 11, "Conv", {image, constant(fed({6, 4, 3, 3})), bias}));
    add(oneNode("strides, pads, dilations", 11, "Conv", {image, constant(fed({6, 4, 3, 2}))},
                axes("strides", {2, 1}) + axes("pads", {1, 0, 2, 1}) + axes("dilations", {1, 2}) +
                    axes("kernel_shape", {3, 2})));
    add(oneNode("groups", 11, "Conv", {image, constant(fed({6, 2, 3, 3})), bias},
                attribute("group", 2) + axes("pads", {1, 1, 1, 1})));
    add(oneNode("depthwise", 11, "Conv", {image, constant(fed({4, 1, 3, 3}))},
                attribute("group", 4) + axes("pads", {1, 1, 1, 1}) + axes("strides", {2, 2})));
    for (const char* same : {"SAME_UPPER", "SAME_LOWER", "VALID"})
        add(oneNode(same, 11, "Conv", {image, constant(fed({6, 4, 2, 3}))},
                    textAttribute("auto_pad", same) + axes("strides", {2, 2})));
    add(oneNode("a line", 11, "Conv", {fed({2, 4, 9}), constant(fed({6, 2, 3})), bias},
                attribute("group", 2) + axes("pads", {1, 2}) + axes("strides", {2})));
    add(several("a kernel that is turned", 13, {{"x", image}, {"w", constant(fed({3, 3, 4, 5}))}},
                node("Transpose", {"w"}, {"t"}, axes("perm", {3, 2, 0, 1})) +
                    node("Conv", {"x", "t"}, {"y"}),
                {"y"}));
    add(oneNode("", 11, "ConvTranspose", {image, constant(fed({4, 6, 3, 3})), bias}));
    add(oneNode("strides, pads", 11, "ConvTranspose", {image, constant(fed({4, 3, 3, 2}))},
                attribute("group", 2) + axes("strides", {2, 3}) + axes("pads", {1, 0, 1, 1}) +
                    axes("output_padding", {1, 2})));
    add(oneNode("a line", 11, "ConvTranspose", {fed({2, 4, 5}), constant(fed({4, 3, 3}))},
                axes("strides", {2}) + axes("pads", {1, 0}) + axes("dilations", {2})));
    // Of the size that is asked for; the whole is 13 × 14.
    const std::string wide = axes("strides", {2, 2});
    for (const char* same : {"NOTSET", "SAME_UPPER", "SAME_LOWER"}) {
        add(oneNode(concat("output_shape, ", same), 11, "ConvTranspose",
                    {image, constant(fed({4, 6, 3, 3})), bias},
                    wide + axes("output_shape", {10, 11}) + textAttribute("auto_pad", same)));
        if (same != std::string("NOTSET"))
            add(oneNode(same, 11, "ConvTranspose", {image, constant(fed({4, 6, 4, 3})), bias},
                        wide + textAttribute("auto_pad", same)));
    }
    add(oneNode("output_shape, larger", 11, "ConvTranspose",
                {image, constant(fed({4, 3, 1, 1})), bias},
                attribute("group", 2) + wide + axes("output_shape", {12, 12})));
    add(oneNode("output_shape of a line", 11, "ConvTranspose",
                {fed({2, 4, 5}), constant(fed({4, 3, 3}))},
                axes("strides", {2}) + axes("output_shape", {8})));
}

void addPools(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    const Fed image = fed({2, 3, 7, 6});
    const std::string kernel = axes("kernel_shape", {3, 2});
    for (const char* op : {"MaxPool", "AveragePool"}) {
        add(oneNode("", 8, op, {image}, kernel));
        add(oneNode("strides, pads", 11, op, {image},
                    kernel + axes("strides", {2, 2}) + axes("pads", {1, 1, 1, 0})));
        add(oneNode("ceil", 11, op, {image},
                    kernel + axes("strides", {2, 4}) + attribute("ceil_mode", 1)));
        add(oneNode("SAME_UPPER", 11, op, {image},
                    kernel + axes("strides", {2, 2}) + textAttribute("auto_pad", "SAME_UPPER")));
        add(oneNode("a line", 11, op, {fed({2, 3, 9})},
                    axes("kernel_shape", {3}) + axes("strides", {2}) + axes("pads", {1, 1})));
    }
    add(oneNode("dilations", 12, "MaxPool", {image}, kernel + axes("dilations", {2, 3})));
    add(oneNode("indices", 12, "MaxPool", {image}, kernel + axes("strides", {2, 2}), 2));
    add(oneNode("indices, pads, dilations", 12, "MaxPool", {image},
                kernel + axes("dilations", {2, 1}) + axes("pads", {1, 1, 1, 0}), 2));
    add(oneNode("indices of equals", 12, "MaxPool", {fedWhole({2, 2, 6, 5}, float32, 0, 2)},
                kernel + attribute("ceil_mode", 1) + axes("strides", {2, 2}), 2));
    add(oneNode("indices along a line", 12, "MaxPool", {fed({2, 3, 9})},
                axes("kernel_shape", {3}) + axes("pads", {1, 1}), 2));
    add(oneNode("dilations", 19, "AveragePool", {image}, kernel + axes("dilations", {2, 1})));
    add(oneNode("padding counts", 11, "AveragePool", {image},
                kernel + axes("pads", {1, 1, 1, 1}) + attribute("count_include_pad", 1)));
    add(oneNode("padding counts, ceil", 19, "AveragePool", {image},
                kernel + axes("pads", {1, 1, 1, 1}) + axes("strides", {3, 2}) +
                    attribute("count_include_pad", 1) + attribute("ceil_mode", 1)));
    add(oneNode("", 7, "GlobalAveragePool", {image}));
    add(oneNode("", 7, "GlobalMaxPool", {image}));
}

void addResizes(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    const Fed image = fed({1, 2, 4, 5});
    const Fed twice = constant(given({4}, {1, 1, 2, 3}));
    const Fed scales = constant(given({4}, {1, 1, 1.6, 0.6}));
    const auto mode = [](const char* name) { return textAttribute("mode", name); };
    add(oneNode("", 7, "Upsample", {image},
                mode("nearest") + realsAttribute("scales", {1, 1, 2, 3})));
    add(oneNode("", 9, "Upsample", {image, twice}, mode("nearest")));
    add(oneNode("linear", 9, "Upsample", {image, twice}, mode("linear")));
    add(oneNode("", 10, "Resize", {image, scales}, mode("nearest")));
    add(oneNode("linear", 10, "Resize", {image, scales}, mode("linear")));
    const auto coordinates = [](const char* name) {
        return textAttribute("coordinate_transformation_mode", name);
    };
    for (const char* where : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"})
        add(oneNode(std::string("linear, ") + where, 13, "Resize", {image, missing(), scales},
                    mode("linear") + coordinates(where)));
    for (const char* nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
        add(oneNode(std::string("nearest, ") + nearest, 11, "Resize",
                    {image, constant(given({0}, {})), constant(given({4}, {1, 1, 2, 0.6}))},
                    textAttribute("nearest_mode", nearest) + coordinates("asymmetric")));
    add(oneNode("sizes", 13, "Resize", {image, missing(), missing(), numbers({1, 2, 7, 3})},
                mode("linear")));
    add(oneNode(
        "sizes, empty scales", 11, "Resize",
        {image, constant(given({0}, {})), constant(given({0}, {})), numbers({1, 2, 8, 10})}));
    add(oneNode("cubic", 13, "Resize", {image, missing(), twice},
                mode("cubic") + realAttribute("cubic_coeff_a", -0.5F)));
    add(oneNode("axes", 18, "Resize", {image, missing(), constant(given({2}, {2, 0.5}))},
                mode("linear") + axes("axes", {2, 3})));
}

void addPads(std::vector<OnnxCase>& cases)
{
    const auto add = [&](OnnxCase test) { cases.push_back(std::move(test)); };
    const Fed image = fed({2, 3, 4});
    add(oneNode("", 7, "Pad", {image},
                axes("pads", {0, 1, 2, 1, 0, 1}) + realAttribute("value", 2.5F)));
    add(oneNode("", 11, "Pad", {image, numbers({0, 1, 2, 1, 0, 1}), constant(given({}, {-1}))}));
    add(oneNode("that cuts", 13, "Pad", {image, numbers({0, -1, 2, 0, 0, -1})}));
    for (const char* mode : {"reflect", "edge"})
        add(oneNode(mode, 13, "Pad", {image, numbers({0, 1, 2, 0, 2, 1})},
                    textAttribute("mode", mode)));
    add(oneNode("wrap", 19, "Pad", {image, numbers({0, 1, 2, 0, 2, 1})},
                textAttribute("mode", "wrap")));
    add(oneNode("axes", 18, "Pad", {image, numbers({1, 2, 0, 1}), missing(), numbers({-1, 0})}));
    add(oneNode(
        "of integers", 13, "Pad",
        {fedWhole({2, 3}, int64, 0, 9), numbers({1, 0, 0, 1}), constant(given({}, {4}, int64))}));
}

} // namespace

void addImageCases(std::vector<OnnxCase>& cases)
{
    addConvolutions(cases);
    addPools(cases);
    addResizes(cases);
    addPads(cases);
}

} // namespace gradus::test
