// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/config_reader.h"
#include "core/graph/network_builder.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <numbers>

namespace gradus {

namespace {

constexpr std::int64_t largeSize = std::int64_t(1) << 24;

/// The configuration, in our words.
struct Config
{
    std::int64_t hidden = 0;
    std::int64_t intermediate = 0;
    std::int64_t blocks = 0;
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;
    std::int64_t headDim = 0;
    std::int64_t vocabulary = 0;
    std::int64_t context = 0;
    std::int64_t window = 0;
    float epsilon = 0;
    bool tied = false;
    std::vector<float> inverseFrequency;
};

std::vector<float> inverseFrequencies(const ConfigReader& reader, std::int64_t headDim)
{
    // Newer files gather the rotary settings in "rope_parameters".
    const nlohmann::json& parameters = reader.object("rope_parameters");
    const nlohmann::json& scalingObject =
        parameters.empty() ? reader.object("rope_scaling") : parameters;
    const ConfigReader scaling(scalingObject);
    const double theta = scaling.real("rope_theta", reader.real("rope_theta", 10000.0));
    if (!(theta > 1))
        throw Error(ErrorCode::Format,
                    concat("config.json: \"rope_theta\" is ", theta, ", expected more than 1"));
    if (reader.real("partial_rotary_factor", 1.0) != 1.0)
        throw Error(ErrorCode::Unsupported, "a partial rotary embedding is not supported");
    std::vector<float> frequencies(static_cast<std::size_t>(headDim / 2));
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const float exponent = static_cast<float>(2 * i) / static_cast<float>(headDim);
        frequencies[i] = 1.0F / std::pow(static_cast<float>(theta), exponent);
    }
    const std::string kind = scaling.text("rope_type", scaling.text("type", "default"));
    if (kind == "default")
        return frequencies;
    const auto factor = static_cast<float>(scaling.real("factor", 1.0));
    if (!(factor > 0))
        throw Error(ErrorCode::Format,
                    concat("config.json: rotary scaling factor ", factor, ", expected above 0"));
    if (kind == "linear") {
        for (float& frequency : frequencies)
            frequency /= factor;
        return frequencies;
    }
    if (kind == "llama3") {
        // Llama 3.1: long wavelengths are stretched by the factor, short ones kept, a smooth ramp
        // between.
        const double low = scaling.real("low_freq_factor", 1.0);
        const double high = scaling.real("high_freq_factor", 4.0);
        const double original = scaling.real("original_max_position_embeddings", 8192.0);
        if (!(low > 0 && high > low && original > 0))
            throw Error(ErrorCode::Format, "config.json: inconsistent llama3 rotary scaling");
        for (float& frequency : frequencies) {
            const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
            if (wavelength > original / low) {
                frequency /= factor;
            } else if (wavelength >= original / high) {
                const auto smooth =
                    static_cast<float>((original / wavelength - low) / (high - low));
                frequency = (1 - smooth) * frequency / factor + smooth * frequency;
            }
        }
        return frequencies;
    }
    throw Error(ErrorCode::Unsupported,
                concat("rotary scaling of type ", quoted(kind), " is not supported"));
}

Config readConfig(const nlohmann::json& json)
{
    const ConfigReader reader(json);
    Config config;
    config.hidden = reader.integer("hidden_size", 1, largeSize);
    config.intermediate = reader.integer("intermediate_size", 1, largeSize);
    config.blocks = reader.integer("num_hidden_layers", 1, 100'000);
    config.heads = reader.integer("num_attention_heads", 1, 65'536);
    config.kvHeads = reader.integer("num_key_value_heads", 1, 65'536, config.heads);
    config.vocabulary = reader.integer("vocab_size", 1, largeSize);
    config.context = reader.integer("max_position_embeddings", 1, std::int64_t(1) << 40, 0);
    config.epsilon = static_cast<float>(reader.real("rms_norm_eps", 1e-6));
    config.tied = reader.boolean("tie_word_embeddings", false);
    if (config.hidden % config.heads != 0 && !reader.has("head_dim"))
        throw Error(ErrorCode::Shape, concat("config.json: hidden size ", config.hidden,
                                             " is not divisible by ", config.heads, " heads"));
    config.headDim = reader.integer("head_dim", 1, 65'536, config.hidden / config.heads);
    if (config.heads % config.kvHeads != 0)
        throw Error(ErrorCode::Shape, concat("config.json: ", config.heads, " heads cannot share ",
                                             config.kvHeads, " key/value heads evenly"));
    if (config.headDim % 2 != 0)
        throw Error(ErrorCode::Shape, concat("config.json: head size ", config.headDim,
                                             " is odd; rotary embedding needs an even one"));
    const std::string activation = reader.text("hidden_act", "silu");
    if (activation != "silu" && activation != "swish")
        throw Error(ErrorCode::Unsupported,
                    concat("activation ", quoted(activation), " in a llama-like model"));
    const std::string type = reader.text("model_type", "llama");
    const bool slides = type == "mistral" || reader.boolean("use_sliding_window", false);
    if (slides)
        config.window = reader.integer("sliding_window", 0, std::int64_t(1) << 40, 0);
    config.inverseFrequency = inverseFrequencies(reader, config.headDim);
    return config;
}

class LlamaBuilder
{
public:
    LlamaBuilder(const Config& config, Model& model)
        : m_config(config)
        , m_builder(model)
        , m_prefix(m_builder.has("model.embed_tokens.weight") ? "model." : "")
    {
    }

    void build()
    {
        const ValueId ids = m_builder.addInput("input_ids", DType::I64, {-1, -1});
        const std::string embedding = m_prefix + "embed_tokens";
        ValueId hidden =
            m_builder.addEmbedding(embedding, ids, m_config.vocabulary, m_config.hidden);

        for (std::int64_t i = 0; i < m_config.blocks; ++i)
            hidden = addBlock(concat(m_prefix, "layers.", i), hidden);

        hidden = addNorm(m_prefix + "norm", hidden);
        const std::string head = (m_config.tied ? embedding : "lm_head") + ".weight";
        m_builder.requireShape(head, {m_config.vocabulary, m_config.hidden});
        const std::string bias = m_builder.optional("lm_head.bias", {m_config.vocabulary});
        const ValueId logits = m_builder.add(op::Linear{head, bias}, {hidden}, "lm_head");
        if (!m_config.tied)
            m_builder.addLayer("lm_head", head, LayerKind::Linear, hidden, false,
                               m_config.vocabulary, m_config.hidden);
        m_builder.addOutput(logits, "logits", {-1, -1, m_config.vocabulary});
    }

private:
    ValueId addNorm(const std::string& name, ValueId input)
    {
        return m_builder.addRmsNorm(name, input, m_config.hidden, m_config.epsilon);
    }

    ValueId addBlock(const std::string& name, ValueId input)
    {
        using op::BinaryKind;
        const std::int64_t queryFeatures = m_config.heads * m_config.headDim;
        const std::int64_t keyFeatures = m_config.kvHeads * m_config.headDim;
        const std::string attention = name + ".self_attn";
        const std::string mlp = name + ".mlp";
        const op::Rotary rotary{m_config.headDim, m_config.inverseFrequency};
        const auto linear = [&](const std::string& layer, ValueId from, std::int64_t out,
                                std::int64_t in) {
            return m_builder.addLinear(layer, from, out, in);
        };

        m_builder.beginBlock(name, input);
        const ValueId normed = addNorm(name + ".input_layernorm", input);
        const ValueId q = linear(attention + ".q_proj", normed, queryFeatures, m_config.hidden);
        const ValueId k = linear(attention + ".k_proj", normed, keyFeatures, m_config.hidden);
        const ValueId v = linear(attention + ".v_proj", normed, keyFeatures, m_config.hidden);
        const ValueId rotatedQ = m_builder.add(rotary, {q}, attention + ".q_rotary");
        const ValueId rotatedK = m_builder.add(rotary, {k}, attention + ".k_rotary");
        const float scale = 1.0F / std::sqrt(static_cast<float>(m_config.headDim));
        const ValueId mixed =
            m_builder.add(op::Attention{m_config.heads, m_config.kvHeads, m_config.headDim, scale,
                                        m_config.window, true},
                          {rotatedQ, rotatedK, v}, attention);
        const ValueId projected =
            linear(attention + ".o_proj", mixed, m_config.hidden, queryFeatures);
        const ValueId middle =
            m_builder.addBinary(BinaryKind::Add, input, projected, attention + ".residual");

        const ValueId normed2 = addNorm(name + ".post_attention_layernorm", middle);
        const ValueId gate =
            linear(mlp + ".gate_proj", normed2, m_config.intermediate, m_config.hidden);
        const ValueId up =
            linear(mlp + ".up_proj", normed2, m_config.intermediate, m_config.hidden);
        const ValueId active = m_builder.addUnary(op::UnaryKind::Silu, gate, mlp + ".act_fn");
        const ValueId product =
            m_builder.addBinary(BinaryKind::Multiply, active, up, mlp + ".product");
        const ValueId down =
            linear(mlp + ".down_proj", product, m_config.hidden, m_config.intermediate);
        return m_builder.endBlock(
            m_builder.addBinary(BinaryKind::Add, middle, down, mlp + ".residual"));
    }

    const Config& m_config;
    NetworkBuilder m_builder;
    std::string m_prefix;
};

} // namespace

bool isLlamaFamily(std::string_view modelType)
{
    return modelType == "llama" || modelType == "mistral" || modelType == "qwen2";
}

void buildLlama(const nlohmann::json& json, Model& model)
{
    const Config config = readConfig(json);
    model.vocabularySize = config.vocabulary;
    model.hiddenSize = config.hidden;
    model.maximumContext = config.context;
    model.task = ModelTask::Language;
    LlamaBuilder(config, model).build();
}

} // namespace gradus
