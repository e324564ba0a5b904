// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/quant/activation_grid.h"
#include "core/quant/quantized_weight.h"

#include <vector>

namespace gradus {

/// Weights and inputs on power grids with one exponent (form C of reference nupes.md, section 9.2):
/// ŵ·x̂ depends on the integer |k_w|·|k_x| alone, T[p] = round(2^20 · (p/(N_w·N_x))^(1/a)), and
/// y = s·limit/2^20 · Σ ±T. Each product is rounded by at most half of 2^−20 of the largest one;
/// sums are integers, so that nothing else is. General, and no fast way: a look-up for a product.
class ProductLinear final : public LinearKernel
{
public:
    /// Throws Error(Unsupported) when whyNotInteger(): levels are Power, and the exponent is the
    /// grid's.
    ProductLinear(const QuantizedWeight& weight, const ActivationGrid& grid);

    [[nodiscard]] std::int64_t rows() const override { return m_weight.rows; }
    [[nodiscard]] std::int64_t cols() const override { return m_weight.cols; }
    /// Throws Error(Numeric) on NaN, which has no code.
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override;
    [[nodiscard]] Tensor floats() const override { return dequantize(m_weight); }

    static constexpr int fractionBits = 20;
    /// ±T of a weight's code and an input's.
    [[nodiscard]] std::int32_t product(std::uint8_t weight, int input) const
    {
        return m_products[static_cast<std::size_t>(input + m_largestCode) * m_codes + weight];
    }

private:
    void sumRow(const std::int16_t* codes, std::int64_t row, float& y) const;

    QuantizedWeight m_weight;
    ActivationLevels m_levels;
    int m_largestCode;
    std::size_t m_codes;
    double m_factor;
    std::vector<std::int32_t> m_products; ///< [input's code + N][weight's code]
    std::vector<float> m_correction;      ///< δ·Ŵ1 by row; empty without shift
};

} // namespace gradus
