// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/bits_map.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "widgets/models/bulk_edit.h"
#include "widgets/models/layer_measures.h"
#include "widgets/models/table_text.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QAccessible>
#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QHelpEvent>
#include <QMenu>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QScrollBar>
#include <QStyle>
#include <QSvgGenerator>
#include <QToolTip>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

namespace gradus {

namespace {
constexpr double leastZoom = 0.12;
constexpr double mostZoom = 4;
constexpr int titleLimit = 96; ///< pixels of a column's title that a cell is widened for
constexpr int labelLimit = 120;
constexpr int uprightLimit = 88; ///< height of titles that are turned
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// How a cell looks; cells are painted again when this changes.
struct Look
{
    enum class Ground
    {
        Value,
        Float,
        Unknown
    };
    Ground ground = Ground::Unknown;
    QString text;
    QColor colour;
    bool stale = false;
    bool locked = false;
    bool operator==(const Look&) const = default;
};

/// The range of the measured values, widened to round numbers.
struct Range
{
    bool log = false;
    double low = nothing;
    double high = nothing;
    bool operator==(const Range& other) const
    {
        const bool none = !isValid() && !other.isValid();
        return none || (log == other.log && low == other.low && high == other.high);
    }

    [[nodiscard]] bool isValid() const { return high > low; }
    [[nodiscard]] double share(double value) const
    {
        if (!isValid())
            return 0.5;
        const double t =
            log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
        return std::isnan(t) ? 0 : std::clamp(t, 0.0, 1.0);
    }
};

/// A title that is too wide for a column in two lines, broken at the last point that has room.
std::pair<QString, QString> titleLines(const QString& title, const QFontMetrics& metrics)
{
    const qsizetype point = title.lastIndexOf(QLatin1Char('.'));
    if (point < 0 || metrics.horizontalAdvance(title) <= titleLimit)
        return {{}, title};
    return {title.left(point), title.mid(point + 1)};
}

/// What a cell says of a method: short, for cells are narrow; the legend has its name beside it.
QString shortMethod(const MethodOptions& options)
{
    const std::string_view name = methodName(options);
    if (name == "rtn-mse")
        return QStringLiteral("MSE");
    if (name == "decoupleq")
        return QStringLiteral("DQ");
    if (name == "powerquant")
        return QStringLiteral("PQ");
    return toQString(name).toUpper();
}

/// 1, 2 or 5 times a power of ten, at most or at least the value.
double roundNumber(double value, bool up)
{
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : up ? std::vector<double>{1, 2, 5, 10} : std::vector<double>{5, 2, 1}) {
        if (up ? step * power >= value * (1 - 1e-9) : step * power <= value * (1 + 1e-9))
            return step * power;
    }
    return up ? 10 * power : power;
}
} // namespace

struct BitsMap::Geometry
{
    int cellWidth = 40;
    int cellHeight = 22;
    int header = 20; ///< height of the columns' titles
    int label = 40;  ///< width of the rows' titles
    int legend = 40;
    int stripGap = 0; ///< between blocks and the strip, with its heading
    int blockRows = 0;
    bool upright = true; ///< the columns' titles
    bool twoLines = false;
    QSize content;

    [[nodiscard]] int rowTop(int row) const
    {
        return row * cellHeight + (row >= blockRows ? stripGap : 0);
    }
    [[nodiscard]] QRect cell(BitsMapLayout::Place place) const
    {
        return {place.column * cellWidth, rowTop(place.row), cellWidth, cellHeight};
    }
};

struct BitsMap::State
{
    std::shared_ptr<const std::vector<LayerRow>> rows =
        std::make_shared<const std::vector<LayerRow>>();
    std::unordered_map<std::string, int> index;
    BitsMapLayout layout;
    LayerChoice standard;
    Colouring colouring = Colouring::Bits;
    Range range;
    std::vector<Look> looks;
    std::vector<char> selected;
    int current = -1;
    int anchor = -1;
    double zoomAcross = 1;
    double zoomDown = 1;
    bool ownZoom = false; ///< chosen by the user; else it follows the size of the view
    bool fitted = false;  ///< the whole model stays in view
    Geometry geometry;

