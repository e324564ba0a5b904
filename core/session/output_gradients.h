// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/base/random.h"
#include "core/graph/executor.h"
#include "core/graph/gradient.h"
#include "core/session/samples.h"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gradus {

/// What comes by at a layer in a backward pass; lives for the call only.
struct OutputGradient
{
    std::size_t layer = 0;
    int draw = 0;
    std::int64_t samples = 0;       ///< of the batch
    ConstMatrixView inputs;         ///< of a linear layer: n × in
    ConstMatrixView gradients;      ///< dL/dy: n × out
    const Tensor* images = nullptr; ///< of a convolution: n × C × height × width
    const Tensor* imageGradients = nullptr;
};

/// How far the loss moves with the outputs of layers: one backward pass for each batch of the
/// calibration's samples (of few samples several, with other draws), through the float network.
///
/// L is the sum over the scored positions (of a text each but the last of a window) or samples of
/// the negative log-likelihood of an outcome, drawn and weighted so that the mean of products of
/// ∂L/∂y is what it is for outcomes drawn from the model's own distribution: the Fisher matrix. Of
/// models without class scores L is a product of the first output z with random signs:
/// E[(∂L/∂y·d)²] = Σ_j (∂z_j/∂y·d)².
class OutputGradients
{
public:
    /// layers: of Model::layers.
    OutputGradients(const Model& model, const Weights& weights, const CalibrationSamples& samples,
                    const std::vector<std::size_t>& layers, std::uint64_t seed);

    /// From the last layer to the first in each batch; of the head of a language model in parts, in
    /// the order of the text and of its scored positions alone.
    using Sink = std::function<void(const OutputGradient&)>;
    void run(const Sink& sink, Monitor& monitor);
    /// Why none comes by at the layer; empty when they do, or where that is not known before run().
    [[nodiscard]] std::string whyNot(std::size_t layer) const;
    /// No path leads from the layer to the first output, so that no gradient of it is but 0.
    [[nodiscard]] bool isWithoutEffect(std::size_t layer) const { return m_idle.contains(layer); }
    [[nodiscard]] int draws() const { return m_draws; }
    /// After run(): outcomes of one draw; of models without scores Σz².
    [[nodiscard]] std::int64_t outcomes() const { return m_scored; }
    [[nodiscard]] double outputSquares() const { return m_outputSquares; }
    /// Rows of the layer's inputs that come by in one draw, when so many do in this batch; 0
    /// when they do not belong to samples.
    [[nodiscard]] std::int64_t allRows(const OutputGradient& gradient) const;

private:
    void prepare();
    /// Why no gradient can reach the layer; empty if one can.
    [[nodiscard]] std::string brokenBy(const Layer& layer) const;
    void runBatch(std::int64_t first, std::int64_t count, const Sink& sink, const Monitor& monitor);
    [[nodiscard]] Tensor throughHead(const Tensor& hidden, const Values& sides,
                                     const GradientSink& sink, const Monitor& monitor);
    /// output, of so many samples, becomes dL/d(output) for outcomes that are drawn here. Of a text
    /// the last position of each sample counts for nothing, unless there are scored ones alone.
    void differentiateLoss(Tensor& output, bool scoredAlone, const Monitor& monitor);
    [[nodiscard]] std::set<int> wanted(int first, int count) const;
    [[nodiscard]] GradientSink sink(const Sink& to) const;

    const Model& m_model;
    const Weights& m_weights;
    Executor m_executor;
    const CalibrationSamples& m_samples;
    RandomStream m_random;
    int m_draws = 1;
    int m_draw = 0;
    int m_firstBlock = 0;   ///< the first with a wanted node
    bool m_prelude = false; ///< has one, too
    bool m_byRow = false;   ///< the head looks at each position by itself
    bool m_probabilities = false;
    std::int64_t m_batch = 1;                 ///< samples of the batch under way
    std::int64_t m_scored = 0;                ///< outcomes so far
    double m_outputSquares = 0;               ///< of models without scores: Σz²
    std::map<std::size_t, std::string> m_why; ///< by layer
    std::set<std::size_t> m_idle;             ///< layers from which nothing leads to the output
    std::map<int, std::size_t> m_byNode;
};

} // namespace gradus
