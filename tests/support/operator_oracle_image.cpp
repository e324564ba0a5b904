// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/random.h"
#include "core/base/text.h"
#include "tests/support/operator_oracle.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus::test {

namespace {

using Index = std::vector<std::int64_t>;

/// The next index of a shape, false after the last one.
bool advance(Index& index, const Shape& shape)
{
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        if (++index[axis] < shape[axis])
            return true;
        index[axis] = 0;
    }
    return false;
}

std::size_t placeOf(const Index& index, const Shape& shape)
{
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
        place = place * shape[axis] + index[axis];
    return static_cast<std::size_t>(place);
}

/// Every element of a result by its index.
template <class Element>
Elements filled(Shape shape, DType dtype, const Element& element)
{
    Elements y{std::move(shape), {}, dtype};
    Index index(y.shape.size());
    if (elementCount(y.shape) > 0)
        do
            y.at.push_back(element(index));
        while (advance(index, y.shape));
    return y;
}

// ---- pools --------------------------------------------------------------------------------------

/// Windows of one direction: positions of the taps of each, in the input.
struct Windows
{
    std::vector<std::vector<std::int64_t>> taps;
    std::int64_t size = 0;
    std::int64_t end = 0; ///< of input and padding
};

Windows windowsOf(const op::Pool& pool, std::size_t i, std::int64_t size)
{
    const ConvolutionGeometry& g = pool.geometry;
    Windows windows{{}, size, size + g.padding[i + 2]};
    const std::int64_t extent = (g.kernel[i] - 1) * g.dilation[i] + 1;
    std::int64_t start = -g.padding[i];
    std::int64_t last = windows.end - extent; // where a window may begin
    if (g.autoPad != AutoPad::Explicit) {
        const std::int64_t count = (size + g.stride[i] - 1) / g.stride[i];
        const std::int64_t total =
            std::max<std::int64_t>(0, (count - 1) * g.stride[i] + extent - size);
        const std::int64_t before = g.autoPad == AutoPad::SameUpper ? total / 2 : (total + 1) / 2;
        start = -before;
        windows.end = size + total - before;
        last = start + (count - 1) * g.stride[i];
    } else if (pool.ceilMode) {
        // One more that ends behind everything, unless the last begins behind the input.
        last = start + (last - start + g.stride[i] - 1) / g.stride[i] * g.stride[i];
        if (last >= size)
            last -= g.stride[i];
    }
    for (; start <= last; start += g.stride[i]) {
        windows.taps.emplace_back();
        for (std::int64_t k = 0; k < g.kernel[i]; ++k)
            windows.taps.back().push_back(start + k * g.dilation[i]);
    }
    return windows;
}

std::vector<Elements> evaluatePool(const OperatorCase& test)
{
    const auto& op = std::get<op::Pool>(test.op);
    const Elements& x = *test.inputs[0];
    const Windows down = windowsOf(op, 0, op.isLine ? 1 : x.shape[2]);
    const Windows across = windowsOf(op, 1, x.shape.back());
    Shape shape = x.shape;
    if (!op.isLine)
        shape[2] = static_cast<std::int64_t>(down.taps.size());
    shape.back() = static_cast<std::int64_t>(across.taps.size());
    const auto value = [&](const Index& index) {
        const std::int64_t plane = index[0] * x.shape[1] + index[1];
        double sum = 0;
        double best = static_cast<double>(std::numeric_limits<float>::lowest());
        int seen = 0;
        int counted = 0;
        for (const std::int64_t i : down.taps[op.isLine ? 0 : static_cast<std::size_t>(index[2])])
            for (const std::int64_t j : across.taps[static_cast<std::size_t>(index.back())]) {
                counted += i < down.end && j < across.end ? 1 : 0;
                if (i < 0 || i >= down.size || j < 0 || j >= across.size)
                    continue;
                const double at =
                    x.at[static_cast<std::size_t>((plane * down.size + i) * across.size + j)];
                sum += at;
                best = std::max(best, at);
                ++seen;
            }
        if (op.kind == op::PoolKind::Maximum)
            return best;
        const int divisor = op.countsPadding ? counted : seen;
        return divisor == 0 ? 0 : sum / divisor;
    };
    std::vector<Elements> results{filled(shape, DType::F32, value)};
    if (test.outputs < 2)
        return results;
    // Where the first of the largest stands, in the whole of x.
    results.push_back(filled(shape, DType::I64, [&](const Index& index) {
        const std::int64_t plane = index[0] * x.shape[1] + index[1];
        double best = -std::numeric_limits<double>::infinity();
        std::int64_t place = -1;
        for (const std::int64_t i : down.taps[op.isLine ? 0 : static_cast<std::size_t>(index[2])])
            for (const std::int64_t j : across.taps[static_cast<std::size_t>(index.back())]) {
                if (i < 0 || i >= down.size || j < 0 || j >= across.size)
                    continue;
                const std::int64_t at = (plane * down.size + i) * across.size + j;
                if (x.at[static_cast<std::size_t>(at)] > best) {
                    best = x.at[static_cast<std::size_t>(at)];
                    place = at;
                }
            }
        return static_cast<double>(place);
    }));
    return results;
}

