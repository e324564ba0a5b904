// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/config_reader.h"
#include "core/graph/network_builder.h"

#include <string>
#include <vector>

namespace gradus {

/// What builders of transformers other than the llama family share.

inline constexpr std::int64_t largestSize = std::int64_t(1) << 24; ///< of a configured dimension

/// "gelu", "gelu_new", … as Hugging Face names them. Throws Error(Unsupported).
[[nodiscard]] op::UnaryKind activationNamed(const std::string& name);

[[nodiscard]] Tensor integersOf(const std::vector<std::int64_t>& values); ///< one axis, int64
[[nodiscard]] Tensor integerOf(std::int64_t value);                       ///< a scalar

/// Names of the layers of a block, below the block's own.
struct AttentionNames
{
    std::string attention; ///< the node that mixes
    std::string query;
    std::string key;
    std::string value;
    std::string output;
};

struct AttentionSizes
{
    std::int64_t hidden = 0;
    std::int64_t heads = 0;
    bool causal = false;
    [[nodiscard]] std::int64_t headDim() const { return hidden / heads; }
    /// hidden and heads of a configuration. Throws Error(Shape) unless heads divide hidden.
    static AttentionSizes read(const ConfigReader& reader, const char* hiddenKey,
                               const char* headsKey);
};

/// Three projections of input, their attention (mask: noValue for none) and the output projection.
ValueId addSelfAttention(NetworkBuilder& builder, const std::string& block,
                         const AttentionNames& names, const AttentionSizes& sizes, ValueId input,
                         ValueId mask = noValue);

/// batch × sequence × features → batch × features of one position.
ValueId addToken(NetworkBuilder& builder, ValueId sequence, std::int64_t position,
                 const std::string& name);

/// A language model's logits, from the embedding when the head is tied to it; the head's layer
/// stays float by default. bias: a tensor that may be there.
ValueId addLanguageHead(NetworkBuilder& builder, ValueId input, const std::string& name, bool tied,
                        const std::string& embedding, std::int64_t vocabulary,
                        std::int64_t features, const std::string& bias);

/// config.json's first of "architectures", "" when it names none.
[[nodiscard]] std::string architectureClass(const nlohmann::json& config);

/// Names of classes by config.json's id2label; empty when it has none but "LABEL_0" and the like.
[[nodiscard]] std::vector<std::string> classLabels(const nlohmann::json& config,
                                                   std::int64_t classes);

/// NAME.weight and NAME.bias as scores of classes: sets task, labels and the output "logits".
void addClassifier(NetworkBuilder& builder, const nlohmann::json& config, const std::string& name,
                   ValueId input, std::int64_t features);

/// Rows of NAME.weight, which has to be a matrix. Throws Error(Format | Shape).
[[nodiscard]] std::int64_t rowsOf(const NetworkBuilder& builder, const std::string& name);

} // namespace gradus
