// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/run.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gradus {

/// A finished layer and the recipe under which it was computed.
struct MeasuredLayer
{
    LayerResult result;
    std::shared_ptr<const Recipe> recipe;
};
/// By layer name. Kept when a run is cancelled: what has finished stays.
using Results = std::map<std::string, MeasuredLayer>;

[[nodiscard]] Results resultsOf(const Run& run);

/// Whether a run now would give a layer the very result it has, measured numbers included, and if
/// not, the first reason that holds.
///
/// CalibrationChanged and EarlierChanged concern every quantized linear layer when there is
/// calibration text, also one whose method does not look at its inputs (see needsCalibration): its
/// codes would come out the same, but its relative output error was measured on other inputs. The
/// text's path is compared, not its content.
enum class Freshness
{
    Fresh,
    ChoiceChanged,      ///< the recipe wants another scheme, method or option for it, or other
                        ///< weights before (folded batch norms, or no longer)
    CalibrationChanged, ///< other text, number or length of windows, mode or seed
    /// What the layers before it come out as has changed (sequential modes), or those that it is
    /// trained together with or shares an exponent with; or its training was cancelled.
    EarlierChanged,
};

/// One entry per layer of the model, in its order; none where there is no result.
[[nodiscard]] std::vector<std::optional<Freshness>>
freshness(const Model& model, const Recipe& recipe, const Results& results);
/// The same with the choices that resolve(recipe, model) gave.
[[nodiscard]] std::vector<std::optional<Freshness>>
freshness(const Model& model, const Recipe& recipe, const std::vector<LayerChoice>& choices,
          const Results& results);

/// What has to be computed so that all results belong to the recipe: the layers to quantize that
/// are stale or have no result. A run with these as QuantizeRequest::only and the other results as
/// `finished` equals a full run.
[[nodiscard]] std::set<std::string> staleLayers(const Model& model, const Recipe& recipe,
                                                const Results& results);

/// Where each layer's inputs come from in a full run of the recipe.
[[nodiscard]] std::vector<InputOrigin> inputOrigins(const Model& model, const Recipe& recipe,
                                                    const std::vector<LayerChoice>& choices);

} // namespace gradus
