// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <span>
#include <vector>

namespace gradus {

/// The weight whose outputs on the inputs of the already quantized network, X̂, are nearest to those
/// that the float network has on its own, X (reference nupes.md, section 6). With rows of X as
/// tokens, Ĥ = X̂ᵀX̂/n and C = XᵀX̂/n:
///   ‖X·Wᵀ − X̂·Vᵀ‖²/n = constant + tr((V − W*)·Ĥ·(V − W*)ᵀ),  W* = W·C·Ĥ⁻¹.
/// So a method that minimizes the error under a Hessian does the asymmetric problem when it is
/// given W* in place of W, and Ĥ.
struct AsymmetricTarget
{
    Tensor weight;      ///< W*, of W's shape
    double damping = 0; ///< used, as a share of the mean diagonal of Ĥ
};

/// hessian: Ĥ, cross: C, both d × d with the features of X along C's rows; weight: rows × d. What
/// damping adds to Ĥ draws W* to W, not to 0: W* = W + W·(C − Ĥ)·(Ĥ + λI)⁻¹, which is W for equal
/// inputs whatever the damping. It is raised until Ĥ can be factorized. Columns of W whose
/// quantized input is always zero stay. Throws Error(Numeric) when Ĥ or C is not finite. Two more
/// matrices of doubles of the size of Ĥ besides the result while it runs, at the most three.
[[nodiscard]] AsymmetricTarget asymmetricTarget(ConstMatrixView weight,
                                                std::span<const double> hessian,
                                                std::span<const double> cross, double damping,
                                                const Monitor& monitor);

/// The same before it is rounded to float.
struct ExactTarget
{
    std::vector<double> weight; ///< rows × d
    double damping = 0;
};
[[nodiscard]] ExactTarget exactAsymmetricTarget(ConstMatrixView weight,
                                                std::span<const double> hessian,
                                                std::span<const double> cross, double damping,
                                                const Monitor& monitor);

} // namespace gradus
