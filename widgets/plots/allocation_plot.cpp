// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/allocation_plot.h"

#include "core/base/format.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QKeyEvent>
#include <QMenu>
#include <QWheelEvent>
#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double clickDistance = 11; ///< pixels around a mark
constexpr double wheelDistance = 9;  ///< pixels around the budget's line
constexpr double step = 0.05;        ///< of the budget, in bits per weight
constexpr double smallStep = 0.01;
constexpr int wheelPauseMs = 500;
constexpr std::size_t mostDots = 160; ///< on the front; more are a band anyway

QString bitsText(double bitsPerWeight)
{
    return toQString(formatBitsPerWeight(bitsPerWeight));
}

QString bytesText(double bytes)
{
    return toQString(formatBytes(static_cast<std::uint64_t>(std::max(bytes, 0.0))));
}

/// The unit that sizes up to this one are shown in.
std::pair<double, const char*> sizeUnit(double bytes)
{
    if (bytes >= 2.0 * (1 << 30))
        return {1 << 30, "GiB"};
    return bytes >= 2.0 * (1 << 20) ? std::pair(1.0 * (1 << 20), "MiB") : std::pair(1024.0, "KiB");
}
/// Numbers with their unit.
class SizeTicker final : public QCPAxisTicker
{
public:
    QString unit;

protected:
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override
    {
        const QString number = QCPAxisTicker::getTickLabel(tick, locale, format, precision);
        return QStringLiteral("%1 %2").arg(number, unit);
    }
};
} // namespace

struct AllocationPlot::Parts
{
    AllocationPicture picture;
    bool log = true;
    QCPGraph* front = nullptr;
    QCPGraph* solution = nullptr;
    QCPGraph* recipe = nullptr;
    std::array<QCPGraph*, 3> references{}; ///< by kind
    QCPGraph* measured = nullptr;
    QCPErrorBars* bars = nullptr;
    std::vector<QCPItemLine*> links; ///< from what was predicted to what was measured
    std::vector<QCPItemText*> names; ///< of uniform allocations
    QCPItemText* budget = nullptr;
    QSharedPointer<SizeTicker> sizes;
    QString subtitle;
    QPointF pressed;
    bool moved = false; ///< the budget, since the button was pressed

    [[nodiscard]] bool ownAxis() const { return !picture.measuredTitle.isEmpty(); }
};

AllocationPlot::AllocationPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Predicted error against size"));
    setToolTip(tr("Drag the line to choose a budget: its solution becomes the recipe. Click any "
                  "point to take its bits."));
    plot.setAutoAddPlottableToLegend(false);
    p.front = plot.addGraph();
    p.front->setAdaptiveSampling(false);
    p.front->setName(tr("Front"));
    const auto points = [&](const QString& name) {
        QCPGraph* graph = plot.addGraph();
        graph->setLineStyle(QCPGraph::lsNone);
        graph->setAdaptiveSampling(false);
        graph->setName(name);
        return graph;
    };
    p.references = {points(tr("Uniform")), points(tr("First/last")),
                    points(QStringLiteral("llama.cpp"))};
    p.measured = points(tr("Measured"));
    p.bars = new QCPErrorBars(plot.xAxis, plot.yAxis);
    p.bars->setDataPlottable(p.measured);
    p.bars->setWhiskerWidth(7);
    p.bars->setSymbolGap(8);
    p.recipe = points(tr("Recipe"));
    p.solution = points(tr("Budget"));
    p.budget = new QCPItemText(&plot);
    p.budget->position->setTypeX(QCPItemPosition::ptPlotCoords);
    p.budget->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    p.budget->position->setAxisRect(plot.axisRect());
    p.budget->position->setAxes(plot.xAxis, nullptr);
    p.budget->setPadding(QMargins(5, 1, 5, 1));
    plot.xAxis->setLabel(tr("bits per weight"));
    plot.xAxis2->setVisible(true);
    p.sizes = QSharedPointer<SizeTicker>::create();
    p.sizes->setTickCount(6);
    plot.xAxis2->setTicker(p.sizes);
    plot.xAxis2->grid()->setVisible(false);
    plot.yAxis2->grid()->setVisible(false);
    plot.axisRect()->setRangeDragAxes({plot.xAxis}, {plot.yAxis, plot.yAxis2});
    plot.axisRect()->setRangeZoomAxes({plot.xAxis}, {plot.yAxis, plot.yAxis2});
    connect(plot.xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
            [this] { drawSizeAxis(); });
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    m_wheel.setSingleShot(true);
    m_wheel.setInterval(wheelPauseMs);
    rebuild();
}

