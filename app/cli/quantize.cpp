// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/quantize.h"

#include "app/cli/commands.h"
#include "app/cli/quantize_json.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/io/byte_source.h"
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
    std::string recipe;
    std::string method;
    int bits = 0;
    std::string granularity;
    bool symmetric = false;
    std::string clip;
    std::vector<std::string> options;
    int activationBits = -1; ///< not given
    std::string activationQuantizer;
    std::string activationRange;
    std::string activationGranularity;
    std::string activationSoftmax;
    int attentionBits = -1;
    int softmaxBits = -1;
    std::string activationExponent;
    bool activationNoClip = false;
    bool activationShift = false;
    std::vector<std::string> keep;
    std::string layers;
    std::string calibration;
    DataArguments data;
    std::string calibrationMode;
    std::int64_t samples = 0;
    std::int64_t context = 0;
    std::int64_t seed = -1;
    bool foldBatchNorms = false;
    ResourceArguments resources;
    std::string tokenizer;
    bool resume = false;
    bool dryRun = false;
    std::string out;
    std::string json;
    bool jsonGiven = false;
};

ClipLimits clipOf(const std::string& text)
{
    const std::size_t comma = text.find(',');
    double low = 0;
    double high = 0;
    if (comma == std::string::npos || !parseReal(std::string_view(text).substr(0, comma), low) ||
        !parseReal(std::string_view(text).substr(comma + 1), high))
        throw Error(ErrorCode::Usage,
                    concat("--clip ", quoted(text), ": expected LOW,HIGH such as -0.1,0.1"));
    return {static_cast<float>(low) + 0.0F, static_cast<float>(high) + 0.0F};
}

bool namesActivations(const Arguments& arguments)
{
    return arguments.activationBits >= 0 || !arguments.activationQuantizer.empty() ||
           !arguments.activationRange.empty() || !arguments.activationGranularity.empty() ||
           !arguments.activationSoftmax.empty() || arguments.attentionBits >= 0 ||
           arguments.softmaxBits >= 0 || !arguments.activationExponent.empty() ||
           arguments.activationNoClip || arguments.activationShift;
}

/// Refuses what does not go with the quantizer.
void refuseOthers(const Arguments& arguments, ActivationQuantizer quantizer)
{
    const bool power = !arguments.activationExponent.empty() || arguments.activationNoClip ||
                       arguments.activationShift;
    const bool uniform = !arguments.activationRange.empty() ||
                         !arguments.activationGranularity.empty() ||
                         !arguments.activationSoftmax.empty() || arguments.attentionBits >= 0 ||
                         arguments.softmaxBits >= 0;
    if (power && quantizer == ActivationQuantizer::Uniform)
        throw Error(ErrorCode::Usage,
                    "--act-exponent, --act-no-clip and --act-shift are of power grids, but inputs "
                    "go to uniform ones; expected --act-quantizer power, or none of them");
    if (uniform && quantizer == ActivationQuantizer::Power)
        throw Error(ErrorCode::Usage,
                    "--act-range, --act-granularity, --act-softmax, --act-attention-bits and "
                    "--act-softmax-bits are of uniform grids, but inputs go to power ones; "
                    "expected --act-quantizer uniform, or none of them");
}

ActivationChoice activationOf(const Arguments& arguments, const MethodOptions& method)
{
    ActivationChoice choice = defaultActivation(method, arguments.bits);
    if (!namesActivations(arguments))
        return choice;
    // The parser has checked the names.
    if (!arguments.activationQuantizer.empty())
        choice.quantizer = activationQuantizerFromName(arguments.activationQuantizer)
                               .value_or(ActivationQuantizer::Method);
    const ActivationQuantizer quantizer = quantizerOf(choice, method);
    if (arguments.activationBits >= 0)
        choice.bits = arguments.activationBits;
    else if (choice.bits == 0 && arguments.attentionBits <= 0 && arguments.softmaxBits <= 0)
        throw Error(ErrorCode::Usage, "flags about inputs (--act-…) need --act-bits A, the bits of "
                                      "the layers' inputs");
    refuseOthers(arguments, quantizer);
    if (!arguments.activationExponent.empty())
        choice.exponent = activationExponentFromName(arguments.activationExponent)
                              .value_or(ActivationExponent::Searched);
    choice.clip = !arguments.activationNoClip;
    choice.shift = arguments.activationShift;
    choice.range = inputRangeFromName(arguments.activationRange);
    if (!arguments.activationGranularity.empty())
        choice.granularity = inputGranularityFromName(arguments.activationGranularity)
                                 .value_or(InputGranularity::Method);
    choice.softmax = probabilityQuantizerFromName(arguments.activationSoftmax);
    choice.attentionBits = arguments.attentionBits;
    choice.probabilityBits = arguments.softmaxBits;
    if (const auto problem = choice.validate())
        throw Error(ErrorCode::Usage, *problem);
    return choice;
}

