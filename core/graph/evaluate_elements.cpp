// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/element_functions.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels_binary.h"
#include "core/graph/kernels_elements.h"
#include "core/graph/operator_inputs.h"
#include "core/graph/strided.h"

#include <algorithm>
#include <limits>

namespace gradus {

namespace {

Error wrongType(const Evaluation& e, const Tensor& x)
{
    return e.failure(ErrorCode::Shape, concat("is not defined of ", dtypeName(x.dtype())));
}

Shape broadcast(const Evaluation& e, const Shape& a, const Shape& b)
{
    Shape shape;
    if (!kernel::broadcastShapes(a, b, shape))
        throw e.failure(ErrorCode::Shape, concat("its inputs are ", shapeText(a), " and ",
                                                 shapeText(b), ", which do not fit together"));
    return shape;
}

/// The result's tensor, in the memory of an input that has its dtype and shape if there is one to
/// be had.
Tensor resultLike(Evaluation& e, DType dtype, const Shape& shape, std::size_t inputs)
{
    for (std::size_t i = 0; i < inputs; ++i)
        if (e.mayTake(i) && e.in(i).dtype() == dtype && e.in(i).shape() == shape)
            return e.likeInput(i);
    return newTensor(e, dtype, shape);
}

/// One operand's elements and shape, which outlive the tensor's move into the result.
template <class T>
struct Operand
{
    explicit Operand(const Tensor& tensor)
        : data(elementsAs<T>(tensor).data())
        , shape(tensor.shape())
    {
    }
    const T* data;
    Shape shape;
};

template <class In, class Out, class Run>
Tensor runBinary(Evaluation& e, DType dtype, const Shape& shape, const Run& run)
{
    const Operand<In> a(e.in(0));
    const Operand<In> b(e.in(1));
    Tensor result = resultLike(e, dtype, shape, 2);
    run(kernel::BinaryTask<In, Out>{a.data, a.shape, b.data, b.shape,
                                    elementsAs<Out>(result).data(), shape});
    return result;
}

void refuseZeroDivisor(const Evaluation& e, op::BinaryKind kind)
{
    using Kind = op::BinaryKind;
    if (kind != Kind::Divide && kind != Kind::Modulo && kind != Kind::Remainder)
        return;
    const auto divisors = elementsAs<std::int64_t>(e.in(1));
    if (std::find(divisors.begin(), divisors.end(), 0) != divisors.end())
        throw e.failure(ErrorCode::Numeric, "divides an integer by 0");
}

} // namespace

Tensor evaluate(const op::Unary& unary, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    if (x.dtype() == DType::Bool && unary.kind == op::UnaryKind::Not) {
        const auto from = elementsAs<std::uint8_t>(x);
        Tensor result = e.likeInput(0);
        const auto to = elementsAs<std::uint8_t>(result);
        for (std::size_t i = 0; i < from.size(); ++i)
            to[i] = from[i] == 0;
        return result;
    }
    if (x.dtype() == DType::I64 && kernel::unaryTakesIntegers(unary.kind)) {
        const auto from = elementsAs<std::int64_t>(x);
        Tensor result = e.likeInput(0);
        kernel::unary(unary, from, elementsAs<std::int64_t>(result));
        return result;
    }
    if (x.dtype() != DType::F32 || unary.kind == op::UnaryKind::Not)
        throw wrongType(e, x);
    const std::span<const float> from = x.floats();
    Tensor result = e.likeInput(0);
    kernel::unary(unary, from, result.floats());
    return result;
}

Tensor evaluate(const op::Binary& binary, Evaluation& e)
{
    using Kind = op::BinaryKind;
    const Tensor& a = operand(e, 0);
    const Tensor& b = operand(e, 1);
    if (a.dtype() != b.dtype())
        throw e.failure(ErrorCode::Shape, concat("its inputs are ", dtypeName(a.dtype()), " and ",
                                                 dtypeName(b.dtype()), ", expected one type"));
    const Kind kind = binary.kind;
    const bool arithmetic = kind <= Kind::PRelu;
    const bool comparison = kind >= Kind::Equal && kind <= Kind::GreaterOrEqual;
    const Shape shape = broadcast(e, a.shape(), b.shape());
    if (a.dtype() == DType::Bool && (kind == Kind::Equal || kind >= Kind::And))
        return runBinary<std::uint8_t, std::uint8_t>(
            e, DType::Bool, shape, [&](const auto& task) { kernel::logic(kind, task); });
    if (a.dtype() == DType::F32 && arithmetic)
        return runBinary<float, float>(e, DType::F32, shape,
                                       [&](const auto& task) { kernel::binary(kind, task); });
    if (a.dtype() == DType::F32 && comparison)
        return runBinary<float, std::uint8_t>(
            e, DType::Bool, shape, [&](const auto& task) { kernel::compare(kind, task); });
    if (a.dtype() == DType::I64 && arithmetic) {
        refuseZeroDivisor(e, kind);
        return runBinary<std::int64_t, std::int64_t>(
            e, DType::I64, shape, [&](const auto& task) { kernel::binary(kind, task); });
    }
    if (a.dtype() == DType::I64 && comparison)
        return runBinary<std::int64_t, std::uint8_t>(
            e, DType::Bool, shape, [&](const auto& task) { kernel::compare(kind, task); });
    throw wrongType(e, a);
}

Tensor evaluate(const op::Where&, Evaluation& e)
{
    const Tensor& condition = operand(e, 0);
    const Tensor& a = operand(e, 1);
    const Tensor& b = operand(e, 2);
    if (condition.dtype() != DType::Bool || a.dtype() != b.dtype())
        throw e.failure(ErrorCode::Shape,
                        concat("its inputs are ", dtypeName(condition.dtype()), ", ",
                               dtypeName(a.dtype()), " and ", dtypeName(b.dtype()),
                               ", expected BOOL and two of one type"));
    const Shape shape = broadcast(e, condition.shape(), broadcast(e, a.shape(), b.shape()));
    const Operand<std::uint8_t> c(condition);
    const Operand<std::byte> yes(a);
    const Operand<std::byte> no(b);
    Tensor result = resultLike(e, a.dtype(), shape, 3);
    kernel::where(c.data, c.shape, yes.data, yes.shape, no.data, no.shape,
                  dtypeSize(result.dtype()), result.bytes().data(), shape);
    return result;
}

namespace {

/// Towards 0, kept in range; no number becomes 0.
std::int64_t truncated(float x)
{
    constexpr float edge = 9223372036854775808.0F; // 2^63
    if (!(x < edge))
        return x >= edge ? std::numeric_limits<std::int64_t>::max() : 0;
    return x < -edge ? std::numeric_limits<std::int64_t>::min() : static_cast<std::int64_t>(x);
}

template <class From, class To, class Convert>
Tensor converted(const Evaluation& e, const Tensor& x, DType to, const Convert& convert)
{
    Tensor result = newTensor(e, to, x.shape());
    const auto in = elementsAs<From>(x);
    const auto out = elementsAs<To>(result);
    kernel::overElements(in.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
            out[i] = convert(in[i]);
    });
    return result;
}

template <class From>
Tensor convertedFrom(const Evaluation& e, const Tensor& x, DType to)
{
    if (to == DType::F32)
        return converted<From, float>(e, x, to, [](From v) { return static_cast<float>(v); });
    if (to == DType::Bool)
        return converted<From, std::uint8_t>(e, x, to,
                                             [](From v) -> std::uint8_t { return v != From(0); });
    return converted<From, std::int64_t>(e, x, to, [](From v) {
        if constexpr (std::is_same_v<From, float>)
            return truncated(v);
        else
            return static_cast<std::int64_t>(v);
    });
}

} // namespace

Tensor evaluate(const op::Cast& cast, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const DType to = isFloating(cast.to)      ? DType::F32
                     : cast.to == DType::Bool ? DType::Bool
                                              : DType::I64;
    if (x.dtype() == to)
        return e.take(0);
    if (x.dtype() == DType::F32)
        return convertedFrom<float>(e, x, to);
    if (x.dtype() == DType::I64)
        return convertedFrom<std::int64_t>(e, x, to);
    if (x.dtype() == DType::Bool)
        return convertedFrom<std::uint8_t>(e, x, to);
    throw wrongType(e, x);
}

} // namespace gradus
