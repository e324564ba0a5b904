// SPDX-License-Identifier: GPL-3.0-or-later
// Products of power weights, in integers and by a table of levels, against the product of floats.
// Every repetition takes other copies of the weights, so that they come from memory as they do in a
// model that is larger than the caches. Times are measured in turn; the shortest of each counts, as
// other programs can only add to them. Two ceilings: bytes that memory delivers, and the additions
// of products that the vector unit does without a memory at all.
#include "core/quant/integer_linear.h"
#include "core/quant/power_linear.h"
#include "tests/bench/ceilings.h"
#include "tests/support/quantized_weights.h"

#include <cmath>
#include <map>
#include <memory>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

/// No cache holds that much.
constexpr std::uint64_t farBytes = std::uint64_t(160) << 20;

enum Form
{
    Codebook,   ///< B: a free exponent, uniform 8-bit inputs
    Half,       ///< C: both at ½, inputs of as many bits
    LevelTable, ///< A: float inputs
};

struct Case
{
    std::int64_t size = 0;
    int bits = 0;
    int form = 0;
    bool operator==(const Case&) const = default;
};

struct Weights
{
    Case shape;
    QuantizedWeight weight;
    ActivationGrid grid;
    std::vector<Tensor> floats;
    std::vector<std::shared_ptr<const LinearKernel>> kernels;
    std::uint64_t bytes = 0; ///< of one kernel
};

std::shared_ptr<const LinearKernel> kernelOf(const Weights& weights, std::uint64_t& bytes)
{
    if (weights.shape.form == LevelTable) {
        auto kernel = std::make_shared<const PowerLinear>(weights.weight);
        bytes = kernel->bytes();
        return kernel;
    }
    auto kernel = std::make_shared<const IntegerLinear>(weights.weight, weights.grid);
    bytes = kernel->bytes();
    return kernel;
}

const Weights& weightsFor(const Case& wanted)
{
    static Weights weights;
    if (weights.shape == wanted)
        return weights;
    weights = {};
    weights.shape = wanted;
    Scheme scheme;
    scheme.bits = wanted.bits;
    weights.weight = samplePowerWeight(scheme, wanted.size, wanted.size,
                                       {wanted.form == Half ? 0.5F : 0.62F}, 1);
    weights.grid.bits = wanted.form == Half ? wanted.bits : 8;
    weights.grid.exponent = wanted.form == Half ? 0.5F : 1.0F;
    weights.grid.limit = 4;
    const auto copies = [](std::uint64_t bytes) { return 1 + farBytes / bytes; };
    weights.kernels.push_back(kernelOf(weights, weights.bytes));
    while (weights.kernels.size() < copies(weights.bytes))
        weights.kernels.push_back(kernelOf(weights, weights.bytes));
    weights.floats.push_back(weights.kernels[0]->floats());
    while (weights.floats.size() < copies(weights.floats[0].bytes().size()))
        weights.floats.push_back(weights.floats[0].clone());
    return weights;
}

/// Bytes read a second by a plain sum of a part of a large array, another part each time.
double readCeiling()
{
    static const std::vector<std::uint64_t> values(std::size_t(farBytes) / 8, 3);
    static std::size_t part = 0;
    constexpr std::int64_t count = 1 << 21;
    const std::uint64_t* from =
        values.data() + part++ % (values.size() / std::size_t(count)) * std::size_t(count);
    std::uint64_t total = 0;
    const double seconds = secondsOf([&] {
        total = parallelReduce(
            count, 1 << 16, std::uint64_t(0),
            [&](std::int64_t begin, std::int64_t end) {
                std::uint64_t sums[8] = {};
                for (std::int64_t i = begin; i + 8 <= end; i += 8)
                    for (int k = 0; k < 8; ++k)
                        sums[k] += from[i + k];
                std::uint64_t sum = 0;
                for (const std::uint64_t value : sums)
                    sum += value;
                return sum;
            },
            [](std::uint64_t& a, std::uint64_t b) { a += b; });
    });
    benchmark::DoNotOptimize(total);
    return 8.0 * static_cast<double>(count) / seconds;
}

/// Products a second of the loop itself, on words that stay in the nearest cache.
double productCeiling(OperandStore store, int threads)
{
    constexpr std::int64_t words = 64;
    alignas(64) static std::uint32_t weights[words * packedPanel * packedLanes] = {};
    alignas(64) static std::uint32_t inputs[4 * 2 * words] = {};
    alignas(64) static std::int8_t table[16] = {};
    const IntegerSum sum = integerSum(instructionSets().back(), store, packedPanel, 4);
    IntegerRun run{weights, words, inputs, 2 * words, table};
    constexpr int repeats = 200;
    const double seconds = secondsOf([&] {
        parallelFor(threads, 1, [&](std::int64_t, std::int64_t) {
            alignas(64) std::int32_t totals[4 * packedPanel * packedLanes];
            for (int i = 0; i < repeats; ++i) {
                sum(run, totals);
                benchmark::DoNotOptimize(totals[0]);
            }
        });
    });
    return static_cast<double>(threads) * repeats * 4 * static_cast<double>(words) *
           static_cast<double>(wordInputs(store) * packedPanel * packedLanes) / seconds;
}

