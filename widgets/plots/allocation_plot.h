// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/allocation_picture.h"
#include "widgets/plots/plot_view.h"

#include <QTimer>

#include <memory>

namespace gradus {

/// Predicted error against size: the front, what the budget gives, rules of thumb, measured runs,
/// and a budget that can be dragged, moved by the arrow keys (with Shift in small steps), and by
/// the wheel over its line.
class AllocationPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit AllocationPlot(QWidget* parent = nullptr);
    ~AllocationPlot() override;

    /// The ranges stay while the front keeps its ends and the model its name.
    void setPicture(AllocationPicture picture);
    [[nodiscard]] const AllocationPicture& picture() const;
    void setLogScale(bool on);
    [[nodiscard]] bool logScale() const;
    /// Where a mark stands on the screen, in this widget's pixels: how a test clicks it.
    [[nodiscard]] QPoint markPosition(const AllocationMark& mark) const;
    /// The mark under a point of the screen, if any.
    [[nodiscard]] std::optional<AllocationMark> markAt(QPointF position) const;
    [[nodiscard]] QStringList legendTexts() const;
    [[nodiscard]] QString subtitleText() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    /// In bits per weight. released: the end of the gesture.
    void budgetMoved(double bitsPerWeight, bool released);
    void markActivated(const gradus::AllocationMark& mark);
    void logScaleChanged(bool on);

protected:
    void rescale() override;
    void recolour() override;
    void extendMenu(QMenu& menu) override;
    [[nodiscard]] QString proposedName() const override;
    void markerMoved(int marker, double position, bool released) override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    struct Parts;
    void rebuild();
    void drawMeasured();
    void drawSizeAxis();
    void placeBudget();
    void moveBudget(double bitsPerWeight, bool released);
    [[nodiscard]] double shown(double error) const; ///< NaN where the axis has no place

    std::unique_ptr<Parts> m_parts;
    QTimer m_wheel; ///< the wheel stays the budget's while it turns
};

} // namespace gradus