    bool pressed = false;
    bool sweeping = false;
    QPoint from; ///< content coordinates
    QPoint to;
    std::vector<char> before; ///< the selection that a sweep adds to
    Qt::KeyboardModifiers modifiers;

    [[nodiscard]] const LayerRow& row(int layer) const
    {
        return (*rows)[static_cast<std::size_t>(layer)];
    }
    [[nodiscard]] bool isSelected(int layer) const
    {
        return selected[static_cast<std::size_t>(layer)] != 0;
    }
    [[nodiscard]] int count() const { return static_cast<int>(rows->size()); }

    [[nodiscard]] double valueOfCell(const LayerRow& row) const
    {
        if (row.choice.keepFloat || !row.measured)
            return nothing;
        return colouring == Colouring::OutputError  ? 100 * row.relativeOutputError
               : colouring == Colouring::WeightSqnr ? row.weightSqnrDb
                                                    : nothing;
    }
    [[nodiscard]] Range rangeNow() const
    {
        Range r;
        double least = std::numeric_limits<double>::infinity();
        double most = -least;
        r.log = colouring == Colouring::OutputError;
        for (const LayerRow& each : *rows) {
            const double v = valueOfCell(each);
            if (!std::isfinite(v) || (r.log && !(v > 0)))
                continue;
            least = std::min(least, v);
            most = std::max(most, v);
        }
        if (!(most >= least))
            return r;
        if (r.log) {
            r.low = roundNumber(least, false);
            r.high = roundNumber(std::max(most, r.low * 1.01), true);
        } else {
            r.low = 5 * std::floor(least / 5);
            r.high = std::max(5 * std::ceil(most / 5), r.low + 5);
        }
        return r;
    }
    /// Colour of a value in the present range: the worse, the stronger.
    [[nodiscard]] QColor colourOfValue(double value, Theme theme) const
    {
        const double t = range.share(value);
        return sequentialColour(colouring == Colouring::WeightSqnr ? 1 - t : t, theme);
    }
    [[nodiscard]] static QColor colourOfBits(int bits, Theme theme)
    {
        return sequentialColour(0.04 + 0.92 * (bits - 2) / 6.0, theme);
    }
    [[nodiscard]] static int categoryOf(const MethodOptions& options)
    {
        int at = 0;
        for (const MethodDescription& method : methods()) {
            if (method.name == methodName(options))
                return at;
            ++at;
        }
        return at;
    }
    [[nodiscard]] Look lookOf(const LayerRow& row, const QPalette& palette) const
    {
        const Theme theme = themeOf(palette);
        Look look;
        look.locked = row.locked;
        if (row.choice.keepFloat) {
            look.ground = Look::Ground::Float;
            look.text = BitsMap::tr("float");
            return look;
        }
        if (colouring == Colouring::Bits) {
            look.ground = Look::Ground::Value;
            look.text = QString::number(row.choice.scheme.bits);
            look.colour = colourOfBits(row.choice.scheme.bits, theme);
            return look;
        }
        if (colouring == Colouring::Method) {
            look.ground = Look::Ground::Value;
            look.text = shortMethod(row.choice.method);
            look.colour = categoryColour(categoryOf(row.choice.method), theme);
            return look;
        }
        const double value = valueOfCell(row);
        if (std::isnan(value)) {
            look.text = QStringLiteral("–");
            return look;
        }
        look.ground = Look::Ground::Value;
        look.stale = !row.stale.isEmpty();
        look.text = colouring == Colouring::OutputError
                        ? toQString(formatPercent(value / 100)).section(QLatin1Char(' '), 0, 0)
                    : std::isinf(value) ? QStringLiteral("∞")
                                        : QString::number(value, 'f', 1);
        look.colour = colourOfValue(value, theme);
        if (look.stale) { // half of the way back to the ground
            const QColor base = palette.color(QPalette::Base);
            look.colour = QColor((look.colour.red() + base.red()) / 2,
                                 (look.colour.green() + base.green()) / 2,
                                 (look.colour.blue() + base.blue()) / 2);
        }
        return look;
    }
};

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
    const Range range = s.rangeNow();
    everything = everything || !(range == s.range) || s.looks.size() != s.rows->size();
    s.range = range;
    std::vector<Look> looks;
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
        const auto [upper, lower] = titleLines(column.title, smallMetrics);
        widestTitle = std::max({widestTitle, smallMetrics.horizontalAdvance(upper),
                                smallMetrics.horizontalAdvance(lower)});
        twoLines = twoLines || !upper.isEmpty();
    }
    int widestLabel = smallMetrics.horizontalAdvance(tr("block"));
    for (const BitsMapLayout::Line& row : s.layout.rows)
        widestLabel = std::max(widestLabel, smallMetrics.horizontalAdvance(row.title));
    widestTitle = std::min(widestTitle, titleLimit);

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

