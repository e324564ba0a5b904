// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/solve_groups.h"

#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>
#include <map>
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

/// W·H·Wᵀ of a part.
double energyOf(const LayerProblem& part, const Monitor& monitor)
{
    const std::int64_t d = part.weight.cols;
    double total = 0;
    for (std::int64_t r = 0; r < part.weight.rows; ++r) {
        monitor.checkpoint();
        const std::span<const float> w = part.weight.row(r);
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

/// The traces of the parts as one: a part that has ended stays as it is.
std::vector<TracePoint> joined(const std::vector<SolveResult>& parts,
                               const std::vector<double>& energies)
{
    std::map<std::pair<TraceStage, int>, std::size_t> place;
    std::vector<TracePoint> trace;
    for (const SolveResult& part : parts)
        for (const TracePoint& point : part.report.trace)
            place.emplace(std::pair(point.stage, point.round), 0);
    // In the order in which a part with all of them would go through them.
    std::vector<std::pair<TraceStage, int>> steps;
    for (const auto& entry : place)
        steps.push_back(entry.first);
    const auto rank = [](const std::pair<TraceStage, int>& step) {
        const bool turns = step.first == TraceStage::Integers || step.first == TraceStage::Scales;
        const int phase = static_cast<int>(turns ? TraceStage::Integers : step.first);
        return std::tuple(phase, step.second, static_cast<int>(step.first));
    };
    std::sort(steps.begin(), steps.end(),
              [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    double energy = 0;
    for (const double part : energies)
        energy += part;
    const auto count = static_cast<double>(parts.size());
    std::vector<double> reached(parts.size());
    for (const auto& [stage, round] : steps) {
        TracePoint total;
        total.stage = stage;
        total.round = round;
        total.accepted = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (const TracePoint& point : parts[i].report.trace)
                if (point.stage == stage && point.round == round) {
                    reached[i] = point.relativeError;
                    total.accepted += point.accepted;
                    total.scaleChange += point.scaleChange;
                    total.zeroChange += point.zeroChange;
                }
            total.relativeError += energy > 0 ? reached[i] * energies[i] / energy : 0;
        }
        // Divided once: n times 1/n may exceed 1.
        total.accepted = std::min(1.0, total.accepted / count);
        total.scaleChange /= count;
        total.zeroChange /= count;
        trace.push_back(total);
    }
    return trace;
}

SolveReport joinedReport(const std::vector<SolveResult>& parts, const std::vector<double>& energies)
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
    std::vector<SolveResult> parts(static_cast<std::size_t>(inputs.groups));
    std::vector<double> energies(parts.size());
    parallelFor(
        inputs.groups, 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const LayerProblem part = partOf(problem, i);
                parts[static_cast<std::size_t>(i)] = solve(part, chosen, monitor);
                if (!parts[static_cast<std::size_t>(i)].report.trace.empty())
                    energies[static_cast<std::size_t>(i)] = energyOf(part, monitor);
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
    }
    return result;
}

} // namespace gradus
