// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/bits_map.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/models/decibel.h"
#include "widgets/plots/bits_map_state.h"
#include "widgets/text.h"

#include <QAccessible>
#include <QResizeEvent>
#include <QScrollBar>
#include <QStyle>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
constexpr double leastZoom = 0.12;
constexpr double mostZoom = 4;
constexpr int labelLimit = 120;
constexpr int uprightLimit = 88; ///< height of titles that are turned
} // namespace

BitsMap::BitsMap(QWidget* parent)
    : QAbstractScrollArea(parent)
    , m_state(std::make_unique<State>())
{
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Map of the model"));
    setAccessibleDescription(
        tr("Blocks by kinds of layers. Arrow keys move, Shift extends, 2 to 8 set bits, F keeps "
           "float, Space locks."));
    viewport()->setMouseTracking(false);
    viewport()->setBackgroundRole(QPalette::Base);
    verticalScrollBar()->setSingleStep(12);
    horizontalScrollBar()->setSingleStep(12);
}

BitsMap::~BitsMap() = default;

bool BitsMap::isEmpty() const
{
    return m_state->rows->empty();
}

const BitsMapLayout& BitsMap::mapLayout() const
{
    return m_state->layout;
}

int BitsMap::find(const std::string& layer) const
{
    const auto found = m_state->index.find(layer);
    return found == m_state->index.end() ? -1 : found->second;
}

void BitsMap::setRows(std::shared_ptr<const std::vector<LayerRow>> rows)
{
    State& s = *m_state;
    if (!rows)
        rows = std::make_shared<const std::vector<LayerRow>>();
    const bool same = rows->size() == s.rows->size() &&
                      std::equal(rows->begin(), rows->end(), s.rows->begin(),
                                 [](const LayerRow& a, const LayerRow& b) {
                                     return a.name == b.name && a.block == b.block &&
                                            a.blockIndex == b.blockIndex;
                                 });
    if (same) {
        s.rows = std::move(rows);
        refreshLooks(false);
        return;
    }
    const std::vector<std::string> chosen = selected();
    const std::string at = current();
    s.rows = std::move(rows);
    s.layout = bitsMapLayout(*s.rows);
    s.index.clear();
    for (int i = 0; i < s.count(); ++i)
        s.index[s.row(i).name] = i;
    s.selected.assign(s.rows->size(), 0);
    for (const std::string& name : chosen) {
        if (find(name) >= 0)
            s.selected[static_cast<std::size_t>(find(name))] = 1;
    }
    s.current = find(at);
    s.anchor = -1;
    s.pressed = s.sweeping = false;
    s.ownZoom = s.fitted = false;
    placeCells();
    refreshLooks(true);
}

void BitsMap::setStandard(const LayerChoice& standard)
{
    m_state->standard = standard;
}

void BitsMap::refreshLooks(bool everything)
{
    State& s = *m_state;
    const BitsMapRange range = s.rangeNow();
    everything = everything || !(range == s.range) || s.looks.size() != s.rows->size();
    s.range = range;
    std::vector<BitsMapLook> looks;
    looks.reserve(s.rows->size());
    for (const LayerRow& row : *s.rows)
        looks.push_back(s.lookOf(row, palette()));
    looks.swap(s.looks);
    if (everything) {
        viewport()->update();
        return;
    }
    for (int i = 0; i < s.count(); ++i) {
        if (!(looks[static_cast<std::size_t>(i)] == s.looks[static_cast<std::size_t>(i)]))
            updateCell(i);
    }
    // The legend names what there is.
    viewport()->update(0, viewport()->height() - s.geometry.legend, viewport()->width(),
                       s.geometry.legend);
}

void BitsMap::setColouring(Colouring colouring)
{
    if (m_state->colouring == colouring)
        return;
    m_state->colouring = colouring;
    refreshLooks(true);
    Q_EMIT colouringChanged();
}

BitsMap::Colouring BitsMap::colouring() const
{
    return m_state->colouring;
}

