// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/convolution_accumulator.h"
#include "core/data/dataset.h"
#include "core/graph/executor.h"
#include "core/session/sample_store.h"

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace gradus {

/// Samples that run through the network together: about 2048 tokens of a text, of anything else
/// about a million numbers, which take some 128 MiB. Not by the memory there is: sums of products
/// depend, in their last bits, on what runs together. one: the first input of one sample.
[[nodiscard]] std::int64_t samplesPerBatch(const Model& model, const Tensor& one);

/// Whether what follows the last block looks at each position of a text by itself, so that any of
/// them may go together. hidden: shape of the last block's output for one sample.
[[nodiscard]] bool headGoesByRow(const Model& model, const Shape& hidden);

/// What quantize, capture and evaluate share: samples on their way through a model, all of them
/// block by block, so that a block's weights are looked at once and not once per sample. The value
/// that goes from block to block is kept for all samples, what blocks read besides for each batch.
class BlockPass
{
public:
    /// Called before each batch, with the share of the call's samples that are through.
    using Progress = std::function<void(double)>;

    /// Room for so many samples of the data, which outlives the pass. Values beyond memoryBytes are
    /// spilled, and so are outputs kept aside (which are made room for when they are asked for).
    BlockPass(const Model& model, const Weights& weights, const Dataset& data, std::int64_t samples,
              std::uint64_t memoryBytes);

    /// What becomes of outputs.
    enum class Outputs
    {
        Dropped, ///< the pass is only for the observer
        Advance, ///< they replace the values that went in
        Aside,   ///< they are kept beside them, see outputs()
    };
    /// Another pass over the same samples that goes along: of each batch it is the first.
    struct Companion
    {
        BlockPass* pass; ///< null: none
        Outputs what;
        InputObserver observer;
    };
    /// From now on about these samples, at most as many as there is room for.
    void take(std::vector<std::int64_t> samples);
    /// Runs what comes before the first block.
    void runPrelude(Outputs what, const Monitor& monitor, const InputObserver& observer = {},
                    const Progress& progress = {}, const Companion& companion = {});
    /// take() and runPrelude().
    void start(std::vector<std::int64_t> samples, const Monitor& monitor,
               const Progress& progress = {});
    /// Runs a block over all samples.
    void run(int block, Outputs what, const Monitor& monitor, const InputObserver& observer = {},
             const Progress& progress = {}, const Companion& companion = {});
    [[nodiscard]] const SampleStore& hidden() const { return *m_hidden; }
    /// A copy of the values that go from block to block.
    [[nodiscard]] std::unique_ptr<SampleStore> copyHidden(std::uint64_t memoryBytes) const;
    /// Goes on from values that a pass over the same samples had, which stay as they are. What
    /// blocks read besides is this pass's own.
    void resume(const SampleStore& hidden);
    /// Of the last run that kept them aside.
    [[nodiscard]] const SampleStore& outputs() const { return *m_aside; }
    /// The outputs that were kept aside replace the values that went in.
    void advanceToOutputs() { std::swap(m_hidden, m_aside); }
    /// What blocks read besides, of these samples alone.
    [[nodiscard]] Values sidesOf(std::int64_t first, std::int64_t count,
                                 const Monitor& monitor) const;
    [[nodiscard]] bool hasSides() const;

    /// Of a language model: logits of some positions of a window.
    [[nodiscard]] Tensor logits(std::int64_t window, std::int64_t position, std::int64_t count,
                                const Monitor& monitor);
    /// The graphs' outputs of passes over the same samples, batch by batch: body(first sample,
    /// samples, outputs by pass). Of each pass one batch is held. Throws Error(Usage) when they run
    /// batches of other sizes.
    using OutputsBody = std::function<void(std::int64_t first, std::int64_t count,
                                           std::vector<std::vector<Tensor>> outputs)>;
    static void forEachOutputs(std::span<const std::unique_ptr<BlockPass>> passes,
                               const Monitor& monitor, const Progress& progress,
                               const OutputsBody& body);
    /// Runs what follows the last block over all samples, for the observer alone.
    void runHead(const Monitor& monitor, const InputObserver& observer,
                 const Progress& progress = {}, const Companion& companion = {}) const;

    [[nodiscard]] bool spilled() const { return m_hidden && m_hidden->spilled(); }
    [[nodiscard]] std::int64_t batch() const { return m_perBatch; }
    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(m_samples.size()); }

private:
    /// body(first sample, samples) batch by batch.
    void forEachBatch(const Monitor& monitor, const Progress& progress,
                      const std::function<void(std::int64_t, std::int64_t)>& body) const;
    void preludeBatch(Outputs what, std::int64_t first, std::int64_t count, const Monitor& monitor,
                      const InputObserver& observer);
    void runBatch(int block, Outputs what, std::int64_t first, std::int64_t count,
                  const Monitor& monitor, const InputObserver& observer);
    void put(std::unique_ptr<SampleStore>& store, std::int64_t first, std::int64_t count,
             const Tensor& batch) const;
    void advance(std::int64_t first, std::int64_t count, const Tensor& batch);
    void finishAdvance();
    [[nodiscard]] std::vector<Tensor> inputs(std::int64_t first, std::int64_t count) const;
    [[nodiscard]] const Values& sides(std::int64_t first) const;
    [[nodiscard]] std::vector<Tensor> finish(std::int64_t first, std::int64_t count,
                                             const Monitor& monitor,
                                             const InputObserver& observer = {}) const;
    [[nodiscard]] bool headIsByRow() const { return headGoesByRow(m_model, m_hidden->shape()); }

    const Model& m_model;
    Executor m_executor;
    const Dataset& m_data;
    std::int64_t m_room;
    std::uint64_t m_memoryBytes;
    std::vector<std::int64_t> m_samples;
    std::int64_t m_perBatch = 1;
    std::unique_ptr<SampleStore> m_hidden;
    std::unique_ptr<SampleStore> m_next; ///< while a run makes values of another shape
    std::unique_ptr<SampleStore> m_aside;
    std::vector<Values> m_sides;       ///< by batch
    std::vector<Tensor> m_lastOutputs; ///< of logits()' last batch
    std::int64_t m_lastBatch = -1;
};

