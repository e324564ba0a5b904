// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/tiny_model.h"

namespace gradus::test {

/// A small random encoder of the BERT family and its plain scalar forward pass. Weights have
/// BERT's names here; files have those of the family.
struct TinyBert : TinyModel
{
    std::string type = "bert"; ///< "roberta", "distilbert"
    std::string architecture = "BertForSequenceClassification";
    int hidden = 24;
    int intermediate = 40;
    int blocks = 2;
    int heads = 3;
    int vocabulary = 50;
    int positions = 40;
    int classes = 3;
    int padding = 1; ///< of RoBERTa
    bool oldNorms = false;
    std::string prefix = "bert.";
    std::string activation = "gelu";
    double epsilon = 1e-12;

    bool isRoberta() const { return type == "roberta"; }
    bool isDistil() const { return type == "distilbert"; }
    bool is(const char* what) const { return architecture.find(what) != std::string::npos; }
    /// Scores of where an answer begins and where it ends, for every token.
    bool answers() const { return is("QuestionAnswering"); }

    nlohmann::json config() const
    {
        nlohmann::json json{{"model_type", type},
                            {"architectures", {architecture}},
                            {"vocab_size", vocabulary},
                            {"max_position_embeddings", positions}};
        if (isDistil())
            json.update({{"dim", hidden},
                         {"hidden_dim", intermediate},
                         {"n_layers", blocks},
                         {"n_heads", heads},
                         {"activation", activation}});
        else
            json.update({{"hidden_size", hidden},
                         {"intermediate_size", intermediate},
                         {"num_hidden_layers", blocks},
                         {"num_attention_heads", heads},
                         {"type_vocab_size", isRoberta() ? 1 : 2},
                         {"layer_norm_eps", epsilon},
                         {"hidden_act", activation}});
        if (isRoberta())
            json["pad_token_id"] = padding;
        if (is("Classification"))
            json["id2label"] = {{"0", "no"}, {"1", "maybe"}, {"2", "yes"}};
        return json;
    }

    void fill()
    {
        weights.clear();
        add("embeddings.word_embeddings.weight", {vocabulary, hidden}, 1);
        add("embeddings.position_embeddings.weight", {positions, hidden}, 0.5);
        if (!isDistil())
            add("embeddings.token_type_embeddings.weight", {isRoberta() ? 1 : 2, hidden}, 0.5);
        addNorm("embeddings.LayerNorm", hidden);
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("encoder.layer.", b, ".");
            for (const char* name : {"query", "key", "value"})
                addLinear(p + "attention.self." + name, hidden, hidden);
            addLinear(p + "attention.output.dense", hidden, hidden);
            addNorm(p + "attention.output.LayerNorm", hidden);
            addLinear(p + "intermediate.dense", intermediate, hidden);
            addLinear(p + "output.dense", hidden, intermediate);
            addNorm(p + "output.LayerNorm", hidden);
        }
        if (type == "bert" && !is("MaskedLM") && !is("TokenClassification") && !answers())
            addLinear("pooler.dense", hidden, hidden);
        if (is("MaskedLM")) {
            addLinear("head.dense", hidden, hidden);
            addNorm("head.norm", hidden);
            add("head.bias", {vocabulary}, 0.2);
        } else if (is("Classification")) {
            if (type != "bert")
                addLinear("head.dense", hidden, hidden);
            addLinear("head.classifier", classes, hidden);
        } else if (answers()) {
            addLinear("head.answer", 2, hidden);
        }
    }

