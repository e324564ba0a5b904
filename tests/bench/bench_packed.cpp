// SPDX-License-Identifier: GPL-3.0-or-later
// Products of a few tokens with packed weights against the same with floats. Every repetition takes
// other copies of the weights, so that they come from memory as they do in a model that is larger
// than the caches. Times are measured in turn; the shortest of each count, as other programs can
// only add to them.
#include "core/quant/packed_linear.h"
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

/// Bytes read a second by a plain sum of a part of a large array, another part each time.
double readCeiling()
{
    static const std::vector<std::uint64_t> values(std::size_t(farBytes) / 8, 3);
    static std::size_t part = 0;
    constexpr std::int64_t count = 1 << 21; // 16 MiB
    const std::uint64_t* from =
        values.data() + part++ % (values.size() / std::size_t(count)) * std::size_t(count);
    std::uint64_t total = 0;
    const double seconds = secondsOf([&] {
        total = parallelReduce(
            count, 1 << 16, std::uint64_t(0),
            [&](std::int64_t begin, std::int64_t end) {
                using V8 [[gnu::vector_size(64)]] = std::uint64_t;
                V8 sums[4] = {};
                for (std::int64_t i = begin; i + 32 <= end; i += 32)
                    for (int k = 0; k < 4; ++k) {
                        V8 v;
                        std::memcpy(&v, from + i + 8 * k, sizeof v);
                        sums[k] += v;
                    }
                const V8 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
                return ((all[0] + all[1]) + (all[2] + all[3])) +
                       ((all[4] + all[5]) + (all[6] + all[7]));
            },
            [](std::uint64_t& a, std::uint64_t b) { a += b; });
    });
    benchmark::DoNotOptimize(total);
    return 8.0 * static_cast<double>(count) / seconds;
}

/// A product with one token that does nothing but read the weight: four rows at once.
void plainFloatProduct(ConstMatrixView x, ConstMatrixView w, MatrixView y)
{
    using V16 [[gnu::vector_size(64)]] = float;
    const auto load = [](const float* from) {
        V16 v;
        std::memcpy(&v, from, sizeof v);
        return v;
    };
    parallelFor(w.rows / 4, 32, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = 4 * begin; r < 4 * end; r += 4) {
            V16 sums[4][2] = {};
            const float* rows = w.data + r * w.stride;
            for (std::int64_t c = 0; c + 32 <= w.cols; c += 32)
                for (int half = 0; half < 2; ++half) {
                    const V16 in = load(x.data + c + 16 * half);
                    for (int k = 0; k < 4; ++k)
                        sums[k][half] += in * load(rows + k * w.stride + c + 16 * half);
                }
            for (int k = 0; k < 4; ++k) {
                float total = 0;
                for (int lane = 0; lane < 16; ++lane)
                    total += sums[k][0][lane] + sums[k][1][lane];
                y.data[r + k] = total;
            }
        }
    });
}

struct Case
{
    std::int64_t rows;
    std::int64_t cols;
    int bits;
    std::int64_t group;
};

/// Weights of a case, kept for the next benchmark when that has the same.
struct Weights
{
    Case shape{};
    std::vector<Tensor> floats;
    std::vector<std::unique_ptr<PackedLinear>> packed;
};

const Weights& weightsFor(const Case& wanted)
{
    static Weights weights;
    const Case& have = weights.shape;
    if (have.rows == wanted.rows && have.cols == wanted.cols && have.bits == wanted.bits &&
        have.group == wanted.group)
        return weights;
    Scheme scheme;
    scheme.bits = wanted.bits;
    scheme.floatZeros = true;
    scheme.granularity = wanted.group > 0 ? Granularity::Group : Granularity::Channel;
    scheme.groupSize = wanted.group;
    const QuantizedWeight weight = sampleWeight(scheme, wanted.rows, wanted.cols, 1);
    weights = {};
    weights.shape = wanted;
    const auto copies = [](std::uint64_t bytes) { return 1 + farBytes / bytes; };
    weights.packed.push_back(std::make_unique<PackedLinear>(weight));
    while (weights.packed.size() < copies(weights.packed[0]->bytes()))
        weights.packed.push_back(std::make_unique<PackedLinear>(weight));
    weights.floats.push_back(dequantize(weight));
    while (weights.floats.size() < copies(weights.floats[0].bytes().size()))
        weights.floats.push_back(weights.floats[0].clone());
    return weights;
}

