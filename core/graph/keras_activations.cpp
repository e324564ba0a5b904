// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/graph/keras_call.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace gradus {

namespace {

using op::BinaryKind;
using op::UnaryKind;

constexpr float infinity = std::numeric_limits<float>::infinity();

KerasValue unary(const KerasCall& call, KerasValue value, op::Unary op, std::string_view suffix)
{
    value.id = call.add(op, {value.id}, suffix);
    return value;
}

/// An axis of Keras's order as the value lies.
std::int64_t lyingAxis(const KerasCall& call, const KerasValue& value, std::int64_t axis)
{
    const auto rank = static_cast<std::int64_t>(value.shape.size());
    if (axis < -rank || axis >= rank)
        throw call.failure(ErrorCode::Shape,
                           concat("has the axis ", axis, " of ", shapeText(value.shape)));
    axis = axis < 0 ? axis + rank : axis;
    if (!value.moved || axis == 0)
        return axis;
    return axis == rank - 1 ? 1 : axis + 1;
}

KerasValue softmaxed(const KerasCall& call, KerasValue value, std::int64_t axis, bool logarithm,
                     std::string_view suffix)
{
    op::Softmax softmax;
    softmax.axis = lyingAxis(call, value, axis);
    softmax.logarithm = logarithm;
    value.id = call.add(softmax, {value.id}, suffix);
    return value;
}

/// x ≥ threshold ? min(x, maximum) : slope · (x − threshold), as Keras defines its ReLU.
KerasValue rectified(const KerasCall& call, KerasValue value, double slope, double threshold,
                     double maximum, std::string_view suffix)
{
    const auto top = static_cast<float>(maximum);
    if (threshold == 0 && slope == 0)
        return std::isinf(top) ? unary(call, value, {UnaryKind::Relu}, suffix)
                               : unary(call, value, {UnaryKind::Clip, 0, top}, suffix);
    if (threshold == 0) {
        value = unary(call, value, {UnaryKind::LeakyRelu, static_cast<float>(slope)}, suffix);
    } else {
        const ValueId limit = call.constant(static_cast<float>(threshold));
        const ValueId above =
            call.add(op::Binary{BinaryKind::GreaterOrEqual}, {value.id, limit}, "above");
        const ValueId distance =
            call.add(op::Binary{BinaryKind::Subtract}, {value.id, limit}, "distance");
        const ValueId below =
            call.add(op::Binary{BinaryKind::Multiply},
                     {distance, call.constant(static_cast<float>(slope))}, "below");
        value.id = call.add(op::Where{}, {above, value.id, below}, suffix);
    }
    return std::isinf(top) ? value
                           : unary(call, value, {UnaryKind::Clip, -infinity, top}, "maximum");
}

double maximumOf(const ConfigReader& reader)
{
    return reader.has("max_value") ? reader.real("max_value", 0)
                                   : std::numeric_limits<double>::infinity();
}

/// Keras 2 calls slopes alpha.
double slopeOf(const ConfigReader& reader, double fallback)
{
    return reader.real("negative_slope", reader.real("alpha", fallback));
}

KerasValue byName(const KerasCall& call, const KerasValue& value, const std::string& name)
{
    static const std::map<std::string_view, op::Unary> simple{
        {"relu", {UnaryKind::Relu}},
        {"relu6", {UnaryKind::Clip, 0, 6}},
        {"elu", {UnaryKind::Elu, 1}},
        {"selu", {UnaryKind::Selu, 1.67326324F, 1.05070098F}}, // Klambauer et al. 2017
        {"gelu", {UnaryKind::Gelu}},
        {"silu", {UnaryKind::Silu}},
        {"swish", {UnaryKind::Silu}},
        {"sigmoid", {UnaryKind::Sigmoid}},
        {"hard_swish", {UnaryKind::HardSwish}},
        {"hard_silu", {UnaryKind::HardSwish}},
        {"softplus", {UnaryKind::Softplus}},
        {"softsign", {UnaryKind::Softsign}},
        {"mish", {UnaryKind::Mish}},
        {"tanh", {UnaryKind::Tanh}},
        {"exponential", {UnaryKind::Exp}},
        {"leaky_relu", {UnaryKind::LeakyRelu, 0.2F}},
    };
    if (name == "linear")
        return value;
    // Keras calls an Activation layer after itself; fused ones get a name of their own.
    const std::string_view suffix = call.kind() == "Activation" ? std::string_view() : name;
    if (name == "softmax" || name == "log_softmax")
        return softmaxed(call, value, -1, name == "log_softmax", suffix);
    if (name == "hard_sigmoid") // Keras 3 has changed it
        return unary(call, value,
                     {UnaryKind::HardSigmoid, call.isOfKeras3() ? 1.0F / 6.0F : 0.2F, 0.5F},
                     suffix);
    const auto found = simple.find(name);
    if (found == simple.end())
        throw call.failure(ErrorCode::Unsupported, concat("has the activation ", quoted(name),
                                                          ", which cannot be run yet"));
    return unary(call, value, found->second, suffix);
}

KerasValue activation(const KerasCall& call)
{
    const auto found = call.config().find("activation");
    if (found == call.config().end())
        throw call.failure(ErrorCode::Format, "names no activation");
    return activated(call, call.input(), *found);
}

KerasValue relu(const KerasCall& call)
{
    const ConfigReader& reader = call.reader();
    return rectified(call, call.input(), reader.real("negative_slope", 0),
                     reader.real("threshold", 0), maximumOf(reader), {});
}

KerasValue leakyRelu(const KerasCall& call)
{
    return rectified(call, call.input(), slopeOf(call.reader(), 0.3), 0, INFINITY, {});
}

KerasValue thresholdedRelu(const KerasCall& call)
{
    return rectified(call, call.input(), 0, call.reader().real("theta", 1), INFINITY, {});
}

KerasValue elu(const KerasCall& call)
{
    return unary(call, call.input(),
                 {UnaryKind::Elu, static_cast<float>(call.reader().real("alpha", 1))}, {});
}

KerasValue softmax(const KerasCall& call)
{
    const std::int64_t axis =
        call.reader().has("axis") ? call.integers("axis", 1, -1, -8, 8)[0] : -1;
    return softmaxed(call, call.input(), axis, false, {});
}

/// The slopes have the input's shape without the batch, sizes of 1 where they are shared.
KerasValue prelu(const KerasCall& call)
{
    KerasValue value = call.input();
    const std::string alpha = call.weight({"alpha"}, Shape(value.shape.size() - 1, -1));
    const Shape& shape = call.shapeOfTensor(alpha);
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] != 1 && value.shape[i + 1] > 0 && shape[i] != value.shape[i + 1])
            throw call.failure(ErrorCode::Shape, concat("has slopes of ", shapeText(shape), " for ",
                                                        shapeText(value.shape)));
    ValueId slopes = call.graph().builder().addConstant(alpha);
    if (value.moved) {
        op::Transpose transpose; // channels in front, as the values lie
        transpose.permutation.push_back(static_cast<std::int64_t>(shape.size()) - 1);
        for (std::int64_t i = 0; i + 1 < static_cast<std::int64_t>(shape.size()); ++i)
            transpose.permutation.push_back(i);
        slopes = call.add(transpose, {slopes}, "alpha");
    }
    value.id = call.add(op::Binary{BinaryKind::PRelu}, {value.id, slopes});
    return value;
}

} // namespace

