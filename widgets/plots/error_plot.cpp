// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/error_plot.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/models/table_text.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QActionGroup>
#include <QMenu>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace gradus {

namespace {
constexpr double leastBar = 3; ///< pixels of a bar that is told from its neighbours
constexpr int measureCount = 4;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
} // namespace

struct ErrorPlot::Parts
{
    std::shared_ptr<const std::vector<LayerRow>> rows;
    std::vector<Series> series;
    std::vector<int> order;                  ///< row by position
    std::vector<std::vector<double>> values; ///< by series and position, in shown units
    std::vector<bool> selected;              ///< by position
    std::set<std::string> selectedNames;
    std::vector<int> blockStarts; ///< positions; empty unless in model order
    Measure measure = Measure::OutputError;
    bool chosen = false;  ///< somebody chose the measure
    bool instead = false; ///< SQNR stands for output errors that nobody measured
    Order arrangement = Order::Model;
    bool log[measureCount] = {true, false, true, false};
    int anchor = -1;          ///< position of the last click
    double unit = 1;          ///< sizes are drawn in KiB, MiB, …
    bool blockLabels = false; ///< ticks name blocks: there is no room for layers
    Canvas* canvas = nullptr;
    QSharedPointer<LayerTicker> ticker;
    QCPBars* keys[2] = {nullptr, nullptr}; ///< entries of the legend

    [[nodiscard]] int count() const { return static_cast<int>(order.size()); }
    [[nodiscard]] const LayerRow& row(int position) const
    {
        return (*rows)[static_cast<std::size_t>(order[static_cast<std::size_t>(position)])];
    }
    [[nodiscard]] double at(std::size_t s, int position) const
    {
        return values[s][static_cast<std::size_t>(position)];
    }
    [[nodiscard]] const LayerMeasures& measures(std::size_t s, int position) const
    {
        return series[s]
            .layers[static_cast<std::size_t>(order[static_cast<std::size_t>(position)])];
    }
};

/// Names under the bars: of every layer when they fit, else of the blocks, else of some layers.
class ErrorPlot::LayerTicker final : public QCPAxisTicker
{
public:
    void generate(const QCPRange& range, const QLocale&, QChar, int, QVector<double>& ticks,
                  QVector<double>* subTicks, QVector<QString>* labels) override
    {
        ticks.clear();
        if (subTicks)
            subTicks->clear();
        if (labels)
            labels->clear();
        for (const auto& [position, label] : entries) {
            if (!range.contains(position))
                continue;
            ticks.append(position);
            if (labels)
                labels->append(label);
        }
    }
    std::vector<std::pair<double, QString>> entries;
};

/// Bars, marks, bands of the selection and limits of blocks, drawn for the present range.
class ErrorPlot::Canvas final : public QCPLayerable
{
public:
    explicit Canvas(ErrorPlot& view)
        : QCPLayerable(&view.plot(), QStringLiteral("main"))
        , m_view(view)
    {
    }

protected:
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override
    {
        painter->setAntialiasing(false);
    }
    QRect clipRect() const override { return m_view.plot().axisRect()->rect(); }
    void draw(QCPPainter* painter) override;

private:
    void drawBlocks(QCPPainter* painter, const QRect& area) const;
    void drawBar(QCPPainter* painter, const QRectF& bar, std::size_t series) const;
    void drawAbsent(QCPPainter* painter, const QRectF& slot, bool stale) const;
    [[nodiscard]] double x(double position) const
    {
        return m_view.plot().xAxis->coordToPixel(position);
    }

    ErrorPlot& m_view;
};

