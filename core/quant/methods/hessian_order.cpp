// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/hessian_order.h"

#include "core/base/parallel.h"
#include "core/quant/methods/common.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

namespace {

/// H in the order of rounding, in units of its mean diagonal, with damping on the diagonal. Dead
/// columns get 1 there: nothing is spread from or to them, whatever it is.
void dampedHessian(std::span<const double> h, std::int64_t d, const HessianOrder& order,
                   double damping, std::span<double> out, const Monitor& monitor)
{
    const double unit = 1 / order.meanDiagonal;
    parallelFor(
        d, rowGrain(d),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t p = begin; p < end; ++p) {
                const std::int64_t column = order.columns[static_cast<std::size_t>(p)];
                const double* from = h.data() + column * d;
                double* to = out.data() + p * d;
                if (order.dead[static_cast<std::size_t>(column)]) {
                    std::fill(to, to + d, 0.0);
                    to[p] = 1;
                    continue;
                }
                for (std::int64_t k = 0; k < d; ++k) {
                    const auto other = static_cast<std::size_t>(
                        order.identity ? k : order.columns[static_cast<std::size_t>(k)]);
                    to[k] = order.dead[other] ? 0 : from[other] * unit;
                }
                to[p] += damping;
            }
        },
        &monitor);
}

/// The damping after one that did not suffice: 0.01, 0.03, 0.1, 0.3, … 10; 0 when none is left.
double raised(double damping)
{
    for (const double next : {1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0})
        if (next > 1.5 * damping)
            return next;
    return 0;
}

} // namespace

HessianOrder hessianOrder(std::span<const double> h, std::int64_t d, bool byDiagonal)
{
    HessianOrder order;
    order.columns.resize(static_cast<std::size_t>(d));
    std::iota(order.columns.begin(), order.columns.end(), 0);
    order.dead.resize(static_cast<std::size_t>(d));
    const auto diagonal = [&](std::int64_t j) { return h[static_cast<std::size_t>(j * d + j)]; };
    for (std::int64_t j = 0; j < d; ++j) {
        const bool dead = diagonal(j) == 0;
        order.dead[static_cast<std::size_t>(j)] = dead;
        order.deadCount += dead;
        order.meanDiagonal += diagonal(j);
    }
    if (order.deadCount < d)
        order.meanDiagonal /= static_cast<double>(d - order.deadCount);
    if (byDiagonal && std::isfinite(order.meanDiagonal)) {
        std::stable_sort(order.columns.begin(), order.columns.end(),
                         [&](std::int64_t a, std::int64_t b) { return diagonal(a) > diagonal(b); });
        order.identity = std::is_sorted(order.columns.begin(), order.columns.end());
    }
    return order;
}

std::optional<SweepFactor> sweepFactor(std::span<const double> h, std::int64_t d,
                                       const HessianOrder& order, double base, double damping,
                                       const Monitor& monitor)
{
    std::vector<double> damped(h.size());
    SweepFactor factor;
    factor.u.resize(h.size());
    factor.damping = damping;
    for (;;) {
        dampedHessian(h, d, order, base + factor.damping * (1 + base), damped, monitor);
        if (inverseCholeskyUpperInPlace(damped, d, factor.u, &monitor))
            return factor;
        factor.damping = raised(factor.damping);
        if (factor.damping == 0)
            return std::nullopt;
    }
}

} // namespace gradus
