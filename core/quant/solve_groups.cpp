// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/solve_groups.h"

#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/methods/nupes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace gradus {

namespace {

/// The rows of one group with its part of the statistics.
LayerProblem partOf(const LayerProblem& problem, std::int64_t index)
{
    const InputStatistics& all = *problem.inputs;
    const std::int64_t rows = problem.weight.rows / all.groups;
    LayerProblem part = problem;
    part.weight = problem.weight.block(index * rows, 0, rows, problem.weight.cols);
    if (problem.reference.data)
        part.reference = problem.reference.block(index * rows, 0, rows, problem.weight.cols);
    part.powerErrors = {}; // of all groups
    auto inputs = std::make_shared<InputStatistics>();
    inputs->features = all.features;
    inputs->rows = all.rows;
    const auto cut = [&](const auto& from, auto& to, std::int64_t size) {
        if (from.size() >= static_cast<std::size_t>((index + 1) * size))
            to.assign(from.begin() + static_cast<std::ptrdiff_t>(index * size),
                      from.begin() + static_cast<std::ptrdiff_t>((index + 1) * size));
    };
    cut(all.hessian, inputs->hessian, all.features * all.features);
    cut(all.minimum, inputs->minimum, all.features);
    cut(all.maximum, inputs->maximum, all.features);
    cut(all.secondMoment, inputs->secondMoment, all.features);
    part.inputs = std::move(inputs);
    part.activation = {}; // one grid for the inputs of all groups
    return part;
}

/// W·H·Wᵀ of a part, W what its errors are measured against.
double energyOf(const LayerProblem& part, const Monitor& monitor)
{
    const std::int64_t d = part.weight.cols;
    double total = 0;
    for (std::int64_t r = 0; r < part.weight.rows; ++r) {
        monitor.checkpoint();
        const std::span<const float> w = part.judgedBy().row(r);
        for (std::int64_t i = 0; i < d; ++i) {
            double sum = 0;
            for (std::int64_t j = 0; j < d; ++j)
                sum += part.inputs->hessian[static_cast<std::size_t>(i * d + j)] *
                       static_cast<double>(w[static_cast<std::size_t>(j)]);
            total += sum * static_cast<double>(w[static_cast<std::size_t>(i)]);
        }
    }
    return total;
}

/// Σw² of a part.
double squaresOf(const LayerProblem& part)
{
    double total = 0;
    for (std::int64_t r = 0; r < part.weight.rows; ++r)
        for (const float w : part.judgedBy().row(r))
            total += static_cast<double>(w) * static_cast<double>(w);
    return total;
}

/// What the errors of a part are relative to.
struct Energies
{
    double output = 0; ///< W·H·Wᵀ
    double weight = 0; ///< Σw²
};

using TraceStep = std::pair<TraceStage, int>; ///< stage and round

/// Steps in the order in which a part with all of them would go through them: those of a round
/// together.
std::tuple<int, int, int> rankOf(const TraceStep& step)
{
    const auto [stage, round] = step;
    const bool turns =
        round > 0 && (stage == TraceStage::Integers || stage == TraceStage::Scales ||
                      stage == TraceStage::Exponent || stage == TraceStage::Gradient);
    if (turns)
        return {1, round, static_cast<int>(stage)};
    const bool before = stage != TraceStage::Polish && stage != TraceStage::Block &&
                        stage != TraceStage::FineTuning;
    return {before ? 0 : 2, before ? 0 : static_cast<int>(stage),
            before ? static_cast<int>(stage) : round};
}

/// The traces of the parts as one: a part that has ended stays as it is.
std::vector<TracePoint> joined(const std::vector<SolveResult>& parts,
                               const std::vector<Energies>& energies)
{
    std::vector<TraceStep> steps;
    for (const SolveResult& part : parts)
        for (const TracePoint& point : part.report.trace)
            steps.emplace_back(point.stage, point.round);
    std::sort(steps.begin(), steps.end(),
              [](const TraceStep& a, const TraceStep& b) { return rankOf(a) < rankOf(b); });
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    Energies all;
    for (const Energies& part : energies) {
        all.output += part.output;
        all.weight += part.weight;
    }
    const auto count = static_cast<double>(parts.size());
    std::vector<TracePoint> reached(parts.size());
    std::vector<TracePoint> trace;
    for (const auto& [stage, round] : steps) {
        TracePoint total;
        total.stage = stage;
        total.round = round;
        total.accepted = 0;
        total.weightError = 0;
        double exponents = 0;
        std::size_t told = 0; // parts with an exponent
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (const TracePoint& point : parts[i].report.trace)
                if (point.stage == stage && point.round == round) {
                    reached[i] = point;
                    total.accepted += point.accepted;
                    total.scaleChange += point.scaleChange;
                    total.zeroChange += point.zeroChange;
                }
            if (parts[i].report.trace.empty())
                continue;
            if (all.output > 0)
                total.relativeError += reached[i].relativeError * energies[i].output / all.output;
            if (energies[i].weight > 0)
                total.weightError += reached[i].weightError * energies[i].weight / all.weight;
            if (std::isfinite(reached[i].exponent)) {
                exponents += reached[i].exponent;
                ++told;
            }
        }
        if (told > 0)
            total.exponent = exponents / static_cast<double>(told);
        // Divided once: n times 1/n may exceed 1.
        total.accepted = std::min(1.0, total.accepted / count);
        total.scaleChange /= count;
        total.zeroChange /= count;
        trace.push_back(total);
    }
    return trace;
}

