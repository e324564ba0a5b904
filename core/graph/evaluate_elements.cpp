// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels.h"

namespace gradus {

Tensor evaluate(const op::Unary& unary, Evaluation& e)
{
    if (unary.kind != op::UnaryKind::Silu)
        throw e.failure(ErrorCode::Unsupported, "is not there yet");
    const std::span<const float> x = e.in(0).floats();
    Tensor result = e.likeInput(0);
    kernel::silu(x, result.floats());
    return result;
}

Tensor evaluate(const op::Binary& binary, Evaluation& e)
{
    const std::span<const float> a = e.in(0).floats();
    const std::span<const float> b = e.in(1).floats();
    Tensor result = e.likeInput(0);
    if (binary.kind == op::BinaryKind::Add)
        kernel::addElements(a, b, result.floats());
    else if (binary.kind == op::BinaryKind::Multiply)
        kernel::multiplyElements(a, b, result.floats());
    else
        throw e.failure(ErrorCode::Unsupported, "is not there yet");
    return result;
}

Tensor evaluate(const op::Where&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Cast&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

} // namespace gradus
