// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

namespace gradus::test {

/// Where the i-th element of a row-major tensor stands, one place for each axis.
inline Shape positionOf(const Shape& shape, std::int64_t i)
{
    Shape position(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        position[axis] = i % shape[axis];
        i /= shape[axis];
    }
    return position;
}

inline std::size_t indexOf(const Shape& shape, const Shape& position)
{
    std::int64_t index = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
        index = index * shape[axis] + position[axis];
    return static_cast<std::size_t>(index);
}

/// An axis that may be counted from the end.
inline std::size_t plainAxis(std::int64_t axis, const Shape& shape)
{
    return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size())
                                             : axis);
}

} // namespace gradus::test
