// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes.h"

#include "core/base/format.h"
#include "core/base/text.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/nupes_codes.h"
#include "core/quant/methods/nupes_exponent.h"
#include "core/quant/methods/nupes_fit.h"
#include "core/quant/methods/nupes_gradient.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

// NUPES, Yvinec, Dapogny, Bailly, "NUPES: Non-Uniform Post-Training Quantization via Power Exponent
// Search", 2023 (arXiv 2308.05600): codes over the whole quantized space and the power exponent,
// learned on the output error. The abstract is all of the paper that could be seen; how it is done
// here is derived (reference nupes.md, section 7): the data-free grid, GPTQ's sweep on it, and then
// coordinate descent over all levels, closed-form scales and an exact exponent step in turn, none
// of which raises the error of the weight as it is stored.

namespace gradus {

namespace {

constexpr int sweepBlockSize = 128;
/// The alternation ends when a round lowers the error by less than this share,
constexpr double smallestDecrease = 1e-4;
/// and the layer's exponent stays where a step of it does by less than this one.
constexpr double smallestExponentGain = 1e-5;

/// A's rows in B, too: both ascend.
std::vector<std::int64_t> united(const std::vector<std::int64_t>& a,
                                 const std::vector<std::int64_t>& b)
{
    std::vector<std::int64_t> all;
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
    return all;
}

class Nupes
{
public:
    /// judge: by whose weight the trace is; of the same form and Hessian as the layer.
    Nupes(const NupesLayer& layer, const NupesLayer& judge, const NupesOptions& options,
          QuantizedWeight start, std::vector<TracePoint> trace, const PanelFactor* factor)
        : m_layer(layer)
        , m_judge(judge)
        , m_options(options)
        , m_factor(factor)
        , m_all(allRows(layer))
        , m_best{std::move(start), std::vector<double>(static_cast<std::size_t>(layer.rows))}
        , m_learnExponent(options.learnExponent && options.exponent == 0 &&
                          options.exponentScope != ExponentScope::Model &&
                          (layer.midRise() || layer.largest() > 1))
        , m_trace(std::move(trace))
        , m_lastScales(m_best.weight.scales)
    {
    }

    void run()
    {
        evaluateRows(m_layer, m_all, m_best);
        switch (m_options.solver) {
        case NupesSolver::Alternation:
            sweep();
            m_rounds += alternate(m_best, nullptr, true);
            if (m_options.explore)
                explore();
            break;
        case NupesSolver::Gradient:
            record(TraceStage::Gradient, 0,
                   takeBetter(gradientCodes(
                       m_layer, m_options,
                       m_learnExponent && m_options.exponents == ExponentChoice::Free, m_best)));
            m_rounds += alternate(m_best, nullptr, true);
            break;
        case NupesSolver::UpDown: {
            const std::vector<std::uint8_t> floors = floorCodes(m_layer, m_best.weight);
            record(TraceStage::Gradient, 0,
                   takeBetter(upOrDownCodes(m_layer, m_options, floors, m_best)));
            m_rounds += alternate(m_best, &floors, true);
            break;
        }
        }
    }

    [[nodiscard]] int rounds() const { return m_rounds; }
    QuantizedWeight takeWeight() { return std::move(m_best.weight); }
    std::vector<TracePoint> takeTrace() { return std::move(m_trace); }

private:
    void sweep()
    {
        if (!m_factor)
            return;
        NupesState candidate{m_best.weight, m_best.errors};
        sweepLevels(m_layer, *m_factor, m_all, candidate);
        evaluateRows(m_layer, m_all, candidate);
        record(TraceStage::Sweep, 0, takeBetter(std::move(candidate)));
    }

