// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/evaluation.h"

#include <cstdint>
#include <optional>

/// What operators ask of their inputs before they touch them. All of these throw Error(Shape) that
/// names the node.
namespace gradus {

/// Input i, which must be there.
[[nodiscard]] const Tensor& operand(const Evaluation& e, std::size_t i);
/// The same, of float32.
[[nodiscard]] const Tensor& floatOperand(const Evaluation& e, std::size_t i);
/// The same, of int64.
[[nodiscard]] std::span<const std::int64_t> integerOperand(const Evaluation& e, std::size_t i);
/// The only element of an int64 input.
[[nodiscard]] std::int64_t oneInteger(const Evaluation& e, std::size_t i);

/// An axis of `rank` axes, negative ones counted from the end.
[[nodiscard]] std::size_t axisOf(const Evaluation& e, std::int64_t axis, std::size_t rank);
/// The same of one that was accepted before.
[[nodiscard]] inline std::size_t knownAxis(std::int64_t axis, std::size_t rank)
{
    return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
}
/// Of each; sorted. Throws when one comes twice.
[[nodiscard]] std::vector<std::size_t> axesOf(const Evaluation& e,
                                              std::span<const std::int64_t> axes, std::size_t rank);

/// More than 2^31 elements, sizes of 0 not counted (kernels walk over the lines of tensors without
/// elements too), or more than 64 axes: what no network has.
[[nodiscard]] bool isTooLarge(const Shape& shape);
/// How many numbers start, start + delta, … lie before limit; nothing when delta is 0 or they are
/// more than 2^31.
[[nodiscard]] std::optional<std::int64_t> rangeCount(double start, double limit, double delta);
[[nodiscard]] std::optional<std::int64_t> rangeCount(std::int64_t start, std::int64_t limit,
                                                     std::int64_t delta);

/// As Evaluation::make(); refuses results that no network has (more than 2^31 elements) too.
[[nodiscard]] Tensor newTensor(const Evaluation& e, DType dtype, Shape shape);

/// A tensor seen as outer × size × inner around one axis.
struct AxisView
{
    std::int64_t outer = 1;
    std::int64_t size = 1;
    std::int64_t inner = 1;
};
[[nodiscard]] AxisView aroundAxis(const Shape& shape, std::size_t axis);

template <class T>
[[nodiscard]] std::span<const T> elementsAs(const Tensor& tensor)
{
    return {reinterpret_cast<const T*>(tensor.bytes().data()),
            static_cast<std::size_t>(tensor.count())};
}
template <class T>
[[nodiscard]] std::span<T> elementsAs(Tensor& tensor)
{
    return {reinterpret_cast<T*>(tensor.bytes().data()), static_cast<std::size_t>(tensor.count())};
}

} // namespace gradus
