// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/strided.h"

#include <cstring>
#include <utility>

namespace gradus::kernel {

Strides rowMajorStrides(const Shape& shape)
{
    Strides strides(shape.size());
    std::int64_t stride = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        strides[i] = stride;
        stride *= shape[i];
    }
    return strides;
}

bool broadcastShapes(const Shape& a, const Shape& b, Shape& result)
{
    const std::size_t rank = std::max(a.size(), b.size());
    result.assign(rank, 1);
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t sizeA = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::int64_t sizeB = i < b.size() ? b[b.size() - 1 - i] : 1;
        if (sizeA != sizeB && sizeA != 1 && sizeB != 1)
            return false;
        result[rank - 1 - i] = sizeA == 1 ? sizeB : sizeA;
    }
    return true;
}

Strides broadcastStrides(const Shape& from, const Shape& to)
{
    const Strides own = rowMajorStrides(from);
    const std::size_t missing = to.size() - from.size();
    Strides strides(to.size(), 0);
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] != 1)
            strides[missing + i] = own[i];
    return strides;
}

namespace {

template <std::int64_t step, class T>
void copyEvery(const T* from, std::int64_t count, T* to)
{
    for (std::int64_t i = 0; i < count; ++i)
        to[i] = from[i * step];
}

template <class T>
void copyRun(const T* from, std::int64_t step, std::int64_t count, T* to)
{
    if (step == 1)
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    else if (step == 0)
        std::fill_n(to, count, *from);
    else if (step == 2) // known steps become shuffles of whole vectors
        copyEvery<2>(from, count, to);
    else if (step == 3)
        copyEvery<3>(from, count, to);
    else if (step == 4)
        copyEvery<4>(from, count, to);
    else
        for (std::int64_t i = 0; i < count; ++i)
            to[i] = from[i * step];
}

/// A last axis of a few elements after a longer one changes places with it, so that runs are long.
/// False if there is none.
template <class T>
bool copyShortRuns(const T* from, const Strides& strides, const Shape& shape, T* to)
{
    constexpr std::int64_t few = 8;
    std::vector<std::size_t> axes;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] != 1)
            axes.push_back(i);
    if (axes.size() < 2)
        return false;
    const std::size_t last = axes.back();
    const std::size_t before = axes[axes.size() - 2];
    // One run after all, if both lie in one piece.
    if (shape[last] > few || shape[before] <= shape[last] ||
        strides[before] == strides[last] * shape[last])
        return false;
    Shape turned = shape;
    Strides fromTurned = strides;
    Strides toTurned = rowMajorStrides(shape);
    for (auto* values : {&turned, &fromTurned, &toTurned})
        std::swap((*values)[last], (*values)[before]);
    const Walk<2> walk(turned, {toTurned, fromTurned});
    walk.run([&](const std::array<std::int64_t, 2>& offsets, std::int64_t count,
                 const std::array<std::int64_t, 2>& steps) {
        for (std::int64_t i = 0; i < count; ++i)
            to[offsets[0] + i * steps[0]] = from[offsets[1] + i * steps[1]];
    });
    return true;
}

/// rows × cols → cols × rows, in tiles that stay in the first cache both ways.
template <class T>
void transposeTiles(const T* from, std::int64_t fromStride, T* to, std::int64_t toStride,
                    std::int64_t rows, std::int64_t cols)
{
    constexpr std::int64_t tile = 16;
    for (std::int64_t r = 0; r < rows; r += tile)
        for (std::int64_t c = 0; c < cols; c += tile) {
            const std::int64_t height = std::min(tile, rows - r);
            const std::int64_t width = std::min(tile, cols - c);
            for (std::int64_t j = 0; j < width; ++j)
                for (std::int64_t i = 0; i < height; ++i)
                    to[(c + j) * toStride + r + i] = from[(r + i) * fromStride + c + j];
        }
}

/// Where the elements of `from` that lie side by side are not the innermost of the result, that
/// axis and the innermost are turned in tiles, everything else is walked over. False if there is no
/// such axis.
template <class T>
bool copyTransposed(const T* from, const Strides& strides, const Shape& shape, T* to)
{
    std::size_t inner = shape.size();
    std::size_t side = shape.size();
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1)
            continue;
        inner = i;
        if (strides[i] == 1)
            side = i;
    }
    if (side == shape.size() || side == inner || strides[inner] <= 1 || shape[inner] < 4 ||
        shape[side] < 4)
        return false;
    const Strides own = rowMajorStrides(shape);
    constexpr std::int64_t band = 64; // of the side axis: tasks for a single matrix
    const std::int64_t bands = (shape[side] + band - 1) / band;
    Shape outer = shape;
    outer[side] = bands;
    outer[inner] = 1;
    Strides fromOuter = strides;
    Strides toOuter = own;
    fromOuter[side] *= band;
    toOuter[side] *= band;
    // The band that a run starts with follows from where it starts in the result.
    const std::int64_t sideStride = own[side];
    const std::int64_t sideSize = shape[side];
    const Walk<2> walk(outer, {fromOuter, toOuter});
    walk.run(
        [&](const std::array<std::int64_t, 2>& offsets, std::int64_t count,
            const std::array<std::int64_t, 2>& steps) {
            for (std::int64_t i = 0; i < count; ++i) {
                const std::int64_t start = offsets[1] + i * steps[1];
                const std::int64_t first = start / sideStride % sideSize;
                transposeTiles(from + offsets[0] + i * steps[0], strides[inner], to + start,
                               sideStride, shape[inner], std::min(band, sideSize - first));
            }
        },
        std::max<std::int64_t>(1, (1 << 15) / (band * shape[inner])));
    return true;
}

template <class T>
void copyOf(const std::byte* source, const Strides& strides, const Shape& shape,
            std::byte* destination)
{
    const T* from = reinterpret_cast<const T*>(source);
    T* to = reinterpret_cast<T*>(destination);
    for (const std::int64_t size : shape)
        if (size == 0)
            return;
    if (copyTransposed(from, strides, shape, to) || copyShortRuns(from, strides, shape, to))
        return;
    const Walk<2> walk(shape, {rowMajorStrides(shape), strides});
    walk.run([&](const std::array<std::int64_t, 2>& offsets, std::int64_t count,
                 const std::array<std::int64_t, 2>& steps) {
        copyRun(from + offsets[1], steps[1], count, to + offsets[0]);
    });
}

} // namespace

void copyStrided(const std::byte* from, const Strides& strides, const Shape& shape,
                 std::size_t elementSize, std::byte* to)
{
    if (elementSize == 1)
        copyOf<std::uint8_t>(from, strides, shape, to);
    else if (elementSize == 4)
        copyOf<std::uint32_t>(from, strides, shape, to);
    else
        copyOf<std::uint64_t>(from, strides, shape, to);
}

void scatterStrided(const float* from, const Strides& strides, const Shape& shape, float* to)
{
    const Walk<2> walk(shape, {rowMajorStrides(shape), strides});
    walk.run([&](const std::array<std::int64_t, 2>& offsets, std::int64_t count,
                 const std::array<std::int64_t, 2>& steps) {
        for (std::int64_t i = 0; i < count; ++i)
            to[offsets[1] + i * steps[1]] = from[offsets[0] + i];
    });
}

} // namespace gradus::kernel
