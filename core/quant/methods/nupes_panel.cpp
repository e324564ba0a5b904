// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_panel.h"

#include "core/quant/power_levels.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

/// Columns put side by side at once: a cache line of each row.
constexpr std::int64_t tile = 16;
/// Lanes that stay in registers while their levels are found.
constexpr std::size_t width = 16;

} // namespace

NupesPanel::NupesPanel(const NupesLayer& layer, NupesRows rows, const QuantizedWeight& state)
    : weight(static_cast<std::size_t>(layer.cols) * lanes)
    , x(weight.size())
    , codes(weight.size())
    , m_layer(layer)
    , m_rows(rows)
    , m_largest(static_cast<std::size_t>(layer.largest()))
    , m_scale(static_cast<std::size_t>(layer.groups) * lanes, 1.0F)
    , m_thresholds(m_largest * lanes)
    , m_magnitudes((m_largest + 1) * lanes)
    , m_tables(static_cast<std::size_t>(2 * layer.middle()) * lanes)
{
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::int64_t g = 0; g < layer.groups; ++g)
            m_scale[static_cast<std::size_t>(g) * lanes + i] =
                state.scales[layer.scaleIndex(rows[i], g)];
    loadLevels(state);
    loadRows(state);
    loadFixed();
}

void NupesPanel::loadLevels(const QuantizedWeight& state)
{
    const auto size = static_cast<std::size_t>(2 * m_layer.middle());
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::size_t row = std::min(lane, m_rows.size() - 1);
        if (lane > 0 && (state.exponents.size() == 1 || lane >= m_rows.size())) {
            for (std::size_t i = 0; i < m_largest; ++i)
                m_thresholds[i * lanes + lane] = m_thresholds[i * lanes];
            for (std::size_t i = 0; i <= m_largest; ++i)
                m_magnitudes[i * lanes + lane] = m_magnitudes[i * lanes];
            std::copy_n(m_tables.begin(), size,
                        m_tables.begin() + static_cast<std::ptrdiff_t>(lane * size));
            continue;
        }
        const PowerLevels levels(m_layer.scheme, static_cast<double>(state.exponent(m_rows[row])));
        const std::vector<double> borders = levels.thresholds(PowerRounding::Nearest);
        for (std::size_t i = 0; i < m_largest; ++i)
            m_thresholds[i * lanes + lane] = static_cast<float>(borders[i]);
        for (std::size_t i = 0; i <= m_largest; ++i)
            m_magnitudes[i * lanes + lane] = static_cast<float>(levels.magnitudes()[i]);
        const std::vector<float> table = levels.table(m_layer.scheme.bits);
        std::copy(table.begin(), table.end(),
                  m_tables.begin() + static_cast<std::ptrdiff_t>(lane * size));
    }
}

void NupesPanel::loadRows(const QuantizedWeight& state)
{
    const std::int64_t d = m_layer.cols;
    std::vector<float> decoded(m_rows.size() * static_cast<std::size_t>(d));
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        dequantizeRow(state, m_rows[i], decoded.data() + i * static_cast<std::size_t>(d));
    for (std::int64_t first = 0; first < d; first += tile) {
        const std::int64_t last = std::min(first + tile, d);
        for (std::size_t i = 0; i < m_rows.size(); ++i) {
            const float* w = m_layer.weight.data + m_rows[i] * m_layer.weight.stride;
            const float* from = decoded.data() + i * static_cast<std::size_t>(d);
            const std::uint8_t* code = state.codes.data() + m_rows[i] * d;
            for (std::int64_t c = first; c < last; ++c) {
                const std::size_t to = static_cast<std::size_t>(c) * lanes + i;
                weight[to] = w[c];
                x[to] = from[c];
                codes[to] = code[c];
            }
        }
    }
}

