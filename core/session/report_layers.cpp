// SPDX-License-Identifier: GPL-3.0-or-later
// The charts and the table of all layers.
#include "core/base/format.h"
#include "core/session/report_page.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace gradus {

void ReportPage::charts()
{
    open("charts", "Charts");
    LayerChart chart;
    chart.blocks = chartBlocks();
    for (const ReportRow& row : m_rows) {
        ChartLayer layer;
        layer.name = row.layer->name;
        layer.label = labelOf(row);
        layer.kept = !row.result->weight;
        chart.layers.push_back(std::move(layer));
    }
    std::string bands;
    if (!chart.blocks.empty())
        bands = concat(" On top: blocks",
                       m_blockPrefix.empty()
                           ? std::string()
                           : concat(" (", escaped(shortened(m_blockPrefix, 60)), "N)"),
                       ".");
    const std::string ring =
        m_request.compared
            ? key("<path class=\"ring\" d=\"M2 7a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z\"/>",
                  escaped(shortened(comparedName(), 60)))
            : std::string();
    errorChart(chart, bands, ring);
    sqnrChart(chart, bands, ring);
    sizeChart(chart, bands, ring);
    bitsChart();
    close();
}

std::string ReportPage::key(std::string_view drawing, std::string_view text)
{
    return concat("<span class=\"key\"><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\">", drawing,
                  "</svg>", text, "</span> ");
}

void ReportPage::errorChart(LayerChart chart, const std::string& bands, const std::string& ring)
{
    bool any = m_judgment.measured();
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const ReportRow& row = m_rows[i];
        ChartLayer& layer = chart.layers[i];
        layer.value = row.result->relativeOutputError;
        layer.rating = ratingOf(layer.value);
        layer.text = concat(formatPercent(layer.value),
                            ratingName(layer.rating).empty() ? "" : ", ", ratingName(layer.rating));
        if (row.compared) {
            layer.compared = row.compared->relativeOutputError;
            any = any || !std::isnan(layer.compared);
            layer.text = withCompared(layer.text, formatPercent(layer.compared));
        }
    }
    if (!any) {
        add("<h3>Relative output error</h3>\n<p class=\"quiet\">Not measured: the run had no "
            "calibration inputs.</p>\n");
        return;
    }
    chart.id = "chart-error";
    chart.title = "Relative output error per layer";
    chart.description =
        m_judgment.measured()
            ? concat("One mark per layer in model order on a logarithmic axis. Worst ",
                     formatPercent(m_judgment.worst), " in ", shortened(m_judgment.worstLayer, 120),
                     ", median ", formatPercent(m_judgment.median),
                     ". The table of layers has every value.")
            : "One mark per layer in model order on a logarithmic axis.";
    chart.axis = "relative output error (logarithmic)";
    chart.style = LayerChart::Style::LogarithmicMarks;
    chart.labelled = 3;
    std::string caption;
    caption += key("<path class=\"mark good\" d=\"M2 7a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z\"/>",
                   concat("good, up to ", realText(goodOutputError * 100), " %"));
    caption += key("<path class=\"mark fair\" d=\"M7 2l5.5 9.5h-11z\"/>",
                   concat("fair, up to ", realText(fairOutputError * 100), " %"));
    caption += key("<path class=\"mark poor\" d=\"M7 1l6 6l-6 6l-6 -6z\"/>", "poor");
    figure("Relative output error", layerChart(chart), caption + ring + bands);
}

void ReportPage::sqnrChart(LayerChart chart, const std::string& bands, const std::string& ring)
{
    Judgment unused;
    double least = std::numeric_limits<double>::infinity();
    std::string leastLayer;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const ReportRow& row = m_rows[i];
        ChartLayer& layer = chart.layers[i];
        layer.value = row.result->weightSqnrDb;
        layer.text = layer.kept ? "stays float" : formatDecibel(layer.value);
        if (layer.value < least) {
            least = layer.value;
            leastLayer = layer.name;
        }
        if (row.compared) {
            layer.compared = row.compared->weightSqnrDb;
            layer.text = withCompared(layer.text, formatDecibel(layer.compared));
        }
    }
    chart.id = "chart-sqnr";
    chart.title = "Weight SQNR per layer";
    chart.description =
        "One bar per quantized layer in model order, in decibels; higher is better.";
    if (!leastLayer.empty())
        chart.description +=
            concat(" Lowest ", formatDecibel(least), " in ", shortened(leastLayer, 120), ".");
    chart.axis = "weight SQNR (dB)";
    chart.style = LayerChart::Style::Decibel;
    figure("Weight SQNR", layerChart(chart),
           key("<path class=\"bar\" d=\"M3 1h8v12h-8z\"/>",
               concat(escaped(shortened(runName(), 60)), ", higher is better")) +
               ring + bands);
}

