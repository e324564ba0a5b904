// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <cstddef>
#include <vector>

namespace gradus {

/// Minimises xᵀPx − 2·rᵀx for eight positive semidefinite matrices at once: P = L·D·Lᵀ without
/// exchanges, unknowns that depend on earlier ones left at 0. The attained minimum is that of the
/// pseudo-inverse.
class SemidefiniteSolve
{
public:
    static constexpr std::size_t lanes = 8;
    /// A pivot below this share of its diagonal element is none.
    static constexpr double smallestPivot = 1e-10;

    /// p: unknowns × unknowns × lanes, lower triangle, overwritten by L; r: unknowns × lanes,
    /// overwritten by D⁻¹·L⁻¹·r.
    static void factorize(std::size_t unknowns, double* p, double* r, double* d,
                          const Monitor* monitor = nullptr);

    /// The best value of unknown i for those behind it (xₖ, k > i, already chosen): for one lane.
    [[nodiscard]] static double conditional(std::size_t unknowns, const double* l, const double* z,
                                            const double* x, std::size_t i, std::size_t lane);
};

} // namespace gradus