void NupesPanel::loadFixed()
{
    const SparseWeights& outliers = m_layer.outliers;
    if (outliers.empty())
        return;
    m_fixedStarts.assign(static_cast<std::size_t>(m_layer.cols) + 1, 0);
    const auto each = [&](const auto& visit) {
        for (std::size_t i = 0; i < m_rows.size(); ++i) {
            const auto row = static_cast<std::size_t>(m_rows[i]);
            for (std::size_t k = outliers.rowStarts[row]; k < outliers.rowStarts[row + 1]; ++k)
                visit(i, outliers.columns[k], outliers.values[k]);
        }
    };
    each([&](std::size_t, std::size_t column, float) { ++m_fixedStarts[column + 1]; });
    for (std::size_t c = 1; c < m_fixedStarts.size(); ++c)
        m_fixedStarts[c] += m_fixedStarts[c - 1];
    m_fixed.resize(m_fixedStarts.back());
    std::vector<std::size_t> next = m_fixedStarts;
    each([&](std::size_t lane, std::size_t column, float value) {
        m_fixed[next[column]++] = {lane, value};
    });
}

std::span<const NupesPanel::Fixed> NupesPanel::fixedAt(std::int64_t column) const
{
    if (m_fixedStarts.empty())
        return {};
    const auto c = static_cast<std::size_t>(column);
    return std::span(m_fixed).subspan(m_fixedStarts[c], m_fixedStarts[c + 1] - m_fixedStarts[c]);
}

void NupesPanel::nearest(std::int64_t column, const float* y, std::uint8_t* to, float* values) const
{
    const float* scale = scaleAt(column);
    const int middle = m_layer.middle();
    const int below = middle - (m_layer.midRise() ? 1 : 0);
    for (std::size_t begin = 0; begin < lanes; begin += width) {
        float size[width];
        float magnitude[width];
        std::int32_t place[width];
        for (std::size_t r = 0; r < width; ++r) {
            size[r] = std::fabs(y[begin + r] / scale[begin + r]);
            magnitude[r] = m_magnitudes[begin + r];
            place[r] = 0;
        }
        for (std::size_t i = 0; i < m_largest; ++i) {
            const float* threshold = m_thresholds.data() + i * lanes + begin;
            const float* next = m_magnitudes.data() + (i + 1) * lanes + begin;
            for (std::size_t r = 0; r < width; ++r) {
                const bool beyond = size[r] >= threshold[r];
                magnitude[r] = beyond ? next[r] : magnitude[r];
                place[r] += beyond ? 1 : 0;
            }
        }
        for (std::size_t r = 0; r < width; ++r) {
            const bool negative = y[begin + r] < 0;
            const float value = scale[begin + r] * magnitude[r];
            values[begin + r] = negative ? -value : value;
            to[begin + r] =
                static_cast<std::uint8_t>(negative ? below - place[r] : middle + place[r]);
        }
    }
}

void NupesPanel::storeCodes(QuantizedWeight& state) const
{
    const std::int64_t d = m_layer.cols;
    for (std::int64_t first = 0; first < d; first += tile) {
        const std::int64_t last = std::min(first + tile, d);
        for (std::size_t i = 0; i < m_rows.size(); ++i) {
            std::uint8_t* to = state.codes.data() + m_rows[i] * d;
            for (std::int64_t c = first; c < last; ++c)
                to[c] = codes[static_cast<std::size_t>(c) * lanes + i];
        }
    }
}

std::vector<float> NupesPanel::residual() const
{
    std::vector<float> e(x.size());
    for (std::size_t i = 0; i < e.size(); ++i)
        e[i] = x[i] - weight[i];
    return e;
}

std::vector<float> NupesPanel::coded() const
{
    std::vector<float> values = x;
    for (std::int64_t c = 0; !m_fixed.empty() && c < m_layer.cols; ++c)
        for (const Fixed& fixed : fixedAt(c))
            values[static_cast<std::size_t>(c) * lanes + fixed.lane] = 0;
    return values;
}

void addProducts(const float* a, const float* b, std::int64_t count, double* sums)
{
    constexpr std::int64_t shortRun = 32; // few enough for sums in float
    for (std::int64_t begin = 0; begin < count; begin += shortRun) {
        float part[NupesPanel::lanes] = {};
        const std::int64_t end = std::min(begin + shortRun, count);
        for (std::int64_t c = begin; c < end; ++c) {
            const float* x = a + static_cast<std::size_t>(c) * NupesPanel::lanes;
            const float* y = b + static_cast<std::size_t>(c) * NupesPanel::lanes;
            for (std::size_t r = 0; r < NupesPanel::lanes; ++r)
                part[r] += x[r] * y[r];
        }
        for (std::size_t r = 0; r < NupesPanel::lanes; ++r)
            sums[r] += static_cast<double>(part[r]);
    }
}

} // namespace gradus
