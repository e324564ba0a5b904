// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/half.h"

#include <cassert>
#include <cstddef>

#ifdef __F16C__
#    include <immintrin.h>
#endif

namespace gradus {

float halfToFloat(std::uint16_t bits)
{
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
    const std::uint32_t magnitude = bits & 0x7FFFU;
    if (magnitude >= 0x7C00U) // infinity or NaN, payload kept, NaN made quiet
        return std::bit_cast<float>(sign | 0x7F800000U | (magnitude & 0x3FFU) << 13 |
                                    (magnitude > 0x7C00U ? 0x400000U : 0U));
    if (magnitude < 0x400U) { // zero or subnormal: an exact multiple of 2^-24
        const float value = static_cast<float>(magnitude) * 0x1p-24F;
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
    }
    return std::bit_cast<float>(sign | ((magnitude << 13) + (112U << 23)));
}

std::uint16_t floatToHalf(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U)
        return static_cast<std::uint16_t>(sign | 0x7E00U | (magnitude >> 13 & 0x3FFU));
    if (magnitude >= 0x477FF000U) // 65520 and above round to infinity
        return static_cast<std::uint16_t>(sign | 0x7C00U);
    if (magnitude <
        0x38800000U) { // below 2^-14: adding 0.5 leaves the multiple of 2^-24 in the tail
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign |
                                          (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    const std::uint32_t odd = magnitude >> 13 & 1U;
    return static_cast<std::uint16_t>(sign | (magnitude - (112U << 23) + 0xFFFU + odd) >> 13);
}

std::uint16_t floatToBfloat16(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U)
        return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

void halfToFloat(std::span<const std::uint16_t> from, std::span<float> to)
{
    assert(from.size() == to.size());
    std::size_t i = 0;
#ifdef __F16C__
    for (; i + 8 <= from.size(); i += 8)
        _mm256_storeu_ps(
            &to[i], _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(&from[i]))));
#endif
    for (; i < from.size(); ++i)
        to[i] = halfToFloat(from[i]);
}

void floatToHalf(std::span<const float> from, std::span<std::uint16_t> to)
{
    assert(from.size() == to.size());
    std::size_t i = 0;
#ifdef __F16C__
    for (; i + 8 <= from.size(); i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(&to[i]),
                         _mm256_cvtps_ph(_mm256_loadu_ps(&from[i]), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < from.size(); ++i)
        to[i] = floatToHalf(from[i]);
}

} // namespace gradus
