// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/evaluate.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/executor.h"
#include "core/graph/kernels.h"
#include "core/session/block_pass.h"
#include "core/session/comparison.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"
#include "core/session/samples.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

/// Positions [first, last) of a window whose next token is scored.
struct Scored
{
    std::int64_t first = 0;
    std::int64_t last = 0;
};

Scored scoredPositions(PerplexityConvention convention, std::int64_t length)
{
    // Position p predicts token p + 1.
    if (convention == PerplexityConvention::LlamaCpp)
        return {length / 2, length - 1};
    return {0, length - 1};
}

/// The text of a request as windows of one convention.
struct Text
{
    TokenWindows windows; ///< what the model sees
    TokenWindows targets; ///< what is scored
    Scored scored;
    [[nodiscard]] std::int64_t perWindow() const { return scored.last - scored.first; }
};

Text readText(const EvaluateRequest& request)
{
    const Model& model = *request.model;
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported, concat("cannot evaluate ", model.source.path.string(),
                                                   ": ", model.whyNotRunnable));
    const auto tokenizer = modelTokenizer(model, request.tokenizer);
    const std::int64_t context = contextLength(model, request.context);
    Text text;
    text.scored = scoredPositions(request.convention, context);
    if (text.perWindow() < 1)
        throw Error(ErrorCode::Usage,
                    concat("context ", context, " leaves no token to score in this convention"));
    text.targets = cutWindows(tokenizeFile(*tokenizer, request.data), context);
    for (const Token token : text.targets.tokens)
        if (token < 0 || token >= model.vocabularySize)
            throw Error(ErrorCode::Usage,
                        concat(request.data.string(), " holds token id ", token,
                               ", outside the model's vocabulary of ", model.vocabularySize,
                               "; does this tokenizer belong to the model?"));
    text.windows = text.targets;
    if (request.convention == PerplexityConvention::LlamaCpp) {
        if (!tokenizer->bos())
            throw Error(ErrorCode::Usage,
                        "llama.cpp's convention needs a tokenizer with a BOS token");
        for (std::int64_t w = 0; w < text.windows.count(); ++w)
            text.windows.tokens[static_cast<std::size_t>(w * context)] = *tokenizer->bos();
    }
    return text;
}

/// Runs all windows through the models, round by round, and calls score(window, first position,
/// logits of each model) for runs of scored positions.
void forEachScored(std::span<const std::pair<const Model*, const Weights*>> models,
                   const Text& text, std::uint64_t memoryBytes, Monitor& monitor,
                   const std::function<void(std::int64_t window, std::int64_t position,
                                            std::span<const Tensor> logits)>& score)
{
    const std::int64_t length = text.windows.length;
    const std::int64_t count = text.windows.count();
    std::int64_t hiddenSize = 0;
    for (const auto& [model, weights] : models)
        hiddenSize += model->hiddenSize;
    const std::int64_t windowBytes =
        length * std::max<std::int64_t>(1, hiddenSize) * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t perRound =
        std::clamp(static_cast<std::int64_t>(memoryBytes / 4) / windowBytes,
                   std::min(windowsPerBatch(length), count), count);
    std::vector<std::shared_ptr<const Dataset>> data;
    std::vector<std::unique_ptr<BlockPass>> passes;
    for (const auto& [model, weights] : models) {
        data.push_back(windowsDataset(*model, text.windows));
        passes.push_back(std::make_unique<BlockPass>(*model, *weights, *data.back(), perRound,
                                                     memoryBytes / 2 / models.size()));
    }
    const std::int64_t step = rowsPerHead(models[0].first->vocabularySize);
    std::vector<Tensor> logits(models.size());
    for (std::int64_t start = 0; start < count; start += perRound) {
        const std::int64_t round = std::min(perRound, count - start);
        // The head is counted as one more model.
        const auto parts = static_cast<double>(models.size() + 1);
        const auto progress = [&](double part) {
            monitor.report(
                (static_cast<double>(start) + part / parts * static_cast<double>(round)) /
                    static_cast<double>(count),
                "evaluating");
        };
        for (std::size_t m = 0; m < models.size(); ++m) {
            std::vector<std::int64_t> samples = allSamples(round);
            for (std::int64_t& sample : samples)
                sample += start;
            passes[m]->start(std::move(samples), monitor);
            const auto blocks = static_cast<int>(models[m].first->blocks.size());
            for (int block = 0; block < blocks; ++block)
                passes[m]->run(block, BlockPass::Outputs::Advance, monitor, {}, [&](double done) {
                    progress(static_cast<double>(m) + (block + done) / blocks);
                });
        }
        for (std::int64_t w = 0; w < round; ++w) {
            progress(parts - 1 + static_cast<double>(w) / static_cast<double>(round));
            for (std::int64_t p = text.scored.first; p < text.scored.last; p += step) {
                monitor.checkpoint();
                const std::int64_t rows = std::min(step, text.scored.last - p);
                for (std::size_t m = 0; m < models.size(); ++m)
                    logits[m] = passes[m]->logits(w, p, rows, monitor);
                score(start + w, p, logits);
            }
        }
    }
}

} // namespace

