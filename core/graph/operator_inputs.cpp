// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/operator_inputs.h"

#include "core/base/checked.h"
#include "core/base/text.h"

#include <algorithm>

namespace gradus {

const Tensor& operand(const Evaluation& e, std::size_t i)
{
    if (!e.has(i))
        throw e.failure(ErrorCode::Shape, concat("input ", i + 1, " is missing"));
    return e.in(i);
}

const Tensor& floatOperand(const Evaluation& e, std::size_t i)
{
    const Tensor& x = operand(e, i);
    if (x.dtype() != DType::F32)
        throw e.failure(ErrorCode::Shape,
                        concat("input ", i + 1, " is ", dtypeName(x.dtype()), ", expected F32"));
    return x;
}

std::span<const std::int64_t> integerOperand(const Evaluation& e, std::size_t i)
{
    (void)operand(e, i);
    return e.integers(i);
}

std::int64_t oneInteger(const Evaluation& e, std::size_t i)
{
    (void)operand(e, i);
    return e.integer(i);
}

std::size_t axisOf(const Evaluation& e, std::int64_t axis, std::size_t rank)
{
    const auto count = static_cast<std::int64_t>(rank);
    if (axis < -count || axis >= count)
        throw e.failure(ErrorCode::Shape, concat("axis ", axis, " is not one of ", rank,
                                                 rank == 1 ? " axis" : " axes"));
    return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

std::vector<std::size_t> axesOf(const Evaluation& e, std::span<const std::int64_t> axes,
                                std::size_t rank)
{
    std::vector<std::size_t> sorted;
    for (const std::int64_t axis : axes) {
        const std::size_t at = axisOf(e, axis, rank);
        if (std::find(sorted.begin(), sorted.end(), at) != sorted.end())
            throw e.failure(ErrorCode::Shape, concat("axis ", axis, " comes twice"));
        sorted.push_back(at);
    }
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

Tensor newTensor(const Evaluation& e, DType dtype, Shape shape)
{
    constexpr std::uint64_t limit = std::uint64_t(1) << 31;
    std::optional<std::uint64_t> count = 1;
    bool nothing = false;
    for (const std::int64_t size : shape) {
        if (size < 0)
            throw e.failure(ErrorCode::Shape, concat("its result would be ", shapeText(shape)));
        nothing = nothing || size == 0;
        if (count && size > 0)
            count = checkedMultiply(*count, static_cast<std::uint64_t>(size));
    }
    // Sizes around one of 0: their product fits into 64 bits all the same.
    constexpr std::uint64_t extent = (std::uint64_t(1) << 60) - 1;
    if (!count || *count > (nothing ? extent : limit) || shape.size() > 64)
        throw e.failure(ErrorCode::Shape, concat("its result would be ", shapeText(shape),
                                                 ", more than the 2^31 elements of any tensor"));
    return Tensor(dtype, std::move(shape));
}

AxisView aroundAxis(const Shape& shape, std::size_t axis)
{
    AxisView view;
    for (std::size_t i = 0; i < shape.size(); ++i)
        (i < axis ? view.outer : i == axis ? view.size : view.inner) *= shape[i];
    return view;
}

} // namespace gradus
