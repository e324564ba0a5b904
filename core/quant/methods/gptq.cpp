// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/hessian_order.h"
#include "core/quant/methods/panel_sweep.h"

#include <array>
#include <utility>

// GPTQ, Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for
// Generative Pre-trained Transformers", 2022, algorithm 1.
//
//   W  out × in   weight            H  in × in   XᵀX/n, damped
//   U  in × in    upper triangular with UᵀU = H⁻¹
//   e  (ŵ_j − w_j)/U_jj of a column j; every later column k receives w_k += e · U_jk
//
// Each panel of rows is solved by one thread, see panel_sweep.h.

namespace gradus {

namespace {

/// Borders of the lazily updated blocks: at most blockSize positions each, and no group that is
/// found on the way reaches beyond the block it starts in, unless it starts with the block. When a
/// group's grid is chosen, all of its columns have therefore received every update before it.
std::vector<std::int64_t> blockBorders(std::int64_t d, std::int64_t blockSize,
                                       std::int64_t dynamicGroup)
{
    std::vector<std::int64_t> borders{0};
    while (borders.back() < d) {
        const std::int64_t begin = borders.back();
        std::int64_t end = std::min(begin + blockSize, d);
        if (dynamicGroup > 0 && end < d) {
            const std::int64_t start = end / dynamicGroup * dynamicGroup;
            if (start > begin)
                end = start;
        }
        borders.push_back(end);
    }
    return borders;
}

class Sweep
{
public:
    Sweep(const LayerProblem& problem, const GptqOptions& options, const HessianOrder& order,
          const PanelFactor& factor, bool onTheWay, Monitor& monitor)
        : m_weight(problem.weight)
        , m_scheme(problem.scheme)
        , m_order(order)
        , m_factor(factor)
        , m_onTheWay(onTheWay)
        , m_monitor(monitor)
        , m_columns(problem.weight.cols)
        , m_groups(groupsPerRow(problem.scheme, m_columns))
        , m_group(effectiveGroup(problem.scheme, m_columns))
    {
        m_clip.enabled = options.mseClip;
        m_out = emptyWeight(m_scheme, m_weight.rows, m_columns);
        if (m_scheme.granularity == Granularity::Tensor)
            prepareTensorGrid();
        if (m_onTheWay && !order.identity) {
            m_out.groupIndex.resize(static_cast<std::size_t>(m_columns));
            bool usual = true;
            for (std::int64_t p = 0; p < m_columns; ++p) {
                const std::int64_t column = order.columns[static_cast<std::size_t>(p)];
                m_out.groupIndex[static_cast<std::size_t>(column)] =
                    static_cast<std::int32_t>(p / m_group);
                usual = usual && p / m_group == column / m_group;
            }
            if (usual)
                m_out.groupIndex.clear();
        }
    }

    QuantizedWeight run()
    {
        parallelFor(
            m_weight.rows, static_cast<std::int64_t>(lanes),
            [&](std::int64_t begin, std::int64_t end) { solvePanel(begin, end - begin); },
            &m_monitor);
        return std::move(m_out);
    }

private:
    using Index = std::size_t;
    static constexpr Index lanes = PanelFactor::lanes;

    /// What one panel needs; position-major, lanes = rows.
    struct Panel
    {
        std::vector<float> w;
        std::vector<float> errors; ///< of the current block
        std::vector<std::uint8_t> codes;
        std::vector<float> scale; ///< groups × lanes
        std::vector<float> zero;
    };

    void prepareTensorGrid()
    {
        if (m_order.deadCount == 0) {
            m_tensorGrid = matrixGrid(m_weight, m_scheme, m_clip, m_monitor);
        } else {
            Tensor live(Shape{m_weight.rows, m_columns});
            for (std::int64_t r = 0; r < m_weight.rows; ++r)
                copyLive(r, live.matrix().row(r).data());
            m_tensorGrid = matrixGrid(std::as_const(live).matrix(), m_scheme, m_clip, m_monitor);
        }
        m_out.scales[0] = m_tensorGrid.scale;
        m_out.zeros[0] = static_cast<float>(m_tensorGrid.zero);
    }

    /// A row of the weight with zeros in the dead columns.
    void copyLive(std::int64_t r, float* to) const
    {
        const float* from = m_weight.data + r * m_weight.stride;
        for (Index c = 0; c < static_cast<Index>(m_columns); ++c)
            to[c] = m_order.dead[c] ? 0 : from[c];
    }

