// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels_copy.h"
#include "core/graph/operator_inputs.h"

#include <algorithm>
#include <cstring>

namespace gradus {

namespace {

/// The first input under another shape of as many elements.
Tensor viewed(Evaluation& e, Shape shape)
{
    if (shape.size() > 64)
        throw e.failure(ErrorCode::Shape, concat("its result would have ", shape.size(),
                                                 " axes, more than the 64 of any tensor"));
    Tensor result = e.take(0);
    result.reshape(std::move(shape));
    return result;
}

Error misfit(const Evaluation& e, const Shape& from, const std::string& to)
{
    return e.failure(ErrorCode::Shape,
                     concat("its input is ", shapeText(from), ", which cannot become ", to));
}

} // namespace

Tensor evaluate(const op::Reshape& reshape, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const auto wish = integerOperand(e, 1);
    Shape shape(wish.begin(), wish.end());
    std::size_t open = shape.size();
    std::int64_t known = 1;
    std::int64_t extent = 1; // the same without those that are 0
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 0 && !reshape.allowZero) {
            if (i >= x.shape().size())
                throw misfit(e, x.shape(), shapeText(shape));
            shape[i] = x.shape()[i];
        }
        if (shape[i] == -1 && open == shape.size()) {
            open = i;
            continue;
        }
        // Sizes that no tensor has: caught before their product overflows.
        if (shape[i] < 0 || (shape[i] > 0 && extent > (std::int64_t(1) << 40) / shape[i]))
            throw misfit(e, x.shape(), shapeText(Shape(wish.begin(), wish.end())));
        known *= shape[i];
        extent *= std::max<std::int64_t>(1, shape[i]);
    }
    if (open != shape.size()) {
        if (known == 0 || x.count() % known != 0)
            throw misfit(e, x.shape(), shapeText(Shape(wish.begin(), wish.end())));
        shape[open] = x.count() / known;
        known *= shape[open];
    }
    if (known != x.count())
        throw misfit(e, x.shape(), shapeText(shape));
    return viewed(e, std::move(shape));
}

Tensor evaluate(const op::Flatten& flatten, Evaluation& e)
{
    const Shape& shape = operand(e, 0).shape();
    // One more place than there are axes: behind the last.
    const auto rank = static_cast<std::int64_t>(shape.size());
    if (flatten.axis < -rank || flatten.axis > rank)
        throw e.failure(ErrorCode::Shape,
                        concat("axis ", flatten.axis, " is not one of ", rank, " axes"));
    const std::int64_t axis = flatten.axis < 0 ? flatten.axis + rank : flatten.axis;
    Shape flat{1, 1};
    for (std::int64_t i = 0; i < rank; ++i)
        flat[i < axis ? 0 : 1] *= shape[static_cast<std::size_t>(i)];
    return viewed(e, std::move(flat));
}

Tensor evaluate(const op::Squeeze&, Evaluation& e)
{
    const Shape& shape = operand(e, 0).shape();
    std::vector<bool> gone(shape.size());
    if (e.has(1)) {
        for (const std::size_t axis : axesOf(e, e.integers(1), shape.size())) {
            if (shape[axis] != 1)
                throw e.failure(ErrorCode::Shape,
                                concat("its input is ", shapeText(shape), ", whose axis ", axis,
                                       " is not of size 1"));
            gone[axis] = true;
        }
    } else {
        for (std::size_t i = 0; i < shape.size(); ++i)
            gone[i] = shape[i] == 1;
    }
    Shape left;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (!gone[i])
            left.push_back(shape[i]);
    return viewed(e, std::move(left));
}

Tensor evaluate(const op::Unsqueeze&, Evaluation& e)
{
    const Shape& shape = operand(e, 0).shape();
    const auto axes = integerOperand(e, 1);
    if (axes.size() > 64)
        throw e.failure(ErrorCode::Shape, concat("adds ", axes.size(), " axes"));
    const std::vector<std::size_t> added = axesOf(e, axes, shape.size() + axes.size());
    Shape more;
    auto from = shape.begin();
    for (std::size_t i = 0; i < shape.size() + added.size(); ++i)
        more.push_back(std::binary_search(added.begin(), added.end(), i) ? 1 : *from++);
    return viewed(e, std::move(more));
}

