// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/operator_inputs.h"

#include "core/base/checked.h"
#include "core/base/text.h"

#include <algorithm>
#include <cmath>

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

bool isTooLarge(const Shape& shape)
{
    constexpr std::uint64_t limit = std::uint64_t(1) << 31;
    std::optional<std::uint64_t> count = 1;
    for (const std::int64_t size : shape)
        if (count && size > 0)
            count = checkedMultiply(*count, static_cast<std::uint64_t>(size));
    return !count || *count > limit || shape.size() > 64;
}

std::optional<std::int64_t> rangeCount(double start, double limit, double delta)
{
    const double count = std::ceil((limit - start) / delta);
    if (!(count <= 2147483648.0)) // 2^31
        return std::nullopt;
    return static_cast<std::int64_t>(std::max(count, 0.0));
}

std::optional<std::int64_t> rangeCount(std::int64_t start, std::int64_t limit, std::int64_t delta)
{
    if (delta == 0)
        return std::nullopt;
    if (delta > 0 ? limit <= start : limit >= start)
        return 0;
    // Differences of far ends do not fit int64, but unsigned they do.
    const auto from = static_cast<std::uint64_t>(start);
    const auto to = static_cast<std::uint64_t>(limit);
    const auto by = static_cast<std::uint64_t>(delta);
    const std::uint64_t count =
        ((delta > 0 ? to - from : from - to) - 1) / (delta > 0 ? by : 0 - by);
    if (count >= std::uint64_t(1) << 31)
        return std::nullopt;
    return static_cast<std::int64_t>(count + 1);
}

Tensor newTensor(const Evaluation& e, DType dtype, Shape shape)
{
    if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; }))
        throw e.failure(ErrorCode::Shape, concat("its result would be ", shapeText(shape)));
    if (isTooLarge(shape))
        throw e.failure(ErrorCode::Shape, concat("its result would be ", shapeText(shape),
                                                 ", more than the 2^31 elements of any tensor"));
    return e.make(dtype, std::move(shape));
}

AxisView aroundAxis(const Shape& shape, std::size_t axis)
{
    AxisView view;
    for (std::size_t i = 0; i < shape.size(); ++i)
        (i < axis ? view.outer : i == axis ? view.size : view.inner) *= shape[i];
    return view;
}

} // namespace gradus
