// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/sensitivity_table.h"
#include "core/base/monitor.h"
#include "core/graph/model.h"
#include "core/session/recipe.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

struct SensitivityRequest
{
    std::shared_ptr<const Model> model;
    /// Which layers (those that it quantizes), on what data, with which seed, norms folded or not.
    /// The mode is not looked at: inputs are those of the float model.
    Recipe recipe;
    std::vector<LayerChoice> candidates;
    /// How far to go; each includes those before it, as far as the model and the data allow. Layers
    /// that the recipe locks have no divergences measured, nor pairs.
    SensitivityMetric metric = SensitivityMetric::Fisher;
    int pairs = 0; ///< how many to measure; with Divergence
    std::filesystem::path tokenizer;
    /// Where results are kept and looked up, see sensitivity_store.h; empty: nowhere.
    std::filesystem::path cache;
    bool needsCache = false; ///< else a cache that cannot be opened is noted and done without
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
};

/// The candidates of a method at some numbers of bits and group sizes (0: per channel), else as the
/// choice is: what the command line and the window offer.
[[nodiscard]] std::vector<LayerChoice> candidatesOf(const LayerChoice& base,
                                                    const std::vector<int>& bits,
                                                    const std::vector<std::int64_t>& groups);

/// Called from the calling thread whenever more is known of a layer under a candidate, in the order
/// of usefulness: weight errors of all layers first, then output errors as the calibration passes
/// the blocks, then Fisher errors, then divergences, those of the largest Fisher errors first. What
/// the cache holds comes at once.
using SensitivitySink =
    std::function<void(std::size_t row, std::size_t candidate, const Sensitivity&)>;

/// Measures. What cannot be had is noted and stays NaN: all but Weight without data or for a model
/// that cannot run, Fisher behind operators without gradients. Candidates whose inputs go to
/// uniform static grids are not possible: layers find those together. On Cancelled what was
/// measured is in the cache. Bit-identical for any number of threads, and whether it comes from the
/// cache or not. Throws Error(Usage) on invalid candidates, and when the recipe quantizes no layer.
[[nodiscard]] SensitivityTable measureSensitivity(const SensitivityRequest& request,
                                                  Monitor& monitor,
                                                  const SensitivitySink& sink = {});

/// The table as far as it is known without computing: exact bytes, and what the cache holds.
[[nodiscard]] SensitivityTable knownSensitivity(const SensitivityRequest& request,
                                                Monitor& monitor);

/// One line per layer and candidate: layer, method, bits, group, bytes, weight_error,
/// output_error, fisher, kl, kl_error, input_bits (nothing where inputs stay as they are), possible
/// ("yes" or "no"), note. Numbers with all their digits.
[[nodiscard]] std::string sensitivityCsv(const SensitivityTable& table);
/// The same as an object: "unit", "candidates" (choices as in a recipe), "layers" with the errors
/// by candidate, "pairs", "interaction". What was not measured is null.
[[nodiscard]] std::string sensitivityJson(const SensitivityTable& table);

} // namespace gradus
