// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gradus {

/// The order in which a sweep rounds the columns of a weight. "Position" is the place of a column
/// in it, "column" its place in the weight.
struct HessianOrder
{
    std::vector<std::int64_t> columns; ///< of each position
    std::vector<std::uint8_t> dead;    ///< of each column: its input is always zero
    std::int64_t deadCount = 0;
    double meanDiagonal = 0; ///< of the columns that are not dead
    bool identity = true;
};

/// byDiagonal: from the largest diagonal element of H (d × d) to the smallest; equal ones stay in
/// their order.
[[nodiscard]] HessianOrder hessianOrder(std::span<const double> h, std::int64_t d, bool byDiagonal);

/// The inverse Hessian's factor that a sweep spreads errors with.
struct SweepFactor
{
    std::vector<double> u; ///< d × d, upper triangular: UᵀU = (H/mean + …)⁻¹ in the order's columns
    double damping = 0; ///< that it took
};

/// Factorises H in units of its mean diagonal (sweeps do not depend on the scale of H, the range of
/// float does) with `base` and then `damping` times the mean of that on the diagonal. The damping
/// is raised until it works; nothing when it never does. Needs two more matrices of the size of H
/// while it runs, one of which is the result.
[[nodiscard]] std::optional<SweepFactor> sweepFactor(std::span<const double> h, std::int64_t d,
                                                     const HessianOrder& order, double base,
                                                     double damping, const Monitor& monitor);

} // namespace gradus
