// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/session/evaluate.h"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string path;
    std::string model;
    std::string tokenizer;
    std::string prompt;
    std::int64_t tokens = 64;
    double temperature = 0;
    std::uint64_t seed = 0;
    ProductArguments multiplied;
    ResourceArguments resources;
};

int runGenerate(const Arguments& arguments)
{
    const ThreadLimit threads(arguments.resources.threads);
    const ModelOrRun opened = openModelOrRun(arguments.path, arguments.model);
    GenerateRequest request;
    request.model = opened.model;
    request.run = opened.run;
    request.tokenizer = arguments.tokenizer;
    request.prompt = arguments.prompt;
    request.tokens = arguments.tokens;
    request.temperature = arguments.temperature;
    request.seed = arguments.seed;
    request.products = arguments.multiplied.products();
    if (request.products != RunProducts::Floats && !request.run)
        throw Error(ErrorCode::Usage,
                    concat(arguments.multiplied.packed ? "--packed" : "--integer",
                           " needs a run (RUN.gradus): a float model has no codes to multiply"));
    TerminalMonitor monitor(true); // the text itself is the progress
    std::fputs(arguments.prompt.c_str(), stdout);
    (void)generate(request, monitor, [](std::string_view piece) {
        std::fwrite(piece.data(), 1, piece.size(), stdout);
        std::fflush(stdout);
    });
    std::puts("");
    return 0;
}

} // namespace

void addGenerate(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand("generate", "Continue a prompt");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("MODEL", a->path, "Model folder or file, or a run (RUN.gradus)")->required();
    verb->add_option("--model", a->model, "The run's model, when it has moved");
    verb->add_option("--prompt", a->prompt, "Text to continue")->required();
    verb->add_option("--tokens", a->tokens, "Tokens to add")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    verb->add_option("--temperature", a->temperature, "0 takes the most likely token")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    verb->add_option("--seed", a->seed, "Seed of the sampling")->capture_default_str();
    verb->add_option("--tokenizer", a->tokenizer, "Tokenizer file instead of the model's");
    addProductOptions(*verb, a->multiplied);
    addResourceOptions(*verb, a->resources, false);
    add(verb, [a] { return runGenerate(*a); });
}

} // namespace gradus::cli