    /// Codes, scales and exponents in turn. Returns the number of rounds.
    int alternate(NupesState& state, const std::vector<std::uint8_t>* floors, bool recorded)
    {
        const int done = m_rounds;
        std::vector<std::int64_t> rows = m_all;
        bool exponents = m_learnExponent && !floors;
        int round = 0;
        while (round < m_options.rounds && !rows.empty()) {
            ++round;
            const double before = state.total();
            const auto note = [&](TraceStage stage, const std::vector<std::int64_t>& changed) {
                if (recorded)
                    record(stage, done + round, changed.size());
            };
            std::vector<std::int64_t> changed = descendCodes(m_layer, rows, state, floors);
            note(TraceStage::Integers, changed);
            if (m_options.learnScale) {
                const std::vector<std::int64_t> fitted = fitScales(m_layer, rows, state);
                note(TraceStage::Scales, fitted);
                changed = united(changed, fitted);
            }
            if (exponents) {
                const double held = state.total();
                const bool shared = state.weight.exponents.size() == 1;
                const std::vector<std::int64_t> moved =
                    stepExponents(m_layer, shared ? m_all : rows, m_options.exponents, state);
                note(TraceStage::Exponent, moved);
                changed = united(changed, moved);
                exponents = !shared || held - state.total() > smallestExponentGain * held;
            }
            rows = std::move(changed);
            if (!(before - state.total() > smallestDecrease * before))
                break;
        }
        return round;
    }

    /// Gradient steps from the float weights on the grids reached and the alternation from there,
    /// exponents held, so that each row takes the better of both; then the alternation goes on.
    void explore()
    {
        NupesState other = gradientCodes(m_layer, m_options, false, m_best);
        const bool learned = std::exchange(m_learnExponent, false);
        alternate(other, nullptr, false);
        m_learnExponent = learned;
        record(TraceStage::Gradient, m_rounds, takeBetter(std::move(other)));
        m_rounds += alternate(m_best, nullptr, true);
    }

    /// What is better of a candidate replaces the best: row by row, or where rows share a scale or
    /// an exponent that differs, as a whole. Returns how many rows.
    std::size_t takeBetter(NupesState candidate)
    {
        const bool sharedScale = m_layer.scheme.granularity == Granularity::Tensor;
        const bool whole = (sharedScale && candidate.weight.scales != m_best.weight.scales) ||
                           (candidate.weight.exponents.size() == 1 &&
                            candidate.weight.exponents != m_best.weight.exponents);
        if (whole) {
            if (!(candidate.total() < m_best.total()))
                return 0;
            m_best = std::move(candidate);
            return m_all.size();
        }
        std::size_t taken = 0;
        for (const std::int64_t row : m_all) {
            const auto r = static_cast<std::size_t>(row);
            if (!(candidate.errors[r] < m_best.errors[r]))
                continue;
            m_best.takeRow(m_layer, candidate, row);
            ++taken;
        }
        return taken;
    }

    /// The error by which the trace goes.
    [[nodiscard]] double judged() const
    {
        if (&m_judge == &m_layer)
            return m_best.total();
        NupesState state = m_best;
        evaluateRows(m_judge, m_all, state);
        return state.total();
    }

    void record(TraceStage stage, int round, std::size_t accepted)
    {
        TracePoint point;
        point.stage = stage;
        point.round = round;
        point.relativeError = m_judge.energy > 0 ? judged() / m_judge.energy : 0;
        point.weightError =
            m_judge.squares > 0 ? squaredError(m_judge, m_best.weight) / m_judge.squares : 0;
        double sum = 0;
        for (const float exponent : m_best.weight.exponents)
            sum += static_cast<double>(exponent);
        point.exponent = sum / static_cast<double>(m_best.weight.exponents.size());
        point.accepted = static_cast<double>(accepted) / static_cast<double>(m_layer.rows);
        double change = 0;
        double size = 0;
        for (std::size_t i = 0; i < m_lastScales.size(); ++i) {
            const auto before = static_cast<double>(m_lastScales[i]);
            const double step = static_cast<double>(m_best.weight.scales[i]) - before;
            change += step * step;
            size += before * before;
        }
        point.scaleChange = size > 0 ? std::sqrt(change / size) : 0;
        m_lastScales = m_best.weight.scales;
        m_trace.push_back(point);
    }

