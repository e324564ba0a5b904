// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/random.h"
#include "core/base/text.h"
#include "tests/support/operator_oracle.h"

#include <algorithm>
#include <array>

namespace gradus::test {

namespace {

/// One direction of a kernel, with its padding written out.
struct Direction
{
    std::int64_t size = 1;
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    std::int64_t dilation = 1;
    std::int64_t before = 0;
    std::int64_t out = 0;
};

/// The definition of ONNX Conv.
Direction directionOf(const ConvolutionGeometry& g, std::size_t i, std::int64_t size)
{
    Direction d{size, g.kernel[i], g.stride[i], g.dilation[i], g.padding[i], 0};
    const std::int64_t extent = d.dilation * (d.kernel - 1) + 1;
    if (g.autoPad == AutoPad::Explicit) {
        for (std::int64_t start = -d.before; start + extent <= size + g.padding[i + 2];
             start += d.stride)
            ++d.out;
        return d;
    }
    for (std::int64_t start = 0; start < size; start += d.stride)
        ++d.out;
    const std::int64_t total = std::max<std::int64_t>((d.out - 1) * d.stride + extent - size, 0);
    d.before = total / 2;
    if (g.autoPad == AutoPad::SameLower)
        d.before = total - d.before;
    return d;
}

/// visit(input pixel, output pixel, tap) for all that meet.
template <class Visit>
void forEachMeeting(const Direction& down, const Direction& across, const Visit& visit)
{
    for (std::int64_t oy = 0; oy < down.out; ++oy)
        for (std::int64_t ox = 0; ox < across.out; ++ox)
            for (std::int64_t ky = 0; ky < down.kernel; ++ky)
                for (std::int64_t kx = 0; kx < across.kernel; ++kx) {
                    const std::int64_t iy = oy * down.stride + ky * down.dilation - down.before;
                    const std::int64_t ix =
                        ox * across.stride + kx * across.dilation - across.before;
                    if (iy >= 0 && iy < down.size && ix >= 0 && ix < across.size)
                        visit(static_cast<std::size_t>(iy * across.size + ix),
                              static_cast<std::size_t>(oy * across.out + ox),
                              static_cast<std::size_t>(ky * across.kernel + kx));
                }
}

Shape imageShapeOf(bool isLine, std::int64_t images, std::int64_t channels, std::int64_t height,
                   std::int64_t width)
{
    return isLine ? Shape{images, channels, width} : Shape{images, channels, height, width};
}

std::vector<Elements> convolution(const OperatorCase& test)
{
    const auto& op = std::get<op::Convolution>(test.op);
    const ConvolutionGeometry& g = op.geometry;
    const Elements& x = *test.inputs[0];
    const Elements& weight = test.parameters.at(op.weight);
    const std::int64_t images = x.shape[0];
    const Direction down = directionOf(g, 0, op.isLine ? 1 : x.shape[2]);
    const Direction across = directionOf(g, 1, x.shape.back());
    const std::int64_t outs = weight.shape[0];
    const auto inPixels = static_cast<std::size_t>(down.size * across.size);
    const auto outPixels = static_cast<std::size_t>(down.out * across.out);
    const auto taps = static_cast<std::size_t>(g.kernel[0] * g.kernel[1]);
    const std::int64_t depth = g.channels / g.groups;
    Elements y{imageShapeOf(op.isLine, images, outs, down.out, across.out),
               std::vector<double>(static_cast<std::size_t>(images * outs) * outPixels)};
    for (std::int64_t n = 0; n < images; ++n)
        for (std::int64_t o = 0; o < outs; ++o) {
            double* to = y.at.data() + static_cast<std::size_t>(n * outs + o) * outPixels;
            if (!op.bias.empty())
                std::fill_n(to, outPixels,
                            test.parameters.at(op.bias).at[static_cast<std::size_t>(o)]);
            for (std::int64_t c = 0; c < depth; ++c) {
                const std::int64_t channel = o / (outs / g.groups) * depth + c;
                const double* from =
                    x.at.data() + static_cast<std::size_t>(n * g.channels + channel) * inPixels;
                const double* w = weight.at.data() + static_cast<std::size_t>(o * depth + c) * taps;
                forEachMeeting(down, across, [&](std::size_t in, std::size_t out, std::size_t tap) {
                    to[out] += w[tap] * from[in];
                });
            }
        }
    return {y};
}

/// The definition of ONNX ConvTranspose: every input pixel stamps its kernel.
std::vector<Elements> convolutionTranspose(const OperatorCase& test)
{
    const auto& op = std::get<op::ConvolutionTranspose>(test.op);
    const ConvolutionGeometry& g = op.geometry;
    const Elements& x = *test.inputs[0];
    const Elements& weight = test.parameters.at(op.weight);
    const std::array<std::int64_t, 2> in{op.isLine ? 1 : x.shape[2], x.shape.back()};
    std::array<std::int64_t, 2> out{};
    std::array<std::int64_t, 2> cut{};
    for (std::size_t i = 0; i < 2; ++i) {
        const std::int64_t whole =
            (in[i] - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] + 1 + op.outputPadding[i];
        if (g.autoPad == AutoPad::Explicit) {
            out[i] = whole - g.padding[i] - g.padding[i + 2];
            cut[i] = g.padding[i];
            continue;
        }
        out[i] = in[i] * g.stride[i];
        const std::int64_t total = std::max<std::int64_t>(whole - out[i], 0);
        cut[i] = g.autoPad == AutoPad::SameUpper ? total / 2 : total - total / 2;
    }
    const std::int64_t perGroup = op.outChannels / g.groups;
    const std::int64_t depth = g.channels / g.groups;
    Elements y{imageShapeOf(op.isLine, x.shape[0], op.outChannels, out[0], out[1]), {}};
    y.at.resize(static_cast<std::size_t>(elementCount(y.shape)));
    const auto outAt = [&](std::int64_t n, std::int64_t o, std::int64_t i,
                           std::int64_t j) -> double& {
        return y.at[static_cast<std::size_t>(((n * op.outChannels + o) * out[0] + i) * out[1] + j)];
    };
    if (!op.bias.empty())
        for (std::size_t i = 0; i < y.at.size(); ++i)
            y.at[i] = test.parameters.at(op.bias).at[i / static_cast<std::size_t>(out[0] * out[1]) %
                                                     static_cast<std::size_t>(op.outChannels)];
    std::size_t at = 0;
    for (std::int64_t n = 0; n < x.shape[0]; ++n)
        for (std::int64_t c = 0; c < g.channels; ++c)
            for (std::int64_t i = 0; i < in[0]; ++i)
                for (std::int64_t j = 0; j < in[1]; ++j, ++at)
                    for (std::int64_t k = 0; k < perGroup * g.kernel[0] * g.kernel[1]; ++k) {
                        const std::int64_t o = c / depth * perGroup + k / g.kernel[1] / g.kernel[0];
                        const std::int64_t oy = i * g.stride[0] - cut[0] +
                                                k / g.kernel[1] % g.kernel[0] * g.dilation[0];
                        const std::int64_t ox =
                            j * g.stride[1] - cut[1] + k % g.kernel[1] * g.dilation[1];
                        if (oy >= 0 && oy < out[0] && ox >= 0 && ox < out[1])
                            outAt(n, o, oy, ox) +=
                                x.at[at] * weight.at[static_cast<std::size_t>(
                                               c * perGroup * g.kernel[0] * g.kernel[1] + k)];
                    }
    return {y};
}

/// What a case is made from.
struct Plan
{
    std::string label;
    ConvolutionGeometry geometry;
    std::int64_t images = 1;
    std::int64_t outs = 1;
    std::int64_t height = 1;
    std::int64_t width = 1;
    bool isLine = false;
    bool bias = true;
};

OperatorCase caseOf(const Plan& plan)
{
    const ConvolutionGeometry& g = plan.geometry;
    OperatorCase test{
        plan.label,
        op::Convolution{"weight", plan.bias ? "bias" : "", g, plan.isLine},
        {randomElements(imageShapeOf(plan.isLine, plan.images, g.channels, plan.height, plan.width),
                        "x")},
        {}};
    const std::int64_t depth = g.channels / g.groups;
    test.parameters.emplace(
        "weight", randomElements(plan.isLine ? Shape{plan.outs, depth, g.kernel[1]}
                                             : Shape{plan.outs, depth, g.kernel[0], g.kernel[1]},
                                 "weight"));
    if (plan.bias)
        test.parameters.emplace("bias", randomElements({plan.outs}, "bias"));
    test.absolute = 1e-5 + 1e-7 * static_cast<double>(g.features()); // of sums that cancel
    // Differences of every weight and input: only where that is quick.
    const std::int64_t values = test.inputs[0]->count() + test.parameters.at("weight").count();
    const std::int64_t work =
        test.parameters.at("weight").count() * plan.images * plan.height * plan.width;
    test.smooth = values * work < 40'000'000;
    return test;
}

Plan plan(std::string label, std::int64_t channels, std::int64_t outs, std::int64_t kernel,
          std::int64_t size, std::int64_t padding = 0, std::int64_t stride = 1,
          std::int64_t groups = 1, std::int64_t dilation = 1)
{
    Plan result;
    result.label = std::move(label);
    result.outs = outs;
    result.height = size;
    result.width = size;
    result.geometry.channels = channels;
    result.geometry.groups = groups;
    result.geometry.kernel = {kernel, kernel};
    result.geometry.stride = {stride, stride};
    result.geometry.dilation = {dilation, dilation};
    result.geometry.padding = {padding, padding, padding, padding};
    return result;
}

std::vector<Plan> plans()
{
    std::vector<Plan> all{
        plan("one pixel", 1, 1, 1, 1),
        plan("pointwise", 5, 7, 1, 6),
        plan("pointwise, few outputs, in place", 6, 20, 1, 7),
        plan("pointwise, several tiles", 3, 30, 1, 45),
        plan("pointwise, several tiles in place", 3, 5, 1, 47),
        plan("pointwise, stride 2", 4, 5, 1, 9, 0, 2),
        plan("pointwise with padding", 2, 3, 1, 4, 1),
        plan("3 × 3", 3, 4, 3, 8, 1),
        plan("3 × 3, many channels", 40, 50, 3, 9, 1),
        plan("3 × 3, wide", 2, 3, 3, 130, 1),
        plan("3 × 3, stride 2", 3, 26, 3, 21, 1, 2),
        plan("stride beyond the kernel", 2, 3, 2, 11, 0, 3),
        plan("dilated", 2, 3, 3, 9, 2, 1, 1, 2),
        plan("dilated beyond the image", 1, 2, 3, 5, 7, 1, 1, 7),
        plan("dilated with a stride that divides", 2, 3, 3, 13, 2, 2, 1, 4),
        plan("kernel larger than the image", 2, 3, 5, 3, 2),
        plan("padding beyond the kernel", 1, 2, 2, 3, 4, 3),
        plan("patches", 3, 10, 4, 12, 0, 4),
        plan("groups", 6, 4, 3, 7, 1, 1, 2),
        plan("groups of one input, many outputs", 2, 14, 3, 6, 1, 1, 2),
        plan("depthwise 3 × 3", 4, 4, 3, 9, 1, 1, 4),
        plan("depthwise 3 × 3, wide", 2, 2, 3, 70, 1, 1, 2),
        plan("depthwise 3 × 3, stride 2", 4, 4, 3, 10, 1, 2, 4),
        plan("depthwise 5 × 5", 3, 3, 5, 8, 2, 1, 3),
        plan("depthwise 5 × 5, stride 2", 3, 3, 5, 11, 2, 2, 3),
        plan("depthwise 7 × 7", 2, 2, 7, 9, 3, 1, 2),
        plan("depthwise with a multiplier", 3, 6, 3, 6, 0, 1, 3),
        plan("depthwise, dilated", 2, 2, 3, 12, 3, 1, 2, 3),
        plan("depthwise, pointwise", 4, 4, 1, 6, 0, 1, 4),
        plan("large depthwise", 2, 2, 3, 300, 1, 2, 2),
        plan("many tiles", 4, 5, 3, 100, 1),
    };
    all[3].images = 2;
    all[8].images = 2;
    all[10].bias = false;
    Plan line = plan("along lines", 3, 4, 3, 15, 1);
    line.isLine = true;
    line.height = line.geometry.kernel[0] = 1;
    line.geometry.padding = {0, 1, 0, 2};
    line.geometry.stride = {1, 2};
    all.push_back(line);
    line.label = "depthwise along lines";
    line.geometry.groups = 3;
    line.outs = 3;
    all.push_back(line);
    return all;
}

/// Geometries that nobody would think of.
std::vector<Plan> randomPlans(std::uint64_t seed, int count)
{
    RandomStream random(seed, "convolution", "geometries");
    const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random.below(n)); };
    std::vector<Plan> all;
    while (static_cast<int>(all.size()) < count) {
        Plan p;
        p.images = 1 + below(2);
        p.height = 1 + below(10);
        p.width = 1 + below(40);
        ConvolutionGeometry& g = p.geometry;
        g.groups = 1 + below(3);
        g.channels = g.groups * (1 + below(3));
        p.outs = g.groups * (1 + below(9));
        p.bias = below(2) == 0;
        for (std::size_t i = 0; i < 2; ++i) {
            g.kernel[i] = 1 + below(4);
            g.stride[i] = 1 + below(4);
            g.dilation[i] = 1 + below(3);
            g.padding[i] = below(4);
            g.padding[i + 2] = below(4);
        }
        const auto mode = below(4);
        if (mode < 2) {
            g.autoPad = mode == 0 ? AutoPad::SameUpper : AutoPad::SameLower;
            g.padding = {0, 0, 0, 0};
        }
        const auto out = g.output(p.height, p.width);
        if (out[0] == 0 || out[1] == 0)
            continue; // does not fit
        p.label = concat("random ", all.size());
        all.push_back(p);
    }
    return all;
}

