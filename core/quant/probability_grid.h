// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_attention.h"

#include <cstdint>
#include <optional>

namespace gradus {

/// What integers of q times integers of k are multiplied by to be scores.
[[nodiscard]] inline float scoreFactor(const AffineGrid& query, const AffineGrid& key)
{
    return static_cast<float>(static_cast<double>(query.scales.front()) *
                              static_cast<double>(key.scales.front()));
}

/// A grid of probabilities ready for use. A probability of exactly 0 stays 0 whatever the grid
/// makes of it: that is a key that the query does not see.
class ProbabilityRounding
{
public:
    explicit ProbabilityRounding(const ProbabilityGrid& grid);
    /// In place. NaN stays NaN.
    void round(MatrixView probabilities) const;

    /// Of keys that are not seen, and of powers too small to count.
    static constexpr std::uint16_t unseen = 0xFFFF;
    /// Codes of probabilities, rows × columns; unseen where they are 0. Throws Error(Numeric) on
    /// NaN.
    void encode(ConstMatrixView probabilities, std::uint16_t* codes) const;

private:
    ProbabilityGrid m_grid;
    std::optional<LogLevels> m_levels;
};

} // namespace gradus
