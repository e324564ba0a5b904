// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_codes.h"

#include "core/quant/methods/common.h"
#include "core/quant/methods/nupes_panel.h"
#include "core/quant/power_levels.h"

#include <algorithm>

namespace gradus {

namespace {

constexpr std::size_t lanes = NupesPanel::lanes;
static_assert(lanes == PanelFactor::lanes);

/// The code of the level nearest to zero, which outliers have.
std::uint8_t neutralCode(const NupesLayer& layer)
{
    return static_cast<std::uint8_t>(layer.middle());
}

/// Coordinate descent on a panel of rows.
class CodeDescent
{
public:
    CodeDescent(const NupesLayer& layer, NupesRows rows, const NupesState& state,
                const std::vector<std::uint8_t>* floors)
        : m_layer(layer)
        , m_rows(rows)
        , m_floors(floors)
        , m_panel(layer, rows, state.weight)
        , m_descent(layer.h.data(), layer.cols, layer.monitor)
    {
    }

    void run(NupesState& state)
    {
        const std::vector<float> e = m_panel.residual();
        std::vector<float> g(e.size());
        m_descent.gradient(e.data(), g.data());
        double errors[lanes] = {};
        addProducts(e.data(), g.data(), m_layer.cols, errors);
        m_descent.lastSweep(g.data(), [&](std::int64_t j, const float* gradient, float* step) {
            return move(j, gradient, step);
        });
        for (std::size_t i = 0; i < m_rows.size(); ++i)
            state.errors[static_cast<std::size_t>(m_rows[i])] =
                std::max(errors[i] - m_gains[i], 0.0);
        m_panel.storeCodes(state.weight);
    }

    [[nodiscard]] bool moved(std::size_t lane) const { return m_gains[lane] > 0; }

private:
    bool move(std::int64_t j, const float* g, float* step)
    {
        const float h = m_descent.diagonal(j);
        if (!(h > 0))
            return false; // of a dead input every code is as good: the nearest one stays
        const float inverse = 1 / h;
        const auto least = static_cast<float>(m_layer.smallestGain);
        const std::size_t at = static_cast<std::size_t>(j) * lanes;
        float* x = m_panel.x.data() + at;
        std::uint8_t* codes = m_panel.codes.data() + at;
        float y[lanes];
        float to[lanes];
        std::uint8_t wanted[lanes];
        for (std::size_t r = 0; r < lanes; ++r)
            y[r] = x[r] - g[r] * inverse;
        m_panel.nearest(j, y, wanted, to);
        if (m_floors)
            restrict(j, wanted, to);
        for (const NupesPanel::Fixed& fixed : m_panel.fixedAt(j)) {
            wanted[fixed.lane] = codes[fixed.lane];
            to[fixed.lane] = x[fixed.lane];
        }
        float any = 0;
        for (std::size_t r = 0; r < lanes; ++r) {
            const float delta = to[r] - x[r];
            const float gain = -(2 * g[r] + delta * h) * delta;
            const bool accepted = gain > least;
            step[r] = accepted ? delta : 0;
            x[r] = accepted ? to[r] : x[r];
            codes[r] = accepted ? wanted[r] : codes[r];
            y[r] = accepted ? gain : 0;
            any = accepted ? 1 : any;
        }
        for (std::size_t r = 0; r < lanes; ++r)
            m_gains[r] += static_cast<double>(y[r]);
        return any > 0;
    }

    /// Into the two codes beside each weight: the levels ascend with the codes.
    void restrict(std::int64_t j, std::uint8_t* wanted, float* to) const
    {
        for (std::size_t r = 0; r < m_rows.size(); ++r) {
            const std::uint8_t low =
                (*m_floors)[static_cast<std::size_t>(m_rows[r] * m_layer.cols + j)];
            const std::uint8_t code =
                std::clamp(wanted[r], low, static_cast<std::uint8_t>(low + 1));
            if (code == wanted[r])
                continue;
            wanted[r] = code;
            to[r] = m_panel.value(j, r, code);
        }
    }

