// SPDX-License-Identifier: GPL-3.0-or-later
// Causal attention, forward and backward: both go through the probabilities of one head and one run
// of queries at a time.
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/graph/lanes.h"
#include "core/tensor/linalg.h"

#include <cassert>
#include <vector>

namespace gradus::kernel {

namespace {

constexpr std::int64_t queryRun = 128;

/// Some consecutive queries and the keys that any of them sees.
struct QueryRun
{
    std::int64_t first = 0; ///< query
    std::int64_t count = 0;
    std::int64_t firstKey = 0;
    std::int64_t keys = 0;

    QueryRun(const op::Attention& attention, std::int64_t index, std::int64_t queries,
             std::int64_t offset)
        : first(index * queryRun)
        , count(std::min(queryRun, queries - first))
        , firstKey(attention.window > 0
                       ? std::max<std::int64_t>(0, offset + first + 1 - attention.window)
                       : 0)
        , keys(offset + first + count - firstKey)
    {
    }
};

std::int64_t runsOf(std::int64_t queries)
{
    return (queries + queryRun - 1) / queryRun;
}

/// probabilities (run.count × run.keys) of one head: q and k are its headDim columns. Keys that a
/// query does not see have 0.
void probabilitiesOf(ConstMatrixView q, ConstMatrixView k, const op::Attention& attention,
                     std::int64_t offset, const QueryRun& run, MatrixView probabilities)
{
    multiplyTransposedSerial(q.block(run.first, 0, run.count, attention.headDim),
                             k.block(run.firstKey, 0, run.keys, attention.headDim), probabilities,
                             false);
    for (std::int64_t r = 0; r < run.count; ++r) {
        const std::int64_t position = offset + run.first + r;
        const std::int64_t from =
            attention.window > 0
                ? std::max<std::int64_t>(run.firstKey, position + 1 - attention.window) -
                      run.firstKey
                : 0;
        const std::int64_t to = position + 1 - run.firstKey;
        const auto row = probabilities.row(r);
        const auto live =
            row.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
        const float top = maximumOf(live);
        for (float& score : live)
            score = exponentialOf(attention.scale * (score - top));
        const float sum = laneSum(live.size(), [&](std::size_t i) { return live[i]; });
        const float factor = 1.0F / sum;
        for (float& score : live)
            score *= factor;
        std::fill(row.begin(), row.begin() + from, 0.0F);
        std::fill(row.begin() + to, row.end(), 0.0F);
    }
}

/// dP becomes dS = scale · P ∘ (dP − rowsum(P ∘ dP)).
void softmaxBackward(ConstMatrixView probabilities, float scale, MatrixView gradient)
{
    for (std::int64_t r = 0; r < gradient.rows; ++r) {
        const auto p = probabilities.row(r);
        const auto d = gradient.row(r);
        const float mean = laneSum(p.size(), [&](std::size_t i) { return p[i] * d[i]; });
        for (std::size_t i = 0; i < p.size(); ++i)
            d[i] = scale * p[i] * (d[i] - mean);
    }
}

void clear(MatrixView matrix)
{
    for (std::int64_t r = 0; r < matrix.rows; ++r)
        std::fill(matrix.row(r).begin(), matrix.row(r).end(), 0.0F);
}

/// to (n × kvHeads · headDim) = the sums of the heads that share a key head, in their order.
void sumSharing(ConstMatrixView heads, const op::Attention& attention, MatrixView to)
{
    const std::int64_t sharing = attention.heads / attention.kvHeads;
    parallelFor(to.rows, rowGrain(heads.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            for (std::int64_t kv = 0; kv < attention.kvHeads; ++kv) {
                const float* from =
                    heads.data + r * heads.stride + kv * sharing * attention.headDim;
                float* sum = to.data + r * to.stride + kv * attention.headDim;
                std::copy(from, from + attention.headDim, sum);
                for (std::int64_t head = 1; head < sharing; ++head)
                    for (std::int64_t i = 0; i < attention.headDim; ++i)
                        sum[i] += from[head * attention.headDim + i];
            }
    });
}

} // namespace

void attention(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t offset, MatrixView out,
               const Monitor& monitor)
{
    const std::int64_t headDim = attention.headDim;
    const std::int64_t runs = runsOf(q.rows);
    const std::int64_t sharing = attention.heads / attention.kvHeads;
    assert(k.rows == offset + q.rows && v.rows == k.rows);
    parallelFor(
        attention.heads * runs, 1,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer;
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t head = task / runs;
                const QueryRun run(attention, task % runs, q.rows, offset);
                buffer.resize(static_cast<std::size_t>(run.count * run.keys));
                const MatrixView probabilities(buffer.data(), run.count, run.keys);
                const std::int64_t kvColumn = head / sharing * headDim;
                probabilitiesOf(q.block(0, head * headDim, q.rows, headDim),
                                k.block(0, kvColumn, k.rows, headDim), attention, offset, run,
                                probabilities);
                multiplySerial(probabilities, v.block(run.firstKey, kvColumn, run.keys, headDim),
                               out.block(run.first, head * headDim, run.count, headDim), false);
            }
        },
        &monitor);
}

