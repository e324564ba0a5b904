// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/export.h"

#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/session/evaluate.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

namespace gradus::cli {

namespace {

struct Arguments
{
    std::string run;
    std::string model;
    std::string format;
    std::string zeros = "auto";
    std::string out;
    bool json = false;
};

int runExport(const Arguments& arguments)
{
    ExportRequest request;
    request.run = readRun(arguments.run);
    request.model = openRunModel(*request.run, arguments.model);
    const auto format = exportFormatFromName(arguments.format);
    if (!format)
        throw Error(ErrorCode::Usage, concat("format ", quoted(arguments.format),
                                             ": expected safetensors, gptq, hdf5, onnx or keras"));
    request.format = *format;
    request.output = arguments.out;
    request.gptqZeros = arguments.zeros == "gptq"      ? GptqZeros::V1
                        : arguments.zeros == "gptq_v2" ? GptqZeros::V2
                                                       : GptqZeros::Automatic;
    TerminalMonitor monitor(false);
    const ExportResult result = exportRun(request, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out;
        out["format"] = exportFormatName(*format);
        out["bytes"] = result.bytes;
        out["files"] = nlohmann::ordered_json::array();
        for (const auto& file : result.files)
            out["files"].push_back(file.string());
        out["notes"] = nlohmann::ordered_json::array();
        for (const PreflightNote& note : result.notes)
            out["notes"].push_back({{"layer", note.layer},
                                    {"message", note.message},
                                    {"stays_float", note.staysFloat}});
        printJson(out.dump(2));
        return 0;
    }
    for (const PreflightNote& note : result.notes)
        std::printf("%s%s%s\n", note.layer.c_str(), note.layer.empty() ? "" : ": ",
                    note.message.c_str());
    for (const auto& file : result.files)
        std::printf("wrote %s\n", file.c_str());
    std::printf("%s in all\n", formatBytes(result.bytes).c_str());
    return 0;
}

struct VerifyArguments
{
    std::string path;
    std::string run;
    std::string model;
    bool json = false;
};

int runVerify(const VerifyArguments& arguments)
{
    const auto run = readRun(arguments.run);
    const auto model = openRunModel(*run, arguments.model);
    TerminalMonitor monitor(false);
    const VerifyResult result = verifyExport(arguments.path, *run, *model, monitor);
    monitor.clear();
    if (arguments.json) {
        nlohmann::ordered_json out;
        out["equal"] = result.equal;
        out["mismatches"] = nlohmann::ordered_json::array();
        for (const Mismatch& mismatch : result.mismatches)
            out["mismatches"].push_back({{"layer", mismatch.layer}, {"message", mismatch.message}});
        out["checked"] = result.checked;
        printJson(out.dump(2));
    } else {
        for (const Mismatch& mismatch : result.mismatches)
            std::printf("%s: %s\n", mismatch.layer.c_str(), mismatch.message.c_str());
        std::printf("%s: %s tensors checked, %zu mismatch%s\n",
                    result.equal ? "equal" : "DIFFERENT", formatCount(result.checked).c_str(),
                    result.mismatches.size(), result.mismatches.size() == 1 ? "" : "es");
    }
    return result.equal ? 0 : 1;
}

} // namespace

void addExport(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand("export", "Write a run as a checkpoint for a runtime");
    const auto a = std::make_shared<Arguments>();
    verb->add_option("RUN", a->run, "Run file")->required();
    verb->add_option("--model", a->model, "The run's model, when it has moved");
    verb->add_option("--format", a->format,
                     "safetensors (dequantized, drop-in for the original), gptq, hdf5 (codes, "
                     "scales and zeros in Gradus's own layout), onnx or keras (the model's own "
                     "file with dequantized weights)")
        ->required();
    verb->add_option(
            "--checkpoint-format", a->zeros,
            "GPTQ's zero convention: gptq (v1), gptq_v2, or auto: v1 when every zero is at "
            "least 1")
        ->check(CLI::IsMember({"auto", "gptq", "gptq_v2"}))
        ->capture_default_str();
    verb->add_option("--out", a->out, "Folder to write (a file for hdf5, onnx and keras)")
        ->required();
    addJsonFlag(*verb, a->json);
    add(verb, [a] { return runExport(*a); });
}

void addVerify(CLI::App& program, const AddAction& add)
{
    CLI::App* verb = program.add_subcommand(
        "verify", "Read an exported file back and compare it with its run; exit 1 on any mismatch");
    const auto a = std::make_shared<VerifyArguments>();
    verb->add_option("PATH", a->path, "Exported folder or file")->required();
    verb->add_option("--against", a->run, "Run file")->required();
    verb->add_option("--model", a->model, "The run's model, when it has moved");
    addJsonFlag(*verb, a->json);
    add(verb, [a] { return runVerify(*a); });
}

} // namespace gradus::cli
