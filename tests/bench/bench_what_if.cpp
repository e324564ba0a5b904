// SPDX-License-Identifier: GPL-3.0-or-later
// What follows an edit in the workbench, on one layer: every benchmark first checks its answer.
#include "core/eval/exponent_study.h"
#include "core/eval/metrics.h"
#include "core/session/statistics.h"
#include "core/session/weight_view.h"
#include "tests/bench/ceilings.h"
#include "tests/support/quant_oracles.h"

#include <cmath>
#include <map>
#include <numeric>

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

constexpr int bins = 160;
/// Rows of the first, estimated answer.
constexpr std::int64_t sampledRows = 64;

bool near(double actual, double expected, double tolerance)
{
    return std::fabs(actual - expected) <= tolerance * std::fabs(expected);
}

std::shared_ptr<const WeightFacts> factsOf(Tensor weight)
{
    Monitor monitor;
    auto facts = std::make_shared<WeightFacts>();
    facts->layer = "bench";
    facts->weight = std::move(weight);
    const std::span<const float> values = std::as_const(facts->weight).floats();
    facts->moments = moments(values);
    facts->outlierShare = outlierShare(values, facts->moments);
    facts->original = histogram(values, facts->moments.minimum, facts->moments.maximum, bins);
    return facts;
}

struct Layer
{
    std::shared_ptr<const WeightFacts> facts;
    std::shared_ptr<const InputStatistics> inputs;
    std::shared_ptr<const std::vector<double>> energies;

    explicit Layer(std::int64_t size)
    {
        Monitor monitor;
        facts = factsOf(randomMatrix(size, size, 0.02, 7));
        const Tensor x = correlatedInputs(size, size, 3);
        InputAccumulator accumulator(size, true);
        accumulator.add(x.matrix());
        inputs = std::make_shared<InputStatistics>(accumulator.finish());
        energies = outputEnergies(*facts, *inputs, monitor);
    }

    [[nodiscard]] PreviewRequest request(std::int64_t rows, bool kept) const
    {
        PreviewRequest request;
        request.facts = facts;
        request.choice.scheme.bits = 4;
        request.choice.scheme.granularity = Granularity::Group;
        request.choice.scheme.groupSize = 128;
        request.inputs = inputs;
        if (kept)
            request.energies = energies;
        request.bins = bins;
        request.outputErrorRows = rows;
        return request;
    }
};

const Layer& layerOf(std::int64_t size)
{
    static std::map<std::int64_t, Layer> layers;
    return layers.try_emplace(size, size).first->second;
}

/// Whether a preview says what plain code says of the same layer.
const char* fault(const WeightPreview& preview, const Layer& layer, double outputTolerance)
{
    const ConstMatrixView w = layer.facts->weight.matrix();
    const Scheme& scheme = preview.choice.scheme;
    Tensor decoded(Shape{w.rows, w.cols});
    for (std::int64_t r = 0; r < w.rows; ++r)
        for (std::int64_t c = 0; c < w.cols; c += scheme.groupSize) {
            const float* begin = w.row(r).data() + c;
            const std::vector<float> granule(begin, begin + scheme.groupSize);
            const OracleGrid grid = oracleGridOf(granule, scheme);
            float* to = decoded.matrix().row(r).data() + c;
            for (const float x : granule)
                *to++ = grid.decode(grid.encode(x));
        }
    const WeightError error = weightError(w, std::as_const(decoded).matrix());
    if (!near(preview.weightSqnrDb, error.sqnrDb, 1e-9))
        return "the SQNR differs from the oracle";
    const std::int64_t count = std::accumulate(preview.dequantized.counts.begin(),
                                               preview.dequantized.counts.end(), std::int64_t(0));
    if (count != w.rows * w.cols)
        return "weights are missing in the histogram";
    const double output =
        relativeOutputError(w, std::as_const(decoded).matrix(), layer.inputs->hessian);
    if (!near(preview.relativeOutputError, output, outputTolerance))
        return "the output error differs from that of the whole matrices";
    return nullptr;
}

/// Moments, outliers and histogram: read the weight three times.
void facts(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    const std::span<const float> values = layer.facts->weight.floats();
    double squares = 0;
    for (const float x : values)
        squares += static_cast<double>(x) * static_cast<double>(x);
    const Moments& m = layer.facts->moments;
    if (!near(m.std * m.std + m.mean * m.mean, squares / static_cast<double>(values.size()), 1e-9))
        return state.SkipWithError("the moments differ from the oracle");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 3.0 * 4 * static_cast<double>(values.size()), [&] {
        const Moments found = moments(values);
        benchmark::DoNotOptimize(outlierShare(values, found));
        benchmark::DoNotOptimize(histogram(values, found.minimum, found.maximum, bins));
    });
}
BENCHMARK(facts)->Arg(2048)->Arg(4096)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Ratio: reading the weight once, as if nothing had to be computed.
void weightOnly(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    Monitor monitor;
    PreviewRequest request = layer.request(0, true);
    if (const char* why = fault(previewWeight(request, monitor), layer, 1e-4))
        return state.SkipWithError(why);
    request.inputs.reset();
    CopyCeiling ceiling;
    const double weights = static_cast<double>(state.range(0) * state.range(0));
    compare(state, "of_copy", ceiling, 4 * weights,
            [&] { benchmark::DoNotOptimize(previewWeight(request, monitor)); });
}
BENCHMARK(weightOnly)->Arg(2048)->Arg(4096)->UseManualTime()->Unit(benchmark::kMillisecond);

