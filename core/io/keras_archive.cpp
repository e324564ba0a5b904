// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/hdf5_superblock.h"
#include "core/io/keras_file.h"
#include "core/io/keras_tensors.h"
#include "core/io/strict_json.h"
#include "core/io/zip_archive.h"

#include <nlohmann/json.hpp>

#include <cctype>
#include <map>
#include <optional>
#include <utility>

namespace gradus {

namespace {

constexpr std::uint64_t configLimit = std::uint64_t(64) << 20;

bool isUpper(char c)
{
    return std::isupper(static_cast<unsigned char>(c)) != 0;
}
bool isLower(char c)
{
    return std::islower(static_cast<unsigned char>(c)) != 0;
}

/// "BatchNormalization" → "batch_normalization", "Conv2D" → "conv2d", "ReLU" → "re_lu": how Keras
/// names the groups of a class.
std::string groupName(const std::string& kind)
{
    std::string name;
    for (std::size_t i = 0; i < kind.size(); ++i) {
        const char c = kind[i];
        const bool beginsWord = i + 1 < kind.size() && isLower(kind[i + 1]);
        if (i > 0 && isUpper(c) && (beginsWord || isLower(kind[i - 1])))
            name += '_';
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return name;
}

bool isSet(const nlohmann::json& config, const char* key, bool fallback)
{
    const auto found = config.find(key);
    return found != config.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

/// What the numbered variables of a layer are; nothing for a class that is not known.
std::optional<std::vector<std::string>> partsOf(const std::string& kind,
                                                const nlohmann::json& config)
{
    std::vector<std::string> parts;
    if (kind == "BatchNormalization" || kind == "LayerNormalization") {
        if (isSet(config, "scale", true))
            parts.emplace_back("gamma");
        if (isSet(config, "center", true))
            parts.emplace_back("beta");
        if (kind == "BatchNormalization")
            parts.insert(parts.end(), {"moving_mean", "moving_variance"});
        return parts;
    }
    if (kind == "Normalization")
        return std::vector<std::string>{"mean", "variance", "count"};
    if (kind == "PReLU")
        return std::vector<std::string>{"alpha"};
    if (kind == "Embedding")
        return std::vector<std::string>{"embeddings"};
    if (kind.starts_with("SeparableConv"))
        parts = {"depthwise_kernel", "pointwise_kernel"};
    else if (kind == "Dense" || kind.starts_with("Conv") || kind.starts_with("DepthwiseConv"))
        parts = {"kernel"};
    else
        return std::nullopt;
    if (isSet(config, "use_bias", true))
        parts.emplace_back("bias");
    return parts;
}

/// Finds the weights of the configuration's layers.
class Walk
{
public:
    Walk(const Hdf5Group& root, KerasTensors& tensors)
        : m_root(root)
        , m_tensors(tensors)
    {
    }

    /// folder: of the model's groups, "" or "layers/functional/". owner: the model inside the
    /// model that all of this belongs to, or "".
    void model(const nlohmann::json& config, const std::string& folder, const std::string& owner)
    {
        const auto layers = config.find("layers");
        if (layers == config.end() || !layers->is_array())
            return;
        std::map<std::string, int> used;
        for (const auto& layer : *layers) {
            const auto kind = layer.is_object() ? layer.find("class_name") : layer.end();
            const auto inner = layer.is_object() ? layer.find("config") : layer.end();
            if (kind == layer.end() || !kind->is_string() || inner == layer.end() ||
                !inner->is_object())
                continue; // whoever builds the graph complains
            std::string group = groupName(kind->get<std::string>());
            if (const int before = used[group]++; before > 0)
                group += concat("_", before);
            const auto name = inner->find("name");
            if (name != inner->end() && name->is_string())
                one(*kind, *inner, name->get<std::string>(), folder, group, owner);
        }
    }

private:
    void one(const std::string& kind, const nlohmann::json& config, const std::string& name,
             const std::string& folder, const std::string& group, const std::string& owner)
    {
        const std::string& top = owner.empty() ? name : owner;
        if (config.contains("layers")) {
            model(config, folder + "layers/" + group + "/", top);
            return;
        }
        // Keras 2.12 and 2.13 call the folder another way.
        for (const char* list : {"layers/", "_layer_checkpoint_dependencies/"}) {
            const std::string path = folder + list + group + "/vars";
            const auto vars = openIfThere(path);
            if (!vars)
                continue;
            const auto parts = partsOf(kind, config);
            for (std::size_t i = 0; parts ? i < parts->size() : i < maximumKerasTensors; ++i) {
                const std::string number = concat(i);
                if (!vars->has(number))
                    break;
                m_tensors.add(*vars, number, name + "/" + (parts ? (*parts)[i] : number), top);
            }
            return;
        }
    }

    /// The group at a path, when each on the way is there.
    [[nodiscard]] std::optional<Hdf5Group> openIfThere(const std::string& path) const
    {
        std::size_t begin = 0;
        std::optional<Hdf5Group> at;
        while (true) {
            const auto end = path.find('/', begin);
            const std::string step = path.substr(begin, end - begin);
            const Hdf5Group& from = at ? *at : m_root;
            if (!from.has(step))
                return std::nullopt;
            at = from.open(step);
            if (end == path.npos)
                return at;
            begin = end + 1;
        }
    }

    const Hdf5Group& m_root;
    KerasTensors& m_tensors;
};

std::string textOf(const ZipArchive& archive, const char* entry)
{
    const auto bytes = archive.read(entry, configLimit);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Of metadata.json, which nothing depends on.
std::string versionOf(const ZipArchive& archive)
{
    if (!archive.find("metadata.json"))
        return {};
    const auto metadata =
        nlohmann::json::parse(textOf(archive, "metadata.json"), nullptr, false, true);
    if (!metadata.is_object() || !metadata.contains("keras_version") ||
        !metadata["keras_version"].is_string())
        return {};
    return metadata["keras_version"];
}

} // namespace

OpenedContainer openKerasArchive(std::shared_ptr<const ByteSource> source)
{
    const ZipArchive archive(source);
    for (const char* entry : {"config.json", kerasWeightsEntry})
        if (!archive.find(entry))
            throw Error(ErrorCode::Unsupported,
                        concat(source->name(),
                               " is a ZIP archive, but no Keras model: it holds no ", entry));
    std::string config = textOf(archive, "config.json");
    const nlohmann::json parsed = parseStrictJson(config, source->name() + ": config.json");
    const auto weights = memorySource(archive.read(kerasWeightsEntry),
                                      concat(source->name(), ": ", kerasWeightsEntry));
    checkHdf5Superblock(weights->bytes(), weights->name());
    const Hdf5File file = Hdf5File::openImage(weights->bytes(), weights->name());
    const Hdf5Group root = file.root();
    KerasTensors tensors(weights, parsed);
    if (parsed.is_object() && parsed.contains("config") && parsed["config"].is_object())
        Walk(root, tensors).model(parsed["config"], "", "");
    OpenedContainer opened = tensors.finish(std::move(config), versionOf(archive));
    // The file of weights says nothing of strides and activations: another network may have it.
    opened.header.push_back(std::as_bytes(std::span(kerasDescription(*opened.tensors)->config)));
    return opened;
}

} // namespace gradus
