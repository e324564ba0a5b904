// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/session/run.h"

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
    OriginTrail(const Model& model, const CalibrationChoice& calibration, std::uint64_t seed);

    /// Of the inputs of the layers that come next.
    [[nodiscard]] InputOrigin next() const { return {m_calibration, m_earlier}; }
    /// In sequential mode, what follows sees this layer quantized. origin: of its own inputs.
    void pass(const Layer& layer, const LayerChoice& choice, const InputOrigin& origin);

private:
    const std::string& textOf(const LayerChoice& choice);

    bool m_sequential;
    std::string m_calibration;
    std::string m_earlier;
    std::vector<std::pair<LayerChoice, std::string>> m_texts; ///< most layers share few choices
};

/// Layers in the order in which calibration reaches them. Those of one stage do not see each other.
struct CalibrationStages
{
    explicit CalibrationStages(const Model& model);
    std::vector<std::size_t> embeddings;
    std::vector<std::vector<std::size_t>> blocks;
    std::vector<std::size_t> head; ///< outside of any block, behind the last one
};

} // namespace gradus
