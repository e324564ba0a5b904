// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels_quantized.h"
#include "core/graph/operator_inputs.h"

namespace gradus {

namespace {

/// Codes and zero points come as floats of whole value or as integers.
Tensor numbers(const Evaluation& e, std::size_t i)
{
    const Tensor& x = operand(e, i);
    if (x.dtype() == DType::Bool)
        throw e.failure(ErrorCode::Shape, concat("input ", i + 1, " is BOOL, expected numbers"));
    return toFloat(x.view());
}

ScaleLayout layoutOf(const Evaluation& e, std::int64_t axis, std::int64_t blockSize)
{
    const Shape& x = operand(e, 0).shape();
    const Shape& scale = floatOperand(e, 1).shape();
    const auto layout = scaleLayout(x, scale, axis, blockSize);
    if (!layout || (e.has(2) && e.in(2).count() != e.in(1).count()))
        throw e.failure(
            ErrorCode::Shape,
            concat("its scales are ", shapeText(scale),
                   e.has(2) ? concat(" and its zero points ", shapeText(e.in(2).shape()))
                            : std::string(),
                   ", which do not fit ", shapeText(x), " along axis ", axis,
                   blockSize > 0 ? concat(" in blocks of ", blockSize) : std::string()));
    return *layout;
}

} // namespace

Tensor evaluate(const op::QuantizeLinear& quantize, Evaluation& e)
{
    const Tensor& x = floatOperand(e, 0);
    const ScaleLayout layout = layoutOf(e, quantize.axis, quantize.blockSize);
    const Tensor zero = e.has(2) ? numbers(e, 2) : Tensor();
    const float* from = x.floats().data();
    Tensor result = e.likeInput(0);
    kernel::quantizeLinear(layout, from, e.in(1).floats(), zero.floats(),
                           static_cast<float>(quantize.minimum),
                           static_cast<float>(quantize.maximum), result.floats().data());
    return result;
}

Tensor evaluate(const op::DequantizeLinear& dequantize, Evaluation& e)
{
    const ScaleLayout layout = layoutOf(e, dequantize.axis, dequantize.blockSize);
    const Tensor zero = e.has(2) ? numbers(e, 2) : Tensor();
    const Tensor& codes = operand(e, 0);
    const float* from = codes.dtype() == DType::F32 ? codes.floats().data() : nullptr;
    Tensor result = from ? e.likeInput(0) : numbers(e, 0);
    kernel::dequantizeLinear(layout, from ? from : result.floats().data(), e.in(1).floats(),
                             zero.floats(), result.floats().data());
    return result;
}

} // namespace gradus
