// SPDX-License-Identifier: GPL-3.0-or-later
// The details of single layers, with the histograms of their weights.
#include "core/base/format.h"
#include "core/quant/comparable_weight.h"
#include "core/session/report_page.h"
#include "core/session/statistics.h"
#include "core/session/weight_view.h"

#include <algorithm>
#include <cmath>

namespace gradus {

void ReportPage::weights()
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
        key("<path class=\"clip\" d=\"M7 0v14\"/>", "lowest and highest level of all"), "</p>\n");
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

void ReportPage::weight(std::size_t i)
{
    const ReportRow& row = m_rows[i];
    const LayerResult& result = *row.result;
    const QuantizedWeight& quantized = *result.weight;
    const Tensor original = layerWeight(m_model, *row.layer);
    m_monitor.checkpoint();
    const std::span<const float> ratio = result.staticInputs
                                             ? std::span<const float>(result.staticInputs->ratio)
                                             : std::span<const float>();
    const Tensor dequantized = comparableWeight(quantized, ratio);
    m_monitor.checkpoint();
    const Moments facts = moments(original.floats());
    m_monitor.checkpoint();
    const double outliers = outlierShare(original.floats(), facts);

    HistogramChart chart;
    chart.id = concat("chart-weights-", i + 1);
    chart.title = concat("Weights of ", shortened(row.layer->name, 120));
    chart.clipLow = std::numeric_limits<double>::infinity();
    chart.clipHigh = -chart.clipLow;
    const bool uniform = quantized.scheme.levels == Levels::Uniform;
    const int top = quantized.scheme.maximumCode();
    for (std::size_t g = 0; g < quantized.scales.size(); ++g) {
        const auto scale = static_cast<double>(quantized.scales[g]);
        const double zero = uniform ? static_cast<double>(quantized.zeros[g]) : 1;
        chart.clipLow = std::min(chart.clipLow, -scale * zero);
        chart.clipHigh = std::max(chart.clipHigh, uniform ? scale * (top - zero) : scale);
    }
    if (ratio.empty()) {
        chart.levels = granuleLevels(quantized, 0, 0);
    } else if (!dequantized.floats().empty()) {
        // Each column has levels of its own: what there is of them.
        const auto [least, most] =
            std::minmax_element(dequantized.floats().begin(), dequantized.floats().end());
        chart.clipLow = static_cast<double>(*least);
        chart.clipHigh = static_cast<double>(*most);
    }
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
    chart.description =
        concat("Histogram of the original and the dequantized weights with a logarithmic count. "
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
        " <span class=\"quiet\">", shortChoice(result), " · ", formatDecibel(result.weightSqnrDb),
        error, "</span></summary>\n<div id=\"weights-", i + 1,
        "\">\n<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"",
        escaped(chart.title), "\">\n", histogramChart(chart), "</div>\n</figure>\n");
    convergence(i);
    const StoredSize size = quantized.size();
    const auto count = static_cast<double>(row.layer->parameters());
    const auto share = [&](std::uint64_t bits, std::string_view what) {
        return bits == 0 ? std::string()
                         : concat(" + ", realText(static_cast<double>(bits) / count, 3), " ", what);
    };
    add("<dl class=\"facts\">\n");
    fact("Choice", escaped(choiceSentence(result.choice)));
    fact("Stored",
         concat(formatBytes(result.bytes()), ", ", formatBitsPerWeight(result.bitsPerWeight()),
                " bits per weight: ", realText(static_cast<double>(size.codeBits) / count, 3),
                " codes", share(size.scaleBits, "scales"), share(size.zeroBits, "zeros"),
                share(size.indexBits, "group index"), share(size.exponentBits, "exponents"),
                share(size.outlierBits, "outliers")));
    powerFacts(result);
    fact("Original weights",
         concat("mean ", realText(facts.mean), ", standard deviation ", realText(facts.std),
                ", from ", realText(facts.minimum), " to ", realText(facts.maximum),
                ", excess kurtosis ", realText(facts.excessKurtosis, 3), ", ",
                formatPercent(outliers), " beyond 6 standard deviations"));
    std::string levels = concat("from ", realText(chart.clipLow), " to ", realText(chart.clipHigh));
    if (facts.minimum < chart.clipLow || facts.maximum > chart.clipHigh)
        levels += "; weights beyond are clipped";
    fact("Levels", levels);
    fact("Error",
         concat("weight SQNR ", formatDecibel(result.weightSqnrDb), ", cosine ",
                realText(result.weightCosine, 6), ", relative output error ",
                std::isnan(result.relativeOutputError)
                    ? std::string("not measured")
                    : concat(formatPercent(result.relativeOutputError), ", ", ratingName(rating))));
    if (result.damping > 0)
        fact("Damping", realText(result.damping));
    if (!result.note.empty())
        fact("Note", escaped(result.note));
    add("</dl>\n</div>\n</details>\n");
}

} // namespace gradus
