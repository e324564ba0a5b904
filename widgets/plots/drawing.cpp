// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/drawing.h"

#include "widgets/text.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
/// 1, 2 and 5 times the powers of ten, or the powers alone over many decades.
class LogTicker final : public QCPAxisTicker
{
public:
    void generate(const QCPRange& range, const QLocale& locale, QChar format, int precision,
                  QVector<double>& ticks, QVector<double>* subTicks,
                  QVector<QString>* labels) override
    {
        ticks.clear();
        if (subTicks)
            subTicks->clear();
        if (labels)
            labels->clear();
        if (!(range.lower > 0) || !(range.upper > range.lower))
            return;
        const int first = static_cast<int>(std::floor(std::log10(range.lower)));
        const int last = static_cast<int>(std::ceil(std::log10(range.upper)));
        const double decades = std::log10(range.upper / range.lower);
        const int every = decades > 8 ? 2 : 1; // powers
        for (int power = first; power <= last; ++power) {
            for (int step = 1; step < 10; ++step) {
                const double value = step * std::pow(10, power);
                if (!range.contains(value))
                    continue;
                const bool named =
                    step == 1 ? power % every == 0
                              : decades < 0.7 || (decades < 2.5 && (step == 2 || step == 5));
                if (!named) {
                    if (subTicks && decades < 5)
                        subTicks->append(value);
                    continue;
                }
                ticks.append(value);
                if (labels)
                    labels->append(labelOf(step, power));
            }
        }
        if (ticks.size() < 2) // between two of them: evenly spaced numbers say more
            QCPAxisTicker::generate(range, locale, format, precision, ticks, subTicks, labels);
    }

private:
    static QString labelOf(int step, int power)
    {
        if (power >= -4 && power < 6)
            return QString::number(step * std::pow(10, power), 'g', 6);
        static const QString digits = QString::fromUtf8("⁰¹²³⁴⁵⁶⁷⁸⁹");
        QString exponent = power < 0 ? QString::fromUtf8("⁻") : QString();
        for (const QChar c : QString::number(std::abs(power)))
            exponent += digits[c.digitValue()];
        return step == 1 ? QStringLiteral("10%1").arg(exponent)
                         : QString::fromUtf8("%1·10%2").arg(step).arg(exponent);
    }
};
} // namespace

void setVerticals(QCPCurve& curve, const std::vector<double>& at)
{
    QVector<double> x;
    QVector<double> y;
    const double gap = std::numeric_limits<double>::quiet_NaN();
    for (const double key : at) {
        x << key << key << gap;
        y << 1e-12 << 1e15 << gap;
    }
    curve.setData(x, y);
}

void setStaircase(QCPGraph& graph, const Histogram& h, double factor)
{
    QVector<double> x;
    QVector<double> y;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        x << h.lo + h.binWidth() * static_cast<double>(i);
        y << static_cast<double>(h.counts[i]) * factor;
    }
    if (!x.isEmpty()) {
        x << h.hi;
        y << y.last();
    }
    graph.setLineStyle(QCPGraph::lsStepLeft);
    graph.setData(x, y, true);
}

void setOutline(QCPGraph& graph, const Histogram& h, double factor)
{
    QVector<double> x;
    QVector<double> y;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        x << h.lo + h.binWidth() * (static_cast<double>(i) + 0.5);
        y << static_cast<double>(h.counts[i]) * factor;
    }
    graph.setLineStyle(QCPGraph::lsLine);
    graph.setData(x, y, true);
}

std::int64_t highestCount(const Histogram& h)
{
    return h.counts.empty() ? 0 : *std::max_element(h.counts.begin(), h.counts.end());
}

std::int64_t countAt(const Histogram& h, double x)
{
    if (h.counts.empty() || !(x >= h.lo && x <= h.hi) || !(h.hi > h.lo))
        return 0;
    const auto bin = static_cast<std::size_t>((x - h.lo) / h.binWidth());
    return h.counts[std::min(bin, h.counts.size() - 1)];
}

