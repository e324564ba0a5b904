// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

namespace gradus {

/// The exponent that a layer's weights and inputs share (reference nupes.md, section 9.3): the one
/// of least E_w/‖w‖² + E_x/‖x‖²: weights as they will be rounded, without their outliers and at
/// their best common clip when they have one, inputs likewise. Nothing when the method does not
/// search an exponent for this layer by itself, or nobody shares.
[[nodiscard]] std::optional<double> findSharedExponent(const LayerProblem& problem,
                                                       const PowerGridOptions& options,
                                                       PowerRounding rounding, Monitor& monitor);

} // namespace gradus