SolveReport joinedReport(const std::vector<SolveResult>& parts,
                         const std::vector<Energies>& energies)
{
    SolveReport report;
    std::map<std::string, std::size_t> notes; // how many groups say it
    for (const SolveResult& part : parts) {
        report.damping = std::max(report.damping, part.report.damping);
        report.deadColumns += part.report.deadColumns;
        if (!part.report.note.empty())
            ++notes[part.report.note];
    }
    std::size_t told = 0;
    for (const auto& [note, count] : notes) {
        if (++told > 3) {
            report.note += "; …";
            break;
        }
        report.note += concat(report.note.empty() ? "" : "; ", note);
        if (count < parts.size())
            report.note += concat(" (", count, " of ", parts.size(), " groups)");
    }
    report.trace = joined(parts, energies);
    return report;
}

/// The rows of a part of a power weight, of a layer that may share its exponent.
QuantizedWeight rowsOf(const QuantizedWeight& weight, std::int64_t first, std::int64_t rows)
{
    QuantizedWeight part;
    part.scheme = weight.scheme;
    part.rows = rows;
    part.cols = weight.cols;
    const auto cut = [&](const auto& from, auto& to, std::int64_t width) {
        to.assign(from.begin() + first * width, from.begin() + (first + rows) * width);
    };
    cut(weight.codes, part.codes, weight.cols);
    cut(weight.scales, part.scales, weight.groups());
    cut(weight.zeros, part.zeros, weight.groups());
    if (weight.exponents.size() > 1)
        cut(weight.exponents, part.exponents, 1);
    else
        part.exponents = weight.exponents;
    if (weight.outliers.empty())
        return part;
    const auto& starts = weight.outliers.rowStarts;
    const std::uint32_t from = starts[static_cast<std::size_t>(first)];
    const std::uint32_t to = starts[static_cast<std::size_t>(first + rows)];
    for (std::int64_t r = first; r <= first + rows; ++r)
        part.outliers.rowStarts.push_back(starts[static_cast<std::size_t>(r)] - from);
    part.outliers.columns.assign(weight.outliers.columns.begin() + from,
                                 weight.outliers.columns.begin() + to);
    part.outliers.values.assign(weight.outliers.values.begin() + from,
                                weight.outliers.values.begin() + to);
    return part;
}

