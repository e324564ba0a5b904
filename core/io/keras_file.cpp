// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/keras_file.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/hdf5_file.h"
#include "core/io/hdf5_superblock.h"
#include "core/io/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace gradus {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t maximumTensors = std::size_t(1) << 16;
constexpr std::ptrdiff_t maximumDepth = 64; // of names with '/', which are groups in groups

DType dtypeOf(Hdf5Type type)
{
    switch (type) {
    case Hdf5Type::U8:
        return DType::U8;
    case Hdf5Type::I32:
        return DType::I32;
    case Hdf5Type::I64:
        return DType::I64;
    case Hdf5Type::F16:
        return DType::F16;
    case Hdf5Type::F32:
        return DType::F32;
    case Hdf5Type::U16: // Hdf5Group::locate finds none of these two
    case Hdf5Type::U32:
    case Hdf5Type::F64:
        break;
    }
    return DType::F64;
}

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
        if (joined.size() > maximumTensors)
            group.fail(name, concat("(attribute) lists more than ", maximumTensors, " names"));
    }
}

/// The object at "a/b/c", group by group; no link on the way may lead out of the file.
Hdf5Place locateBelow(const Hdf5Group& group, std::string_view path)
{
    const auto slash = path.find('/');
    if (slash == std::string_view::npos)
        return group.locate(std::string(path));
    return locateBelow(group.open(std::string(path.substr(0, slash))), path.substr(slash + 1));
}

/// Layer name → class, from the model's configuration, models inside models too.
class Classes
{
public:
    explicit Classes(const Hdf5Group& root, const std::string& file)
    {
        const auto config = root.texts("model_config");
        if (!config || config->size() != 1)
            return; // a file of weights alone
        try {
            collect(parseStrictJson(config->front(), file + ": model_config"));
        } catch (const Error&) {
            m_classes.clear(); // the weights are there all the same; ranks tell the most of it
        }
    }
    /// "" when the configuration does not say.
    [[nodiscard]] std::string of(const std::string& layer) const
    {
        const auto found = m_classes.find(layer);
        return found == m_classes.end() ? std::string() : found->second;
    }

private:
    void collect(const nlohmann::json& json) // its depth was bounded when it was parsed
    {
        if (json.is_object()) {
            const auto kind = json.find("class_name");
            const auto config = json.find("config");
            if (kind != json.end() && kind->is_string() && config != json.end() &&
                config->is_object()) {
                const auto name = config->find("name");
                if (name != config->end() && name->is_string())
                    m_classes.emplace(name->get<std::string>(), kind->get<std::string>());
            }
        }
        if (json.is_structured())
            for (const auto& inner : json)
                collect(inner);
    }
    std::unordered_map<std::string, std::string> m_classes;
};

