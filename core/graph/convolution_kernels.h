// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/convolution_planes.h"
#include "core/tensor/tensor.h"

#include <functional>
#include <limits>
#include <span>

namespace gradus::kernel {

/// The arithmetic of convolutions, float32 and bit-identical for any number of threads: every
/// element of a result is summed in one order. x and dx: images × channels × height × width, y and
/// dy: images × outChannels × outHeight × outWidth; weight: outChannels × (channels/groups · taps),
/// in the order (c, u, v).

/// Called with some consecutive pixels of a result's channel that are complete: images ×
/// outChannels are counted as one, then the first pixel and the values.
using PixelFinish =
    std::function<void(std::int64_t plane, std::int64_t pixel, std::span<float> values)>;

/// What every output channel's pixels become before they are stored: · factor + shift, unless those
/// are empty, then no less than low and no more than high.
struct ChannelFinish
{
    std::span<const float> factor;
    std::span<const float> shift;
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();

    [[nodiscard]] bool isBounded() const
    {
        return low > -std::numeric_limits<float>::infinity() ||
               high < std::numeric_limits<float>::infinity();
    }
};

/// y = weight * x + bias; bias may be empty. channels come first, then finish, if given, which sees
/// every pixel once while it is in a core's cache; called from several threads.
void convolve(const ConvolutionSize& size, ConstMatrixView weight, std::span<const float> bias,
              std::span<const float> x, std::span<float> y, const Monitor& monitor,
              const ChannelFinish& channels = {}, const PixelFinish& finish = {});

/// The transposed map: dx[input] = bias[its channel] + Σ weight · dy over the outputs that see it,
/// or dx += … with accumulate (and no bias). The gradient of x, and the transposed convolution.
void convolveTransposed(const ConvolutionSize& size, ConstMatrixView weight,
                        std::span<const float> bias, std::span<const float> dy, std::span<float> dx,
                        bool accumulate, const Monitor& monitor);

/// dweight = Σ over images and output pixels of dy · x: the gradient of the weight.
void convolutionWeightGradient(const ConvolutionSize& size, std::span<const float> x,
                               std::span<const float> dy, MatrixView dweight,
                               const Monitor& monitor);

/// sums[c] = the sum of channel c over images and pixels, in double: the gradient of the bias.
void channelSums(std::span<const float> dy, std::int64_t images, std::int64_t pixels,
                 std::span<float> sums, const Monitor& monitor);

} // namespace gradus::kernel
