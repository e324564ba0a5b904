// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/quant/power_sums.h"
#include "core/quant/quantized_weight.h"

#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Why a weight with power levels cannot be multiplied by its codes, or nothing when it can: one
/// exponent for all rows.
[[nodiscard]] std::optional<std::string> whyNotPowerLinear(const QuantizedWeight& weight);

/// Power weights of 2 to 8 bits times float inputs by a table of levels (form A of reference
/// nupes.md, section 9.2): y = Σ_g s_g · Σ_j level[q_j]·x_j, a scale acting once on a group's sum,
/// and outliers added after it. Equal to the product with the dequantized weight but for the
/// rounding of sums; the same bits for any number of threads. Up to 4 bits a weight takes 4 bits,
/// else 8. Many tokens at once are summed in another order than few.
class PowerLinear final : public LinearKernel
{
public:
    /// Throws Error(Unsupported) when whyNotPowerLinear().
    explicit PowerLinear(const QuantizedWeight& weight);

    [[nodiscard]] std::int64_t rows() const override { return m_rows; }
    [[nodiscard]] std::int64_t cols() const override { return m_cols; }
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override;
    [[nodiscard]] Tensor floats() const override;

    /// What apply() chooses from.
    void applyLookUp(InstructionSet set, ConstMatrixView x, MatrixView y,
                     const Monitor& monitor) const;
    void applyDecoded(ConstMatrixView x, MatrixView y, const Monitor& monitor) const;

    /// What one product reads of the weight.
    [[nodiscard]] std::uint64_t bytes() const;

private:
    struct Group
    {
        std::int64_t firstInput = 0;
        std::int64_t inputs = 0;
        std::int64_t words = 0;
        std::int64_t firstPadded = 0; ///< place of its inputs, whole words long
    };

    void packPanel(const QuantizedWeight& weight, std::int64_t panel);
    void takeOutliers(const QuantizedWeight& weight);
    [[nodiscard]] std::int64_t panels() const;
    [[nodiscard]] std::int64_t vectorsOf(std::int64_t panel) const;
    [[nodiscard]] const std::uint32_t* panelWords(std::int64_t panel) const;
    [[nodiscard]] const float* scalesOf(std::int64_t panel, std::size_t group) const;
    void sumPanel(LevelSum sum, const float* inputs, std::int64_t tokens, std::int64_t panel,
                  MatrixView y) const;
    template <class Emit>
    void decodeRows(std::int64_t panel, const Emit& emit) const;
    void multiplyPanel(std::int64_t panel, ConstMatrixView x, MatrixView y) const;
    void addOutliers(ConstMatrixView x, std::int64_t panel, MatrixView y) const;

    std::int64_t m_rows;
    std::int64_t m_cols;
    int m_bits;
    std::int64_t m_wordsPerLane = 0;
    std::int64_t m_padded = 0; ///< inputs, every group's filled up to whole words
    std::vector<Group> m_groups;
    std::vector<float> m_levels; ///< magnitudes by place
    Tensor m_words;              ///< [panel][group][word][vector][lane]
    std::vector<float> m_scales; ///< [panel][group][vector][lane]
    SparseWeights m_outliers;    ///< less what their codes say
};

} // namespace gradus
