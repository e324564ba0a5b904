// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/delegates/number_delegate.h"
#include "widgets/theme.h"

#include <QPainter>
#include <QProxyStyle>
#include <QStyleOption>

namespace gradus {

/// Headers with the margin that NumberDelegate gives the cells, so that titles stand over what they
/// name; the sort arrow stands above the title and takes no room from it.
class TableHeaderStyle final : public QProxyStyle
{
public:
    /// padlock: the section whose title is a padlock; −1 for none.
    explicit TableHeaderStyle(int padlock = -1)
        : m_padlock(padlock)
    {
    }

    void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget) const override
    {
        const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(option);
        if (element != CE_Header || !header) {
            QProxyStyle::drawControl(element, option, painter, widget);
            return;
        }
        QProxyStyle::drawControl(CE_HeaderSection, option, painter, widget);
        QStyleOptionHeader part = *header;
        part.rect = header->rect.adjusted(cellMargin, 0, -cellMargin, 0);
        if (header->section == m_padlock)
            paintPadlock(*painter, QRectF(header->rect).center(), true,
                         header->palette.color(QPalette::PlaceholderText));
        else
            QProxyStyle::drawControl(CE_HeaderLabel, &part, painter, widget);
        if (header->sortIndicator != QStyleOptionHeader::None) {
            part.rect = QRect(header->rect.center().x() - 4, header->rect.top() + 1, 9, 6);
            QProxyStyle::drawPrimitive(PE_IndicatorHeaderArrow, &part, painter, widget);
        }
    }

private:
    int m_padlock;
};

} // namespace gradus
