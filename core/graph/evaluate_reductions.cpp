// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels_norms.h"
#include "core/graph/kernels_sort.h"
#include "core/graph/matmul_shape.h"
#include "core/graph/operator_inputs.h"
#include "core/graph/reduction_axes.h"

#include <algorithm>

namespace gradus {

Tensor evaluate(const op::MatMul& matMul, Evaluation& e)
{
    const Tensor& a = floatOperand(e, 0);
    const Tensor& b = floatOperand(e, 1);
    MatMulShape shape;
    if (!matMulShape(matMul, a.shape(), b.shape(), shape))
        throw e.failure(ErrorCode::Shape,
                        concat("its inputs are ", shapeText(a.shape()), " and ",
                               shapeText(b.shape()), ", which cannot be multiplied"));
    Tensor result = newTensor(e, DType::F32, shape.result);
    shape.a.data = a.floats().data();
    shape.b.data = b.floats().data();
    std::vector<kernel::ProductTerms> terms;
    terms.reserve(shape.pairs.size());
    for (const auto& pair : shape.pairs)
        terms.push_back({pair});
    kernel::multiplyStacks(shape.a, shape.b, terms, matMul.scale, shape.m, shape.n,
                           result.floats().data(), e.monitor());
    return result;
}

Tensor evaluate(const op::Softmax& softmax, Evaluation& e)
{
    const Tensor& x = floatOperand(e, 0);
    const Shape shape = x.shape();
    // A scalar is a row of one.
    const std::size_t axis = shape.empty() ? 0 : axisOf(e, softmax.axis, shape.size());
    AxisView view = shape.empty() ? AxisView() : aroundAxis(shape, axis);
    if (softmax.flattens) {
        view.size *= view.inner;
        view.inner = 1;
    }
    const float* from = x.floats().data();
    Tensor result = e.likeInput(0);
    kernel::softmax(from, view.outer, view.size, view.inner, softmax.logarithm,
                    result.floats().data());
    return result;
}

std::optional<kernel::ReducedAxes> reducedAxes(const op::Reduce& reduce,
                                               std::optional<std::span<const std::int64_t>> given,
                                               std::size_t rank)
{
    const std::span<const std::int64_t> axes =
        given ? *given : std::span<const std::int64_t>(reduce.axes);
    if (axes.empty())
        return kernel::ReducedAxes(rank, !reduce.noopWithoutAxes);
    kernel::ReducedAxes reduced(rank, false);
    const auto count = static_cast<std::int64_t>(rank);
    for (const std::int64_t axis : axes) {
        if (axis < -count || axis >= count)
            return std::nullopt;
        const auto at = static_cast<std::size_t>(axis < 0 ? axis + count : axis);
        if (reduced[at])
            return std::nullopt;
        reduced[at] = true;
    }
    return reduced;
}

Tensor evaluate(const op::Reduce& reduce, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const Shape& shape = x.shape();
    std::optional<std::span<const std::int64_t>> given;
    if (e.has(1))
        given = e.integers(1);
    const auto reduced = reducedAxes(reduce, given, shape.size());
    if (!reduced)
        throw e.failure(ErrorCode::Shape, concat("its axes are not among those of ",
                                                 shapeText(shape), ", each once"));
    Shape kept;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (!(*reduced)[i])
            kept.push_back(shape[i]);
        else if (reduce.keepDims)
            kept.push_back(1);
    }
    Tensor result = newTensor(e, x.dtype(), std::move(kept));
    if (x.dtype() == DType::F32) {
        kernel::reduce(reduce.kind, x.floats(), shape, *reduced, result.floats());
        return result;
    }
    if (x.dtype() != DType::I64 || !kernel::reduce(reduce.kind, elementsAs<std::int64_t>(x), shape,
                                                   *reduced, elementsAs<std::int64_t>(result)))
        throw e.failure(ErrorCode::Shape, concat("is not defined of ", shapeText(shape), " of ",
                                                 dtypeName(x.dtype())));
    return result;
}

namespace {

/// Calls with a pointer to the elements of an F32 or I64 tensor.
template <class Use>
void withNumbers(const Evaluation& e, const Tensor& x, const Use& use)
{
    if (x.dtype() == DType::F32)
        use(x.floats().data());
    else if (x.dtype() == DType::I64)
        use(elementsAs<std::int64_t>(x).data());
    else
        throw e.failure(ErrorCode::Shape, concat("is not defined of ", dtypeName(x.dtype())));
}

} // namespace

Tensor evaluate(const op::ArgExtreme& extreme, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const std::size_t axis = axisOf(e, extreme.axis, x.shape().size());
    const AxisView view = aroundAxis(x.shape(), axis);
    Shape shape = x.shape();
    if (extreme.keepDims)
        shape[axis] = 1;
    else
        shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    Tensor result = newTensor(e, DType::I64, std::move(shape));
    if (view.size == 0 && !result.empty())
        throw e.failure(ErrorCode::Shape, concat("its input is ", shapeText(x.shape()),
                                                 ", which has nothing to choose from"));
    withNumbers(e, x, [&](const auto* from) {
        kernel::argExtreme(from, view.outer, view.size, view.inner, extreme.maximum,
                           extreme.selectLast, elementsAs<std::int64_t>(result).data());
    });
    return result;
}

std::vector<Tensor> evaluate(const op::TopK& top, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const std::int64_t k = oneInteger(e, 1);
    const std::size_t axis = axisOf(e, top.axis, x.shape().size());
    const AxisView view = aroundAxis(x.shape(), axis);
    if (k < 0 || k > view.size)
        throw e.failure(ErrorCode::Shape, concat("takes ", k, " of ", view.size, " elements"));
    Shape shape = x.shape();
    shape[axis] = k;
    std::vector<Tensor> results;
    results.push_back(newTensor(e, x.dtype(), shape));
    results.push_back(newTensor(e, DType::I64, shape));
    withNumbers(e, x, [&](const auto* from) {
        using T = std::remove_const_t<std::remove_pointer_t<decltype(from)>>;
        const auto indices = elementsAs<std::int64_t>(results[1]);
        kernel::topIndices(from, view.outer, view.size, view.inner, k, top.largest, indices.data());
        kernel::pick(from, indices.data(), view.outer, view.size, view.inner, k,
                     elementsAs<T>(results[0]).data());
    });
    return results;
}

Tensor evaluate(const op::CumSum& sum, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const std::int64_t chosen = oneInteger(e, 1);
    if (x.shape().empty())
        throw e.failure(ErrorCode::Shape, "its input is a scalar, expected an axis to sum along");
    const AxisView view = aroundAxis(x.shape(), axisOf(e, chosen, x.shape().size()));
    Tensor result = newTensor(e, x.dtype(), x.shape());
    withNumbers(e, x, [&](const auto* from) {
        using T = std::remove_const_t<std::remove_pointer_t<decltype(from)>>;
        kernel::cumulativeSum(from, view.outer, view.size, view.inner, sum.exclusive, sum.reverse,
                              elementsAs<T>(result).data());
    });
    return result;
}

} // namespace gradus
