// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/calibration.h"
#include "core/quant/static_inputs.h"
#include "core/quant/static_settings.h"

#include <memory>
#include <vector>

namespace gradus {

/// Records what an attention multiplies while it computes what it always does: rows of q, k and v,
/// and rows of probabilities, both evenly spread over all that came. The result depends on the
/// batches' order, not on threads.
class AttentionCapture
{
public:
    /// The kernel that records; it refers to this object.
    [[nodiscard]] std::shared_ptr<const AttentionKernel> kernel();
    /// After the last batch: the grids that the settings ask for. Spends what was recorded.
    [[nodiscard]] AttentionGrids solve(const StaticSettings& settings);
    [[nodiscard]] const ProbabilityHistogram& histogram() const { return m_histogram; }

private:
    class Kernel;
    struct Operand
    {
        std::unique_ptr<InputAccumulator> accumulator;
        void add(ConstMatrixView x, const Monitor& monitor);
        [[nodiscard]] std::optional<AffineGrid> grid(int bits, InputRange range);
    };
    void addProbabilities(std::vector<std::vector<float>> rows);
    void thin();  ///< to the room there is
    void halve(); ///< every second row stays

    Operand m_query;
    Operand m_key;
    Operand m_value;
    /// Positive probabilities of every m_stride-th row so far, row by row.
    std::vector<std::vector<float>> m_rows;
    std::size_t m_sampled = 0; ///< in m_rows
    std::int64_t m_stride = 1;
    std::int64_t m_seenRows = 0;
    ProbabilityHistogram m_histogram;
};

} // namespace gradus
