// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/evaluate.h"

#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/base/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string path;
    std::string model;
    std::string data;
    std::string metric;
    DataArguments given;
    std::string reference;
    std::string convention = "gptq";
    std::string tokenizer;
    std::int64_t context = 0;
    ProductArguments multiplied;
    ResourceArguments resources;
    bool json = false;
};

void addProducts(nlohmann::ordered_json& out, const Arguments& arguments, std::int64_t layers)
{
    out["packed"] = arguments.multiplied.packed;
    if (arguments.multiplied.packed)
        out["packed_layers"] = layers;
    out["integer"] = arguments.multiplied.integer;
    if (arguments.multiplied.integer)
        out["integer_layers"] = layers;
}

void printProducts(const Arguments& arguments, std::int64_t layers)
{
    if (arguments.multiplied.packed || arguments.multiplied.integer)
        std::printf("%s layer%s multiplied %s\n", formatCount(layers).c_str(),
                    layers == 1 ? "" : "s",
                    arguments.multiplied.packed ? "as packed codes" : "in integers");
}

int perplexity(const Arguments& arguments, const EvaluateRequest& request)
{
    TerminalMonitor monitor(false);
    const Perplexity result = evaluatePerplexity(request, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out{{"metric", "perplexity"},
                                   {"value", result.value},
                                   {"convention", arguments.convention},
                                   {"tokens", result.tokens},
                                   {"windows", result.windows},
                                   {"context", result.context},
                                   {"mean_nll", result.meanNll},
                                   {"standard_error", result.standardError}};
        addProducts(out, arguments, result.packedLayers);
        printJson(out.dump(2));
    } else {
        std::printf("perplexity %.4f  (%s convention, context %lld, %s tokens in %s windows; mean "
                    "NLL %.5f ± %.5f nats)\n",
                    result.value, arguments.convention.c_str(),
                    static_cast<long long>(result.context), formatCount(result.tokens).c_str(),
                    formatCount(result.windows).c_str(), result.meanNll, result.standardError);
        printProducts(arguments, result.packedLayers);
    }
    return 0;
}

int divergence(const Arguments& arguments, const ModelOrRun& opened, const EvaluateRequest& request)
{
    if (arguments.reference.empty() && !opened.run)
        throw Error(ErrorCode::Usage,
                    "metric kl compares a run with its float model, or a model with --reference");
    const auto reference = arguments.reference.empty() ? nullptr : openModel(arguments.reference);
    TerminalMonitor monitor(false);
    const Divergence result = evaluateDivergence(request, reference, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out{{"metric", "kl"},
                                   {"value", result.value},
                                   {"convention", arguments.convention},
                                   {"tokens", result.tokens},
                                   {"windows", result.windows},
                                   {"context", result.context},
                                   {"standard_error", result.standardError},
                                   {"same_top", result.sameTop}};
        addProducts(out, arguments, result.packedLayers);
        printJson(out.dump(2));
    } else {
        std::printf("KL divergence %.6f ± %.6f nats per token, same most likely token %s  (context "
                    "%lld, %s tokens)\n",
                    result.value, result.standardError, formatPercent(result.sameTop).c_str(),
                    static_cast<long long>(result.context), formatCount(result.tokens).c_str());
        printProducts(arguments, result.packedLayers);
    }
    return 0;
}

int accuracy(const Arguments& arguments, const EvaluateRequest& request)
{
    TerminalMonitor monitor(false);
    const Accuracy result = evaluateAccuracy(request, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out{{"metric", "top1"},
                                   {"value", result.value},
                                   {"standard_error", result.standardError},
                                   {"top5", result.top5},
                                   {"top5_standard_error", result.top5StandardError},
                                   {"samples", result.samples},
                                   {"unlabelled", result.unlabelled},
                                   {"classes", result.classes},
                                   {"data", result.data}};
        addProducts(out, arguments, result.packedLayers);
        printJson(out.dump(2));
        return 0;
    }
    std::printf("top-1 %s ± %s, top-5 %s ± %s  (%s labelled samples of %s, %s classes; %s)\n",
                formatPercent(result.value).c_str(), formatPercent(result.standardError).c_str(),
                formatPercent(result.top5).c_str(), formatPercent(result.top5StandardError).c_str(),
                formatCount(result.samples).c_str(),
                formatCount(result.samples + result.unlabelled).c_str(),
                formatCount(result.classes).c_str(), result.data.c_str());
    printProducts(arguments, result.packedLayers);
    return 0;
}

