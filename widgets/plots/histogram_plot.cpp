// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/histogram_plot.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QMenu>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace gradus {

struct HistogramPlot::Parts
{
    std::shared_ptr<const WeightPreview> preview;
    bool logScale = true;
    QCPBars* original = nullptr;
    QCPGraph* dequantized = nullptr;
    QCPCurve* levels = nullptr;
    QCPCurve* clip = nullptr;
};

namespace {
/// Vertical lines over the whole plot, as one curve with gaps.
void setVerticals(QCPCurve& curve, const std::vector<double>& at)
{
    QVector<double> x;
    QVector<double> y;
    const double gap = std::numeric_limits<double>::quiet_NaN();
    for (const double key : at) {
        x << key << key << gap;
        y << 1e-3 << 1e15 << gap;
    }
    curve.setData(x, y);
}

/// Counts as a staircase: every bin from its left edge to its right one.
void setStaircase(QCPGraph& graph, const Histogram& h)
{
    QVector<double> x;
    QVector<double> y;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        x << h.lo + h.binWidth() * static_cast<double>(i);
        y << static_cast<double>(h.counts[i]);
    }
    if (!x.isEmpty()) {
        x << h.hi;
        y << y.last();
    }
    graph.setData(x, y, true);
}

std::int64_t highest(const Histogram& h)
{
    return h.counts.empty() ? 0 : *std::max_element(h.counts.begin(), h.counts.end());
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
    p.original = new QCPBars(plot.xAxis, plot.yAxis);
    p.original->setName(tr("Original"));
    p.original->setWidthType(QCPBars::wtPlotCoords);
    p.original->setAntialiased(false);
    p.levels = new QCPCurve(plot.xAxis, plot.yAxis);
    p.levels->setName(tr("Levels"));
    p.dequantized = plot.addGraph();
    p.dequantized->setName(tr("Quantized"));
    p.dequantized->setLineStyle(QCPGraph::lsStepLeft);
    p.dequantized->setAdaptiveSampling(false);
    p.dequantized->setAntialiased(false);
    p.clip = new QCPCurve(plot.xAxis, plot.yAxis);
    p.clip->setName(tr("Range"));
    plot.xAxis->setLabel(tr("weight"));
    plot.yAxis->setLabel(tr("weights per bin"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    showLegendRow();
    recolour();
    rebuild();
}

HistogramPlot::~HistogramPlot() = default;

void HistogramPlot::setPreview(std::shared_ptr<const WeightPreview> preview)
{
    m_parts->preview = std::move(preview);
    rebuild();
}

const WeightPreview* HistogramPlot::preview() const
{
    return m_parts->preview.get();
}

void HistogramPlot::setLogScale(bool on)
{
    if (m_parts->logScale == on)
        return;
    m_parts->logScale = on;
    rebuild();
    Q_EMIT logScaleChanged(on);
}

bool HistogramPlot::logScale() const
{
    return m_parts->logScale;
}

void HistogramPlot::rebuild()
{
    Parts& p = *m_parts;
    setHasData(p.preview != nullptr);
    if (!p.preview)
        return;
    const WeightPreview& w = *p.preview;
    QCustomPlot& plot = this->plot();
    const QString how = w.choice.keepFloat ? choiceText(w.choice)
                        : w.fromRun        ? tr("%1 · computed").arg(choiceText(w.choice))
                                           : tr("%1 · rounded preview").arg(choiceText(w.choice));
    setTitle(toQString(w.layer),
             tr("%1 · n = %2").arg(how, toQString(formatCount(w.moments.count))));

    QVector<double> keys;
    QVector<double> values;
    for (std::size_t i = 0; i < w.original.counts.size(); ++i) {
        keys << w.original.lo + w.original.binWidth() * (static_cast<double>(i) + 0.5);
        values << static_cast<double>(w.original.counts[i]);
    }
    p.original->setWidth(w.original.counts.empty() ? 1 : w.original.binWidth());
    p.original->setData(keys, values, true);
    setStaircase(*p.dequantized, w.dequantized);
    const bool quantized = !w.choice.keepFloat;
    setVerticals(*p.levels, quantized ? std::vector<double>(w.levels.begin(), w.levels.end())
                                      : std::vector<double>());
    setVerticals(*p.clip,
                 quantized ? std::vector<double>{w.clipLow, w.clipHigh} : std::vector<double>());
    // The legend names what is there and nothing else.
    plot.legend->clear();
    p.original->addToLegend();
    if (quantized) {
        p.dequantized->addToLegend();
        p.levels->setName(tr("Levels (%1, first group)").arg(w.levels.size()));
        p.levels->addToLegend();
        p.clip->addToLegend();
    }

    rescale();
    recolour();
}

void HistogramPlot::rescale()
{
    Parts& p = *m_parts;
    if (!p.preview)
        return;
    const WeightPreview& w = *p.preview;
    QCustomPlot& plot = this->plot();
    double low = w.original.lo;
    double high = w.original.hi;
    if (!w.choice.keepFloat && std::isfinite(w.clipLow) && std::isfinite(w.clipHigh)) {
        low = std::min(low, w.clipLow);
        high = std::max(high, w.clipHigh);
    }
    const double margin = high > low ? 0.02 * (high - low) : 1;
    plot.xAxis->setRange(low - margin, high + margin);
    const double top =
        std::max(1.0, static_cast<double>(std::max(highest(w.original), highest(w.dequantized))));
    if (p.logScale) {
        auto ticker = QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog);
        plot.yAxis->setScaleType(QCPAxis::stLogarithmic);
        plot.yAxis->setTicker(ticker);
        plot.yAxis->setNumberFormat(QStringLiteral("eb"));
        plot.yAxis->setNumberPrecision(0);
        plot.yAxis->setRange(0.7, top * 4);
        p.original->setBaseValue(0.1);
    } else {
        plot.yAxis->setScaleType(QCPAxis::stLinear);
        plot.yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new QCPAxisTicker));
        plot.yAxis->setNumberFormat(QStringLiteral("f"));
        plot.yAxis->setNumberPrecision(0);
        plot.yAxis->setRange(0, top * 1.15);
        p.original->setBaseValue(0);
    }
}

