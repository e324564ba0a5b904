// SPDX-License-Identifier: GPL-3.0-or-later
// How the map is drawn: cells, titles and legend.
#include "core/base/format.h"
#include "widgets/plots/bits_map_state.h"
#include "widgets/text.h"

#include <QPaintEvent>
#include <QPainter>
#include <QScrollBar>
#include <QStyle>

#include <algorithm>
#include <cmath>
#include <functional>

namespace gradus {

void BitsMap::paintEvent(QPaintEvent* event)
{
    QPainter painter(viewport());
    const State& s = *m_state;
    if (isEmpty()) {
        painter.setPen(themeColours(palette()).muted);
        painter.drawText(viewport()->rect().adjusted(24, 24, -24, -24),
                         Qt::AlignCenter | Qt::TextWordWrap,
                         tr("Open a model to see its layers as a map."));
        return;
    }
    const Geometry& g = s.geometry;
    const QRect area = viewport()->rect();
    const QRect cells = area.adjusted(g.label, g.header, 0, -g.legend);
    painter.setClipRect(cells);
    for (const QRect& dirty : event->region())
        paintCells(painter, g, cells, scrolled(), dirty, true);
    if (s.sweeping) {
        const QRect band =
            QRect(s.from, s.to).normalized().translated(QPoint(g.label, g.header) - scrolled());
        QColor fill = palette().color(QPalette::Highlight);
        fill.setAlphaF(0.18F);
        painter.fillRect(band, fill);
        painter.setPen(palette().color(QPalette::Highlight));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(band.adjusted(0, 0, -1, -1));
    }
    painter.setClipping(false);
    paintFrame(painter, g, area, scrolled());
}

void BitsMap::paintCells(QPainter& painter, const Geometry& g, const QRect& area, QPoint offset,
                         const QRect& dirty, bool interactive) const
{
    const State& s = *m_state;
    const QPoint origin = area.topLeft() - offset;
    const std::vector<int> hit = layersWithin(dirty.intersected(area).translated(-origin));
    for (const int layer : hit)
        paintCell(painter,
                  g.cell(s.layout.places[static_cast<std::size_t>(layer)]).translated(origin),
                  layer, interactive);
}

void BitsMap::paintCell(QPainter& painter, const QRect& cell, int layer, bool interactive) const
{
    const State& s = *m_state;
    const BitsMapLook& look = s.looks[static_cast<std::size_t>(layer)];
    const QPalette& colours = palette();
    const int gap = cell.width() >= 12 && cell.height() >= 10 ? 1 : 0;
    const QRect box = cell.adjusted(gap, gap, -gap, -gap);
    QColor ink = colours.color(QPalette::Text);
    const QColor muted = themeColours(colours).muted;
    switch (look.ground) {
    case BitsMapLook::Ground::Value:
        painter.fillRect(box, look.colour);
        ink = textColourOn(look.colour);
        break;
    case BitsMapLook::Ground::Float: {
        QColor hatch = muted;
        hatch.setAlphaF(0.3F);
        painter.fillRect(box, colours.color(QPalette::AlternateBase));
        painter.fillRect(box, QBrush(hatch, Qt::BDiagPattern));
        ink = colours.color(QPalette::Text);
        break;
    }
    case BitsMapLook::Ground::Unknown:
        painter.fillRect(box, colours.color(QPalette::AlternateBase));
        if (gap > 0) {
            painter.setPen(themeColours(colours).grid);
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(box.adjusted(0, 0, -1, -1));
        }
        ink = muted;
        break;
    }

    QFont font = this->font();
    const bool grown = cell.height() > QFontMetrics(font).height() + 14;
    if (grown)
        font.setPointSizeF(font.pointSizeF() * 1.15);
    font.setItalic(look.stale);
    const QFontMetrics metrics(font);
    const bool lockFits = look.locked && box.width() >= 22 && box.height() >= 14;
    const int room = box.width() - 4 - (lockFits ? 12 : 0);
    QString text = look.text;
    if (look.ground == BitsMapLook::Ground::Float && metrics.horizontalAdvance(text) > room)
        text = tr("f", "short for float");
    const bool textFits = metrics.horizontalAdvance(text) <= room &&
                          metrics.ascent() - metrics.descent() <= box.height() - 2;
    if (textFits) {
        painter.setFont(font);
        painter.setPen(ink);
        if (look.ground == BitsMapLook::Ground::Float) { // a clear ground under the letters
            const int half = metrics.horizontalAdvance(text) / 2 + 3;
            const QPoint centre = box.adjusted(0, 0, lockFits ? -12 : 0, 0).center();
            painter.fillRect(QRect(centre.x() - half, box.top() + 2, 2 * half, box.height() - 4)
                                 .intersected(box),
                             colours.color(QPalette::AlternateBase));
        }
        painter.drawText(box.adjusted(2, 0, lockFits ? -14 : -2, 0), Qt::AlignCenter, text);
    }
    if (lockFits) {
        paintPadlock(painter, QPointF(box.right() - 8.0, box.center().y() + 0.5), true, ink);
    } else if (look.locked) {
        const int side = std::min(6, std::min(box.width(), box.height()) / 2);
        painter.save();
        painter.setPen(Qt::NoPen);
        painter.setBrush(ink);
        const QPoint corner(box.right() + 1, box.top());
        painter.drawPolygon(QPolygon({corner, corner - QPoint(side, 0), corner + QPoint(0, side)}));
        painter.restore();
    }
    if (!interactive)
        return;
    if (s.isSelected(layer)) {
        // Two tones: seen on every colour.
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(colours.color(QPalette::Text), 2));
        painter.drawRect(QRectF(cell).adjusted(1, 1, -1, -1));
        if (cell.width() >= 10 && cell.height() >= 10) {
            painter.setPen(QPen(colours.color(QPalette::Base), 1));
            painter.drawRect(cell.adjusted(2, 2, -3, -3));
        }
    }
    if (layer == s.current && hasFocus() && cell.width() >= 14 && cell.height() >= 12) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(ink, 1, Qt::DotLine));
        painter.drawRect(cell.adjusted(4, 4, -5, -5));
    }
}

