// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <vector>

namespace gradus {

/// The weights in the power domain against the evenly spaced levels, and how many weights each
/// level has: what a uniform grid sees after the power map.
class CompandedPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit CompandedPlot(QWidget* parent = nullptr);
    ~CompandedPlot() override;

    /// Of its parts companded and occupancy are drawn. Nothing: null.
    void setGrid(std::shared_ptr<const PowerGridView> grid);

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

/// −Σ p·log₂ p over the codes: the bits that the codes are worth.
[[nodiscard]] double codeEntropy(const std::vector<std::int64_t>& occupancy);

} // namespace gradus
