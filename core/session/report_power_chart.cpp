// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_power_chart.h"

#include "core/session/report_drawing.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

constexpr double chartWidth = 1000;
constexpr std::size_t tipsLimit = 400; ///< beyond, a chart has no tool tips

/// A linear axis with round numbers.
struct LinearAxis
{
    double low = 0;
    double high = 1;
    double from = 0; ///< coordinates
    double to = 1;
    [[nodiscard]] double at(double value) const
    {
        // Numbers come from files.
        const double share = std::clamp((value - low) / (high - low), 0.0, 1.0);
        return from + share * (to - from);
    }
    [[nodiscard]] std::vector<double> ticks(int parts) const
    {
        const double step = niceStep(high - low, parts);
        std::vector<double> all;
        for (double index = std::ceil(low / step - 1e-9); index * step <= high + 1e-9 * step;
             ++index)
            all.push_back(index * step);
        return all;
    }
};

std::string disc(double x, double y, double r)
{
    const std::string arc = concat("a", coordinate(r), " ", coordinate(r), " 0 1 0 ");
    return concat("M", point(x - r, y), arc, coordinate(2 * r), " 0", arc, coordinate(-2 * r),
                  " 0z");
}

std::string decibel(double value)
{
    const double rounded = std::round(100 * value) / 100;
    return concat(rounded > 0   ? "+"
                  : rounded < 0 ? "−"
                                : "",
                  realText(std::fabs(rounded), 3), " dB");
}

} // namespace

std::string gainTitle(GainKind kind)
{
    switch (kind) {
    case GainKind::Outliers:
        return "outliers";
    case GainKind::Clip:
        return "clip";
    case GainKind::Exponent:
        return "exponent";
    case GainKind::Nearest:
        return "nearest levels";
    case GainKind::Codes:
        return "codes";
    case GainKind::Scales:
        return "scales";
    case GainKind::ExponentSteps:
        return "exponent again";
    case GainKind::Gradient:
        return "gradient";
    case GainKind::Block:
        return "block stage";
    case GainKind::FineTuning:
        return "fine-tuning";
    }
    return {};
}

std::string exponentChart(const ExponentChart& chart)
{
    constexpr double height = 210;
    const ChartBox box{56, 28, chartWidth - 16, height - 30};
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    LinearAxis axis{0.45, 1.05, box.bottom, box.top};
    for (const ExponentChart::LayerExponent& layer : chart.layers) {
        if (layer.low > 0 && layer.high < 10) {
            axis.low = std::min(axis.low, layer.low - 0.03);
            axis.high = std::max(axis.high, layer.high + 0.03);
        }
    }
    drawing.label("axis", 0, 14, "exponent a");
    for (const double tick : axis.ticks(6)) {
        drawing.line("grid", box.left, axis.at(tick), box.right, axis.at(tick));
        drawing.label("tick", box.left - 8, axis.at(tick) + 4, realText(tick, 3), "end");
    }
    for (const auto& [exponent, name] :
         {std::pair(1.0, "1: uniform"), std::pair(0.5, "½: integer-exact")}) {
        drawing.line("limit", box.left, axis.at(exponent), box.right, axis.at(exponent));
        drawing.label("limit-text", box.right, axis.at(exponent) - 4, name, "end");
    }
    const double slot =
        box.width() / static_cast<double>(std::max<std::size_t>(1, chart.layers.size()));
    const double radius = std::clamp(slot * 0.3, 1.6, 4.5);
    std::string ranges;
    std::string discs;
    for (std::size_t i = 0; i < chart.layers.size(); ++i) {
        const ExponentChart::LayerExponent& layer = chart.layers[i];
        const double x = box.left + slot * (static_cast<double>(i) + 0.5);
        if (layer.high > layer.low)
            ranges +=
                concat("M", point(x, axis.at(layer.low)), "V", coordinate(axis.at(layer.high)));
        discs += disc(x, axis.at(layer.typical), radius);
    }
    drawing.path("link", ranges);
    drawing.path("bar", discs);
    drawing.label("axis", (box.left + box.right) / 2, box.bottom + 20,
                  "layers with a power grid, in model order", "middle");
    for (std::size_t i = 0; chart.layers.size() <= tipsLimit && i < chart.layers.size(); ++i) {
        const double left = box.left + slot * static_cast<double>(i);
        drawing.rectangle("tip", {left, box.top, left + slot, box.bottom}, chart.layers[i].tip);
    }
    return drawing.finish();
}

