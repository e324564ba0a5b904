// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus {

/// Coordinate descent on ½·(x − w)·H·(x − w)ᵀ for a panel of rows that lie side by side, with the
/// gradient g = (x − w)·H kept up to date: exactly within a block of positions while it is worked
/// at, by a matrix product behind it.
class ColumnDescent
{
public:
    static constexpr std::size_t lanes = 64;
    static constexpr std::int64_t blockSize = 128;

    /// h: d × d, symmetric, in the order of positions.
    ColumnDescent(const float* h, std::int64_t d, const Monitor& monitor)
        : m_h(h)
        , m_columns(d)
        , m_monitor(monitor)
        , m_moves(static_cast<std::size_t>(blockSize) * lanes)
    {
    }

    [[nodiscard]] float diagonal(std::int64_t j) const { return m_h[j * m_columns + j]; }

    /// g := d · H for d: positions × lanes.
    void gradient(const float* differences, float* g) const
    {
        constexpr auto width = static_cast<std::int64_t>(lanes);
        for (std::int64_t r = 0; r < m_columns; r += chunkRows) {
            m_monitor.checkpoint();
            const std::int64_t count = std::min(chunkRows, m_columns - r);
            multiplySerial(ConstMatrixView(m_h + r * m_columns, count, m_columns),
                           ConstMatrixView(differences, m_columns, width),
                           MatrixView(g + static_cast<std::size_t>(r) * lanes, count, width),
                           false);
        }
    }

    /// One sweep over the positions first … last − 1 in turn: move(position, g, δ) sets how far
    /// each lane goes and returns whether any does. Gradients are updated in [first, known).
    template <class Move>
    void sweep(std::int64_t first, std::int64_t last, std::int64_t known, float* g,
               const Move& move)
    {
        for (std::int64_t begin = first; begin < last; begin += blockSize) {
            m_monitor.checkpoint();
            const std::int64_t end = std::min(begin + blockSize, last);
            bool moved = false;
            for (std::int64_t j = begin; j < end; ++j) {
                float* step = m_moves.data() + static_cast<std::size_t>(j - begin) * lanes;
                if (!move(j, g + static_cast<std::size_t>(j) * lanes, step)) {
                    std::fill(step, step + lanes, 0.0F);
                    continue;
                }
                moved = true;
                spread(j, step, begin, end, g);
            }
            if (!moved)
                continue;
            spreadBlock(begin, end, m_moves.data(), first, begin, g);
            spreadBlock(begin, end, m_moves.data(), end, known, g);
        }
    }

    /// The same over all positions for the last time: gradients are kept up to date only for
    /// positions that are still to come, which takes half as much.
    template <class Move>
    void lastSweep(float* g, const Move& move)
    {
        for (std::int64_t begin = 0; begin < m_columns; begin += blockSize) {
            m_monitor.checkpoint();
            const std::int64_t end = std::min(begin + blockSize, m_columns);
            bool moved = false;
            for (std::int64_t j = begin; j < end; ++j) {
                float* step = m_moves.data() + static_cast<std::size_t>(j - begin) * lanes;
                if (move(j, g + static_cast<std::size_t>(j) * lanes, step)) {
                    moved = true;
                    spread(j, step, j + 1, end, g);
                } else {
                    std::fill(step, step + lanes, 0.0F);
                }
            }
            if (moved)
                spreadBlock(begin, end, m_moves.data(), end, m_columns, g);
        }
    }

    /// g += δ_j · H_jk for the positions k in [begin, end).
    void spread(std::int64_t j, const float* step, std::int64_t begin, std::int64_t end,
                float* g) const
    {
        const float* row = m_h + j * m_columns;
        for (std::int64_t k = begin; k < end; ++k) {
            const float factor = row[k];
            float* to = g + static_cast<std::size_t>(k) * lanes;
            for (std::size_t r = 0; r < lanes; ++r)
                to[r] += factor * step[r];
        }
    }

    /// The same for the moves of the positions [begin, end) on those in [from, to).
    void spreadBlock(std::int64_t begin, std::int64_t end, const float* moves, std::int64_t from,
                     std::int64_t to, float* g) const
    {
        constexpr auto width = static_cast<std::int64_t>(lanes);
        if (from < to)
            multiplySerial(
                ConstMatrixView(m_h + from * m_columns + begin, to - from, end - begin, m_columns),
                ConstMatrixView(moves, end - begin, width),
                MatrixView(g + static_cast<std::size_t>(from) * lanes, to - from, width), true);
    }

private:
    static constexpr std::int64_t chunkRows = 512;

    const float* m_h;
    std::int64_t m_columns;
    const Monitor& m_monitor;
    std::vector<float> m_moves;
};

} // namespace gradus