void ErrorPlot::Canvas::draw(QCPPainter* painter)
{
    const Parts& p = *m_view.m_parts;
    if (p.count() == 0)
        return;
    const QRect area = clipRect();
    QCPAxis* axis = m_view.plot().yAxis;
    const QPalette palette = m_view.palette();
    const ThemeColours colours = themeColours(palette);
    const std::vector<Column> columns = m_view.columns();

    QColor band = palette.color(QPalette::Highlight);
    band.setAlphaF(0.22F);
    const auto isSelected = [&](const Column& c) {
        for (int i = c.first; i <= c.last; ++i) {
            if (p.selected[static_cast<std::size_t>(i)])
                return true;
        }
        return false;
    };
    painter->setPen(Qt::NoPen);
    for (const Column& c : columns) {
        if (!isSelected(c))
            continue;
        const double left = std::round(x(c.first - 0.5));
        const double right = std::max(left + 2, std::round(x(c.last + 0.5)));
        painter->setBrush(band);
        painter->drawRect(QRectF(left, area.top(), right - left, area.height()));
        painter->setBrush(palette.color(QPalette::Highlight));
        painter->drawRect(QRectF(left, area.top(), right - left, 3));
    }
    drawBlocks(painter, area);

    const bool log = axis->scaleType() == QCPAxis::stLogarithmic;
    const double floor = log ? area.bottom() + 1
                             : std::clamp(std::round(axis->coordToPixel(0)), double(area.top()),
                                          double(area.bottom() + 1));
    for (const Column& c : columns) {
        const double from = x(c.first - 0.5);
        const double to = x(c.last + 0.5);
        const double margin = to - from > 4 ? 0.08 * (to - from) : 0;
        const double width = (to - from - 2 * margin) / static_cast<double>(p.series.size());
        for (std::size_t s = 0; s < p.series.size(); ++s) {
            // All bars are equally wide: a pixel more would look like a difference.
            const double side = std::max(1.0, std::floor(width + 0.01));
            const double left = std::round(from + margin) + side * static_cast<double>(s);
            const double right = left + side;
            if (c.worst[s] < 0) {
                bool stale = false;
                for (int i = c.first; i <= c.last && !stale; ++i)
                    stale = p.measures(s, i).stale;
                drawAbsent(painter, QRectF(left, floor - 8, right - left, 8), stale);
                continue;
            }
            const double value = p.at(s, c.worst[s]) / p.unit;
            double top = std::isinf(value)     ? (value > 0 ? area.top() : area.bottom() + 1.0)
                         : log && !(value > 0) ? floor
                                               : std::round(axis->coordToPixel(value));
            if (std::fabs(top - floor) < 1)
                top = floor - 1; // a value of zero is a value
            drawBar(painter,
                    QRectF(left, std::min(top, floor), right - left, std::fabs(floor - top)), s);
        }
    }
    if (!log && floor > area.top() && floor < area.bottom()) {
        painter->setPen(QPen(colours.muted));
        painter->drawLine(QPointF(area.left(), floor), QPointF(area.right(), floor));
    }
}

void ErrorPlot::Canvas::drawBar(QCPPainter* painter, const QRectF& bar, std::size_t series) const
{
    const ThemeColours colours = themeColours(m_view.palette());
    if (series == 0) {
        painter->fillRect(bar, colours.runA);
        return;
    }
    QColor ground = colours.runB;
    ground.setAlphaF(bar.width() < 4 ? 0.6F : 0.35F);
    painter->fillRect(bar, ground);
    if (bar.width() < 4)
        return; // too narrow for a hatch: the lighter one is B
    painter->fillRect(bar, QBrush(colours.runB, Qt::BDiagPattern));
    painter->setPen(QPen(colours.runB));
    painter->setBrush(Qt::NoBrush);
    painter->drawRect(bar.adjusted(0, 0, -1, -1));
}

void ErrorPlot::Canvas::drawAbsent(QCPPainter* painter, const QRectF& slot, bool stale) const
{
    painter->setPen(QPen(themeColours(m_view.palette()).muted));
    painter->setBrush(Qt::NoBrush);
    const QPointF centre(std::floor(slot.center().x()), std::floor(slot.center().y()));
    if (stale && slot.width() >= 4) {
        painter->setAntialiasing(true);
        painter->drawEllipse(centre, 2.2, 2.2);
        painter->setAntialiasing(false);
    } else {
        const double half = std::min(3.0, std::max(0.5, slot.width() / 2 - 1));
        painter->drawLine(centre - QPointF(half, 0), centre + QPointF(half, 0));
    }
}