/// kl of class scores, and cosine.
int similarity(const Arguments& arguments, const ModelOrRun& opened, const EvaluateRequest& request)
{
    if (arguments.reference.empty() && !opened.run)
        throw Error(ErrorCode::Usage,
                    concat("metric ", arguments.metric,
                           " compares a run with its float model, or a model with --reference"));
    const bool kl = arguments.metric == "kl";
    if (kl && opened.model->task != ModelTask::Classification)
        throw Error(ErrorCode::Usage, "metric kl is for language models and class scores; expected "
                                      "--metric cosine for this model");
    const auto reference = arguments.reference.empty() ? nullptr : openModel(arguments.reference);
    TerminalMonitor monitor(false);
    const OutputSimilarity result = evaluateOutputs(request, reference, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out{
            {"metric", arguments.metric},
            {"value", kl ? result.divergence : result.cosine},
            {"standard_error", kl ? result.divergenceStandardError : result.cosineStandardError},
            {"kl", result.divergence},
            {"cosine", result.cosine},
            {"least_cosine", result.cosineLeast},
            {"same_top", result.sameTop},
            {"probabilities", result.probabilities},
            {"samples", result.samples},
            {"data", result.data}};
        addProducts(out, arguments, result.packedLayers);
        printJson(out.dump(2));
        return 0;
    }
    if (kl)
        std::printf("KL divergence %.6f ± %.6f nats per sample, same class %s  (%s samples; %s; "
                    "%s)\n",
                    result.divergence, result.divergenceStandardError,
                    formatPercent(result.sameTop).c_str(), formatCount(result.samples).c_str(),
                    result.probabilities ? "the model ends with a softmax"
                                         : "softmax of the model's scores",
                    result.data.c_str());
    else
        std::printf("cosine %.6f ± %.6f, least %.6f  (%s samples; %s)\n", result.cosine,
                    result.cosineStandardError, result.cosineLeast,
                    formatCount(result.samples).c_str(), result.data.c_str());
    printProducts(arguments, result.packedLayers);
    return 0;
}

int evaluate(Arguments arguments)
{
    const ThreadLimit threads(arguments.resources.threads);
    const ModelOrRun opened = openModelOrRun(arguments.path, arguments.model);
    EvaluateRequest request;
    request.model = opened.model;
    request.run = opened.run;
    request.data = arguments.data;
    request.tokenizer = arguments.tokenizer;
    request.convention = arguments.convention == "gptq" ? PerplexityConvention::Gptq
                                                        : PerplexityConvention::LlamaCpp;
    request.context = arguments.context;
    request.products = arguments.multiplied.products();
    request.memoryBytes = parseBytes(arguments.resources.memory);
    request.labels = arguments.given.labels;
    if (!arguments.given.normalize.empty())
        setNormalization(arguments.given.normalize, request.mean, request.deviation);
    request.layout = arguments.given.layout;
    request.inputs = inputFiles(arguments.given.inputs);
    const bool language = opened.model->task == ModelTask::Language;
    if (arguments.metric.empty())
        arguments.metric = usualMetric(*opened.model);
    if (arguments.metric == "perplexity" && !language)
        throw Error(ErrorCode::Usage, "metric perplexity is for language models; expected top1, kl "
                                      "or cosine for this model");
    if (arguments.metric == "top1")
        return accuracy(arguments, request);
    if (arguments.metric == "cosine" || (arguments.metric == "kl" && !language))
        return similarity(arguments, opened, request);
    return arguments.metric == "kl" ? divergence(arguments, opened, request)
                                    : perplexity(arguments, request);
}

} // namespace

void addEvaluate(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand(
        "evaluate", "Perplexity, accuracy or nearness to the float model, of a model or a run");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("MODEL", a->path, "Model folder or file, or a run (RUN.gradus)")->required();
    verb->add_option("--model", a->model, "The run's model, when it has moved");
    verb->add_option("--data", a->data, "Text, array, image or folder of images")->required();
    verb->add_option("--metric", a->metric,
                     "perplexity of language models; top1 of class scores, with top5; kl: "
                     "divergence from the float model; cosine of its outputs (default: the first "
                     "that fits the model)")
        ->check(CLI::IsMember({"perplexity", "top1", "kl", "cosine"}));
    addDataOptions(*verb, a->given);
    addInputOption(*verb, a->given);
    verb->add_option("--reference", a->reference,
                     "Float model to compare with, for kl and cosine (default: the run's)");
    verb->add_option(
            "--convention", a->convention,
            "gptq: every token of a window but the first; llama.cpp: BOS first, the second "
            "half of each window")
        ->check(CLI::IsMember({"gptq", "llama.cpp"}))
        ->capture_default_str();
    verb->add_option("--tokenizer", a->tokenizer, "Tokenizer file instead of the model's");
    verb->add_option("--context", a->context,
                     "Tokens per window (default: the model's, at most 2048)");
    addProductOptions(*verb, a->multiplied);
    addResourceOptions(*verb, a->resources);
    addJsonFlag(*verb, a->json);
    add(verb, [a] { return evaluate(*a); });
}

} // namespace gradus::cli
