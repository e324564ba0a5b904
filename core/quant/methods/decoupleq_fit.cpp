// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_fit.h"

#include "core/base/parallel.h"
#include "core/quant/grid.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/semidefinite_solve.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <limits>

namespace gradus {

namespace {

constexpr std::size_t lanes = SemidefiniteSolve::lanes;
/// Columns of H multiplied between two checkpoints.
constexpr std::int64_t productCols = 512;
/// For the systems of the rows that one thread works at.
constexpr std::int64_t systemBytes = 64 << 20;

double dot(const double* a, const double* b, std::int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i)
        sum += a[i] * b[i];
    return sum;
}

} // namespace

/// Rows worked at together. Unknowns: t of all groups (asymmetric schemes only), then their s.
struct DecoupleqFit::Panel
{
    const DecoupleqLayer& layer;
    RowList rows;
    const GridState& current;
    std::int64_t unknowns;
    std::int64_t height = static_cast<std::int64_t>(rows.size());
    std::vector<double> a;       ///< height × cols: codes about the centers
    std::vector<double> e;       ///< height × cols: residuals
    std::vector<double> center;  ///< height × groups
    std::vector<double> systems; ///< ⌈height/lanes⌉ × unknowns² × lanes
    std::vector<double> right;   ///< ⌈height/lanes⌉ × unknowns × lanes

    Panel(const DecoupleqLayer& theLayer, RowList theRows, const GridState& state,
          std::int64_t unknownCount)
        : layer(theLayer)
        , rows(theRows)
        , current(state)
        , unknowns(unknownCount)
        , a(static_cast<std::size_t>(height * theLayer.cols))
        , e(a.size())
        , center(static_cast<std::size_t>(height * theLayer.groups))
        , systems((rows.size() + lanes - 1) / lanes * lanes *
                  static_cast<std::size_t>(unknowns * unknowns))
        , right((rows.size() + lanes - 1) / lanes * lanes * static_cast<std::size_t>(unknowns))
    {
        for (std::int64_t i = 0; i < height; ++i)
            load(i);
    }

    [[nodiscard]] double& system(std::int64_t i, std::int64_t j, std::int64_t k)
    {
        const auto block = i / static_cast<std::int64_t>(lanes);
        const auto lane = i % static_cast<std::int64_t>(lanes);
        return systems[static_cast<std::size_t>(
            ((block * unknowns + j) * unknowns + k) * static_cast<std::int64_t>(lanes) + lane)];
    }
    [[nodiscard]] double& rightSide(std::int64_t i, std::int64_t j)
    {
        const auto block = i / static_cast<std::int64_t>(lanes);
        const auto lane = i % static_cast<std::int64_t>(lanes);
        return right[static_cast<std::size_t>(
            (block * unknowns + j) * static_cast<std::int64_t>(lanes) + lane)];
    }
    [[nodiscard]] std::int64_t scaleUnknown(std::int64_t g) const
    {
        return unknowns - layer.groups + g;
    }

    void load(std::int64_t i)
    {
        const std::int64_t row = rows[static_cast<std::size_t>(i)];
        const std::uint8_t* codes = current.codes.data() + row * layer.cols;
        const float* w = layer.weight.data + row * layer.weight.stride;
        for (std::int64_t g = 0; g < layer.groups; ++g) {
            const std::int64_t begin = g * layer.group;
            const std::int64_t end = std::min(begin + layer.group, layer.cols);
            const auto at = static_cast<std::size_t>(row * layer.groups + g);
            std::int64_t sum = 0;
            for (std::int64_t c = begin; c < end; ++c)
                sum += codes[c];
            const double about =
                layer.scheme.symmetric
                    ? static_cast<double>(current.zeros[at])
                    : std::rint(static_cast<double>(sum) / static_cast<double>(end - begin));
            center[static_cast<std::size_t>(i * layer.groups + g)] = about;
            const auto scale = static_cast<double>(current.scales[at]);
            const auto zero = static_cast<double>(current.zeros[at]);
            double* toA = a.data() + i * layer.cols;
            double* toE = e.data() + i * layer.cols;
            for (std::int64_t c = begin; c < end; ++c) {
                toA[c] = codes[c] - about;
                toE[c] = scale * (codes[c] - zero) - static_cast<double>(w[c]);
            }
        }
    }
};

