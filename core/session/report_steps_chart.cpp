// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_steps_chart.h"

#include "core/session/report_drawing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

constexpr double chartWidth = 1000;
constexpr std::size_t tipsLimit = 400; ///< beyond, a chart has no tool tips

/// A logarithmic axis of shares, ticks in percent.
class ShareAxis
{
public:
    explicit ShareAxis(const ChartBox& box)
        : m_box(box)
    {
    }
    void add(double value)
    {
        // Numbers come from files: nothing may stretch an axis without end.
        if (!isDrawn(value))
            return;
        m_low = std::min(m_low, value);
        m_high = std::max(m_high, value);
    }
    [[nodiscard]] static bool isDrawn(double value) { return value > 1e-30 && value < 1e30; }
    void finish()
    {
        if (!(m_low <= m_high))
            m_low = m_high = 0.01;
        const double margin = std::max(0.02, 0.12 * std::log10(m_high / m_low));
        m_low *= std::pow(10, -margin);
        m_high *= std::pow(10, margin);
    }
    [[nodiscard]] double y(double value) const
    {
        const double share = std::log10(value / m_low) / std::log10(m_high / m_low);
        return m_box.bottom - std::clamp(share, 0.0, 1.0) * m_box.height();
    }
    void draw(ChartDrawing& drawing) const
    {
        std::vector<double> ticks;
        const double decades = std::log10(m_high / m_low);
        const int every = static_cast<int>(std::max(1.0, std::ceil(decades / 6)));
        const int first = static_cast<int>(std::floor(std::log10(m_low)));
        for (int power = first; std::pow(10, power) <= m_high; power += every)
            for (const double factor : {1.0, 2.0, 5.0})
                if (factor == 1 || decades < 1.7)
                    ticks.push_back(factor * std::pow(10, power));
        const auto inside = [&](double tick) { return tick >= m_low && tick <= m_high; };
        if (std::count_if(ticks.begin(), ticks.end(), inside) < 2) {
            ticks.clear(); // evenly spaced numbers between two of those
            const double step = niceStep(m_high - m_low, 4);
            for (double index = std::ceil(m_low / step); index * step <= m_high; ++index)
                ticks.push_back(index * step);
        }
        for (const double tick : ticks) {
            if (!inside(tick))
                continue;
            drawing.line("grid", m_box.left, y(tick), m_box.right, y(tick));
            drawing.label("tick", m_box.left - 8, y(tick) + 4,
                          concat(realText(100 * tick, 4), " %"), "end");
        }
    }

private:
    ChartBox m_box;
    double m_low = std::numeric_limits<double>::infinity();
    double m_high = 0;
};

/// Every n-th label, so that they do not run into each other.
std::size_t strideOf(std::size_t characters, double slot)
{
    return static_cast<std::size_t>(
        std::max(1.0, std::ceil(letterWidth * (static_cast<double>(characters) + 1.5) / slot)));
}

std::string disc(double x, double y, double r)
{
    const std::string arc = concat("a", coordinate(r), " ", coordinate(r), " 0 1 0 ");
    return concat("M", point(x - r, y), arc, coordinate(2 * r), " 0", arc, coordinate(-2 * r),
                  " 0z");
}

bool isHollow(TraceStage stage)
{
    return stage == TraceStage::RoundToNearest || stage == TraceStage::Block ||
           stage == TraceStage::FineTuning;
}

} // namespace

std::string stageShape(TraceStage stage, double x, double y, double r)
{
    const auto diamond = [&](double d) {
        return concat("M", point(x, y - d), "l", point(d, d), "l", point(-d, d), "l", point(-d, -d),
                      "z");
    };
    const auto square = [&](double half) {
        return concat("M", point(x - half, y - half), "h", coordinate(2 * half), "v",
                      coordinate(2 * half), "h", coordinate(-2 * half), "z");
    };
    switch (stage) {
    case TraceStage::RoundToNearest:
    case TraceStage::Scales:
    case TraceStage::Outliers:
    case TraceStage::Clip:
    case TraceStage::Nearest:
        return disc(x, y, r);
    case TraceStage::Sweep:
        return concat("M", point(x, y - r), "l", point(r * 1.05, r * 1.8), "h",
                      coordinate(-r * 2.1), "z");
    case TraceStage::GridSearch:
    case TraceStage::Exponent:
    case TraceStage::FineTuning:
        return diamond(r * 1.25);
    case TraceStage::Integers:
    case TraceStage::Gradient:
    case TraceStage::Block:
        return square(r * 0.9);
    case TraceStage::Polish: // a cross of bars
        return concat("M", point(x - r * 0.35, y - r * 1.1), "h", coordinate(r * 0.7), "v",
                      coordinate(r * 0.75), "h", coordinate(r * 0.75), "v", coordinate(r * 0.7),
                      "h", coordinate(-r * 0.75), "v", coordinate(r * 0.75), "h",
                      coordinate(-r * 0.7), "v", coordinate(-r * 0.75), "h", coordinate(-r * 0.75),
                      "v", coordinate(-r * 0.7), "h", coordinate(r * 0.75), "z");
    }
    return {};
}

