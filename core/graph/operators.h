// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace gradus {

/// Operators as small values. Activations are batch × sequence × features, row-major float32.
/// Weights are named tensors of the model.
namespace op {

/// ids (batch × sequence) → rows of weight (vocabulary × features).
struct Embedding
{
    std::string weight;
};

/// y = x / sqrt(mean(x²) + epsilon) · weight, over features (ONNX RMSNormalization).
struct RmsNorm
{
    std::string weight;
    float epsilon = 1e-5F;
};

/// y = x · Wᵀ + bias, W: out × in; bias may be empty.
struct Linear
{
    std::string weight;
    std::string bias;
};

/// Rotary position embedding on each head of headDim features: pairs (i, i + headDim/2), angle
/// position · inverseFrequency[i] (ONNX RotaryEmbedding, interleaved = 0).
struct Rotary
{
    std::int64_t headDim = 0;
    std::vector<float> inverseFrequency; ///< headDim/2 values
};

/// Causal grouped-query attention of q (heads · headDim), k and v (kvHeads · headDim) features:
/// softmax(scale · q·kᵀ)·v per head.
struct Attention
{
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;
    std::int64_t headDim = 0;
    float scale = 1;
    std::int64_t window = 0; ///< sliding window in tokens, 0 for none
};

struct Silu
{
};
struct Multiply
{
};
struct Add
{
};

} // namespace op

using Operator = std::variant<op::Embedding, op::RmsNorm, op::Linear, op::Rotary, op::Attention,
                              op::Silu, op::Multiply, op::Add>;

} // namespace gradus
