// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/session/statistics.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string model;
    std::string layer;
    int bits = 4;
    std::string granularity = "channel";
    int threads = 0;
    bool json = false;
};

int stats(const Arguments& arguments)
{
    Scheme scheme;
    scheme.bits = arguments.bits;
    scheme.symmetric = true;
    setGranularity(scheme, arguments.granularity);
    if (const auto problem = scheme.validate())
        throw Error(ErrorCode::Usage, *problem);
    const ThreadLimit threads(arguments.threads);
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
            out["layers"].push_back({{"name", row.name},
                                     {"mean", row.moments.mean},
                                     {"std", row.moments.std},
                                     {"min", row.moments.minimum},
                                     {"max", row.moments.maximum},
                                     {"excess_kurtosis", row.moments.excessKurtosis},
                                     {"outlier_share", row.outlierShare},
                                     {"best_exponent", row.exponent.bestExponent},
                                     {"exponent_nmse", row.exponent.bestNmse},
                                     {"uniform_nmse", row.exponent.uniformNmse}});
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
    verb->add_option("--threads", arguments->threads, "Threads to use, 0 for all processors");
    verb->add_flag("--json", arguments->json, "Print one JSON object");
    add(verb, [arguments] { return stats(*arguments); });
}

} // namespace gradus::cli
