// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/allocate.h"

#include "app/cli/commands.h"
#include "app/cli/recipe_arguments.h"
#include "app/cli/terminal.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/export/export_size.h"
#include "core/session/prepared_model.h"
#include "core/session/quantize.h"
#include "core/session/sensitivity.h"
#include "core/session/sensitivity_store.h"
#include "core/session/workload.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>

namespace gradus::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Arguments
{
    std::string model;
    RecipeArguments recipe;
    std::string budget;
    std::vector<int> choices{2, 3, 4, 6, 8};
    std::vector<std::string> groups;
    std::vector<int> inputBits;
    std::string metric;
    std::string solver = "exact";
    std::string format;
    std::vector<std::string> locks;
    std::vector<std::string> bitsRules;
    bool noFuse = false;
    int pairs = 0;
    std::string cache;
    bool noCache = false;
    ResourceArguments resources;
    std::string csv;
    std::string out;
    std::string json;
    bool jsonGiven = false;
};

void writeText(const std::filesystem::path& path, const std::string& text)
{
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

/// What stands before and behind the last "=" of REGEX=VALUE: patterns may have one, too.
std::pair<std::string, std::string> splitRule(const std::string& flag, const std::string& text,
                                              const std::string& expected)
{
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals + 1 == text.size())
        throw Error(ErrorCode::Usage,
                    concat(flag, " ", quoted(text), ": expected REGEX=", expected));
    return {text.substr(0, equals), text.substr(equals + 1)};
}

int bitsOf(const std::string& flag, std::string_view text)
{
    int bits = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (problem != std::errc() || end != text.data() + text.size() || bits < 2 || bits > 8)
        throw Error(ErrorCode::Usage,
                    concat(flag, ": ", quoted(std::string(text)), " is no number of bits, 2 to 8"));
    return bits;
}

/// --lock: the layers' own choice, which no allocation changes.
void lockLayers(Recipe& recipe, const Model& model, const std::vector<std::string>& locks)
{
    if (locks.empty())
        return;
    const std::vector<LayerChoice> choices = resolve(recipe, model);
    for (const std::string& lock : locks) {
        const auto [pattern, value] = splitRule("--lock", lock, "BITS or REGEX=float");
        const Regex regex(pattern);
        std::size_t matches = 0;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            const std::string& name = model.layers[i].name;
            if (!regex.search(name))
                continue;
            ++matches;
            LayerChoice choice = choices[i];
            choice.keepFloat = value == "float";
            if (!choice.keepFloat)
                choice.scheme.bits = bitsOf("--lock", value);
            recipe.overrides[name] = choice;
            recipe.locked.insert(name);
        }
        if (matches == 0)
            throw Error(ErrorCode::Usage,
                        concat("--lock ", quoted(pattern), " matches none of the ", choices.size(),
                               " layers; see gradus-cli inspect"));
    }
}

std::vector<BitsRule> bitsRulesOf(const std::vector<std::string>& texts)
{
    std::vector<BitsRule> rules;
    for (const std::string& text : texts) {
        const auto [pattern, range] = splitRule("--bits-rule", text, "MIN..MAX");
        const std::size_t dots = range.find("..");
        BitsRule rule;
        rule.pattern = pattern;
        rule.minimum = bitsOf("--bits-rule", std::string_view(range).substr(0, dots));
        rule.maximum = dots == std::string::npos
                           ? rule.minimum
                           : bitsOf("--bits-rule", std::string_view(range).substr(dots + 2));
        if (rule.minimum > rule.maximum)
            throw Error(ErrorCode::Usage, concat("--bits-rule ", quoted(text), ": ", rule.minimum,
                                                 " is above ", rule.maximum));
        rules.push_back(std::move(rule));
    }
    return rules;
}

/// The recipe that the allocation starts from: candidates are its standard choice with other bits.
Recipe startingRecipe(const Arguments& arguments)
{
    RecipeArguments given = arguments.recipe;
    if (given.recipe.empty() && given.method.empty())
        throw Error(ErrorCode::Usage, "expected --method M, or --recipe FILE to start from");
    if (given.recipe.empty())
        given.bits = arguments.choices.front();
    return recipeOf(given);
}

