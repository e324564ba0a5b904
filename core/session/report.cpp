// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/session/program.h"
#include "core/session/report_chart.h"
#include "core/session/report_markup.h"
#include "core/session/report_rows.h"
#include "core/session/report_style.h"
#include "core/session/statistics.h"

#include <locale.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
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

/// The last component of a path, also of one that ends with a slash.
std::string fileNameOf(const std::filesystem::path& path)
{
    const std::filesystem::path name = path.filename();
    return (name.empty() || name == "." ? path.parent_path().filename() : name).string();
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many)
{
    return concat(formatCount(count), " ", count == 1 ? one : many);
}

std::string_view symbolOf(ErrorRating rating)
{
    switch (rating) {
    case ErrorRating::Good:
        return "●";
    case ErrorRating::Fair:
        return "▲";
    case ErrorRating::Poor:
        return "◆";
    case ErrorRating::None:
        break;
    }
    return "";
}

/// The rating's shape, with its word for those who cannot see it.
std::string symbol(ErrorRating rating)
{
    if (rating == ErrorRating::None)
        return {};
    const std::string_view name = ratingName(rating);
    return concat("<span class=\"symbol ", name, "\" role=\"img\" aria-label=\"", name,
                  "\" title=\"", name, "\">", symbolOf(rating), "</span>");
}

std::string named(std::string_view name)
{
    return concat("<span class=\"name\">", breakable(name), "</span>");
}

std::string schemeText(const Scheme& scheme)
{
    std::string text = counted(scheme.bits, "bit", "bits");
    switch (scheme.granularity) {
    case Granularity::Tensor:
        text += ", one scale per tensor";
        break;
    case Granularity::Channel:
        text += ", per channel";
        break;
    case Granularity::Group:
        text += concat(", groups of ", formatCount(scheme.groupSize));
        break;
    }
    return concat(text, scheme.symmetric ? ", symmetric" : ", asymmetric", ", scales ",
                  dtypeName(scheme.scaleType));
}

/// "GPTQ, 4 bits, groups of 64, asymmetric, scales F16; damping 0.03"
std::string choiceText(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return "stays float";
    const MethodDescription& method = *findMethod(methodName(choice.method));
    std::string text = concat(method.title, ", ", schemeText(choice.scheme));
    std::string_view separator = "; ";
    for (const OptionDescription& option : method.options) {
        const std::string value = optionValue(choice.method, option.name);
        if (value == option.defaultValue)
            continue;
        text += concat(separator, option.name, " ", value);
        separator = ", ";
    }
    return text;
}

/// "gptq 4, group 64" for narrow places.
std::string shortChoice(const LayerResult& result)
{
    if (!result.weight)
        return "float";
    const Scheme& scheme = result.weight->scheme;
    return concat(methodText(result), " ", scheme.bits,
                  scheme.granularity == Granularity::Group ? ", group " : ", ",
                  granuleText(scheme));
}

double ratio(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                      : static_cast<double>(part) / static_cast<double>(whole);
}

std::string signedText(double value, const std::string& magnitude)
{
    return std::isnan(value) ? "–" : concat(value > 0 ? "+" : value < 0 ? "−" : "", magnitude);
}

/// "−23.6 %", "× 4.7", "–" when there is nothing to compare with.
std::string changeOf(double before, double after)
{
    const double factor = before > 0 ? after / before : std::numeric_limits<double>::quiet_NaN();
    if (factor > 2)
        return concat("× ", realText(factor, 3));
    const double change = std::fabs(factor - 1) < 5e-4 ? 0 : factor - 1;
    return signedText(change, change == 0 ? "0 %" : formatPercent(std::fabs(change)));
}

std::string decibelChange(double before, double after)
{
    double change = after - before;
    if (std::fabs(change) < 0.05)
        change = 0;
    return signedText(change, formatDecibel(std::fabs(change)));
}

/// "gptq 4 → 6 bits, group 64"; everything twice when more than the bits changed.
std::string choiceChange(const LayerResult& before, const LayerResult& after)
{
    const std::string a = shortChoice(before);
    const std::string b = shortChoice(after);
    if (a == b)
        return a;
    if (before.weight && after.weight && methodText(before) == methodText(after) &&
        granuleText(before.weight->scheme) == granuleText(after.weight->scheme)) {
        return concat(methodText(after), " ", before.weight->scheme.bits, " → ",
                      b.substr(b.find(' ') + 1));
    }
    return concat(a, " → ", b);
}

