// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_fit.h"

#include "core/quant/grid.h"
#include "core/quant/methods/nupes_panel.h"
#include "core/quant/methods/semidefinite_solve.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

constexpr std::size_t lanes = NupesPanel::lanes;
constexpr std::size_t some = SemidefiniteSolve::lanes; ///< rows solved together
/// Rows of H multiplied between two checkpoints.
constexpr std::int64_t productRows = 512;

/// What the error of a panel's rows is as a function of relative changes p of their scales: with
/// x_g what the codes of group g say, error + 2·Σ p_g·b_g + Σ p_g·A_gh·p_h, b_g = x_g·H·eᵀ,
/// A_gh = x_g·H·x_hᵀ.
struct ScaleForms
{
    ScaleForms(const NupesLayer& layer, NupesRows rows, const NupesState& state)
        : groups(static_cast<std::size_t>(layer.groups))
        , errors(lanes)
        , right(groups * lanes)
        , systems(groups * groups * lanes)
    {
        const NupesPanel panel(layer, rows, state.weight);
        const ColumnDescent descent(layer.h.data(), layer.cols, layer.monitor);
        const std::vector<float> e = panel.residual();
        const std::vector<float> x = panel.coded();
        std::vector<float> g(e.size());
        descent.gradient(e.data(), g.data());
        addProducts(e.data(), g.data(), layer.cols, errors.data());
        std::vector<float> product(static_cast<std::size_t>(productRows) * lanes);
        for (std::int64_t j = 0; j < layer.groups; ++j) {
            const std::int64_t first = j * layer.group;
            const std::int64_t size = std::min(layer.group, layer.cols - first);
            const float* own = x.data() + static_cast<std::size_t>(first) * lanes;
            addProducts(own, g.data() + static_cast<std::size_t>(first) * lanes, size,
                        right.data() + static_cast<std::size_t>(j) * lanes);
            // The other half of A is the same.
            for (std::int64_t r = 0; r < first + size; r += productRows) {
                layer.monitor.checkpoint();
                const std::int64_t count = std::min(productRows, first + size - r);
                multiplySerial(ConstMatrixView(layer.h.data() + r * layer.cols + first, count, size,
                                               layer.cols),
                               ConstMatrixView(own, size, static_cast<std::int64_t>(lanes)),
                               MatrixView(product.data(), count, static_cast<std::int64_t>(lanes)),
                               false);
                for (std::int64_t c = r; c < r + count;) {
                    const std::int64_t end =
                        std::min((c / layer.group + 1) * layer.group, r + count);
                    addProducts(x.data() + static_cast<std::size_t>(c) * lanes,
                                product.data() + static_cast<std::size_t>(c - r) * lanes, end - c,
                                system(static_cast<std::size_t>(j),
                                       static_cast<std::size_t>(c / layer.group)));
                    c = end;
                }
            }
        }
    }

    /// A_jk of all lanes, j ≥ k.
    [[nodiscard]] double* system(std::size_t j, std::size_t k)
    {
        return systems.data() + (j * groups + k) * lanes;
    }

    std::size_t groups;
    std::vector<double> errors;
    std::vector<double> right;   ///< b: groups × lanes
    std::vector<double> systems; ///< A: groups × groups × lanes
};

/// The scales of one row from its factorised system.
class RowScales
{
public:
    RowScales(std::size_t groups, const double* l, const double* z, const double* pivots)
        : m_groups(groups)
        , m_l(l)
        , m_z(z)
        , m_pivots(pivots)
        , m_x(groups)
    {
    }

    /// scales: the old ones, then the new ones. Returns the change of the error.
    double choose(std::size_t lane, DType type, float* scales)
    {
        double change = 0;
        for (std::size_t g = m_groups; g-- > 0;) {
            const double best =
                SemidefiniteSolve::conditional(m_groups, m_l, m_z, m_x.data(), g, lane);
            const double pivot = m_pivots[g * some + lane];
            const auto old = static_cast<double>(scales[g]);
            const double wanted = old * (1 + best);
            if (pivot > 0 && wanted > 0 && std::isfinite(wanted))
                scales[g] = storedScale(wanted, type);
            m_x[g] = static_cast<double>(scales[g]) / old - 1;
            const double offset = m_z[g * some + lane];
            change += pivot * ((m_x[g] - best) * (m_x[g] - best) - offset * offset);
        }
        return change;
    }

private:
    std::size_t m_groups;
    const double* m_l;
    const double* m_z;
    const double* m_pivots;
    std::vector<double> m_x;
};