double shortest(const std::vector<double>& values)
{
    return *std::min_element(values.begin(), values.end());
}

/// The kernel's own floats times the inputs that it rounds.
bool answers(const Weights& weights, ConstMatrixView x, ConstMatrixView y)
{
    Tensor rounded(Shape{x.rows, x.cols});
    if (weights.shape.form == LevelTable)
        for (std::int64_t r = 0; r < x.rows; ++r)
            std::copy_n(x.row(r).data(), x.cols, rounded.matrix().row(r).data());
    else
        simulateActivations(weights.grid, x, rounded.matrix());
    Tensor expected(Shape{y.rows, y.cols});
    multiplyTransposed(std::as_const(rounded).matrix(), std::as_const(weights.floats[0]).matrix(),
                       expected.matrix());
    double difference = 0;
    double size = 0;
    for (std::int64_t r = 0; r < y.rows; ++r)
        for (std::size_t c = 0; c < static_cast<std::size_t>(y.cols); ++c) {
            const auto right = static_cast<double>(expected.matrix().row(r)[c]);
            const double off = static_cast<double>(y.row(r)[c]) - right;
            difference += off * off;
            size += right * right;
        }
    return difference <= 1e-10 * size;
}

/// Arguments: rows and cols, bits, form, tokens, threads.
void product(benchmark::State& state)
{
    const Case shape{state.range(0), static_cast<int>(state.range(1)),
                     static_cast<int>(state.range(2))};
    const std::int64_t tokens = state.range(3);
    const auto threads = static_cast<int>(state.range(4));
    const ThreadLimit limit(threads);
    const Weights& weights = weightsFor(shape);
    const Tensor x = randomMatrix(tokens, shape.size, 1, 2);
    Tensor y(Shape{tokens, shape.size});
    weights.kernels[0]->apply(x.matrix(), y.matrix(), Monitor());
    if (!answers(weights, x.matrix(), y.matrix()))
        return state.SkipWithError("the product differs from the floats'");
    const std::int64_t repeats =
        std::max<std::int64_t>(1, (std::int64_t(1) << 23) / (shape.size * shape.size * tokens));
    const auto each = [&](const auto& work) {
        return secondsOf([&] {
                   for (std::int64_t i = 0; i < repeats; ++i)
                       work();
               }) /
               static_cast<double>(repeats);
    };
    const auto* integers = dynamic_cast<const IntegerLinear*>(weights.kernels[0].get());
    std::vector<double> times;
    std::vector<double> floats;
    std::vector<double> reads;
    std::vector<double> products;
    std::size_t turn = 0;
    std::size_t floatTurn = 0;
    for (auto _ : state) {
        reads.push_back(readCeiling());
        if (integers)
            products.push_back(productCeiling(integers->store(), threads));
        const double seconds = each([&] {
            weights.kernels[turn++ % weights.kernels.size()]->apply(x.matrix(), y.matrix(),
                                                                    Monitor());
        });
        state.SetIterationTime(seconds);
        times.push_back(seconds);
        floats.push_back(each([&] {
            multiplyTransposed(
                x.matrix(),
                std::as_const(weights.floats[floatTurn++ % weights.floats.size()]).matrix(),
                y.matrix());
        }));
    }
    const double read = *std::max_element(reads.begin(), reads.end());
    const double work = static_cast<double>(shape.size * shape.size * tokens);
    state.counters["us"] = 1e6 * shortest(times);
    state.counters["float_us"] = 1e6 * shortest(floats);
    state.counters["speedup"] = shortest(floats) / shortest(times);
    state.counters["of_read"] = static_cast<double>(weights.bytes) / shortest(times) / read;
    if (integers)
        state.counters["of_products"] =
            work / shortest(times) / *std::max_element(products.begin(), products.end());
    state.counters["Gproducts"] = 1e-9 * work / shortest(times);
    state.counters["read_GBps"] = 1e-9 * read;
    state.counters["bytes_ratio"] =
        static_cast<double>(weights.floats[0].bytes().size()) / static_cast<double>(weights.bytes);
    const char* names[] = {"codebook x int8", "both at 1/2", "levels x floats"};
    state.SetLabel(names[shape.form]);
}

void cases(benchmark::internal::Benchmark* benchmark)
{
    for (const std::int64_t size : {1024, 2048, 4096})
        for (const int form : {Codebook, Half, LevelTable})
            for (const int bits : {4, 8})
                for (const int tokens : {1, 32})
                    for (const int threads : {1, 2})
                        benchmark->Args({size, bits, form, tokens, threads});
}
BENCHMARK(product)
    ->Apply(cases)
    ->ArgNames({"size", "bits", "form", "tokens", "threads"})
    ->UseManualTime()
    ->Iterations(15)
    ->Unit(benchmark::kMicrosecond);

} // namespace
