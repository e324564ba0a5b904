// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/message_bar.h"

#include "widgets/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QToolButton>

namespace gradus {

MessageBar::MessageBar(QWidget* parent)
    : QFrame(parent)
{
    m_text = new QLabel;
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::PlainText);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    auto* close = new QToolButton;
    close->setText(tr("Dismiss"));
    close->setAutoRaise(true);
    connect(close, &QToolButton::clicked, this, &QWidget::hide);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(34, 6, 8, 6);
    layout->addWidget(m_text, 1);
    layout->addWidget(close, 0, Qt::AlignTop);
    hide();
}

void MessageBar::showMessage(Kind kind, const QString& text)
{
    m_kind = kind;
    m_text->setText(text);
    setAccessibleDescription(text);
    show();
    update();
}

QString MessageBar::text() const
{
    return m_text->text();
}

void MessageBar::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    const ThemeColours colours = themeColours(palette());
    const QColor colour = m_kind == Kind::Problem   ? colours.poor
                          : m_kind == Kind::Success ? colours.good
                                                    : colours.dequantized;
    painter.fillRect(rect(), palette().color(QPalette::Base));
    QColor wash = colour;
    wash.setAlpha(30);
    painter.fillRect(rect(), wash);
    painter.fillRect(QRect(0, 0, 4, height()), colour);
    const QRectF box(13, height() / 2.0 - 6, 12, 12);
    if (m_kind == Kind::Problem) {
        paintRating(painter, box, Rating::Poor, palette());
    } else {
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(QPen(colour, 2));
        if (m_kind == Kind::Success) {
            painter.drawPolyline(QPolygonF{
                {13, box.center().y()}, {17.5, box.bottom() - 1.5}, {25, box.top() + 1.5}});
        } else {
            painter.drawEllipse(box.adjusted(1, 1, -1, -1));
        }
    }
}

} // namespace gradus