std::vector<Elements> globalPool(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    Shape shape = x.shape;
    std::fill(shape.begin() + 2, shape.end(), 1);
    const auto pixels = x.at.size() / static_cast<std::size_t>(shape[0] * shape[1]);
    const auto value = [&](const Index& index) {
        const auto first =
            x.at.begin() + static_cast<std::ptrdiff_t>(
                               static_cast<std::size_t>(index[0] * shape[1] + index[1]) * pixels);
        double sum = 0;
        for (std::size_t i = 0; i < pixels; ++i)
            sum += first[static_cast<std::ptrdiff_t>(i)];
        if (std::get<op::GlobalPool>(test.op).kind == op::PoolKind::Average)
            return sum / static_cast<double>(pixels);
        return *std::max_element(first, first + static_cast<std::ptrdiff_t>(pixels));
    };
    return {filled(shape, DType::F32, value)};
}

op::Pool poolOf(op::PoolKind kind, std::int64_t kernel, std::int64_t stride,
                std::int64_t padding = 0)
{
    op::Pool pool;
    pool.kind = kind;
    pool.geometry.kernel = {kernel, kernel};
    pool.geometry.stride = {stride, stride};
    pool.geometry.padding = {padding, padding, padding, padding};
    return pool;
}

std::vector<OperatorCase> poolCases(op::PoolKind kind)
{
    std::vector<OperatorCase> cases;
    const auto add = [&](std::string label, const op::Pool& pool, Shape shape) {
        cases.push_back({std::move(label), pool, {distinctElements(std::move(shape), "x")}, {}});
        // Beside the lowest float no difference of a sum is seen.
        const std::vector<double> y = evaluatePool(cases.back()).front().at;
        cases.back().smooth = *std::min_element(y.begin(), y.end()) > -1e30;
    };
    add("2 × 2", poolOf(kind, 2, 2), {2, 3, 6, 8});
    add("3 × 3, stride 2, padding", poolOf(kind, 3, 2, 1), {1, 2, 9, 10});
    add("3 × 3, wide", poolOf(kind, 3, 1, 1), {1, 1, 3, 70});
    add("stride 3", poolOf(kind, 2, 3), {1, 2, 9, 11});
    op::Pool dilated = poolOf(kind, 3, 1, 1);
    dilated.geometry.dilation = {2, 2};
    add("dilated", dilated, {1, 2, 6, 7});
    op::Pool ceil = poolOf(kind, 3, 2);
    ceil.ceilMode = true;
    add("ceil", ceil, {1, 2, 4, 6});
    ceil.geometry.padding = {1, 1, 1, 1};
    add("ceil, padded", ceil, {1, 2, 6, 6});
    op::Pool drops = poolOf(kind, 1, 2, 0);
    drops.ceilMode = true;
    drops.geometry.padding = {0, 0, 1, 1};
    add("ceil, no window begins in the padding", drops, {1, 1, 2, 4});
    op::Pool line = poolOf(kind, 3, 2, 1);
    line.geometry.kernel[0] = line.geometry.stride[0] = 1;
    line.geometry.padding = {0, 1, 0, 1};
    line.isLine = true;
    add("along lines", line, {2, 2, 9});
    for (const AutoPad mode : {AutoPad::SameUpper, AutoPad::SameLower}) {
        op::Pool same = poolOf(kind, 3, 2);
        same.geometry.autoPad = mode;
        add(mode == AutoPad::SameUpper ? "same, upper" : "same, lower", same, {1, 2, 6, 5});
    }
    if (kind == op::PoolKind::Maximum) {
        const std::size_t plain = cases.size();
        for (std::size_t i = 0; i < plain; ++i) { // the same with indices, whose gradient is none
            cases.push_back(cases[i]);
            cases.back().label += ", indices";
            cases.back().outputs = 2;
        }
        std::vector<double> equals;
        for (int i = 0; i < 24; ++i)
            equals.push_back(i * 5 % 3);
        cases.push_back({"indices of equals",
                         poolOf(kind, 2, 1),
                         {Elements{{1, 1, 4, 6}, equals, DType::F32}},
                         {},
                         2});
        cases.back().smooth = false;
    }
    RandomStream random(8, "pools", kind == op::PoolKind::Maximum ? "maximum" : "average");
    const std::size_t enough = cases.size() + 28;
    while (cases.size() < enough) {
        op::Pool pool;
        pool.kind = kind;
        const auto below = [&](std::uint64_t n) {
            return static_cast<std::int64_t>(random.below(n));
        };
        const std::array<std::int64_t, 2> size{1 + below(8), 1 + below(12)};
        for (std::size_t i = 0; i < 2; ++i) {
            pool.geometry.kernel[i] = 1 + below(4);
            pool.geometry.stride[i] = 1 + below(4);
            pool.geometry.dilation[i] = 1 + below(2);
            pool.geometry.padding[i] = below(3);
            pool.geometry.padding[i + 2] = below(3);
        }
        pool.ceilMode = below(2) == 0;
        pool.countsPadding = below(2) == 0;
        const auto out = pool.geometry.output(size[0], size[1]);
        if (out[0] > 0 && out[1] > 0)
            add(concat("random ", cases.size()), pool, {1, 2, size[0], size[1]});
    }
    return cases;
}