std::vector<LayerChoice> candidatesFor(const Arguments& arguments, const Recipe& recipe)
{
    for (const int bits : arguments.choices)
        if (bits < 2 || bits > 8)
            throw Error(ErrorCode::Usage,
                        concat("--choices: ", bits, " bits; expected numbers from 2 to 8"));
    for (const int bits : arguments.inputBits)
        if (bits != 0 && (bits < 2 || bits > 8))
            throw Error(ErrorCode::Usage,
                        concat("--act-choices: ", bits,
                               " bits; expected numbers from 2 to 8, or 0 for float"));
    std::vector<LayerChoice> bases{recipe.standard};
    if (!arguments.groups.empty()) {
        bases.clear();
        for (const std::string& group : arguments.groups) {
            bases.push_back(recipe.standard);
            setGranularity(bases.back().scheme, group);
        }
    }
    std::vector<LayerChoice> candidates;
    for (const LayerChoice& base : bases)
        for (const LayerChoice& candidate : candidatesOf(base, arguments.choices, {})) {
            if (arguments.inputBits.empty())
                candidates.push_back(candidate);
            for (const int bits : arguments.inputBits) {
                candidates.push_back(candidate);
                candidates.back().activation.bits = bits;
            }
        }
    return candidates;
}

/// What errors under a metric are in, summed over layers.
std::string unitOf(const SensitivityTable& table, SensitivityMetric metric)
{
    if (metric == SensitivityMetric::Weight)
        return "sum of relative weight errors";
    if (metric == SensitivityMetric::Output)
        return "sum of relative output errors";
    return std::string(sensitivityUnitName(table.unit));
}

double bitsPerWeightAt(const AllocationSetup& setup, std::uint64_t cost)
{
    return 8.0 * static_cast<double>(cost + setup.fixedCost) / static_cast<double>(setup.weights);
}

struct Outcome
{
    SensitivityTable table;
    SensitivityMetric metric = SensitivityMetric::Weight;
    AllocationSetup setup;
    AllocationResult result;
    /// Recipes of thumb at the same budget, and the other solvers.
    std::vector<AllocationResult> others;
    Recipe recipe;
    Totals totals;
    std::optional<std::uint64_t> fileBytes; ///< of --format
    bool storedBytes = true;                ///< costs are, so that fronts can be in bits per weight
};

/// The candidate that became this choice: one that leaves inputs float takes what the recipe says
/// of them.
bool means(const LayerChoice& candidate, const LayerChoice& choice)
{
    return candidate.scheme == choice.scheme && candidate.method == choice.method &&
           (!candidate.activation.enabled() || candidate.activation == choice.activation);
}

Json jsonOf(const Outcome& outcome, const Model& model, const AllocationBudget& budget)
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto bits = [&](std::uint64_t cost) {
        return outcome.storedBytes ? bitsPerWeightAt(outcome.setup, cost) : nan;
    };
    Json out;
    out["budget"] = budgetText(budget);
    out["solver"] = allocationSolverName(outcome.result.solver);
    out["optimal"] = outcome.result.allocation.optimal;
    out["metric"] = sensitivityMetricName(outcome.metric);
    out["unit"] = unitOf(outcome.table, outcome.metric);
    out["bits_per_weight"] = outcome.totals.bitsPerWeight;
    out["bytes"] = outcome.totals.bytes;
    out["cost"] = outcome.result.cost;
    if (outcome.fileBytes)
        out["file_bytes"] = *outcome.fileBytes;
    out["predicted_error"] = outcome.result.predictedError;
    out["interaction"] = interactionOf(outcome.table);
    out["layers"] = Json::array();
    for (const Plan::Row& row : plan(model, outcome.recipe).rows) {
        if (row.choice.keepFloat)
            continue;
        Json entry;
        entry["name"] = row.layer;
        entry["bits"] = row.choice.scheme.bits;
        entry["method"] = methodName(row.choice.method);
        entry["group"] = groupText(row.choice.scheme);
        entry["bits_per_weight"] = row.bitsPerWeight;
        entry["bytes"] = row.bytes;
        if (row.choice.activation.enabled())
            entry["activation_bits"] = row.choice.activation.bits;
        entry["predicted_error"] = nan;
        if (const SensitivityTable::Row* known = outcome.table.find(row.layer))
            for (std::size_t c = 0; c < outcome.table.candidates.size(); ++c)
                if (means(outcome.table.candidates[c], row.choice))
                    entry["predicted_error"] = known->candidates[c].error(outcome.metric);
        entry["locked"] = outcome.recipe.locked.contains(row.layer);
        out["layers"].push_back(std::move(entry));
    }
    out["front"] = Json::array();
    for (const FrontStep& step : lagrangianFront(outcome.setup.problem).steps)
        out["front"].push_back({{"bits_per_weight", bits(step.cost)},
                                {"cost", step.cost + outcome.setup.fixedCost},
                                {"predicted_error", step.error}});
    out["others"] = Json::array();
    for (const AllocationResult& other : outcome.others)
        out["others"].push_back({{"solver", allocationSolverName(other.solver)},
                                 {"bits_per_weight", other.bitsPerWeight},
                                 {"cost", other.cost},
                                 {"predicted_error", other.predictedError}});
    out["notes"] = outcome.setup.notes;
    return out;
}

