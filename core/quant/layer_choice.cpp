// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/layer_choice.h"

#include "core/quant/static_settings.h"

namespace gradus {

bool needsCalibration(const LayerChoice& choice)
{
    return !choice.keepFloat && (needsCalibration(choice.method) || choice.activation.enabled() ||
                                 staticSettings(choice.activation, choice.method).has_value());
}

} // namespace gradus