void BitsMap::placeCells()
{
    State& s = *m_state;
    const QFontMetrics metrics(font());
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.9);
    const QFontMetrics smallMetrics(small);
    int widestTitle = 0; // of one or two lines
    bool twoLines = false;
    for (const BitsMapLayout::Line& column : s.layout.columns) {
        const auto [upper, lower] = bitsMapTitleLines(column.title, smallMetrics);
        widestTitle = std::max({widestTitle, smallMetrics.horizontalAdvance(upper),
                                smallMetrics.horizontalAdvance(lower)});
        twoLines = twoLines || !upper.isEmpty();
    }
    int widestLabel = smallMetrics.horizontalAdvance(tr("block"));
    for (const BitsMapLayout::Line& row : s.layout.rows)
        widestLabel = std::max(widestLabel, smallMetrics.horizontalAdvance(row.title));
    widestTitle = std::min(widestTitle, bitsMapTitleLimit);

    const auto geometryAt = [&](double across, double down) {
        Geometry g;
        const int width =
            std::max(metrics.horizontalAdvance(QStringLiteral("0.0000")), widestTitle) + 12;
        g.cellWidth = std::max(4, qRound(width * across));
        g.cellHeight = std::max(4, qRound((metrics.height() + 9) * down));
        g.upright = g.cellWidth >= std::min(widestTitle + 4, 52);
        g.twoLines = twoLines && g.upright;
        g.header = s.layout.columns.empty() ? 6
                   : g.upright              ? (g.twoLines ? 2 : 1) * smallMetrics.height() + 8
                                            : uprightLimit;
        g.label = std::min(widestLabel, labelLimit) + 18;
        g.legend = 2 * smallMetrics.height() + 18;
        g.blockRows = s.layout.blockRows;
        const int rows = static_cast<int>(s.layout.rows.size());
        const bool strip = rows > g.blockRows && g.blockRows > 0;
        g.stripGap = strip ? smallMetrics.height() + 14 : 0;
        g.content =
            QSize(s.layout.width * g.cellWidth, rows == 0 ? 0 : g.rowTop(rows - 1) + g.cellHeight);
        return g;
    };
    const QSize shown = maximumViewportSize();
    const int bar = style()->pixelMetric(QStyle::PM_ScrollBarExtent, nullptr, this);
    if (!s.ownZoom) {
        // A small model grows with the view, a wide one shrinks while its numbers can be read.
        const Geometry g = geometryAt(1, 1);
        const auto across = [&](int taken) {
            return std::clamp(static_cast<double>(shown.width() - g.label - 10 - taken) /
                                  std::max(1, g.content.width()),
                              0.6, 1.5);
        };
        const auto down = [&](const Geometry& at) {
            return static_cast<double>(shown.height() - at.header - at.legend - 8) /
                   std::max(1, g.content.height());
        };
        s.zoomAcross = across(down(g) < 1 ? bar : 0);
        // Titles of narrow cells stand upright and leave less room for the rows.
        const Geometry narrow = geometryAt(s.zoomAcross, 1);
        if (down(g) >= 1 && down(narrow) < 1)
            s.zoomAcross = across(bar);
        s.zoomDown = std::clamp(down(narrow), 1.0, 1.4);
    }
    s.geometry = geometryAt(s.zoomAcross, s.zoomDown);
    const Geometry& g = s.geometry;
    const QSize area(shown.width() - g.label, shown.height() - g.header - g.legend);
    const QSize wanted = g.content + QSize(4, 6);
    // A bar that is needed in one direction takes room in the other.
    bool across = wanted.width() > area.width();
    const bool down = wanted.height() > area.height() - (across ? bar : 0);
    across = wanted.width() > area.width() - (down ? bar : 0);
    const QSize room = area - QSize(down ? bar : 0, across ? bar : 0);
    horizontalScrollBar()->setRange(0, across ? wanted.width() - room.width() : 0);
    horizontalScrollBar()->setPageStep(std::max(1, room.width()));
    verticalScrollBar()->setRange(0, down ? wanted.height() - room.height() : 0);
    verticalScrollBar()->setPageStep(std::max(1, room.height()));
    viewport()->update();
}

void BitsMap::setZoom(double zoom)
{
    State& s = *m_state;
    s.ownZoom = true;
    s.fitted = false;
    s.zoomAcross = s.zoomDown = std::clamp(zoom, leastZoom, mostZoom);
    placeCells();
    Q_EMIT zoomChanged();
}

void BitsMap::zoomBy(double factor)
{
    State& s = *m_state;
    s.ownZoom = true;
    s.fitted = false;
    s.zoomAcross = std::clamp(s.zoomAcross * factor, leastZoom, mostZoom);
    s.zoomDown = std::clamp(s.zoomDown * factor, leastZoom, mostZoom);
    placeCells();
    Q_EMIT zoomChanged();
}