DecoupleqFit::DecoupleqFit(const DecoupleqLayer& layer)
    : m_layer(layer)
    , m_unknowns(layer.scheme.symmetric ? layer.groups : 2 * layer.groups)
    , m_sums(static_cast<std::size_t>(layer.cols * layer.groups))
    , m_sumsOfSums(static_cast<std::size_t>(layer.groups * layer.groups))
{
    const std::int64_t groups = layer.groups;
    parallelFor(
        layer.cols, rowGrain(layer.cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r)
                for (std::int64_t g = 0; g < groups; ++g) {
                    const std::int64_t last = std::min((g + 1) * layer.group, layer.cols);
                    double sum = 0;
                    for (std::int64_t c = g * layer.group; c < last; ++c)
                        sum += layer.hessian[static_cast<std::size_t>(r * layer.cols + c)];
                    m_sums[static_cast<std::size_t>(r * groups + g)] = sum;
                }
        },
        &layer.monitor);
    for (std::int64_t r = 0; r < layer.cols; ++r)
        for (std::int64_t g = 0; g < groups; ++g)
            m_sumsOfSums[static_cast<std::size_t>(r / layer.group * groups + g)] +=
                m_sums[static_cast<std::size_t>(r * groups + g)];
}

void DecoupleqFit::run(RowList rows, const GridState& current, GridState& candidate) const
{
    const auto count = static_cast<std::int64_t>(rows.size());
    const auto wide = static_cast<std::int64_t>(lanes);
    const std::int64_t affordable =
        systemBytes / (m_unknowns * m_unknowns * static_cast<std::int64_t>(sizeof(double)));
    const std::int64_t grain =
        std::clamp(affordable / wide * wide, wide, std::min<std::int64_t>(productRows(count), 128));
    parallelFor(
        count, grain,
        [&](std::int64_t begin, std::int64_t end) {
            Panel panel(m_layer,
                        rows.subspan(static_cast<std::size_t>(begin),
                                     static_cast<std::size_t>(end - begin)),
                        current, m_unknowns);
            assemble(panel);
            solveRows(panel, candidate);
        },
        &m_layer.monitor);
}

void DecoupleqFit::assemble(Panel& panel) const
{
    const std::int64_t d = m_layer.cols;
    const std::int64_t groups = m_layer.groups;
    const std::int64_t group = m_layer.group;
    const std::int64_t height = panel.height;
    const double unit = 1 / m_layer.unit;
    const double damping = m_layer.damping;
    const bool withZeros = !m_layer.scheme.symmetric;
    const std::int64_t width = std::min(d, productCols);
    std::vector<double> product(static_cast<std::size_t>(height * std::max(width, groups)));
    const ConstDoubleView sums{m_sums.data(), d, groups, groups};

    // s with s: a_g·H_gh·a_hᵀ, and the right sides −a_g·H·eᵀ.
    for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t first = g * group;
        const std::int64_t size = std::min(group, d - first);
        const ConstDoubleView a{panel.a.data() + first, height, size, d};
        const std::int64_t s = panel.scaleUnknown(g);
        for (std::int64_t c = 0; c < d; c += width) {
            m_layer.monitor.checkpoint();
            const std::int64_t some = std::min(width, d - c);
            multiplySerial(a, {m_layer.hessian.data() + first * d + c, size, some, d},
                           {product.data(), height, some, some}, false);
            for (std::int64_t i = 0; i < height; ++i) {
                const double* u = product.data() + i * some;
                panel.rightSide(i, s) -= unit * dot(u, panel.e.data() + i * d + c, some);
                for (std::int64_t h = c / group; h <= std::min(g, (c + some - 1) / group); ++h) {
                    const std::int64_t from = std::max(c, h * group);
                    const std::int64_t to = std::min(c + some, (h + 1) * group);
                    panel.system(i, s, panel.scaleUnknown(h)) +=
                        unit * dot(u + (from - c), panel.a.data() + i * d + from, to - from);
                }
            }
        }
        for (std::int64_t i = 0; i < height; ++i) {
            const double* ag = panel.a.data() + i * d + first;
            panel.system(i, s, s) += damping * dot(ag, ag, size);
            panel.rightSide(i, s) -= damping * dot(ag, panel.e.data() + i * d + first, size);
        }
        if (!withZeros)
            continue;
        // s with t: a_g·H_gh·1ᵀ; t with t does not depend on the row.
        multiplySerial(a, {m_sums.data() + first * groups, size, groups, groups},
                       {product.data(), height, groups, groups}, false);
        for (std::int64_t i = 0; i < height; ++i) {
            for (std::int64_t h = 0; h < groups; ++h)
                panel.system(i, s, h) = unit * product[static_cast<std::size_t>(i * groups + h)];
            double sum = 0;
            for (std::int64_t c = first; c < first + size; ++c)
                sum += panel.a[static_cast<std::size_t>(i * d + c)];
            panel.system(i, s, g) += damping * sum;
            for (std::int64_t h = 0; h <= g; ++h)
                panel.system(i, g, h) =
                    unit * m_sumsOfSums[static_cast<std::size_t>(g * groups + h)];
            panel.system(i, g, g) += damping * static_cast<double>(size);
        }
    }
    if (!withZeros)
        return;
    multiplySerial({panel.e.data(), height, d, d}, sums, {product.data(), height, groups, groups},
                   false);
    for (std::int64_t i = 0; i < height; ++i)
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::int64_t last = std::min((g + 1) * group, d);
            double sum = 0;
            for (std::int64_t c = g * group; c < last; ++c)
                sum += panel.e[static_cast<std::size_t>(i * d + c)];
            panel.rightSide(i, g) =
                -unit * product[static_cast<std::size_t>(i * groups + g)] - damping * sum;
        }
}

