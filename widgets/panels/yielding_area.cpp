// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/yielding_area.h"

#include <QEvent>
#include <QLayout>
#include <QResizeEvent>

#include <algorithm>

namespace gradus {

YieldingArea::YieldingArea(QWidget* content, QWidget* parent)
    : QScrollArea(parent)
{
    setWidgetResizable(true);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    setFocusPolicy(Qt::NoFocus); // its fields have it
    setWidget(content);
    content->setMinimumWidth(1); // narrow docks shrink the fields; nothing scrolls sideways
    // The window's own color behind the fields, not that of a list.
    content->setAutoFillBackground(false);
    viewport()->setAutoFillBackground(false);
}

QSize YieldingArea::sizeHint() const
{
    const QLayout* fields = widget()->layout();
    const QSize wanted = widget()->sizeHint();
    // A label that wraps is as high as its width makes it. The width is that without a bar, so that
    // there is none where everything has room without it.
    const int height = fields->hasHeightForWidth() && width() > 0
                           ? fields->totalHeightForWidth(width())
                           : wanted.height();
    return {wanted.width(), height};
}

QSize YieldingArea::minimumSizeHint() const
{
    const int rows = 4 * (fontMetrics().height() + 12); // some of them stay in sight
    return {widget()->minimumSizeHint().width(), std::min(sizeHint().height(), rows)};
}

void YieldingArea::resizeEvent(QResizeEvent* event)
{
    QScrollArea::resizeEvent(event);
    if (event->size().width() != event->oldSize().width())
        updateGeometry();
}

bool YieldingArea::eventFilter(QObject* watched, QEvent* event)
{
    const bool handled = QScrollArea::eventFilter(watched, event);
    if (watched == widget() && event->type() == QEvent::LayoutRequest)
        updateGeometry();
    return handled;
}

} // namespace gradus
