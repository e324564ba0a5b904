// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/decoupleq_box.h"
#include "core/quant/methods/decoupleq_fit.h"
#include "core/quant/methods/decoupleq_grid.h"
#include "core/quant/methods/decoupleq_start.h"
#include "core/quant/methods/decoupleq_sweep.h"

#include <algorithm>
#include <numeric>
#include <optional>

// decoupleQ, Guo, Kong, Wang, Zhang, Liu, "decoupleQ: Towards 2-bit Post-Training Uniform
// Quantization via decoupling Parameters into Integer and Floating Points", 2024
// (arXiv 2404.12759), algorithm 1 with the candidates and the acceptance of the official code.
//
// Each row is a problem of its own: min (s·(q − zero) − w) H (s·(q − zero) − w)ᵀ over codes q and
// scales and zeros. Integers for given scales and zeros come from a sweep or a descent within the
// box, scales and zeros for given integers from a linear system. A row takes what lowers its error,
// judged with scales and zeros as they are stored; so the error never rises.

namespace gradus {

namespace {

constexpr int sweepBlockSize = 128;
/// The alternation ends when fewer than this share of the rows take a step.
constexpr double fewestAccepted = 1e-4;

class Alternation
{
public:
    Alternation(const DecoupleqLayer& layer, const Scheme& start, const DecoupleqOptions& options,
                const PanelFactor* factor)
        : m_layer(layer)
        , m_startScheme(start)
        , m_options(options)
        , m_factor(factor)
        , m_best(layer)
        , m_candidate(layer)
        , m_all(static_cast<std::size_t>(layer.rows))
    {
        std::iota(m_all.begin(), m_all.end(), 0);
    }

    void run()
    {
        m_energy = energyOfWeight();
        startFromRanges(m_layer, m_startScheme, m_best);
        roundRows(m_layer, m_all, m_best);
        evaluateRows(m_layer, m_all, m_best);
        record(TraceStage::RoundToNearest, 0, m_all.size(), m_best);
        std::optional<GridState> start;
        if (m_options.iterations > 1)
            start = m_best;
        if (m_factor) {
            m_candidate = m_best;
            sweepIntegers(m_layer, *m_factor, m_all, m_candidate);
            evaluateRows(m_layer, m_all, m_candidate);
            record(TraceStage::Sweep, 0, takeBetter(m_all).size(), m_best);
        }
        if (m_options.iterations <= 1 && m_options.polish == 0)
            return;
        const DecoupleqFit fit(m_layer);
        if (start) {
            searchGrid(m_layer, *start, m_candidate);
            evaluateRows(m_layer, m_all, m_candidate);
            fit.run(m_all, m_candidate, *start);
            // A fit that cannot be stored (beyond float16, say) is no start.
            for (const std::int64_t row : m_all)
                if (!std::isfinite(start->errors[static_cast<std::size_t>(row)]))
                    start->take(m_layer, m_candidate, row);
            m_candidate = std::move(*start);
            start.reset();
            record(TraceStage::GridSearch, 0, m_all.size(), m_candidate);
            alternate(fit);
        }
        polish(fit);
    }

    QuantizedWeight takeWeight()
    {
        QuantizedWeight weight;
        weight.scheme = m_layer.scheme;
        weight.rows = m_layer.rows;
        weight.cols = m_layer.cols;
        weight.codes = std::move(m_best.codes);
        weight.scales = std::move(m_best.scales);
        weight.zeros = std::move(m_best.zeros);
        return weight;
    }
    std::vector<TracePoint> takeTrace() { return std::move(m_trace); }

private:
    /// W·H·Wᵀ of all rows, not damped.
    double energyOfWeight()
    {
        GridState nothing(m_layer); // scale 1, zero and codes 0: ŵ = 0
        evaluateRows(m_layer, m_all, nothing);
        return undamped(nothing);
    }

    [[nodiscard]] double undamped(const GridState& state) const
    {
        double total = 0;
        for (std::size_t r = 0; r < state.errors.size(); ++r)
            total += std::max(state.errors[r] - m_layer.damping * state.squares[r], 0.0);
        return total;
    }

