// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/linalg.h"

#include "core/base/parallel.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <utility>
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

/// Row and column of the i-th tile of a lower triangle, counted row by row.
struct TilePlace
{
    std::int64_t row;
    std::int64_t col;
};
TilePlace lowerTile(std::int64_t i)
{
    TilePlace place{0, i};
    while (place.col > place.row)
        place.col -= ++place.row;
    return place;
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

void multiplyLeftTransposedSerial(ConstMatrixView a, ConstMatrixView b, MatrixView c,
                                  bool accumulate)
{
    assert(a.rows == b.rows && c.rows == a.cols && c.cols == b.cols);
    if (accumulate)
        map(c).noalias() += map(a).transpose() * map(b);
    else
        map(c).noalias() = map(a).transpose() * map(b);
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

void multiplyLeftTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate,
                            const Monitor* monitor)
{
    // The summed dimension may be as long as a calibration set: a stop is looked for on the way.
    constexpr std::int64_t depth = 2048;
    overTiles(c.rows, c.cols, monitor,
              [&](std::int64_t r, std::int64_t col, std::int64_t h, std::int64_t w) {
                  std::int64_t k = 0;
                  do {
                      if (monitor)
                          monitor->checkpoint();
                      const std::int64_t count = std::min(depth, a.rows - k);
                      multiplyLeftTransposedSerial(a.block(k, r, count, h),
                                                   b.block(k, col, count, w), c.block(r, col, h, w),
                                                   accumulate || k > 0);
                      k += depth;
                  } while (k < a.rows);
              });
}

namespace {

/// Of sums over tokens: rows multiplied in float before they are added in double, and tiles.
constexpr std::int64_t sumRows = 512;
constexpr std::int64_t sumTile = 256;

} // namespace

void accumulateCross(ConstMatrixView a, ConstMatrixView b, std::span<double> c,
                     const Monitor* monitor)
{
    assert(a.rows == b.rows && c.size() == static_cast<std::size_t>(a.cols * b.cols));
    const std::int64_t across = (b.cols + sumTile - 1) / sumTile;
    const std::int64_t down = (a.cols + sumTile - 1) / sumTile;
    parallelFor(
        across * down, 1,
        [&](std::int64_t begin, std::int64_t end) {
            RowMatrix product;
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t r = i / across * sumTile;
                const std::int64_t col = i % across * sumTile;
                const std::int64_t height = std::min(sumTile, a.cols - r);
                const std::int64_t width = std::min(sumTile, b.cols - col);
                for (std::int64_t n = 0; n < a.rows; n += sumRows) {
                    if (monitor)
                        monitor->checkpoint();
                    const std::int64_t count = std::min(sumRows, a.rows - n);
                    product.noalias() = map(a.block(n, r, count, height)).transpose() *
                                        map(b.block(n, col, count, width));
                    for (std::int64_t k = 0; k < height; ++k) {
                        double* to = c.data() + (r + k) * b.cols + col;
                        const float* from = product.data() + k * width;
                        for (std::int64_t j = 0; j < width; ++j)
                            to[j] += static_cast<double>(from[j]);
                    }
                }
            }
        },
        monitor);
}

