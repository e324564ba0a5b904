// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX operators with parameters: products, norms, quantization.
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"
#include "core/tensor/weight_layout.h"

#include <algorithm>

namespace gradus {

namespace {

using op::BinaryKind;

/// The weight of op::Linear when input i is a constant matrix: the layer's tensor, or one made of
/// what the graph computes; "" when it is no matrix of floats, or a layer's weight in another
/// orientation than the layer's. rows: that of the result.
struct MatrixWeight
{
    std::string tensor;
    std::int64_t rows = 0;
};

MatrixWeight matrixWeight(OnnxCall& call, std::size_t i, bool isOutByIn)
{
    if (const OnnxWeight* layer = call.weight(i); layer && layer->shape.size() == 2)
        return {layer->tensor, layer->rows};
    if (call.movesWeight(i) || !call.isConstant(i) || call.dtype(call.in(i)) != DType::F32)
        return {};
    const auto shape = call.shapeOfConstant(i);
    if (!shape || shape->size() != 2)
        return {};
    const std::string tensor = call.computed("weight", i, isOutByIn ? 1 : 2, [&](const Tensor& c) {
        return isOutByIn ? c.clone()
                         : matrixOfStored(c.clone(), {*shape, {1, 0}}, (*shape)[1], (*shape)[0]);
    });
    return {tensor, (*shape)[isOutByIn ? 0 : 1]};
}

void matMul(OnnxCall& call)
{
    const MatrixWeight weight = call.isConstant(0) ? MatrixWeight{} : matrixWeight(call, 1, false);
    if (!weight.tensor.empty()) {
        call.become(op::Linear{weight.tensor, {}}, {call.inAs(0, DType::F32)});
        return;
    }
    const OnnxCall::Operand a = call.operand(0);
    const OnnxCall::Operand b = call.operand(1);
    call.become(op::MatMul{a.transposes, b.transposes}, {a.value, b.value});
}

/// alpha · A · B + beta · C.
void gemm(OnnxCall& call)
{
    const float alpha = call.real("alpha", 1);
    const float beta = call.real("beta", 1);
    const bool transposesA = call.flag("transA");
    const bool transposesB = call.flag("transB");
    const MatrixWeight weight =
        call.isConstant(0) ? MatrixWeight{} : matrixWeight(call, 1, transposesB);
    if (weight.tensor.empty()) {
        const OnnxCall::Operand a = call.operand(0);
        const OnnxCall::Operand b = call.operand(1);
        ValueId result =
            call.emit(op::MatMul{transposesA != a.transposes, transposesB != b.transposes, alpha},
                      {a.value, b.value});
        if (call.has(2) && beta != 0) {
            ValueId added = call.in(2);
            if (beta != 1)
                added = call.emit(op::Binary{BinaryKind::Multiply}, {added, call.scalar(beta)});
            result = call.emit(op::Binary{BinaryKind::Add}, {result, added});
        }
        call.bind(0, result);
        return;
    }
    ValueId x = call.in(0);
    if (transposesA)
        x = call.emit(op::Transpose{{1, 0}}, {x});
    op::Linear linear{weight.tensor, {}};
    bool adds = call.has(2) && beta != 0;
    if (adds && alpha == 1 && beta == 1 && call.isConstant(2)) {
        const auto shape = call.shapeOfConstant(2);
        if (shape && (*shape == Shape{weight.rows} || *shape == Shape{1, weight.rows})) {
            linear.bias = call.parameter(2);
            adds = false;
        }
    }
    ValueId result = call.emit(std::move(linear), {x});
    if (alpha != 1)
        result = call.emit(op::Binary{BinaryKind::Multiply}, {result, call.scalar(alpha)});
    if (adds) {
        ValueId added = call.in(2);
        if (beta != 1)
            added = call.emit(op::Binary{BinaryKind::Multiply}, {added, call.scalar(beta)});
        result = call.emit(op::Binary{BinaryKind::Add}, {result, added});
    }
    call.bind(0, result);
}

void batchNorm(OnnxCall& call)
{
    if (call.flag("training_mode"))
        throw call.fail("normalizes by its batch, as in training");
    if (!call.flag("spatial", true))
        throw call.fail("has spatial = 0, which Gradus does not run");
    for (std::size_t i = 1; i < call.outputs(); ++i)
        if (call.isRead(i) && call.opset() >= 14)
            throw call.fail("should give running statistics");
    op::BatchNorm norm;
    norm.weight = call.parameter(1);
    norm.bias = call.parameter(2);
    norm.mean = call.parameter(3);
    norm.variance = call.parameter(4);
    norm.epsilon = call.real("epsilon", 1e-5F);
    call.bind(0, call.emit(std::move(norm), {call.in(0)}));
}

void instanceNorm(OnnxCall& call)
{
    op::InstanceNorm norm;
    norm.weight = call.parameter(1);
    norm.bias = call.parameter(2);
    norm.epsilon = call.real("epsilon", 1e-5F);
    call.become(std::move(norm), {call.in(0)});
}

/// Over the axes from `axis` to the last, element by element.
ValueId normalized(OnnxCall& call, ValueId x, std::int64_t axis, float epsilon)
{
    op::Reduce mean;
    for (std::int64_t each = axis; each < 0; ++each)
        mean.axes.push_back(each);
    const ValueId centered = call.emit(op::Binary{BinaryKind::Subtract}, {x, call.emit(mean, {x})});
    const ValueId square = call.emit(op::Binary{BinaryKind::Multiply}, {centered, centered});
    const ValueId variance =
        call.emit(op::Binary{BinaryKind::Add}, {call.emit(mean, {square}), call.scalar(epsilon)});
    const ValueId deviation = call.emit(op::Unary{op::UnaryKind::Sqrt}, {variance});
    return call.emit(op::Binary{BinaryKind::Divide}, {centered, deviation});
}

void layerNormOf(OnnxCall& call, ValueId x, std::size_t weight, std::size_t bias)
{
    for (std::size_t i = 1; i < call.outputs(); ++i)
        if (call.isRead(i))
            throw call.fail("should give its mean or deviation, which Gradus does not have");
    const float epsilon = call.real("epsilon", 1e-5F);
    std::int64_t axis = call.integer("axis", -1);
    if (axis >= 0) {
        const auto rank = call.statedRank(0);
        if (!rank)
            throw call.fail("has axis ", axis, " of an input whose rank the file does not say");
        axis -= static_cast<std::int64_t>(*rank);
    }
    if (axis < -64 || axis >= 0)
        throw call.fail("normalizes along axis ", axis, ", which no tensor has");
    const auto isVector = [&](std::size_t i) {
        const auto shape = call.shapeOfConstant(i);
        return !call.has(i) || (shape && shape->size() == 1);
    };
    if (axis == -1 && call.isConstant(weight) && isVector(weight) && isVector(bias) &&
        (!call.has(bias) || call.isConstant(bias))) {
        call.bind(0, call.emit(op::LayerNorm{call.parameter(weight), call.parameter(bias), epsilon},
                               {x}));
        return;
    }
    ValueId result = normalized(call, x, axis, epsilon);
    result = call.emit(op::Binary{BinaryKind::Multiply}, {result, call.in(weight)});
    if (call.has(bias))
        result = call.emit(op::Binary{BinaryKind::Add}, {result, call.in(bias)});
    call.bind(0, result);
}

void layerNorm(OnnxCall& call)
{
    layerNormOf(call, call.in(0), 1, 2);
}

/// com.microsoft: LayerNorm of x + skip (+ bias); the sum may be an output too.
void skipLayerNorm(OnnxCall& call)
{
    ValueId sum = call.emit(op::Binary{BinaryKind::Add}, {call.in(0), call.in(1)});
    if (call.has(4))
        sum = call.emit(op::Binary{BinaryKind::Add}, {sum, call.in(4)});
    call.bind(3, sum);
    if (call.isRead(1) || call.isRead(2))
        throw call.fail("should give its mean or deviation, which Gradus does not have");
    const float epsilon = call.real("epsilon", 1e-12F);
    call.bind(0, call.emit(op::LayerNorm{call.parameter(2), call.parameter(3), epsilon}, {sum}));
}

void rmsNorm(OnnxCall& call)
{
    if (call.integer("axis", -1) != -1 || call.isRead(1))
        throw call.fail("is along another axis than the last, or gives its deviation");
    call.bind(0,
              call.emit(op::RmsNorm{call.parameter(1), call.real("epsilon", 1e-5F)}, {call.in(0)}));
}

/// The codes' range, by the type of the zero point or the attribute output_dtype.
void setRange(OnnxCall& call, op::QuantizeLinear& quantize)
{
    std::int64_t type = call.integer("output_dtype", 0);
    if (const auto zero = call.storedDType(2); type == 0 && zero)
        type = *zero == DType::I8 ? 3 : *zero == DType::I16 ? 5 : *zero == DType::U8 ? 2 : 0;
    else if (type == 0 && !call.has(2))
        type = 2;
    switch (type) {
    case 2: // UINT8
        quantize.minimum = 0;
        quantize.maximum = 255;
        break;
    case 3: // INT8
        quantize.minimum = -128;
        quantize.maximum = 127;
        break;
    case 4: // UINT16
        quantize.minimum = 0;
        quantize.maximum = 65535;
        break;
    case 5: // INT16
        quantize.minimum = -32768;
        quantize.maximum = 32767;
        break;
    case 21: // UINT4
        quantize.minimum = 0;
        quantize.maximum = 15;
        break;
    case 22: // INT4
        quantize.minimum = -8;
        quantize.maximum = 7;
        break;
    default:
        throw call.fail("quantizes to a type that Gradus does not know");
    }
}

template <class Op>
std::vector<ValueId> scaled(OnnxCall& call, Op& made)
{
    made.axis = call.opset() >= 13 ? call.integer("axis", 1) : 1;
    made.blockSize = call.integer("block_size", 0);
    std::vector<ValueId> inputs{call.inAs(0, DType::F32), call.inAs(1, DType::F32)};
    if (call.has(2))
        inputs.push_back(call.inAs(2, DType::F32));
    return inputs;
}

void quantizeLinear(OnnxCall& call)
{
    op::QuantizeLinear made;
    setRange(call, made);
    std::vector<ValueId> inputs = scaled(call, made);
    call.become(made, std::move(inputs));
}

void dequantizeLinear(OnnxCall& call)
{
    op::DequantizeLinear made;
    std::vector<ValueId> inputs = scaled(call, made);
    call.become(made, std::move(inputs));
}

} // namespace

OnnxTable onnxNetworks()
{
    return {
        {"MatMul", matMul},
        {"Gemm", gemm},
        {"BatchNormalization", batchNorm},
        {"InstanceNormalization", instanceNorm},
        {"LayerNormalization", layerNorm},
        {"com.microsoft.LayerNormalization", layerNorm},
        {"com.microsoft.SkipLayerNormalization", skipLayerNorm},
        {"RMSNormalization", rmsNorm},
        {"SimplifiedLayerNormalization", rmsNorm},
        {"com.microsoft.SimplifiedLayerNormalization", rmsNorm},
        {"QuantizeLinear", quantizeLinear},
        {"DequantizeLinear", dequantizeLinear},
        {"com.microsoft.QuantizeLinear", quantizeLinear},
        {"com.microsoft.DequantizeLinear", dequantizeLinear},
    };
}

} // namespace gradus