void ReportPage::sizeChart(LayerChart chart, const std::string& bands, const std::string& ring)
{
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const ReportRow& row = m_rows[i];
        ChartLayer& layer = chart.layers[i];
        if (layer.kept) {
            layer.value = static_cast<double>(row.sourceBytes);
            layer.text = concat(formatBytes(row.sourceBytes), ", stays float");
        } else {
            layer.value = static_cast<double>(row.result->bytes());
            layer.background = static_cast<double>(row.sourceBytes);
            layer.text = concat(formatBytes(row.result->bytes()), " of ",
                                formatBytes(row.sourceBytes), " in the source");
        }
        if (row.compared) {
            const std::uint64_t bytes =
                row.compared->weight ? row.compared->bytes() : row.sourceBytes;
            layer.compared = static_cast<double>(bytes);
            layer.text = withCompared(layer.text, formatBytes(bytes));
        }
    }
    chart.id = "chart-size";
    chart.title = "Stored size per layer";
    chart.description = concat("One bar per layer in model order, with its size in the source "
                               "outlined. Together ",
                               formatBytes(m_run.totals.bytes), " quantized and ",
                               formatBytes(m_run.totals.floatBytes), " float.");
    chart.axis = "stored size";
    chart.style = LayerChart::Style::Bytes;
    figure("Size", layerChart(chart),
           key("<path class=\"bar\" d=\"M3 1h8v12h-8z\"/>", "quantized") +
               key("<path class=\"background\" d=\"M3 1h8v12h-8z\"/>", "in the source") +
               key("<path class=\"float\" d=\"M3 1h8v12h-8z\"/>", "stays float") + ring + bands);
}

void ReportPage::bitsChart()
{
    constexpr std::size_t mostBlocks = 256;
    constexpr std::size_t mostKinds = 40;
    add("<h3>Bits</h3>\n");
    ChartBits map;
    map.id = "chart-bits";
    map.title = "Bits per block and kind of layer";
    for (const ReportRow& row : m_rows)
        if (!row.block.empty() &&
            std::find(map.kinds.begin(), map.kinds.end(), row.kind) == map.kinds.end() &&
            map.kinds.size() <= mostKinds)
            map.kinds.push_back(row.kind);
    if (map.kinds.empty()) {
        add("<p class=\"quiet\">The model has no repeated blocks; the table below has the bits "
            "of every layer.</p>\n");
        return;
    }
    if (map.kinds.size() > mostKinds || m_model.blocks.size() > mostBlocks) {
        add("<p class=\"quiet\">Too many blocks or kinds of layers to draw; the table below "
            "has "
            "the bits of every layer.</p>\n");
        return;
    }
    map.blocks = m_blockLabels;
    map.cells.resize(map.blocks.size() * map.kinds.size());
    std::map<int, std::int64_t> layersOfBits;
    std::string outside;
    for (const ReportRow& row : m_rows) {
        const int bits = row.result->weight ? row.result->weight->scheme.bits : 0;
        ++layersOfBits[bits];
        if (row.block.empty()) {
            outside +=
                concat(outside.empty() ? " Outside of the blocks: " : ", ", named(row.layer->name),
                       " ", bits == 0 ? "stays float" : counted(bits, "bit", "bits"));
            continue;
        }
        const auto kind = static_cast<std::size_t>(
            std::find(map.kinds.begin(), map.kinds.end(), row.kind) - map.kinds.begin());
        ChartBits::Cell& cell =
            map.cells[static_cast<std::size_t>(row.layer->block) * map.kinds.size() + kind];
        cell.present = true;
        cell.bits = bits;
        cell.rating = ratingOf(row.result->relativeOutputError);
        cell.text = concat(shortened(row.layer->name, 120), ": ", shortChoice(*row.result));
        if (cell.rating != ErrorRating::None)
            cell.text += concat(", output error ", formatPercent(row.result->relativeOutputError),
                                ", ", ratingName(cell.rating));
    }
    map.description = "Blocks are columns, kinds of layers rows; the number is the bits of the "
                      "codes. Layers with";
    std::string_view separator = " ";
    for (const auto& [bits, count] : layersOfBits) {
        map.description += concat(separator, bits == 0 ? "float" : std::to_string(bits) + " bits",
                                  ": ", formatCount(count));
        separator = ", ";
    }
    map.description += '.';
    std::string caption = "Columns are blocks, rows kinds of layers; numbers are bits, F stays "
                          "float. A triangle marks a fair and a diamond a poor output error.";
    constexpr std::size_t mostOutside = 2000; // bytes of markup: a few names, not hundreds
    if (outside.size() <= mostOutside && !outside.empty())
        caption += concat(outside, ".");
    add("<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Bits\">\n",
        bitsMap(map), "</div>\n<figcaption>", caption, "</figcaption>\n</figure>\n");
}

