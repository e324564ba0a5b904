// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels_quantized.h"

#include <utility>

namespace gradus {

void differentiate(const op::DequantizeLinear& dequantize, Differentiation& d)
{
    const Tensor& scale = d.in(1);
    const auto layout =
        scaleLayout(d.shape(0), scale.shape(), dequantize.axis, dequantize.blockSize);
    const bool scaleMoves = d.moves(1);
    const Tensor codes = scaleMoves ? toFloat(d.in(0).view()) : Tensor();
    const Tensor zero = scaleMoves && d.has(2) ? toFloat(d.in(2).view()) : Tensor();
    Tensor dscale = scaleMoves ? Tensor(d.shape(1)) : Tensor();
    Tensor dzero = d.moves(2) ? Tensor(d.shape(2)) : Tensor();
    Tensor& delta = d.delta();
    float* dy = delta.floats().data();
    kernel::dequantizeLinearBackward(*layout, codes.floats().data(), scale.floats(), zero.floats(),
                                     dy, d.moves(0) ? dy : nullptr, dscale.floats(),
                                     dzero.floats());
    if (scaleMoves)
        d.give(1, std::move(dscale));
    if (d.moves(2))
        d.give(2, std::move(dzero));
    if (d.moves(0))
        d.give(0, std::move(delta));
}

} // namespace gradus
