// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/gguf_file.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/io/gguf_llama.h"
#include "core/io/rotary_rows.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <unordered_set>
#include <utility>

namespace gradus {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t grainBytes = std::int64_t(1) << 16;

/// One file of a model.
struct Part
{
    std::shared_ptr<const ByteSource> source;
    GgufHeader header;
};

/// "NAME-00002-of-00003.gguf"
struct PartName
{
    std::string stem; ///< "NAME"
    long long number = 0;
    long long count = 0;
};

std::string partEnding(long long number, long long count)
{
    char text[64];
    std::snprintf(text, sizeof text, "-%05lld-of-%05lld.gguf", number, count);
    return text;
}

std::optional<PartName> partName(const std::string& name)
{
    const std::size_t size = partEnding(1, 1).size();
    if (name.size() < size)
        return std::nullopt;
    PartName part;
    part.stem = name.substr(0, name.size() - size);
    const std::string_view end = std::string_view(name).substr(part.stem.size());
    if (!parseInteger(end.substr(1, 5), part.number) ||
        !parseInteger(end.substr(10, 5), part.count) || partEnding(part.number, part.count) != end)
        return std::nullopt;
    return part;
}

class GgufFile final : public ModelFile
{
public:
    explicit GgufFile(std::vector<Part> parts)
        : m_parts(std::move(parts))
    {
        const GgufMetadata& metadata = m_parts.front().header.metadata;
        const bool family = isLlamaFamily(metadata);
        std::vector<TensorInfo> infos;
        std::vector<UnreadTensor> unread;
        std::unordered_set<std::string> names;
        for (const Part& part : m_parts) {
            for (const GgufTensor& tensor : part.header.tensors) {
                const std::string name = family ? huggingFaceName(tensor.name) : tensor.name;
                if (!names.insert(name).second)
                    throw Error(ErrorCode::Format, concat(part.source->name(), ": tensor ",
                                                          quoted(name), " appears twice"));
                if (!tensor.type->isRead()) {
                    unread.push_back({name, concat("type ", tensor.type->name,
                                                   " is not among those that Gradus reads (",
                                                   ggufTypesRead(), ")")});
                    continue;
                }
                TensorInfo info;
                info.name = name;
                info.dtype = tensor.type->dtype.value_or(DType::F32);
                info.shape = tensor.shape;
                info.bytes = tensor.bytes;
                info.file = part.source->name();
                if (!tensor.type->dtype)
                    info.stored = tensor.type->name;
                infos.push_back(std::move(info));
                m_places.push_back({part.source->bytes().data() + tensor.offset, tensor.type,
                                    rotaryHeadRows(metadata, tensor)});
            }
        }
        setTensors(std::move(infos));
        setUnread(std::move(unread));
    }

    [[nodiscard]] const std::vector<Part>& parts() const { return m_parts; }

protected:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override
    {
        const TensorInfo& info = tensors()[index];
        const Place& place = m_places[index];
        Tensor tensor(info.dtype, info.shape);
        if (tensor.count() == 0)
            return tensor;
        const std::int64_t cols =
            info.shape.size() < 2 ? 1 : info.shape.back(); // a bias has rows of one value
        if (place.type->dtype)
            copyRows(place, tensor, cols);
        else
            decodeRows(place, tensor, info.shape.empty() ? 1 : info.shape.back());
        return tensor;
    }

private:
    struct Place
    {
        const std::byte* from = nullptr;
        const GgufType* type = nullptr;
        std::int64_t headRows = 0; ///< not 0: rows per head whose rotary order is permuted
    };

    static void copyRows(const Place& place, Tensor& tensor, std::int64_t cols)
    {
        const auto size = cols * static_cast<std::int64_t>(dtypeSize(tensor.dtype()));
        std::byte* const to = tensor.bytes().data();
        parallelFor(tensor.count() / cols, std::max<std::int64_t>(1, grainBytes / size),
                    [&](std::int64_t begin, std::int64_t end) {
                        if (place.headRows == 0) {
                            std::memcpy(to + begin * size, place.from + begin * size,
                                        static_cast<std::size_t>((end - begin) * size));
                            return;
                        }
                        for (std::int64_t row = begin; row < end; ++row)
                            std::memcpy(to + rotaryRow(row, place.headRows) * size,
                                        place.from + row * size, static_cast<std::size_t>(size));
                    });
    }

