// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLabel>
#include <QPainter>
#include <QStyle>

namespace gradus {

/// One line to select and copy that shortens at its end to the room it has.
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
    void paintEvent(QPaintEvent* event) override
    {
        if (hasSelectedText() || fontMetrics().horizontalAdvance(text()) <= width()) {
            QLabel::paintEvent(event);
            return;
        }
        QPainter painter(this);
        const QString shown = fontMetrics().elidedText(text(), Qt::ElideRight, width());
        style()->drawItemText(&painter, contentsRect(), Qt::AlignLeft | Qt::AlignVCenter, palette(),
                              isEnabled(), shown, foregroundRole());
    }
};

} // namespace gradus
