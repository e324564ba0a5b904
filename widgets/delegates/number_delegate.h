// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStyledItemDelegate>

namespace gradus {

/// Free room on either side of a cell's text.
inline constexpr int cellMargin = 8;

/// A cell with a bar behind its text (BarRole), a rating's shape before it (RatingRole), and dimmed
/// text where the value is stale (StaleRole); or a padlock (LockRole).
class NumberDelegate : public QStyledItemDelegate
{
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

} // namespace gradus
