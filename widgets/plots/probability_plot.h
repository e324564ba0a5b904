// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/static_view.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <optional>

namespace gradus {

[[nodiscard]] QString probabilityQuantizerTitle(ProbabilityQuantizer quantizer); ///< "log√2"

/// Where the probabilities of a softmax lie, on the axis −log₂(p), with the levels of the grid that
/// they go to, and below in three lanes those of all quantizers of as many bits.
class ProbabilityPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ProbabilityPlot(QWidget* parent = nullptr);
    ~ProbabilityPlot() override;

    /// grid: of the probabilities; none: they are float, and nothing is compared.
    void setProbabilities(const QString& title, std::optional<ProbabilityHistogram> histogram,
                          std::optional<ProbabilityGrid> grid);
    void setLogScale(bool on);
    [[nodiscard]] bool logScale() const;
    /// Of all probabilities, those that become 0, exact zeros included; NaN without a grid.
    [[nodiscard]] double lostShare() const;
    /// The lanes from top to bottom, the chosen quantizer's first.
    [[nodiscard]] QStringList laneTexts() const;

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
