// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>

namespace gradus::cli {

ModelOrRun openModelOrRun(const std::string& path, const std::string& modelOverride)
{
    ModelOrRun result;
    if (isRunFile(path)) {
        result.run = readRun(path);
        result.model = openRunModel(*result.run, modelOverride);
        return result;
    }
    if (!modelOverride.empty())
        throw Error(ErrorCode::Usage, concat("--model goes with a run, and ", path, " is a model"));
    result.model = openModel(path);
    return result;
}

void setGranularity(Scheme& scheme, const std::string& text)
{
    scheme.groupSize = 0;
    if (text == "tensor" || text == "channel") {
        scheme.granularity = text == "tensor" ? Granularity::Tensor : Granularity::Channel;
        return;
    }
    const std::string number = text.starts_with("group:") ? text.substr(6) : text;
    long long size = 0;
    if (!parseInteger(number, size) || (size < 1 && size != -1))
        throw Error(ErrorCode::Usage,
                    concat("granularity ", quoted(text),
                           ": expected tensor, channel, or a group of inputs such as group:64"));
    // -1 is what GPTQ's configuration files call per channel.
    scheme.granularity = size == -1 ? Granularity::Channel : Granularity::Group;
    scheme.groupSize = size == -1 ? 0 : size;
}

void addDataOptions(CLI::App& verb, DataArguments& arguments, bool withLabels)
{
    if (withLabels)
        verb.add_option("--labels", arguments.labels,
                        "Labels of the samples: an array, or a text with one on each line; below "
                        "0: none");
    verb.add_option("--normalize", arguments.normalize,
                    "MEAN,STD in units of the stored array, or one of each per channel: "
                    "m1,m2,m3,s1,s2,s3 (default: the model's configuration)");
    verb.add_option("--layout", arguments.layout,
                    "Order of the axes of images, where their sizes do not tell")
        ->check(CLI::IsMember({"nchw", "nhwc"}));
}

void addInputOption(CLI::App& verb, DataArguments& arguments)
{
    verb.add_option("--input", arguments.inputs,
                    "NAME=FILE: an array for a further input of the model; may be repeated")
        ->allow_extra_args(false);
}

void setNormalization(const std::string& text, std::vector<float>& mean,
                      std::vector<float>& deviation)
{
    const auto fail = [&]() {
        throw Error(ErrorCode::Usage,
                    concat("--normalize ", quoted(text),
                           ": expected MEAN,STD or m1,m2,m3,s1,s2,s3, deviations above 0"));
    };
    std::vector<float> values;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        double value = 0;
        if (!parseReal(std::string_view(text).substr(at, comma - at), value) ||
            !std::isfinite(static_cast<float>(value)))
            fail();
        values.push_back(static_cast<float>(value));
        at = comma + 1;
    }
    if (values.size() % 2 != 0)
        fail();
    const auto half = static_cast<std::ptrdiff_t>(values.size() / 2);
    mean.assign(values.begin(), values.begin() + half);
    deviation.assign(values.begin() + half, values.end());
    if (std::any_of(deviation.begin(), deviation.end(), [](float value) { return !(value > 0); }))
        fail();
}

std::map<std::string, std::filesystem::path> inputFiles(const std::vector<std::string>& texts)
{
    std::map<std::string, std::filesystem::path> files;
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
            throw Error(ErrorCode::Usage, concat("--input ", quoted(text), ": expected NAME=FILE"));
        if (!files.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
            throw Error(ErrorCode::Usage,
                        concat("--input ", quoted(text.substr(0, equals)), " is given twice"));
    }
    return files;
}

RunProducts ProductArguments::products() const
{
    return packed ? RunProducts::Packed : integer ? RunProducts::Integers : RunProducts::Floats;
}

void addProductOptions(CLI::App& verb, ProductArguments& arguments)
{
    auto* packed = verb.add_flag("--packed", arguments.packed,
                                 "Multiply the run's 2-, 3- and 4-bit layers, and power levels, "
                                 "as packed codes: faster, in less memory");
    verb.add_flag("--integer", arguments.integer,
                  "Multiply weights and inputs as integers, in layers whose inputs are quantized")
        ->excludes(packed);
}

void addResourceOptions(CLI::App& verb, ResourceArguments& arguments, bool withMemory)
{
    verb.add_option("--threads", arguments.threads, "Threads to use, 0 for all processors");
    if (withMemory)
        verb.add_option("--memory", arguments.memory, "Memory budget")->capture_default_str();
}

void addJsonFlag(CLI::App& verb, bool& json)
{
    verb.add_flag("--json", json, "Print one JSON object");
}

std::string groupText(const Scheme& scheme)
{
    return scheme.granularity == Granularity::Group
               ? std::to_string(scheme.groupSize)
               : std::string(granularityName(scheme.granularity));
}

} // namespace gradus::cli
