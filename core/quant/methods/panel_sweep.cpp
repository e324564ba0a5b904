// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/panel_sweep.h"

#include "core/base/parallel.h"

#include <algorithm>

namespace gradus {

PanelFactor::PanelFactor(std::span<const double> u, std::vector<std::int64_t> borders,
                         int blockSize, const Monitor& monitor)
    : m_columns(borders.back())
    , m_borders(std::move(borders))
    , m_blockSize(static_cast<std::size_t>(blockSize))
{
    const auto d = static_cast<std::size_t>(m_columns);
    m_lower.resize(d * d);
    m_inBlock.resize(d * m_blockSize);
    m_inverseDiagonal.resize(d);
    // Square tiles, so that the transposed access stays within the cache.
    constexpr std::int64_t tile = 32;
    parallelFor(
        m_columns, tile,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t j0 = 0; j0 < end; j0 += tile)
                for (std::int64_t k = begin; k < end; ++k)
                    for (std::int64_t j = j0; j < std::min(j0 + tile, k + 1); ++j)
                        m_lower[static_cast<std::size_t>(k * m_columns + j)] =
                            static_cast<float>(u[static_cast<std::size_t>(j * m_columns + k)]);
        },
        &monitor);
    for (std::size_t b = 0; b < blocks(); ++b)
        for (std::int64_t j = m_borders[b]; j < m_borders[b + 1]; ++j) {
            const double* row = u.data() + j * m_columns;
            const auto position = static_cast<std::size_t>(j);
            m_inverseDiagonal[position] = static_cast<float>(1 / row[j]);
            for (std::int64_t k = j; k < m_borders[b + 1]; ++k)
                m_inBlock[position * m_blockSize + static_cast<std::size_t>(k - m_borders[b])] =
                    static_cast<float>(row[k]);
        }
}

std::vector<std::int64_t> PanelFactor::evenBorders(std::int64_t d, int blockSize)
{
    std::vector<std::int64_t> borders{0};
    while (borders.back() < d)
        borders.push_back(std::min(borders.back() + blockSize, d));
    return borders;
}

} // namespace gradus
