// SPDX-License-Identifier: GPL-3.0-or-later
// How methods that improve their result in turn got there, and what the trainings brought.
#include "core/base/format.h"
#include "core/session/report_page.h"
#include "core/session/report_steps_chart.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace gradus {

namespace {

std::string stageTitle(TraceStage stage, bool brief)
{
    switch (stage) {
    case TraceStage::RoundToNearest:
        return brief ? "RTN" : "round to nearest";
    case TraceStage::Sweep:
        return brief ? "sweep" : "GPTQ sweep";
    case TraceStage::GridSearch:
        return brief ? "grid" : "grid search";
    case TraceStage::Integers:
        return brief ? "int" : "integers";
    case TraceStage::Scales:
        return brief ? "scales" : "scales and zeros";
    case TraceStage::Polish:
        return "polish";
    case TraceStage::Outliers:
        return "outliers";
    case TraceStage::Clip:
        return "clip";
    case TraceStage::Exponent:
        return "exponent";
    case TraceStage::Nearest:
        return "nearest";
    case TraceStage::Gradient:
        return "gradient";
    case TraceStage::Block:
        return brief ? "block" : "block stage";
    case TraceStage::FineTuning:
        return brief ? "tuning" : "fine-tuning";
    }
    return {};
}

std::string stepTitle(const TracePoint& point, bool brief)
{
    const std::string title = stageTitle(point.stage, brief);
    return point.round == 0 ? title
           : brief          ? concat(title, " ", point.round)
                            : concat(title, ", round ", point.round);
}

double gain(double before, double after)
{
    return before > 0 && after > 0 ? 10 * std::log10(before / after)
                                   : std::numeric_limits<double>::quiet_NaN();
}

/// "+1.32 dB".
std::string gainText(double decibel)
{
    if (!std::isfinite(decibel))
        return "–";
    const double rounded = std::round(100 * decibel) / 100;
    return signedText(rounded, concat(realText(std::fabs(rounded), 3), " dB"));
}

std::string keptText(const TuningOutcome& training)
{
    std::string text =
        training.bestEpoch == 0 ? "start" : concat("epoch ", std::to_string(training.bestEpoch));
    if (training.epochLosses.size() > 1)
        text += concat(" of ", training.epochLosses.size() - 1);
    if (training.cancelled)
        text += ", cancelled";
    else if (training.stoppedEarly)
        text += ", stopped early";
    return text;
}

std::string nats(double loss)
{
    return concat(realText(loss, 5), " nats");
}
} // namespace

std::vector<ReportTraining> ReportPage::trainings() const
{
    std::vector<ReportTraining> all;
    std::map<const TuningOutcome*, std::size_t> places; // layers of a block share theirs
    for (const ReportRow& row : m_rows) {
        for (const auto& training : row.result->tunings) {
            if (!training)
                continue;
            const auto [place, added] = places.emplace(training.get(), all.size());
            if (added)
                all.push_back({training.get(), 0});
            ++all[place->second].layers;
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        const auto order = [](const TuningOutcome& t) { return std::pair(t.block < 0, t.block); };
        return order(*a.outcome) < order(*b.outcome);
    });
    return all;
}

void ReportPage::training()
{
    const std::vector<ReportTraining> all = trainings();
    if (all.empty())
        return;
    std::vector<ReportTraining> blocks;
    for (const ReportTraining& each : all)
        if (each.outcome->block >= 0)
            blocks.push_back(each);
    open("training", blocks.empty() ? "Fine-tuning" : "Block stage");
    if (!blocks.empty())
        blockStage(blocks);
    for (const ReportTraining& each : all)
        if (each.outcome->block < 0)
            fineTuning(each, !blocks.empty());
    close();
}

