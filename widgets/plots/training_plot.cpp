// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/training_plot.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/models/table_text.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double segmentShare = 0.94; ///< of a block's place that its curve takes
} // namespace

struct TrainingPlot::Parts
{
    QString title;
    TrainingCurves curves;
    double longest = 1; ///< steps of the longest training
    QCPGraph* steps = nullptr;
    QCPGraph* means = nullptr;
    QCPGraph* epochs = nullptr; ///< loss over everything
    QCPGraph* kept = nullptr;
    QCPCurve* borders = nullptr; ///< of blocks, or of epochs
    QSharedPointer<QCPAxisTickerText> names;
    bool fitted = false; ///< nobody has chosen other ranges
    bool fitting = false;

    [[nodiscard]] bool many() const { return curves.size() > 1; }
    [[nodiscard]] bool inNats() const { return !curves.empty() && curves.front().isFineTuning(); }
};

TrainingPlot::TrainingPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Loss of the training"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    p.borders = new QCPCurve(plot.xAxis, plot.yAxis);
    p.steps = plot.addGraph();
    p.means = plot.addGraph();
    p.epochs = plot.addGraph();
    p.kept = plot.addGraph();
    p.steps->setName(tr("Each step"));
    p.means->setName(tr("Mean of the epoch"));
    p.means->setLineStyle(QCPGraph::lsStepLeft);
    p.means->setAdaptiveSampling(false);
    p.epochs->setName(tr("All windows, after the epoch"));
    p.epochs->setLineStyle(QCPGraph::lsNone);
    p.kept->setName(tr("Kept"));
    p.kept->setLineStyle(QCPGraph::lsNone);
    p.names = QSharedPointer<QCPAxisTickerText>::create();
    plot.xAxis->grid()->setVisible(false);
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    for (QCPGraph* graph : {p.steps, p.means, p.epochs, p.kept})
        graph->addToLegend();
    connect(this, &PlotView::rangeChanged, this, [this] {
        if (!m_parts->fitting)
            m_parts->fitted = false;
    });
    connect(&plot, &QCustomPlot::beforeReplot, this, &TrainingPlot::placeTicks);
    recolour();
}

TrainingPlot::~TrainingPlot() = default;

const TrainingCurves& TrainingPlot::curves() const
{
    return m_parts->curves;
}

void TrainingPlot::setCurves(const QString& title, TrainingCurves curves)
{
    Parts& p = *m_parts;
    const bool another = title != p.title || curves.empty() || p.curves.empty() ||
                         curves.front().key() != p.curves.front().key() ||
                         (curves.size() > 1) != p.many();
    p.title = title;
    p.curves = std::move(curves);
    p.longest = 1;
    for (const TrainingCurve& curve : p.curves)
        p.longest = std::max({p.longest, static_cast<double>(curve.steps),
                              static_cast<double>(curve.losses.size())});
    rebuild();
    if (another || p.fitted)
        fit();
    else
        queueReplot();
}

double TrainingPlot::position(std::size_t curve, double step) const
{
    const Parts& p = *m_parts;
    if (!p.many())
        return step;
    return static_cast<double>(curve) + segmentShare * step / p.longest;
}

double TrainingPlot::shown(double loss) const
{
    if (!std::isfinite(loss))
        return nothing;
    return m_parts->inNats() ? loss : loss > 0 ? 100 * loss : nothing;
}

