// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/exponent_plots.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QMenu>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
QString exponentText(double exponent)
{
    return QString::number(exponent, 'f', 3);
}

QString decibelText(double decibel)
{
    return toQString(formatDecibel(decibel));
}

/// Where a curve stands between its points, by straight lines.
double valueAt(const ExponentCurve& curve, double exponent)
{
    const auto& x = curve.exponents;
    if (x.empty() || exponent < x.front() || exponent > x.back())
        return std::numeric_limits<double>::quiet_NaN();
    const auto right =
        static_cast<std::size_t>(std::upper_bound(x.begin(), x.end() - 1, exponent) - x.begin());
    if (right == 0)
        return curve.nmse.front();
    const double share = (exponent - x[right - 1]) / (x[right] - x[right - 1]);
    return curve.nmse[right - 1] + share * (curve.nmse[right] - curve.nmse[right - 1]);
}
} // namespace

// --- error against exponent ---------------------------------------------------------------------

struct ExponentPlot::Parts
{
    std::vector<LayerCurve> curves;
    std::size_t selected = 0;
    double exponent = std::numeric_limits<double>::quiet_NaN();
    bool decibel = false;
    std::vector<QCPGraph*> lines;
    std::vector<QCPGraph*> optima;
    std::vector<QCPGraph*> uniform;
    QCPCurve* one = nullptr;
    QCPCurve* markerKey = nullptr; ///< no data: stands for the marker in the legend
};

ExponentPlot::ExponentPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Error against exponent"));
    plot.setAutoAddPlottableToLegend(false);
    p.one = new QCPCurve(plot.xAxis, plot.yAxis);
    p.one->setName(tr("Uniform grid, a = 1"));
    p.markerKey = new QCPCurve(plot.xAxis, plot.yAxis);
    p.markerKey->setName(tr("Exponent"));
    for (int i = 0; i < seriesCount; ++i) {
        p.lines.push_back(plot.addGraph());
        p.lines.back()->setAdaptiveSampling(false);
    }
    for (int i = 0; i < seriesCount; ++i) {
        for (auto* points : {&p.uniform, &p.optima}) {
            points->push_back(plot.addGraph());
            points->back()->setLineStyle(QCPGraph::lsNone);
        }
    }
    plot.xAxis->setLabel(tr("power exponent a"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    rebuild();
}

ExponentPlot::~ExponentPlot() = default;

void ExponentPlot::setCurves(std::vector<LayerCurve> curves, std::size_t selected)
{
    Parts& p = *m_parts;
    p.selected = std::max(selected, curves.size());
    if (curves.size() > static_cast<std::size_t>(seriesCount))
        curves.resize(static_cast<std::size_t>(seriesCount));
    p.curves = std::move(curves);
    rebuild();
    fit();
}

const std::vector<LayerCurve>& ExponentPlot::curves() const
{
    return m_parts->curves;
}

void ExponentPlot::setExponent(double exponent)
{
    m_parts->exponent = exponent;
    setMarkers({exponent}, themeColours(palette()).clip);
    queueReplot();
}

double ExponentPlot::exponent() const
{
    return m_parts->exponent;
}

void ExponentPlot::setDecibel(bool on)
{
    if (m_parts->decibel == on)
        return;
    m_parts->decibel = on;
    rebuild();
    fit();
    Q_EMIT decibelChanged(on);
}

bool ExponentPlot::decibel() const
{
    return m_parts->decibel;
}

double ExponentPlot::shown(double nmse) const
{
    if (!(nmse > 0))
        return std::numeric_limits<double>::quiet_NaN();
    return m_parts->decibel ? 10 * std::log10(nmse) : nmse;
}

void ExponentPlot::markerMoved(int, double position, bool released)
{
    const Parts& p = *m_parts;
    if (p.curves.empty())
        return;
    const auto& range = p.curves.front().curve->exponents;
    setExponent(std::clamp(position, range.front(), range.back()));
    Q_EMIT exponentDragged(p.exponent, released);
}

void ExponentPlot::rebuild()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setHasData(!p.curves.empty());
    plot.legend->clear();
    plot.yAxis->setLabel(p.decibel ? tr("NMSE (dB)") : tr("NMSE"));
    setAxisScale(*plot.yAxis, !p.decibel);
    plot.yAxis->setNumberFormat(QStringLiteral("gb")); // seldom more than a decade is shown
    plot.yAxis->setNumberPrecision(3);
    if (p.curves.empty()) {
        setMarkers({}, {});
        return;
    }
    const bool several = p.curves.size() > 1;
    plot.legend->setIconSize(several ? 28 : 16, 10); // room for the patterns
    std::vector<std::string> layers;
    for (const LayerCurve& c : p.curves)
        layers.push_back(c.layer);
    const QStringList names = legendNames(layers, 24);
    for (std::size_t i = 0; i < p.lines.size(); ++i) {
        QVector<double> x;
        QVector<double> y;
        QVector<double> best;
        QVector<double> bestError;
        QVector<double> uniformError;
        if (i < p.curves.size()) {
            const LayerCurve& c = p.curves[i];
            for (std::size_t j = 0; j < c.curve->exponents.size(); ++j) {
                x << c.curve->exponents[j];
                y << shown(c.curve->nmse[j]);
            }
            const ExponentFit& fit = c.curve->fit;
            best << fit.bestExponent;
            bestError << shown(fit.bestNmse);
            uniformError << shown(fit.uniformNmse);
            p.lines[i]->setName(
                several ? tr("%1: a = %2, %3")
                              .arg(names[static_cast<qsizetype>(i)], exponentText(fit.bestExponent),
                                   decibelText(gainDecibel(fit.uniformNmse, fit.bestNmse)))
                        : tr("Error"));
            p.lines[i]->addToLegend();
        }
        p.lines[i]->setData(x, y, true);
        p.optima[i]->setData(best, bestError, true);
        p.uniform[i]->setData(QVector<double>(uniformError.size(), 1.0), uniformError, true);
    }
    setVerticals(*p.one, {1});
    if (several) {
        const std::size_t count = p.curves.size();
        setTitle(p.selected > count
                     ? tr("%1 of %2 selected layers shown").arg(count).arg(p.selected)
                     : tr("%1 layers").arg(count),
                 tr("● best exponent with its gain over the uniform grid · □ uniform grid, a = 1"));
    } else {
        const LayerCurve& c = p.curves.front();
        const ExponentFit& fit = c.curve->fit;
        p.optima[0]->setName(tr("Best, a = %1").arg(exponentText(fit.bestExponent)));
        p.optima[0]->addToLegend();
        p.uniform[0]->setName(tr("Uniform, a = 1"));
        p.uniform[0]->addToLegend();
        p.markerKey->addToLegend();
        setTitle(toQString(c.layer),
                 tr("%1 bit · best a = %2: NMSE %3, %4 better than uniform (%5)")
                     .arg(c.scheme.bits)
                     .arg(exponentText(fit.bestExponent), toQString(formatPercent(fit.bestNmse)),
                          decibelText(gainDecibel(fit.uniformNmse, fit.bestNmse)),
                          toQString(formatPercent(fit.uniformNmse))));
    }
    recolour();
}

