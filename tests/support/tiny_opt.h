// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/tiny_model.h"

namespace gradus::test {

/// A small random OPT and its plain scalar forward pass.
struct TinyOpt : TinyModel
{
    int hidden = 24;
    int embedded = 24;
    int intermediate = 40;
    int blocks = 2;
    int heads = 3;
    int vocabulary = 50;
    int positions = 64;
    bool normalizesFirst = true;
    bool biases = true;
    std::string prefix = "model.decoder."; ///< of the names in the file

    nlohmann::json config() const
    {
        return {{"model_type", "opt"},          {"architectures", {"OPTForCausalLM"}},
                {"hidden_size", hidden},        {"word_embed_proj_dim", embedded},
                {"ffn_dim", intermediate},      {"num_hidden_layers", blocks},
                {"num_attention_heads", heads}, {"max_position_embeddings", positions},
                {"vocab_size", vocabulary},     {"do_layer_norm_before", normalizesFirst},
                {"enable_bias", biases},        {"activation_function", "relu"}};
    }

    void write(const std::filesystem::path& folder)
    {
        weights.clear();
        add("embed_tokens.weight", {vocabulary, embedded}, 1);
        add("embed_positions.weight", {positions + 2, hidden}, 0.5);
        if (embedded != hidden) {
            addLinear("project_in", hidden, embedded, false);
            addLinear("project_out", embedded, hidden, false);
        }
        if (normalizesFirst)
            addNorm("final_layer_norm", hidden);
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("layers.", b, ".");
            for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
                addLinear(p + "self_attn." + name, hidden, hidden, biases);
            addNorm(p + "self_attn_layer_norm", hidden);
            addNorm(p + "final_layer_norm", hidden);
            addLinear(p + "fc1", intermediate, hidden, biases);
            addLinear(p + "fc2", hidden, intermediate, biases);
        }
        writeFolder(folder, config(), [&](const std::string& name) { return prefix + name; });
    }

    Rows logits(const std::vector<int>& tokens) const
    {
        constexpr double epsilon = 1e-5;
        std::vector<int> places;
        for (int i = 0; i < static_cast<int>(tokens.size()); ++i)
            places.push_back(i + 2);
        Rows h = lookup("embed_tokens.weight", tokens);
        if (embedded != hidden)
            h = linear(h, "project_in");
        h = sum(h, lookup("embed_positions.weight", places));
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("layers.", b, ".");
            const auto normIf = [&](bool now, const Rows& x, const char* name) {
                return now ? norm(x, p + name, epsilon) : x;
            };
            const Rows x = normIf(normalizesFirst, h, "self_attn_layer_norm");
            const Rows mixed =
                attend(linear(x, p + "self_attn.q_proj"), linear(x, p + "self_attn.k_proj"),
                       linear(x, p + "self_attn.v_proj"), static_cast<std::size_t>(heads), true,
                       1 / std::sqrt(static_cast<double>(hidden / heads)));
            h = normIf(!normalizesFirst, sum(h, linear(mixed, p + "self_attn.out_proj")),
                       "self_attn_layer_norm");
            const Rows up = linear(normIf(normalizesFirst, h, "final_layer_norm"), p + "fc1");
            h = normIf(!normalizesFirst, sum(h, linear(activate(up, "relu"), p + "fc2")),
                       "final_layer_norm");
        }
        if (normalizesFirst)
            h = norm(h, "final_layer_norm", epsilon);
        if (embedded != hidden)
            h = linear(h, "project_out");
        return linear(h, "embed_tokens");
    }
};

} // namespace gradus::test
