// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/histogram_plot.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QActionGroup>
#include <QMenu>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <variant>

namespace gradus {

struct HistogramPlot::Parts
{
    std::vector<Preview> previews;
    std::size_t selected = 0;
    std::shared_ptr<const OutlierList> outliers;
    bool logScale = true;
    bool density = false;
    bool shown[5] = {true, true, false, true, true}; ///< by Part; of one layer
    Part overlay = Part::Original;                   ///< of several
    std::optional<ClipLimits> clip;
    bool dragging = false;
    std::pair<double, double> fitted{0, 0}; ///< x range of the last fit
    QCPBars* original = nullptr;
    QCPGraph* dequantized = nullptr;
    QCPGraph* error = nullptr;
    QCPCurve* levels = nullptr;
    QCPCurve* range = nullptr;
    QCPCurve* clipKey = nullptr; ///< no data: stands for the markers in the legend
    QCPCurve* sigma = nullptr;
    QCPGraph* marks = nullptr;
    std::vector<QCPGraph*> series;
};

namespace {
std::size_t at(HistogramPlot::Part part)
{
    return static_cast<std::size_t>(part);
}

/// The choice, what came of its power grid, and how far that is the method's own result.
QString howMade(const WeightPreview& w)
{
    QString how = choiceText(w.choice);
    if (w.choice.keepFloat)
        return how;
    const auto number = [](double exponent) { return QString::number(exponent, 'f', 3); };
    if (w.exponentLow == w.exponentHigh)
        how = HistogramPlot::tr("%1 · a = %2").arg(how, number(w.exponentLow));
    else if (w.exponentLow < w.exponentHigh)
        how = HistogramPlot::tr("%1 · a = %2 to %3")
                  .arg(how, number(w.exponentLow), number(w.exponentHigh));
    if (w.keptFloat > 0)
        how = (w.keptFloat == 1 ? HistogramPlot::tr("%1 · %2 weight kept")
                                : HistogramPlot::tr("%1 · %2 weights kept"))
                  .arg(how, toQString(formatCount(w.keptFloat)));
    return (w.fromRun    ? HistogramPlot::tr("%1 · computed")
            : w.ofMethod ? HistogramPlot::tr("%1 · preview")
            : std::holds_alternative<PowerquantOptions>(w.choice.method)
                ? HistogramPlot::tr("%1 · preview with the layer's own exponent")
            : powerGridOf(w.choice.method)
                ? HistogramPlot::tr("%1 · preview of the start, without calibration")
                : HistogramPlot::tr("%1 · rounded preview"))
        .arg(how);
}
} // namespace

HistogramPlot::HistogramPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Weight histogram"));
    setEmptyText(tr("Select a layer to see the distribution of its weights."));
    setMovable(Qt::Horizontal); // counts start at zero
    plot.setAutoAddPlottableToLegend(false);
    p.original = new QCPBars(plot.xAxis, plot.yAxis);
    p.original->setName(tr("Original"));
    p.original->setWidthType(QCPBars::wtPlotCoords);
    p.original->setAntialiased(false);
    p.levels = new QCPCurve(plot.xAxis, plot.yAxis);
    p.range = new QCPCurve(plot.xAxis, plot.yAxis);
    p.range->setName(tr("Lowest and highest level"));
    p.sigma = new QCPCurve(plot.xAxis, plot.yAxis);
    const auto staircase = [&](const QString& name) {
        QCPGraph* graph = plot.addGraph();
        graph->setName(name);
        graph->setAdaptiveSampling(false);
        graph->setAntialiased(false);
        return graph;
    };
    p.error = staircase(tr("Error ŵ − w"));
    p.dequantized = staircase(tr("Quantized"));
    p.marks = plot.addGraph();
    p.marks->setLineStyle(QCPGraph::lsNone);
    p.clipKey = new QCPCurve(plot.xAxis, plot.yAxis);
    p.clipKey->setName(tr("Clip limits"));
    for (int i = 0; i < seriesCount; ++i) {
        p.series.push_back(plot.addGraph());
        p.series.back()->setAdaptiveSampling(false);
    }
    plot.xAxis->setLabel(tr("weight"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    recolour();
    rebuild(true);
}

HistogramPlot::~HistogramPlot() = default;

void HistogramPlot::setPreview(Preview preview)
{
    std::vector<Preview> one;
    if (preview)
        one.push_back(std::move(preview));
    setPreviews(std::move(one));
}

void HistogramPlot::setPreviews(std::vector<Preview> previews, std::size_t selected)
{
    Parts& p = *m_parts;
    p.selected = std::max(selected, previews.size());
    if (previews.size() > static_cast<std::size_t>(seriesCount))
        previews.resize(static_cast<std::size_t>(seriesCount));
    const bool sameLayers =
        std::equal(previews.begin(), previews.end(), p.previews.begin(), p.previews.end(),
                   [](const Preview& a, const Preview& b) { return a->layer == b->layer; });
    if (!sameLayers) {
        p.outliers.reset();
        p.dragging = false;
    }
    p.previews = std::move(previews);
    // What the user has zoomed to stays while the scheme of the same layer changes.
    const bool untouched = shownRange(Qt::Horizontal) == p.fitted;
    rebuild(!sameLayers || (untouched && !p.dragging));
}

const WeightPreview* HistogramPlot::preview() const
{
    return m_parts->previews.empty() ? nullptr : m_parts->previews.front().get();
}

std::size_t HistogramPlot::layers() const
{
    return m_parts->previews.size();
}

bool HistogramPlot::several() const
{
    return m_parts->previews.size() > 1;
}

const Histogram& HistogramPlot::overlaid(const WeightPreview& w) const
{
    switch (m_parts->overlay) {
    case Part::Quantized:
        return w.dequantized;
    case Part::Error:
        return w.error;
    default:
        return w.original;
    }
}

void HistogramPlot::setLogScale(bool on)
{
    if (m_parts->logScale == on)
        return;
    m_parts->logScale = on;
    rebuild(false);
    Q_EMIT logScaleChanged(on);
}

bool HistogramPlot::logScale() const
{
    return m_parts->logScale;
}

void HistogramPlot::setDensity(bool on)
{
    if (m_parts->density == on)
        return;
    m_parts->density = on;
    rebuild(false);
    Q_EMIT densityChanged(on);
}

bool HistogramPlot::density() const
{
    return m_parts->density || several();
}

void HistogramPlot::setShown(Part part, bool on)
{
    Parts& p = *m_parts;
    if (isShown(part) == on)
        return;
    const bool distribution = at(part) <= at(Part::Error);
    if (several() && distribution) {
        if (!on) {
            Q_EMIT shownChanged(); // one of them is always shown
            return;
        }
        p.overlay = part;
    } else {
        p.shown[at(part)] = on;
    }
    rebuild(distribution);
    Q_EMIT shownChanged();
}

bool HistogramPlot::isShown(Part part) const
{
    if (several() && at(part) <= at(Part::Error))
        return part == m_parts->overlay;
    return m_parts->shown[at(part)];
}

void HistogramPlot::setOutliers(std::shared_ptr<const OutlierList> outliers)
{
    m_parts->outliers = std::move(outliers);
    rebuild(false);
}

std::optional<ClipLimits> HistogramPlot::clip() const
{
    return m_parts->clip;
}

ClipLimits HistogramPlot::clipBounds() const
{
    const WeightPreview* w = preview();
    if (!w)
        return {};
    return {static_cast<float>(std::min(w->moments.minimum, 0.0)),
            static_cast<float>(std::max(w->moments.maximum, 0.0))};
}

void HistogramPlot::setClip(ClipLimits limits)
{
    Parts& p = *m_parts;
    if (!p.clip)
        return;
    const ClipLimits bounds = clipBounds();
    limits.low = std::clamp(limits.low, bounds.low, 0.0F);
    limits.high = std::clamp(limits.high, 0.0F, bounds.high);
    // Both at zero would leave no grid: the one that moved stops before.
    const float least = (bounds.high - bounds.low) * 1e-3F;
    if (limits.high - limits.low < least) {
        if (limits.low != p.clip->low)
            limits.low = std::max(bounds.low, limits.high - least);
        else
            limits.high = std::min(bounds.high, limits.low + least);
        if (!(limits.low < limits.high))
            limits = *p.clip;
    }
    p.clip = limits;
    placeMarkers();
    queueReplot();
}

void HistogramPlot::markerMoved(int marker, double position, bool released)
{
    Parts& p = *m_parts;
    if (!p.clip)
        return;
    p.dragging = !released;
    ClipLimits limits = *p.clip;
    (marker == 0 ? limits.low : limits.high) = static_cast<float>(position);
    setClip(limits);
    Q_EMIT clipDragged(*p.clip, released);
}

void HistogramPlot::placeMarkers()
{
    const Parts& p = *m_parts;
    const QColor colour = themeColours(palette()).clip;
    if (p.clip)
        setMarkers({static_cast<double>(p.clip->low), static_cast<double>(p.clip->high)}, colour);
    else
        setMarkers({}, colour);
}

void HistogramPlot::rebuild(bool newRange)
{
    Parts& p = *m_parts;
    setHasData(!p.previews.empty());
    QCustomPlot& plot = this->plot();
    plot.legend->clear();
    for (QCPGraph* graph : p.series)
        graph->setVisible(several());
    const bool one = p.previews.size() == 1;
    for (QCPAbstractPlottable* each :
         {static_cast<QCPAbstractPlottable*>(p.original),
          static_cast<QCPAbstractPlottable*>(p.levels), static_cast<QCPAbstractPlottable*>(p.range),
          static_cast<QCPAbstractPlottable*>(p.dequantized),
          static_cast<QCPAbstractPlottable*>(p.error), static_cast<QCPAbstractPlottable*>(p.sigma),
          static_cast<QCPAbstractPlottable*>(p.marks)})
        each->setVisible(one);
    if (!one || preview()->choice.keepFloat ||
        !(preview()->moments.maximum > preview()->moments.minimum))
        p.clip.reset();
    if (p.previews.empty()) {
        placeMarkers();
        return;
    }
    plot.yAxis->setLabel(density() ? tr("density (1/weight)") : tr("weights per bin"));
    placeLegend(several() ? LegendPlace::Inside : LegendPlace::Row);
    if (several())
        drawSeveral();
    else
        drawOne();
    placeMarkers();
    const auto kept = shownRange(Qt::Horizontal);
    rescale();
    if (!newRange)
        setShownRange(Qt::Horizontal, kept.first, kept.second);
    recolour();
}

void HistogramPlot::drawOne()
{
    Parts& p = *m_parts;
    const WeightPreview& w = *preview();
    const bool quantized = !w.choice.keepFloat;
    setTitle(toQString(w.layer),
             tr("%1 · n = %2").arg(howMade(w), toQString(formatCount(w.moments.count))));
    const auto factor = [&](const Histogram& h) { return density() ? densityFactor(h) : 1.0; };
    const Histogram none;

    QVector<double> keys;
    QVector<double> values;
    if (isShown(Part::Original)) {
        for (std::size_t i = 0; i < w.original.counts.size(); ++i) {
            keys << w.original.lo + w.original.binWidth() * (static_cast<double>(i) + 0.5);
            values << static_cast<double>(w.original.counts[i]) * factor(w.original);
        }
        p.original->addToLegend();
    }
    p.original->setWidth(w.original.counts.empty() ? 1 : w.original.binWidth());
    p.original->setData(keys, values, true);
    const bool outline = quantized && isShown(Part::Quantized);
    setStaircase(*p.dequantized, outline ? w.dequantized : none, factor(w.dequantized));
    const bool error = quantized && isShown(Part::Error) && !w.error.counts.empty();
    setStaircase(*p.error, error ? w.error : none, factor(w.error));
    const bool levels = quantized && isShown(Part::Levels);
    setVerticals(*p.levels, levels ? std::vector<double>(w.levels.begin(), w.levels.end())
                                   : std::vector<double>());
    setVerticals(*p.range,
                 levels ? std::vector<double>{w.clipLow, w.clipHigh} : std::vector<double>());
    p.levels->setName(tr("Levels (%1, first group)").arg(w.levels.size()));

    // Limits that stand where the scheme has them, else where they do nothing.
    if (quantized && w.moments.maximum > w.moments.minimum && !p.dragging)
        p.clip = w.choice.scheme.clip ? *w.choice.scheme.clip : clipBounds();

    std::vector<double> sigma;
    QVector<double> marked;
    if (p.outliers && isShown(Part::Outliers)) {
        const double reach = p.outliers->multiple * w.moments.std;
        sigma = {w.moments.mean - reach, w.moments.mean + reach};
        for (const Outlier& outlier : p.outliers->largest)
            marked << static_cast<double>(outlier.value);
        p.sigma->setName(tr("±%1 σ (%2 beyond)")
                             .arg(QString::number(p.outliers->multiple),
                                  toQString(formatCount(p.outliers->count))));
    }
    setVerticals(*p.sigma, sigma);
    // The legend names what is there and nothing else.
    if (outline)
        p.dequantized->addToLegend();
    if (error)
        p.error->addToLegend();
    if (levels)
        p.levels->addToLegend();
    if (p.clip)
        p.clipKey->addToLegend();
    if (!sigma.empty())
        p.sigma->addToLegend();
    p.marks->setData(marked, QVector<double>(marked.size(), 1), false);
}

void HistogramPlot::drawSeveral()
{
    Parts& p = *m_parts;
    const QString what = p.overlay == Part::Quantized ? tr("quantized weights")
                         : p.overlay == Part::Error   ? tr("error ŵ − w")
                                                      : tr("original weights");
    const std::size_t count = p.previews.size();
    std::vector<std::string> layers;
    for (const Preview& w : p.previews)
        layers.push_back(w->layer);
    const QStringList names = legendNames(layers);
    const QString common = commonPart(layers);
    setTitle(p.selected > count ? tr("%1 of %2 selected layers shown").arg(count).arg(p.selected)
                                : tr("%1 layers").arg(count),
             common.isEmpty() ? tr("%1, each normalized to area 1").arg(what)
                              : tr("%1* · %2, each normalized to area 1").arg(common, what));
    for (std::size_t i = 0; i < p.series.size(); ++i) {
        QCPGraph& graph = *p.series[i];
        if (i >= count) {
            graph.setVisible(false);
            continue;
        }
        const WeightPreview& w = *p.previews[i];
        const Histogram& h = overlaid(w);
        setOutline(graph, h, densityFactor(h));
        const QString name = names[static_cast<qsizetype>(i)];
        graph.setName(h.counts.empty() ? tr("%1 (kept float)").arg(name) : name);
        graph.addToLegend();
    }
}

void HistogramPlot::rescale()
{
    Parts& p = *m_parts;
    if (p.previews.empty())
        return;
    QCustomPlot& plot = this->plot();
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    double top = 0;
    double least = std::numeric_limits<double>::infinity(); // of one weight
    const auto cover = [&](const Histogram& h) {
        if (h.counts.empty())
            return;
        low = std::min(low, h.lo);
        high = std::max(high, h.hi);
        const double factor = density() ? densityFactor(h) : 1.0;
        top = std::max(top, static_cast<double>(highestCount(h)) * factor);
        least = std::min(least, factor);
    };
    if (several()) {
        for (const Preview& w : p.previews)
            cover(overlaid(*w));
    } else {
        const WeightPreview& w = *preview();
        if (isShown(Part::Original))
            cover(w.original);
        if (isShown(Part::Quantized))
            cover(w.dequantized);
        if (isShown(Part::Error))
            cover(w.error);
        const bool weights = isShown(Part::Original) || isShown(Part::Quantized);
        if (weights && !w.choice.keepFloat && std::isfinite(w.clipLow) &&
            std::isfinite(w.clipHigh)) {
            low = std::min(low, w.clipLow);
            high = std::max(high, w.clipHigh);
        }
    }
    if (!(low <= high)) { // nothing is shown
        low = preview()->original.lo;
        high = preview()->original.hi;
        least = 1;
    }
    top = std::max(top, least);
    const double margin = high > low ? 0.02 * (high - low) : 1;
    plot.xAxis->setRange(low - margin, high + margin);
    setAxisScale(*plot.yAxis, p.logScale);
    if (p.logScale) {
        plot.yAxis->setRange(0.7 * least, top * 4);
        p.original->setBaseValue(0.1 * least);
    } else {
        plot.yAxis->setRange(0, top * 1.15);
        p.original->setBaseValue(0);
    }
    // Marks of outliers stand on the lower edge.
    const double foot =
        p.logScale ? 0.7 * least * std::pow(top * 4 / (0.7 * least), 0.025) : top * 1.15 * 0.025;
    for (auto mark = p.marks->data()->begin(); mark != p.marks->data()->end(); ++mark)
        mark->value = foot;
    p.fitted = shownRange(Qt::Horizontal);
    const WeightPreview& first = *preview();
    if (!several() && !first.choice.keepFloat && isShown(Part::Levels))
        setLevels(*p.levels, {first.levels.begin(), first.levels.end()});
}

QString HistogramPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    if (p.previews.empty())
        return {};
    const auto value = [&](const Histogram& h) {
        const std::int64_t count = countAt(h, x);
        return density() ? QString::number(static_cast<double>(count) * densityFactor(h), 'g', 3)
                         : toQString(formatCount(count));
    };
    QStringList lines{tr("weight %1").arg(QString::number(x, 'g', 4))};
    if (several()) {
        for (const Preview& w : p.previews)
            lines << QStringLiteral("%1  %2").arg(legendName(w->layer), value(overlaid(*w)));
        return lines.join(QLatin1Char('\n'));
    }
    const WeightPreview& w = *preview();
    if (isShown(Part::Original))
        lines << tr("original %1").arg(value(w.original));
    if (!w.choice.keepFloat && isShown(Part::Quantized))
        lines << tr("quantized %1").arg(value(w.dequantized));
    if (!w.error.counts.empty() && isShown(Part::Error))
        lines << tr("error %1").arg(value(w.error));
    return lines.join(QLatin1Char('\n'));
}

void HistogramPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    p.original->setPen(Qt::NoPen);
    p.original->setBrush(colours.original);
    p.dequantized->setPen(QPen(colours.dequantized, 1.5));
    p.error->setPen(QPen(colours.error, 1.5, Qt::DotLine));
    QColor level = colours.level;
    level.setAlphaF(levelOpacity(preview() ? preview()->levels.size() : 16));
    p.levels->setPen(QPen(level, 1));
    p.range->setPen(QPen(colours.level, 1, Qt::DotLine));
    p.clipKey->setPen(QPen(colours.clip, 1.5, Qt::DashLine));
    p.sigma->setPen(QPen(colours.outlier, 1.2, Qt::DashDotLine));
    p.marks->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssTriangle, colours.outlier, Qt::NoBrush, 6));
    for (std::size_t i = 0; i < p.series.size(); ++i)
        p.series[i]->setPen(seriesPen(palette(), static_cast<int>(i)));
    placeMarkers();
    queueReplot();
}