void ErrorPlot::Canvas::drawBlocks(QCPPainter* painter, const QRect& area) const
{
    const Parts& p = *m_view.m_parts;
    if (p.blockStarts.size() < 2)
        return;
    const ThemeColours colours = themeColours(m_view.palette());
    const double each = (x(p.count()) - x(0)) / static_cast<double>(p.blockStarts.size());
    if (each < 14)
        return; // lines would hide the bars
    QFont small = m_view.font();
    small.setPointSizeF(small.pointSizeF() * 0.85);
    painter->setFont(small);
    const QFontMetrics metrics(small);
    for (std::size_t b = 0; b < p.blockStarts.size(); ++b) {
        const int first = p.blockStarts[b];
        const int end = b + 1 < p.blockStarts.size() ? p.blockStarts[b + 1] : p.count();
        const double left = std::round(x(first - 0.5));
        if (b > 0) {
            QColor line = colours.muted;
            line.setAlphaF(each < 40 ? 0.28F : 0.45F);
            painter->setPen(QPen(line, 1));
            painter->drawLine(QPointF(left, area.top()), QPointF(left, area.bottom()));
        }
        if (p.blockLabels)
            continue; // the ticks say so
        const int index = p.row(first).blockIndex;
        const double room = x(end - 0.5) - left - 8;
        if (index < 0)
            continue;
        QString text = ErrorPlot::tr("block %1").arg(index);
        if (metrics.horizontalAdvance(text) > room)
            text = QString::number(index);
        if (metrics.horizontalAdvance(text) > room)
            continue;
        painter->setPen(QPen(colours.muted));
        painter->drawText(QPointF(left + 5, area.top() + metrics.ascent() + 2), text);
    }
}

ErrorPlot::ErrorPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Errors by layer"));
    setMovable(Qt::Horizontal);
    p.canvas = new Canvas(*this);
    p.ticker = QSharedPointer<LayerTicker>::create();
    plot.xAxis->setTicker(p.ticker);
    plot.xAxis->setSubTicks(false);
    plot.xAxis->setTickLength(0, 3);
    plot.xAxis->grid()->setVisible(false);
    for (QCPBars*& key : p.keys)
        key = new QCPBars(plot.xAxis, plot.yAxis);
    placeLegend(LegendPlace::Row);
    connect(plot.xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
            [this](const QCPRange& range) {
                const double end = std::max(1, m_parts->count()) - 0.5;
                const QCPRange bounded = range.bounded(-0.5, end);
                if (bounded != range)
                    this->plot().xAxis->setRange(bounded);
            });
    connect(&plot, &QCustomPlot::beforeReplot, this, &ErrorPlot::layOutLabels);
    recolour();
    rebuild();
}

ErrorPlot::~ErrorPlot() = default;

/// Data-free runs have no output errors: their SQNR is shown until all series have some, or
/// somebody chooses.
void ErrorPlot::followData(const std::vector<Series>& series)
{
    Parts& p = *m_parts;
    const auto known = [&](double LayerMeasures::*field) {
        return !series.empty() &&
               std::all_of(series.begin(), series.end(), [field](const Series& each) {
                   return std::any_of(
                       each.layers.begin(), each.layers.end(),
                       [field](const LayerMeasures& m) { return std::isfinite(m.*field); });
               });
    };
    const bool outputs = known(&LayerMeasures::relativeOutputError);
    if (p.chosen || outputs == !p.instead)
        return;
    if (!outputs && (p.measure != Measure::OutputError || !known(&LayerMeasures::weightSqnrDb)))
        return;
    p.instead = !outputs;
    p.measure = outputs ? Measure::OutputError : Measure::WeightSqnr;
    Q_EMIT optionsChanged();
}

