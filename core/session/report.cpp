// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report.h"

#include "core/base/atomic_file.h"
#include "core/base/format.h"
#include "core/session/prepared_model.h"
#include "core/session/program.h"
#include "core/session/report_page.h"
#include "core/session/report_style.h"

#include <locale.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {

namespace {

/// Numbers with a decimal point on this thread, whatever the program's locale: the workbench and
/// the command line write the same bytes.
class PlainNumbers
{
public:
    PlainNumbers()
        : m_plain(::newlocale(LC_NUMERIC_MASK, "C", nullptr))
        , m_before(m_plain ? ::uselocale(m_plain) : nullptr)
    {
    }
    ~PlainNumbers()
    {
        if (!m_plain)
            return;
        ::uselocale(m_before);
        ::freelocale(m_plain);
    }
    PlainNumbers(const PlainNumbers&) = delete;
    PlainNumbers& operator=(const PlainNumbers&) = delete;

private:
    ::locale_t m_plain;
    ::locale_t m_before;
};

} // namespace

ReportPage::ReportPage(const ReportRequest& request, Monitor& monitor)
    : m_request(request)
    , m_monitor(monitor)
    , m_rows(reportRows(request, monitor))
    , m_model(*request.model)
    , m_run(*request.run)
    , m_judgment(judge(*request.run))
{
}

std::string ReportPage::write()
{
    chooseHistograms();
    labelBlocks();
    head();
    summary();
    charts();
    table();
    if (m_request.compared)
        comparison();
    power();
    staticInputs();
    training();
    weights();
    recipe();
    provenance();
    words();
    add("<footer><p>Written by ", escaped(programName()),
        ".</p></footer>\n</main>\n</body>\n</html>\n");
    return std::move(m_text);
}

void ReportPage::chooseHistograms()
{
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        if (m_rows[i].result->weight && !m_rows[i].result->weight->codes.empty())
            order.push_back(i);
    const auto badness = [&](std::size_t i) {
        const LayerResult& result = *m_rows[i].result;
        const double value =
            m_judgment.measured() ? result.relativeOutputError : -result.weightSqnrDb;
        return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return badness(a) > badness(b); });
    const auto most = static_cast<std::size_t>(std::max(0, m_request.maximumHistograms));
    if (order.size() > most)
        order.resize(most);
    m_drawn.assign(m_rows.size(), false);
    for (const std::size_t i : order)
        m_drawn[i] = true;
    m_worst = order.empty() ? m_rows.size() : order.front();
    m_histograms = order.size();
}

void ReportPage::labelBlocks()
{
    for (std::size_t i = 0; i < m_model.blocks.size(); ++i) {
        const std::string& name = m_model.blocks[i].name;
        const std::size_t dot = name.rfind('.');
        const std::string prefix = dot == std::string::npos ? "" : name.substr(0, dot + 1);
        if (i == 0)
            m_blockPrefix = prefix;
        else if (prefix != m_blockPrefix)
            m_blockPrefix.clear();
    }
    for (const Block& block : m_model.blocks)
        m_blockLabels.push_back(block.name.substr(m_blockPrefix.size()));
}

std::string ReportPage::labelOf(const ReportRow& row) const
{
    if (row.block.empty())
        return row.layer->name;
    return concat(m_blockLabels[static_cast<std::size_t>(row.layer->block)], " ", row.kind);
}

std::vector<ChartBlock> ReportPage::chartBlocks() const
{
    std::vector<ChartBlock> blocks;
    int current = -1;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const int block = m_rows[i].block.empty() ? -1 : m_rows[i].layer->block;
        if (block >= 0 && block == current)
            blocks.back().last = i;
        else if (block >= 0)
            blocks.push_back({i, i, m_blockLabels[static_cast<std::size_t>(block)]});
        current = block;
    }
    return blocks;
}