void ReportPage::blockStage(const std::vector<ReportTraining>& blocks)
{
    TrainingChart chart;
    double sum = 0;
    std::int64_t better = 0;
    std::int64_t judged = 0;
    for (const ReportTraining& each : blocks) {
        const TuningOutcome& t = *each.outcome;
        const double change = gain(t.before(), t.after());
        if (std::isfinite(change)) {
            sum += change;
            ++judged;
            better += change > 0 ? 1 : 0;
        }
        chart.blocks.push_back({blockLabel(t), t.before(), t.after(),
                                concat(shortened(t.name, 120), ": ", formatPercent(t.before()),
                                       " → ", formatPercent(t.after()), ", ", gainText(change))});
    }
    add("<p>With the integers frozen, scales, zeros and norms of each block were trained so that "
        "its output on the quantized prefix matches the float block's. ");
    if (judged > 0)
        add("The error fell in ", formatCount(better), " of ",
            counted(static_cast<std::int64_t>(blocks.size()), "block", "blocks"), ", by ",
            gainText(sum / static_cast<double>(judged)), " on average.");
    add("</p>\n");
    chart.id = "chart-training";
    chart.title = "Error of each block before and after its training";
    chart.description = concat("One ring and one disc per block, on a logarithmic axis; ",
                               gainText(judged > 0 ? sum / static_cast<double>(judged)
                                                   : std::numeric_limits<double>::quiet_NaN()),
                               " on average.");
    figure("Before and after", trainingChart(chart),
           concat(key("<path class=\"ring\" d=\"M2 7a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z\"/>",
                      "before the training"),
                  key("<path class=\"bar\" d=\"M3 7a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z\"/>",
                      "of the state that was kept")));
    add("<h3>Blocks</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"Trainings of the blocks\">\n<table>\n<thead><tr><th "
        "scope=\"col\">Block</th><th scope=\"col\" class=\"n\">Layers</th><th scope=\"col\" "
        "class=\"n\">Before</th><th scope=\"col\" class=\"n\">After</th><th scope=\"col\" "
        "class=\"n\">Gain</th><th scope=\"col\" class=\"n\">Scales moved</th><th "
        "scope=\"col\" class=\"n\">Zeros moved</th><th scope=\"col\">Kept</th></tr></thead>\n"
        "<tbody>\n");
    for (const ReportTraining& each : blocks) {
        const TuningOutcome& t = *each.outcome;
        m_monitor.checkpoint();
        add("<tr><th scope=\"row\">", named(t.name), "</th>");
        cell("n", formatCount(each.layers));
        cell("n", formatPercent(t.before()));
        cell("n", formatPercent(t.after()));
        cell("n", gainText(gain(t.before(), t.after())));
        cell("n", formatPercent(t.scaleChange));
        cell("n", concat(realText(t.zeroChange, 3), " steps"));
        cell("c", keptText(t));
        add("</tr>\n");
    }
    add("</tbody>\n</table>\n</div>\n");
}

void ReportPage::fineTuning(const ReportTraining& training, bool titled)
{
    const TuningOutcome& t = *training.outcome;
    if (titled)
        add("<h3>Fine-tuning</h3>\n");
    add("<p>At the end all blocks were trained together to predict the calibration text.</p>\n"
        "<dl class=\"facts\">\n");
    fact("Loss per token", t.epochLosses.empty()
                               ? std::string("not measured")
                               : concat(nats(t.before()), " → ", nats(t.after())));
    fact("Kept", keptText(t));
    fact("Moved",
         concat("scales ", formatPercent(t.scaleChange), ", zeros ", realText(t.zeroChange, 3),
                " steps, in ", counted(training.layers, "layer", "layers")));
    add("</dl>\n");
}

std::string ReportPage::blockLabel(const TuningOutcome& training) const
{
    const auto at = static_cast<std::size_t>(training.block);
    return at < m_blockLabels.size() ? m_blockLabels[at] : std::to_string(training.block);
}

void ReportPage::convergence(std::size_t i)
{
    const LayerResult& result = *m_rows[i].result;
    if (result.trace.empty())
        return;
    ConvergenceChart chart;
    std::set<TraceStage> stages;
    for (const TracePoint& step : result.trace) {
        stages.insert(step.stage);
        std::string tip = concat(stepTitle(step, false), ": ", formatPercent(step.relativeError));
        if (!chart.steps.empty())
            tip += concat("; ", formatPercent(step.accepted), " of the rows; scales moved ",
                          formatPercent(step.scaleChange), ", zeros ", realText(step.zeroChange, 3),
                          " steps");
        chart.steps.push_back({step.stage, step.relativeError, stepTitle(step, true), tip});
    }
    const double first = result.trace.front().relativeError;
    const double last = result.trace.back().relativeError;
    chart.id = concat("chart-steps-", i + 1);
    chart.title = concat("Steps of ", shortened(m_rows[i].layer->name, 120));
    chart.description = concat("Relative output error after each step on a logarithmic axis: from ",
                               formatPercent(first), " to ", formatPercent(last), ", ",
                               gainText(gain(first, last)), ".");
    std::string caption;
    for (const TraceStage stage : stages)
        caption += key(concat("<path class=\"",
                              stage == TraceStage::RoundToNearest || stage == TraceStage::Block ||
                                      stage == TraceStage::FineTuning
                                  ? "ring"
                                  : "bar",
                              "\" d=\"", stageShape(stage, 7, 7, 4.6), "\"/>"),
                       stageTitle(stage, false));
    add("<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"",
        escaped(chart.title), "\">\n", convergenceChart(chart), "</div>\n<figcaption>", caption,
        "</figcaption>\n</figure>\n");
}

} // namespace gradus
