// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/decoupleq_layer.h"

namespace gradus {

/// Some rows side by side, position by position: loops run across the lanes. Lanes without a row
/// hold zeros and scale 1.
struct DecoupleqPanel
{
    static constexpr std::size_t lanes = 64;

    /// Up to 64 rows of the layer, with the state's scales and zeros.
    DecoupleqPanel(const DecoupleqLayer& layer, RowList rows, const GridState& state);

    std::vector<float> weight;       ///< positions × lanes
    std::vector<std::uint8_t> codes; ///< positions × lanes, zeros
    std::vector<float> scale;        ///< groups × lanes
    std::vector<float> zero;

    /// Where the scales (and zeros) of a position begin.
    [[nodiscard]] std::size_t parameters(std::int64_t position) const
    {
        return static_cast<std::size_t>(m_layer.order.columns[static_cast<std::size_t>(position)] /
                                        m_layer.group) *
               lanes;
    }
    void loadCodes(const GridState& state);
    void storeCodes(GridState& state) const;

private:
    const DecoupleqLayer& m_layer;
    RowList m_rows;
};

} // namespace gradus
