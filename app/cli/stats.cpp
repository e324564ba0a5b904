// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/session/statistics.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string model;
    std::string layer;
    int bits = 4;
    std::string granularity = "channel";
    ResourceArguments resources;
    bool modelExponent = false;
    bool json = false;
};

nlohmann::ordered_json jsonOf(const LayerStatistics& row)
{
    const ExponentStudy& study = row.study;
    return {{"name", row.name},
            {"mean", row.moments.mean},
            {"std", row.moments.std},
            {"min", row.moments.minimum},
            {"max", row.moments.maximum},
            {"excess_kurtosis", row.moments.excessKurtosis},
            {"outlier_share", row.outlierShare},
            {"best_exponent", row.exponent.bestExponent},
            {"exponent_nmse", row.exponent.bestNmse},
            {"uniform_nmse", row.exponent.uniformNmse},
            {"nearest_exponent", study.bestNearest.exponent},
            {"nearest_nmse", study.bestNearest.error},
            {"clipped_exponent", study.bestClipped.exponent},
            {"clipped_clip", study.bestClipped.clip},
            {"clipped_nmse", study.bestClipped.error},
            {"uniform_clipped_nmse", study.uniformClipped.error},
            {"predicted_exponent", study.predictedExponent}};
}

/// One exponent for all layers, with the least sum of their errors.
ExponentStudy studyOfAll(const std::vector<LayerStatistics>& rows)
{
    std::vector<ExponentStudy> studies;
    studies.reserve(rows.size());
    for (const LayerStatistics& row : rows)
        studies.push_back(row.study);
    return wholeModelStudy(studies);
}

/// To the nearest level, with the best clip of scales, and the exponent that theory predicts.
void printStudies(const std::vector<LayerStatistics>& rows)
{
    Table table({{"layer", Table::Align::Left},
                 {"nearest level, exponent"},
                 {"NMSE"},
                 {"with clip, exponent"},
                 {"clip"},
                 {"NMSE"},
                 {"uniform with clip"},
                 {"predicted exponent"}});
    for (const LayerStatistics& row : rows) {
        const ExponentStudy& study = row.study;
        table.add(
            {row.name, formatReal(study.bestNearest.exponent, 3),
             formatPercent(study.bestNearest.error), formatReal(study.bestClipped.exponent, 3),
             formatReal(study.bestClipped.clip, 3), formatPercent(study.bestClipped.error),
             formatPercent(study.uniformClipped.error), formatReal(study.predictedExponent, 3)});
    }
    std::puts("");
    table.print();
}

int stats(const Arguments& arguments)
{
    Scheme scheme;
    scheme.bits = arguments.bits;
    scheme.symmetric = true;
    setGranularity(scheme, arguments.granularity);
    if (const auto problem = scheme.validate())
        throw Error(ErrorCode::Usage, *problem);
    const ThreadLimit threads(arguments.resources.threads);
    TerminalMonitor monitor(false);
    const auto model = openModel(arguments.model);
    const auto rows = layerStatistics(*model, arguments.layer, scheme, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out;
        out["bits"] = arguments.bits;
        out["granularity"] = arguments.granularity;
        out["layers"] = nlohmann::ordered_json::array();
        for (const LayerStatistics& row : rows)
            out["layers"].push_back(jsonOf(row));
        if (arguments.modelExponent && !rows.empty()) {
            const ExponentStudy whole = studyOfAll(rows);
            out["model"] = {{"exponent", whole.bestPower.exponent},
                            {"exponent_nmse", whole.bestPower.error},
                            {"nearest_exponent", whole.bestNearest.exponent},
                            {"nearest_nmse", whole.bestNearest.error},
                            {"uniform_nmse", whole.uniform}};
        }
        printJson(out.dump(2));
        return 0;
    }
    Table table({{"layer", Table::Align::Left},
                 {"mean"},
                 {"std"},
                 {"min"},
                 {"max"},
                 {"excess kurtosis"},
                 {"beyond 6 σ"},
                 {"best exponent"},
                 {"NMSE"},
                 {"uniform NMSE"}});
    for (const LayerStatistics& row : rows)
        table.add({row.name, formatReal(row.moments.mean, 3), formatReal(row.moments.std, 3),
                   formatReal(row.moments.minimum, 3), formatReal(row.moments.maximum, 3),
                   formatReal(row.moments.excessKurtosis, 3), formatPercent(row.outlierShare),
                   formatReal(row.exponent.bestExponent, 3), formatPercent(row.exponent.bestNmse),
                   formatPercent(row.exponent.uniformNmse)});
    table.print();
    printStudies(rows);
    if (arguments.modelExponent && !rows.empty()) {
        const ExponentStudy whole = studyOfAll(rows);
        std::printf("\none exponent for all layers: %s (NMSE %s), nearest levels %s (%s), "
                    "uniform %s\n",
                    formatReal(whole.bestPower.exponent, 3).c_str(),
                    formatPercent(whole.bestPower.error).c_str(),
                    formatReal(whole.bestNearest.exponent, 3).c_str(),
                    formatPercent(whole.bestNearest.error).c_str(),
                    formatPercent(whole.uniform).c_str());
    }
    return 0;
}

} // namespace

void addStats(CLI::App& program, const AddAction& add)
{
    CLI::App* verb =
        program.add_subcommand("stats", "Moments, outliers and the best power exponent of weights");
    const auto arguments = std::make_shared<Arguments>();
    verb->add_option("MODEL", arguments->model, "Model folder or file")->required();
    verb->add_option("--layer", arguments->layer, "Only layers whose name matches this pattern");
    verb->add_option("--bits", arguments->bits, "Bits of the power grid")->capture_default_str();
    verb->add_option("--granularity", arguments->granularity, "tensor, channel or group:N")
        ->capture_default_str();
    verb->add_flag("--model-exponent", arguments->modelExponent,
                   "Also the best exponent for all of these layers together");
    addResourceOptions(*verb, arguments->resources, false);
    addJsonFlag(*verb, arguments->json);
    add(verb, [arguments] { return stats(*arguments); });
}

} // namespace gradus::cli
