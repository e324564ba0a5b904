// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/io/npy.h"
#include "core/session/forward.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

namespace gradus::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments
{
    std::string path;
    std::string model;
    DataArguments data;
    std::string output;
    ProductArguments multiplied;
    ResourceArguments resources;
    bool json = false;
};

/// An output's name as that of a file in the folder itself.
std::string fileName(std::string name)
{
    for (char& c : name)
        if (c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < ' ')
            c = '_';
    if (name.empty() || name.front() == '.')
        name.insert(name.begin(), '_');
    return name + ".npy";
}

int run(const Arguments& arguments)
{
    const ThreadLimit threads(arguments.resources.threads);
    const ModelOrRun opened = openModelOrRun(arguments.path, arguments.model);
    ForwardRequest request;
    request.model = opened.model;
    request.run = opened.run;
    request.inputs = inputFiles(arguments.data.inputs);
    if (!arguments.data.normalize.empty())
        setNormalization(arguments.data.normalize, request.mean, request.deviation);
    request.layout = arguments.data.layout;
    request.products = arguments.multiplied.products();
    request.memoryBytes = parseBytes(arguments.resources.memory);
    TerminalMonitor monitor(false);
    const std::vector<NamedOutput> outputs = runModel(request, monitor);
    monitor.clear();
    std::error_code error;
    fs::create_directories(arguments.output, error);
    if (error)
        throw Error(ErrorCode::Io, concat("cannot make ", arguments.output, ": ", error.message()));
    nlohmann::ordered_json out{{"outputs", nlohmann::ordered_json::array()}};
    std::set<std::string> taken;
    for (const NamedOutput& output : outputs) {
        const std::string file = fileName(output.name);
        if (!taken.insert(file).second)
            throw Error(ErrorCode::Unsupported,
                        concat("two outputs of the model would be written to ", file));
        writeNpy(fs::path(arguments.output) / file, output.value.view());
        if (!arguments.json)
            std::printf("%s  %s %s\n", file.c_str(),
                        std::string(dtypeName(output.value.dtype())).c_str(),
                        shapeText(output.value.shape()).c_str());
        out["outputs"].push_back({{"name", output.name},
                                  {"file", file},
                                  {"dtype", dtypeName(output.value.dtype())},
                                  {"shape", output.value.shape()}});
    }
    if (arguments.json)
        printJson(out.dump(2));
    return 0;
}

} // namespace

void addRun(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand(
        "run", "One forward pass of a model or a run over arrays; its outputs as .npy files");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("MODEL", a->path, "Model folder or file, or a run (RUN.gradus)")->required();
    verb->add_option("--model", a->model, "The run's model, when it has moved");
    verb->add_option("--input", a->data.inputs,
                     "NAME=FILE: an array (npy, npz, idx, HDF5) for an input, samples along its "
                     "first axis; once for each input (see inspect)")
        ->required()
        ->allow_extra_args(false);
    verb->add_option("--output", a->output, "Folder for the outputs")->required();
    addDataOptions(*verb, a->data, false);
    addProductOptions(*verb, a->multiplied);
    addResourceOptions(*verb, a->resources);
    addJsonFlag(*verb, a->json);
    add(verb, [a] { return run(*a); });
}

} // namespace gradus::cli
