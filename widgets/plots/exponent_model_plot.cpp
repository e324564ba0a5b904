// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/exponent_model_plot.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
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

QString decibelText(double decibel)
{
    return toQString(formatDecibel(decibel));
}
} // namespace

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
        (count == 1 ? tr("%1 layer · mean gain %2") : tr("%1 layers · mean gain %2"))
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
