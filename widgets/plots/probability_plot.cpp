// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/probability_plot.h"

#include "core/base/format.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QAction>
#include <QCoreApplication>
#include <QMenu>
#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(ProbabilityPlot)
};

constexpr double perOctave = ProbabilityHistogram::binsPerOctave;
constexpr std::size_t bins = std::tuple_size_v<decltype(ProbabilityHistogram::counts)>;
constexpr double lastOctave = static_cast<double>(bins) / perOctave;
constexpr int laneCount = 3;
constexpr double laneReach = 0.32; ///< of a tick, up and down from the middle of its lane

/// 1, 0.25, 0.0039, 2.4e-4.
QString probabilityText(double octave)
{
    return QString::number(std::exp2(-octave), 'g', 3);
}
} // namespace

QString probabilityQuantizerTitle(ProbabilityQuantizer quantizer)
{
    switch (quantizer) {
    case ProbabilityQuantizer::LogSqrt2:
        return Text::tr("log√2");
    case ProbabilityQuantizer::Log2:
        return Text::tr("log2");
    case ProbabilityQuantizer::Uniform:
        return Text::tr("uniform");
    }
    return {};
}

struct ProbabilityPlot::Parts
{
    struct Lane
    {
        ProbabilityQuantizer quantizer = ProbabilityQuantizer::LogSqrt2;
        OctaveLevels levels;
    };
    QString title;
    std::optional<ProbabilityHistogram> histogram;
    std::optional<ProbabilityGrid> grid;
    std::vector<Lane> shown; ///< the chosen one first
    bool logarithmic = false;
    QCPGraph* counts = nullptr;
    QCPCurve* levels = nullptr;
    QCPCurve* zero = nullptr;
    QCPAxisRect* lanes = nullptr;
    std::array<QCPCurve*, laneCount> ticks{};
    QCPCurve* laneZero = nullptr;  ///< where each lane's zeros begin
    QCPItemText* beyond = nullptr; ///< what the open bin has, where it is higher than the plot
    QSharedPointer<QCPAxisTickerText> names;
    QSharedPointer<QCPAxisTickerFixed> octaves;
};

ProbabilityPlot::ProbabilityPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Distribution of the softmax probabilities"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    p.counts = plot.addGraph();
    p.counts->setName(tr("probabilities"));
    p.counts->setLineStyle(QCPGraph::lsStepLeft);
    p.counts->setAntialiased(false);
    p.counts->setAntialiasedFill(false);
    p.levels = new QCPCurve(plot.xAxis, plot.yAxis);
    p.zero = new QCPCurve(plot.xAxis, plot.yAxis);
    p.zero->setName(tr("from here on 0"));
    p.beyond = new QCPItemText(&plot);
    p.beyond->setSelectable(false);
    p.beyond->setPositionAlignment(Qt::AlignRight | Qt::AlignTop);
    p.beyond->setPadding(QMargins(4, 1, 4, 1));
    p.beyond->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    p.beyond->setVisible(false);
    plot.yAxis->setLabel(tr("count"));
    plot.xAxis->setTickLabels(false);
    plot.xAxis->grid()->setVisible(false);
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);

    p.lanes = new QCPAxisRect(&plot);
    const int row = plot.plotLayout()->rowCount();
    plot.plotLayout()->addElement(row, 0, p.lanes);
    p.lanes->setMinimumMargins(QMargins(12, 0, 14, 8));
    p.lanes->setMinimumSize(60, 54);
    p.lanes->setMaximumSize(QWIDGETSIZE_MAX, 92); // axis labels included
    p.lanes->setSizeConstraintRect(QCPLayoutElement::scrInnerRect);
    plot.axisRect()->setMinimumMargins(QMargins(12, 6, 14, 4));
    auto* margins = new QCPMarginGroup(&plot);
    plot.axisRect()->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    p.lanes->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    p.lanes->setRangeDrag({});
    p.lanes->setRangeZoom({});
    QCPAxis* octaves = p.lanes->axis(QCPAxis::atBottom);
    QCPAxis* names = p.lanes->axis(QCPAxis::atLeft);
    for (QCPCurve*& each : p.ticks)
        each = new QCPCurve(octaves, names);
    p.laneZero = new QCPCurve(octaves, names);
    p.names = QSharedPointer<QCPAxisTickerText>::create();
    names->setTicker(p.names);
    names->setRange(-0.5, laneCount - 0.5);
    names->setRangeReversed(true);
    names->grid()->setVisible(false);
    names->setSubTicks(false);
    octaves->setLabel(tr("−log₂ p, octaves below probability 1; the last bar is all beyond"));
    octaves->grid()->setVisible(false);
    p.octaves = QSharedPointer<QCPAxisTickerFixed>::create();
    p.octaves->setTickStep(1);
    p.octaves->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    for (QCPAxis* axis : {plot.xAxis, octaves}) {
        axis->setTicker(p.octaves);
        axis->setSubTicks(false);
    }
    connect(plot.xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), octaves,
            qOverload<const QCPRange&>(&QCPAxis::setRange));
    recolour();
}

