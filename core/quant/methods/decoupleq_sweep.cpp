// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_sweep.h"

#include "core/base/parallel.h"
#include "core/quant/methods/decoupleq_panel.h"

namespace gradus {

void sweepIntegers(const DecoupleqLayer& layer, const PanelFactor& factor, RowList rows,
                   GridState& state)
{
    constexpr std::size_t lanes = PanelFactor::lanes;
    static_assert(lanes == DecoupleqPanel::lanes);
    const float maximum = layer.maximumCode();
    parallelFor(
        static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(lanes),
        [&](std::int64_t begin, std::int64_t end) {
            DecoupleqPanel panel(layer,
                                 rows.subspan(static_cast<std::size_t>(begin),
                                              static_cast<std::size_t>(end - begin)),
                                 state);
            std::vector<float> errors(factor.blockSize() * lanes);
            const auto round = [&](std::int64_t j, const float* w, float inverse, float* e) {
                const float* scale = panel.scale.data() + panel.parameters(j);
                const float* zero = panel.zero.data() + panel.parameters(j);
                std::uint8_t* codes = panel.codes.data() + static_cast<std::size_t>(j) * lanes;
                for (std::size_t r = 0; r < lanes; ++r) {
                    const float code = nearestCode(w[r], scale[r], zero[r], maximum);
                    codes[r] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
                    e[r] = (scale[r] * (code - zero[r]) - w[r]) * inverse;
                }
            };
            for (std::size_t b = 0; b < factor.blocks(); ++b) {
                layer.monitor.checkpoint();
                factor.sweepBlock(b, panel.weight.data(), errors.data(), round);
            }
            panel.storeCodes(state);
        },
        &layer.monitor);
}

} // namespace gradus
