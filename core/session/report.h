// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/model.h"
#include "core/session/run.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// How a relative output error is judged: good up to 1 % (20 dB), fair up to 5 % (13 dB).
inline constexpr double goodOutputError = 0.01;
inline constexpr double fairOutputError = 0.05;
enum class ErrorRating
{
    None, ///< not measured
    Good,
    Fair,
    Poor
};
[[nodiscard]] ErrorRating ratingOf(double relativeOutputError);
[[nodiscard]] std::string_view ratingName(ErrorRating rating); ///< "", "good", "fair", "poor"

/// What a report tells of.
struct ReportRequest
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Run> run;      ///< of this model
    std::shared_ptr<const Run> compared; ///< null for none; layers are matched by name
    std::string runName;                 ///< "4bit"; needed where two runs are told apart
    std::string comparedName;
    std::vector<std::string> perplexity; ///< lines to quote as they are
    std::string title;                   ///< empty: made from the model's name
    int maximumHistograms = 48;          ///< of the layers with the largest error
};

/// The report as one HTML page that is well-formed XML too: no external resource, no script, light
/// and dark. Holds no time and of paths the last component only: equal requests give equal bytes.
/// Names, notes and patterns may hold anything; they come out as text. Throws Error(Usage) when the
/// run is not the model's.
[[nodiscard]] std::string reportHtml(const ReportRequest& request, Monitor& monitor);
/// reportHtml into a file, written atomically. Throws Error(Io).
void writeReport(const ReportRequest& request, const std::filesystem::path& path, Monitor& monitor);

/// The table of layers: a header, one line per layer, numbers in full precision with a decimal
/// point, empty where nothing was measured. With a compared run its columns follow. Text that a
/// spreadsheet would take for a formula gets an apostrophe in front.
[[nodiscard]] std::string reportCsv(const ReportRequest& request, Monitor& monitor);
void writeReportCsv(const ReportRequest& request, const std::filesystem::path& path,
                    Monitor& monitor);

} // namespace gradus
