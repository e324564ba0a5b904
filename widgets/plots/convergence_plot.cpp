// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/convergence_plot.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/models/trace_model.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr std::size_t stageCount = static_cast<std::size_t>(TraceStage::FineTuning) + 1;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// In percent, as the axis has it; nothing where a logarithmic axis has no place.
double shownError(double relativeError)
{
    return relativeError > 0 && std::isfinite(relativeError) ? 100 * relativeError : nothing;
}

/// Each stage has a shape as well as a colour.
QCPScatterStyle markOf(TraceStage stage, const QPalette& palette)
{
    using Shape = QCPScatterStyle::ScatterShape;
    const ThemeColours colours = themeColours(palette);
    const auto series = [&](int at) { return seriesPen(palette, at).color(); };
    const auto filled = [](Shape shape, const QColor& colour, double size) {
        return QCPScatterStyle(shape, QPen(colour, 1.4), QBrush(colour), size);
    };
    const auto hollow = [&](Shape shape, const QColor& colour, double size) {
        return QCPScatterStyle(shape, QPen(colour, 1.8), QBrush(palette.color(QPalette::Base)),
                               size);
    };
    switch (stage) {
    case TraceStage::RoundToNearest:
        return hollow(Shape::ssCircle, colours.muted, 8);
    case TraceStage::Sweep:
        return filled(Shape::ssTriangle, series(4), 9);
    case TraceStage::GridSearch:
        return filled(Shape::ssDiamond, series(2), 10);
    case TraceStage::Integers:
        return filled(Shape::ssSquare, series(0), 7);
    case TraceStage::Scales:
        return filled(Shape::ssCircle, series(1), 8);
    case TraceStage::Polish:
        return filled(Shape::ssStar, series(3), 9);
    case TraceStage::Outliers:
        return filled(Shape::ssPlus, series(2), 9);
    case TraceStage::Clip:
        return filled(Shape::ssTriangleInverted, series(4), 9);
    case TraceStage::Exponent:
        return hollow(Shape::ssTriangle, series(0), 10);
    case TraceStage::Nearest:
        return hollow(Shape::ssPlusCircle, series(2), 9);
    case TraceStage::Gradient:
        return hollow(Shape::ssCrossSquare, series(3), 8);
    case TraceStage::Block:
        return hollow(Shape::ssSquare, series(5), 8);
    case TraceStage::FineTuning:
        return hollow(Shape::ssDiamond, series(5), 10);
    }
    return {};
}
} // namespace

struct ConvergencePlot::Parts
{
    std::string layer;
    ConvergenceTrace shown;
    ConvergenceTrace compared;
    QCPGraph* line = nullptr;
    QCPGraph* other = nullptr;
    std::array<QCPGraph*, stageCount> marks{};
    QCPAxisRect* lower = nullptr;
    QCPBars* rows = nullptr;
    QCPItemStraightLine* step = nullptr;
    QSharedPointer<QCPAxisTickerText> ticker;
};

ConvergencePlot::ConvergencePlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Error of the layer from step to step"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    p.other = plot.addGraph();
    p.line = plot.addGraph();
    for (std::size_t i = 0; i < stageCount; ++i) {
        p.marks[i] = plot.addGraph();
        p.marks[i]->setLineStyle(QCPGraph::lsNone);
        p.marks[i]->setName(traceStageTitle(static_cast<TraceStage>(i)));
    }
    for (QCPGraph* graph : {p.other, p.line})
        graph->setAdaptiveSampling(false);
    setLogTicks(*plot.yAxis);
    plot.yAxis->setLabel(tr("error (%)"));
    plot.xAxis->setTickLabels(false);
    plot.xAxis->grid()->setVisible(false);
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);

    p.lower = new QCPAxisRect(&plot);
    const int row = plot.plotLayout()->rowCount();
    plot.plotLayout()->addElement(row, 0, p.lower);
    plot.plotLayout()->setRowStretchFactor(row, 0.3);
    p.lower->setMinimumMargins(QMargins(12, 0, 14, 8));
    p.lower->setMinimumSize(60, 34);
    plot.axisRect()->setMinimumMargins(QMargins(12, 6, 14, 4));
    auto* margins = new QCPMarginGroup(&plot);
    plot.axisRect()->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    p.lower->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    p.lower->setRangeDrag({});
    p.lower->setRangeZoom({});
    QCPAxis* steps = p.lower->axis(QCPAxis::atBottom);
    QCPAxis* share = p.lower->axis(QCPAxis::atLeft);
    p.rows = new QCPBars(steps, share);
    p.rows->setWidth(0.6);
    p.rows->setAntialiased(false);
    share->setLabel(tr("rows (%)"));
    share->setRange(0, 108);
    QSharedPointer<QCPAxisTickerFixed> hundreds(new QCPAxisTickerFixed);
    hundreds->setTickStep(50);
    share->setTicker(hundreds);
    share->setSubTicks(false);
    p.ticker = QSharedPointer<QCPAxisTickerText>::create();
    for (QCPAxis* axis : {plot.xAxis, steps}) {
        axis->setTicker(p.ticker);
        axis->setSubTicks(false);
        axis->setTickLength(0, 3);
    }
    steps->grid()->setVisible(false);
    connect(plot.xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), steps,
            qOverload<const QCPRange&>(&QCPAxis::setRange));
    connect(&plot, &QCustomPlot::beforeReplot, this, &ConvergencePlot::labelSteps);
    p.step = new QCPItemStraightLine(&plot);
    p.step->setLayer(QStringLiteral("grid"));
    p.step->setVisible(false);
    recolour();
}

