// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/power_grid_plot.h"

#include "core/base/format.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
QString exponentText(double exponent)
{
    return QString::number(exponent, 'f', 3);
}
} // namespace

// --- one power grid -----------------------------------------------------------------------------

struct PowerGridPlot::Parts
{
    Histogram original;
    std::shared_ptr<const PowerGridView> grid;
    QCPBars* bars = nullptr;
    QCPGraph* dequantized = nullptr;
    QCPCurve* levels = nullptr;
};

PowerGridPlot::PowerGridPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Power grid over the weights"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    p.bars = new QCPBars(plot.xAxis, plot.yAxis);
    p.bars->setName(tr("Original"));
    p.bars->setWidthType(QCPBars::wtPlotCoords);
    p.bars->setAntialiased(false);
    p.levels = new QCPCurve(plot.xAxis, plot.yAxis);
    p.dequantized = plot.addGraph();
    p.dequantized->setName(tr("On the power grid"));
    p.dequantized->setAdaptiveSampling(false);
    p.dequantized->setAntialiased(false);
    plot.xAxis->setLabel(tr("weight"));
    plot.yAxis->setLabel(tr("weights per bin"));
    setAxisScale(*plot.yAxis, true);
    placeLegend(LegendPlace::Row);
    // Without a title the legend stands at the edge.
    plot.plotLayout()->setMargins(plot.plotLayout()->margins() + QMargins(0, 4, 0, 0));
    recolour();
}

PowerGridPlot::~PowerGridPlot() = default;

void PowerGridPlot::setOriginal(const Histogram& original)
{
    Parts& p = *m_parts;
    const bool newRange = p.original.lo != original.lo || p.original.hi != original.hi ||
                          p.original.counts != original.counts;
    p.original = original;
    if (newRange)
        p.grid.reset();
    rebuild(newRange);
}

void PowerGridPlot::setGrid(std::shared_ptr<const PowerGridView> grid)
{
    m_parts->grid = std::move(grid);
    rebuild(false);
}

const PowerGridView* PowerGridPlot::grid() const
{
    return m_parts->grid.get();
}

void PowerGridPlot::rebuild(bool newRange)
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setHasData(!p.original.counts.empty());
    plot.legend->clear();
    if (isEmpty())
        return;
    QVector<double> keys;
    QVector<double> values;
    for (std::size_t i = 0; i < p.original.counts.size(); ++i) {
        keys << p.original.lo + p.original.binWidth() * (static_cast<double>(i) + 0.5);
        values << static_cast<double>(p.original.counts[i]);
    }
    p.bars->setWidth(p.original.binWidth());
    p.bars->setData(keys, values, true);
    p.bars->addToLegend();
    setStaircase(*p.dequantized, p.grid ? p.grid->dequantized : Histogram());
    std::vector<double> levels;
    if (p.grid) {
        levels.assign(p.grid->levels.begin(), p.grid->levels.end());
        p.dequantized->setName(tr("On the power grid, a = %1").arg(exponentText(p.grid->exponent)));
        p.levels->setName(tr("Levels (%1, first group)").arg(levels.size()));
        p.dequantized->addToLegend();
        p.levels->addToLegend();
    }
    setVerticals(*p.levels, levels);
    const auto kept = shownRange(Qt::Horizontal);
    rescale();
    if (!newRange)
        setShownRange(Qt::Horizontal, kept.first, kept.second);
    recolour();
}

void PowerGridPlot::rescale()
{
    Parts& p = *m_parts;
    const double margin = 0.02 * (p.original.hi - p.original.lo);
    plot().xAxis->setRange(p.original.lo - margin, p.original.hi + margin);
    std::int64_t top = highestCount(p.original);
    if (p.grid)
        top = std::max(top, highestCount(p.grid->dequantized));
    plot().yAxis->setRange(0.7, static_cast<double>(std::max<std::int64_t>(top, 1)) * 4);
    p.bars->setBaseValue(0.1);
    if (p.grid)
        setLevels(*p.levels, {p.grid->levels.begin(), p.grid->levels.end()});
}

void PowerGridPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    p.bars->setPen(Qt::NoPen);
    p.bars->setBrush(colours.original);
    p.dequantized->setPen(QPen(colours.dequantized, 1.5));
    QColor level = colours.level;
    level.setAlphaF(levelOpacity(p.grid ? p.grid->levels.size() : 16));
    p.levels->setPen(QPen(level, 1));
    queueReplot();
}

QString PowerGridPlot::proposedName() const
{
    return tr("power grid");
}

QString PowerGridPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    QStringList lines{tr("weight %1").arg(QString::number(x, 'g', 4)),
                      tr("original %1").arg(toQString(formatCount(countAt(p.original, x))))};
    if (p.grid)
        lines << tr("on the grid %1").arg(toQString(formatCount(countAt(p.grid->dequantized, x))));
    return lines.join(QLatin1Char('\n'));
}

QString PowerGridPlot::csv() const
{
    const Parts& p = *m_parts;
    if (isEmpty())
        return {};
    QString text;
    if (p.grid) {
        QStringList levels;
        for (const float level : p.grid->levels)
            levels << csvNumber(static_cast<double>(level));
        text = QStringLiteral("# exponent,%1\n# nmse,%2\n# levels,%3\n")
                   .arg(csvNumber(p.grid->exponent), csvNumber(p.grid->nmse),
                        levels.join(QLatin1Char(',')));
    }
    text += QStringLiteral("from,to,original,power_grid\n");
    const Histogram& h = p.original;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        const double from = h.lo + h.binWidth() * static_cast<double>(i);
        const bool there = p.grid && i < p.grid->dequantized.counts.size();
        text +=
            QStringLiteral("%1,%2,%3,%4\n")
                .arg(csvNumber(from), csvNumber(from + h.binWidth()), QString::number(h.counts[i]),
                     there ? QString::number(p.grid->dequantized.counts[i]) : QString());
    }
    return text;
}

} // namespace gradus