/// "conv1/kernel:0" → "conv1" and "kernel".
std::pair<std::string, std::string> layerAndPart(const std::string& weight)
{
    std::string path = weight.substr(0, weight.rfind(':'));
    const auto slash = path.rfind('/');
    if (slash == std::string::npos)
        return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

/// What Keras does with a kernel, by its name, rank and layer. Nothing when that does not tell.
std::optional<WeightUse> useOf(const TensorInfo& info, const std::string& part,
                               const std::string& kind)
{
    const std::size_t rank = info.shape.size();
    WeightUse use;
    std::vector<int> order;
    std::size_t rowAxes = 1;
    const auto has = [&](std::string_view word) { return kind.find(word) != kind.npos; };
    // Keras 3 calls it kernel, too.
    const bool depthwise = part == "depthwise_kernel" || (part == "kernel" && has("DepthwiseConv"));
    if (part == "embeddings" && rank == 2) {
        use.role = WeightRole::Embedding;
        order = {0, 1};
    } else if ((part == "kernel" || part == "recurrent_kernel" || part == "pointwise_kernel") &&
               rank == 2) {
        use.role = WeightRole::Linear; // in × out
        order = {1, 0};
    } else if (depthwise && rank >= 3 && rank <= 4) {
        use.role = WeightRole::Convolution; // kernel × in × multiplier: a row for each channel
        const int spatial = static_cast<int>(rank) - 2;
        order = {spatial, spatial + 1};
        for (int i = 0; i < spatial; ++i)
            order.push_back(i);
        rowAxes = 2;
    } else if ((part == "kernel" || part == "pointwise_kernel") && rank >= 3 && rank <= 5 &&
               (kind.empty() ? rank != 3 : has("Conv"))) {
        use.role = WeightRole::Convolution; // kernel × in × out, the last two swapped if transposed
        const int spatial = static_cast<int>(rank) - 2;
        const bool transposed = has("Transpose");
        order = {transposed ? spatial : spatial + 1, transposed ? spatial + 1 : spatial};
        for (int i = 0; i < spatial; ++i)
            order.push_back(i);
    } else {
        return std::nullopt;
    }
    use.tensor = info.name;
    use.rows = use.cols = 1;
    for (std::size_t i = 0; i < order.size(); ++i)
        (i < rowAxes ? use.rows : use.cols) *= info.shape[static_cast<std::size_t>(order[i])];
    use.layout = weightLayout(info.shape, std::move(order));
    return use;
}

class KerasFile final : public ModelFile
{
public:
    KerasFile(std::shared_ptr<const ByteSource> source, const std::filesystem::path& path)
        : m_source(std::move(source))
    {
        checkHdf5Superblock(m_source->bytes(), m_source->name());
        const Hdf5File file = Hdf5File::open(path);
        const Hdf5Group root = file.root();
        const bool whole = root.has("model_weights");
        if (!whole && !listOf(root, "layer_names"))
            throw Error(ErrorCode::Unsupported,
                        concat(m_source->name(),
                               " is an HDF5 file, but no Keras model: it has neither a group "
                               "model_weights nor a list layer_names"));
        read(whole ? root.open("model_weights") : file.root(), Classes(root, m_source->name()));
    }

    [[nodiscard]] OpenedContainer describe(std::shared_ptr<const ModelFile> self) const
    {
        std::vector<Bytes> pieces;
        for (std::size_t i = 0; i < m_offsets.size(); ++i)
            pieces.push_back(viewOf(i).bytes);
        return {std::move(self), gapsBetween(m_source->bytes(), std::move(pieces)), {}};
    }

protected:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override
    {
        return Tensor::copyOf(viewOf(index));
    }
    [[nodiscard]] Tensor readTensorFloat(std::size_t index) const override
    {
        return toFloat(viewOf(index));
    }

private:
    void read(const Hdf5Group& weights, const Classes& classes)
    {
        const auto layers = listOf(weights, "layer_names");
        if (!layers)
            weights.fail("layer_names", "(attribute) is missing");
        std::vector<TensorInfo> infos;
        std::vector<UnreadTensor> unread;
        std::vector<WeightUse> uses;
        std::unordered_set<std::string> names;
        std::unordered_set<std::string> layerNames;
        for (const std::string& layer : *layers) {
            requireShallow(weights, layer);
            const Hdf5Group group = openBelow(weights, layer);
            const auto parts = listOf(group, "weight_names");
            if (!parts)
                group.fail("weight_names", "(attribute) is missing");
            std::unordered_set<std::string> ofLayer;
            for (const std::string& weight : *parts) {
                requireShallow(group, weight);
                std::string name = weight;
                if (names.contains(name)) // of two layers
                    name = concat(layer, "/", weight);
                if (!isValidUtf8(name) || name.empty() || !ofLayer.insert(weight).second ||
                    !names.insert(name).second)
                    group.fail("weight_names",
                               concat("(attribute) names ", gradus::quoted(name),
                                      ", which is no name, or the name of another tensor"));
                if (names.size() > maximumTensors)
                    weights.fail({}, concat("holds more than ", maximumTensors, " tensors"));
                Hdf5Place place;
                try {
                    place = locateBelow(group, weight);
                } catch (const Error& error) {
                    if (error.code() != ErrorCode::Unsupported)
                        throw;
                    unread.push_back({name, error.what()});
                    continue;
                }
                infos.push_back(infoOf(name, place));
                m_offsets.push_back(place.offset);
                addUse(infos.back(), weight, layer, classes, layerNames, uses);
            }
        }
        addOtherUses(infos, uses);
        setTensors(std::move(infos));
        setUses(std::move(uses));
        setUnread(std::move(unread));
    }

    static void requireShallow(const Hdf5Group& group, const std::string& name)
    {
        if (std::count(name.begin(), name.end(), '/') > maximumDepth)
            group.fail({}, concat("holds names of more than ", maximumDepth, " parts"));
    }

    static Hdf5Group openBelow(const Hdf5Group& group, std::string_view path)
    {
        const auto slash = path.find('/');
        Hdf5Group inner = group.open(std::string(path.substr(0, slash)));
        return slash == std::string_view::npos ? std::move(inner)
                                               : openBelow(inner, path.substr(slash + 1));
    }

    TensorInfo infoOf(const std::string& name, const Hdf5Place& place) const
    {
        TensorInfo info;
        info.name = name;
        info.dtype = dtypeOf(place.type);
        info.bytes = place.bytes;
        info.file = m_source->name();
        for (const std::uint64_t size : place.dims)
            info.shape.push_back(static_cast<std::int64_t>(size));
        if (tensorBytes(info.shape, info.dtype) != info.bytes ||
            place.offset + place.bytes > m_source->bytes().size())
            throw Error(ErrorCode::Format,
                        concat(m_source->name(), ": tensor ", gradus::quoted(name),
                               " does not lie in the file"));
        return info;
    }

    static void addUse(const TensorInfo& info, const std::string& weight, const std::string& layer,
                       const Classes& classes, std::unordered_set<std::string>& layerNames,
                       std::vector<WeightUse>& uses)
    {
        if (!isFloating(info.dtype) || info.shape.size() < 2 || elementCount(info.shape) == 0)
            return;
        const auto [owner, part] = layerAndPart(weight);
        std::string kind = classes.of(owner.substr(owner.rfind('/') + 1));
        if (kind.empty())
            kind = classes.of(layer);
        auto use = useOf(info, part, kind);
        if (!use)
            return;
        use->name = part == "recurrent_kernel" || owner.empty() ? info.name : owner;
        if (layerNames.contains(use->name))
            use->name = info.name;
        while (!layerNames.insert(use->name).second)
            use->name += '\'';
        uses.push_back(std::move(*use));
    }

    [[nodiscard]] TensorView viewOf(std::size_t index) const
    {
        const TensorInfo& info = tensors()[index];
        return {info.dtype, info.shape, m_source->bytes().subspan(m_offsets[index], info.bytes)};
    }

    std::shared_ptr<const ByteSource> m_source;
    std::vector<std::uint64_t> m_offsets;
};

} // namespace

OpenedContainer openKeras(std::shared_ptr<const ByteSource> source,
                          const std::filesystem::path& path)
{
    const auto file = std::make_shared<const KerasFile>(std::move(source), path);
    return file->describe(file);
}

} // namespace gradus