ConvergencePlot::~ConvergencePlot() = default;

void ConvergencePlot::setTraces(const std::string& layer, ConvergenceTrace shown,
                                ConvergenceTrace compared)
{
    Parts& p = *m_parts;
    const bool same = layer == p.layer && shown.points.size() == p.shown.points.size() &&
                      compared.points.size() == p.compared.points.size();
    p.layer = layer;
    p.shown = std::move(shown);
    p.compared = std::move(compared);
    rebuild();
    if (!same)
        fit();
}

const ConvergenceTrace& ConvergencePlot::shown() const
{
    return m_parts->shown;
}

const ConvergenceTrace& ConvergencePlot::compared() const
{
    return m_parts->compared;
}

void ConvergencePlot::rebuild()
{
    Parts& p = *m_parts;
    setHasData(!p.shown.points.empty());
    if (isEmpty())
        return;
    QVector<double> x;
    QVector<double> y;
    QVector<double> taken;
    QVector<double> accepted;
    std::array<QVector<double>, stageCount> markX;
    std::array<QVector<double>, stageCount> markY;
    for (std::size_t i = 0; i < p.shown.points.size(); ++i) {
        const TracePoint& point = p.shown.points[i];
        const auto stage = static_cast<std::size_t>(point.stage);
        x << static_cast<double>(i);
        y << shownError(point.relativeError);
        if (i > 0) { // the start was not offered to anybody
            taken << x.last();
            accepted << 100 * point.accepted;
        }
        p.marks[stage]->setName(traceStageTitle(point));
        markX[stage] << x.last();
        markY[stage] << y.last();
    }
    p.line->setData(x, y, true);
    p.rows->setData(taken, accepted, true);
    QCPLegend* legend = plot().legend;
    legend->clearItems();
    for (std::size_t i = 0; i < stageCount; ++i) {
        p.marks[i]->setData(markX[i], markY[i], true);
        if (!markX[i].isEmpty())
            p.marks[i]->addToLegend();
    }
    QVector<double> otherX;
    QVector<double> otherY;
    for (std::size_t i = 0; i < p.compared.points.size(); ++i) {
        otherX << static_cast<double>(i);
        otherY << shownError(p.compared.points[i].relativeError);
    }
    p.other->setData(otherX, otherY, true);
    p.other->setName(p.compared.run);
    if (!otherX.isEmpty())
        p.other->addToLegend();

    const TracePoint& first = p.shown.points.front();
    const TracePoint& last = p.shown.points.back();
    setTitle(toQString(p.layer),
             tr("%1 → %2 in %3 steps · %4 · SQNR %5")
                 .arg(toQString(formatPercent(first.relativeError)),
                      toQString(formatPercent(last.relativeError)))
                 .arg(p.shown.points.size() - 1)
                 .arg(signedDecibel(gainDecibel(first.relativeError, last.relativeError)),
                      toQString(formatDecibel(errorDecibel(last.relativeError)))));
    placeLegend(LegendPlace::Row);
    PlotView::recolour();
    recolour();
}

void ConvergencePlot::labelSteps()
{
    Parts& p = *m_parts;
    if (p.shown.points.empty())
        return;
    // Every label where there is room, else every second, third …
    const QCPAxis* axis = p.lower->axis(QCPAxis::atBottom);
    const QFontMetrics metrics(axis->tickLabelFont());
    QStringList names;
    int widest = 1;
    for (const TracePoint& point : p.shown.points) {
        const QString brief = traceStageTitle(point.stage, true);
        names << (point.round > 0 ? tr("%1 %2").arg(brief).arg(point.round) : brief);
        widest = std::max(widest, metrics.horizontalAdvance(names.last()) + 10);
    }
    const double each =
        axis->range().size() > 0 ? std::max(p.lower->width(), 1) / axis->range().size() : widest;
    const int stride = std::max(1, static_cast<int>(std::ceil(widest / each)));
    p.ticker->clear();
    for (int i = 0; i < names.size(); ++i)
        p.ticker->addTick(i, i % stride == 0 ? names[i] : QString());
}

QStringList ConvergencePlot::tickTexts() const
{
    QStringList texts;
    for (const QString& text : m_parts->ticker->ticks())
        if (!text.isEmpty())
            texts << text;
    return texts;
}

QStringList ConvergencePlot::legendTexts() const
{
    QStringList texts;
    const QCPLegend* legend = plot().legend;
    for (int i = 0; i < legend->itemCount(); ++i)
        if (auto* item = qobject_cast<QCPPlottableLegendItem*>(legend->item(i)))
            texts << item->plottable()->name();
    return texts;
}