// ---- resizing -----------------------------------------------------------------------------------

/// The neighbours that a coordinate is made from, with their weights (ONNX Resize).
std::vector<std::pair<std::int64_t, double>> neighbours(const op::Resize& op, double x,
                                                        std::int64_t size)
{
    if (op.mode == op::ResizeMode::Nearest) {
        const double below = std::floor(x);
        const double rest = x - below;
        bool up = false;
        switch (op.nearest) {
        case op::ResizeNearest::RoundPreferFloor:
            up = rest > 0.5;
            break;
        case op::ResizeNearest::RoundPreferCeil:
            up = rest >= 0.5;
            break;
        case op::ResizeNearest::Floor:
            break;
        case op::ResizeNearest::Ceil:
            up = rest > 0;
            break;
        }
        return {{static_cast<std::int64_t>(below) + (up ? 1 : 0), 1.0}};
    }
    std::vector<std::pair<std::int64_t, double>> result;
    const auto below = static_cast<std::int64_t>(std::floor(x));
    const std::int64_t reach = op.mode == op::ResizeMode::Cubic ? 2 : 1;
    const double a = static_cast<double>(op.cubicA);
    double sum = 0;
    for (std::int64_t i = below - reach + 1; i <= below + reach; ++i) {
        const double d = std::fabs(x - static_cast<double>(i));
        double weight = 1 - d;
        if (reach == 2)
            weight = d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                            : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
        if (op.excludesOutside && (i < 0 || i >= size))
            weight = 0;
        sum += weight;
        result.emplace_back(i, weight);
    }
    if (op.excludesOutside)
        for (auto& [i, weight] : result)
            weight /= sum;
    return result;
}

double coordinateOf(const op::Resize& op, double x, double in, double out, double scale)
{
    switch (op.coordinates) {
    case op::ResizeCoordinates::HalfPixel:
        return (x + 0.5) / scale - 0.5;
    case op::ResizeCoordinates::PytorchHalfPixel:
        return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case op::ResizeCoordinates::AlignCorners:
        return out > 1 ? x * (in - 1) / (out - 1) : 0;
    case op::ResizeCoordinates::Asymmetric:
        return x / scale;
    }
    return 0;
}

