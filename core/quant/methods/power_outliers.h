// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/power_direct.h"
#include "core/quant/quantized_weight.h"

#include <cstdint>

namespace gradus {

/// The `count` weights that lose most on the grids, against being kept as floats of the scales'
/// type. Ties: the first.
[[nodiscard]] SparseWeights chooseOutliers(ConstMatrixView weight, const Scheme& scheme,
                                           const PowerGrids& grids, PowerRounding rounding,
                                           std::int64_t count, const Monitor& monitor);
/// A copy with NaN in place of the outliers.
[[nodiscard]] Tensor withoutOutliers(ConstMatrixView weight, const SparseWeights& outliers);
/// Puts the outliers' values in their places.
void restoreOutliers(const SparseWeights& outliers, MatrixView weight);

} // namespace gradus
