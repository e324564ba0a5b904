// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/convolution_planes.h"
#include "core/graph/operators.h"

#include <span>

namespace gradus::kernel {

/// Pools each plane of x (images × channels × height × width) by windows; outChannels of size are
/// its channels. Maxima see pixels only; a window without any is the lowest float. Averages divide
/// by the window's pixels, with countsPadding by its pixels and padding, but never by what lies
/// beyond both (in ceil mode); a window without any is 0.
void pool(const ConvolutionSize& size, op::PoolKind kind, bool countsPadding,
          std::span<const float> x, std::span<float> y, const Monitor& monitor);

/// The place of each maximum in the whole of x, the first of equals; −1 for a window without any
/// pixel.
void placesOfMaxima(const ConvolutionSize& size, std::span<const float> x,
                    std::span<std::int64_t> places, const Monitor& monitor);

/// Sets dx. A maximum's gradient goes to its first place in the window. x: of maxima only.
void poolBackward(const ConvolutionSize& size, op::PoolKind kind, bool countsPadding,
                  std::span<const float> x, std::span<const float> dy, std::span<float> dx,
                  const Monitor& monitor);

/// Each of so many planes to one value.
void globalPool(op::PoolKind kind, std::int64_t planes, std::int64_t pixels,
                std::span<const float> x, std::span<float> y, const Monitor& monitor);
/// Sets dx, as poolBackward() does.
void globalPoolBackward(op::PoolKind kind, std::int64_t planes, std::int64_t pixels,
                        std::span<const float> x, std::span<const float> dy, std::span<float> dx,
                        const Monitor& monitor);

} // namespace gradus::kernel
