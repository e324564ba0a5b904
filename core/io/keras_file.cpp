// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/keras_file.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/hdf5_superblock.h"
#include "core/io/keras_tensors.h"
#include "core/io/strict_json.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <utility>

namespace gradus {

namespace {

/// Keras splits lists that an attribute cannot hold: layer_names0, layer_names1, …
std::optional<std::vector<std::string>> listOf(const Hdf5Group& group, const std::string& name)
{
    if (auto whole = group.texts(name))
        return whole;
    std::vector<std::string> joined;
    for (std::size_t part = 0;; ++part) {
        auto more = group.texts(concat(name, part));
        if (!more)
            return part == 0 ? std::nullopt : std::make_optional(std::move(joined));
        joined.insert(joined.end(), more->begin(), more->end());
        if (joined.size() > maximumKerasTensors)
            group.fail(name, concat("(attribute) lists more than ", maximumKerasTensors, " names"));
    }
}

/// A text of the root, "" when it has none; long ones are split as lists are.
std::string textOf(const Hdf5Group& root, const std::string& name)
{
    std::string whole;
    for (const std::string& piece : listOf(root, name).value_or(std::vector<std::string>()))
        whole += piece;
    return whole;
}

/// Null when there is none, or none that can be understood: the weights are there all the same,
/// and their ranks tell the most of their use.
nlohmann::json parsedConfig(const std::string& config, const std::string& file)
{
    if (config.empty())
        return nullptr;
    try {
        return parseStrictJson(config, file + ": model_config");
    } catch (const Error&) {
        return nullptr;
    }
}

void addLayer(const Hdf5Group& weights, const std::string& layer, KerasTensors& tensors)
{
    requireShallow(weights, layer);
    const Hdf5Group group = openBelow(weights, layer);
    const auto parts = listOf(group, "weight_names");
    if (!parts)
        group.fail("weight_names", "(attribute) is missing");
    std::unordered_set<std::string> ofLayer;
    for (const std::string& weight : *parts) {
        if (!ofLayer.insert(weight).second)
            group.fail("weight_names", concat("(attribute) names ", gradus::quoted(weight),
                                              ", which is no name, or the name of another tensor"));
        tensors.add(group, weight, weight, layer);
    }
}

} // namespace

OpenedContainer openKeras(std::shared_ptr<const ByteSource> source,
                          const std::filesystem::path& path)
{
    checkHdf5Superblock(source->bytes(), source->name());
    const Hdf5File file = Hdf5File::open(path);
    const Hdf5Group root = file.root();
    const bool whole = root.has("model_weights");
    if (!whole && !listOf(root, "layer_names"))
        throw Error(ErrorCode::Unsupported,
                    concat(source->name(),
                           " is an HDF5 file, but no Keras model: it has neither a group "
                           "model_weights nor a list layer_names"));
    const Hdf5Group weights = whole ? root.open("model_weights") : file.root();
    const auto layers = listOf(weights, "layer_names");
    if (!layers)
        weights.fail("layer_names", "(attribute) is missing");
    std::string config = textOf(root, "model_config");
    KerasTensors tensors(source, parsedConfig(config, source->name()));
    for (const std::string& layer : *layers)
        addLayer(weights, layer, tensors);
    return tensors.finish(std::move(config), textOf(root, "keras_version"));
}

} // namespace gradus
