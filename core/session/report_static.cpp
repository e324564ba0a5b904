// SPDX-License-Identifier: GPL-3.0-or-later
// What static quantization made of the layers' inputs.
#include "core/base/format.h"
#include "core/session/report_page.h"
#include "core/session/report_static_chart.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

std::string scaleText(const AffineGrid& grid)
{
    if (grid.scales.empty())
        return "–";
    const auto [low, high] = std::minmax_element(grid.scales.begin(), grid.scales.end());
    return grid.scales.size() == 1 ? realText(static_cast<double>(*low), 3)
                                   : concat(realText(static_cast<double>(*low), 3), " … ",
                                            realText(static_cast<double>(*high), 3));
}

std::string zeroText(const AffineGrid& grid)
{
    if (grid.zeros.empty())
        return "–";
    const auto [low, high] = std::minmax_element(grid.zeros.begin(), grid.zeros.end());
    return grid.zeros.size() == 1 ? realText(*low + static_cast<double>(grid.fraction), 4)
                                  : concat(std::to_string(*low), " … ", std::to_string(*high));
}

/// "q 4, k 4, v 4, softmax log√2 4".
std::string attentionText(const StaticInputs& inputs)
{
    if (!inputs.attention)
        return {};
    const AttentionGrids& grids = *inputs.attention;
    const auto bits = [](const std::optional<AffineGrid>& grid) {
        return grid ? std::to_string(grid->bits) : std::string("float");
    };
    return concat("q ", bits(grids.query), ", k ", bits(grids.key), ", v ", bits(grids.value),
                  ", softmax ",
                  grids.probabilities ? concat(probabilityTitle(quantizerOf(*grids.probabilities)),
                                               " ", std::to_string(bitsOf(*grids.probabilities)))
                                      : std::string("float"));
}

} // namespace

std::vector<std::size_t> ReportPage::staticLayers() const
{
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        if (m_rows[i].result->staticInputs)
            rows.push_back(i);
    return rows;
}

void ReportPage::staticInputs()
{
    const std::vector<std::size_t> rows = staticLayers();
    if (rows.empty())
        return;
    open("inputs", "Quantized inputs");
    std::int64_t folded = 0;
    for (const std::size_t i : rows)
        folded += m_rows[i].result->staticInputs->norm ? 1 : 0;
    add("<p>", counted(static_cast<std::int64_t>(rows.size()), "layer has", "layers have"),
        " inputs on uniform grids");
    if (folded > 0)
        add("; ", counted(folded, "norm was", "norms were"),
            " divided so that all channels share a grid");
    add(".</p>\n");
    staticTable(rows);
    staticNorms(rows);
    staticSoftmax(rows);
    close();
}

void ReportPage::more(std::size_t count, std::size_t most)
{
    if (count > most)
        add("<p class=\"quiet\">",
            counted(static_cast<std::int64_t>(count - most), "more is", "more are"),
            " not drawn.</p>\n");
}

void ReportPage::staticTable(const std::vector<std::size_t>& rows)
{
    add("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"inputs\">\n"
        "<table id=\"input-table\">\n<caption>Relative output errors on calibration rows with "
        "weights only, inputs only and both quantized; λ of the reconstruction of "
        "weights.</caption>\n<thead><tr>");
    const std::pair<const char*, const char*> columns[] = {{"", "Layer"},
                                                           {"n", "Bits"},
                                                           {"n", "Scale"},
                                                           {"n", "Zero"},
                                                           {"", "Attention before it"},
                                                           {"n", "Weights only"},
                                                           {"n", "Inputs only"},
                                                           {"n", "Both"},
                                                           {"n", "λ"}};
    for (const auto& [style, title] : columns)
        add("<th scope=\"col\"", *style ? concat(" class=\"", style, "\"") : "", ">", title,
            "</th>");
    add("</tr></thead>\n<tbody>\n");
    for (std::size_t n = 0; n < rows.size(); ++n) {
        if (n % 256 == 0)
            m_monitor.checkpoint();
        const ReportRow& row = m_rows[rows[n]];
        const StaticInputs& inputs = *row.result->staticInputs;
        add("<tr><th scope=\"row\" class=\"name\">", breakable(row.layer->name), "</th>");
        cell("n", inputs.grid ? std::to_string(inputs.grid->bits) : "float");
        cell("n", inputs.grid ? scaleText(*inputs.grid) : "");
        cell("n", inputs.grid ? zeroText(*inputs.grid) : "");
        cell("", attentionText(inputs));
        const auto error = [&](double value) {
            cell("n", std::isnan(value) ? "" : formatPercent(value));
        };
        error(inputs.errors.weights);
        error(inputs.errors.inputs);
        error(inputs.errors.both);
        cell("n", std::isnan(inputs.lambda) ? "" : realText(inputs.lambda, 3));
        add("</tr>\n");
    }
    add("</tbody>\n</table>\n</div>\n");
}

