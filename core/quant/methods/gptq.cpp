// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/methods/common.h"
#include "core/tensor/linalg.h"

#include <array>
#include <cassert>
#include <numeric>
#include <utility>

// GPTQ, Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for
// Generative Pre-trained Transformers", 2022, algorithm 1.
//
//   W  out × in   weight            H  in × in   XᵀX/n, damped
//   U  in × in    upper triangular with UᵀU = H⁻¹
//   e  (ŵ_j − w_j)/U_jj of a column j; every later column k receives w_k += e · U_jk
//
// "Position" is the place of a column in the order of rounding, "column" its place in the weight.
// Rows do not influence each other: they are solved in panels that lie column after column, so
// that the loops run across rows, each panel by one thread.

namespace gradus {

namespace {

/// Rows solved together. Panels are always full (the last one is padded with zeros), so that a row
/// is computed in the same way wherever it stands.
constexpr std::int64_t panelRows = 64;

struct Order
{
    std::vector<std::int64_t> columns; ///< of each position
    std::vector<std::uint8_t> dead;    ///< of each column: its input is always zero
    std::int64_t deadCount = 0;
    double meanDiagonal = 0; ///< of the columns that are not dead
    bool identity = true;
};

Order orderOf(std::span<const double> h, std::int64_t d, bool byDiagonal)
{
    Order order;
    order.columns.resize(static_cast<std::size_t>(d));
    std::iota(order.columns.begin(), order.columns.end(), 0);
    order.dead.resize(static_cast<std::size_t>(d));
    const auto diagonal = [&](std::int64_t j) { return h[static_cast<std::size_t>(j * d + j)]; };
    for (std::int64_t j = 0; j < d; ++j) {
        const bool dead = diagonal(j) == 0;
        order.dead[static_cast<std::size_t>(j)] = dead;
        order.deadCount += dead;
        order.meanDiagonal += diagonal(j);
    }
    if (order.deadCount < d)
        order.meanDiagonal /= static_cast<double>(d - order.deadCount);
    if (byDiagonal && std::isfinite(order.meanDiagonal)) {
        std::stable_sort(order.columns.begin(), order.columns.end(),
                         [&](std::int64_t a, std::int64_t b) { return diagonal(a) > diagonal(b); });
        order.identity = std::is_sorted(order.columns.begin(), order.columns.end());
    }
    return order;
}

/// H in the order of rounding, in units of its mean diagonal (GPTQ does not depend on the scale of
/// H, the range of float does), with damping on the diagonal.
void dampedHessian(std::span<const double> h, std::int64_t d, const Order& order, double damping,
                   std::span<double> out, const Monitor& monitor)
{
    const double unit = 1 / order.meanDiagonal;
    parallelFor(
        d, rowGrain(d),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t p = begin; p < end; ++p) {
                const std::int64_t column = order.columns[static_cast<std::size_t>(p)];
                const double* from = h.data() + column * d;
                double* to = out.data() + p * d;
                if (order.dead[static_cast<std::size_t>(column)]) {
                    std::fill(to, to + d, 0.0);
                    to[p] = 1;
                    continue;
                }
                for (std::int64_t k = 0; k < d; ++k) {
                    const auto other = static_cast<std::size_t>(
                        order.identity ? k : order.columns[static_cast<std::size_t>(k)]);
                    to[k] = order.dead[other] ? 0 : from[other] * unit;
                }
                to[p] += damping;
            }
        },
        &monitor);
}

/// The damping after one that did not suffice: 0.01, 0.03, 0.1, 0.3, … 10; 0 when none is left.
double raised(double damping)
{
    for (const double next : {1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0})
        if (next > 1.5 * damping)
            return next;
    return 0;
}

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
    Sweep(const LayerProblem& problem, const GptqOptions& options, const Order& order,
          std::span<const double> u, Monitor& monitor)
        : m_weight(problem.weight)
        , m_scheme(problem.scheme)
        , m_order(order)
        , m_monitor(monitor)
        , m_columns(problem.weight.cols)
        , m_groups(groupsPerRow(problem.scheme, m_columns))
        , m_group(effectiveGroup(problem.scheme, m_columns))
    {
        m_clip.enabled = options.mseClip;
        m_onTheWay = m_scheme.granularity == Granularity::Group &&
                     !(options.actOrder && options.staticGroups);
        m_borders = blockBorders(m_columns, options.blockSize, m_onTheWay ? m_group : 0);
        prepareFactor(u, options.blockSize);
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
            m_weight.rows, panelRows,
            [&](std::int64_t begin, std::int64_t end) { solvePanel(begin, end - begin); },
            &m_monitor);
        return std::move(m_out);
    }

