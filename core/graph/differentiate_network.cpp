// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gradus {

namespace {

/// Of a gradient of all scores, the sums over what one element of the mask was added to.
Tensor summedLike(const Shape& shape, const kernel::AttentionMask& mask, const Tensor& scores)
{
    std::vector<double> sums(static_cast<std::size_t>(elementCount(shape)));
    const Shape& size = scores.shape();
    const float* from = scores.floats().data();
    for (std::int64_t b = 0; b < size[0]; ++b)
        for (std::int64_t h = 0; h < size[1]; ++h)
            for (std::int64_t i = 0; i < size[2]; ++i)
                for (std::int64_t j = 0; j < size[3]; ++j)
                    sums[static_cast<std::size_t>(b * mask.batchStride + h * mask.headStride +
                                                  i * mask.queryStride + j * mask.keyStride)] +=
                        static_cast<double>(*from++);
    Tensor result(shape);
    std::transform(sums.begin(), sums.end(), result.floats().begin(),
                   [](double sum) { return static_cast<float>(sum); });
    return result;
}

} // namespace

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
    const std::int64_t batch = dq.shape()[0];
    const Shape scores{batch, attention.heads, dq.shape()[1], dk.shape()[1]};
    kernel::AttentionMask mask;
    if (d.has(3))
        mask = kernel::attentionMask(d.in(3), scores).value();
    Tensor dmask = d.moves(3) ? Tensor::zeros(DType::F32, scores) : Tensor(Shape{0});
    kernel::attentionBackward(d.in(0).matrix(), d.in(1).matrix(), d.in(2).matrix(), attention,
                              batch, mask, std::as_const(d.delta()).matrix(), dq.matrix(),
                              dk.matrix(), dv.matrix(), dmask.floats(), d.monitor());
    d.give(0, std::move(dq));
    d.give(1, std::move(dk));
    d.give(2, std::move(dv));
    if (d.moves(3))
        d.give(3, summedLike(d.shape(3), mask, dmask));
}

} // namespace gradus