void HistogramPlot::extendMenu(QMenu& menu)
{
    QAction* log = menu.addAction(tr("Logarithmic"));
    log->setCheckable(true);
    log->setChecked(logScale());
    connect(log, &QAction::toggled, this, &HistogramPlot::setLogScale);
    QAction* density = menu.addAction(tr("Density"));
    density->setCheckable(true);
    density->setChecked(this->density());
    density->setEnabled(!several());
    connect(density, &QAction::toggled, this, &HistogramPlot::setDensity);
}

QString HistogramPlot::proposedName() const
{
    return several()   ? tr("weights of several layers")
           : preview() ? toQString(preview()->layer)
                       : tr("weights");
}

QString HistogramPlot::csv() const
{
    const Parts& p = *m_parts;
    if (p.previews.empty())
        return {};
    QString text;
    if (several()) {
        text = QStringLiteral("layer,from,to,count,density\n");
        for (const Preview& w : p.previews) {
            const Histogram& h = overlaid(*w);
            const double factor = densityFactor(h);
            for (std::size_t i = 0; i < h.counts.size(); ++i) {
                const double from = h.lo + h.binWidth() * static_cast<double>(i);
                const auto count = static_cast<double>(h.counts[i]);
                text +=
                    QStringLiteral("\"%1\",%2,%3,%4,%5\n")
                        .arg(toQString(w->layer), csvNumber(from), csvNumber(from + h.binWidth()),
                             QString::number(h.counts[i]), csvNumber(count * factor));
            }
        }
        return text;
    }
    const WeightPreview& w = *preview();
    text = QStringLiteral("# layer,%1\n# scheme,\"%2\"\n")
               .arg(toQString(w.layer), choiceText(w.choice));
    if (!w.choice.keepFloat) {
        QStringList levels;
        for (const float level : w.levels)
            levels.append(csvNumber(static_cast<double>(level)));
        text += QStringLiteral("# levels,%1\n").arg(levels.join(QLatin1Char(',')));
        text += QStringLiteral("# range,%1,%2\n").arg(csvNumber(w.clipLow), csvNumber(w.clipHigh));
    }
    if (p.outliers)
        text += QStringLiteral("# outliers beyond %1 sigma,%2\n")
                    .arg(csvNumber(p.outliers->multiple))
                    .arg(p.outliers->count);
    const Histogram& h = w.original;
    const Histogram& e = w.error;
    text += QStringLiteral("from,to,original,quantized");
    text +=
        e.counts.empty() ? QStringLiteral("\n") : QStringLiteral(",error_from,error_to,error\n");
    const std::size_t bins = std::max(h.counts.size(), e.counts.size());
    for (std::size_t i = 0; i < bins; ++i) {
        QStringList cells;
        const auto edges = [&](const Histogram& of) {
            const double from = of.lo + of.binWidth() * static_cast<double>(i);
            const bool there = i < of.counts.size();
            cells << (there ? csvNumber(from) : QString())
                  << (there ? csvNumber(from + of.binWidth()) : QString());
        };
        const auto count = [&](const Histogram& of) {
            cells << (i < of.counts.size() ? QString::number(of.counts[i]) : QString());
        };
        edges(h);
        count(h);
        count(w.dequantized);
        if (!e.counts.empty()) {
            edges(e);
            count(e);
        }
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace gradus