int BitsMap::neighbour(int layer, int key) const
{
    const State& s = *m_state;
    if (layer < 0)
        return s.layout.layers.empty() ? -1 : s.layout.layers.begin()->second;
    const BitsMapLayout::Place place = s.layout.places[static_cast<std::size_t>(layer)];
    const int rows = static_cast<int>(s.layout.rows.size());
    if (key == Qt::Key_Left || key == Qt::Key_Right) {
        const int step = key == Qt::Key_Left ? -1 : 1;
        for (int column = place.column + step; column >= 0 && column < s.layout.width;
             column += step) {
            const int found = s.layout.layerAt({place.row, column});
            if (found >= 0)
                return found;
        }
        return layer;
    }
    const int step = key == Qt::Key_Up ? -1 : 1;
    for (int row = place.row + step; row >= 0 && row < rows; row += step) {
        // The same column, or the nearest that this row has.
        for (int away = 0; away < s.layout.width; ++away) {
            for (const int column : {place.column - away, place.column + away}) {
                const int found = s.layout.layerAt({row, column});
                if (found >= 0)
                    return found;
            }
        }
    }
    return layer;
}

void BitsMap::mousePressEvent(QMouseEvent* event)
{
    State& s = *m_state;
    if (event->button() != Qt::LeftButton || isEmpty())
        return;
    const Geometry& g = s.geometry;
    const QPoint at = event->pos();
    s.before = s.selected;
    s.modifiers = event->modifiers();
    const bool add = s.modifiers & Qt::ControlModifier;
    if (at.y() >= viewport()->height() - g.legend)
        return;
    if (at.x() < g.label || at.y() < g.header) { // titles select their whole line
        const QPoint content = at - QPoint(g.label, g.header) + scrolled();
        QRect line;
        if (at.x() >= g.label)
            line = QRect(content.x(), 0, 1, s.layout.blockRows * g.cellHeight);
        else if (at.y() >= g.header)
            line = QRect(0, content.y(), g.content.width(), 1);
        const std::vector<int> hit = line.isEmpty() ? std::vector<int>() : layersWithin(line);
        if (hit.empty())
            return;
        setSelection(hit, add);
        s.anchor = hit.front();
        setCurrent(hit.front());
        tellSelection();
        return;
    }
    s.pressed = true;
    s.sweeping = false;
    s.from = s.to = at - QPoint(g.label, g.header) + scrolled();
}

void BitsMap::mouseMoveEvent(QMouseEvent* event)
{
    State& s = *m_state;
    if (!s.pressed || !(event->buttons() & Qt::LeftButton))
        return;
    const Geometry& g = s.geometry;
    const QPoint at = event->pos();
    // A sweep over the edge takes the map along.
    const auto follow = [](QScrollBar* bar, int place, int low, int high) {
        if (place < low)
            bar->setValue(bar->value() - std::min(24, low - place));
        else if (place > high)
            bar->setValue(bar->value() + std::min(24, place - high));
    };
    const QPoint content = at - QPoint(g.label, g.header) + scrolled();
    if (!s.sweeping && (content - s.from).manhattanLength() < QApplication::startDragDistance())
        return;
    s.sweeping = true;
    follow(horizontalScrollBar(), at.x(), g.label, viewport()->width());
    follow(verticalScrollBar(), at.y(), g.header, viewport()->height() - g.legend);
    const QPoint origin = QPoint(g.label, g.header) - scrolled();
    const QRect old = QRect(s.from, s.to).normalized().translated(origin);
    s.to = at - origin;
    const QRect now = QRect(s.from, s.to).normalized();
    setSelection(layersWithin(now), s.modifiers & (Qt::ControlModifier | Qt::ShiftModifier));
    viewport()->update(old.united(now.translated(origin)).adjusted(-2, -2, 2, 2));
}