/// Returns for each row whether its scales changed.
std::vector<bool> fitPanel(const NupesLayer& layer, NupesRows rows, NupesState& state)
{
    ScaleForms forms(layer, rows, state);
    const std::size_t n = forms.groups;
    std::vector<bool> changed(rows.size());
    std::vector<double> l(n * n * some);
    std::vector<double> z(n * some);
    std::vector<double> pivots(n * some);
    std::vector<float> scales(n);
    for (std::size_t first = 0; first < rows.size(); first += some) {
        layer.monitor.checkpoint();
        for (std::size_t j = 0; j < n; ++j) {
            for (std::size_t k = 0; k <= j; ++k)
                std::copy_n(forms.system(j, k) + first, some, l.data() + (j * n + k) * some);
            for (std::size_t v = 0; v < some; ++v)
                z[j * some + v] = -forms.right[j * lanes + first + v];
        }
        SemidefiniteSolve::factorize(n, l.data(), z.data(), pivots.data(), &layer.monitor);
        for (std::size_t v = 0; v < some && first + v < rows.size(); ++v) {
            const auto row = static_cast<std::size_t>(rows[first + v]);
            float* stored = state.weight.scales.data() + row * n;
            std::copy_n(stored, n, scales.begin());
            const double change = RowScales(n, l.data(), z.data(), pivots.data())
                                      .choose(v, layer.scheme.scaleType, scales.data());
            state.errors[row] = std::max(forms.errors[first + v], 0.0);
            if (!(change < 0) || std::equal(scales.begin(), scales.end(), stored))
                continue;
            std::copy(scales.begin(), scales.end(), stored);
            state.errors[row] = std::max(state.errors[row] + change, 0.0);
            changed[first + v] = true;
        }
    }
    return changed;
}

/// One scale for all rows. It needs all of them.
std::vector<std::int64_t> fitTensor(const NupesLayer& layer, NupesState& state)
{
    const std::vector<std::int64_t> rows = allRows(layer);
    std::vector<double> right(rows.size());
    std::vector<double> squares(rows.size());
    overPanels(layer, rows, [&](NupesRows part, std::size_t) {
        ScaleForms forms(layer, part, state);
        for (std::size_t i = 0; i < part.size(); ++i) {
            const auto row = static_cast<std::size_t>(part[i]);
            right[row] = forms.right[i];
            squares[row] = forms.system(0, 0)[i];
            state.errors[row] = std::max(forms.errors[i], 0.0);
        }
    });
    double b = 0;
    double a = 0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        b += right[row];
        a += squares[row];
    }
    float& scale = state.weight.scales.front();
    const auto old = static_cast<double>(scale);
    const double wanted = old * (1 - b / a);
    if (!(a > 0) || !(wanted > 0) || !std::isfinite(wanted))
        return {};
    const float stored = storedScale(wanted, layer.scheme.scaleType);
    const double p = static_cast<double>(stored) / old - 1;
    if (stored == scale || !(2 * p * b + p * p * a < 0))
        return {};
    scale = stored;
    for (std::size_t row = 0; row < rows.size(); ++row)
        state.errors[row] =
            std::max(state.errors[row] + 2 * p * right[row] + p * p * squares[row], 0.0);
    return rows;
}

} // namespace

std::vector<std::int64_t> fitScales(const NupesLayer& layer, NupesRows rows, NupesState& state)
{
    if (layer.groups > mostFittedGroups)
        return {};
    if (layer.scheme.granularity == Granularity::Tensor)
        return fitTensor(layer, state);
    std::vector<std::uint8_t> changed(static_cast<std::size_t>(layer.rows));
    overPanels(layer, rows, [&](NupesRows part, std::size_t) {
        const std::vector<bool> taken = fitPanel(layer, part, state);
        for (std::size_t i = 0; i < part.size(); ++i)
            changed[static_cast<std::size_t>(part[i])] = taken[i];
    });
    std::vector<std::int64_t> list;
    for (const std::int64_t row : rows)
        if (changed[static_cast<std::size_t>(row)] != 0)
            list.push_back(row);
    return list;
}

} // namespace gradus
