// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels_copy.h"
#include "core/graph/kernels_reduce.h"
#include "core/graph/operator_inputs.h"
#include "core/graph/selection.h"

#include <utility>

namespace gradus {

namespace {

/// What only looks at the elements under another shape.
void giveReshaped(Differentiation& d)
{
    if (!d.moves(0))
        return;
    Tensor& delta = d.delta();
    delta.reshape(d.shape(0));
    d.give(0, std::move(delta));
}

Integers integersOf(Differentiation& d, std::size_t i)
{
    return d.has(i) ? elementsAs<std::int64_t>(d.in(i)) : Integers();
}

} // namespace

void differentiate(const op::Reshape&, Differentiation& d)
{
    giveReshaped(d);
}

void differentiate(const op::Flatten&, Differentiation& d)
{
    giveReshaped(d);
}

void differentiate(const op::Squeeze&, Differentiation& d)
{
    giveReshaped(d);
}

void differentiate(const op::Unsqueeze&, Differentiation& d)
{
    giveReshaped(d);
}

void differentiate(const op::Transpose& transpose, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Shape& shape = d.shape(0);
    const Tensor& delta = d.delta();
    const kernel::Strides strides = kernel::rowMajorStrides(delta.shape());
    kernel::Strides back(shape.size());
    for (std::size_t i = 0; i < shape.size(); ++i) // axis i of the result is this one of x
        back[transpose.permutation.empty() ? shape.size() - 1 - i
                                           : knownAxis(transpose.permutation[i], shape.size())] =
            strides[i];
    Tensor dx(shape);
    kernel::copyStrided(delta.bytes().data(), back, shape, sizeof(float), dx.bytes().data());
    d.give(0, std::move(dx));
}

void differentiate(const op::Concat& concatenation, Differentiation& d)
{
    const Tensor& delta = d.delta();
    const std::size_t axis = knownAxis(concatenation.axis, delta.shape().size());
    const AxisView whole = aroundAxis(delta.shape(), axis);
    std::int64_t at = 0;
    for (std::size_t i = 0; i < d.inputs(); ++i) {
        const std::int64_t row = d.shape(i)[axis] * whole.inner;
        if (d.moves(i)) {
            Tensor part(d.shape(i));
            kernel::copyRows(delta.bytes().data(), at, whole.size * whole.inner,
                             part.bytes().data(), 0, row, whole.outer, row, sizeof(float));
            d.give(i, std::move(part));
        }
        at += row;
    }
}

void differentiate(const op::Split& split, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Shape& shape = d.shape(0);
    const std::size_t axis = knownAxis(split.axis, shape.size());
    const AxisView whole = aroundAxis(shape, axis);
    const auto sizes =
        splitSizes(whole.size, d.outputs(),
                   d.has(1) ? std::optional(elementsAs<std::int64_t>(d.in(1))) : std::nullopt);
    Tensor dx = Tensor::zeros(DType::F32, shape); // where nobody reads a part
    std::int64_t at = 0;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
        const std::int64_t row = sizes[k] * whole.inner;
        if (k < d.outputs() && !d.delta(k).empty())
            kernel::copyRows(std::as_const(d.delta(k)).bytes().data(), 0, row, dx.bytes().data(),
                             at, whole.size * whole.inner, whole.outer, row, sizeof(float));
        at += row;
    }
    d.give(0, std::move(dx));
}

void differentiate(const op::Slice&, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const StridedPart part = slicePart(d.shape(0), integersOf(d, 1), integersOf(d, 2),
                                       integersOf(d, 3), integersOf(d, 4));
    Tensor dx = Tensor::zeros(DType::F32, d.shape(0));
    const Tensor& delta = d.delta();
    if (!delta.empty())
        kernel::scatterStrided(delta.floats().data(), part.strides, part.shape,
                               dx.floats().data() + part.start);
    d.give(0, std::move(dx));
}

void differentiate(const op::Gather& gather, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Shape& shape = d.shape(0);
    const AxisView view = aroundAxis(shape, knownAxis(gather.axis, shape.size()));
    const auto indices = checkedIndices(integersOf(d, 1), view.size);
    Tensor dx = Tensor::zeros(DType::F32, shape);
    if (!d.delta().empty())
        kernel::addGathered(std::as_const(d.delta()).floats().data(), view.outer, view.size,
                            view.inner, indices, dx.floats().data());
    d.give(0, std::move(dx));
}

void differentiate(const op::GatherElements& gather, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const auto places = elementPlaces(d.shape(0), gather.axis, d.delta().shape(), integersOf(d, 1));
    Tensor dx = Tensor::zeros(DType::F32, d.shape(0));
    kernel::addSlices(std::as_const(d.delta()).floats().data(), places, 1, dx.floats().data());
    d.give(0, std::move(dx));
}

void differentiate(const op::GatherNd& gather, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const SlicePlaces slices = slicePlaces(gather, d.shape(0), d.shape(1), integersOf(d, 1));
    Tensor dx = Tensor::zeros(DType::F32, d.shape(0));
    kernel::addSlices(std::as_const(d.delta()).floats().data(), slices.places, slices.count,
                      dx.floats().data());
    d.give(0, std::move(dx));
}

void differentiate(const op::Expand&, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Tensor& delta = d.delta();
    Tensor dx(d.shape(0));
    kernel::sumTo(delta.floats(), delta.shape(), dx.shape(), dx.floats());
    d.give(0, std::move(dx));
}

void differentiate(const op::Tile&, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const Tensor& delta = d.delta();
    Tensor dx = Tensor::zeros(DType::F32, d.shape(0));
    Shape split; // each axis as how often × over what
    kernel::ReducedAxes reduced;
    for (std::size_t i = 0; i < dx.shape().size(); ++i) {
        const std::int64_t size = dx.shape()[i];
        split.insert(split.end(), {size == 0 ? 0 : delta.shape()[i] / size, size});
        reduced.insert(reduced.end(), {true, false});
    }
    if (!dx.empty() && !delta.empty())
        kernel::reduce(op::ReduceKind::Sum, delta.floats(), split, reduced, dx.floats());
    d.give(0, std::move(dx));
}

} // namespace gradus
