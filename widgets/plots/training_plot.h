// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/training_curve.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// The loss of trainings, step by step: of one block over its steps, or of all blocks beside each
/// other, each in a place of its own. The mean of each epoch is a staircase, the loss over
/// everything a mark at the end of each epoch, the state that was kept a diamond.
class TrainingPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit TrainingPlot(QWidget* parent = nullptr);
    ~TrainingPlot() override;

    /// What is drawn: one training, or the blocks of a model. All have the same kind of loss.
    /// New steps of the same trainings keep the ranges that a person chose.
    void setCurves(const QString& title, TrainingCurves curves);
    [[nodiscard]] const TrainingCurves& curves() const;

    /// A line per step, then one per epoch (with its number alone and the loss over everything).
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    /// Of a model's blocks, by its place.
    void curveClicked(int index);

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;

private:
    struct Parts;
    void rebuild();
    void placeTicks();
    /// Where a step ends on the axis, of a curve by its place.
    [[nodiscard]] double position(std::size_t curve, double step) const;
    [[nodiscard]] double shown(double loss) const; ///< in the unit of the axis

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
