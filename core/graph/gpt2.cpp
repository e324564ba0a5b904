// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/transformer_parts.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace gradus {

namespace {

struct Config
{
    AttentionSizes attention;
    std::int64_t inner = 0;
    std::int64_t blocks = 0;
    std::int64_t vocabulary = 0;
    std::int64_t positions = 0;
    float epsilon = 0;
    bool tied = true;
    bool scales = true;
    bool scalesByDepth = false;
    op::UnaryKind activation = op::UnaryKind::GeluTanh;
};

Config readConfig(const nlohmann::json& json)
{
    const ConfigReader reader(json);
    Config config;
    config.attention = AttentionSizes::read(reader, "n_embd", "n_head");
    config.attention.causal = true;
    config.inner = reader.integer("n_inner", 1, largestSize, 4 * config.attention.hidden);
    config.blocks = reader.integer("n_layer", 1, 100'000);
    config.vocabulary = reader.integer("vocab_size", 1, largestSize);
    config.positions = reader.integer("n_positions", 1, largestSize, 1024);
    config.epsilon = static_cast<float>(reader.real("layer_norm_epsilon", 1e-5));
    config.tied = reader.boolean("tie_word_embeddings", true);
    config.scales = reader.boolean("scale_attn_weights", true);
    config.scalesByDepth = reader.boolean("scale_attn_by_inverse_layer_idx", false);
    config.activation = activationNamed(reader.text("activation_function", "gelu_new"));
    const std::string architecture = architectureClass(json);
    for (const char* other : {"Classification", "DoubleHeads", "QuestionAnswering"})
        if (architecture.find(other) != std::string::npos)
            throw Error(ErrorCode::Unsupported, concat("the head of ", quoted(architecture)));
    if (reader.boolean("add_cross_attention", false))
        throw Error(ErrorCode::Unsupported, "attention to an encoder");
    return config;
}

/// GPT-2: learned positions, blocks that normalize first, one layer for query, key and value.
/// Weights of its "Conv1D" layers are stored in × out.
class Gpt2Builder
{
public:
    Gpt2Builder(const Config& config, Model& model)
        : m_config(config)
        , m_builder(model)
        , m_prefix(m_builder.has("transformer.wte.weight") ? "transformer." : "")
    {
    }

    void build()
    {
        const std::int64_t hidden = m_config.attention.hidden;
        const ValueId ids = m_builder.addInput("input_ids", DType::I64, {-1, -1});
        const ValueId positions = m_builder.addInput("position_ids", DType::I64, {-1, -1});
        const std::string embedding = m_prefix + "wte";
        const ValueId words = m_builder.addEmbedding(embedding, ids, m_config.vocabulary, hidden);
        const ValueId places =
            m_builder.addEmbedding(m_prefix + "wpe", positions, m_config.positions, hidden);
        ValueId value =
            m_builder.addBinary(op::BinaryKind::Add, words, places, m_prefix + "embeddings");
        for (std::int64_t i = 0; i < m_config.blocks; ++i)
            value = addBlock(concat(m_prefix, "h.", i), value, i);
        value = addNorm(m_prefix + "ln_f", value);
        const ValueId logits = addLanguageHead(m_builder, value, "lm_head", m_config.tied,
                                               embedding, m_config.vocabulary, hidden, "");
        m_builder.addOutput(logits, "logits", {-1, -1, m_config.vocabulary});
    }

private:
    ValueId addNorm(const std::string& name, ValueId input)
    {
        return m_builder.addLayerNorm(name, input, m_config.attention.hidden, m_config.epsilon);
    }

    ValueId addConv1D(const std::string& name, ValueId input, std::int64_t out, std::int64_t in)
    {
        const std::string weight = name + ".weight";
        m_builder.requireShape(weight, {in, out});
        const ValueId value = m_builder.add(
            op::Linear{weight, m_builder.optional(name + ".bias", {out})}, {input}, name);
        m_builder.addLayer(name, weight, LayerKind::Linear, input, true, out, in,
                           weightLayout({in, out}, {1, 0}));
        return value;
    }

    ValueId addBlock(const std::string& name, ValueId input, std::int64_t index)
    {
        using op::BinaryKind;
        const AttentionSizes& sizes = m_config.attention;
        m_builder.beginBlock(name, input);
        const ValueId normed = addNorm(name + ".ln_1", input);
        const ValueId fused =
            addConv1D(name + ".attn.c_attn", normed, 3 * sizes.hidden, sizes.hidden);
        const std::vector<ValueId> qkv =
            m_builder.add(op::Split{-1}, {fused}, name + ".attn.split", 3);
        float scale = m_config.scales ? 1.0F / std::sqrt(static_cast<float>(sizes.headDim())) : 1;
        if (m_config.scalesByDepth)
            scale /= static_cast<float>(index + 1);
        const ValueId mixed =
            m_builder.add(op::Attention{sizes.heads, sizes.heads, sizes.headDim(), scale, 0, true},
                          qkv, name + ".attn");
        const ValueId projected =
            addConv1D(name + ".attn.c_proj", mixed, sizes.hidden, sizes.hidden);
        const ValueId middle =
            m_builder.addBinary(BinaryKind::Add, projected, input, name + ".attn.residual");
        const ValueId normed2 = addNorm(name + ".ln_2", middle);
        const ValueId up = addConv1D(name + ".mlp.c_fc", normed2, m_config.inner, sizes.hidden);
        const ValueId active = m_builder.addUnary(m_config.activation, up, name + ".mlp.act");
        const ValueId down = addConv1D(name + ".mlp.c_proj", active, sizes.hidden, m_config.inner);
        return m_builder.endBlock(
            m_builder.addBinary(BinaryKind::Add, middle, down, name + ".mlp.residual"));
    }

    const Config& m_config;
    NetworkBuilder m_builder;
    std::string m_prefix;
};

} // namespace

void buildGpt2(const nlohmann::json& json, Model& model)
{
    const Config config = readConfig(json);
    model.task = ModelTask::Language;
    model.hiddenSize = config.attention.hidden;
    model.vocabularySize = config.vocabulary;
    model.maximumContext = config.positions;
    Gpt2Builder(config, model).build();
}

} // namespace gradus
