// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/calibration.h"
#include "core/eval/metrics.h"
#include "core/graph/model.h"
#include "core/session/run.h"

#include <memory>
#include <optional>
#include <span>

namespace gradus {

/// Adds a sentence to what the result says of itself.
void addNote(LayerResult& result, const std::string& sentence);

/// One layer under one choice, which does not keep it float.
struct LayerTask
{
    const Layer* layer = nullptr;
    LayerChoice choice;
    ConstMatrixView weight; ///< finite
    /// Null when there are none: a method that cannot do without gives way to one that can, which
    /// the result notes.
    std::shared_ptr<const InputStatistics> inputs = {};
    std::span<const double> cross = {}; ///< as LayerProblem has it
    std::uint64_t seed = 0;
    std::optional<double> modelExponent = std::nullopt; ///< for choices that share one
};
struct SolvedLayer
{
    LayerResult result; ///< without origin and seconds
    WeightError error;
};
/// What quantize makes of a layer by itself, measured: weight and power grids of its inputs.
[[nodiscard]] SolvedLayer solveLayer(const LayerTask& task, const Monitor& monitor);

/// The result's errors against the float weight, and with a Hessian at the layer's outputs. Where a
/// norm was folded the weight is judged by what the norm made of it.
WeightError measureLayer(LayerResult& result, ConstMatrixView weight,
                         const InputStatistics* inputs);

} // namespace gradus