/// Names the input of a layer: layers with equal ones share their statistics. Convolutions of one
/// value share them only where they look at it in the same way.
struct InputKey
{
    ValueId value = noValue;
    int convolution = -1; ///< the first node of that geometry; −1 for a linear layer

    auto operator<=>(const InputKey&) const = default;
};
/// Nothing when the layer's inputs cannot be captured: it stands in a branch, or reads no matrix.
[[nodiscard]] std::optional<InputKey> inputKey(const Model& model, const Layer& layer);
[[nodiscard]] bool canCapture(const Model& model, const Layer& layer);
/// Elements of its Hessians: d × d for each group.
[[nodiscard]] std::uint64_t hessianElements(const Model& model, const Layer& layer);

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

    /// The layer has an inputKey. withCross: the pass has a companion over the float network, which
    /// floatObserver() watches.
    void want(const Layer& layer, bool withHessian, bool withMagnitudes = false,
              bool withCross = false);
    /// Rows of the inputs themselves, of a convolution lines of its images; with withFloat those of
    /// the companion for the same samples, too. After want().
    void wantRows(const Layer& layer, bool withFloat);
    [[nodiscard]] bool empty() const { return m_feeds.empty(); }
    /// Refers to this object. Not finite inputs throw Error(Numeric) naming the layer.
    [[nodiscard]] InputObserver observer();
    /// For the companion: keeps its inputs until the batch of the pass itself comes.
    [[nodiscard]] InputObserver floatObserver();
    [[nodiscard]] bool pairs() const { return !m_paired.empty() || !m_floatRows.empty(); }
    /// The pass is over.
    void finish();
    /// Null for a layer whose input was not wanted, or never came.
    [[nodiscard]] std::shared_ptr<const InputStatistics> of(const Layer& layer) const;
    /// InputStatistics::cross, which stays here as it serves for solving only; empty where it was
    /// not wanted.
    [[nodiscard]] std::span<const double> crossOf(const Layer& layer) const;
    /// Evenly spread over all rows that came, as wantRows() asked for; no data without. They stay
    /// here.
    [[nodiscard]] ConstMatrixView rowsOf(const Layer& layer) const;
    [[nodiscard]] ConstMatrixView floatRowsOf(const Layer& layer) const;

private:
    /// Rows of one input, as many as a bounded room holds.
    struct Rows
    {
        std::optional<InputAccumulator> accumulator; ///< from the first batch on
        Tensor sample;
        void add(const Tensor& x, const Monitor& monitor);
        void finish();
    };
    using Accumulator = std::variant<InputAccumulator, ConvolutionAccumulator>;

    const Model& m_model;
    const Monitor& m_monitor;
    std::map<int, InputKey> m_feeds; ///< by node
    std::map<InputKey, Accumulator> m_accumulators;
    std::map<InputKey, Tensor> m_paired; ///< the companion's inputs in this batch
    std::map<InputKey, std::shared_ptr<const InputStatistics>> m_inputs;
    std::map<InputKey, std::vector<double>> m_crosses;
    std::map<InputKey, Rows> m_rows;
    std::map<InputKey, Rows> m_floatRows;
};

} // namespace gradus
