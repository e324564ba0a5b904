// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/quant/integer_operands.h"
#include "core/quant/integer_panels.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Why a layer's products cannot be formed in integers, or nothing when they can: power levels of 2
/// to 8 bits or symmetric uniform ones, and inputs on a grid whose exponent is 1, ½ or the
/// weight's.
[[nodiscard]] std::optional<std::string> whyNotInteger(const QuantizedWeight& weight,
                                                       const ActivationGrid& grid);

/// The kernel of a layer whose inputs and weights are multiplied as integers: an IntegerLinear, or
/// a ProductLinear when the exponent that both share is neither 1 nor ½. Throws Error(Unsupported)
/// when whyNotInteger().
[[nodiscard]] std::shared_ptr<const LinearKernel> integerKernel(const QuantizedWeight& weight,
                                                                const ActivationGrid& grid);

/// y = limit/(D_w·D_x) · Σ_g s_g · Σ_j o_w·o_x: integer operands of the weight (exact ones, or its
/// rounded codebook: forms C at ½ and B of reference nupes.md, section 9.2) times those of inputs
/// on a grid of exponent 1 or ½. Sums are exact: 32 bits over as many inputs as are safe, and these
/// in doubles, which hold all digits; a group's scale acts once on its sum. Rounded once, at the
/// end. Outliers are added to the sum, in doubles; shifted inputs are corrected as in
/// ActivationLinear.
///
/// Bytes of 16-bit operands are twice those of 8 bits, which want |o_w| ≤ 127 and 8 bits of o_x:
/// weights of up to 4 bits, but for inputs at ½ of more than 4 bits. Where these come from one
/// table of at most 16, they stay codes of 4 bits.
class IntegerLinear final : public LinearKernel
{
public:
    /// Throws Error(Unsupported) when whyNotInteger(), or when the grid's exponent is neither 1 nor
    /// ½.
    IntegerLinear(const QuantizedWeight& weight, const ActivationGrid& grid);

    [[nodiscard]] std::int64_t rows() const override { return m_panels.rows(); }
    [[nodiscard]] std::int64_t cols() const override { return m_panels.cols(); }
    /// Throws Error(Numeric) on NaN, which has no code.
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override;
    /// With the operands that are multiplied: rounded ones where they are.
    [[nodiscard]] Tensor floats() const override;

    void applyWith(InstructionSet set, ConstMatrixView x, MatrixView y,
                   const Monitor& monitor) const;
    [[nodiscard]] OperandStore store() const { return m_panels.store(); }
    [[nodiscard]] bool exact() const { return m_exact; } ///< no codebook was rounded
    /// Inputs whose products are summed in 32 bits.
    [[nodiscard]] std::int64_t safeInputs() const
    {
        return m_panels.safeWords() * wordInputs(store());
    }
    /// What one product reads of the weight.
    [[nodiscard]] std::uint64_t bytes() const;

private:
    struct Inputs;

    void choosePanels(const QuantizedWeight& weight, const std::vector<IntegerOperands>& operands);
    void packRow(const QuantizedWeight& weight, const IntegerOperands& operands, std::int64_t row);
    void takeOutliers(const QuantizedWeight& weight, const std::vector<IntegerOperands>& operands);
    void prepare(ConstMatrixView x, Inputs& inputs, const Monitor& monitor) const;
    void sumPanel(InstructionSet set, const Inputs& inputs, std::int64_t firstToken,
                  std::int64_t tokens, std::int64_t panel, MatrixView y) const;
    void addOutliers(const Inputs& inputs, std::int64_t token, std::int64_t firstRow,
                     std::int64_t rows, double* out) const;

    IntegerPanels m_panels;
    ActivationLevels m_levels;
    bool m_exact = true;
    std::vector<std::int32_t> m_inputValues; ///< by code + N: operand − offset
    int m_largestCode = 0;
    std::int32_t m_offset = 0; ///< of stored inputs; its products with all of a row are known
    double m_factor = 1;
    std::vector<float> m_scales;   ///< by the panels' places
    std::vector<double> m_offsets; ///< like scales: offset · Σo_w; empty when the offset is 0
    /// Outliers less what their codes say, in units of the operands; rows like SparseWeights'.
    std::vector<std::uint32_t> m_outlierRows;
    std::vector<std::uint32_t> m_outlierColumns;
    std::vector<double> m_outlierValues;
    std::vector<float> m_correction; ///< δ·Ŵ1 by row; empty without shift
    double m_divisor = 1;            ///< of the weight's operands
};

} // namespace gradus
