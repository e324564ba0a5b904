// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/quantized_attention.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/graph/attention_runs.h"
#include "core/quant/probability_grid.h"
#include "core/tensor/block_pool.h"
#include "core/tensor/row_product.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus {

namespace {

std::optional<std::string> whyNotOneGrid(std::string_view what,
                                         const std::optional<AffineGrid>& grid)
{
    if (!grid)
        return std::nullopt;
    if (grid->scales.size() != 1 || grid->zeros.size() != 1)
        return concat(what, " have ", grid->scales.size(), " scales and ", grid->zeros.size(),
                      " zeros, expected one for all heads");
    if (const auto why = grid->validate(1))
        return concat(what, ": ", *why);
    return std::nullopt;
}

/// An operand: as it came, or rounded.
class Operand
{
public:
    /// integers: code − zero of all elements as floats, which hold them exactly, and NaN where x
    /// is.
    Operand(ConstMatrixView x, const std::optional<AffineGrid>& grid, bool integers)
        : m_view(x)
    {
        if (!grid)
            return;
        m_own = Tensor(Shape{x.rows, x.cols});
        roundToGrid(*grid, x, m_own.matrix());
        m_view = std::as_const(m_own).matrix();
        if (!integers)
            return;
        const float scale = grid->scales.front();
        const std::span<float> values = m_own.floats();
        parallelFor(m_own.count(), 16384, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                float& value = values[static_cast<std::size_t>(i)];
                value = std::nearbyint(value / scale);
            }
        });
    }
    Operand(const Operand&) = delete;
    Operand& operator=(const Operand&) = delete;
    [[nodiscard]] ConstMatrixView view() const { return m_view; }

private:
    Tensor m_own;
    ConstMatrixView m_view;
};

class RoundedAttention final : public AttentionKernel
{
public:
    explicit RoundedAttention(const AttentionGrids& grids)
        : m_grids(grids)
    {
        if (grids.probabilities)
            m_probabilities.emplace(*grids.probabilities);
    }

    void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch,
               const kernel::AttentionMask& mask, MatrixView out,
               const Monitor& monitor) const override
    {
        // With both on grids their integers are multiplied and scaled after, as integerAttention()
        // does it: sums of integers below 2^24 are exact in floats too, so both find the same
        // probabilities and the same codes for them.
        const auto& query = m_grids.query;
        const auto& key = m_grids.key;
        const bool integers = query && key && query->fraction == 0 && key->fraction == 0;
        const float factor = integers ? scoreFactor(*query, *key) : 1.0F;
        const Operand queries(q, query, integers);
        const Operand keys(k, key, integers);
        const Operand values(v, m_grids.value, false);
        const std::int64_t headDim = attention.headDim;
        const kernel::AttentionRuns runs(attention, batch, q.rows, k.rows);
        parallelFor(
            runs.count(), 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t index = begin; index < end; ++index) {
                    const kernel::AttentionRun run = runs.at(index);
                    const ScratchFloats buffer = scratchFloats(run.count * run.keys);
                    const MatrixView p(buffer.get(), run.count, run.keys);
                    multiplyRowsSerial(run.queriesOf(queries.view(), headDim),
                                       run.keysOf(keys.view(), headDim), p);
                    if (integers)
                        std::for_each(p.data, p.data + run.count * run.keys,
                                      [factor](float& score) { score *= factor; });
                    kernel::attentionSoftmax(attention, run, mask, p);
                    if (m_probabilities)
                        m_probabilities->round(p);
                    multiplyColumnsSerial(p, run.keysOf(values.view(), headDim),
                                          run.queriesOf(out, headDim));
                }
            },
            &monitor);
    }

private:
    AttentionGrids m_grids;
    std::optional<ProbabilityRounding> m_probabilities;
};

} // namespace

std::optional<std::string> AttentionGrids::validate() const
{
    if (const auto why = whyNotOneGrid("queries", query))
        return why;
    if (const auto why = whyNotOneGrid("keys", key))
        return why;
    if (const auto why = whyNotOneGrid("values", value))
        return why;
    if (!probabilities)
        return std::nullopt;
    if (const auto* affine = std::get_if<AffineGrid>(&*probabilities))
        return whyNotOneGrid("probabilities", *affine);
    if (const auto why = std::get<LogGrid>(*probabilities).validate())
        return concat("probabilities: ", *why);
    return std::nullopt;
}

std::shared_ptr<const AttentionKernel> roundedAttention(const AttentionGrids& grids)
{
    if (const auto why = grids.validate())
        throw Error(ErrorCode::Usage, *why);
    return std::make_shared<const RoundedAttention>(grids);
}

} // namespace gradus
