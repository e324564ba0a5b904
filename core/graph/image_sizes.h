// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/convolution_planes.h"
#include "core/graph/evaluation.h"

#include <cstdint>
#include <utility>

namespace gradus {

/// Elements of one activation at most (16 GiB of floats): a file that asks for more is refused
/// before anything is allocated.
inline constexpr std::int64_t maximumActivation = std::int64_t(1) << 32;

struct ImageSize
{
    std::int64_t images = 0;
    std::int64_t channels = 0;
    std::int64_t height = 1;
    std::int64_t width = 0;

    [[nodiscard]] std::int64_t pixels() const { return height * width; }
};

/// batch × channels × height × width, without the height for lines. Throws Error(Shape) for another
/// number of axes and for images without pixels.
[[nodiscard]] ImageSize imageSize(const Shape& shape, bool isLine);
[[nodiscard]] Shape shapeOf(const ImageSize& size, bool isLine);
/// Throws Error(Unsupported) when a result of this shape would be too large.
void requireActivation(const Shape& shape);

/// The sizes of an operator's call on x. They throw Error(Shape | Unsupported) saying what does not
/// fit.
[[nodiscard]] kernel::ConvolutionSize sizeOf(const op::Convolution& convolution, const Shape& x,
                                             std::int64_t outChannels);
/// Of the convolution whose transpose it is: its outputs are the operator's inputs.
[[nodiscard]] kernel::ConvolutionSize sizeOf(const op::ConvolutionTranspose& convolution,
                                             const Shape& x);
/// channels and outChannels are x's.
[[nodiscard]] kernel::ConvolutionSize sizeOf(const op::Pool& pool, const Shape& x);

/// The float elements of input i.
[[nodiscard]] std::span<const float> floatsOf(const Evaluation& e, std::size_t i);

/// Runs work; its errors say which node they are of.
template <class Work>
auto ofNode(const Evaluation& e, const Work& work)
{
    try {
        return work();
    } catch (const Error& error) {
        throw e.failure(error.code(), error.what());
    }
}

} // namespace gradus