void ErrorPlot::setData(std::shared_ptr<const std::vector<LayerRow>> rows,
                        std::vector<Series> series)
{
    Parts& p = *m_parts;
    const bool sameLayers =
        p.rows && rows && p.rows->size() == rows->size() &&
        std::equal(rows->begin(), rows->end(), p.rows->begin(),
                   [](const LayerRow& a, const LayerRow& b) { return a.name == b.name; });
    // Where one looks stays while results come in; before there were any, one looked at nothing.
    const bool stay = sameLayers && !isEmpty();
    const auto [low, high] = shownRange(Qt::Horizontal);
    followData(series);
    p.rows = std::move(rows);
    p.series = std::move(series);
    if (p.series.size() > 2)
        p.series.resize(2);
    for (Series& s : p.series)
        s.layers.resize(p.rows ? p.rows->size() : 0);
    if (!sameLayers)
        p.anchor = -1;
    rebuild();
    if (stay && !isEmpty())
        setShownRange(Qt::Horizontal, low, high);
}

void ErrorPlot::setMeasure(Measure measure)
{
    m_parts->chosen = true;
    if (m_parts->measure == measure)
        return;
    m_parts->measure = measure;
    rebuild();
    Q_EMIT optionsChanged();
}

Measure ErrorPlot::measure() const
{
    return m_parts->measure;
}

bool ErrorPlot::canLogScale() const
{
    return m_parts->measure != Measure::WeightSqnr;
}

bool ErrorPlot::logScale() const
{
    return canLogScale() && m_parts->log[static_cast<int>(m_parts->measure)];
}

void ErrorPlot::setLogScale(bool on)
{
    if (!canLogScale() || logScale() == on)
        return;
    m_parts->log[static_cast<int>(m_parts->measure)] = on;
    rebuild();
    Q_EMIT optionsChanged();
}

void ErrorPlot::setOrder(Order order)
{
    if (m_parts->arrangement == order)
        return;
    m_parts->arrangement = order;
    rebuild();
    Q_EMIT optionsChanged();
}

ErrorPlot::Order ErrorPlot::order() const
{
    return m_parts->arrangement;
}

void ErrorPlot::setSelected(const std::vector<std::string>& layers)
{
    Parts& p = *m_parts;
    std::set<std::string> names(layers.begin(), layers.end());
    if (names == p.selectedNames)
        return;
    p.selectedNames = std::move(names);
    for (int i = 0; i < p.count(); ++i)
        p.selected[static_cast<std::size_t>(i)] = p.selectedNames.count(p.row(i).name) > 0;
    queueReplot();
}

