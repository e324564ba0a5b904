// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/kernels.h"

#include <cstdint>
#include <functional>

namespace gradus::kernel {

/// Some consecutive queries of one head of one sequence, and the keys that any of them sees: as
/// much of an attention as exists at a time.
struct AttentionRun
{
    std::int64_t index = 0; ///< among all runs: sequence by sequence, head by head
    std::int64_t sequence = 0;
    std::int64_t head = 0;
    std::int64_t kvHead = 0;
    std::int64_t queryRow = 0; ///< of q and out: where the sequence begins
    std::int64_t keyRow = 0;   ///< of k and v
    std::int64_t first = 0;    ///< query of the sequence
    std::int64_t count = 0;
    std::int64_t offset = 0;   ///< position of the sequence's first query
    std::int64_t firstKey = 0; ///< of the sequence
    std::int64_t keys = 0;

    /// Its part of a matrix like q or out: count × headDim.
    template <typename View>
    [[nodiscard]] View queriesOf(View matrix, std::int64_t headDim) const
    {
        return matrix.block(queryRow + first, head * headDim, count, headDim);
    }
    /// Its part of a matrix like k or v: keys × headDim.
    template <typename View>
    [[nodiscard]] View keysOf(View matrix, std::int64_t headDim) const
    {
        return matrix.block(keyRow + firstKey, kvHead * headDim, keys, headDim);
    }
};

/// How an attention of `batch` sequences is cut into runs.
class AttentionRuns
{
public:
    AttentionRuns(const op::Attention& attention, std::int64_t batch, std::int64_t queryRows,
                  std::int64_t keyRows);
    [[nodiscard]] std::int64_t count() const { return m_batch * m_attention.heads * m_runs; }
    [[nodiscard]] std::int64_t perHead() const { return m_runs; }
    [[nodiscard]] std::int64_t queries() const { return m_queries; } ///< of one sequence
    [[nodiscard]] std::int64_t keys() const { return m_keys; }
    [[nodiscard]] AttentionRun at(std::int64_t index) const;

private:
    op::Attention m_attention;
    std::int64_t m_batch;
    std::int64_t m_queries;
    std::int64_t m_keys;
    std::int64_t m_runs;
    std::int64_t m_runLength;
};

/// scores (count × keys) of a run, q·kᵀ, become softmax(scale · scores + mask). Keys that a query
/// does not see have 0. mask: of all sequences and heads.
void attentionSoftmax(const op::Attention& attention, const AttentionRun& run,
                      const AttentionMask& mask, MatrixView scores);

/// The probabilities of a run, as kernel::attention has them: count × keys.
void attentionProbabilities(ConstMatrixView q, ConstMatrixView k, const op::Attention& attention,
                            const AttentionRun& run, const AttentionMask& mask,
                            MatrixView probabilities);

/// Shows probabilities to somebody, or changes them. Called from several threads, each run once.
using ProbabilityVisitor = std::function<void(const AttentionRun& run, MatrixView probabilities)>;

/// As kernel::attention; visit comes between the softmax and the product with v.
void attentionVisited(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                      const op::Attention& attention, std::int64_t batch, const AttentionMask& mask,
                      MatrixView out, const Monitor& monitor, const ProbabilityVisitor& visit);

} // namespace gradus::kernel
