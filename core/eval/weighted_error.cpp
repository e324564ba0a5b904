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

} // namespace

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

double weightedSquaredError(const LayerOnRows& layer, ConstMatrixView squares,
                            const Monitor& monitor)
{
    const std::int64_t out = layer.weight.rows;
    assert(layer.inputs.cols == layer.weight.cols);
    assert(squares.rows == layer.inputs.rows && squares.cols == out);
    const bool rounds = layer.roundedInputs.data != nullptr;
    const Tensor errors = difference(layer.weight, layer.quantized);
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
        const MatrixView to = product.matrix().block(0, 0, rows, out);
        multiplyTransposed(x, errors.matrix(), to, false, &monitor);
        if (rounds)
            multiplyTransposed(moved.matrix(), layer.quantized, to, true, &monitor);
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
