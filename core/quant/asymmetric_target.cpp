// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/asymmetric_target.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/methods/hessian_order.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

namespace gradus {

namespace {

/// Rows of a product with a d × d matrix at a time: some 50 ms of work at most.
std::int64_t panelRows(std::int64_t d)
{
    return std::clamp<std::int64_t>(250'000'000 / (d * d), 8, 64);
}

void requireFinite(std::span<const double> values, const char* what)
{
    if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
        throw Error(ErrorCode::Numeric, what);
}

/// (C − Ĥ)·(Ĥ + λI)⁻¹ with (Ĥ + λI)⁻¹ = UᵀU/mean; columns of dead inputs are 0.
std::vector<double> correction(std::span<const double> hessian, std::span<const double> cross,
                               std::int64_t d, const HessianOrder& order, SweepFactor factor,
                               const Monitor& monitor)
{
    const auto at = [d](std::int64_t row, std::int64_t col) {
        return static_cast<std::size_t>(row * d + col);
    };
    std::vector<double> transposed(hessian.size());
    const std::int64_t grain = std::max<std::int64_t>(1, 65536 / d);
    parallelFor(
        d, grain,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r)
                for (std::int64_t c = r; c < d; ++c)
                    transposed[at(c, r)] = factor.u[at(r, c)];
        },
        &monitor);
    std::vector<double> result(hessian.size());
    const std::int64_t panel = panelRows(d);
    parallelFor((d + panel - 1) / panel, 1,
                [&](std::int64_t begin, std::int64_t end) {
                    std::vector<double> difference(static_cast<std::size_t>(panel * d));
                    std::vector<double> half(difference.size());
                    for (std::int64_t p = begin; p < end; ++p) {
                        const std::int64_t first = p * panel;
                        const std::int64_t rows = std::min(panel, d - first);
                        for (std::int64_t r = 0; r < rows; ++r)
                            for (std::int64_t c = 0; c < d; ++c)
                                difference[at(r, c)] =
                                    order.dead[static_cast<std::size_t>(c)]
                                        ? 0
                                        : (cross[at(first + r, c)] - hessian[at(first + r, c)]) /
                                              order.meanDiagonal;
                        multiplySerial({difference.data(), rows, d, d},
                                       {transposed.data(), d, d, d}, {half.data(), rows, d, d},
                                       false);
                        multiplySerial({half.data(), rows, d, d}, {factor.u.data(), d, d, d},
                                       {result.data() + first * d, rows, d, d}, false);
                    }
                },
                &monitor);
    return result;
}

/// Calls sink(row, W* of it) for every row, from several threads; returns the damping that was
/// used.
double solveTarget(ConstMatrixView weight, std::span<const double> hessian,
                   std::span<const double> cross, double damping,
                   const std::function<void(std::int64_t row, std::span<const double>)>& sink,
                   const Monitor& monitor)
{
    const std::int64_t d = weight.cols;
    assert(hessian.size() == static_cast<std::size_t>(d * d) && cross.size() == hessian.size());
    requireFinite(hessian, "the inputs of the quantized network are not finite");
    requireFinite(cross, "the inputs of the float network are not finite");
    const HessianOrder order = hessianOrder(hessian, d, false);
    std::vector<double> change;
    if (order.deadCount < d) {
        auto factor = sweepFactor(hessian, d, order, 0, damping, monitor);
        if (!factor)
            throw Error(ErrorCode::Numeric,
                        "the Hessian of the quantized network's inputs cannot be factorized");
        damping = factor->damping;
        change = correction(hessian, cross, d, order, std::move(*factor), monitor);
    }
    const std::int64_t panel = panelRows(std::max<std::int64_t>(1, d));
    parallelFor((weight.rows + panel - 1) / panel, 1,
                [&](std::int64_t begin, std::int64_t end) {
                    std::vector<double> from(static_cast<std::size_t>(panel * d));
                    std::vector<double> by(from.size());
                    for (std::int64_t p = begin; p < end; ++p) {
                        const std::int64_t first = p * panel;
                        const std::int64_t rows = std::min(panel, weight.rows - first);
                        for (std::int64_t r = 0; r < rows; ++r)
                            std::transform(weight.row(first + r).begin(),
                                           weight.row(first + r).end(), from.data() + r * d,
                                           [](float value) { return static_cast<double>(value); });
                        if (!change.empty())
                            multiplySerial({from.data(), rows, d, d}, {change.data(), d, d, d},
                                           {by.data(), rows, d, d}, false);
                        for (std::size_t i = 0; i < static_cast<std::size_t>(rows * d); ++i)
                            from[i] += by[i];
                        for (std::int64_t r = 0; r < rows; ++r)
                            sink(first + r,
                                 std::span<const double>(from).subspan(
                                     static_cast<std::size_t>(r * d), static_cast<std::size_t>(d)));
                    }
                },
                &monitor);
    return damping;
}

} // namespace

AsymmetricTarget asymmetricTarget(ConstMatrixView weight, std::span<const double> hessian,
                                  std::span<const double> cross, double damping,
                                  const Monitor& monitor)
{
    AsymmetricTarget target;
    target.weight = Tensor({weight.rows, weight.cols});
    const MatrixView out = target.weight.matrix();
    target.damping = solveTarget(
        weight, hessian, cross, damping,
        [&](std::int64_t row, std::span<const double> values) {
            std::transform(values.begin(), values.end(), out.row(row).begin(),
                           [](double value) { return static_cast<float>(value); });
        },
        monitor);
    return target;
}

ExactTarget exactAsymmetricTarget(ConstMatrixView weight, std::span<const double> hessian,
                                  std::span<const double> cross, double damping,
                                  const Monitor& monitor)
{
    ExactTarget target;
    target.weight.resize(static_cast<std::size_t>(weight.rows * weight.cols));
    target.damping = solveTarget(
        weight, hessian, cross, damping,
        [&](std::int64_t row, std::span<const double> values) {
            std::copy(values.begin(), values.end(), target.weight.begin() + row * weight.cols);
        },
        monitor);
    return target;
}

} // namespace gradus
