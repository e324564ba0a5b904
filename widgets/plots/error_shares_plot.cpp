// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/error_shares_plot.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QCoreApplication>
#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(ErrorShares)
};

constexpr std::size_t shareCount = 3;

double shareOf(const ErrorShares& errors, std::size_t share)
{
    return share == 0 ? errors.weights : share == 1 ? errors.inputs : errors.both;
}

QString shareTitle(std::size_t share)
{
    return share == 0   ? Text::tr("Weights only")
           : share == 1 ? Text::tr("Inputs only")
                        : Text::tr("Both");
}

/// "1.3 % (18.9 dB)".
QString errorText(double error)
{
    if (std::isnan(error))
        return QStringLiteral("–");
    return Text::tr("%1 (%2)").arg(toQString(formatPercent(error)),
                                   toQString(formatDecibel(errorDecibel(error))));
}

bool anyKnown(const ErrorShares& errors)
{
    return !std::isnan(errors.weights) || !std::isnan(errors.inputs) || !std::isnan(errors.both);
}

QString lambdaText(double lambda)
{
    return QString::number(lambda, 'g', 3);
}

/// Each has a colour and a pattern.
QBrush brushOf(std::size_t share, const QPalette& palette)
{
    const ThemeColours colours = themeColours(palette);
    return share == 0   ? QBrush(colours.runA)
           : share == 1 ? QBrush(colours.runB, Qt::Dense4Pattern)
                        : QBrush(colours.error, Qt::BDiagPattern);
}
QPen outlineOf(std::size_t share, const QPalette& palette)
{
    const ThemeColours colours = themeColours(palette);
    return {share == 0 ? colours.runA : share == 1 ? colours.runB : colours.error, 1};
}
} // namespace

// One layer.

struct ErrorSharesPlot::Parts
{
    LayerShares shares;
    std::vector<std::size_t> rows; ///< shares that are known
    std::vector<QCPItemRect*> bars;
    std::vector<QCPItemText*> labels;
    QSharedPointer<QCPAxisTickerText> names;
    int fittedWidth = 0; ///< of the axes when the range was last fitted to the labels
    QCPRange fitted;
};

ErrorSharesPlot::ErrorSharesPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Errors of the layer by what is quantized"));
    setMovable(Qt::Horizontal);
    p.names = QSharedPointer<QCPAxisTickerText>::create();
    plot.yAxis->setTicker(p.names);
    plot.yAxis->setRangeReversed(true);
    plot.yAxis->setTickLength(0);
    plot.yAxis->setSubTicks(false);
    plot.xAxis->setLabel(tr("relative output error (%)"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Hidden);
    // The room that labels take of the range depends on the width.
    connect(&plot, &QCustomPlot::afterLayout, this, [this] {
        const QCPAxis* axis = this->plot().xAxis;
        if (axis->range() == m_parts->fitted && axis->axisRect()->width() != m_parts->fittedWidth)
            fit();
    });
    rebuild();
}

ErrorSharesPlot::~ErrorSharesPlot() = default;

void ErrorSharesPlot::setShares(const LayerShares& shares)
{
    m_parts->shares = shares;
    rebuild();
    fit();
}

QStringList ErrorSharesPlot::rowTexts() const
{
    QStringList texts;
    for (const std::size_t row : m_parts->rows)
        texts << shareTitle(row) + QLatin1Char('\t') +
                     toQString(formatPercent(shareOf(m_parts->shares.errors, row)));
    return texts;
}

void ErrorSharesPlot::rebuild()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    for (QCPItemRect* bar : p.bars)
        plot.removeItem(bar);
    for (QCPItemText* label : p.labels)
        plot.removeItem(label);
    p.bars.clear();
    p.labels.clear();
    p.rows.clear();
    p.names->clear();
    for (std::size_t share = 0; share < shareCount; ++share)
        if (std::isfinite(shareOf(p.shares.errors, share)))
            p.rows.push_back(share);
    setHasData(!p.rows.empty());
    if (isEmpty())
        return;
    for (std::size_t i = 0; i < p.rows.size(); ++i) {
        const double error = shareOf(p.shares.errors, p.rows[i]);
        const auto y = static_cast<double>(i);
        p.names->addTick(y, shareTitle(p.rows[i]));
        auto* bar = new QCPItemRect(&plot);
        bar->topLeft->setCoords(0, y - 0.32);
        bar->bottomRight->setCoords(100 * error, y + 0.32);
        p.bars.push_back(bar);
        auto* label = new QCPItemText(&plot);
        label->setText(toQString(formatPercent(error)));
        label->setPadding(QMargins(5, 0, 5, 0));
        label->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
        label->position->setCoords(100 * error, y);
        p.labels.push_back(label);
    }
    setTitle(toQString(p.shares.layer),
             std::isnan(p.shares.lambda)
                 ? tr("relative output error on the calibration inputs")
                 : tr("reconstructed with λ = %1").arg(lambdaText(p.shares.lambda)));
    recolour();
}