OperatorCase transposedCase(const Plan& plan, std::array<std::int64_t, 2> outputPadding)
{
    const ConvolutionGeometry& g = plan.geometry;
    OperatorCase test{
        plan.label,
        op::ConvolutionTranspose{"weight", plan.bias ? "bias" : "", g, plan.outs, outputPadding,
                                 plan.isLine},
        {randomElements(imageShapeOf(plan.isLine, plan.images, g.channels, plan.height, plan.width),
                        "x")},
        {}};
    const std::int64_t depth = plan.outs / g.groups;
    test.parameters.emplace(
        "weight", randomElements(plan.isLine ? Shape{g.channels, depth, g.kernel[1]}
                                             : Shape{g.channels, depth, g.kernel[0], g.kernel[1]},
                                 "transposed weight"));
    test.constants.emplace_back("weight");
    if (plan.bias) {
        test.parameters.emplace("bias", randomElements({plan.outs}, "bias"));
        test.constants.emplace_back("bias");
    }
    test.absolute = 1e-5;
    test.smooth = test.inputs[0]->count() < 1000;
    return test;
}

std::vector<OperatorCase> transposedCases()
{
    std::vector<OperatorCase> cases{
        transposedCase(plan("doubling", 3, 4, 2, 5, 0, 2), {0, 0}),
        transposedCase(plan("doubling, 4 × 4", 4, 3, 4, 6, 1, 2), {0, 0}),
        transposedCase(plan("3 × 3", 5, 14, 3, 8, 1), {0, 0}),
        transposedCase(plan("output padding", 2, 3, 3, 5, 1, 2), {1, 0}),
        transposedCase(plan("stride beyond the kernel", 2, 3, 2, 4, 0, 4), {2, 3}),
        transposedCase(plan("dilated", 2, 2, 3, 5, 2, 1, 1, 2), {0, 0}),
        transposedCase(plan("groups", 6, 4, 3, 5, 1, 2, 2), {1, 1}),
        transposedCase(plan("depthwise", 3, 3, 3, 5, 1, 2, 3), {1, 1}),
        transposedCase(plan("pointwise", 5, 13, 1, 9), {0, 0}),
        transposedCase(plan("large", 8, 6, 3, 40, 1, 2), {1, 1}),
    };
    Plan same = plan("same, upper", 2, 3, 3, 4, 0, 2);
    same.geometry.autoPad = AutoPad::SameUpper;
    cases.push_back(transposedCase(same, {0, 0}));
    same.label = "same, lower";
    same.geometry.autoPad = AutoPad::SameLower;
    same.bias = false;
    cases.push_back(transposedCase(same, {0, 0}));
    same.label = "same, stride beyond the kernel";
    same.geometry.stride = {4, 5};
    cases.push_back(transposedCase(same, {0, 0}));
    Plan line = plan("along lines", 3, 4, 3, 7, 1);
    line.isLine = true;
    line.height = line.geometry.kernel[0] = 1;
    line.geometry.padding = {0, 1, 0, 0};
    line.geometry.stride = {1, 3};
    cases.push_back(transposedCase(line, {0, 1}));
    return cases;
}

} // namespace

void addConvolutionOracles(OracleTable& table)
{
    OperatorOracle& plain = table["Convolution"];
    plain.evaluate = convolution;
    for (const Plan& p : plans())
        plain.cases.push_back(caseOf(p));
    for (const Plan& p : randomPlans(17, 60))
        plain.cases.push_back(caseOf(p));
    table["ConvolutionTranspose"] = {convolutionTranspose, transposedCases()};
}

} // namespace gradus::test
