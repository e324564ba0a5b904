// SPDX-License-Identifier: GPL-3.0-or-later
// The section that compares two runs.
#include "core/base/format.h"
#include "core/session/report_page.h"

#include <algorithm>
#include <cmath>

namespace gradus {

void ReportPage::comparison()
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
        add("<tr><th scope=\"row\">", title, "</th><td class=\"n\">", a, "</td><td class=\"n\">", b,
            "</td><td class=\"n\">", change, "</td></tr>\n");
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

bool ReportPage::sameNumbers(const LayerResult& a, const LayerResult& b)
{
    if (!a.weight && !b.weight) // float in both, whatever scheme it remembers
        return true;
    const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    return a.choice == b.choice && !a.weight == !b.weight && a.bytes() == b.bytes() &&
           same(a.weightSqnrDb, b.weightSqnrDb) &&
           same(a.relativeOutputError, b.relativeOutputError);
}

void ReportPage::differences(const Run& other, const std::string& beforeName,
                             const std::string& afterName)
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

} // namespace gradus
