// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>

namespace gradus {

/// Where padding comes from (ONNX auto_pad).
enum class AutoPad
{
    Explicit,  ///< from `padding`
    SameUpper, ///< output = ceil(input / stride); an odd pixel goes to the end
    SameLower, ///< the same; an odd pixel goes to the front
};

/// A two-dimensional convolution. The first of each pair is along the height; one-dimensional ones
/// have a height of 1.
struct ConvolutionGeometry
{
    std::int64_t channels = 0; ///< of the input: C
    std::array<std::int64_t, 2> kernel{1, 1};
    std::array<std::int64_t, 2> stride{1, 1};
    std::array<std::int64_t, 2> dilation{1, 1};
    std::array<std::int64_t, 4> padding{0, 0, 0, 0}; ///< zeros: top, left, bottom, right
    std::int64_t groups = 1; ///< of channels that do not mix; C for a depthwise one
    AutoPad autoPad = AutoPad::Explicit;

    /// Inputs of one output: C/groups · kh · kw, in the order (c, kh, kw) of a flattened weight.
    [[nodiscard]] std::int64_t features() const
    {
        return channels / groups * kernel[0] * kernel[1];
    }
    /// Height and width of the output; 0 where the kernel does not fit.
    [[nodiscard]] std::array<std::int64_t, 2> output(std::int64_t height, std::int64_t width) const;
    /// The same with the padding for inputs of this size written out.
    [[nodiscard]] ConvolutionGeometry resolved(std::int64_t height, std::int64_t width) const;
    /// Throws Error(Shape) naming what is wrong.
    void validate() const;
};

} // namespace gradus
