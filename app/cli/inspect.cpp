// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/format.h"
#include "core/base/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <utility>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string model;
    bool json = false;
    bool tensors = false;
};

std::string blockName(const Model& model, const Layer& layer)
{
    return layer.block < 0 ? "" : model.blocks[static_cast<std::size_t>(layer.block)].name;
}

/// How the layer's weight is stored.
std::string storedName(const Model& model, const Layer& layer)
{
    const TensorInfo* info = model.source.tensors->find(layer.weight);
    return info ? gradus::storedName(*info) : std::string(dtypeName(layer.dtype));
}

void printAsJson(const Model& model, bool tensors)
{
    nlohmann::ordered_json out;
    out["format"] = model.source.format;
    out["architecture"] = model.architecture;
    out["parameters"] = model.parameters;
    out["bytes"] = model.source.bytes;
    out["can_run"] = model.canRun();
    out["why_not_runnable"] = model.whyNotRunnable;
    out["task"] = modelTaskName(model.task);
    for (const auto& [key, ports] :
         {std::pair("inputs", &model.graph.inputs), std::pair("outputs", &model.graph.outputs)}) {
        out[key] = nlohmann::ordered_json::array();
        for (const GraphPort& port : *ports) // −1: any size
            out[key].push_back(
                {{"name", port.name}, {"dtype", dtypeName(port.dtype)}, {"shape", port.shape}});
    }
    out["classes"] = model.labels.size();
    out["unread"] = nlohmann::ordered_json::array();
    for (const UnreadTensor& tensor : model.source.tensors->unread())
        out["unread"].push_back({{"name", tensor.name}, {"why", tensor.why}});
    out["tokenizer"] = model.source.tokenizer.filename().string();
    out["fingerprint"] = model.source.fingerprint;
    out["blocks"] = nlohmann::ordered_json::array();
    for (const Block& block : model.blocks)
        out["blocks"].push_back(block.name);
    out["layers"] = nlohmann::ordered_json::array();
    for (const Layer& layer : model.layers)
        out["layers"].push_back({{"name", layer.name},
                                 {"kind", layerKindName(layer.kind)},
                                 {"block", blockName(model, layer)},
                                 {"shape", layer.shape},
                                 {"rows", layer.rows},
                                 {"inputs", layer.cols},
                                 {"transposed", !layer.layout.isPlain()},
                                 {"parameters", layer.parameters()},
                                 {"dtype", storedName(model, layer)},
                                 {"quantized_by_default", layer.quantizedByDefault}});
    if (tensors) {
        out["tensors"] = nlohmann::ordered_json::array();
        for (const TensorInfo& tensor : model.source.tensors->tensors())
            out["tensors"].push_back({{"name", tensor.name},
                                      {"dtype", gradus::storedName(tensor)},
                                      {"shape", tensor.shape},
                                      {"bytes", tensor.bytes}});
    }
    printJson(out.dump(2));
}

std::string portShape(const Shape& shape)
{
    std::string text;
    for (const std::int64_t size : shape)
        text += concat(text.empty() ? "" : " × ", size < 0 ? "?" : std::to_string(size));
    return text;
}

void printPorts(const char* kind, const std::vector<GraphPort>& ports)
{
    for (const GraphPort& port : ports)
        std::printf("%-13s %s: %s %s\n", kind, gradus::quoted(port.name).c_str(),
                    std::string(dtypeName(port.dtype)).c_str(), portShape(port.shape).c_str());
}

int inspect(const Arguments& arguments)
{
    const auto opened = openModel(arguments.model);
    const Model& model = *opened;
    if (arguments.json) {
        printAsJson(model, arguments.tensors);
        return 0;
    }
    std::printf("%s\n", model.source.path.c_str());
    std::printf("format        %s, %zu tensors in %zu file%s, %s\n", model.source.format.c_str(),
                model.source.tensors->tensors().size(), model.source.weightFiles.size(),
                model.source.weightFiles.size() == 1 ? "" : "s",
                formatBytes(model.source.bytes).c_str());
    std::printf("architecture  %s, %zu blocks, %s parameters\n", model.architecture.c_str(),
                model.blocks.size(), formatCount(model.parameters).c_str());
    std::printf("tokenizer     %s\n", model.source.tokenizer.empty()
                                          ? "none found"
                                          : model.source.tokenizer.filename().c_str());
    std::printf("task          %s\n", std::string(modelTaskName(model.task)).c_str());
    printPorts("input", model.graph.inputs);
    printPorts("output", model.graph.outputs);
    std::printf("can run       %s\n\n",
                model.canRun() ? "yes" : concat("no: ", model.whyNotRunnable).c_str());
    for (const UnreadTensor& tensor : model.source.tensors->unread())
        std::printf("not read      %s: %s\n", gradus::quoted(tensor.name).c_str(),
                    tensor.why.c_str());
    if (arguments.tensors) {
        Table table(
            {{"tensor", Table::Align::Left}, {"dtype", Table::Align::Left}, {"shape"}, {"size"}});
        for (const TensorInfo& tensor : model.source.tensors->tensors())
            table.add({tensor.name, gradus::storedName(tensor), shapeText(tensor.shape),
                       formatBytes(tensor.bytes)});
        table.print();
        return 0;
    }
    Table table({{"layer", Table::Align::Left},
                 {"kind", Table::Align::Left},
                 {"dtype", Table::Align::Left},
                 {"shape"},
                 {"parameters"},
                 {"by default", Table::Align::Left}});
    for (const Layer& layer : model.layers)
        table.add({layer.name, std::string(layerKindName(layer.kind)), storedName(model, layer),
                   shapeText(layer.shape), formatCount(layer.parameters()),
                   layer.quantizedByDefault ? "quantized" : "stays float"});
    table.print();
    return 0;
}

} // namespace

void addInspect(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand(
        "inspect",
        "Tensors, layers, blocks, shapes, inputs and outputs, and whether the model can run");
    const auto arguments = std::make_shared<Arguments>();
    verb->add_option("MODEL", arguments->model, "Model folder or file")->required();
    verb->add_flag("--tensors", arguments->tensors, "List tensors instead of layers");
    addJsonFlag(*verb, arguments->json);
    add(verb, [arguments] { return inspect(*arguments); });
}

} // namespace gradus::cli
