// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QList>
#include <QPalette>
#include <QPen>
#include <QPointF>

class QPainter;
class QRectF;

namespace gradus {

enum class Theme
{
    Light,
    Dark
};

/// Complete palettes for the Fusion style.
[[nodiscard]] QPalette themePalette(Theme theme);
/// Which theme a palette belongs to, by the lightness of its window colour.
[[nodiscard]] Theme themeOf(const QPalette& palette);

/// Colours with a meaning. The hues are told apart by people with any common colour blindness
/// (after Okabe and Ito); nothing is said by colour alone.
struct ThemeColours
{
    QColor original;    ///< distribution of the source's weights
    QColor dequantized; ///< distribution after quantization
    QColor level;       ///< levels of the grid
    QColor clip;        ///< limits of the grid
    QColor error;       ///< distribution of ŵ − w
    QColor outlier;     ///< limits and marks of outliers
    QColor grid;        ///< lines behind a plot
    QColor muted;       ///< secondary text
    QColor bar;         ///< bars behind numbers
    QColor good;
    QColor fair;
    QColor poor;
    QColor runA; ///< two runs side by side; B is lighter and hatched as well
    QColor runB;
};
[[nodiscard]] ThemeColours themeColours(const QPalette& palette);

/// As many curves as can be told apart in one plot.
constexpr int seriesCount = 6;
/// The line of one of several curves: each has a colour and a pattern of its own.
[[nodiscard]] QPen seriesPen(const QPalette& palette, int series, double width = 1.6);
/// From little to much, for maps: one direction of lightness, away from the background.
[[nodiscard]] QList<QColor> heatColours(const QPalette& palette);

/// How a number is judged: shown as a circle, a triangle or a diamond in its colour.
enum class Rating
{
    None,
    Good,
    Fair,
    Poor
};
void paintRating(QPainter& painter, const QRectF& box, Rating rating, const QPalette& palette);
void paintPadlock(QPainter& painter, QPointF centre, bool closed, const QColor& colour);

/// A map from 0 … 1 to colours of even steps in lightness: the more, the further from the window's
/// own lightness. Because only lightness carries the order, it reads with any colour blindness and
/// in grey. Values outside are clamped.
[[nodiscard]] QColor sequentialColour(double t, Theme theme);
/// Tells kinds apart; repeats after 7.
[[nodiscard]] QColor categoryColour(int index, Theme theme);
/// Black or white, whichever is read better on the ground: contrast is 4.5:1 or more on any.
[[nodiscard]] QColor textColourOn(const QColor& ground);
/// Contrast of two opaque colours after WCAG 2: 1 … 21.
[[nodiscard]] double contrastRatio(const QColor& a, const QColor& b);

} // namespace gradus
