// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/session/evaluate.h"
#include "core/session/run.h"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace gradus::cli {

/// Each adds one verb with its options to the program. The action runs when the verb was chosen; it
/// returns the exit status and throws Error or Cancelled.
using Action = std::function<int()>;
using AddAction = std::function<void(CLI::App* verb, Action action)>;

void addInspect(CLI::App& program, const AddAction& add);
void addStats(CLI::App& program, const AddAction& add);
void addQuantize(CLI::App& program, const AddAction& add);
void addAllocate(CLI::App& program, const AddAction& add);
void addEvaluate(CLI::App& program, const AddAction& add);
void addGenerate(CLI::App& program, const AddAction& add);
void addRun(CLI::App& program, const AddAction& add);
void addExport(CLI::App& program, const AddAction& add);
void addVerify(CLI::App& program, const AddAction& add);
void addReport(CLI::App& program, const AddAction& add);
void addMethods(CLI::App& program, const AddAction& add);

/// What "MODEL|RUN.gradus" names.
struct ModelOrRun
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Run> run; ///< null for a model
};
[[nodiscard]] ModelOrRun openModelOrRun(const std::string& path, const std::string& modelOverride);

/// "tensor", "channel", "group:64" (or "64") into the scheme. Throws Error(Usage).
void setGranularity(Scheme& scheme, const std::string& text);

/// How data that is no text is fed.
struct DataArguments
{
    std::string labels;
    std::string normalize;
    std::string layout;
    std::vector<std::string> inputs; ///< NAME=FILE
};
/// --normalize, --layout and, withLabels, --labels.
void addDataOptions(CLI::App& verb, DataArguments& arguments, bool withLabels = true);
/// --input, for further inputs of the model.
void addInputOption(CLI::App& verb, DataArguments& arguments);
/// "MEAN,STD", or as many means as deviations: "m1,m2,m3,s1,s2,s3". Throws Error(Usage).
void setNormalization(const std::string& text, std::vector<float>& mean,
                      std::vector<float>& deviation);
/// NAME=FILE by name. Throws Error(Usage).
[[nodiscard]] std::map<std::string, std::filesystem::path>
inputFiles(const std::vector<std::string>& texts);

/// How a run's layers are multiplied.
struct ProductArguments
{
    bool packed = false;
    bool integer = false;
    [[nodiscard]] RunProducts products() const;
};
/// --packed and --integer.
void addProductOptions(CLI::App& verb, ProductArguments& arguments);

/// What may be used of the machine.
struct ResourceArguments
{
    int threads = 0;
    std::string memory = "2GiB";
};
/// --threads and, withMemory, --memory.
void addResourceOptions(CLI::App& verb, ResourceArguments& arguments, bool withMemory = true);

/// --json without a file.
void addJsonFlag(CLI::App& verb, bool& json);

/// "tensor", "channel" or the group size.
[[nodiscard]] std::string groupText(const Scheme& scheme);

} // namespace gradus::cli
