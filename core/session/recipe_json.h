// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/recipe.h"

#include <string>
#include <string_view>

namespace gradus {

/// One layer's choice as compact JSON with every field written out, as run files and journals keep
/// it. The fields are those of a recipe's "standard".
[[nodiscard]] std::string choiceToJson(const LayerChoice& choice);
/// name stands for the text in messages; throws Error(Format).
[[nodiscard]] LayerChoice choiceFromJson(std::string_view text, const std::string& name);

} // namespace gradus
