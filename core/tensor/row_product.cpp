// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/row_product.h"

#include "core/base/parallel.h"
#include "core/tensor/block_pool.h"
#include "core/tensor/float_lanes.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

using Vector = kernel::FloatLanes;
using kernel::load;
using kernel::store;
using kernel::unrolled;

constexpr std::int64_t lanes = kernel::vectorLanes;
constexpr std::int64_t tileRows = kernel::vectorRows;
constexpr std::int64_t panelCols = 2 * lanes;
/// Terms that are summed before the sums go back to memory: a panel of them stays in a core's
/// cache.
constexpr std::int64_t depth = 1024;
/// Multiplications of a task that are worth handing to a thread.
constexpr std::int64_t taskWork = 1 << 18;

/// A panel of the right operand: row f of its panelCols columns lies at data + f · stride.
struct Panel
{
    const float* data = nullptr;
    std::int64_t stride = panelCols;
};

/// Where the sums of a tile begin: at the bias of the columns, or at what c holds.
struct Start
{
    const float* bias = nullptr;
    bool fromResult = false;
};

/// c (Rows × panelCols) = start + a · panel. Three rows share a pointer: that many addresses one
/// instruction can reach from it.
template <std::size_t Rows>
void tile(const float* a, std::int64_t aStride, const Panel& panel, std::int64_t count,
          const Start& start, float* c, std::int64_t cStride)
{
    constexpr std::size_t shared = 3;
    constexpr std::size_t pointers = (Rows + shared - 1) / shared;
    Vector low[Rows];
    Vector high[Rows];
    if (start.fromResult) {
        unrolled<Rows>([&](auto r) {
            const float* from = c + static_cast<std::int64_t>(r.value) * cStride;
            load(low[r], from);
            load(high[r], from + lanes);
        });
    } else {
        Vector first{};
        Vector second{};
        if (start.bias) {
            load(first, start.bias);
            load(second, start.bias + lanes);
        }
        unrolled<Rows>([&](auto r) {
            low[r] = first;
            high[r] = second;
        });
    }
    const float* at[pointers];
    unrolled<pointers>(
        [&](auto p) { at[p] = a + static_cast<std::int64_t>(p.value * shared) * aStride; });
    const float* b = panel.data;
    for (std::int64_t f = 0; f < count; ++f, b += panel.stride) {
        Vector left;
        Vector right;
        load(left, b);
        load(right, b + lanes);
        unrolled<Rows>([&](auto r) {
            const float value = at[r / shared][static_cast<std::int64_t>(r % shared) * aStride];
            low[r] += value * left;
            high[r] += value * right;
        });
        unrolled<pointers>([&](auto p) { ++at[p]; });
    }
    unrolled<Rows>([&](auto r) {
        float* to = c + static_cast<std::int64_t>(r.value) * cStride;
        store(low[r], to);
        store(high[r], to + lanes);
    });
}

using Tile = void (*)(const float*, std::int64_t, const Panel&, std::int64_t, const Start&, float*,
                      std::int64_t);

template <std::size_t... i>
constexpr std::array<Tile, sizeof...(i)> tilesOf(std::index_sequence<i...>)
{
    return {tile<i + 1>...};
}

constexpr auto tiles = tilesOf(std::make_index_sequence<std::size_t(tileRows)>());

/// All rows of a with one panel; of c, `cols` columns exist.
void multiplyPanel(ConstMatrixView a, const Panel& panel, std::int64_t count, Start start,
                   MatrixView c, std::int64_t cols)
{
    const std::int64_t groups = (a.rows + tileRows - 1) / tileRows;
    std::array<float, tileRows * panelCols> narrow{};
    std::array<float, panelCols> bias{};
    if (start.bias && cols < panelCols) {
        std::copy_n(start.bias, cols, bias.begin());
        start.bias = bias.data();
    }
    for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t first = g * a.rows / groups;
        const std::int64_t rows = (g + 1) * a.rows / groups - first;
        const float* from = a.data + first * a.stride;
        float* to = c.data + first * c.stride;
        const Tile run = tiles[static_cast<std::size_t>(rows - 1)];
        if (cols == panelCols) {
            run(from, a.stride, panel, count, start, to, c.stride);
            continue;
        }
        for (std::int64_t r = 0; start.fromResult && r < rows; ++r)
            std::copy_n(to + r * c.stride, cols, narrow.data() + r * panelCols);
        run(from, a.stride, panel, count, start, narrow.data(), panelCols);
        for (std::int64_t r = 0; r < rows; ++r)
            std::copy_n(narrow.data() + r * panelCols, cols, to + r * c.stride);
    }
}

