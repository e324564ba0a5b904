// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/gguf_llama.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace gradus {

namespace {

using Json = nlohmann::ordered_json;
using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 3> outerNames{{
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
}};
constexpr std::array<Pair, 9> blockNames{{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};

/// "blk.7.attn_q.weight" in its pieces; block is −1 for a name outside the blocks.
struct Name
{
    long long block = -1;
    std::string_view layer;
    std::string_view end; ///< ".weight"
};

Name split(std::string_view whole)
{
    Name name;
    std::string_view rest = whole;
    if (rest.starts_with("blk.")) {
        const std::size_t dot = rest.find('.', 4);
        if (dot == std::string_view::npos || !parseInteger(rest.substr(4, dot - 4), name.block) ||
            name.block < 0 || concat("blk.", name.block, ".") != rest.substr(0, dot + 1))
            return {-1, whole, {}};
        rest.remove_prefix(dot + 1);
    }
    const std::size_t dot = rest.find('.');
    name.layer = rest.substr(0, dot);
    name.end = dot == std::string_view::npos ? std::string_view() : rest.substr(dot);
    return name;
}

std::string architectureOf(const GgufMetadata& metadata)
{
    return std::string(metadata.text("general.architecture").value_or(""));
}

/// A value per block or one for all: the one of that block.
std::int64_t perBlock(const GgufMetadata& metadata, const std::string& key, long long block)
{
    const std::uint64_t count = metadata.count(key);
    if (count == 0)
        throw metadata.wrong(key, "it is missing");
    const auto value = metadata.integer(key, count == 1 ? 0 : static_cast<std::uint64_t>(block));
    if (!value)
        throw metadata.wrong(key, concat("has no value for block ", block));
    return *value;
}

/// One number for all blocks; nothing if it is missing. Blocks that differ cannot be run.
std::optional<std::int64_t> common(const GgufMetadata& metadata, const std::string& key)
{
    const std::vector<std::int64_t> values = metadata.integers(key);
    if (values.empty())
        return std::nullopt;
    if (std::any_of(values.begin(), values.end(),
                    [&](std::int64_t value) { return value != values.front(); }))
        return std::nullopt;
    return values.front();
}

/// Llama 3.1's stretch of each rotary frequency, from its published parameters.
double llama3Factor(double frequency, double factor, double original)
{
    constexpr double low = 1;
    constexpr double high = 4;
    const double turns = original * frequency / (2 * std::numbers::pi);
    if (turns < low)
        return factor;
    if (turns > high)
        return 1;
    const double smooth = (turns - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
}

/// In Hugging Face's words if the factors are Llama 3's, else as a list.
Json scalingOfFactors(const std::vector<float>& factors, double theta)
{
    constexpr double original = 8192;
    constexpr double tolerance = 1e-3;
    const double factor = static_cast<double>(*std::max_element(factors.begin(), factors.end()));
    bool isLlama3 = factor > 1;
    for (std::size_t i = 0; i < factors.size(); ++i) {
        const double frequency =
            std::pow(theta, -static_cast<double>(i) / static_cast<double>(factors.size()));
        const double expected = llama3Factor(frequency, factor, original);
        isLlama3 =
            isLlama3 && std::fabs(static_cast<double>(factors[i]) / expected - 1) < tolerance;
    }
    if (isLlama3)
        return {{"rope_type", "llama3"},
                {"factor", factor},
                {"low_freq_factor", 1.0},
                {"high_freq_factor", 4.0},
                {"original_max_position_embeddings", 8192}};
    return {{"rope_type", "factors"}, {"factors", factors}};
}

/// Null for none.
Json scalingOf(const GgufMetadata& metadata, const std::string& prefix,
               const std::vector<float>& factors, double theta)
{
    const std::string kind(
        metadata.text(prefix + "scaling.type")
            .value_or(metadata.has(prefix + "scale_linear") ? "linear" : "none"));
    if (!factors.empty())
        return scalingOfFactors(factors, theta);
    const double factor = metadata.real(prefix + "scaling.factor")
                              .value_or(metadata.real(prefix + "scale_linear").value_or(1.0));
    if (kind == "none" || factor == 1)
        return {};
    Json scaling{{"rope_type", kind}, {"factor", factor}};
    if (kind != "yarn")
        return scaling;
    if (const auto original = metadata.integer(prefix + "scaling.original_context_length"))
        scaling["original_max_position_embeddings"] = *original;
    for (const char* word : {"beta_fast", "beta_slow"})
        if (const auto value = metadata.real(concat(prefix, "scaling.yarn_", word)))
            scaling[word] = *value;
    return scaling;
}

} // namespace

bool isLlamaFamily(const GgufMetadata& metadata)
{
    const std::string architecture = architectureOf(metadata);
    return architecture == "llama" || architecture == "qwen2";
}

std::string huggingFaceName(const std::string& whole)
{
    const Name name = split(whole);
    if (name.end != ".weight" && name.end != ".bias")
        return whole;
    const auto find = [&](const auto& names) -> std::string_view {
        for (const auto& [from, to] : names)
            if (from == name.layer)
                return to;
        return {};
    };
    const std::string_view layer = name.block < 0 ? find(outerNames) : find(blockNames);
    if (layer.empty())
        return whole;
    return name.block < 0 ? concat(layer, name.end)
                          : concat("model.layers.", name.block, ".", layer, name.end);
}

std::int64_t rotaryHeadRows(const GgufMetadata& metadata, const GgufTensor& tensor)
{
    const Name name = split(tensor.name);
    const bool query = name.layer == "attn_q";
    if (architectureOf(metadata) != "llama" || name.block < 0 || tensor.shape.empty() ||
        (!query && name.layer != "attn_k"))
        return 0;
    const std::string all = "llama.attention.head_count";
    const std::string shared = all + "_kv";
    const std::int64_t heads =
        perBlock(metadata, query || !metadata.has(shared) ? all : shared, name.block);
    const std::int64_t rows = tensor.shape.front();
    if (heads <= 0 || rows % heads != 0 || rows / heads % 2 != 0)
        throw metadata.wrong(query ? all : shared,
                             concat(heads, " heads cannot share the ", rows, " rows of ",
                                    quoted(tensor.name), " in even parts"));
    return rows / heads;
}

std::string llamaConfig(const GgufMetadata& metadata, const LlamaConfigFacts& facts)
{
    const std::string architecture = architectureOf(metadata);
    const std::string prefix = architecture + ".";
    Json config;
    const auto number = [&](const char* word, const std::optional<std::int64_t>& value) {
        if (value)
            config[word] = *value; // what is missing and needed, the builder of the model names
        return value.value_or(0);
    };
    config["architectures"] = {architecture == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM"};
    config["model_type"] = architecture;
    const auto hidden = number("hidden_size", metadata.integer(prefix + "embedding_length"));
    number("intermediate_size", common(metadata, prefix + "feed_forward_length"));
    number("num_hidden_layers", metadata.integer(prefix + "block_count"));
    const auto heads =
        number("num_attention_heads", common(metadata, prefix + "attention.head_count"));
    const std::string shared = prefix + "attention.head_count_kv";
    number("num_key_value_heads", metadata.has(shared) ? common(metadata, shared) : heads);
    std::int64_t headDim = heads > 0 && hidden % heads == 0 ? hidden / heads : 0;
    if (const auto length = metadata.integer(prefix + "attention.key_length");
        length && *length != headDim)
        headDim = number("head_dim", length);
    number("vocab_size", facts.vocabulary > 0 ? std::optional(facts.vocabulary)
                                              : metadata.integer(prefix + "vocab_size"));
    number("max_position_embeddings", metadata.integer(prefix + "context_length"));
    if (const auto epsilon = metadata.real(prefix + "attention.layer_norm_rms_epsilon"))
        config["rms_norm_eps"] = *epsilon;
    const double theta = metadata.real(prefix + "rope.freq_base").value_or(10000.0);
    config["rope_theta"] = theta;
    Json scaling = scalingOf(metadata, prefix + "rope.", facts.factors, theta);
    if (!scaling.is_null())
        config["rope_scaling"] = std::move(scaling);
    const auto rotated = metadata.integer(prefix + "rope.dimension_count").value_or(headDim);
    if (rotated != headDim && headDim > 0)
        config["partial_rotary_factor"] =
            static_cast<double>(rotated) / static_cast<double>(headDim);
    config["tie_word_embeddings"] = facts.tied;
    config["hidden_act"] = "silu";
    number("bos_token_id", metadata.integer("tokenizer.ggml.bos_token_id"));
    number("eos_token_id", metadata.integer("tokenizer.ggml.eos_token_id"));
    constexpr std::int64_t half = 1; // of "general.file_type", as the next
    constexpr std::int64_t brain = 32;
    const std::int64_t type = metadata.integer("general.file_type").value_or(0);
    config["torch_dtype"] = type == half ? "float16" : type == brain ? "bfloat16" : "float32";
    return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace gradus
