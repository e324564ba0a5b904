// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// The distribution of a layer's weights before and after quantization, with the levels of the
/// grid and its limits. Draws what it is given; binning is core's work.
class HistogramPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit HistogramPlot(QWidget* parent = nullptr);
    ~HistogramPlot() override;

    void setPreview(std::shared_ptr<const WeightPreview> preview);
    [[nodiscard]] const WeightPreview* preview() const;
    void setLogScale(bool on);
    [[nodiscard]] bool logScale() const;

    /// Bin edges and counts, then levels and limits as comments.
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void logScaleChanged(bool on);

protected:
    void rescale() override;
    void recolour() override;
    void extendMenu(QMenu& menu) override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild();

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
