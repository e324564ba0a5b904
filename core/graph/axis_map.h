// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/operators.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <vector>

namespace gradus::kernel {

/// A linear map along one axis: output i is Σ_t weights[i · taps + t] · input[sources[i · taps +
/// t]]. A source of −1 is nothing: what padding makes of constants.
struct AxisMap
{
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t taps = 1;
    std::vector<std::int64_t> sources;
    std::vector<float> weights;
};

/// How resizing one axis from `in` to `out` elements samples it, as ONNX Resize defines it. scale:
/// output elements for one of the input.
[[nodiscard]] AxisMap resizeMap(const op::Resize& resize, std::int64_t in, std::int64_t out,
                                double scale);
/// How padding an axis by so many elements in front and at the end (negative: cutting) moves it.
/// Throws Error(Shape) when a border has nothing to come from.
[[nodiscard]] AxisMap padMap(op::PadMode mode, std::int64_t in, std::int64_t begin,
                             std::int64_t end);

/// x with the map along an axis. Bit-identical for any number of threads.
[[nodiscard]] Tensor mapAxis(const Tensor& x, std::size_t axis, const AxisMap& map,
                             const Monitor& monitor);
/// The transposed map, from a gradient of mapAxis()'s result to that of x.
[[nodiscard]] Tensor mapAxisBack(const Tensor& dy, std::size_t axis, const AxisMap& map,
                                 const Monitor& monitor);

} // namespace gradus::kernel
