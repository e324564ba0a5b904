// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace gradus {

/// IEEE half precision and bfloat16 as their bit patterns. Conversions from float round to nearest,
/// ties to even; values beyond the largest half become infinity; NaN stays NaN.
[[nodiscard]] float halfToFloat(std::uint16_t bits);
[[nodiscard]] std::uint16_t floatToHalf(float value);

[[nodiscard]] inline float bfloat16ToFloat(std::uint16_t bits)
{
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
[[nodiscard]] std::uint16_t floatToBfloat16(float value);

/// value as half precision stores it.
[[nodiscard]] inline float roundToHalf(float value)
{
    return halfToFloat(floatToHalf(value));
}
[[nodiscard]] inline float roundToBfloat16(float value)
{
    return bfloat16ToFloat(floatToBfloat16(value));
}

/// Whole arrays; the spans have equal sizes.
void halfToFloat(std::span<const std::uint16_t> from, std::span<float> to);
void floatToHalf(std::span<const float> from, std::span<std::uint16_t> to);

} // namespace gradus