void print(const Outcome& outcome, const Model& model, const AllocationBudget& budget)
{
    Table layers({{"layer", Table::Align::Left},
                  {"method", Table::Align::Left},
                  {"bits"},
                  {"group"},
                  {"bits/weight"},
                  {"size"},
                  {"", Table::Align::Left}});
    for (const Plan::Row& row : plan(model, outcome.recipe).rows)
        if (!row.choice.keepFloat)
            layers.add({row.layer, std::string(methodName(row.choice.method)),
                        std::to_string(row.choice.scheme.bits), groupText(row.choice.scheme),
                        formatBitsPerWeight(row.bitsPerWeight), formatBytes(row.bytes),
                        outcome.recipe.locked.contains(row.layer) ? "locked" : ""});
    layers.print();
    std::puts("");
    Table solvers({{"solver", Table::Align::Left},
                   {outcome.storedBytes ? "bits/weight" : "cost"},
                   {"predicted error"}});
    const auto line = [&](const AllocationResult& result) {
        solvers.add({std::string(allocationSolverName(result.solver)),
                     outcome.storedBytes ? formatBitsPerWeight(result.bitsPerWeight)
                                         : formatCount(static_cast<std::int64_t>(result.cost)),
                     formatReal(result.predictedError, 4)});
    };
    line(outcome.result);
    for (const AllocationResult& other : outcome.others)
        line(other);
    solvers.print();
    for (const std::string& note : outcome.setup.notes)
        std::printf("%s\n", note.c_str());
    if (!outcome.table.pairs.empty())
        std::printf("errors of %zu pairs of layers, quantized at once: %s of their sums\n",
                    outcome.table.pairs.size(),
                    formatPercent(interactionOf(outcome.table)).c_str());
    if (outcome.fileBytes)
        std::printf("exported, it takes %s bytes\n",
                    formatCount(static_cast<std::int64_t>(*outcome.fileBytes)).c_str());
    std::printf("\nbudget %s: %s quantized weights in %s (%s bits per weight), predicted error %s "
                "(%s, %s)\n",
                budgetText(budget).c_str(), formatCount(outcome.totals.weights).c_str(),
                formatBytes(outcome.totals.bytes).c_str(),
                formatBitsPerWeight(outcome.totals.bitsPerWeight).c_str(),
                formatReal(outcome.result.predictedError, 4).c_str(),
                std::string(sensitivityMetricName(outcome.metric)).c_str(),
                unitOf(outcome.table, outcome.metric).c_str());
}

/// The metric asked for; else the best that the model and the data allow, up to fisher: kl takes a
/// run of the model for every layer and candidate.
SensitivityMetric metricFor(const Arguments& arguments, const Model& model, const Recipe& recipe)
{
    if (const auto asked = sensitivityMetricFromName(arguments.metric))
        return *asked; // the parser has checked the name
    return model.canRun() && !recipe.calibration.data.empty() ? SensitivityMetric::Fisher
                                                              : SensitivityMetric::Weight;
}

/// What bit-operations are counted of: a token, of other models a sample.
SampleWork onePass(const std::shared_ptr<const Model>& model)
{
    SampleWork work;
    work.samples = 1;
    if (model->task == ModelTask::Language)
        work.context = 1;
    else
        work.shapes = shapesOfOne(model, 0, std::uint64_t(1) << 30);
    return work;
}

ExportFormat formatOf(const Arguments& arguments)
{
    return exportFormatFromName(arguments.format).value_or(ExportFormat::Gptq); // checked
}

