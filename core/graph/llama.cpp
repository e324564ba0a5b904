// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/config_reader.h"
#include "core/graph/network_builder.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

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
    std::vector<std::int64_t> windows; ///< of each block, 0 for none
    float epsilon = 0;
    bool tied = false;
    std::vector<float> inverseFrequency;
    float scale = 0; ///< of scores
};

/// The angles per position, and by what rotated queries and keys are multiplied.
struct RotaryScaling
{
    std::vector<float> inverseFrequency;
    float factor = 1;
};

/// Llama 3.1: long wavelengths are stretched by the factor, short ones kept, a smooth ramp between.
void scaleAsLlama3(const ConfigReader& scaling, float factor, std::vector<float>& frequencies)
{
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
            const auto smooth = static_cast<float>((original / wavelength - low) / (high - low));
            frequency = (1 - smooth) * frequency / factor + smooth * frequency;
        }
    }
}

/// YaRN (arXiv 2309.00071), section 3.2: pairs that turn more than beta_fast times over the
/// original context are kept, those that turn less than beta_slow times are stretched, a linear
/// ramp over the pairs between; section 3.4: attention is sharpened by 0.1 ln(factor) + 1, squared.
/// Returns what queries and keys are multiplied by.
float scaleAsYarn(const ConfigReader& scaling, double theta, std::int64_t context, float factor,
                  std::vector<float>& frequencies)
{
    const double original = scaling.real("original_max_position_embeddings",
                                         static_cast<double>(std::max<std::int64_t>(context, 1)));
    const double fast = scaling.real("beta_fast", 32);
    const double slow = scaling.real("beta_slow", 1);
    if (!(original >= 1 && slow > 0 && fast >= slow))
        throw Error(ErrorCode::Format, "config.json: inconsistent yarn rotary scaling");
    const double half = static_cast<double>(frequencies.size());
    // The pair (a real number) that turns so often over the original context.
    const auto pairOfTurns = [&](double turns) {
        return half * std::log(original / (turns * 2 * std::numbers::pi)) / std::log(theta);
    };
    double first = pairOfTurns(fast);
    double last = pairOfTurns(slow);
    if (scaling.boolean("truncate", true)) {
        first = std::floor(first);
        last = std::ceil(last);
    }
    first = std::max(first, 0.0);
    last = std::min(last, 2 * half - 1);
    if (first == last)
        last += 0.001;
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double ramp = std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
        const auto frequency = static_cast<double>(frequencies[i]);
        frequencies[i] = static_cast<float>(frequency / static_cast<double>(factor) * ramp +
                                            frequency * (1 - ramp));
    }
    const auto sharpening = [&](double by) {
        return factor <= 1 ? 1.0 : 0.1 * by * std::log(static_cast<double>(factor)) + 1;
    };
    const double mscale = scaling.real("mscale", 0);
    const double mscaleAll = scaling.real("mscale_all_dim", 0);
    const double otherwise =
        mscale != 0 && mscaleAll != 0 ? sharpening(mscale) / sharpening(mscaleAll) : sharpening(1);
    return static_cast<float>(scaling.real("attention_factor", otherwise));
}

void divideByFactors(const nlohmann::json& scaling, std::vector<float>& frequencies)
{
    const auto factors = scaling.find("factors");
    if (factors == scaling.end() || !factors->is_array() || factors->size() != frequencies.size())
        throw Error(ErrorCode::Format, concat("the model lists no rotary factor for each of its ",
                                              frequencies.size(), " pairs"));
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const nlohmann::json& factor = (*factors)[i];
        if (!factor.is_number() || !(factor.get<double>() > 0))
            throw Error(ErrorCode::Format, concat("rotary factor ", i, " is not a number above 0"));
        frequencies[i] /= factor.get<float>();
    }
}

RotaryScaling rotaryScaling(const ConfigReader& reader, std::int64_t headDim, std::int64_t context)
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
    RotaryScaling result;
    std::vector<float>& frequencies = result.inverseFrequency;
    frequencies.resize(static_cast<std::size_t>(headDim / 2));
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const float exponent = static_cast<float>(2 * i) / static_cast<float>(headDim);
        frequencies[i] = 1.0F / std::pow(static_cast<float>(theta), exponent);
    }
    const std::string kind = scaling.text("rope_type", scaling.text("type", "default"));
    if (kind == "default")
        return result;
    if (kind == "factors") { // one by one, as GGUF's rope_freqs lists them
        divideByFactors(scalingObject, frequencies);
        return result;
    }
    const auto factor = static_cast<float>(scaling.real("factor", 1.0));
    if (!(factor > 0))
        throw Error(ErrorCode::Format,
                    concat("config.json: rotary scaling factor ", factor, ", expected above 0"));
    if (kind == "linear") {
        for (float& frequency : frequencies)
            frequency /= factor;
    } else if (kind == "llama3") {
        scaleAsLlama3(scaling, factor, frequencies);
    } else if (kind == "yarn") {
        result.factor = scaleAsYarn(scaling, theta, context, factor, frequencies);
    } else { // "dynamic" too: its angles depend on the length of each text
        throw Error(ErrorCode::Unsupported,
                    concat("rotary scaling of type ", quoted(kind), " is not supported"));
    }
    return result;
}

/// The sliding window of every block, 0 for none.
std::vector<std::int64_t> slidingWindows(const nlohmann::json& json, const ConfigReader& reader,
                                         std::int64_t blocks)
{
    const std::string type = reader.text("model_type", "llama");
    std::vector<std::int64_t> windows(static_cast<std::size_t>(blocks), 0);
    const auto kinds = json.find("layer_types");
    const bool listed = kinds != json.end() && kinds->is_array();
    if (type == "llama" ||
        (!listed && type == "qwen2" && !reader.boolean("use_sliding_window", false)))
        return windows;
    // What these architectures have where config.json says nothing; null is none.
    const std::int64_t usual = json.contains("sliding_window") ? 0 : 4096;
    const std::int64_t window = reader.integer("sliding_window", 0, std::int64_t(1) << 40, usual);
    if (listed && kinds->size() != windows.size())
        throw Error(ErrorCode::Shape, concat("config.json: \"layer_types\" has ", kinds->size(),
                                             " entries for ", blocks, " blocks"));
    // Qwen2 keeps the first blocks without a window, Mistral none.
    const std::int64_t first =
        type == "qwen2" ? reader.integer("max_window_layers", 0, INT64_MAX, 28) : 0;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const bool slides =
            listed ? (*kinds)[i] == "sliding_attention" : static_cast<std::int64_t>(i) >= first;
        if (listed && !slides && (*kinds)[i] != "full_attention")
            throw Error(ErrorCode::Unsupported,
                        concat("attention of type ", quoted((*kinds)[i].dump())));
        windows[i] = slides ? window : 0;
    }
    return windows;
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
    config.windows = slidingWindows(json, reader, config.blocks);
    RotaryScaling rotary = rotaryScaling(reader, config.headDim, config.context);
    config.inverseFrequency = std::move(rotary.inverseFrequency);
    config.scale = 1.0F / std::sqrt(static_cast<float>(config.headDim));
    if (rotary.factor != 1) // of queries and of keys
        config.scale *= rotary.factor * rotary.factor;
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
            hidden = addBlock(concat(m_prefix, "layers.", i), hidden,
                              m_config.windows[static_cast<std::size_t>(i)]);

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

    ValueId addBlock(const std::string& name, ValueId input, std::int64_t window)
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
        const ValueId mixed =
            m_builder.add(op::Attention{m_config.heads, m_config.kvHeads, m_config.headDim,
                                        m_config.scale, window, true},
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
