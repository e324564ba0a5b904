// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"
#include "core/graph/strided.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Which elements of a tensor the selecting operators mean; forward and backward ask alike. All
/// throw Error(Shape) without the node's name when inputs do not fit: callers add it.
namespace gradus {

/// Elements of a row-major tensor: the first one's place, a step for each axis of the result.
struct StridedPart
{
    std::int64_t start = 0;
    kernel::Strides strides;
    Shape shape; ///< of the result
};

using Integers = std::span<const std::int64_t>;

/// Of an op::Slice; axes or steps may be empty for those that are not there.
[[nodiscard]] StridedPart slicePart(const Shape& shape, Integers starts, Integers ends,
                                    Integers axes, Integers steps);
[[nodiscard]] StridedPart transposePart(const op::Transpose& transpose, const Shape& shape);
/// Indices in [0, size), negative ones counted from the end.
[[nodiscard]] std::vector<std::int64_t> checkedIndices(Integers indices, std::int64_t size);
/// Of an op::GatherElements: the place of each element of the result.
[[nodiscard]] std::vector<std::int64_t> elementPlaces(const Shape& shape, std::int64_t axis,
                                                      const Shape& indexShape, Integers indices);

/// Of an op::Split of so many places into so many outputs; given is empty for equal parts.
[[nodiscard]] std::vector<std::int64_t> splitSizes(std::int64_t whole, std::size_t outputs,
                                                   std::optional<Integers> given);

/// Of an op::GatherNd: the place of each slice, and how long slices are.
struct SlicePlaces
{
    std::vector<std::int64_t> places;
    std::int64_t count = 1;
    Shape shape; ///< of the result
};
[[nodiscard]] SlicePlaces slicePlaces(const op::GatherNd& gather, const Shape& shape,
                                      const Shape& indexShape, Integers indices);

} // namespace gradus