void ErrorSharesPlot::rescale()
{
    Parts& p = *m_parts;
    QFont font = plot().xAxis->tickLabelFont();
    const QFontMetrics metrics(font);
    const double room = std::max(plot().axisRect()->width(), 1);
    double width = 1e-6;
    for (const std::size_t row : p.rows) {
        const double error = shareOf(p.shares.errors, row);
        const int label = metrics.horizontalAdvance(toQString(formatPercent(error))) + 14;
        width = std::max({width, 104 * error, 100 * error / std::max(1 - label / room, 0.2)});
    }
    plot().xAxis->setRange(0, width);
    p.fitted = plot().xAxis->range();
    p.fittedWidth = plot().axisRect()->width();
    plot().yAxis->setRange(-0.7,
                           static_cast<double>(std::max<std::size_t>(p.rows.size(), 1)) - 0.3);
}

void ErrorSharesPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    plot().yAxis->grid()->setVisible(false);
    plot().yAxis->setTickPen(Qt::NoPen);
    for (std::size_t i = 0; i < p.bars.size(); ++i) {
        p.bars[i]->setPen(outlineOf(p.rows[i], palette()));
        p.bars[i]->setBrush(brushOf(p.rows[i], palette()));
        p.labels[i]->setColor(palette().color(QPalette::Text));
        p.labels[i]->setFont(plot().xAxis->tickLabelFont());
    }
    queueReplot();
}

QString ErrorSharesPlot::proposedName() const
{
    return tr("%1 errors").arg(title());
}

QString ErrorSharesPlot::readout(double, double y) const
{
    const Parts& p = *m_parts;
    const double place = std::floor(y + 0.5);
    if (!(place >= 0) || !(place < static_cast<double>(p.rows.size())))
        return {};
    const std::size_t row = p.rows[static_cast<std::size_t>(place)];
    return tr("%1: %2").arg(shareTitle(row), errorText(shareOf(p.shares.errors, row)));
}

namespace {
QString csvHeader()
{
    return QStringLiteral("layer,weights,inputs,both,lambda\n");
}
QString csvLine(const LayerShares& layer)
{
    return QStringLiteral("\"%1\",%2,%3,%4,%5\n")
        .arg(toQString(layer.layer), csvNumber(layer.errors.weights),
             csvNumber(layer.errors.inputs), csvNumber(layer.errors.both), csvNumber(layer.lambda));
}
} // namespace

QString ErrorSharesPlot::csv() const
{
    return isEmpty() ? QString() : csvHeader() + csvLine(m_parts->shares);
}

// All layers.

struct ErrorSharesModelPlot::Parts
{
    std::vector<LayerShares> layers;
    std::string current;
    std::array<QCPBars*, shareCount> bars{};
    QCPAxisRect* lower = nullptr; ///< of λ
    QCPGraph* lambda = nullptr;
    QCPGraph* ring = nullptr; ///< above the current layer's bars
};

