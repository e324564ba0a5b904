// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>

namespace gradus::kernel {

/// Row by row: y = (x − mean) / sqrt(variance + epsilon) · weight + bias. weight and bias may be
/// empty; out may be in place.
void layerNorm(ConstMatrixView x, std::span<const float> weight, std::span<const float> bias,
               float epsilon, MatrixView out);
/// With x̂ = (x − mean) · f and g = weight · dy:
///   dx = f · (g − mean(g) − x̂ · mean(g · x̂)),   dweight = Σ dy · x̂,   dbias = Σ dy.
/// dx, dweight and dbias may be empty; dx may be dy.
void layerNormBackward(ConstMatrixView x, std::span<const float> weight, float epsilon,
                       ConstMatrixView dy, MatrixView dx, std::span<float> dweight,
                       std::span<float> dbias);

/// Of images: batch × channels × inner.
struct ChannelView
{
    std::int64_t batch = 0;
    std::int64_t channels = 0;
    std::int64_t inner = 0;
};
/// out = x · factor[c] + shift[c]; shift may be empty; may be in place.
void scaleChannels(const ChannelView& view, const float* x, std::span<const float> factor,
                   std::span<const float> shift, float* out);
/// dfactor[c] = Σ dy · (x − center[c]), dshift[c] = Σ dy; over the batch in double.
void channelSums(const ChannelView& view, const float* x, std::span<const float> center,
                 const float* dy, std::span<float> dfactor, std::span<float> dshift);

/// Every channel of every image by its own mean and variance; as layerNorm, with one weight and
/// bias for each channel.
void instanceNorm(const ChannelView& view, const float* x, std::span<const float> weight,
                  std::span<const float> bias, float epsilon, float* out);
/// dx may be null or dy; dweight and dbias may be empty.
void instanceNormBackward(const ChannelView& view, const float* x, std::span<const float> weight,
                          float epsilon, const float* dy, float* dx, std::span<float> dweight,
                          std::span<float> dbias);

/// Over the middle of outer × size × inner; may be in place.
void softmax(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
             bool logarithm, float* out);
/// dx = y · (dy − Σ y · dy), of the logarithm dy − exp(y) · Σ dy; dx may be dy.
void softmaxBackward(const float* y, const float* dy, std::int64_t outer, std::int64_t size,
                     std::int64_t inner, bool logarithm, float* dx);

} // namespace gradus::kernel
