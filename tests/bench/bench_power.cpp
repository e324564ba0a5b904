// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/distribution.h"
#include "core/quant/power_direct.h"
#include "core/quant/power_search.h"
#include "core/quant/solve.h"
#include "tests/bench/ceilings.h"

#include <cmath>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

constexpr std::int64_t side = 2048; // 4 million weights

const Tensor& weights()
{
    static const Tensor w = randomMatrix(side, side, 0.02, 8);
    return w;
}

Scheme schemeOf(int bits, std::int64_t group = 0)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.symmetric = true;
    scheme.levels = Levels::Power;
    scheme.granularity = group > 0 ? Granularity::Group : Granularity::Channel;
    scheme.groupSize = group;
    return scheme;
}

PowerErrors errorsOf(int bits, bool sorted)
{
    Monitor monitor;
    return sorted ? PowerErrors::sorted(weights().matrix(), schemeOf(bits), monitor)
                  : PowerErrors::binned(weights().matrix(), schemeOf(bits), monitor);
}

/// One direct pass over the weights: what each evaluation would cost without sums.
double directError(int bits, double exponent)
{
    const Monitor monitor;
    const Scheme scheme = schemeOf(bits);
    static const std::vector<float> largest =
        granuleMagnitudes(weights().matrix(), scheme, monitor);
    return powerError(weights().matrix(), scheme, {largest, {static_cast<float>(exponent)}},
                      PowerRounding::PowerDomain, 2, monitor);
}

/// Direct passes a second.
class DirectPass
{
public:
    explicit DirectPass(int bits)
        : m_bits(bits)
    {
    }
    double operator()() const
    {
        return 1 / secondsOf([&] { benchmark::DoNotOptimize(directError(m_bits, 0.7)); });
    }

private:
    int m_bits;
};

bool agrees(const PowerErrors& errors, int bits, double tolerance)
{
    for (const double exponent : {0.5, 0.7, 1.0}) {
        const double direct = directError(bits, exponent);
        const double own =
            errors.error(PowerLevels((1 << (bits - 1)) - 1, exponent), PowerRounding::PowerDomain);
        if (!(std::fabs(own - direct) <= tolerance * direct))
            return false;
    }
    return true;
}

/// Arguments: 1 sorted, 0 binned; threads. Counts the bytes of reading the weights once.
void prepare(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(1)));
    const bool sorted = state.range(0) != 0;
    if (!agrees(errorsOf(4, sorted), 4, sorted ? 1e-5 : 2e-4))
        return state.SkipWithError("the error differs from the direct one");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4.0 * side * side,
            [&] { benchmark::DoNotOptimize(errorsOf(4, sorted)); });
}
BENCHMARK(prepare)
    ->ArgsProduct({{1, 0}, {1, 2}})
    ->ArgNames({"sorted", "threads"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// The exact search of the exponent once sorted. Arguments: bits, 1 sorted. ratio: how much faster
/// than with a direct pass for each of the exponents that it looks at.
void exponentSearch(benchmark::State& state)
{
    const auto bits = static_cast<int>(state.range(0));
    const PowerErrors errors = errorsOf(bits, state.range(1) != 0);
    int evaluations = 0;
    const auto search = [&] {
        evaluations = 0;
        return searchExponent(
            [&](double exponent) {
                ++evaluations;
                return errors.error(PowerLevels((1 << (bits - 1)) - 1, exponent),
                                    PowerRounding::PowerDomain);
            },
            errors.predictedExponent(), ExponentChoice::Free);
    };
    const ExponentPoint best = search();
    for (double exponent = 0.6; exponent < 1; exponent += 0.04)
        if (!(directError(bits, best.exponent) <= directError(bits, exponent) * 1.001))
            return state.SkipWithError("another exponent is better");
    compare(state, "of_direct", DirectPass(bits), evaluations,
            [&] { benchmark::DoNotOptimize(search()); });
}
BENCHMARK(exponentSearch)
    ->ArgsProduct({{3, 4, 8}, {1, 0}})
    ->ArgNames({"bits", "sorted"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// Exponent and clip together: 60 clips for each exponent of the scan, and more.
void jointSearch(benchmark::State& state)
{
    const ThreadLimit limit(2);
    const auto bits = static_cast<int>(state.range(0));
    const PowerErrors errors = errorsOf(bits, state.range(1) != 0);
    Monitor monitor;
    PowerFamily family = powerFamily(schemeOf(bits), PowerRounding::Nearest);
    const PowerFit best = searchPowerGrid(errors, family, 0.1, monitor);
    family.fixedExponent = 1;
    if (!(best.error < searchPowerGrid(errors, family, 0.1, monitor).error))
        return state.SkipWithError("the exponent gains nothing");
    family.fixedExponent.reset();
    compare(state, "of_direct", DirectPass(bits), 60 * 98,
            [&] { benchmark::DoNotOptimize(searchPowerGrid(errors, family, 0.1, monitor)); });
}
BENCHMARK(jointSearch)
    ->ArgsProduct({{4, 8}, {1, 0}})
    ->ArgNames({"bits", "sorted"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// Whole layers on two threads. Arguments: bits, group, clip (0 none, 1 common, 2 granule),
/// thousandths of outliers. Counts the bytes of reading the weights once.
void solveLayer(benchmark::State& state)
{
    const ThreadLimit limit(2);
    LayerProblem problem;
    problem.name = "bench";
    problem.weight = weights().matrix();
    problem.scheme = schemeOf(static_cast<int>(state.range(0)), state.range(1));
    problem.scheme.levels = Levels::Uniform;
    PowerquantOptions options;
    options.rounding = PowerRounding::Nearest;
    options.clip = static_cast<PowerClip>(state.range(2));
    options.outliers = 1e-3 * static_cast<double>(state.range(3));
    Monitor monitor;
    const SolveResult result = solve(problem, options, monitor);
    const Tensor decoded = dequantize(result.weight);
    double error = 0;
    double energy = 0;
    for (std::size_t i = 0; i < decoded.floats().size(); ++i) {
        const auto w = static_cast<double>(weights().floats()[i]);
        const double distance = w - static_cast<double>(decoded.floats()[i]);
        error += distance * distance;
        energy += w * w;
    }
    const double traced = result.report.trace.back().weightError;
    if (!(std::fabs(traced - error / energy) < 1e-6 * traced) ||
        !(traced < result.report.trace.front().weightError))
        return state.SkipWithError("the traced error is not that of the weights");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4.0 * side * side,
            [&] { benchmark::DoNotOptimize(solve(problem, options, monitor)); });
}
BENCHMARK(solveLayer)
    ->Args({4, 0, 0, 0})
    ->Args({4, 0, 1, 0})
    ->Args({4, 0, 2, 0})
    ->Args({4, 128, 2, 0})
    ->Args({8, 0, 2, 0})
    ->Args({4, 0, 0, 5})
    ->ArgNames({"bits", "group", "clip", "outliers"})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

} // namespace
