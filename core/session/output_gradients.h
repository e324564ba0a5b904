// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/base/random.h"
#include "core/data/activation_store.h"
#include "core/graph/executor.h"
#include "core/graph/gradient.h"
#include "core/session/samples.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Some rows of a layer's inputs, and for each of its outputs there the mean square of dL/dy over
/// the draws of L, see OutputGradients. Of a convolution a row is what its kernel sees at one
/// output pixel, the groups side by side.
struct GradientRows
{
    ConstMatrixView inputs;  ///< rows × groups · in
    ConstMatrixView squares; ///< rows × out
    std::int64_t groups = 1;
    /// Times Σ over these rows and the outputs of squares · (y − ŷ)²: the error, of all rows that
    /// the calibration has, in SensitivityTable's unit.
    double factor = 0;
};

/// How far the loss moves with the outputs of layers: one backward pass for each batch of the
/// calibration's samples (of few samples several, with other draws), through the float network.
///
/// L is the negative log-likelihood of outcomes drawn from the model's own distribution, summed
/// over the scored positions (of a text each but the last of a window) or samples, so that
/// E[(∂L/∂y)²] is the diagonal of the Fisher matrix and half the sum of it times (y − ŷ)² the KL
/// divergence to second order. Of models without class scores L is a product of the first output
/// with random signs: E[(∂L/∂y)²] = Σ_j (∂z_j/∂y)², and its sum over (y − ŷ)² that of (z − ẑ)²,
/// which is taken relative to that of z².
class OutputGradients
{
public:
    /// layers: of Model::layers. Rows are drawn by the seed, evenly over all that the samples have,
    /// the same ones whatever the other layers are. What does not fit into memoryBytes is spilled.
    OutputGradients(const Model& model, const Weights& weights, const CalibrationSamples& samples,
                    const std::vector<std::size_t>& layers, std::uint64_t seed,
                    std::uint64_t memoryBytes);
    ~OutputGradients();

    void run(Monitor& monitor);
    /// Nothing (no rows) where whyNot() has a sentence.
    [[nodiscard]] GradientRows of(std::size_t layer) const;
    [[nodiscard]] std::string whyNot(std::size_t layer) const;
    [[nodiscard]] int draws() const { return m_draws; }

private:
    struct Rows; ///< of one layer

    void prepare();
    /// Why no gradient can reach the layer; empty if one can.
    [[nodiscard]] std::string brokenBy(const Layer& layer) const;
    void runBatch(std::int64_t first, std::int64_t count, const Monitor& monitor);
    [[nodiscard]] Tensor throughHead(const Tensor& hidden, const Values& sides,
                                     const Monitor& monitor);
    /// output, of so many samples, becomes dL/d(output) for outcomes that are drawn here. Of a text
    /// the last position of each sample counts for nothing, unless there are scored ones alone.
    void differentiateLoss(Tensor& output, bool scoredAlone, const Monitor& monitor);
    [[nodiscard]] std::set<int> wanted(int first, int count) const;
    [[nodiscard]] GradientSink sink();
    using RowCopy = std::function<void(std::int64_t row, std::span<float> to)>;
    /// So many rows of a layer come by.
    void take(Rows& rows, std::int64_t arrived, std::int64_t inputs, std::int64_t outputs,
              const RowCopy& input, const RowCopy& delta);
    /// Which rows are kept, once it is known how many there are.
    void choose(Rows& rows, std::int64_t arrived, std::int64_t inputs, std::int64_t outputs);

    const Model& m_model;
    const Weights& m_weights;
    Executor m_executor;
    const CalibrationSamples& m_samples;
    std::uint64_t m_seed;
    std::uint64_t m_memoryBytes;
    RandomStream m_random;
    int m_draws = 1;
    int m_draw = 0;
    int m_firstBlock = 0;   ///< the first with a wanted node
    bool m_prelude = false; ///< has one, too
    bool m_byRow = false;   ///< the head looks at each position by itself
    bool m_probabilities = false;
    std::int64_t m_batch = 1;                            ///< samples of the batch under way
    std::int64_t m_scored = 0;                           ///< outcomes so far
    double m_outputSquares = 0;                          ///< of models without scores: Σz²
    std::map<std::size_t, std::unique_ptr<Rows>> m_rows; ///< by layer
    std::map<int, Rows*> m_byNode;
    std::uint64_t m_held = 0; ///< bytes of the rows in memory
};

} // namespace gradus
