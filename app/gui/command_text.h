// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/session/recipe.h"
#include "widgets/models/allocation_settings.h"

#include <QString>

namespace gradus {

/// The line for a shell that does without a window what the recipe says. A recipe that flags can
/// express becomes flags; one that needs a file names recipeFile when it holds this very recipe
/// (fileIsCurrent), else it comes along as a here-document, so that the text is always complete.
[[nodiscard]] QString quantizeCommand(const QString& model, const Recipe& recipe,
                                      const QString& recipeFile, bool fileIsCurrent);

/// The line that allocates bits as the settings say, for the recipe's standard and calibration. A
/// recipe with rules, locks or layers of its own comes along as a here-document.
[[nodiscard]] QString allocateCommand(const Model& model, const Recipe& recipe,
                                      const AllocationSettings& settings);

/// A word as a POSIX shell reads it back.
[[nodiscard]] QString shellWord(const QString& text);

} // namespace gradus
