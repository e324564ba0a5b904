// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/activation_choice.h"
#include "core/session/recipe_reader.h"

#include <nlohmann/json_fwd.hpp>

namespace gradus {

// The value of a recipe's key "activation"; the format is described in recipe.cpp.

/// standard: what a reader takes for keys that are absent; null: the defaults.
[[nodiscard]] nlohmann::ordered_json activationJson(const ActivationChoice& activation,
                                                    const ActivationChoice* standard);
/// Keys that are absent keep what the choice holds already; null takes everything back.
void readActivation(const RecipeReader& reader, ActivationChoice& activation);

} // namespace gradus
