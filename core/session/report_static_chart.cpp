// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_static_chart.h"

#include "core/base/format.h"
#include "core/session/report_drawing.h"
#include "core/session/report_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus {

namespace {

constexpr double chartWidth = 1000;
constexpr std::size_t mostColumns = 240; ///< of channels; more share one

/// Steps over columns from left to right, without end.
std::string steps(const std::vector<double>& y, double left, double width)
{
    std::string path;
    const double each = width / static_cast<double>(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
        path += concat(i == 0 ? "M" : "L", point(left + each * static_cast<double>(i), y[i]), "H",
                       coordinate(left + each * static_cast<double>(i + 1)));
    }
    return path;
}

/// Of a channel's numbers the lowest or highest within each column.
std::vector<double> columnsOf(const std::vector<float>& values, bool highest)
{
    const std::size_t per = (values.size() + mostColumns - 1) / mostColumns;
    std::vector<double> columns;
    for (std::size_t first = 0; first < values.size(); first += per) {
        const std::size_t last = std::min(first + per, values.size());
        double value = static_cast<double>(values[first]);
        for (std::size_t j = first + 1; j < last; ++j)
            value = highest ? std::max(value, static_cast<double>(values[j]))
                            : std::min(value, static_cast<double>(values[j]));
        columns.push_back(value);
    }
    return columns;
}

void drawSide(ChartDrawing& drawing, const NormRanges::Side& side, const ChartBox& box,
              std::string_view title)
{
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const std::vector<float>* values :
         {&side.low, &side.high, &side.limitLow, &side.limitHigh}) {
        for (const float v : *values) {
            if (std::isfinite(v)) { // numbers come from files
                low = std::min(low, static_cast<double>(v));
                high = std::max(high, static_cast<double>(v));
            }
        }
    }
    if (!(low < high)) {
        low = (low <= high ? low : 0) - 1;
        high = low + 2;
    }
    const auto at = [&](double v) {
        const double share = std::isnan(v) ? 0 : std::clamp((v - low) / (high - low), 0.0, 1.0);
        return box.bottom - share * box.height();
    };
    const auto placed = [&](const std::vector<float>& values, bool highest) {
        std::vector<double> y = columnsOf(values, highest);
        for (double& v : y)
            v = at(v);
        return y;
    };
    drawing.label("axis", box.left, box.top - 10, title);
    const double step = niceStep(high - low, 5);
    for (double index = std::ceil(low / step - 1e-9); index * step <= high + 1e-9 * step; ++index) {
        const double y = at(index * step);
        drawing.line(std::fabs(index) < 0.5 ? "zero" : "grid", box.left, y, box.right, y);
        drawing.label("tick", box.left - 8, y + 4, realText(index * step, 3), "end");
    }
    std::vector<double> top = placed(side.high, true);
    std::vector<double> bottom = placed(side.low, false);
    std::string band = steps(top, box.left, box.width());
    const double each = box.width() / static_cast<double>(bottom.size());
    for (std::size_t i = bottom.size(); i-- > 0;)
        band += concat("L", point(box.left + each * static_cast<double>(i + 1), bottom[i]), "H",
                       coordinate(box.left + each * static_cast<double>(i)));
    drawing.path("original", band + "z");
    if (!side.limitHigh.empty()) {
        drawing.path("clip", steps(placed(side.limitHigh, true), box.left, box.width()));
        drawing.path("clip", steps(placed(side.limitLow, false), box.left, box.width()));
    }
    drawing.label("axis", (box.left + box.right) / 2, box.bottom + 16,
                  concat(side.low.size(), " channels"), "middle");
}

} // namespace

std::string probabilityTitle(ProbabilityQuantizer quantizer)
{
    switch (quantizer) {
    case ProbabilityQuantizer::LogSqrt2:
        return "log√2";
    case ProbabilityQuantizer::Log2:
        return "log2";
    case ProbabilityQuantizer::Uniform:
        return "uniform";
    }
    return {};
}

