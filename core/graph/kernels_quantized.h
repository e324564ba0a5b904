// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <span>

namespace gradus {

/// Where the scale of each element of a tensor stands: outer × size × inner elements with
/// outer × groups × inner scales (outer and inner are 1 for one scale or one per place on an axis).
struct ScaleLayout
{
    std::int64_t outer = 1;
    std::int64_t size = 1;
    std::int64_t inner = 1;
    std::int64_t block = 1;  ///< places along the axis that share a scale
    std::int64_t groups = 1; ///< along the axis
    bool each = false;       ///< scales differ along outer and inner too
};

/// Per tensor (a scale of one element), per axis (of one axis), per block (of as many axes);
/// nothing when the scale's shape does not fit.
[[nodiscard]] std::optional<ScaleLayout> scaleLayout(const Shape& x, const Shape& scale,
                                                     std::int64_t axis, std::int64_t blockSize);

namespace kernel {

/// clamp(round half to even(x / scale) + zero); zero may be empty; may be in place.
void quantizeLinear(const ScaleLayout& layout, const float* x, std::span<const float> scale,
                    std::span<const float> zero, float minimum, float maximum, float* out);
/// (x − zero) · scale; zero may be empty; may be in place.
void dequantizeLinear(const ScaleLayout& layout, const float* x, std::span<const float> scale,
                      std::span<const float> zero, float* out);
/// dx = dy · scale (may be dy; null for none), dscale = Σ dy · (x − zero), dzero = −Σ dy · scale;
/// sums in double. dscale and dzero may be empty; x is read for dscale only.
void dequantizeLinearBackward(const ScaleLayout& layout, const float* x,
                              std::span<const float> scale, std::span<const float> zero,
                              const float* dy, float* dx, std::span<float> dscale,
                              std::span<float> dzero);

} // namespace kernel

} // namespace gradus
