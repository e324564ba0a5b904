// SPDX-License-Identifier: GPL-3.0-or-later
// What methods with power grids chose, and where their gain comes from.
#include "core/base/format.h"
#include "core/session/gain_steps.h"
#include "core/session/report_page.h"
#include "core/session/report_power_chart.h"
#include "core/session/weight_view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

namespace {

constexpr std::size_t mostLines = 24; ///< of levels

ExponentChart::LayerExponent exponentsOf(const LayerResult& result)
{
    const std::vector<float>& all = result.weight->exponents;
    const auto [low, high] = std::minmax_element(all.begin(), all.end());
    ExponentChart::LayerExponent layer;
    layer.low = static_cast<double>(*low);
    layer.high = static_cast<double>(*high);
    layer.typical = std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
    return layer;
}

std::string exponentText(const ExponentChart::LayerExponent& layer)
{
    return layer.high > layer.low
               ? concat("a ", realText(layer.typical, 3), " (rows from ", realText(layer.low, 3),
                        " to ", realText(layer.high, 3), ")")
               : concat("a ", realText(layer.typical, 3));
}

double middle(std::vector<double> values)
{
    const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), half, values.end());
    return *half;
}

} // namespace

std::vector<std::size_t> ReportPage::powerLayers() const
{
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const LayerResult& result = *m_rows[i].result;
        if (result.weight && !result.weight->exponents.empty())
            rows.push_back(i);
    }
    return rows;
}

void ReportPage::power()
{
    const std::vector<std::size_t> rows = powerLayers();
    if (rows.empty())
        return;
    open("power", "Power grids");
    std::vector<double> typical;
    std::int64_t outliers = 0;
    std::int64_t weights = 0;
    for (const std::size_t i : rows) {
        const QuantizedWeight& weight = *m_rows[i].result->weight;
        typical.push_back(exponentsOf(*m_rows[i].result).typical);
        outliers += static_cast<std::int64_t>(weight.outliers.columns.size());
        weights += weight.rows * weight.cols;
    }
    const auto [low, high] = std::minmax_element(typical.begin(), typical.end());
    add("<p>", counted(static_cast<std::int64_t>(rows.size()), "layer has", "layers have"),
        " levels s · (k/N)<sup>1/a</sup>. The exponents a go from ", realText(*low, 3), " to ",
        realText(*high, 3), ", median ", realText(middle(typical), 3), ".");
    if (outliers > 0)
        add(" ", counted(outliers, "weight is", "weights are"), " kept as floats, ",
            formatPercent(static_cast<double>(outliers) / static_cast<double>(weights)),
            " of these layers.");
    add("</p>\n");
    powerExponents(rows);
    powerGain(rows);
    powerLevels(rows);
    close();
}

void ReportPage::powerExponents(const std::vector<std::size_t>& rows)
{
    ExponentChart chart;
    chart.id = "chart-exponents";
    chart.title = "Exponent of each layer";
    for (const std::size_t i : rows) {
        chart.layers.push_back(exponentsOf(*m_rows[i].result));
        chart.layers.back().tip =
            concat(m_rows[i].layer->name, ": ", exponentText(chart.layers.back()));
    }
    chart.description = concat("Exponents of ", rows.size(),
                               " layers as dots, with lines at 1, the "
                               "uniform grid, and at one half.");
    figure(
        chart.title, exponentChart(chart),
        "1 is a uniform grid; smaller exponents have finer levels near zero. Rows with exponents "
        "of their own: a line over all, a dot at their mean.");
}

void ReportPage::powerGain(const std::vector<std::size_t>& rows)
{
    std::vector<GainSteps> layers;
    for (const std::size_t i : rows)
        layers.push_back(gainSteps(m_rows[i].result->trace));
    GainChart chart;
    chart.gain = meanGain(layers);
    if (chart.gain.empty())
        return;
    chart.id = "chart-gain";
    chart.title = "Where the gain comes from";
    chart.description = "A bar for each kind of step, in decibel, beginning where the one before "
                        "ended:";
    for (std::size_t k = 0; k < gainKinds; ++k)
        if (const auto kind = static_cast<GainKind>(k); chart.gain.has(kind))
            chart.description +=
                concat(" ", gainTitle(kind), " ", realText(chart.gain.of(kind), 3), " dB,");
    chart.description += concat(" in all ", realText(chart.gain.total(), 3), " dB.");
    figure(chart.title, gainChart(chart),
           concat("Gain over the uniform grid, rounded to nearest: ",
                  chart.gain.ofOutputs ? "output" : "weight", " error ",
                  formatPercent(chart.gain.first), " → ", formatPercent(chart.gain.last),
                  ". Mean of ", counted(chart.gain.layers, "layer", "layers"),
                  " in decibel, so that the bars add up; the errors are geometric means."));
}

void ReportPage::powerLevels(const std::vector<std::size_t>& rows)
{
    LevelsChart chart;
    chart.id = "chart-levels";
    chart.title = "Levels";
    chart.description = "The levels of each layer as ticks between minus and plus its scale.";
    // Evenly spread over the model when there are many.
    const std::size_t shown = std::min(rows.size(), mostLines);
    for (std::size_t n = 0; n < shown; ++n) {
        const std::size_t i = rows[n * rows.size() / shown];
        const LayerResult& result = *m_rows[i].result;
        LevelsChart::Line line;
        line.label = labelOf(m_rows[i]);
        const double exponent = static_cast<double>(result.weight->exponents.front());
        line.text = concat("a ", realText(exponent, 3));
        const float scale = result.weight->scales.front();
        line.levels = granuleLevels(*result.weight, 0, 0);
        for (float& level : line.levels)
            level = scale > 0 ? level / scale : 0;
        line.tip = concat(m_rows[i].layer->name, ": ", line.levels.size(), " levels, ", line.text);
        chart.lines.push_back(std::move(line));
    }
    figure(chart.title, levelsChart(chart),
           shown < rows.size() ? concat(shown, " of ", rows.size(),
                                        " layers, evenly spread; of rows with exponents of their "
                                        "own, the first.")
                               : std::string("Of rows with exponents of their own, the first."));
}

void ReportPage::powerFacts(const LayerResult& result)
{
    const QuantizedWeight& weight = *result.weight;
    if (!weight.exponents.empty()) {
        std::string text = exponentText(exponentsOf(result));
        if (weight.scheme.levels == Levels::PowerMidRise)
            text += ", levels without zero";
        fact("Exponent", text);
    }
    if (!weight.outliers.empty()) {
        const auto count = static_cast<std::int64_t>(weight.outliers.columns.size());
        fact("Outliers", concat(counted(count, "weight", "weights"), " kept as floats, ",
                                formatPercent(static_cast<double>(count) /
                                              static_cast<double>(weight.rows * weight.cols))));
    }
    if (result.activation) {
        const ActivationGrid& grid = *result.activation;
        fact("Inputs",
             concat(counted(grid.bits, "bit", "bits"), grid.isSigned ? ", signed" : ", unsigned",
                    ", a ", realText(static_cast<double>(grid.exponent), 3), ", limit ",
                    realText(static_cast<double>(grid.limit), 4),
                    grid.shift > 0
                        ? concat(", moved up by ", realText(static_cast<double>(grid.shift), 3))
                        : std::string(),
                    ", error ", formatPercent(grid.relativeError), " of the calibration inputs"));
    }
}

} // namespace gradus
