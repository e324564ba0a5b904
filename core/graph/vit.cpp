// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/image_input.h"
#include "core/graph/transformer_parts.h"

#include <nlohmann/json.hpp>

#include <array>

namespace gradus {

namespace {

struct Config
{
    AttentionSizes attention;
    std::int64_t intermediate = 0;
    std::int64_t blocks = 0;
    std::int64_t channels = 0;
    std::array<std::int64_t, 2> image{};
    std::array<std::int64_t, 2> patch{};
    float epsilon = 0;
    op::UnaryKind activation = op::UnaryKind::Gelu;

    [[nodiscard]] std::int64_t patches() const
    {
        return (image[0] / patch[0]) * (image[1] / patch[1]);
    }
};

/// A number, for both directions, or a list of height and width.
std::array<std::int64_t, 2> sides(const nlohmann::json& json, const char* key,
                                  std::int64_t fallback)
{
    constexpr std::int64_t largest = 65'536;
    const auto found = json.find(key);
    if (found == json.end() || !found->is_array()) {
        const std::int64_t side = ConfigReader(json).integer(key, 1, largest, fallback);
        return {side, side};
    }
    if (found->size() != 2)
        throw Error(ErrorCode::Format, concat("config.json: \"", key, "\" is a list of ",
                                              found->size(), ", expected height and width"));
    const nlohmann::json pair{{"height", (*found)[0]}, {"width", (*found)[1]}};
    const ConfigReader reader(pair);
    return {reader.integer("height", 1, largest), reader.integer("width", 1, largest)};
}

Config readConfig(const nlohmann::json& json)
{
    const ConfigReader reader(json);
    Config config;
    config.attention = AttentionSizes::read(reader, "hidden_size", "num_attention_heads");
    config.intermediate = reader.integer("intermediate_size", 1, largestSize);
    config.blocks = reader.integer("num_hidden_layers", 1, 100'000);
    config.channels = reader.integer("num_channels", 1, 65'536, 3);
    config.image = sides(json, "image_size", 224);
    config.patch = sides(json, "patch_size", 16);
    config.epsilon = static_cast<float>(reader.real("layer_norm_eps", 1e-12));
    config.activation = activationNamed(reader.text("hidden_act", "gelu"));
    if (config.patches() == 0)
        throw Error(ErrorCode::Shape, concat("config.json: a patch of ", config.patch[0], " × ",
                                             config.patch[1], " does not fit into an image of ",
                                             config.image[0], " × ", config.image[1]));
    return config;
}

/// Vision transformers as ViT and DeiT have them: patches as tokens behind a class token (and a
/// distillation token), blocks that normalize first, scores from the class token.
class VitBuilder
{
public:
    VitBuilder(const nlohmann::json& json, Model& model)
        : m_json(json)
        , m_config(readConfig(json))
        , m_builder(model)
    {
        for (const char* prefix : {"vit.", "deit."})
            if (m_builder.has(std::string(prefix) + "embeddings.cls_token"))
                m_prefix = prefix;
    }

    void build()
    {
        Model& model = m_builder.model();
        model.hiddenSize = m_config.attention.hidden;
        model.image = imageInput(model.source, m_config.channels, m_config.image);
        const ValueId pixels =
            m_builder.addInput("pixel_values", DType::F32,
                               {-1, m_config.channels, m_config.image[0], m_config.image[1]});
        ValueId hidden = addEmbeddings(pixels);
        for (std::int64_t i = 0; i < m_config.blocks; ++i)
            hidden = addBlock(concat(m_prefix, "encoder.layer.", i), hidden);
        addHead(addNorm(m_prefix + "layernorm", hidden));
    }

private:
    ValueId addNorm(const std::string& name, ValueId input)
    {
        return m_builder.addLayerNorm(name, input, m_config.attention.hidden, m_config.epsilon);
    }

    /// batch × C × H × W → batch × patches × hidden.
    ValueId addPatches(ValueId pixels)
    {
        const std::string name = m_prefix + "embeddings.patch_embeddings.projection";
        const std::int64_t hidden = m_config.attention.hidden;
        const std::string weight = name + ".weight";
        m_builder.requireShape(weight,
                               {hidden, m_config.channels, m_config.patch[0], m_config.patch[1]});
        op::Convolution convolution;
        convolution.weight = weight;
        convolution.bias = m_builder.optional(name + ".bias", {hidden});
        convolution.geometry.channels = m_config.channels;
        convolution.geometry.kernel = m_config.patch;
        convolution.geometry.stride = m_config.patch;
        const std::int64_t features = convolution.geometry.features();
        const ValueId grid = m_builder.add(std::move(convolution), {pixels}, name);
        m_builder.addLayer(name, weight, LayerKind::Convolution, pixels, true, hidden, features);
        const ValueId shape = m_builder.addConstant(integersOf({0, hidden, -1}));
        const ValueId flat = m_builder.add(op::Reshape{}, {grid, shape}, name + ".flatten");
        return m_builder.add(op::Transpose{{0, 2, 1}}, {flat}, name + ".transpose");
    }

    /// A learned token for every image: batch × 1 × hidden.
    ValueId addLearnedToken(const std::string& tensor, ValueId batchShape)
    {
        m_builder.requireShape(tensor, {1, 1, m_config.attention.hidden});
        return m_builder.add(op::Expand{}, {m_builder.addConstant(tensor), batchShape}, tensor);
    }

    ValueId addEmbeddings(ValueId pixels)
    {
        const std::string name = m_prefix + "embeddings";
        const std::int64_t hidden = m_config.attention.hidden;
        const ValueId batch = m_builder.add(op::ShapeOf{0, 1}, {pixels}, name + ".batch_size");
        const ValueId rest = m_builder.addConstant(integersOf({1, hidden}));
        const ValueId shape = m_builder.add(op::Concat{0}, {batch, rest}, name + ".token_shape");
        std::vector<ValueId> tokens{addLearnedToken(name + ".cls_token", shape)};
        if (m_builder.has(name + ".distillation_token"))
            tokens.push_back(addLearnedToken(name + ".distillation_token", shape));
        m_distilled = tokens.size() == 2;
        const auto learned = static_cast<std::int64_t>(tokens.size());
        tokens.push_back(addPatches(pixels));
        const ValueId joined = m_builder.add(op::Concat{1}, std::move(tokens), name + ".tokens");
        const std::string positions = name + ".position_embeddings";
        m_builder.requireShape(positions, {1, m_config.patches() + learned, hidden});
        return m_builder.addBinary(op::BinaryKind::Add, joined, m_builder.addConstant(positions),
                                   name);
    }

    ValueId addBlock(const std::string& name, ValueId input)
    {
        static const AttentionNames names{".attention.attention", ".attention.attention.query",
                                          ".attention.attention.key", ".attention.attention.value",
                                          ".attention.output.dense"};
        const std::int64_t hidden = m_config.attention.hidden;
        m_builder.beginBlock(name, input);
        const ValueId normed = addNorm(name + ".layernorm_before", input);
        const ValueId attended =
            addSelfAttention(m_builder, name, names, m_config.attention, normed);
        const ValueId middle =
            m_builder.addBinary(op::BinaryKind::Add, attended, input, name + ".attention.residual");
        const ValueId normed2 = addNorm(name + ".layernorm_after", middle);
        const ValueId up = m_builder.addLinear(name + ".intermediate.dense", normed2,
                                               m_config.intermediate, hidden);
        const ValueId active =
            m_builder.addUnary(m_config.activation, up, name + ".intermediate.act");
        const ValueId down =
            m_builder.addLinear(name + ".output.dense", active, hidden, m_config.intermediate);
        return m_builder.endBlock(
            m_builder.addBinary(op::BinaryKind::Add, down, middle, name + ".output.residual"));
    }

    void addHead(ValueId hidden)
    {
        const std::int64_t features = m_config.attention.hidden;
        const auto scores = [&](const std::string& name, std::int64_t position) {
            const ValueId token = addToken(m_builder, hidden, position, name + ".token");
            return m_builder.addLinear(name, token, rowsOf(m_builder, name), features);
        };
        if (m_distilled && m_builder.has("distillation_classifier.weight")) {
            // Both heads see their own token; the model's answer is their mean.
            const std::int64_t classes = rowsOf(m_builder, "cls_classifier");
            const ValueId sum =
                m_builder.addBinary(op::BinaryKind::Add, scores("cls_classifier", 0),
                                    scores("distillation_classifier", 1), "logits.sum");
            Tensor half(Shape{});
            half.floats()[0] = 0.5F;
            const ValueId mean = m_builder.addBinary(
                op::BinaryKind::Multiply, sum, m_builder.addConstant(std::move(half)), "logits");
            m_builder.addOutput(mean, "logits", {-1, classes});
            m_builder.model().task = ModelTask::Classification;
            m_builder.model().labels = classLabels(m_json, classes);
        } else if (m_builder.has("classifier.weight")) {
            addClassifier(m_builder, m_json, "classifier",
                          addToken(m_builder, hidden, 0, "classifier.token"), features);
        } else {
            m_builder.addOutput(hidden, "last_hidden_state", {-1, -1, features});
        }
    }

    const nlohmann::json& m_json;
    Config m_config;
    NetworkBuilder m_builder;
    std::string m_prefix;
    bool m_distilled = false;
};

} // namespace

void buildVit(const nlohmann::json& config, Model& model)
{
    VitBuilder(config, model).build();
}

} // namespace gradus