Perplexity evaluatePerplexity(const EvaluateRequest& asked, Monitor& monitor)
{
    const EvaluateRequest request = preparedForRun(asked);
    const Model& model = *request.model;
    monitor.report(0, "reading the text");
    const Text text = readText(request);
    Weights weights(request.model, request.memoryBytes / 2);
    const std::int64_t packedLayers =
        useRun(model, request.run.get(), request.products, weights, monitor);

    std::vector<double> sums(static_cast<std::size_t>(text.windows.count()));
    const std::pair<const Model*, const Weights*> only[] = {{&model, &weights}};
    forEachScored(
        only, text, request.memoryBytes, monitor,
        [&](std::int64_t window, std::int64_t position, std::span<const Tensor> logits) {
            std::vector<double> nll(static_cast<std::size_t>(logits[0].shape()[0]));
            kernel::negativeLogLikelihood(logits[0].matrix(),
                                          text.targets.window(window).subspan(
                                              static_cast<std::size_t>(position + 1), nll.size()),
                                          nll);
            sums[static_cast<std::size_t>(window)] += std::accumulate(nll.begin(), nll.end(), 0.0);
        });
    const SampleMean mean = meanOverSamples(sums, text.perWindow());
    Perplexity result;
    result.meanNll = mean.value;
    result.standardError = mean.standardError;
    result.value = std::exp(mean.value);
    result.windows = text.windows.count();
    result.tokens = result.windows * text.perWindow();
    result.context = text.windows.length;
    result.packedLayers = packedLayers;
    monitor.report(1, "done");
    return result;
}

Divergence evaluateDivergence(const EvaluateRequest& asked, std::shared_ptr<const Model> reference,
                              Monitor& monitor)
{
    const EvaluateRequest request = preparedForRun(asked);
    const Model& model = *request.model;
    if (!reference)
        reference = request.model;
    monitor.report(0, "reading the text");
    const Text text = readText(request);
    if (reference->vocabularySize != model.vocabularySize)
        throw Error(ErrorCode::Usage,
                    concat("the reference has a vocabulary of ", reference->vocabularySize,
                           ", the model one of ", model.vocabularySize,
                           "; their distributions cannot be compared"));
    const Weights floatWeights(reference, request.memoryBytes / 4);
    Weights weights(request.model, request.memoryBytes / 4);
    const std::int64_t packedLayers =
        useRun(model, request.run.get(), request.products, weights, monitor);

    std::vector<double> sums(static_cast<std::size_t>(text.windows.count()));
    std::int64_t same = 0;
    const std::pair<const Model*, const Weights*> both[] = {{reference.get(), &floatWeights},
                                                            {&model, &weights}};
    forEachScored(both, text, request.memoryBytes, monitor,
                  [&](std::int64_t window, std::int64_t, std::span<const Tensor> logits) {
                      const ConstMatrixView p = logits[0].matrix();
                      const ConstMatrixView q = logits[1].matrix();
                      std::vector<double> kl(static_cast<std::size_t>(p.rows));
                      kernel::divergence(p, q, kl);
                      sums[static_cast<std::size_t>(window)] +=
                          std::accumulate(kl.begin(), kl.end(), 0.0);
                      const auto top = [](std::span<const float> row) {
                          return std::max_element(row.begin(), row.end()) - row.begin();
                      };
                      for (std::int64_t r = 0; r < p.rows; ++r)
                          same += top(p.row(r)) == top(q.row(r)) ? 1 : 0;
                  });
    const SampleMean mean = meanOverSamples(sums, text.perWindow());
    Divergence result;
    result.value = mean.value;
    result.standardError = mean.standardError;
    result.windows = text.windows.count();
    result.tokens = result.windows * text.perWindow();
    result.context = text.windows.length;
    result.packedLayers = packedLayers;
    result.sameTop = static_cast<double>(same) / static_cast<double>(result.tokens);
    monitor.report(1, "done");
    return result;
}

std::shared_ptr<const Model> openRunModel(const Run& run, const std::filesystem::path& override)
{
    const std::filesystem::path path =
        override.empty() ? std::filesystem::path(run.provenance.modelPath) : override;
    std::shared_ptr<const Model> model;
    try {
        model = openModel(path);
    } catch (const Error& error) {
        throw override.empty() ? error.within("the run's model (--model PATH overrides it)")
                               : error;
    }
    if (model->source.fingerprint != run.provenance.modelFingerprint)
        throw Error(ErrorCode::Usage,
                    concat(path.string(),
                           " is not the model that the run was made from: fingerprint ",
                           model->source.fingerprint.substr(0, 12), ", expected ",
                           run.provenance.modelFingerprint.substr(0, 12)));
    return model;
}

} // namespace gradus