    static void decodeRows(const Place& place, Tensor& tensor, std::int64_t cols)
    {
        const auto values = static_cast<std::int64_t>(place.type->blockValues);
        const auto bytes = static_cast<std::int64_t>(place.type->blockBytes);
        const std::int64_t perRow = cols / values;
        // The rows of a bias are its values: whole blocks cannot be permuted.
        const std::int64_t headRows = tensor.shape().size() < 2 ? 0 : place.headRows;
        float* const to = tensor.floats().data();
        parallelFor(tensor.count() / values, grainBytes / bytes,
                    [&](std::int64_t begin, std::int64_t end) {
                        for (std::int64_t block = begin; block < end; ++block) {
                            const std::int64_t row = rotaryRow(block / perRow, headRows);
                            place.type->decode(place.from + block * bytes,
                                               to + row * cols + block % perRow * values);
                        }
                    });
    }

    std::vector<Part> m_parts;
    std::vector<Place> m_places;
};

Part readPart(std::shared_ptr<const ByteSource> source)
{
    GgufHeader header = readGgufHeader(*source);
    return {std::move(source), std::move(header)};
}

/// All files of the model that path is of, in order; every file is opened once.
std::vector<Part> readParts(std::shared_ptr<const ByteSource> source, const fs::path& path,
                            fs::path& first)
{
    std::vector<Part> parts;
    Part opened = readPart(std::move(source));
    const std::int64_t count = opened.header.metadata.integer("split.count").value_or(1);
    first = path;
    if (count <= 1) {
        parts.push_back(std::move(opened));
        return parts;
    }
    const auto name = partName(path.filename().string());
    if (!name || name->count != count || name->number < 1 || name->number > count)
        throw Error(ErrorCode::Format,
                    concat(path.string(), ": is one of ", count,
                           " parts of a model, but its name does not end as that of a part: \"",
                           partEnding(1, std::min<std::int64_t>(count, 99'999)),
                           "\" is expected of the first"));
    std::int64_t tensors = 0;
    for (long long number = 1; number <= count; ++number) {
        const fs::path file = path.parent_path() / (name->stem + partEnding(number, count));
        parts.push_back(number == name->number ? std::move(opened) : readPart(mapFile(file)));
        const GgufHeader& header = parts.back().header;
        if (header.metadata.integer("split.count").value_or(1) != count ||
            header.metadata.integer("split.no").value_or(-1) != number - 1)
            throw Error(ErrorCode::Format,
                        concat(file.string(), ": its metadata does not say that it is part ",
                               number, " of ", count));
        tensors += static_cast<std::int64_t>(header.tensors.size());
    }
    const GgufMetadata& metadata = parts.front().header.metadata;
    const std::int64_t expected = metadata.integer("split.tensors.count").value_or(tensors);
    if (expected != tensors)
        throw metadata.wrong("split.tensors.count",
                             concat("is ", expected, ", but the parts have ", tensors));
    first = path.parent_path() / (name->stem + partEnding(1, count));
    return parts;
}

LlamaConfigFacts factsOf(const ModelFile& tensors)
{
    LlamaConfigFacts facts;
    if (const TensorInfo* embedding = tensors.find("model.embed_tokens.weight");
        embedding && embedding->shape.size() == 2)
        facts.vocabulary = embedding->shape.front();
    const auto& unread = tensors.unread();
    facts.tied = !tensors.find("lm_head.weight") &&
                 std::none_of(unread.begin(), unread.end(), [](const UnreadTensor& tensor) {
                     return tensor.name == "lm_head.weight";
                 });
    constexpr std::int64_t maximumPairs = 65'536;
    const TensorInfo* factors = tensors.find("rope_freqs.weight");
    if (factors && isFloating(factors->dtype) && elementCount(factors->shape) > 0 &&
        elementCount(factors->shape) <= maximumPairs) {
        const Tensor values = tensors.readFloat(factors->name);
        facts.factors.assign(values.floats().begin(), values.floats().end());
    }
    return facts;
}

} // namespace

OpenedGguf openGguf(std::shared_ptr<const ByteSource> source, const fs::path& path)
{
    OpenedGguf opened;
    const auto file = std::make_shared<GgufFile>(readParts(std::move(source), path, opened.first));
    for (const Part& part : file->parts()) {
        const auto bytes = part.source->bytes();
        opened.header.push_back(
            bytes.first(std::min<std::uint64_t>(part.header.dataStart, bytes.size())));
        if (&part != &file->parts().front())
            opened.otherFiles.emplace_back(part.source->name());
    }
    const GgufMetadata& metadata = file->parts().front().header.metadata;
    if (isLlamaFamily(metadata))
        opened.config = llamaConfig(metadata, factsOf(*file));
    opened.hasTokenizer = metadata.has("tokenizer.ggml.tokens");
    opened.tensors = file;
    return opened;
}

bool isLaterGgufPart(const fs::path& path)
{
    const auto name = partName(path.filename().string());
    return name && name->number > 1;
}

} // namespace gradus