    /// m_candidate holds the scales and zeros of the first round.
    void alternate(const DecoupleqFit& fit)
    {
        std::vector<std::int64_t> rows = m_all;
        for (int round = 1; round < m_options.iterations; ++round) {
            if (round > 1)
                m_candidate = m_best;
            solveIntegers(rows);
            evaluateRows(m_layer, rows, m_candidate);
            const std::vector<std::int64_t> changed = takeBetter(rows);
            record(TraceStage::Integers, round, changed.size(), m_best);
            if (tooFew(changed))
                return;
            // From the second round on, a row that keeps its codes keeps the scales and zeros
            // that have been fitted to them: nothing will ever change it any more.
            if (round > 1)
                rows = changed;
            fit.run(rows, m_best, m_candidate);
            const std::vector<std::int64_t> fitted = takeBetter(rows);
            record(TraceStage::Scales, round, fitted.size(), m_best);
            if (tooFew(fitted))
                return;
        }
    }

    void solveIntegers(RowList rows)
    {
        switch (m_options.solver) {
        case IntegerSolver::Sweep:
            return sweepIntegers(m_layer, *m_factor, rows, m_candidate);
        case IntegerSolver::BoxDescent:
            return boxIntegers(m_layer, ordered(), m_options.relaxation, m_options.lookahead, rows,
                               m_candidate);
        case IntegerSolver::ProjectedAdam:
            return adamIntegers(m_layer, ordered(), m_options.relaxation, m_options.lookahead,
                                m_options.adamStep, rows, m_candidate);
        }
    }

    const OrderedHessian& ordered()
    {
        if (!m_ordered)
            m_ordered.emplace(m_layer);
        return *m_ordered;
    }

    /// Integer coordinate descent and a fit, in turn.
    void polish(const DecoupleqFit& fit)
    {
        std::vector<std::int64_t> rows = m_all;
        for (int round = 1; round <= m_options.polish && !rows.empty(); ++round) {
            m_candidate = m_best;
            polishIntegers(m_layer, ordered(), rows, m_candidate);
            evaluateRows(m_layer, rows, m_candidate);
            const std::vector<std::int64_t> changed = takeBetter(rows);
            if (round > 1)
                rows = changed; // as in the alternation
            fit.run(rows, m_best, m_candidate);
            std::vector<std::int64_t> fitted = takeBetter(rows);
            fitted.insert(fitted.end(), changed.begin(), changed.end());
            std::sort(fitted.begin(), fitted.end());
            fitted.erase(std::unique(fitted.begin(), fitted.end()), fitted.end());
            rows = std::move(fitted);
            record(TraceStage::Polish, round, rows.size(), m_best);
        }
    }

    [[nodiscard]] bool tooFew(const std::vector<std::int64_t>& rows) const
    {
        return static_cast<double>(rows.size()) <
               fewestAccepted * static_cast<double>(m_layer.rows);
    }

    /// Rows of the candidate that are better replace the best ones; returns them.
    std::vector<std::int64_t> takeBetter(RowList rows)
    {
        std::vector<std::int64_t> taken;
        for (const std::int64_t row : rows) {
            const auto r = static_cast<std::size_t>(row);
            if (!(m_candidate.errors[r] < m_best.errors[r]) ||
                m_candidate.same(m_layer, m_best, row))
                continue; // sums of other roundings may call the same row better
            m_best.take(m_layer, m_candidate, row);
            taken.push_back(row);
        }
        return taken;
    }

    void record(TraceStage stage, int round, std::size_t accepted, const GridState& state)
    {
        TracePoint point;
        point.stage = stage;
        point.round = round;
        point.relativeError = m_energy > 0 ? undamped(state) / m_energy : 0;
        point.accepted = static_cast<double>(accepted) / static_cast<double>(m_layer.rows);
        double change = 0;
        double size = 0;
        double zeroChange = 0;
        for (std::size_t i = 0; i < m_lastScales.size(); ++i) {
            const auto before = static_cast<double>(m_lastScales[i]);
            const double step = static_cast<double>(state.scales[i]) - before;
            const auto shift = static_cast<double>(state.zeros[i] - m_lastZeros[i]);
            change += step * step;
            size += before * before;
            zeroChange += shift * shift;
        }
        if (!m_lastScales.empty()) {
            point.scaleChange = std::sqrt(change / size);
            point.zeroChange = std::sqrt(zeroChange / static_cast<double>(m_lastZeros.size()));
        }
        m_lastScales = state.scales;
        m_lastZeros = state.zeros;
        m_trace.push_back(point);
    }