std::vector<Elements> resize(const OperatorCase& test)
{
    const auto& op = std::get<op::Resize>(test.op);
    const Elements& x = *test.inputs[0];
    Shape shape = x.shape;
    std::vector<double> scales(shape.size(), 1);
    const bool sized = test.inputs.size() > 2 && test.inputs[2];
    for (std::size_t i = 0; i < (op.axes.empty() ? shape.size() : op.axes.size()); ++i) {
        const std::int64_t axis = op.axes.empty() ? static_cast<std::int64_t>(i) : op.axes[i];
        const auto at = static_cast<std::size_t>(
            axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis);
        if (sized) {
            shape[at] = static_cast<std::int64_t>(test.inputs[2]->at[i]);
            scales[at] = static_cast<double>(shape[at]) / static_cast<double>(x.shape[at]);
        } else {
            scales[at] = test.inputs[1]->at[i];
            shape[at] = static_cast<std::int64_t>(
                std::floor(static_cast<double>(x.shape[at]) * scales[at] + 1e-6));
        }
    }
    const auto value = [&](const Index& index) {
        // All combinations of the axes' neighbours.
        std::vector<std::pair<std::size_t, double>> terms{{0, 1}};
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            std::vector<std::pair<std::size_t, double>> next;
            const double at = scales[axis] == 1
                                  ? static_cast<double>(index[axis])
                                  : coordinateOf(op, static_cast<double>(index[axis]),
                                                 static_cast<double>(x.shape[axis]),
                                                 static_cast<double>(shape[axis]), scales[axis]);
            for (const auto& [place, weight] : terms)
                for (const auto& [i, w] : neighbours(op, at, x.shape[axis]))
                    next.emplace_back(place * static_cast<std::size_t>(x.shape[axis]) +
                                          static_cast<std::size_t>(
                                              std::clamp<std::int64_t>(i, 0, x.shape[axis] - 1)),
                                      weight * w);
            terms = std::move(next);
        }
        double sum = 0;
        for (const auto& [place, weight] : terms)
            sum += weight * x.at[place];
        return sum;
    };
    return {filled(shape, DType::F32, value)};
}

Elements floatElements(std::vector<double> values)
{
    for (double& value : values)
        value = static_cast<double>(static_cast<float>(value));
    return {{static_cast<std::int64_t>(values.size())}, std::move(values), DType::F32};
}

std::vector<OperatorCase> resizeCases()
{
    std::vector<OperatorCase> cases;
    const Elements x = randomElements({1, 2, 5, 4}, "x");
    const auto add = [&](std::string label, const op::Resize& op, const Elements& image,
                         std::optional<Elements> scales, std::optional<Elements> sizes) {
        cases.push_back({std::move(label), op, {image, std::move(scales), std::move(sizes)}, {}});
    };
    const std::array coordinates{
        std::pair{"half pixel", op::ResizeCoordinates::HalfPixel},
        std::pair{"half pixel of PyTorch", op::ResizeCoordinates::PytorchHalfPixel},
        std::pair{"aligned corners", op::ResizeCoordinates::AlignCorners},
        std::pair{"asymmetric", op::ResizeCoordinates::Asymmetric}};
    const std::array modes{std::pair{"nearest", op::ResizeMode::Nearest},
                           std::pair{"linear", op::ResizeMode::Linear},
                           std::pair{"cubic", op::ResizeMode::Cubic}};
    for (const auto& [modeName, mode] : modes)
        for (const auto& [name, how] : coordinates) {
            op::Resize op;
            op.mode = mode;
            op.coordinates = how;
            add(concat(modeName, ", ", name, ", scales up"), op, x, floatElements({1, 1, 2, 2.5}),
                std::nullopt);
            add(concat(modeName, ", ", name, ", scales down"), op, x,
                floatElements({1, 1, 0.75, 0.5}), std::nullopt);
            add(concat(modeName, ", ", name, ", sizes"), op, x, std::nullopt,
                integerElements({1, 2, 1, 9}));
            op.excludesOutside = true;
            if (mode == op::ResizeMode::Cubic)
                add(concat(name, ", without what lies outside"), op, x, std::nullopt,
                    integerElements({1, 2, 8, 3}));
        }
    for (const auto& [name, nearest] :
         {std::pair{"prefers ceil", op::ResizeNearest::RoundPreferCeil},
          std::pair{"floor", op::ResizeNearest::Floor}, std::pair{"ceil", op::ResizeNearest::Ceil}})
        for (const double scale : {2.0, 0.5, 1.75}) {
            op::Resize op;
            op.nearest = nearest;
            add(concat("nearest, ", name, ", ", scale), op, x, floatElements({1, 1, scale, scale}),
                std::nullopt);
        }
    op::Resize op;
    op.mode = op::ResizeMode::Linear;
    op.axes = {-1, 1};
    add("axes", op, x, std::nullopt, integerElements({7, 3}));
    op.axes = {};
    add("lines", op, randomElements({2, 3, 6}, "line"), floatElements({1, 1, 2}), std::nullopt);
    add("nothing", op, x, floatElements({1, 1, 1, 1}), std::nullopt);
    add("batch and channels too", op, x, std::nullopt, integerElements({2, 3, 5, 4}));
    op.mode = op::ResizeMode::Cubic;
    op.cubicA = -0.5F;
    add("cubic, another slope", op, x, floatElements({1, 1, 1.5, 1.5}), std::nullopt);
    op.mode = op::ResizeMode::Linear;
    add("large", op, randomElements({1, 5, 40, 50}, "x"), floatElements({1, 1, 2, 2}),
        std::nullopt);
    cases.back().smooth = false;
    return cases;
}