std::string normChart(const NormChart& chart)
{
    constexpr double height = 220;
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    const ChartBox left{56, 30, 490, height - 26};
    const ChartBox right{566, 30, chartWidth - 8, height - 26};
    if (!chart.ranges.before.low.empty())
        drawSide(drawing, chart.ranges.before, left, "before: a grid for each channel");
    if (!chart.ranges.after.low.empty())
        drawSide(drawing, chart.ranges.after, right,
                 chart.ranges.oneRange ? "after: one grid for all channels"
                                       : "after: one scale for all channels");
    return drawing.finish();
}

std::string probabilityChart(const ProbabilityChart& chart)
{
    constexpr double rowHeight = 22;
    constexpr double plotHeight = 150;
    constexpr double perOctave = ProbabilityHistogram::binsPerOctave;
    constexpr std::array quantizers{ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
                                    ProbabilityQuantizer::Uniform};
    const std::size_t lanes = chart.grid ? quantizers.size() : 0;
    const auto& counts = chart.histogram.counts;
    const double octaves = static_cast<double>(counts.size()) / perOctave;
    const double foot = 24 + plotHeight;
    const double height = foot + rowHeight * static_cast<double>(lanes) + 38;
    const ChartBox box{100, 24, chartWidth - 20, foot};
    ChartDrawing drawing(chart.id, chart.title, chart.description, chartWidth, height, true);
    const auto x = [&](double octave) {
        return box.left + std::clamp(octave / octaves, 0.0, 1.0) * box.width();
    };
    const std::int64_t highest =
        std::max<std::int64_t>(1, *std::max_element(counts.begin(), counts.end()));
    const double bottom = foot + rowHeight * static_cast<double>(lanes) + 8;
    for (int octave = 0; octave <= static_cast<int>(octaves); ++octave) {
        drawing.line("grid", x(octave), box.top, x(octave), bottom);
        drawing.label("tick", x(octave), bottom + 12, std::to_string(octave), "middle");
    }
    drawing.label("axis", (box.left + box.right) / 2, bottom + 26,
                  "−log₂ p, octaves below probability 1; the last bar is all beyond", "middle");
    drawing.label("axis", 0, 14, "probabilities");
    drawing.label("tick", box.left - 8, box.top + 8, formatCount(highest), "end");
    std::string bars;
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
        const double share = static_cast<double>(std::max<std::int64_t>(0, counts[bin])) /
                             static_cast<double>(highest);
        const double place = static_cast<double>(bin) / perOctave;
        bars += concat("M", point(x(place), box.bottom), "V",
                       coordinate(box.bottom - share * box.height()), "H",
                       coordinate(x(place + 1 / perOctave)), "V", coordinate(box.bottom), "z");
    }
    drawing.path("original", bars);
    drawing.line("zero", box.left, box.bottom, box.right, box.bottom);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const bool chosen = quantizers[lane] == quantizerOf(*chart.grid);
        const OctaveLevels levels = octaveLevels(comparable(*chart.grid, quantizers[lane]));
        const double y = foot + 6 + rowHeight * (static_cast<double>(lane) + 0.5);
        drawing.label(chosen ? "name" : "tick", box.left - 12, y + 4,
                      concat(chosen ? "▸ " : "", probabilityTitle(quantizers[lane])), "end");
        std::string ticks;
        for (const double place : levels.places)
            if (place >= 0 && place <= octaves)
                ticks += concat("M", point(x(place), y - 7), "v14");
        drawing.path(chosen ? "level" : "link", ticks);
        if (levels.zeroFrom < octaves)
            drawing.line("clip", x(levels.zeroFrom), y, box.right, y);
        if (chosen && levels.zeroFrom < octaves)
            drawing.line("clip", x(levels.zeroFrom), box.top, x(levels.zeroFrom), box.bottom);
    }
    return drawing.finish();
}

} // namespace gradus