void ExponentPlot::rescale()
{
    const Parts& p = *m_parts;
    double left = std::numeric_limits<double>::infinity();
    double right = -left;
    double low = left;
    double high = -left;
    for (const LayerCurve& c : p.curves) {
        if (c.curve->exponents.empty())
            continue;
        left = std::min(left, c.curve->exponents.front());
        right = std::max(right, c.curve->exponents.back());
        const auto cover = [&](double nmse) {
            const double value = shown(nmse);
            if (std::isfinite(value)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
        };
        for (const double nmse : c.curve->nmse)
            cover(nmse);
        cover(c.curve->fit.bestNmse);
    }
    if (!(left < right)) {
        left = 0;
        right = 2;
    }
    if (!(low <= high)) { // nothing but zeros: no error at all
        low = p.decibel ? -60 : 1e-6;
        high = p.decibel ? 0 : 1;
    }
    const double margin = 0.03 * (right - left);
    plot().xAxis->setRange(left - margin, right + margin);
    if (p.decibel) {
        const double room = std::max(0.06 * (high - low), 0.1);
        plot().yAxis->setRange(low - room, high + room);
    } else {
        const double room = std::max(std::pow(high / low, 0.06), 1.05);
        plot().yAxis->setRange(low / room, high * room);
    }
}

void ExponentPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    for (std::size_t i = 0; i < p.lines.size(); ++i) {
        const QPen pen = seriesPen(palette(), static_cast<int>(i), 1.8);
        p.lines[i]->setPen(pen);
        const QPen solid(pen.color(), 1.5);
        p.optima[i]->setPen(solid);
        p.uniform[i]->setPen(solid);
        p.optima[i]->setScatterStyle(
            QCPScatterStyle(QCPScatterStyle::ssDisc, solid, QBrush(pen.color()), 9));
        p.uniform[i]->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssSquare, solid,
                                                      QBrush(palette().color(QPalette::Base)), 8));
    }
    p.one->setPen(QPen(colours.muted, 1, Qt::DotLine));
    p.markerKey->setPen(QPen(colours.clip, 1.5, Qt::DashLine));
    if (!p.curves.empty())
        setMarkers({p.exponent}, colours.clip);
    queueReplot();
}