void TrainingPlot::rebuild()
{
    Parts& p = *m_parts;
    setHasData(!p.curves.empty());
    if (isEmpty())
        return;
    QVector<double> stepX, stepY, meanX, meanY, epochX, epochY, keptX, keptY;
    std::vector<double> borders;
    for (std::size_t c = 0; c < p.curves.size(); ++c) {
        const TrainingCurve& curve = p.curves[c];
        for (std::size_t i = 0; i < curve.losses.size(); ++i) {
            stepX << position(c, static_cast<double>(i) + 0.5);
            stepY << shown(static_cast<double>(curve.losses[i]));
        }
        const std::vector<double> means = curve.epochMeans();
        const double each = static_cast<double>(
            curve.epochSteps > 0 ? curve.epochSteps
                                 : static_cast<std::int64_t>(curve.losses.size()));
        for (std::size_t e = 0; e < means.size(); ++e) {
            meanX << position(c, each * static_cast<double>(e));
            meanY << shown(means[e]);
        }
        if (!means.empty()) {
            meanX << position(c, static_cast<double>(curve.losses.size()));
            meanY << shown(means.back());
        }
        for (std::size_t e = 0; e < curve.epochLosses.size(); ++e) {
            const double x = position(
                c, std::min(each * static_cast<double>(e), static_cast<double>(curve.steps)));
            const bool isKept = static_cast<int>(e) == curve.bestEpoch;
            (isKept ? keptX : epochX) << x;
            (isKept ? keptY : epochY) << shown(curve.epochLosses[e]);
        }
        // A gap between the curves of two blocks.
        stepX << position(c, p.longest);
        stepY << nothing;
        meanX << position(c, p.longest);
        meanY << nothing;
        if (p.many() && c > 0)
            borders.push_back(static_cast<double>(c) - 0.5 * (1 - segmentShare));
        else if (!p.many() && curve.epochSteps > 0)
            for (double at = each; at < p.longest; at += each)
                borders.push_back(at);
    }
    p.steps->setData(stepX, stepY, true);
    p.means->setData(meanX, meanY, true);
    p.epochs->setData(epochX, epochY);
    p.kept->setData(keptX, keptY);
    setVerticals(*p.borders, borders);

    QCustomPlot& plot = this->plot();
    if (p.inNats()) {
        setAxisScale(*plot.yAxis, false);
        plot.yAxis->setLabel(tr("loss (nats per token)"));
    } else {
        setLogTicks(*plot.yAxis);
        plot.yAxis->setLabel(tr("error of the block (%)"));
    }
    plot.xAxis->setLabel(p.many() ? tr("block") : tr("step"));
    const TrainingCurve& first = p.curves.front();
    QString about = tr("‖y − ŷ‖² / ‖y‖² of each block's output, step by step");
    if (!p.many()) {
        const double gain = gainDecibel(first.before(), first.after());
        about = std::isnan(gain)
                    ? trainingState(first)
                    : tr("%1 → %2 · %3 · %4")
                          .arg(lossText(first, first.before()), lossText(first, first.after()),
                               signedDecibel(gain), trainingState(first));
        if (first.isFineTuning() && !std::isnan(first.after()))
            about = tr("%1 → %2 per token · %3")
                        .arg(lossText(first, first.before()), lossText(first, first.after()),
                             trainingState(first));
    }
    setTitle(p.title, about.isEmpty() ? QStringLiteral(" ") : about);
}

void TrainingPlot::placeTicks()
{
    Parts& p = *m_parts;
    QCPAxis* axis = plot().xAxis;
    if (!p.many()) {
        // Whole steps; a short training has no half ones.
        QSharedPointer<QCPAxisTicker> ticker(new QCPAxisTicker);
        if (axis->range().size() < 6) {
            auto* fixed = new QCPAxisTickerFixed;
            fixed->setTickStep(1);
            ticker.reset(fixed);
        }
        axis->setTicker(ticker);
        axis->setSubTicks(false);
        axis->setNumberFormat(QStringLiteral("f"));
        axis->setNumberPrecision(0);
        return;
    }
    const QFontMetrics metrics(axis->tickLabelFont());
    const int widest = metrics.horizontalAdvance(QString::number(p.curves.back().block)) + 10;
    const double each =
        axis->range().size() > 0 ? axis->axisRect()->width() / axis->range().size() : widest;
    const int stride = std::max(1, static_cast<int>(std::ceil(widest / std::max(each, 0.01))));
    p.names->clear();
    for (std::size_t c = 0; c < p.curves.size(); c += static_cast<std::size_t>(stride))
        p.names->addTick(static_cast<double>(c) + 0.5 * segmentShare,
                         QString::number(p.curves[c].block));
    axis->setTicker(p.names);
    axis->setSubTicks(false);
}

void TrainingPlot::rescale()
{
    Parts& p = *m_parts;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    const auto take = [&](double loss) {
        const double value = shown(loss);
        if (!std::isfinite(value))
            return;
        low = std::min(low, value);
        high = std::max(high, value);
    };
    for (const TrainingCurve& curve : p.curves) {
        for (const float loss : curve.losses)
            take(static_cast<double>(loss));
        for (const double loss : curve.epochLosses)
            take(loss);
    }
    if (!(high >= low))
        low = high = 1;
    p.fitting = true;
    if (p.inNats()) {
        const double margin = 0.08 * std::max(high - low, 1e-3 * std::fabs(high));
        plot().yAxis->setRange(low - margin, high + margin);
    } else {
        const double span = std::max(0.06, std::log10(high / low));
        plot().yAxis->setRange(low * std::pow(10, -0.1 * span), high * std::pow(10, 0.1 * span));
    }
    if (p.many())
        plot().xAxis->setRange(-0.1, static_cast<double>(p.curves.size()) + 0.04);
    else
        plot().xAxis->setRange(-0.02 * p.longest, 1.02 * p.longest);
    p.fitting = false;
    p.fitted = true;
}

void TrainingPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    if (!p.borders)
        return; // while it is made
    const ThemeColours colours = themeColours(palette());
    QColor step = colours.original;
    p.steps->setPen(QPen(step, 1));
    p.means->setPen(seriesPen(palette(), 0, 2));
    const QColor ground = palette().color(QPalette::Base);
    p.epochs->setScatterStyle(QCPScatterStyle(
        QCPScatterStyle::ssCircle, QPen(seriesPen(palette(), 1).color(), 1.6), QBrush(ground), 7));
    p.kept->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDiamond, QPen(colours.good, 1.4),
                                            QBrush(colours.good), 11));
    p.borders->setPen(QPen(colours.grid, 1, Qt::SolidLine));
}

QString TrainingPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    if (isEmpty())
        return {};
    std::size_t c = 0;
    double step = x;
    if (p.many()) {
        if (x < 0 || x >= static_cast<double>(p.curves.size()))
            return {};
        c = static_cast<std::size_t>(x);
        step = (x - static_cast<double>(c)) * p.longest / segmentShare;
    }
    const TrainingCurve& curve = p.curves[c];
    if (curve.losses.empty() || step < 0)
        return {};
    const auto at = std::min(static_cast<std::size_t>(step), curve.losses.size() - 1);
    QStringList lines;
    lines << trainingTitle(curve);
    const int epoch = curve.epochOf(at);
    lines << (epoch >= 0 ? tr("step %1 of %2, epoch %3").arg(at + 1).arg(curve.steps).arg(epoch + 1)
                         : tr("step %1 of %2").arg(at + 1).arg(curve.steps));
    lines << tr("loss %1").arg(lossText(curve, static_cast<double>(curve.losses[at])));
    const std::vector<double> means = curve.epochMeans();
    if (epoch >= 0 && static_cast<std::size_t>(epoch) < means.size())
        lines << tr("mean of the epoch %1")
                     .arg(lossText(curve, means[static_cast<std::size_t>(epoch)]));
    const double gain = gainDecibel(curve.before(), curve.after());
    if (!std::isnan(gain))
        lines << tr("all windows: %1 → %2")
                     .arg(lossText(curve, curve.before()), lossText(curve, curve.after()));
    return lines.join(QLatin1Char('\n'));
}

void TrainingPlot::clicked(QPointF at, Qt::KeyboardModifiers)
{
    const Parts& p = *m_parts;
    if (p.many() && at.x() >= 0 && at.x() < static_cast<double>(p.curves.size()))
        Q_EMIT curveClicked(static_cast<int>(at.x()));
}

QString TrainingPlot::proposedName() const
{
    return tr("%1 loss").arg(title());
}

QString TrainingPlot::csv() const
{
    if (isEmpty())
        return {};
    const Parts& p = *m_parts;
    QString text = QStringLiteral("name,block,from,to,step,epoch,loss,epoch_loss,kept\n");
    for (std::size_t c = 0; c < p.curves.size(); ++c) {
        const TrainingCurve& curve = p.curves[c];
        const QString head = QStringLiteral("%1,%2").arg(csvField(curve.name)).arg(curve.block);
        for (std::size_t i = 0; i < curve.losses.size(); ++i) {
            const int epoch = curve.epochOf(i);
            text += QStringLiteral("%1,%2,%3,%4,%5,%6,,\n")
                        .arg(head, csvNumber(position(c, static_cast<double>(i))),
                             csvNumber(position(c, static_cast<double>(i) + 1)))
                        .arg(i + 1)
                        .arg(epoch < 0 ? QString() : QString::number(epoch + 1),
                             csvNumber(static_cast<double>(curve.losses[i])));
        }
        for (std::size_t e = 0; e < curve.epochLosses.size(); ++e) {
            const double x =
                position(c, static_cast<double>(curve.epochSteps) * static_cast<double>(e));
            text += QStringLiteral("%1,%2,%2,,%3,,%4,%5\n")
                        .arg(head, csvNumber(x))
                        .arg(e)
                        .arg(csvNumber(curve.epochLosses[e]))
                        .arg(static_cast<int>(e) == curve.bestEpoch ? 1 : 0);
        }
    }
    return text;
}

} // namespace gradus