ErrorSharesModelPlot::ErrorSharesModelPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Errors of all layers by what is quantized"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    for (std::size_t share = 0; share < shareCount; ++share) {
        p.bars[share] = new QCPBars(plot.xAxis, plot.yAxis);
        p.bars[share]->setName(shareTitle(share));
        p.bars[share]->setAntialiased(false);
        p.bars[share]->setWidth(0.26);
        p.bars[share]->addToLegend();
    }
    p.ring = plot.addGraph();
    p.ring->setLineStyle(QCPGraph::lsNone);
    QSharedPointer<QCPAxisTickerFixed> ticker(new QCPAxisTickerFixed);
    ticker->setTickStep(1);
    ticker->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    plot.yAxis->setLabel(tr("output error (%)"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);

    p.lower = new QCPAxisRect(&plot);
    const int row = plot.plotLayout()->rowCount();
    plot.plotLayout()->addElement(row, 0, p.lower);
    plot.plotLayout()->setRowStretchFactor(row, 0.3);
    p.lower->setMinimumMargins(QMargins(12, 0, 14, 8));
    p.lower->setMinimumSize(60, 34);
    auto* margins = new QCPMarginGroup(&plot);
    plot.axisRect()->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    p.lower->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    p.lower->setRangeDrag({});
    p.lower->setRangeZoom({});
    QCPAxis* places = p.lower->axis(QCPAxis::atBottom);
    QCPAxis* values = p.lower->axis(QCPAxis::atLeft);
    p.lambda = plot.addGraph(places, values);
    p.lambda->setLineStyle(QCPGraph::lsNone);
    values->setLabel(QStringLiteral("lambda")); // the letter lies on its side, like a sign
    values->ticker()->setTickCount(3);
    values->setSubTicks(false);
    for (QCPAxis* axis : {plot.xAxis, places}) {
        axis->setTicker(ticker);
        axis->setSubTicks(false);
        axis->setNumberFormat(QStringLiteral("f"));
        axis->setNumberPrecision(0);
        axis->grid()->setVisible(false);
    }
    connect(plot.xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), places,
            qOverload<const QCPRange&>(&QCPAxis::setRange));
    recolour();
}

ErrorSharesModelPlot::~ErrorSharesModelPlot() = default;

void ErrorSharesModelPlot::setLayers(std::vector<LayerShares> layers)
{
    Parts& p = *m_parts;
    const std::size_t before = p.layers.size();
    const auto kept = shownRange(Qt::Horizontal);
    p.layers = std::move(layers);
    rebuild();
    if (isEmpty())
        return;
    rescale();
    if (p.layers.size() == before)
        setShownRange(Qt::Horizontal, kept.first, kept.second);
}

void ErrorSharesModelPlot::setCurrent(const std::string& layer)
{
    m_parts->current = layer;
    placeCurrent();
    queueReplot();
}

void ErrorSharesModelPlot::rebuild()
{
    Parts& p = *m_parts;
    const bool any = std::any_of(p.layers.begin(), p.layers.end(),
                                 [](const LayerShares& layer) { return anyKnown(layer.errors); });
    setHasData(any);
    if (!any)
        return;
    std::array<QVector<double>, shareCount> x;
    std::array<QVector<double>, shareCount> y;
    QVector<double> lambdaX;
    QVector<double> lambdaY;
    std::vector<double> both;
    for (std::size_t i = 0; i < p.layers.size(); ++i) {
        for (std::size_t share = 0; share < shareCount; ++share) {
            const double error = shareOf(p.layers[i].errors, share);
            if (!std::isfinite(error))
                continue;
            x[share] << static_cast<double>(i) + (static_cast<double>(share) - 1) * 0.27;
            y[share] << 100 * error;
            if (share == 2)
                both.push_back(error);
        }
        if (std::isfinite(p.layers[i].lambda)) {
            lambdaX << static_cast<double>(i);
            lambdaY << p.layers[i].lambda;
        }
    }
    for (std::size_t share = 0; share < shareCount; ++share)
        p.bars[share]->setData(x[share], y[share], true);
    p.lambda->setData(lambdaX, lambdaY, true);

    // λ takes no room where nothing was reconstructed.
    const bool reconstructed = !lambdaX.isEmpty();
    p.lower->setVisible(reconstructed);
    p.lower->setMaximumSize(QWIDGETSIZE_MAX, reconstructed ? QWIDGETSIZE_MAX : 0);
    p.lower->setMinimumSize(60, reconstructed ? 34 : 0);
    p.lower->setMinimumMargins(reconstructed ? QMargins(12, 0, 14, 8) : QMargins());
    plot().axisRect()->setMinimumMargins(QMargins(12, 6, 14, reconstructed ? 4 : 8));
    const QString places = tr("layer, in the order of the model");
    plot().xAxis->setTickLabels(!reconstructed);
    plot().xAxis->setLabel(reconstructed ? QString() : places);
    p.lower->axis(QCPAxis::atBottom)->setLabel(places);

    const auto count = static_cast<std::int64_t>(p.layers.size());
    QString median = QStringLiteral("–");
    if (!both.empty()) {
        const auto half = both.begin() + static_cast<std::ptrdiff_t>(both.size() / 2);
        std::nth_element(both.begin(), half, both.end());
        median = toQString(formatPercent(*half));
    }
    setTitle(
        tr("Relative output errors of the run"),
        (count == 1 ? tr("%1 layer · median with both %2") : tr("%1 layers · median with both %2"))
            .arg(toQString(formatCount(count)), median));
    placeCurrent();
    recolour();
}

