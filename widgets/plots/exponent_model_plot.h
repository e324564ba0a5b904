// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/statistics.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// One point per layer, in model order: its best exponent, and as bars what it gains over the
/// uniform grid.
class ExponentModelPlot final : public PlotView
{
    Q_OBJECT
public:
    using Fits = std::shared_ptr<const std::vector<LayerStatistics>>;

    explicit ExponentModelPlot(QWidget* parent = nullptr);
    ~ExponentModelPlot() override;

    void setFits(Fits fits);
    /// Marks a layer; none with an empty name.
    void setCurrent(const std::string& layer);

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void layerClicked(const std::string& layer);

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;

private:
    struct Parts;
    void rebuild();
    void placeCurrent();
    [[nodiscard]] const LayerStatistics* at(double x) const;

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
