// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/quant/layer_choice.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gradus {

/// A rule: layers whose name matches the pattern get the choice. Pattern: a regular expression
/// (PCRE2 syntax) searched in the layer's name.
struct Rule
{
    std::string pattern;
    LayerChoice choice;
    bool operator==(const Rule&) const = default;
};

enum class CalibrationMode
{
    Float,          ///< statistics of the float model, one pass
    Sequential,     ///< each block sees the outputs of the quantized blocks before it
    TrueSequential, ///< each layer sees the layers before it quantized, within its block too
};
[[nodiscard]] std::string_view calibrationModeName(CalibrationMode mode); ///< "true-sequential", …
[[nodiscard]] std::optional<CalibrationMode> calibrationModeFromName(std::string_view name);

struct CalibrationChoice
{
    std::string data; ///< a text, an array or images, as the model wants; empty for none
    std::int64_t samples = 128;
    std::int64_t context = 0; ///< tokens per window; 0: the model's, at most 2048
    CalibrationMode mode = CalibrationMode::Sequential;
    // As in DataChoice; `evaluate` takes them from the run.
    std::string labels = {};
    std::vector<float> mean = {};
    std::vector<float> deviation = {};
    std::string layout = {};
    std::map<std::string, std::string> inputs = {}; ///< not for `evaluate`: of other samples
    bool operator==(const CalibrationChoice&) const = default;
};

/// Everything the user decides. A small value; comparable; JSON. The only undoable thing.
///
/// The choice of a layer is that of overrides[name], else of the first rule whose pattern matches,
/// else `standard` for layers with quantizedByDefault, else keep float.
struct Recipe
{
    LayerChoice standard;
    std::vector<Rule> rules;
    std::map<std::string, LayerChoice> overrides; ///< by layer name
    std::set<std::string> locked; ///< layers that bulk edits and allocation leave alone
    CalibrationChoice calibration;
    std::uint64_t seed = 0;
    /// Batch norms are taken into the convolutions before them (see fold_batch_norms.h) before
    /// anything else; weights and errors are those of the folded model then.
    bool foldBatchNorms = false;

    bool operator==(const Recipe&) const = default;
};

/// JSON, indented, keys in a fixed order; equal recipes give equal text. The format is described in
/// recipe.cpp. Reading throws Error(Format) with the path of the offending key, what was found and
/// what is expected; unknown keys are errors.
[[nodiscard]] std::string toJson(const Recipe& recipe);
[[nodiscard]] Recipe recipeFromJson(std::string_view text, const std::string& name);

/// The choice for every layer of the model, in layer order. Throws Error(Usage) on a bad pattern,
/// an invalid scheme or option (naming the layer or rule), or an override for no layer.
[[nodiscard]] std::vector<LayerChoice> resolve(const Recipe& recipe, const Model& model);

} // namespace gradus
