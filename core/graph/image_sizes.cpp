// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/image_sizes.h"

#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace gradus {

namespace {

constexpr std::int64_t largestPadding = std::int64_t(1) << 30;

void requireLine(const ConvolutionGeometry& g)
{
    if (g.kernel[0] != 1 || g.stride[0] != 1 || g.padding[0] != 0 || g.padding[2] != 0)
        throw Error(ErrorCode::Shape, concat("a kernel of ", g.kernel[0], " × ", g.kernel[1],
                                             " does not move along lines, expected a height of 1"));
}

std::string kernelText(const ConvolutionGeometry& g)
{
    return concat(g.dilation[0] * (g.kernel[0] - 1) + 1, " × ",
                  g.dilation[1] * (g.kernel[1] - 1) + 1);
}

void requireOutput(const kernel::ConvolutionSize& size, bool isLine)
{
    if (size.outHeight < 1 || size.outWidth < 1)
        throw Error(ErrorCode::Shape,
                    concat("a kernel that spans ", kernelText(size.geometry),
                           " does not fit into an input of ", size.height, " × ", size.width));
    requireActivation(
        shapeOf({size.images, size.outChannels, size.outHeight, size.outWidth}, isLine));
}

} // namespace

ImageSize imageSize(const Shape& shape, bool isLine)
{
    const std::size_t axes = isLine ? 3 : 4;
    if (shape.size() != axes ||
        std::any_of(shape.begin() + 1, shape.end(), [](std::int64_t size) { return size < 1; }))
        throw Error(ErrorCode::Shape,
                    concat("input is ", shapeText(shape), ", expected batch × channels × ",
                           isLine ? "length" : "height × width"));
    return {shape[0], shape[1], isLine ? 1 : shape[2], shape.back()};
}

Shape shapeOf(const ImageSize& size, bool isLine)
{
    return isLine ? Shape{size.images, size.channels, size.width}
                  : Shape{size.images, size.channels, size.height, size.width};
}

void requireActivation(const Shape& shape)
{
    double count = 1; // the product itself may not fit into 64 bits
    for (const std::int64_t size : shape)
        count *= static_cast<double>(size);
    if (count > static_cast<double>(maximumActivation))
        throw Error(ErrorCode::Unsupported,
                    concat("its result would be ", shapeText(shape), ", expected at most ",
                           maximumActivation, " elements"));
}

kernel::ConvolutionSize sizeOf(const op::Convolution& convolution, const Shape& x,
                               std::int64_t outChannels)
{
    const ConvolutionGeometry& g = convolution.geometry;
    const ImageSize image = imageSize(x, convolution.isLine);
    g.validate();
    if (convolution.isLine)
        requireLine(g);
    if (image.channels != g.channels)
        throw Error(ErrorCode::Shape,
                    concat("input is ", shapeText(x), ", expected ", g.channels, " channels"));
    if (outChannels < 1 || outChannels % g.groups != 0)
        throw Error(ErrorCode::Shape, concat("has ", outChannels,
                                             " output channels, expected a "
                                             "multiple of its ",
                                             g.groups, " groups"));
    kernel::ConvolutionSize size{g.resolved(image.height, image.width),
                                 outChannels,
                                 image.images,
                                 image.height,
                                 image.width,
                                 0,
                                 0};
    const auto out = g.output(image.height, image.width);
    size.outHeight = out[0];
    size.outWidth = out[1];
    requireOutput(size, convolution.isLine);
    return size;
}

kernel::ConvolutionSize sizeOf(const op::ConvolutionTranspose& convolution, const Shape& x)
{
    const ImageSize image = imageSize(x, convolution.isLine);
    ConvolutionGeometry g = convolution.geometry;
    g.validate();
    if (convolution.isLine)
        requireLine(g);
    if (image.channels != g.channels)
        throw Error(ErrorCode::Shape,
                    concat("input is ", shapeText(x), ", expected ", g.channels, " channels"));
    if (convolution.outChannels < 1 || convolution.outChannels % g.groups != 0)
        throw Error(ErrorCode::Shape,
                    concat("has ", convolution.outChannels,
                           " output channels, expected a multiple of its ", g.groups, " groups"));
    // The convolution's inputs are this operator's outputs.
    const std::array<std::int64_t, 2> in{image.height, image.width};
    std::array<std::int64_t, 2> out{};
    for (std::size_t i = 0; i < 2; ++i) {
        const std::int64_t added = convolution.outputPadding[i];
        if (added < 0 || added > largestPadding)
            throw Error(ErrorCode::Shape,
                        concat("has output padding ", added, ", expected 0 to ", largestPadding));
        const std::int64_t whole =
            g.stride[i] * (in[i] - 1) + added + g.dilation[i] * (g.kernel[i] - 1) + 1;
        if (g.autoPad == AutoPad::Explicit) {
            out[i] = whole - g.padding[i] - g.padding[i + 2];
            continue;
        }
        // ONNX ConvTranspose: auto_pad makes in · stride outputs.
        out[i] = g.stride[i] * in[i];
        const std::int64_t cut = std::max<std::int64_t>(0, whole - out[i]);
        g.padding[i] = g.autoPad == AutoPad::SameUpper ? cut / 2 : cut - cut / 2;
        g.padding[i + 2] = cut - g.padding[i];
    }
    g.autoPad = AutoPad::Explicit;
    g.channels = convolution.outChannels;
    if (out[0] < 1 || out[1] < 1)
        throw Error(ErrorCode::Shape, concat("cuts all of its result off: ", out[0], " × ", out[1],
                                             " pixels are left"));
    requireActivation(
        shapeOf({image.images, convolution.outChannels, out[0], out[1]}, convolution.isLine));
    return {g, image.channels, image.images, out[0], out[1], image.height, image.width};
}

kernel::ConvolutionSize sizeOf(const op::Pool& pool, const Shape& x)
{
    const ImageSize image = imageSize(x, pool.isLine);
    ConvolutionGeometry g = pool.geometry;
    g.channels = g.groups = image.channels;
    g.validate();
    if (pool.isLine)
        requireLine(g);
    kernel::ConvolutionSize size{g.resolved(image.height, image.width),
                                 image.channels,
                                 image.images,
                                 image.height,
                                 image.width,
                                 0,
                                 0};
    auto out = g.output(image.height, image.width);
    if (pool.ceilMode && g.autoPad == AutoPad::Explicit && out[0] > 0 && out[1] > 0) {
        const std::array<std::int64_t, 2> in{image.height, image.width};
        for (std::size_t i = 0; i < 2; ++i) {
            const std::int64_t room =
                in[i] + g.padding[i] + g.padding[i + 2] - g.dilation[i] * (g.kernel[i] - 1) - 1;
            out[i] = (room + g.stride[i] - 1) / g.stride[i] + 1;
            // ONNX: a window that would begin in the padding at the end is left out.
            if ((out[i] - 1) * g.stride[i] >= in[i] + g.padding[i])
                --out[i];
        }
    }
    size.outHeight = out[0];
    size.outWidth = out[1];
    requireOutput(size, pool.isLine);
    return size;
}

std::span<const float> floatsOf(const Evaluation& e, std::size_t i)
{
    const Tensor& x = e.in(i);
    if (x.dtype() != DType::F32)
        throw e.failure(ErrorCode::Shape,
                        concat("input ", i + 1, " is ", dtypeName(x.dtype()), ", expected F32"));
    return x.floats();
}

} // namespace gradus