    const NupesLayer& m_layer;
    NupesRows m_rows;
    const std::vector<std::uint8_t>* m_floors;
    NupesPanel m_panel;
    ColumnDescent m_descent;
    double m_gains[lanes] = {};
};

} // namespace

void roundToLevels(const NupesLayer& layer, NupesState& state)
{
    const std::vector<std::int64_t> rows = allRows(layer);
    overPanels(layer, rows, [&](NupesRows some, std::size_t) {
        NupesPanel panel(layer, some, state.weight);
        float values[lanes];
        for (std::int64_t j = 0; j < layer.cols; ++j) {
            const std::size_t at = static_cast<std::size_t>(j) * lanes;
            panel.nearest(j, panel.weight.data() + at, panel.codes.data() + at, values);
            for (const NupesPanel::Fixed& fixed : panel.fixedAt(j))
                panel.codes[at + fixed.lane] = neutralCode(layer);
        }
        panel.storeCodes(state.weight);
    });
}

void sweepLevels(const NupesLayer& layer, const PanelFactor& factor, NupesRows rows,
                 NupesState& state)
{
    overPanels(layer, rows, [&](NupesRows some, std::size_t) {
        NupesPanel panel(layer, some, state.weight);
        std::vector<float> errors(factor.blockSize() * lanes);
        const auto round = [&](std::int64_t j, const float* w, float inverse, float* e) {
            std::uint8_t* codes = panel.codes.data() + static_cast<std::size_t>(j) * lanes;
            float values[lanes];
            panel.nearest(j, w, codes, values);
            for (const NupesPanel::Fixed& fixed : panel.fixedAt(j)) {
                codes[fixed.lane] = neutralCode(layer);
                values[fixed.lane] = fixed.value;
            }
            for (std::size_t r = 0; r < lanes; ++r)
                e[r] = (values[r] - w[r]) * inverse;
        };
        for (std::size_t b = 0; b < factor.blocks(); ++b) {
            layer.monitor.checkpoint();
            factor.sweepBlock(b, panel.weight.data(), errors.data(), round);
        }
        panel.storeCodes(state.weight);
    });
}

std::vector<std::uint8_t> floorCodes(const NupesLayer& layer, const QuantizedWeight& grid)
{
    std::vector<std::uint8_t> floors(static_cast<std::size_t>(layer.rows * layer.cols));
    parallelFor(
        layer.rows, rowGrain(layer.cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                const std::vector<float> table =
                    PowerLevels(layer.scheme, static_cast<double>(grid.exponent(row)))
                        .table(layer.scheme.bits);
                const auto first = table.begin() + (layer.midRise() ? 0 : 1);
                const float* w = layer.weight.data + row * layer.weight.stride;
                for (std::int64_t c = 0; c < layer.cols; ++c) {
                    const float u = w[c] / grid.scales[layer.scaleIndex(row, c / layer.group)];
                    const auto above = std::upper_bound(first, table.end(), u);
                    const auto code =
                        std::clamp<std::ptrdiff_t>(above - table.begin() - 1, first - table.begin(),
                                                   static_cast<std::ptrdiff_t>(table.size()) - 2);
                    floors[static_cast<std::size_t>(row * layer.cols + c)] =
                        static_cast<std::uint8_t>(code);
                }
            }
        },
        &layer.monitor);
    return floors;
}

std::vector<std::int64_t> descendCodes(const NupesLayer& layer, NupesRows rows, NupesState& state,
                                       const std::vector<std::uint8_t>* floors)
{
    std::vector<std::uint8_t> moved(static_cast<std::size_t>(layer.rows));
    overPanels(layer, rows, [&](NupesRows some, std::size_t) {
        CodeDescent descent(layer, some, state, floors);
        descent.run(state);
        for (std::size_t i = 0; i < some.size(); ++i)
            moved[static_cast<std::size_t>(some[i])] = descent.moved(i);
    });
    std::vector<std::int64_t> changed;
    for (const std::int64_t row : rows)
        if (moved[static_cast<std::size_t>(row)] != 0)
            changed.push_back(row);
    return changed;
}

} // namespace gradus
