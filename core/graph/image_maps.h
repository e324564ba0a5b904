// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/axis_map.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// The axes that an operator changes, each by itself.
struct MappedAxis
{
    std::size_t axis = 0;
    kernel::AxisMap map;
};

/// Of Resize, from the last axis to the first; empty spans: missing inputs. Throws
/// Error(Shape | Unsupported) saying what does not fit.
[[nodiscard]] std::vector<MappedAxis> resizeMaps(const op::Resize& resize, const Shape& x,
                                                 std::span<const float> scales,
                                                 std::span<const std::int64_t> sizes);
/// Of Pad; axes empty: all.
[[nodiscard]] std::vector<MappedAxis> padMaps(const op::Pad& pad, const Shape& x,
                                              std::span<const std::int64_t> pads,
                                              std::span<const std::int64_t> axes);
[[nodiscard]] Shape mappedShape(Shape x, const std::vector<MappedAxis>& maps);

/// x, of any dtype, padded; value: one element, or null for zero.
[[nodiscard]] Tensor padded(const Tensor& x, const std::vector<MappedAxis>& maps,
                            const Tensor* value, const Monitor& monitor);

/// DepthToSpace (of channels that lie as columnRowDepth says) or, with toDepth, its inverse. Throws
/// Error(Shape | Unsupported).
[[nodiscard]] Tensor blocksMoved(const Tensor& x, std::int64_t blockSize, bool columnRowDepth,
                                 bool toDepth, const Monitor& monitor);

} // namespace gradus
