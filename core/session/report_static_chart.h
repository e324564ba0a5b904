// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/static_view.h"

#include <optional>
#include <string>

namespace gradus {

/// Charts of quantized inputs, as <svg> elements like those of report_chart.h.

/// The channels of a norm: what was seen and the limits, before it was divided and after.
struct NormChart
{
    std::string id; ///< unique in the page
    std::string title;
    std::string description;
    NormRanges ranges;
};
[[nodiscard]] std::string normChart(const NormChart& chart);

/// Where the probabilities of a softmax lie, with the levels of quantizers below.
struct ProbabilityChart
{
    std::string id;
    std::string title;
    std::string description;
    ProbabilityHistogram histogram;
    std::optional<ProbabilityGrid> grid; ///< none: they are float
};
[[nodiscard]] std::string probabilityChart(const ProbabilityChart& chart);
[[nodiscard]] std::string probabilityTitle(ProbabilityQuantizer quantizer); ///< "log√2"

} // namespace gradus
