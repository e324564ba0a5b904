// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels_binary.h"
#include "core/graph/kernels_elements.h"
#include "core/graph/kernels_reduce.h"

#include <utility>

namespace gradus {

namespace {

/// Gives input i its gradient: the sum over what was repeated to the result's shape.
void giveSummed(Differentiation& d, std::size_t i, Tensor gradient)
{
    if (!d.moves(i))
        return;
    if (d.shape(i) == gradient.shape()) {
        d.give(i, std::move(gradient));
        return;
    }
    Tensor sum(d.shape(i));
    kernel::sumTo(std::as_const(gradient).floats(), gradient.shape(), sum.shape(), sum.floats());
    d.give(i, std::move(sum));
}

/// dy · factor, broadcast; in dy's memory when nobody reads it any more.
Tensor scaled(Tensor& delta, const Tensor& factor, bool last)
{
    const float* from = std::as_const(delta).floats().data();
    const Shape shape = delta.shape();
    Tensor result = last ? std::move(delta) : Tensor(shape);
    kernel::binary(op::BinaryKind::Multiply,
                   kernel::BinaryTask<float, float>{from, shape, factor.floats().data(),
                                                    factor.shape(), result.floats().data(), shape});
    return result;
}

void differentiateSum(Differentiation& d, bool subtracts)
{
    Tensor& delta = d.delta();
    if (d.moves(0) && d.moves(1))
        giveSummed(d, 0, delta.clone());
    else if (d.moves(0))
        giveSummed(d, 0, std::move(delta));
    if (!d.moves(1))
        return;
    if (subtracts)
        kernel::unary({op::UnaryKind::Neg, 0, 0}, std::as_const(delta).floats(), delta.floats());
    giveSummed(d, 1, std::move(delta));
}

} // namespace

void differentiate(const op::Unary& unary, Differentiation& d)
{
    if (!d.moves(0))
        return;
    Tensor& delta = d.delta();
    kernel::unaryBackward(unary, d.in(0).floats(), std::as_const(delta).floats(), delta.floats());
    d.give(0, std::move(delta));
}

void differentiate(const op::Binary& binary, Differentiation& d)
{
    using Kind = op::BinaryKind;
    if (binary.kind == Kind::Add || binary.kind == Kind::Subtract)
        return differentiateSum(d, binary.kind == Kind::Subtract);
    Tensor& delta = d.delta();
    if (binary.kind == Kind::Multiply) {
        if (d.moves(0))
            giveSummed(d, 0, scaled(delta, d.in(1), !d.moves(1)));
        if (d.moves(1))
            giveSummed(d, 1, scaled(delta, d.in(0), true));
        return;
    }
    const Shape shape = delta.shape();
    const float* dy = std::as_const(delta).floats().data();
    Tensor da = d.moves(0) ? Tensor(shape) : Tensor();
    Tensor db = d.moves(1) ? std::move(delta) : Tensor();
    kernel::binaryBackward(binary.kind,
                           {d.in(0).floats().data(), d.in(0).shape(), d.in(1).floats().data(),
                            d.in(1).shape(), dy, shape, d.moves(0) ? da.floats().data() : nullptr,
                            d.moves(1) ? db.floats().data() : nullptr});
    if (d.moves(0))
        giveSummed(d, 0, std::move(da));
    if (d.moves(1))
        giveSummed(d, 1, std::move(db));
}

void differentiate(const op::Where&, Differentiation& d)
{
    const Tensor& condition = d.in(0);
    const auto* choice = reinterpret_cast<const std::uint8_t*>(condition.bytes().data());
    const Tensor& delta = d.delta();
    const float nothing = 0;
    const auto* zero = reinterpret_cast<const std::byte*>(&nothing);
    const Shape one;
    for (std::size_t i = 1; i < 3; ++i) {
        if (!d.moves(i))
            continue;
        Tensor part(delta.shape());
        const bool first = i == 1;
        kernel::where(choice, condition.shape(), first ? delta.bytes().data() : zero,
                      first ? delta.shape() : one, first ? zero : delta.bytes().data(),
                      first ? one : delta.shape(), sizeof(float), part.bytes().data(),
                      delta.shape());
        giveSummed(d, i, std::move(part));
    }
}

void differentiate(const op::Cast& cast, Differentiation& d)
{
    if (isFloating(cast.to))
        d.give(0, std::move(d.delta()));
}

} // namespace gradus
