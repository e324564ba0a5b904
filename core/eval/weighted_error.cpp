// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/weighted_error.h"

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

namespace gradus {

namespace {

constexpr std::int64_t panel = std::int64_t(1) << 21; ///< outputs at once: 8 MiB

Tensor difference(ConstMatrixView a, ConstMatrixView b)
{
    Tensor result(Shape{a.rows, a.cols});
    const MatrixView to = result.matrix();
    parallelFor(a.rows, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, a.cols)),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t r = begin; r < end; ++r)
                        for (std::size_t c = 0; c < to.row(r).size(); ++c)
                            to.row(r)[c] = a.row(r)[c] - b.row(r)[c];
                });
    return result;
}

} // namespace

double weightedSquaredError(const LayerOnRows& layer, ConstMatrixView squares,
                            const Monitor& monitor)
{
    const std::int64_t out = layer.weight.rows;
    const std::int64_t in = layer.weight.cols;
    const std::int64_t groups = layer.groups;
    assert(groups > 0 && out % groups == 0 && layer.inputs.cols == in * groups);
    assert(squares.rows == layer.inputs.rows && squares.cols == out);
    const bool rounds = layer.roundedInputs.data != nullptr;
    const Tensor errors = difference(layer.weight, layer.quantized);
    const std::int64_t each = out / groups; // rows of the weight in a group
    const std::int64_t step = std::max<std::int64_t>(16, panel / out);
    Tensor product(Shape{std::min(step, layer.inputs.rows), out});
    double total = 0;
    for (std::int64_t r = 0; r < layer.inputs.rows; r += step) {
        monitor.checkpoint();
        const std::int64_t rows = std::min(step, layer.inputs.rows - r);
        const ConstMatrixView x = layer.inputs.block(r, 0, rows, layer.inputs.cols);
        // W·x − Ŵ·x̂ = (W − Ŵ)·x + Ŵ·(x − x̂)
        const Tensor moved =
            rounds ? difference(x, layer.roundedInputs.block(r, 0, rows, layer.inputs.cols))
                   : Tensor();
        const auto one = [&](std::int64_t g) {
            const MatrixView to = product.matrix().block(0, g * each, rows, each);
            const ConstMatrixView e = errors.matrix().block(g * each, 0, each, in);
            const ConstMatrixView q = layer.quantized.block(g * each, 0, each, in);
            if (groups == 1) {
                multiplyTransposed(x, e, to, false, &monitor);
                if (rounds)
                    multiplyTransposed(moved.matrix(), q, to, true, &monitor);
                return;
            }
            multiplyTransposedSerial(x.block(0, g * in, rows, in), e, to, false);
            if (rounds)
                multiplyTransposedSerial(moved.matrix().block(0, g * in, rows, in), q, to, true);
        };
        if (groups == 1)
            one(0);
        else
            parallelFor(
                groups, 8,
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t g = begin; g < end; ++g)
                        one(g);
                },
                &monitor);
        total += parallelReduce(
            rows, 16, 0.0,
            [&](std::int64_t begin, std::int64_t end) {
                double sum = 0;
                for (std::int64_t n = begin; n < end; ++n) {
                    const std::span<const float> d = std::as_const(product).matrix().row(n);
                    const std::span<const float> g = squares.row(r + n);
                    double row = 0;
                    for (std::size_t c = 0; c < d.size(); ++c)
                        row += static_cast<double>(d[c]) * static_cast<double>(d[c]) *
                               static_cast<double>(g[c]);
                    sum += row;
                }
                return sum;
            },
            [](double& sum, double part) { sum += part; });
    }
    return total;
}

} // namespace gradus
