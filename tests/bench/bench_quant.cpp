// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/distribution.h"
#include "core/eval/metrics.h"
#include "core/quant/solve.h"
#include "tests/bench/ceilings.h"
#include "tests/support/quant_oracles.h"

#include <cmath>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

bool near(double actual, double expected, double tolerance)
{
    return std::fabs(actual - expected) <= tolerance * std::fabs(expected);
}

Scheme schemeOf(int bits, std::int64_t group)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = group > 0 ? Granularity::Group : Granularity::Channel;
    scheme.groupSize = group;
    return scheme;
}

std::shared_ptr<const InputStatistics> inputsOf(std::int64_t features)
{
    const Tensor x = correlatedInputs(2 * features, features, 3);
    InputAccumulator accumulator(features, true);
    accumulator.add(x.matrix());
    return std::make_shared<InputStatistics>(accumulator.finish());
}

SolveResult solved(const Tensor& w, const Scheme& scheme, const MethodOptions& options,
                   std::shared_ptr<const InputStatistics> inputs = nullptr)
{
    LayerProblem problem;
    problem.name = "bench";
    problem.weight = w.matrix();
    problem.scheme = scheme;
    problem.inputs = std::move(inputs);
    Monitor monitor;
    return solve(problem, options, monitor);
}

/// Arguments: features, rows. Counts n·d² operations, the symmetric half.
void hessian(benchmark::State& state)
{
    const std::int64_t d = state.range(0);
    const std::int64_t n = state.range(1);
    const Tensor x = randomMatrix(n, d, 1, 5);
    std::vector<double> h(static_cast<std::size_t>(d * d));
    accumulateGram(x.matrix(), h);
    RandomStream random(6, "bench");
    for (int i = 0; i < 300; ++i) {
        auto r = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(d)));
        auto c = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(d)));
        if (c > r)
            std::swap(r, c);
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k)
            sum += static_cast<double>(x.matrix().row(k)[static_cast<std::size_t>(r)]) *
                   static_cast<double>(x.matrix().row(k)[static_cast<std::size_t>(c)]);
        if (std::fabs(h[static_cast<std::size_t>(r * d + c)] - sum) > 1e-5 * static_cast<double>(n))
            return state.SkipWithError("the Hessian differs from the oracle");
    }
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, static_cast<double>(n) * static_cast<double>(d * d),
            [&] { accumulateGram(x.matrix(), h); });
}
BENCHMARK(hessian)
    ->Args({2048, 512})
    ->Args({2048, 2048})
    ->Args({4096, 512})
    ->Args({4096, 2048})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// Arguments: rows = features, group, act-order. Counts rows·d² for the updates and 2/3·d³ for the
/// factorisation (which is in double: half the ceiling's rate is all it can reach).
void gptq(benchmark::State& state)
{
    const std::int64_t d = state.range(0);
    const Scheme scheme = schemeOf(4, state.range(1));
    GptqOptions options;
    options.actOrder = state.range(2) != 0;
    {
        const Tensor w = randomMatrix(64, 256, 0.02, 8);
        const auto inputs = inputsOf(256);
        const QuantizedWeight weight = solved(w, scheme, options, inputs).weight;
        const OracleWeight oracle = oracleGptq(w.matrix(), inputs->hessian, scheme, options.damping,
                                               options.actOrder, options.staticGroups);
        const Tensor decoded = dequantize(weight);
        if (!near(oracleOutputError(w.matrix(), decoded.floats(), inputs->hessian),
                  oracleOutputError(w.matrix(), oracle.decoded, inputs->hessian), 0.01))
            return state.SkipWithError("GPTQ differs from the oracle");
    }
    const Tensor w = randomMatrix(d, d, 0.02, 8);
    const auto inputs = inputsOf(d);
    const auto errorOf = [&](const MethodOptions& method) {
        const Tensor decoded = dequantize(solved(w, scheme, method, inputs).weight);
        return relativeOutputError(w.matrix(), decoded.matrix(), inputs->hessian);
    };
    if (!(errorOf(options) < 0.7 * errorOf(RtnOptions{})))
        return state.SkipWithError("GPTQ is not better than rounding to nearest");
    const auto size = static_cast<double>(d);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, size * size * size * (1 + 2.0 / 3),
            [&] { benchmark::DoNotOptimize(solved(w, scheme, options, inputs)); });
}
BENCHMARK(gptq)
    ->Args({2048, 128, 0})
    ->Args({2048, 128, 1})
    ->Args({2048, 0, 0})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// Arguments: bits, group. Counts four bytes read and one written for each weight.