void BitsMap::paintFrame(QPainter& painter, const Geometry& g, const QRect& area,
                         QPoint offset) const
{
    const State& s = *m_state;
    const QColor ground = palette().color(QPalette::Base);
    const ThemeColours colours = themeColours(palette());
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.9);
    const QFontMetrics metrics(small);
    painter.setFont(small);

    const QRect header(area.left() + g.label, area.top(), area.width() - g.label, g.header);
    const QRect labels(area.left(), area.top() + g.header, g.label,
                       area.height() - g.header - g.legend);
    painter.fillRect(QRect(area.left(), area.top(), area.width(), g.header), ground);
    painter.fillRect(labels, ground);

    // The heading of the strip scrolls with it and stands over the cells' area.
    if (g.stripGap > 0) {
        const int bottom = labels.top() + g.rowTop(g.blockRows) - offset.y();
        painter.save();
        painter.setClipRect(QRect(area.left(), labels.top(), area.width(), labels.height()));
        painter.setPen(colours.muted);
        painter.drawText(QRect(area.left() + 8, bottom - metrics.height() - 4, area.width() - 16,
                               metrics.height()),
                         Qt::AlignLeft | Qt::AlignVCenter, tr("Outside of blocks"));
        painter.restore();
    }
    painter.save();
    // Labels that are higher than their rows may stand over the edge a little.
    const int over = g.cellHeight < metrics.height() ? metrics.height() / 2 : 0;
    painter.setClipRect(labels.adjusted(0, -over, 0, 0));
    painter.setPen(palette().color(QPalette::Text));
    for (std::size_t row = 0; row < s.layout.rows.size(); ++row) {
        const int top = labels.top() + g.rowTop(static_cast<int>(row)) - offset.y();
        if (top + g.cellHeight <= labels.top() || top > labels.bottom())
            continue;
        // Rows that are lower than a line of text are labelled in steps.
        const int step = (metrics.height() + g.cellHeight - 1) / g.cellHeight;
        const bool inStrip = static_cast<int>(row) >= g.blockRows;
        const int place = static_cast<int>(row) - (inStrip ? g.blockRows : 0);
        if (step > 1 && place % step != 0)
            continue;
        const QRect box(labels.left() + 6, top, g.label - 14, g.cellHeight);
        painter.drawText(box.adjusted(0, -20, 0, 20), Qt::AlignRight | Qt::AlignVCenter,
                         metrics.elidedText(s.layout.rows[row].title, Qt::ElideLeft, box.width()));
    }
    painter.restore();

    painter.save();
    painter.setPen(palette().color(QPalette::Text));
    painter.setClipRect(header);
    const int step =
        g.upright ? 1 : std::max(1, (metrics.height() + g.cellWidth - 1) / g.cellWidth);
    for (std::size_t column = 0; column < s.layout.columns.size(); ++column) {
        const int left = header.left() + static_cast<int>(column) * g.cellWidth - offset.x();
        if (left + g.cellWidth <= header.left() || left > header.right() ||
            static_cast<int>(column) % step != 0)
            continue;
        const QString& title = s.layout.columns[column].title;
        if (g.upright) {
            const auto [upper, lower] = bitsMapTitleLines(title, metrics);
            const QRect box(left + 1, header.bottom() - metrics.height() - 3, g.cellWidth - 2,
                            metrics.height());
            painter.drawText(box, Qt::AlignCenter,
                             metrics.elidedText(lower, Qt::ElideLeft, box.width()));
            painter.drawText(box.translated(0, -metrics.height()), Qt::AlignCenter,
                             metrics.elidedText(upper, Qt::ElideLeft, box.width()));
            continue;
        }
        painter.save();
        painter.translate(left + g.cellWidth / 2.0, header.bottom() - 3);
        painter.rotate(-90);
        painter.drawText(QRect(0, -20, g.header - 6, 40), Qt::AlignLeft | Qt::AlignVCenter,
                         metrics.elidedText(title, Qt::ElideLeft, g.header - 8));
        painter.restore();
    }
    painter.restore();
    if (g.blockRows > 0) {
        painter.setPen(colours.muted);
        painter.drawText(QRect(area.left() + 6, area.top(), g.label - 14, g.header - 4),
                         Qt::AlignRight | Qt::AlignBottom, tr("block"));
    }
    paintLegend(painter, QRect(area.left(), area.bottom() - g.legend + 1, area.width(), g.legend));
}

