// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_chart.h"

#include "core/base/format.h"
#include "core/base/text.h"
#include "core/session/report_drawing.h"
#include "core/session/report_markup.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace gradus {

namespace {

/// Beyond this many layers a chart has one path per shape and no tool tips.
constexpr std::size_t tipsLimit = 400;

/// Circle, triangle or diamond, as the layer table shows ratings.
std::string shapeOf(ErrorRating rating, double x, double y, double r)
{
    switch (rating) {
    case ErrorRating::Fair:
        return concat("M", point(x, y - r), "l", point(r * 1.05, r * 1.8), "h",
                      coordinate(-r * 2.1), "z");
    case ErrorRating::Poor:
        return concat("M", point(x, y - r * 1.15), "l", point(r * 1.15, r * 1.15), "l",
                      point(-r * 1.15, r * 1.15), "l", point(-r * 1.15, -r * 1.15), "z");
    default: {
        // Two half circles: the chord is exactly twice the radius as written.
        const double radius = std::max(0.1, std::round(r * 9) / 10);
        const std::string arc = concat("a", coordinate(radius), " ", coordinate(radius), " 0 1 0 ");
        return concat("M", point(x - radius, y), arc, coordinate(2 * radius), " 0", arc,
                      coordinate(-2 * radius), " 0z");
    }
    }
}

std::string_view styleOf(ErrorRating rating)
{
    switch (rating) {
    case ErrorRating::Good:
        return "good";
    case ErrorRating::Fair:
        return "fair";
    case ErrorRating::Poor:
        return "poor";
    default:
        return "unrated";
    }
}

/// The same in bytes: a round number of the unit that suits the range.
double niceByteStep(double range, int parts)
{
    double unit = 1;
    while (range / unit >= 1024)
        unit *= 1024;
    return std::max(1.0, unit == 1 ? niceStep(range, parts) : niceStep(range / unit, parts) * unit);
}

std::string tickText(LayerChart::Style style, double value)
{
    if (style == LayerChart::Style::Bytes) {
        static constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
        std::size_t unit = 0;
        while (std::fabs(value) >= 1024 && unit + 1 < units.size()) {
            value /= 1024;
            ++unit;
        }
        return value == 0 ? "0" : concat(realText(value, 3), " ", units[unit]);
    }
    if (style == LayerChart::Style::LogarithmicMarks) {
        const double percent = value * 100;
        if (percent >= 1e-4 && percent < 1e6)
            return concat(realText(percent, 6), " %");
        return concat("1e", static_cast<int>(std::lround(std::log10(value))));
    }
    return realText(value, 6);
}

/// From values to heights in the plot.
struct Scale
{
    bool logarithmic = false;
    double low = 0; ///< decades when logarithmic
    double high = 1;
    ChartBox box;
    [[nodiscard]] double y(double value) const
    {
        double v = value;
        if (logarithmic)
            v = value > 0 ? std::log10(value) : low;
        const double share = std::clamp((v - low) / (high - low), 0.0, 1.0);
        return box.bottom - share * box.height();
    }
};

/// The least and greatest of the finite values (greater than 0 on a logarithmic axis).
struct Range
{
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    void add(double value, bool positive)
    {
        // Numbers come from files: nothing may stretch an axis without end.
        if (!(std::fabs(value) < 1e30) || (positive && value < 1e-30))
            return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    [[nodiscard]] bool empty() const { return low > high; }
};

Scale scaleOf(const LayerChart& chart, const ChartBox& box)
{
    Scale scale;
    scale.box = box;
    scale.logarithmic = chart.style == LayerChart::Style::LogarithmicMarks;
    Range range;
    for (const ChartLayer& layer : chart.layers) {
        // A float embedding is often many times the largest quantized layer: it is cut.
        if (chart.style == LayerChart::Style::Bytes && layer.kept)
            continue;
        for (const double value : {layer.value, layer.compared, layer.background})
            range.add(value, scale.logarithmic);
    }
    if (range.empty() && chart.style == LayerChart::Style::Bytes)
        for (const ChartLayer& layer : chart.layers)
            range.add(layer.value, false);
    if (range.empty())
        range = {scale.logarithmic ? 1e-3 : 0, 1};
    if (scale.logarithmic) {
        scale.low = std::floor(std::log10(range.low) - 0.05);
        scale.high = std::ceil(std::log10(range.high) + 0.05);
    } else {
        scale.low = std::min(0.0, range.low);
        scale.high = std::max(0.0, range.high) * 1.06;
        if (!(scale.high > scale.low))
            scale.high = scale.low + 1;
    }
    return scale;
}

void drawGrid(ChartDrawing& drawing, const LayerChart& chart, const Scale& scale)
{
    const auto tick = [&](double value) {
        const double y = scale.y(value);
        drawing.line("grid", scale.box.left, y, scale.box.right, y);
        drawing.label("tick", scale.box.left - 8, y + 4, tickText(chart.style, value), "end");
    };
    if (scale.logarithmic) {
        const double step = std::max(1.0, std::ceil((scale.high - scale.low) / 6));
        for (double decade = scale.low; decade <= scale.high; decade += step)
            tick(std::pow(10.0, decade));
        return;
    }
    const double range = scale.high - scale.low;
    const double step =
        chart.style == LayerChart::Style::Bytes ? niceByteStep(range, 5) : niceStep(range, 5);
    for (double index = std::ceil(scale.low / step); index * step <= scale.high; ++index)
        tick(index * step);
}

void drawBlocks(ChartDrawing& drawing, const LayerChart& chart, const ChartBox& box, double slot)
{
    if (chart.blocks.empty())
        return;
    double widest = 0;
    for (const ChartBlock& block : chart.blocks)
        widest = std::max(widest, static_cast<double>(characterCount(shortened(block.label, 18))));
    const double average = box.width() / static_cast<double>(chart.blocks.size());
    // Labels stand at even distances, bands only where they can be told apart.
    const double wanted = letterWidth * (widest + 1.5) / average;
    double every = 1;
    for (double power = 1; every < wanted; power *= 10)
        for (const double factor : {1.0, 2.0, 5.0})
            if (every < wanted)
                every = factor * power;
    for (std::size_t i = 0; i < chart.blocks.size(); ++i) {
        const ChartBlock& block = chart.blocks[i];
        const double left = box.left + slot * static_cast<double>(block.first);
        const double right = box.left + slot * static_cast<double>(block.last + 1);
        if (i % 2 == 0 && average >= 6)
            drawing.rectangle("band", {left, box.top - 20, right, box.bottom});
        if (i % static_cast<std::size_t>(every) == 0)
            drawing.label("tick", (left + right) / 2, box.top - 6, shortened(block.label, 18),
                          "middle");
    }
}

void drawNumbers(ChartDrawing& drawing, const LayerChart& chart, const ChartBox& box, double slot)
{
    const auto count = static_cast<double>(chart.layers.size());
    const double step = std::max(1.0, niceStep(count, count <= 24 ? 24 : 16));
    const auto tick = [&](double number) {
        const std::string text = formatCount(static_cast<std::int64_t>(number));
        const double x = box.left + slot * (number - 0.5);
        const bool fits = x + letterWidth * static_cast<double>(text.size()) / 2 < box.right + 8;
        drawing.label("tick", fits ? x : box.right + 6, box.bottom + 17, text,
                      fits ? "middle" : "end");
    };
    if (step > 1)
        tick(1);
    for (double number = step; number <= count; number += step)
        tick(number);
    drawing.label("axis", (box.left + box.right) / 2, box.bottom + 36,
                  "layer, by its number in the table", "middle");
}

std::string tipOf(const ChartLayer& layer)
{
    return concat(shortened(layer.name, 120), ": ", layer.text);
}

void drawLimits(ChartDrawing& drawing, const Scale& scale)
{
    for (const double limit : {goodOutputError, fairOutputError}) {
        const double decade = std::log10(limit);
        if (decade <= scale.low || decade >= scale.high)
            continue;
        const double y = scale.y(limit);
        drawing.line("limit", scale.box.left, y, scale.box.right, y);
        drawing.label("limit-text halo", scale.box.left + 6, y - 4,
                      concat(limit == goodOutputError ? "good" : "fair", " up to ",
                             realText(limit * 100, 3), " %"));
    }
}

void drawMarks(ChartDrawing& drawing, const LayerChart& chart, const Scale& scale, double slot)
{
    drawLimits(drawing, scale);
    const bool tips = chart.layers.size() <= tipsLimit;
    const double radius = std::clamp(slot * 0.42, 1.6, 5.0);
    std::string links;
    std::string rings;
    std::array<std::string, 4> shapes;
    std::string marks;
    for (std::size_t i = 0; i < chart.layers.size(); ++i) {
        const ChartLayer& layer = chart.layers[i];
        const double x = scale.box.left + slot * (static_cast<double>(i) + 0.5);
        if (!std::isnan(layer.compared)) {
            const double y = scale.y(layer.compared);
            rings += shapeOf(ErrorRating::None, x, y, radius);
            if (!std::isnan(layer.value))
                links += concat("M", point(x, y), "V", coordinate(scale.y(layer.value)));
        }
        if (!std::isnan(layer.value))
            shapes[static_cast<std::size_t>(layer.rating)] +=
                shapeOf(layer.rating, x, scale.y(layer.value), radius);
    }
    drawing.path("link", links);
    drawing.path("ring", rings);
    for (const ErrorRating rating :
         {ErrorRating::None, ErrorRating::Good, ErrorRating::Fair, ErrorRating::Poor})
        drawing.path(concat("mark ", styleOf(rating)), shapes[static_cast<std::size_t>(rating)]);

    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < chart.layers.size(); ++i)
        if (std::isfinite(chart.layers[i].value))
            order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return chart.layers[a].value > chart.layers[b].value;
    });
    std::vector<ChartBox> taken;
    for (std::size_t i = 0; i < order.size() && i < static_cast<std::size_t>(chart.labelled); ++i) {
        const ChartLayer& layer = chart.layers[order[i]];
        const double x = scale.box.left + slot * (static_cast<double>(order[i]) + 0.5);
        const double y = scale.y(layer.value) - 4;
        const std::string label = shortened(layer.label, 32);
        const double width = letterWidth * static_cast<double>(characterCount(label));
        const bool right = x + radius + 5 + width < scale.box.right;
        const double left = right ? x + radius + 5 : x - radius - 5 - width;
        const ChartBox box{left, y - 10, left + width, y + 3};
        if (std::any_of(taken.begin(), taken.end(),
                        [&](const ChartBox& b) { return b.meets(box); }))
            continue;
        taken.push_back(box);
        drawing.label("name halo", right ? left : x - radius - 5, y, label,
                      right ? "start" : "end");
    }
    // Tool tips over the whole column: a mark of a few pixels is hard to meet.
    for (std::size_t i = 0; tips && i < chart.layers.size(); ++i) {
        const double left = scale.box.left + slot * static_cast<double>(i);
        drawing.rectangle("tip", {left, scale.box.top, left + slot, scale.box.bottom},
                          tipOf(chart.layers[i]));
    }
}