ProbabilityPlot::~ProbabilityPlot() = default;

void ProbabilityPlot::setProbabilities(const QString& title,
                                       std::optional<ProbabilityHistogram> histogram,
                                       std::optional<ProbabilityGrid> grid)
{
    Parts& p = *m_parts;
    p.title = title;
    p.histogram = std::move(histogram);
    p.grid = std::move(grid);
    p.shown.clear();
    if (p.grid) {
        const ProbabilityQuantizer chosen = quantizerOf(*p.grid);
        std::vector<ProbabilityQuantizer> order{chosen};
        for (const ProbabilityQuantizer each :
             {ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
              ProbabilityQuantizer::Uniform})
            if (each != chosen)
                order.push_back(each);
        for (const ProbabilityQuantizer each : order)
            p.shown.push_back({each, octaveLevels(comparable(*p.grid, each))});
    }
    rebuild();
    fit();
}

void ProbabilityPlot::setLogScale(bool on)
{
    Parts& p = *m_parts;
    if (p.logarithmic == on)
        return;
    p.logarithmic = on;
    if (on)
        setLogTicks(*plot().yAxis);
    else
        setAxisScale(*plot().yAxis, false);
    fit();
    Q_EMIT logScaleChanged(on);
}

bool ProbabilityPlot::logScale() const
{
    return m_parts->logarithmic;
}

double ProbabilityPlot::lostShare() const
{
    const Parts& p = *m_parts;
    if (!p.histogram || p.shown.empty())
        return std::numeric_limits<double>::quiet_NaN();
    return zeroShare(*p.histogram) + shareFrom(*p.histogram, p.shown.front().levels.zeroFrom);
}

QStringList ProbabilityPlot::laneTexts() const
{
    QStringList texts;
    for (const Parts::Lane& lane : m_parts->shown)
        texts << probabilityQuantizerTitle(lane.quantizer);
    return texts;
}

