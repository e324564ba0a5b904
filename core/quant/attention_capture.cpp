// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/attention_capture.h"

#include "core/graph/attention_runs.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus {

namespace {

constexpr std::int64_t operandRows = 8192;
/// Probabilities that are kept; 16 MiB.
constexpr std::size_t sampleRoom = std::size_t(1) << 22;

std::size_t binOf(float probability)
{
    constexpr auto last =
        static_cast<float>(std::tuple_size_v<decltype(ProbabilityHistogram::counts)> - 1);
    const float place = -std::log2(probability) * ProbabilityHistogram::binsPerOctave;
    return static_cast<std::size_t>(std::clamp(place, 0.0F, last));
}

void add(ProbabilityHistogram& sum, const ProbabilityHistogram& part)
{
    for (std::size_t i = 0; i < sum.counts.size(); ++i)
        sum.counts[i] += part.counts[i];
    sum.zeros += part.zeros;
}

} // namespace

class AttentionCapture::Kernel final : public AttentionKernel
{
public:
    explicit Kernel(AttentionCapture& capture)
        : m_capture(capture)
    {
    }

    void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch,
               const kernel::AttentionMask& mask, MatrixView out,
               const Monitor& monitor) const override
    {
        m_capture.m_query.add(q, monitor);
        m_capture.m_key.add(k, monitor);
        m_capture.m_value.add(v, monitor);
        const kernel::AttentionRuns runs(attention, batch, q.rows, k.rows);
        const auto count = static_cast<std::size_t>(runs.count());
        std::vector<std::int64_t> firstRow(count + 1, m_capture.m_seenRows);
        for (std::size_t i = 0; i < count; ++i)
            firstRow[i + 1] = firstRow[i] + runs.at(static_cast<std::int64_t>(i)).count;
        std::vector<ProbabilityHistogram> histograms(count);
        std::vector<std::vector<std::vector<float>>> rows(count);
        // One batch of a long context alone can be more than there is room for.
        const auto most = static_cast<std::int64_t>(4 * sampleRoom);
        const std::int64_t elements = (firstRow[count] - firstRow[0]) * runs.keys();
        while (elements / m_capture.m_stride > most)
            m_capture.halve();
        const std::int64_t stride = m_capture.m_stride;
        kernel::attentionVisited(q, k, v, attention, batch, mask, out, monitor,
                                 [&](const kernel::AttentionRun& run, MatrixView probabilities) {
                                     const auto at = static_cast<std::size_t>(run.index);
                                     for (std::int64_t r = 0; r < probabilities.rows; ++r) {
                                         const auto row = probabilities.row(r);
                                         for (const float p : row)
                                             if (p > 0)
                                                 ++histograms[at].counts[binOf(p)];
                                             else
                                                 ++histograms[at].zeros;
                                         if ((firstRow[at] + r) % stride != 0)
                                             continue;
                                         std::vector<float> kept;
                                         kept.reserve(row.size());
                                         std::copy_if(row.begin(), row.end(),
                                                      std::back_inserter(kept),
                                                      [](float p) { return p > 0; });
                                         rows[at].push_back(std::move(kept));
                                     }
                                 });
        m_capture.m_seenRows = firstRow[count];
        for (std::size_t i = 0; i < count; ++i) {
            add(m_capture.m_histogram, histograms[i]);
            m_capture.addProbabilities(std::move(rows[i]));
        }
        m_capture.thin();
    }

private:
    AttentionCapture& m_capture;
};

void AttentionCapture::Operand::add(ConstMatrixView x, const Monitor& monitor)
{
    if (!accumulator)
        accumulator = std::make_unique<InputAccumulator>(x.cols, false, operandRows);
    accumulator->add(x, &monitor);
}

std::optional<AffineGrid> AttentionCapture::Operand::grid(int bits, InputRange range)
{
    if (!accumulator)
        return std::nullopt;
    const InputStatistics statistics = accumulator->finish();
    accumulator.reset();
    if (statistics.rows == 0)
        return std::nullopt;
    return tensorGrid(statistics.sample.matrix(), bits, range);
}

std::shared_ptr<const AttentionKernel> AttentionCapture::kernel()
{
    return std::make_shared<const Kernel>(*this);
}

void AttentionCapture::addProbabilities(std::vector<std::vector<float>> rows)
{
    for (std::vector<float>& row : rows) {
        m_sampled += row.size();
        m_rows.push_back(std::move(row));
    }
}

void AttentionCapture::thin()
{
    while (m_sampled > sampleRoom && m_rows.size() > 1)
        halve();
}

void AttentionCapture::halve()
{
    // Rows stand at multiples of the stride, so that every second one is at those of its double.
    std::vector<std::vector<float>> kept;
    m_sampled = 0;
    for (std::size_t i = 0; i < m_rows.size(); i += 2) {
        m_sampled += m_rows[i].size();
        kept.push_back(std::move(m_rows[i]));
    }
    m_rows = std::move(kept);
    m_stride *= 2;
}

AttentionGrids AttentionCapture::solve(const StaticSettings& settings)
{
    AttentionGrids grids;
    if (settings.attentionBits > 0) {
        grids.query = m_query.grid(settings.attentionBits, settings.range);
        grids.key = m_key.grid(settings.attentionBits, settings.range);
        grids.value = m_value.grid(settings.attentionBits, settings.range);
    }
    std::vector<float> sample;
    sample.reserve(m_sampled + 1);
    for (const std::vector<float>& row : m_rows)
        sample.insert(sample.end(), row.begin(), row.end());
    m_rows.clear();
    if (settings.probabilityBits == 0 || sample.empty())
        return grids;
    if (settings.probabilities == ProbabilityQuantizer::Uniform) {
        sample.push_back(0); // a uniform grid begins there
        const auto count = static_cast<std::int64_t>(sample.size());
        grids.probabilities =
            tensorGrid({sample.data(), count, 1}, settings.probabilityBits, settings.range);
        return grids;
    }
    grids.probabilities = solveProbabilities(
        sample, settings.probabilityBits,
        settings.probabilities == ProbabilityQuantizer::Log2 ? 1 : 2, settings.zeroState);
    return grids;
}

} // namespace gradus
