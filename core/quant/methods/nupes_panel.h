// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/parallel.h"
#include "core/quant/methods/column_descent.h"
#include "core/quant/methods/nupes_layer.h"

namespace gradus {

/// Up to 64 rows side by side, column by column, with the levels of each: loops run across the
/// lanes. Lanes without a row hold zeros and scale 1.
class NupesPanel
{
public:
    static constexpr std::size_t lanes = ColumnDescent::lanes;

    NupesPanel(const NupesLayer& layer, NupesRows rows, const QuantizedWeight& state);

    /// An outlier among the panel's weights.
    struct Fixed
    {
        std::size_t lane = 0;
        float value = 0;
    };
    [[nodiscard]] std::span<const Fixed> fixedAt(std::int64_t column) const;

    /// The nearest levels to y, one column's lanes: codes and ŵ. Outliers are not looked at. The
    /// same codes as PowerEncoder's.
    void nearest(std::int64_t column, const float* y, std::uint8_t* codes, float* values) const;
    /// ŵ of a code.
    [[nodiscard]] float value(std::int64_t column, std::size_t lane, std::uint8_t code) const
    {
        return scaleAt(column)[lane] *
               m_tables[lane * static_cast<std::size_t>(2 * m_layer.middle()) + code];
    }
    [[nodiscard]] const float* scaleAt(std::int64_t column) const
    {
        return m_scale.data() + static_cast<std::size_t>(column / m_layer.group) * lanes;
    }

    void storeCodes(QuantizedWeight& state) const;

    std::vector<float> weight;       ///< columns × lanes
    std::vector<float> x;            ///< ŵ as a decoder finds it
    std::vector<std::uint8_t> codes; ///< zeros in lanes without a row

    /// x − w.
    [[nodiscard]] std::vector<float> residual() const;
    /// The same of all codes: x where they say something, 0 where an outlier replaces it.
    [[nodiscard]] std::vector<float> coded() const;

private:
    void loadLevels(const QuantizedWeight& state);
    void loadRows(const QuantizedWeight& state);
    void loadFixed();

    const NupesLayer& m_layer;
    NupesRows m_rows;
    std::size_t m_largest;
    std::vector<float> m_scale;             ///< groups × lanes
    std::vector<float> m_thresholds;        ///< N × lanes
    std::vector<float> m_magnitudes;        ///< (N + 1) × lanes
    std::vector<float> m_tables;            ///< lanes × 2^bits
    std::vector<Fixed> m_fixed;             ///< by column
    std::vector<std::size_t> m_fixedStarts; ///< columns + 1; empty for none
};

/// Σ a·b of each lane over count columns; sums: lanes of them, added to.
void addProducts(const float* a, const float* b, std::int64_t count, double* sums);

/// body(rows of a panel, number of the panel) in parallel.
template <class Body>
void overPanels(const NupesLayer& layer, NupesRows rows, const Body& body)
{
    constexpr auto grain = static_cast<std::int64_t>(NupesPanel::lanes);
    parallelFor(
        static_cast<std::int64_t>(rows.size()), grain,
        [&](std::int64_t begin, std::int64_t end) {
            body(rows.subspan(static_cast<std::size_t>(begin),
                              static_cast<std::size_t>(end - begin)),
                 static_cast<std::size_t>(begin / grain));
        },
        &layer.monitor);
}

} // namespace gradus
