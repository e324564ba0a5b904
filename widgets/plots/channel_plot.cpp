// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/channel_plot.h"

#include "widgets/plots/drawing.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr std::size_t mostBands = 3;
const float nothing = std::numeric_limits<float>::quiet_NaN();

/// There is no channel 2.5.
class WholeTicker final : public QCPAxisTicker
{
protected:
    double getTickStep(const QCPRange& range) override
    {
        return std::max(1.0, std::floor(QCPAxisTicker::getTickStep(range)));
    }
    int getSubTickCount(double tickStep) override
    {
        return tickStep < 10 ? static_cast<int>(tickStep) - 1
                             : QCPAxisTicker::getSubTickCount(tickStep);
    }
};
} // namespace

struct ChannelPlot::Parts
{
    std::shared_ptr<const ChannelBands> bands;
    std::vector<std::int64_t> order;
    std::vector<std::int64_t> place; ///< the other way round
    std::int64_t channel = -1;
    std::array<QCPGraph*, mostBands> low{};
    std::array<QCPGraph*, mostBands> high{};
    QCPGraph* middle = nullptr;
    QCPGraph* limitLow = nullptr;
    QCPGraph* limitHigh = nullptr;
    QCPItemStraightLine* line = nullptr;
    bool labelled = true;
    std::int64_t perColumn = 1;
    QCPRange drawn; ///< what the graphs hold: range and width in pixels
    int drawnWidth = -1;
};

ChannelPlot::ChannelPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Ranges of the channels"));
    plot.setAutoAddPlottableToLegend(false);
    const auto steps = [&] {
        QCPGraph* graph = plot.addGraph();
        graph->setLineStyle(QCPGraph::lsStepLeft);
        graph->setAntialiased(false);
        graph->setAntialiasedFill(false);
        graph->setAdaptiveSampling(false);
        return graph;
    };
    for (std::size_t i = 0; i < mostBands; ++i) {
        p.low[i] = steps();
        p.high[i] = steps();
        p.high[i]->setChannelFillGraph(p.low[i]);
    }
    plot.xAxis->setTicker(QSharedPointer<WholeTicker>::create());
    p.middle = steps();
    p.limitLow = steps();
    p.limitHigh = steps();
    p.line = new QCPItemStraightLine(&plot);
    p.line->setSelectable(false);
    p.line->setVisible(false);
    // Columns follow the range and the width, both of which are settled once the layout is.
    connect(&plot, &QCustomPlot::afterLayout, this, &ChannelPlot::aggregate);
    recolour();
}

ChannelPlot::~ChannelPlot() = default;

void ChannelPlot::setBands(std::shared_ptr<const ChannelBands> bands)
{
    Parts& p = *m_parts;
    const std::int64_t before = p.bands ? p.bands->channels() : 0;
    p.bands = std::move(bands);
    const std::int64_t channels = p.bands ? p.bands->channels() : 0;
    if (channels != before)
        setOrder({});
    setHasData(channels > 0);
    p.drawnWidth = -1;
    QCustomPlot& plot = this->plot();
    plot.legend->clear();
    if (channels == 0)
        return;
    const ChannelBands& b = *p.bands;
    plot.yAxis->setLabel(b.valueName);
    if (!b.title.isEmpty())
        setTitle(b.title, b.subtitle);
    for (std::size_t i = 0; i < std::min(b.bands.size(), mostBands); ++i) {
        p.high[i]->setName(b.bands[i].name);
        p.high[i]->addToLegend();
    }
    p.middle->setName(b.middleName);
    if (!b.middle.empty())
        p.middle->addToLegend();
    p.limitHigh->setName(b.limitsName);
    if (!b.limitHigh.empty())
        p.limitHigh->addToLegend();
    placeLegend(b.title.isEmpty() ? LegendPlace::Inside : LegendPlace::Row);
    if (p.channel >= channels)
        p.channel = -1;
    placeChannel();
    const auto kept = shownRange(Qt::Horizontal);
    rescale();
    if (channels == before)
        setShownRange(Qt::Horizontal, kept.first, kept.second);
    recolour();
}

const ChannelBands* ChannelPlot::bands() const
{
    return m_parts->bands.get();
}

void ChannelPlot::setOrder(std::vector<std::int64_t> order)
{
    Parts& p = *m_parts;
    p.order = std::move(order);
    p.place.assign(p.order.size(), 0);
    for (std::size_t i = 0; i < p.order.size(); ++i)
        p.place[static_cast<std::size_t>(p.order[i])] = static_cast<std::int64_t>(i);
    labelChannels();
    p.drawnWidth = -1;
    placeChannel();
    queueReplot();
}

void ChannelPlot::labelChannels()
{
    const Parts& p = *m_parts;
    const QString name = p.bands ? p.bands->channelName : QString();
    plot().xAxis->setLabel(!p.labelled       ? QString()
                           : p.order.empty() ? name
                                             : tr("%1, sorted by range").arg(name));
    plot().xAxis->setTickLabels(p.labelled);
}

void ChannelPlot::setChannelAxisLabelled(bool on)
{
    m_parts->labelled = on;
    labelChannels();
    queueReplot();
}

