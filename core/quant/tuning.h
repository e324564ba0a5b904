// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/activation_store.h"
#include "core/data/text_windows.h"
#include "core/graph/executor.h"
#include "core/quant/options.h"
#include "core/quant/quantized_weight.h"

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Training of quantized layers, norm weights and biases. decoupleQ (Guo et al. 2024), "block-wise
/// minimization" and "supervised fine-tuning": the integers of uniform weights are frozen, scales
/// and zeros trained; where zeros are codes, or fixed, only scales. Of power levels (NUPES) codes
/// and exponents are trained, too. Blocks of any
/// network are trained; the fine-tuning is for language models.

/// A quantized layer that is trained.
struct TrainedLayer
{
    const Layer* layer = nullptr;
    std::shared_ptr<const QuantizedWeight> weight; ///< where it starts
    /// Its float weight, where it is at hand: trained codes start from where in their cells the
    /// weights lie, not from the middle. Called once.
    std::function<Tensor()> floatWeight = {};
};

struct TrainingOptions
{
    int epochs = 4;
    int batch = 1; ///< windows per step
    double rate = 1e-5;
    double beta1 = 0.9;
    double beta2 = 0.99;
    double epsilon = 2e-5;
    double decay = 1e-6;
    /// Epochs without a lower loss before it stops; 0: never. Where codes are trained the first
    /// 60 % of all epochs do not count.
    int patience = 2;
    bool norms = true;
    bool biases = false;
    /// Of power levels: Adam on latent codes (in codes) and on exponents; 0 freezes them. Both fall
    /// along half a cosine, that of the exponents to 0 after 60 % of all steps. See
    /// trained_power.cpp.
    double codeRate = 0;
    double exponentRate = 0;
    bool operator==(const TrainingOptions&) const = default;
};
/// Of a method's block stage; nothing when it has none, or it is off.
[[nodiscard]] std::optional<TrainingOptions> blockTraining(const MethodOptions& options);
/// Of its fine-tuning.
[[nodiscard]] std::optional<TrainingOptions> fineTuning(const MethodOptions& options);

/// How far a training is, for who watches it.
struct TrainingProgress
{
    std::string name;       ///< of the block, or "fine-tuning"
    int block = -1;         ///< -1: all of them
    int epoch = 0;          ///< from 0
    std::int64_t step = 0;  ///< steps done
    std::int64_t steps = 0; ///< of all epochs
    double loss = 0;        ///< of this step, like TuningOutcome::losses
};
using TrainingSink = std::function<void(const TrainingProgress&)>;

/// What a training did.
struct TuningOutcome
{
    std::string name; ///< of the block, or "fine-tuning"
    int block = -1;
    /// Of every step, on its windows, before its update. Block: ‖y − ŷ‖²/‖y‖², y being the float
    /// block's output. Fine-tuning: mean negative log-likelihood, nats per token.
    std::vector<float> losses;
    std::vector<double> epochLosses; ///< over all windows: before the first epoch, after each one
    int bestEpoch = 0;               ///< the state that was kept: 0 is the start
    bool stoppedEarly = false;
    bool cancelled = false;
    double scaleChange = 0; ///< ‖s − s'‖/‖s'‖ over all trained layers, against the start
    double zeroChange = 0;  ///< root mean square of z − z', in steps of s'
    /// Of layers with power levels: the share of codes that are others now, and the mean of
    /// |a − a'| over their exponents.
    double codeChange = 0;
    double exponentChange = 0;
    /// Float tensors of the model that were trained (norms, biases), by name; float32, rounded to
    /// the source's dtype, so that an export of that dtype holds exactly them. Empty when the start
    /// was kept (bestEpoch 0).
    std::map<std::string, std::shared_ptr<const Tensor>> parameters;

    /// NaN when nothing was measured: the start was not finite.
    [[nodiscard]] double before() const
    {
        return epochLosses.empty() ? std::numeric_limits<double>::quiet_NaN() : epochLosses.front();
    }
    [[nodiscard]] double after() const
    {
        return epochLosses.empty() ? std::numeric_limits<double>::quiet_NaN()
                                   : epochLosses[static_cast<std::size_t>(bestEpoch)];
    }
};

struct TuningResult
{
    std::vector<std::shared_ptr<const QuantizedWeight>> weights; ///< in the order of the layers
    std::shared_ptr<const TuningOutcome> outcome;
};

/// One block, its inputs and what it should put out.
struct BlockProblem
{
    const Model* model = nullptr;
    const Weights* weights = nullptr; ///< of everything that is not trained, as the block sees it
    int block = 0;
    std::vector<TrainedLayer> layers;
    const ActivationStore* inputs = nullptr;  ///< (windows · length) × hidden
    const ActivationStore* targets = nullptr; ///< the float block's output for the inputs
    std::int64_t windows = 0;                 ///< samples, of any shape with readInputs
    std::int64_t length = 0;                  ///< rows of targets for each
    /// In place of `inputs` where samples are no windows of tokens: some of them, batch in front.
    std::function<Tensor(std::int64_t first, std::int64_t count)> readInputs = {};
    /// What the block reads besides, for these samples; none: it reads nothing else.
    std::function<Values(std::int64_t first, std::int64_t count)> sides = {};
    int batch = 0; ///< samples per step in place of the options'; 0: theirs
};

/// Block-wise minimization (section 7 of the paper's reference): Adam on the mean squared error of
/// the block's output. Windows in order, not shuffled; deterministic for any number of threads.
/// Keeps the best state over whole epochs, as it will be stored (scales rounded). When it is
/// cancelled it does not throw: it returns the best state so far, with outcome->cancelled.
/// Losses that are not finite end the training; the best state before is kept.
[[nodiscard]] TuningResult trainBlock(const BlockProblem& problem, const TrainingOptions& options,
                                      Monitor& monitor, const TrainingSink& sink = {});

/// All blocks at once on the next token of a text (the paper's supervised fine-tuning; norms
/// include the one before the head). Codes and exponents of power levels are frozen. Activations
/// are kept at the blocks' borders only, each block is run again for its backward pass; those of a
/// step beyond memoryBytes are spilled. Embeddings stay as they are, and so does a head that shares
/// their table. Keeps the best state, ends early and on a stop like trainBlock.
struct FineTuningProblem
{
    std::shared_ptr<const Model> model;
    const Weights* weights = nullptr;
    std::vector<TrainedLayer> layers;
    const TokenWindows* windows = nullptr;
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
};
[[nodiscard]] TuningResult fineTune(const FineTuningProblem& problem,
                                    const TrainingOptions& options, Monitor& monitor,
                                    const TrainingSink& sink = {});

} // namespace gradus