void attentionBackward(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                       const op::Attention& attention, std::int64_t sequence, ConstMatrixView dy,
                       MatrixView dq, MatrixView dk, MatrixView dv, const Monitor& monitor)
{
    const std::int64_t headDim = attention.headDim;
    const std::int64_t runs = runsOf(sequence);
    const std::int64_t sharing = attention.heads / attention.kvHeads;
    assert(sequence > 0 && q.rows % sequence == 0 && k.rows == q.rows && v.rows == q.rows);
    // One task per query head, each with gradients of its own for the keys and values: heads that
    // share them must not race, and a sum in the order of tasks would not be deterministic.
    Tensor ownKeys;
    Tensor ownValues;
    MatrixView keys = dk;
    MatrixView values = dv;
    if (sharing > 1) {
        ownKeys = Tensor({q.rows, q.cols});
        ownValues = Tensor({q.rows, q.cols});
        keys = ownKeys.matrix();
        values = ownValues.matrix();
    }
    parallelFor(
        q.rows / sequence * attention.heads, 1,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer;
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t start = task / attention.heads * sequence;
                const std::int64_t head = task % attention.heads;
                const auto part = [&](auto matrix, std::int64_t which) {
                    return matrix.block(start, which * headDim, sequence, headDim);
                };
                const ConstMatrixView query = part(q, head);
                const ConstMatrixView key = part(k, head / sharing);
                const ConstMatrixView value = part(v, head / sharing);
                const ConstMatrixView delta = part(dy, head);
                const MatrixView keyGradient = part(keys, head);
                const MatrixView valueGradient = part(values, head);
                clear(keyGradient);
                clear(valueGradient);
                for (std::int64_t i = 0; i < runs; ++i) {
                    monitor.checkpoint();
                    const QueryRun run(attention, i, sequence, 0);
                    const auto size = static_cast<std::size_t>(run.count * run.keys);
                    buffer.resize(2 * size);
                    const MatrixView probabilities(buffer.data(), run.count, run.keys);
                    const MatrixView gradient(buffer.data() + size, run.count, run.keys);
                    const auto seen = [&](auto matrix) {
                        return matrix.block(run.firstKey, 0, run.keys, headDim);
                    };
                    const ConstMatrixView runDelta = delta.block(run.first, 0, run.count, headDim);
                    probabilitiesOf(query, key, attention, 0, run, probabilities);
                    multiplyLeftTransposedSerial(probabilities, runDelta, seen(valueGradient),
                                                 true);
                    multiplyTransposedSerial(runDelta, seen(value), gradient, false);
                    softmaxBackward(probabilities, attention.scale, gradient);
                    multiplySerial(gradient, seen(key),
                                   part(dq, head).block(run.first, 0, run.count, headDim), false);
                    multiplyLeftTransposedSerial(gradient,
                                                 query.block(run.first, 0, run.count, headDim),
                                                 seen(keyGradient), true);
                }
            }
        },
        &monitor);
    if (sharing > 1) {
        sumSharing(keys, attention, dk);
        sumSharing(values, attention, dv);
    }
}

} // namespace gradus::kernel
