// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels_copy.h"
#include "core/graph/operator_inputs.h"
#include "core/graph/selection.h"

namespace gradus {

namespace {

/// What selection.h finds wrong, with the node's name.
template <class Ask>
auto named(const Evaluation& e, const Ask& ask)
{
    try {
        return ask();
    } catch (const Error& error) {
        throw e.failure(error.code(), error.what());
    }
}

Tensor copied(const Evaluation& e, const Tensor& x, const StridedPart& part)
{
    Tensor result = newTensor(e, x.dtype(), part.shape);
    const std::size_t size = dtypeSize(x.dtype());
    if (!result.empty())
        kernel::copyStrided(x.bytes().data() + static_cast<std::size_t>(part.start) * size,
                            part.strides, part.shape, size, result.bytes().data());
    return result;
}

/// An optional input of integers, empty when it is not there.
Integers optionalIntegers(const Evaluation& e, std::size_t i)
{
    return e.has(i) ? e.integers(i) : Integers();
}

} // namespace

Tensor evaluate(const op::Transpose& transpose, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    return copied(e, x, named(e, [&] { return transposePart(transpose, x.shape()); }));
}

std::vector<Tensor> evaluate(const op::Split& split, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const std::size_t axis = axisOf(e, split.axis, x.shape().size());
    const AxisView whole = aroundAxis(x.shape(), axis);
    std::vector<Tensor> parts;
    std::int64_t at = 0;
    const auto sizes = named(e, [&] {
        return splitSizes(whole.size, e.outputs(),
                          e.has(1) ? std::optional(e.integers(1)) : std::nullopt);
    });
    for (const std::int64_t size : sizes) {
        Shape shape = x.shape();
        shape[axis] = size;
        Tensor part = newTensor(e, x.dtype(), std::move(shape));
        const std::int64_t row = size * whole.inner;
        kernel::copyRows(x.bytes().data(), at, whole.size * whole.inner, part.bytes().data(), 0,
                         row, whole.outer, row, dtypeSize(x.dtype()));
        at += row;
        parts.push_back(std::move(part));
    }
    return parts;
}

Tensor evaluate(const op::Slice&, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    return copied(e, x, named(e, [&] {
                      return slicePart(x.shape(), integerOperand(e, 1), integerOperand(e, 2),
                                       optionalIntegers(e, 3), optionalIntegers(e, 4));
                  }));
}

Tensor evaluate(const op::Expand&, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const auto wish = integerOperand(e, 1);
    Shape shape;
    if (!kernel::broadcastShapes(x.shape(), Shape(wish.begin(), wish.end()), shape))
        throw e.failure(ErrorCode::Shape,
                        concat("its input is ", shapeText(x.shape()), ", which does not expand to ",
                               shapeText(Shape(wish.begin(), wish.end()))));
    if (shape == x.shape())
        return e.take(0);
    kernel::Strides strides = kernel::broadcastStrides(x.shape(), shape);
    return copied(e, x, {0, std::move(strides), std::move(shape)});
}

Tensor evaluate(const op::Tile&, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const auto repeats = integerOperand(e, 1);
    const Shape& shape = x.shape();
    if (repeats.size() != shape.size())
        throw e.failure(ErrorCode::Shape,
                        concat("has ", repeats.size(), " repeats for ", shape.size(), " axes"));
    // Every axis becomes two: how often, and over what.
    const kernel::Strides own = kernel::rowMajorStrides(shape);
    StridedPart part;
    Shape result;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        std::int64_t size = 0;
        if (repeats[i] < 0 || __builtin_mul_overflow(repeats[i], shape[i], &size))
            throw e.failure(ErrorCode::Shape,
                            concat("repeats axis ", i, " ", repeats[i], " times"));
        part.strides.insert(part.strides.end(), {0, own[i]});
        part.shape.insert(part.shape.end(), {repeats[i], shape[i]});
        result.push_back(size);
    }
    Tensor tiled = newTensor(e, x.dtype(), std::move(result));
    if (!tiled.empty())
        kernel::copyStrided(x.bytes().data(), part.strides, part.shape, dtypeSize(x.dtype()),
                            tiled.bytes().data());
    return tiled;
}

Tensor evaluate(const op::Gather& gather, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const auto indices = integerOperand(e, 1);
    const std::size_t axis = axisOf(e, gather.axis, x.shape().size());
    const AxisView view = aroundAxis(x.shape(), axis);
    const auto places = named(e, [&] { return checkedIndices(indices, view.size); });
    Shape shape = x.shape();
    const Shape& wish = e.in(1).shape();
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), wish.begin(), wish.end());
    Tensor result = newTensor(e, x.dtype(), std::move(shape));
    if (!result.empty())
        kernel::gatherRows(x.bytes().data(), view.outer, view.size, view.inner, places,
                           dtypeSize(x.dtype()), result.bytes().data());
    return result;
}

Tensor evaluate(const op::GatherElements& gather, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const auto indices = integerOperand(e, 1);
    const Shape& shape = e.in(1).shape();
    const auto places =
        named(e, [&] { return elementPlaces(x.shape(), gather.axis, shape, indices); });
    Tensor result = newTensor(e, x.dtype(), shape);
    kernel::gatherSlices(x.bytes().data(), places, 1, dtypeSize(x.dtype()), result.bytes().data());
    return result;
}

Tensor evaluate(const op::GatherNd& gather, Evaluation& e)
{
    const Tensor& x = operand(e, 0);
    const auto indices = integerOperand(e, 1);
    const SlicePlaces slices =
        named(e, [&] { return slicePlaces(gather, x.shape(), e.in(1).shape(), indices); });
    Tensor result = newTensor(e, x.dtype(), slices.shape);
    if (!result.empty())
        kernel::gatherSlices(x.bytes().data(), slices.places, slices.count, dtypeSize(x.dtype()),
                             result.bytes().data());
    return result;
}

} // namespace gradus