AllocationPlot::~AllocationPlot() = default;

void AllocationPlot::setPicture(AllocationPicture picture)
{
    Parts& p = *m_parts;
    const auto ends = [](const AllocationPicture& of) {
        return of.front.empty() ? std::pair(0.0, 0.0)
                                : std::pair(of.front.front().error, of.front.back().bitsPerWeight);
    };
    const bool same = !isEmpty() && p.picture.model == picture.model &&
                      p.picture.errorTitle == picture.errorTitle &&
                      p.picture.measuredTitle == picture.measuredTitle &&
                      p.picture.measured.size() == picture.measured.size() &&
                      ends(p.picture) == ends(picture);
    p.picture = std::move(picture);
    rebuild();
    if (same)
        queueReplot();
    else
        fit();
}

const AllocationPicture& AllocationPlot::picture() const
{
    return m_parts->picture;
}

void AllocationPlot::setLogScale(bool on)
{
    if (m_parts->log == on)
        return;
    m_parts->log = on;
    rebuild();
    fit();
    Q_EMIT logScaleChanged(on);
}

bool AllocationPlot::logScale() const
{
    return m_parts->log;
}

double AllocationPlot::shown(double error) const
{
    return std::isfinite(error) && (error > 0 || !m_parts->log) ? error : nothing;
}

