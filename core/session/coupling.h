// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/quant/tuning.h"
#include "core/session/recipe.h"
#include "core/session/static_groups.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace gradus {

struct LayerResult;

/// The result of a layer that is taken over, or null.
using FinishedLayer = std::function<const LayerResult*(std::size_t layer)>;

/// Which layers' results belong together: those that a block stage trains, those of the fine-tuning
/// at the end, those that share an exponent, and those whose norm is folded for all of them.
/// Indices are those of Model::layers.
class Coupling
{
public:
    /// Nothing is trained without calibration text, or when the model cannot run.
    Coupling(const Model& model, const CalibrationChoice& calibration,
             const std::vector<LayerChoice>& choices);

    /// The layers of a block that its block stage trains, in model order.
    [[nodiscard]] const std::vector<std::size_t>& trainedIn(std::size_t block) const
    {
        return m_trained[block];
    }
    [[nodiscard]] const std::vector<std::size_t>& fineTuned() const { return m_fineTuned; }
    /// Those with one exponent for all of them, which is found before the first is solved.
    [[nodiscard]] const std::vector<std::size_t>& sharing() const { return m_sharing; }
    [[nodiscard]] const StaticGroups& statics() const { return m_statics; }
    [[nodiscard]] bool trains(std::size_t layer) const { return m_isTrained[layer] != 0; }

    /// Marks what has to be computed for these layers to come out as in a full run: a training
    /// begins with what its layers were before it, which a finished result does not hold. Returns
    /// how many were added.
    std::size_t close(std::vector<char>& computed) const;
    /// Of finished results, those that belong to a folded norm which not all of its readers would
    /// have then: results of such a norm are of use together only. They are marked as computed,
    /// unless the recipe keeps them float, with all that is computed along with them.
    [[nodiscard]] std::vector<char> halfFolds(const StaticSites& sites,
                                              const std::vector<LayerChoice>& choices,
                                              const FinishedLayer& finished,
                                              std::vector<char>& computed) const;

private:
    void closeOnce(std::vector<char>& computed) const;
    void closeBlocks(std::vector<char>& computed) const;

    const Model& m_model;
    CalibrationMode m_mode;
    std::vector<char> m_isQuantized; ///< on captured inputs
    std::vector<char> m_isTrained;
    std::vector<std::vector<std::size_t>> m_trained; ///< by block
    std::vector<std::size_t> m_fineTuned;
    std::vector<std::size_t> m_sharing;
    StaticGroups m_statics;
};

/// Whether the layer's exponent is searched for together with those of others.
[[nodiscard]] bool sharesExponent(const LayerChoice& choice);
/// What of a choice has an effect on the exponent that it shares; other choices with the same
/// scheme and grid come out equal.
[[nodiscard]] LayerChoice exponentKey(const LayerChoice& choice);

/// Whether the layer's method wants the float network's inputs beside the quantized one's.
[[nodiscard]] bool isAsymmetric(const LayerChoice& choice);

/// How a method with a power grid rounds.
[[nodiscard]] PowerRounding roundingOf(const MethodOptions& method);

/// The options under which a layer takes part in its block's training, and in the fine-tuning;
/// nothing when it does not.
[[nodiscard]] std::optional<TrainingOptions> blockTrainingOf(const LayerChoice& choice);
[[nodiscard]] std::optional<TrainingOptions> fineTuningOf(const LayerChoice& choice);

} // namespace gradus