/// Worst and median error and how the layers are judged.
struct Judgment
{
    std::array<std::int64_t, 4> count{}; ///< by rating
    std::int64_t quantized = 0;
    double worst = std::numeric_limits<double>::quiet_NaN();
    double median = std::numeric_limits<double>::quiet_NaN();
    std::string worstLayer;
    [[nodiscard]] bool measured() const { return !std::isnan(worst); }
    [[nodiscard]] std::int64_t of(ErrorRating rating) const
    {
        return count[static_cast<std::size_t>(rating)];
    }
};

Judgment judge(const Run& run)
{
    Judgment result;
    std::vector<double> errors;
    for (const LayerResult& layer : run.layers) {
        if (!layer.weight)
            continue;
        ++result.quantized;
        const double error = layer.relativeOutputError;
        ++result.count[static_cast<std::size_t>(ratingOf(error))];
        if (std::isnan(error))
            continue;
        errors.push_back(error);
        if (!(error <= result.worst)) { // also the first
            result.worst = error;
            result.worstLayer = layer.name;
        }
    }
    if (!errors.empty()) {
        std::sort(errors.begin(), errors.end());
        const std::size_t middle = errors.size() / 2;
        result.median =
            errors.size() % 2 == 1 ? errors[middle] : (errors[middle - 1] + errors[middle]) / 2;
    }
    return result;
}

class Page
{
public:
    Page(const ReportRequest& request, Monitor& monitor)
        : m_request(request)
        , m_monitor(monitor)
        , m_rows(reportRows(request, monitor))
        , m_model(*request.model)
        , m_run(*request.run)
        , m_judgment(judge(*request.run))
    {
    }

    std::string write()
    {
        chooseHistograms();
        labelBlocks();
        head();
        summary();
        charts();
        table();
        if (m_request.compared)
            comparison();
        weights();
        recipe();
        provenance();
        words();
        add("<footer><p>Written by ", escaped(programName()),
            ".</p></footer>\n</main>\n</body>\n</html>\n");
        return std::move(m_text);
    }

private:
    template <class... Parts>
    void add(const Parts&... parts)
    {
        m_text += concat(parts...);
    }

    void open(std::string_view id, std::string_view title)
    {
        m_monitor.checkpoint();
        add("<section aria-labelledby=\"", id, "\">\n<h2 id=\"", id, "\">", title, "</h2>\n");
    }
    void close() { add("</section>\n"); }

    void fact(std::string_view term, const std::string& markup)
    {
        add("<dt>", term, "</dt><dd>", markup, "</dd>\n");
    }
    void card(std::string_view term, const std::string& value, const std::string& below)
    {
        add("<div><dt>", term, "</dt><dd>", escaped(value));
        if (!below.empty())
            add("<span class=\"sub\">", below, "</span>");
        add("</dd></div>\n");
    }

    [[nodiscard]] std::string modelName() const { return fileNameOf(m_model.source.path); }
    [[nodiscard]] std::string runName() const
    {
        return m_request.runName.empty() ? "this run" : m_request.runName;
    }
    [[nodiscard]] std::string comparedName() const
    {
        return m_request.comparedName.empty() ? "the compared run" : m_request.comparedName;
    }

    // ------------------------------------------------------------------------------ preparation

    /// The layers whose weights are drawn: those with the largest error, else the lowest SQNR.
    void chooseHistograms()
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

    /// "3" for "model.layers.3" when every block begins alike.
    void labelBlocks()
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

    [[nodiscard]] std::string labelOf(const ReportRow& row) const
    {
        if (row.block.empty())
            return row.layer->name;
        return concat(m_blockLabels[static_cast<std::size_t>(row.layer->block)], " ", row.kind);
    }

    [[nodiscard]] std::vector<ChartBlock> chartBlocks() const
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

    // ---------------------------------------------------------------------------------- sections

