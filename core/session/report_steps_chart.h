// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

#include <string>
#include <vector>

namespace gradus {

/// Charts of methods that improve their result in turn, as <svg> elements like those of
/// report_chart.h.

/// The error of a layer after each step, on a logarithmic axis; each stage has a shape.
struct ConvergenceChart
{
    struct Step
    {
        TraceStage stage = TraceStage::RoundToNearest;
        double value = 0;  ///< a share; only what is above 0 is drawn
        std::string label; ///< under the axis, where there is room
        std::string tip;
    };
    std::string id; ///< unique in the page
    std::string title;
    std::string description;
    std::vector<Step> steps;
};
[[nodiscard]] std::string convergenceChart(const ConvergenceChart& chart);
/// The outline of a stage's shape, for a key of 14 × 14 units.
[[nodiscard]] std::string stageShape(TraceStage stage, double x, double y, double r);

/// The error of each block before and after its training: a ring and a disc.
struct TrainingChart
{
    struct BlockChange
    {
        std::string label;
        double before = 0;
        double after = 0;
        std::string tip;
    };
    std::string id;
    std::string title;
    std::string description;
    std::vector<BlockChange> blocks;
};
[[nodiscard]] std::string trainingChart(const TrainingChart& chart);

} // namespace gradus
