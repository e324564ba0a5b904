// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/io/gguf_blocks.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// A value of a GGUF file as it lies there; checked against the file's bytes, decoded when asked.
struct GgufValue
{
    std::int32_t type = 0;            ///< of the elements, for a list
    std::uint64_t count = 0;          ///< of the elements
    bool isList = false;              ///< "array" in GGUF's words
    std::span<const std::byte> bytes; ///< of the elements, texts with their lengths
};

/// Keys and values in front of the tensors. Every look-up gives nothing when the key is missing and
/// throws Error(Format) when its value is of another type.
class GgufMetadata
{
public:
    GgufMetadata(std::string file, std::map<std::string_view, GgufValue> values);

    [[nodiscard]] std::size_t size() const { return m_values.size(); }
    [[nodiscard]] bool has(std::string_view key) const { return m_values.contains(key); }
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
    /// A float32 as the shortest decimal number that means it: 1e-5, not 9.99999975e-06.
    [[nodiscard]] std::optional<double> real(std::string_view key) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
    [[nodiscard]] std::optional<std::string_view> text(std::string_view key) const;
    /// One of a list of integers; nothing when the key is missing or its list is shorter.
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key,
                                                      std::uint64_t index) const;
    /// Elements of the list; 0 when the key is missing.
    [[nodiscard]] std::uint64_t count(std::string_view key) const;
    /// Lists; a single value counts as a list of one, a missing key as an empty one. Views live as
    /// long as the file.
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
    [[nodiscard]] std::vector<double> reals(std::string_view key) const;
    [[nodiscard]] std::vector<std::string_view> texts(std::string_view key) const;

    [[nodiscard]] Error wrong(std::string_view key, const std::string& what) const;

private:
    [[nodiscard]] const GgufValue* find(std::string_view key) const;
    [[nodiscard]] const GgufValue* single(std::string_view key) const;

    std::string m_file;
    std::map<std::string_view, GgufValue> m_values;
};

struct GgufTensor
{
    std::string name;
    Shape shape; ///< slowest dimension first, unlike in the file
    const GgufType* type = nullptr;
    std::uint64_t offset = 0; ///< from the beginning of the file
    std::uint64_t bytes = 0;
};

struct GgufHeader
{
    std::uint32_t version = 0;
    GgufMetadata metadata;
    std::vector<GgufTensor> tensors;
    std::uint64_t dataStart = 0;
};

[[nodiscard]] bool looksLikeGguf(std::span<const std::byte> bytes);

/// Everything in front of the weights of a GGUF file, version 2 or 3, little-endian; what is
/// required of offsets and names is required here, and that the file is long enough. Views in it
/// live as long as source. Throws Error(Format | Unsupported).
[[nodiscard]] GgufHeader readGgufHeader(const ByteSource& source);

} // namespace gradus