    void head()
    {
        const std::string title =
            m_request.title.empty() ? concat("Quantization of ", modelName()) : m_request.title;
        add("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
            "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, "
            "initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n"
            "<meta name=\"generator\" content=\"",
            escaped(programName()), "\"/>\n<title>", escaped(title), "</title>\n<style>",
            reportStyle, "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", escaped(title),
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
        link("weights", "Weights");
        link("recipe", "Recipe");
        link("provenance", "Provenance");
        link("words", "What the numbers mean");
        add("</ul></nav>\n");
    }

    void summary()
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
            add("<h3>Perplexity</h3>\n<ul>\n");
            for (const std::string& line : m_request.perplexity)
                add("<li>", escaped(line), "</li>\n");
            add("</ul>\n");
        }
        close();
    }

    void rating(ErrorRating value, const std::string& limit)
    {
        add("<span class=\"c\">", symbol(value), " ",
            counted(m_judgment.of(value), "layer", "layers"), " ", ratingName(value),
            " <span class=\"quiet\">(", limit, ")</span></span>");
    }

    void charts()
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

    static std::string key(std::string_view drawing, std::string_view text)
    {
        return concat("<span class=\"key\"><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\">",
                      drawing, "</svg>", text, "</span> ");
    }

    void figure(std::string_view title, const std::string& drawing, const std::string& caption)
    {
        add("<h3>", title,
            "</h3>\n<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
            "aria-label=\"",
            title, "\">\n", drawing, "</div>\n<figcaption>", caption, "</figcaption>\n</figure>\n");
        m_monitor.checkpoint();
    }

    [[nodiscard]] std::string withCompared(const std::string& text, const std::string& other) const
    {
        return m_request.compared
                   ? concat(text, " (", shortened(comparedName(), 60), ": ", other, ")")
                   : text;
    }

    void errorChart(LayerChart chart, const std::string& bands, const std::string& ring)
    {
        bool any = m_judgment.measured();
        for (std::size_t i = 0; i < m_rows.size(); ++i) {
            const ReportRow& row = m_rows[i];
            ChartLayer& layer = chart.layers[i];
            layer.value = row.result->relativeOutputError;
            layer.rating = ratingOf(layer.value);
            layer.text =
                concat(formatPercent(layer.value), ratingName(layer.rating).empty() ? "" : ", ",
                       ratingName(layer.rating));
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
                         formatPercent(m_judgment.worst), " in ",
                         shortened(m_judgment.worstLayer, 120), ", median ",
                         formatPercent(m_judgment.median), ". The table of layers has every value.")
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

    void sqnrChart(LayerChart chart, const std::string& bands, const std::string& ring)
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

    void sizeChart(LayerChart chart, const std::string& bands, const std::string& ring)
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
                   key("<path class=\"float\" d=\"M3 1h8v12h-8z\"/>", "stays float") + ring +
                   bands);
    }

    void bitsChart()
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
                outside += concat(outside.empty() ? " Outside of the blocks: " : ", ",
                                  named(row.layer->name), " ",
                                  bits == 0 ? "stays float" : counted(bits, "bit", "bits"));
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
                cell.text +=
                    concat(", output error ", formatPercent(row.result->relativeOutputError), ", ",
                           ratingName(cell.rating));
        }
        map.description = "Blocks are columns, kinds of layers rows; the number is the bits of the "
                          "codes. Layers with";
        std::string_view separator = " ";
        for (const auto& [bits, count] : layersOfBits) {
            map.description +=
                concat(separator, bits == 0 ? "float" : std::to_string(bits) + " bits", ": ",
                       formatCount(count));
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

    void table()
    {
        open("layers", "Layers");
        add("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"layers\">\n"
            "<table id=\"layer-table\">\n<caption>Every layer in model order. ",
            symbol(ErrorRating::Good), " good, ", symbol(ErrorRating::Fair), " fair, ",
            symbol(ErrorRating::Poor), " poor relative output error.",
            m_histograms > 0 ? " A name that is a link leads to its weights." : "",
            "</caption>\n<thead><tr>");
        const std::pair<const char*, const char*> columns[] = {
            {"n", "#"},     {"", "Layer and note"}, {"c", "Kind"},
            {"n", "Shape"}, {"c", "Method"},        {"n", "Bits"},
            {"n", "Group"}, {"c", "Symmetry"},      {"n", "Bits/weight"},
            {"n", "Size"},  {"n", "Weight SQNR"},   {"n", "Output error"}};
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

    void cell(std::string_view style, const std::string& markup)
    {
        add("<td class=\"", style, "\">", markup, "</td>");
    }

    void tableRow(std::size_t i)
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

    // -------------------------------------------------------------------------------- comparison

    void comparison()
    {
        const Run& other = *m_request.compared;
        const Judgment before = judge(other);
        const std::string beforeName = escaped(shortened(comparedName(), 80));
        const std::string afterName = escaped(shortened(runName(), 80));
        open("comparison", "Comparison");
        if (other.provenance.modelFingerprint != m_run.provenance.modelFingerprint)
            add("<p><strong>The compared run was made from another model.</strong> Layers are "
                "matched "
                "by name.</p>\n");
        add("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Totals of both "
            "runs\">\n<table class=\"compact\">\n<caption>Totals of both "
            "runs.</caption>\n<thead><tr>"
            "<th scope=\"col\">Total</th><th scope=\"col\" class=\"n name\">",
            beforeName, "</th><th scope=\"col\" class=\"n name\">", afterName,
            "</th><th scope=\"col\" class=\"n\">Change</th></tr></thead>\n<tbody>\n");
        const auto total = [&](std::string_view title, const std::string& a, const std::string& b,
                               const std::string& change) {
            add("<tr><th scope=\"row\">", title, "</th><td class=\"n\">", a,
                "</td><td class=\"n\">", b, "</td><td class=\"n\">", change, "</td></tr>\n");
        };
        const auto bytes = [&](std::string_view title, std::uint64_t a, std::uint64_t b) {
            total(title, formatBytes(a), formatBytes(b),
                  changeOf(static_cast<double>(a), static_cast<double>(b)));
        };
        const double bits = m_run.totals.bitsPerWeight - other.totals.bitsPerWeight;
        total("Bits per weight", formatBitsPerWeight(other.totals.bitsPerWeight),
              formatBitsPerWeight(m_run.totals.bitsPerWeight),
              signedText(bits, formatBitsPerWeight(std::fabs(bits))));
        bytes("Quantized layers", other.totals.bytes, m_run.totals.bytes);
        bytes("Stays float", other.totals.floatBytes, m_run.totals.floatBytes);
        total("Worst output error", formatPercent(before.worst), formatPercent(m_judgment.worst),
              changeOf(before.worst, m_judgment.worst));
        total("Median output error", formatPercent(before.median), formatPercent(m_judgment.median),
              changeOf(before.median, m_judgment.median));
        for (const ErrorRating rating : {ErrorRating::Good, ErrorRating::Fair, ErrorRating::Poor}) {
            const std::int64_t change = m_judgment.of(rating) - before.of(rating);
            total(concat(symbol(rating), " Layers ", ratingName(rating)),
                  formatCount(before.of(rating)), formatCount(m_judgment.of(rating)),
                  signedText(static_cast<double>(change), formatCount(std::abs(change))));
        }
        add("</tbody>\n</table>\n</div>\n");
        differences(other, beforeName, afterName);
        close();
    }

    static bool sameNumbers(const LayerResult& a, const LayerResult& b)
    {
        if (!a.weight && !b.weight) // float in both, whatever scheme it remembers
            return true;
        const auto same = [](double x, double y) {
            return x == y || (std::isnan(x) && std::isnan(y));
        };
        return a.choice == b.choice && !a.weight == !b.weight && a.bytes() == b.bytes() &&
               same(a.weightSqnrDb, b.weightSqnrDb) &&
               same(a.relativeOutputError, b.relativeOutputError);
    }

    void differences(const Run& other, const std::string& beforeName, const std::string& afterName)
    {
        std::int64_t equal = 0;
        std::int64_t onlyHere = 0;
        std::int64_t shared = 0;
        for (const ReportRow& row : m_rows) {
            if (!row.compared)
                ++onlyHere;
            else if (++shared; sameNumbers(*row.result, *row.compared))
                ++equal;
        }
        const std::int64_t onlyThere = static_cast<std::int64_t>(other.layers.size()) - shared;
        add("<h3>Layers that differ</h3>\n<p>", formatCount(shared - equal), " of ",
            counted(shared, "shared layer", "shared layers"), " differ");
        if (onlyHere > 0)
            add("; ", counted(onlyHere, "layer is", "layers are"), " only in ", afterName);
        if (onlyThere > 0)
            add("; ", counted(onlyThere, "layer is", "layers are"), " only in ", beforeName);
        add(".</p>\n");
        if (shared == equal)
            return;
        add("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Layers that "
            "differ\">\n<table id=\"difference-table\">\n<caption>",
            beforeName, " → ", afterName,
            ". A negative change of the error and a positive one of the SQNR are improvements."
            "</caption>\n<thead><tr><th scope=\"col\">Layer</th><th scope=\"col\">Choice</th><th "
            "scope=\"col\" class=\"n\">Size</th><th scope=\"col\" class=\"n\">Change</th><th "
            "scope=\"col\" class=\"n\">Weight SQNR</th><th scope=\"col\" "
            "class=\"n\">Change</th><th "
            "scope=\"col\" class=\"n\">Output error</th><th scope=\"col\" "
            "class=\"n\">Change</th></tr></thead>\n<tbody>\n");
        std::size_t done = 0;
        for (const ReportRow& row : m_rows) {
            if (++done % 256 == 0)
                m_monitor.checkpoint();
            if (!row.compared || sameNumbers(*row.result, *row.compared))
                continue;
            const LayerResult& a = *row.compared;
            const LayerResult& b = *row.result;
            const std::uint64_t bytesA = a.weight ? a.bytes() : row.sourceBytes;
            const std::uint64_t bytesB = b.weight ? b.bytes() : row.sourceBytes;
            add("<tr><th scope=\"row\" class=\"name\">", breakable(row.layer->name), "</th>");
            cell("", choiceChange(a, b));
            cell("n", bytesA == bytesB ? formatBytes(bytesA)
                                       : concat(formatBytes(bytesA), " → ", formatBytes(bytesB)));
            cell("n", bytesA == bytesB
                          ? "–"
                          : changeOf(static_cast<double>(bytesA), static_cast<double>(bytesB)));
            cell("n", concat(formatDecibel(a.weightSqnrDb), " → ", formatDecibel(b.weightSqnrDb)));
            cell("n", decibelChange(a.weightSqnrDb, b.weightSqnrDb));
            cell("n", concat(formatPercent(a.relativeOutputError), " ",
                             symbol(ratingOf(a.relativeOutputError)), " → ",
                             formatPercent(b.relativeOutputError), " ",
                             symbol(ratingOf(b.relativeOutputError))));
            cell("n", changeOf(a.relativeOutputError, b.relativeOutputError));
            add("</tr>\n");
        }
        add("</tbody>\n</table>\n</div>\n");
    }

    // ----------------------------------------------------------------------------------- weights

    void weights()
    {
        open("weights", "Weights");
        if (m_histograms == 0) {
            add("<p class=\"quiet\">",
                m_judgment.quantized == 0 ? "No layer was quantized."
                                          : "Histograms were left out of this report.",
                "</p>\n");
            close();
            return;
        }
        if (static_cast<std::int64_t>(m_histograms) < m_judgment.quantized)
            add("<p>The ", counted(static_cast<std::int64_t>(m_histograms), "layer", "layers"),
                m_judgment.measured() ? " with the largest output error"
                                      : " with the lowest weight SQNR",
                " of ", formatCount(m_judgment.quantized),
                " quantized ones, in model order; the others are left out to keep the file "
                "small.</p>\n");
        else
            add("<p>Every quantized layer, in model order.</p>\n");
        add("<p class=\"quiet ratings\">",
            key("<path class=\"original\" d=\"M1 2h12v10h-12z\"/>", "original"),
            key("<path class=\"dequantized\" d=\"M1 10h4v-6h4v6h4\"/>", "dequantized"),
            key("<path class=\"level\" d=\"M3 3v8M7 3v8M11 3v8\"/>",
                "levels of the first group of weights"),
            key("<path class=\"clip\" d=\"M7 0v14\"/>", "lowest and highest level of all"),
            "</p>\n");
        std::size_t done = 0;
        for (std::size_t i = 0; i < m_rows.size(); ++i) {
            if (!m_drawn[i])
                continue;
            m_monitor.checkpoint();
            m_monitor.report(static_cast<double>(done++) / static_cast<double>(m_histograms),
                             m_rows[i].layer->name);
            weight(i);
        }
        m_monitor.report(1, "report");
        close();
    }

    void weight(std::size_t i)
    {
        const ReportRow& row = m_rows[i];
        const LayerResult& result = *row.result;
        const QuantizedWeight& quantized = *result.weight;
        const Tensor original = layerWeight(m_model, *row.layer);
        m_monitor.checkpoint();
        const Tensor dequantized = dequantize(quantized);
        m_monitor.checkpoint();
        const Moments facts = moments(original.floats());
        m_monitor.checkpoint();
        const double outliers = outlierShare(original.floats(), facts);

        HistogramChart chart;
        chart.id = concat("chart-weights-", i + 1);
        chart.title = concat("Weights of ", shortened(row.layer->name, 120));
        chart.clipLow = std::numeric_limits<double>::infinity();
        chart.clipHigh = -chart.clipLow;
        const int top = quantized.scheme.maximumCode();
        for (std::size_t g = 0; g < quantized.scales.size(); ++g) {
            const auto scale = static_cast<double>(quantized.scales[g]);
            chart.clipLow = std::min(chart.clipLow, -scale * static_cast<double>(quantized.zeros[g]));
            chart.clipHigh = std::max(chart.clipHigh, scale * (top - static_cast<double>(quantized.zeros[g])));
        }
        for (int code = 0; code <= top; ++code)
            chart.levels.push_back(quantized.scales[0] *
                                   (static_cast<float>(code) - quantized.zeros[0]));
        double lo = std::min(facts.minimum, chart.clipLow);
        double hi = std::max(facts.maximum, chart.clipHigh);
        if (!(hi > lo)) { // a constant weight still gets a histogram with some width
            const double width = std::max(0.5, std::fabs(lo) / 8);
            lo -= width;
            hi += width;
        }
        constexpr int bins = 140;
        chart.original = histogram(original.floats(), lo, hi, bins);
        m_monitor.checkpoint();
        chart.dequantized = histogram(dequantized.floats(), lo, hi, bins);
        chart.description = concat(
            "Histogram of the original and the dequantized weights with a logarithmic count. "
            "Original from ",
            realText(facts.minimum), " to ", realText(facts.maximum), ", levels from ",
            realText(chart.clipLow), " to ", realText(chart.clipHigh), ".");

        const ErrorRating rating = ratingOf(result.relativeOutputError);
        const std::string error =
            std::isnan(result.relativeOutputError)
                ? std::string()
                : concat(" · output error ", formatPercent(result.relativeOutputError));
        add("<details", i == m_worst ? " open=\"open\"" : "", "><summary>",
            rating == ErrorRating::None ? "" : symbol(rating) + " ", named(row.layer->name),
            " <span class=\"quiet\">", shortChoice(result), " · ",
            formatDecibel(result.weightSqnrDb), error, "</span></summary>\n<div id=\"weights-",
            i + 1,
            "\">\n<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"",
            escaped(chart.title), "\">\n", histogramChart(chart), "</div>\n</figure>\n");
        const StoredSize size = quantized.size();
        const auto count = static_cast<double>(row.layer->parameters());
        const auto share = [&](std::uint64_t bits, std::string_view what) {
            return bits == 0
                       ? std::string()
                       : concat(" + ", realText(static_cast<double>(bits) / count, 3), " ", what);
        };
        add("<dl class=\"facts\">\n");
        fact("Choice", escaped(choiceText(result.choice)));
        fact("Stored",
             concat(formatBytes(result.bytes()), ", ", formatBitsPerWeight(result.bitsPerWeight()),
                    " bits per weight: ", realText(static_cast<double>(size.codeBits) / count, 3),
                    " codes", share(size.scaleBits, "scales"), share(size.zeroBits, "zeros"),
                    share(size.indexBits, "group index")));
        fact("Original weights",
             concat("mean ", realText(facts.mean), ", standard deviation ", realText(facts.std),
                    ", from ", realText(facts.minimum), " to ", realText(facts.maximum),
                    ", excess kurtosis ", realText(facts.excessKurtosis, 3), ", ",
                    formatPercent(outliers), " beyond 6 standard deviations"));
        std::string levels =
            concat("from ", realText(chart.clipLow), " to ", realText(chart.clipHigh));
        if (facts.minimum < chart.clipLow || facts.maximum > chart.clipHigh)
            levels += "; weights beyond are clipped";
        fact("Levels", levels);
        fact("Error", concat("weight SQNR ", formatDecibel(result.weightSqnrDb), ", cosine ",
                             realText(result.weightCosine, 6), ", relative output error ",
                             std::isnan(result.relativeOutputError)
                                 ? std::string("not measured")
                                 : concat(formatPercent(result.relativeOutputError), ", ",
                                          ratingName(rating))));
        if (result.damping > 0)
            fact("Damping", realText(result.damping));
        if (!result.note.empty())
            fact("Note", escaped(result.note));
        add("</dl>\n</div>\n</details>\n");
    }

    // ------------------------------------------------------------------------ recipe, provenance

    /// How many layers each rule decides: those without a choice of their own whose name it is the
    /// first to match. Nothing when a pattern cannot be compiled.
    [[nodiscard]] std::optional<std::vector<std::int64_t>> layersOfRules() const
    {
        const Recipe& recipe = m_run.recipe;
        try {
            std::vector<Regex> patterns;
            for (const Rule& rule : recipe.rules)
                patterns.emplace_back(rule.pattern);
            std::vector<std::int64_t> counts(patterns.size());
            std::size_t done = 0;
            for (const ReportRow& row : m_rows) {
                if (++done % 64 == 0)
                    m_monitor.checkpoint();
                if (recipe.overrides.contains(row.layer->name))
                    continue;
                const auto rule =
                    std::find_if(patterns.begin(), patterns.end(), [&](const Regex& pattern) {
                        return pattern.search(row.layer->name);
                    });
                if (rule != patterns.end())
                    ++counts[static_cast<std::size_t>(rule - patterns.begin())];
            }
            return counts;
        } catch (const Error&) {
            return std::nullopt;
        }
    }

    void recipe()
    {
        constexpr std::size_t most = 24; // rules, overrides and locks spelled out
        const Recipe& recipe = m_run.recipe;
        open("recipe", "Recipe");
        add("<dl class=\"facts\">\n");
        fact("Standard", escaped(choiceText(recipe.standard)));
        add("<dt>Rules</dt><dd>");
        if (recipe.rules.empty())
            add("none");
        const auto counts = layersOfRules();
        for (std::size_t i = 0; i < recipe.rules.size() && i < most; ++i) {
            const Rule& rule = recipe.rules[i];
            add("<div>names that match <code class=\"name\">", escaped(rule.pattern),
                "</code>: ", escaped(choiceText(rule.choice)));
            if (counts)
                add(" <span class=\"quiet\">(", counted((*counts)[i], "layer", "layers"),
                    ")</span>");
            add("</div>");
        }
        andMore(recipe.rules.size(), most);
        add("</dd>\n<dt>Overrides</dt><dd>");
        if (recipe.overrides.empty())
            add("none");
        std::size_t shown = 0;
        for (const auto& [name, choice] : recipe.overrides) {
            if (shown++ == most)
                break;
            add("<div>", named(name), ": ", escaped(choiceText(choice)), "</div>");
        }
        andMore(recipe.overrides.size(), most);
        add("</dd>\n<dt>Locked</dt><dd>");
        if (recipe.locked.empty())
            add("none");
        shown = 0;
        for (const std::string& name : recipe.locked) {
            if (shown++ == most)
                break;
            add("<div>", named(name), "</div>");
        }
        andMore(recipe.locked.size(), most);
        add("</dd>\n");
        const CalibrationChoice& calibration = recipe.calibration;
        if (calibration.data.empty())
            fact("Calibration", "none");
        else
            fact("Calibration",
                 concat(named(fileNameOf(calibration.data)), ", at most ",
                        counted(calibration.samples, "window", "windows"),
                        calibration.context > 0
                            ? concat(" of ", counted(calibration.context, "token", "tokens"))
                            : std::string(),
                        calibration.mode == CalibrationMode::Float
                            ? ", on the float model, in one pass"
                        : calibration.mode == CalibrationMode::Sequential
                            ? ", sequential: each block sees the outputs of the quantized blocks "
                              "before it"
                            : ", true-sequential: each layer sees the quantized layers before it"));
        fact("Seed", std::to_string(recipe.seed));
        add("</dl>\n<details><summary>The recipe as JSON</summary>\n");
        Recipe plain = recipe;
        plain.calibration.data = fileNameOf(calibration.data);
        try {
            add("<pre><code>", escaped(toJson(plain)), "</code></pre>\n");
        } catch (const Error& error) {
            add("<p>", escaped(error.what()), ".</p>\n");
        }
        add("</details>\n");
        close();
    }

    void andMore(std::size_t count, std::size_t most)
    {
        if (count > most)
            add("<div class=\"quiet\">and ", formatCount(static_cast<std::int64_t>(count - most)),
                " more, in the JSON below</div>");
    }

    void provenance()
    {
        open("provenance", "Provenance");
        add("<dl class=\"facts\">\n");
        origin(m_run.provenance);
        add("</dl>\n");
        if (m_request.compared) {
            add("<h3>", escaped(shortened(comparedName(), 80)), "</h3>\n<dl class=\"facts\">\n");
            origin(m_request.compared->provenance);
            fact("Seed", std::to_string(m_request.compared->recipe.seed));
            add("</dl>\n");
        }
        close();
    }

    void origin(const Provenance& from)
    {
        const auto hash = [](const std::string& text) {
            return text.empty() ? std::string("–")
                                : concat("<span class=\"hash\">", escaped(text), "</span>");
        };
        fact("Program", escaped(from.program));
        fact("Model", named(fileNameOf(from.modelPath)));
        fact("Model fingerprint", hash(from.modelFingerprint));
        fact("Model content, SHA-256", hash(from.modelHash));
        if (from.calibrationHash.empty()) {
            fact("Calibration", "none");
            return;
        }
        fact("Calibration file, SHA-256", hash(from.calibrationHash));
        fact("Calibration inputs",
             concat(counted(from.calibrationWindows, "window", "windows"), " of ",
                    counted(from.calibrationContext, "token", "tokens")));
    }

    void words()
    {
        open("words", "What the numbers mean");
        add("<dl class=\"facts\">\n");
        fact("Bits per weight", "All stored bits of codes, scales and zeros over the number of "
                                "weights: exact, not nominal.");
        fact("Relative output error",
             "‖X(W−Ŵ)ᵀ‖² / ‖XWᵀ‖²: the share of a layer's output energy that quantization changed, "
             "on the calibration inputs X.");
        fact("Weight SQNR",
             "10·log₁₀(Σw² / Σ(w−ŵ)²) in decibels, of the weights alone; 6 dB are about "
             "one bit.");
        fact("Ratings",
             concat("By the relative output error: ", symbol(ErrorRating::Good), " good up to ",
                    realText(goodOutputError * 100), " %, ", symbol(ErrorRating::Fair),
                    " fair up to ", realText(fairOutputError * 100), " %, ",
                    symbol(ErrorRating::Poor), " poor above."));
        fact("Fingerprint", "SHA-256 over size and header of each weight file.");
        add("</dl>\n");
        close();
    }

    const ReportRequest& m_request;
    Monitor& m_monitor;
    const std::vector<ReportRow> m_rows;
    const Model& m_model;
    const Run& m_run;
    const Judgment m_judgment;
    std::vector<bool> m_drawn; ///< by row: its weights have a histogram
    std::size_t m_histograms = 0;
    std::size_t m_worst = 0; ///< row whose details stand open
    std::string m_blockPrefix;
    std::vector<std::string> m_blockLabels; ///< by block
    std::string m_text;
};

} // namespace

std::string reportHtml(const ReportRequest& request, Monitor& monitor)
{
    monitor.checkpoint();
    const PlainNumbers numbers;
    return Page(request, monitor).write();
}

void writeReport(const ReportRequest& request, const std::filesystem::path& path, Monitor& monitor)
{
    AtomicFile file(path); // an unwritable folder is said before anything is computed
    file.write(reportHtml(request, monitor));
    monitor.checkpoint();
    file.commit();
}

} // namespace gradus
