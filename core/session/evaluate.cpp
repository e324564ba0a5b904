// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/evaluate.h"

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/data/activation_store.h"
#include "core/graph/executor.h"
#include "core/graph/kernels.h"
#include "core/session/language.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

void copyRows(ConstMatrixView from, MatrixView to)
{
    for (std::int64_t r = 0; r < from.rows; ++r)
        std::memcpy(to.row(r).data(), from.row(r).data(), from.row(r).size_bytes());
}

/// Rows of logits that are worth having in memory at once.
std::int64_t rowsPerHead(std::int64_t vocabulary)
{
    constexpr std::int64_t elements = 1 << 24;
    return std::max<std::int64_t>(16, elements / std::max<std::int64_t>(1, vocabulary));
}

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

/// Sums of negative log-likelihoods per window.
std::vector<double> windowSums(const Model& model, const Weights& weights,
                               const TokenWindows& windows, const TokenWindows& targets,
                               Scored scored, std::uint64_t memoryBytes, Monitor& monitor)
{
    const Executor executor(model, weights);
    const std::int64_t length = windows.length;
    const std::int64_t perBatch = windowsPerBatch(length);
    const auto blocks = static_cast<int>(model.blocks.size());
    // As many windows as a quarter of the memory holds go through a block before the next block's
    // weights are looked at, so that a model beyond memory is read once per such round.
    const std::int64_t windowBytes =
        length * model.hiddenSize * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t perRound = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(memoryBytes / 4) / windowBytes, perBatch, windows.count());
    std::vector<double> sums(static_cast<std::size_t>(windows.count()));
    for (std::int64_t start = 0; start < windows.count(); start += perRound) {
        const std::int64_t round = std::min(perRound, windows.count() - start);
        ActivationStore hidden(round * length, model.hiddenSize, memoryBytes / 2);
        const auto progress = [&](int block, std::int64_t window) {
            const double inRound =
                (block + static_cast<double>(window) / static_cast<double>(round)) / (blocks + 1);
            monitor.report((static_cast<double>(start) + inRound * static_cast<double>(round)) /
                               static_cast<double>(windows.count()),
                           "evaluating");
        };
        for (int block = 0; block < blocks; ++block) {
            for (std::int64_t w = 0; w < round; w += perBatch) {
                monitor.checkpoint();
                progress(block, w);
                const std::int64_t count = std::min(perBatch, round - w);
                const MatrixView stored = hidden.rows(w * length, count * length);
                Tensor batch;
                if (block == 0) {
                    batch = executor.embed({windows.tokens.data() + (start + w) * length,
                                            static_cast<std::size_t>(count * length)},
                                           count);
                } else {
                    batch = Tensor({count, length, model.hiddenSize});
                    copyRows(stored, batch.matrix());
                }
                executor.runBlock(block, batch, monitor);
                copyRows(batch.matrix(), stored);
            }
        }
        const std::int64_t step = rowsPerHead(model.vocabularySize);
        for (std::int64_t w = 0; w < round; ++w) {
            progress(blocks, w);
            double sum = 0;
            for (std::int64_t p = scored.first; p < scored.last; p += step) {
                monitor.checkpoint();
                const std::int64_t count = std::min(step, scored.last - p);
                const Tensor logits = executor.head(hidden.rows(w * length + p, count), monitor);
                std::vector<double> nll(static_cast<std::size_t>(count));
                kernel::negativeLogLikelihood(
                    logits.matrix(),
                    targets.window(start + w).subspan(static_cast<std::size_t>(p + 1), nll.size()),
                    nll);
                sum += std::accumulate(nll.begin(), nll.end(), 0.0);
            }
            sums[static_cast<std::size_t>(start + w)] = sum;
        }
    }
    return sums;
}

} // namespace

Perplexity evaluatePerplexity(const EvaluateRequest& request, Monitor& monitor)
{
    const Model& model = *request.model;
    monitor.report(0, "reading the text");
    Weights weights(request.model, request.memoryBytes / 2);
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported, concat("cannot evaluate ", model.source.path.string(),
                                                   ": ", model.whyNotRunnable));
    const auto tokenizer = modelTokenizer(model, request.tokenizer);
    const std::int64_t context = contextLength(model, request.context);
    const Scored scored = scoredPositions(request.convention, context);
    if (scored.last <= scored.first)
        throw Error(ErrorCode::Usage,
                    concat("context ", context, " leaves no token to score in this convention"));
    const std::vector<Token> tokens = tokenizeFile(*tokenizer, request.data);
    const TokenWindows targets = cutWindows(tokens, context);
    for (const Token token : targets.tokens)
        if (token < 0 || token >= model.vocabularySize)
            throw Error(ErrorCode::Usage,
                        concat(request.data.string(), " holds token id ", token,
                               ", outside the model's vocabulary of ", model.vocabularySize,
                               "; does this tokenizer belong to the model?"));
    TokenWindows windows = targets;
    if (request.convention == PerplexityConvention::LlamaCpp) {
        if (!tokenizer->bos())
            throw Error(ErrorCode::Usage,
                        "llama.cpp's convention needs a tokenizer with a BOS token");
        for (std::int64_t w = 0; w < windows.count(); ++w)
            windows.tokens[static_cast<std::size_t>(w * context)] = *tokenizer->bos();
    }
    if (request.run)
        applyRun(model, *request.run, weights);

    const std::vector<double> sums =
        windowSums(model, weights, windows, targets, scored, request.memoryBytes, monitor);
    Perplexity result;
    result.windows = windows.count();
    result.context = context;
    const auto perWindow = static_cast<double>(scored.last - scored.first);
    result.tokens = result.windows * (scored.last - scored.first);
    result.meanNll =
        std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(result.tokens);
    result.value = std::exp(result.meanNll);
    if (result.windows > 1) {
        double squares = 0;
        for (const double sum : sums)
            squares += (sum / perWindow - result.meanNll) * (sum / perWindow - result.meanNll);
        const auto n = static_cast<double>(result.windows);
        result.standardError = std::sqrt(squares / (n * (n - 1)));
    }
    if (!std::isfinite(result.meanNll))
        throw Error(ErrorCode::Numeric,
                    "the model's output is not finite; a weight may be damaged or out of range");
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
