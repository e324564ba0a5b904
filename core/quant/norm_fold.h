// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/affine_grid.h"
#include "core/tensor/tensor.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Scale reparameterization (reference repquant.md, section 3): a channel-wise grid of what a norm
/// puts out becomes a layer-wise one, the norm and its consumers taking the difference. All in
/// double.
struct NormFold
{
    std::vector<double> ratio; ///< r1 = s/s̃ by feature: W~ = W·diag(r1), γ~ = γ/r1
    std::vector<double> shift; ///< s⊙r2 by feature; empty where the grid keeps its zeros (3.7)
    AffineGrid layer;          ///< one scale, the mean (as stored); one zero, or the channels' own

    /// γ~ = γ/r1; β~ = (β + s⊙r2)/r1, of no β that of zeros.
    [[nodiscard]] std::vector<double> foldedGamma(std::span<const float> gamma) const;
    [[nodiscard]] std::vector<double> foldedBeta(std::span<const float> beta) const;
    /// W·diag(r1), rows × features, as float.
    [[nodiscard]] Tensor foldedWeight(ConstMatrixView weight) const;
    /// b − W·(s⊙r2). bias may be empty: 0.
    [[nodiscard]] std::vector<double> foldedBias(ConstMatrixView weight,
                                                 std::span<const float> bias) const;
};

enum class FoldZeros
{
    /// z̃ = rne(mean z), brought into 0 … L; folded into β and biases. By section 3.4 any integer
    /// does; far from the codes β~ is large, and floats lose what they quantize.
    Mean,
    Fractional, ///< z̃ = mean z, as the official code has it; the grid has a fraction
    Kept,       ///< zeros stay integers per channel: RMSNorm, layers without bias (3.7, option 2)
};
/// channels: one scale and zero per feature.
[[nodiscard]] NormFold foldNorm(const AffineGrid& channels, FoldZeros zeros);

/// SmoothQuant (Xiao et al. 2023): x/f and W·diag(f), f_j = max|x_j|^α / max|w_j|^(1−α), over all
/// consumers' weights; 1 where either is 0. α: 0 … 1, else Error(Usage).
[[nodiscard]] std::vector<double> smoothingFactors(std::span<const float> inputMagnitudes,
                                                   std::span<const float> weightMagnitudes,
                                                   double alpha);

/// What a norm's outputs were and what became of their grids, by feature: for people to look at.
struct NormReport
{
    std::string norm;           ///< name of its node
    std::vector<float> minimum; ///< on the calibration inputs, before
    std::vector<float> maximum;
    std::vector<float> low; ///< limits that were chosen; values beyond saturate
    std::vector<float> high;
    std::vector<float> scales; ///< channel-wise
    std::vector<std::int32_t> zeros;
    std::int64_t codes = 0; ///< compared, channel-wise against layer-wise after the fold
    std::int64_t differing = 0;
    bool operator==(const NormReport&) const = default;
};

} // namespace gradus