void ReportPage::staticNorms(const std::vector<std::size_t>& rows)
{
    const std::size_t most = static_cast<std::size_t>(std::max(0, m_request.maximumHistograms));
    std::vector<std::size_t> norms;
    for (const std::size_t i : rows)
        if (const auto& norm = m_rows[i].result->staticInputs->norm; norm && !norm->minimum.empty())
            norms.push_back(i);
    if (norms.empty())
        return;
    add("<h3>Norms</h3>\n<p>Ranges of the channels on the calibration inputs, and the limits of "
        "the grids, before and after the norm was divided.</p>\n");
    for (std::size_t n = 0; n < std::min(norms.size(), most); ++n) {
        const StaticInputs& inputs = *m_rows[norms[n]].result->staticInputs;
        const NormReport& report = *inputs.norm;
        const std::string codes =
            report.codes <= 0
                ? std::string("codes not compared, as the zero is fractional")
                : concat("codes equal in ", formatCount(report.codes - report.differing), " of ",
                         formatCount(report.codes));
        NormChart chart;
        chart.id = concat("chart-norm-", n + 1);
        chart.title = report.norm;
        chart.description = concat("Ranges of ", report.minimum.size(), " channels; ", codes, ".");
        chart.ranges = normRanges(report, inputs);
        add("<details", n == 0 ? " open=\"open\"" : "", "><summary>", named(report.norm),
            "<span class=\"quiet\">", codes,
            "</span></summary>\n<figure>\n<div class=\"scroll\" "
            "tabindex=\"0\" role=\"region\" aria-label=\"",
            escaped(report.norm), "\">\n", normChart(chart), "</div>\n<figcaption>",
            key("<path class=\"original\" d=\"M1 3h12v8h-12z\"/>", "seen"),
            key("<path class=\"clip\" d=\"M0 7h14\"/>", "limits; what lies beyond saturates"),
            "</figcaption>\n</figure>\n</details>\n");
        m_monitor.checkpoint();
    }
    more(norms.size(), most);
}

void ReportPage::staticSoftmax(const std::vector<std::size_t>& rows)
{
    const std::size_t most = static_cast<std::size_t>(std::max(0, m_request.maximumHistograms));
    std::vector<std::size_t> attentions;
    for (const std::size_t i : rows) {
        const StaticInputs& inputs = *m_rows[i].result->staticInputs;
        if (inputs.probabilities && totalOf(*inputs.probabilities) > 0)
            attentions.push_back(i);
    }
    if (attentions.empty())
        return;
    add("<h3>Softmax</h3>\n<p>Where the probabilities before these layers lie, and the levels of "
        "quantizers with as many bits and the same largest level.</p>\n");
    for (std::size_t n = 0; n < std::min(attentions.size(), most); ++n) {
        const ReportRow& row = m_rows[attentions[n]];
        const StaticInputs& inputs = *row.result->staticInputs;
        ProbabilityChart chart;
        chart.id = concat("chart-softmax-", n + 1);
        chart.title = concat("Softmax before ", row.layer->name);
        chart.histogram = *inputs.probabilities;
        if (inputs.attention)
            chart.grid = inputs.attention->probabilities;
        std::string facts = concat("exactly 0: ", formatPercent(zeroShare(chart.histogram)));
        if (chart.grid) {
            const double from = octaveLevels(*chart.grid).zeroFrom;
            facts += std::isfinite(from) ? concat(", below the last level: ",
                                                  formatPercent(shareFrom(chart.histogram, from)))
                                         : std::string(", nothing becomes 0");
        }
        chart.description = concat("Histogram of probabilities over their octaves; ", facts, ".");
        add("<details", n == 0 ? " open=\"open\"" : "", "><summary>", named(row.layer->name),
            "<span class=\"quiet\">", facts,
            "</span></summary>\n<figure>\n<div class=\"scroll\" "
            "tabindex=\"0\" role=\"region\" aria-label=\"",
            escaped(chart.title), "\">\n", probabilityChart(chart), "</div>\n<figcaption>",
            key("<path class=\"original\" d=\"M3 1h8v12h-8z\"/>", "probabilities"),
            key("<path class=\"level\" d=\"M7 0v14\"/>", "levels of the layer's quantizer"),
            key("<path class=\"clip\" d=\"M0 7h14\"/>", "becomes 0"),
            "</figcaption>\n</figure>\n</details>\n");
        m_monitor.checkpoint();
    }
    more(attentions.size(), most);
}

} // namespace gradus
