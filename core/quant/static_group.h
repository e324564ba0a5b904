// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/scheme.h"
#include "core/quant/solve.h"
#include "core/quant/static_inputs.h"
#include "core/quant/static_settings.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Linear layers that read one value, and their inputs' grid: RepQuant's pass over one norm
/// (reference repquant.md, section 7.3), SmoothQuant's, or plain static quantization, as the
/// settings say.
struct StaticConsumer
{
    std::string name;
    ConstMatrixView weight;      ///< rows × features, float
    std::span<const float> bias; ///< empty: it has none
    Scheme scheme;
    MethodOptions method;                               ///< how the weight is quantized
    std::optional<double> modelExponent = std::nullopt; ///< as LayerProblem has it
    /// The method wants the float network's inputs beside the quantized one's (of what is not
    /// reconstructed).
    bool asymmetric = false;
};

struct StaticGroupProblem
{
    ConstMatrixView inputs;      ///< calibration rows × features, of the quantized network
    ConstMatrixView floatInputs; ///< the same rows of the float network; no data: inputs
    StaticSettings settings;     ///< of all consumers but for their weights' methods
    /// The norm before them is folded. biased: it and all consumers have biases, and no zeros are
    /// put between them.
    bool folds = false;
    bool biased = false;
    std::span<const float> gamma;
    std::span<const float> beta;
    std::string norm;
    std::vector<StaticConsumer> consumers;
    std::uint64_t seed = 0;
};

struct StaticConsumerResult
{
    SolveResult solved;
    AffineGrid grid; ///< of the inputs as they arrive
    std::vector<float> ratio;
    std::vector<float> bias; ///< the new one; empty: unchanged
    double lambda = 0;       ///< NaN where nothing was reconstructed
    ErrorShares errors;
    /// With stale settings, what later grids are made behind: the channels' grid and the weight
    /// before the fold.
    std::optional<AffineGrid> earlierGrid;
    std::shared_ptr<const Tensor> earlierWeight;
};

struct StaticGroupResult
{
    std::vector<float> gamma; ///< empty: unchanged
    std::vector<float> beta;
    std::optional<NormReport> norm;
    std::vector<StaticConsumerResult> consumers;
};
/// The last fifth of the rows, which stand in the order of samples, is held out where a choice is
/// made between alternatives. Throws Error(Numeric) when inputs are not finite.
[[nodiscard]] StaticGroupResult solveStaticGroup(const StaticGroupProblem& problem,
                                                 Monitor& monitor);

} // namespace gradus
