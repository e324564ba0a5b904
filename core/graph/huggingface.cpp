// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/config_reader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace gradus {

namespace {

struct Architecture
{
    std::string_view type; ///< "model_type" of config.json
    void (*build)(const nlohmann::json& config, Model& model);
};

constexpr std::array<Architecture, 12> architectures{{
    {"llama", buildLlama},
    {"mistral", buildLlama},
    {"qwen2", buildLlama},
    {"gpt2", buildGpt2},
    {"opt", buildOpt},
    {"bert", buildBert},
    {"roberta", buildBert},
    {"xlm-roberta", buildBert},
    {"camembert", buildBert},
    {"distilbert", buildBert},
    {"vit", buildVit},
    {"deit", buildVit},
}};

} // namespace

void buildHuggingFace(Model& model)
{
    const auto config = nlohmann::json::parse(model.source.config, nullptr, false);
    if (config.is_discarded())
        throw Error(ErrorCode::Format, "config.json is not valid JSON");
    const std::string type = ConfigReader(config).text("model_type", "");
    if (type.empty())
        throw Error(ErrorCode::Unsupported, "config.json names no model_type");
    const auto* const found =
        std::find_if(architectures.begin(), architectures.end(),
                     [&](const Architecture& known) { return known.type == type; });
    if (found == architectures.end()) {
        std::string known;
        for (const Architecture& architecture : architectures)
            known += concat(known.empty() ? "" : ", ", architecture.type);
        throw Error(ErrorCode::Unsupported,
                    concat("model_type ", quoted(type), " cannot be run yet (", known,
                           " can); its weights can be inspected and quantized without "
                           "calibration"));
    }
    model.architecture = type;
    found->build(config, model);
}

} // namespace gradus
