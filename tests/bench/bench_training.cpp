// SPDX-License-Identifier: GPL-3.0-or-later
// A training step of one block (forward, backward, weight gradients) against the forward pass alone
// and the sgemm ceiling. The gradients are checked first, against finite differences of the loss.
#include "tests/bench/ceilings.h"
#include "tests/support/block_problem.h"

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

Scheme twoBits(std::int64_t group)
{
    Scheme scheme;
    scheme.bits = 2;
    scheme.floatZeros = true;
    scheme.scaleType = DType::F32;
    if (group > 0) {
        scheme.granularity = Granularity::Group;
        scheme.groupSize = group;
    }
    return scheme;
}

/// One plain gradient step (an Adam whose epsilon is huge) on one window shows dL/ds of some rows
/// of every layer.
bool gradientsAgree()
{
    BlockFixture fixture(twoBits(0), false, {}, 1, 32);
    constexpr double step = 2e-3;
    TrainingOptions options;
    options.epochs = 1;
    options.beta1 = 0;
    options.beta2 = 0;
    options.epsilon = 1e6;
    options.rate = options.epsilon * step;
    options.decay = 0;
    Monitor monitor;
    const TuningResult result = trainBlock(fixture.problem, options, monitor);
    const auto elements = static_cast<double>(32 * fixture.model->hiddenSize);
    for (std::size_t i = 0; i < result.weights.size(); ++i) {
        const QuantizedWeight& start = *fixture.problem.layers[i].weight;
        const std::string& tensor = fixture.problem.layers[i].layer->weight;
        for (const std::int64_t row : {std::int64_t(0), start.rows - 1}) {
            const auto lossAt = [&](float h) {
                Weights with = Weights::over(*fixture.weights);
                Tensor moved = fixture.weights->get(tensor)->clone();
                for (std::int64_t c = 0; c < start.cols; ++c) {
                    const auto at = static_cast<std::size_t>(row * start.cols + c);
                    moved.floats()[at] += h * (static_cast<float>(start.codes[at]) - 2);
                }
                with.replace(tensor, std::make_shared<const Tensor>(std::move(moved)));
                return fixture.squares(with).first / elements;
            };
            constexpr float h = 0x1p-8F;
            const double slope = (lossAt(h) - lossAt(-h)) / (2 * static_cast<double>(h));
            const auto at = static_cast<std::size_t>(row);
            const double moved = static_cast<double>(start.scales[at]) -
                                 static_cast<double>(result.weights[i]->scales[at]);
            if (!isClose(moved / step, slope, 0.02, 2e-3))
                return false;
        }
    }
    return true;
}

/// Arguments: features, tokens per window, inputs per group (0: channels). "ratio" is the share of
/// sgemm over a step: three products per weight and token, three and a half times the causal
/// scores.
void trainingStep(benchmark::State& state)
{
    if (!gradientsAgree())
        return state.SkipWithError("the gradients differ from finite differences");
    TinyLlama shape;
    shape.hidden = static_cast<int>(state.range(0));
    shape.intermediate = shape.hidden * 8 / 3 / 32 * 32;
    shape.heads = std::max(1, shape.hidden / 64);
    shape.kvHeads = shape.heads;
    shape.vocabulary = 64;
    shape.context = static_cast<int>(state.range(1));
    const std::int64_t length = state.range(1);
    const std::int64_t windows = std::max<std::int64_t>(1, 2048 / length);
    const BlockFixture fixture(twoBits(state.range(2)), false, shape, windows, length);
    TrainingOptions options;
    options.epochs = 1;
    options.batch = static_cast<int>(windows); // one step
    options.patience = 0;
    double products = 0;
    for (const TrainedLayer& layer : fixture.problem.layers)
        products += static_cast<double>(layer.layer->parameters());
    const auto tokens = static_cast<double>(windows * length);
    const double scores = 2.0 * static_cast<double>(length) * static_cast<double>(shape.hidden);

    // An epoch of one step is judged before and after by two forward passes.
    const auto forward = [&] {
        const Tensor y = fixture.output(*fixture.weights);
        benchmark::DoNotOptimize(y.floats().data());
    };
    const auto epoch = [&] {
        Monitor monitor;
        benchmark::DoNotOptimize(trainBlock(fixture.problem, options, monitor).weights.data());
    };
    forward();
    epoch();
    SgemmCeiling ceiling;
    std::vector<double> ratios;
    std::vector<double> shares;
    std::vector<double> seconds;
    std::vector<double> forwards;
    for (auto _ : state) {
        const double limit = ceiling();
        const double once = secondsOf(forward);
        const double step = std::max(0.0, secondsOf(epoch) - 2 * once);
        state.SetIterationTime(step);
        ratios.push_back(step / once);
        shares.push_back(tokens * (6 * products + 3.5 * scores) / step / limit);
        seconds.push_back(step);
        forwards.push_back(once);
    }
    const auto median = [](std::vector<double> values) {
        std::sort(values.begin(), values.end());
        return values[values.size() / 2];
    };
    state.counters["of_sgemm"] = median(shares);
    state.counters["of_forward"] = median(ratios);
    state.counters["tokens_per_second"] = tokens / median(seconds);
    state.counters["forward_tokens_per_second"] = tokens / median(forwards);
}
BENCHMARK(trainingStep)
    ->Args({192, 512, 0}) // a block of the bundled sample
    ->Args({1024, 512, 0})
    ->Args({1024, 2048, 0})
    ->Args({1024, 2048, 64})
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

} // namespace
