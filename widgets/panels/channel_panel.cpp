// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/channel_panel.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/plots/channel_plot.h"
#include "widgets/text.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

namespace {
/// The columns of a grouped convolution's weight meet the features of every group.
std::vector<float> overGroups(const std::vector<float>& values, std::int64_t columns,
                              float (*joined)(float, float))
{
    const auto count = static_cast<std::size_t>(columns);
    std::vector<float> result(values.begin(), values.begin() + columns);
    for (std::size_t i = count; i < values.size(); ++i)
        result[i % count] = joined(result[i % count], values[i]);
    return result;
}
} // namespace

ChannelPanel::ChannelPanel(QWidget* parent)
    : QWidget(parent)
{
    m_axis = new QComboBox;
    m_axis->setAccessibleName(tr("Channels shown"));
    m_axis->addItem(tr("Output channels"));
    m_axis->addItem(tr("Input channels"));
    m_axis->setToolTip(
        tr("Output channels are rows of the weight, input channels its columns: of a "
           "convolution, the inputs of a group at each place of the kernel"));
    m_order = new QComboBox;
    m_order->setAccessibleName(tr("Order of the channels"));
    m_order->addItem(tr("In order"));
    m_order->addItem(tr("Widest first"));
    m_order->setToolTip(tr("By place in the weight, or by range: largest − smallest weight"));
    m_channel = new QSpinBox;
    m_channel->setRange(0, 0);
    m_channel->setKeyboardTracking(false);
    m_channel->setToolTip(tr("Jump to a channel; channels count from 0. A click into the plot "
                             "chooses one too."));
    auto* label = new QLabel(tr("Channel"));
    label->setBuddy(m_channel);
    m_bar = new QWidget;
    auto* bar = new QHBoxLayout(m_bar);
    bar->setContentsMargins(10, 4, 10, 0);
    bar->setSpacing(6);
    bar->addWidget(m_axis);
    bar->addWidget(m_order);
    bar->addStretch(1);
    bar->addWidget(label);
    bar->addWidget(m_channel);

    m_weights = new ChannelPlot;
    m_inputs = new ChannelPlot;
    m_inputs->setAccessibleName(tr("Ranges of the layer's inputs"));
    // Room for numbers like −0.00025 and the label, so that both plots line up.
    const int left =
        fontMetrics().horizontalAdvance(QStringLiteral("−0.0000")) + 2 * fontMetrics().height() + 4;
    for (ChannelPlot* plot : {m_weights, m_inputs}) {
        plot->setLeftMargin(left);
        connect(plot, &ChannelPlot::failed, this, &ChannelPanel::failed);
        connect(plot, &ChannelPlot::channelClicked, this,
                [this](std::int64_t channel) { m_channel->setValue(static_cast<int>(channel)); });
    }
    const auto link = [this](ChannelPlot* from, ChannelPlot* to) {
        connect(from, &ChannelPlot::rangeChanged, this, [from, to] {
            const auto range = from->shownRange(Qt::Horizontal);
            if (!to->isEmpty() && range != to->shownRange(Qt::Horizontal))
                to->setShownRange(Qt::Horizontal, range.first, range.second);
        });
    };
    link(m_weights, m_inputs);
    link(m_inputs, m_weights);

    auto* empty = new QWidget;
    m_why = new QLabel;
    m_why->setAlignment(Qt::AlignCenter);
    m_why->setWordWrap(true);
    m_why->setForegroundRole(QPalette::PlaceholderText);
    m_capture = new QPushButton(tr("Capture inputs"));
    m_capture->setToolTip(
        tr("Run the calibration data through the float model once and keep what reaches each "
           "layer: its range per channel, and H = XᵀX/n for output errors"));
    connect(m_capture, &QPushButton::clicked, this, &ChannelPanel::captureRequested);
    auto* column = new QVBoxLayout(empty);
    column->setContentsMargins(16, 4, 16, 4);
    column->addStretch(1);
    column->addWidget(m_why);
    column->addWidget(m_capture, 0, Qt::AlignHCenter);
    column->addStretch(1);
    m_lower = new QStackedWidget;
    m_lower->addWidget(m_inputs);
    m_lower->addWidget(empty);

    m_readout = new QLabel;
    m_readout->setContentsMargins(10, 0, 10, 0);
    m_readout->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_readout->setWordWrap(true);
    m_readout->setAccessibleName(tr("Values of the chosen channel"));

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->setSpacing(2);
    layout->addWidget(m_bar);
    layout->addWidget(m_weights, 3);
    layout->addWidget(m_lower, 2);
    layout->addWidget(m_readout);

    connect(m_axis, &QComboBox::currentIndexChanged, this, [this] {
        {
            const QSignalBlocker blocker(m_channel);
            m_channel->setValue(0);
        }
        m_weights->setChannel(0);
        m_inputs->setChannel(0);
        rebuild();
        m_weights->fit();
    });
    connect(m_order, &QComboBox::currentIndexChanged, this, [this] {
        refreshOrder();
        m_weights->fit();
        m_inputs->fit();
    });
    connect(m_channel, &QSpinBox::valueChanged, this, [this](int channel) { jumpTo(channel); });
    clear(tr("Select a layer to see the ranges of its channels."));
}

