// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/activation_store.h"
#include "core/data/calibration.h"
#include "core/graph/executor.h"

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace gradus {

/// What quantize, capture and evaluate share: windows of tokens on their way through a model, all
/// of them block by block, so that a block's weights are looked at once and not once per window.
class BlockPass
{
public:
    /// Called before each batch, with the share of the call's windows that are through.
    using Progress = std::function<void(double)>;

    /// Room for so many windows of so many tokens; hidden states beyond memoryBytes are spilled,
    /// and so are outputs kept aside (which are made room for when they are asked for).
    BlockPass(const Model& model, const Weights& weights, std::int64_t length, std::int64_t windows,
              std::uint64_t memoryBytes);

    /// Starts with the embeddings of these windows, at most as many as there is room for.
    void embed(std::span<const Token> tokens, const Monitor& monitor,
               const Progress& progress = {});
    /// What becomes of a block's outputs.
    enum class Outputs
    {
        Dropped, ///< the pass is only for the observer
        Advance, ///< they replace the hidden states
        Aside,   ///< they are kept beside the hidden states, see outputs()
    };
    /// Another pass over the same windows that goes along: of each batch it is the first.
    struct Companion
    {
        BlockPass* pass; ///< null: none
        Outputs what;
        InputObserver observer;
    };
    /// Runs a block over all windows.
    void run(int block, Outputs what, const Monitor& monitor, const InputObserver& observer = {},
             const Progress& progress = {}, const Companion& companion = {});
    [[nodiscard]] const ActivationStore& hidden() const { return *m_hidden; }
    /// Of the last run that kept them aside.
    [[nodiscard]] const ActivationStore& outputs() const { return *m_aside; }
    /// The outputs that were kept aside replace the hidden states.
    void advanceToOutputs() { std::swap(m_hidden, m_aside); }
    /// Logits of some positions of a window.
    [[nodiscard]] Tensor logits(std::int64_t window, std::int64_t position, std::int64_t count,
                                const Monitor& monitor) const;
    /// Runs what follows the last block over all windows, for the observer alone.
    void runHead(const Monitor& monitor, const InputObserver& observer,
                 const Progress& progress = {}, const Companion& companion = {}) const;

    [[nodiscard]] bool spilled() const { return m_hidden->spilled(); }

private:
    /// body(first row, windows) batch by batch.
    void forEachBatch(const Monitor& monitor, const Progress& progress,
                      const std::function<void(std::int64_t, std::int64_t)>& body) const;
    void runBatch(int block, Outputs what, std::int64_t row, std::int64_t windows,
                  const Monitor& monitor, const InputObserver& observer);

    const Model& m_model;
    Executor m_executor;
    std::int64_t m_length;
    std::int64_t m_windows = 0;
    std::int64_t m_rows;
    std::uint64_t m_memoryBytes;
    std::unique_ptr<ActivationStore> m_hidden;
    std::unique_ptr<ActivationStore> m_aside;
};

/// Gathers the statistics of layers' inputs during a pass. Layers that read one input share one
/// object: the first of their nodes feeds it.
class InputCapture
{
public:
    InputCapture(const Model& model, const Monitor& monitor)
        : m_model(model)
        , m_monitor(monitor)
    {
    }

    /// withCross: the pass has a companion over the float network, which floatObserver() watches.
    void want(const Layer& layer, bool withHessian, bool withMagnitudes = false,
              bool withCross = false);
    [[nodiscard]] bool empty() const { return m_feeds.empty(); }
    /// Refers to this object. Not finite inputs throw Error(Numeric) naming the layer.
    [[nodiscard]] InputObserver observer();
    /// For the companion: keeps its inputs until the batch of the pass itself comes.
    [[nodiscard]] InputObserver floatObserver();
    [[nodiscard]] bool pairs() const { return !m_paired.empty(); }
    /// The pass is over.
    void finish();
    /// Null for a layer whose input was not wanted.
    [[nodiscard]] std::shared_ptr<const InputStatistics> of(const Layer& layer) const;
    /// InputStatistics::cross, which stays here as it serves for solving only; empty where it was
    /// not wanted.
    [[nodiscard]] std::span<const double> crossOf(const Layer& layer) const;

private:
    const Model& m_model;
    const Monitor& m_monitor;
    std::map<int, ValueId> m_feeds; ///< by node
    std::map<ValueId, InputAccumulator> m_accumulators;
    std::map<ValueId, Tensor> m_paired; ///< the companion's inputs in this batch
    std::map<ValueId, std::shared_ptr<const InputStatistics>> m_inputs;
    std::map<ValueId, std::vector<double>> m_crosses;
};

} // namespace gradus
