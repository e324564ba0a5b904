// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <nlohmann/json_fwd.hpp>

namespace gradus {

/// Builders turn a configuration and named tensors into a graph. Each fills graph, layers, blocks
/// and the sizes of the model it is given, and checks every tensor's shape against the
/// configuration. They throw Error(Format | Shape | Unsupported) with a sentence; buildModel() then
/// keeps the container open with that sentence as whyNotRunnable.

/// llama, mistral and qwen2 families: RMSNorm, rotary embedding, grouped-query attention, SwiGLU,
/// tied or untied head, biases where the file has them.
void buildLlama(const nlohmann::json& config, Model& model);
/// gpt2: learned positions as the graph's second input, "position_ids".
void buildGpt2(const nlohmann::json& config, Model& model);
/// opt: the same.
void buildOpt(const nlohmann::json& config, Model& model);
/// bert, roberta (xlm-roberta, camembert) and distilbert with the heads for classes of sequences or
/// tokens, answers and masked words, or with none. Inputs "input_ids", "attention_mask" and, of
/// bert, "token_type_ids".
void buildBert(const nlohmann::json& config, Model& model);
/// vit and deit, with scores of classes or without.
void buildVit(const nlohmann::json& config, Model& model);

/// By the source's config.json: sets the architecture and calls its builder.
void buildHuggingFace(Model& model);

/// The graph of an ONNX file, with its own layers and blocks (see OnnxTranslation).
void buildOnnx(Model& model);

/// The graph of a Keras model's configuration, Sequential or Functional. Its inputs and outputs are
/// as Keras has them, channels last; inside images are batch × C × H × W.
void buildKeras(Model& model);

/// Layers of a container that tells how its tensors are used, without nodes or blocks.
[[nodiscard]] std::vector<Layer> layersOfUses(const Model& model);

} // namespace gradus