void ErrorSharesModelPlot::placeCurrent()
{
    Parts& p = *m_parts;
    QVector<double> x;
    QVector<double> y;
    for (std::size_t i = 0; i < p.layers.size(); ++i) {
        if (p.layers[i].layer != p.current)
            continue;
        double highest = 0;
        for (std::size_t share = 0; share < shareCount; ++share) {
            const double error = shareOf(p.layers[i].errors, share);
            if (std::isfinite(error))
                highest = std::max(highest, 100 * error);
        }
        x << static_cast<double>(i);
        y << highest;
    }
    p.ring->setData(x, y, true);
}

void ErrorSharesModelPlot::rescale()
{
    const Parts& p = *m_parts;
    double high = 0;
    double lambda = 0;
    for (const LayerShares& layer : p.layers) {
        for (std::size_t share = 0; share < shareCount; ++share) {
            const double error = shareOf(layer.errors, share);
            if (std::isfinite(error))
                high = std::max(high, 100 * error);
        }
        if (std::isfinite(layer.lambda))
            lambda = std::max(lambda, layer.lambda);
    }
    plot().xAxis->setRange(-0.7, static_cast<double>(p.layers.size()) - 0.3);
    plot().yAxis->setRange(0, high > 0 ? 1.12 * high : 1); // room for the mark of the current one
    const double top = lambda > 0 ? lambda : 1;
    p.lower->axis(QCPAxis::atLeft)->setRange(-0.12 * top, 1.2 * top);
}

void ErrorSharesModelPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    if (!p.lower)
        return; // while it is made
    const ThemeColours colours = themeColours(palette());
    for (std::size_t share = 0; share < shareCount; ++share) {
        p.bars[share]->setBrush(brushOf(share, palette()));
        p.bars[share]->setPen(outlineOf(share, palette()));
    }
    p.lambda->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssDisc, colours.dequantized, colours.dequantized, 5));
    p.ring->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssTriangleInverted,
                                            QPen(colours.clip, 1.5), QBrush(colours.clip), 8));
    copyAxisLook(*plot().xAxis, *p.lower->axis(QCPAxis::atBottom));
    copyAxisLook(*plot().yAxis, *p.lower->axis(QCPAxis::atLeft));
    plot().xAxis->grid()->setVisible(false);
    p.lower->axis(QCPAxis::atBottom)->grid()->setVisible(false);
    queueReplot();
}

QString ErrorSharesModelPlot::proposedName() const
{
    return tr("errors by what is quantized");
}

const LayerShares* ErrorSharesModelPlot::at(double x) const
{
    const Parts& p = *m_parts;
    const double place = std::floor(x + 0.5);
    if (!(place >= 0) || !(place < static_cast<double>(p.layers.size())))
        return nullptr;
    return &p.layers[static_cast<std::size_t>(place)];
}

void ErrorSharesModelPlot::clicked(QPointF where, Qt::KeyboardModifiers)
{
    if (const LayerShares* layer = at(where.x()))
        Q_EMIT layerClicked(layer->layer);
}

QString ErrorSharesModelPlot::readout(double x, double) const
{
    const LayerShares* layer = at(x);
    if (!layer)
        return {};
    QStringList lines{toQString(layer->layer)};
    for (std::size_t share = 0; share < shareCount; ++share)
        lines << tr("%1: %2").arg(shareTitle(share), errorText(shareOf(layer->errors, share)));
    if (!std::isnan(layer->lambda))
        lines << tr("λ of the reconstruction: %1").arg(lambdaText(layer->lambda));
    return lines.join(QLatin1Char('\n'));
}

QString ErrorSharesModelPlot::csv() const
{
    if (isEmpty())
        return {};
    QString text = csvHeader();
    for (const LayerShares& layer : m_parts->layers)
        text += csvLine(layer);
    return text;
}

} // namespace gradus