    const DecoupleqLayer& m_layer;
    const Scheme& m_startScheme;
    const DecoupleqOptions& m_options;
    const PanelFactor* m_factor;
    GridState m_best;
    GridState m_candidate;
    std::vector<std::int64_t> m_all;
    std::optional<OrderedHessian> m_ordered;
    double m_energy = 0;
    std::vector<TracePoint> m_trace;
    std::vector<float> m_lastScales; ///< of the point before
    std::vector<float> m_lastZeros;
};

void append(std::string& note, const std::string& part)
{
    note += concat(note.empty() ? "" : "; ", part);
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many)
{
    return concat(count, ' ', count == 1 ? one : many);
}

/// What is special about the layer: expected, handled, and worth a line.
void describe(const LayerProblem& problem, const QuantizedWeight& weight, SolveReport& report)
{
    if (report.deadColumns > 0)
        append(report.note, counted(report.deadColumns, "dead column", "dead columns"));
    if (problem.inputs->rows > 0 && problem.inputs->rows < weight.cols)
        append(report.note, concat("only ", problem.inputs->rows, " calibration rows for ",
                                   weight.cols, " inputs: the Hessian is singular"));
    const std::int64_t group = effectiveGroup(weight.scheme, weight.cols);
    std::int64_t zeroRows = 0;
    std::int64_t constantGroups = 0;
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        const std::span<const float> w = problem.weight.row(r);
        const bool zero = std::all_of(w.begin(), w.end(), [](float x) { return x == 0; });
        zeroRows += zero;
        for (std::int64_t c = 0; !zero && c < weight.cols; c += group) {
            const std::uint8_t* codes = weight.codes.data() + r * weight.cols + c;
            const std::int64_t size = std::min(group, weight.cols - c);
            constantGroups += size > 1 && std::all_of(codes, codes + size, [&](std::uint8_t code) {
                                  return code == codes[0];
                              });
        }
    }
    if (zeroRows > 0)
        append(report.note, counted(zeroRows, "row of zeros", "rows of zeros"));
    if (constantGroups > 0)
        append(report.note, counted(constantGroups, "group of one code", "groups of one code"));
}

SolveResult fallBack(const LayerProblem& problem, const Scheme& stored, std::string_view why,
                     Monitor& monitor)
{
    SolveResult result{roundToNearest(problem.weight, problem.scheme, {}, monitor), {}};
    result.weight.scheme = stored;
    result.report.note = concat(why, ": rounded to nearest instead");
    return result;
}

} // namespace

SolveResult solveDecoupleq(const LayerProblem& problem, const DecoupleqOptions& options,
                           Monitor& monitor)
{
    const std::int64_t d = problem.weight.cols;
    const std::span<const double> h = problem.inputs->hessian;
    if (h.size() != static_cast<std::size_t>(d * d))
        throw Error(ErrorCode::Shape,
                    concat("Hessian has ", h.size(), " values, expected ", d, " × ", d));
    if (problem.scheme.granularity == Granularity::Tensor)
        throw Error(ErrorCode::Usage, "decoupleq fits scales row by row, expected granularity "
                                      "channel or group, not tensor");
    requireFinite(problem.weight, monitor);
    const Scheme stored = storedScheme(problem.scheme, options);
    const HessianOrder order = hessianOrder(h, d, options.actOrder);
    if (order.deadCount == d || problem.weight.rows == 0) {
        SolveResult result = fallBack(
            problem, stored,
            problem.weight.rows == 0 ? "there are no outputs" : "all inputs are zero", monitor);
        result.report.deadColumns = order.deadCount;
        return result;
    }
    SolveResult result;
    std::optional<PanelFactor> panelFactor;
    if (options.iterations > 0) {
        // The official code damps a second time, inside the factorisation.
        std::optional<SweepFactor> factor =
            sweepFactor(h, d, order, options.damping, options.damping, monitor);
        if (!factor)
            return fallBack(problem, stored, "the Hessian cannot be factorized at any damping",
                            monitor);
        if (factor->damping != options.damping)
            result.report.note =
                concat("damping raised to ", factor->damping, " where integers are found");
        panelFactor.emplace(factor->u, PanelFactor::evenBorders(d, sweepBlockSize), sweepBlockSize,
                            monitor);
    }
    const DecoupleqLayer layer(problem.weight, stored, h, order, options.damping, monitor);
    Alternation alternation(layer, problem.scheme, options, panelFactor ? &*panelFactor : nullptr);
    alternation.run();
    result.weight = alternation.takeWeight();
    result.report.damping = options.damping;
    result.report.deadColumns = order.deadCount;
    result.report.trace = alternation.takeTrace();
    describe(problem, result.weight, result.report);
    return result;
}

} // namespace gradus