void BitsMap::mouseReleaseEvent(QMouseEvent* event)
{
    State& s = *m_state;
    if (event->button() != Qt::LeftButton || !s.pressed)
        return;
    s.pressed = false;
    if (s.sweeping) {
        s.sweeping = false;
        const std::vector<int> hit = layersWithin(QRect(s.from, s.to).normalized());
        if (!hit.empty()) {
            s.anchor = hit.front();
            setCurrent(hit.back());
        }
        viewport()->update();
        tellSelection();
        return;
    }
    const int layer = layerUnder(event->pos());
    if (layer < 0)
        return;
    if ((s.modifiers & Qt::ShiftModifier) && s.anchor >= 0) {
        setSelection(layersBetween(s.anchor, layer), s.modifiers & Qt::ControlModifier);
    } else if (s.modifiers & Qt::ControlModifier) {
        s.before[static_cast<std::size_t>(layer)] = s.isSelected(layer) ? 0 : 1;
        setSelection({}, true);
        s.anchor = layer;
    } else {
        setSelection({layer}, false);
        s.anchor = layer;
    }
    setCurrent(layer);
    tellSelection();
}

void BitsMap::keyPressEvent(QKeyEvent* event)
{
    State& s = *m_state;
    if (isEmpty()) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    if (event->matches(QKeySequence::Copy)) {
        copyImage();
        return;
    }
    if (event->matches(QKeySequence::SelectAll)) {
        std::vector<int> all;
        for (int i = 0; i < s.count(); ++i)
            all.push_back(i);
        setSelection(all, false);
        tellSelection();
        return;
    }
    const Qt::KeyboardModifiers held = event->modifiers() & ~Qt::KeypadModifier;
    const int key = event->key();
    if (held & (Qt::ControlModifier | Qt::AltModifier | Qt::MetaModifier)) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    const auto go = [&](int layer) {
        if (layer < 0)
            return;
        if (!(held & Qt::ShiftModifier) || s.anchor < 0) {
            s.anchor = layer;
            setSelection({layer}, false);
        } else {
            setSelection(layersBetween(s.anchor, layer), false);
        }
        setCurrent(layer);
        tellSelection();
    };
    switch (key) {
    case Qt::Key_Left:
    case Qt::Key_Right:
    case Qt::Key_Up:
    case Qt::Key_Down:
        go(neighbour(s.current, key));
        return;
    case Qt::Key_Home:
        go(s.layout.layers.begin()->second);
        return;
    case Qt::Key_End:
        go(s.layout.layers.rbegin()->second);
        return;
    case Qt::Key_Space:
        toggleLock();
        return;
    case Qt::Key_F:
        requestEdit({ChoiceField::Bits, QStringLiteral("float"), {}});
        return;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoomBy(1.25);
        return;
    case Qt::Key_Minus:
        zoomBy(0.8);
        return;
    case Qt::Key_0:
        fit();
        return;
    default:
        break;
    }
    if (key >= Qt::Key_2 && key <= Qt::Key_8)
        requestEdit({ChoiceField::Bits, QString::number(key - Qt::Key_0), {}});
    else
        QAbstractScrollArea::keyPressEvent(event);
}

void BitsMap::wheelEvent(QWheelEvent* event)
{
    if (!(event->modifiers() & Qt::ControlModifier)) {
        QAbstractScrollArea::wheelEvent(event);
        return;
    }
    const int turned = event->angleDelta().y();
    if (turned != 0)
        zoomAround(std::pow(1.2, turned / 120.0), event->position().toPoint());
    event->accept();
}

