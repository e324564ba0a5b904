// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/tiny_model.h"

namespace gradus::test {

/// A small random ViT or DeiT and its plain scalar forward pass.
struct TinyVit : TinyModel
{
    std::string type = "vit"; ///< "deit"
    int hidden = 24;
    int intermediate = 40;
    int blocks = 2;
    int heads = 3;
    int image = 12;
    int patch = 4;
    int channels = 3;
    int classes = 5;
    bool teacher = false; ///< DeiT's second head
    bool headless = false;
    std::string activation = "gelu";
    double epsilon = 1e-12;

    bool isDeit() const { return type == "deit"; }

    nlohmann::json config() const
    {
        return {{"model_type", type},
                {"hidden_size", hidden},
                {"intermediate_size", intermediate},
                {"num_hidden_layers", blocks},
                {"num_attention_heads", heads},
                {"image_size", image},
                {"patch_size", patch},
                {"num_channels", channels},
                {"layer_norm_eps", epsilon},
                {"hidden_act", activation}};
    }

    void write(const std::filesystem::path& folder)
    {
        weights.clear();
        const int side = image / patch;
        add("embeddings.cls_token", {1, 1, hidden}, 1);
        if (isDeit())
            add("embeddings.distillation_token", {1, 1, hidden}, 1);
        add("embeddings.position_embeddings", {1, side * side + (isDeit() ? 2 : 1), hidden}, 0.5);
        add("embeddings.patch_embeddings.projection.weight", {hidden, channels, patch, patch}, 0.2);
        add("embeddings.patch_embeddings.projection.bias", {hidden}, 0.2);
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("encoder.layer.", b, ".");
            for (const char* name : {"query", "key", "value"})
                addLinear(p + "attention.attention." + name, hidden, hidden);
            addLinear(p + "attention.output.dense", hidden, hidden);
            addNorm(p + "layernorm_before", hidden);
            addNorm(p + "layernorm_after", hidden);
            addLinear(p + "intermediate.dense", intermediate, hidden);
            addLinear(p + "output.dense", hidden, intermediate);
        }
        addNorm("layernorm", hidden);
        if (teacher) {
            addLinear("cls_classifier", classes, hidden);
            addLinear("distillation_classifier", classes, hidden);
        } else if (!headless) {
            addLinear("classifier", classes, hidden);
        }
        writeFolder(folder, config(), [&](const std::string& name) {
            const bool bare = headless || name.find("classifier") != std::string::npos;
            return bare ? name : type + "." + name;
        });
    }

    Rows block(const Rows& h, int b) const
    {
        const std::string p = concat("encoder.layer.", b, ".");
        const std::string a = p + "attention.attention.";
        const Rows x = norm(h, p + "layernorm_before", epsilon);
        const Rows mixed = attend(linear(x, a + "query"), linear(x, a + "key"),
                                  linear(x, a + "value"), static_cast<std::size_t>(heads), false,
                                  1 / std::sqrt(static_cast<double>(hidden / heads)));
        const Rows middle = sum(h, linear(mixed, p + "attention.output.dense"));
        const Rows up =
            linear(norm(middle, p + "layernorm_after", epsilon), p + "intermediate.dense");
        return sum(middle, linear(activate(up, activation), p + "output.dense"));
    }

    /// pixels: channels × image × image.
    Rows output(const std::vector<double>& pixels) const
    {
        const auto at = [](int index) { return static_cast<std::size_t>(index); };
        const int side = image / patch;
        Rows h = lookup("embeddings.cls_token", {0});
        if (isDeit())
            h.push_back(lookup("embeddings.distillation_token", {0})[0]);
        const std::string name = "embeddings.patch_embeddings.projection";
        for (int py = 0; py < side; ++py)
            for (int px = 0; px < side; ++px) {
                h.emplace_back();
                for (int o = 0; o < hidden; ++o) {
                    double sum = weight(name + ".bias", at(o));
                    for (int c = 0; c < channels; ++c)
                        for (int y = 0; y < patch; ++y)
                            for (int x = 0; x < patch; ++x)
                                sum += weight(name + ".weight",
                                              at(((o * channels + c) * patch + y) * patch + x)) *
                                       pixels[at((c * image + py * patch + y) * image + px * patch +
                                                 x)];
                    h.back().push_back(sum);
                }
            }
        std::vector<int> all;
        for (int i = 0; i < static_cast<int>(h.size()); ++i)
            all.push_back(i);
        h = sum(h, lookup("embeddings.position_embeddings", all));
        for (int b = 0; b < blocks; ++b)
            h = block(h, b);
        h = norm(h, "layernorm", epsilon);
        if (headless)
            return h;
        if (!teacher)
            return linear({h[0]}, "classifier");
        Rows both =
            sum(linear({h[0]}, "cls_classifier"), linear({h[1]}, "distillation_classifier"));
        for (double& value : both[0])
            value /= 2;
        return both;
    }
};

} // namespace gradus::test
