// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/keras_tensors.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/placed_model_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace gradus {

namespace {

using Bytes = std::span<const std::byte>;

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

/// The object at "a/b/c", group by group; no link on the way may lead out of the file.
Hdf5Place locateBelow(const Hdf5Group& group, std::string_view path)
{
    const auto slash = path.find('/');
    if (slash == std::string_view::npos)
        return group.locate(std::string(path));
    return locateBelow(group.open(std::string(path.substr(0, slash))), path.substr(slash + 1));
}

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

class KerasFile final : public PlacedModelFile
{
public:
    KerasFile(std::shared_ptr<const ByteSource> source, std::vector<TensorInfo> infos,
              std::vector<std::uint64_t> offsets, std::vector<WeightUse> uses,
              std::vector<UnreadTensor> unread, KerasDescription description)
        : m_source(std::move(source))
        , m_offsets(std::move(offsets))
        , m_description(std::move(description))
    {
        setTensors(std::move(infos));
        setUses(std::move(uses));
        setUnread(std::move(unread));
    }

    [[nodiscard]] const KerasDescription& description() const { return m_description; }
    [[nodiscard]] std::vector<FilePiece> piecesOf(std::string_view tensor) const override
    {
        const TensorInfo* info = find(tensor);
        if (!info)
            return {};
        const auto index = static_cast<std::size_t>(info - tensors().data());
        return {{m_source->name(), m_offsets[index], info->bytes}};
    }
    /// The file's bytes besides tensors.
    [[nodiscard]] std::vector<Bytes> header() const
    {
        std::vector<Bytes> pieces;
        for (std::size_t i = 0; i < m_offsets.size(); ++i)
            pieces.push_back(viewOf(i).bytes);
        return gapsBetween(m_source->bytes(), std::move(pieces));
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
    [[nodiscard]] TensorView viewOf(std::size_t index) const
    {
        const TensorInfo& info = tensors()[index];
        return {info.dtype, info.shape, m_source->bytes().subspan(m_offsets[index], info.bytes)};
    }

    std::shared_ptr<const ByteSource> m_source;
    std::vector<std::uint64_t> m_offsets;
    KerasDescription m_description;
};

} // namespace

const KerasDescription* kerasDescription(const ModelFile& tensors)
{
    const auto* file = dynamic_cast<const KerasFile*>(&tensors);
    return file ? &file->description() : nullptr;
}

Hdf5Group openBelow(const Hdf5Group& group, std::string_view path)
{
    const auto slash = path.find('/');
    Hdf5Group inner = group.open(std::string(path.substr(0, slash)));
    return slash == std::string_view::npos ? std::move(inner)
                                           : openBelow(inner, path.substr(slash + 1));
}

void requireShallow(const Hdf5Group& group, const std::string& name)
{
    if (std::count(name.begin(), name.end(), '/') > maximumKerasDepth)
        group.fail({}, concat("holds names of more than ", maximumKerasDepth, " parts"));
}

KerasTensors::KerasTensors(std::shared_ptr<const ByteSource> source, const nlohmann::json& config)
    : m_source(std::move(source))
{
    collectClasses(config);
}

void KerasTensors::collectClasses(const nlohmann::json& json) // its depth was bounded in parsing
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
            collectClasses(inner);
}

std::string KerasTensors::classOf(const std::string& layer) const
{
    const auto found = m_classes.find(layer);
    return found == m_classes.end() ? std::string() : found->second;
}

void KerasTensors::add(const Hdf5Group& group, const std::string& path, const std::string& weight,
                       const std::string& layer)
{
    requireShallow(group, path);
    std::string name = weight;
    if (m_names.contains(name)) // of two layers
        name = concat(layer, "/", weight);
    if (!isValidUtf8(name) || name.empty() || !m_names.insert(name).second)
        group.fail("weight_names", concat("(attribute) names ", gradus::quoted(name),
                                          ", which is no name, or the name of another tensor"));
    if (m_names.size() > maximumKerasTensors)
        group.fail({}, concat("and others hold more than ", maximumKerasTensors, " tensors"));
    Hdf5Place place;
    try {
        place = locateBelow(group, path);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::Unsupported)
            throw;
        m_unread.push_back({name, error.what()});
        return;
    }
    m_infos.push_back(infoOf(name, place));
    m_offsets.push_back(place.offset);
    const auto [owner, part] = layerAndPart(weight);
    m_weights[layer].push_back({owner.empty() ? part : concat(owner, "/", part), name});
    addUse(m_infos.back(), weight, layer);
}

TensorInfo KerasTensors::infoOf(const std::string& name, const Hdf5Place& place) const
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
        throw Error(ErrorCode::Format, concat(m_source->name(), ": tensor ", gradus::quoted(name),
                                              " does not lie in the file"));
    return info;
}

void KerasTensors::addUse(const TensorInfo& info, const std::string& weight,
                          const std::string& layer)
{
    if (!isFloating(info.dtype) || info.shape.size() < 2 || elementCount(info.shape) == 0)
        return;
    const auto [owner, part] = layerAndPart(weight);
    std::string kind = classOf(owner.substr(owner.rfind('/') + 1));
    if (kind.empty())
        kind = classOf(layer);
    auto use = useOf(info, part, kind);
    if (!use)
        return;
    use->name = part == "recurrent_kernel" || owner.empty() ? info.name : owner;
    if (m_useNames.contains(use->name))
        use->name = info.name;
    while (!m_useNames.insert(use->name).second)
        use->name += '\'';
    m_uses.push_back(std::move(*use));
}

OpenedContainer KerasTensors::finish(std::string config, std::string version)
{
    OpenedContainer opened;
    addOtherUses(m_infos, m_uses);
    const auto file = std::make_shared<const KerasFile>(
        std::move(m_source), std::move(m_infos), std::move(m_offsets), std::move(m_uses),
        std::move(m_unread),
        KerasDescription{std::move(config), std::move(version), std::move(m_weights)});
    opened.header = file->header();
    opened.tensors = file;
    return opened;
}

} // namespace gradus
