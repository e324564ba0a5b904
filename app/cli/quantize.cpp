// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/quantize.h"

#include "app/cli/commands.h"
#include "app/cli/quantize_json.h"
#include "app/cli/recipe_arguments.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/quant/static_settings.h"
#include "core/session/forecast.h"
#include "core/session/journal.h"
#include "core/session/prepared_model.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string model;
    RecipeArguments recipe;
    std::string layers;
    ResourceArguments resources;
    bool resume = false;
    bool dryRun = false;
    std::string out;
    std::string json;
    bool jsonGiven = false;
};

std::string jsonOf(const Plan& planned, const Forecast& expected)
{
    nlohmann::ordered_json out;
    out["layers"] = nlohmann::ordered_json::array();
    for (const Plan::Row& row : planned.rows) {
        const bool kept = row.choice.keepFloat;
        nlohmann::ordered_json entry;
        entry["name"] = row.layer;
        entry["method"] = kept ? "float" : std::string(methodName(row.choice.method));
        entry["bits"] = nullptr;
        if (!kept)
            entry["bits"] = row.choice.scheme.bits;
        entry["bits_per_weight"] =
            kept ? std::numeric_limits<double>::quiet_NaN() : row.bitsPerWeight;
        entry["bytes"] = row.bytes;
        const auto settings =
            kept ? std::nullopt : staticSettings(row.choice.activation, row.choice.method);
        if (settings || (!kept && row.choice.activation.enabled())) {
            entry["activation_bits"] = row.choice.activation.bits;
            entry["activation_quantizer"] =
                activationQuantizerName(quantizerOf(row.choice.activation, row.choice.method));
        }
        if (settings) {
            entry["attention_bits"] = settings->attentionBits;
            entry["softmax_bits"] = settings->probabilityBits;
        }
        entry["note"] = row.note;
        out["layers"].push_back(std::move(entry));
    }
    out["totals"] = {{"bits_per_weight", planned.totals.bitsPerWeight},
                     {"bytes", planned.totals.bytes},
                     {"float_bytes", planned.totals.floatBytes},
                     {"weights", planned.totals.weights}};
    out["forecast_seconds"] = expected.seconds;
    out["forecast_peak_memory_bytes"] = expected.peakMemoryBytes;
    return out.dump(2);
}

void printPlan(const Plan& planned, const Forecast& expected)
{
    Table table({{"layer", Table::Align::Left},
                 {"method", Table::Align::Left},
                 {"bits"},
                 {"group"},
                 {"bits/weight"},
                 {"size"},
                 {"note", Table::Align::Left}});
    for (const Plan::Row& row : planned.rows) {
        const bool kept = row.choice.keepFloat;
        table.add({row.layer, kept ? "float" : std::string(methodName(row.choice.method)),
                   kept ? "" : std::to_string(row.choice.scheme.bits),
                   kept ? "" : groupText(row.choice.scheme),
                   kept ? "" : formatBitsPerWeight(row.bitsPerWeight),
                   kept ? "" : formatBytes(row.bytes), row.note});
    }
    table.print();
    std::printf("\n%s quantized weights in %s (%s bits per weight), %s stay float\n",
                formatCount(planned.totals.weights).c_str(),
                formatBytes(planned.totals.bytes).c_str(),
                formatBitsPerWeight(planned.totals.bitsPerWeight).c_str(),
                formatBytes(planned.totals.floatBytes).c_str());
    std::printf("expected: about %s and %s of memory on this machine\n",
                formatSeconds(expected.seconds).c_str(),
                formatBytes(expected.peakMemoryBytes).c_str());
}

/// The layers whose names match, for --layers.
std::set<std::string> layersMatching(const Model& model, const std::string& pattern)
{
    const Regex regex(pattern);
    std::set<std::string> names;
    for (const Layer& layer : model.layers)
        if (regex.search(layer.name))
            names.insert(layer.name);
    if (names.empty())
        throw Error(ErrorCode::Usage,
                    concat("--layers ", quoted(pattern), " matches none of the ",
                           model.layers.size(), " layers; see gradus-cli inspect"));
    return names;
}

/// Layers that are not for this run stay float.
Recipe reducedTo(const std::set<std::string>& only, Recipe recipe, const Model& model)
{
    const std::vector<LayerChoice> choices = resolve(recipe, model);
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (!choices[i].keepFloat && !only.contains(model.layers[i].name)) {
            LayerChoice& choice = recipe.overrides[model.layers[i].name];
            choice = choices[i];
            choice.keepFloat = true;
        }
    return recipe;
}

int dryRun(const QuantizeRequest& request, const Arguments& arguments)
{
    ForecastRequest wanted;
    wanted.model = request.model;
    wanted.recipe = request.only
                        ? reducedTo(coupledLayers(*request.model, request.recipe, *request.only),
                                    request.recipe, *request.model)
                        : request.recipe;
    wanted.memoryBytes = request.memoryBytes;
    Monitor monitor;
    wanted.machine = measureMachine(monitor);
    const Plan planned = plan(*wanted.model, wanted.recipe);
    const Forecast expected = forecast(wanted);
    if (arguments.jsonGiven)
        printJson(jsonOf(planned, expected), arguments.json.empty() ? "-" : arguments.json);
    if (!arguments.jsonGiven || (!arguments.json.empty() && arguments.json != "-"))
        printPlan(planned, expected);
    if (const std::string note = foldingNote(*wanted.model, wanted.recipe); !note.empty())
        std::fprintf(stderr, "%s\n", note.c_str());
    return 0;
}

