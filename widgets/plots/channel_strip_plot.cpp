// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/channel_strip_plot.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

struct ChannelStripPlot::Parts
{
    std::shared_ptr<const ChannelStrip> strip;
    std::shared_ptr<const WeightPreview> preview;
    QCPColorMap* map = nullptr;
    QCPColorScale* scale = nullptr;
    QCPGraph* low = nullptr;
    QCPGraph* high = nullptr;
};

namespace {
float shareAt(const ChannelStrip& s, std::int64_t column, int bin)
{
    return s.share[static_cast<std::size_t>(column * s.bins + bin)];
}
} // namespace

ChannelStripPlot::ChannelStripPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Distribution of each channel's weights"));
    setEmptyText(tr("Select a layer to see how its weights spread over the channels."));
    plot.setAutoAddPlottableToLegend(false);
    p.map = new QCPColorMap(plot.xAxis, plot.yAxis);
    p.map->setInterpolate(false);
    p.map->setDataScaleType(QCPAxis::stLogarithmic);
    p.scale = new QCPColorScale(&plot);
    p.scale->setType(QCPAxis::atRight);
    p.scale->setDataScaleType(QCPAxis::stLogarithmic);
    p.scale->setBarWidth(10);
    p.scale->setLabel(tr("share of the channel's weights"));
    p.scale->setRangeDrag(false);
    p.scale->setRangeZoom(false);
    auto* ticker = new QCPAxisTickerLog;
    p.scale->axis()->setTicker(QSharedPointer<QCPAxisTicker>(ticker));
    p.scale->axis()->setNumberFormat(QStringLiteral("gb"));
    p.scale->axis()->setNumberPrecision(1);
    p.map->setColorScale(p.scale);
    for (QCPGraph** graph : {&p.low, &p.high}) {
        *graph = plot.addGraph();
        (*graph)->setLineStyle(QCPGraph::lsStepLeft);
        (*graph)->setAntialiased(false);
        (*graph)->setAdaptiveSampling(false);
    }
    p.low->setName(tr("Limits of the grid"));
    plot.yAxis->setLabel(tr("weight"));
    plot.xAxis->grid()->setVisible(false);
    plot.yAxis->grid()->setVisible(false);
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    // The scale stands beside the map, in one row under the titles.
    const int row = plot.plotLayout()->rowCount() - 1;
    auto* pair = new QCPLayoutGrid;
    QCPAxisRect* map = plot.axisRect();
    plot.plotLayout()->take(map);
    plot.plotLayout()->addElement(row, 0, pair);
    pair->addElement(0, 0, map);
    pair->addElement(0, 1, p.scale);
    auto* margins = new QCPMarginGroup(&plot);
    plot.axisRect()->setMarginGroup(QCP::msTop | QCP::msBottom, margins);
    p.scale->setMarginGroup(QCP::msTop | QCP::msBottom, margins);
    recolour();
}

ChannelStripPlot::~ChannelStripPlot() = default;

void ChannelStripPlot::setStrip(std::shared_ptr<const ChannelStrip> strip)
{
    m_parts->strip = std::move(strip);
    rebuild();
    fit();
}

const ChannelStrip* ChannelStripPlot::strip() const
{
    return m_parts->strip.get();
}

void ChannelStripPlot::setPreview(std::shared_ptr<const WeightPreview> preview)
{
    m_parts->preview = std::move(preview);
    rebuild();
}

