// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/wrapping_layout.h"

#include <QWidget>

#include <algorithm>

namespace gradus {

WrappingLayout::WrappingLayout(QWidget* parent)
    : QLayout(parent)
{
}

WrappingLayout::~WrappingLayout()
{
    for (QLayoutItem* item : m_items)
        delete item;
}

void WrappingLayout::addItem(QLayoutItem* item)
{
    m_items.push_back(item);
}

QLayoutItem* WrappingLayout::itemAt(int index) const
{
    return index >= 0 && index < count() ? m_items[static_cast<std::size_t>(index)] : nullptr;
}

QLayoutItem* WrappingLayout::takeAt(int index)
{
    QLayoutItem* item = itemAt(index);
    if (item)
        m_items.erase(m_items.begin() + index);
    return item;
}

void WrappingLayout::setSpacings(int across, int down)
{
    m_across = across;
    m_down = down;
    invalidate();
}

int WrappingLayout::heightForWidth(int width) const
{
    return arrange(QRect(0, 0, width, 0), false);
}

QSize WrappingLayout::sizeHint() const
{
    // Three lines or so: the height follows from the width.
    int width = 0;
    for (const QLayoutItem* item : m_items)
        width += item->isEmpty() ? 0 : item->sizeHint().width() + m_across;
    const int wanted = std::max(minimumSize().width(), width / 3);
    return {wanted, heightForWidth(wanted)};
}

QSize WrappingLayout::minimumSize() const
{
    QSize size;
    for (const QLayoutItem* item : m_items)
        if (!item->isEmpty())
            size = size.expandedTo(item->minimumSize());
    const QMargins margins = contentsMargins();
    return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom());
}

void WrappingLayout::setGeometry(const QRect& rect)
{
    QLayout::setGeometry(rect);
    arrange(rect, true);
}

int WrappingLayout::arrange(const QRect& rect, bool place) const
{
    const QRect area = rect.marginsRemoved(contentsMargins());
    int x = 0;
    int y = 0;
    int lineHeight = 0;
    std::vector<std::pair<QLayoutItem*, QRect>> line;
    const auto finish = [&] {
        for (const auto& [item, where] : line) // in the middle of their line
            if (place)
                item->setGeometry(where.translated(0, (lineHeight - where.height()) / 2));
        line.clear();
    };
    for (QLayoutItem* item : m_items) {
        if (item->isEmpty())
            continue;
        const QSize size(std::min(item->sizeHint().width(), area.width()),
                         item->sizeHint().height());
        if (x > 0 && x + size.width() > area.width()) {
            finish();
            x = 0;
            y += lineHeight + m_down;
            lineHeight = 0;
        }
        const int left = parentWidget() && parentWidget()->isRightToLeft()
                             ? area.right() + 1 - x - size.width()
                             : area.left() + x;
        line.emplace_back(item, QRect(QPoint(left, area.top() + y), size));
        x += size.width() + m_across;
        lineHeight = std::max(lineHeight, size.height());
    }
    finish();
    const QMargins margins = contentsMargins();
    return y + lineHeight + margins.top() + margins.bottom();
}

} // namespace gradus
