// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/calibration.h"
#include "core/graph/model.h"
#include "core/session/recipe.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

namespace gradus {

/// Receives what calibration knows of a layer's inputs, from the calling thread, in layer order
/// within a block and block by block; the head's come last. Layers that read one input get the same
/// object.
using InputSink = std::function<void(const Layer&, std::shared_ptr<const InputStatistics>)>;

struct CaptureRequest
{
    std::shared_ptr<const Model> model;
    CalibrationChoice calibration;   ///< the mode is not looked at: the model stays float
    std::uint64_t seed = 0;          ///< picks the windows, as a recipe's does
    std::filesystem::path tokenizer; ///< overrides the model's
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
};

/// Runs the float model once over the calibration windows and hands over the statistics of every
/// linear layer's inputs as each block finishes: those that quantize captures in
/// CalibrationMode::Float. A receiver keeps what it gets, so all Hessians together take at most
/// half of memoryBytes: the smallest are captured first (then in the order of the model), the
/// others are left out, which a note says; their ranges and second moments are there all the same.
/// Throws Error(Usage) without calibration text, Error(Unsupported) when the model cannot run.
void captureInputs(const CaptureRequest& request, Monitor& monitor, const InputSink& sink);

} // namespace gradus
