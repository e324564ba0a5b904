// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors.h"

#include "core/base/atomic_file.h"
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace gradus {

static_assert(std::endian::native == std::endian::little,
              "tensors are read as they lie in the file");

namespace {

constexpr std::uint64_t maximumHeader = 100'000'000; // of the official reader
constexpr std::size_t maximumIndex = std::size_t(64) << 20;
constexpr std::size_t maximumRank = 64; // NumPy's; a bound for hostile headers
constexpr int maximumSkippedDepth = 64;
constexpr std::size_t writeChunk = std::size_t(8) << 20;

/// One entry of the header, as found.
struct Entry
{
    std::string name;
    std::string dtype;
    std::vector<std::uint64_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

struct Header
{
    std::vector<Entry> entries;
    std::map<std::string, std::string> metadata;
    std::uint64_t dataStart = 0;
};

/// Walks the header's JSON without building a document: memory stays proportional to the tensors
/// that are really described, duplicate keys are seen, and depth is bounded.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json>
{
public:
    HeaderReader(const std::string& file, Header& header)
        : m_file(file)
        , m_header(header)
    {
    }

    bool null() override { return scalar("null"); }
    bool boolean(bool) override { return scalar("a boolean"); }
    bool number_integer(std::int64_t value) override
    {
        return scalar(concat("the number ", value).c_str());
    }
    bool number_float(double, const std::string& text) override
    {
        return scalar(concat("the number ", quoted(text, 40)).c_str());
    }
    bool binary(nlohmann::json::binary_t&) override { return scalar("binary data"); }

    bool number_unsigned(std::uint64_t value) override
    {
        switch (m_state) {
        case State::Sizes:
            if (m_entry.shape.size() == maximumRank)
                fail(concat("more than ", maximumRank, " dimensions"));
            m_entry.shape.push_back(value);
            return true;
        case State::Offsets:
            if (m_offsets == 0)
                m_entry.begin = value;
            else if (m_offsets == 1)
                m_entry.end = value;
            else
                fail("more than two numbers in data_offsets");
            ++m_offsets;
            return true;
        default:
            return scalar("a number");
        }
    }

    bool string(std::string& value) override
    {
        if (m_state == State::DtypeValue) {
            m_entry.dtype = value;
            m_state = State::Tensor;
            return true;
        }
        if (m_state == State::MetadataValue) {
            if (!m_header.metadata.emplace(m_key, value).second)
                fail(concat("key ", quoted(m_key), " of __metadata__ appears twice"));
            m_state = State::Metadata;
            return true;
        }
        return scalar("a string");
    }

    bool start_object(std::size_t) override
    {
        switch (m_state) {
        case State::Begin:
            m_state = State::Top;
            return true;
        case State::MetadataObject:
            m_state = State::Metadata;
            return true;
        case State::TensorObject:
            m_state = State::Tensor;
            return true;
        default:
            return nested("an object");
        }
    }

    bool key(std::string& value) override
    {
        switch (m_state) {
        case State::Top:
            if (value == "__metadata__") {
                if (std::exchange(m_sawMetadata, true))
                    fail("__metadata__ appears twice");
                m_state = State::MetadataObject;
                return true;
            }
            if (!m_names.insert(value).second)
                fail(concat("tensor ", quoted(value), " appears twice"));
            m_entry = {};
            m_entry.name = value;
            m_offsets = 0;
            m_sawDtype = m_sawShape = m_sawOffsets = false;
            m_state = State::TensorObject;
            return true;
        case State::Metadata:
            m_key = value;
            m_state = State::MetadataValue;
            return true;
        case State::Tensor:
            if (value == "dtype") {
                once(m_sawDtype, "dtype");
                m_state = State::DtypeValue;
            } else if (value == "shape") {
                once(m_sawShape, "shape");
                m_state = State::ShapeArray;
            } else if (value == "data_offsets") {
                once(m_sawOffsets, "data_offsets");
                m_state = State::OffsetsArray;
            } else { // as the official reader: later versions may say more of a tensor
                m_state = State::Skip;
                m_skipDepth = 0;
            }
            return true;
        default: // inside a skipped value
            return true;
        }
    }

    bool end_object() override
    {
        switch (m_state) {
        case State::Metadata:
            m_state = State::Top;
            return true;
        case State::Tensor:
            if (!m_sawDtype || !m_sawShape || !m_sawOffsets)
                fail(concat("no ",
                            !m_sawDtype   ? "dtype"
                            : !m_sawShape ? "shape"
                                          : "data_offsets",
                            "; dtype, shape and data_offsets are expected"));
            m_header.entries.push_back(std::move(m_entry));
            m_state = State::Top;
            return true;
        case State::Top:
            m_state = State::End;
            return true;
        default:
            return leave();
        }
    }

    bool start_array(std::size_t) override
    {
        switch (m_state) {
        case State::ShapeArray:
            m_state = State::Sizes;
            return true;
        case State::OffsetsArray:
            m_state = State::Offsets;
            return true;
        default:
            return nested("an array");
        }
    }

    bool end_array() override
    {
        if (m_state == State::Skip)
            return leave();
        if (m_state == State::Offsets && m_offsets != 2)
            fail(concat(m_offsets, " numbers in data_offsets; two are expected"));
        m_state = State::Tensor;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::json::exception&) override
    {
        throw Error(ErrorCode::Format, concat(m_file, ": the header is not valid JSON (near byte ",
                                              position, " of the header)"));
    }

private:
    enum class State
    {
        Begin,
        Top,
        MetadataObject,
        Metadata,
        MetadataValue,
        TensorObject,
        Tensor,
        DtypeValue,
        ShapeArray,
        Sizes,
        OffsetsArray,
        Offsets,
        Skip,
        End
    };

    [[noreturn]] void fail(const std::string& what) const
    {
        const bool inTensor = m_state >= State::TensorObject && m_state < State::End;
        throw Error(ErrorCode::Format,
                    inTensor ? concat(m_file, ": tensor ", quoted(m_entry.name), ": ", what)
                             : concat(m_file, ": header: ", what));
    }

    void once(bool& seen, const char* key)
    {
        if (std::exchange(seen, true))
            fail(concat(key, " appears twice"));
    }

    bool scalar(const char* found)
    {
        if (m_state == State::Skip) {
            if (m_skipDepth == 0)
                m_state = State::Tensor;
            return true;
        }
        unexpected(found);
    }

    bool nested(const char* found)
    {
        if (m_state != State::Skip)
            unexpected(found);
        if (++m_skipDepth > maximumSkippedDepth)
            fail(concat("JSON nested deeper than ", maximumSkippedDepth, " levels"));
        return true;
    }

    bool leave()
    {
        if (--m_skipDepth == 0)
            m_state = State::Tensor;
        return true;
    }

    [[noreturn]] void unexpected(const char* found) const
    {
        const char* expected = "";
        switch (m_state) {
        case State::Begin:
        case State::MetadataObject:
        case State::TensorObject:
            expected = "an object";
            break;
        case State::MetadataValue:
            expected = "a string";
            break;
        case State::DtypeValue:
            expected = "a string for dtype";
            break;
        case State::ShapeArray:
            expected = "an array for shape";
            break;
        case State::OffsetsArray:
            expected = "an array for data_offsets";
            break;
        default:
            expected = "a whole number from 0 to 18446744073709551615";
            break;
        }
        fail(concat("found ", found, " where ", expected, " is expected"));
    }

    const std::string& m_file;
    Header& m_header;
    State m_state = State::Begin;
    Entry m_entry;
    std::string m_key;
    std::unordered_set<std::string> m_names;
    int m_offsets = 0;
    int m_skipDepth = 0;
    bool m_sawMetadata = false;
    bool m_sawDtype = false;
    bool m_sawShape = false;
    bool m_sawOffsets = false;
};

Header readHeader(const ByteSource& source)
{
    const auto bytes = source.bytes();
    if (bytes.size() < 8)
        throw Error(ErrorCode::Format,
                    concat(source.name(), " has ", bytes.size(),
                           " bytes; a safetensors file starts with an 8-byte header length"));
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > maximumHeader)
        throw Error(ErrorCode::Format,
                    concat(source.name(), ": header length ", length,
                           "; a safetensors header has at most ", maximumHeader, " bytes"));
    if (length > bytes.size() - 8)
        throw Error(ErrorCode::Format, concat(source.name(), ": header length ", length,
                                              ", but only ", bytes.size() - 8,
                                              " bytes follow: the file is cut short or not "
                                              "safetensors"));
    Header header;
    header.dataStart = 8 + length;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, length);
    if (text.empty() || text.front() != '{')
        throw Error(ErrorCode::Format,
                    concat(source.name(), ": the header does not start with \"{\""));
    HeaderReader reader(source.name(), header);
    nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
    return header;
}

/// Legal in the format, but without a DType of ours.
bool isForeignDtype(std::string_view name)
{
    static constexpr std::array<std::string_view, 12> names{
        "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4",
        "F6_E2M3", "F6_E3M2", "U16",     "U32",         "U64",         "C64"};
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string shapeText(const std::vector<std::uint64_t>& shape)
{
    std::string text = "[";
    for (const std::uint64_t size : shape)
        text += concat(text.size() > 1 ? ", " : "", size);
    return text + "]";
}

class SafetensorsFile final : public ModelFile
{
public:
    explicit SafetensorsFile(std::shared_ptr<const ByteSource> source)
        : m_source(std::move(source))
    {
        Header header = readHeader(*m_source);
        m_dataStart = header.dataStart;
        std::stable_sort(header.entries.begin(), header.entries.end(),
                         [](const Entry& a, const Entry& b) {
                             return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                         });
        const std::uint64_t available = m_source->bytes().size() - m_dataStart;
        std::vector<TensorInfo> infos;
        infos.reserve(header.entries.size());
        m_begin.reserve(header.entries.size());
        std::uint64_t position = 0;
        for (const Entry& entry : header.entries) {
            infos.push_back(check(entry, position, available));
            m_begin.push_back(entry.begin);
            position = entry.end;
        }
        if (position != available)
            throw Error(ErrorCode::Format,
                        concat(m_source->name(), ": the tensors end at byte ", position,
                               " of the data, which has ", available,
                               " bytes: ", available - position, " bytes too many"));
        setTensors(std::move(infos));
    }

protected:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override
    {
        return Tensor::copyOf(viewOf(index));
    }
    [[nodiscard]] Tensor readTensorFloat(std::size_t index) const override
    {
        return toFloat(viewOf(index)); // straight from the mapped bytes
    }

private:
    TensorInfo check(const Entry& entry, std::uint64_t position, std::uint64_t available) const
    {
        const auto fail = [&](ErrorCode code, const std::string& what) -> Error {
            return Error(code,
                         concat(m_source->name(), ": tensor ", quoted(entry.name), ": ", what));
        };
        const auto dtype = dtypeFromName(entry.dtype);
        if (!dtype && isForeignDtype(entry.dtype))
            throw fail(ErrorCode::Unsupported,
                       concat("dtype ", entry.dtype,
                              " is not among those that Gradus reads (F64, "
                              "F32, F16, BF16, I64, I32, I16, I8, U8, BOOL)"));
        if (!dtype)
            throw fail(ErrorCode::Format, concat("unknown dtype ", quoted(entry.dtype, 40)));
        if (entry.begin > entry.end || entry.end > available)
            throw fail(ErrorCode::Format,
                       concat("data_offsets [", entry.begin, ", ", entry.end,
                              "] do not lie in the data, which has ", available, " bytes"));
        std::uint64_t count = 1;
        TensorInfo info;
        for (const std::uint64_t size : entry.shape) {
            // The same bound as elementCount(), so that a listed shape can always be a Tensor.
            const auto product = checkedMultiply(count, size);
            if (!product || *product > std::numeric_limits<std::uint64_t>::max() >> 4 ||
                size > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
                throw fail(ErrorCode::Format,
                           concat("shape ", shapeText(entry.shape), " has too many elements"));
            count = *product;
            info.shape.push_back(static_cast<std::int64_t>(size));
        }
        info.bytes = count * dtypeSize(*dtype);
        if (info.bytes != entry.end - entry.begin)
            throw fail(ErrorCode::Format,
                       concat("shape ", shapeText(entry.shape), " of ", entry.dtype, " needs ",
                              info.bytes, " bytes, but data_offsets [", entry.begin, ", ",
                              entry.end, "] hold ", entry.end - entry.begin));
        if (entry.begin != position)
            throw fail(ErrorCode::Format,
                       concat("its data starts at byte ", entry.begin, ", ",
                              entry.begin < position ? "inside the tensor before it, which ends at "
                                                     : "leaving a gap after ",
                              position));
        info.name = entry.name;
        info.dtype = *dtype;
        info.file = m_source->name();
        return info;
    }

    [[nodiscard]] TensorView viewOf(std::size_t index) const
    {
        const TensorInfo& info = tensors()[index];
        return {info.dtype, info.shape,
                m_source->bytes().subspan(m_dataStart + m_begin[index], info.bytes)};
    }

    std::shared_ptr<const ByteSource> m_source;
    std::uint64_t m_dataStart = 0;
    std::vector<std::uint64_t> m_begin; ///< of each tensor, relative to the data
};

class ShardedFile final : public ModelFile
{
public:
    explicit ShardedFile(const std::filesystem::path& indexPath)
    {
        const std::string name = indexPath.string();
        for (const auto& [tensor, shard] :
             readSafetensorsIndex(readTextFile(indexPath, maximumIndex), name))
            m_expected[shard].push_back(tensor);
        std::vector<TensorInfo> infos;
        std::unordered_map<std::string, std::string> owner;
        for (const auto& [shard, names] : m_expected) {
            const std::filesystem::path path = indexPath.parent_path() / shard;
            if (!std::filesystem::exists(path))
                throw Error(ErrorCode::Io, concat(name, " names the shard ", quoted(shard),
                                                  ", which is not beside it"));
            auto file = openSafetensors(mapFile(path));
            for (const std::string& tensor : names)
                if (!file->find(tensor))
                    throw Error(ErrorCode::Format,
                                concat(name, " says that ", quoted(shard), " holds tensor ",
                                       quoted(tensor), ", but it does not"));
            for (const TensorInfo& info : file->tensors()) {
                const auto [first, isNew] = owner.emplace(info.name, shard);
                if (!isNew)
                    throw Error(ErrorCode::Format,
                                concat(name, ": tensor ", quoted(info.name), " is in two shards, ",
                                       quoted(first->second), " and ", quoted(shard)));
                infos.push_back(info);
                m_shardOf.push_back(file);
            }
        }
        m_expected.clear();
        setTensors(std::move(infos));
    }

protected:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override
    {
        return m_shardOf[index]->read(tensors()[index].name);
    }
    [[nodiscard]] Tensor readTensorFloat(std::size_t index) const override
    {
        return m_shardOf[index]->readFloat(tensors()[index].name);
    }

private:
    std::map<std::string, std::vector<std::string>> m_expected; ///< shard → tensors, while opening
    std::vector<std::shared_ptr<const ModelFile>> m_shardOf;
};

} // namespace

std::shared_ptr<const ModelFile> openSafetensors(std::shared_ptr<const ByteSource> source)
{
    return std::make_shared<SafetensorsFile>(std::move(source));
}

std::map<std::string, std::string> safetensorsMetadata(const ByteSource& source)
{
    return readHeader(source).metadata;
}

std::map<std::string, std::string> readSafetensorsIndex(std::string_view text,
                                                        const std::string& name)
{
    const nlohmann::json index = parseStrictJson(text, name);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
        throw Error(ErrorCode::Format,
                    concat(name, ": no object \"weight_map\"; an index of a sharded safetensors "
                                 "checkpoint is expected"));
    std::map<std::string, std::string> shardOf;
    for (const auto& [tensor, value] : index["weight_map"].items()) {
        if (!value.is_string())
            throw Error(ErrorCode::Format, concat(name, ": weight_map of tensor ", quoted(tensor),
                                                  " is not the name of a file"));
        const auto& shard = value.get_ref<const std::string&>();
        // A plain name only: an index must not reach files outside its own folder.
        if (shard.empty() || shard == "." || shard == ".." ||
            shard.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos)
            throw Error(ErrorCode::Format, concat(name, ": weight_map of tensor ", quoted(tensor),
                                                  " is ", quoted(shard),
                                                  "; the plain name of a file beside the index is "
                                                  "expected"));
        shardOf.emplace(tensor, shard);
    }
    if (shardOf.empty())
        throw Error(ErrorCode::Format, concat(name, ": weight_map is empty"));
    return shardOf;
}

std::shared_ptr<const ModelFile> openSafetensorsIndex(const std::filesystem::path& indexPath)
{
    return std::make_shared<ShardedFile>(indexPath);
}

namespace {

std::string jsonString(const std::string& text, const std::filesystem::path& path)
{
    if (!isValidUtf8(text))
        throw Error(ErrorCode::Format, concat("cannot write ", path.string(), ": the name ",
                                              quoted(text), " is not valid UTF-8"));
    return nlohmann::json(text).dump();
}

/// Sorts the tensors as they are written; total: bytes of all.
std::string headerOf(const std::filesystem::path& path, std::vector<TensorToWrite>& tensors,
                     const std::map<std::string, std::string>& metadata, std::uint64_t& total)
{
    std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
        const std::size_t sizeA = dtypeSize(a.dtype);
        const std::size_t sizeB = dtypeSize(b.dtype);
        return sizeA != sizeB ? sizeA > sizeB : a.name < b.name;
    });
    std::string header = "{";
    if (!metadata.empty()) {
        header += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata)
            header += concat(header.back() == '{' ? "" : ",", jsonString(key, path), ":",
                             jsonString(value, path));
        header += '}';
    }
    std::unordered_set<std::string_view> names;
    total = 0;
    for (const TensorToWrite& tensor : tensors) {
        if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
            throw Error(ErrorCode::Format,
                        concat("cannot write ", path.string(), ": the tensor name ",
                               quoted(tensor.name),
                               names.count(tensor.name) ? " appears twice" : " is reserved"));
        const std::uint64_t begin = total;
        const auto end = checkedAdd(total, static_cast<std::uint64_t>(elementCount(tensor.shape)) *
                                               dtypeSize(tensor.dtype));
        if (!end)
            throw Error(ErrorCode::Shape,
                        concat("cannot write ", path.string(), ": too many bytes"));
        total = *end;
        header += concat(header.size() == 1 ? "" : ",", jsonString(tensor.name, path),
                         ":{\"dtype\":\"", dtypeName(tensor.dtype), "\",\"shape\":[");
        for (std::size_t i = 0; i < tensor.shape.size(); ++i)
            header += concat(i == 0 ? "" : ",", tensor.shape[i]);
        header += concat("],\"data_offsets\":[", begin, ",", total, "]}");
    }
    header += '}';
    header.append((8 - header.size() % 8) % 8, ' ');
    if (header.size() > maximumHeader)
        throw Error(ErrorCode::Unsupported,
                    concat("cannot write ", path.string(), ": the header would have ",
                           header.size(), " bytes; the format allows ", maximumHeader));
    return header;
}

} // namespace

