// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/kernels_reduce.h"

#include <optional>

namespace gradus {

/// The axes that an op::Reduce takes away from a shape of `rank` axes; given: its input 1, if there
/// is one. Nothing when an axis is out of range or comes twice.
[[nodiscard]] std::optional<kernel::ReducedAxes>
reducedAxes(const op::Reduce& reduce, std::optional<std::span<const std::int64_t>> given,
            std::size_t rank);

} // namespace gradus
