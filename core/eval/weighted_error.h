// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <cstdint>

namespace gradus {

/// a − b of equal shapes.
[[nodiscard]] Tensor difference(ConstMatrixView a, ConstMatrixView b);

/// A layer on some rows of its inputs, before and after it was quantized.
struct LayerOnRows
{
    ConstMatrixView inputs; ///< n × in
    /// The inputs as the quantized layer sees them; no data: as they are.
    ConstMatrixView roundedInputs = {};
    ConstMatrixView weight;    ///< out × in
    ConstMatrixView quantized; ///< likewise
};

/// Σ over rows and outputs of squares · (y − ŷ)², squares: n × out. Products in float, sums in
/// double.
[[nodiscard]] double weightedSquaredError(const LayerOnRows& layer, ConstMatrixView squares,
                                          const Monitor& monitor);

} // namespace gradus