void ChannelPanel::setData(std::shared_ptr<const WeightFacts> facts,
                           std::shared_ptr<const ChannelRanges> output,
                           std::shared_ptr<const ChannelRanges> input,
                           std::shared_ptr<const WeightPreview> preview,
                           std::shared_ptr<const InputStatistics> inputs)
{
    const bool another = !m_facts || !facts || m_facts->layer != facts->layer;
    m_facts = std::move(facts);
    m_output = std::move(output);
    m_input = std::move(input);
    m_preview = std::move(preview);
    m_statistics = std::move(inputs);
    if (!m_facts) {
        clear(tr("Select a layer to see the ranges of its channels."));
        return;
    }
    if (another) {
        const QSignalBlocker blocker(m_channel);
        m_channel->setValue(0);
        m_weights->setChannel(0);
        m_inputs->setChannel(0);
    }
    rebuild();
    if (another) {
        m_weights->fit();
        m_inputs->fit();
    }
}

void ChannelPanel::setPreview(std::shared_ptr<const WeightPreview> preview)
{
    if (!m_facts || !preview || preview->layer != m_facts->layer)
        return;
    m_preview = std::move(preview);
    rebuild();
}

void ChannelPanel::clear(const QString& reason)
{
    m_facts.reset();
    m_output.reset();
    m_input.reset();
    m_preview.reset();
    m_statistics.reset();
    m_weights->setEmptyText(reason);
    m_weights->setBands(nullptr);
    m_inputs->setBands(nullptr);
    m_lower->hide();
    m_bar->setEnabled(false);
    m_readout->hide();
}

std::shared_ptr<const ChannelRanges> ChannelPanel::ranges() const
{
    return axis() == ChannelAxis::Output ? m_output : m_input;
}

void ChannelPanel::rebuild()
{
    if (!m_facts)
        return;
    const bool output = axis() == ChannelAxis::Output;
    const auto spread = ranges();
    m_bar->setEnabled(true);
    m_lower->setVisible(!output);
    if (!spread) {
        m_weights->setEmptyText(tr("The ranges of the channels are being computed…"));
        m_weights->setBands(nullptr);
        m_inputs->setBands(nullptr);
        m_readout->hide();
        return;
    }
    auto bands = std::make_shared<ChannelBands>();
    const auto channels = static_cast<std::int64_t>(spread->minimum.size());
    bands->title = toQString(m_facts->layer);
    bands->channelName = output ? tr("output channel") : tr("input channel");
    bands->valueName = tr("weight");
    bands->subtitle =
        (output ? tr("%1 output channels · limits: %2") : tr("%1 input channels · limits: %2"))
            .arg(toQString(formatCount(channels)),
                 m_preview ? choiceText(m_preview->choice) : tr("none yet"));
    bands->bands = {
        {tr("Min–max"), QStringLiteral("range"), spread->minimum, spread->maximum},
        {tr("1–99 %"), QStringLiteral("p1_p99"), spread->low, spread->high},
        {tr("Quartiles"), QStringLiteral("quartiles"), spread->lowerQuartile,
         spread->upperQuartile},
    };
    bands->middleName = tr("Median");
    bands->middle = spread->median;
    bands->limitsName = tr("Limits in use");
    if (m_preview && !m_preview->choice.keepFloat) {
        const auto count = static_cast<std::size_t>(channels);
        const std::vector<float>& low = output ? m_preview->rowLow : m_preview->colLow;
        const std::vector<float>& high = output ? m_preview->rowHigh : m_preview->colHigh;
        if (low.size() == count && high.size() == count) {
            bands->limitLow = low;
            bands->limitHigh = high;
        }
    }
    m_weights->setBands(std::move(bands));

    const bool captured = m_statistics && !m_statistics->minimum.empty();
    const std::int64_t groups = captured ? std::max<std::int64_t>(m_statistics->groups, 1) : 1;
    const bool fits =
        captured && static_cast<std::int64_t>(m_statistics->minimum.size()) == groups * channels;
    if (!output && fits) {
        const QString rows = toQString(formatCount(m_statistics->rows));
        auto inputs = std::make_shared<ChannelBands>();
        inputs->channelName = tr("input channel");
        inputs->valueName = tr("input");
        inputs->bands = {{groups == 1
                              ? tr("Min–max of the layer's input, %1 rows").arg(rows)
                              : tr("Min–max of the layer's input over its %1 groups, %2 rows")
                                    .arg(QString::number(groups), rows),
                          QStringLiteral("input"),
                          overGroups(m_statistics->minimum, channels,
                                     [](float a, float b) { return std::min(a, b); }),
                          overGroups(m_statistics->maximum, channels,
                                     [](float a, float b) { return std::max(a, b); })}};
        m_inputs->setBands(std::move(inputs));
        m_lower->setCurrentIndex(0);
        const auto range = m_weights->shownRange(Qt::Horizontal);
        m_inputs->setShownRange(Qt::Horizontal, range.first, range.second);
    } else {
        m_inputs->setBands(nullptr);
        m_lower->setCurrentIndex(1);
        m_capture->setVisible(!captured);
        m_why->setText(
            captured ? tr("The captured input has %1 channels, the weight %2.")
                           .arg(m_statistics->minimum.size())
                           .arg(channels)
                     : tr("Ranges of the layer's inputs appear here once they are captured: choose "
                          "calibration data in the Run panel, then capture."));
    }
    m_weights->setChannelAxisLabelled(m_inputs->isEmpty());
    {
        const QSignalBlocker blocker(m_channel);
        m_channel->setRange(0, static_cast<int>(std::max<std::int64_t>(channels - 1, 0)));
    }
    refreshOrder();
    refreshReadout();
}