void drawBars(ChartDrawing& drawing, const LayerChart& chart, const Scale& scale, double slot)
{
    const bool tips = chart.layers.size() <= tipsLimit;
    const double width = std::min(slot * 0.72, 26.0);
    const double radius = std::clamp(slot * 0.3, 1.6, 4.5);
    const double zero = scale.y(0);
    std::string backgrounds;
    std::string bars;
    std::string floats;
    std::string rings;
    const auto bar = [&](double x, double y) {
        const double top = std::min(y, zero);
        const double height = std::max(std::fabs(zero - y), 0.6);
        return concat("M", point(x - width / 2, top), "h", coordinate(width), "v",
                      coordinate(height), "h", coordinate(-width), "z");
    };
    for (std::size_t i = 0; i < chart.layers.size(); ++i) {
        const ChartLayer& layer = chart.layers[i];
        const double x = scale.box.left + slot * (static_cast<double>(i) + 0.5);
        // Outlines side by side without a gap would be a gray area: then their upper ends do.
        if (!std::isnan(layer.background))
            backgrounds += slot >= 6 ? bar(x, scale.y(layer.background))
                                     : concat("M", point(x - slot / 2, scale.y(layer.background)),
                                              "h", coordinate(std::max(0.1, slot)));
        if (!std::isnan(layer.value))
            (layer.kept ? floats : bars) += bar(x, scale.y(layer.value));
        if (layer.compared <= scale.high)
            rings += shapeOf(ErrorRating::None, x, scale.y(layer.compared), radius);
    }
    drawing.path("background", backgrounds);
    drawing.path("bar", bars);
    drawing.path("float", floats);
    drawing.path("ring", rings);
    drawing.line("zero", scale.box.left, zero, scale.box.right, zero);
    double free = scale.box.left; // labels of cut bars do not run into each other
    for (std::size_t i = 0; i < chart.layers.size(); ++i) {
        const ChartLayer& layer = chart.layers[i];
        const bool cut = std::isfinite(layer.value) && layer.value > scale.high;
        const bool endless = std::isinf(layer.value) && layer.value > 0;
        if (!cut && !endless)
            continue;
        const double x = scale.box.left + slot * (static_cast<double>(i) + 0.5);
        const double y = scale.box.top + 12;
        drawing.path("cut",
                     concat("M", point(x - width / 2 - 2, y + 4), "l", point(width + 4, -8)));
        const std::string text =
            endless ? "exact" : formatBytes(static_cast<std::uint64_t>(layer.value));
        const double length = letterWidth * static_cast<double>(characterCount(text));
        const bool right = x + width / 2 + 6 + length < scale.box.right;
        const double left = right ? x + width / 2 + 6 : x - width / 2 - 6 - length;
        if (left < free)
            continue;
        drawing.label("name halo", right ? left : left + length, y, text, right ? "start" : "end");
        free = left + length + 6;
    }
    for (std::size_t i = 0; tips && i < chart.layers.size(); ++i) {
        const double left = scale.box.left + slot * static_cast<double>(i);
        drawing.rectangle("tip", {left, scale.box.top, left + slot, scale.box.bottom},
                          tipOf(chart.layers[i]));
    }
}

} // namespace

