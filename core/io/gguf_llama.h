// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/gguf_header.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// The models of the llama family in GGUF's words, and in Hugging Face's. Architectures "llama"
/// (Mistral's models too) and "qwen2".
[[nodiscard]] bool isLlamaFamily(const GgufMetadata& metadata);

/// "blk.0.attn_q.weight" → "model.layers.0.self_attn.q_proj.weight"; a name that is none of the
/// family's stays.
[[nodiscard]] std::string huggingFaceName(const std::string& name);

/// Rows per head of a query or key tensor, by its name in the file, whose rows GGUF orders for
/// neighbouring rotary pairs (architecture "llama" only); 0 for every other. Throws Error(Format)
/// when the heads do not divide the rows into even parts.
[[nodiscard]] std::int64_t rotaryHeadRows(const GgufMetadata& metadata, const GgufTensor& tensor);

/// config.json of the family made from the metadata. factors: the values of the tensor
/// rope_freqs.weight, by which each rotary frequency is divided; empty if there is none.
struct LlamaConfigFacts
{
    std::int64_t vocabulary = 0; ///< rows of the embedding
    bool tied = false;           ///< no output.weight
    std::vector<float> factors;
};
[[nodiscard]] std::string llamaConfig(const GgufMetadata& metadata, const LlamaConfigFacts& facts);

} // namespace gradus