void ExponentPlot::extendMenu(QMenu& menu)
{
    QAction* decibel = menu.addAction(tr("Error in dB"));
    decibel->setCheckable(true);
    decibel->setChecked(m_parts->decibel);
    connect(decibel, &QAction::toggled, this, &ExponentPlot::setDecibel);
}

QString ExponentPlot::proposedName() const
{
    return m_parts->curves.size() == 1 ? tr("%1 exponent").arg(title()) : tr("exponents");
}

QString ExponentPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    QStringList lines{tr("exponent %1").arg(exponentText(x))};
    for (const LayerCurve& c : p.curves) {
        const double nmse = valueAt(*c.curve, x);
        if (std::isnan(nmse))
            continue;
        lines << tr("%1: NMSE %2, %3 over uniform")
                     .arg(legendName(c.layer), toQString(formatPercent(nmse)),
                          decibelText(gainDecibel(c.curve->fit.uniformNmse, nmse)));
    }
    return lines.join(QLatin1Char('\n'));
}

QString ExponentPlot::csv() const
{
    const Parts& p = *m_parts;
    if (p.curves.empty())
        return {};
    QString text;
    for (const LayerCurve& c : p.curves)
        text += QStringLiteral("# best,\"%1\",%2,%3\n# uniform,\"%1\",1,%4\n")
                    .arg(toQString(c.layer), csvNumber(c.curve->fit.bestExponent),
                         csvNumber(c.curve->fit.bestNmse), csvNumber(c.curve->fit.uniformNmse));
    text += QStringLiteral("layer,bits,exponent,nmse\n");
    for (const LayerCurve& c : p.curves) {
        for (std::size_t i = 0; i < c.curve->exponents.size(); ++i)
            text += QStringLiteral("\"%1\",%2,%3,%4\n")
                        .arg(toQString(c.layer))
                        .arg(c.scheme.bits)
                        .arg(csvNumber(c.curve->exponents[i]), csvNumber(c.curve->nmse[i]));
    }
    return text;
}

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

// --- the whole model ----------------------------------------------------------------------------

struct ExponentModelPlot::Parts
{
    Fits fits;
    std::string current;
    QCPBars* gain = nullptr;
    QCPGraph* best = nullptr;
    QCPGraph* ring = nullptr; ///< around the current layer's point
    QCPCurve* one = nullptr;
};

