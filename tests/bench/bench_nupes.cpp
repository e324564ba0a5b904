// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_codes.h"
#include "core/quant/methods/nupes_exponent.h"
#include "core/quant/methods/nupes_fit.h"
#include "core/quant/methods/nupes_gradient.h"
#include "tests/bench/ceilings.h"
#include "tests/support/nupes_layers.h"

#include <cmath>
#include <map>
#include <optional>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

/// Square layers of Student's weights with correlated inputs, made once for each size.
const SolvableLayer& layerOf(std::int64_t d)
{
    static std::map<std::int64_t, SolvableLayer> layers;
    const auto found = layers.find(d);
    if (found != layers.end())
        return found->second;
    const Tensor x = correlatedInputs(2 * d, d, 3);
    InputAccumulator accumulator(d, true);
    accumulator.add(x.matrix());
    SolvableLayer layer(splitmixSample(t4Quantile, d, d, 0.02), accumulator.finish().hessian);
    return layers.emplace(d, std::move(layer)).first->second;
}

SolveResult solveLayer(const SolvableLayer& layer, int bits, std::int64_t group,
                       const MethodOptions& options)
{
    Monitor monitor;
    LayerProblem problem;
    problem.name = "bench";
    problem.weight = layer.weight.matrix();
    problem.inputs = layer.inputs;
    problem.scheme.bits = bits;
    if (group > 0) {
        problem.scheme.granularity = Granularity::Group;
        problem.scheme.groupSize = group;
    }
    return solve(problem, options, monitor);
}

/// Whole layers with default options. Arguments: rows = features, bits, group, threads. The time is
/// that of a solve; ratio: how many of them GPTQ takes (1 / ratio: how many times GPTQ's time one
/// takes).
void nupes(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    const SolvableLayer& layer = layerOf(state.range(0));
    const int bits = static_cast<int>(state.range(1));
    const std::int64_t group = state.range(2);
    const SolvableLayer& small = layerOf(128);
    const SolveResult checked = solveLayer(small, bits, group, NupesOptions{});
    const double error = small.relativeErrorOf(checked);
    if (!(std::fabs(checked.report.trace.back().relativeError - error) < 1e-4 * error))
        return state.SkipWithError("the traced error is not that of the weights");
    if (!(error < 0.9 * small.relativeErrorOf(solveLayer(small, bits, group, GptqOptions{}))))
        return state.SkipWithError("NUPES is not better than GPTQ");
    const auto gptq = [&] {
        return 1 / secondsOf([&] {
                   benchmark::DoNotOptimize(solveLayer(layer, bits, group, GptqOptions{}));
               });
    };
    compare(state, "of_gptq", gptq, 1,
            [&] { benchmark::DoNotOptimize(solveLayer(layer, bits, group, NupesOptions{})); });
}
BENCHMARK(nupes)
    ->ArgsProduct({{1024, 2048}, {3, 4}, {0, 64}, {1, 2}})
    ->ArgNames({"d", "bits", "group", "threads"})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

/// A layer in the middle of its solution, after the sweep.
struct Phase
{
    explicit Phase(const benchmark::State& state)
        : Phase(state.range(0), static_cast<int>(state.range(1)), state.range(2))
    {
    }
    Phase(std::int64_t d, int bits, std::int64_t group)
        : fixture(layerOf(d).weight.clone(), layerOf(d).inputs->hessian, powerSchemeOf(bits, group),
                  0.6)
        , layer(fixture.layer())
        , rows(allRows(layer))
        , factor(sweepFactor(fixture.hessian(), d, fixture.order(), 0, 0.01, fixture.monitor())->u,
                 PanelFactor::evenBorders(d, 128), 128, fixture.monitor())
        , nearest(fixture.state.total())
    {
        sweep();
        swept = fixture.state.total();
    }

    void sweep()
    {
        sweepLevels(layer, factor, rows, fixture.state);
        evaluateRows(layer, rows, fixture.state);
    }
    /// Whether the state's errors are those of what is stored.
    [[nodiscard]] bool toldRight()
    {
        const double told = fixture.state.total();
        evaluateRows(layer, rows, fixture.state);
        return std::fabs(told - fixture.state.total()) < 1e-4 * told;
    }

