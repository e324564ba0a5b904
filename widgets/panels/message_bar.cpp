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
    m_layout = new QHBoxLayout(this);
    m_layout->setContentsMargins(34, 6, 8, 6);
    m_layout->addWidget(m_text, 1);
    m_layout->addWidget(close, 0, Qt::AlignTop);
    hide();
}

void MessageBar::showMessage(Kind kind, const QString& text, const std::vector<Action>& actions)
{
    m_kind = kind;
    m_text->setText(text);
    for (QToolButton* button : m_actions)
        button->deleteLater(); // it may be the one whose click led here
    m_actions.clear();
    for (const Action& action : actions) {
        auto* button = new QToolButton;
        button->setText(action.text);
        connect(button, &QToolButton::clicked, this, [this, run = action.run] {
            hide();
            run();
        });
        m_layout->insertWidget(m_layout->count() - 1, button, 0, Qt::AlignTop);
        m_actions.push_back(button);
    }
    setAccessibleDescription(text);
    show();
    update();
}

QString MessageBar::text() const
{
    return m_text->text();
}

QStringList MessageBar::actionTexts() const
{
    QStringList texts;
    for (const QToolButton* button : m_actions)
        texts.append(button->text());
    return texts;
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