std::pair<double, double> ChannelStripPlot::limits(std::int64_t column) const
{
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    const WeightPreview* w = m_parts->preview.get();
    const ChannelStrip& s = *m_parts->strip;
    if (!w || w->choice.keepFloat)
        return {nothing, nothing};
    if (s.axis == ChannelAxis::Input)
        return {w->clipLow, w->clipHigh};
    const auto begin = static_cast<std::size_t>(column * s.channelsPerColumn);
    const auto end = std::min({static_cast<std::size_t>((column + 1) * s.channelsPerColumn),
                               w->rowLow.size(), w->rowHigh.size()});
    if (begin >= end)
        return {nothing, nothing};
    float low = w->rowLow[begin];
    float high = w->rowHigh[begin];
    for (std::size_t i = begin; i < end; ++i) {
        low = std::min(low, w->rowLow[i]);
        high = std::max(high, w->rowHigh[i]);
    }
    return {static_cast<double>(low), static_cast<double>(high)};
}

void ChannelStripPlot::rebuild()
{
    Parts& p = *m_parts;
    setHasData(p.strip && p.strip->columns() > 0 && p.strip->bins > 0);
    if (isEmpty())
        return;
    const ChannelStrip& s = *p.strip;
    const int columns = static_cast<int>(s.columns());
    const bool output = s.axis == ChannelAxis::Output;
    plot().xAxis->setLabel(output ? tr("output channel") : tr("input channel"));
    const QString aggregated =
        s.channelsPerColumn == 1
            ? QString()
            : tr(" · %1 channels a column").arg(toQString(formatCount(s.channelsPerColumn)));
    if (p.preview)
        setTitle(toQString(p.preview->layer), (output ? tr("%1 output channels%2 · limits: %3")
                                                      : tr("%1 input channels%2 · limits: %3"))
                                                  .arg(toQString(formatCount(s.channels)),
                                                       aggregated, choiceText(p.preview->choice)));

    // The library places a cell by its middle and cannot draw a single column: it becomes two.
    const int cells = std::max(columns, 2);
    const auto width = static_cast<double>(s.channelsPerColumn) * columns / cells;
    const double first = -0.5 + width / 2;
    const double binWidth = (s.hi - s.lo) / s.bins;
    p.map->data()->setSize(cells, s.bins);
    p.map->data()->setRange({first, first + width * (cells - 1)},
                            {s.lo + binWidth / 2, s.hi - binWidth / 2});
    float most = 0;
    float least = 1;
    for (const float share : s.share) {
        most = std::max(most, share);
        if (share > 0)
            least = std::min(least, share);
    }
    const double floor = std::min(std::max(static_cast<double>(least) / 2, 1e-5),
                                  std::max(static_cast<double>(most) / 10, 1e-6));
    for (int column = 0; column < cells; ++column) {
        for (int bin = 0; bin < s.bins; ++bin) {
            const double share =
                static_cast<double>(shareAt(s, std::min(column, columns - 1), bin));
            p.map->data()->setCell(column, bin, std::max(share, floor));
        }
    }
    p.map->setDataRange({floor, std::max(static_cast<double>(most), floor * 10)});

    QVector<double> x;
    QVector<double> low;
    QVector<double> high;
    for (int column = 0; column < columns; ++column) {
        const auto [lowest, highest] = limits(column);
        x << static_cast<double>(column * s.channelsPerColumn) - 0.5;
        low << lowest;
        high << highest;
    }
    x << static_cast<double>(s.channels) - 0.5;
    low << low.last();
    high << high.last();
    p.low->setData(x, low, true);
    p.high->setData(x, high, true);
    queueReplot();
}

void ChannelStripPlot::rescale()
{
    const ChannelStrip& s = *m_parts->strip;
    double low = s.lo;
    double high = s.hi;
    for (std::int64_t column = 0; column < s.columns(); ++column) {
        const auto [lowest, highest] = limits(column);
        low = std::min(low, std::isnan(lowest) ? low : lowest);
        high = std::max(high, std::isnan(highest) ? high : highest);
    }
    const double margin = 0.02 * (high - low);
    plot().xAxis->setRange(-0.5, static_cast<double>(s.channels) - 0.5);
    plot().yAxis->setRange(low - margin, high + margin);
}

void ChannelStripPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    QCPColorGradient gradient;
    gradient.clearColorStops();
    const QList<QColor> heat = heatColours(palette());
    for (int i = 0; i < heat.size(); ++i)
        gradient.setColorStopAt(static_cast<double>(i) / static_cast<double>(heat.size() - 1),
                                heat[i]);
    p.map->setGradient(gradient);
    p.low->setPen(QPen(colours.clip, 1.5));
    p.high->setPen(QPen(colours.clip, 1.5));
    QCPAxis* axis = p.scale->axis();
    const QCPAxis* model = plot().yAxis;
    axis->setBasePen(model->basePen());
    axis->setTickPen(model->tickPen());
    axis->setSubTickPen(Qt::NoPen);
    axis->setTickLabelColor(model->tickLabelColor());
    axis->setTickLabelFont(model->tickLabelFont());
    axis->setLabelColor(model->labelColor());
    axis->setLabelFont(model->labelFont());
    for (QCPAxis* frame : {plot().xAxis, plot().yAxis})
        frame->grid()->setVisible(false);
}

QString ChannelStripPlot::proposedName() const
{
    return tr("%1 channels").arg(title());
}

QString ChannelStripPlot::readout(double x, double y) const
{
    if (isEmpty())
        return {};
    const ChannelStrip& s = *m_parts->strip;
    const auto channel = static_cast<std::int64_t>(std::floor(x + 0.5));
    if (channel < 0 || channel >= s.channels)
        return {};
    const std::int64_t column = channel / s.channelsPerColumn;
    const std::int64_t first = column * s.channelsPerColumn;
    const std::int64_t last = std::min(first + s.channelsPerColumn, s.channels) - 1;
    QStringList lines;
    if (first == last)
        lines << (s.axis == ChannelAxis::Output ? tr("output channel %1") : tr("input channel %1"))
                     .arg(first);
    else
        lines << (s.axis == ChannelAxis::Output ? tr("output channels %1–%2")
                                                : tr("input channels %1–%2"))
                     .arg(first)
                     .arg(last);
    lines << tr("weight %1").arg(QString::number(y, 'g', 4));
    const double bin = (y - s.lo) / (s.hi - s.lo) * s.bins;
    if (bin >= 0 && bin <= s.bins)
        lines << tr("share %1")
                     .arg(toQString(formatPercent(static_cast<double>(
                         shareAt(s, column, std::min(static_cast<int>(bin), s.bins - 1))))));
    const auto [low, high] = limits(column);
    if (!std::isnan(low))
        lines << tr("limits %1 … %2")
                     .arg(QString::number(low, 'g', 4), QString::number(high, 'g', 4));
    return lines.join(QLatin1Char('\n'));
}

QString ChannelStripPlot::csv() const
{
    if (isEmpty())
        return {};
    const ChannelStrip& s = *m_parts->strip;
    QString text =
        QStringLiteral("# axis,%1\n# bins,%2,%3,%4\nfirst,last,low_limit,high_limit")
            .arg(s.axis == ChannelAxis::Output ? QStringLiteral("output") : QStringLiteral("input"))
            .arg(s.bins)
            .arg(csvNumber(s.lo), csvNumber(s.hi));
    for (int bin = 0; bin < s.bins; ++bin)
        text += QStringLiteral(",share_%1").arg(bin);
    text += QLatin1Char('\n');
    for (std::int64_t column = 0; column < s.columns(); ++column) {
        const auto [low, high] = limits(column);
        text += QStringLiteral("%1,%2,%3,%4")
                    .arg(column * s.channelsPerColumn)
                    .arg(std::min((column + 1) * s.channelsPerColumn, s.channels) - 1)
                    .arg(csvNumber(low), csvNumber(high));
        for (int bin = 0; bin < s.bins; ++bin)
            text += QLatin1Char(',') + csvNumber(static_cast<double>(shareAt(s, column, bin)));
        text += QLatin1Char('\n');
    }
    return text;
}

} // namespace gradus