std::string layerChart(const LayerChart& chart)
{
    constexpr double width = 1000;
    constexpr double height = 320;
    const ChartBox box{68, 50, width - 10, height - 46};
    ChartDrawing drawing(chart.id, chart.title, chart.description, width, height, true);
    const double slot =
        box.width() / static_cast<double>(std::max<std::size_t>(1, chart.layers.size()));
    const Scale scale = scaleOf(chart, box);
    drawing.label("axis", 0, 14, chart.axis);
    drawBlocks(drawing, chart, box, slot);
    drawGrid(drawing, chart, scale);
    drawNumbers(drawing, chart, box, slot);
    if (chart.style == LayerChart::Style::LogarithmicMarks)
        drawMarks(drawing, chart, scale, slot);
    else
        drawBars(drawing, chart, scale, slot);
    return drawing.finish();
}

namespace {

/// The outline of a histogram; equal neighbours share one step.
std::string steps(const Histogram& histogram, const Scale& scale, bool closed)
{
    const double width =
        scale.box.width() / static_cast<double>(std::max<std::size_t>(1, histogram.counts.size()));
    std::string data = concat("M", point(scale.box.left, scale.box.bottom));
    double previous = scale.box.bottom;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
        const double y = histogram.counts[i] > 0 ? scale.y(static_cast<double>(histogram.counts[i]))
                                                 : scale.box.bottom;
        if (coordinate(y) == coordinate(previous))
            continue;
        data += concat("H", coordinate(scale.box.left + width * static_cast<double>(i)), "V",
                       coordinate(y));
        previous = y;
    }
    data += concat("H", coordinate(scale.box.right), "V", coordinate(scale.box.bottom));
    return closed ? data + "z" : data;
}

} // namespace

