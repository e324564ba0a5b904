// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

/// Vectors of floats as wide as this program's instruction set has them, for products whose sums
/// stay in registers.
namespace gradus::kernel {

#if defined(__AVX512F__)
inline constexpr std::int64_t vectorLanes = 16;
inline constexpr std::int64_t vectorRows = 12; ///< × 2 vectors: as many sums as registers hold
#elif defined(__AVX__)
inline constexpr std::int64_t vectorLanes = 8;
inline constexpr std::int64_t vectorRows = 6;
#else
inline constexpr std::int64_t vectorLanes = 4;
inline constexpr std::int64_t vectorRows = 6;
#endif

using FloatLanes [[gnu::vector_size(vectorLanes * sizeof(float))]] = float;

// Vectors anywhere in memory. By reference: how vectors are returned depends on the instruction
// set.
[[gnu::always_inline]] inline void load(FloatLanes& to, const float* from)
{
    std::memcpy(&to, from, sizeof to);
}
[[gnu::always_inline]] inline void store(const FloatLanes& from, float* to)
{
    std::memcpy(to, &from, sizeof from);
}

/// body(0) … body(Count − 1), each with its number as a constant.
template <std::size_t Count, class Body>
[[gnu::always_inline]] inline void unrolled(const Body& body)
{
    [&]<std::size_t... i>(std::index_sequence<i...>)
    {
        (body(std::integral_constant<std::size_t, i>()), ...);
    }
    (std::make_index_sequence<Count>());
}

} // namespace gradus::kernel
