// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gradus {

enum class DType : std::uint8_t
{
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool
};

[[nodiscard]] std::size_t dtypeSize(DType dtype);      ///< bytes per element
[[nodiscard]] std::string_view dtypeName(DType dtype); ///< as in safetensors: "F16", "BOOL", …
[[nodiscard]] std::optional<DType> dtypeFromName(std::string_view name);
[[nodiscard]] inline bool isFloating(DType dtype)
{
    return dtype <= DType::BF16;
}

} // namespace gradus
