// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX operators that work element by element.
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"

#include <limits>

namespace gradus {

namespace {

using op::BinaryKind;
using op::UnaryKind;

/// Of floats: integers are computed as floats and come back.
template <UnaryKind kind>
void unary(OnnxCall& call)
{
    const ValueId x = call.in(0);
    const DType dtype = call.dtype(x);
    const bool takesIntegers =
        kind == UnaryKind::Abs || kind == UnaryKind::Neg || kind == UnaryKind::Sign;
    if (dtype == DType::F32 || (takesIntegers && dtype == DType::I64))
        call.become(op::Unary{kind}, {x});
    else
        call.bind(0, call.cast(call.emit(op::Unary{kind}, {call.cast(x, DType::F32)}), dtype));
}

void logicalNot(OnnxCall& call)
{
    call.become(op::Unary{UnaryKind::Not}, {call.inAs(0, DType::Bool)});
}

void relu(OnnxCall& call)
{
    const ValueId x = call.in(0);
    if (call.dtype(x) == DType::I64)
        call.become(op::Binary{BinaryKind::Maximum}, {x, call.scalarOf(DType::I64, 0)});
    else
        call.become(op::Unary{UnaryKind::Relu}, {x});
}

void leakyRelu(OnnxCall& call)
{
    call.become(op::Unary{UnaryKind::LeakyRelu, call.real("alpha", 0.01F)}, {call.in(0)});
}

void elu(OnnxCall& call)
{
    call.become(op::Unary{UnaryKind::Elu, call.real("alpha", 1.0F)}, {call.in(0)});
}

void selu(OnnxCall& call)
{
    call.become(op::Unary{UnaryKind::Selu, call.real("alpha", 1.67326319217681884765625F),
                          call.real("gamma", 1.05070102214813232421875F)},
                {call.in(0)});
}

void hardSigmoid(OnnxCall& call)
{
    call.become(
        op::Unary{UnaryKind::HardSigmoid, call.real("alpha", 0.2F), call.real("beta", 0.5F)},
        {call.in(0)});
}

void gelu(OnnxCall& call)
{
    const std::string how = call.text("approximate", "none");
    if (how != "none" && how != "tanh")
        throw call.fail("approximates in an unknown way: ", quoted(how));
    call.become(op::Unary{how == "tanh" ? UnaryKind::GeluTanh : UnaryKind::Gelu}, {call.in(0)});
}

/// com.microsoft: x · sigmoid(alpha · x).
void quickGelu(OnnxCall& call)
{
    const float alpha = call.real("alpha", 1.702F);
    const ValueId x = call.in(0);
    if (alpha == 1.702F || alpha == 1.0F) {
        call.become(op::Unary{alpha == 1.0F ? UnaryKind::Silu : UnaryKind::QuickGelu}, {x});
        return;
    }
    const ValueId scaled = call.emit(op::Binary{BinaryKind::Multiply}, {x, call.scalar(alpha)});
    call.become(op::Binary{BinaryKind::Multiply},
                {x, call.emit(op::Unary{UnaryKind::Sigmoid}, {scaled})});
}

/// com.microsoft FastGelu and BiasGelu: of x plus a bias.
template <UnaryKind kind>
void biasedGelu(OnnxCall& call)
{
    ValueId x = call.in(0);
    if (call.has(1))
        x = call.emit(op::Binary{BinaryKind::Add}, {x, call.in(1)});
    call.become(op::Unary{kind}, {x});
}

void clip(OnnxCall& call)
{
    const ValueId x = call.in(0);
    const bool isInteger = call.dtype(x) != DType::F32;
    constexpr float lowest = std::numeric_limits<float>::lowest();
    constexpr float highest = std::numeric_limits<float>::max();
    if (call.opset() < 11) {
        call.become(op::Unary{UnaryKind::Clip, call.real("min", lowest), call.real("max", highest)},
                    {x});
        return;
    }
    const auto low = call.has(1) ? call.constantReal(1) : lowest;
    const auto high = call.has(2) ? call.constantReal(2) : highest;
    // min > max gives max.
    if (low && high && !isInteger && *low <= *high) {
        call.become(op::Unary{UnaryKind::Clip, *low, *high}, {x});
        return;
    }
    ValueId value = x;
    if (call.has(1))
        value = call.emit(op::Binary{BinaryKind::Maximum}, {value, call.in(1)});
    if (call.has(2))
        value = call.emit(op::Binary{BinaryKind::Minimum}, {value, call.in(2)});
    call.bind(0, value);
}

/// Codes of quantized values are floats here, others of the same ONNX type may be integers.
std::pair<ValueId, ValueId> alike(OnnxCall& call, ValueId a, ValueId b)
{
    if (call.dtype(a) != call.dtype(b)) {
        a = call.cast(a, DType::F32);
        b = call.cast(b, DType::F32);
    }
    return {a, b};
}

template <BinaryKind kind>
void binary(OnnxCall& call)
{
    const auto [a, b] = alike(call, call.in(0), call.in(1));
    call.become(op::Binary{kind}, {a, b});
}

template <BinaryKind kind>
void logical(OnnxCall& call)
{
    call.become(op::Binary{kind}, {call.inAs(0, DType::Bool), call.inAs(1, DType::Bool)});
}

void equal(OnnxCall& call)
{
    auto [a, b] = alike(call, call.in(0), call.in(1));
    if (call.dtype(a) == DType::Bool) {
        a = call.cast(a, DType::I64);
        b = call.cast(b, DType::I64);
    }
    call.become(op::Binary{BinaryKind::Equal}, {a, b});
}

/// The result has the base's type.
void power(OnnxCall& call)
{
    const ValueId base = call.in(0);
    const ValueId exponent = call.in(1);
    const DType dtype = call.dtype(base);
    if (dtype == DType::F32 || dtype == call.dtype(exponent)) {
        call.become(op::Binary{BinaryKind::Power}, {base, call.cast(exponent, dtype)});
        return;
    }
    const ValueId result =
        call.emit(op::Binary{BinaryKind::Power},
                  {call.cast(base, DType::F32), call.cast(exponent, DType::F32)});
    call.bind(0, call.cast(result, dtype));
}

void modulo(OnnxCall& call)
{
    const auto [a, b] = alike(call, call.in(0), call.in(1));
    call.become(op::Binary{call.flag("fmod") ? BinaryKind::Remainder : BinaryKind::Modulo}, {a, b});
}

/// Of any number of inputs, one after the other.
template <BinaryKind kind>
void several(OnnxCall& call)
{
    ValueId result = call.in(0);
    for (std::size_t i = 1; i < call.inputs(); ++i) {
        const auto [a, b] = alike(call, result, call.in(i));
        result = call.emit(op::Binary{kind}, {a, b});
    }
    call.bind(0, result);
}

void mean(OnnxCall& call)
{
    ValueId sum = call.in(0);
    for (std::size_t i = 1; i < call.inputs(); ++i)
        sum = call.emit(op::Binary{BinaryKind::Add}, {sum, call.in(i)});
    call.become(op::Binary{BinaryKind::Divide},
                {sum, call.scalar(static_cast<float>(call.inputs()))});
}

void where(OnnxCall& call)
{
    const auto [a, b] = alike(call, call.in(1), call.in(2));
    call.become(op::Where{}, {call.inAs(0, DType::Bool), a, b});
}

void cast(OnnxCall& call)
{
    call.bind(0, call.inAs(0, call.dtypeOfOnnxType(call.integer("to", 1))));
}

void castLike(OnnxCall& call)
{
    call.bind(0, call.cast(call.in(0), call.dtype(call.in(1))));
}

void identity(OnnxCall& call)
{
    call.bind(0, call.in(0));
}

void dropout(OnnxCall& call)
{
    if (call.has(2)) {
        const auto training = call.constantReal(2);
        if (!training || *training != 0)
            throw call.fail("drops values in a graph that trains");
    }
    if (call.isRead(1))
        throw call.fail("should give its mask, which Gradus does not have");
    call.bind(0, call.in(0));
}

} // namespace

OnnxTable onnxElements()
{
    return {
        {"Sigmoid", unary<UnaryKind::Sigmoid>},
        {"Tanh", unary<UnaryKind::Tanh>},
        {"Erf", unary<UnaryKind::Erf>},
        {"Exp", unary<UnaryKind::Exp>},
        {"Log", unary<UnaryKind::Log>},
        {"Sqrt", unary<UnaryKind::Sqrt>},
        {"Reciprocal", unary<UnaryKind::Reciprocal>},
        {"Abs", unary<UnaryKind::Abs>},
        {"Neg", unary<UnaryKind::Neg>},
        {"Sign", unary<UnaryKind::Sign>},
        {"Floor", unary<UnaryKind::Floor>},
        {"Ceil", unary<UnaryKind::Ceil>},
        {"Round", unary<UnaryKind::Round>},
        {"Sin", unary<UnaryKind::Sin>},
        {"Cos", unary<UnaryKind::Cos>},
        {"Softplus", unary<UnaryKind::Softplus>},
        {"Softsign", unary<UnaryKind::Softsign>},
        {"Mish", unary<UnaryKind::Mish>},
        {"HardSwish", unary<UnaryKind::HardSwish>},
        {"Not", logicalNot},
        {"Relu", relu},
        {"LeakyRelu", leakyRelu},
        {"Elu", elu},
        {"Selu", selu},
        {"HardSigmoid", hardSigmoid},
        {"Gelu", gelu},
        {"com.microsoft.Gelu", gelu},
        {"com.microsoft.QuickGelu", quickGelu},
        {"com.microsoft.FastGelu", biasedGelu<UnaryKind::GeluTanh>},
        {"com.microsoft.BiasGelu", biasedGelu<UnaryKind::Gelu>},
        {"Clip", clip},
        {"Add", binary<BinaryKind::Add>},
        {"Sub", binary<BinaryKind::Subtract>},
        {"Mul", binary<BinaryKind::Multiply>},
        {"Div", binary<BinaryKind::Divide>},
        {"PRelu", binary<BinaryKind::PRelu>},
        {"Less", binary<BinaryKind::Less>},
        {"LessOrEqual", binary<BinaryKind::LessOrEqual>},
        {"Greater", binary<BinaryKind::Greater>},
        {"GreaterOrEqual", binary<BinaryKind::GreaterOrEqual>},
        {"Equal", equal},
        {"And", logical<BinaryKind::And>},
        {"Or", logical<BinaryKind::Or>},
        {"Xor", logical<BinaryKind::Xor>},
        {"Pow", power},
        {"Mod", modulo},
        {"Sum", several<BinaryKind::Add>},
        {"Min", several<BinaryKind::Minimum>},
        {"Max", several<BinaryKind::Maximum>},
        {"Mean", mean},
        {"Where", where},
        {"Cast", cast},
        {"CastLike", castLike},
        {"Identity", identity},
        {"Dropout", dropout},
    };
}

} // namespace gradus
