// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/options.h"
#include "core/quant/quantized_weight.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Quantized weight reconstruction (reference repquant.md, section 7): the quadratic problem of a
/// linear layer whose inputs are quantized. The paper's own algorithm is not known; this follows
/// the reference's derivation. Rows are tokens.
struct ReconstructionProblem
{
    std::string name;
    ConstMatrixView weight;  ///< W~, rows × features
    ConstMatrixView inputs;  ///< Â: dequantized inputs, tokens × features
    ConstMatrixView targets; ///< X of the network to come near to, in W~'s domain; Y = X·W~ᵀ
    Scheme scheme;
    MethodOptions method; ///< of the weight: RTN, GPTQ, decoupleQ or NUPES
    /// λ as a share of the mean diagonal of H; negative: chosen among {0.01, 0.03, 0.1, 0.3, 1, ∞}
    /// (∞: W~ itself) by the error on every fifth row, which the solution does not see then.
    double lambda = -1;
    bool centred = true; ///< means are left to the bias; false where the layer has none
    std::uint64_t seed = 0;
};

struct ReconstructionResult
{
    QuantizedWeight weight;
    /// To be added to the outputs beside the bias that belongs to W~: mean(Y) − Ŵ·mean(Â). Empty
    /// when not centred.
    std::vector<double> biasChange;
    double lambda = 0; ///< that was used; infinite for none
    double heldOutError = 0; ///< ‖ÂŴᵀ + change − Y‖²/‖Y‖² on the held-out rows; NaN without
    std::string note;
};
/// W* = (C + W~Λ)(H + Λ)⁻¹, then the method on W* under H, then the bias. Throws Error(Numeric) on
/// values that are not finite, Error(Shape) when the sizes do not fit. All in double but for
/// products of rows.
[[nodiscard]] ReconstructionResult reconstructWeight(const ReconstructionProblem& problem,
                                                     Monitor& monitor);

/// W* alone, rows × features, in double: what the tests compare with brute force.
struct RidgeTarget
{
    std::vector<double> weight;
    std::vector<double> inputMean;  ///< of Â; 0 when not centred
    std::vector<double> outputMean; ///< of Y
};
[[nodiscard]] RidgeTarget ridgeTarget(const ReconstructionProblem& problem, double lambda,
                                      const Monitor& monitor);

} // namespace gradus
