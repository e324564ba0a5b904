// SPDX-License-Identifier: GPL-3.0-or-later
//
// "GGUF" | u32 version | i64 tensors | i64 pairs | pairs | tensor infos | padding | data.
//   text    u64 length, bytes
//   pair    text key, i32 type, value; a list is i32 type, u64 count, elements
//   info    text name, u32 dimensions, i64 sizes (the fastest first), i32 type, u64 offset
// Offsets count from the data's beginning, which is aligned, as is every tensor.
#include "core/io/gguf_header.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

namespace gradus {

static_assert(std::endian::native == std::endian::little,
              "headers are read as they lie in the file");

namespace {

constexpr std::uint64_t maximumLength = std::uint64_t(1) << 30; // of texts and lists
constexpr std::size_t maximumName = 63;
constexpr std::uint32_t maximumDimensions = 4;
constexpr std::uint64_t smallestPair = 8 + 1 + 4 + 1;
constexpr std::uint64_t smallestInfo = 8 + 4 + 4 + 8;

enum Type : std::int32_t
{
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    Text = 8,
    List = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12
};

/// Bytes of a value; 0 for texts and lists.
constexpr std::array<std::uint64_t, 13> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

template <class T>
T load(std::span<const std::byte> bytes, std::uint64_t offset = 0)
{
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

class Reader
{
public:
    explicit Reader(const ByteSource& source)
        : m_bytes(source.bytes())
        , m_name(source.name())
    {
    }

    GgufHeader read()
    {
        if (!looksLikeGguf(m_bytes))
            throw bad("does not start with \"GGUF\"");
        m_at = 4;
        const std::uint32_t version = readVersion();
        const std::uint64_t tensors = readCount("tensors", smallestInfo);
        const std::uint64_t pairs = readCount("metadata entries", smallestPair);
        std::map<std::string_view, GgufValue> values;
        for (std::uint64_t i = 0; i < pairs; ++i)
            readPair(values);
        GgufHeader header{version, GgufMetadata(m_name, std::move(values)), {}, 0};
        const std::uint64_t alignment = readAlignment(header.metadata);
        std::set<std::string> names;
        std::uint64_t next = 0; // offset of the next tensor
        for (std::uint64_t i = 0; i < tensors; ++i) {
            GgufTensor tensor = readInfo();
            if (!names.insert(tensor.name).second)
                throw bad(concat("tensor ", quoted(tensor.name), " appears twice"));
            if (tensor.offset != next)
                throw bad(concat("tensor ", quoted(tensor.name), " lies at offset ", tensor.offset,
                                 "; after the one before it ", next, " is expected"));
            next = padded(next, tensor.bytes, alignment);
            header.tensors.push_back(std::move(tensor));
        }
        header.dataStart = padded(m_at, 0, alignment);
        for (GgufTensor& tensor : header.tensors) {
            const auto begin = checkedAdd(header.dataStart, tensor.offset);
            const auto end = begin ? checkedAdd(*begin, tensor.bytes) : std::nullopt;
            if (!end || *end > m_bytes.size())
                throw bad(concat("cut short: tensor ", quoted(tensor.name), " has ", tensor.bytes,
                                 " bytes at offset ", tensor.offset,
                                 " of the data, but the file "
                                 "has ",
                                 m_bytes.size(), " in all"));
            tensor.offset = *begin;
        }
        return header;
    }

private:
    [[nodiscard]] Error bad(const std::string& what) const
    {
        return Error(ErrorCode::Format, concat(m_name, ": ", what));
    }
    [[nodiscard]] std::uint64_t left() const { return m_bytes.size() - m_at; }

    std::span<const std::byte> take(std::uint64_t size)
    {
        if (size > left())
            throw bad(concat("cut short: ", size, " bytes are expected at ", m_at,
                             " in the header, but ", left(), " are left"));
        const auto taken = m_bytes.subspan(m_at, size);
        m_at += size;
        return taken;
    }

    template <class T>
    T number()
    {
        return load<T>(take(sizeof(T)));
    }

    std::string_view text()
    {
        const auto length = number<std::uint64_t>();
        if (length > maximumLength)
            throw bad(concat("a text of ", length, " bytes in the header; at most ", maximumLength,
                             " are read"));
        const auto bytes = take(length);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    std::uint32_t readVersion()
    {
        const auto version = number<std::uint32_t>();
        if (version == 0)
            throw bad("GGUF version 0; 2 or 3 is expected");
        if ((version & 0xFFFFU) == 0)
            throw Error(ErrorCode::Unsupported,
                        concat(m_name, ": a big-endian GGUF file; only little-endian ones are "
                                       "read"));
        if (version != 2 && version != 3)
            throw Error(ErrorCode::Unsupported,
                        concat(m_name, ": GGUF version ", version, "; versions 2 and 3 are read"));
        return version;
    }

    std::uint64_t readCount(const char* what, std::uint64_t smallest)
    {
        const auto count = number<std::int64_t>();
        if (count < 0 || static_cast<std::uint64_t>(count) > left() / smallest)
            throw bad(concat("the header names ", count, " ", what, ", more than its ", left(),
                             " bytes can hold"));
        return static_cast<std::uint64_t>(count);
    }

    void readPair(std::map<std::string_view, GgufValue>& values)
    {
        const std::string_view key = text();
        if (key.empty())
            throw bad("a metadata entry without a key");
        const auto fail = [&](const std::string& what) {
            return bad(concat("metadata ", quoted(key), " ", what));
        };
        GgufValue value;
        value.type = number<std::int32_t>();
        value.count = 1;
        value.isList = value.type == List;
        if (value.isList) {
            value.type = number<std::int32_t>();
            value.count = number<std::uint64_t>();
            if (value.type == List)
                throw fail("is a list of lists, which GGUF does not allow");
            if (value.count > maximumLength)
                throw fail(
                    concat("has ", value.count, " elements; at most ", maximumLength, " are read"));
        }
        if (value.type < 0 || value.type > F64)
            throw fail(concat("is of the unknown type ", value.type));
        const std::uint64_t begin = m_at;
        if (value.type == Text) {
            for (std::uint64_t i = 0; i < value.count; ++i)
                (void)text();
        } else {
            (void)take(value.count * sizes[static_cast<std::size_t>(value.type)]);
        }
        value.bytes = m_bytes.subspan(begin, m_at - begin);
        if (!values.emplace(key, value).second)
            throw fail("appears twice");
    }

    std::uint64_t readAlignment(const GgufMetadata& metadata) const
    {
        constexpr std::int64_t otherwise = 32;
        const std::int64_t alignment = metadata.integer("general.alignment").value_or(otherwise);
        if (alignment <= 0 || alignment > INT32_MAX ||
            !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
            throw bad(concat("general.alignment is ", alignment, "; a power of two is expected"));
        return static_cast<std::uint64_t>(alignment);
    }

    GgufTensor readInfo()
    {
        GgufTensor tensor;
        tensor.name = text();
        const auto fail = [&](const std::string& what) {
            return bad(concat("tensor ", quoted(tensor.name), " ", what));
        };
        if (tensor.name.size() > maximumName || tensor.name.empty())
            throw fail(concat("has a name of ", tensor.name.size(), " bytes; 1 to ", maximumName,
                              " are expected"));
        const auto dimensions = number<std::uint32_t>();
        if (dimensions > maximumDimensions)
            throw fail(concat("has ", dimensions, " dimensions; at most ", maximumDimensions,
                              " are expected"));
        std::uint64_t count = 1;
        for (std::uint32_t i = 0; i < dimensions; ++i) {
            const auto size = number<std::int64_t>();
            const auto product =
                size < 0 ? std::nullopt : checkedMultiply(count, static_cast<std::uint64_t>(size));
            if (!product || *product >> 60U != 0)
                throw fail(concat("has an impossible size: ", size, " in dimension ", i));
            count = *product;
            tensor.shape.insert(tensor.shape.begin(), size);
        }
        const auto id = number<std::int32_t>();
        tensor.type = findGgufType(id);
        if (!tensor.type && id > 42)
            throw Error(ErrorCode::Unsupported,
                        concat(m_name, ": tensor ", quoted(tensor.name), " is of type ", id,
                               ", newer than this version of Gradus"));
        if (!tensor.type)
            throw fail(concat("is of type ", id, ", which is none"));
        const std::uint64_t row =
            tensor.shape.empty() ? 1 : static_cast<std::uint64_t>(tensor.shape.back());
        if (row % tensor.type->blockValues != 0)
            throw fail(concat("has rows of ", row, " values; a multiple of ",
                              tensor.type->blockValues, " is expected of ", tensor.type->name));
        tensor.bytes = count / tensor.type->blockValues * tensor.type->blockBytes;
        // A bound that keeps every later sum far from overflow.
        if (count / tensor.type->blockValues > m_bytes.size())
            throw bad(concat("cut short: tensor ", quoted(tensor.name), " has ", count,
                             " values, but the file has ", m_bytes.size(), " bytes"));
        tensor.offset = number<std::uint64_t>();
        return tensor;
    }

    /// Where something of that size at begin ends, rounded up.
    std::uint64_t padded(std::uint64_t begin, std::uint64_t size, std::uint64_t alignment) const
    {
        const auto end = checkedAdd(begin, size);
        const auto rounded = end ? checkedAdd(*end, alignment - 1) : std::nullopt;
        if (!rounded)
            throw bad("the sizes of its tensors overflow");
        return *rounded & ~(alignment - 1);
    }

    std::span<const std::byte> m_bytes;
    std::string m_name;
    std::uint64_t m_at = 0;
};

/// Element i of a value that is no text, if it is a whole number.
std::optional<std::int64_t> integerAt(const GgufValue& value, std::uint64_t i)
{
    switch (value.type) {
    case U8:
        return load<std::uint8_t>(value.bytes, i);
    case I8:
        return load<std::int8_t>(value.bytes, i);
    case U16:
        return load<std::uint16_t>(value.bytes, 2 * i);
    case I16:
        return load<std::int16_t>(value.bytes, 2 * i);
    case U32:
        return load<std::uint32_t>(value.bytes, 4 * i);
    case I32:
        return load<std::int32_t>(value.bytes, 4 * i);
    case I64:
        return load<std::int64_t>(value.bytes, 8 * i);
    case U64: {
        const auto number = load<std::uint64_t>(value.bytes, 8 * i);
        return number > INT64_MAX ? std::nullopt : std::optional(std::int64_t(number));
    }
    default:
        return std::nullopt;
    }
}

/// The shortest decimal number that reads as the same float.
double decimal(float value)
{
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    double result = 0;
    if (error != std::errc() || !std::isfinite(value) ||
        std::from_chars(text.data(), end, result).ec != std::errc())
        return static_cast<double>(value);
    return result;
}

std::optional<double> realAt(const GgufValue& value, std::uint64_t i)
{
    if (value.type == F32)
        return decimal(load<float>(value.bytes, 4 * i));
    if (value.type == F64)
        return load<double>(value.bytes, 8 * i);
    return std::nullopt;
}

} // namespace

GgufMetadata::GgufMetadata(std::string file, std::map<std::string_view, GgufValue> values)
    : m_file(std::move(file))
    , m_values(std::move(values))
{
}

Error GgufMetadata::wrong(std::string_view key, const std::string& what) const
{
    return Error(ErrorCode::Format, concat(m_file, ": metadata ", quoted(key), ": ", what));
}

const GgufValue* GgufMetadata::find(std::string_view key) const
{
    const auto found = m_values.find(key);
    return found == m_values.end() ? nullptr : &found->second;
}

const GgufValue* GgufMetadata::single(std::string_view key) const
{
    const GgufValue* value = find(key);
    if (value && value->isList)
        throw wrong(key, "a single value is expected, not a list");
    return value;
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const
{
    const GgufValue* value = single(key);
    if (!value)
        return std::nullopt;
    const auto number = integerAt(*value, 0);
    if (!number)
        throw wrong(key, "an integer is expected");
    return number;
}

std::optional<double> GgufMetadata::real(std::string_view key) const
{
    const GgufValue* value = single(key);
    if (!value)
        return std::nullopt;
    const auto number = realAt(*value, 0);
    if (!number || !std::isfinite(*number))
        throw wrong(key, "a finite number is expected");
    return number;
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const
{
    const GgufValue* value = single(key);
    if (!value)
        return std::nullopt;
    if (value->type != Bool)
        throw wrong(key, "true or false is expected");
    return value->bytes[0] != std::byte(0);
}

std::optional<std::string_view> GgufMetadata::text(std::string_view key) const
{
    if (!single(key))
        return std::nullopt;
    return texts(key).front();
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key, std::uint64_t index) const
{
    const GgufValue* value = find(key);
    if (!value || index >= value->count)
        return std::nullopt;
    const auto number = integerAt(*value, index);
    if (!number)
        throw wrong(key, "integers are expected");
    return number;
}

std::uint64_t GgufMetadata::count(std::string_view key) const
{
    const GgufValue* value = find(key);
    return value ? value->count : 0;
}

std::vector<std::int64_t> GgufMetadata::integers(std::string_view key) const
{
    std::vector<std::int64_t> result;
    if (const GgufValue* value = find(key)) {
        for (std::uint64_t i = 0; i < value->count; ++i) {
            const auto number = integerAt(*value, i);
            if (!number)
                throw wrong(key, "integers are expected");
            result.push_back(*number);
        }
    }
    return result;
}

std::vector<double> GgufMetadata::reals(std::string_view key) const
{
    std::vector<double> result;
    if (const GgufValue* value = find(key)) {
        for (std::uint64_t i = 0; i < value->count; ++i) {
            const auto number = realAt(*value, i);
            if (!number)
                throw wrong(key, "numbers with a point are expected");
            result.push_back(*number);
        }
    }
    return result;
}

std::vector<std::string_view> GgufMetadata::texts(std::string_view key) const
{
    std::vector<std::string_view> result;
    const GgufValue* value = find(key);
    if (!value)
        return result;
    if (value->type != Text)
        throw wrong(key, "text is expected");
    result.reserve(value->count);
    for (std::uint64_t i = 0, offset = 0; i < value->count; ++i) {
        const auto length = load<std::uint64_t>(value->bytes, offset);
        result.emplace_back(reinterpret_cast<const char*>(value->bytes.data()) + offset + 8,
                            length);
        offset += 8 + length;
    }
    return result;
}

bool looksLikeGguf(std::span<const std::byte> bytes)
{
    return bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
}

GgufHeader readGgufHeader(const ByteSource& source)
{
    return Reader(source).read();
}

} // namespace gradus
