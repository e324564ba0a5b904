// SPDX-License-Identifier: GPL-3.0-or-later
// Tokens a second through a llama-like model, and the share of the sgemm ceiling that its matrix
// products reach. What the executor computes is checked against the scalar oracle first, on a small
// model of the same kind.
#include "core/graph/executor.h"
#include "tests/bench/ceilings.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

std::vector<Token> tokensFor(std::int64_t count, int vocabulary)
{
    RandomStream random(4, "bench", "tokens");
    std::vector<Token> tokens;
    for (std::int64_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<Token>(random.below(static_cast<std::uint64_t>(vocabulary))));
    return tokens;
}

bool agreesWithOracle()
{
    TinyLlama tiny;
    const TemporaryFolder folder;
    tiny.write(folder.path());
    const auto model = openModel(folder.path());
    const Weights weights(model, 1 << 28);
    const auto tokens = tokensFor(20, tiny.vocabulary);
    const Tensor logits = Executor(*model, weights).logits(tokens, 1, Monitor());
    const auto expected = flat(tiny.logits({tokens.begin(), tokens.end()}));
    return allClose(std::as_const(logits).floats(), std::span<const float>(expected), 1e-4, 1e-4);
}

/// Arguments: features, tokens per window. Eight blocks' worth of products would measure the same;
/// two keep it short. Operations counted: two per weight of a product and token, and the causal
/// half of the attention scores.
void forward(benchmark::State& state)
{
    if (!agreesWithOracle())
        return state.SkipWithError("the forward pass differs from the oracle");
    TinyLlama shape;
    shape.hidden = static_cast<int>(state.range(0));
    shape.intermediate = shape.hidden * 8 / 3 / 32 * 32;
    shape.heads = shape.hidden / 64;
    shape.kvHeads = shape.heads;
    shape.vocabulary = 2048;
    shape.context = static_cast<int>(state.range(1));
    const TemporaryFolder folder;
    shape.write(folder.path());
    const auto model = openModel(folder.path());
    const Weights weights(model, std::uint64_t(1) << 33);
    const Executor executor(*model, weights);
    const std::int64_t length = state.range(1);
    const std::int64_t batch = 2048 / length;
    const auto tokens = tokensFor(batch * length, shape.vocabulary);
    const auto run = [&] {
        const Tensor logits = executor.logits(tokens, batch, Monitor());
        benchmark::DoNotOptimize(logits.floats().data());
    };
    run(); // weights are read once
    double products = static_cast<double>(shape.vocabulary) * shape.hidden;
    for (const Layer& layer : model->layers)
        if (layer.kind == LayerKind::Linear)
            products += static_cast<double>(layer.parameters());
    const double count = static_cast<double>(tokens.size());
    const double attention = 2.0 * shape.blocks * static_cast<double>(length) * shape.hidden;
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, count * (2 * products + attention), run);
    state.counters["tokens_per_second"] = benchmark::Counter(
        count * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(forward)
    ->Args({192, 256})
    ->Args({1024, 256})
    ->Args({1024, 2048})
    ->Args({2048, 1024})
    ->UseManualTime()
    ->Iterations(7)
    ->Unit(benchmark::kMillisecond);

} // namespace