    void solvePanel(std::int64_t firstRow, std::int64_t rowCount)
    {
        const auto d = static_cast<Index>(m_columns);
        Panel panel;
        panel.w.resize(d * lanes);
        panel.codes.resize(d * lanes);
        panel.errors.resize(m_factor.blockSize() * lanes);
        panel.scale.resize(static_cast<Index>(m_groups) * lanes, 1.0F);
        panel.zero.resize(static_cast<Index>(m_groups) * lanes);
        load(panel, firstRow, rowCount);
        for (Index b = 0; b < m_factor.blocks(); ++b) {
            m_monitor.checkpoint();
            m_factor.sweepBlock(b, panel.w.data(), panel.errors.data(),
                                [&](std::int64_t j, const float* w, float inverse, float* e) {
                                    if (m_onTheWay && j % m_group == 0)
                                        findGrids(panel, j, rowCount);
                                    round(panel, j, w, inverse, e);
                                });
        }
        store(panel, firstRow, rowCount);
    }

    void load(Panel& panel, std::int64_t firstRow, std::int64_t rowCount) const
    {
        std::vector<float> row(static_cast<Index>(m_columns));
        for (std::int64_t r = 0; r < rowCount; ++r) {
            copyLive(firstRow + r, row.data());
            float* to = panel.w.data() + r;
            if (m_order.identity)
                for (Index p = 0; p < row.size(); ++p)
                    to[p * lanes] = row[p];
            else
                for (Index p = 0; p < row.size(); ++p)
                    to[p * lanes] = row[static_cast<Index>(m_order.columns[p])];
            if (m_onTheWay)
                continue;
            for (std::int64_t g = 0; g < m_groups; ++g) {
                const std::int64_t c = g * m_group;
                const UniformGrid grid =
                    m_scheme.granularity == Granularity::Tensor
                        ? m_tensorGrid
                        : granuleGrid(std::span<const float>(row).subspan(
                                          static_cast<Index>(c),
                                          static_cast<Index>(std::min(m_group, m_columns - c))),
                                      m_scheme, m_clip);
                setGrid(panel, g, r, grid);
            }
        }
    }

    static void setGrid(Panel& panel, std::int64_t group, std::int64_t lane,
                        const UniformGrid& grid)
    {
        const Index i = static_cast<Index>(group) * lanes + static_cast<Index>(lane);
        panel.scale[i] = grid.scale;
        panel.zero[i] = static_cast<float>(grid.zero);
    }

    /// The grids of a group from its columns as they are now, all earlier errors spread.
    void findGrids(Panel& panel, std::int64_t position, std::int64_t rowCount) const
    {
        const std::int64_t group = position / m_group;
        const auto first = static_cast<Index>(position);
        const auto count = static_cast<Index>(std::min(m_group, m_columns - position));
        const float* w = panel.w.data() + first * lanes;
        if (m_clip.enabled) {
            std::vector<float> values(count);
            for (std::int64_t r = 0; r < rowCount; ++r) {
                for (Index k = 0; k < count; ++k)
                    values[k] = w[k * lanes + static_cast<Index>(r)];
                setGrid(panel, group, r, granuleGrid(values, m_scheme, m_clip));
            }
            return;
        }
        float lo[lanes] = {};
        float hi[lanes] = {};
        for (Index k = 0; k < count; ++k)
            for (Index r = 0; r < lanes; ++r) {
                const float x = w[k * lanes + r];
                lo[r] = x < lo[r] ? x : lo[r];
                hi[r] = x > hi[r] ? x : hi[r];
            }
        std::array<Range, lanes> ranges;
        for (Index r = 0; r < lanes; ++r)
            ranges[r] = {lo[r], hi[r]};
        const Index at = static_cast<Index>(group) * lanes;
        gridsForRanges(ranges, m_scheme, panel.scale.data() + at, panel.zero.data() + at);
    }

    [[nodiscard]] std::int64_t groupOf(std::int64_t position) const
    {
        return (m_onTheWay ? position : m_order.columns[static_cast<Index>(position)]) / m_group;
    }