void AllocationPlot::rebuild()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    const AllocationPicture& picture = p.picture;
    setHasData(!picture.front.empty());
    for (QCPItemLine* link : p.links)
        plot.removeItem(link);
    for (QCPItemText* name : p.names)
        plot.removeItem(name);
    p.links.clear();
    p.names.clear();
    if (picture.front.empty()) {
        setMarkers({}, {});
        return;
    }
    for (QCPAxis* axis : {plot.yAxis, plot.yAxis2}) {
        setAxisScale(*axis, p.log);
        if (p.log)
            setLogTicks(*axis);
    }
    plot.yAxis->setLabel(picture.errorTitle);
    plot.yAxis2->setLabel(picture.measuredTitle);
    plot.yAxis2->setVisible(p.ownAxis() && !picture.measured.empty());

    QVector<double> x;
    QVector<double> y;
    for (const AllocationSpot& spot : picture.front) {
        x << spot.bitsPerWeight;
        y << shown(spot.error);
    }
    p.front->setData(x, y, true);
    const auto one = [this](QCPGraph& graph, const std::optional<AllocationSpot>& spot) {
        if (spot && std::isfinite(spot->error))
            graph.setData({spot->bitsPerWeight}, {shown(spot->error)});
        else
            graph.setData(QVector<double>(), QVector<double>());
    };
    one(*p.solution, picture.solution);
    one(*p.recipe, picture.recipe);
    for (QCPGraph* graph : p.references)
        graph->setData(QVector<double>(), QVector<double>());
    for (const AllocationReference& each : picture.references) {
        p.references[static_cast<std::size_t>(each.kind)]->addData(each.spot.bitsPerWeight,
                                                                   shown(each.spot.error));
        if (each.kind != AllocationReference::Kind::Uniform || std::isnan(shown(each.spot.error)))
            continue;
        auto* name = new QCPItemText(&plot);
        name->setText(each.name);
        // Above the front, which falls to the right; the last one below it, where it ends.
        const bool last = each.spot.bitsPerWeight > 0.9 * picture.front.back().bitsPerWeight;
        name->setPositionAlignment(last ? Qt::AlignRight | Qt::AlignTop
                                        : Qt::AlignLeft | Qt::AlignBottom);
        name->setPadding(last ? QMargins(0, 2, 8, 0) : QMargins(7, 0, 0, 3));
        name->position->setCoords(each.spot.bitsPerWeight, shown(each.spot.error));
        p.names.push_back(name);
    }
    drawMeasured();

    plot.legend->clear();
    p.front->addToLegend();
    for (QCPGraph* graph :
         {p.solution, p.recipe, p.references[0], p.references[1], p.references[2], p.measured})
        if (!graph->data()->isEmpty())
            graph->addToLegend();

    const auto& at = picture.recipe ? picture.recipe : picture.solution;
    if (at)
        setTitle(tr("%1 bits per weight · %2 · predicted %3 %4")
                     .arg(bitsText(at->bitsPerWeight), bytesText(static_cast<double>(at->bytes)),
                          errorText(at->error), picture.errorUnit)
                     .trimmed());
    QStringList remarks;
    if (picture.solution && at && at->bytes == picture.solution->bytes &&
        at->error == picture.solution->error)
        remarks << (picture.optimal ? tr("%1: no allocation within the budget has a smaller error")
                                          .arg(picture.solver)
                                    : picture.solver);
    else if (picture.solution)
        remarks << tr("the budget of %1 allows %2 (%3)")
                       .arg(bitsText(picture.budget), errorText(picture.solution->error),
                            picture.solver);
    std::vector<double> predicted;
    std::vector<double> measured;
    for (const AllocationMeasurement& each : picture.measured) {
        if (!std::isfinite(each.spot.error) || !std::isfinite(each.measured))
            continue;
        predicted.push_back(each.spot.error);
        measured.push_back(each.measured);
    }
    if (predicted.size() >= 3)
        if (const double rank = rankCorrelation(predicted, measured); std::isfinite(rank))
            remarks.prepend(tr("rank correlation of predicted and measured %1 (%2 runs)")
                                .arg(QString::number(rank, 'f', 2))
                                .arg(predicted.size()));
    p.subtitle = remarks.join(QStringLiteral(" · "));
    setTitle(title(), p.subtitle.isEmpty() ? QStringLiteral(" ") : p.subtitle);
    placeLegend(LegendPlace::Row);
    plot.legend->setIconSize(16, 13);
    recolour();
}

void AllocationPlot::drawMeasured()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    QCPAxis* axis = p.ownAxis() ? plot.yAxis2 : plot.yAxis;
    p.measured->setValueAxis(axis);
    p.bars->setValueAxis(axis);
    QVector<double> x;
    QVector<double> y;
    QVector<double> deviations;
    for (const AllocationMeasurement& each : p.picture.measured) {
        const double value = shown(each.measured);
        if (std::isnan(value))
            continue;
        x << each.spot.bitsPerWeight;
        y << value;
        deviations << each.deviation;
        if (std::isnan(shown(each.spot.error)))
            continue;
        auto* link = new QCPItemLine(&plot);
        link->setLayer(QStringLiteral("grid"));
        link->end->setAxes(plot.xAxis, axis);
        link->start->setCoords(each.spot.bitsPerWeight, each.spot.error);
        link->end->setCoords(each.spot.bitsPerWeight, value);
        p.links.push_back(link);
    }
    p.measured->setData(x, y);
    // Bars go by place, and the graph has its points by size.
    std::vector<std::pair<double, double>> sorted;
    for (qsizetype i = 0; i < x.size(); ++i)
        sorted.emplace_back(x[i], deviations[i]);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    QVector<double> bars;
    for (const auto& [at, deviation] : sorted)
        bars << deviation;
    p.bars->setData(bars);
}

