// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// What one power grid makes of a weight: the original histogram, the dequantized one over it, and
/// the levels.
class PowerGridPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit PowerGridPlot(QWidget* parent = nullptr);
    ~PowerGridPlot() override;

    void setOriginal(const Histogram& original);
    void setGrid(std::shared_ptr<const PowerGridView> grid);
    [[nodiscard]] const PowerGridView* grid() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild(bool newRange);

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
