// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/builders.h"
#include "core/graph/config_reader.h"
#include "core/graph/container_graph.h"
#include "core/graph/fusion.h"
#include "core/graph/graph_passes.h"
#include "core/graph/image_input.h"
#include "core/graph/node_range.h"
#include "core/graph/onnx_translation.h"
#include "core/graph/shape_inference.h"
#include "core/io/byte_source.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

namespace gradus {

namespace {

/// Names of classes in the metadata: as a list in brackets, {0: 'cat', 1: 'dog'}, or one a line or
/// between commas.
std::vector<std::string> labelsIn(const std::map<std::string, std::string>& metadata)
{
    std::string text;
    for (const char* key : {"names", "labels", "classes", "class_names", "id2label"})
        if (const auto found = metadata.find(key); found != metadata.end() && text.empty())
            text = found->second;
    std::vector<std::string> labels;
    const auto add = [&](std::string_view piece) {
        const auto isEdge = [](char c) {
            return std::string_view(" \t\r\n'\"[]{}").find(c) != std::string_view::npos;
        };
        if (const auto colon = piece.find(':');
            colon != piece.npos &&
            piece.substr(0, colon).find_first_not_of(" \t\r\n'\"{0123456789") == piece.npos)
            piece.remove_prefix(colon + 1);
        while (!piece.empty() && isEdge(piece.front()))
            piece.remove_prefix(1);
        while (!piece.empty() && isEdge(piece.back()))
            piece.remove_suffix(1);
        if (!piece.empty() && isValidUtf8(piece))
            labels.emplace_back(piece);
    };
    const char separator = text.find(',') != text.npos ? ',' : '\n';
    std::size_t begin = 0;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] == '\'' || text[i] == '"') && (quote == 0 || quote == text[i]))
            quote = quote == 0 ? text[i] : '\0';
        if (text[i] == separator && quote == 0) {
            add(std::string_view(text).substr(begin, i - begin));
            begin = i + 1;
        }
    }
    add(std::string_view(text).substr(begin));
    return labels;
}

/// What a preprocessor_config.json beside the file says of the images, too; it may be all that says
/// their size.
std::optional<ImageInput> statedImage(const Model& model)
{
    const GraphPort& port = model.graph.inputs.front();
    GraphPort sized = port;
    for (std::size_t axis = 1; axis < sized.shape.size(); ++axis)
        if (sized.shape[axis] < 0)
            sized.shape[axis] = std::numeric_limits<std::int64_t>::max(); // no number of channels
    auto image = imageInputOf(sized);
    if (!image)
        return std::nullopt;
    const std::size_t rows = image->channelsFirst ? 2 : 1;
    const std::array<std::int64_t, 2> size{std::max<std::int64_t>(0, port.shape[rows]),
                                           std::max<std::int64_t>(0, port.shape[rows + 1])};
    ImageInput stated = imageInput(model.source, image->channels, size);
    stated.channelsFirst = image->channelsFirst;
    // Sizes that nothing says are those of the images that are fed.
    return stated.height > 0 && stated.width > 0 ? std::optional(stated) : std::nullopt;
}

/// config.json beside the file; no object when there is none.
nlohmann::json configBeside(const Model& model)
{
    constexpr std::size_t limit = std::size_t(16) << 20;
    const auto path = besideModel(model.source, "config.json");
    if (path.empty())
        return {};
    return nlohmann::json::parse(readTextFile(path, limit), nullptr, false);
}

bool isMasked(const nlohmann::json& config)
{
    const auto list = config.is_object() ? config.find("architectures") : config.end();
    if (!config.is_object() || list == config.end() || !list->is_array())
        return false;
    return std::any_of(list->begin(), list->end(), [](const nlohmann::json& name) {
        return name.is_string() && name.get<std::string>().find("CausalLM") == std::string::npos &&
               name.get<std::string>().find("LMHead") == std::string::npos;
    });
}

/// Tokens → logits at every position, without a cache of earlier ones, in blocks of which the last
/// gives batch × sequence × features.
bool isLanguageModel(const Model& model)
{
    constexpr std::int64_t smallestVocabulary = 64; // fewer are classes of tokens
    const Graph& graph = model.graph;
    const GraphPort& ids = graph.inputs.front();
    const GraphPort& logits = graph.outputs.front();
    const auto isKnown = [&](const GraphPort& port) {
        return &port == &ids || port.name == "attention_mask" || port.name == "position_ids";
    };
    if (ids.name != "input_ids" || ids.dtype != DType::I64 || ids.shape.size() != 2 ||
        ids.shape[1] > 0 || logits.dtype != DType::F32 || logits.shape.size() != 3 ||
        logits.shape[2] < smallestVocabulary ||
        !std::all_of(graph.inputs.begin(), graph.inputs.end(), isKnown) ||
        logits.name.find("logits") == std::string::npos)
        return false;
    const NodeRange head = headRange(model);
    const ShapeInference shapes(model);
    const SymbolicShape* hidden = shapes.shape(head.input);
    const std::vector<ValueId> read = valuesFromOutside(model, head.first, head.count);
    return hidden && hidden->size() == 3 && hidden->back().isNumber() &&
           std::all_of(read.begin(), read.end(),
                       [&](ValueId value) { return value == head.input; }) &&
           !isMasked(configBeside(model));
}

void describeLanguage(Model& model)
{
    model.task = ModelTask::Language;
    model.vocabularySize = model.graph.outputs.front().shape[2];
    const ShapeInference shapes(model);
    model.hiddenSize = shapes.shape(headRange(model).input)->back().number;
    const nlohmann::json config = configBeside(model);
    if (!config.is_object())
        return;
    const ConfigReader reader(config);
    for (const char* key : {"max_position_embeddings", "n_positions"})
        if (reader.has(key))
            model.maximumContext = reader.integer(key, 1, std::int64_t(1) << 32);
}

void describe(Model& model)
{
    const Graph& graph = model.graph;
    if (graph.inputs.empty() || graph.outputs.empty() || model.blocks.empty())
        return;
    if (isLanguageModel(model))
        return describeLanguage(model);
    if (graph.inputs.size() == 1)
        model.image = statedImage(model);
    const bool classifies = model.image && givesClasses(graph.outputs.front());
    if (!classifies)
        return;
    model.task = ModelTask::Classification;
    model.labels = labelsIn(model.source.onnx->metadata);
    if (model.labels.size() != static_cast<std::size_t>(graph.outputs.front().shape[1]))
        model.labels.clear();
}

} // namespace

void buildOnnx(Model& model)
{
    OnnxTranslation(model).run();
    fusePatterns(model);
    placeIntoGraph(model, layersOfUses(model));
    describe(model);
    model.architecture = "ONNX graph";
}

} // namespace gradus
