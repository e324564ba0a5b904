// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/session/recipe.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gradus {

/// What this machine does with all threads of the pool, as measureMachine found it.
struct MachineSpeed
{
    double flopsPerSecond = 0;        ///< float matrix products
    double doubleFlopsPerSecond = 0;  ///< factorizations in double
    double exponentialsPerSecond = 0; ///< activation functions
    double roundingsPerSecond = 0;    ///< weights rounded to a grid
    double bytesPerSecond = 0;        ///< copied in memory
    double hashBytesPerSecond = 0;    ///< SHA-256, one thread
};

/// Measures for about 50 ms, with the program's own kernels. Once per session is enough.
[[nodiscard]] MachineSpeed measureMachine(Monitor& monitor);

struct ForecastRequest
{
    std::shared_ptr<const Model> model;
    Recipe recipe;
    std::optional<std::set<std::string>> only; ///< layers to compute; all when absent
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
    bool toFile = true; ///< the run is journaled and written
    /// Windows that the calibration text holds, when known from an earlier run; 0: as many as the
    /// recipe asks for, if the file can hold them.
    std::int64_t windows = 0;
    MachineSpeed machine;
    double correction = 1; ///< measured ÷ forecast seconds of earlier runs, see learnCorrection
};

/// A stage of a run and its share.
struct ForecastPart
{
    enum class Stage
    {
        Reading,     ///< hashing the model's data, tokenizing
        Calibration, ///< forward passes over the windows
        Hessians,    ///< second moments of the inputs
        Solving,     ///< the methods themselves, one part per method
        Measuring,   ///< weight and output errors
        Training,    ///< of blocks, of the whole model
        Writing,     ///< the run file
    };
    Stage stage = Stage::Reading;
    std::string method; ///< of Solving
    std::int64_t layers = 0;
    double seconds = 0;
    std::uint64_t memoryBytes = 0; ///< working memory of the stage at its largest
};
[[nodiscard]] std::string_view forecastStageName(ForecastPart::Stage stage); ///< "calibration", …

/// What a run will take.
struct Forecast
{
    // Exact, of the recipe as a whole.
    std::uint64_t storedBytes = 0; ///< quantized layers, as in Totals
    std::uint64_t floatBytes = 0;  ///< of everything kept float, in its source dtype
    /// Tensor data of the safetensors export, which keeps the source's dtypes; its header of a few
    /// bytes per tensor comes on top.
    std::uint64_t safetensorsBytes = 0;
    // Estimates.
    std::uint64_t peakMemoryBytes = 0; ///< beyond what the program takes before the run
    double seconds = 0;
    std::vector<ForecastPart> parts; ///< stages that take place, in order; their seconds add up
};
/// Counts flops and bytes; reads no weights. Throws Error(Usage) as resolve does.
[[nodiscard]] Forecast forecast(const ForecastRequest& request);

/// The correction to use from now on, after a run that was forecast with `used` took `measured`
/// instead of `predicted` seconds: a step of half the (logarithmic) way, within 1/20 … 20.
[[nodiscard]] double learnCorrection(double used, double predicted, double measured);

} // namespace gradus
