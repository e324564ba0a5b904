// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/report.h"

#include <string>
#include <vector>

namespace gradus {

/// One layer of a report: the run's result, the model's layer, the compared run's result.
struct ReportRow
{
    const Layer* layer = nullptr;
    const LayerResult* result = nullptr;
    const LayerResult* compared = nullptr; ///< null when the other run lacks it, or there is none
    std::string block;                     ///< name of its block; empty outside of any
    std::string kind;                      ///< the layer's name within its block
    std::uint64_t sourceBytes = 0;         ///< in the source's dtype
};

/// Layers in model order. Throws Error(Usage) when model or run is missing or they do not belong
/// together.
[[nodiscard]] std::vector<ReportRow> reportRows(const ReportRequest& request, Monitor& monitor);

/// "float", or the method's name.
[[nodiscard]] std::string methodText(const LayerResult& result);
/// "64", "channel", "tensor".
[[nodiscard]] std::string granuleText(const Scheme& scheme);

} // namespace gradus
