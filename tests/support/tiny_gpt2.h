// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/tiny_model.h"

namespace gradus::test {

/// A small random GPT-2 and its plain scalar forward pass.
struct TinyGpt2 : TinyModel
{
    int hidden = 24;
    int inner = 40;
    int blocks = 2;
    int heads = 4;
    int vocabulary = 50;
    int positions = 64;
    bool tied = true;
    bool scales = true;
    bool scalesByDepth = false;
    std::string prefix = "transformer."; ///< of the names in the file
    double epsilon = 1e-5;

    nlohmann::json config() const
    {
        nlohmann::json json{{"model_type", "gpt2"},
                            {"architectures", {"GPT2LMHeadModel"}},
                            {"n_embd", hidden},
                            {"n_inner", inner},
                            {"n_layer", blocks},
                            {"n_head", heads},
                            {"n_positions", positions},
                            {"vocab_size", vocabulary},
                            {"layer_norm_epsilon", epsilon},
                            {"activation_function", "gelu_new"}};
        if (!tied)
            json["tie_word_embeddings"] = false;
        if (!scales)
            json["scale_attn_weights"] = false;
        if (scalesByDepth)
            json["scale_attn_by_inverse_layer_idx"] = true;
        return json;
    }

    void fill()
    {
        weights.clear();
        add("wte.weight", {vocabulary, hidden}, 1);
        add("wpe.weight", {positions, hidden}, 0.5);
        addNorm("ln_f", hidden);
        if (!tied)
            addLinear("lm_head", vocabulary, hidden, false);
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("h.", b, ".");
            const auto conv1d = [&](const std::string& name, int out, int in) {
                add(p + name + ".weight", {in, out}, 1.5 / std::sqrt(in)); // in × out
                add(p + name + ".bias", {out}, 0.2);
            };
            addNorm(p + "ln_1", hidden);
            addNorm(p + "ln_2", hidden);
            conv1d("attn.c_attn", 3 * hidden, hidden);
            conv1d("attn.c_proj", hidden, hidden);
            conv1d("mlp.c_fc", inner, hidden);
            conv1d("mlp.c_proj", hidden, inner);
        }
    }

    void write(const std::filesystem::path& folder)
    {
        fill();
        writeFolder(folder, config(), [&](const std::string& name) {
            return name.starts_with("lm_head") ? name : prefix + name;
        });
    }

    Rows embedded(const std::vector<int>& tokens) const
    {
        std::vector<int> places;
        for (int i = 0; i < static_cast<int>(tokens.size()); ++i)
            places.push_back(i);
        return sum(lookup("wte.weight", tokens), lookup("wpe.weight", places));
    }

    Rows block(const Rows& h, int b) const
    {
        const std::string p = concat("h.", b, ".");
        const Rows fused = linear(norm(h, p + "ln_1", epsilon), p + "attn.c_attn", true);
        const auto part = [&](std::ptrdiff_t index) {
            Rows rows;
            for (const auto& row : fused)
                rows.emplace_back(row.begin() + index * hidden, row.begin() + (index + 1) * hidden);
            return rows;
        };
        double scale = scales ? 1 / std::sqrt(static_cast<double>(hidden / heads)) : 1;
        if (scalesByDepth)
            scale /= b + 1;
        const Rows mixed =
            attend(part(0), part(1), part(2), static_cast<std::size_t>(heads), true, scale);
        const Rows middle = sum(h, linear(mixed, p + "attn.c_proj", true));
        const Rows up = linear(norm(middle, p + "ln_2", epsilon), p + "mlp.c_fc", true);
        return sum(middle, linear(activate(up, "gelu_new"), p + "mlp.c_proj", true));
    }

    Rows logits(const std::vector<int>& tokens) const
    {
        Rows h = embedded(tokens);
        for (int b = 0; b < blocks; ++b)
            h = block(h, b);
        return linear(norm(h, "ln_f", epsilon), tied ? "wte" : "lm_head");
    }
};

} // namespace gradus::test