void ReportPage::table()
{
    open("layers", "Layers");
    add("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"layers\">\n"
        "<table id=\"layer-table\">\n<caption>Every layer in model order. ",
        symbol(ErrorRating::Good), " good, ", symbol(ErrorRating::Fair), " fair, ",
        symbol(ErrorRating::Poor), " poor relative output error.",
        m_histograms > 0 ? " A name that is a link leads to its weights." : "",
        "</caption>\n<thead><tr>");
    const std::pair<const char*, const char*> columns[] = {
        {"n", "#"},           {"", "Layer and note"}, {"c", "Kind"},        {"n", "Shape"},
        {"c", "Method"},      {"n", "Bits"},          {"n", "Group"},       {"c", "Symmetry"},
        {"n", "Bits/weight"}, {"n", "Size"},          {"n", "Weight SQNR"}, {"n", "Output error"}};
    for (const auto& [style, title] : columns)
        add("<th scope=\"col\"", *style ? concat(" class=\"", style, "\"") : "", ">", title,
            "</th>");
    add("</tr></thead>\n<tbody>\n");
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        if (i % 256 == 0)
            m_monitor.checkpoint();
        tableRow(i);
    }
    add("</tbody>\n</table>\n</div>\n");
    close();
}

void ReportPage::cell(std::string_view style, const std::string& markup)
{
    add("<td class=\"", style, "\">", markup, "</td>");
}

void ReportPage::tableRow(std::size_t i)
{
    const ReportRow& row = m_rows[i];
    const LayerResult& result = *row.result;
    add("<tr>");
    cell("n", formatCount(static_cast<std::int64_t>(i + 1)));
    add("<th scope=\"row\" class=\"name\">");
    if (m_drawn[i])
        add("<a href=\"#weights-", i + 1, "\">", breakable(row.layer->name), "</a>");
    else
        add(breakable(row.layer->name));
    if (!result.note.empty())
        add("<span class=\"note\">", escaped(result.note), "</span>");
    add("</th>");
    cell("c", std::string(layerKindName(row.layer->kind)));
    cell("n", concat(row.layer->rows, " × ", row.layer->cols));
    if (result.weight) {
        const Scheme& scheme = result.weight->scheme;
        cell("c", methodText(result));
        cell("n", std::to_string(scheme.bits));
        cell("n", granuleText(scheme));
        cell("c", scheme.symmetric ? "symmetric" : "asymmetric");
        cell("n", formatBitsPerWeight(result.bitsPerWeight()));
        cell("n", formatBytes(result.bytes()));
    } else {
        cell("c quiet", concat("float ", dtypeName(row.layer->dtype)));
        add("<td></td><td></td><td></td>");
        cell("n quiet",
             formatBitsPerWeight(8.0 * static_cast<double>(dtypeSize(row.layer->dtype))));
        cell("n quiet", formatBytes(row.sourceBytes));
    }
    cell("n", result.weight ? formatDecibel(result.weightSqnrDb) : "");
    const ErrorRating rating = ratingOf(result.relativeOutputError);
    cell("n", result.weight ? concat(formatPercent(result.relativeOutputError),
                                     rating == ErrorRating::None ? "" : " ", symbol(rating))
                            : "");
    add("</tr>\n");
}

} // namespace gradus