/// The slowest scheme to preview: 60 clips are tried for every group.
void clipSearch(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    Monitor monitor;
    PreviewRequest request = layer.request(0, true);
    request.inputs.reset();
    const double plain = previewWeight(request, monitor).weightSqnrDb;
    request.choice.method = RtnMseOptions{};
    const double searched = previewWeight(request, monitor).weightSqnrDb;
    if (!(searched > plain && searched < plain + 6))
        return state.SkipWithError("the search for a clip did not better the SQNR");
    CopyCeiling ceiling;
    const double weights = static_cast<double>(state.range(0) * state.range(0));
    compare(state, "of_copy", ceiling, 4 * weights,
            [&] { benchmark::DoNotOptimize(previewWeight(request, monitor)); });
}
BENCHMARK(clipSearch)->Arg(2048)->Arg(4096)->UseManualTime()->Unit(benchmark::kMillisecond);

void sampledPreview(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    Monitor monitor;
    const PreviewRequest request = layer.request(sampledRows, state.range(1) != 0);
    if (const char* why = fault(previewWeight(request, monitor), layer, 0.05))
        return state.SkipWithError(why);
    CopyCeiling ceiling;
    const double weights = static_cast<double>(state.range(0) * state.range(0));
    compare(state, "of_copy", ceiling, 4 * weights,
            [&] { benchmark::DoNotOptimize(previewWeight(request, monitor)); });
}
BENCHMARK(sampledPreview)
    ->ArgsProduct({{2048, 4096}, {1, 0}})
    ->ArgNames({"size", "energies_kept"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// Operations: the triangle of E·H, and of W·H where its energies are not kept.
void exactPreview(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    Monitor monitor;
    const PreviewRequest request = layer.request(0, state.range(1) != 0);
    if (const char* why = fault(previewWeight(request, monitor), layer, 1e-4))
        return state.SkipWithError(why);
    SgemmCeiling ceiling;
    const double d = static_cast<double>(state.range(0));
    compare(state, "of_sgemm", ceiling, d * d * d * (state.range(1) != 0 ? 1 : 2),
            [&] { benchmark::DoNotOptimize(previewWeight(request, monitor)); });
}
BENCHMARK(exactPreview)
    ->ArgsProduct({{2048, 4096}, {1, 0}})
    ->ArgNames({"size", "energies_kept"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void exponents(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    const ConstMatrixView w = layer.facts->weight.matrix();
    Monitor monitor;
    Scheme scheme;
    scheme.granularity = Granularity::Group;
    scheme.groupSize = 128;
    const auto study = [&] {
        return exponentStudy(PowerErrors::binned(w, scheme, monitor), scheme, leastStudiedClip,
                             monitor);
    };
    const ExponentStudy curve = study();
    for (std::size_t i = 0; i < curve.exponents.size(); i += 16)
        if (!near(curve.power[i], powerGridNmse(w, scheme, curve.exponents[i]), 1e-3))
            return state.SkipWithError("the curve differs from the exact errors");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4 * static_cast<double>(w.rows * w.cols),
            [&] { benchmark::DoNotOptimize(study()); });
}
BENCHMARK(exponents)->Arg(2048)->Arg(4096)->UseManualTime()->Unit(benchmark::kMillisecond);

void powerGrid(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    const ConstMatrixView w = layer.facts->weight.matrix();
    Monitor monitor;
    const Scheme scheme;
    const auto view = [&] { return powerGridView(w, scheme, 0.6, -0.1, 0.1, bins, monitor); };
    if (!near(view().nmse, powerGridNmse(w, scheme, 0.6), 1e-9))
        return state.SkipWithError("the error differs from powerGridNmse");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4 * static_cast<double>(w.rows * w.cols),
            [&] { benchmark::DoNotOptimize(view()); });
}
BENCHMARK(powerGrid)->Arg(2048)->Arg(4096)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Argument 1: 0 output channels, 1 input channels.
void channels(benchmark::State& state)
{
    const Layer& layer = layerOf(state.range(0));
    const ConstMatrixView w = layer.facts->weight.matrix();
    Monitor monitor;
    const ChannelAxis axis = state.range(1) != 0 ? ChannelAxis::Input : ChannelAxis::Output;
    const ChannelRanges ranges = channelRanges(w, axis, monitor);
    std::vector<float> channel;
    for (std::int64_t k = 0; k < state.range(0); ++k)
        channel.push_back(axis == ChannelAxis::Output ? w.row(5)[static_cast<std::size_t>(k)]
                                                      : w.row(k)[5]);
    std::sort(channel.begin(), channel.end());
    const auto median =
        static_cast<std::size_t>(std::lround(0.5 * static_cast<double>(channel.size() - 1)));
    if (ranges.median[5] != channel[median])
        return state.SkipWithError("the median differs from the sorted channel's");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4 * static_cast<double>(w.rows * w.cols), [&] {
        benchmark::DoNotOptimize(channelRanges(w, axis, monitor));
        benchmark::DoNotOptimize(channelStrip(w, axis, -0.1, 0.1, 80, 512, monitor));
        benchmark::DoNotOptimize(findOutliers(w, layer.facts->moments, 4, 1000, monitor));
    });
}
BENCHMARK(channels)
    ->ArgsProduct({{2048, 4096}, {0, 1}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

} // namespace
