// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Moving elements of any dtype about. Sizes and places are counted in elements.
namespace gradus::kernel {

/// `rows` rows of `count` elements: from `fromStart` on, `fromStride` apart, to `toStart` on,
/// `toStride` apart.
void copyRows(const std::byte* from, std::int64_t fromStart, std::int64_t fromStride, std::byte* to,
              std::int64_t toStart, std::int64_t toStride, std::int64_t rows, std::int64_t count,
              std::size_t elementSize);
void fill(const std::byte* value, std::size_t elementSize, std::int64_t count, std::byte* to);

/// out (outer × indices × inner) = x (outer × size × inner) at indices, which are in [0, size).
void gatherRows(const std::byte* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                std::span<const std::int64_t> indices, std::size_t elementSize, std::byte* out);
/// dx (outer × size × inner) += dy at the places that gatherRows read, in the order of indices.
void addGathered(const float* dy, std::int64_t outer, std::int64_t size, std::int64_t inner,
                 std::span<const std::int64_t> indices, float* dx);

/// out[i] = the slice of `count` elements at places[i].
void gatherSlices(const std::byte* x, std::span<const std::int64_t> places, std::int64_t count,
                  std::size_t elementSize, std::byte* out);
/// dx at places[i] += dy's slice i, in their order.
void addSlices(const float* dy, std::span<const std::int64_t> places, std::int64_t count,
               float* dx);

} // namespace gradus::kernel
