// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/kernels.h"
#include "core/graph/operators.h"
#include "core/tensor/tensor.h"

#include <span>

namespace gradus::kernel {

/// The arithmetic of the backward pass. dy is dL/d(output), dx is dL/d(input), with their shapes;
/// "accumulate" adds to dx instead of setting it. Like the forward kernels: float32, fixed chunks,
/// bit-identical for any number of threads. Checked against finite differences in the tests. The
/// rotary embedding's is rotary() with inverse; the linear operator's are products (linalg.h).

/// For y = x · f · weight with f = 1/sqrt(mean(x²) + epsilon), all n × d:
///   dx = f · (weight·dy) − x · f³/d · Σ weight·dy·x,   dweight += Σ over rows of dy · x · f.
/// dx or dweight may be empty when nobody wants it.
void rmsNormBackward(ConstMatrixView x, std::span<const float> weight, float epsilon,
                     ConstMatrixView dy, MatrixView dx, bool accumulate, std::span<float> dweight);

/// Attention as kernel::attention() has it. Scores are computed again, for one head and one run of
/// queries at a time. With P the probabilities and dP = dy·vᵀ:
///   dv = Pᵀ·dy,   dM = P ∘ (dP − rowsum(P ∘ dP)),   dS = scale · dM,   dq = dS·k,   dk = dSᵀ·q,
/// where query heads that share a key head add up in their order. Sets dq, dk and dv. dmask, when
/// it is not empty, gets dM, batch × heads × n × m; what no query sees is left alone.
void attentionBackward(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                       const op::Attention& attention, std::int64_t batch,
                       const AttentionMask& mask, ConstMatrixView dy, MatrixView dq, MatrixView dk,
                       MatrixView dv, std::span<float> dmask, const Monitor& monitor);

/// dx = dy · σ(x) · (1 + x · (1 − σ(x))). dx may be dy.
void siluBackward(std::span<const float> x, std::span<const float> dy, std::span<float> dx);

/// sums += the sum of each column (a bias's gradient); over rows in double.
void addColumnSums(ConstMatrixView x, std::span<float> sums);

struct SquaredError
{
    double error = 0;  ///< Σ (actual − target)²
    double target = 0; ///< Σ target²
};
/// gradient = factor · (actual − target); it may be actual, or empty.
SquaredError squaredErrorBackward(ConstMatrixView actual, ConstMatrixView target, float factor,
                                  MatrixView gradient);

/// Each row of logits becomes factor · (softmax(row) − the target's unit vector): factor times the
/// gradient of the negative log-likelihood, which goes into nll (nats).
void crossEntropyBackward(MatrixView logits, std::span<const std::int32_t> targets, float factor,
                          std::span<double> nll);

} // namespace gradus::kernel
