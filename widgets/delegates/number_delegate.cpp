// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/delegates/number_delegate.h"

#include "widgets/models/table_model.h"
#include "widgets/theme.h"

#include <QApplication>
#include <QPainter>

namespace gradus {

void NumberDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                           const QModelIndex& index) const
{
    QStyleOptionViewItem item = option;
    initStyleOption(&item, index);
    const QString text = item.text;
    item.text.clear();
    const bool focused = item.state.testFlag(QStyle::State_HasFocus);
    const bool selected = item.state.testFlag(QStyle::State_Selected);
    if (selected || item.state.testFlag(QStyle::State_MouseOver)) {
        const QStyle* style = item.widget ? item.widget->style() : QApplication::style();
        style->drawPrimitive(QStyle::PE_PanelItemViewItem, &item, painter, item.widget);
    }
    const QRect cell = item.rect;
    painter->save();
    if (focused) {
        QColor ring =
            item.palette.color(selected ? QPalette::HighlightedText : QPalette::Highlight);
        if (selected)
            ring.setAlphaF(0.75f);
        painter->setPen(ring);
        painter->setBrush(Qt::NoBrush);
        painter->drawRect(cell.adjusted(1, 1, -2, -2));
    }
    const QVariant bar = index.data(BarRole);
    if (bar.isValid() && !selected) {
        const int width = qRound((cell.width() - 8) * qBound(0.0, bar.toDouble(), 1.0));
        painter->fillRect(QRect(cell.left() + 4, cell.top() + 4, width, cell.height() - 8),
                          themeColours(item.palette).bar);
    }
    const auto rating = static_cast<Rating>(index.data(RatingRole).toInt());
    const bool stale = index.data(StaleRole).toBool();
    if (rating != Rating::None) {
        if (stale)
            painter->setOpacity(0.35);
        const qreal side = 9;
        // On the selection's blue the shape stands on a disc of the table's own colour.
        const QRectF box(cell.left() + 8, cell.center().y() - side / 2 + 0.5, side, side);
        if (selected) {
            painter->setRenderHint(QPainter::Antialiasing);
            painter->setPen(Qt::NoPen);
            painter->setBrush(item.palette.color(QPalette::Base));
            painter->drawEllipse(box.adjusted(-3, -3, 3, 3));
        }
        paintRating(*painter, box, rating, item.palette);
        painter->setOpacity(1);
    }
    const QPalette::ColorGroup group =
        item.state.testFlag(QStyle::State_Enabled) ? QPalette::Normal : QPalette::Disabled;
    QColor pen = item.palette.color(group, selected ? QPalette::HighlightedText : QPalette::Text);
    if (stale) {
        if (selected)
            pen.setAlphaF(0.6f);
        else
            pen = item.palette.color(QPalette::PlaceholderText);
        QFont italic = item.font;
        italic.setItalic(true);
        painter->setFont(italic);
    } else {
        painter->setFont(item.font);
    }
    painter->setPen(pen);
    const QVariant lock = index.data(LockRole);
    if (lock.isValid()) {
        QColor colour = pen;
        if (!lock.toBool()) // an offer, not a fact
            colour.setAlphaF(item.state.testFlag(QStyle::State_MouseOver) ? 0.8f : 0.2f);
        paintPadlock(*painter, QRectF(cell).center(), lock.toBool(), colour);
        painter->restore();
        return;
    }
    const QRect room = cell.adjusted(cellMargin, 0, -cellMargin, 0);
    const QString shown = painter->fontMetrics().elidedText(
        // A number without its first digits would be another number.
        text, item.displayAlignment & Qt::AlignRight ? Qt::ElideRight : item.textElideMode,
        room.width());
    painter->drawText(room, static_cast<int>(item.displayAlignment), shown);
    painter->restore();
}

QSize NumberDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const
{
    // All rows are alike; nothing is measured.
    return {2 * cellMargin, option.fontMetrics.height() + 9};
}

} // namespace gradus
