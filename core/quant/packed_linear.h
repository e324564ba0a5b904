// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/quant/packed_sums.h"
#include "core/quant/quantized_weight.h"

#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Why the codes cannot be multiplied as they are ("8 bits"), or nothing when they can: 2, 3 and 4
/// bits of any granularity, also with a group index. Power levels have a kernel of their own, see
/// power_linear.h.
[[nodiscard]] std::optional<std::string> whyNotPacked(const QuantizedWeight& weight);
[[nodiscard]] inline bool canPack(const QuantizedWeight& weight)
{
    return !whyNotPacked(weight);
}

/// A quantized weight that is multiplied without being made floats first:
/// y = Σ_g s_g · (Q_g·x_g − z_g·Σx_g), with scale and zero applied once per group. Equal to the
/// product with the dequantized weight but for the rounding of sums; the same bits for any number
/// of threads. Many tokens at once are summed in another order than few.
///
/// Rows stand side by side, 16 lanes in 64 bytes, four such vectors to a panel. A panel is one
/// stream: of each group its scales and zeros, then runs of up to 512 inputs plane by plane (see
/// packed_sums.h).
class PackedLinear final : public LinearKernel
{
public:
    /// Throws Error(Unsupported) when whyNotPacked().
    explicit PackedLinear(const QuantizedWeight& weight);

    [[nodiscard]] std::int64_t rows() const override { return m_rows; }
    [[nodiscard]] std::int64_t cols() const override { return m_cols; }
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override;
    [[nodiscard]] Tensor floats() const override;

    /// What apply() chooses from. Up to a few tokens look sums up; many are worth decoding the
    /// weight, panel by panel, for products of floats.
    void applyLookUp(InstructionSet set, ConstMatrixView x, MatrixView y,
                     const Monitor& monitor) const;
    void applyDecoded(ConstMatrixView x, MatrixView y, const Monitor& monitor) const;

    /// What one product reads of the weight: codes with their padding, scales and zeros.
    [[nodiscard]] std::uint64_t bytes() const { return m_words.bytes().size(); }

private:
    struct Group
    {
        std::int64_t firstInput = 0; ///< in the order of the stream
        std::int64_t inputs = 0;
        std::int64_t firstTable = 0;
        [[nodiscard]] std::int64_t nibbles() const
        {
            return (inputs + nibbleInputs - 1) / nibbleInputs;
        }
    };
    struct Prepared;

    void orderInputs(const QuantizedWeight& weight);
    [[nodiscard]] std::int64_t wordsPerLane() const;
    void packPanel(const QuantizedWeight& weight, std::int64_t panel);
    [[nodiscard]] std::int64_t panels() const;
    [[nodiscard]] std::int64_t vectorsOf(std::int64_t panel) const;
    [[nodiscard]] const std::uint32_t* panelWords(std::int64_t panel) const;
    /// A parameter word's scale and zero.
    void parameters(const std::uint32_t* words, std::int64_t vectors, float* scales,
                    float* zeros) const;
    void prepare(std::span<const float> x, float* tables, float* sums) const;
    void sumPanel(SumPlane sum, const Prepared& x, std::int64_t panel, MatrixView y) const;
    template <class Emit>
    void decodeRows(std::int64_t panel, const Emit& emit) const;
    void multiplyPanel(std::int64_t panel, ConstMatrixView x, MatrixView y) const;

    std::int64_t m_rows;
    std::int64_t m_cols;
    int m_bits;
    bool m_halves = true; ///< a scale and its zero are two halves in a word, else two floats
    std::vector<Group> m_groups;
    std::int64_t m_tables = 0;
    std::vector<std::int32_t> m_order; ///< inputs in the order of the stream; empty: as they are
    Tensor m_words;                    ///< [panel][group: parameters, runs][vector][lane]
};

} // namespace gradus
