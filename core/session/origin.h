// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/session/run.h"
#include "core/session/static_groups.h"

#include <string>
#include <utility>
#include <vector>

namespace gradus {

/// Derives InputOrigin on the way through a model: the origin of a weight follows from the choice
/// made for it and, when its method looks at its inputs, from their origin. As the same derivation
/// gives the same bits, nothing that was computed has to be hashed.
class OriginTrail
{
public:
    /// choices: what the recipe asks for, of all layers; those that share an exponent depend on
    /// each other.
    OriginTrail(const Model& model, const CalibrationChoice& calibration, std::uint64_t seed,
                const std::vector<LayerChoice>& choices);

    /// Of a layer (by its place in the model) with this choice whose inputs have the origin.
    [[nodiscard]] InputOrigin of(std::size_t layer, const LayerChoice& choice,
                                 InputOrigin inputs) const;

    /// Of the inputs of the layers that come next.
    [[nodiscard]] InputOrigin next() const { return {m_calibration, m_earlier}; }
    /// In sequential mode, what follows sees this layer quantized. origin: of its own inputs.
    void pass(const Layer& layer, const LayerChoice& choice, const InputOrigin& origin);

    /// Of results that one training made of several layers: it follows from what all quantized
    /// layers that it saw came out as before it.
    struct Part
    {
        const Layer* layer = nullptr;
        LayerChoice choice;
        InputOrigin origin; ///< before the training
    };
    /// what: "block" or "fine-tuning"; earlier: of the training's own inputs.
    [[nodiscard]] InputOrigin together(std::string_view what, const std::string& earlier,
                                       const std::vector<Part>& parts);
    /// Of a training that was cancelled: equal to that of no complete run.
    [[nodiscard]] InputOrigin unfinished() const;

private:
    /// A layer as what comes after it sees it.
    [[nodiscard]] std::string seenText(const Layer& layer, const LayerChoice& choice,
                                       const InputOrigin& origin);
    const std::string& textOf(const LayerChoice& choice);

    bool m_sequential;
    std::string m_calibration;
    std::string m_earlier;
    std::string m_exponents;          ///< empty when no layers share one
    std::vector<std::string> m_norms; ///< by layer, of those with a folded norm; empty for none
    std::vector<std::pair<LayerChoice, std::string>> m_texts; ///< most layers share few choices
};

/// Layers in the order in which calibration reaches them. Those of one subset do not see each
/// other; a block is one subset unless the mode is TrueSequential, where the layers that read one
/// value are (q, k and v; o; gate and up; down), in the order of the graph.
struct CalibrationStages
{
    using Subset = std::vector<std::size_t>;
    explicit CalibrationStages(const Model& model, CalibrationMode mode = CalibrationMode::Float);
    [[nodiscard]] Subset layersOf(std::size_t block) const; ///< of all its subsets
    /// By layer: whether calibration reaches it after one of these, in another subset.
    [[nodiscard]] std::vector<char> behind(const std::vector<char>& layers) const;
    Subset embeddings;
    Subset prelude; ///< outside of any block, before the first one
    std::vector<std::vector<Subset>> blocks;
    Subset head; ///< outside of any block, behind the last one
};

} // namespace gradus