void ErrorPlot::rebuild()
{
    Parts& p = *m_parts;
    p.order.clear();
    p.values.clear();
    p.blockStarts.clear();
    p.selected.clear();
    const std::size_t count = p.rows && !p.series.empty() ? p.rows->size() : 0;

    std::vector<std::vector<double>> byRow;
    for (const Series& s : p.series) {
        std::vector<double> values;
        values.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            values.push_back(valueOf(s.layers[i], p.measure));
        byRow.push_back(std::move(values));
    }
    p.order.resize(count);
    std::iota(p.order.begin(), p.order.end(), 0);
    const auto index = [](int i) { return static_cast<std::size_t>(i); };
    if (p.arrangement == Order::Change && p.series.size() == 2) {
        const auto change = [&](int i) {
            const double a = byRow[0][index(i)];
            const double b = byRow[1][index(i)];
            const double size =
                p.measure == Measure::WeightSqnr ? std::fabs(a - b) : std::fabs(std::log(b / a));
            return std::isnan(size) ? -1.0 : size;
        };
        std::stable_sort(p.order.begin(), p.order.end(),
                         [&](int a, int b) { return change(a) > change(b); });
    } else if (p.arrangement != Order::Model && count > 0) {
        std::stable_sort(p.order.begin(), p.order.end(), [&](int a, int b) {
            return isWorse(byRow[0][index(a)], byRow[0][index(b)], p.measure);
        });
    }
    for (const std::vector<double>& values : byRow) {
        std::vector<double> inOrder;
        inOrder.reserve(count);
        for (const int i : p.order)
            inOrder.push_back(values[index(i)]);
        p.values.push_back(std::move(inOrder));
    }
    for (int i = 0; i < p.count(); ++i) {
        p.selected.push_back(p.selectedNames.count(p.row(i).name) > 0);
        if (p.arrangement == Order::Model &&
            (i == 0 || p.row(i).blockIndex != p.row(i - 1).blockIndex))
            p.blockStarts.push_back(i);
    }

    QCustomPlot& plot = this->plot();
    plot.legend->clear();
    for (std::size_t s = 0; s < p.series.size(); ++s) {
        p.keys[s]->setName(p.series.size() == 1 ? p.series[s].name
                           : s == 0             ? tr("A: %1").arg(p.series[s].name)
                                                : tr("B: %1").arg(p.series[s].name));
        if (!p.series[s].name.isEmpty() || p.series.size() > 1)
            p.keys[s]->addToLegend();
    }
    plot.legend->setVisible(plot.legend->itemCount() > 0);

    bool any = false;
    for (const std::vector<double>& values : p.values)
        any = any ||
              std::any_of(values.begin(), values.end(), [](double v) { return !std::isnan(v); });
    const bool computed = std::any_of(p.series.begin(), p.series.end(), [](const Series& each) {
        return std::any_of(each.layers.begin(), each.layers.end(), [](const LayerMeasures& m) {
            return m.known && !m.stale && !m.choice.keepFloat;
        });
    });
    setEmptyText(
        !computed ? tr("Run the recipe to see the error of every layer.")
        : p.measure == Measure::OutputError
            ? tr("The run had no calibration data, so no output error was measured. Weight "
                 "SQNR and size can be shown.")
            : tr("This was not measured."));
    setHasData(any);
    if (!any)
        return;
    rescale();
    recolour();
}

void ErrorPlot::rescale()
{
    Parts& p = *m_parts;
    if (p.count() == 0)
        return;
    double least = std::numeric_limits<double>::infinity();
    double leastPositive = least;
    double most = -least;
    for (const std::vector<double>& values : p.values) {
        for (const double v : values) {
            if (!std::isfinite(v))
                continue;
            least = std::min(least, v);
            most = std::max(most, v);
            if (v > 0)
                leastPositive = std::min(leastPositive, v);
        }
    }
    if (!(most >= least))
        least = most = 1; // every value is infinite
    QCPAxis* axis = plot().yAxis;
    p.unit = 1;
    QString label = measureTitle(p.measure);
    if (p.measure == Measure::OutputError) {
        label = tr("relative output error (%)");
    } else if (p.measure == Measure::WeightSqnr) {
        label = tr("weight SQNR (dB)");
    } else if (p.measure == Measure::WeightCosine) {
        label = tr("1 − cosine of the weights");
    } else {
        static const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        int unit = 0;
        for (; unit < 4 && most / p.unit >= 1024; ++unit)
            p.unit *= 1024;
        label = tr("size (%1)").arg(QLatin1String(units[unit]));
    }
    axis->setLabel(label);
    plot().xAxis->setRange(-0.5, p.count() - 0.5);
    const bool log = logScale() && std::isfinite(leastPositive);
    if (log) {
        const double low = leastPositive / p.unit;
        const double high = std::max(most / p.unit, low);
        setLogTicks(*axis);
        const double span = std::max(0.3, std::log10(high / low));
        axis->setRange(low * std::pow(10, -0.12 * span), high * std::pow(10, 0.12 * span));
    } else {
        axis->setScaleType(QCPAxis::stLinear);
        axis->setTicker(QSharedPointer<QCPAxisTicker>::create());
        axis->setNumberFormat(QStringLiteral("gb"));
        axis->setNumberPrecision(6);
        const double low = std::min(0.0, least / p.unit);
        const double high = std::max(0.0, most / p.unit);
        const double span = high > low ? high - low : 1;
        axis->setRange(low < 0 ? low - 0.05 * span : 0, high + 0.12 * span);
    }
}

