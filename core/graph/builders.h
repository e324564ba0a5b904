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
[[nodiscard]] bool isLlamaFamily(std::string_view modelType);

/// The graph of an ONNX file, with its own layers and blocks (see OnnxTranslation).
void buildOnnx(Model& model);

/// Layers of a container that tells how its tensors are used, without nodes or blocks.
[[nodiscard]] std::vector<Layer> layersOfUses(const Model& model);

} // namespace gradus
