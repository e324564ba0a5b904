// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/evaluate.h"

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

std::string groupText(const Scheme& scheme)
{
    return scheme.granularity == Granularity::Group
               ? std::to_string(scheme.groupSize)
               : std::string(granularityName(scheme.granularity));
}

} // namespace gradus::cli
