// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/onnx_scanner.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Messages of an ONNX file, taken apart where they lie: texts and bytes are the file's. All throw
/// Error(Format) beginning with the file's name.

inline constexpr std::size_t maximumOnnxRank = 64; // as in safetensors

struct OnnxAttributeMessage
{
    std::string_view name;
    std::int64_t type = 0;
    std::int64_t integer = 0;
    float real = 0;
    std::string_view text;
    std::vector<std::int64_t> integers;
    std::vector<float> reals;
    std::vector<std::string_view> texts;
    std::span<const std::byte> tensor;
    bool hasTensor = false;
    bool hasUnread = false; ///< sparse tensors, lists of tensors, types, or too many numbers
    std::vector<std::span<const std::byte>> graphs;
};

struct OnnxNodeMessage
{
    std::string_view op;
    std::string_view domain;
    std::string_view name;
    std::vector<std::string_view> inputs;
    std::vector<std::string_view> outputs;
    std::vector<OnnxAttributeMessage> attributes;

    [[nodiscard]] const OnnxAttributeMessage* attribute(std::string_view wanted) const;
    [[nodiscard]] std::int64_t integer(std::string_view wanted, std::int64_t otherwise) const;
};

/// A ValueInfoProto; only tensors have a type.
struct OnnxValueMessage
{
    std::string_view name;
    std::int64_t type = 0;
    bool hasShape = false;
    Shape shape; ///< −1 where a size has a name or none
};

/// Two texts of a message, fields 1 and 2: StringStringEntryProto.
struct OnnxEntryMessage
{
    std::string_view key;
    std::string_view value;
};

[[nodiscard]] OnnxTensor parseOnnxTensor(std::span<const std::byte> message,
                                         const std::string& file);
[[nodiscard]] OnnxNodeMessage parseOnnxNode(std::span<const std::byte> message,
                                            const std::string& file);
[[nodiscard]] OnnxValueMessage parseOnnxValue(std::span<const std::byte> message,
                                              const std::string& file);
[[nodiscard]] OnnxEntryMessage parseOnnxEntry(std::span<const std::byte> message,
                                              const std::string& file);

} // namespace gradus
