// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/operators.h"
#include "core/tensor/tensor.h"

#include <optional>
#include <span>

namespace gradus::kernel {

/// The arithmetic of the operators on float32 rows. Parallel over fixed chunks; in and out may be
/// the same memory where said. Each is checked against a scalar oracle in the tests.

/// exp(x) to about 2 units in the last place; 0 below -87.3, infinity above 88.7. Plain arithmetic
/// that the compiler vectorises, so that a value never depends on where in an array it stands.
[[nodiscard]] float exponential(float x);

/// out (n × d) = in / sqrt(mean(in²) + epsilon) · weight, row by row. May be in place.
void rmsNorm(ConstMatrixView in, std::span<const float> weight, float epsilon, MatrixView out);

/// x (batch · sequence × heads · headDim), rotated in place; the first row of each sequence stands
/// at position `offset`. inverse: by the negative angles, which undoes it and, a rotation being
/// orthogonal, is its backward pass.
void rotary(MatrixView x, const op::Rotary& rotary, std::int64_t sequence, std::int64_t offset,
            bool inverse = false);

/// What is added to the scores of sequence b, head h, query i and key j: data[b · batchStride + …].
struct AttentionMask
{
    const float* data = nullptr; ///< null: nothing is added
    std::int64_t batchStride = 0;
    std::int64_t headStride = 0;
    std::int64_t queryStride = 0;
    std::int64_t keyStride = 0; ///< 0 or 1
    [[nodiscard]] AttentionMask of(std::int64_t sequence, std::int64_t head) const;
};

/// scores: batch × heads × queries × keys. Nothing when the mask is not of floats or does not
/// broadcast to it. The tensor must outlive what is returned.
[[nodiscard]] std::optional<AttentionMask> attentionMask(const Tensor& mask, const Shape& scores);

/// Attention of a batch of sequences: q (batch · n × heads · headDim), k and v (batch · m × kvHeads
/// · headDim) → out like q. A causal one has n ≤ m: queries stand at the last n positions. A query
/// whose keys are all masked by −∞ gets 0. Scores exist for one head and one run of queries at a
/// time.
void attention(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch, const AttentionMask& mask,
               MatrixView out, const Monitor& monitor);

/// out = x / (1 + exp(-x)). May be in place.
void silu(std::span<const float> x, std::span<float> out);
/// out = a · b, out = a + b, element by element. May be in place.
void multiplyElements(std::span<const float> a, std::span<const float> b, std::span<float> out);
void addElements(std::span<const float> a, std::span<const float> b, std::span<float> out);
/// Adds bias to every row.
void addBias(MatrixView x, std::span<const float> bias);

/// Negative log-likelihood, in nats, of each row's target under softmax(row); double accumulation.
void negativeLogLikelihood(ConstMatrixView logits, std::span<const std::int32_t> targets,
                           std::span<double> nll);

/// KL(p ‖ q) in nats, per row, of p = softmax(reference) and q = softmax(tested); double
/// accumulation.
void divergence(ConstMatrixView reference, ConstMatrixView tested, std::span<double> kl);

} // namespace gradus::kernel