template <std::size_t... i>
[[gnu::always_inline]] inline void interleave(Vector& a, Vector& b, std::index_sequence<i...>)
{
    constexpr int n = int(lanes);
    const Vector low = __builtin_shufflevector(a, b, int(i / 2 + i % 2 * n)...);
    b = __builtin_shufflevector(a, b, int(i / 2 + n / 2 + i % 2 * n)...);
    a = low;
}

/// to (lanes × lanes, rows apart by panelCols) = fromᵀ. Interleaving the first half of the vectors
/// with the second moves one bit of an element's row into its column; all bits moved, it is turned.
[[gnu::always_inline]] inline void turnBlock(const float* from, std::int64_t stride, float* to)
{
    constexpr auto all = std::make_index_sequence<std::size_t(lanes)>();
    constexpr std::size_t half = std::size_t(lanes) / 2;
    Vector v[lanes];
    Vector w[lanes];
    unrolled<std::size_t(lanes)>(
        [&](auto r) { load(v[r], from + static_cast<std::int64_t>(r.value) * stride); });
    const auto pass = [&](Vector* in, Vector* out) {
        unrolled<half>([&](auto r) {
            Vector a = in[r];
            Vector b = in[r + half];
            interleave(a, b, all);
            out[2 * r] = a;
            out[2 * r + 1] = b;
        });
    };
    pass(v, w);
    pass(w, v);
    if constexpr (lanes >= 8)
        pass(v, w);
    if constexpr (lanes == 16)
        pass(w, v);
    unrolled<std::size_t(lanes)>([&](auto r) {
        store(lanes == 8 ? w[r] : v[r], to + static_cast<std::int64_t>(r.value) * panelCols);
    });
}

/// to[f · panelCols + j] = rows[j][f] for f < count; zeros where there is no row.
void packTransposed(ConstMatrixView rows, float* to)
{
    const std::int64_t wholeCols = rows.cols / lanes * lanes;
    const std::int64_t wholeRows = rows.rows / lanes * lanes;
    for (std::int64_t j = 0; j < wholeRows; j += lanes)
        for (std::int64_t f = 0; f < wholeCols; f += lanes)
            turnBlock(rows.data + j * rows.stride + f, rows.stride, to + f * panelCols + j);
    for (std::int64_t f = 0; f < rows.cols; ++f) {
        const std::int64_t first = f < wholeCols ? wholeRows : 0;
        for (std::int64_t j = first; j < panelCols; ++j)
            to[f * panelCols + j] = j < rows.rows ? rows.data[j * rows.stride + f] : 0.0F;
    }
}

void packColumns(ConstMatrixView columns, float* to)
{
    for (std::int64_t f = 0; f < columns.rows; ++f, to += panelCols) {
        std::copy_n(columns.data + f * columns.stride, columns.cols, to);
        std::fill(to + columns.cols, to + panelCols, 0.0F);
    }
}

/// Rows that lie a power of two apart would push each other out of the cache.
bool collides(std::int64_t stride)
{
    constexpr std::int64_t apart = 1024;
    return stride % apart == 0;
}

} // namespace