std::string histogramChart(const HistogramChart& chart)
{
    constexpr double width = 1000;
    constexpr double height = 280;
    const ChartBox box{68, 46, width - 16, height - 60};
    ChartDrawing drawing(chart.id, chart.title, chart.description, width, height, true);
    Scale scale;
    scale.box = box;
    scale.logarithmic = true;
    scale.low = -0.3; // a bin with a single weight is still seen
    std::int64_t highest = 1;
    for (const Histogram* histogram : {&chart.original, &chart.dequantized})
        for (const std::int64_t count : histogram->counts)
            highest = std::max(highest, count);
    scale.high = std::log10(static_cast<double>(highest)) + 0.15;
    drawing.label("axis", 0, 14, "weights per bin (logarithmic)");
    for (double decade = 0; decade <= scale.high; ++decade) {
        const double value = std::pow(10.0, decade);
        drawing.line("grid", box.left, scale.y(value), box.right, scale.y(value));
        drawing.label("tick", box.left - 8, scale.y(value) + 4,
                      formatCount(static_cast<std::int64_t>(value)), "end");
    }
    const double lo = chart.original.lo;
    const double hi = chart.original.hi;
    const auto x = [&](double value) {
        return box.left + std::clamp((value - lo) / (hi - lo), 0.0, 1.0) * box.width();
    };
    drawing.path("original", steps(chart.original, scale, true));
    drawing.path("dequantized", steps(chart.dequantized, scale, false));
    std::string clips;
    for (const double limit : {chart.clipLow, chart.clipHigh})
        clips += concat("M", point(x(limit), box.top - 4), "V", coordinate(box.bottom));
    drawing.path("clip", clips);
    const double low = x(chart.clipLow);
    const double high = x(chart.clipHigh);
    drawing.label("clip-text", low, box.top - 10, concat("lowest ", realText(chart.clipLow, 3)),
                  low > box.right - 90 ? "end" : "start");
    drawing.label("clip-text", high, box.top - 10, concat("highest ", realText(chart.clipHigh, 3)),
                  high < box.left + 90 ? "start" : "end");
    std::string levels;
    std::string previous;
    for (const float level : chart.levels) {
        const double value = static_cast<double>(level);
        if (value < lo || value > hi)
            continue;
        std::string place = coordinate(x(value));
        if (place == previous)
            continue;
        levels += concat("M", place, " ", coordinate(box.bottom + 3), "v8");
        previous = std::move(place);
    }
    drawing.path("level", levels);
    drawing.line("zero", box.left, box.bottom, box.right, box.bottom);
    const double step = niceStep(hi - lo, 8);
    for (double index = std::ceil(lo / step); index * step <= hi; ++index)
        drawing.label("tick", x(index * step), box.bottom + 26,
                      realText(index == 0 ? 0 : index * step, 4), "middle");
    drawing.label("axis", (box.left + box.right) / 2, box.bottom + 46, "weight", "middle");
    return drawing.finish();
}

