// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/probability_grid.h"

#include "core/tensor/block_pool.h"

#include <algorithm>
#include <vector>

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

void ProbabilityRounding::encode(ConstMatrixView probabilities, std::uint16_t* codes) const
{
    const auto cols = static_cast<std::size_t>(probabilities.cols);
    std::vector<std::uint8_t> affine(m_levels ? 0 : cols);
    const int zero = m_levels ? std::get<LogGrid>(m_grid).zeroCode() : -1;
    for (std::int64_t r = 0; r < probabilities.rows; ++r, codes += cols) {
        const std::span<const float> row = probabilities.row(r);
        if (m_levels) {
            m_levels->encode(row, codes);
        } else {
            encodeToGrid(std::get<AffineGrid>(m_grid), {row.data(), 1, probabilities.cols},
                         affine.data());
            std::copy(affine.begin(), affine.end(), codes);
        }
        for (std::size_t i = 0; i < cols; ++i)
            if (row[i] == 0 || codes[i] == zero)
                codes[i] = unseen;
    }
}

} // namespace gradus
