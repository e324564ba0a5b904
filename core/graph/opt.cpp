// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/transformer_parts.h"

#include <nlohmann/json.hpp>

namespace gradus {

namespace {

/// Rows of the position table in front of position 0.
constexpr std::int64_t positionOffset = 2;

struct Config
{
    AttentionSizes attention;
    std::int64_t intermediate = 0;
    std::int64_t blocks = 0;
    std::int64_t vocabulary = 0;
    std::int64_t positions = 0;
    std::int64_t embedded = 0; ///< features of the word embedding
    bool normalizesFirst = true;
    bool normalizesAtEnd = true;
    bool tied = true;
    op::UnaryKind activation = op::UnaryKind::Relu;
};

Config readConfig(const nlohmann::json& json)
{
    const ConfigReader reader(json);
    Config config;
    config.attention = AttentionSizes::read(reader, "hidden_size", "num_attention_heads");
    config.attention.causal = true;
    config.intermediate = reader.integer("ffn_dim", 1, largestSize);
    config.blocks = reader.integer("num_hidden_layers", 1, 100'000);
    config.vocabulary = reader.integer("vocab_size", 1, largestSize);
    config.positions = reader.integer("max_position_embeddings", 1, largestSize, 2048);
    config.embedded =
        reader.integer("word_embed_proj_dim", 1, largestSize, config.attention.hidden);
    config.normalizesFirst = reader.boolean("do_layer_norm_before", true);
    config.normalizesAtEnd =
        config.normalizesFirst && !reader.boolean("_remove_final_layer_norm", false);
    config.tied = reader.boolean("tie_word_embeddings", true);
    config.activation = activationNamed(reader.text("activation_function", "relu"));
    if (!reader.boolean("layer_norm_elementwise_affine", true))
        throw Error(ErrorCode::Unsupported, "layer norms without weights in an OPT model");
    const std::string architecture = architectureClass(json);
    for (const char* other : {"Classification", "QuestionAnswering"})
        if (architecture.find(other) != std::string::npos)
            throw Error(ErrorCode::Unsupported, concat("the head of ", quoted(architecture)));
    return config;
}

/// OPT: learned positions two rows into their table, ReLU, norms before or after, and a word
/// embedding that may be narrower than the blocks.
class OptBuilder
{
public:
    OptBuilder(const Config& config, Model& model)
        : m_config(config)
        , m_builder(model)
    {
        for (const char* prefix : {"decoder.", "model.decoder."})
            if (m_builder.has(std::string(prefix) + "embed_tokens.weight"))
                m_prefix = prefix;
    }

    void build()
    {
        const std::int64_t hidden = m_config.attention.hidden;
        const std::string embedding = m_prefix + "embed_tokens";
        ValueId value = addEmbeddings(embedding);
        for (std::int64_t i = 0; i < m_config.blocks; ++i)
            value = addBlock(concat(m_prefix, "layers.", i), value);
        if (m_config.normalizesAtEnd)
            value = addNorm(m_prefix + "final_layer_norm", value);
        if (m_config.embedded != hidden)
            value = m_builder.addLinear(m_prefix + "project_out", value, m_config.embedded, hidden);
        const ValueId logits =
            addLanguageHead(m_builder, value, "lm_head", m_config.tied, embedding,
                            m_config.vocabulary, m_config.embedded, "");
        m_builder.addOutput(logits, "logits", {-1, -1, m_config.vocabulary});
    }

private:
    ValueId addNorm(const std::string& name, ValueId input)
    {
        return m_builder.addLayerNorm(name, input, m_config.attention.hidden, 1e-5F);
    }

    ValueId addEmbeddings(const std::string& embedding)
    {
        const std::int64_t hidden = m_config.attention.hidden;
        const ValueId ids = m_builder.addInput("input_ids", DType::I64, {-1, -1});
        const ValueId positions = m_builder.addInput("position_ids", DType::I64, {-1, -1});
        ValueId words =
            m_builder.addEmbedding(embedding, ids, m_config.vocabulary, m_config.embedded);
        if (m_config.embedded != hidden)
            words = m_builder.addLinear(m_prefix + "project_in", words, hidden, m_config.embedded);
        const std::string name = m_prefix + "embed_positions";
        const ValueId offset = m_builder.addConstant(integersOf({positionOffset}));
        const ValueId rows =
            m_builder.addBinary(op::BinaryKind::Add, positions, offset, name + ".rows");
        const ValueId places =
            m_builder.addEmbedding(name, rows, m_config.positions + positionOffset, hidden);
        return m_builder.addBinary(op::BinaryKind::Add, words, places, m_prefix + "embeddings");
    }

    ValueId addBlock(const std::string& name, ValueId input)
    {
        static const AttentionNames names{".self_attn", ".self_attn.q_proj", ".self_attn.k_proj",
                                          ".self_attn.v_proj", ".self_attn.out_proj"};
        const bool first = m_config.normalizesFirst;
        const auto add = [&](ValueId a, ValueId b, const char* what) {
            return m_builder.addBinary(op::BinaryKind::Add, a, b, name + what);
        };
        const std::string norm = name + ".self_attn_layer_norm";
        const std::string norm2 = name + ".final_layer_norm";
        m_builder.beginBlock(name, input);
        const ValueId attended = addSelfAttention(m_builder, name, names, m_config.attention,
                                                  first ? addNorm(norm, input) : input);
        ValueId middle = add(input, attended, ".self_attn.residual");
        if (!first)
            middle = addNorm(norm, middle);
        const ValueId up =
            m_builder.addLinear(name + ".fc1", first ? addNorm(norm2, middle) : middle,
                                m_config.intermediate, m_config.attention.hidden);
        const ValueId active = m_builder.addUnary(m_config.activation, up, name + ".activation");
        const ValueId down = m_builder.addLinear(name + ".fc2", active, m_config.attention.hidden,
                                                 m_config.intermediate);
        const ValueId sum = add(middle, down, ".residual");
        return m_builder.endBlock(first ? sum : addNorm(norm2, sum));
    }

    const Config& m_config;
    NetworkBuilder m_builder;
    std::string m_prefix;
};

} // namespace

void buildOpt(const nlohmann::json& json, Model& model)
{
    const Config config = readConfig(json);
    model.task = ModelTask::Language;
    model.hiddenSize = config.attention.hidden;
    model.vocabularySize = config.vocabulary;
    model.maximumContext = config.positions;
    OptBuilder(config, model).build();
}

} // namespace gradus