void AllocationPlot::drawSizeAxis()
{
    const AllocationPicture& picture = m_parts->picture;
    if (!(picture.weights > 0))
        return;
    QCPAxis& axis = *plot().xAxis2;
    const QCPRange range = plot().xAxis->range();
    const auto [unit, name] = sizeUnit(
        picture.bytesAt(picture.front.empty() ? range.upper : picture.front.back().bitsPerWeight));
    axis.setRange(picture.bytesAt(range.lower) / unit, picture.bytesAt(range.upper) / unit);
    m_parts->sizes->unit = QLatin1String(name); // at each number: a title would take a line
}

void AllocationPlot::placeBudget()
{
    Parts& p = *m_parts;
    const double at = p.picture.budget;
    setMarkers({at}, themeColours(palette()).clip);
    const QCPRange range = plot().xAxis->range();
    p.budget->setVisible(std::isfinite(at) && range.contains(at));
    if (!p.budget->visible())
        return;
    // On the side where there is room.
    const bool left = at > range.center();
    p.budget->setText(bitsText(at));
    p.budget->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignTop);
    p.budget->position->setCoords(at, 0.01);
}

QStringList AllocationPlot::legendTexts() const
{
    QStringList texts;
    const QCPLegend* legend = plot().legend;
    for (int i = 0; i < legend->itemCount(); ++i)
        if (auto* item = qobject_cast<QCPPlottableLegendItem*>(legend->item(i)))
            texts << item->plottable()->name();
    return texts;
}

QString AllocationPlot::subtitleText() const
{
    return m_parts->subtitle;
}

void AllocationPlot::rescale()
{
    const Parts& p = *m_parts;
    const AllocationPicture& picture = p.picture;
    struct Cover
    {
        double low = std::numeric_limits<double>::infinity();
        double high = -std::numeric_limits<double>::infinity();
        void add(double value)
        {
            if (std::isfinite(value)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
        }
    } x, y, other;
    const auto add = [&](const AllocationSpot& spot) {
        x.add(spot.bitsPerWeight);
        y.add(shown(spot.error));
    };
    std::for_each(picture.front.begin(), picture.front.end(), add);
    if (picture.solution)
        add(*picture.solution);
    if (picture.recipe)
        add(*picture.recipe);
    for (const AllocationReference& each : picture.references)
        add(each.spot);
    for (const AllocationMeasurement& each : picture.measured) {
        add(each.spot);
        Cover& cover = p.ownAxis() ? other : y;
        cover.add(shown(each.measured));
        cover.add(shown(each.measured + each.deviation));
        cover.add(shown(std::max(each.measured - each.deviation, each.measured / 2)));
    }
    if (!(x.low <= x.high))
        x = {2, 8};
    const double room = std::max(0.045 * (x.high - x.low), 0.05);
    const auto set = [&](QCPAxis& axis, Cover cover) {
        if (!(cover.low <= cover.high))
            cover = {p.log ? 1e-6 : 0.0, 1};
        if (p.log) {
            // With room for the names of marks.
            const double factor = std::max(std::pow(cover.high / cover.low, 0.1), 1.15);
            axis.setRange(cover.low / factor, cover.high * factor);
        } else {
            const double margin = std::max(0.06 * (cover.high - cover.low), 1e-12);
            axis.setRange(std::min(cover.low, 0.0) - margin / 2, cover.high + margin);
        }
    };
    plot().xAxis->setRange(x.low - room, x.high + room);
    set(*plot().yAxis, y);
    set(*plot().yAxis2, other);
    placeBudget();
}

void AllocationPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    if (!p.budget)
        return; // while it is made
    using Mark = QCPScatterStyle::ScatterShape;
    const ThemeColours colours = themeColours(palette());
    const QColor text = palette().color(QPalette::Text);
    const QColor base = palette().color(QPalette::Base);
    const auto mark = [&](QCPGraph& graph, Mark shape, const QColor& colour, const QColor& fill,
                          double size, double width = 1.7) {
        graph.setScatterStyle(QCPScatterStyle(shape, QPen(colour, width), QBrush(fill), size));
        graph.setPen(QPen(colour, width));
    };
    p.front->setPen(QPen(colours.dequantized, 1.8));
    p.front->setScatterStyle(p.picture.front.size() <= mostDots
                                 ? QCPScatterStyle(Mark::ssDisc, QPen(colours.dequantized),
                                                   QBrush(colours.dequantized), 4.5)
                                 : QCPScatterStyle(Mark::ssNone));
    mark(*p.references[0], Mark::ssSquare, text, base, 8, 1.4);
    mark(*p.references[1], Mark::ssTriangle, colours.level, base, 10);
    mark(*p.references[2], Mark::ssTriangleInverted, colours.error, base, 10);
    mark(*p.measured, Mark::ssCrossCircle, colours.outlier, base, 11, 1.6);
    mark(*p.recipe, Mark::ssDiamond, text, base, 13, 1.8);
    mark(*p.solution, Mark::ssDisc, colours.clip, colours.clip, 9);
    p.bars->setPen(QPen(colours.outlier, 1.3));
    for (QCPItemLine* link : p.links)
        link->setPen(QPen(colours.outlier, 1, Qt::DotLine));
    QFont small = plot().xAxis->tickLabelFont();
    for (QCPItemText* name : p.names) {
        name->setColor(colours.muted);
        name->setFont(small);
    }
    small.setBold(true);
    p.budget->setFont(small);
    p.budget->setColor(colours.clip);
    plot().xAxis2->setSubTicks(false);
    if (!p.picture.front.empty()) {
        drawSizeAxis();
        placeBudget();
    }
    queueReplot();
}

