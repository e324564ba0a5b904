// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_box.h"
#include "core/quant/methods/decoupleq_fit.h"
#include "core/quant/methods/decoupleq_grid.h"
#include "core/quant/methods/decoupleq_start.h"
#include "core/quant/methods/decoupleq_sweep.h"
#include "tests/bench/ceilings.h"
#include "tests/support/decoupleq_layers.h"

#include <cmath>
#include <map>
#include <optional>
#include <string>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

/// Square layers with correlated inputs, made once for each size.
const SolvableLayer& layerOf(std::int64_t d)
{
    static std::map<std::int64_t, SolvableLayer> layers;
    const auto found = layers.find(d);
    if (found != layers.end())
        return found->second;
    const Tensor x = correlatedInputs(2 * d, d, 3);
    InputAccumulator accumulator(d, true);
    accumulator.add(x.matrix());
    SolvableLayer layer(randomMatrix(d, d, 0.02, 8), accumulator.finish().hessian);
    layer.scheme.scaleType = DType::F16;
    return layers.emplace(d, std::move(layer)).first->second;
}

SolveResult solveLayer(const SolvableLayer& layer, std::int64_t group, const MethodOptions& options)
{
    Monitor monitor;
    LayerProblem problem;
    problem.name = "bench";
    problem.weight = layer.weight.matrix();
    problem.inputs = layer.inputs;
    problem.scheme = schemeOf(2, group, false, DType::F16);
    problem.scheme.floatZeros = false;
    return solve(problem, options, monitor);
}

/// Solves of a second by GPTQ with act-order: a baseline of the same layer.
class GptqBaseline
{
public:
    GptqBaseline(const SolvableLayer& layer, std::int64_t group)
        : m_layer(layer)
        , m_group(group)
    {
    }
    double operator()() const
    {
        GptqOptions options;
        options.actOrder = true;
        return 1 /
               secondsOf([&] { benchmark::DoNotOptimize(solveLayer(m_layer, m_group, options)); });
    }

private:
    const SolvableLayer& m_layer;
    std::int64_t m_group;
};

/// Whole layers with 2 bits. Arguments: rows = features, N, group, threads. The time is that of a
/// solve; ratio: how many of them GPTQ takes (1 / ratio: how many times GPTQ's time one takes).
void decoupleq(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(3)));
    const SolvableLayer& layer = layerOf(state.range(0));
    DecoupleqOptions options;
    options.iterations = static_cast<int>(state.range(1));
    const SolvableLayer small = correlatedLayer(64, 128);
    const SolveResult checked = solveLayer(small, state.range(2), options);
    const double error = small.relativeErrorOf(checked);
    if (!(std::fabs(checked.report.trace.back().relativeError - error) < 1e-4 * error))
        return state.SkipWithError("the traced error is not that of the weights");
    GptqOptions gptq;
    gptq.actOrder = true;
    const double reference = small.relativeErrorOf(solveLayer(small, state.range(2), gptq));
    if (!(error < (options.iterations > 1 ? 0.8 : 1.1) * reference))
        return state.SkipWithError("decoupleQ is not better than GPTQ");
    compare(state, "of_gptq", GptqBaseline(layer, state.range(2)), 1,
            [&] { benchmark::DoNotOptimize(solveLayer(layer, state.range(2), options)); });
}
BENCHMARK(decoupleq)
    ->ArgsProduct({{1024, 2048, 4096}, {1, 4}, {0, 64}, {1, 2}})
    ->ArgNames({"d", "N", "group", "threads"})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

/// A layer in the middle of its solution.
struct Phase
{
    Phase(std::int64_t d, std::int64_t group)
        : source(layerOf(d))
        , fixture(source.weight.clone(), source.inputs->hessian,
                  schemeOf(2, group, false, DType::F16), 0.01, true)
        , layer(fixture.layer())
        , rows(fixture.allRows())
        , start(layer)
        , state(layer)
    {
        startFromRanges(layer, layer.scheme, start);
        roundRows(layer, rows, start);
        evaluateRows(layer, rows, start);
        state = start;
    }

    const SolvableLayer& source;
    DecoupleqFixture fixture;
    const DecoupleqLayer& layer;
    std::vector<std::int64_t> rows;
    GridState start;
    GridState state;
};

double totalOf(const GridState& state)
{
    return std::accumulate(state.errors.begin(), state.errors.end(), 0.0);
}

// The phases. Arguments: rows = features, group, threads. Operations are those of the products that
// the phase is made of, against the single-precision ceiling: double can reach half of it.

void factorPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    const Phase phase(state.range(0), state.range(1));
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 2.0 / 3 * d * d * d, [&] {
        benchmark::DoNotOptimize(sweepFactor(phase.layer.hessian, phase.layer.cols,
                                             phase.layer.order, 0.01, 0.01, phase.layer.monitor));
    });
}

void sweepPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    Phase phase(state.range(0), state.range(1));
    const auto factor = sweepFactor(phase.layer.hessian, phase.layer.cols, phase.layer.order, 0.01,
                                    0.01, phase.layer.monitor);
    const PanelFactor panel(factor->u, PanelFactor::evenBorders(phase.layer.cols, 128), 128,
                            phase.layer.monitor);
    sweepIntegers(phase.layer, panel, phase.rows, phase.state);
    evaluateRows(phase.layer, phase.rows, phase.state);
    if (!(totalOf(phase.state) < 0.7 * totalOf(phase.start)))
        return state.SkipWithError("the sweep is not better than rounding to nearest");
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, d * d * d,
            [&] { sweepIntegers(phase.layer, panel, phase.rows, phase.state); });
}

void errorPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    Phase phase(state.range(0), state.range(1));
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 2 * d * d * d,
            [&] { evaluateRows(phase.layer, phase.rows, phase.state); });
}

void fitPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    Phase phase(state.range(0), state.range(1));
    const DecoupleqFit fit(phase.layer);
    fit.run(phase.rows, phase.start, phase.state);
    const double told = totalOf(phase.state);
    evaluateRows(phase.layer, phase.rows, phase.state);
    if (!(told < totalOf(phase.start)) || !(std::fabs(told - totalOf(phase.state)) < 1e-4 * told))
        return state.SkipWithError("the fit's errors are not those of its scales");
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 2 * d * d * d,
            [&] { fit.run(phase.rows, phase.start, phase.state); });
}

/// The dense search: every shrinking rounded and multiplied by H.
void denseSearch(const DecoupleqLayer& layer, RowList rows, const GridState& start,
                 std::vector<double>& least)
{
    GridState trial = start;
    std::fill(least.begin(), least.end(), std::numeric_limits<double>::infinity());
    for (int step = 0; step < gridSteps; ++step) {
        for (std::size_t i = 0; i < trial.scales.size(); ++i)
            trial.scales[i] = start.scales[i] * gridShrinking(step);
        roundRows(layer, rows, trial);
        evaluateRows(layer, rows, trial);
        for (std::size_t r = 0; r < least.size(); ++r)
            least[r] = std::min(least[r], trial.errors[r]);
    }
}

/// Counts the operations of the 160 products of the dense search: above 1, it beats what any
/// product could do.
void gridPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    Phase phase(state.range(0), state.range(1));
    Phase small(256, state.range(1));
    std::vector<double> least(small.rows.size());
    denseSearch(small.layer, small.rows, small.start, least);
    const std::vector<int> best = searchGrid(small.layer, small.start, small.state);
    GridState chosen = small.state; // with the scales before they are rounded for storing
    for (std::size_t row = 0; row < best.size(); ++row)
        for (auto g = static_cast<std::size_t>(small.layer.groups) * row;
             g < static_cast<std::size_t>(small.layer.groups) * (row + 1); ++g)
            chosen.scales[g] = small.start.scales[g] * gridShrinking(best[row]);
    evaluateRows(small.layer, small.rows, chosen);
    for (std::size_t row = 0; row < best.size(); ++row)
        if (!(chosen.errors[row] <= least[row] * (1 + 1e-4)))
            return state.SkipWithError("the search differs from the dense one");
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 160 * 2 * d * d * d,
            [&] { benchmark::DoNotOptimize(searchGrid(phase.layer, phase.start, phase.state)); });
}

/// Against the dense search on the same layer of 512 × 512.
void gridAgainstDense(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(0)));
    Phase phase(512, 0);
    std::vector<double> least(phase.rows.size());
    const auto dense = [&] {
        return 1 / secondsOf([&] { denseSearch(phase.layer, phase.rows, phase.start, least); });
    };
    compare(state, "of_dense_search", dense, 1,
            [&] { benchmark::DoNotOptimize(searchGrid(phase.layer, phase.start, phase.state)); });
}

/// First level and polish on layers that are not large.
void boxPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    Phase phase(state.range(0), state.range(1));
    const OrderedHessian h(phase.layer);
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 2 * d * d * d,
            [&] { boxIntegers(phase.layer, h, 50, 4, phase.rows, phase.state); });
}

void polishPhase(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    Phase phase(state.range(0), state.range(1));
    const OrderedHessian h(phase.layer);
    const auto d = static_cast<double>(phase.layer.cols);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 4 * d * d * d,
            [&] { polishIntegers(phase.layer, h, phase.rows, phase.state); });
}

void phaseArguments(benchmark::internal::Benchmark* benchmark)
{
    benchmark->ArgsProduct({{1024, 2048, 4096}, {0, 64}, {1, 2}})
        ->ArgNames({"d", "group", "threads"})
        ->UseManualTime()
        ->Iterations(3)
        ->Unit(benchmark::kMillisecond);
}
BENCHMARK(factorPhase)->Apply(phaseArguments);
BENCHMARK(sweepPhase)->Apply(phaseArguments);
BENCHMARK(errorPhase)->Apply(phaseArguments);
BENCHMARK(fitPhase)->Apply(phaseArguments);
BENCHMARK(gridPhase)->Apply(phaseArguments);
BENCHMARK(polishPhase)->Apply(phaseArguments);
BENCHMARK(gridAgainstDense)
    ->Arg(1)
    ->Arg(2)
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(boxPhase)
    ->ArgsProduct({{512, 1024}, {0}, {1, 2}})
    ->ArgNames({"d", "group", "threads"})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

} // namespace
