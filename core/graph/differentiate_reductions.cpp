// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels_norms.h"
#include "core/graph/kernels_sort.h"
#include "core/graph/matmul_shape.h"
#include "core/graph/operator_inputs.h"
#include "core/graph/reduction_axes.h"

#include <utility>

namespace gradus {

namespace {

kernel::MatrixStack turned(kernel::MatrixStack stack)
{
    stack.transposed = !stack.transposed;
    return stack;
}

} // namespace

void differentiate(const op::MatMul& matMul, Differentiation& d)
{
    MatMulShape shape;
    (void)matMulShape(matMul, d.shape(0), d.shape(1), shape); // as in the forward pass
    const kernel::MatrixStack dy{std::as_const(d.delta()).floats().data(), shape.m, shape.n, false};
    const auto count = [](std::int64_t n) { return static_cast<std::size_t>(n); };
    if (d.moves(0)) {
        shape.b.data = d.in(1).floats().data();
        std::vector<kernel::ProductTerms> terms(count(shape.aCount));
        for (std::size_t i = 0; i < shape.pairs.size(); ++i) {
            const auto [a, b] = shape.pairs[i];
            const auto at = static_cast<std::int64_t>(i);
            terms[count(a)].push_back(shape.a.transposed ? std::pair(b, at) : std::pair(at, b));
        }
        // da = dy · bᵀ, as it lies transposed b · dyᵀ
        Tensor da(d.shape(0));
        const bool lies = shape.a.transposed;
        kernel::multiplyStacks(lies ? shape.b : dy, lies ? turned(dy) : turned(shape.b), terms,
                               matMul.scale, shape.a.rows, shape.a.cols, da.floats().data(),
                               d.monitor());
        d.give(0, std::move(da));
    }
    if (d.moves(1)) {
        shape.a.data = d.in(0).floats().data();
        std::vector<kernel::ProductTerms> terms(count(shape.bCount));
        for (std::size_t i = 0; i < shape.pairs.size(); ++i) {
            const auto [a, b] = shape.pairs[i];
            const auto at = static_cast<std::int64_t>(i);
            terms[count(b)].push_back(shape.b.transposed ? std::pair(at, a) : std::pair(a, at));
        }
        // db = aᵀ · dy, as it lies transposed dyᵀ · a
        Tensor db(d.shape(1));
        const bool lies = shape.b.transposed;
        kernel::multiplyStacks(lies ? turned(dy) : turned(shape.a), lies ? shape.a : dy, terms,
                               matMul.scale, shape.b.rows, shape.b.cols, db.floats().data(),
                               d.monitor());
        d.give(1, std::move(db));
    }
}

void differentiate(const op::Softmax& softmax, Differentiation& d)
{
    Tensor& delta = d.delta();
    const Shape& shape = delta.shape();
    AxisView view =
        shape.empty() ? AxisView() : aroundAxis(shape, knownAxis(softmax.axis, shape.size()));
    if (softmax.flattens) {
        view.size *= view.inner;
        view.inner = 1;
    }
    float* dy = delta.floats().data();
    kernel::softmaxBackward(d.output().floats().data(), dy, view.outer, view.size, view.inner,
                            softmax.logarithm, dy);
    d.give(0, std::move(delta));
}

void differentiate(const op::Reduce& reduce, Differentiation& d)
{
    using Kind = op::ReduceKind;
    if (!d.moves(0))
        return;
    const Shape& shape = d.shape(0);
    std::optional<std::span<const std::int64_t>> given;
    if (d.has(1))
        given = elementsAs<std::int64_t>(d.in(1));
    const auto reduced = reducedAxes(reduce, given, shape.size());
    const Kind kind = reduce.kind;
    const bool readsNothing = kind == Kind::Sum || kind == Kind::Mean;
    const bool readsInput = !readsNothing;
    const bool readsOutput =
        readsInput && kind != Kind::Product && kind != Kind::L1 && kind != Kind::SumSquare;
    Tensor dx(shape);
    kernel::reduceBackward(kind, readsInput ? d.in(0).floats() : std::span<const float>(), shape,
                           *reduced, readsOutput ? d.output().floats() : std::span<const float>(),
                           std::as_const(d.delta()).floats(), dx.floats());
    d.give(0, std::move(dx));
}

void differentiate(const op::TopK& top, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Tensor& x = d.in(0);
    const std::int64_t k = elementsAs<std::int64_t>(d.in(1))[0];
    const AxisView view = aroundAxis(x.shape(), knownAxis(top.axis, x.shape().size()));
    std::vector<std::int64_t> indices(static_cast<std::size_t>(view.outer * k * view.inner));
    kernel::topIndices(x.floats().data(), view.outer, view.size, view.inner, k, top.largest,
                       indices.data());
    Tensor dx = Tensor::zeros(DType::F32, x.shape());
    const auto dy = std::as_const(d.delta()).floats();
    const auto to = dx.floats();
    for (std::size_t i = 0; i < dy.size(); ++i) { // no element is chosen twice
        const auto at = static_cast<std::int64_t>(i);
        const std::int64_t o = at / view.inner / k;
        to[static_cast<std::size_t>((o * view.size + indices[i]) * view.inner + at % view.inner)] =
            dy[i];
    }
    d.give(0, std::move(dx));
}

void differentiate(const op::CumSum& sum, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Shape& shape = d.shape(0);
    const AxisView view =
        aroundAxis(shape, knownAxis(elementsAs<std::int64_t>(d.in(1))[0], shape.size()));
    Tensor dx(shape);
    kernel::cumulativeSum(std::as_const(d.delta()).floats().data(), view.outer, view.size,
                          view.inner, sum.exclusive, !sum.reverse, dx.floats().data());
    d.give(0, std::move(dx));
}

} // namespace gradus
