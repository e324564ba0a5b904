// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/session/capture.h"
#include "core/session/run.h"

#include <functional>
#include <map>
#include <optional>
#include <set>

namespace gradus {

struct QuantizeRequest
{
    std::shared_ptr<const Model> model;
    Recipe recipe;
    std::filesystem::path output;    ///< run file; empty: keep the run in memory, no journal
    std::filesystem::path tokenizer; ///< overrides the model's
    bool resume = false;
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;

    /// Results that are taken over as they are instead of being computed; in sequential mode later
    /// blocks see their weights. When they are fresh (see stale.h), the run equals one that
    /// computed them. Layers that `only` names are computed all the same.
    std::map<std::string, LayerResult> finished;
    /// The layers to compute; others that are not in `finished` stay float, with a note. All when
    /// absent. Layers that are trained together are computed together, see coupledLayers; a note
    /// of the monitor says so.
    std::optional<std::set<std::string>> only;
    /// Inputs of the layers that are computed, as they are captured.
    InputSink inputSink;
    /// Watches trainings (of blocks, of the whole model), step by step, from the calling thread.
    TrainingSink trainingSink;
};

/// Called for every finished layer, from the calling thread, in the order they finish; for those of
/// a fine-tuning once more after it. Those of a training that was cancelled come, too, in its best
/// state and with an origin that makes them stale.
using LayerSink = std::function<void(const LayerResult&)>;

/// Quantizes the model: calibrates block by block where a method or the report needs it, solves
/// every layer, journals, writes the run. On Cancelled (and on any error) finished layers stay in
/// the journal and --resume continues from them, given the same `finished` and `only`. Throws
/// Error(Usage) when those name a layer that the model lacks, Error(Shape) when a taken-over weight
/// has another shape.
[[nodiscard]] std::shared_ptr<const Run> quantize(const QuantizeRequest& request, Monitor& monitor,
                                                  const LayerSink& sink = {});

/// The layers of `only` and those that a run computes along with them, as one training makes their
/// results: those of a block stage, with a fine-tuning those of all blocks; and of what is
/// finished, those whose norm was folded for a layer that no longer has it.
[[nodiscard]] std::set<std::string>
coupledLayers(const Model& model, const Recipe& recipe, const std::set<std::string>& only,
              const std::map<std::string, LayerResult>& finished = {});

/// What quantize would do, without computing: per-layer choices and exact stored sizes.
struct Plan
{
    struct Row
    {
        std::string layer;
        LayerChoice choice;
        std::uint64_t bytes = 0; ///< 0 when kept float
        double bitsPerWeight = 0;
        std::string note; ///< why a layer is kept float, a group larger than the row, …
    };
    std::vector<Row> rows;
    Totals totals;
    bool needsCalibration = false;
};
[[nodiscard]] Plan plan(const Model& model, const Recipe& recipe);

/// Bytes of everything in the file that choices keep float, in the source dtype.
[[nodiscard]] std::uint64_t floatBytes(const Model& model, const std::vector<LayerChoice>& choices);

} // namespace gradus