std::uint64_t safetensorsBytes(std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata)
{
    std::uint64_t total = 0;
    const std::string header = headerOf("a file", tensors, metadata, total);
    return sizeof(std::uint64_t) + header.size() + total;
}

void writeSafetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                      const std::map<std::string, std::string>& metadata, Monitor& monitor)
{
    std::uint64_t total = 0;
    const std::string header = headerOf(path, tensors, metadata, total);
    AtomicFile file(path);
    const std::uint64_t length = header.size();
    file.write(std::as_bytes(std::span(&length, 1)));
    file.write(header);
    std::uint64_t done = 0;
    for (TensorToWrite& tensor : tensors) {
        monitor.checkpoint();
        const Tensor data = tensor.produce();
        tensor.produce = nullptr; // what it captured may be large
        if (data.dtype() != tensor.dtype || data.shape() != tensor.shape)
            throw Error(ErrorCode::Internal,
                        concat("cannot write ", path.string(), ": tensor ", quoted(tensor.name),
                               " came as ", dtypeName(data.dtype()), " ", shapeText(data.shape()),
                               ", announced as ", dtypeName(tensor.dtype), " ",
                               shapeText(tensor.shape)));
        auto bytes = data.bytes();
        while (!bytes.empty()) {
            monitor.checkpoint();
            const std::size_t some = std::min(bytes.size(), writeChunk);
            file.write(bytes.first(some));
            bytes = bytes.subspan(some);
            done += some;
            monitor.report(static_cast<double>(done) / static_cast<double>(total),
                           concat("writing ", tensor.name));
        }
    }
    monitor.checkpoint();
    file.commit();
}

} // namespace gradus