    const NupesLayer& m_layer;
    const NupesLayer& m_judge;
    const NupesOptions& m_options;
    const PanelFactor* m_factor;
    std::vector<std::int64_t> m_all;
    NupesState m_best;
    bool m_learnExponent;
    int m_rounds = 0;
    std::vector<TracePoint> m_trace;
    std::vector<float> m_lastScales; ///< of the point before
};

void append(std::string& note, const std::string& part)
{
    note += concat(note.empty() ? "" : "; ", part);
}

/// "exponent 0.65", "exponents 0.5 to 0.8".
std::string describeExponents(const QuantizedWeight& weight)
{
    const auto [least, largest] =
        std::minmax_element(weight.exponents.begin(), weight.exponents.end());
    const std::string low = formatReal(static_cast<double>(*least), 3);
    const std::string high = formatReal(static_cast<double>(*largest), 3);
    return low == high ? "exponent " + low : concat("exponents ", low, " to ", high);
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many)
{
    return concat(count, ' ', count == 1 ? one : many);
}

} // namespace

PowerquantOptions dataFreeOptions(const NupesOptions& options)
{
    PowerquantOptions start;
    static_cast<PowerGridOptions&>(start) = options;
    start.rounding = PowerRounding::Nearest;
    return start;
}

LearnedNupes learnNupes(const LayerProblem& problem, const NupesOptions& options, SolveResult start,
                        Monitor& monitor)
{
    const std::int64_t d = problem.weight.cols;
    const std::span<const double> h = problem.inputs->hessian;
    if (h.size() != static_cast<std::size_t>(d * d))
        throw Error(ErrorCode::Shape,
                    concat("Hessian has ", h.size(), " values, expected ", d, " × ", d));
    const HessianOrder order = hessianOrder(h, d, false);
    LearnedNupes learned{std::move(start)};
    SolveResult& result = learned.result;
    result.report.deadColumns = order.deadCount;
    const auto nothingLearned = [&](std::string_view why) {
        result.report.note = concat(why, ": the data-free result");
        return std::move(learned);
    };
    if (problem.weight.rows == 0)
        return nothingLearned("there are no outputs");
    if (order.deadCount == d)
        return nothingLearned("all inputs are zero");
    std::string special;
    std::optional<PanelFactor> panelFactor;
    if (options.solver == NupesSolver::Alternation) {
        std::optional<SweepFactor> factor = sweepFactor(h, d, order, 0, options.damping, monitor);
        if (!factor)
            return nothingLearned("the Hessian cannot be factorized at any damping");
        result.report.damping = factor->damping;
        if (factor->damping != options.damping)
            append(special, concat("damping raised to ", factor->damping));
        panelFactor.emplace(factor->u, PanelFactor::evenBorders(d, sweepBlockSize), sweepBlockSize,
                            monitor);
    }
    const NupesLayer layer(problem.weight, result.weight, h, order, monitor);
    std::optional<NupesLayer> judge;
    if (problem.reference.data)
        judge.emplace(problem.reference, result.weight, h, order, monitor);
    Nupes nupes(layer, judge ? *judge : layer, options, std::move(result.weight),
                std::move(result.report.trace), panelFactor ? &*panelFactor : nullptr);
    nupes.run();
    result.weight = nupes.takeWeight();
    result.report.trace = nupes.takeTrace();
    result.report.note =
        options.learnScale && layer.groups > mostFittedGroups
            ? concat("scales kept: more than ", mostFittedGroups, " groups in a row")
            : "";
    if (!special.empty())
        append(result.report.note, special);
    learned.rounds = nupes.rounds();
    return learned;
}

SolveResult solveNupes(const LayerProblem& problem, const NupesOptions& options, Monitor& monitor)
{
    SolveResult start = solvePowerquant(problem, dataFreeOptions(options), monitor);
    std::string note = start.report.note;
    LearnedNupes learned = learnNupes(problem, options, std::move(start), monitor);
    SolveResult& result = learned.result;
    if (learned.rounds) {
        note = concat(describeExponents(result.weight), ", ",
                      counted(*learned.rounds, "round", "rounds"));
        if (const auto count = static_cast<std::int64_t>(result.weight.outliers.columns.size()))
            note += ", " + counted(count, "outlier", "outliers");
        if (const std::int64_t dead = result.report.deadColumns)
            append(note, counted(dead, "dead column", "dead columns"));
    }
    if (!result.report.note.empty())
        append(note, result.report.note);
    result.report.note = std::move(note);
    return std::move(result);
}

} // namespace gradus
