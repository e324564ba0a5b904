// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/differentiation.h"
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"

#include <utility>

namespace gradus {

void differentiate(const op::Unary&, Differentiation& d)
{
    Tensor& delta = d.delta();
    kernel::siluBackward(d.in(0).floats(), std::as_const(delta).floats(), delta.floats());
    d.give(0, std::move(delta));
}

void differentiate(const op::Binary& binary, Differentiation& d)
{
    Tensor& delta = d.delta();
    if (binary.kind == op::BinaryKind::Multiply) {
        if (d.moves(0)) {
            Tensor da(delta.shape());
            kernel::multiplyElements(std::as_const(delta).floats(), d.in(1).floats(), da.floats());
            d.give(0, std::move(da));
        }
        if (d.moves(1)) {
            kernel::multiplyElements(std::as_const(delta).floats(), d.in(0).floats(),
                                     delta.floats());
            d.give(1, std::move(delta));
        }
        return;
    }
    if (d.moves(0) && d.moves(1))
        d.give(0, delta.clone());
    else if (d.moves(0))
        d.give(0, std::move(delta));
    if (d.moves(1))
        d.give(1, std::move(delta));
}

void differentiate(const op::Where&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Cast&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

} // namespace gradus
