// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/quant/activation_grid.h"

#include <memory>
#include <vector>

namespace gradus {

/// A layer whose inputs are quantized, simulated in floats: y = x̂·Ŵᵀ. Shifted inputs are multiplied
/// as they are on their grid and corrected by the quantized weight, y = (x + δ)^·Ŵᵀ − δ·Ŵ1, as
/// integers are (reference nupes.md, section 9.4). Biases are the graph's affair.
class ActivationLinear final : public LinearKernel
{
public:
    /// weight: rows × cols floats, dequantized; shared, not copied. grid: valid.
    ActivationLinear(std::shared_ptr<const Tensor> weight, std::int64_t rows,
                     const ActivationGrid& grid);

    [[nodiscard]] std::int64_t rows() const override { return m_rows; }
    [[nodiscard]] std::int64_t cols() const override { return m_cols; }
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override;
    [[nodiscard]] Tensor floats() const override;

private:
    std::shared_ptr<const Tensor> m_weight;
    std::int64_t m_rows;
    std::int64_t m_cols;
    ActivationLevels m_levels;
    std::vector<float> m_correction; ///< δ·Ŵ1 by row; empty without shift
};

/// Any kernel with rounded inputs.
class RoundedInputs final : public LinearKernel
{
public:
    RoundedInputs(std::shared_ptr<const LinearKernel> kernel, const ActivationGrid& grid);

    [[nodiscard]] std::int64_t rows() const override { return m_kernel->rows(); }
    [[nodiscard]] std::int64_t cols() const override { return m_kernel->cols(); }
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override;
    [[nodiscard]] Tensor floats() const override { return m_kernel->floats(); }

private:
    std::shared_ptr<const LinearKernel> m_kernel;
    ActivationGrid m_grid;
};

/// δ·Ŵ1 by row.
[[nodiscard]] std::vector<float> shiftCorrection(ConstMatrixView weight, double shift);

} // namespace gradus
