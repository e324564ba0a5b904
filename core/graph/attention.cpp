// SPDX-License-Identifier: GPL-3.0-or-later
// Attention, forward and backward: both go through the probabilities of one head and one run
// of queries at a time.
#include "core/graph/attention_runs.h"
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/graph/lanes.h"
#include "core/tensor/block_pool.h"
#include "core/tensor/linalg.h"
#include "core/tensor/row_product.h"

#include <array>
#include <cassert>
#include <limits>
#include <vector>

namespace gradus::kernel {

namespace {

constexpr std::int64_t queryRun = 128;

/// live becomes softmax(scale · live).
void softmax(std::span<float> live, float scale)
{
    const float top = maximumOf(live);
    for (float& score : live)
        score = exponentialOf(scale * (score - top));
    const float sum = laneSum(live.size(), [&](std::size_t i) { return live[i]; });
    const float factor = 1.0F / sum;
    for (float& score : live)
        score *= factor;
}

/// live becomes softmax(scale · live + mask), mask at mask[i · step].
void maskedSoftmax(std::span<float> live, float scale, const float* mask, std::int64_t step)
{
    if (step == 1)
        for (std::size_t i = 0; i < live.size(); ++i)
            live[i] = scale * live[i] + mask[i];
    else
        for (float& score : live)
            score = scale * score + *mask;
    if (maximumOf(live) == -std::numeric_limits<float>::infinity())
        std::fill(live.begin(), live.end(), 0.0F); // it sees nothing
    else
        softmax(live, 1);
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

void scaleBy(float factor, MatrixView matrix)
{
    for (std::int64_t r = 0; r < matrix.rows; ++r)
        for (float& value : matrix.row(r))
            value *= factor;
}

void copyRows(ConstMatrixView from, MatrixView to)
{
    for (std::int64_t r = 0; r < from.rows; ++r)
        std::copy(from.row(r).begin(), from.row(r).end(), to.row(r).begin());
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

AttentionMask AttentionMask::of(std::int64_t sequence, std::int64_t head) const
{
    AttentionMask part = *this;
    if (data)
        part.data += sequence * batchStride + head * headStride;
    return part;
}

std::optional<AttentionMask> attentionMask(const Tensor& mask, const Shape& scores)
{
    std::array<std::int64_t, 4> strides{};
    if (mask.dtype() != DType::F32 || mask.shape().size() > scores.size())
        return std::nullopt;
    std::int64_t stride = 1;
    for (std::size_t i = 0; i < mask.shape().size(); ++i) {
        const std::int64_t size = mask.shape()[mask.shape().size() - 1 - i];
        if (size != 1 && size != scores[scores.size() - 1 - i])
            return std::nullopt;
        strides[scores.size() - 1 - i] = size == 1 ? 0 : stride;
        stride *= size;
    }
    return AttentionMask{mask.floats().data(), strides[0], strides[1], strides[2], strides[3]};
}

AttentionRuns::AttentionRuns(const op::Attention& attention, std::int64_t batch,
                             std::int64_t queryRows, std::int64_t keyRows)
    : m_attention(attention)
    , m_batch(batch)
    , m_queries(queryRows / batch)
    , m_keys(keyRows / batch)
    , m_runs((m_queries + queryRun - 1) / queryRun)
    , m_runLength(m_runs == 0 ? 0 : (m_queries + m_runs - 1) / m_runs) // as many in each
{
    assert(queryRows % batch == 0 && keyRows % batch == 0);
    assert(!attention.causal || m_keys >= m_queries);
}

AttentionRun AttentionRuns::at(std::int64_t index) const
{
    AttentionRun run;
    run.index = index;
    run.head = index / m_runs % m_attention.heads;
    run.kvHead = run.head / (m_attention.heads / m_attention.kvHeads);
    run.sequence = index / m_runs / m_attention.heads;
    run.queryRow = run.sequence * m_queries;
    run.keyRow = run.sequence * m_keys;
    run.first = index % m_runs * m_runLength;
    run.count = std::min(m_runLength, m_queries - run.first);
    run.offset = m_keys - m_queries; // queries stand at the end of the keys where that matters
    if (m_attention.causal && m_attention.window > 0)
        run.firstKey = std::max<std::int64_t>(0, run.offset + run.first + 1 - m_attention.window);
    run.keys = m_attention.causal ? run.offset + run.first + run.count - run.firstKey : m_keys;
    return run;
}

void attentionSoftmax(const op::Attention& attention, const AttentionRun& run,
                      const AttentionMask& mask, MatrixView scores)
{
    const AttentionMask part = mask.of(run.sequence, run.head);
    for (std::int64_t r = 0; r < run.count; ++r) {
        std::int64_t from = 0;
        std::int64_t to = run.keys;
        if (attention.causal) {
            const std::int64_t position = run.offset + run.first + r;
            if (attention.window > 0)
                from = std::max<std::int64_t>(run.firstKey, position + 1 - attention.window) -
                       run.firstKey;
            to = position + 1 - run.firstKey;
        }
        const auto row = scores.row(r);
        const auto live =
            row.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
        if (part.data)
            maskedSoftmax(live, attention.scale,
                          part.data + (run.first + r) * part.queryStride +
                              (run.firstKey + from) * part.keyStride,
                          part.keyStride);
        else
            softmax(live, attention.scale);
        std::fill(row.begin(), row.begin() + from, 0.0F);
        std::fill(row.begin() + to, row.end(), 0.0F);
    }
}

void attentionProbabilities(ConstMatrixView q, ConstMatrixView k, const op::Attention& attention,
                            const AttentionRun& run, const AttentionMask& mask,
                            MatrixView probabilities)
{
    multiplyRowsSerial(run.queriesOf(q, attention.headDim), run.keysOf(k, attention.headDim),
                       probabilities);
    attentionSoftmax(attention, run, mask, probabilities);
}

void attentionVisited(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                      const op::Attention& attention, std::int64_t batch, const AttentionMask& mask,
                      MatrixView out, const Monitor& monitor, const ProbabilityVisitor& visit)
{
    const AttentionRuns runs(attention, batch, q.rows, k.rows);
    parallelFor(
        runs.count(), 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t index = begin; index < end; ++index) {
                const AttentionRun run = runs.at(index);
                const ScratchFloats buffer = scratchFloats(run.count * run.keys);
                const MatrixView probabilities(buffer.get(), run.count, run.keys);
                attentionProbabilities(q, k, attention, run, mask, probabilities);
                if (visit)
                    visit(run, probabilities);
                multiplyColumnsSerial(probabilities, run.keysOf(v, attention.headDim),
                                      run.queriesOf(out, attention.headDim));
            }
        },
        &monitor);
}

void attention(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch, const AttentionMask& mask,
               MatrixView out, const Monitor& monitor)
{
    attentionVisited(q, k, v, attention, batch, mask, out, monitor, {});
}

void attentionBackward(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                       const op::Attention& attention, std::int64_t batch,
                       const AttentionMask& mask, ConstMatrixView dy, MatrixView dq, MatrixView dk,
                       MatrixView dv, std::span<float> dmask, const Monitor& monitor)
{
    const std::int64_t headDim = attention.headDim;
    const AttentionRuns runs(attention, batch, q.rows, k.rows);
    const std::int64_t sharing = attention.heads / attention.kvHeads;
    // One task per query head, each with gradients of its own for the keys and values: heads that
    // share them must not race, and a sum in the order of tasks would not be deterministic.
    Tensor ownKeys;
    Tensor ownValues;
    MatrixView keys = dk;
    MatrixView values = dv;
    if (sharing > 1) {
        ownKeys = Tensor({k.rows, q.cols});
        ownValues = Tensor({k.rows, q.cols});
        keys = ownKeys.matrix();
        values = ownValues.matrix();
    }
    const MatrixView masks(dmask.data(), batch * attention.heads * runs.queries(), runs.keys());
    parallelFor(
        batch * attention.heads, 1,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer;
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t sequence = task / attention.heads;
                const std::int64_t head = task % attention.heads;
                const auto ofKeys = [&](auto matrix, std::int64_t which) {
                    return matrix.block(sequence * runs.keys(), which * headDim, runs.keys(),
                                        headDim);
                };
                const MatrixView keyGradient = ofKeys(keys, head);
                const MatrixView valueGradient = ofKeys(values, head);
                clear(keyGradient);
                clear(valueGradient);
                for (std::int64_t i = 0; i < runs.perHead(); ++i) {
                    monitor.checkpoint();
                    const AttentionRun run = runs.at(task * runs.perHead() + i);
                    const auto size = static_cast<std::size_t>(run.count * run.keys);
                    buffer.resize(2 * size);
                    const MatrixView probabilities(buffer.data(), run.count, run.keys);
                    const MatrixView gradient(buffer.data() + size, run.count, run.keys);
                    const auto seen = [&](auto matrix) {
                        return matrix.block(run.firstKey, 0, run.keys, headDim);
                    };
                    const ConstMatrixView runDelta = run.queriesOf(dy, headDim);
                    attentionProbabilities(q, k, attention, run, mask, probabilities);
                    multiplyLeftTransposedSerial(probabilities, runDelta, seen(valueGradient),
                                                 true);
                    multiplyTransposedSerial(runDelta, run.keysOf(v, headDim), gradient, false);
                    if (dmask.empty()) {
                        softmaxBackward(probabilities, attention.scale, gradient);
                    } else {
                        softmaxBackward(probabilities, 1, gradient);
                        copyRows(gradient, masks.block(task * runs.queries() + run.first,
                                                       run.firstKey, run.count, run.keys));
                        scaleBy(attention.scale, gradient);
                    }
                    multiplySerial(gradient, run.keysOf(k, headDim), run.queriesOf(dq, headDim),
                                   false);
                    multiplyLeftTransposedSerial(gradient, run.queriesOf(q, headDim),
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