void ConvergencePlot::setStep(int step)
{
    Parts& p = *m_parts;
    p.step->setVisible(step >= 0);
    p.step->point1->setCoords(step, 1); // the second only gives the direction
    p.step->point2->setCoords(step, 2);
    queueReplot();
}

void ConvergencePlot::rescale()
{
    const Parts& p = *m_parts;
    double low = std::numeric_limits<double>::infinity();
    double high = 0;
    for (const ConvergenceTrace* trace : {&p.shown, &p.compared}) {
        for (const TracePoint& point : trace->points) {
            const double value = shownError(point.relativeError);
            if (std::isnan(value) || std::isinf(value))
                continue;
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    if (!(high > 0))
        low = high = 1;
    const double span = std::max(0.06, std::log10(high / low));
    const std::size_t steps = std::max(p.shown.points.size(), p.compared.points.size());
    plot().xAxis->setRange(-0.6, static_cast<double>(steps) - 0.4);
    plot().yAxis->setRange(low * std::pow(10, -0.12 * span), high * std::pow(10, 0.12 * span));
}

void ConvergencePlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    if (!p.lower)
        return; // while it is made
    const ThemeColours colours = themeColours(palette());
    p.line->setPen(QPen(colours.muted, 1.3));
    p.other->setPen(QPen(colours.runB, 1.6, Qt::DashLine));
    p.other->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssCross, QPen(colours.runB, 1.3), QBrush(Qt::NoBrush), 6));
    for (std::size_t i = 0; i < stageCount; ++i)
        p.marks[i]->setScatterStyle(markOf(static_cast<TraceStage>(i), palette()));
    QColor bar = colours.runA;
    bar.setAlphaF(0.75F);
    p.rows->setPen(Qt::NoPen);
    p.rows->setBrush(bar);
    p.step->setPen(QPen(palette().color(QPalette::Highlight), 1.5));
    copyAxisLook(*plot().xAxis, *p.lower->axis(QCPAxis::atBottom));
    copyAxisLook(*plot().yAxis, *p.lower->axis(QCPAxis::atLeft));
}

int ConvergencePlot::stepAt(double x) const
{
    const int step = static_cast<int>(std::lround(x));
    return x > -0.6 && step >= 0 && step < static_cast<int>(m_parts->shown.points.size()) ? step
                                                                                          : -1;
}

QString ConvergencePlot::readout(double x, double) const
{
    const int step = stepAt(x);
    if (isEmpty() || step < 0)
        return {};
    const Parts& p = *m_parts;
    const auto at = static_cast<std::size_t>(step);
    const TracePoint& point = p.shown.points[at];
    QStringList lines;
    lines << tr("step %1: %2").arg(step).arg(tracePointTitle(point));
    lines << tr("error %1 · SQNR %2")
                 .arg(toQString(formatPercent(point.relativeError)),
                      toQString(formatDecibel(errorDecibel(point.relativeError))));
    if (at > 0) {
        lines << tr("%1 against the step before")
                     .arg(signedDecibel(
                         gainDecibel(p.shown.points[at - 1].relativeError, point.relativeError)));
        lines << tr("%1 of the rows took it").arg(toQString(formatPercent(point.accepted)));
        lines << tr("scales moved %1, zeros %2 steps")
                     .arg(toQString(formatPercent(point.scaleChange)),
                          toQString(formatReal(point.zeroChange, 3)));
    }
    if (at < p.compared.points.size())
        lines << tr("%1: %2").arg(p.compared.run,
                                  toQString(formatPercent(p.compared.points[at].relativeError)));
    return lines.join(QLatin1Char('\n'));
}

void ConvergencePlot::clicked(QPointF at, Qt::KeyboardModifiers)
{
    const int step = stepAt(at.x());
    if (step >= 0)
        Q_EMIT stepClicked(step);
}

QString ConvergencePlot::proposedName() const
{
    return tr("%1 convergence").arg(title());
}

QString ConvergencePlot::csv() const
{
    if (isEmpty())
        return {};
    const Parts& p = *m_parts;
    QString text = QStringLiteral(
        "run,first,last,stage,round,relative_error,accepted,scale_change,zero_change\n");
    const char* letter = "A";
    for (const ConvergenceTrace* trace : {&p.shown, &p.compared}) {
        for (std::size_t i = 0; i < trace->points.size(); ++i) {
            const TracePoint& point = trace->points[i];
            text += QStringLiteral("%1,%2,%2,%3,%4,%5,%6,%7,%8\n")
                        .arg(QLatin1String(letter))
                        .arg(i)
                        .arg(toQString(traceStageName(point.stage)))
                        .arg(point.round)
                        .arg(csvNumber(point.relativeError), csvNumber(point.accepted),
                             csvNumber(point.scaleChange), csvNumber(point.zeroChange));
        }
        letter = "B";
    }
    return text;
}

} // namespace gradus
