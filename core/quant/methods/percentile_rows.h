// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/common.h"

namespace gradus {

/// Round to nearest with the range of each granule between two of its percentiles: of 0.999, 0.9999
/// and 0.99999 with those opposite the pair of least squared error, the first of equal ones
/// (reference repquant.md, section 2.2). For one granule that is the whole matrix, too.
[[nodiscard]] SolveResult solvePercentileRows(const LayerProblem& problem, Monitor& monitor);

/// The grid of one granule of finite values, which are left in another order.
[[nodiscard]] UniformGrid gridByPercentile(std::vector<float>& values, const Scheme& scheme);

} // namespace gradus
