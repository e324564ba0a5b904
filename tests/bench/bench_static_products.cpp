// SPDX-License-Identifier: GPL-3.0-or-later
// Products of statically quantized layers and attentions in integers, against those of floats.
// Weights of a layer stay the same from one repetition to the next. Times are measured in turn; the
// shortest of each counts, as other programs can only add to them.
#include "core/quant/affine_linear.h"
#include "core/quant/quantized_attention.h"
#include "core/tensor/row_product.h"
#include "tests/bench/ceilings.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

double shortest(const std::vector<double>& values)
{
    return *std::min_element(values.begin(), values.end());
}

/// Relative to the norm of what is expected.
bool isNear(const Tensor& actual, const Tensor& expected, double tolerance)
{
    double difference = 0;
    double size = 0;
    for (std::size_t i = 0; i < actual.floats().size(); ++i) {
        const auto right = static_cast<double>(expected.floats()[i]);
        const double off = static_cast<double>(actual.floats()[i]) - right;
        difference += off * off;
        size += right * right;
    }
    return difference <= tolerance * tolerance * size;
}

/// Times of both in turn, and what they come to.
template <class Integers, class Floats>
void measure(benchmark::State& state, double products, const Integers& integers,
             const Floats& floats)
{
    const auto repeats = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e7 / products));
    const auto each = [&](const auto& work) {
        return secondsOf([&] {
                   for (std::int64_t i = 0; i < repeats; ++i)
                       work();
               }) /
               static_cast<double>(repeats);
    };
    std::vector<double> times;
    std::vector<double> floatTimes;
    for (auto _ : state) {
        const double seconds = each(integers);
        state.SetIterationTime(seconds);
        times.push_back(seconds);
        floatTimes.push_back(each(floats));
    }
    state.counters["us"] = 1e6 * shortest(times);
    state.counters["float_us"] = 1e6 * shortest(floatTimes);
    state.counters["times_float"] = shortest(floatTimes) / shortest(times);
    state.counters["Gproducts"] = 1e-9 * products / shortest(times);
}

/// Arguments: rows, cols, bits of the weight, tokens, threads.
void linear(benchmark::State& state)
{
    const std::int64_t rows = state.range(0);
    const std::int64_t cols = state.range(1);
    const std::int64_t tokens = state.range(3);
    const ThreadLimit limit(static_cast<int>(state.range(4)));
    QuantizedWeight weight;
    weight.scheme.bits = static_cast<int>(state.range(2));
    weight.scheme.scaleType = DType::F32;
    weight.rows = rows;
    weight.cols = cols;
    RandomStream random(1, "codes", "bench");
    const auto levels = static_cast<std::uint64_t>(weight.scheme.maximumCode()) + 1;
    for (std::int64_t i = 0; i < rows * cols; ++i)
        weight.codes.push_back(static_cast<std::uint8_t>(random.below(levels)));
    weight.scales.assign(static_cast<std::size_t>(rows), 0.01F);
    weight.zeros.assign(static_cast<std::size_t>(rows), static_cast<float>(levels / 2) - 1);
    const Tensor x = randomMatrix(tokens, cols, 1, 2);
    const AffineGrid grid = tensorGrid(x.matrix(), 8, InputRange::MinMax);
    const auto kernel = affineIntegerLinear(weight, grid);
    const Tensor floats = dequantize(weight);
    Tensor rounded(Shape{tokens, cols});
    roundToGrid(grid, x.matrix(), rounded.matrix());
    Tensor expected(Shape{tokens, rows});
    multiplyRows(std::as_const(rounded).matrix(), floats.matrix(), {}, expected.matrix());
    Tensor y(Shape{tokens, rows});
    kernel->apply(x.matrix(), y.matrix(), Monitor());
    if (!isNear(y, expected, 1e-5))
        return state.SkipWithError("the product differs from the floats'");
    measure(
        state, static_cast<double>(tokens * rows * cols),
        [&] { kernel->apply(x.matrix(), y.matrix(), Monitor()); },
        [&] { multiplyRows(x.matrix(), floats.matrix(), {}, expected.matrix()); });
}
BENCHMARK(linear)
    ->ArgNames({"rows", "cols", "bits", "tokens", "threads"})
    ->ArgsProduct({{768, 3072}, {768}, {4, 8}, {1, 32, 197}, {1, 2}})
    ->Iterations(9)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

/// Arguments: bits, levels of an octave (0: uniform), threads. 197 tokens, 12 heads of 64 features.
void attention(benchmark::State& state)
{
    const auto bits = static_cast<int>(state.range(0));
    const auto perOctave = static_cast<int>(state.range(1));
    const ThreadLimit limit(static_cast<int>(state.range(2)));
    const op::Attention operation{12, 12, 64, 0.125F, 0, false};
    const Tensor q = randomMatrix(197, 768, 2, 3);
    const Tensor k = randomMatrix(197, 768, 2, 4);
    const Tensor v = randomMatrix(197, 768, 1, 5);
    AttentionGrids grids;
    grids.query = tensorGrid(q.matrix(), bits, InputRange::MinMax);
    grids.key = tensorGrid(k.matrix(), bits, InputRange::MinMax);
    grids.value = tensorGrid(v.matrix(), bits, InputRange::MinMax);
    LogGrid log;
    log.bits = bits;
    log.perOctave = perOctave;
    if (perOctave > 0) {
        grids.probabilities = log;
    } else {
        AffineGrid uniform;
        uniform.bits = bits;
        uniform.scales = {1.0F / static_cast<float>(uniform.largest())};
        uniform.zeros = {0};
        grids.probabilities = uniform;
    }
    const auto integers = integerAttention(grids);
    Tensor y(Shape{197, 768});
    Tensor expected(Shape{197, 768});
    roundedAttention(grids)->apply(q.matrix(), k.matrix(), v.matrix(), operation, 1, {},
                                   expected.matrix(), Monitor());
    integers->apply(q.matrix(), k.matrix(), v.matrix(), operation, 1, {}, y.matrix(), Monitor());
    if (!isNear(y, expected, 1e-5))
        return state.SkipWithError("the attention differs from the simulated one");
    measure(
        state, 2.0 * 12 * 197 * 197 * 64,
        [&] {
            integers->apply(q.matrix(), k.matrix(), v.matrix(), operation, 1, {}, y.matrix(),
                            Monitor());
        },
        [&] {
            kernel::attention(q.matrix(), k.matrix(), v.matrix(), operation, 1, {},
                              expected.matrix(), Monitor());
        });
}
BENCHMARK(attention)
    ->ArgNames({"bits", "octave", "threads"})
    ->ArgsProduct({{4, 6, 8}, {0, 1, 2}, {1, 2}})
    ->Iterations(9)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

} // namespace