void BitsMap::paintLegend(QPainter& painter, const QRect& band) const
{
    const State& s = *m_state;
    const ThemeColours colours = themeColours(palette());
    const Theme theme = themeOf(palette());
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.9);
    const QFontMetrics metrics(small);
    painter.save();
    painter.setClipRect(band);
    painter.fillRect(band, palette().color(QPalette::Base));
    painter.setPen(colours.grid);
    painter.drawLine(band.topLeft(), band.topRight());
    painter.setFont(small);

    const int side = metrics.height() + 2;
    const int top = band.top() + 7;
    int line = top;
    int x = band.left() + 10;
    const auto say = [&](const QString& text, const QColor& colour) {
        painter.setPen(colour);
        painter.drawText(QRect(x, line, band.right() - x, side), Qt::AlignLeft | Qt::AlignVCenter,
                         text);
        x += metrics.horizontalAdvance(text);
    };
    const auto swatch = [&](const QColor& colour, const QString& text) {
        const int width = std::max(side, metrics.horizontalAdvance(text) + 8);
        const QRect box(x, line, width, side);
        painter.fillRect(box, colour);
        painter.setPen(textColourOn(colour));
        painter.drawText(box, Qt::AlignCenter, text);
        x += width + 3;
    };
    bool anyFloat = false;
    bool anyLocked = false;
    bool anyStale = false;
    bool anyUnknown = false;
    std::map<int, const LayerChoice*> bits;
    std::map<int, const LayerChoice*> kinds;
    for (int i = 0; i < s.count(); ++i) {
        const BitsMapLook& look = s.looks[static_cast<std::size_t>(i)];
        const LayerChoice& choice = s.row(i).choice;
        anyFloat = anyFloat || look.ground == BitsMapLook::Ground::Float;
        anyUnknown = anyUnknown || look.ground == BitsMapLook::Ground::Unknown;
        anyLocked = anyLocked || look.locked;
        anyStale = anyStale || look.stale;
        if (!choice.keepFloat) {
            bits[choice.scheme.bits] = &choice;
            kinds[State::categoryOf(choice.method)] = &choice;
        }
    }
    const QColor text = palette().color(QPalette::Text);
    switch (s.colouring) {
    case Colouring::Bits:
        say(tr("bits"), text);
        x += 8;
        for (const auto& [count, choice] : bits)
            swatch(State::colourOfBits(count, theme), QString::number(count));
        break;
    case Colouring::Method:
        say(tr("method"), text);
        x += 8;
        for (const auto& [at, choice] : kinds) {
            const QString label = shortMethodName(choice->method);
            const QString name = fieldText(*choice, ChoiceField::Method);
            const int width = metrics.horizontalAdvance(label) + 10 +
                              (name == label ? 0 : metrics.horizontalAdvance(name) + 2);
            if (x + width > band.right() - 4 && line == top) {
                x = band.left() + 10;
                line += metrics.height() + 4;
            }
            swatch(categoryColour(at, theme), label);
            if (name != label) {
                x += 2;
                say(name, text);
            }
            x += 10;
        }
        break;
    case Colouring::OutputError:
    case Colouring::WeightSqnr: {
        say(s.colouring == Colouring::OutputError ? tr("output error, %") : tr("weight SQNR, dB"),
            text);
        x += 10;
        if (!s.range.isValid()) {
            say(tr("not computed yet: run the recipe"), colours.muted);
            break;
        }
        const int width = std::clamp(band.width() / 3, 90, 220);
        for (int i = 0; i < width; ++i) {
            const double t = (i + 0.5) / width;
            const double value = s.range.log ? s.range.low * std::pow(s.range.high / s.range.low, t)
                                             : s.range.low + t * (s.range.high - s.range.low);
            painter.fillRect(QRect(x + i, top + 1, 1, side - 2), s.colourOfValue(value, theme));
        }
        std::vector<double> ticks{s.range.low, s.range.high};
        if (s.range.log) {
            for (double v = std::pow(10, std::floor(std::log10(s.range.low)) + 1);
                 v < s.range.high * (1 - 1e-9); v *= 10) {
                if (v > s.range.low * (1 + 1e-9))
                    ticks.push_back(v);
            }
        } else {
            const double step = s.range.high - s.range.low > 20 ? 10 : 5;
            for (double v = step * std::ceil(s.range.low / step); v < s.range.high; v += step)
                ticks.push_back(v);
        }
        painter.setPen(text);
        std::vector<std::pair<int, int>> taken; // spans of labels
        for (const double tick : ticks) {
            const int at = x + qRound(s.range.share(tick) * width);
            const QString label = QString::number(tick, 'g', 3);
            const int half = metrics.horizontalAdvance(label) / 2;
            const int from = std::max(at - half, band.left() + 2);
            const std::pair<int, int> span{from - 5, from + 2 * half + 5};
            if (std::any_of(taken.begin(), taken.end(), [&](const std::pair<int, int>& t) {
                    return span.first < t.second && t.first < span.second;
                }))
                continue;
            taken.push_back(span);
            painter.drawLine(at, top + side - 1, at, top + side + 2);
            painter.drawText(QRect(from, top + side + 2, 2 * half + 4, metrics.height()),
                             Qt::AlignLeft | Qt::AlignVCenter, label);
        }
        x += width + 2;
        break;
    }
    }
    x += 14;
    // What else there is: in the first line while there is room, then in the second.
    const int start = line == top ? x : band.left() + 10;
    int y = line;
    const auto make = [&](int icon, const QString& label, const QFont& lettering,
                          const std::function<void(const QRect&)>& draw) {
        const int width = icon + QFontMetrics(lettering).horizontalAdvance(label);
        if (x > start && x + width > band.right() - 4 && y == top) {
            x = start;
            y += metrics.height() + 4;
        }
        if (draw)
            draw(QRect(x, y, side, side));
        painter.setFont(lettering);
        painter.setPen(text);
        painter.drawText(QRect(x + icon, y, width, side), Qt::AlignLeft | Qt::AlignVCenter, label);
        x += width + 14;
    };
    if (anyFloat)
        make(side + 5, tr("kept float"), small, [&](const QRect& box) {
            QColor hatch = colours.muted;
            hatch.setAlphaF(0.5F);
            painter.fillRect(box, palette().color(QPalette::AlternateBase));
            painter.fillRect(box, QBrush(hatch, Qt::BDiagPattern));
            painter.setPen(colours.grid);
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(box.adjusted(0, 0, -1, -1));
        });
    if (anyLocked)
        make(14, tr("locked"), small, [&](const QRect& box) {
            paintPadlock(painter, QPointF(x + 5, box.center().y() + 0.5), true, text);
        });
    if (anyUnknown && s.range.isValid())
        make(0, tr("– not computed"), small, {});
    if (anyStale) {
        QFont italic = small;
        italic.setItalic(true);
        make(0, tr("italic: out of date"), italic, {});
    }
    painter.restore();
}

} // namespace gradus