void AllocationPlot::moveBudget(double bitsPerWeight, bool released)
{
    Parts& p = *m_parts;
    if (p.picture.front.empty())
        return;
    p.moved = true;
    p.picture.budget = std::clamp(bitsPerWeight, p.picture.front.front().bitsPerWeight,
                                  p.picture.front.back().bitsPerWeight);
    placeBudget();
    queueReplot();
    Q_EMIT budgetMoved(p.picture.budget, released);
}

void AllocationPlot::markerMoved(int, double position, bool released)
{
    moveBudget(position, released);
}

std::optional<AllocationMark> AllocationPlot::markAt(QPointF position) const
{
    const Parts& p = *m_parts;
    const AllocationPicture& picture = p.picture;
    const QCustomPlot& plot = this->plot();
    const QPointF pixel = plot.mapFrom(this, position.toPoint());
    std::optional<AllocationMark> nearest;
    double least = clickDistance;
    const auto offer = [&](AllocationMark mark, double x, double y, const QCPAxis& axis) {
        if (std::isnan(x) || std::isnan(y))
            return;
        const double distance =
            std::hypot(plot.xAxis->coordToPixel(x) - pixel.x(), axis.coordToPixel(y) - pixel.y());
        if (distance < least) {
            least = distance;
            nearest = mark;
        }
    };
    using Kind = AllocationMark::Kind;
    const auto offerSpot = [&](AllocationMark mark) {
        const AllocationSpot* spot = picture.find(mark);
        if (spot)
            offer(mark, spot->bitsPerWeight, shown(spot->error), *plot.yAxis);
    };
    // What stands out from the front comes first where both are under the cursor.
    const QCPAxis& axis = p.ownAxis() ? *plot.yAxis2 : *plot.yAxis;
    for (std::size_t i = 0; i < picture.measured.size(); ++i) {
        const AllocationMeasurement& each = picture.measured[i];
        offer({Kind::Measured, i}, each.spot.bitsPerWeight, shown(each.measured), axis);
    }
    offerSpot({Kind::Solution, 0});
    for (std::size_t i = 0; i < picture.references.size(); ++i)
        offerSpot({Kind::Reference, i});
    offerSpot({Kind::Recipe, 0});
    if (nearest && least < clickDistance / 2)
        return nearest;
    for (std::size_t i = 0; i < picture.front.size(); ++i)
        offerSpot({Kind::Front, i});
    return nearest;
}

