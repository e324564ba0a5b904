// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_product.h"

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"

#include <algorithm>

namespace gradus::kernel {

namespace {

constexpr std::int64_t tileRows = 256;
constexpr std::int64_t tileCols = 512;

/// Rows [r, r + h) of the operand on the left.
ConstMatrixView leftPart(ConstMatrixView x, bool transposed, std::int64_t r, std::int64_t h)
{
    return transposed ? x.block(0, r, x.rows, h) : x.block(r, 0, h, x.cols);
}

/// Columns [c, c + w) of the operand on the right.
ConstMatrixView rightPart(ConstMatrixView x, bool transposed, std::int64_t c, std::int64_t w)
{
    return transposed ? x.block(c, 0, w, x.cols) : x.block(0, c, x.rows, w);
}

void multiplyTile(ConstMatrixView a, bool aTransposed, ConstMatrixView b, bool bTransposed,
                  MatrixView out, bool accumulate)
{
    if (aTransposed && bTransposed) { // aᵀ · bᵀ, which no product does as it lies
        std::vector<float> turned(static_cast<std::size_t>(a.rows * a.cols));
        for (std::int64_t i = 0; i < a.rows; ++i)
            for (std::int64_t j = 0; j < a.cols; ++j)
                turned[static_cast<std::size_t>(j * a.rows + i)] = a.row(i)[std::size_t(j)];
        multiplyTransposedSerial({turned.data(), a.cols, a.rows}, b, out, accumulate);
    } else if (aTransposed) {
        multiplyLeftTransposedSerial(a, b, out, accumulate);
    } else if (bTransposed) {
        multiplyTransposedSerial(a, b, out, accumulate);
    } else {
        multiplySerial(a, b, out, accumulate);
    }
}

} // namespace

void multiplyStacks(const MatrixStack& a, const MatrixStack& b,
                    const std::vector<ProductTerms>& terms, float scale, std::int64_t m,
                    std::int64_t n, float* out, const Monitor& monitor)
{
    if (m == 0 || n == 0)
        return;
    const std::int64_t across = (n + tileCols - 1) / tileCols;
    const std::int64_t down = (m + tileRows - 1) / tileRows;
    const std::int64_t k = a.transposed ? a.rows : a.cols;
    const std::int64_t flops =
        std::min(m, tileRows) * std::min(n, tileCols) * std::max<std::int64_t>(k, 1);
    const std::int64_t grain = std::max<std::int64_t>(1, (1 << 18) / flops);
    parallelFor(
        static_cast<std::int64_t>(terms.size()) * across * down, grain,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t index = i / (across * down);
                const std::int64_t r = i / across % down * tileRows;
                const std::int64_t c = i % across * tileCols;
                const std::int64_t h = std::min(tileRows, m - r);
                const std::int64_t w = std::min(tileCols, n - c);
                const MatrixView tile = MatrixView(out + index * m * n, m, n).block(r, c, h, w);
                bool accumulate = false;
                for (const auto& [left, right] : terms[static_cast<std::size_t>(index)]) {
                    multiplyTile(leftPart(a.at(left), a.transposed, r, h), a.transposed,
                                 rightPart(b.at(right), b.transposed, c, w), b.transposed, tile,
                                 accumulate);
                    accumulate = true;
                    monitor.checkpoint();
                }
                for (std::int64_t row = 0; row < h && (!accumulate || scale != 1.0F); ++row)
                    for (float& value : tile.row(row))
                        value = accumulate ? value * scale : 0.0F;
            }
        },
        &monitor);
}

} // namespace gradus::kernel
