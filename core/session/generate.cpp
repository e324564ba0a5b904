// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/graph/executor.h"
#include "core/session/evaluate.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus {

namespace {

Token pick(std::span<const float> logits, double temperature, RandomStream& random)
{
    const auto best = std::max_element(logits.begin(), logits.end());
    if (!std::isfinite(*best))
        throw Error(ErrorCode::Numeric, "the model's output is not finite");
    if (temperature <= 0)
        return static_cast<Token>(best - logits.begin());
    std::vector<double> cumulative(logits.size());
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        sum += std::exp(static_cast<double>(logits[i] - *best) / temperature);
        cumulative[i] = sum;
    }
    const double at = random.uniform() * sum;
    const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), at);
    return static_cast<Token>(std::min<std::ptrdiff_t>(
        found - cumulative.begin(), static_cast<std::ptrdiff_t>(logits.size()) - 1));
}

/// The longest prefix that does not end inside a UTF-8 character.
std::size_t completeUtf8(std::string_view text)
{
    for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
        const auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if ((byte & 0xC0U) == 0x80U)
            continue;
        const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return length > back ? text.size() - back : text.size();
    }
    return text.size();
}

} // namespace

std::string generate(const GenerateRequest& asked, Monitor& monitor,
                     const std::function<void(std::string_view)>& sink)
{
    const GenerateRequest request = preparedForRun(asked);
    const Model& model = *request.model;
    const auto tokenizer = modelTokenizer(model, request.tokenizer);
    Weights weights(request.model, request.memoryBytes);
    const Executor executor(model, weights);
    (void)useRun(model, request.run.get(), request.products, weights, monitor);

    std::vector<Token> tokens;
    if (tokenizer->bos())
        tokens.push_back(*tokenizer->bos());
    const std::vector<Token> prompt = tokenizer->encode(request.prompt);
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    if (tokens.empty())
        throw Error(ErrorCode::Usage, "the prompt is empty and the tokenizer has no BOS token");
    const std::int64_t context = model.maximumContext > 0 ? model.maximumContext : INT32_MAX;
    if (static_cast<std::int64_t>(tokens.size()) >= context)
        throw Error(ErrorCode::Usage,
                    concat("the prompt has ", tokens.size(), " tokens; the model holds ", context));

    RandomStream random(request.seed, "generate", "sampling");
    // A graph from a file computes with masks and positions of its own, from all tokens anew.
    const bool keepsPast = !model.source.onnx;
    KeyValueCache cache;
    std::string shown;
    std::span<const Token> next(tokens);
    const std::size_t promptSize = tokens.size();
    for (std::int64_t i = 0; i < request.tokens; ++i) {
        monitor.checkpoint();
        monitor.report(static_cast<double>(i) / static_cast<double>(request.tokens), "generating");
        Tensor logits;
        if (keepsPast) {
            Tensor hidden = executor.embed(next, 1, cache.positions);
            for (int block = 0; block < static_cast<int>(model.blocks.size()); ++block)
                executor.runBlock(block, hidden, monitor, {}, &cache);
            cache.positions += static_cast<std::int64_t>(next.size());
            const ConstMatrixView rows = std::as_const(hidden).matrix();
            logits = executor.head(rows.block(rows.rows - 1, 0, 1, rows.cols), monitor);
        } else {
            logits = executor.logits(tokens, 1, monitor);
        }
        const ConstMatrixView scores = std::as_const(logits).matrix();
        const Token token = pick(scores.row(scores.rows - 1), request.temperature, random);
        if (tokenizer->eos() == token || static_cast<std::int64_t>(tokens.size()) + 1 > context)
            break;
        tokens.push_back(token);
        next = std::span<const Token>(tokens).last(1);
        const std::string text =
            tokenizer->decode(std::span<const Token>(tokens).subspan(promptSize), false);
        const std::size_t complete = completeUtf8(text);
        if (sink && complete > shown.size())
            sink(std::string_view(text).substr(shown.size(), complete - shown.size()));
        if (complete > shown.size())
            shown = text.substr(0, complete);
    }
    monitor.report(1, "done");
    return request.prompt + shown;
}

} // namespace gradus