std::int64_t ChannelPlot::placeOf(std::int64_t channel) const
{
    return m_parts->place.empty() ? channel : m_parts->place[static_cast<std::size_t>(channel)];
}

std::int64_t ChannelPlot::channelAt(double x) const
{
    const Parts& p = *m_parts;
    const double place = std::floor(x + 0.5);
    if (!p.bands || !(place >= 0) || !(place < static_cast<double>(p.bands->channels())))
        return -1;
    const auto at = static_cast<std::int64_t>(place);
    return p.order.empty() ? at : p.order[static_cast<std::size_t>(at)];
}

void ChannelPlot::setChannel(std::int64_t channel)
{
    m_parts->channel = channel;
    placeChannel();
    queueReplot();
}

void ChannelPlot::placeChannel()
{
    Parts& p = *m_parts;
    const bool there = p.bands && p.channel >= 0 && p.channel < p.bands->channels();
    p.line->setVisible(there);
    if (!there)
        return;
    const auto x = static_cast<double>(placeOf(p.channel));
    p.line->point1->setCoords(x, 0);
    p.line->point2->setCoords(x, 1);
}

void ChannelPlot::showChannel(std::int64_t channel, double width)
{
    if (isEmpty())
        return;
    const auto [low, high] = shownRange(Qt::Horizontal);
    const double half = std::min(width, high - low) / 2;
    const auto x = static_cast<double>(placeOf(channel));
    setShownRange(Qt::Horizontal, x - half, x + half);
}

std::int64_t ChannelPlot::channelsPerColumn() const
{
    return m_parts->perColumn;
}

void ChannelPlot::aggregate()
{
    Parts& p = *m_parts;
    if (isEmpty())
        return;
    const QCPRange range = plot().xAxis->range();
    const int width = std::max(plot().axisRect()->width(), 1);
    if (width == p.drawnWidth && range == p.drawn)
        return;
    p.drawn = range;
    p.drawnWidth = width;
    const ChannelBands& b = *p.bands;
    const std::int64_t channels = b.channels();
    const double shown = std::clamp(range.size(), 1.0, static_cast<double>(channels));
    p.perColumn = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(shown / width)));
    // Columns start at multiples of their width: dragging does not make them flicker.
    const auto place = [&](double x) {
        return std::clamp(static_cast<std::int64_t>(std::floor(x + 0.5)), std::int64_t(0),
                          channels);
    };
    const std::int64_t begin = place(range.lower) / p.perColumn * p.perColumn;
    const std::int64_t end = std::min(place(range.upper) + 1 + p.perColumn, channels);

    enum class How
    {
        Lowest,
        Highest,
        Middle
    };
    std::vector<float> column;
    const auto fill = [&](QCPGraph& graph, const std::vector<float>* values, How how) {
        QVector<double> x;
        QVector<double> y;
        for (std::int64_t first = begin; values && first < end; first += p.perColumn) {
            const std::int64_t last = std::min(first + p.perColumn, channels);
            column.clear();
            for (std::int64_t i = first; i < last; ++i) {
                const auto at = static_cast<std::size_t>(
                    p.order.empty() ? i : p.order[static_cast<std::size_t>(i)]);
                if (at < values->size() && !std::isnan((*values)[at]))
                    column.push_back((*values)[at]);
            }
            float value = nothing;
            if (!column.empty()) {
                const auto half = column.begin() + static_cast<std::ptrdiff_t>(column.size() / 2);
                if (how == How::Lowest)
                    value = *std::min_element(column.begin(), column.end());
                else if (how == How::Highest)
                    value = *std::max_element(column.begin(), column.end());
                else {
                    std::nth_element(column.begin(), half, column.end());
                    value = *half;
                }
            }
            x << static_cast<double>(first) - 0.5;
            y << static_cast<double>(value);
            if (last == channels || first + p.perColumn >= end) {
                x << static_cast<double>(last) - 0.5;
                y << static_cast<double>(value);
            }
        }
        graph.setData(x, y, true);
    };
    for (std::size_t i = 0; i < mostBands; ++i) {
        const bool there = i < b.bands.size();
        fill(*p.low[i], there ? &b.bands[i].low : nullptr, How::Lowest);
        fill(*p.high[i], there ? &b.bands[i].high : nullptr, How::Highest);
    }
    fill(*p.middle, b.middle.empty() ? nullptr : &b.middle, How::Middle);
    fill(*p.limitLow, b.limitLow.empty() ? nullptr : &b.limitLow, How::Lowest);
    fill(*p.limitHigh, b.limitHigh.empty() ? nullptr : &b.limitHigh, How::Highest);
}

void ChannelPlot::rescale()
{
    const ChannelBands& b = *m_parts->bands;
    float low = std::numeric_limits<float>::infinity();
    float high = -low;
    const auto cover = [&](const std::vector<float>& values) {
        for (const float v : values) {
            if (std::isfinite(v)) {
                low = std::min(low, v);
                high = std::max(high, v);
            }
        }
    };
    for (const ChannelBands::Band& band : b.bands) {
        cover(band.low);
        cover(band.high);
    }
    cover(b.limitLow);
    cover(b.limitHigh);
    if (!(low <= high))
        low = high = 0;
    const double margin = high > low ? 0.04 * static_cast<double>(high - low) : 1;
    plot().xAxis->setRange(-0.5, static_cast<double>(b.channels()) - 0.5);
    plot().yAxis->setRange(static_cast<double>(low) - margin, static_cast<double>(high) + margin);
    labelChannels();
}

void ChannelPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    const std::array<float, mostBands> opacity{0.16F, 0.32F, 0.6F};
    for (std::size_t i = 0; i < mostBands; ++i) {
        QColor fill = colours.dequantized;
        fill.setAlphaF(opacity[i]);
        p.high[i]->setBrush(fill);
        QColor edge = colours.dequantized;
        edge.setAlphaF(std::min(1.0F, opacity[i] + 0.15F));
        p.high[i]->setPen(i == 0 ? QPen(edge, 1) : QPen(Qt::NoPen));
        p.low[i]->setPen(i == 0 ? QPen(edge, 1) : QPen(Qt::NoPen));
    }
    p.middle->setPen(QPen(palette().color(QPalette::Text), 1.2));
    p.limitLow->setPen(QPen(colours.clip, 1.5));
    p.limitHigh->setPen(QPen(colours.clip, 1.5));
    p.line->setPen(QPen(colours.level, 1.5, Qt::DashLine));
    queueReplot();
}

QString ChannelPlot::proposedName() const
{
    return tr("%1 channel ranges").arg(title());
}

QStringList ChannelPlot::channelLines(std::int64_t channel) const
{
    const Parts& p = *m_parts;
    if (!p.bands || channel < 0 || channel >= p.bands->channels())
        return {};
    const ChannelBands& b = *p.bands;
    const auto at = static_cast<std::size_t>(channel);
    const auto number = [](float v) { return QString::number(static_cast<double>(v), 'g', 4); };
    QStringList lines;
    for (const ChannelBands::Band& band : b.bands)
        lines << tr("%1: %2 … %3").arg(band.name, number(band.low[at]), number(band.high[at]));
    if (at < b.middle.size())
        lines << tr("%1: %2").arg(b.middleName, number(b.middle[at]));
    if (at < b.limitLow.size() && at < b.limitHigh.size())
        lines
            << tr("%1: %2 … %3").arg(b.limitsName, number(b.limitLow[at]), number(b.limitHigh[at]));
    for (const ChannelBands::Number& each : b.numbers)
        if (at < each.values.size())
            lines << tr("%1: %2").arg(each.name, QString::number(each.values[at], 'g', 6));
    return lines;
}

QString ChannelPlot::readout(double x, double y) const
{
    const Parts& p = *m_parts;
    const std::int64_t channel = channelAt(x);
    if (channel < 0)
        return {};
    QStringList lines;
    if (p.perColumn > 1)
        lines << tr("%1 %2, one of %3 in this column")
                     .arg(p.bands->channelName)
                     .arg(channel)
                     .arg(p.perColumn);
    else
        lines << tr("%1 %2").arg(p.bands->channelName).arg(channel);
    lines << tr("%1 at the cursor: %2").arg(p.bands->valueName, QString::number(y, 'g', 4));
    return (lines + channelLines(channel)).join(QLatin1Char('\n'));
}

void ChannelPlot::clicked(QPointF at, Qt::KeyboardModifiers)
{
    const std::int64_t channel = channelAt(at.x());
    if (channel >= 0)
        Q_EMIT channelClicked(channel);
}

QString ChannelPlot::csv() const
{
    if (isEmpty())
        return {};
    const ChannelBands& b = *m_parts->bands;
    QStringList head{QStringLiteral("channel")};
    for (const ChannelBands::Band& band : b.bands)
        head << band.key + QStringLiteral("_low") << band.key + QStringLiteral("_high");
    if (!b.middle.empty())
        head << QStringLiteral("middle");
    if (!b.limitLow.empty())
        head << QStringLiteral("limit_low") << QStringLiteral("limit_high");
    for (const ChannelBands::Number& each : b.numbers)
        head << each.key;
    QString text;
    if (!b.title.isEmpty())
        text = QStringLiteral("# layer,%1\n").arg(b.title);
    text += head.join(QLatin1Char(',')) + QLatin1Char('\n');
    for (std::int64_t place = 0; place < b.channels(); ++place) {
        const std::int64_t channel = channelAt(static_cast<double>(place));
        const auto at = static_cast<std::size_t>(channel);
        QStringList cells{QString::number(channel)};
        const auto add = [&](const std::vector<float>& values) {
            cells << (at < values.size() ? csvNumber(static_cast<double>(values[at])) : QString());
        };
        for (const ChannelBands::Band& band : b.bands) {
            add(band.low);
            add(band.high);
        }
        if (!b.middle.empty())
            add(b.middle);
        if (!b.limitLow.empty()) {
            add(b.limitLow);
            add(b.limitHigh);
        }
        for (const ChannelBands::Number& each : b.numbers)
            cells << (at < each.values.size() ? csvNumber(each.values[at]) : QString());
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace gradus