void ErrorPlot::resizeEvent(QResizeEvent* event)
{
    PlotView::resizeEvent(event);
    queueReplot();
}

int ErrorPlot::layersPerColumn() const
{
    const Parts& p = *m_parts;
    const QCPAxis* axis = plot().xAxis;
    const double pixels = std::fabs(axis->coordToPixel(1) - axis->coordToPixel(0));
    const double needed = leastBar * static_cast<double>(std::max<std::size_t>(1, p.series.size()));
    return pixels > 0 ? std::max(1, static_cast<int>(std::ceil(needed / pixels - 1e-9))) : 1;
}

ErrorPlot::Column ErrorPlot::columnAt(int position) const
{
    const Parts& p = *m_parts;
    const int each = layersPerColumn();
    Column c;
    // Columns start at multiples of their width: they do not flicker while the plot is dragged.
    c.first = position / each * each;
    c.last = std::min(p.count(), c.first + each) - 1;
    for (std::size_t s = 0; s < p.series.size(); ++s) {
        for (int i = c.first; i <= c.last; ++i) {
            if (isWorse(p.at(s, i), c.worst[s] < 0 ? nothing : p.at(s, c.worst[s]), p.measure))
                c.worst[s] = i;
        }
    }
    return c;
}

std::vector<ErrorPlot::Column> ErrorPlot::columns() const
{
    const Parts& p = *m_parts;
    std::vector<Column> columns;
    if (p.count() == 0)
        return columns;
    const auto [low, high] = shownRange(Qt::Horizontal);
    const int first = std::clamp(static_cast<int>(std::floor(low + 0.5)), 0, p.count() - 1);
    const int last = std::clamp(static_cast<int>(std::ceil(high - 0.5)), 0, p.count() - 1);
    for (int i = first; i <= last; i = columns.back().last + 1)
        columns.push_back(columnAt(i));
    return columns;
}

void ErrorPlot::layOutLabels()
{
    Parts& p = *m_parts;
    p.ticker->entries.clear();
    p.blockLabels = false;
    QCPAxis* axis = plot().xAxis;
    axis->setLabel({});
    if (p.count() == 0)
        return;
    const QFontMetrics metrics(axis->tickLabelFont());
    const auto [low, high] = shownRange(Qt::Horizontal);
    const double width = plot().axisRect()->width() > 10 ? plot().axisRect()->width()
                                                         : std::max(50, plot().width() - 80);
    const double each = width / std::max(high - low, 1e-9);
    const int first = std::max(0, static_cast<int>(std::ceil(low)));
    const int last = std::min(p.count() - 1, static_cast<int>(std::floor(high)));
    const double line = metrics.height();
    constexpr int least = 60; // of a name, to be of use
    const int longest = std::clamp(plot().height() * 3 / 10, least, 190);
    // In a low plot upright names would take the room of what they name.
    const bool isLow = plot().height() * 3 / 10 < least;

    if ((each < line || (isLow && each < least)) && p.blockStarts.size() > 1) {
        p.blockLabels = true;
        axis->setTickLabelRotation(0);
        axis->setLabel(tr("block"));
        double free = -1e9; // pixel from which there is room
        for (std::size_t b = 0; b < p.blockStarts.size(); ++b) {
            const int start = p.blockStarts[b];
            const int end = b + 1 < p.blockStarts.size() ? p.blockStarts[b + 1] : p.count();
            const int block = p.row(start).blockIndex;
            const double middle = (start + end - 1) / 2.0;
            if (block < 0 || middle < low || middle > high)
                continue;
            const QString text = QString::number(block);
            const double half = metrics.horizontalAdvance(text) / 2.0;
            const double at = (middle - low) * each;
            if (at - half < free)
                continue;
            free = at + half + 10;
            p.ticker->entries.emplace_back(middle, text);
        }
        return;
    }
    const int step = std::max(1, static_cast<int>(std::ceil(line / each)));
    // Blocks that are marked need not be named at every layer; otherwise their number does.
    const bool marked = p.blockStarts.size() > 1 && step == 1;
    const auto labelOf = [&](int i) {
        const LayerRow& row = p.row(i);
        const QString name = toQString(row.name);
        const QString block = toQString(row.block) + QLatin1Char('.');
        if (row.block.empty() || !name.startsWith(block))
            return name;
        const QString inside = name.mid(block.size());
        return marked ? inside
                      : QStringLiteral("%1.%2").arg(QString::number(row.blockIndex), inside);
    };
    int widest = 0;
    for (int i = first; i <= last && step == 1; ++i)
        widest = std::max(widest, metrics.horizontalAdvance(labelOf(i)));
    const bool upright = step == 1 && std::min(widest, longest) + 8 <= each;
    axis->setTickLabelRotation(upright ? 0 : -90);
    for (int i = (first + step - 1) / step * step; i <= last; i += step)
        p.ticker->entries.emplace_back(i, metrics.elidedText(labelOf(i), Qt::ElideLeft, longest));
    if (step > 1)
        axis->setLabel(tr("one name in %1").arg(step));
}

