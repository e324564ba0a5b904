// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/linalg.h"

#include "core/base/parallel.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <vector>

namespace gradus {

namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;
using ConstMap = Eigen::Map<const RowMatrix, 0, Stride>;
using Map = Eigen::Map<RowMatrix, 0, Stride>;

ConstMap map(ConstMatrixView v)
{
    return {v.data, v.rows, v.cols, Stride(v.stride)};
}
Map map(MatrixView v)
{
    return {v.data, v.rows, v.cols, Stride(v.stride)};
}

/// Tiles of the result that are worth a task: fixed, so that sums never depend on the threads.
constexpr std::int64_t tileRows = 256;
constexpr std::int64_t tileCols = 512;

template <class Tile>
void overTiles(std::int64_t rows, std::int64_t cols, const Monitor* monitor, const Tile& tile)
{
    const std::int64_t across = (cols + tileCols - 1) / tileCols;
    const std::int64_t down = (rows + tileRows - 1) / tileRows;
    parallelFor(
        across * down, 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t r = i / across * tileRows;
                const std::int64_t c = i % across * tileCols;
                tile(r, c, std::min(tileRows, rows - r), std::min(tileCols, cols - c));
            }
        },
        monitor);
}

} // namespace

void multiplyTransposedSerial(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate)
{
    assert(a.cols == b.cols && c.rows == a.rows && c.cols == b.rows);
    if (accumulate)
        map(c).noalias() += map(a) * map(b).transpose();
    else
        map(c).noalias() = map(a) * map(b).transpose();
}

void multiplySerial(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate)
{
    assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
    if (accumulate)
        map(c).noalias() += map(a) * map(b);
    else
        map(c).noalias() = map(a) * map(b);
}

void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate,
                        const Monitor* monitor)
{
    overTiles(c.rows, c.cols, monitor,
              [&](std::int64_t r, std::int64_t col, std::int64_t h, std::int64_t w) {
                  multiplyTransposedSerial(a.block(r, 0, h, a.cols), b.block(col, 0, w, b.cols),
                                           c.block(r, col, h, w), accumulate);
              });
}

void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate,
              const Monitor* monitor)
{
    overTiles(c.rows, c.cols, monitor,
              [&](std::int64_t r, std::int64_t col, std::int64_t h, std::int64_t w) {
                  multiplySerial(a.block(r, 0, h, a.cols), b.block(0, col, b.rows, w),
                                 c.block(r, col, h, w), accumulate);
              });
}

void accumulateGram(ConstMatrixView x, std::span<double> h, const Monitor* monitor)
{
    constexpr std::int64_t rowBlock = 512;
    constexpr std::int64_t tile = 256;
    const std::int64_t d = x.cols;
    assert(h.size() == static_cast<std::size_t>(d * d));
    const std::int64_t tiles = (d + tile - 1) / tile;
    parallelFor(
        tiles * (tiles + 1) / 2, 1,
        [&](std::int64_t begin, std::int64_t end) {
            RowMatrix product;
            for (std::int64_t i = begin; i < end; ++i) {
                std::int64_t row = 0;
                std::int64_t rest = i;
                while (rest > row) // i counts tiles of the lower triangle row by row
                    rest -= ++row;
                const std::int64_t r = row * tile;
                const std::int64_t c = rest * tile;
                const std::int64_t height = std::min(tile, d - r);
                const std::int64_t width = std::min(tile, d - c);
                for (std::int64_t n = 0; n < x.rows; n += rowBlock) {
                    const std::int64_t count = std::min(rowBlock, x.rows - n);
                    product.noalias() = map(x.block(n, r, count, height)).transpose() *
                                        map(x.block(n, c, count, width));
                    for (std::int64_t k = 0; k < height; ++k) {
                        double* to = h.data() + (r + k) * d + c;
                        const float* from = product.data() + k * width;
                        const std::int64_t last = row == rest ? k + 1 : width;
                        for (std::int64_t j = 0; j < last; ++j)
                            to[j] += static_cast<double>(from[j]);
                    }
                }
            }
        },
        monitor);
}

void mirrorLower(std::span<double> h, std::int64_t d)
{
    assert(h.size() == static_cast<std::size_t>(d * d));
    for (std::int64_t r = 0; r < d; ++r)
        for (std::int64_t c = 0; c < r; ++c)
            h[static_cast<std::size_t>(c * d + r)] = h[static_cast<std::size_t>(r * d + c)];
}

bool inverseCholeskyUpper(std::span<const double> h, std::int64_t d, std::span<double> u,
                          const Monitor* monitor)
{
    using Double = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    assert(h.size() == static_cast<std::size_t>(d * d) && u.size() == h.size());
    if (monitor)
        monitor->checkpoint();
    // With J the reversal, J·H·J = L·Lᵀ gives H = R·Rᵀ for R = J·L·J upper triangular, so that
    // H⁻¹ = (R⁻¹)ᵀ·R⁻¹ and U = R⁻¹ = J·L⁻¹·J.
    Double reversed = Eigen::Map<const Double>(h.data(), d, d).reverse();
    Eigen::LLT<Eigen::Ref<Double>, Eigen::Lower> llt(reversed);
    if (llt.info() != Eigen::Success)
        return false;
    if (monitor)
        monitor->checkpoint();
    Double inverse = Double::Identity(d, d);
    llt.matrixL().solveInPlace(inverse);
    Eigen::Map<Double> out(u.data(), d, d);
    out = inverse.reverse();
    return out.allFinite();
}

} // namespace gradus