private:
    using Index = std::size_t;
    static constexpr Index lanes = static_cast<Index>(panelRows);

    /// What one panel needs; position-major, lanes = rows.
    struct Panel
    {
        std::vector<float> w;
        std::vector<float> errors; ///< of the current block
        std::vector<std::uint8_t> codes;
        std::vector<float> scale; ///< groups × lanes
        std::vector<float> zero;
    };

    void prepareFactor(std::span<const double> u, int blockSize)
    {
        const auto d = static_cast<Index>(m_columns);
        m_lower.resize(d * d);
        m_inBlock.resize(d * static_cast<Index>(blockSize));
        m_inverseDiagonal.resize(d);
        m_blockSize = static_cast<Index>(blockSize);
        // Square tiles, so that the transposed access stays within the cache.
        constexpr std::int64_t tile = 32;
        parallelFor(
            m_columns, tile,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t j0 = 0; j0 < end; j0 += tile)
                    for (std::int64_t k = begin; k < end; ++k)
                        for (std::int64_t j = j0; j < std::min(j0 + tile, k + 1); ++j)
                            m_lower[static_cast<Index>(k * m_columns + j)] =
                                static_cast<float>(u[static_cast<Index>(j * m_columns + k)]);
            },
            &m_monitor);
        for (Index b = 0; b + 1 < m_borders.size(); ++b)
            for (std::int64_t j = m_borders[b]; j < m_borders[b + 1]; ++j) {
                const double* row = u.data() + j * m_columns;
                m_inverseDiagonal[static_cast<Index>(j)] = static_cast<float>(1 / row[j]);
                for (std::int64_t k = j; k < m_borders[b + 1]; ++k)
                    m_inBlock[static_cast<Index>(j) * m_blockSize +
                              static_cast<Index>(k - m_borders[b])] = static_cast<float>(row[k]);
            }
    }

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
        panel.errors.resize(m_blockSize * lanes);
        panel.scale.resize(static_cast<Index>(m_groups) * lanes, 1.0F);
        panel.zero.resize(static_cast<Index>(m_groups) * lanes);
        load(panel, firstRow, rowCount);
        for (Index b = 0; b + 1 < m_borders.size(); ++b) {
            m_monitor.checkpoint();
            solveBlock(panel, m_borders[b], m_borders[b + 1], rowCount);
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

    void solveBlock(Panel& panel, std::int64_t begin, std::int64_t end, std::int64_t rowCount) const
    {
        const auto maximum = static_cast<float>(m_scheme.maximumCode());
        for (std::int64_t j = begin; j < end; ++j) {
            if (m_onTheWay && j % m_group == 0)
                findGrids(panel, j, rowCount);
            const auto position = static_cast<Index>(j);
            const float* w = panel.w.data() + position * lanes;
            const float* scale = panel.scale.data() + static_cast<Index>(groupOf(j)) * lanes;
            const float* zero = panel.zero.data() + static_cast<Index>(groupOf(j)) * lanes;
            float* e = panel.errors.data() + static_cast<Index>(j - begin) * lanes;
            std::uint8_t* codes = panel.codes.data() + position * lanes;
            const float inverse = m_inverseDiagonal[position];
            for (Index r = 0; r < lanes; ++r) {
                float code = std::rint(w[r] / scale[r]) + zero[r];
                code = code < 0 ? 0 : code;
                code = code > maximum ? maximum : code;
                codes[r] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
                e[r] = (scale[r] * (code - zero[r]) - w[r]) * inverse;
            }
            const float* u = m_inBlock.data() + position * m_blockSize;
            for (std::int64_t k = j + 1; k < end; ++k) {
                const float factor = u[k - begin];
                float* to = panel.w.data() + static_cast<Index>(k) * lanes;
                for (Index r = 0; r < lanes; ++r)
                    to[r] += factor * e[r];
            }
        }
        if (end == m_columns)
            return;
        const ConstMatrixView factor(m_lower.data() + end * m_columns + begin, m_columns - end,
                                     end - begin, m_columns);
        const ConstMatrixView errors(panel.errors.data(), end - begin, panelRows);
        multiplySerial(factor, errors,
                       MatrixView(panel.w.data() + static_cast<Index>(end) * lanes, m_columns - end,
                                  panelRows),
                       true);
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
    const Order& m_order;
    Monitor& m_monitor;
    std::int64_t m_columns;
    std::int64_t m_groups;
    std::int64_t m_group;
    ClipSearch m_clip;
    bool m_onTheWay = false; ///< groups are runs of positions, their grids found when reached
    std::vector<std::int64_t> m_borders;
    Index m_blockSize = 0;
    std::vector<float> m_lower;   ///< Uᵀ, for the updates behind a block
    std::vector<float> m_inBlock; ///< the diagonal blocks of U, one row per position
    std::vector<float> m_inverseDiagonal;
    UniformGrid m_tensorGrid;
    QuantizedWeight m_out;
};

SolveResult fallBack(const LayerProblem& problem, const GptqOptions& options, std::string why,
                     std::int64_t deadColumns, Monitor& monitor)
{
    ClipSearch clip;
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
    const Order order = orderOf(h, d, options.actOrder);
    if (order.deadCount == d)
        return fallBack(problem, options, "all inputs are zero", d, monitor);

    std::vector<double> damped(h.size());
    std::vector<double> u(h.size());
    double damping = options.damping;
    bool factored = false;
    while (!factored) {
        dampedHessian(h, d, order, damping, damped, monitor);
        factored = inverseCholeskyUpper(damped, d, u, &monitor);
        if (factored)
            break;
        damping = raised(damping);
        if (damping == 0)
            return fallBack(problem, options, "the Hessian cannot be factorized at any damping",
                            order.deadCount, monitor);
    }
    damped = {};

    SolveResult result;
    result.report.damping = damping;
    result.report.deadColumns = order.deadCount;
    if (damping != options.damping)
        result.report.note = concat("damping raised to ", damping);
    if (order.deadCount > 0)
        result.report.note += concat(result.report.note.empty() ? "" : "; ", order.deadCount,
                                     order.deadCount == 1 ? " dead column" : " dead columns");
    result.weight = Sweep(problem, options, order, u, monitor).run();
    return result;
}

} // namespace gradus