double densityFactor(const Histogram& h)
{
    std::int64_t n = h.below + h.above;
    for (const std::int64_t count : h.counts)
        n += count;
    return n > 0 && h.hi > h.lo ? 1 / (static_cast<double>(n) * h.binWidth()) : 0;
}

void setAxisScale(QCPAxis& axis, bool logarithmic)
{
    if (logarithmic) {
        axis.setScaleType(QCPAxis::stLogarithmic);
        axis.setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
        axis.setNumberFormat(QStringLiteral("eb"));
        axis.setNumberPrecision(0);
    } else {
        axis.setScaleType(QCPAxis::stLinear);
        axis.setTicker(QSharedPointer<QCPAxisTicker>(new QCPAxisTicker));
        axis.setNumberFormat(QStringLiteral("gb"));
        axis.setNumberPrecision(6);
    }
}

void setLogTicks(QCPAxis& axis)
{
    axis.setScaleType(QCPAxis::stLogarithmic);
    axis.setTicker(QSharedPointer<LogTicker>::create());
    axis.setNumberFormat(QStringLiteral("gb"));
    axis.setNumberPrecision(4);
}

void copyAxisLook(const QCPAxis& from, QCPAxis& to)
{
    to.setBasePen(from.basePen());
    to.setTickPen(from.tickPen());
    to.setSubTickPen(from.subTickPen());
    to.setTickLabelColor(from.tickLabelColor());
    to.setLabelColor(from.labelColor());
    to.setTickLabelFont(from.tickLabelFont());
    to.setLabelFont(from.labelFont());
    to.setLabelPadding(from.labelPadding());
    to.grid()->setPen(from.grid()->pen());
    to.grid()->setZeroLinePen(from.grid()->zeroLinePen());
}

namespace {
constexpr std::size_t mostLines = 40; ///< levels that are drawn over the whole plot
}

void setLevels(QCPCurve& curve, const std::vector<double>& at)
{
    if (at.size() <= mostLines) {
        setVerticals(curve, at);
        return;
    }
    constexpr double share = 0.07; // of the height
    const QCPAxis& axis = *curve.valueAxis();
    const QCPRange range = axis.range();
    const double top = axis.scaleType() == QCPAxis::stLogarithmic
                           ? range.lower * std::pow(range.upper / range.lower, share)
                           : range.lower + share * range.size();
    QVector<double> x;
    QVector<double> y;
    const double gap = std::numeric_limits<double>::quiet_NaN();
    for (const double key : at) {
        x << key << key << gap;
        y << range.lower << top << gap;
    }
    curve.setData(x, y);
}

float levelOpacity(std::size_t levels)
{
    if (levels > mostLines)
        return 0.55F;
    const double count = std::max(static_cast<double>(levels), 1.0);
    return static_cast<float>(std::clamp(14.0 / count, 0.16, 0.75));
}

QString legendName(const std::string& layer, int characters)
{
    const QString name = toQString(layer);
    return name.size() <= characters ? name : QStringLiteral("…") + name.right(characters - 1);
}

QString commonPart(const std::vector<std::string>& layers)
{
    if (layers.size() < 2)
        return {};
    std::size_t length = layers.front().size();
    for (const std::string& layer : layers) {
        const auto different = std::mismatch(
            layers.front().begin(),
            layers.front().begin() + static_cast<std::ptrdiff_t>(std::min(length, layer.size())),
            layer.begin());
        length = static_cast<std::size_t>(different.first - layers.front().begin());
    }
    const std::size_t dot = layers.front().substr(0, length).rfind('.');
    return dot == std::string::npos ? QString() : toQString(layers.front().substr(0, dot + 1));
}

QStringList legendNames(const std::vector<std::string>& layers, int characters)
{
    const qsizetype common = commonPart(layers).toUtf8().size();
    QStringList names;
    for (const std::string& layer : layers)
        names << legendName(layer.substr(static_cast<std::size_t>(common)), characters);
    return names;
}

QString csvNumber(double value)
{
    return std::isnan(value) ? QString() : QString::number(value, 'g', 9);
}

} // namespace gradus