void ReportPage::head()
{
    const std::string title =
        m_request.title.empty() ? concat("Quantization of ", modelName()) : m_request.title;
    add("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
        "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n"
        "<meta name=\"generator\" content=\"",
        escaped(programName()), "\"/>\n<title>", escaped(title), "</title>\n<style>", reportStyle,
        "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", escaped(title),
        "</h1>\n<p class=\"lead\">");
    add(named(modelName()), " · ", escaped(m_model.architecture), " · ",
        formatCount(m_model.parameters), " parameters · ", escaped(m_model.source.format));
    if (!m_request.runName.empty())
        add(" · run ", named(m_request.runName));
    if (m_request.compared)
        add(", compared with ", named(comparedName()));
    add("</p>\n</header>\n<nav aria-label=\"Sections\"><ul>");
    const auto link = [&](std::string_view id, std::string_view text) {
        add("<li><a href=\"#", id, "\">", text, "</a></li>");
    };
    link("summary", "Summary");
    link("charts", "Charts");
    link("layers", "Layers");
    if (m_request.compared)
        link("comparison", "Comparison");
    if (!powerLayers().empty())
        link("power", "Power grids");
    if (!staticLayers().empty())
        link("inputs", "Quantized inputs");
    if (const auto all = trainings(); !all.empty())
        link("training", all.front().outcome->block < 0 ? "Fine-tuning" : "Block stage");
    link("weights", "Weights");
    link("recipe", "Recipe");
    link("provenance", "Provenance");
    link("words", "What the numbers mean");
    add("</ul></nav>\n");
}

void ReportPage::summary()
{
    const Totals& totals = m_run.totals;
    const std::uint64_t all = totals.bytes + totals.floatBytes;
    open("summary", "Summary");
    add("<p class=\"headline\">", formatCount(m_judgment.quantized), " of ",
        counted(static_cast<std::int64_t>(m_rows.size()), "layer", "layers"), " quantized");
    if (!std::isnan(totals.bitsPerWeight))
        add(" at ", formatBitsPerWeight(totals.bitsPerWeight), " bits per weight");
    add(".</p>\n<dl class=\"cards\">\n");
    card("Bits per weight", formatBitsPerWeight(totals.bitsPerWeight),
         counted(totals.weights, "quantized weight", "quantized weights"));
    card("Quantized layers", formatBytes(totals.bytes), "codes, scales and zeros");
    card("Stays float", formatBytes(totals.floatBytes), "in the source's type");
    card("In all", formatBytes(all),
         concat(formatPercent(ratio(all, m_model.source.bytes)), " of the source's ",
                formatBytes(m_model.source.bytes)));
    card("Worst output error", formatPercent(m_judgment.worst),
         m_judgment.measured() ? named(m_judgment.worstLayer) : "needs calibration");
    card("Median output error", formatPercent(m_judgment.median),
         m_judgment.measured() ? "over the quantized layers" : "needs calibration");
    add("</dl>\n");
    if (m_judgment.measured()) {
        add("<p class=\"ratings\">Relative output error: ");
        rating(ErrorRating::Good, concat("up to ", realText(goodOutputError * 100), " %"));
        add(", ");
        rating(ErrorRating::Fair, concat("up to ", realText(fairOutputError * 100), " %"));
        add(", ");
        rating(ErrorRating::Poor, "above");
        if (const std::int64_t none = m_judgment.of(ErrorRating::None); none > 0)
            add("; ", counted(none, "layer", "layers"), " not measured");
        add(".</p>\n");
    } else {
        add("<p>The relative output error was not measured: it needs calibration "
            "inputs.</p>\n");
    }
    if (!m_request.perplexity.empty()) {
        add(m_request.model->task == ModelTask::Language ? "<h3>Perplexity</h3>\n<ul>\n"
                                                         : "<h3>Measured outputs</h3>\n<ul>\n");
        for (const std::string& line : m_request.perplexity)
            add("<li>", escaped(line), "</li>\n");
        add("</ul>\n");
    }
    close();
}

void ReportPage::rating(ErrorRating value, const std::string& limit)
{
    add("<span class=\"c\">", symbol(value), " ", counted(m_judgment.of(value), "layer", "layers"),
        " ", ratingName(value), " <span class=\"quiet\">(", limit, ")</span></span>");
}

void ReportPage::figure(std::string_view title, const std::string& drawing,
                        const std::string& caption)
{
    add("<h3>", title,
        "</h3>\n<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"",
        title, "\">\n", drawing, "</div>\n<figcaption>", caption, "</figcaption>\n</figure>\n");
    m_monitor.checkpoint();
}

std::string ReportPage::withCompared(const std::string& text, const std::string& other) const
{
    return m_request.compared ? concat(text, " (", shortened(comparedName(), 60), ": ", other, ")")
                              : text;
}

std::string reportHtml(const ReportRequest& asked, Monitor& monitor)
{
    const ReportRequest request = preparedForRun(asked);
    monitor.checkpoint();
    const PlainNumbers numbers;
    return ReportPage(request, monitor).write();
}

void writeReport(const ReportRequest& request, const std::filesystem::path& path, Monitor& monitor)
{
    AtomicFile file(path); // an unwritable folder is said before anything is computed
    file.write(reportHtml(request, monitor));
    monitor.checkpoint();
    file.commit();
}

} // namespace gradus
