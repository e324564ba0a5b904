// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/session/run.h"

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

enum class PerplexityConvention
{
    Gptq,     ///< targets 1 … L−1 of each window
    LlamaCpp, ///< first token of each window replaced by BOS, targets L/2+1 … L−1
};

/// How a run's linear layers are multiplied.
enum class RunProducts
{
    Floats,   ///< dequantized weights; inputs with a grid are rounded to it
    Packed,   ///< codes as they are, times floats: 2, 3 and 4 bits, and power levels
    Integers, ///< integers for weights and inputs, where inputs have a grid
};

struct EvaluateRequest
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Run> run; ///< null: the float model
    std::filesystem::path data;
    std::filesystem::path tokenizer; ///< overrides the model's
    PerplexityConvention convention = PerplexityConvention::Gptq;
    std::int64_t context = 0; ///< 0: the model's, at most 2048
    /// Layers for which there are no such products are noted. Packed and Integers throw
    /// Error(Usage) without a run.
    RunProducts products = RunProducts::Floats;
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
    // As in DataChoice; what is not given comes from the run's recipe.
    std::filesystem::path labels = {};
    std::vector<float> mean = {};
    std::vector<float> deviation = {};
    std::string layout = {};
    std::map<std::string, std::filesystem::path> inputs = {};
};

struct Perplexity
{
    double value = 0;         ///< exp of the mean negative log-likelihood
    double meanNll = 0;       ///< nats per scored token
    double standardError = 0; ///< of meanNll, over windows
    std::int64_t tokens = 0;  ///< scored
    std::int64_t windows = 0;
    std::int64_t context = 0;
    std::int64_t packedLayers = 0; ///< multiplied as packed codes, or as integers
};
[[nodiscard]] Perplexity evaluatePerplexity(const EvaluateRequest& request, Monitor& monitor);

/// How far the tested model's next-token distributions are from the reference's, over the positions
/// that the convention scores.
struct Divergence
{
    double value = 0;         ///< mean KL(reference ‖ tested), nats per token
    double standardError = 0; ///< of value, over windows
    double sameTop = 0;       ///< share of positions where both find the same token most likely
    std::int64_t tokens = 0;
    std::int64_t windows = 0;
    std::int64_t context = 0;
    std::int64_t packedLayers = 0; ///< multiplied as packed codes, or as integers
};
/// reference: a float model with the same vocabulary; null: request.model itself without the run.
[[nodiscard]] Divergence evaluateDivergence(const EvaluateRequest& request,
                                            std::shared_ptr<const Model> reference,
                                            Monitor& monitor);

/// How often the largest class score is that of the label, and among the five largest. Samples
/// without a label (below 0) are left out.
struct Accuracy
{
    double value = 0;         ///< top-1, a fraction
    double standardError = 0; ///< of value, binomial
    double top5 = 0;
    double top5StandardError = 0;
    std::int64_t samples = 0; ///< labelled ones
    std::int64_t unlabelled = 0;
    std::int64_t classes = 0;
    std::int64_t packedLayers = 0;
    std::string data; ///< what was fed, for people
};
/// Throws Error(Usage) when nothing is labelled.
[[nodiscard]] Accuracy evaluateAccuracy(const EvaluateRequest& request, Monitor& monitor);

/// How near the tested model's outputs are to the reference's, sample by sample: of the graph's
/// first output.
struct OutputSimilarity
{
    double cosine = 0; ///< mean over samples
    double cosineStandardError = 0;
    double cosineLeast = 1;
    /// Of class scores: mean KL(reference ‖ tested) in nats per sample. NaN for other models.
    double divergence = std::numeric_limits<double>::quiet_NaN();
    double divergenceStandardError = 0;
    double sameTop = 0;         ///< share of samples with the same largest output
    bool probabilities = false; ///< the graph ends with a softmax; else one was taken for KL
    std::int64_t samples = 0;
    std::int64_t packedLayers = 0;
    std::string data;
};
/// reference: a float model with an output of the same shape; null: request.model itself without
/// the run.
[[nodiscard]] OutputSimilarity evaluateOutputs(const EvaluateRequest& request,
                                               std::shared_ptr<const Model> reference,
                                               Monitor& monitor);

/// Whether the graph's first output comes from a softmax: class probabilities already.
[[nodiscard]] bool endsWithSoftmax(const Model& model);

/// The metric that fits a model where nobody asks for another: "perplexity", "top1" or "cosine".
[[nodiscard]] std::string_view usualMetric(const Model& model);

/// The model of a run: opened from override, else from the path stored in the run; throws
/// Error(Usage) when its fingerprint is not the run's.
[[nodiscard]] std::shared_ptr<const Model> openRunModel(const Run& run,
                                                        const std::filesystem::path& override);

struct GenerateRequest
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Run> run;
    std::filesystem::path tokenizer;
    std::string prompt;
    std::int64_t tokens = 64;
    double temperature = 0; ///< 0: the most likely token
    std::uint64_t seed = 0;
    RunProducts products = RunProducts::Floats; ///< see EvaluateRequest
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
};
/// Streams the continuation to sink piece by piece; returns the whole text.
std::string generate(const GenerateRequest& request, Monitor& monitor,
                     const std::function<void(std::string_view)>& sink = {});

} // namespace gradus
