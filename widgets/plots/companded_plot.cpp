// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/companded_plot.h"

#include "core/base/format.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

double codeEntropy(const std::vector<std::int64_t>& occupancy)
{
    double all = 0;
    for (const std::int64_t count : occupancy)
        all += static_cast<double>(count);
    double bits = 0;
    for (const std::int64_t count : occupancy) {
        const double share = static_cast<double>(count) / all;
        if (count > 0)
            bits -= share * std::log2(share);
    }
    return bits;
}

struct CompandedPlot::Parts
{
    std::shared_ptr<const PowerGridView> grid;
    std::int64_t all = 0; ///< weights
    QCPBars* bars = nullptr;
    QCPGraph* occupancy = nullptr;
    QCPCurve* levels = nullptr;

    /// Where the cell of the lowest code begins.
    [[nodiscard]] double start() const
    {
        return grid->midRise ? -grid->largest - 1.0 : -grid->largest - 0.5;
    }
    [[nodiscard]] double level(std::size_t code) const
    {
        return start() + static_cast<double>(code) + 0.5;
    }
    /// In percent of all weights.
    [[nodiscard]] double share(std::int64_t count) const
    {
        return all > 0 ? 100 * static_cast<double>(count) / static_cast<double>(all) : 0;
    }
};

CompandedPlot::CompandedPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Weights in the power domain"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    p.bars = new QCPBars(plot.xAxis, plot.yAxis);
    p.bars->setName(tr("Weights"));
    p.bars->setWidthType(QCPBars::wtPlotCoords);
    p.bars->setAntialiased(false);
    p.levels = new QCPCurve(plot.xAxis, plot.yAxis);
    p.levels->setName(tr("Levels"));
    p.occupancy = plot.addGraph();
    p.occupancy->setName(tr("Weights of each code"));
    p.occupancy->setAdaptiveSampling(false);
    p.occupancy->setAntialiased(false);
    plot.xAxis->setLabel(tr("code, N·sgn(w)·(|w|/s)^a"));
    plot.yAxis->setLabel(tr("weights per code (%)"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    for (QCPAbstractPlottable* each : {static_cast<QCPAbstractPlottable*>(p.bars),
                                       static_cast<QCPAbstractPlottable*>(p.occupancy),
                                       static_cast<QCPAbstractPlottable*>(p.levels)})
        each->addToLegend();
    recolour();
}

CompandedPlot::~CompandedPlot() = default;

void CompandedPlot::setGrid(std::shared_ptr<const PowerGridView> grid)
{
    Parts& p = *m_parts;
    const bool newRange =
        !p.grid || !grid || p.grid->largest != grid->largest || p.grid->midRise != grid->midRise;
    p.grid = std::move(grid);
    rebuild(newRange);
}

void CompandedPlot::rebuild(bool newRange)
{
    Parts& p = *m_parts;
    setHasData(p.grid && !p.grid->occupancy.empty());
    if (isEmpty())
        return;
    const PowerGridView& w = *p.grid;
    p.all = std::accumulate(w.occupancy.begin(), w.occupancy.end(), std::int64_t(0));
    // Bars are densities in units of a code, so that they and the staircase have equal areas.
    QVector<double> keys;
    QVector<double> values;
    const double width = w.companded.counts.empty() ? 1 : w.companded.binWidth();
    for (std::size_t i = 0; i < w.companded.counts.size(); ++i) {
        keys << w.companded.lo + width * (static_cast<double>(i) + 0.5);
        values << p.share(w.companded.counts[i]) / width;
    }
    p.bars->setWidth(width);
    p.bars->setData(keys, values, true);
    keys.clear();
    values.clear();
    for (std::size_t code = 0; code < w.occupancy.size(); ++code) {
        const double share = p.share(w.occupancy[code]);
        keys << p.level(code) - 0.5 << p.level(code) + 0.5;
        values << share << share;
    }
    p.occupancy->setData(keys, values, true);
    const auto [least, most] = std::minmax_element(w.occupancy.begin(), w.occupancy.end());
    setTitle(tr("Weights in the power domain"),
             tr("a = %1 · codes worth %2 of %3 bit · each has %4 to %5 of the weights")
                 .arg(QString::number(w.exponent, 'f', 3),
                      QString::number(codeEntropy(w.occupancy), 'f', 2),
                      QString::number(std::log2(static_cast<double>(w.occupancy.size())), 'f', 2),
                      toQString(formatPercent(p.share(*least) / 100)),
                      toQString(formatPercent(p.share(*most) / 100))));
    const auto kept = shownRange(Qt::Horizontal);
    rescale();
    if (!newRange)
        setShownRange(Qt::Horizontal, kept.first, kept.second);
    recolour();
}

void CompandedPlot::rescale()
{
    const Parts& p = *m_parts;
    if (!p.grid)
        return;
    const double edge = -p.start();
    plot().xAxis->setRange(-1.02 * edge, 1.02 * edge);
    const auto top = std::max_element(p.grid->occupancy.begin(), p.grid->occupancy.end());
    double high = top == p.grid->occupancy.end() ? 1 : p.share(*top);
    // A spike of zeros must not press everything else down.
    std::vector<double> bars;
    for (auto at = p.bars->data()->constBegin(); at != p.bars->data()->constEnd(); ++at)
        bars.push_back(at->value);
    if (!bars.empty()) {
        const auto nth = bars.begin() + static_cast<std::ptrdiff_t>(bars.size() * 98 / 100);
        std::nth_element(bars.begin(), nth, bars.end());
        high = std::max(high, std::min(*nth, 2 * high));
    }
    plot().yAxis->setRange(0, high > 0 ? 1.12 * high : 1);
    std::vector<double> levels;
    for (std::size_t code = 0; code < p.grid->occupancy.size(); ++code)
        levels.push_back(p.level(code));
    setLevels(*p.levels, levels);
}

void CompandedPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    p.bars->setPen(Qt::NoPen);
    p.bars->setBrush(colours.original);
    p.occupancy->setPen(QPen(colours.dequantized, 1.6));
    QColor level = colours.level;
    level.setAlphaF(levelOpacity(p.grid ? p.grid->occupancy.size() : 16));
    p.levels->setPen(QPen(level, 1));
    queueReplot();
}

QString CompandedPlot::proposedName() const
{
    return tr("power domain");
}

QString CompandedPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    if (isEmpty())
        return {};
    const double place = std::floor(x - p.start());
    if (!(place >= 0) || !(place < static_cast<double>(p.grid->occupancy.size())))
        return {};
    const auto code = static_cast<std::size_t>(place);
    const std::int64_t count = p.grid->occupancy[code];
    return tr("code %1: %2 weights, %3")
        .arg(QString::number(p.level(code)), toQString(formatCount(count)),
             toQString(formatPercent(p.share(count) / 100)));
}

QString CompandedPlot::csv() const
{
    const Parts& p = *m_parts;
    if (isEmpty())
        return {};
    QString text =
        QStringLiteral("# exponent,%1\nfrom,to,level,weights\n").arg(csvNumber(p.grid->exponent));
    for (std::size_t code = 0; code < p.grid->occupancy.size(); ++code)
        text += QStringLiteral("%1,%2,%3,%4\n")
                    .arg(csvNumber(p.level(code) - 0.5), csvNumber(p.level(code) + 0.5),
                         csvNumber(p.level(code)), QString::number(p.grid->occupancy[code]));
    return text;
}

} // namespace gradus