std::vector<std::pair<double, QString>> ErrorPlot::tickLabels() const
{
    return m_parts->ticker->entries;
}

std::vector<std::string> ErrorPlot::shownLayers() const
{
    std::vector<std::string> names;
    for (int i = 0; i < m_parts->count(); ++i)
        names.push_back(m_parts->row(i).name);
    return names;
}

double ErrorPlot::value(int position, int series) const
{
    return m_parts->at(static_cast<std::size_t>(series), position);
}

QString ErrorPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    const int position = static_cast<int>(std::lround(x));
    if (position < 0 || position >= p.count())
        return {};
    const Column c = columnAt(position);
    const auto shown = [&](std::size_t s, int i) {
        const double v = p.at(s, i);
        return std::isnan(v) ? absenceOf(p.measures(s, i)) : valueText(v, p.measure);
    };
    if (c.first < c.last) {
        QStringList lines{tr("worst of %1 layers").arg(c.last - c.first + 1)};
        for (std::size_t s = 0; s < p.series.size(); ++s) {
            const int i = c.worst[s];
            if (i < 0)
                continue;
            const QString name = toQString(p.row(i).name);
            lines.append(p.series.size() == 1 ? tr("%1: %2").arg(name, shown(s, i))
                         : s == 0             ? tr("A %1: %2").arg(name, shown(s, i))
                                              : tr("B %1: %2").arg(name, shown(s, i)));
        }
        return lines.join(QLatin1Char('\n'));
    }
    QStringList lines{toQString(p.row(position).name)};
    if (p.series.size() == 1) {
        lines.append(
            tr("%1: %2").arg(shortChoiceText(p.measures(0, position).choice), shown(0, position)));
        return lines.join(QLatin1Char('\n'));
    }
    lines.append(
        tr("A: %1 (%2)").arg(shown(0, position), shortChoiceText(p.measures(0, position).choice)));
    lines.append(
        tr("B: %1 (%2)").arg(shown(1, position), shortChoiceText(p.measures(1, position).choice)));
    const double a = p.at(0, position);
    const double b = p.at(1, position);
    if (p.measure == Measure::WeightSqnr) {
        if (std::isfinite(b - a))
            lines.append(tr("B − A: %1").arg(differenceText(b - a)));
    } else if (std::isfinite(b / a)) {
        lines.append(tr("B / A: %1").arg(toQString(formatReal(b / a, 3))));
    }
    return lines.join(QLatin1Char('\n'));
}

