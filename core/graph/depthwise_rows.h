// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/convolution_planes.h"
#include "core/graph/tap_product.h"

namespace gradus::kernel {

/// A channel's own kernel without a copy of its inputs: rows of the image are read where they lie,
/// padding is what a load leaves out, and a row that several outputs see is loaded once.
struct DepthwiseRows
{
    const float* image = nullptr;   ///< the channel's first pixel
    const float* weights = nullptr; ///< of the taps
    float initial = 0;
    TapFinish finish = {};
    float* out = nullptr; ///< the output channel's first pixel
    std::int64_t firstRow = 0;
    std::int64_t rows = 0; ///< of outputs
};

/// Whether this program has the kernel: 3 × 3 or 5 × 5 taps next to each other, strides of 1 or 2,
/// and vectors with masks.
[[nodiscard]] bool hasDepthwiseRows(const ConvolutionSize& size);
/// The sums of tapRow(), in the same order; nothing but the rows is written.
void depthwiseRows(const ConvolutionSize& size, const DepthwiseRows& task);

} // namespace gradus::kernel
