// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/transformer_parts.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace gradus {

op::UnaryKind activationNamed(const std::string& name)
{
    using op::UnaryKind;
    static constexpr std::array<std::pair<std::string_view, UnaryKind>, 12> known{{
        {"gelu", UnaryKind::Gelu},
        {"gelu_python", UnaryKind::Gelu},
        {"gelu_new", UnaryKind::GeluTanh},
        {"gelu_fast", UnaryKind::GeluTanh},
        {"gelu_pytorch_tanh", UnaryKind::GeluTanh},
        {"quick_gelu", UnaryKind::QuickGelu},
        {"relu", UnaryKind::Relu},
        {"silu", UnaryKind::Silu},
        {"swish", UnaryKind::Silu},
        {"tanh", UnaryKind::Tanh},
        {"sigmoid", UnaryKind::Sigmoid},
        {"mish", UnaryKind::Mish},
    }};
    const auto* const found = std::find_if(known.begin(), known.end(),
                                           [&](const auto& entry) { return entry.first == name; });
    if (found == known.end())
        throw Error(ErrorCode::Unsupported, concat("activation ", quoted(name)));
    return found->second;
}

Tensor integersOf(const std::vector<std::int64_t>& values)
{
    Tensor tensor(DType::I64, {static_cast<std::int64_t>(values.size())});
    std::memcpy(tensor.bytes().data(), values.data(), tensor.bytes().size());
    return tensor;
}

Tensor integerOf(std::int64_t value)
{
    Tensor tensor = integersOf({value});
    tensor.reshape({});
    return tensor;
}

AttentionSizes AttentionSizes::read(const ConfigReader& reader, const char* hiddenKey,
                                    const char* headsKey)
{
    AttentionSizes sizes;
    sizes.hidden = reader.integer(hiddenKey, 1, largestSize);
    sizes.heads = reader.integer(headsKey, 1, 65'536);
    if (sizes.hidden % sizes.heads != 0)
        throw Error(ErrorCode::Shape, concat("config.json: hidden size ", sizes.hidden,
                                             " is not divisible by ", sizes.heads, " heads"));
    return sizes;
}

ValueId addSelfAttention(NetworkBuilder& builder, const std::string& block,
                         const AttentionNames& names, const AttentionSizes& sizes, ValueId input,
                         ValueId mask)
{
    const auto linear = [&](const std::string& name, ValueId from) {
        return builder.addLinear(block + name, from, sizes.hidden, sizes.hidden);
    };
    const ValueId q = linear(names.query, input);
    const ValueId k = linear(names.key, input);
    const ValueId v = linear(names.value, input);
    const float scale = 1.0F / std::sqrt(static_cast<float>(sizes.headDim()));
    std::vector<ValueId> inputs{q, k, v};
    if (mask != noValue)
        inputs.push_back(mask);
    const ValueId mixed = builder.add(
        op::Attention{sizes.heads, sizes.heads, sizes.headDim(), scale, 0, sizes.causal},
        std::move(inputs), block + names.attention);
    return linear(names.output, mixed);
}

ValueId addToken(NetworkBuilder& builder, ValueId sequence, std::int64_t position,
                 const std::string& name)
{
    const ValueId index = builder.addConstant(integerOf(position));
    return builder.add(op::Gather{1}, {sequence, index}, name);
}

ValueId addLanguageHead(NetworkBuilder& builder, ValueId input, const std::string& name, bool tied,
                        const std::string& embedding, std::int64_t vocabulary,
                        std::int64_t features, const std::string& bias)
{
    const std::string weight = (tied ? embedding : name) + ".weight";
    builder.requireShape(weight, {vocabulary, features});
    const std::string foundBias = bias.empty() ? "" : builder.optional(bias, {vocabulary});
    const ValueId logits = builder.add(op::Linear{weight, foundBias}, {input}, name);
    if (!tied)
        builder.addLayer(name, weight, LayerKind::Linear, input, false, vocabulary, features);
    return logits;
}

std::string architectureClass(const nlohmann::json& config)
{
    const auto found = config.find("architectures");
    if (found == config.end() || !found->is_array() || found->empty() ||
        !found->front().is_string())
        return {};
    return found->front().get<std::string>();
}

std::vector<std::string> classLabels(const nlohmann::json& config, std::int64_t classes)
{
    const auto found = config.find("id2label");
    if (found == config.end() || !found->is_object() ||
        static_cast<std::int64_t>(found->size()) != classes)
        return {};
    std::vector<std::string> labels;
    bool named = false;
    for (std::int64_t i = 0; i < classes; ++i) {
        const auto label = found->find(std::to_string(i));
        if (label == found->end() || !label->is_string())
            return {};
        labels.push_back(label->get<std::string>());
        named = named || labels.back() != concat("LABEL_", i);
    }
    return named ? labels : std::vector<std::string>();
}

std::int64_t rowsOf(const NetworkBuilder& builder, const std::string& name)
{
    const TensorInfo* info = builder.model().source.tensors->find(name + ".weight");
    if (!info)
        throw Error(ErrorCode::Format,
                    concat("the model has no tensor ", quoted(name + ".weight")));
    if (info->shape.size() != 2)
        throw Error(ErrorCode::Shape,
                    concat(info->name, " is ", shapeText(info->shape), ", expected two axes"));
    return info->shape[0];
}

void addClassifier(NetworkBuilder& builder, const nlohmann::json& config, const std::string& name,
                   ValueId input, std::int64_t features)
{
    const std::int64_t classes = rowsOf(builder, name);
    const ValueId logits = builder.addLinear(name, input, classes, features);
    builder.addOutput(logits, "logits", {-1, classes});
    Model& model = builder.model();
    model.task = classes > 1 ? ModelTask::Classification : ModelTask::Other;
    model.labels = classLabels(config, classes);
}

} // namespace gradus