/// What the trainings did to their losses, before and after.
void printTrainings(const Run& run)
{
    const auto trainings = trainingsOf(run);
    if (trainings.empty())
        return;
    std::vector<Table::Column> columns{{"training", Table::Align::Left},
                                       {"loss before"},
                                       {"after"},
                                       {"change"},
                                       {"kept epoch"},
                                       {"steps"},
                                       {"scales moved"}};
    // What only power levels train.
    const bool power = std::any_of(trainings.begin(), trainings.end(), [](const auto& training) {
        return training->codeChange != 0 || training->exponentChange != 0;
    });
    if (power) {
        columns.push_back({"codes changed"});
        columns.push_back({"exponents moved"});
    }
    Table table(std::move(columns));
    for (const auto& training : trainings) {
        const double before = training->before();
        const double change = before > 0 ? training->after() / before - 1 : 0; // before may be NaN
        std::vector<std::string> cells{
            training->name,
            formatReal(before),
            formatReal(training->after()),
            concat(change > 0   ? "+"
                   : change < 0 ? "−"
                                : "",
                   formatPercent(std::abs(change))),
            concat(training->bestEpoch, training->stoppedEarly ? ", stopped early" : ""),
            std::to_string(training->losses.size()),
            formatPercent(training->scaleChange)};
        if (power) {
            cells.push_back(formatPercent(training->codeChange));
            cells.push_back(formatReal(training->exponentChange, 3));
        }
        table.add(std::move(cells));
    }
    std::puts("");
    table.print();
}

void printRun(const Run& run, double seconds, const std::string& out)
{
    Table table({{"layer", Table::Align::Left},
                 {"method", Table::Align::Left},
                 {"bits"},
                 {"group"},
                 {"bits/weight"},
                 {"size"},
                 {"weight SQNR"},
                 {"output error"},
                 {"note", Table::Align::Left}});
    for (const LayerResult& layer : run.layers) {
        if (!layer.weight) {
            table.add({layer.name, "float", "", "", "", "", "", "", layer.note});
            continue;
        }
        table.add({layer.name, std::string(methodName(layer.choice.method)),
                   std::to_string(layer.choice.scheme.bits), groupText(layer.choice.scheme),
                   formatBitsPerWeight(layer.bitsPerWeight()), formatBytes(layer.bytes()),
                   formatDecibel(layer.weightSqnrDb), formatPercent(layer.relativeOutputError),
                   layer.note});
    }
    table.print();
    printTrainings(run);
    std::printf("\n%s quantized weights in %s (%s bits per weight), %s stay float; %s, peak memory "
                "%s\nrun written to %s\n",
                formatCount(run.totals.weights).c_str(), formatBytes(run.totals.bytes).c_str(),
                formatBitsPerWeight(run.totals.bitsPerWeight).c_str(),
                formatBytes(run.totals.floatBytes).c_str(), formatSeconds(seconds).c_str(),
                formatBytes(peakMemoryBytes()).c_str(), out.c_str());
}

int runQuantize(const Arguments& arguments)
{
    const ThreadLimit threads(arguments.resources.threads);
    QuantizeRequest request;
    request.recipe = recipeOf(arguments.recipe);
    request.memoryBytes = parseBytes(arguments.resources.memory);
    request.model = preparedModel(openModel(arguments.model), request.recipe);
    if (!arguments.layers.empty())
        request.only = layersMatching(*request.model, arguments.layers);
    if (arguments.dryRun)
        return dryRun(request, arguments);
    if (arguments.out.empty())
        throw Error(ErrorCode::Usage, "expected --out RUN.gradus (or --dry-run)");
    request.output = arguments.out;
    request.tokenizer = arguments.recipe.tokenizer;
    request.resume = arguments.resume;

    TerminalMonitor monitor(false);
    const auto start = std::chrono::steady_clock::now();
    std::set<std::string> finished;
    std::shared_ptr<const Run> run;
    try {
        run = quantize(request, monitor, [&](const LayerResult& layer) {
            // A training that was cancelled hands over what it had; it is not kept.
            if (layer.tunings.empty() || !layer.tunings.back()->cancelled)
                finished.insert(layer.name);
        });
    } catch (const Cancelled&) {
        monitor.clear();
        std::fprintf(
            stderr, "%zu of %zu layers are finished and kept in %s; --resume continues from them\n",
            finished.size(), request.model->layers.size(), journalPath(request.output).c_str());
        throw;
    }
    monitor.clear();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (arguments.jsonGiven)
        printJson(runJson(*run, seconds), arguments.json.empty() ? "-" : arguments.json);
    if (!arguments.jsonGiven || (!arguments.json.empty() && arguments.json != "-"))
        printRun(*run, seconds, arguments.out);
    return 0;
}

} // namespace

void addQuantize(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand("quantize", "Quantize a model into a run file");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("MODEL", a->model, "Model folder or file")->required();
    addRecipeOptions(*verb, a->recipe);
    verb->add_option("--layers", a->layers,
                     "Quantize only layers that match this pattern; the others stay float");
    addCalibrationOptions(*verb, a->recipe);
    addResourceOptions(*verb, a->resources);
    verb->add_flag("--resume", a->resume, "Continue a run that was interrupted");
    verb->add_flag("--dry-run", a->dryRun,
                   "Show choices, exact sizes, expected time and memory; compute nothing");
    verb->add_option("--out", a->out, "Run file to write");
    CLI::Option* json = verb->add_option("--json", a->json, "Write the report as JSON to this file")
                            ->expected(0, 1);
    add(verb, [a, json] {
        a->jsonGiven = json->count() > 0;
        return runQuantize(*a);
    });
}

} // namespace gradus::cli
