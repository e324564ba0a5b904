// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_panel.h"

namespace gradus {

DecoupleqPanel::DecoupleqPanel(const DecoupleqLayer& layer, RowList rows, const GridState& state)
    : weight(static_cast<std::size_t>(layer.cols) * lanes)
    , codes(weight.size())
    , scale(static_cast<std::size_t>(layer.groups) * lanes, 1.0F)
    , zero(scale.size())
    , m_layer(layer)
    , m_rows(rows)
{
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const float* w = layer.weight.data + rows[i] * layer.weight.stride;
        for (std::size_t p = 0; p < static_cast<std::size_t>(layer.cols); ++p)
            weight[p * lanes + i] = w[layer.order.columns[p]];
        const auto from = static_cast<std::size_t>(rows[i] * layer.groups);
        for (std::size_t g = 0; g < static_cast<std::size_t>(layer.groups); ++g) {
            scale[g * lanes + i] = state.scales[from + g];
            zero[g * lanes + i] = state.zeros[from + g];
        }
    }
}

void DecoupleqPanel::loadCodes(const GridState& state)
{
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const std::uint8_t* from = state.codes.data() + m_rows[i] * m_layer.cols;
        for (std::size_t p = 0; p < static_cast<std::size_t>(m_layer.cols); ++p)
            codes[p * lanes + i] = from[m_layer.order.columns[p]];
    }
}

void DecoupleqPanel::storeCodes(GridState& state) const
{
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        std::uint8_t* to = state.codes.data() + m_rows[i] * m_layer.cols;
        for (std::size_t p = 0; p < static_cast<std::size_t>(m_layer.cols); ++p)
            to[m_layer.order.columns[p]] = codes[p * lanes + i];
    }
}

} // namespace gradus
