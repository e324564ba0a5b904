// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

namespace gradus {

/// The exponent that a layer's weights and inputs share (reference nupes.md, section 9.3): the one
/// of least E_w/‖w‖² + E_x/‖x‖², both with nearest levels and their best clip, when they have one.
/// Nothing when the method does not search an exponent for this layer by itself, or nobody shares.
[[nodiscard]] std::optional<double>
findSharedExponent(const LayerProblem& problem, const PowerGridOptions& options, Monitor& monitor);

} // namespace gradus
