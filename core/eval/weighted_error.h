// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <cstdint>

namespace gradus {

/// A layer on some rows of its inputs, before and after it was quantized.
struct LayerOnRows
{
    ConstMatrixView inputs; ///< n × groups · in
    /// The inputs as the quantized layer sees them; no data: as they are.
    ConstMatrixView roundedInputs = {};
    ConstMatrixView weight;    ///< out × in; the rows are split evenly on the groups
    ConstMatrixView quantized; ///< likewise
    std::int64_t groups = 1;   ///< of a convolution: the inputs of each stand side by side
};

/// Σ over rows and outputs of squares · (y − ŷ)², squares: n × out. Products in float, sums in
/// double.
[[nodiscard]] double weightedSquaredError(const LayerOnRows& layer, ConstMatrixView squares,
                                          const Monitor& monitor);

} // namespace gradus
