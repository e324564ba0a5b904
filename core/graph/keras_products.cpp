// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/graph/keras_call.h"
#include "core/graph/transposed_weight.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace gradus {

namespace {

constexpr std::int64_t largestSize = std::int64_t(1) << 24;

std::size_t axesOf(const KerasCall& call)
{
    return call.kind().find("1D") != std::string::npos ? 1 : 2;
}

const nlohmann::json& activationOf(const KerasCall& call)
{
    static const nlohmann::json none;
    const auto found = call.config().find("activation");
    return found == call.config().end() ? none : *found;
}

std::string biasOf(const KerasCall& call, std::int64_t channels)
{
    return call.reader().boolean("use_bias", true) ? call.weight({"bias"}, {channels})
                                                   : std::string();
}

/// One or two numbers as those of a geometry, whose lines have a height of 1.
std::array<std::int64_t, 2> pairOf(const std::vector<std::int64_t>& values)
{
    return values.size() == 1 ? std::array<std::int64_t, 2>{1, values[0]}
                              : std::array<std::int64_t, 2>{values[0], values[1]};
}

/// Stride, dilation and padding of a spatial layer over planes with that kernel.
ConvolutionGeometry geometryOf(const KerasCall& call, std::vector<std::int64_t> kernel,
                               const char* strideKey, bool dilates)
{
    const std::size_t axes = kernel.size();
    ConvolutionGeometry geometry;
    geometry.kernel = pairOf(kernel);
    // Pools step by their size unless they are told.
    const bool isPool = !dilates;
    geometry.stride = isPool && !call.reader().has(strideKey)
                          ? geometry.kernel
                          : pairOf(call.integers(strideKey, axes, 1, 1, largestSize));
    if (dilates)
        geometry.dilation = pairOf(call.integers("dilation_rate", axes, 1, 1, largestSize));
    const std::string padding = call.reader().text("padding", "valid");
    if (padding == "same")
        geometry.autoPad = AutoPad::SameUpper;
    else if (padding == "causal" && axes == 1)
        geometry.padding[1] = (geometry.kernel[1] - 1) * geometry.dilation[1];
    else if (padding != "valid")
        throw call.failure(ErrorCode::Format, concat("has the padding ", quoted(padding)));
    return geometry;
}

/// The planes that a geometry makes of planes.
KerasPlanes resultOf(const KerasCall& call, const KerasPlanes& from,
                     const ConvolutionGeometry& geometry, std::int64_t channels)
{
    const bool isLine = from.sizes.size() == 1;
    KerasPlanes result = from;
    result.channels = channels;
    const std::int64_t height = isLine ? 1 : from.sizes.front();
    const std::int64_t width = from.sizes.back();
    // What is not known is asked for as a size that fits, and not looked at.
    const auto known = [](std::int64_t size) { return size > 0 ? size : largestSize; };
    const auto sizes = geometry.output(known(height), known(width));
    for (std::size_t i = 0; i < result.sizes.size(); ++i) {
        const std::int64_t size = sizes[isLine ? 1 : i];
        if (size <= 0)
            throw call.failure(ErrorCode::Shape,
                               concat("has a kernel of ", geometry.kernel[0], " × ",
                                      geometry.kernel[1], ", which does not fit into ",
                                      shapeText(from.sizes)));
        result.sizes[i] = from.sizes[i] > 0 ? size : -1;
    }
    return result;
}

/// A convolution node whose kernel's shape begins with the spatial sizes.
KerasPlanes convolved(const KerasCall& call, const KerasPlanes& from, const std::string& kernel,
                      const std::string& bias, ConvolutionGeometry geometry, std::int64_t channels,
                      std::string_view suffix)
{
    KerasPlanes result = resultOf(call, from, geometry, channels);
    geometry.validate();
    const bool isLine = from.sizes.size() == 1;
    result.id = call.add(op::Convolution{kernel, bias, geometry, isLine}, {from.id}, suffix);
    return result;
}

std::vector<std::int64_t> spatialOf(const Shape& kernel, std::size_t axes)
{
    return {kernel.begin(), kernel.begin() + static_cast<std::ptrdiff_t>(axes)};
}

/// A weight with `axes` spatial sizes and two more.
std::string kernelOf(const KerasCall& call, std::initializer_list<std::string_view> parts,
                     std::size_t axes, const KerasPlanes& from, std::int64_t groups)
{
    Shape shape(axes, -1);
    if (call.reader().has("kernel_size"))
        shape = call.integers("kernel_size", axes, 1, 1, largestSize);
    if (from.channels > 0 && from.channels % groups != 0)
        throw call.failure(ErrorCode::Shape,
                           concat("has ", groups, " groups of ", from.channels, " channels"));
    shape.push_back(from.channels > 0 ? from.channels / groups : -1);
    shape.push_back(-1);
    std::string tensor = call.weight(parts, shape);
    if (elementCount(call.shapeOfTensor(tensor)) == 0)
        throw call.failure(ErrorCode::Shape, concat("has an empty weight ", quoted(tensor)));
    return tensor;
}

KerasValue dense(const KerasCall& call)
{
    KerasValue value = call.plainInput();
    if (value.shape.size() < 2)
        throw call.failure(ErrorCode::Shape, "has an input without features");
    const std::string kernel = call.weight({"kernel"}, {value.shape.back(), -1});
    const std::int64_t units = call.shapeOfTensor(kernel).back();
    value.id = call.add(op::Linear{kernel, biasOf(call, units)}, {value.id});
    value.shape.back() = units;
    return activated(call, value, activationOf(call));
}

KerasValue convolution(const KerasCall& call)
{
    const std::size_t axes = axesOf(call);
    const KerasPlanes from = call.planes(axes);
    const std::int64_t groups = call.reader().integer("groups", 1, largestSize, 1);
    const std::string kernel = kernelOf(call, {"kernel"}, axes, from, groups);
    const Shape& shape = call.shapeOfTensor(kernel);
    ConvolutionGeometry geometry = geometryOf(call, spatialOf(shape, axes), "strides", true);
    geometry.channels = shape[axes] * groups;
    geometry.groups = groups;
    const std::int64_t filters = shape.back();
    if (filters % groups != 0)
        throw call.failure(ErrorCode::Shape,
                           concat("has ", filters, " filters in ", groups, " groups"));
    const KerasPlanes result =
        convolved(call, from, kernel, biasOf(call, filters), geometry, filters, {});
    return activated(call, KerasCall::valueOf(result), activationOf(call));
}

/// What an axis of a transposed convolution cuts off its result, or adds to its end.
void setPadding(const KerasCall& call, op::ConvolutionTranspose& made, std::size_t axis,
                std::optional<std::int64_t> outputPadding)
{
    ConvolutionGeometry& g = made.geometry;
    const std::int64_t extent = (g.kernel[axis] - 1) * g.dilation[axis] + 1;
    const std::string padding = call.reader().text("padding", "valid");
    if (padding != "valid" && padding != "same")
        throw call.failure(ErrorCode::Format, concat("has the padding ", quoted(padding)));
    // By Keras's rules for the length of the result: (in − 1) · stride + extent − cut.
    std::int64_t cut = 0;
    if (outputPadding)
        cut = (padding == "same" ? extent / 2 * 2 : 0) - *outputPadding;
    else if (padding == "same")
        cut = extent - g.stride[axis];
    else
        cut = std::min<std::int64_t>(0, extent - g.stride[axis]);
    if (cut < 0) {
        made.outputPadding[axis] = -cut;
        return;
    }
    g.padding[axis] = cut / 2; // an odd pixel goes to the end
    g.padding[axis + 2] = cut - cut / 2;
}

KerasValue transposed(const KerasCall& call)
{
    const std::size_t axes = axesOf(call);
    const KerasPlanes from = call.planes(axes);
    Shape wanted(axes, -1);
    if (call.reader().has("kernel_size"))
        wanted = call.integers("kernel_size", axes, 1, 1, largestSize);
    wanted.insert(wanted.end(), {-1, from.channels > 0 ? from.channels : -1});
    const std::string kernel = call.weight({"kernel"}, wanted);
    const Shape& shape = call.shapeOfTensor(kernel);
    if (elementCount(shape) == 0 || call.reader().integer("groups", 1, largestSize, 1) != 1)
        throw call.failure(ErrorCode::Unsupported, "has an empty kernel, or groups");
    op::ConvolutionTranspose made;
    made.isLine = axes == 1;
    made.weight = kernel;
    made.outChannels = shape[axes];
    made.bias = biasOf(call, made.outChannels);
    made.geometry.channels = shape.back();
    made.geometry.kernel = pairOf(spatialOf(shape, axes));
    made.geometry.stride = pairOf(call.integers("strides", axes, 1, 1, largestSize));
    made.geometry.dilation = pairOf(call.integers("dilation_rate", axes, 1, 1, largestSize));
    if (elementCount(shape) > 1 && !liesKernelFirst(made, shape))
        throw call.failure(ErrorCode::Unsupported,
                           concat("has a kernel of ", shapeText(shape),
                                  ", whose axes cannot be told apart by their sizes"));
    std::vector<std::int64_t> added;
    if (call.reader().has("output_padding"))
        added = call.integers("output_padding", axes, 0, 0, largestSize);
    KerasPlanes result = from;
    result.channels = made.outChannels;
    for (std::size_t i = 0; i < axes; ++i) {
        const std::size_t axis = i + 2 - axes;
        setPadding(call, made, axis, added.empty() ? std::nullopt : std::optional(added[i]));
        const ConvolutionGeometry& g = made.geometry;
        if (from.sizes[i] > 0)
            result.sizes[i] = (from.sizes[i] - 1) * g.stride[axis] +
                              (g.kernel[axis] - 1) * g.dilation[axis] + 1 - g.padding[axis] -
                              g.padding[axis + 2] + made.outputPadding[axis];
    }
    made.geometry.validate();
    result.id = call.add(std::move(made), {from.id});
    return activated(call, KerasCall::valueOf(result), activationOf(call));
}

KerasValue depthwise(const KerasCall& call)
{
    const std::size_t axes = axesOf(call);
    const KerasPlanes from = call.planes(axes);
    const std::string kernel = kernelOf(call, {"depthwise_kernel", "kernel"}, axes, from, 1);
    const Shape& shape = call.shapeOfTensor(kernel);
    ConvolutionGeometry geometry = geometryOf(call, spatialOf(shape, axes), "strides", true);
    geometry.channels = geometry.groups = shape[axes];
    const std::int64_t channels = shape[axes] * shape.back();
    const KerasPlanes result =
        convolved(call, from, kernel, biasOf(call, channels), geometry, channels, {});
    return activated(call, KerasCall::valueOf(result), activationOf(call));
}

KerasValue separable(const KerasCall& call)
{
    const std::size_t axes = axesOf(call);
    const KerasPlanes from = call.planes(axes);
    const std::string kernel = kernelOf(call, {"depthwise_kernel"}, axes, from, 1);
    const Shape& shape = call.shapeOfTensor(kernel);
    ConvolutionGeometry geometry = geometryOf(call, spatialOf(shape, axes), "strides", true);
    geometry.channels = geometry.groups = shape[axes];
    const std::int64_t between = shape[axes] * shape.back();
    const KerasPlanes middle = convolved(call, from, kernel, {}, geometry, between, "depthwise");

    Shape pointShape(axes, 1);
    pointShape.insert(pointShape.end(), {between, -1});
    const std::string point = call.weight({"pointwise_kernel"}, pointShape);
    const std::int64_t filters = call.shapeOfTensor(point).back();
    ConvolutionGeometry one;
    one.channels = between;
    const KerasPlanes result =
        convolved(call, middle, point, biasOf(call, filters), one, filters, {});
    return activated(call, KerasCall::valueOf(result), activationOf(call));
}

KerasValue pool(const KerasCall& call)
{
    const std::size_t axes = axesOf(call);
    const KerasPlanes from = call.planes(axes);
    op::Pool pool;
    pool.kind = call.kind().starts_with("Max") ? op::PoolKind::Maximum : op::PoolKind::Average;
    pool.geometry =
        geometryOf(call, call.integers("pool_size", axes, 2, 1, largestSize), "strides", false);
    pool.isLine = axes == 1;
    KerasPlanes result = resultOf(call, from, pool.geometry, from.channels);
    result.id = call.add(pool, {from.id});
    return KerasCall::valueOf(result);
}

KerasValue globalPool(const KerasCall& call)
{
    KerasPlanes planes = call.planes(axesOf(call));
    op::GlobalPool pool;
    pool.kind =
        call.kind().starts_with("GlobalMax") ? op::PoolKind::Maximum : op::PoolKind::Average;
    planes.id = call.add(pool, {planes.id});
    std::fill(planes.sizes.begin(), planes.sizes.end(), 1);
    if (call.reader().boolean("keepdims", false))
        return KerasCall::valueOf(planes);
    KerasValue value;
    value.id = call.add(op::Flatten{1}, {planes.id}, "flatten");
    value.shape = {planes.batch, planes.channels};
    return value;
}

/// The one axis of a norm; positive.
std::size_t axisOf(const KerasCall& call, std::size_t rank)
{
    auto axis = static_cast<std::int64_t>(rank) - 1;
    if (call.reader().has("axis"))
        axis = call.integers("axis", 1, -1, -static_cast<std::int64_t>(rank),
                             static_cast<std::int64_t>(rank) - 1)[0];
    return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
}

KerasValue batchNorm(const KerasCall& call)
{
    KerasValue value = call.input();
    const std::size_t rank = value.shape.size();
    const std::size_t axis = rank < 2 ? 0 : axisOf(call, rank);
    if (axis == 0 || (axis != 1 && axis != rank - 1))
        throw call.failure(ErrorCode::Unsupported,
                           concat("works along axis ", axis, " of ", shapeText(value.shape),
                                  ", which is not that of channels"));
    const std::int64_t channels = value.shape[axis];
    if (axis == rank - 1 && rank > 2)
        value = call.graph().moved(std::move(value), call.name());
    else
        value = call.graph().plain(std::move(value), call.name());
    const std::string mean = call.weight({"moving_mean"}, {channels});
    const Shape& shape = call.shapeOfTensor(mean);
    op::BatchNorm norm;
    norm.mean = mean;
    norm.variance = call.weight({"moving_variance"}, shape);
    if (call.reader().boolean("scale", true))
        norm.weight = call.weight({"gamma"}, shape);
    if (call.reader().boolean("center", true))
        norm.bias = call.weight({"beta"}, shape);
    norm.epsilon = static_cast<float>(call.reader().real("epsilon", 1e-3));
    value.id = call.add(norm, {value.id});
    return value;
}

KerasValue layerNorm(const KerasCall& call)
{
    KerasValue value = call.plainInput();
    const std::size_t rank = value.shape.size();
    if (rank < 2 || axisOf(call, rank) != rank - 1)
        throw call.failure(ErrorCode::Unsupported, "does not work along the last axis");
    const Shape shape{value.shape.back()};
    op::LayerNorm norm;
    if (call.reader().boolean("scale", true))
        norm.weight = call.weight({"gamma"}, shape);
    if (call.reader().boolean("center", true))
        norm.bias = call.weight({"beta"}, shape);
    norm.epsilon = static_cast<float>(call.reader().real("epsilon", 1e-3));
    value.id = call.add(norm, {value.id});
    return value;
}

KerasValue embedding(const KerasCall& call)
{
    KerasValue value = call.rawInput();
    const std::string table = call.weight({"embeddings"}, {-1, -1});
    if (call.reader().boolean("mask_zero", false))
        throw call.failure(ErrorCode::Unsupported, "masks zeros, which cannot be run");
    if (!value.integers)
        value.id = call.add(op::Cast{DType::I64}, {value.id}, "cast");
    value.id = call.add(op::Embedding{table}, {value.id});
    value.integers = false;
    if (value.shape.size() >= 64)
        throw call.failure(ErrorCode::Shape, concat("has an input of ", value.shape.size(),
                                                    " axes, expected fewer than 64"));
    value.shape.push_back(call.shapeOfTensor(table).back());
    return value;
}

/// One number, or one for each channel, ready to be broadcast over a value.
ValueId numbersFor(const KerasCall& call, const KerasValue& value,
                   const std::vector<double>& numbers)
{
    const auto count = static_cast<std::int64_t>(numbers.size());
    if (count != 1 &&
        (value.shape.size() < 2 || (value.shape.back() > 0 && value.shape.back() != count)))
        throw call.failure(ErrorCode::Shape, concat("has ", count, " numbers for an input of ",
                                                    shapeText(value.shape)));
    Shape shape{count};
    if (value.moved && count != 1)
        shape.insert(shape.end(), value.shape.size() - 2, 1);
    Tensor tensor(shape);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        tensor.floats()[i] = static_cast<float>(numbers[i]);
    return call.constant(std::move(tensor));
}

KerasValue scaledBy(const KerasCall& call, KerasValue value, const std::vector<double>& scale,
                    const std::vector<double>& offset)
{
    value.id = call.add(op::Binary{op::BinaryKind::Multiply},
                        {value.id, numbersFor(call, value, scale)}, "scale");
    value.id = call.add(op::Binary{op::BinaryKind::Add},
                        {value.id, numbersFor(call, value, offset)}, "offset");
    return value;
}

KerasValue rescaling(const KerasCall& call)
{
    const auto numbers = [&](const char* key, double fallback) {
        return call.reader().has(key) ? call.reals(call.config().at(key))
                                      : std::vector<double>{fallback};
    };
    return scaledBy(call, call.input(), numbers("scale", 1), numbers("offset", 0));
}

/// (x − mean) / max(√variance, 1e-7), as numbers of the configuration or as weights.
KerasValue normalization(const KerasCall& call)
{
    const KerasValue value = call.input();
    const auto numbers = [&](const char* key) {
        if (call.reader().has(key))
            return call.reals(call.config().at(key));
        const std::string tensor = call.find({key});
        if (tensor.empty())
            throw call.failure(ErrorCode::Format, concat("has no ", key, " in the file"));
        const Tensor stored = call.graph().builder().model().source.tensors->readFloat(tensor);
        return std::vector<double>(stored.floats().begin(), stored.floats().end());
    };
    const auto axis = call.config().find("axis");
    const auto last = static_cast<std::int64_t>(value.shape.size()) - 1;
    const bool isNone = axis != call.config().end() && axis->is_null();
    if (!isNone && call.reader().has("axis") && !(axis->is_array() && axis->empty())) {
        const std::int64_t at = call.integers("axis", 1, -1, -last - 1, last)[0];
        if (at != -1 && at != last)
            throw call.failure(ErrorCode::Unsupported, "does not work along the last axis");
    }
    const bool inverts = call.reader().boolean("invert", false);
    const std::vector<double> mean = numbers("mean");
    const std::vector<double> variance = numbers("variance");
    if (mean.empty() || mean.size() != variance.size())
        throw call.failure(ErrorCode::Shape, "has means and variances of different numbers");
    std::vector<double> scale;
    std::vector<double> offset;
    for (std::size_t i = 0; i < mean.size(); ++i) {
        const double deviation = std::max(std::sqrt(std::max(variance[i], 0.0)), 1e-7);
        scale.push_back(inverts ? deviation : 1 / deviation);
        offset.push_back(inverts ? mean[i] : -mean[i] / deviation);
    }
    return scaledBy(call, value, scale, offset);
}

} // namespace

const KerasTranslators& kerasProducts()
{
    static const KerasTranslators translators{
        {"Dense", dense},
        {"Conv1D", convolution},
        {"Conv2D", convolution},
        {"Convolution1D", convolution},
        {"Convolution2D", convolution},
        {"Conv1DTranspose", transposed},
        {"Conv2DTranspose", transposed},
        {"Convolution2DTranspose", transposed},
        {"DepthwiseConv1D", depthwise},
        {"DepthwiseConv2D", depthwise},
        {"SeparableConv1D", separable},
        {"SeparableConv2D", separable},
        {"MaxPooling1D", pool},
        {"MaxPooling2D", pool},
        {"AveragePooling1D", pool},
        {"AveragePooling2D", pool},
        {"GlobalAveragePooling1D", globalPool},
        {"GlobalAveragePooling2D", globalPool},
        {"GlobalMaxPooling1D", globalPool},
        {"GlobalMaxPooling2D", globalPool},
        {"BatchNormalization", batchNorm},
        {"BatchNormalizationV1", batchNorm},
        {"LayerNormalization", layerNorm},
        {"Embedding", embedding},
        {"Rescaling", rescaling},
        {"Normalization", normalization},
    };
    return translators;
}

} // namespace gradus
