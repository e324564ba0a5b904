// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// The distributions of all channels of a layer side by side as a map: channels across, weights
/// up, the share of a channel's weights as colour; the limits of the grid drawn over it.
class ChannelStripPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ChannelStripPlot(QWidget* parent = nullptr);
    ~ChannelStripPlot() override;

    void setStrip(std::shared_ptr<const ChannelStrip> strip);
    [[nodiscard]] const ChannelStrip* strip() const;
    /// Whose limits are drawn and whose name is the title.
    void setPreview(std::shared_ptr<const WeightPreview> preview);

    /// A line per column of the map: its channels, its limits, the share in each bin.
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild();
    /// Lowest and highest level in use in a column; NaN when the layer stays float.
    [[nodiscard]] std::pair<double, double> limits(std::int64_t column) const;

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