double shortest(const std::vector<double>& values)
{
    return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

bool agree(const Tensor& a, const Tensor& b)
{
    double difference = 0;
    double size = 0;
    for (std::size_t i = 0; i < a.floats().size(); ++i) {
        const auto left = static_cast<double>(a.floats()[i]);
        const auto right = static_cast<double>(b.floats()[i]);
        difference += (left - right) * (left - right);
        size += right * right;
    }
    return difference <= 1e-11 * size;
}

/// Arguments: rows, cols, bits, inputs per group (0: channel), tokens, threads.
void packed(benchmark::State& state)
{
    const Case shape{state.range(0), state.range(1), static_cast<int>(state.range(2)),
                     state.range(3)};
    const std::int64_t tokens = state.range(4);
    const ThreadLimit limit(static_cast<int>(state.range(5)));
    const Weights& weights = weightsFor(shape);
    const Tensor x = randomMatrix(tokens, shape.cols, 1, 2);
    Tensor expected(Shape{tokens, shape.rows});
    Tensor y(Shape{tokens, shape.rows});
    multiplyTransposed(x.matrix(), weights.floats[0].matrix(), expected.matrix());
    weights.packed[0]->apply(x.matrix(), y.matrix(), Monitor());
    if (!agree(y, expected))
        return state.SkipWithError("the packed product differs from the floats'");
    if (tokens == 1) {
        plainFloatProduct(x.matrix(), weights.floats[0].matrix(), y.matrix());
        if (!agree(y, expected))
            return state.SkipWithError("the plain product differs from the library's");
    }

    std::map<std::string, std::vector<double>> times;
    std::vector<double> ceilings;
    std::size_t turn = 0;
    std::size_t floatTurn = 0;
    // Short products are timed several at once.
    const std::int64_t repeats =
        std::max<std::int64_t>(1, (std::int64_t(1) << 23) / (shape.rows * shape.cols));
    const auto each = [&](const auto& product) {
        return secondsOf([&] {
                   for (std::int64_t i = 0; i < repeats; ++i)
                       product();
               }) /
               static_cast<double>(repeats);
    };
    const auto nextFloat = [&] {
        return std::as_const(weights.floats[floatTurn++ % weights.floats.size()]).matrix();
    };
    for (auto _ : state) {
        ceilings.push_back(readCeiling());
        const double seconds = each([&] {
            weights.packed[turn++ % weights.packed.size()]->apply(x.matrix(), y.matrix(),
                                                                  Monitor());
        });
        state.SetIterationTime(seconds);
        times["packed"].push_back(seconds);
        times["float"].push_back(
            each([&] { multiplyTransposed(x.matrix(), nextFloat(), y.matrix()); }));
        if (tokens == 1)
            times["plain"].push_back(
                each([&] { plainFloatProduct(x.matrix(), nextFloat(), y.matrix()); }));
    }
    const auto bytes = static_cast<double>(weights.packed[0]->bytes());
    const auto floatBytes = static_cast<double>(weights.floats[0].bytes().size());
    const double ceiling =
        ceilings.empty() ? 1 : *std::max_element(ceilings.begin(), ceilings.end());
    const double best = tokens == 1 ? std::min(shortest(times["float"]), shortest(times["plain"]))
                                    : shortest(times["float"]);
    state.counters["us"] = 1e6 * shortest(times["packed"]);
    state.counters["float_us"] = 1e6 * shortest(times["float"]);
    if (tokens == 1)
        state.counters["plain_us"] = 1e6 * shortest(times["plain"]);
    state.counters["bytes"] = bytes;
    state.counters["of_read"] = bytes / shortest(times["packed"]) / ceiling;
    state.counters["float_of_read"] = floatBytes / best / ceiling;
    state.counters["read_GBps"] = ceiling / 1e9;
    state.counters["speedup"] = best / shortest(times["packed"]);
    state.counters["bytes_ratio"] = floatBytes / bytes;
}

void cases(benchmark::internal::Benchmark* benchmark)
{
    const std::pair<std::int64_t, std::int64_t> sizes[] = {
        {1024, 1024}, {4096, 4096}, {4096, 11008}};
    for (const auto& [rows, cols] : sizes)
        for (const int bits : {2, 3, 4})
            for (const int group : {0, 64, 128})
                for (const int threads : {1, 2})
                    benchmark->Args({rows, cols, bits, group, 1, threads});
    for (const int bits : {2, 3, 4})
        for (const int tokens : {4, 16, 64})
            for (const int threads : {1, 2})
                benchmark->Args({4096, 4096, bits, 128, tokens, threads});
}
BENCHMARK(packed)
    ->Apply(cases)
    ->ArgNames({"rows", "cols", "bits", "group", "tokens", "threads"})
    ->UseManualTime()
    ->Iterations(25)
    ->Unit(benchmark::kMicrosecond);

} // namespace