Tensor evaluate(const op::Concat& concatenation, Evaluation& e)
{
    const Tensor& first = operand(e, 0);
    const std::size_t axis = axisOf(e, concatenation.axis, first.shape().size());
    Shape shape = first.shape();
    for (std::size_t i = 1; i < e.inputs(); ++i) {
        const Tensor& next = operand(e, i);
        Shape alike = next.shape();
        if (alike.size() == shape.size()) {
            // The sum of two sizes of tensors that exist does not overflow.
            const std::int64_t together = shape[axis] + alike[axis];
            alike[axis] = shape[axis];
            if (alike == shape && next.dtype() == first.dtype()) {
                shape[axis] = together;
                continue;
            }
        }
        throw e.failure(ErrorCode::Shape,
                        concat("input ", i + 1, " is ", shapeText(next.shape()), " of ",
                               dtypeName(next.dtype()), ", which does not continue ",
                               shapeText(first.shape()), " of ", dtypeName(first.dtype())));
    }
    Tensor result = newTensor(e, first.dtype(), shape);
    const std::size_t size = dtypeSize(first.dtype());
    const AxisView whole = aroundAxis(shape, axis);
    std::int64_t at = 0;
    for (std::size_t i = 0; i < e.inputs(); ++i) {
        const AxisView part = aroundAxis(e.in(i).shape(), axis);
        kernel::copyRows(e.in(i).bytes().data(), 0, part.size * part.inner, result.bytes().data(),
                         at, whole.size * whole.inner, whole.outer, part.size * part.inner, size);
        at += part.size * part.inner;
    }
    return result;
}

Tensor evaluate(const op::ShapeOf& shapeOf, Evaluation& e)
{
    const Shape& shape = operand(e, 0).shape();
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto place = [&](std::int64_t at) {
        return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
    };
    const std::int64_t start = place(shapeOf.start);
    const std::int64_t end = std::max(start, place(shapeOf.end));
    Tensor result = newTensor(e, DType::I64, {end - start});
    std::copy(shape.begin() + start, shape.begin() + end, elementsAs<std::int64_t>(result).begin());
    return result;
}

Tensor evaluate(const op::Size&, Evaluation& e)
{
    Tensor result(DType::I64, {});
    elementsAs<std::int64_t>(result)[0] = operand(e, 0).count();
    return result;
}

Tensor evaluate(const op::ConstantOfShape& constant, Evaluation& e)
{
    const auto sizes = integerOperand(e, 0);
    const Tensor* value = constant.value.get();
    if (value && value->count() != 1)
        throw e.failure(ErrorCode::Shape, concat("its value is ", shapeText(value->shape()),
                                                 ", expected one element"));
    Tensor result =
        newTensor(e, value ? value->dtype() : DType::F32, Shape(sizes.begin(), sizes.end()));
    if (value)
        kernel::fill(value->bytes().data(), dtypeSize(value->dtype()), result.count(),
                     result.bytes().data());
    else
        std::fill(result.bytes().begin(), result.bytes().end(), std::byte(0));
    return result;
}

namespace {

/// Start, limit and delta of an op::Range.
template <class T>
std::array<T, 3> rangeInputs(const Evaluation& e)
{
    std::array<T, 3> values{};
    for (std::size_t i = 0; i < 3; ++i)
        values[i] = elementsAs<T>(e.in(i))[0];
    return values;
}

Tensor newRange(const Evaluation& e, DType dtype, std::optional<std::int64_t> count)
{
    if (!count)
        throw e.failure(ErrorCode::Shape, "has steps of no size, or more than 2^31 of them");
    return newTensor(e, dtype, {*count});
}

} // namespace

Tensor evaluate(const op::Range&, Evaluation& e)
{
    const DType dtype = operand(e, 0).dtype();
    for (std::size_t i = 0; i < 3; ++i)
        if (operand(e, i).dtype() != dtype || e.in(i).count() != 1 ||
            (dtype != DType::F32 && dtype != DType::I64))
            throw e.failure(ErrorCode::Shape,
                            concat("input ", i + 1, " is ", shapeText(e.in(i).shape()), " of ",
                                   dtypeName(e.in(i).dtype()), ", expected one number"));
    if (dtype == DType::F32) {
        const auto [start, limit, delta] = rangeInputs<float>(e);
        Tensor result = newRange(e, dtype, rangeCount(double(start), double(limit), double(delta)));
        const auto to = result.floats();
        for (std::size_t i = 0; i < to.size(); ++i)
            to[i] = start + static_cast<float>(i) * delta;
        return result;
    }
    const auto [start, limit, delta] = rangeInputs<std::int64_t>(e);
    Tensor result = newRange(e, dtype, rangeCount(start, limit, delta));
    const auto to = elementsAs<std::int64_t>(result);
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = start + static_cast<std::int64_t>(i) * delta;
    return result;
}

} // namespace gradus
