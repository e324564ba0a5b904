// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/config_reader.h"

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

/// Adds nodes and layers one after the other.
class Builder
{
public:
    Builder(const Config& config, Model& model)
        : m_config(config)
        , m_model(model)
    {
        m_prefix = model.source.tensors->find("model.embed_tokens.weight") ? "model." : "";
    }

    void build()
    {
        const std::string embedding = m_prefix + "embed_tokens";
        requireShape(embedding + ".weight", {m_config.vocabulary, m_config.hidden});
        ValueId hidden = add(op::Embedding{embedding + ".weight"}, {0}, embedding);
        addLayer(embedding, LayerKind::Embedding, 0, false);

        for (std::int64_t i = 0; i < m_config.blocks; ++i)
            hidden = addBlock(concat(m_prefix, "layers.", i), hidden);

        const std::string norm = m_prefix + "norm";
        hidden = addNorm(norm, hidden);
        const std::string head = m_config.tied ? embedding : "lm_head";
        requireShape(head + ".weight", {m_config.vocabulary, m_config.hidden});
        m_model.graph.output =
            add(op::Linear{head + ".weight", optionalBias("lm_head", m_config.vocabulary)},
                {hidden}, "lm_head");
        if (!m_config.tied)
            addLayer("lm_head", LayerKind::Linear, hidden, false);
    }

private:
    ValueId add(Operator op, std::vector<ValueId> inputs, std::string name)
    {
        Node node;
        node.op = std::move(op);
        node.inputs = std::move(inputs);
        node.output = m_model.graph.values++;
        node.name = std::move(name);
        m_model.graph.nodes.push_back(std::move(node));
        return m_model.graph.nodes.back().output;
    }

    void requireShape(const std::string& tensor, const Shape& shape) const
    {
        const TensorInfo* info = m_model.source.tensors->find(tensor);
        if (!info)
            throw Error(ErrorCode::Format, concat("the model has no tensor ", quoted(tensor)));
        if (info->shape != shape)
            throw Error(ErrorCode::Shape, concat(tensor, " is ", shapeText(info->shape),
                                                 ", but config.json implies ", shapeText(shape)));
        if (!isFloating(info->dtype))
            throw Error(ErrorCode::Unsupported,
                        concat(tensor, " is stored as ", dtypeName(info->dtype),
                               ", expected floating point"));
    }

    std::string optionalBias(const std::string& name, std::int64_t size) const
    {
        const std::string bias = name + ".bias";
        if (!m_model.source.tensors->find(bias))
            return {};
        requireShape(bias, {size});
        return bias;
    }

    void addLayer(const std::string& name, LayerKind kind, ValueId input, bool byDefault)
    {
        const TensorInfo* info = m_model.source.tensors->find(name + ".weight");
        Layer layer;
        layer.name = name;
        layer.weight = name + ".weight";
        layer.kind = kind;
        layer.block = m_block;
        layer.node = static_cast<int>(m_model.graph.nodes.size()) - 1;
        layer.input = input;
        layer.shape = info->shape;
        layer.rows = info->shape[0];
        layer.cols = info->shape[1];
        layer.dtype = info->dtype;
        layer.quantizedByDefault = byDefault;
        m_model.layers.push_back(std::move(layer));
    }

    ValueId addLinear(const std::string& name, ValueId input, std::int64_t out, std::int64_t in)
    {
        requireShape(name + ".weight", {out, in});
        const ValueId value =
            add(op::Linear{name + ".weight", optionalBias(name, out)}, {input}, name);
        addLayer(name, LayerKind::Linear, input, true);
        return value;
    }

    ValueId addNorm(const std::string& name, ValueId input)
    {
        requireShape(name + ".weight", {m_config.hidden});
        return add(op::RmsNorm{name + ".weight", m_config.epsilon}, {input}, name);
    }

    ValueId addBlock(const std::string& name, ValueId input)
    {
        Block block;
        block.name = name;
        block.firstNode = static_cast<int>(m_model.graph.nodes.size());
        block.input = input;
        m_block = static_cast<int>(m_model.blocks.size());

        const std::int64_t queryFeatures = m_config.heads * m_config.headDim;
        const std::int64_t keyFeatures = m_config.kvHeads * m_config.headDim;
        const std::string attention = name + ".self_attn";
        const std::string mlp = name + ".mlp";
        const op::Rotary rotary{m_config.headDim, m_config.inverseFrequency};

        const ValueId normed = addNorm(name + ".input_layernorm", input);
        const ValueId q = addLinear(attention + ".q_proj", normed, queryFeatures, m_config.hidden);
        const ValueId k = addLinear(attention + ".k_proj", normed, keyFeatures, m_config.hidden);
        const ValueId v = addLinear(attention + ".v_proj", normed, keyFeatures, m_config.hidden);
        const ValueId rotatedQ = add(rotary, {q}, attention + ".q_rotary");
        const ValueId rotatedK = add(rotary, {k}, attention + ".k_rotary");
        const float scale = 1.0F / std::sqrt(static_cast<float>(m_config.headDim));
        const ValueId mixed = add(op::Attention{m_config.heads, m_config.kvHeads, m_config.headDim,
                                                scale, m_config.window},
                                  {rotatedQ, rotatedK, v}, attention);
        const ValueId projected =
            addLinear(attention + ".o_proj", mixed, m_config.hidden, queryFeatures);
        const ValueId middle = add(op::Add{}, {input, projected}, attention + ".residual");

        const ValueId normed2 = addNorm(name + ".post_attention_layernorm", middle);
        const ValueId gate =
            addLinear(mlp + ".gate_proj", normed2, m_config.intermediate, m_config.hidden);
        const ValueId up =
            addLinear(mlp + ".up_proj", normed2, m_config.intermediate, m_config.hidden);
        const ValueId active = add(op::Silu{}, {gate}, mlp + ".act_fn");
        const ValueId product = add(op::Multiply{}, {active, up}, mlp + ".product");
        const ValueId down =
            addLinear(mlp + ".down_proj", product, m_config.hidden, m_config.intermediate);
        block.output = add(op::Add{}, {middle, down}, mlp + ".residual");

        block.nodeCount = static_cast<int>(m_model.graph.nodes.size()) - block.firstNode;
        m_model.blocks.push_back(std::move(block));
        m_block = -1;
        return m_model.blocks.back().output;
    }

    const Config& m_config;
    Model& m_model;
    std::string m_prefix;
    int m_block = -1;
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
    Builder(config, model).build();
}

} // namespace gradus
