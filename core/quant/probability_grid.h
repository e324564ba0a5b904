// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_attention.h"

#include <cstdint>
#include <optional>
#include <span>

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

    /// Of what is 0, and beyond all codes that integers tell apart.
    static constexpr std::uint8_t none = 255;
    /// Codes of one row of probabilities. Powers: none where they are 0. Uniform: 0 where they are
    /// 0. Throws Error(Numeric) on NaN.
    void encode(std::span<const float> probabilities, std::uint8_t* codes) const;

private:
    ProbabilityGrid m_grid;
    std::optional<LogLevels> m_levels;
};

} // namespace gradus
