// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/calibration.h"
#include "core/quant/options.h"
#include "core/quant/quantized_weight.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// Everything a layer-wise method sees of a layer. W: out × in, finite.
struct LayerProblem
{
    std::string name; ///< for messages and random streams
    ConstMatrixView weight;
    Scheme scheme;
    /// Null when there is no calibration.
    std::shared_ptr<const InputStatistics> inputs;
    std::uint64_t seed = 0;
};

/// What happened, for the user: expected outcomes are data.
struct SolveReport
{
    std::string
        note; ///< "damping raised to 0.03; 2 dead columns", empty when there is nothing to say
    double damping = 0; ///< used, as a share of the mean diagonal; 0 for methods without
    std::int64_t deadColumns = 0;
};

struct SolveResult
{
    QuantizedWeight weight;
    SolveReport report;
};

/// Runs the chosen method. Throws Error(Usage) on invalid options or scheme, Error(Numeric) when
/// the weight is not finite, Error(Usage) when the method needs calibration and there is none.
[[nodiscard]] SolveResult solve(const LayerProblem& problem, const MethodOptions& options,
                                Monitor& monitor);

// The methods themselves, one file each in methods/.
[[nodiscard]] SolveResult solveRtn(const LayerProblem&, const RtnOptions&, Monitor&);
[[nodiscard]] SolveResult solveRtnMse(const LayerProblem&, const RtnMseOptions&, Monitor&);
[[nodiscard]] SolveResult solveGptq(const LayerProblem&, const GptqOptions&, Monitor&);

} // namespace gradus
