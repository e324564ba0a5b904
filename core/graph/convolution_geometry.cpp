// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/convolution_geometry.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <string_view>

namespace gradus {

namespace {

/// Of a kernel, stride, dilation or padding: sums and products of them fit into 64 bits.
constexpr std::int64_t largest = std::int64_t(1) << 30;

} // namespace

std::array<std::int64_t, 2> ConvolutionGeometry::output(std::int64_t height,
                                                        std::int64_t width) const
{
    const std::array<std::int64_t, 2> size{height, width};
    std::array<std::int64_t, 2> out{};
    for (std::size_t i = 0; i < 2; ++i) {
        if (autoPad != AutoPad::Explicit) {
            out[i] = (size[i] + stride[i] - 1) / stride[i];
            continue;
        }
        const std::int64_t room =
            size[i] + padding[i] + padding[i + 2] - dilation[i] * (kernel[i] - 1) - 1;
        out[i] = room < 0 ? 0 : room / stride[i] + 1;
    }
    return out;
}

ConvolutionGeometry ConvolutionGeometry::resolved(std::int64_t height, std::int64_t width) const
{
    ConvolutionGeometry result = *this;
    result.autoPad = AutoPad::Explicit;
    if (autoPad == AutoPad::Explicit)
        return result;
    const std::array<std::int64_t, 2> size{height, width};
    const auto out = output(height, width);
    for (std::size_t i = 0; i < 2; ++i) {
        const std::int64_t total = std::max<std::int64_t>(
            0, (out[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - size[i]);
        const std::int64_t less = total / 2;
        result.padding[i] = autoPad == AutoPad::SameUpper ? less : total - less;
        result.padding[i + 2] = total - result.padding[i];
    }
    return result;
}

void ConvolutionGeometry::validate() const
{
    const auto require = [](bool good, std::string_view what, std::int64_t value,
                            std::string_view expected) {
        if (!good)
            throw Error(ErrorCode::Shape,
                        concat("convolution has ", what, ' ', value, ", expected ", expected));
    };
    const auto requireSize = [&](std::string_view what, std::int64_t value, std::int64_t least) {
        require(value >= least && value <= largest, what, value, concat(least, " to ", largest));
    };
    for (std::size_t i = 0; i < 2; ++i) {
        requireSize("kernel size", kernel[i], 1);
        requireSize("stride", stride[i], 1);
        requireSize("dilation", dilation[i], 1);
    }
    for (const std::int64_t pad : padding)
        requireSize("padding", pad, 0);
    require(channels >= 1, "input channels:", channels, "1 or more");
    require(groups >= 1 && channels % groups == 0, "groups:", groups,
            concat("a divisor of the ", channels, " input channels"));
    const auto taps = static_cast<std::uint64_t>(kernel[0] * kernel[1]);
    const auto all = checkedMultiply(taps, static_cast<std::uint64_t>(channels / groups));
    if (!all || *all > static_cast<std::uint64_t>(INT64_MAX))
        throw Error(ErrorCode::Shape, concat("convolution has a kernel of ", kernel[0], " × ",
                                             kernel[1], " over ", channels, " channels"));
}

} // namespace gradus