void ChannelPanel::refreshOrder()
{
    std::vector<std::int64_t> order;
    const auto spread = ranges();
    if (sorted() && spread) {
        order.resize(spread->minimum.size());
        std::iota(order.begin(), order.end(), std::int64_t(0));
        const auto width = [&](std::int64_t channel) {
            const auto at = static_cast<std::size_t>(channel);
            const float range = spread->maximum[at] - spread->minimum[at];
            return std::isnan(range) ? -1.0F : range;
        };
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int64_t a, std::int64_t b) { return width(a) > width(b); });
    }
    if (!m_weights->isEmpty())
        m_weights->setOrder(order);
    if (!m_inputs->isEmpty())
        m_inputs->setOrder(std::move(order));
}

void ChannelPanel::jumpTo(std::int64_t channel)
{
    if (m_weights->isEmpty() || channel < 0 || channel >= m_weights->bands()->channels())
        return;
    {
        const QSignalBlocker blocker(m_channel);
        m_channel->setValue(static_cast<int>(channel));
    }
    for (ChannelPlot* plot : {m_weights, m_inputs}) {
        plot->setChannel(channel);
        if (plot->isEmpty())
            continue;
        const auto [low, high] = plot->shownRange(Qt::Horizontal);
        const auto place = static_cast<double>(plot->placeOf(channel));
        if (place < low || place > high)
            plot->showChannel(channel);
    }
    refreshReadout();
}

std::int64_t ChannelPanel::channel() const
{
    return m_channel->value();
}

void ChannelPanel::refreshReadout()
{
    const std::int64_t channel = m_channel->value();
    const bool output = axis() == ChannelAxis::Output;
    const QString name = (output ? tr("Output channel %1") : tr("Input channel %1")).arg(channel);
    const QStringList values = m_weights->channelLines(channel) + m_inputs->channelLines(channel);
    m_readout->setVisible(!values.isEmpty());
    m_readout->setText(tr("%1 · %2").arg(name, values.join(QStringLiteral(" · "))));
}

void ChannelPanel::setAxis(ChannelAxis axis)
{
    m_axis->setCurrentIndex(axis == ChannelAxis::Output ? 0 : 1);
}

ChannelAxis ChannelPanel::axis() const
{
    return m_axis->currentIndex() == 0 ? ChannelAxis::Output : ChannelAxis::Input;
}

void ChannelPanel::setSorted(bool on)
{
    m_order->setCurrentIndex(on ? 1 : 0);
}

bool ChannelPanel::sorted() const
{
    return m_order->currentIndex() == 1;
}

} // namespace gradus