    void round(Panel& panel, std::int64_t j, const float* w, float inverse, float* e) const
    {
        const auto maximum = static_cast<float>(m_scheme.maximumCode());
        const float* scale = panel.scale.data() + static_cast<Index>(groupOf(j)) * lanes;
        const float* zero = panel.zero.data() + static_cast<Index>(groupOf(j)) * lanes;
        std::uint8_t* codes = panel.codes.data() + static_cast<Index>(j) * lanes;
        for (Index r = 0; r < lanes; ++r) {
            float code = std::rint(w[r] / scale[r]) + zero[r];
            code = code < 0 ? 0 : code;
            code = code > maximum ? maximum : code;
            codes[r] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
            e[r] = (scale[r] * (code - zero[r]) - w[r]) * inverse;
        }
    }

    void store(const Panel& panel, std::int64_t firstRow, std::int64_t rowCount)
    {
        for (std::int64_t r = 0; r < rowCount; ++r) {
            const std::uint8_t* from = panel.codes.data() + r;
            std::uint8_t* to = m_out.codes.data() + (firstRow + r) * m_columns;
            for (Index p = 0; p < static_cast<Index>(m_columns); ++p)
                to[m_order.columns[p]] = from[p * lanes];
            if (m_scheme.granularity == Granularity::Tensor)
                continue;
            for (Index g = 0; g < static_cast<Index>(m_groups); ++g) {
                const Index i = static_cast<Index>((firstRow + r) * m_groups) + g;
                m_out.scales[i] = panel.scale[g * lanes + static_cast<Index>(r)];
                m_out.zeros[i] = panel.zero[g * lanes + static_cast<Index>(r)];
            }
        }
    }

    ConstMatrixView m_weight;
    Scheme m_scheme;
    const HessianOrder& m_order;
    const PanelFactor& m_factor;
    bool m_onTheWay; ///< groups are runs of positions, their grids found when reached
    Monitor& m_monitor;
    std::int64_t m_columns;
    std::int64_t m_groups;
    std::int64_t m_group;
    RangeSearch m_clip;
    UniformGrid m_tensorGrid;
    QuantizedWeight m_out;
};

SolveResult fallBack(const LayerProblem& problem, const GptqOptions& options, std::string why,
                     std::int64_t deadColumns, Monitor& monitor)
{
    RangeSearch clip;
    clip.enabled = options.mseClip;
    SolveResult result{roundToNearest(problem.weight, problem.scheme, clip, monitor), {}};
    result.report.note = std::move(why) + ": rounded to nearest instead";
    result.report.deadColumns = deadColumns;
    return result;
}

} // namespace

SolveResult solveGptq(const LayerProblem& problem, const GptqOptions& options, Monitor& monitor)
{
    const std::int64_t d = problem.weight.cols;
    const std::span<const double> h = problem.inputs->hessian;
    if (h.size() != static_cast<std::size_t>(d * d))
        throw Error(ErrorCode::Shape,
                    concat("Hessian has ", h.size(), " values, expected ", d, " × ", d));
    requireFinite(problem.weight, monitor);
    const HessianOrder order = hessianOrder(h, d, options.actOrder);
    if (order.deadCount == d)
        return fallBack(problem, options, "all inputs are zero", d, monitor);
    std::optional<SweepFactor> factor = sweepFactor(h, d, order, 0, options.damping, monitor);
    if (!factor)
        return fallBack(problem, options, "the Hessian cannot be factorized at any damping",
                        order.deadCount, monitor);
    const double damping = factor->damping;
    const bool onTheWay = problem.scheme.granularity == Granularity::Group &&
                          !(options.actOrder && options.staticGroups);
    const PanelFactor panelFactor(
        factor->u,
        blockBorders(d, options.blockSize, onTheWay ? effectiveGroup(problem.scheme, d) : 0),
        options.blockSize, monitor);
    factor.reset();

    SolveResult result;
    result.report.damping = damping;
    result.report.deadColumns = order.deadCount;
    if (damping != options.damping)
        result.report.note = concat("damping raised to ", damping);
    if (order.deadCount > 0)
        result.report.note += concat(result.report.note.empty() ? "" : "; ", order.deadCount,
                                     order.deadCount == 1 ? " dead column" : " dead columns");
    result.weight = Sweep(problem, options, order, panelFactor, onTheWay, monitor).run();
    return result;
}

} // namespace gradus
