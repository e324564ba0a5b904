// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/block_pass.h"
#include "core/session/comparison.h"
#include "core/session/samples.h"

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace gradus {

/// How far a network with a few weights replaced is from the float one on the same samples, again
/// and again for other weights. What goes into blocks is kept while memory allows, so that only
/// what comes after the change is run.
class OutputDistance
{
public:
    /// floats: of the model, looked up where nothing is replaced. Both outlive this.
    OutputDistance(const Model& model, const Weights& floats, const CalibrationSamples& samples,
                   std::uint64_t memoryBytes);

    /// The float network, once.
    void prepare(Monitor& monitor);

    /// Replaces weights, and what a measurement is about: their tensors.
    using Change = std::function<void(Weights& weights)>;
    /// Of models with class scores the KL divergence from the float network in nats per sample, or
    /// per scored token; of others Σ(z − ẑ)²/Σz² over their first output, NaN where that is 0
    /// everywhere. tensors: all that the change replaces, which are put back. Throws Error(Numeric)
    /// when outputs are not finite; it can be asked again then.
    [[nodiscard]] SampleMean measure(const std::vector<std::string>& tensors, const Change& change,
                                     Monitor& monitor);

    /// What calibration sees of a layer's inputs in the float network.
    [[nodiscard]] std::shared_ptr<const InputStatistics>
    inputsOf(const Layer& layer, bool withMagnitudes, Monitor& monitor);

private:
    /// In place of a block.
    static constexpr int fromPrelude = -1;
    [[nodiscard]] int firstBlockOf(const std::string& tensor) const;
    [[nodiscard]] int blockOf(int node) const;
    void keep(int block);
    /// The tested pass stands before that block with the weights as they are now; blocks that no
    /// change is in may have been left out.
    void goTo(int block, int changedFrom, const Monitor& monitor);
    [[nodiscard]] SampleMean compareTexts(Monitor& monitor);
    [[nodiscard]] SampleMean compareOutputs(Monitor& monitor);
    [[nodiscard]] Tensor floatLogits(std::int64_t window, std::int64_t position, std::int64_t count,
                                     const Monitor& monitor);

    const Model& m_model;
    const CalibrationSamples& m_samples;
    std::uint64_t m_memoryBytes;
    bool m_probabilities; ///< are what the network puts out, not logits
    Weights m_changed;
    std::vector<std::unique_ptr<BlockPass>> m_passes; ///< the float network's and the tested one's
    std::map<int, std::unique_ptr<SampleStore>> m_kept; ///< what goes into blocks, by block
    int m_stride = 1;                                   ///< of the blocks whose inputs are kept
    std::uint64_t m_keptBytes = 0;
    std::map<std::pair<std::int64_t, std::int64_t>, Tensor> m_logits; ///< by window and position
    std::uint64_t m_logitsLeft = 0;
    bool m_preludeChanged = false; ///< what the tested pass has of it is not the float network's
    InputKey m_lastKey;
    bool m_lastMagnitudes = false;
    std::shared_ptr<const InputStatistics> m_lastInputs;
};

} // namespace gradus
