// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX operators over images and lines of samples: batch × channels × (height ×) width.
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"

#include <algorithm>

namespace gradus {

namespace {

/// kernel_shape, strides, dilations, pads and auto_pad of one or two axes.
struct Window
{
    ConvolutionGeometry geometry;
    bool isLine = false;
};

/// Two numbers of an attribute of one or two axes; lines have a height of 1.
std::array<std::int64_t, 2> pair(OnnxCall& call, std::string_view name, std::size_t axes,
                                 std::int64_t ofHeight, std::int64_t otherwise)
{
    const std::vector<std::int64_t> given = call.integers(name);
    if (!given.empty() && given.size() != axes)
        throw call.fail("has ", given.size(), " ", name, " for ", axes, " axes");
    std::array<std::int64_t, 2> result{axes == 2 ? otherwise : ofHeight, otherwise};
    for (std::size_t i = 0; i < given.size(); ++i)
        result[2 - axes + i] = given[i];
    return result;
}

Window window(OnnxCall& call, const Shape& kernel)
{
    const std::size_t axes = kernel.size();
    if (axes != 1 && axes != 2)
        throw call.fail("is over ", axes, " axes; Gradus runs one and two");
    Window result;
    result.isLine = axes == 1;
    ConvolutionGeometry& geometry = result.geometry;
    geometry.kernel = {axes == 2 ? kernel[0] : 1, kernel.back()};
    geometry.stride = pair(call, "strides", axes, 1, 1);
    geometry.dilation = pair(call, "dilations", axes, 1, 1);
    const std::vector<std::int64_t> pads = call.integers("pads");
    const std::string automatic = call.text("auto_pad", "NOTSET");
    if (automatic == "SAME_UPPER") {
        geometry.autoPad = AutoPad::SameUpper;
    } else if (automatic == "SAME_LOWER") {
        geometry.autoPad = AutoPad::SameLower;
    } else if (automatic == "NOTSET" || automatic.empty()) {
        if (!pads.empty() && pads.size() != 2 * axes)
            throw call.fail("has ", pads.size(), " pads for ", axes, " axes");
        for (std::size_t i = 0; i < pads.size(); ++i)
            geometry.padding[axes == 2 ? i : 2 * i + 1] = pads[i];
    } else if (automatic != "VALID") {
        throw call.fail("has the unknown auto_pad ", quoted(automatic));
    }
    return result;
}

Shape kernelOf(const Shape& weight)
{
    return weight.size() > 2 ? Shape(weight.begin() + 2, weight.end()) : Shape();
}

void convolution(OnnxCall& call)
{
    const OnnxWeight* layer = call.weight(1);
    if (!call.isConstant(1))
        throw call.fail("has a weight that the graph computes while it runs");
    const auto shape = layer ? std::optional(layer->shape) : call.shapeOfConstant(1);
    if (!shape)
        throw call.fail("has a weight that is too large to be computed");
    const Window found = window(call, kernelOf(*shape));
    op::Convolution made;
    made.geometry = found.geometry;
    made.isLine = found.isLine;
    made.geometry.groups = call.integer("group", 1);
    if (made.geometry.groups < 1 || (*shape)[0] % made.geometry.groups != 0)
        throw call.fail("has ", made.geometry.groups, " groups of ", (*shape)[0], " outputs");
    made.geometry.channels = (*shape)[1] * made.geometry.groups;
    made.geometry.validate();
    if (layer)
        made.weight = layer->tensor;
    else
        made.weight = call.computed("weight", 1, 3,
                                    [](const Tensor& value) { return toFloat(value.view()); });
    if (made.weight.empty())
        throw call.fail("has a weight that cannot be computed");
    made.bias = call.parameter(2);
    call.become(std::move(made), {call.in(0)});
}

/// A transposed convolution whose output has these sizes: what is too much is cut off at both ends
/// (pads are not looked at), what is missing is added at the end.
void ofSize(OnnxCall& call, op::ConvolutionTranspose made, std::vector<std::int64_t> wanted)
{
    const std::size_t axes = made.isLine ? 1 : 2;
    if (wanted.size() == axes + 2) // with batch and channels
        wanted.erase(wanted.begin(), wanted.begin() + 2);
    if (wanted.size() != axes)
        throw call.fail("has an output_shape of ", wanted.size(), " sizes for ", axes, " axes");
    const bool upper = made.geometry.autoPad == AutoPad::SameUpper;
    made.geometry.autoPad = AutoPad::Explicit;
    made.geometry.padding = {};
    const std::int64_t channels = made.outChannels;
    const ValueId whole = call.emit(std::move(made), {call.in(0)});
    const auto binary = [&](op::BinaryKind kind, ValueId a, ValueId b) {
        return call.emit(op::Binary{kind}, {a, b});
    };
    const ValueId size = call.emit(op::ShapeOf{2, INT64_MAX}, {whole});
    const ValueId output = call.constantValue(std::move(wanted));
    const ValueId none = call.constantValue(std::vector<std::int64_t>(axes, 0));
    const ValueId excess =
        binary(op::BinaryKind::Maximum, binary(op::BinaryKind::Subtract, size, output), none);
    ValueId front = binary(op::BinaryKind::Divide, excess,
                           call.constantValue(std::vector<std::int64_t>(axes, 2)));
    if (!upper)
        front = binary(op::BinaryKind::Subtract, excess, front);
    const ValueId back =
        binary(op::BinaryKind::Add, binary(op::BinaryKind::Subtract, output, size), front);
    const ValueId others = call.constantValue(std::vector<std::int64_t>{0, 0});
    const ValueId pads = call.emit(
        op::Concat{0}, {others, binary(op::BinaryKind::Subtract, none, front), others, back});
    ValueId result = call.emit(op::Pad{}, {whole, pads});
    if (call.has(2)) {
        std::vector<std::int64_t> shape(axes + 1, 1);
        shape.front() = channels;
        const ValueId bias =
            call.emit(op::Reshape{}, {call.in(2), call.constantValue(std::move(shape))});
        result = binary(op::BinaryKind::Add, result, bias);
    }
    call.bind(0, result);
}

void convolutionTranspose(OnnxCall& call)
{
    const auto shape = call.shapeOfConstant(1);
    if (!call.isConstant(1) || !shape)
        throw call.fail("has a weight that the graph computes while it runs");
    const Window found = window(call, kernelOf(*shape));
    op::ConvolutionTranspose made;
    made.geometry = found.geometry;
    made.isLine = found.isLine;
    made.geometry.groups = call.integer("group", 1);
    made.geometry.channels = (*shape)[0];
    if (made.geometry.groups < 1 || (*shape)[0] % made.geometry.groups != 0)
        throw call.fail("has ", made.geometry.groups, " groups of ", (*shape)[0], " channels");
    made.outChannels = (*shape)[1] * made.geometry.groups;
    made.outputPadding = pair(call, "output_padding", made.isLine ? 1 : 2, 0, 0);
    made.geometry.validate();
    made.weight = call.parameter(1);
    const std::vector<std::int64_t> wanted = call.integers("output_shape");
    if (!wanted.empty())
        return ofSize(call, std::move(made), wanted);
    made.bias = call.parameter(2);
    call.become(std::move(made), {call.in(0)});
}

template <op::PoolKind kind>
void pool(OnnxCall& call)
{
    if (call.isRead(1) && call.flag("storage_order"))
        throw call.fail("should give indices in the order of columns (storage_order 1), which "
                        "Gradus does not have");
    const Window found = window(call, call.integers("kernel_shape"));
    op::Pool made;
    made.kind = kind;
    made.geometry = found.geometry;
    made.isLine = found.isLine;
    made.ceilMode = call.flag("ceil_mode");
    made.countsPadding = call.flag("count_include_pad");
    if (call.isRead(1))
        call.become(made, {call.in(0)});
    else
        call.bind(0, call.emit(made, {call.in(0)}));
}

template <op::PoolKind kind>
void globalPool(OnnxCall& call)
{
    call.become(op::GlobalPool{kind}, {call.in(0)});
}

void setMode(OnnxCall& call, op::Resize& made)
{
    const std::string mode = call.text("mode", "nearest");
    if (mode == "nearest")
        made.mode = op::ResizeMode::Nearest;
    else if (mode == "linear" || mode == "bilinear")
        made.mode = op::ResizeMode::Linear;
    else if (mode == "cubic")
        made.mode = op::ResizeMode::Cubic;
    else
        throw call.fail("has the unknown mode ", quoted(mode));
}

/// Resize before opset 11, and Upsample: corners stay where they are.
op::Resize oldResize(OnnxCall& call)
{
    op::Resize made;
    setMode(call, made);
    made.coordinates = op::ResizeCoordinates::Asymmetric;
    made.nearest = op::ResizeNearest::Floor;
    return made;
}

void upsample(OnnxCall& call)
{
    const op::Resize made = oldResize(call);
    if (call.opset() >= 9) {
        call.become(made, {call.in(0), call.inAs(1, DType::F32)});
        return;
    }
    const OnnxAttribute* scales = call.attribute("scales");
    if (!scales)
        throw call.fail("says no scales");
    Tensor tensor(Shape{static_cast<std::int64_t>(scales->reals.size())});
    std::copy(scales->reals.begin(), scales->reals.end(), tensor.floats().begin());
    call.become(made, {call.in(0), call.constantValue(std::move(tensor))});
}

void setCoordinates(OnnxCall& call, op::Resize& made)
{
    using Coordinates = op::ResizeCoordinates;
    static const std::map<std::string, Coordinates> coordinates = {
        {"half_pixel", Coordinates::HalfPixel},
        {"pytorch_half_pixel", Coordinates::PytorchHalfPixel},
        {"align_corners", Coordinates::AlignCorners},
        {"asymmetric", Coordinates::Asymmetric},
    };
    using Nearest = op::ResizeNearest;
    static const std::map<std::string, Nearest> nearest = {
        {"round_prefer_floor", Nearest::RoundPreferFloor},
        {"round_prefer_ceil", Nearest::RoundPreferCeil},
        {"floor", Nearest::Floor},
        {"ceil", Nearest::Ceil},
    };
    const auto where = coordinates.find(call.text("coordinate_transformation_mode", "half_pixel"));
    const auto which = nearest.find(call.text("nearest_mode", "round_prefer_floor"));
    if (where == coordinates.end() || which == nearest.end())
        throw call.fail("has a coordinate_transformation_mode or nearest_mode that Gradus does not"
                        " run: ",
                        quoted(call.text("coordinate_transformation_mode")), ", ",
                        quoted(call.text("nearest_mode")));
    made.coordinates = where->second;
    made.nearest = which->second;
}

/// Opset 10. Its text leaves open which pixel is the nearest; ONNX Runtime takes the one before
/// where an axis grows and the one behind where it shrinks.
void resize10(OnnxCall& call)
{
    op::Resize made = oldResize(call);
    const auto scales = call.constant(1);
    const auto shrinks = [](float scale) { return scale < 1; };
    if (made.mode != op::ResizeMode::Nearest || !scales || scales->dtype() != DType::F32 ||
        std::none_of(scales->floats().begin(), scales->floats().end(), shrinks)) {
        call.become(made, {call.in(0), call.inAs(1, DType::F32)});
        return;
    }
    Tensor larger = scales->clone();
    Tensor smaller = scales->clone();
    for (float& scale : larger.floats())
        scale = std::max(scale, 1.0F);
    for (float& scale : smaller.floats())
        scale = std::min(scale, 1.0F);
    const ValueId grown = call.emit(made, {call.in(0), call.constantValue(std::move(larger))});
    made.nearest = op::ResizeNearest::Ceil;
    call.become(made, {grown, call.constantValue(std::move(smaller))});
}

void resize(OnnxCall& call)
{
    if (call.opset() < 11)
        return resize10(call);
    op::Resize made;
    setMode(call, made);
    setCoordinates(call, made);
    made.cubicA = call.real("cubic_coeff_a", -0.75F);
    made.excludesOutside = call.flag("exclude_outside");
    made.axes = call.integers("axes");
    const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
    if (call.flag("antialias") || policy != "stretch")
        throw call.fail("antialiases or keeps the aspect ratio, which Gradus does not run");
    // Scales and sizes that are there but empty are missing.
    const auto given = [&](std::size_t i) {
        const auto shape = call.has(i) ? call.shapeOfConstant(i) : std::nullopt;
        return call.has(i) && (!shape || elementCount(*shape) > 0);
    };
    std::vector<ValueId> inputs{call.in(0), noValue};
    if (given(2) == given(3))
        throw call.fail("expects either scales or sizes");
    if (given(2))
        inputs[1] = call.inAs(2, DType::F32);
    else
        inputs.push_back(call.inAs(3, DType::I64));
    call.become(std::move(made), std::move(inputs));
}

void pad(OnnxCall& call)
{
    static const std::map<std::string, op::PadMode> modes = {
        {"constant", op::PadMode::Constant},
        {"reflect", op::PadMode::Reflect},
        {"edge", op::PadMode::Edge},
        {"wrap", op::PadMode::Wrap},
    };
    const auto mode = modes.find(call.text("mode", "constant"));
    if (mode == modes.end())
        throw call.fail("has the unknown mode ", quoted(call.text("mode")));
    const ValueId x = call.in(0);
    if (call.opset() < 11) {
        call.become(op::Pad{mode->second}, {x, call.constantValue(call.integers("pads")),
                                            call.scalarOf(call.dtype(x), call.real("value", 0))});
        return;
    }
    std::vector<ValueId> inputs{x, call.inAs(1, DType::I64)};
    if (call.inputs() > 2)
        inputs.push_back(call.has(2) ? call.inAs(2, call.dtype(x)) : noValue);
    if (call.inputs() > 3)
        inputs.push_back(call.has(3) ? call.inAs(3, DType::I64) : noValue);
    call.become(op::Pad{mode->second}, std::move(inputs));
}

} // namespace

OnnxTable onnxImages()
{
    return {
        {"Conv", convolution},
        {"ConvTranspose", convolutionTranspose},
        {"MaxPool", pool<op::PoolKind::Maximum>},
        {"AveragePool", pool<op::PoolKind::Average>},
        {"GlobalMaxPool", globalPool<op::PoolKind::Maximum>},
        {"GlobalAveragePool", globalPool<op::PoolKind::Average>},
        {"Upsample", upsample},
        {"Resize", resize},
        {"Pad", pad},
    };
}

} // namespace gradus