QPoint AllocationPlot::markPosition(const AllocationMark& mark) const
{
    const Parts& p = *m_parts;
    const AllocationSpot* spot = p.picture.find(mark);
    if (!spot)
        return {};
    if (mark.kind != AllocationMark::Kind::Measured)
        return positionOf(spot->bitsPerWeight, spot->error);
    const QCPAxis* axis = p.ownAxis() ? plot().yAxis2 : plot().yAxis;
    const double y = axis->coordToPixel(p.picture.measured[mark.index].measured);
    return plot().mapTo(this,
                        QPointF(plot().xAxis->coordToPixel(spot->bitsPerWeight), y).toPoint());
}

void AllocationPlot::clicked(QPointF, Qt::KeyboardModifiers)
{
    // In eventFilter: marks lie on the budget's line, too, which the base takes for itself.
}

bool AllocationPlot::eventFilter(QObject* object, QEvent* event)
{
    Parts& p = *m_parts;
    const auto isStill = [&p](QPointF at) { return (at - p.pressed).manhattanLength() < 4; };
    if (object != &plot() || isEmpty())
        return PlotView::eventFilter(object, event);
    switch (event->type()) {
    case QEvent::Wheel: {
        auto* wheel = static_cast<QWheelEvent*>(event);
        const double line = plot().xAxis->coordToPixel(p.picture.budget);
        const bool over = plot().axisRect()->rect().contains(wheel->position().toPoint()) &&
                          std::fabs(line - wheel->position().x()) <= wheelDistance;
        if (!over && !m_wheel.isActive())
            break;
        m_wheel.start();
        const double notches = wheel->angleDelta().y() / 120.0;
        const double each = wheel->modifiers().testFlag(Qt::ShiftModifier) ? smallStep : step;
        moveBudget(p.picture.budget + notches * each, true);
        return true;
    }
    case QEvent::MouseButtonPress:
        p.pressed = static_cast<QMouseEvent*>(event)->position();
        p.moved = false;
        break;
    case QEvent::MouseMove: {
        // A click on a mark that lies on the line does not move it.
        const auto* mouse = static_cast<QMouseEvent*>(event);
        if (mouse->buttons().testFlag(Qt::LeftButton) && !p.moved && isStill(mouse->position()))
            return true;
        break;
    }
    case QEvent::MouseButtonRelease: {
        auto* mouse = static_cast<QMouseEvent*>(event);
        const bool handled = PlotView::eventFilter(object, event);
        const bool still = isStill(mouse->position());
        if (mouse->button() == Qt::LeftButton && still && !p.moved) {
            const QPoint here = plot().mapTo(this, mouse->position().toPoint());
            if (const auto mark = markAt(here))
                Q_EMIT markActivated(*mark);
        }
        return handled;
    }
    default:
        break;
    }
    return PlotView::eventFilter(object, event);
}

void AllocationPlot::keyPressEvent(QKeyEvent* event)
{
    const Parts& p = *m_parts;
    const bool plain = !(event->modifiers() & (Qt::ControlModifier | Qt::AltModifier));
    const double each = event->modifiers().testFlag(Qt::ShiftModifier) ? smallStep : step;
    if (!isEmpty() && plain && std::isfinite(p.picture.budget)) {
        switch (event->key()) {
        case Qt::Key_Left:
            moveBudget(p.picture.budget - each, true);
            return;
        case Qt::Key_Right:
            moveBudget(p.picture.budget + each, true);
            return;
        case Qt::Key_Return:
        case Qt::Key_Enter:
            if (p.picture.solution)
                Q_EMIT markActivated({AllocationMark::Kind::Solution, 0});
            return;
        default:
            break;
        }
    }
    PlotView::keyPressEvent(event);
}

void AllocationPlot::extendMenu(QMenu& menu)
{
    QAction* log = menu.addAction(tr("Logarithmic error"));
    log->setCheckable(true);
    log->setChecked(m_parts->log);
    connect(log, &QAction::toggled, this, &AllocationPlot::setLogScale);
}