void DecoupleqFit::solveRows(Panel& panel, GridState& candidate) const
{
    const auto n = static_cast<std::size_t>(m_unknowns);
    const std::int64_t groups = m_layer.groups;
    std::vector<double> pivots(n * lanes);
    std::vector<double> x(n);
    std::vector<float> residuals(static_cast<std::size_t>(m_layer.cols));
    for (std::int64_t i = 0; i < panel.height; ++i) {
        const auto lane = static_cast<std::size_t>(i) % lanes;
        double* l = panel.systems.data() + static_cast<std::size_t>(i) / lanes * n * n * lanes;
        double* z = panel.right.data() + static_cast<std::size_t>(i) / lanes * n * lanes;
        if (lane == 0) {
            m_layer.monitor.checkpoint();
            SemidefiniteSolve::factorize(n, l, z, pivots.data(), &m_layer.monitor);
        }
        const std::int64_t row = panel.rows[static_cast<std::size_t>(i)];
        const float* oldScales = panel.current.scales.data() + row * groups;
        const float* oldZeros = panel.current.zeros.data() + row * groups;
        float* scales = candidate.scales.data() + row * groups;
        float* zeros = candidate.zeros.data() + row * groups;
        const std::uint8_t* oldCodes = panel.current.codes.data() + row * m_layer.cols;
        std::uint8_t* codes = candidate.codes.data() + row * m_layer.cols;
        std::copy_n(oldCodes, m_layer.cols, codes);

        double error = panel.current.errors[static_cast<std::size_t>(row)];
        const auto choose = [&](std::size_t unknown, double best, double chosen) {
            const double pivot = pivots[unknown * lanes + lane];
            const double offset = z[unknown * lanes + lane];
            error += pivot * ((chosen - best) * (chosen - best) - offset * offset);
            x[unknown] = chosen;
        };
        std::vector<std::uint8_t> mirrored(static_cast<std::size_t>(groups));
        for (std::int64_t g = groups - 1; g >= 0; --g) {
            const auto unknown = static_cast<std::size_t>(panel.scaleUnknown(g));
            const double best = SemidefiniteSolve::conditional(n, l, z, x.data(), unknown, lane);
            const auto old = static_cast<double>(oldScales[g]);
            const double wanted = old + best;
            const bool negative = wanted < 0;
            scales[g] = storedScale(std::fabs(wanted), m_layer.scheme.scaleType);
            zeros[g] = oldZeros[g];
            if ((negative && m_layer.scheme.symmetric) || pivots[unknown * lanes + lane] == 0)
                scales[g] =
                    oldScales[g]; // codes do not reach beyond the middle alike, or: anything
            else
                mirrored[static_cast<std::size_t>(g)] = negative;
            const auto scale = static_cast<double>(scales[g]);
            choose(unknown, best, (mirrored[static_cast<std::size_t>(g)] ? -scale : scale) - old);
        }
        const auto maximum = static_cast<double>(m_layer.scheme.maximumCode());
        for (std::int64_t g = groups - 1; !m_layer.scheme.symmetric && g >= 0; --g) {
            const auto unknown = static_cast<std::size_t>(g);
            const double best = SemidefiniteSolve::conditional(n, l, z, x.data(), unknown, lane);
            double center = panel.center[static_cast<std::size_t>(i * groups + g)];
            const double old =
                static_cast<double>(oldScales[g]) * (center - static_cast<double>(oldZeros[g]));
            if (mirrored[static_cast<std::size_t>(g)])
                center = maximum - center;
            const auto scale = static_cast<double>(scales[g]);
            zeros[g] = storedZero(center - (old + best) / scale, m_layer.scheme);
            choose(unknown, best, scale * (center - static_cast<double>(zeros[g])) - old);
            if (mirrored[static_cast<std::size_t>(g)]) {
                const std::int64_t last = std::min((g + 1) * m_layer.group, m_layer.cols);
                for (std::int64_t c = g * m_layer.group; c < last; ++c)
                    codes[c] =
                        static_cast<std::uint8_t>(m_layer.scheme.maximumCode() - oldCodes[c]);
            }
        }
        m_layer.residual(row, codes, scales, zeros, residuals.data());
        double square = 0;
        for (const float e : residuals)
            square += static_cast<double>(e) * static_cast<double>(e);
        candidate.squares[static_cast<std::size_t>(row)] = square;
        // What is left of an error that went away is its rounding.
        candidate.errors[static_cast<std::size_t>(row)] =
            std::isfinite(square) ? std::max(error, 0.0) : std::numeric_limits<double>::infinity();
    }
}

} // namespace gradus