    NupesFixture fixture;
    const NupesLayer& layer;
    std::vector<std::int64_t> rows;
    PanelFactor factor;
    double nearest;
    double swept = 0;
};

// The phases. Arguments: rows = features, bits, group, threads. Operations are those of the
// products that the phase is made of, against the single-precision ceiling.

double cubed(const Phase& phase)
{
    const auto d = static_cast<double>(phase.layer.cols);
    return d * d * d;
}

void sweepPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    Phase phase(state);
    if (!(phase.swept < 0.7 * phase.nearest))
        return state.SkipWithError("the sweep is not better than rounding to nearest");
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, cubed(phase),
            [&] { sweepLevels(phase.layer, phase.factor, phase.rows, phase.fixture.state); });
}

/// A product for the gradients and half of one behind the moves.
void codesPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    Phase phase(state);
    const NupesState start = phase.fixture.state;
    descendCodes(phase.layer, phase.rows, phase.fixture.state);
    if (!phase.toldRight() || !(phase.fixture.state.total() < 0.98 * phase.swept))
        return state.SkipWithError("the descent's errors are not lower or not right");
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 3 * cubed(phase), [&] {
        phase.fixture.state = start;
        descendCodes(phase.layer, phase.rows, phase.fixture.state);
    });
}

/// A product for the gradients and one for the systems, of groups half of it.
void scalesPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    Phase phase(state);
    const NupesState start = phase.fixture.state;
    fitScales(phase.layer, phase.rows, phase.fixture.state);
    if (!phase.toldRight() || !(phase.fixture.state.total() < phase.swept))
        return state.SkipWithError("the fit's errors are not lower or not right");
    SgemmCeiling ceiling;
    const double operations = phase.layer.groups > 1 ? 3 : 4;
    compare(state, "of_sgemm", ceiling, operations * cubed(phase), [&] {
        phase.fixture.state = start;
        fitScales(phase.layer, phase.rows, phase.fixture.state);
    });
}

/// Two products, and H summed by magnitude: as many additions as half of one.
void exponentPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    Phase phase(state);
    const NupesState start = phase.fixture.state;
    stepExponents(phase.layer, phase.rows, ExponentChoice::Free, phase.fixture.state);
    if (!phase.toldRight() || !(phase.fixture.state.total() <= phase.swept))
        return state.SkipWithError("the step's errors are not lower or not right");
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 5 * cubed(phase), [&] {
        phase.fixture.state = start;
        stepExponents(phase.layer, phase.rows, ExponentChoice::Free, phase.fixture.state);
    });
}

/// Twenty gradient steps: a product each.
void gradientPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    Phase phase(state);
    NupesOptions options;
    options.steps = 20;
    const Phase small(128, static_cast<int>(state.range(1)), state.range(2));
    NupesState found = gradientCodes(small.layer, options, true, small.fixture.state);
    const double error = small.fixture.relativeError(found.weight) * small.layer.energy;
    if (!(std::fabs(found.total() - error) < 1e-4 * error))
        return state.SkipWithError("the gradient's errors are not right");
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 20 * 2 * cubed(phase), [&] {
        benchmark::DoNotOptimize(gradientCodes(phase.layer, options, true, phase.fixture.state));
    });
}

void phaseArguments(benchmark::internal::Benchmark* benchmark)
{
    benchmark->ArgsProduct({{1024, 2048}, {4, 8}, {0, 64}, {1, 2}})
        ->ArgNames({"d", "bits", "group", "threads"})
        ->UseManualTime()
        ->Iterations(3)
        ->Unit(benchmark::kMillisecond);
}
BENCHMARK(sweepPhase)->Apply(phaseArguments);
BENCHMARK(codesPhase)->Apply(phaseArguments);
BENCHMARK(scalesPhase)->Apply(phaseArguments);
BENCHMARK(exponentPhase)->Apply(phaseArguments);
BENCHMARK(gradientPhase)
    ->ArgsProduct({{1024}, {4}, {0}, {1, 2}})
    ->ArgNames({"d", "bits", "group", "threads"})
    ->UseManualTime()
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

} // namespace
