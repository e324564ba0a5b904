// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "core/session/report.h"

#include <limits>
#include <string>
#include <vector>

namespace gradus {

/// Charts of a report as <svg> elements. Colours and fonts come from the page's style sheet by
/// class, so that light, dark and print are told apart there; every chart has a title and a
/// description for those who cannot see it.

/// Consecutive layers of one block: [first, last].
struct ChartBlock
{
    std::size_t first = 0;
    std::size_t last = 0;
    std::string label;
};

struct ChartLayer
{
    std::string name;  ///< whole, for the tool tip
    std::string label; ///< short, beside the mark
    ErrorRating rating = ErrorRating::None;
    bool kept = false;                                            ///< stays float
    double value = std::numeric_limits<double>::quiet_NaN();      ///< NaN: nothing to draw
    double compared = std::numeric_limits<double>::quiet_NaN();   ///< of the other run
    double background = std::numeric_limits<double>::quiet_NaN(); ///< an outline behind the bar
    std::string text;                                             ///< the value with its unit
};

/// One number per layer in model order.
struct LayerChart
{
    enum class Style
    {
        LogarithmicMarks, ///< a mark per layer with its rating's shape, limits of the ratings
        Decibel,          ///< bars from 0
        Bytes,            ///< bars from 0, axis in powers of 1024
    };
    std::string id; ///< unique in the page
    std::string title;
    std::string description;
    std::string axis;
    Style style = Style::LogarithmicMarks;
    int labelled = 0; ///< so many of the largest marks get their label
    std::vector<ChartLayer> layers;
    std::vector<ChartBlock> blocks;
};
[[nodiscard]] std::string layerChart(const LayerChart& chart);

/// A layer's weights before and after, over the same bins.
struct HistogramChart
{
    std::string id;
    std::string title;
    std::string description;
    Histogram original;
    Histogram dequantized;
    std::vector<float> levels; ///< of the first granule
    double clipLow = 0;        ///< lowest and highest level of all granules
    double clipHigh = 0;
};
[[nodiscard]] std::string histogramChart(const HistogramChart& chart);

/// Blocks as columns, kinds of layers as rows. Wraps into bands when there are many blocks.
struct ChartBits
{
    struct Cell
    {
        bool present = false;
        int bits = 0; ///< 0: stays float
        ErrorRating rating = ErrorRating::None;
        std::string text; ///< tool tip
    };
    std::string id;
    std::string title;
    std::string description;
    std::vector<std::string> kinds;
    std::vector<std::string> blocks;
    std::vector<Cell> cells; ///< block · kinds + kind
};
[[nodiscard]] std::string bitsMap(const ChartBits& map);

} // namespace gradus