/// What the groups of a layer have in common before each is solved by itself.
class CommonStart
{
public:
    CommonStart(const LayerProblem& problem, MethodOptions& options, Monitor& monitor)
    {
        auto* nupes = std::get_if<NupesOptions>(&options);
        if (!nupes)
            return;
        // Levels, exponent and outliers are those of the layer.
        m_start = solvePowerquant(problem, dataFreeOptions(*nupes), monitor);
        if (nupes->exponentScope != ExponentScope::Row)
            nupes->learnExponent = false;
        m_options = nupes;
    }

    [[nodiscard]] SolveResult solvePart(const LayerProblem& part, std::int64_t index,
                                        const MethodOptions& options, Monitor& monitor) const
    {
        if (!m_start)
            return solve(part, options, monitor);
        SolveResult own;
        own.weight = rowsOf(m_start->weight, index * part.weight.rows, part.weight.rows);
        return learnNupes(part, *m_options, std::move(own), monitor).result;
    }

    /// Completes what has been put together of the parts.
    void finish(SolveResult& result)
    {
        if (!m_start)
            return;
        if (m_options->exponentScope != ExponentScope::Row)
            result.weight.exponents = std::move(m_start->weight.exponents);
        result.weight.outliers = std::move(m_start->weight.outliers);
        // What holds for the layer first, then what is special about some of its groups.
        std::string note = m_start->report.note;
        if (const std::int64_t dead = result.report.deadColumns)
            note += concat("; ", dead, dead == 1 ? " dead column" : " dead columns");
        if (!result.report.note.empty())
            note += "; " + result.report.note;
        result.report.note = std::move(note);
        std::vector<TracePoint>& trace = result.report.trace;
        trace.insert(trace.begin(), m_start->report.trace.begin(), m_start->report.trace.end());
    }

private:
    std::optional<SolveResult> m_start;
    const NupesOptions* m_options = nullptr;
};

} // namespace

SolveResult solveGroups(const LayerProblem& problem, const MethodOptions& options, Monitor& monitor)
{
    const InputStatistics& inputs = *problem.inputs;
    if (problem.weight.rows % inputs.groups != 0)
        throw Error(ErrorCode::Shape,
                    concat("weight has ", problem.weight.rows, " rows, expected a multiple of the ",
                           inputs.groups, " groups of the inputs"));
    if (problem.scheme.granularity == Granularity::Tensor)
        throw Error(ErrorCode::Usage, "the rows of a grouped convolution are solved group by "
                                      "group, expected granularity channel or group, not tensor");
    MethodOptions chosen = options;
    std::string note;
    if (auto* gptq = std::get_if<GptqOptions>(&chosen);
        gptq && gptq->actOrder && !gptq->staticGroups &&
        problem.scheme.granularity == Granularity::Group) {
        gptq->staticGroups = true;
        note = "static groups, since the groups of a convolution cannot share a group index";
    }
    CommonStart start(problem, chosen, monitor);
    std::vector<SolveResult> parts(static_cast<std::size_t>(inputs.groups));
    std::vector<Energies> energies(parts.size());
    parallelFor(
        inputs.groups, 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const LayerProblem part = partOf(problem, i);
                const auto place = static_cast<std::size_t>(i);
                parts[place] = start.solvePart(part, i, chosen, monitor);
                if (!parts[place].report.trace.empty())
                    energies[place] = {energyOf(part, monitor), squaresOf(part)};
            }
        },
        &monitor);
    SolveResult result;
    result.report = joinedReport(parts, energies);
    if (!note.empty())
        result.report.note = result.report.note.empty() ? note : note + "; " + result.report.note;
    result.weight = std::move(parts.front().weight);
    result.weight.rows = problem.weight.rows;
    const auto append = [](auto& to, const auto& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    for (std::size_t i = 1; i < parts.size(); ++i) {
        append(result.weight.codes, parts[i].weight.codes);
        append(result.weight.scales, parts[i].weight.scales);
        append(result.weight.zeros, parts[i].weight.zeros);
        append(result.weight.exponents, parts[i].weight.exponents);
    }
    start.finish(result);
    return result;
}

} // namespace gradus