// ---- padding and blocks -------------------------------------------------------------------------

std::vector<Elements> pad(const OperatorCase& test)
{
    const auto mode = std::get<op::Pad>(test.op).mode;
    const Elements& x = *test.inputs[0];
    const auto& pads = test.inputs[1]->at;
    const double constant = test.inputs.size() > 2 && test.inputs[2] ? test.inputs[2]->at.at(0) : 0;
    const std::size_t rank = x.shape.size();
    std::vector<std::int64_t> begins(rank);
    std::vector<std::int64_t> ends(rank);
    for (std::size_t i = 0; i < pads.size() / 2; ++i) {
        std::size_t axis = i;
        if (test.inputs.size() > 3 && test.inputs[3]) {
            const double given = test.inputs[3]->at[i];
            axis = static_cast<std::size_t>(given < 0 ? given + static_cast<double>(rank) : given);
        }
        begins[axis] = static_cast<std::int64_t>(pads[i]);
        ends[axis] = static_cast<std::int64_t>(pads[pads.size() / 2 + i]);
    }
    Shape shape = x.shape;
    for (std::size_t axis = 0; axis < rank; ++axis)
        shape[axis] += begins[axis] + ends[axis];
    const auto value = [&](const Index& index) {
        Index source(rank);
        for (std::size_t axis = 0; axis < rank; ++axis) {
            // Of what cutting leaves: low … high − 1.
            const std::int64_t low = std::max<std::int64_t>(0, -begins[axis]);
            const std::int64_t high = x.shape[axis] - std::max<std::int64_t>(0, -ends[axis]);
            std::int64_t at = index[axis] - begins[axis];
            while (at < low || at >= high)
                switch (mode) {
                case op::PadMode::Constant:
                    return constant;
                case op::PadMode::Edge:
                    at = at < low ? low : high - 1;
                    break;
                case op::PadMode::Wrap:
                    at += at < low ? high - low : low - high;
                    break;
                case op::PadMode::Reflect:
                    at = high - low == 1 ? low : (at < low ? 2 * low - at : 2 * (high - 1) - at);
                    break;
                }
            source[axis] = at;
        }
        return x.at[placeOf(source, x.shape)];
    };
    return {filled(shape, x.dtype, value)};
}

std::vector<OperatorCase> padCases()
{
    std::vector<OperatorCase> cases;
    const Elements x = randomElements({2, 2, 4, 5}, "x");
    for (const auto& [name, mode] :
         {std::pair{"constant", op::PadMode::Constant}, std::pair{"reflect", op::PadMode::Reflect},
          std::pair{"edge", op::PadMode::Edge}, std::pair{"wrap", op::PadMode::Wrap}}) {
        const op::Pad op{mode};
        const auto add = [&](std::string label, std::vector<std::optional<Elements>> inputs) {
            cases.push_back({concat(name, ", ", std::move(label)), op, std::move(inputs), {}});
        };
        add("image", {x, integerElements({0, 0, 1, 2, 0, 0, 3, 1})});
        add("last axis", {x, integerElements({0, 0, 0, 3, 0, 0, 0, 4})});
        add("all axes", {x, integerElements({1, 1, 1, 0, 1, 0, 2, 2})});
        add("cuts", {x, integerElements({0, 0, -1, 2, 0, 0, 2, -2})});
        add("cuts only", {x, integerElements({-1, 0, -2, 0, 0, -1, 0, -3})});
        add("several times round", {x, integerElements({0, 0, 9, 0, 0, 0, 0, 11})});
        add("nothing", {x, integerElements({0, 0, 0, 0, 0, 0, 0, 0})});
        add("axes", {x, integerElements({1, 2, 0, 1}), std::nullopt, integerElements({-1, 2})});
        add("integers",
            {integerElements({2, 3}, {1, 2, 3, 4, 5, 6}), integerElements({1, 0, 0, 2})});
        add("booleans", {boolElements({3, 4}, "flags"), integerElements({0, 1, 1, 1})});
        add("one element", {randomElements({1, 1}, "one"), integerElements({0, 2, 0, 1})});
    }
    const op::Pad op{op::PadMode::Constant};
    cases.push_back({"value",
                     op,
                     {x, integerElements({0, 0, 1, 0, 0, 0, 0, 2}), randomElements({}, "value")},
                     {}});
    cases.back().smooth = false; // no gradient leads to a value
    cases.push_back(
        {"value of one axis",
         op,
         {integerElements({3}, {1, 2, 3}), integerElements({2, 1}), integerElements({7})},
         {}});
    return cases;
}