QString HistogramPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    if (!p.preview)
        return {};
    const auto countAt = [x](const Histogram& h) -> std::int64_t {
        if (h.counts.empty() || x < h.lo || x > h.hi || !(h.hi > h.lo))
            return 0;
        const auto bin = static_cast<std::size_t>((x - h.lo) / h.binWidth());
        return h.counts[std::min(bin, h.counts.size() - 1)];
    };
    QString text =
        tr("weight %1\noriginal %2")
            .arg(QString::number(x, 'g', 4), toQString(formatCount(countAt(p.preview->original))));
    if (!p.preview->choice.keepFloat)
        text += QLatin1Char('\n') +
                tr("quantized %1").arg(toQString(formatCount(countAt(p.preview->dequantized))));
    return text;
}

void HistogramPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    QColor fill = colours.original;
    p.original->setPen(Qt::NoPen);
    p.original->setBrush(fill);
    p.dequantized->setPen(QPen(colours.dequantized, 1.5));
    // Many levels stand close: the more there are, the fainter each.
    QColor level = colours.level;
    const double count = p.preview ? static_cast<double>(p.preview->levels.size()) : 16;
    level.setAlphaF(static_cast<float>(std::clamp(14.0 / std::max(count, 1.0), 0.16, 0.75)));
    p.levels->setPen(QPen(level, 1));
    p.clip->setPen(QPen(colours.clip, 1.5, Qt::DashLine));
    queueReplot();
}

void HistogramPlot::extendMenu(QMenu& menu)
{
    QAction* log = menu.addAction(tr("Logarithmic counts"));
    log->setCheckable(true);
    log->setChecked(logScale());
    connect(log, &QAction::toggled, this, &HistogramPlot::setLogScale);
}

QString HistogramPlot::proposedName() const
{
    return toQString(m_parts->preview ? m_parts->preview->layer : "weights");
}

QString HistogramPlot::csv() const
{
    if (!m_parts->preview)
        return {};
    const WeightPreview& w = *m_parts->preview;
    const auto number = [](double v) { return QString::number(v, 'g', 9); };
    QString text = QStringLiteral("# layer,%1\n# scheme,\"%2\"\n")
                       .arg(toQString(w.layer), choiceText(w.choice));
    if (!w.choice.keepFloat) {
        QStringList levels;
        for (const float level : w.levels)
            levels.append(number(static_cast<double>(level)));
        text += QStringLiteral("# levels,%1\n").arg(levels.join(QLatin1Char(',')));
        text += QStringLiteral("# range,%1,%2\n").arg(number(w.clipLow), number(w.clipHigh));
    }
    text += QStringLiteral("from,to,original,quantized\n");
    const Histogram& h = w.original;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        const double from = h.lo + h.binWidth() * static_cast<double>(i);
        const QString quantized =
            i < w.dequantized.counts.size() ? QString::number(w.dequantized.counts[i]) : QString();
        text += QStringLiteral("%1,%2,%3,%4\n")
                    .arg(number(from), number(from + h.binWidth()), QString::number(h.counts[i]),
                         quantized);
    }
    return text;
}

} // namespace gradus
