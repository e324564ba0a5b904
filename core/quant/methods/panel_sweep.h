// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/linalg.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// The factor U of a sweep (UᵀU = H⁻¹) as panels of rows use it: w_k += e · U_jk for all positions
/// k > j, e being the error of position j over U_jj. Rows do not influence each other: they are
/// swept in panels that lie column after column, so that the loops run across rows.
class PanelFactor
{
public:
    /// Rows swept together. Panels are always full (the last one is padded), so that a row is
    /// computed in the same way wherever it stands.
    static constexpr std::size_t lanes = 64;

    /// u: d × d. borders: of the blocks behind which updates are applied lazily, 0 … d, at most
    /// blockSize positions each.
    PanelFactor(std::span<const double> u, std::vector<std::int64_t> borders, int blockSize,
                const Monitor& monitor);

    /// Borders every blockSize positions.
    [[nodiscard]] static std::vector<std::int64_t> evenBorders(std::int64_t d, int blockSize);

    [[nodiscard]] std::size_t blocks() const { return m_borders.size() - 1; }
    [[nodiscard]] std::size_t blockSize() const { return m_blockSize; }

    /// Rounds the positions of a block and spreads their errors. w: positions × lanes; errors:
    /// blockSize × lanes of scratch. round(position, w, inverse, e) rounds one position's lanes and
    /// sets their e = (ŵ − w) · inverse.
    template <class Round>
    void sweepBlock(std::size_t block, float* w, float* errors, const Round& round) const
    {
        const std::int64_t begin = m_borders[block];
        const std::int64_t end = m_borders[block + 1];
        for (std::int64_t j = begin; j < end; ++j) {
            const auto position = static_cast<std::size_t>(j);
            float* e = errors + static_cast<std::size_t>(j - begin) * lanes;
            round(j, w + position * lanes, m_inverseDiagonal[position], e);
            const float* u = m_inBlock.data() + position * m_blockSize;
            for (std::int64_t k = j + 1; k < end; ++k) {
                const float factor = u[k - begin];
                float* to = w + static_cast<std::size_t>(k) * lanes;
                for (std::size_t r = 0; r < lanes; ++r)
                    to[r] += factor * e[r];
            }
        }
        if (end == m_columns)
            return;
        constexpr auto width = static_cast<std::int64_t>(lanes);
        multiplySerial(
            {m_lower.data() + end * m_columns + begin, m_columns - end, end - begin, m_columns},
            {errors, end - begin, width},
            {w + static_cast<std::size_t>(end) * lanes, m_columns - end, width}, true);
    }

private:
    std::int64_t m_columns;
    std::vector<std::int64_t> m_borders;
    std::size_t m_blockSize;
    std::vector<float> m_lower;   ///< Uᵀ, for the updates behind a block
    std::vector<float> m_inBlock; ///< the diagonal blocks of U, one row per position
    std::vector<float> m_inverseDiagonal;
};

} // namespace gradus