/// Pixel (c, y, x) of the wide image is pixel (d, y / b, x / b) of the deep one.
std::int64_t deepChannel(std::int64_t depth, std::int64_t b, bool columnRowDepth, const Index& at)
{
    const std::int64_t i = at[2] % b;
    const std::int64_t j = at[3] % b;
    return columnRowDepth ? at[1] * b * b + i * b + j : i * b * depth + j * depth + at[1];
}

std::vector<Elements> depthToSpace(const OperatorCase& test)
{
    const auto& op = std::get<op::DepthToSpace>(test.op);
    const Elements& x = *test.inputs[0];
    const std::int64_t b = op.blockSize;
    const std::int64_t depth = x.shape[1] / (b * b);
    const Shape wide{x.shape[0], depth, x.shape[2] * b, x.shape[3] * b};
    return {filled(wide, x.dtype, [&](const Index& at) {
        return x.at[placeOf(
            {at[0], deepChannel(depth, b, op.columnRowDepth, at), at[2] / b, at[3] / b}, x.shape)];
    })};
}

std::vector<Elements> spaceToDepth(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const std::int64_t b = std::get<op::SpaceToDepth>(test.op).blockSize;
    Elements y{{x.shape[0], x.shape[1] * b * b, x.shape[2] / b, x.shape[3] / b}, {}, x.dtype};
    y.at.resize(x.at.size());
    Index at(4);
    std::size_t i = 0;
    do
        y.at[placeOf({at[0], deepChannel(x.shape[1], b, false, at), at[2] / b, at[3] / b},
                     y.shape)] = x.at[i++];
    while (advance(at, x.shape));
    return {y};
}

} // namespace

void addImageOracles(OracleTable& table)
{
    table["MaximumPool"] = {evaluatePool, poolCases(op::PoolKind::Maximum)};
    table["AveragePool"] = {evaluatePool, poolCases(op::PoolKind::Average)};
    for (const op::PoolKind kind : {op::PoolKind::Maximum, op::PoolKind::Average}) {
        const op::GlobalPool op{kind};
        OperatorOracle& oracle = table[std::string(operatorName(op))];
        oracle.evaluate = globalPool;
        oracle.cases = {{"image", op, {distinctElements({2, 3, 5, 7}, "x")}, {}},
                        {"line", op, {distinctElements({2, 3, 4}, "x")}, {}},
                        {"volume", op, {distinctElements({1, 2, 3, 2, 5}, "x")}, {}},
                        {"no pixels but one", op, {distinctElements({4, 2}, "x")}, {}},
                        {"large", op, {randomElements({2, 3, 70, 50}, "x")}, {}}};
        oracle.cases.back().smooth = false;
    }
    table["Resize"] = {resize, resizeCases()};
    table["Pad"] = {pad, padCases()};
    OperatorOracle& wide = table["DepthToSpace"];
    wide.evaluate = depthToSpace;
    for (const bool columnRowDepth : {false, true}) {
        const std::string mode = columnRowDepth ? "CRD" : "DCR";
        wide.cases.push_back({mode + ", floats",
                              op::DepthToSpace{2, columnRowDepth},
                              {randomElements({2, 8, 3, 4}, "x")},
                              {}});
        wide.cases.push_back({mode + ", booleans",
                              op::DepthToSpace{3, columnRowDepth},
                              {boolElements({1, 9, 2, 1}, "x")},
                              {}});
    }
    wide.cases.push_back(
        {"blocks of one", op::DepthToSpace{1, false}, {randomElements({1, 2, 3, 4}, "x")}, {}});
    table["SpaceToDepth"] = {
        spaceToDepth,
        {{"floats", op::SpaceToDepth{2}, {randomElements({2, 3, 4, 6}, "x")}, {}},
         {"integers", op::SpaceToDepth{2}, {integerElements({1, 1, 2, 2}, {1, 2, 3, 4})}, {}}}};
}

} // namespace gradus::test
