// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/allocation_picture.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// What one layer could have: the error of every candidate against its bytes, the hull of those
/// that a solver may choose, and the one that is chosen.
class OptionCurvePlot final : public PlotView
{
    Q_OBJECT
public:
    explicit OptionCurvePlot(QWidget* parent = nullptr);
    ~OptionCurvePlot() override;

    void setCurve(OptionCurve curve);
    [[nodiscard]] const OptionCurve& curve() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild();

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