QString AllocationPlot::proposedName() const
{
    return tr("%1 allocation").arg(m_parts->picture.model);
}

QString AllocationPlot::readout(double x, double y) const
{
    const Parts& p = *m_parts;
    if (p.picture.front.empty())
        return {};
    const QPointF here(plot().xAxis->coordToPixel(x), plot().yAxis->coordToPixel(y));
    const auto mark = markAt(plot().mapTo(this, here.toPoint()));
    const auto sizeLine = [&](double bits, double bytes) {
        return tr("%1 bits per weight · %2 %3")
            .arg(bitsText(bits), p.picture.sizeTitle, bytesText(bytes));
    };
    if (!mark)
        return sizeLine(x, p.picture.bytesAt(x));
    const AllocationSpot& spot = *p.picture.find(*mark);
    QStringList lines;
    switch (mark->kind) {
    case AllocationMark::Kind::Front:
        lines << tr("point %1 of %2 of the front").arg(mark->index + 1).arg(p.picture.front.size());
        break;
    case AllocationMark::Kind::Solution:
        lines << tr("at the budget: %1").arg(p.picture.solver);
        break;
    case AllocationMark::Kind::Recipe:
        lines << tr("the recipe at present");
        break;
    case AllocationMark::Kind::Reference: {
        const AllocationReference& reference = p.picture.references[mark->index];
        lines << (reference.kind == AllocationReference::Kind::Uniform
                      ? tr("uniform, %1").arg(reference.name)
                      : reference.name);
        break;
    }
    case AllocationMark::Kind::Measured:
        lines << p.picture.measured[mark->index].name;
        break;
    }
    lines << sizeLine(spot.bitsPerWeight, static_cast<double>(spot.bytes));
    if (std::isfinite(spot.error))
        lines << tr("predicted %1 %2").arg(errorText(spot.error), p.picture.errorUnit).trimmed();
    if (mark->kind == AllocationMark::Kind::Measured) {
        const AllocationMeasurement& measured = p.picture.measured[mark->index];
        lines << tr("measured %1 ± %2")
                     .arg(errorText(measured.measured), errorText(measured.deviation));
        if (!measured.figures.isEmpty())
            lines << measured.figures;
    }
    if (mark->kind != AllocationMark::Kind::Recipe)
        lines << tr("click to take its bits");
    return lines.join(QLatin1Char('\n'));
}

QString AllocationPlot::csv() const
{
    const AllocationPicture& picture = m_parts->picture;
    if (picture.front.empty())
        return {};
    QString text = QStringLiteral("# %1\n").arg(picture.errorTitle);
    text +=
        QStringLiteral("kind,name,bits_per_weight,bytes,predicted_error,measured,standard_error\n");
    const auto line = [&](const char* kind, const QString& name, const AllocationSpot& spot,
                          double measured = nothing, double deviation = nothing) {
        QString quoted = name;
        quoted.replace(QLatin1Char('"'), QLatin1String("\"\""));
        text += QStringLiteral("%1,\"%2\",%3,%4,%5,%6,%7\n")
                    .arg(QLatin1String(kind), quoted, csvNumber(spot.bitsPerWeight))
                    .arg(spot.bytes)
                    .arg(csvNumber(spot.error), csvNumber(measured), csvNumber(deviation));
    };
    for (const AllocationSpot& spot : picture.front)
        line("front", {}, spot);
    if (picture.solution)
        line("solution", picture.solver, *picture.solution);
    if (picture.recipe)
        line("recipe", {}, *picture.recipe);
    for (const AllocationReference& each : picture.references)
        line(each.kind == AllocationReference::Kind::Uniform     ? "uniform"
             : each.kind == AllocationReference::Kind::FirstLast ? "first-last"
                                                                 : "llama-cpp",
             each.name, each.spot);
    for (const AllocationMeasurement& each : picture.measured)
        line("measured", each.name, each.spot, each.measured, each.deviation);
    return text;
}

} // namespace gradus