void BitsMap::focusInEvent(QFocusEvent* event)
{
    QAbstractScrollArea::focusInEvent(event);
    if (m_state->current < 0 && !isEmpty()) {
        const std::vector<std::string> chosen = selected();
        m_state->current =
            chosen.empty() ? m_state->layout.layers.begin()->second : find(chosen.front());
        m_state->anchor = m_state->current;
    }
    if (m_state->current >= 0)
        updateCell(m_state->current);
}

void BitsMap::focusOutEvent(QFocusEvent* event)
{
    QAbstractScrollArea::focusOutEvent(event);
    if (m_state->current >= 0)
        updateCell(m_state->current);
}

bool BitsMap::viewportEvent(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const State& s = *m_state;
        const Geometry& g = s.geometry;
        const int layer = layerUnder(help->pos());
        QString text;
        QRect where;
        if (layer >= 0) {
            text = cellToolTip(s.row(layer).name);
            where = cellRect(layer);
        } else if (help->pos().y() < g.header && help->pos().x() >= g.label) {
            const int column =
                (help->pos().x() - g.label + horizontalScrollBar()->value()) / g.cellWidth;
            if (column < static_cast<int>(s.layout.columns.size()))
                text = s.layout.columns[static_cast<std::size_t>(column)].name;
        } else if (help->pos().x() < g.label) {
            const int y = help->pos().y() - g.header + verticalScrollBar()->value();
            for (std::size_t row = 0; row < s.layout.rows.size(); ++row) {
                const int top = g.rowTop(static_cast<int>(row));
                if (y >= top && y < top + g.cellHeight)
                    text = s.layout.rows[row].name;
            }
        }
        if (text.isEmpty())
            QToolTip::hideText();
        else
            QToolTip::showText(help->globalPos(), text, viewport(), where);
        return true;
    }
    return QAbstractScrollArea::viewportEvent(event);
}

void BitsMap::requestEdit(const ChoiceEdit& edit)
{
    const State& s = *m_state;
    std::vector<int> targets;
    for (int i = 0; i < s.count(); ++i) {
        if (s.isSelected(i))
            targets.push_back(i);
    }
    if (targets.empty() && s.current >= 0)
        targets.push_back(s.current);
    try {
        const BulkEdit change = bulkEdit(*s.rows, targets, edit, s.standard);
        if (!change.choices.empty())
            Q_EMIT editRequested(change.choices, change.text);
    } catch (const Error& error) {
        Q_EMIT editRefused(toQString(error.what()));
    }
}

