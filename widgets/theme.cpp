// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme.h"

#include <QPainter>
#include <QPolygonF>

#include <algorithm>
#include <array>
#include <cmath>

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
        c.runA = QColor("#5cb8f2");
        c.runB = QColor("#f2b83a");
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
        c.runA = QColor("#0068a8");
        c.runB = QColor("#c07800");
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

void paintPadlock(QPainter& painter, QPointF centre, bool closed, const QColor& colour)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, 1.4));
    painter.setBrush(Qt::NoBrush);
    const qreal lift = closed ? 0 : 1.6;
    const QRectF shackle(centre.x() - 2.7, centre.y() - 5 - lift, 5.4, 6.4);
    painter.drawArc(shackle, closed ? 0 : 30 * 16, closed ? 180 * 16 : 150 * 16);
    painter.drawLine(QPointF(shackle.left(), shackle.center().y()),
                     QPointF(shackle.left(), centre.y() - 1));
    if (closed) {
        painter.drawLine(QPointF(shackle.right(), shackle.center().y()),
                         QPointF(shackle.right(), centre.y() - 1));
        painter.setPen(Qt::NoPen);
        painter.setBrush(colour);
        painter.drawRoundedRect(QRectF(centre.x() - 4.5, centre.y() - 1.8, 9, 7), 1.2, 1.2);
    } else {
        painter.setPen(QPen(colour, 1.1));
        painter.drawRoundedRect(QRectF(centre.x() - 4, centre.y() - 1.3, 8, 6), 1, 1);
    }
    painter.restore();
}

namespace {
double linearOf(double encoded)
{
    return encoded <= 0.04045 ? encoded / 12.92 : std::pow((encoded + 0.055) / 1.055, 2.4);
}

double encodedOf(double linear)
{
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}

/// Linear sRGB of a colour in Oklab's polar form (Ottosson 2020), hue in degrees.
std::array<double, 3> linearFromOklch(double lightness, double chroma, double hue)
{
    const double angle = hue * std::acos(-1.0) / 180;
    const double a = chroma * std::cos(angle);
    const double b = chroma * std::sin(angle);
    const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

/// The colour with less chroma where the screen cannot show so much of it.
QColor colourFromOklch(double lightness, double chroma, double hue)
{
    const auto shown = [](const std::array<double, 3>& rgb) {
        return std::all_of(rgb.begin(), rgb.end(), [](double c) { return c >= 0 && c <= 1; });
    };
    double possible = chroma;
    if (!shown(linearFromOklch(lightness, chroma, hue))) {
        possible = 0;
        for (double step = chroma / 2; step > 1e-4; step /= 2) {
            if (shown(linearFromOklch(lightness, possible + step, hue)))
                possible += step;
        }
    }
    const std::array<double, 3> rgb = linearFromOklch(lightness, possible, hue);
    const auto channel = [&](std::size_t i) {
        return static_cast<float>(encodedOf(std::clamp(rgb[i], 0.0, 1.0)));
    };
    return QColor::fromRgbF(channel(0), channel(1), channel(2));
}

double luminance(const QColor& colour)
{
    return 0.2126 * linearOf(static_cast<double>(colour.redF())) +
           0.7152 * linearOf(static_cast<double>(colour.greenF())) +
           0.0722 * linearOf(static_cast<double>(colour.blueF()));
}
} // namespace

QColor sequentialColour(double t, Theme theme)
{
    t = std::isnan(t) ? 0 : std::clamp(t, 0.0, 1.0);
    // From yellow over green to blue; the middle is the most colourful.
    const double hue = 100 + 172 * (theme == Theme::Dark ? 1 - t : t);
    const double chroma = 0.05 + 0.14 * t * (1 - t) + 0.07 * t;
    return theme == Theme::Dark ? colourFromOklch(0.34 + 0.56 * t, chroma + 0.02, hue)
                                : colourFromOklch(0.95 - 0.58 * t, chroma, hue);
}

QColor categoryColour(int index, Theme theme)
{
    // Okabe and Ito's hues, paler on white and deeper on black, so that text stands on them.
    static const char* const light[] = {"#8cc6ec", "#f3cf7a", "#84d2b9", "#f0a987",
                                        "#dcb1cd", "#f4ec8f", "#9fb6cf"};
    static const char* const dark[] = {"#1d6fa5", "#a06f00", "#0b7a5b", "#b1481b",
                                       "#93577c", "#7d7600", "#4c6480"};
    constexpr int count = static_cast<int>(std::size(light));
    const int at = ((index % count) + count) % count;
    return QColor(theme == Theme::Dark ? dark[at] : light[at]);
}

double contrastRatio(const QColor& a, const QColor& b)
{
    const double first = luminance(a) + 0.05;
    const double second = luminance(b) + 0.05;
    return std::max(first, second) / std::min(first, second);
}

QColor textColourOn(const QColor& ground)
{
    const QColor black(0, 0, 0);
    const QColor white(255, 255, 255);
    return contrastRatio(ground, black) >= contrastRatio(ground, white) ? black : white;
}

} // namespace gradus
