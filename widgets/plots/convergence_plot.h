// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// The steps that one run took on a layer.
struct ConvergenceTrace
{
    QString run; ///< its name
    std::vector<TracePoint> points;
};

/// How the error of a layer fell from step to step: relative output error on a logarithmic axis,
/// each stage with a mark of its own; below, the share of rows that took the step. The same of
/// another run as a dashed line.
class ConvergencePlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ConvergencePlot(QWidget* parent = nullptr);
    ~ConvergencePlot() override;

    /// compared: without points when there is none.
    void setTraces(const std::string& layer, ConvergenceTrace shown,
                   ConvergenceTrace compared = {});
    [[nodiscard]] const ConvergenceTrace& shown() const;
    [[nodiscard]] const ConvergenceTrace& compared() const;
    /// A line at a step; none: −1.
    void setStep(int step);
    /// Entries of the legend, for tests.
    [[nodiscard]] QStringList legendTexts() const;
    /// Names under the axis as they are laid out now: those for which there is room.
    [[nodiscard]] QStringList tickTexts() const;

    /// A line per step; those of the compared run follow.
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void stepClicked(int step);

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;

private:
    struct Parts;
    void rebuild();
    void labelSteps();
    [[nodiscard]] int stepAt(double x) const; ///< −1 outside

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
