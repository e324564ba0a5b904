// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/io/safetensors.h"
#include "tests/support/sample_run.h"
#include "tests/support/support.h"

#include <functional>
#include <map>

namespace gradus::test {

struct SampleTensor
{
    std::string name;
    Shape shape;
    DType dtype = DType::F16;
};

/// A safetensors file of random values.
inline void writeSampleTensors(const std::filesystem::path& path,
                               const std::vector<SampleTensor>& list, std::uint64_t seed = 7)
{
    std::vector<TensorToWrite> tensors;
    for (const SampleTensor& entry : list) {
        tensors.push_back({entry.name, entry.dtype, entry.shape, [entry, seed] {
                               RandomStream random(seed, entry.name);
                               std::vector<float> values(std::size_t(elementCount(entry.shape)));
                               for (float& value : values)
                                   value = static_cast<float>(0.05 * random.normal());
                               if (isFloating(entry.dtype))
                                   return fromFloat(values, entry.dtype, entry.shape);
                               return Tensor::zeros(entry.dtype, entry.shape);
                           }});
    }
    Monitor monitor;
    writeSafetensors(path, std::move(tensors), {{"format", "pt"}}, monitor);
}

/// A folder with a model whose architecture Gradus does not know: every matrix is a layer.
/// 64 hidden, 96 intermediate, 32 key/value features.
inline std::shared_ptr<const Model> sampleModel(const std::filesystem::path& folder,
                                                DType dtype = DType::F16,
                                                std::vector<SampleTensor> more = {})
{
    std::filesystem::create_directory(folder);
    const std::string block = "model.layers.0.";
    std::vector<SampleTensor> list = {{"model.embed_tokens.weight", {50, 64}, dtype},
                                      {block + "self_attn.q_proj.weight", {64, 64}, dtype},
                                      {block + "self_attn.k_proj.weight", {32, 64}, dtype},
                                      {block + "self_attn.v_proj.weight", {32, 64}, dtype},
                                      {block + "self_attn.v_proj.bias", {32}, dtype},
                                      {block + "self_attn.o_proj.weight", {64, 64}, dtype},
                                      {block + "mlp.gate_proj.weight", {96, 64}, dtype},
                                      {block + "mlp.up_proj.weight", {96, 64}, dtype},
                                      {block + "mlp.down_proj.weight", {64, 96}, dtype},
                                      {block + "input_layernorm.weight", {64}, DType::F32},
                                      {"model.position_ids", {1, 8}, DType::I64},
                                      {"lm_head.weight", {50, 64}, dtype}};
    list.insert(list.end(), more.begin(), more.end());
    writeSampleTensors(folder / "model.safetensors", list);
    writeBytes(folder / "config.json",
               "{\n  \"model_type\": \"sample\", \"rms_norm_eps\": 1e-05\n}\n");
    writeBytes(folder / "tokenizer.json", "{\"a\": 1}");
    return openModel(folder);
}

/// A run of the model: layers whose names end with a key have that scheme, all others are float.
inline std::shared_ptr<Run> sampleRunOf(const Model& model,
                                        const std::map<std::string, Scheme>& schemes,
                                        int leastZero = 1, bool indexed = false)
{
    auto run = std::make_shared<Run>();
    run->provenance.program = "gradus 0.1.0";
    run->provenance.modelPath = model.source.path.string();
    run->provenance.modelFingerprint = model.source.fingerprint;
    run->provenance.modelHash = std::string(64, 'a');
    run->recipe.calibration.data = "/home/somebody/text.txt";
    std::uint64_t seed = 100;
    for (const Layer& layer : model.layers) {
        LayerResult result;
        result.name = layer.name;
        result.choice.keepFloat = true;
        for (const auto& [ending, scheme] : schemes) {
            if (layer.name.ends_with(ending))
                result = sampleLayer(layer.name, sampleWeight(scheme, layer.rows, layer.cols,
                                                              ++seed, indexed, leastZero));
        }
        run->layers.push_back(std::move(result));
    }
    return run;
}

} // namespace gradus::test
