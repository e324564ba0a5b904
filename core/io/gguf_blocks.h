// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/dtype.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// How a tensor of a GGUF file is stored: one value after the other, or in blocks of values that
/// share scales.
struct GgufType
{
    std::int32_t id = 0; ///< in the file
    std::string_view name;
    std::uint64_t blockValues = 1;
    std::uint64_t blockBytes = 0;
    std::optional<DType> dtype; ///< of plain types
    /// Block types: the values of one block. Null for types that are known by size alone.
    void (*decode)(const std::byte* block, float* values) = nullptr;

    [[nodiscard]] bool isRead() const { return dtype || decode; }
};

/// nullptr for a number that is no type.
[[nodiscard]] const GgufType* findGgufType(std::int32_t id);
/// Of all types that are read: "F32, F16, Q4_0, …".
[[nodiscard]] std::string ggufTypesRead();

} // namespace gradus
