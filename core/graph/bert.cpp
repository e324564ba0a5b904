// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/transformer_parts.h"

#include <nlohmann/json.hpp>

#include <array>
#include <limits>

namespace gradus {

namespace {

enum class Kind
{
    Bert,
    Roberta,
    DistilBert
};

/// How the families name what they share.
struct Names
{
    const char* prefix;
    const char* layers;
    AttentionNames attention;
    const char* attentionNorm;
    const char* up;
    const char* down;
    const char* outputNorm;
};

const Names& namesOf(Kind kind)
{
    static const AttentionNames separate{".attention.self", ".attention.self.query",
                                         ".attention.self.key", ".attention.self.value",
                                         ".attention.output.dense"};
    static const Names bert{"bert.",
                            "encoder.layer.",
                            separate,
                            ".attention.output.LayerNorm",
                            ".intermediate.dense",
                            ".output.dense",
                            ".output.LayerNorm"};
    static const Names roberta{"roberta.", bert.layers, separate,       bert.attentionNorm,
                               bert.up,    bert.down,   bert.outputNorm};
    static const Names distilBert{"distilbert.",
                                  "transformer.layer.",
                                  {".attention", ".attention.q_lin", ".attention.k_lin",
                                   ".attention.v_lin", ".attention.out_lin"},
                                  ".sa_layer_norm",
                                  ".ffn.lin1",
                                  ".ffn.lin2",
                                  ".output_layer_norm"};
    return kind == Kind::Bert ? bert : kind == Kind::Roberta ? roberta : distilBert;
}

struct Config
{
    Kind kind = Kind::Bert;
    AttentionSizes attention;
    std::int64_t intermediate = 0;
    std::int64_t blocks = 0;
    std::int64_t vocabulary = 0;
    std::int64_t positions = 0;
    std::int64_t types = 0; ///< of tokens
    std::int64_t padding = 0;
    float epsilon = 0;
    bool tied = true;
    op::UnaryKind activation = op::UnaryKind::Gelu;
};

Config readConfig(const nlohmann::json& json)
{
    const ConfigReader reader(json);
    const std::string type = reader.text("model_type", "bert");
    Config config;
    config.kind = type == "bert"         ? Kind::Bert
                  : type == "distilbert" ? Kind::DistilBert
                                         : Kind::Roberta;
    const bool distil = config.kind == Kind::DistilBert;
    config.attention = AttentionSizes::read(reader, distil ? "dim" : "hidden_size",
                                            distil ? "n_heads" : "num_attention_heads");
    config.intermediate =
        reader.integer(distil ? "hidden_dim" : "intermediate_size", 1, largestSize);
    config.blocks = reader.integer(distil ? "n_layers" : "num_hidden_layers", 1, 100'000);
    config.vocabulary = reader.integer("vocab_size", 1, largestSize);
    config.positions = reader.integer("max_position_embeddings", 1, largestSize, 512);
    config.types = distil ? 0 : reader.integer("type_vocab_size", 1, 65'536, 2);
    config.padding = reader.integer("pad_token_id", 0, config.positions - 1,
                                    config.kind == Kind::Roberta ? 1 : 0);
    config.epsilon = distil ? 1e-12F : static_cast<float>(reader.real("layer_norm_eps", 1e-12));
    config.tied = reader.boolean("tie_word_embeddings", true);
    config.activation = activationNamed(reader.text(distil ? "activation" : "hidden_act", "gelu"));
    if (reader.text("position_embedding_type", "absolute") != "absolute")
        throw Error(ErrorCode::Unsupported,
                    concat("position embeddings of type ",
                           quoted(reader.text("position_embedding_type", ""))));
    if (reader.boolean("is_decoder", false))
        throw Error(ErrorCode::Unsupported, "a decoder of the BERT family");
    if (config.kind == Kind::Roberta && config.positions <= config.padding + 1)
        throw Error(ErrorCode::Shape,
                    concat("config.json: \"max_position_embeddings\" is ", config.positions,
                           ", expected more than ", config.padding + 1));
    return config;
}

/// Encoders of the BERT family: words, positions and token types, blocks that normalize last, and
/// one of their usual heads.
class BertBuilder
{
public:
    BertBuilder(const nlohmann::json& json, Model& model)
        : m_json(json)
        , m_config(readConfig(json))
        , m_names(namesOf(m_config.kind))
        , m_builder(model)
    {
        if (m_builder.has(std::string(m_names.prefix) + "embeddings.word_embeddings.weight"))
            m_prefix = m_names.prefix;
    }

    void build()
    {
        Model& model = m_builder.model();
        model.hiddenSize = m_config.attention.hidden;
        model.vocabularySize = m_config.vocabulary;
        model.maximumContext = m_config.positions;
        if (m_config.kind == Kind::Roberta)
            model.maximumContext -= m_config.padding + 1; // rows that no token uses
        m_ids = m_builder.addInput("input_ids", DType::I64, {-1, -1});
        const ValueId mask = addMask();
        ValueId hidden = addEmbeddings();
        for (std::int64_t i = 0; i < m_config.blocks; ++i)
            hidden = addBlock(concat(m_prefix, m_names.layers, i), hidden, mask);
        addHead(hidden);
    }

private:
    ValueId addNorm(const std::string& name, ValueId input)
    {
        return m_builder.addLayerNorm(name, input, m_config.attention.hidden, m_config.epsilon);
    }
    ValueId addDense(const std::string& name, ValueId input)
    {
        return m_builder.addLinear(name, input, m_config.attention.hidden,
                                   m_config.attention.hidden);
    }
    ValueId addScalar(float value)
    {
        Tensor scalar(Shape{});
        scalar.floats()[0] = value;
        return m_builder.addConstant(std::move(scalar));
    }

    /// What is added to the scores: 0 where the attention mask has 1, the lowest float where it
    /// has 0; batch × 1 × 1 × sequence.
    ValueId addMask()
    {
        using op::BinaryKind;
        const std::string name = m_prefix + "attention_mask";
        const ValueId given = m_builder.addInput("attention_mask", DType::I64, {-1, -1});
        const ValueId seen = m_builder.add(op::Cast{DType::F32}, {given}, name + ".float");
        const ValueId hidden =
            m_builder.addBinary(BinaryKind::Subtract, addScalar(1), seen, name + ".hidden");
        const ValueId lowest = addScalar(std::numeric_limits<float>::lowest());
        const ValueId flat =
            m_builder.addBinary(BinaryKind::Multiply, hidden, lowest, name + ".additive");
        const ValueId axes = m_builder.addConstant(integersOf({1, 2}));
        return m_builder.add(op::Unsqueeze{}, {flat, axes}, name);
    }

    /// 0, 1, 2 … for every sequence.
    ValueId addCountedPositions(const std::string& name)
    {
        const ValueId shape = m_builder.add(op::ShapeOf{1, 2}, {m_ids}, name + ".shape");
        const ValueId length = m_builder.add(op::Squeeze{}, {shape}, name + ".length");
        const ValueId zero = m_builder.addConstant(integerOf(0));
        const ValueId one = m_builder.addConstant(integerOf(1));
        return m_builder.add(op::Range{}, {zero, length, one}, name + ".positions");
    }

    /// RoBERTa counts the tokens that are not padding, from padding + 1 on; padding stands at its
    /// own id.
    ValueId addPositionsBesidePadding(const std::string& name)
    {
        using op::BinaryKind;
        const ValueId padding = m_builder.addConstant(integersOf({m_config.padding}));
        const ValueId isPadding =
            m_builder.addBinary(BinaryKind::Equal, m_ids, padding, name + ".is_padding");
        const ValueId isToken =
            m_builder.addUnary(op::UnaryKind::Not, isPadding, name + ".is_token");
        const ValueId token = m_builder.add(op::Cast{DType::I64}, {isToken}, name + ".token");
        const ValueId axis = m_builder.addConstant(integerOf(1));
        const ValueId count = m_builder.add(op::CumSum{}, {token, axis}, name + ".count");
        const ValueId counted =
            m_builder.addBinary(BinaryKind::Multiply, count, token, name + ".counted");
        return m_builder.addBinary(BinaryKind::Add, counted, padding, name + ".positions");
    }

    ValueId addEmbeddings()
    {
        using op::BinaryKind;
        const std::string name = m_prefix + "embeddings";
        const std::int64_t hidden = m_config.attention.hidden;
        ValueId sum =
            m_builder.addEmbedding(name + ".word_embeddings", m_ids, m_config.vocabulary, hidden);
        const std::string types = name + ".token_type_embeddings";
        if (m_config.kind == Kind::Bert) {
            const ValueId given = m_builder.addInput("token_type_ids", DType::I64, {-1, -1});
            const ValueId embedded = m_builder.addEmbedding(types, given, m_config.types, hidden);
            sum = m_builder.addBinary(BinaryKind::Add, sum, embedded, name + ".words_and_types");
        } else if (m_config.kind == Kind::Roberta) { // whose tokens are all of type 0
            m_builder.requireShape(types + ".weight", {m_config.types, hidden});
            const ValueId table = m_builder.addConstant(types + ".weight");
            const ValueId zero = m_builder.addConstant(integerOf(0));
            const ValueId type = m_builder.add(op::Gather{0}, {table, zero}, types);
            sum = m_builder.addBinary(BinaryKind::Add, sum, type, name + ".words_and_types");
        }
        const ValueId ids = m_config.kind == Kind::Roberta ? addPositionsBesidePadding(name)
                                                           : addCountedPositions(name);
        const ValueId positions =
            m_builder.addEmbedding(name + ".position_embeddings", ids, m_config.positions, hidden);
        sum = m_builder.addBinary(BinaryKind::Add, sum, positions, name);
        return addNorm(name + ".LayerNorm", sum);
    }

    ValueId addBlock(const std::string& name, ValueId input, ValueId mask)
    {
        const std::int64_t hidden = m_config.attention.hidden;
        m_builder.beginBlock(name, input);
        const ValueId attended =
            addSelfAttention(m_builder, name, m_names.attention, m_config.attention, input, mask);
        const ValueId sum =
            m_builder.addBinary(op::BinaryKind::Add, attended, input, name + ".attention.residual");
        const ValueId middle = addNorm(name + m_names.attentionNorm, sum);
        const ValueId up =
            m_builder.addLinear(name + m_names.up, middle, m_config.intermediate, hidden);
        const ValueId active = m_builder.addUnary(m_config.activation, up, name + ".activation");
        const ValueId down =
            m_builder.addLinear(name + m_names.down, active, hidden, m_config.intermediate);
        const ValueId sum2 =
            m_builder.addBinary(op::BinaryKind::Add, down, middle, name + ".output.residual");
        return m_builder.endBlock(addNorm(name + m_names.outputNorm, sum2));
    }

    // ---- heads ----

    void addHead(ValueId hidden)
    {
        const std::string architecture = architectureClass(m_json);
        const auto is = [&](const char* what) {
            return architecture.find(what) != std::string::npos;
        };
        const auto scores = [&](const char* name) { // of every token
            const std::int64_t rows = rowsOf(m_builder, name);
            const ValueId logits =
                m_builder.addLinear(name, hidden, rows, m_config.attention.hidden);
            m_builder.addOutput(logits, "logits", {-1, -1, rows});
            m_builder.model().labels = classLabels(m_json, rows);
        };
        if (is("MultipleChoice") || is("NextSentence"))
            throw Error(ErrorCode::Unsupported, concat("the head of ", quoted(architecture)));
        if (is("MaskedLM") || is("PreTraining"))
            addMaskedLanguageHead(hidden);
        else if (is("QuestionAnswering"))
            scores("qa_outputs");
        else if (is("TokenClassification"))
            scores("classifier");
        else if (is("SequenceClassification") || m_builder.has("classifier.weight") ||
                 m_builder.has("classifier.out_proj.weight"))
            addSequenceHead(hidden);
        else
            addBareOutputs(hidden);
    }

    void addBareOutputs(ValueId hidden)
    {
        m_builder.addOutput(hidden, "last_hidden_state", {-1, -1, m_config.attention.hidden});
        if (m_config.kind != Kind::DistilBert && m_builder.has(m_prefix + "pooler.dense.weight"))
            m_builder.addOutput(addPooler(hidden), "pooler_output",
                                {-1, m_config.attention.hidden});
    }

    ValueId addPooler(ValueId hidden)
    {
        const std::string name = m_prefix + "pooler";
        const ValueId dense =
            addDense(name + ".dense", addToken(m_builder, hidden, 0, name + ".token"));
        return m_builder.addUnary(op::UnaryKind::Tanh, dense, name + ".activation");
    }

    void addSequenceHead(ValueId hidden)
    {
        const std::int64_t features = m_config.attention.hidden;
        if (m_config.kind == Kind::Bert) {
            addClassifier(m_builder, m_json, "classifier", addPooler(hidden), features);
            return;
        }
        const bool distil = m_config.kind == Kind::DistilBert;
        const ValueId token = addToken(m_builder, hidden, 0, "classifier.token");
        const ValueId dense = addDense(distil ? "pre_classifier" : "classifier.dense", token);
        const ValueId active = m_builder.addUnary(
            distil ? op::UnaryKind::Relu : op::UnaryKind::Tanh, dense, "classifier.activation");
        addClassifier(m_builder, m_json, distil ? "classifier" : "classifier.out_proj", active,
                      features);
    }

    void addMaskedLanguageHead(ValueId hidden)
    {
        struct Head
        {
            const char* dense;
            const char* norm;
            const char* decoder;
            const char* bias;
        };
        static constexpr Head bert{"cls.predictions.transform.dense",
                                   "cls.predictions.transform.LayerNorm", "cls.predictions.decoder",
                                   "cls.predictions.bias"};
        static constexpr Head roberta{"lm_head.dense", "lm_head.layer_norm", "lm_head.decoder",
                                      "lm_head.bias"};
        static constexpr Head distil{"vocab_transform", "vocab_layer_norm", "vocab_projector",
                                     "vocab_projector.bias"};
        const Head& head = m_config.kind == Kind::Bert      ? bert
                           : m_config.kind == Kind::Roberta ? roberta
                                                            : distil;
        const ValueId dense = addDense(head.dense, hidden);
        // RoBERTa's head has GELU whatever its blocks have.
        const ValueId active = m_builder.addUnary(
            m_config.kind == Kind::Roberta ? op::UnaryKind::Gelu : m_config.activation, dense,
            concat(head.dense, ".activation"));
        const ValueId normed = addNorm(head.norm, active);
        std::string bias = head.bias;
        if (!m_builder.has(bias)) // some files keep it with the decoder
            bias = concat(head.decoder, ".bias");
        const ValueId logits = addLanguageHead(
            m_builder, normed, head.decoder, m_config.tied, m_prefix + "embeddings.word_embeddings",
            m_config.vocabulary, m_config.attention.hidden, bias);
        m_builder.addOutput(logits, "logits", {-1, -1, m_config.vocabulary});
    }

    const nlohmann::json& m_json;
    Config m_config;
    const Names& m_names;
    NetworkBuilder m_builder;
    std::string m_prefix;
    ValueId m_ids = 0;
};

} // namespace

void buildBert(const nlohmann::json& config, Model& model)
{
    BertBuilder(config, model).build();
}

} // namespace gradus
