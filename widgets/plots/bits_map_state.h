// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

// What the parts of BitsMap share: the model as cells, where they stand, and what is held down.
#include "widgets/plots/bits_map.h"
#include "widgets/theme.h"

#include <QColor>
#include <QFontMetrics>
#include <QPalette>
#include <QRect>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gradus {

/// How a cell looks; cells are painted again when this changes.
struct BitsMapLook
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
    bool operator==(const BitsMapLook&) const = default;
};

/// The range of the measured values, widened to round numbers.
struct BitsMapRange
{
    bool log = false;
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
    bool operator==(const BitsMapRange& other) const
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
[[nodiscard]] std::pair<QString, QString> bitsMapTitleLines(const QString& title,
                                                            const QFontMetrics& metrics);
/// Pixels of a column's title that a cell is widened for.
constexpr int bitsMapTitleLimit = 96;

/// What a cell says of a method: short, for cells are narrow; the legend has its name beside it.
[[nodiscard]] QString shortMethodName(const MethodOptions& options);

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
    BitsMapRange range;
    std::vector<BitsMapLook> looks;
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

    [[nodiscard]] double valueOfCell(const LayerRow& row) const;
    [[nodiscard]] BitsMapRange rangeNow() const;
    /// Colour of a value in the present range: the worse, the stronger.
    [[nodiscard]] QColor colourOfValue(double value, Theme theme) const;
    [[nodiscard]] static QColor colourOfBits(int bits, Theme theme);
    [[nodiscard]] static int categoryOf(const MethodOptions& options);
    [[nodiscard]] BitsMapLook lookOf(const LayerRow& row, const QPalette& palette) const;
};

} // namespace gradus