KerasValue activated(const KerasCall& call, KerasValue value, const nlohmann::json& activation)
{
    if (activation.is_null())
        return value;
    if (activation.is_string())
        return byName(call, value, activation.get<std::string>());
    const auto kind = activation.is_object() ? activation.find("class_name") : activation.end();
    const auto config = activation.is_object() ? activation.find("config") : activation.end();
    if (kind == activation.end() || !kind->is_string() || config == activation.end())
        throw call.failure(ErrorCode::Format, "has an activation that is neither name nor object");
    if (config->is_string()) // {"class_name": "function", "config": "relu"}
        return byName(call, value, config->get<std::string>());
    const std::string name = *kind;
    if (!config->is_object() || !kerasActivations().contains(name) || name == "PReLU" ||
        name == "Activation")
        throw call.failure(ErrorCode::Unsupported, concat("has the activation ", quoted(name),
                                                          ", which cannot be run yet"));
    // A layer in place of a function.
    const KerasCall inner(call.graph(), name, call.name() + "/" + name, call.name(), *config,
                          {std::move(value)});
    return kerasActivations().at(name)(inner);
}

const KerasTranslators& kerasActivations()
{
    static const KerasTranslators translators{
        {"Activation", activation},
        {"ReLU", relu},
        {"LeakyReLU", leakyRelu},
        {"ThresholdedReLU", thresholdedRelu},
        {"ELU", elu},
        {"Softmax", softmax},
        {"PReLU", prelu},
    };
    return translators;
}

} // namespace gradus
