// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/gain_steps.h"

#include <string>
#include <vector>

namespace gradus {

/// Charts of methods with power grids, as <svg> elements like those of report_chart.h.

/// The exponent of each layer in model order; rows with exponents of their own as a range.
struct ExponentChart
{
    struct LayerExponent
    {
        double low = 1;
        double high = 1;
        double typical = 1; ///< the one, or the mean of the rows
        std::string tip;
    };
    std::string id; ///< unique in the page
    std::string title;
    std::string description;
    std::vector<LayerExponent> layers;
};
[[nodiscard]] std::string exponentChart(const ExponentChart& chart);

/// Where the gain comes from: a bar for each kind of step that begins where the one before ended.
struct GainChart
{
    std::string id;
    std::string title;
    std::string description;
    GainSteps gain;
};
[[nodiscard]] std::string gainChart(const GainChart& chart);
[[nodiscard]] std::string gainTitle(GainKind kind); ///< "nearest levels"

/// The levels of layers as ticks between −s and s, a line for each.
struct LevelsChart
{
    struct Line
    {
        std::string label;
        std::string text;          ///< "a 0.652"
        std::vector<float> levels; ///< over the scale
        std::string tip;
    };
    std::string id;
    std::string title;
    std::string description;
    std::vector<Line> lines;
};
[[nodiscard]] std::string levelsChart(const LevelsChart& chart);

} // namespace gradus
