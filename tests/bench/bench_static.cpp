// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/dual_clipping.h"
#include "tests/bench/ceilings.h"
#include "tests/support/affine_oracles.h"

using namespace gradus;
using namespace gradus::bench;
using namespace gradus::test;

namespace {

constexpr std::int64_t tokens = 6304; // 32 images of 197
constexpr std::int64_t width = 768;

const Tensor& inputs()
{
    static const Tensor x = skewedRows(tokens, width, 3);
    return x;
}

/// Arguments: threads. Counts the bytes of reading the inputs once.
void percentileGrid(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(0)));
    const AffineGrid grid = channelGrid(inputs().matrix(), 4, InputRange::Percentile);
    for (std::int64_t d = 0; d < width; d += 50) {
        const std::vector<float> column = columnOf(inputs().matrix(), d);
        double least = std::numeric_limits<double>::infinity();
        for (const double p : {0.999, 0.9999, 0.99999}) {
            const AffineStep step =
                affineStep(oracleQuantile(column, 1 - p), oracleQuantile(column, p), 4);
            least =
                std::min(least, oracleError(column, static_cast<double>(step.scale), step.zero, 4));
        }
        const auto at = static_cast<std::size_t>(d);
        const double own =
            oracleError(column, static_cast<double>(grid.scale(at)), grid.zero(at), 4);
        if (!(own <= least * 1.001))
            return state.SkipWithError("another percentile is better");
    }
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4.0 * tokens * width, [&] {
        benchmark::DoNotOptimize(channelGrid(inputs().matrix(), 4, InputRange::Percentile));
    });
}
BENCHMARK(percentileGrid)->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Arguments: threads.
void clippingGrid(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(0)));
    const auto search = [&] {
        return dualClipping(inputs().matrix(), {}, 4, ClipSearch::Grid, 1, Monitor());
    };
    const std::vector<InputBounds> bounds = search();
    const AffineGrid grid = channelGrid(inputs().matrix(), 4, InputRange::Percentile);
    for (std::int64_t d = 0; d < width; d += 50) {
        const auto at = static_cast<std::size_t>(d);
        const std::vector<float> column = columnOf(inputs().matrix(), d);
        if (!(bounds[at].squaredError <=
              1.001 * oracleError(column, static_cast<double>(grid.scale(at)), grid.zero(at), 4)))
            return state.SkipWithError("the percentiles are better");
    }
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 4.0 * tokens * width,
            [&] { benchmark::DoNotOptimize(search()); });
}
BENCHMARK(clippingGrid)->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Arguments: 1 one grid, 0 one per feature; threads. Reads and writes of a layer's inputs.
void roundInputs(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(1)));
    constexpr std::int64_t wide = 4 * width;
    static const Tensor x = randomMatrix(tokens, wide, 1, 4);
    AffineGrid grid = gridOf(4, {0.3F}, {7});
    if (state.range(0) == 0) {
        grid.scales.assign(wide, 0.3F);
        grid.zeros.assign(wide, 7);
    }
    Tensor out({tokens, wide});
    roundToGrid(grid, x.matrix(), out.matrix());
    for (std::size_t i = 0; i < out.floats().size(); i += 997)
        if (std::fabs(static_cast<double>(out.floats()[i]) -
                      oracleRounded(static_cast<double>(x.floats()[i]), static_cast<double>(0.3F),
                                    7, 4)) > 1e-6)
            return state.SkipWithError("a value is rounded to another level");
    CopyCeiling ceiling;
    compare(state, "of_copy", ceiling, 8.0 * tokens * wide,
            [&] { roundToGrid(grid, x.matrix(), out.matrix()); });
}
BENCHMARK(roundInputs)
    ->ArgsProduct({{1, 0}, {1, 2}})
    ->ArgNames({"one", "threads"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

} // namespace
