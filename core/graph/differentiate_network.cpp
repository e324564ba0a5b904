// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/tensor/linalg.h"

#include <utility>

namespace gradus {

void differentiate(const op::RmsNorm& norm, Differentiation& d)
{
    const auto weight = d.weights().get(norm.weight);
    std::vector<float> own(d.wanted() ? weight->floats().size() : 0);
    MatrixView dx;
    bool accumulate = false;
    if (d.moves(0)) {
        const auto [place, exists] = d.target(0, d.shape(0));
        dx = place->matrix();
        accumulate = exists;
    }
    kernel::rmsNormBackward(d.in(0).matrix(), weight->floats(), norm.epsilon,
                            std::as_const(d.delta()).matrix(), dx, accumulate, own);
    if (d.wanted())
        d.sink().norm(d.node(), norm.weight, own);
}

void differentiate(const op::Linear& linear, Differentiation& d)
{
    const ConstMatrixView delta = std::as_const(d.delta()).matrix();
    if (d.wanted())
        d.sink().linear(d.node(), d.in(0).matrix(), delta);
    if (!d.moves(0))
        return;
    const auto weight = d.weights().matrix(linear.weight);
    const auto [dx, accumulate] = d.target(0, d.shape(0));
    multiply(delta, weight->matrix(), dx->matrix(), accumulate, &d.monitor());
}

void differentiate(const op::Rotary& rotary, Differentiation& d)
{
    Tensor& delta = d.delta();
    kernel::rotary(delta.matrix(), rotary, delta.shape()[1], 0, true);
    d.give(0, std::move(delta));
}

void differentiate(const op::Attention& attention, Differentiation& d)
{
    Tensor dq(d.shape(0));
    Tensor dk(d.shape(1));
    Tensor dv(d.shape(2));
    kernel::attentionBackward(d.in(0).matrix(), d.in(1).matrix(), d.in(2).matrix(), attention,
                              d.shape(0)[1], std::as_const(d.delta()).matrix(), dq.matrix(),
                              dk.matrix(), dv.matrix(), d.monitor());
    d.give(0, std::move(dq));
    d.give(1, std::move(dk));
    d.give(2, std::move(dv));
}

} // namespace gradus