AllocationRules rulesFor(const Arguments& arguments, const AllocationBudget& budget,
                         const std::shared_ptr<const Model>& model, const Recipe& recipe)
{
    AllocationRules rules;
    rules.bits = bitsRulesOf(arguments.bitsRules);
    rules.fuse = !arguments.noFuse;
    const bool operations = budget.kind == AllocationBudget::Kind::BitOperations;
    if (operations && !arguments.format.empty())
        throw Error(ErrorCode::Usage, concat("--format counts bytes of a file, but --budget ",
                                             budgetText(budget), " counts bit-operations"));
    if (operations) {
        rules.cost = bitOperationsCost(*model, onePass(model));
        rules.unit = AllocationCost::BitOperations;
    }
    if (!arguments.format.empty()) {
        const ExportCosts costs = exportCosts(model, recipe, formatOf(arguments));
        rules.cost = costs.cost;
        rules.fixedCost = costs.fixedCost;
    }
    return rules;
}

/// Why a row lacks a metric, in parentheses, as far as a note says it.
std::string reasonOf(const SensitivityTable::Row& row, SensitivityMetric metric)
{
    for (const Sensitivity& s : row.candidates)
        if (s.possible && !std::isfinite(s.error(metric)) && !s.note.empty())
            return concat(" (", s.note, ")");
    return {};
}

int runAllocate(const Arguments& arguments)
{
    const ThreadLimit threads(arguments.resources.threads);
    if (arguments.budget.empty() && arguments.csv.empty())
        throw Error(ErrorCode::Usage, "expected --budget, or --csv FILE for the table alone");
    AllocationBudget budget;
    if (!arguments.budget.empty())
        budget = parseBudget(arguments.budget);
    SensitivityRequest request;
    request.recipe = startingRecipe(arguments);
    request.model = preparedModel(openModel(arguments.model), request.recipe);
    const Model& model = *request.model;
    lockLayers(request.recipe, model, arguments.locks);
    request.candidates = candidatesFor(arguments, request.recipe);
    request.metric = metricFor(arguments, model, request.recipe);
    request.pairs = arguments.pairs;
    request.tokenizer = arguments.recipe.tokenizer;
    request.memoryBytes = parseBytes(arguments.resources.memory);
    if (!arguments.noCache)
        request.cache = arguments.cache.empty() ? sensitivityCacheFolder()
                                                : std::filesystem::path(arguments.cache);
    request.needsCache = !arguments.cache.empty();
    // What can be refused is refused before anything is measured.
    const AllocationRules rules = rulesFor(arguments, budget, request.model, request.recipe);

    TerminalMonitor monitor(false);
    Outcome outcome;
    outcome.table = measureSensitivity(request, monitor);
    monitor.clear();
    if (!arguments.csv.empty())
        writeText(arguments.csv, sensitivityCsv(outcome.table));
    if (arguments.budget.empty())
        return 0;
    outcome.metric = request.metric;
    const std::set<std::string>& decided = request.recipe.locked;
    if (const auto* row = outcome.table.lacking(outcome.metric, decided)) {
        const std::string lacking =
            concat(sensitivityMetricName(outcome.metric), " errors could not be measured for all ",
                   "layers of ", arguments.model, ": ", row->layer, reasonOf(*row, outcome.metric),
                   " has none");
        const auto best = outcome.table.best(decided);
        if (!best || !arguments.metric.empty())
            throw Error(ErrorCode::Unsupported,
                        concat(lacking, "; --lock it, or choose another --metric"));
        std::fprintf(stderr, "%s; %s errors are used\n", lacking.c_str(),
                     std::string(sensitivityMetricName(*best)).c_str());
        outcome.metric = *best;
    }
    outcome.setup = allocationSetup(model, request.recipe, outcome.table, outcome.metric, rules);
    outcome.storedBytes = outcome.setup.unit == AllocationCost::StoredBytes;
    const AllocationSolver solver =
        allocationSolverFromName(arguments.solver).value_or(AllocationSolver::Exact);
    const auto solved = [&](const AllocationBudget& within, AllocationSolver by) {
        if (arguments.format.empty() || within.kind != AllocationBudget::Kind::Bytes)
            return allocate(outcome.setup, within, by, monitor);
        return allocateForExport(request.model, request.recipe, outcome.table, outcome.setup,
                                 static_cast<std::uint64_t>(within.value), by, formatOf(arguments),
                                 GptqZeros::Automatic, monitor);
    };
    outcome.result = solved(budget, solver);
    // The others get what this one may spend.
    AllocationBudget same = budget;
    if (budget.kind == AllocationBudget::Kind::Error)
        same = {outcome.setup.unit == AllocationCost::BitOperations
                    ? AllocationBudget::Kind::BitOperations
                    : AllocationBudget::Kind::Bytes,
                static_cast<double>(outcome.result.cost)};
    for (const AllocationSolver other :
         {AllocationSolver::Exact, AllocationSolver::Lagrangian, AllocationSolver::Greedy,
          AllocationSolver::Uniform, AllocationSolver::FirstLast, AllocationSolver::LlamaCpp}) {
        if (other == solver)
            continue;
        try {
            outcome.others.push_back(solved(same, other));
        } catch (const Error& error) {
            if (error.code() !=
                ErrorCode::Usage) // a rule of thumb that the budget is too small for
                throw;
        }
    }
    outcome.recipe = allocatedRecipe(request.recipe, model, outcome.table, outcome.setup,
                                     outcome.result.allocation);
    outcome.totals = plan(model, outcome.recipe).totals;
    if (!arguments.format.empty())
        outcome.fileBytes = exportBytes(request.model, outcome.recipe, formatOf(arguments));

    if (!arguments.out.empty())
        writeText(arguments.out, toJson(outcome.recipe));
    if (arguments.jsonGiven)
        printJson(jsonOf(outcome, model, budget).dump(2),
                  arguments.json.empty() ? "-" : arguments.json);
    if (!arguments.jsonGiven || (!arguments.json.empty() && arguments.json != "-"))
        print(outcome, model, budget);
    return 0;
}

} // namespace