std::string bitsMap(const ChartBits& map)
{
    constexpr std::size_t most = 30; // blocks side by side
    const std::size_t columns = std::min(most, map.blocks.size());
    const std::size_t bands = map.blocks.empty() ? 0 : (map.blocks.size() + most - 1) / most;
    std::size_t longest = 4;
    std::vector<std::string> kinds;
    for (const std::string& kind : map.kinds) {
        kinds.push_back(shortened(kind, 30));
        longest = std::max(longest, characterCount(kinds.back()));
    }
    const double left = std::max(68.0, 16 + letterWidth * static_cast<double>(longest));
    const double cell = std::clamp(
        (990 - left) / static_cast<double>(std::max<std::size_t>(1, columns)), 24.0, 64.0);
    constexpr double row = 28;
    constexpr double head = 26;
    constexpr double gap = 16;
    const double band = head + row * static_cast<double>(kinds.size());
    const double width = left + cell * static_cast<double>(columns) + 2;
    const double height = static_cast<double>(bands) * (band + gap) - gap + 4;
    ChartDrawing drawing(map.id, map.title, map.description, width, std::max(height, head), false);
    // Labels of blocks thin out to what fits.
    std::size_t widest = 1;
    for (const std::string& block : map.blocks)
        widest = std::max(widest, std::min<std::size_t>(18, characterCount(block)));
    const auto every = static_cast<std::size_t>(
        std::max(1.0, std::ceil(letterWidth * static_cast<double>(widest + 1) / cell)));
    for (std::size_t b = 0; b < map.blocks.size(); ++b) {
        const double top = static_cast<double>(b / most) * (band + gap);
        const double x = left + cell * static_cast<double>(b % most);
        if (b % most == 0)
            for (std::size_t k = 0; k < kinds.size(); ++k)
                drawing.label("tick", left - 8,
                              top + head + row * (static_cast<double>(k) + 0.5) + 4, kinds[k],
                              "end");
        if (b % most % every == 0)
            drawing.label("tick", x + cell / 2, top + head - 8, shortened(map.blocks[b], 18),
                          "middle");
        for (std::size_t k = 0; k < kinds.size(); ++k) {
            const ChartBits::Cell& value = map.cells[b * kinds.size() + k];
            if (!value.present)
                continue;
            const double y = top + head + row * static_cast<double>(k);
            const std::string tone =
                value.bits == 0 ? "bf" : concat("b", std::clamp(value.bits, 2, 8));
            drawing.rectangle(concat("cell ", tone), {x + 1, y + 1, x + cell - 1, y + row - 1},
                              value.text);
            const bool marked =
                value.rating == ErrorRating::Fair || value.rating == ErrorRating::Poor;
            const double middle = x + cell / 2 - (marked ? 6 : 0);
            drawing.label(concat("cell-text ", tone, "t"), middle, y + row / 2 + 4.5,
                          value.bits == 0 ? "F" : std::to_string(value.bits), "middle");
            if (marked)
                drawing.path(concat("cell-mark ", tone, "t"),
                             shapeOf(value.rating, middle + 11, y + row / 2, 3.6));
        }
    }
    return drawing.finish();
}

} // namespace gradus