std::string convergenceChart(const ConvergenceChart& chart)
{
    constexpr double height = 200;
    const ChartBox box{68, 28, chartWidth - 16, height - 34};
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    const double slot =
        box.width() / static_cast<double>(std::max<std::size_t>(1, chart.steps.size()));
    ShareAxis axis(box);
    std::size_t longest = 1;
    for (const ConvergenceChart::Step& step : chart.steps) {
        axis.add(step.value);
        longest = std::max(longest, characterCount(step.label));
    }
    axis.finish();
    drawing.label("axis", 0, 14, "relative output error (logarithmic)");
    axis.draw(drawing);
    const std::size_t stride = strideOf(longest, slot);
    const double radius = std::clamp(slot * 0.3, 1.6, 5.0);
    std::string line;
    for (std::size_t i = 0; i < chart.steps.size(); ++i) {
        const ConvergenceChart::Step& step = chart.steps[i];
        const double x = box.left + slot * (static_cast<double>(i) + 0.5);
        if (i % stride == 0)
            drawing.label("tick", x, box.bottom + 18, step.label, "middle");
        if (ShareAxis::isDrawn(step.value))
            line += concat(line.empty() ? "M" : "L", point(x, axis.y(step.value)));
    }
    drawing.path("link", line);
    for (std::size_t i = 0; i < chart.steps.size(); ++i) {
        const ConvergenceChart::Step& step = chart.steps[i];
        const double x = box.left + slot * (static_cast<double>(i) + 0.5);
        if (ShareAxis::isDrawn(step.value))
            drawing.path(isHollow(step.stage) ? "ring" : "bar",
                         stageShape(step.stage, x, axis.y(step.value), radius));
        if (chart.steps.size() <= tipsLimit)
            drawing.rectangle("tip", {x - slot / 2, box.top, x + slot / 2, box.bottom}, step.tip);
    }
    return drawing.finish();
}

std::string trainingChart(const TrainingChart& chart)
{
    constexpr double height = 260;
    const ChartBox box{68, 28, chartWidth - 16, height - 46};
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    const double slot =
        box.width() / static_cast<double>(std::max<std::size_t>(1, chart.blocks.size()));
    ShareAxis axis(box);
    std::size_t longest = 1;
    for (const TrainingChart::BlockChange& block : chart.blocks) {
        axis.add(block.before);
        axis.add(block.after);
        longest = std::max(longest, characterCount(shortened(block.label, 18)));
    }
    axis.finish();
    drawing.label("axis", 0, 14, "error of the block's output (logarithmic)");
    axis.draw(drawing);
    const std::size_t stride = strideOf(longest, slot);
    const double radius = std::clamp(slot * 0.3, 1.6, 5.0);
    std::string links;
    std::string rings;
    std::string discs;
    for (std::size_t i = 0; i < chart.blocks.size(); ++i) {
        const TrainingChart::BlockChange& block = chart.blocks[i];
        const double x = box.left + slot * (static_cast<double>(i) + 0.5);
        if (i % stride == 0)
            drawing.label("tick", x, box.bottom + 17, shortened(block.label, 18), "middle");
        const bool before = ShareAxis::isDrawn(block.before);
        const bool after = ShareAxis::isDrawn(block.after);
        if (before)
            rings += disc(x, axis.y(block.before), radius);
        if (after)
            discs += disc(x, axis.y(block.after), radius * 0.85);
        if (before && after)
            links +=
                concat("M", point(x, axis.y(block.before)), "V", coordinate(axis.y(block.after)));
    }
    drawing.label("axis", (box.left + box.right) / 2, box.bottom + 36, "block", "middle");
    drawing.path("link", links);
    drawing.path("ring", rings);
    drawing.path("bar", discs);
    for (std::size_t i = 0; chart.blocks.size() <= tipsLimit && i < chart.blocks.size(); ++i) {
        const double left = box.left + slot * static_cast<double>(i);
        drawing.rectangle("tip", {left, box.top, left + slot, box.bottom}, chart.blocks[i].tip);
    }
    return drawing.finish();
}

} // namespace gradus
