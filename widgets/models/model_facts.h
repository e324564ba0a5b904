// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <QString>

namespace gradus {

/// What a model is fed with, as far as the window asks for it.
enum class FeedKind
{
    Text,   ///< a language model: windows of a text
    Tokens, ///< another model that reads tokens: a text, a line per sample when labelled
    Images,
    Arrays, ///< anything else
};
/// Of a model that cannot run, what it would be fed as far as that is known.
[[nodiscard]] FeedKind feedKindOf(const Model& model);

/// What calibration data is called for such a model: "calibration text", "calibration images", …
[[nodiscard]] QString calibrationDataTitle(FeedKind kind);

/// "batch × 3 × 224 × 224".
[[nodiscard]] QString portShapeText(const Shape& shape);

/// What the model is, a line each: task, inputs, outputs, blocks, layers, why it cannot run.
[[nodiscard]] QString modelFactsText(const Model& model);

/// "image classification", "language model", …
[[nodiscard]] QString modelTaskTitle(const Model& model);

} // namespace gradus
