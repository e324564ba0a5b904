// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "widgets/plots/plot_view.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace gradus {

/// Nested ranges of every channel, from the outermost in, each with its words; a line in the
/// middle; limits in use. What is missing is not drawn.
struct ChannelBands
{
    struct Band
    {
        QString name;
        QString key; ///< heads its columns in a table: key_low, key_high
        std::vector<float> low;
        std::vector<float> high;
    };
    QString title;
    QString subtitle;
    QString channelName; ///< "output channel"
    QString valueName;   ///< "weight"
    std::vector<Band> bands;
    QString middleName;
    std::vector<float> middle;
    QString limitsName;
    std::vector<float> limitLow;
    std::vector<float> limitHigh;
    /// Numbers of every channel that are read out and written to tables, but not drawn.
    struct Number
    {
        QString name;
        QString key; ///< heads its column in a table
        std::vector<double> values;
    };
    std::vector<Number> numbers;
    [[nodiscard]] std::int64_t channels() const
    {
        return bands.empty() ? 0 : static_cast<std::int64_t>(bands.front().low.size());
    }
};

/// Ranges per channel. Where there are more channels than pixels, a column of the drawing covers
/// several: the lowest low, the highest high and the median of the middles.
class ChannelPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ChannelPlot(QWidget* parent = nullptr);
    ~ChannelPlot() override;

    void setBands(std::shared_ptr<const ChannelBands> bands);
    [[nodiscard]] const ChannelBands* bands() const;
    /// The channel at each place; empty: in order. Of as many channels as there are.
    void setOrder(std::vector<std::int64_t> order);
    /// A line at a channel; none: -1.
    void setChannel(std::int64_t channel);
    /// Moves the shown range so that the channel is in its middle, at most `width` channels wide.
    void showChannel(std::int64_t channel, double width = 64);
    [[nodiscard]] std::int64_t channelAt(double x) const; ///< -1 outside
    [[nodiscard]] std::int64_t placeOf(std::int64_t channel) const;
    /// Channels that one column of the drawing stands for.
    [[nodiscard]] std::int64_t channelsPerColumn() const;
    /// False where a plot below has the same axis.
    void setChannelAxisLabelled(bool on);
    /// Everything about a channel, for a readout.
    [[nodiscard]] QStringList channelLines(std::int64_t channel) const;

    /// A line per channel in the shown order.
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void channelClicked(std::int64_t channel);

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;

private:
    struct Parts;
    void aggregate();
    void labelChannels();
    void placeChannel();

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
