// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/text.h"
#include "core/session/report_chart.h"
#include "core/session/report_markup.h"
#include "core/session/report_text.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// A training, and how many layers took part in it.
struct ReportTraining
{
    const TuningOutcome* outcome = nullptr;
    std::int64_t layers = 0;
};

/// The page as it is written, section after section; report.cpp has the order.
class ReportPage
{
public:
    ReportPage(const ReportRequest& request, Monitor& monitor);
    [[nodiscard]] std::string write();

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

    /// The layers whose weights are drawn: those with the largest error, else the lowest SQNR.
    void chooseHistograms();
    /// "3" for "model.layers.3" when every block begins alike.
    void labelBlocks();
    [[nodiscard]] std::string labelOf(const ReportRow& row) const;
    [[nodiscard]] std::vector<ChartBlock> chartBlocks() const;
    void head();
    void summary();
    void rating(ErrorRating value, const std::string& limit);
    void charts();
    static std::string key(std::string_view drawing, std::string_view text);
    void figure(std::string_view title, const std::string& drawing, const std::string& caption);
    [[nodiscard]] std::string withCompared(const std::string& text, const std::string& other) const;
    void errorChart(LayerChart chart, const std::string& bands, const std::string& ring);
    void sqnrChart(LayerChart chart, const std::string& bands, const std::string& ring);
    void sizeChart(LayerChart chart, const std::string& bands, const std::string& ring);
    void bitsChart();
    void table();
    void cell(std::string_view style, const std::string& markup);
    void tableRow(std::size_t i);
    void comparison();
    static bool sameNumbers(const LayerResult& a, const LayerResult& b);
    void differences(const Run& other, const std::string& beforeName, const std::string& afterName);
    /// Rows of layers whose inputs are on uniform grids.
    [[nodiscard]] std::vector<std::size_t> staticLayers() const;
    void staticInputs();
    void staticTable(const std::vector<std::size_t>& rows);
    void staticNorms(const std::vector<std::size_t>& rows);
    void staticSoftmax(const std::vector<std::size_t>& rows);
    void more(std::size_t count, std::size_t most);
    void training();
    [[nodiscard]] std::vector<ReportTraining> trainings() const;
    void blockStage(const std::vector<ReportTraining>& blocks);
    void fineTuning(const ReportTraining& training, bool titled);
    [[nodiscard]] std::string blockLabel(const TuningOutcome& training) const;
    /// Rows of layers with a power grid.
    [[nodiscard]] std::vector<std::size_t> powerLayers() const;
    void power();
    void powerExponents(const std::vector<std::size_t>& rows);
    void powerGain(const std::vector<std::size_t>& rows);
    void powerLevels(const std::vector<std::size_t>& rows);
    /// Exponent, outliers and the grid of the inputs, where the layer has such.
    void powerFacts(const LayerResult& result);
    /// The steps of the layer's method, if it has taken such.
    void convergence(std::size_t i);
    void weights();
    void weight(std::size_t i);
    /// How many layers each rule decides: those without a choice of their own whose name it is the
    /// first to match. Nothing when a pattern cannot be compiled.
    [[nodiscard]] std::optional<std::vector<std::int64_t>> layersOfRules() const;
    void recipe();
    void andMore(std::size_t count, std::size_t most);
    void provenance();
    void origin(const Provenance& from);
    void words();

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

} // namespace gradus
