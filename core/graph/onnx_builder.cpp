// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/builders.h"
#include "core/graph/container_graph.h"
#include "core/graph/fusion.h"
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"

#include <algorithm>
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

void describe(Model& model)
{
    const Graph& graph = model.graph;
    if (graph.inputs.size() == 1)
        model.image = imageInputOf(graph.inputs.front());
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