void multiplyRows(ConstMatrixView a, ConstMatrixView b, std::span<const float> bias, MatrixView c,
                  const RowFinish& finish, const Monitor* monitor)
{
    assert(a.cols == b.cols && c.rows == a.rows && c.cols == b.rows);
    assert(bias.empty() || bias.size() == static_cast<std::size_t>(c.cols));
    // Laying out an operand pays when several rows read it.
    constexpr std::int64_t fewRows = 4;
    if (a.rows <= fewRows || a.cols == 0) {
        multiplyTransposed(a, b, c, false, monitor);
        for (std::int64_t r = 0; r < c.rows; ++r) {
            const auto row = c.row(r);
            for (std::size_t i = 0; i < bias.size(); ++i)
                row[i] += bias[i];
            if (finish)
                finish(r, 0, row);
        }
        return;
    }
    constexpr std::int64_t padding = lanes;
    ScratchFloats copy;
    if (collides(a.stride) && a.rows > 2 * tileRows) {
        const std::int64_t stride = a.cols + padding;
        copy = scratchFloats(a.rows * stride);
        parallelFor(a.rows, std::max<std::int64_t>(1, taskWork / 8 / a.cols),
                    [&](std::int64_t begin, std::int64_t end) {
                        for (std::int64_t r = begin; r < end; ++r)
                            std::copy_n(a.data + r * a.stride, a.cols, copy.get() + r * stride);
                    });
        a = ConstMatrixView(copy.get(), a.rows, a.cols, stride);
    }
    // Tasks: bands of rows × runs of panels, fixed by the sizes. A panel is laid out by each band
    // that reads it.
    constexpr std::int64_t wantedTasks = 16;
    constexpr std::int64_t fewestRows = 96;
    constexpr std::int64_t mostRows = 768;
    const std::int64_t panels = (c.cols + panelCols - 1) / panelCols;
    // Finishing is worth its call for some panels together.
    const std::int64_t finished = finish ? 4 : 1;
    const std::int64_t work = std::min(a.rows, mostRows) * panelCols * a.cols;
    const std::int64_t most =
        std::max(finished, std::min(taskWork / work, std::max<std::int64_t>(1, panels / 4)));
    const std::int64_t runs = (panels + most - 1) / most;
    const std::int64_t together = (panels + runs - 1) / runs;
    const std::int64_t bands =
        std::max((a.rows + mostRows - 1) / mostRows,
                 std::clamp<std::int64_t>((wantedTasks + runs - 1) / runs, 1,
                                          std::max<std::int64_t>(1, a.rows / fewestRows)));
    const std::int64_t bandRows = (a.rows + bands - 1) / bands;
    parallelFor(
        bands * runs, 1,
        [&](std::int64_t begin, std::int64_t end) {
            const ScratchFloats packed = scratchFloats(panelCols * std::min(depth, a.cols));
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t first = i % bands * bandRows;
                const std::int64_t rows = std::min(bandRows, a.rows - first);
                if (rows <= 0)
                    continue;
                const std::int64_t left = std::min(c.cols, i / bands * together * panelCols);
                const std::int64_t right = std::min(c.cols, left + together * panelCols);
                for (std::int64_t col = left; col < right; col += panelCols) {
                    const std::int64_t cols = std::min(panelCols, right - col);
                    for (std::int64_t k = 0; k < a.cols; k += depth) {
                        if (monitor)
                            monitor->checkpoint();
                        const std::int64_t count = std::min(depth, a.cols - k);
                        packTransposed(b.block(col, k, cols, count), packed.get());
                        multiplyPanel(a.block(first, k, rows, count), {packed.get(), panelCols},
                                      count, {bias.empty() ? nullptr : bias.data() + col, k > 0},
                                      c.block(first, col, rows, cols), cols);
                    }
                }
                for (std::int64_t r = first; finish && left < right && r < first + rows; ++r)
                    finish(r, left,
                           c.row(r).subspan(static_cast<std::size_t>(left),
                                            static_cast<std::size_t>(right - left)));
            }
        },
        monitor);
}

void multiplyRowsSerial(ConstMatrixView a, ConstMatrixView bTransposed, MatrixView c)
{
    assert(a.cols == bTransposed.cols && c.rows == a.rows && c.cols == bTransposed.rows);
    const ScratchFloats packed = scratchFloats(panelCols * a.cols);
    for (std::int64_t col = 0; col < c.cols; col += panelCols) {
        const std::int64_t cols = std::min(panelCols, c.cols - col);
        packTransposed(bTransposed.block(col, 0, cols, a.cols), packed.get());
        multiplyPanel(a, {packed.get(), panelCols}, a.cols, {}, c.block(0, col, c.rows, cols),
                      cols);
    }
}

void multiplyColumnsSerial(ConstMatrixView a, ConstMatrixView b, MatrixView c)
{
    assert(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols);
    const ScratchFloats packed = scratchFloats(panelCols * a.cols);
    for (std::int64_t col = 0; col < c.cols; col += panelCols) {
        const std::int64_t cols = std::min(panelCols, c.cols - col);
        packColumns(b.block(0, col, b.rows, cols), packed.get());
        multiplyPanel(a, {packed.get(), panelCols}, a.cols, {}, c.block(0, col, c.rows, cols),
                      cols);
    }
}

} // namespace gradus