void addAllocate(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand(
        "allocate", "Choose bits per layer under a budget, by measured sensitivity");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("MODEL", a->model, "Model folder or file")->required();
    verb->add_option(
        "--budget", a->budget,
        "What may be spent: 3.5bpw (bits per weight), 12MiB or 123456B (bytes), 3.2Gbops "
        "(bit-operations), or error:0.05, a bound on the predicted error");
    verb->add_option("--choices", a->choices, "Bits to choose among (default 2,3,4,6,8)")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb->add_option("--groups", a->groups,
                     "Group sizes to choose among, too: 32,64,channel (default: that of --group)")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb->add_option(
            "--act-choices", a->inputBits,
            "Bits of the layers' inputs to choose among, too, such as 4,6,8 (0: float), on "
            "power grids; their price is in bit-operations")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb->add_option("--metric", a->metric,
                     "What an error is: weight, output, fisher or kl (default: fisher with "
                     "calibration data, else weight)")
        ->check(CLI::IsMember({"weight", "output", "fisher", "kl"}));
    verb->add_option("--solver", a->solver,
                     "exact (default), lagrangian or greedy; or a rule of thumb: uniform, "
                     "first-last, llama.cpp")
        ->check(
            CLI::IsMember({"exact", "lagrangian", "greedy", "uniform", "first-last", "llama.cpp"}));
    verb->add_option("--format", a->format,
                     "The budget is that of a file of this format, which also says what can be "
                     "chosen: gptq")
        ->check(CLI::IsMember({"gptq"}));
    verb->add_option("--lock", a->locks,
                     "REGEX=BITS or REGEX=float: these layers are decided; may be repeated")
        ->allow_extra_args(false);
    verb->add_option("--bits-rule", a->bitsRules,
                     "REGEX=MIN..MAX: bounds of these layers' bits; may be repeated, the last "
                     "that matches counts")
        ->allow_extra_args(false);
    verb->add_flag("--no-fuse", a->noFuse,
                   "Layers that runtimes fuse (q, k and v; gate and up) may differ");
    verb->add_option("--pairs", a->pairs,
                     "Pairs of layers to measure at once, to see how far errors add up; with "
                     "--metric kl")
        ->check(CLI::Range(0, 10000));
    verb->add_option("--cache", a->cache,
                     "Folder for measured sensitivities (default: the user's)");
    verb->add_flag("--no-cache", a->noCache, "Measure anew, and keep nothing");
    addRecipeOptions(*verb, a->recipe, false);
    addCalibrationOptions(*verb, a->recipe);
    addResourceOptions(*verb, a->resources);
    verb->add_option("--csv", a->csv, "Write the table of sensitivities to this file");
    verb->add_option("--out", a->out, "Recipe file (JSON) to write");
    CLI::Option* json =
        verb->add_option("--json", a->json, "Write the allocation as JSON to this file")
            ->expected(0, 1);
    add(verb, [a, json] {
        a->jsonGiven = json->count() > 0;
        return runAllocate(*a);
    });
}

} // namespace gradus::cli