double BitsMap::zoom() const
{
    return m_state->zoomDown;
}

void BitsMap::fit()
{
    State& s = *m_state;
    const QSize shown = maximumViewportSize();
    s.ownZoom = s.fitted = true;
    s.zoomAcross = s.zoomDown = 1;
    // The titles' room changes with the zoom, and cells are whole pixels: a second look settles it.
    for (int pass = 0; pass < 3; ++pass) {
        placeCells();
        const Geometry& g = s.geometry;
        const double across = (shown.width() - g.label - 6.0) / std::max(1, g.content.width());
        const double down = (shown.height() - g.header - g.legend - 7.0 - g.stripGap) /
                            std::max(1, g.content.height() - g.stripGap);
        const double cell = std::floor(g.cellHeight * down);
        s.zoomAcross = std::clamp(s.zoomAcross * across, leastZoom, 1.5);
        s.zoomDown = std::clamp(s.zoomDown * cell / g.cellHeight, leastZoom, 1.5);
    }
    placeCells();
    Q_EMIT zoomChanged();
}

void BitsMap::zoomAround(double factor, const QPoint& at)
{
    const State& s = *m_state;
    const Geometry before = s.geometry;
    const QPoint content = at - QPoint(before.label, before.header) + scrolled();
    zoomBy(factor);
    const Geometry& after = s.geometry;
    horizontalScrollBar()->setValue(content.x() * after.cellWidth / before.cellWidth -
                                    (at.x() - after.label));
    verticalScrollBar()->setValue(content.y() * after.cellHeight / before.cellHeight -
                                  (at.y() - after.header));
}

void BitsMap::resizeEvent(QResizeEvent* event)
{
    QAbstractScrollArea::resizeEvent(event);
    if (m_state->fitted)
        fit();
    else
        placeCells();
}

void BitsMap::changeEvent(QEvent* event)
{
    QAbstractScrollArea::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) {
        refreshLooks(true);
    } else if (event->type() == QEvent::FontChange) {
        placeCells();
    }
}

QPoint BitsMap::scrolled() const
{
    return {horizontalScrollBar()->value(), verticalScrollBar()->value()};
}

QRect BitsMap::cellRect(int layer) const
{
    const Geometry& g = m_state->geometry;
    return g.cell(m_state->layout.places[static_cast<std::size_t>(layer)])
        .translated(QPoint(g.label, g.header) - scrolled());
}

QRect BitsMap::cellRect(const std::string& layer) const
{
    const int at = find(layer);
    return at < 0 ? QRect() : cellRect(at);
}

void BitsMap::updateCell(int layer)
{
    viewport()->update(cellRect(layer).adjusted(-2, -2, 2, 2));
}

int BitsMap::layerUnder(const QPoint& at) const
{
    const Geometry& g = m_state->geometry;
    if (at.x() < g.label || at.y() < g.header || at.y() >= viewport()->height() - g.legend)
        return -1;
    const std::vector<int> hit =
        layersWithin(QRect(at - QPoint(g.label, g.header) + scrolled(), QSize(1, 1)));
    return hit.empty() ? -1 : hit.front();
}

std::vector<int> BitsMap::layersWithin(const QRect& content) const
{
    const State& s = *m_state;
    const Geometry& g = s.geometry;
    std::vector<int> hit;
    const int rows = static_cast<int>(s.layout.rows.size());
    const int left = std::max(0, content.left() / g.cellWidth);
    const int right = std::min(s.layout.width - 1, content.right() / g.cellWidth);
    const int first = std::clamp((content.top() - g.stripGap) / g.cellHeight - 1, 0, rows);
    for (int row = first; row < rows && g.rowTop(row) <= content.bottom(); ++row) {
        if (g.rowTop(row) + g.cellHeight <= content.top())
            continue;
        for (int column = left; column <= right; ++column) {
            const int layer = s.layout.layerAt({row, column});
            if (layer >= 0)
                hit.push_back(layer);
        }
    }
    return hit;
}

std::vector<int> BitsMap::layersBetween(int one, int other) const
{
    const State& s = *m_state;
    const auto a = s.layout.places[static_cast<std::size_t>(one)];
    const auto b = s.layout.places[static_cast<std::size_t>(other)];
    std::vector<int> between;
    for (int row = std::min(a.row, b.row); row <= std::max(a.row, b.row); ++row) {
        for (int column = std::min(a.column, b.column); column <= std::max(a.column, b.column);
             ++column) {
            const int layer = s.layout.layerAt({row, column});
            if (layer >= 0)
                between.push_back(layer);
        }
    }
    return between;
}

