// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/graph/attention_kernel.h"
#include "core/graph/convolution_kernels.h"
#include "core/graph/evaluation.h"
#include "core/graph/image_sizes.h"
#include "core/graph/transposed_weight.h"

#include <memory>

namespace gradus {

namespace {

/// A bias with one value for each output channel; null for none.
std::shared_ptr<const Tensor> biasOf(const Evaluation& e, const std::string& name,
                                     std::int64_t channels)
{
    if (name.empty())
        return nullptr;
    auto bias = e.weights().get(name);
    if (bias->count() != channels)
        throw e.failure(ErrorCode::Shape, concat(name, " is ", shapeText(bias->shape()),
                                                 ", expected ", channels, " elements"));
    return bias;
}

std::span<const float> valuesOf(const std::shared_ptr<const Tensor>& bias)
{
    return bias ? bias->floats() : std::span<const float>();
}

} // namespace

Tensor evaluate(const op::Convolution& convolution, Evaluation& e)
{
    const auto weight = e.weights().matrix(convolution.weight);
    const ConstMatrixView rows = weight->matrix();
    auto x = floatsOf(e, 0);
    const kernel::ConvolutionSize size =
        ofNode(e, [&] { return sizeOf(convolution, e.in(0).shape(), rows.rows); });
    if (rows.cols != size.geometry.features())
        throw e.failure(ErrorCode::Shape, concat(convolution.weight, " has ", rows.cols,
                                                 " values for each output channel, expected ",
                                                 size.geometry.features()));
    const auto bias = biasOf(e, convolution.bias, size.outChannels);
    e.observe();
    Tensor rounded; // before padding, whose zeros stay
    if (const auto rounding = e.weights().inputRounding(convolution.weight)) {
        rounded = e.in(0).clone();
        rounding->apply(rounded);
        x = rounded.floats();
    }
    Tensor result = e.make(shapeOf({size.images, size.outChannels, size.outHeight, size.outWidth},
                                   convolution.isLine));
    Epilogue epilogue = e.followers(result.shape(), true);
    const ChannelScale scale = epilogue.takeScale();
    kernel::PixelFinish finish;
    if (!epilogue.empty())
        finish = [&](std::int64_t plane, std::int64_t pixel, std::span<float> values) {
            epilogue.apply(plane % size.outChannels, plane * size.outPixels() + pixel, values);
        };
    kernel::convolve(size, rows, valuesOf(bias), x, result.floats(), e.monitor(),
                     {scale.factor, scale.shift, scale.low, scale.high}, finish);
    return result;
}

Tensor evaluate(const op::ConvolutionTranspose& convolution, Evaluation& e)
{
    const auto weight = transposedWeight(convolution, e.weights());
    const auto x = floatsOf(e, 0);
    const kernel::ConvolutionSize size =
        ofNode(e, [&] { return sizeOf(convolution, e.in(0).shape()); });
    const std::int64_t features = size.geometry.features();
    if (weight->count() / features != size.outChannels || weight->count() % features != 0)
        throw e.failure(ErrorCode::Shape,
                        concat(convolution.weight, " is ", shapeText(weight->shape()),
                               ", expected ", size.outChannels, " × ", features, " elements"));
    const auto bias = biasOf(e, convolution.bias, convolution.outChannels);
    Tensor result = e.make(shapeOf({size.images, size.geometry.channels, size.height, size.width},
                                   convolution.isLine));
    kernel::convolveTransposed(size, {weight->floats().data(), size.outChannels, features},
                               valuesOf(bias), x, result.floats(), false, e.monitor());
    return result;
}

} // namespace gradus