void ProbabilityPlot::rebuild()
{
    Parts& p = *m_parts;
    setHasData(p.histogram && totalOf(*p.histogram) > 0);
    if (isEmpty())
        return;
    QVector<double> x;
    QVector<double> y;
    for (std::size_t bin = 0; bin < bins; ++bin) {
        x << static_cast<double>(bin) / perOctave;
        y << static_cast<double>(p.histogram->counts[bin]);
    }
    x << lastOctave;
    y << y.last();
    p.counts->setData(x, y, true);

    p.names->clear();
    const double gap = std::numeric_limits<double>::quiet_NaN();
    QVector<double> zeroX;
    QVector<double> zeroY;
    for (std::size_t lane = 0; lane < laneCount; ++lane) {
        QVector<double> tickX;
        QVector<double> tickY;
        if (lane < p.shown.size()) {
            const auto at = static_cast<double>(lane);
            const QString name = probabilityQuantizerTitle(p.shown[lane].quantizer);
            p.names->addTick(at, lane == 0 ? QStringLiteral("▸ ") + name : name);
            for (const double place : p.shown[lane].levels.places) {
                tickX << place << place << gap;
                tickY << at - laneReach << at + laneReach << gap;
            }
            const double from = p.shown[lane].levels.zeroFrom;
            if (std::isfinite(from)) {
                zeroX << from << 1e3 << gap;
                zeroY << at << at << gap;
            }
        }
        p.ticks[lane]->setData(tickX, tickY);
    }
    p.laneZero->setData(zeroX, zeroY);
    QCPLegend& legend = *plot().legend;
    legend.clearItems();
    p.counts->addToLegend();
    const bool chosen = !p.shown.empty();
    const bool vanishes = chosen && std::isfinite(p.shown.front().levels.zeroFrom);
    if (chosen) {
        p.levels->setName(
            tr("levels of %1").arg(probabilityQuantizerTitle(p.shown.front().quantizer)));
        p.levels->addToLegend();
    }
    setVerticals(*p.zero, vanishes ? std::vector<double>{p.shown.front().levels.zeroFrom}
                                   : std::vector<double>());
    if (vanishes)
        p.zero->addToLegend();
    p.lanes->setVisible(chosen);

    const QString zeros = toQString(formatPercent(zeroShare(*p.histogram)));
    QString subtitle;
    if (!chosen)
        subtitle = tr("float · exactly 0: %1").arg(zeros);
    else if (vanishes)
        subtitle = tr("%1, %2 bit · exactly 0: %3 · below the last level: %4")
                       .arg(probabilityQuantizerTitle(p.shown.front().quantizer))
                       .arg(bitsOf(*p.grid))
                       .arg(zeros, toQString(formatPercent(
                                       shareFrom(*p.histogram, p.shown.front().levels.zeroFrom))));
    else
        subtitle = tr("%1, %2 bit · exactly 0: %3 · nothing becomes 0")
                       .arg(probabilityQuantizerTitle(p.shown.front().quantizer))
                       .arg(bitsOf(*p.grid))
                       .arg(zeros);
    setTitle(p.title, subtitle);
    placeLegend(LegendPlace::Row);
    recolour();
}

void ProbabilityPlot::rescale()
{
    Parts& p = *m_parts;
    if (!p.histogram)
        return;
    const auto& counts = p.histogram->counts;
    std::size_t last = 0;
    std::int64_t highest = 1;
    for (std::size_t bin = 0; bin < bins; ++bin) {
        if (counts[bin] > 0)
            last = bin;
        // What lies beyond the axis is one bin, which would press all others down.
        if (p.logarithmic || bin + 1 < bins)
            highest = std::max(highest, counts[bin]);
    }
    if (highest == 1)
        highest = std::max(highest, counts.back());
    const bool cut =
        !p.logarithmic && static_cast<double>(counts.back()) > 1.06 * static_cast<double>(highest);
    p.beyond->setVisible(cut);
    p.beyond->position->setCoords(lastOctave - 1 / perOctave, 0.02);
    if (cut)
        p.beyond->setText(
            tr("from %1 on: %2 ▸")
                .arg(QString::number(lastOctave - 1 / perOctave, 'g', 4),
                     toQString(formatPercent(static_cast<double>(counts.back()) /
                                             static_cast<double>(totalOf(*p.histogram))))));
    const double right =
        std::min(lastOctave, std::max(static_cast<double>(last + 1) / perOctave, 4.0));
    plot().xAxis->setRange(-0.15, right + 0.1);
    if (p.logarithmic)
        plot().yAxis->setRange(0.7, static_cast<double>(highest) * 1.6);
    else
        plot().yAxis->setRange(0,
                               static_cast<double>(highest) * (cut ? 1.35 : 1.06)); // room for it
    if (!p.shown.empty())
        setLevels(*p.levels, p.shown.front().levels.places);
    else
        p.levels->setData(QVector<double>(), QVector<double>());
}

void ProbabilityPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    if (!p.lanes)
        return; // while it is made
    const ThemeColours colours = themeColours(palette());
    QColor fill = colours.dequantized;
    fill.setAlphaF(0.28F);
    p.counts->setPen(QPen(colours.dequantized, 1.2));
    p.counts->setBrush(fill);
    QColor level = colours.level;
    level.setAlphaF(p.shown.empty() ? 1 : levelOpacity(p.shown.front().levels.places.size()));
    p.levels->setPen(QPen(level, 1));
    p.zero->setPen(QPen(colours.clip, 1.6, Qt::DashLine));
    for (std::size_t lane = 0; lane < laneCount; ++lane)
        p.ticks[lane]->setPen(lane == 0 ? QPen(colours.level, 1.8) : QPen(colours.muted, 1.2));
    p.beyond->setFont(plot().xAxis->tickLabelFont());
    p.beyond->setColor(palette().color(QPalette::Text));
    p.beyond->setBrush(palette().color(QPalette::Base));
    p.laneZero->setPen(QPen(colours.clip, 1.4, Qt::DashLine));
    for (const auto side : {QCPAxis::atBottom, QCPAxis::atLeft})
        copyAxisLook(side == QCPAxis::atBottom ? *plot().xAxis : *plot().yAxis,
                     *p.lanes->axis(side));
    p.lanes->axis(QCPAxis::atLeft)->grid()->setVisible(false);
    p.lanes->axis(QCPAxis::atBottom)->grid()->setVisible(false);
    p.lanes->axis(QCPAxis::atLeft)->setTickPen(Qt::NoPen);
    queueReplot();
}

void ProbabilityPlot::extendMenu(QMenu& menu)
{
    QAction* logarithmic = menu.addAction(tr("Logarithmic counts"));
    logarithmic->setCheckable(true);
    logarithmic->setChecked(logScale());
    connect(logarithmic, &QAction::toggled, this, &ProbabilityPlot::setLogScale);
}

QString ProbabilityPlot::proposedName() const
{
    return tr("%1 softmax").arg(title());
}

QString ProbabilityPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    if (!p.histogram || !(x >= 0) || !(x < lastOctave))
        return {};
    const auto bin = static_cast<std::size_t>(x * perOctave);
    const std::int64_t count = p.histogram->counts[bin];
    const double from = static_cast<double>(bin) / perOctave;
    QStringList lines;
    lines << (bin + 1 == bins
                  ? tr("p up to %1").arg(probabilityText(from))
                  : tr("p from %1 to %2")
                        .arg(probabilityText(from + 1 / perOctave), probabilityText(from)));
    lines << tr("%1 of them, %2")
                 .arg(toQString(formatCount(count)),
                      toQString(formatPercent(static_cast<double>(count) /
                                              static_cast<double>(totalOf(*p.histogram)))));
    for (const Parts::Lane& lane : p.shown) {
        const QString name = probabilityQuantizerTitle(lane.quantizer);
        const auto nearest = std::min_element(
            lane.levels.places.begin(), lane.levels.places.end(),
            [x](double a, double b) { return std::fabs(a - x) < std::fabs(b - x); });
        if (x >= lane.levels.zeroFrom)
            lines << tr("%1: becomes 0").arg(name);
        else if (nearest != lane.levels.places.end())
            lines << tr("%1: becomes about %2").arg(name, probabilityText(*nearest));
    }
    return lines.join(QLatin1Char('\n'));
}

QString ProbabilityPlot::csv() const
{
    const Parts& p = *m_parts;
    if (isEmpty())
        return {};
    QString text =
        QStringLiteral("# attention of,%1\n# zeros,%2\n").arg(p.title).arg(p.histogram->zeros);
    for (const Parts::Lane& lane : p.shown) {
        QStringList places;
        for (const double place : lane.levels.places)
            places << csvNumber(place);
        text += QStringLiteral("# levels of %1,%2\n")
                    .arg(toQString(probabilityQuantizerName(lane.quantizer)),
                         places.join(QLatin1Char(' ')));
    }
    text += QStringLiteral("from,to,count\n");
    for (std::size_t bin = 0; bin < bins; ++bin)
        text += QStringLiteral("%1,%2,%3\n")
                    .arg(csvNumber(static_cast<double>(bin) / perOctave),
                         bin + 1 == bins ? QStringLiteral("inf")
                                         : csvNumber(static_cast<double>(bin + 1) / perOctave))
                    .arg(p.histogram->counts[bin]);
    return text;
}

} // namespace gradus