Recipe recipeOf(const Arguments& arguments)
{
    Recipe recipe;
    if (!arguments.recipe.empty()) {
        if (!arguments.method.empty() || arguments.bits != 0 || !arguments.granularity.empty() ||
            arguments.symmetric || !arguments.clip.empty() || !arguments.options.empty() ||
            !arguments.keep.empty() || namesActivations(arguments))
            throw Error(ErrorCode::Usage, "--recipe decides method, bits, group, symmetry, clip "
                                          "limits, options, activations and float layers; "
                                          "give either it or those flags");
        recipe = recipeFromJson(readTextFile(arguments.recipe), arguments.recipe);
    } else {
        if (arguments.method.empty() || arguments.bits == 0)
            throw Error(ErrorCode::Usage, "expected --recipe FILE, or --method M and --bits B");
        const MethodDescription* method = findMethod(arguments.method);
        if (!method)
            throw Error(ErrorCode::Usage, concat("method ", quoted(arguments.method),
                                                 " is unknown; see gradus-cli methods"));
        recipe.standard.method = method->defaults;
        recipe.standard.scheme.bits = arguments.bits;
        recipe.standard.scheme.symmetric = arguments.symmetric;
        if (!arguments.granularity.empty())
            setGranularity(recipe.standard.scheme, arguments.granularity);
        if (!arguments.clip.empty())
            recipe.standard.scheme.clip = clipOf(arguments.clip);
        if (const auto problem = recipe.standard.scheme.validate())
            throw Error(ErrorCode::Usage, *problem);
        for (const std::string& option : arguments.options) {
            const std::size_t equals = option.find('=');
            if (equals == std::string::npos)
                throw Error(ErrorCode::Usage,
                            concat("--option ", quoted(option), ": expected key=value"));
            setOption(recipe.standard.method, option.substr(0, equals), option.substr(equals + 1));
        }
        recipe.standard.activation = activationOf(arguments, recipe.standard.method);
        if (isStaticMethod(recipe.standard.method))
            recipe.calibration.mode = CalibrationMode::TrueSequential;
        for (const std::string& pattern : arguments.keep) {
            Rule rule;
            rule.pattern = pattern;
            rule.choice = recipe.standard;
            rule.choice.keepFloat = true;
            recipe.rules.push_back(std::move(rule));
        }
    }
    CalibrationChoice& calibration = recipe.calibration;
    if (!arguments.calibration.empty())
        calibration.data = arguments.calibration;
    if (arguments.samples > 0)
        calibration.samples = arguments.samples;
    if (arguments.context > 0)
        calibration.context = arguments.context;
    if (!arguments.calibrationMode.empty())
        calibration.mode = calibrationModeFromName(arguments.calibrationMode)
                               .value_or(CalibrationMode::Sequential); // checked by the parser
    if (!arguments.data.labels.empty())
        calibration.labels = arguments.data.labels;
    if (!arguments.data.normalize.empty())
        setNormalization(arguments.data.normalize, calibration.mean, calibration.deviation);
    if (!arguments.data.layout.empty())
        calibration.layout = arguments.data.layout;
    for (const auto& [name, path] : inputFiles(arguments.data.inputs))
        calibration.inputs[name] = path.string();
    if (arguments.seed >= 0)
        recipe.seed = static_cast<std::uint64_t>(arguments.seed);
    if (arguments.foldBatchNorms)
        recipe.foldBatchNorms = true;
    return recipe;
}

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
    request.recipe = recipeOf(arguments);
    request.memoryBytes = parseBytes(arguments.resources.memory);
    request.model = preparedModel(openModel(arguments.model), request.recipe);
    if (!arguments.layers.empty())
        request.only = layersMatching(*request.model, arguments.layers);
    if (arguments.dryRun)
        return dryRun(request, arguments);
    if (arguments.out.empty())
        throw Error(ErrorCode::Usage, "expected --out RUN.gradus (or --dry-run)");
    request.output = arguments.out;
    request.tokenizer = arguments.tokenizer;
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
    verb->add_option("--recipe", a->recipe, "Recipe file (JSON) that decides for every layer");
    verb->add_option("--method", a->method, "Method for all layers; see gradus-cli methods");
    verb->add_option("--bits", a->bits, "Bits per code, 2 to 8");
    verb->add_option("--group,--granularity", a->granularity,
                     "Inputs per group, or channel (default), or tensor");
    verb->add_flag("--symmetric", a->symmetric, "Symmetric grids, without zeros");
    verb->add_option("--clip", a->clip,
                     "Limits that the ranges of all grids are cut to, LOW,HIGH such as -0.1,0.1");
    verb->add_option("--option", a->options, "Method option, key=value; may be repeated")
        ->allow_extra_args(false);
    verb->add_option("--act-bits", a->activationBits,
                     "Quantize the layers' inputs, too, to this many bits (2 to 8); 0: they stay "
                     "float. Default: 0, with static methods the bits of the weights")
        ->check(CLI::Range(0, 8));
    verb->add_option("--act-quantizer", a->activationQuantizer,
                     "Levels that inputs go to: power or uniform (default: uniform with static "
                     "methods, power with all others)")
        ->check(CLI::IsMember({"power", "uniform"}));
    verb->add_option("--act-range", a->activationRange,
                     "Range of uniform grids: min-max, percentile or mse (default: the method's)")
        ->check(CLI::IsMember({"min-max", "percentile", "mse"}));
    verb->add_option("--act-granularity", a->activationGranularity,
                     "Uniform grids of inputs that come from a norm: tensor, or channel, which is "
                     "folded into the norm (default: the method's)")
        ->check(CLI::IsMember({"tensor", "channel"}));
    verb->add_option("--act-softmax", a->activationSoftmax,
                     "What outputs of softmax are rounded to: log-sqrt2, log2 or uniform (default: "
                     "the method's)")
        ->check(CLI::IsMember({"log-sqrt2", "log2", "uniform"}));
    verb->add_option("--act-attention-bits", a->attentionBits,
                     "Bits of q, k and v with uniform grids, 2 to 8; 0: float (default: as "
                     "--act-bits)")
        ->check(CLI::Range(0, 8));
    verb->add_option("--act-softmax-bits", a->softmaxBits,
                     "Bits of what a softmax puts out with uniform grids, 2 to 8; 0: float "
                     "(default: as --act-bits)")
        ->check(CLI::Range(0, 8));
    verb->add_option(
            "--act-exponent", a->activationExponent,
            "Exponent of power grids of inputs: searched (default), shared with the weights, "
            "half or uniform")
        ->check(CLI::IsMember({"searched", "shared", "half", "uniform"}));
    verb->add_flag("--act-no-clip", a->activationNoClip,
                   "Power grids of inputs reach to the largest input seen");
    verb->add_flag("--act-shift", a->activationShift,
                   "Inputs with small negative parts are moved up to an unsigned grid");
    verb->add_option("--keep", a->keep,
                     "Keep layers that match this pattern float; may be repeated")
        ->allow_extra_args(false);
    verb->add_option("--layers", a->layers,
                     "Quantize only layers that match this pattern; the others stay float");
    verb->add_option("--calibration", a->calibration,
                     "Data to calibrate on: a text, an array, a folder of images");
    verb->add_option("--samples", a->samples,
                     "Samples of the calibration data, windows of a text (default 128)");
    addDataOptions(*verb, a->data);
    addInputOption(*verb, a->data);
    verb->add_option("--context", a->context,
                     "Tokens per window (default: the model's, at most 2048)");
    verb->add_option(
            "--calibration-mode", a->calibrationMode,
            "sequential: blocks see the quantized ones before them; true-sequential: layers "
            "within a block, too; float: one pass over the float model (default: sequential, "
            "with static methods true-sequential)")
        ->check(CLI::IsMember({"sequential", "true-sequential", "float"}));
    verb->add_option("--tokenizer", a->tokenizer, "Tokenizer file instead of the model's");
    verb->add_option("--seed", a->seed, "Seed of everything random (default 0)")
        ->check(CLI::NonNegativeNumber);
    verb->add_flag("--fold-batch-norms", a->foldBatchNorms,
                   "Take batch norms into the convolutions before them, exactly, before anything "
                   "is quantized");
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
