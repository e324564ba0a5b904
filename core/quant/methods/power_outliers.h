// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/power_fit.h"
#include "core/quant/quantized_weight.h"

#include <cstdint>
#include <optional>

namespace gradus {

/// Which `count` weights of a problem (that has none yet) are best kept as floats of the scales'
/// type. limits: of the user, as Scheme::clip. Three ways are tried, and what leaves the others the
/// least error is kept: the weights that lose most on grids whose common clip suits most weights;
/// those that widen the range of their granules most; and with the grids of the rest, once more
/// those that lose most.
[[nodiscard]] SparseWeights findOutliers(const PowerFitProblem& problem,
                                         const std::optional<ClipLimits>& limits,
                                         std::int64_t count, const Monitor& monitor);
/// A copy with NaN in place of the outliers.
[[nodiscard]] Tensor withoutOutliers(ConstMatrixView weight, const SparseWeights& outliers);
/// Puts the outliers' values in their places.
void restoreOutliers(const SparseWeights& outliers, MatrixView weight);

} // namespace gradus
