// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/methods/hessian_order.h"
#include "core/quant/quantized_weight.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// What the steps of NUPES share and none of them changes. H is in units of its mean diagonal, not
/// damped: the error is the one reported.
struct NupesLayer
{
    /// order: of rounding, that of the columns. form: scheme and outliers of the result.
    NupesLayer(ConstMatrixView weight, const QuantizedWeight& form, std::span<const double> hessian,
               const HessianOrder& order, Monitor& monitor);

    ConstMatrixView weight;
    Scheme scheme;
    std::int64_t rows;
    std::int64_t cols;
    std::int64_t group;  ///< inputs that share a scale
    std::int64_t groups; ///< of a row
    const HessianOrder& order;
    const SparseWeights outliers;
    std::vector<float> h; ///< H as above
    Monitor& monitor;
    double energy = 0;       ///< W·H·Wᵀ
    double squares = 0;      ///< Σw²
    double smallestGain = 0; ///< of a change of one code; less is rounding noise

    [[nodiscard]] std::size_t scaleIndex(std::int64_t row, std::int64_t g) const
    {
        return scheme.granularity == Granularity::Tensor
                   ? 0
                   : static_cast<std::size_t>(row * groups + g);
    }
    [[nodiscard]] int middle() const { return 1 << (scheme.bits - 1); }
    [[nodiscard]] int largest() const { return middle() - 1; }
    [[nodiscard]] bool midRise() const { return scheme.levels == Levels::PowerMidRise; }
    /// Place of a code's magnitude among the levels.
    [[nodiscard]] int placeOf(std::uint8_t code) const
    {
        const int c = code - middle();
        return c >= 0 ? c : (midRise() ? -c - 1 : -c);
    }
};

/// Rows as steps take them: those that are still worth it.
using NupesRows = std::span<const std::int64_t>;

/// Codes, scales and exponents of all rows, and what they cost.
struct NupesState
{
    QuantizedWeight weight;
    std::vector<double> errors; ///< (ŵ−w)·H·(ŵ−w)ᵀ of each row

    [[nodiscard]] double total() const;
    /// Takes codes, scales and error of a row from another state, and the exponent if rows have
    /// their own.
    void takeRow(const NupesLayer& layer, const NupesState& other, std::int64_t row);
};

/// Sets the errors of some rows.
void evaluateRows(const NupesLayer& layer, NupesRows rows, NupesState& state);

/// Σ(ŵ−w)² of all rows.
[[nodiscard]] double squaredError(const NupesLayer& layer, const QuantizedWeight& weight);

/// Rows 0 … rows − 1.
[[nodiscard]] std::vector<std::int64_t> allRows(const NupesLayer& layer);

} // namespace gradus