void roundToNearest(benchmark::State& state)
{
    const Scheme scheme = schemeOf(static_cast<int>(state.range(0)), state.range(1));
    const Tensor w = randomMatrix(4096, 4096, 0.02, 8);
    const auto few = std::size_t(2) * 4096;
    const OracleWeight oracle = oracleRtn(w.matrix().block(0, 0, 2, 4096), scheme);
    const QuantizedWeight weight = solved(w, scheme, RtnOptions{}).weight;
    if (!std::equal(oracle.codes.begin(), oracle.codes.begin() + static_cast<std::ptrdiff_t>(few),
                    weight.codes.begin()))
        return state.SkipWithError("the codes differ from the oracle");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 5.0 * static_cast<double>(w.count()),
            [&] { benchmark::DoNotOptimize(solved(w, scheme, RtnOptions{})); });
}
BENCHMARK(roundToNearest)
    ->Args({4, 0})
    ->Args({8, 0})
    ->Args({4, 128})
    ->Args({8, 128})
    ->Args({4, 32})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// Arguments: group. 60 clips a granule; counts the bytes of reading the weight once for each.
void roundClipped(benchmark::State& state)
{
    const Scheme scheme = schemeOf(4, state.range(0));
    const Tensor w = randomMatrix(2048, 2048, 0.02, 8);
    const auto errorOf = [&](const MethodOptions& method) {
        const Tensor decoded = dequantize(solved(w, scheme, method).weight);
        return weightError(w.matrix(), decoded.matrix()).relative;
    };
    if (!(errorOf(RtnMseOptions{}) < errorOf(RtnOptions{})))
        return state.SkipWithError("clipping is not better than the full range");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 60 * 4.0 * static_cast<double>(w.count()),
            [&] { benchmark::DoNotOptimize(solved(w, scheme, RtnMseOptions{})); });
}
BENCHMARK(roundClipped)->Arg(0)->Arg(128)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Arguments: bits. Counts the bytes of reading the weight once.
void exponentFit(benchmark::State& state)
{
    const Scheme scheme = schemeOf(static_cast<int>(state.range(0)), 0);
    const Tensor w = randomMatrix(2048, 2048, 0.02, 8);
    Monitor monitor;
    const ExponentFit fit = fitExponent(w.matrix(), scheme, monitor);
    const double n = (1 << (scheme.bits - 1)) - 1;
    double error = 0;
    double total = 0;
    for (std::int64_t r = 0; r < w.matrix().rows; ++r) {
        double s = 0;
        for (const float x : w.matrix().row(r))
            s = std::max(s, std::fabs(static_cast<double>(x)));
        for (const float x : w.matrix().row(r)) {
            const double size = std::fabs(static_cast<double>(x));
            const double code = std::floor(n * std::pow(size / s, fit.bestExponent) + 0.5);
            const double distance = size - s * std::pow(code / n, 1 / fit.bestExponent);
            error += distance * distance;
            total += size * size;
        }
    }
    if (!near(fit.bestNmse, error / total, 1e-5) || !(fit.bestNmse < fit.uniformNmse))
        return state.SkipWithError("the error of the exponent differs from the oracle");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4.0 * static_cast<double>(w.count()),
            [&] { benchmark::DoNotOptimize(fitExponent(w.matrix(), scheme, monitor)); });
}
BENCHMARK(exponentFit)->Arg(4)->Arg(8)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Two symmetric forms: counts 2·rows·d² operations.
void outputError(benchmark::State& state)
{
    const std::int64_t d = state.range(0);
    const Tensor w = randomMatrix(d, d, 0.02, 8);
    const Tensor q = dequantize(solved(w, schemeOf(4, 128), RtnOptions{}).weight);
    const auto inputs = inputsOf(d);
    const ConstMatrixView first = w.matrix().block(0, 0, 2, d);
    const double expected = oracleOutputError(first, q.floats(), inputs->hessian) /
                            oracleOutputError(first, {}, inputs->hessian);
    if (!near(relativeOutputError(first, q.matrix().block(0, 0, 2, d), inputs->hessian), expected,
              1e-4))
        return state.SkipWithError("the output error differs from the oracle");
    const auto size = static_cast<double>(d);
    SgemmCeiling ceiling;
    compare(state, "of_sgemm", ceiling, 2 * size * size * size, [&] {
        benchmark::DoNotOptimize(relativeOutputError(w.matrix(), q.matrix(), inputs->hessian));
    });
}
BENCHMARK(outputError)->Arg(2048)->UseManualTime()->Unit(benchmark::kMillisecond);

} // namespace
