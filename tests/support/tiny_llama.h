// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/atomic_file.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/io/safetensors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gradus::test {

/// A small random llama, written as a Hugging Face folder, with a plain scalar forward pass in
/// double that shares nothing with the executor: the oracle.
struct TinyLlama
{
    int hidden = 24;
    int intermediate = 40;
    int blocks = 2;
    int heads = 4;
    int kvHeads = 2;
    int vocabulary = 50;
    int context = 64;
    int window = 0;
    int firstWindow = 0; ///< the first block that has it
    int ownHeadDim = 0;  ///< 0: hidden / heads
    bool tied = true;
    bool biases = false;
    double epsilon = 1e-5;
    double theta = 10000;
    DType dtype = DType::F32;
    std::string type = "llama";
    nlohmann::json ropeScaling; ///< null for none
    std::uint64_t seed = 1;

    std::map<std::string, std::vector<float>> weights;
    std::map<std::string, Shape> shapes;

    int headDim() const { return ownHeadDim > 0 ? ownHeadDim : hidden / heads; }

    void add(const std::string& name, const Shape& shape, double scale, double mean = 0)
    {
        RandomStream random(seed, name, "tiny");
        std::vector<float> values(static_cast<std::size_t>(elementCount(shape)));
        for (float& value : values)
            value = static_cast<float>(mean + scale * random.normal());
        // What the file's dtype stores is what the oracle computes with.
        const Tensor stored = toFloat(fromFloat(values, dtype, shape).view());
        weights[name].assign(stored.floats().begin(), stored.floats().end());
        shapes[name] = shape;
    }

