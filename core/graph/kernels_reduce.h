// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus::kernel {

/// Which axes of a shape are reduced: one flag for each.
using ReducedAxes = std::vector<bool>;

/// The shape with its reduced axes of size 1.
[[nodiscard]] Shape reducedShape(const Shape& shape, const ReducedAxes& reduced);

/// out has the elements of reducedShape(). Sums are taken in lanes of float, runs of them in
/// double, over chunks that depend on the shape alone. Over nothing: 0, 1, ∓infinity, as
/// the kind has it.
void reduce(op::ReduceKind kind, std::span<const float> x, const Shape& shape,
            const ReducedAxes& reduced, std::span<float> out);
/// Mean (towards 0), Sum, Max, Min, Product, L1 and SumSquare of integers, which wrap around; false
/// for other kinds, and for extremes and means of nothing.
[[nodiscard]] bool reduce(op::ReduceKind kind, std::span<const std::int64_t> x, const Shape& shape,
                          const ReducedAxes& reduced, std::span<std::int64_t> out);

/// dx (x's shape) from y and dy (the reduced shape). y is not read for Mean and Sum, x neither.
/// Equal extremes share the gradient.
void reduceBackward(op::ReduceKind kind, std::span<const float> x, const Shape& shape,
                    const ReducedAxes& reduced, std::span<const float> y, std::span<const float> dy,
                    std::span<float> dx);

/// Sums x over what broadcasting `to` to its shape repeats: out has to's elements.
void sumTo(std::span<const float> x, const Shape& shape, const Shape& to, std::span<float> out);

} // namespace gradus::kernel
