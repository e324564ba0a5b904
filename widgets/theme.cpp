// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme.h"

#include <QPainter>
#include <QPolygonF>

namespace gradus {

namespace {
struct Tones
{
    const char* window;
    const char* base;
    const char* alternate;
    const char* text;
    const char* secondary; ///< still 4.5:1 on window and base
    const char* disabled;
    const char* button;
    const char* accent;
    const char* accentText;
    const char* link;
    const char* light;
    const char* midlight;
    const char* mid;
    const char* dark;
    const char* shadow;
};

constexpr Tones lightTones{"#f2f4f6", "#ffffff", "#f6f8fa", "#1b2129", "#636c77",
                           "#9aa2ab", "#f8f9fb", "#1f6fb2", "#ffffff", "#1763a6",
                           "#ffffff", "#e6e9ed", "#c3c9d1", "#a7afb9", "#6d7681"};
constexpr Tones darkTones{"#24282d", "#1a1d21", "#1f2327", "#e4e7eb", "#98a1ac",
                          "#68717b", "#2e3339", "#2f7fc4", "#ffffff", "#6cb6ff",
                          "#3d444c", "#353b42", "#1d2024", "#15181b", "#0c0e10"};
} // namespace

QPalette themePalette(Theme theme)
{
    const Tones& t = theme == Theme::Dark ? darkTones : lightTones;
    QPalette palette;
    const auto set = [&](QPalette::ColorRole role, const char* colour) {
        palette.setColor(role, QColor(colour));
    };
    set(QPalette::Window, t.window);
    set(QPalette::WindowText, t.text);
    set(QPalette::Base, t.base);
    set(QPalette::AlternateBase, t.alternate);
    set(QPalette::Text, t.text);
    set(QPalette::PlaceholderText, t.secondary);
    set(QPalette::Button, t.button);
    set(QPalette::ButtonText, t.text);
    set(QPalette::BrightText, theme == Theme::Dark ? "#ffffff" : "#000000");
    set(QPalette::ToolTipBase, theme == Theme::Dark ? "#32383f" : "#ffffff");
    set(QPalette::ToolTipText, t.text);
    set(QPalette::Highlight, t.accent);
    set(QPalette::HighlightedText, t.accentText);
    set(QPalette::Link, t.link);
    set(QPalette::LinkVisited, t.link);
    set(QPalette::Light, t.light);
    set(QPalette::Midlight, t.midlight);
    set(QPalette::Mid, t.mid);
    set(QPalette::Dark, t.dark);
    set(QPalette::Shadow, t.shadow);
    for (const QPalette::ColorRole role :
         {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
        palette.setColor(QPalette::Disabled, role, QColor(t.disabled));
    palette.setColor(QPalette::Disabled, QPalette::Highlight, QColor(t.mid));
    palette.setColor(QPalette::Disabled, QPalette::HighlightedText, QColor(t.disabled));
    return palette;
}

Theme themeOf(const QPalette& palette)
{
    return palette.color(QPalette::Window).lightnessF() < 0.5 ? Theme::Dark : Theme::Light;
}

ThemeColours themeColours(const QPalette& palette)
{
    ThemeColours c;
    if (themeOf(palette) == Theme::Dark) {
        c.original = QColor("#76808c");
        c.dequantized = QColor("#5cb8f2");
        c.level = QColor("#e9b44c");
        c.clip = QColor("#ff8a5c");
        c.error = QColor("#e093bd");
        c.outlier = QColor("#35c9a0");
        c.grid = QColor("#30363d");
        c.muted = QColor("#9aa3ae");
        c.bar = QColor("#2c4a66");
        c.good = QColor("#35c9a0");
        c.fair = QColor("#f2b83a");
        c.poor = QColor("#ff7d57");
    } else {
        c.original = QColor("#a8b1bc");
        c.dequantized = QColor("#0068a8");
        c.level = QColor("#b57a00");
        c.clip = QColor("#cc4a12");
        c.error = QColor("#a8447f");
        c.outlier = QColor("#00805f");
        c.grid = QColor("#e4e8ec");
        c.muted = QColor("#5d6773");
        c.bar = QColor("#cfe2f3");
        c.good = QColor("#00805f");
        c.fair = QColor("#c08000");
        c.poor = QColor("#c9410f");
    }
    return c;
}

QPen seriesPen(const QPalette& palette, int series, double width)
{
    static const char* const light[seriesCount] = {"#0072b2", "#cc4a12", "#00805f",
                                                   "#b3568d", "#b57a00", "#1b2129"};
    static const char* const dark[seriesCount] = {"#5cb8f2", "#ff8a5c", "#35c9a0",
                                                  "#e093bd", "#f2c14e", "#e4e7eb"};
    static const QList<qreal> dashes[seriesCount] = {
        {}, {6, 2.5}, {1.5, 2}, {8, 2.5, 1.5, 2.5}, {12, 3}, {7, 2, 1.5, 2, 1.5, 2}};
    const int at = series % seriesCount;
    QPen pen(QColor(themeOf(palette) == Theme::Dark ? dark[at] : light[at]), width);
    pen.setCapStyle(Qt::FlatCap);
    if (!dashes[at].isEmpty())
        pen.setDashPattern(dashes[at]);
    return pen;
}

QList<QColor> heatColours(const QPalette& palette)
{
    if (themeOf(palette) == Theme::Dark)
        return {QColor("#1a1d21"), QColor("#1c3b57"), QColor("#2f7fc4"), QColor("#8fd0f5"),
                QColor("#fff3c4")};
    return {QColor("#ffffff"), QColor("#cfe2f3"), QColor("#5ba3d6"), QColor("#0a5a94"),
            QColor("#0b2036")};
}

void paintRating(QPainter& painter, const QRectF& box, Rating rating, const QPalette& palette)
{
    if (rating == Rating::None)
        return;
    const ThemeColours colours = themeColours(palette);
    const qreal side = qMin(box.width(), box.height());
    const QPointF c = box.center();
    const qreal r = side / 2;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    switch (rating) {
    case Rating::Good:
        painter.setBrush(colours.good);
        painter.drawEllipse(c, r * 0.9, r * 0.9);
        break;
    case Rating::Fair:
        painter.setBrush(colours.fair);
        painter.drawPolygon(QPolygonF{{c.x(), c.y() - r},
                                      {c.x() + r * 1.05, c.y() + r * 0.8},
                                      {c.x() - r * 1.05, c.y() + r * 0.8}});
        break;
    case Rating::Poor:
        painter.setBrush(colours.poor);
        painter.drawPolygon(QPolygonF{{c.x(), c.y() - r * 1.1},
                                      {c.x() + r * 1.1, c.y()},
                                      {c.x(), c.y() + r * 1.1},
                                      {c.x() - r * 1.1, c.y()}});
        break;
    case Rating::None:
        break;
    }
    painter.restore();
}

} // namespace gradus
