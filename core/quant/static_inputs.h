// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/affine_grid.h"
#include "core/quant/norm_fold.h"
#include "core/quant/quantized_attention.h"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Where the probabilities of an attention lie, on calibration inputs: counts of −log2(p) in steps
/// of ¼ from 0 on (48 bins, the last open), and how many were exactly 0.
struct ProbabilityHistogram
{
    static constexpr int binsPerOctave = 4;
    std::array<std::int64_t, 48> counts = {};
    std::int64_t zeros = 0;
    bool operator==(const ProbabilityHistogram&) const = default;
};

/// Relative output errors of one layer on calibration rows, by what is quantized.
struct ErrorShares
{
    double weights = std::numeric_limits<double>::quiet_NaN();
    double inputs = std::numeric_limits<double>::quiet_NaN();
    double both = std::numeric_limits<double>::quiet_NaN();
};

/// What static quantization makes of a layer beside its weight: the grid of its inputs, of the
/// attention that they come from, and the floats of the network that were changed for it.
struct StaticInputs
{
    std::optional<AffineGrid> grid; ///< of the layer's inputs, as they arrive; none: they are float
    /// The stored weight is near to W·diag(ratio), as the norm before it was divided by it; empty:
    /// 1 everywhere.
    std::vector<float> ratio;
    std::optional<AttentionGrids> attention; ///< of the attention whose outputs the layer reads
    std::optional<ProbabilityHistogram> probabilities; ///< of that attention
    std::optional<NormReport> norm;                    ///< at the first layer that reads the norm
    /// Float tensors of the model that were changed: of the norm (at the first layer that reads
    /// it), the layer's bias. Float32.
    std::map<std::string, std::shared_ptr<const Tensor>> parameters;
    double lambda = std::numeric_limits<double>::quiet_NaN(); ///< of the reconstruction
    ErrorShares errors;
};

} // namespace gradus