void accumulateGram(ConstMatrixView x, std::span<double> h, const Monitor* monitor)
{
    constexpr std::int64_t rowBlock = sumRows;
    constexpr std::int64_t tile = sumTile;
    const std::int64_t d = x.cols;
    assert(h.size() == static_cast<std::size_t>(d * d));
    const std::int64_t tiles = (d + tile - 1) / tile;
    parallelFor(
        tiles * (tiles + 1) / 2, 1,
        [&](std::int64_t begin, std::int64_t end) {
            RowMatrix product;
            for (std::int64_t i = begin; i < end; ++i) {
                const auto [row, col] = lowerTile(i);
                const std::int64_t r = row * tile;
                const std::int64_t c = col * tile;
                const std::int64_t height = std::min(tile, d - r);
                const std::int64_t width = std::min(tile, d - c);
                for (std::int64_t n = 0; n < x.rows; n += rowBlock) {
                    if (monitor)
                        monitor->checkpoint();
                    const std::int64_t count = std::min(rowBlock, x.rows - n);
                    product.noalias() = map(x.block(n, r, count, height)).transpose() *
                                        map(x.block(n, c, count, width));
                    for (std::int64_t k = 0; k < height; ++k) {
                        double* to = h.data() + (r + k) * d + c;
                        const float* from = product.data() + k * width;
                        const std::int64_t last = row == col ? k + 1 : width;
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
    // Square tiles: a column of the target touches a cache line per element.
    constexpr std::int64_t tile = 32;
    parallelFor((d + tile - 1) / tile, 1, [&](std::int64_t begin, std::int64_t) {
        const std::int64_t first = begin * tile;
        const std::int64_t last = std::min(first + tile, d);
        for (std::int64_t c0 = 0; c0 < last; c0 += tile)
            for (std::int64_t r = first; r < last; ++r)
                for (std::int64_t c = c0; c < std::min(c0 + tile, r); ++c)
                    h[static_cast<std::size_t>(c * d + r)] = h[static_cast<std::size_t>(r * d + c)];
    });
}

namespace {

using DoubleMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using DoubleMap = Eigen::Map<DoubleMatrix, 0, Stride>;
using ConstDoubleMap = Eigen::Map<const DoubleMatrix, 0, Stride>;

/// Blocks of the factorisation, tiles of its trailing update, and values per task of copying.
constexpr std::int64_t factorBlock = 128;
constexpr std::int64_t updateTile = 256;
constexpr std::int64_t copyGrain = 1 << 16;

/// A d × d row-major matrix of doubles and its blocks.
struct Square
{
    double* data;
    std::int64_t d;

    [[nodiscard]] DoubleMap block(std::int64_t r, std::int64_t c, std::int64_t rows,
                                  std::int64_t cols) const
    {
        return {data + r * d + c, rows, cols, Stride(d)};
    }
};

/// a's lower triangle := L with L·Lᵀ = a, right-looking, by blocks; inverses[k] := the inverse of
/// the k-th diagonal block of L. Tiles above the diagonal get values that mean nothing.
bool factorLower(const Square& a, std::vector<DoubleMatrix>& inverses, const Monitor* monitor)
{
    for (std::int64_t k = 0; k < a.d; k += factorBlock) {
        const std::int64_t width = std::min(factorBlock, a.d - k);
        DoubleMap diagonal = a.block(k, k, width, width);
        Eigen::LLT<DoubleMatrix, Eigen::Lower> llt(diagonal);
        if (llt.info() != Eigen::Success)
            return false;
        diagonal.triangularView<Eigen::Lower>() = llt.matrixL();
        DoubleMatrix inverse = DoubleMatrix::Identity(width, width);
        llt.matrixL().solveInPlace(inverse);
        inverses.push_back(inverse);

        const std::int64_t next = k + width;
        const std::int64_t rest = a.d - next;
        parallelFor(
            rest, factorBlock,
            [&](std::int64_t begin, std::int64_t end) {
                DoubleMap panel = a.block(next + begin, k, end - begin, width);
                const DoubleMatrix old = panel;
                panel.noalias() = old * inverse.transpose();
            },
            monitor);
        const std::int64_t tiles = (rest + updateTile - 1) / updateTile;
        parallelFor(
            tiles * (tiles + 1) / 2, 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                    const auto [row, col] = lowerTile(i);
                    const std::int64_t r = next + row * updateTile;
                    const std::int64_t c = next + col * updateTile;
                    const std::int64_t height = std::min(updateTile, a.d - r);
                    const std::int64_t across = std::min(updateTile, a.d - c);
                    a.block(r, c, height, across).noalias() -=
                        a.block(r, k, height, width) * a.block(c, k, across, width).transpose();
                }
            },
            monitor);
    }
    return true;
}

/// x's lower triangle := L⁻¹; x is zero before. Block columns do not depend on each other.
void invertLower(const Square& l, const std::vector<DoubleMatrix>& inverses, const Square& x,
                 const Monitor* monitor)
{
    parallelFor(
        static_cast<std::int64_t>(inverses.size()), 1,
        [&](std::int64_t begin, std::int64_t end) {
            DoubleMatrix sum;
            for (std::int64_t j = begin; j < end; ++j) {
                const std::int64_t c = j * factorBlock;
                const DoubleMatrix& first = inverses[static_cast<std::size_t>(j)];
                const std::int64_t width = first.rows();
                x.block(c, c, width, width) = first;
                for (auto i = static_cast<std::size_t>(j + 1); i < inverses.size(); ++i) {
                    if (monitor)
                        monitor->checkpoint();
                    const std::int64_t r = static_cast<std::int64_t>(i) * factorBlock;
                    const std::int64_t height = inverses[i].rows();
                    sum.noalias() = l.block(r, c, height, r - c) * x.block(c, c, r - c, width);
                    x.block(r, c, height, width).noalias() = -inverses[i] * sum;
                }
            }
        },
        monitor);
}

} // namespace

bool inverseCholeskyUpperInPlace(std::span<double> h, std::int64_t d, std::span<double> u,
                                 const Monitor* monitor)
{
    assert(h.size() == static_cast<std::size_t>(d * d) && u.size() == h.size());
    // With J the reversal, J·H·J = L·Lᵀ gives H = R·Rᵀ for R = J·L·J upper triangular, so that
    // H⁻¹ = (R⁻¹)ᵀ·R⁻¹ and U = R⁻¹ = J·L⁻¹·J. Reversing rows and columns of a full matrix is
    // reversing its elements.
    const auto size = static_cast<std::int64_t>(h.size());
    const auto reverse = [&](std::span<double> values) {
        return parallelReduce((size + 1) / 2, copyGrain, 0,
                              [&](std::int64_t begin, std::int64_t end) {
                                  bool finite = true;
                                  for (std::int64_t i = begin; i < end; ++i) {
                                      double& a = values[static_cast<std::size_t>(i)];
                                      double& b = values[static_cast<std::size_t>(size - 1 - i)];
                                      std::swap(a, b);
                                      finite = finite && std::isfinite(a) && std::isfinite(b);
                                  }
                                  return finite ? 0 : 1;
                              },
                              [](int& total, int part) { total |= part; }, monitor);
    };
    if (reverse(h) != 0)
        return false;
    parallelFor(
        size, copyGrain,
        [&](std::int64_t begin, std::int64_t end) {
            std::fill(u.data() + begin, u.data() + end, 0.0);
        },
        monitor);
    const Square l{h.data(), d};
    std::vector<DoubleMatrix> inverses;
    if (!factorLower(l, inverses, monitor))
        return false;
    invertLower(l, inverses, {u.data(), d}, monitor);
    return reverse(u) == 0;
}

bool inverseCholeskyUpper(std::span<const double> h, std::int64_t d, std::span<double> u,
                          const Monitor* monitor)
{
    std::vector<double> copy(h.begin(), h.end());
    return inverseCholeskyUpperInPlace(copy, d, u, monitor);
}

namespace {

ConstDoubleMap map(ConstDoubleView v)
{
    return {v.data, v.rows, v.cols, Stride(v.stride)};
}

} // namespace

void multiplySerial(ConstDoubleView a, ConstDoubleView b, DoubleView c, bool accumulate)
{
    assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
    DoubleMap to{c.data, c.rows, c.cols, Stride(c.stride)};
    if (accumulate)
        to.noalias() += map(a) * map(b);
    else
        to.noalias() = map(a) * map(b);
}

} // namespace gradus
