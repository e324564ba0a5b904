// SPDX-License-Identifier: GPL-3.0-or-later
// A training step of one block (forward, backward, weight gradients) against the forward pass alone
// and the sgemm ceiling. The gradients are checked first, against finite differences of the loss.
#include "tests/bench/ceilings.h"
#include "tests/support/power_block.h"

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
/// of every layer. units: by code, what a scale is multiplied by.
bool gradientsAgree(const BlockFixture& fixture, const std::vector<float>& units)
{
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
    const auto elements = static_cast<double>(fixture.problem.length * fixture.model->hiddenSize);
    for (std::size_t i = 0; i < result.weights.size(); ++i) {
        const QuantizedWeight& start = *fixture.problem.layers[i].weight;
        const std::string& tensor = fixture.problem.layers[i].layer->weight;
        for (const std::int64_t row : {std::int64_t(0), start.rows - 1}) {
            const auto lossAt = [&](float h) {
                Weights with = Weights::over(*fixture.weights);
                Tensor moved = fixture.weights->get(tensor)->clone();
                for (std::int64_t c = 0; c < start.cols; ++c) {
                    const auto at = static_cast<std::size_t>(row * start.cols + c);
                    moved.floats()[at] += h * units[start.codes[at]];
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

bool uniformAgrees()
{
    return gradientsAgree(BlockFixture(twoBits(0), false, {}, 1, 32), {-2, -1, 0, 1});
}

/// Scales by their gradients, codes and exponents by what they are for: the stored form is half as
/// far from the float block after some epochs.
bool powerAgrees()
{
    PowerForm form{powerScheme(4)};
    form.scheme.scaleType = DType::F32;
    const PowerLevels levels(form.scheme, static_cast<double>(form.exponents[0]));
    if (!gradientsAgree(PowerBlock(form, true, {}, 1, 32), levels.table(4)))
        return false;
    const PowerBlock fixture(form);
    TrainingOptions options;
    options.epochs = 8;
    options.codeRate = 2e-2;
    options.exponentRate = 1e-2;
    Monitor monitor;
    const TuningResult result = trainBlock(fixture.problem, options, monitor);
    return result.outcome->after() < 0.5 * result.outcome->before() &&
           isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5);
}

TinyLlama blockShape(std::int64_t features, std::int64_t length)
{
    TinyLlama shape;
    shape.hidden = static_cast<int>(features);
    shape.intermediate = shape.hidden * 8 / 3 / 32 * 32;
    shape.heads = std::max(1, shape.hidden / 64);
    shape.kvHeads = shape.heads;
    shape.vocabulary = 64;
    shape.context = static_cast<int>(length);
    return shape;
}

/// "of_sgemm" is the share of sgemm over a step: three products per weight and token, three and a
/// half times the causal scores.
void measureStep(benchmark::State& state, const BlockFixture& fixture, TrainingOptions options)
{
    const std::int64_t windows = fixture.problem.windows;
    const std::int64_t length = fixture.problem.length;
    options.epochs = 1;
    options.batch = static_cast<int>(windows); // one step
    options.patience = 0;
    double products = 0;
    for (const TrainedLayer& layer : fixture.problem.layers)
        products += static_cast<double>(layer.layer->parameters());
    const auto tokens = static_cast<double>(windows * length);
    const double scores =
        2.0 * static_cast<double>(length) * static_cast<double>(fixture.model->hiddenSize);

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

std::int64_t windowsOf(std::int64_t length)
{
    return std::max<std::int64_t>(1, 2048 / length);
}

/// Arguments: features, tokens per window, inputs per group (0: channels).
void trainingStep(benchmark::State& state)
{
    if (!uniformAgrees())
        return state.SkipWithError("the gradients differ from finite differences");
    const std::int64_t length = state.range(1);
    const BlockFixture fixture(twoBits(state.range(2)), false, blockShape(state.range(0), length),
                               windowsOf(length), length);
    measureStep(state, fixture, {});
}
BENCHMARK(trainingStep)
    ->Args({192, 512, 0}) // a block of the bundled sample
    ->Args({1024, 512, 0})
    ->Args({1024, 2048, 0})
    ->Args({1024, 2048, 64})
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

/// Power levels of 4 bits. Arguments: features, tokens per window, whether codes and exponents are
/// trained beside the scales.
void powerTrainingStep(benchmark::State& state)
{
    if (!powerAgrees())
        return state.SkipWithError("the gradients differ, or the training gains nothing");
    const std::int64_t length = state.range(1);
    const PowerBlock fixture({powerScheme(4)}, false, blockShape(state.range(0), length),
                             windowsOf(length), length);
    TrainingOptions options;
    if (state.range(2) != 0) {
        options.codeRate = 1e-3;
        options.exponentRate = 1e-3;
    }
    measureStep(state, fixture, options);
}
BENCHMARK(powerTrainingStep)
    ->Args({192, 512, 1})
    ->Args({1024, 512, 0})
    ->Args({1024, 512, 1})
    ->Args({1024, 2048, 1})
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

} // namespace