void BitsMap::setSelection(const std::vector<int>& layers, bool add)
{
    State& s = *m_state;
    std::vector<char> next = add ? s.before : std::vector<char>();
    next.resize(s.rows->size(), 0);
    for (const int layer : layers)
        next[static_cast<std::size_t>(layer)] = 1;
    next.swap(s.selected);
    for (int i = 0; i < s.count(); ++i) {
        if (next[static_cast<std::size_t>(i)] != s.selected[static_cast<std::size_t>(i)])
            updateCell(i);
    }
}

void BitsMap::setSelected(const std::vector<std::string>& layers)
{
    State& s = *m_state;
    if (s.sweeping)
        return; // the hand is on it
    std::vector<int> indices;
    for (const std::string& name : layers) {
        if (find(name) >= 0)
            indices.push_back(find(name));
    }
    setSelection(indices, false);
    if (indices.size() == 1)
        s.current = s.anchor = indices.front();
    else if (s.current >= 0 && !indices.empty() && !s.isSelected(s.current))
        s.current = s.anchor = indices.front();
}

std::vector<std::string> BitsMap::selected() const
{
    const State& s = *m_state;
    std::vector<std::string> names;
    for (int i = 0; i < s.count(); ++i) {
        if (s.isSelected(i))
            names.push_back(s.row(i).name);
    }
    return names;
}

std::string BitsMap::current() const
{
    return m_state->current < 0 ? std::string() : m_state->row(m_state->current).name;
}

void BitsMap::tellSelection()
{
    Q_EMIT selectionRequested(selected());
}

void BitsMap::setCurrent(int layer)
{
    State& s = *m_state;
    const int before = s.current;
    s.current = layer;
    if (before >= 0)
        updateCell(before);
    if (layer < 0)
        return;
    updateCell(layer);
    const Geometry& g = s.geometry;
    const QRect cell = g.cell(s.layout.places[static_cast<std::size_t>(layer)]);
    const auto bring = [](QScrollBar* bar, int low, int high) {
        if (low < bar->value())
            bar->setValue(low);
        else if (high > bar->value() + bar->pageStep())
            bar->setValue(high - bar->pageStep());
    };
    bring(horizontalScrollBar(), cell.left(), cell.right() + 3);
    bring(verticalScrollBar(), cell.top(), cell.bottom() + 3);
    setAccessibleDescription(cellToolTip(s.row(layer).name));
    QAccessibleEvent changed(this, QAccessible::DescriptionChanged);
    QAccessible::updateAccessibility(&changed);
}

QString BitsMap::cellText(const std::string& layer) const
{
    const int at = find(layer);
    return at < 0 ? QString() : m_state->looks[static_cast<std::size_t>(at)].text;
}

QColor BitsMap::cellColour(const std::string& layer) const
{
    const int at = find(layer);
    return at < 0 ? QColor() : m_state->looks[static_cast<std::size_t>(at)].colour;
}

QString BitsMap::cellToolTip(const std::string& layer) const
{
    const int at = find(layer);
    if (at < 0)
        return {};
    const LayerRow& row = m_state->row(at);
    QStringList lines{toQString(row.name), choiceText(row.choice)};
    if (row.bytes > 0)
        lines.append(tr("%1 bits/weight, %2")
                         .arg(toQString(formatBitsPerWeight(row.bitsPerWeight)),
                              toQString(formatBytes(row.bytes))));
    if (row.measured && !row.choice.keepFloat) {
        lines.append(tr("output error %1, weight SQNR %2")
                         .arg(toQString(formatPercent(row.relativeOutputError)),
                              toQString(formatDecibel(row.weightSqnrDb))));
    } else if (!row.choice.keepFloat) {
        lines.append(tr("Not computed yet: run the recipe"));
    }
    if (!row.stale.isEmpty())
        lines.append(row.stale);
    if (row.locked)
        lines.append(tr("Locked: edits of several layers leave it alone"));
    if (!row.note.isEmpty())
        lines.append(row.note);
    return lines.join(QLatin1Char('\n'));
}

} // namespace gradus