void ErrorPlot::clicked(QPointF at, Qt::KeyboardModifiers modifiers)
{
    Parts& p = *m_parts;
    const int position = static_cast<int>(std::lround(at.x()));
    if (position < 0 || position >= p.count())
        return;
    const Column c = columnAt(position);
    int hit = position;
    if (c.first < c.last) // the bar stands for its worst layer
        hit = c.worst[0] >= 0 ? c.worst[0] : c.worst[1] >= 0 ? c.worst[1] : position;
    std::vector<std::string> names;
    if ((modifiers & Qt::ShiftModifier) && p.anchor >= 0 && p.anchor < p.count()) {
        for (int i = std::min(p.anchor, hit); i <= std::max(p.anchor, hit); ++i)
            names.push_back(p.row(i).name);
    } else {
        names.push_back(p.row(hit).name);
        p.anchor = hit;
    }
    Q_EMIT layersActivated(names, modifiers & (Qt::ControlModifier | Qt::ShiftModifier));
}

void ErrorPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    p.keys[0]->setPen(Qt::NoPen);
    p.keys[0]->setBrush(colours.runA);
    p.keys[1]->setPen(QPen(colours.runB));
    p.keys[1]->setBrush(QBrush(colours.runB, Qt::BDiagPattern));
    queueReplot();
}

void ErrorPlot::extendMenu(QMenu& menu)
{
    QMenu* shown = menu.addMenu(tr("Show"));
    auto* measures = new QActionGroup(shown);
    for (const Measure each :
         {Measure::OutputError, Measure::WeightSqnr, Measure::WeightCosine, Measure::Size}) {
        QAction* action =
            shown->addAction(measureTitle(each), this, [this, each] { setMeasure(each); });
        action->setCheckable(true);
        action->setChecked(measure() == each);
        measures->addAction(action);
    }
    QMenu* sorted = menu.addMenu(tr("Order"));
    auto* orders = new QActionGroup(sorted);
    const auto addOrder = [&](const QString& text, Order each) {
        QAction* action = sorted->addAction(text, this, [this, each] { setOrder(each); });
        action->setCheckable(true);
        action->setChecked(order() == each);
        orders->addAction(action);
    };
    addOrder(tr("Model order"), Order::Model);
    addOrder(tr("Worst first"), Order::Worst);
    if (m_parts->series.size() == 2)
        addOrder(tr("Largest change first"), Order::Change);
    QAction* log = menu.addAction(tr("Logarithmic scale"));
    log->setCheckable(true);
    log->setChecked(logScale());
    log->setEnabled(canLogScale());
    connect(log, &QAction::toggled, this, &ErrorPlot::setLogScale);
}

QString ErrorPlot::proposedName() const
{
    return QStringLiteral("layer-errors");
}

QString ErrorPlot::csv() const
{
    const Parts& p = *m_parts;
    if (p.series.empty() || p.count() == 0)
        return {};
    const auto number = [](double v) {
        return std::isnan(v) ? QString() : QString::number(v, 'g', 9);
    };
    QString text;
    QString header = QStringLiteral("layer,block");
    for (std::size_t s = 0; s < p.series.size(); ++s) {
        const QString key = s == 0 ? QStringLiteral("a") : QStringLiteral("b");
        text += QStringLiteral("# %1,%2\n").arg(key, csvField(p.series[s].name));
        header += QStringLiteral(",choice_%1,output_error_percent_%1,weight_sqnr_db_%1,"
                                 "one_minus_cosine_%1,bytes_%1")
                      .arg(key);
    }
    text += header + QLatin1Char('\n');
    for (int i = 0; i < p.count(); ++i) {
        const LayerRow& row = p.row(i);
        QStringList cells{csvField(toQString(row.name)),
                          row.blockIndex < 0 ? QString() : QString::number(row.blockIndex)};
        for (std::size_t s = 0; s < p.series.size(); ++s) {
            const LayerMeasures& m = p.measures(s, i);
            cells.append(m.known || m.bytes > 0 ? csvField(choiceText(m.choice)) : QString());
            for (const Measure each :
                 {Measure::OutputError, Measure::WeightSqnr, Measure::WeightCosine, Measure::Size})
                cells.append(number(valueOf(m, each)));
        }
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace gradus
