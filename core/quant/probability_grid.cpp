// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/probability_grid.h"

#include "core/tensor/block_pool.h"

namespace gradus {

ProbabilityRounding::ProbabilityRounding(const ProbabilityGrid& grid)
    : m_grid(grid)
{
    if (const auto* log = std::get_if<LogGrid>(&grid))
        m_levels.emplace(*log);
}

void ProbabilityRounding::round(MatrixView probabilities) const
{
    const ScratchFloats buffer = scratchFloats(probabilities.cols);
    const MatrixView rounded(buffer.get(), 1, probabilities.cols);
    for (std::int64_t r = 0; r < probabilities.rows; ++r) {
        const std::span<float> row = probabilities.row(r);
        if (m_levels)
            m_levels->round(row, rounded.data);
        else
            roundToGrid(std::get<AffineGrid>(m_grid), {row.data(), 1, probabilities.cols}, rounded);
        for (std::size_t i = 0; i < row.size(); ++i)
            row[i] = row[i] == 0 ? 0.0F : rounded.data[i];
    }
}

void ProbabilityRounding::encode(std::span<const float> probabilities, std::uint8_t* codes) const
{
    if (m_levels)
        m_levels->encode(probabilities, codes);
    else
        encodeToGrid(std::get<AffineGrid>(m_grid),
                     {probabilities.data(), 1, static_cast<std::int64_t>(probabilities.size())},
                     codes);
    const auto unseen = static_cast<std::uint8_t>(m_levels ? none : 0);
    for (std::size_t i = 0; i < probabilities.size(); ++i)
        codes[i] = probabilities[i] == 0 ? unseen : codes[i];
}

} // namespace gradus