void BitsMap::toggleLock()
{
    const State& s = *m_state;
    std::vector<std::string> names = selected();
    if (names.empty() && s.current >= 0)
        names.push_back(current());
    if (names.empty())
        return;
    const bool allLocked = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
        return s.row(find(name)).locked;
    });
    Q_EMIT lockRequested(names, !allLocked);
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
    const Look& look = s.looks[static_cast<std::size_t>(layer)];
    const QPalette& colours = palette();
    const int gap = cell.width() >= 12 && cell.height() >= 10 ? 1 : 0;
    const QRect box = cell.adjusted(gap, gap, -gap, -gap);
    QColor ink = colours.color(QPalette::Text);
    const QColor muted = themeColours(colours).muted;
    switch (look.ground) {
    case Look::Ground::Value:
        painter.fillRect(box, look.colour);
        ink = textColourOn(look.colour);
        break;
    case Look::Ground::Float: {
        QColor hatch = muted;
        hatch.setAlphaF(0.3F);
        painter.fillRect(box, colours.color(QPalette::AlternateBase));
        painter.fillRect(box, QBrush(hatch, Qt::BDiagPattern));
        ink = colours.color(QPalette::Text);
        break;
    }
    case Look::Ground::Unknown:
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
    if (look.ground == Look::Ground::Float && metrics.horizontalAdvance(text) > room)
        text = tr("f", "short for float");
    const bool textFits = metrics.horizontalAdvance(text) <= room &&
                          metrics.ascent() - metrics.descent() <= box.height() - 2;
    if (textFits) {
        painter.setFont(font);
        painter.setPen(ink);
        if (look.ground == Look::Ground::Float) { // a clear ground under the letters
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
            const auto [upper, lower] = titleLines(title, metrics);
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
        const Look& look = s.looks[static_cast<std::size_t>(i)];
        const LayerChoice& choice = s.row(i).choice;
        anyFloat = anyFloat || look.ground == Look::Ground::Float;
        anyUnknown = anyUnknown || look.ground == Look::Ground::Unknown;
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
            const QString label = shortMethod(choice->method);
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

QSize BitsMap::wholeSize() const
{
    const Geometry& g = m_state->geometry;
    return {std::max(460, g.label + g.content.width() + 8),
            g.header + g.content.height() + 8 + g.legend};
}

void BitsMap::renderMap(QPainter& painter) const
{
    const Geometry& g = m_state->geometry;
    const QRect area(QPoint(), wholeSize());
    painter.fillRect(area, palette().color(QPalette::Base));
    const QRect cells = area.adjusted(g.label, g.header, 0, -g.legend);
    paintCells(painter, g, cells, {}, cells, false);
    paintFrame(painter, g, area, {});
}

void BitsMap::copyImage() const
{
    if (isEmpty())
        return;
    // Images have a limit in Qt and in other programs; a longer map is made smaller.
    const QSize size = wholeSize();
    const double scale = std::min(2.0, 16000.0 / std::max(size.width(), size.height()));
    QImage image(size * scale, QImage::Format_ARGB32_Premultiplied);
    QPainter painter(&image);
    painter.scale(scale, scale);
    renderMap(painter);
    painter.end();
    QApplication::clipboard()->setImage(image);
}

bool BitsMap::save(const QString& path, QString* error) const
{
    const QString kind = QFileInfo(path).suffix().toLower();
    const QSize size = wholeSize();
    bool written = false;
    if (kind == QLatin1String("csv")) {
        QSaveFile file(path);
        const QByteArray text = csv().toUtf8();
        written =
            file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
    } else if (kind == QLatin1String("png")) {
        const double scale = std::min(2.0, 16000.0 / std::max(size.width(), size.height()));
        QImage image(size * scale, QImage::Format_ARGB32_Premultiplied);
        QPainter painter(&image);
        painter.scale(scale, scale);
        renderMap(painter);
        painter.end();
        QSaveFile file(path);
        written = file.open(QIODevice::WriteOnly) && image.save(&file, "PNG") && file.commit();
    } else if (kind == QLatin1String("svg")) {
        QSvgGenerator generator;
        generator.setFileName(path);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(), size));
        generator.setTitle(tr("Gradus: map of the model"));
        QPainter painter;
        if (painter.begin(&generator)) {
            renderMap(painter);
            written = painter.end();
        }
    } else if (kind == QLatin1String("pdf")) {
        QPdfWriter writer(path);
        writer.setResolution(96);
        writer.setPageSize(
            QPageSize(QSizeF(size) * 72 / 96, QPageSize::Point, {}, QPageSize::ExactMatch));
        writer.setPageMargins({});
        QPainter painter;
        if (painter.begin(&writer)) {
            renderMap(painter);
            written = painter.end();
        }
    } else {
        if (error)
            *error =
                tr("%1: the extension is \"%2\", expected png, svg, pdf or csv").arg(path, kind);
        return false;
    }
    if (!written && error)
        *error = tr("%1 cannot be written").arg(path);
    return written;
}

void BitsMap::saveAs()
{
    auto* dialog = new QFileDialog(this, tr("Save the map"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilters(
        {tr("Image (*.png)"), tr("Drawing (*.svg)"), tr("Document (*.pdf)"), tr("Table (*.csv)")});
    dialog->setDefaultSuffix(QStringLiteral("png"));
    connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& filter) {
        dialog->setDefaultSuffix(filter.section(QLatin1Char('.'), -1).chopped(1));
    });
    dialog->selectFile(QStringLiteral("model-map"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        QString error;
        if (!save(path, &error))
            Q_EMIT failed(error);
    });
    dialog->open();
}

QString BitsMap::csv() const
{
    const State& s = *m_state;
    if (isEmpty())
        return {};
    QString text = QStringLiteral("layer,row,column,choice,bits,bits_per_weight,bytes,"
                                  "output_error_percent,weight_sqnr_db,out_of_date,locked\n");
    const auto number = [](double v) {
        return std::isnan(v) ? QString() : QString::number(v, 'g', 9);
    };
    for (int i = 0; i < s.count(); ++i) {
        const LayerRow& row = s.row(i);
        const BitsMapLayout::Place place = s.layout.places[static_cast<std::size_t>(i)];
        const bool inBlock = place.row < s.layout.blockRows;
        const QStringList cells{
            csvField(toQString(row.name)),
            inBlock ? csvField(s.layout.rows[static_cast<std::size_t>(place.row)].name) : QString(),
            inBlock ? csvField(s.layout.columns[static_cast<std::size_t>(place.column)].name)
                    : QString(),
            csvField(choiceText(row.choice)),
            row.choice.keepFloat ? QString() : QString::number(row.choice.scheme.bits),
            number(row.bitsPerWeight),
            row.bytes > 0 ? QString::number(row.bytes) : QString(),
            number(100 * row.relativeOutputError),
            number(row.weightSqnrDb),
            row.stale.isEmpty() ? QStringLiteral("0") : QStringLiteral("1"),
            row.locked ? QStringLiteral("1") : QStringLiteral("0")};
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

void BitsMap::contextMenuEvent(QContextMenuEvent* event)
{
    State& s = *m_state;
    if (isEmpty())
        return;
    const int under = event->reason() == QContextMenuEvent::Mouse ? layerUnder(event->pos()) : -1;
    if (under >= 0 && !s.isSelected(under)) {
        setSelection({under}, false);
        s.anchor = under;
        setCurrent(under);
        tellSelection();
    }
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    const std::vector<std::string> chosen = selected();
    const auto addField = [&](const QString& title, ChoiceField field) {
        QMenu* values = menu->addMenu(title);
        values->setEnabled(!chosen.empty());
        for (const FieldValue& value : fieldValues(field)) {
            values->addAction(value.text, this, [this, field, value] {
                requestEdit({field, value.value, {}});
            });
        }
    };
    addField(tr("Bits"), ChoiceField::Bits);
    addField(tr("Method"), ChoiceField::Method);
    const bool allLocked =
        !chosen.empty() && std::all_of(chosen.begin(), chosen.end(), [&](const std::string& name) {
            return s.row(find(name)).locked;
        });
    QAction* lock =
        menu->addAction(allLocked ? tr("Unlock") : tr("Lock"), this, &BitsMap::toggleLock);
    lock->setShortcut(Qt::Key_Space);
    lock->setEnabled(!chosen.empty());
    menu->addSeparator();
    QMenu* colours = menu->addMenu(tr("Color by"));
    auto* group = new QActionGroup(colours);
    const auto addColouring = [&](const QString& title, Colouring each) {
        QAction* action = colours->addAction(title, this, [this, each] { setColouring(each); });
        action->setCheckable(true);
        action->setChecked(s.colouring == each);
        group->addAction(action);
    };
    addColouring(tr("Bits"), Colouring::Bits);
    addColouring(tr("Output error"), Colouring::OutputError);
    addColouring(tr("Weight SQNR"), Colouring::WeightSqnr);
    addColouring(tr("Method"), Colouring::Method);
    QAction* whole = menu->addAction(tr("Show whole model"), this, &BitsMap::fit);
    whole->setShortcut(Qt::Key_0);
    menu->addAction(tr("Usual size"), this, [this] { setZoom(1); });
    menu->addSeparator();
    QAction* image = menu->addAction(tr("Copy image"), this, &BitsMap::copyImage);
    image->setShortcut(QKeySequence::Copy);
    menu->addAction(tr("Copy data as CSV"), this,
                    [this] { QApplication::clipboard()->setText(csv()); });
    menu->addAction(tr("Save as PNG, SVG, PDF or CSV…"), this, &BitsMap::saveAs);
    menu->popup(event->globalPos());
}

} // namespace gradus
