// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHelpEvent>
#include <QLabel>
#include <QPainter>
#include <QStyle>
#include <QToolTip>

namespace gradus {

/// One line to select and copy that shortens at its end to the room it has; its tool tip has the
/// whole then.
class ValueLabel final : public QLabel
{
public:
    explicit ValueLabel(QWidget* parent = nullptr)
        : QLabel(parent)
    {
        setTextInteractionFlags(Qt::TextSelectableByMouse);
    }
    QSize minimumSizeHint() const override { return {20, QLabel::minimumSizeHint().height()}; }

protected:
    bool event(QEvent* event) override
    {
        if (event->type() != QEvent::ToolTip || !isShortened())
            return QLabel::event(event);
        const QString more = toolTip().isEmpty() ? QString() : QStringLiteral("\n\n") + toolTip();
        QToolTip::showText(static_cast<QHelpEvent*>(event)->globalPos(), text() + more, this);
        return true;
    }
    void paintEvent(QPaintEvent* event) override
    {
        if (hasSelectedText() || !isShortened()) {
            QLabel::paintEvent(event);
            return;
        }
        QPainter painter(this);
        const QString shown = fontMetrics().elidedText(text(), Qt::ElideRight, width());
        style()->drawItemText(&painter, contentsRect(), Qt::AlignLeft | Qt::AlignVCenter, palette(),
                              isEnabled(), shown, foregroundRole());
    }

private:
    [[nodiscard]] bool isShortened() const
    {
        return fontMetrics().horizontalAdvance(text()) > width();
    }
};

} // namespace gradus
