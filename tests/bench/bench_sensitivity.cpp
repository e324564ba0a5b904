// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/capture.h"
#include "core/session/quantize.h"
#include "core/session/sensitivity.h"
#include "tests/bench/ceilings.h"

#include <filesystem>

using namespace gradus;
using namespace gradus::bench;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

/// GPTQ with 3 bits on 32 windows of 128 tokens.
Recipe recipe()
{
    Recipe recipe;
    recipe.standard.method = GptqOptions{};
    recipe.standard.scheme.bits = 3;
    recipe.calibration.data = (sample / "calibration.txt").string();
    recipe.calibration.samples = 32;
    recipe.calibration.context = 128;
    recipe.calibration.mode = CalibrationMode::Float;
    return recipe;
}

double captured(const std::shared_ptr<const Model>& model)
{
    CaptureRequest request;
    request.model = model;
    request.calibration = recipe().calibration;
    Monitor monitor;
    return secondsOf([&] { captureInputs(request, monitor, [](auto&&...) {}); });
}

double quantized(const std::shared_ptr<const Model>& model)
{
    QuantizeRequest request;
    request.model = model;
    request.recipe = recipe();
    Monitor monitor;
    return secondsOf([&] { benchmark::DoNotOptimize(quantize(request, monitor)); });
}

/// The whole table of the bundled sample: 42 layers, 2, 3, 4, 5, 6 and 8 bits. Arguments: the
/// metric (0 weight, 1 output, 2 fisher), threads.
void table(benchmark::State& state)
{
    const ThreadLimit limit(static_cast<int>(state.range(1)));
    SensitivityRequest request;
    request.model = openModel(sample);
    request.recipe = recipe();
    request.candidates = candidatesOf(request.recipe.standard, {2, 3, 4, 5, 6, 8}, {});
    request.metric = static_cast<SensitivityMetric>(state.range(0));
    Monitor monitor;
    double capture = 0;
    double quantization = 0;
    double total = 0;
    for (auto _ : state) {
        capture += captured(request.model);
        quantization += quantized(request.model);
        SensitivityTable result;
        const double seconds = secondsOf([&] { result = measureSensitivity(request, monitor); });
        if (!result.has(request.metric))
            return state.SkipWithError("the table is not complete");
        total += seconds;
        state.SetIterationTime(seconds);
    }
    state.counters["of_capture"] = total / capture;
    state.counters["of_quantize"] = total / quantization;
}
BENCHMARK(table)
    ->ArgsProduct({{0, 1, 2}, {1, 2}})
    ->ArgNames({"metric", "threads"})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

} // namespace