    std::string nameInFile(std::string name) const
    {
        const auto replace = [&](const std::string& from, const std::string& to) {
            if (const auto at = name.find(from); at != std::string::npos)
                name.replace(at, from.size(), to);
        };
        if (name.starts_with("head.")) {
            replace("head.answer", "qa_outputs");
            const bool words = is("MaskedLM");
            if (type == "bert") {
                replace("head.dense", "cls.predictions.transform.dense");
                replace("head.norm", "cls.predictions.transform.LayerNorm");
                replace("head.bias", "cls.predictions.bias");
                replace("head.classifier", "classifier");
            } else if (isRoberta()) {
                replace("head.dense", words ? "lm_head.dense" : "classifier.dense");
                replace("head.norm", "lm_head.layer_norm");
                replace("head.bias", "lm_head.bias");
                replace("head.classifier", "classifier.out_proj");
            } else {
                replace("head.dense", words ? "vocab_transform" : "pre_classifier");
                replace("head.norm", "vocab_layer_norm");
                replace("head.bias", "vocab_projector.bias");
                replace("head.classifier", "classifier");
            }
        } else if (isDistil()) {
            replace("encoder.layer", "transformer.layer");
            replace("attention.self.query", "attention.q_lin");
            replace("attention.self.key", "attention.k_lin");
            replace("attention.self.value", "attention.v_lin");
            replace("attention.output.dense", "attention.out_lin");
            replace("attention.output.LayerNorm", "sa_layer_norm");
            replace("intermediate.dense", "ffn.lin1");
            replace("output.dense", "ffn.lin2");
            replace("output.LayerNorm", "output_layer_norm");
            name = prefix + name;
        } else {
            name = prefix + name;
        }
        if (oldNorms) {
            replace("LayerNorm.weight", "LayerNorm.gamma");
            replace("LayerNorm.bias", "LayerNorm.beta");
        }
        return name;
    }

    void write(const std::filesystem::path& folder)
    {
        fill();
        writeFolder(folder, config(), [&](const std::string& name) { return nameInFile(name); });
    }

    Rows embedded(const std::vector<int>& ids, const std::vector<int>& types) const
    {
        std::vector<int> places;
        int count = padding;
        for (int i = 0; i < static_cast<int>(ids.size()); ++i)
            places.push_back(!isRoberta()                                  ? i
                             : ids[static_cast<std::size_t>(i)] == padding ? padding
                                                                           : ++count);
        Rows h = sum(lookup("embeddings.word_embeddings.weight", ids),
                     lookup("embeddings.position_embeddings.weight", places));
        if (!isDistil())
            h = sum(h, lookup("embeddings.token_type_embeddings.weight",
                              isRoberta() ? std::vector<int>(ids.size(), 0) : types));
        return norm(h, "embeddings.LayerNorm", epsilon);
    }

    Rows block(const Rows& h, int b, const std::vector<int>& mask) const
    {
        const std::string p = concat("encoder.layer.", b, ".");
        const std::string a = p + "attention.self.";
        const Rows mixed = attend(linear(h, a + "query"), linear(h, a + "key"),
                                  linear(h, a + "value"), static_cast<std::size_t>(heads), false,
                                  1 / std::sqrt(static_cast<double>(hidden / heads)), mask);
        const Rows middle = norm(sum(h, linear(mixed, p + "attention.output.dense")),
                                 p + "attention.output.LayerNorm", epsilon);
        const Rows up = activate(linear(middle, p + "intermediate.dense"), activation);
        return norm(sum(middle, linear(up, p + "output.dense")), p + "output.LayerNorm", epsilon);
    }

    Rows encoded(const std::vector<int>& ids, const std::vector<int>& mask,
                 const std::vector<int>& types) const
    {
        Rows h = embedded(ids, types);
        for (int b = 0; b < blocks; ++b)
            h = block(h, b, mask);
        return h;
    }

    Rows pooled(const Rows& h) const { return activate(linear({h[0]}, "pooler.dense"), "tanh"); }

    /// The first output: scores of a sequence (one row), of every token, or the last hidden state.
    Rows output(const std::vector<int>& ids, const std::vector<int>& mask,
                const std::vector<int>& types) const
    {
        const Rows h = encoded(ids, mask, types);
        if (is("MaskedLM")) {
            const Rows dense = activate(linear(h, "head.dense"), activation);
            Rows logits = linear(norm(dense, "head.norm", epsilon), "embeddings.word_embeddings");
            for (auto& row : logits)
                for (std::size_t i = 0; i < row.size(); ++i)
                    row[i] += weight("head.bias", i);
            return logits;
        }
        if (is("TokenClassification"))
            return linear(h, "head.classifier");
        if (answers())
            return linear(h, "head.answer");
        if (!is("SequenceClassification"))
            return h;
        if (type == "bert")
            return linear(pooled(h), "head.classifier");
        return linear(activate(linear({h[0]}, "head.dense"), isDistil() ? "relu" : "tanh"),
                      "head.classifier");
    }
};

} // namespace gradus::test