ExponentModelPlot::ExponentModelPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Best exponent of each layer"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    plot.yAxis2->setVisible(true);
    plot.yAxis2->grid()->setVisible(false);
    p.gain = new QCPBars(plot.xAxis, plot.yAxis2);
    p.gain->setName(tr("Gain over the uniform grid (right)"));
    p.gain->setAntialiased(false);
    p.one = new QCPCurve(plot.xAxis, plot.yAxis);
    p.one->setName(tr("Uniform grid, a = 1"));
    p.ring = plot.addGraph();
    p.ring->setLineStyle(QCPGraph::lsNone);
    p.best = plot.addGraph();
    p.best->setLineStyle(QCPGraph::lsNone);
    p.best->setName(tr("Best exponent (left)"));
    // Layers are whole numbers.
    QSharedPointer<QCPAxisTickerFixed> ticker(new QCPAxisTickerFixed);
    ticker->setTickStep(1);
    ticker->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    plot.xAxis->setTicker(ticker);
    plot.xAxis->setNumberFormat(QStringLiteral("f"));
    plot.xAxis->setNumberPrecision(0);
    plot.xAxis->setLabel(tr("layer, in the order of the model"));
    plot.yAxis->setLabel(tr("best exponent a"));
    plot.yAxis2->setLabel(tr("gain (dB)"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    for (QCPAbstractPlottable* each :
         {static_cast<QCPAbstractPlottable*>(p.best), static_cast<QCPAbstractPlottable*>(p.gain),
          static_cast<QCPAbstractPlottable*>(p.one)})
        each->addToLegend();
    recolour();
}

ExponentModelPlot::~ExponentModelPlot() = default;

void ExponentModelPlot::setFits(Fits fits)
{
    Parts& p = *m_parts;
    const std::size_t before = p.fits ? p.fits->size() : 0;
    const auto kept = shownRange(Qt::Horizontal);
    p.fits = std::move(fits);
    rebuild();
    if (isEmpty())
        return;
    rescale();
    if (p.fits->size() == before)
        setShownRange(Qt::Horizontal, kept.first, kept.second);
}

void ExponentModelPlot::setCurrent(const std::string& layer)
{
    m_parts->current = layer;
    placeCurrent();
    queueReplot();
}

void ExponentModelPlot::rebuild()
{
    Parts& p = *m_parts;
    setHasData(p.fits && !p.fits->empty());
    if (isEmpty())
        return;
    QVector<double> x;
    QVector<double> best;
    QVector<double> gain;
    double sum = 0;
    for (std::size_t i = 0; i < p.fits->size(); ++i) {
        const ExponentFit& fit = (*p.fits)[i].exponent;
        x << static_cast<double>(i);
        best << fit.bestExponent;
        const double decibel = gainDecibel(fit.uniformNmse, fit.bestNmse);
        gain << (std::isnan(decibel) ? 0 : decibel);
        sum += gain.last();
    }
    p.best->setData(x, best, true);
    p.gain->setData(x, gain, true);
    const auto count = static_cast<std::int64_t>(p.fits->size());
    p.one->setData(QVector<double>{-1e9, 1e9}, QVector<double>{1, 1});
    setTitle(
        tr("Power exponents of the model"),
        (count == 1 ? tr("%1 layer · mean gain %2 over the uniform grid")
                    : tr("%1 layers · mean gain %2 over the uniform grid"))
            .arg(toQString(formatCount(count)), decibelText(sum / static_cast<double>(count))));
    placeCurrent();
    recolour();
}

void ExponentModelPlot::placeCurrent()
{
    Parts& p = *m_parts;
    QVector<double> x;
    QVector<double> y;
    for (std::size_t i = 0; p.fits && i < p.fits->size(); ++i) {
        if ((*p.fits)[i].name == p.current) {
            x << static_cast<double>(i);
            y << (*p.fits)[i].exponent.bestExponent;
        }
    }
    p.ring->setData(x, y, true);
}

void ExponentModelPlot::rescale()
{
    const Parts& p = *m_parts;
    double low = 1;
    double high = 1;
    double gain = 0;
    for (const LayerStatistics& layer : *p.fits) {
        low = std::min(low, layer.exponent.bestExponent);
        high = std::max(high, layer.exponent.bestExponent);
        const double decibel = gainDecibel(layer.exponent.uniformNmse, layer.exponent.bestNmse);
        if (std::isfinite(decibel))
            gain = std::max(gain, decibel);
    }
    plot().xAxis->setRange(-0.7, static_cast<double>(p.fits->size()) - 0.3);
    const double room = 0.1 * std::max(high - low, 0.1);
    plot().yAxis->setRange(low - room, high + room);
    plot().yAxis2->setRange(0, gain > 0 ? gain * 2 : 1); // bars keep to the lower half
}

void ExponentModelPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    p.gain->setPen(Qt::NoPen);
    p.gain->setBrush(colours.bar);
    p.best->setPen(QPen(colours.dequantized, 1.5));
    p.best->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssDisc, colours.dequantized, colours.dequantized, 6));
    p.ring->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(colours.clip, 2), Qt::NoBrush, 13));
    p.one->setPen(QPen(colours.muted, 1, Qt::DotLine));
    plot().yAxis2->grid()->setVisible(false);
    queueReplot();
}

QString ExponentModelPlot::proposedName() const
{
    return tr("power exponents");
}

const LayerStatistics* ExponentModelPlot::at(double x) const
{
    const Parts& p = *m_parts;
    const double place = std::floor(x + 0.5);
    if (!p.fits || !(place >= 0) || !(place < static_cast<double>(p.fits->size())))
        return nullptr;
    return &(*p.fits)[static_cast<std::size_t>(place)];
}

void ExponentModelPlot::clicked(QPointF where, Qt::KeyboardModifiers)
{
    if (const LayerStatistics* layer = at(where.x()))
        Q_EMIT layerClicked(layer->name);
}

QString ExponentModelPlot::readout(double x, double) const
{
    const LayerStatistics* layer = at(x);
    if (!layer)
        return {};
    const ExponentFit& fit = layer->exponent;
    return tr("%1\nbest a = %2, NMSE %3\n%4 over the uniform grid (%5)")
        .arg(toQString(layer->name), exponentText(fit.bestExponent),
             toQString(formatPercent(fit.bestNmse)),
             decibelText(gainDecibel(fit.uniformNmse, fit.bestNmse)),
             toQString(formatPercent(fit.uniformNmse)));
}

QString ExponentModelPlot::csv() const
{
    if (isEmpty())
        return {};
    QString text = QStringLiteral("layer,best_exponent,nmse,uniform_nmse,gain_db\n");
    for (const LayerStatistics& layer : *m_parts->fits) {
        const ExponentFit& fit = layer.exponent;
        text += QStringLiteral("\"%1\",%2,%3,%4,%5\n")
                    .arg(toQString(layer.name), csvNumber(fit.bestExponent),
                         csvNumber(fit.bestNmse), csvNumber(fit.uniformNmse),
                         csvNumber(gainDecibel(fit.uniformNmse, fit.bestNmse)));
    }
    return text;
}

} // namespace gradus