std::string gainChart(const GainChart& chart)
{
    constexpr double rowHeight = 24;
    constexpr double barHeight = 14;
    struct Row
    {
        std::string title;
        double from = 0;
        double to = 0;
        bool total = false;
    };
    std::vector<Row> rows;
    double reached = 0;
    for (std::size_t k = 0; k < gainKinds; ++k) {
        const auto kind = static_cast<GainKind>(k);
        if (!chart.gain.has(kind))
            continue;
        rows.push_back({gainTitle(kind), reached, reached + chart.gain.of(kind), false});
        reached = rows.back().to;
    }
    rows.push_back({"in all", 0, reached, true});
    const double height = 34 + rowHeight * static_cast<double>(rows.size()) + 8;
    const ChartBox box{130, 28, chartWidth - 90, height - 10};
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    LinearAxis axis{0, 0.1, box.left, box.right};
    for (const Row& row : rows) {
        axis.low = std::min({axis.low, row.from, row.to});
        axis.high = std::max({axis.high, row.from, row.to});
    }
    for (const double tick : axis.ticks(8)) {
        drawing.line(std::fabs(tick) < 1e-9 ? "zero" : "grid", axis.at(tick), box.top,
                     axis.at(tick), box.bottom);
        drawing.label("tick", axis.at(tick), box.top - 6, concat(realText(tick, 3), " dB"),
                      "middle");
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Row& row = rows[i];
        const double y = box.top + rowHeight * (static_cast<double>(i) + 0.5);
        const double left = axis.at(std::min(row.from, row.to));
        const double right = axis.at(std::max(row.from, row.to));
        drawing.label(row.total ? "name" : "tick", box.left - 10, y + 4, row.title, "end");
        const ChartBox bar{left, y - barHeight / 2, std::max(right, left + 1), y + barHeight / 2};
        drawing.rectangle(row.total            ? "float"
                          : row.to >= row.from ? "bar"
                                               : "background",
                          bar, concat(row.title, ": ", decibel(row.to - row.from)));
        if (i + 1 < rows.size())
            drawing.line("limit", axis.at(row.to), y + barHeight / 2, axis.at(row.to),
                         y + rowHeight - barHeight / 2);
        drawing.label("name halo", right + 6, y + 4, decibel(row.to - row.from));
    }
    return drawing.finish();
}

std::string levelsChart(const LevelsChart& chart)
{
    constexpr double rowHeight = 22;
    const double height = 30 + rowHeight * static_cast<double>(chart.lines.size()) + 4;
    const ChartBox box{250, 24, chartWidth - 80, height - 4};
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    const LinearAxis axis{-1, 1, box.left, box.right};
    for (const auto& [value, name] :
         {std::pair(-1.0, "−s"), std::pair(-0.5, "−s/2"), std::pair(0.0, "0"),
          std::pair(0.5, "s/2"), std::pair(1.0, "s")}) {
        drawing.line("grid", axis.at(value), box.top, axis.at(value), box.bottom);
        drawing.label("tick", axis.at(value), box.top - 6, name, "middle");
    }
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
        const LevelsChart::Line& line = chart.lines[i];
        const double y = box.top + rowHeight * (static_cast<double>(i) + 0.5);
        drawing.label("name", box.left - 12, y + 4, shortened(line.label, 36), "end");
        std::string ticks;
        for (const float level : line.levels)
            ticks += concat("M", point(axis.at(static_cast<double>(level)), y - 7), "v14");
        drawing.path("level", ticks);
        drawing.label("tick", box.right + 10, y + 4, line.text);
        drawing.rectangle("tip", {box.left, y - rowHeight / 2, box.right, y + rowHeight / 2},
                          line.tip);
    }
    return drawing.finish();
}

} // namespace gradus
