// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_copy.h"

#include "core/base/parallel.h"
#include "core/graph/lanes.h"

#include <cstring>

namespace gradus::kernel {

namespace {

/// Rows of a few elements, column by column.
template <class T>
void copyShortRows(const std::byte* source, std::int64_t fromStride, std::byte* destination,
                   std::int64_t toStride, std::int64_t rows, std::int64_t count)
{
    const T* from = reinterpret_cast<const T*>(source);
    T* to = reinterpret_cast<T*>(destination);
    parallelFor(rows, rowGrain(count), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = 0; i < count; ++i)
            for (std::int64_t r = begin; r < end; ++r)
                to[r * toStride + i] = from[r * fromStride + i];
    });
}

} // namespace

void copyRows(const std::byte* from, std::int64_t fromStart, std::int64_t fromStride, std::byte* to,
              std::int64_t toStart, std::int64_t toStride, std::int64_t rows, std::int64_t count,
              std::size_t elementSize)
{
    const auto bytes = static_cast<std::int64_t>(elementSize);
    if (count == 0)
        return;
    constexpr std::int64_t few = 8;
    if (count <= few && elementSize == 4)
        return copyShortRows<std::uint32_t>(from + fromStart * bytes, fromStride,
                                            to + toStart * bytes, toStride, rows, count);
    parallelFor(rows, rowGrain(count), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            std::memcpy(to + (toStart + r * toStride) * bytes,
                        from + (fromStart + r * fromStride) * bytes,
                        static_cast<std::size_t>(count * bytes));
    });
}

void fill(const std::byte* value, std::size_t elementSize, std::int64_t count, std::byte* to)
{
    parallelFor(count, elementGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            std::memcpy(to + static_cast<std::size_t>(i) * elementSize, value, elementSize);
    });
}

namespace {

template <class T>
void gatherElementsOf(const std::byte* source, std::int64_t outer, std::int64_t size,
                      std::span<const std::int64_t> indices, std::byte* destination)
{
    const T* x = reinterpret_cast<const T*>(source);
    T* out = reinterpret_cast<T*>(destination);
    const auto count = static_cast<std::int64_t>(indices.size());
    parallelFor(outer, rowGrain(count), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o)
            for (std::int64_t i = 0; i < count; ++i)
                out[o * count + i] = x[o * size + indices[static_cast<std::size_t>(i)]];
    });
}

} // namespace

void gatherRows(const std::byte* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                std::span<const std::int64_t> indices, std::size_t elementSize, std::byte* out)
{
    if (inner == 1 && elementSize == 4)
        return gatherElementsOf<std::uint32_t>(x, outer, size, indices, out);
    if (inner == 1 && elementSize == 8)
        return gatherElementsOf<std::uint64_t>(x, outer, size, indices, out);
    const auto count = static_cast<std::int64_t>(indices.size());
    const auto bytes = static_cast<std::int64_t>(elementSize) * inner;
    parallelFor(outer * count, rowGrain(inner), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            std::memcpy(out + i * bytes,
                        x + (i / count * size + indices[static_cast<std::size_t>(i % count)]) *
                                bytes,
                        static_cast<std::size_t>(bytes));
    });
}

void addGathered(const float* dy, std::int64_t outer, std::int64_t size, std::int64_t inner,
                 std::span<const std::int64_t> indices, float* dx)
{
    // Indices may repeat: every thread has elements of its own, and adds to them in order.
    constexpr std::int64_t width = 4096;
    const auto count = static_cast<std::int64_t>(indices.size());
    const std::int64_t tiles = (inner + width - 1) / width;
    parallelFor(outer * tiles, rowGrain(count * std::min(inner, width)),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t t = begin; t < end; ++t) {
                        const std::int64_t first = t % tiles * width;
                        const std::int64_t length = std::min(width, inner - first);
                        for (std::int64_t i = 0; i < count; ++i) {
                            const float* from = dy + (t / tiles * count + i) * inner + first;
                            float* to =
                                dx +
                                (t / tiles * size + indices[static_cast<std::size_t>(i)]) * inner +
                                first;
                            for (std::int64_t j = 0; j < length; ++j)
                                to[j] += from[j];
                        }
                    }
                });
}

void gatherSlices(const std::byte* x, std::span<const std::int64_t> places, std::int64_t count,
                  std::size_t elementSize, std::byte* out)
{
    const auto bytes = static_cast<std::int64_t>(elementSize);
    parallelFor(static_cast<std::int64_t>(places.size()), rowGrain(count),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i)
                        std::memcpy(out + i * count * bytes,
                                    x + places[static_cast<std::size_t>(i)] * bytes,
                                    static_cast<std::size_t>(count * bytes));
                });
}

void addSlices(const float* dy, std::span<const std::int64_t> places, std::int64_t count, float* dx)
{
    for (std::size_t i = 0; i < places.size(); ++i) {
        const float* from = dy + static_cast<std::int64_t>(i) * count;
        float* to = dx + places[i];
        for (std::int64_t j = 0; j < count; ++j)
            to[j] += from[j];
    }
}

} // namespace gradus::kernel
