// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/theme.h"

#include <QPainter>
#include <QProxyStyle>
#include <QStyleOption>

namespace gradus {

/// Fusion, with outlines that can be seen in the dark: it makes them by darkening the window's
/// color, which leaves an unticked box or an empty field without a border there.
class WorkbenchStyle final : public QProxyStyle
{
public:
    WorkbenchStyle()
        : QProxyStyle(QStringLiteral("Fusion"))
    {
    }

    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                       const QWidget* widget) const override
    {
        QProxyStyle::drawPrimitive(element, option, painter, widget);
        const bool outlined = element == PE_IndicatorCheckBox || element == PE_FrameLineEdit;
        if (!outlined || themeOf(option->palette) != Theme::Dark ||
            option->state.testFlag(State_HasFocus))
            return;
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        QColor line = option->palette.color(QPalette::PlaceholderText);
        line.setAlphaF(option->state.testFlag(State_Enabled) ? 0.55F : 0.25F);
        painter->setPen(QPen(line, 1));
        painter->setBrush(Qt::NoBrush);
        painter->drawRoundedRect(QRectF(option->rect).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2);
        painter->restore();
    }
};

} // namespace gradus
