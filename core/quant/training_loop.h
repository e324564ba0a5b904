// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/floating_parts.h"

#include <functional>

namespace gradus {

/// What one kind of training does with some windows.
struct TrainingSteps
{
    std::string name;
    int block = -1;
    std::int64_t windows = 0;
    /// Forward and backward over windows [first, first + count) with the masters; leaves the
    /// gradients in the parts and returns the loss.
    std::function<double(std::int64_t first, std::int64_t count)> step;
    /// The loss over all windows of the parts as they are stored.
    std::function<double()> evaluate;
};

/// Epochs of steps in the order of the windows; after each the stored form is judged and the best
/// one kept. Ends early by patience and on losses that are not finite; a stop ends it too, with the
/// best so far. See trainBlock.
[[nodiscard]] TuningResult runTraining(FloatingParts& parts, const TrainingSteps& steps,
                                       const TrainingOptions& options, Monitor& monitor,
                                       const TrainingSink& sink);

} // namespace gradus
