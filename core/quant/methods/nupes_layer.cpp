// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_layer.h"

#include "core/quant/methods/common.h"
#include "core/quant/methods/nupes_panel.h"

#include <algorithm>
#include <numeric>

namespace gradus {

namespace {

/// e·H·eᵀ of a panel's lanes.
void quadraticForms(const NupesLayer& layer, const std::vector<float>& e, double* sums)
{
    const ColumnDescent descent(layer.h.data(), layer.cols, layer.monitor);
    std::vector<float> g(e.size());
    descent.gradient(e.data(), g.data());
    addProducts(e.data(), g.data(), layer.cols, sums);
}

} // namespace

NupesLayer::NupesLayer(ConstMatrixView weightView, const QuantizedWeight& form,
                       std::span<const double> hessian, const HessianOrder& columnOrder,
                       Monitor& theMonitor)
    : weight(weightView)
    , scheme(form.scheme)
    , rows(weightView.rows)
    , cols(weightView.cols)
    , group(effectiveGroup(form.scheme, weightView.cols))
    , groups(groupsPerRow(form.scheme, weightView.cols))
    , order(columnOrder)
    , outliers(form.outliers)
    , h(hessian.size())
    , monitor(theMonitor)
{
    const double share = 1 / order.meanDiagonal;
    parallelFor(
        cols, rowGrain(cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin * cols; i < end * cols; ++i)
                h[static_cast<std::size_t>(i)] =
                    static_cast<float>(hessian[static_cast<std::size_t>(i)] * share);
        },
        &monitor);
    std::vector<double> energies(static_cast<std::size_t>(rows));
    std::vector<double> rowSquares(energies.size());
    overPanels(*this, allRows(*this), [&](NupesRows some, std::size_t) {
        const NupesPanel panel(*this, some, form);
        double forms[NupesPanel::lanes] = {};
        double plain[NupesPanel::lanes] = {};
        quadraticForms(*this, panel.weight, forms);
        addProducts(panel.weight.data(), panel.weight.data(), cols, plain);
        for (std::size_t i = 0; i < some.size(); ++i) {
            energies[static_cast<std::size_t>(some[i])] = std::max(forms[i], 0.0);
            rowSquares[static_cast<std::size_t>(some[i])] = plain[i];
        }
    });
    energy = std::accumulate(energies.begin(), energies.end(), 0.0);
    squares = std::accumulate(rowSquares.begin(), rowSquares.end(), 0.0);
    smallestGain = 1e-12 * energy / static_cast<double>(std::max<std::int64_t>(rows * cols, 1));
}

double NupesState::total() const
{
    return std::accumulate(errors.begin(), errors.end(), 0.0);
}

void NupesState::takeRow(const NupesLayer& layer, const NupesState& other, std::int64_t row)
{
    const auto copy = [row](const auto& from, auto& to, std::int64_t width) {
        std::copy_n(from.begin() + row * width, width, to.begin() + row * width);
    };
    copy(other.weight.codes, weight.codes, layer.cols);
    if (layer.scheme.granularity != Granularity::Tensor)
        copy(other.weight.scales, weight.scales, layer.groups);
    if (weight.exponents.size() > 1)
        copy(other.weight.exponents, weight.exponents, 1);
    copy(other.errors, errors, 1);
}

void evaluateRows(const NupesLayer& layer, NupesRows rows, NupesState& state)
{
    overPanels(layer, rows, [&](NupesRows some, std::size_t) {
        const NupesPanel panel(layer, some, state.weight);
        double forms[NupesPanel::lanes] = {};
        quadraticForms(layer, panel.residual(), forms);
        for (std::size_t i = 0; i < some.size(); ++i)
            state.errors[static_cast<std::size_t>(some[i])] = std::max(forms[i], 0.0);
    });
}

double squaredError(const NupesLayer& layer, const QuantizedWeight& weight)
{
    return parallelReduce(
        layer.rows, rowGrain(layer.cols), 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> decoded(static_cast<std::size_t>(layer.cols));
            double sum = 0;
            for (std::int64_t row = begin; row < end; ++row) {
                dequantizeRow(weight, row, decoded.data());
                const float* w = layer.weight.data + row * layer.weight.stride;
                for (std::size_t c = 0; c < decoded.size(); ++c) {
                    const auto e = static_cast<double>(decoded[c] - w[c]);
                    sum += e * e;
                }
            }
            return sum;
        },
        [](double& total, double part) { total += part; }, &layer.monitor);
}

std::vector<std::int64_t> allRows(const NupesLayer& layer)
{
    std::vector<std::int64_t> rows(static_cast<std::size_t>(layer.rows));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
}

} // namespace gradus
