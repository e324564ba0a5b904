// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/activation_choice.h"
#include "core/quant/activation_grid.h"
#include "core/quant/options.h"
#include "core/quant/scheme.h"

namespace gradus {

/// What is done to one layer: a method on a scheme, or nothing ("keep float").
struct LayerChoice
{
    bool keepFloat = false;
    Scheme scheme;
    MethodOptions method = RtnOptions{};
    ActivationChoice activation = {}; ///< of the layer's inputs
    bool operator==(const LayerChoice&) const = default;
};
/// Whether what is made of the layer depends on calibration inputs: its method's result, or the
/// grid of its inputs.
[[nodiscard]] bool needsCalibration(const LayerChoice& choice);

} // namespace gradus