    void fill()
    {
        weights.clear();
        add("model.embed_tokens.weight", {vocabulary, hidden}, 1);
        add("model.norm.weight", {hidden}, 0.1, 1);
        if (!tied)
            add("lm_head.weight", {vocabulary, hidden}, 0.3);
        const int kv = kvHeads * headDim();
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("model.layers.", b, ".");
            add(p + "input_layernorm.weight", {hidden}, 0.1, 1);
            add(p + "post_attention_layernorm.weight", {hidden}, 0.1, 1);
            add(p + "self_attn.q_proj.weight", {heads * headDim(), hidden}, 0.3);
            add(p + "self_attn.k_proj.weight", {kv, hidden}, 0.3);
            add(p + "self_attn.v_proj.weight", {kv, hidden}, 0.3);
            add(p + "self_attn.o_proj.weight", {hidden, heads * headDim()}, 0.2);
            add(p + "mlp.gate_proj.weight", {intermediate, hidden}, 0.3);
            add(p + "mlp.up_proj.weight", {intermediate, hidden}, 0.3);
            add(p + "mlp.down_proj.weight", {hidden, intermediate}, 0.2);
            if (biases) {
                add(p + "self_attn.q_proj.bias", {heads * headDim()}, 0.2);
                add(p + "self_attn.k_proj.bias", {kv}, 0.2);
                add(p + "self_attn.v_proj.bias", {kv}, 0.2);
            }
        }
    }

    nlohmann::json config() const
    {
        nlohmann::json json{{"model_type", type},
                            {"hidden_size", hidden},
                            {"intermediate_size", intermediate},
                            {"num_hidden_layers", blocks},
                            {"num_attention_heads", heads},
                            {"num_key_value_heads", kvHeads},
                            {"vocab_size", vocabulary},
                            {"max_position_embeddings", context},
                            {"rms_norm_eps", epsilon},
                            {"rope_theta", theta},
                            {"tie_word_embeddings", tied},
                            {"hidden_act", "silu"}};
        if (window > 0)
            json["sliding_window"] = window;
        if (ownHeadDim > 0)
            json["head_dim"] = ownHeadDim;
        if (!ropeScaling.is_null())
            json["rope_scaling"] = ropeScaling;
        return json;
    }

    /// Fills the weights and writes config.json and model.safetensors into folder.
    void write(const std::filesystem::path& folder)
    {
        fill();
        std::filesystem::create_directories(folder);
        writeConfig(folder, config());
        std::vector<TensorToWrite> tensors;
        for (const auto& [name, values] : weights) {
            TensorToWrite tensor;
            tensor.name = name;
            tensor.dtype = dtype;
            tensor.shape = shapes.at(name);
            tensor.produce = [this, n = name] {
                return fromFloat(weights.at(n), dtype, shapes.at(n));
            };
            tensors.push_back(std::move(tensor));
        }
        Monitor monitor;
        writeSafetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}},
                         monitor);
    }

    static void writeConfig(const std::filesystem::path& folder, const nlohmann::json& json)
    {
        AtomicFile file(folder / "config.json");
        file.write(json.dump(1));
        file.commit();
    }

    bool isYarn() const { return !ropeScaling.is_null() && ropeScaling.contains("type"); }
    /// What rotated queries and keys are multiplied by.
    double sharpening() const
    {
        if (!isYarn())
            return 1;
        const double factor = ropeScaling["factor"];
        return ropeScaling.value("attention_factor", 0.1 * std::log(factor) + 1);
    }

    /// The angle's factor for pair i, by the formulas of the papers.
    double frequency(int i) const
    {
        const double f = 1 / std::pow(theta, 2.0 * i / headDim());
        if (ropeScaling.is_null())
            return f;
        const double factor = ropeScaling["factor"];
        if (isYarn()) {
            // Interpolated as far as the pair turns less than beta_fast times (a ramp over pairs).
            const double trained = ropeScaling["original_max_position_embeddings"];
            const auto pair = [&](double turns) {
                return headDim() * std::log(trained / (turns * 2 * M_PI)) / (2 * std::log(theta));
            };
            double low = pair(ropeScaling.value("beta_fast", 32.0));
            double high = pair(1);
            if (ropeScaling.value("truncate", true)) {
                low = std::floor(low);
                high = std::ceil(high);
            }
            low = std::max(low, 0.0);
            high = std::min(high, headDim() - 1.0);
            const double ramp = std::clamp((i - low) / (high - low), 0.0, 1.0);
            return f * (1 - ramp) + f / factor * ramp;
        }
        if (ropeScaling["rope_type"] == "linear")
            return f / factor;
        const double original = ropeScaling["original_max_position_embeddings"];
        const double low = ropeScaling["low_freq_factor"];
        const double high = ropeScaling["high_freq_factor"];
        const double turns = original * f / (2 * M_PI); // over the original context
        if (turns < low)
            return f / factor;
        if (turns > high)
            return f;
        const double s = (turns - low) / (high - low);
        return (1 - s) * f / factor + s * f;
    }

    using Rows = std::vector<std::vector<double>>;

    Rows linear(const Rows& x, const std::string& name) const
    {
        const auto& w = weights.at(name + ".weight");
        const auto in = x[0].size();
        const auto out = w.size() / in;
        const auto bias = weights.find(name + ".bias");
        Rows y(x.size(), std::vector<double>(out));
        for (std::size_t t = 0; t < x.size(); ++t)
            for (std::size_t o = 0; o < out; ++o) {
                double sum = bias == weights.end() ? 0 : static_cast<double>(bias->second[o]);
                for (std::size_t i = 0; i < in; ++i)
                    sum += static_cast<double>(w[o * in + i]) * x[t][i];
                y[t][o] = sum;
            }
        return y;
    }

    Rows norm(const Rows& x, const std::string& name) const
    {
        const auto& w = weights.at(name + ".weight");
        Rows y = x;
        for (auto& row : y) {
            double mean = 0;
            for (const double v : row)
                mean += v * v / static_cast<double>(row.size());
            for (std::size_t i = 0; i < row.size(); ++i)
                row[i] = row[i] / std::sqrt(mean + epsilon) * static_cast<double>(w[i]);
        }
        return y;
    }

    void rotate(Rows& x) const
    {
        const int half = headDim() / 2;
        for (std::size_t t = 0; t < x.size(); ++t)
            for (std::size_t head = 0; head < x[t].size();
                 head += static_cast<std::size_t>(headDim()))
                for (int i = 0; i < half; ++i) {
                    const double angle = static_cast<double>(t) * frequency(i);
                    double& a = x[t][head + static_cast<std::size_t>(i)];
                    double& b = x[t][head + static_cast<std::size_t>(i + half)];
                    const double ra = a * std::cos(angle) - b * std::sin(angle);
                    b = (b * std::cos(angle) + a * std::sin(angle)) * sharpening();
                    a = ra * sharpening();
                }
    }

    /// Logits of one sequence: tokens × vocabulary.
    Rows logits(const std::vector<int>& tokens) const
    {
        const auto& embedding = weights.at("model.embed_tokens.weight");
        const auto d = static_cast<std::size_t>(hidden);
        Rows h;
        for (const int token : tokens)
            h.emplace_back(embedding.begin() + token * hidden,
                           embedding.begin() + (token + 1) * hidden);
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("model.layers.", b, ".");
            const Rows x = norm(h, p + "input_layernorm");
            Rows q = linear(x, p + "self_attn.q_proj");
            Rows k = linear(x, p + "self_attn.k_proj");
            const Rows v = linear(x, p + "self_attn.v_proj");
            rotate(q);
            rotate(k);
            Rows mixed(h.size(), std::vector<double>(q[0].size()));
            for (std::size_t t = 0; t < h.size(); ++t)
                for (int head = 0; head < heads; ++head) {
                    const auto at = static_cast<std::size_t>(head * headDim());
                    const auto kvAt =
                        static_cast<std::size_t>(head / (heads / kvHeads) * headDim());
                    const auto dim = static_cast<std::size_t>(headDim());
                    const std::size_t first =
                        window > 0 && b >= firstWindow && t + 1 > static_cast<std::size_t>(window)
                            ? t + 1 - static_cast<std::size_t>(window)
                            : 0;
                    double sum = 0;
                    std::vector<double> p2(t + 1);
                    for (std::size_t s = first; s <= t; ++s) {
                        double dot = 0;
                        for (std::size_t i = 0; i < dim; ++i)
                            dot += q[t][at + i] * k[s][kvAt + i];
                        p2[s] = std::exp(dot / std::sqrt(static_cast<double>(dim)));
                        sum += p2[s];
                    }
                    for (std::size_t s = first; s <= t; ++s)
                        for (std::size_t i = 0; i < dim; ++i)
                            mixed[t][at + i] += p2[s] / sum * v[s][kvAt + i];
                }
            const Rows attended = linear(mixed, p + "self_attn.o_proj");
            for (std::size_t t = 0; t < h.size(); ++t)
                for (std::size_t i = 0; i < d; ++i)
                    h[t][i] += attended[t][i];
            const Rows y = norm(h, p + "post_attention_layernorm");
            Rows gate = linear(y, p + "mlp.gate_proj");
            const Rows up = linear(y, p + "mlp.up_proj");
            for (std::size_t t = 0; t < gate.size(); ++t)
                for (std::size_t i = 0; i < gate[t].size(); ++i)
                    gate[t][i] *= up[t][i] / (1 + std::exp(-gate[t][i]));
            const Rows down = linear(gate, p + "mlp.down_proj");
            for (std::size_t t = 0; t < h.size(); ++t)
                for (std::size_t i = 0; i < d; ++i)
                    h[t][i] += down[t][i];
        }
        return linear(norm(h, "model.norm"), tied ? "model.embed_tokens" : "lm_head");
    }
};

inline std::vector<float> flat(const TinyLlama::Rows& rows)
{
    std::vector<float> out;
    for (const auto& row : rows)
        for (const double v : row)
            out.push_back(static_cast<float>(v));
    return out;
}

} // namespace gradus::test
