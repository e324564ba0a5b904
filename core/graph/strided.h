// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/parallel.h"
#include "core/tensor/tensor.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

/// Walking over tensors whose elements do not lie side by side, without arithmetic per element.
namespace gradus::kernel {

using Strides = std::vector<std::int64_t>; ///< one for each axis, in elements

/// Of elements that lie row by row.
[[nodiscard]] Strides rowMajorStrides(const Shape& shape);
/// The shape of an element-wise operator's result (ONNX's multidirectional broadcasting). False
/// when they do not fit together.
[[nodiscard]] bool broadcastShapes(const Shape& a, const Shape& b, Shape& result);
/// Of row-major `from` along `to`, whose shape it can take: 0 where it repeats.
[[nodiscard]] Strides broadcastStrides(const Shape& from, const Shape& to);

/// N arrays walked over together in the order of a shape. Axes of one element fall away, those that
/// follow each other in every array become one: what is left last is as long as can be.
template <std::size_t N>
class Walk
{
public:
    Walk(const Shape& shape, const std::array<Strides, N>& strides)
    {
        for (std::size_t i = 0; i < shape.size(); ++i) {
            if (shape[i] == 0)
                m_empty = true;
            if (shape[i] == 1)
                continue;
            Axis axis{shape[i], {}};
            for (std::size_t k = 0; k < N; ++k)
                axis.steps[k] = strides[k][i];
            if (!m_axes.empty() && follows(m_axes.back(), axis))
                m_axes.back() = {m_axes.back().size * axis.size, axis.steps};
            else
                m_axes.push_back(axis);
        }
        if (m_axes.empty())
            m_axes.push_back({1, {}});
        m_inner = m_axes.back();
        m_axes.pop_back();
    }

    /// body(offsets, count, steps): `count` elements, array k's i-th at offsets[k] + i · steps[k].
    /// In parallel over fixed chunks of about `grain` elements; whoever writes where different
    /// elements meet must not use it.
    template <class Body>
    void run(const Body& body, std::int64_t grain = 1 << 15) const
    {
        if (m_empty)
            return;
        std::int64_t rows = 1;
        for (const Axis& axis : m_axes)
            rows *= axis.size;
        const std::int64_t pieces = (m_inner.size + grain - 1) / grain;
        parallelFor(rows * pieces, std::max<std::int64_t>(1, grain / m_inner.size),
                    [&](std::int64_t begin, std::int64_t end) {
                        Position position(m_axes, begin / pieces);
                        for (std::int64_t i = begin; i < end; ++i) {
                            const std::int64_t first = i % pieces * grain;
                            std::array<std::int64_t, N> offsets = position.offsets;
                            for (std::size_t k = 0; k < N; ++k)
                                offsets[k] += first * m_inner.steps[k];
                            body(offsets, std::min(grain, m_inner.size - first), m_inner.steps);
                            if (first + grain >= m_inner.size)
                                position.advance(m_axes);
                        }
                    });
    }

private:
    struct Axis
    {
        std::int64_t size = 1;
        std::array<std::int64_t, N> steps{};
    };
    static bool follows(const Axis& outer, const Axis& inner)
    {
        for (std::size_t k = 0; k < N; ++k)
            if (outer.steps[k] != inner.steps[k] * inner.size)
                return false;
        return true;
    }
    struct Position
    {
        Position(const std::vector<Axis>& axes, std::int64_t row)
            : at(axes.size())
        {
            for (std::size_t i = axes.size(); i-- > 0;) {
                at[i] = row % axes[i].size;
                row /= axes[i].size;
                for (std::size_t k = 0; k < N; ++k)
                    offsets[k] += at[i] * axes[i].steps[k];
            }
        }
        void advance(const std::vector<Axis>& axes)
        {
            for (std::size_t i = axes.size(); i-- > 0;) {
                for (std::size_t k = 0; k < N; ++k)
                    offsets[k] += axes[i].steps[k];
                if (++at[i] < axes[i].size)
                    return;
                for (std::size_t k = 0; k < N; ++k)
                    offsets[k] -= at[i] * axes[i].steps[k];
                at[i] = 0;
            }
        }
        std::vector<std::int64_t> at;
        std::array<std::int64_t, N> offsets{};
    };

    std::vector<Axis> m_axes; ///< without the innermost
    Axis m_inner;
    bool m_empty = false;
};

/// to (row-major, of that shape) = from, which starts at its first element and has those strides:
/// 0 repeats, negative ones go backwards. elementSize: 1, 4 or 8 bytes. Transposes go in tiles.
void copyStrided(const std::byte* from, const Strides& strides, const Shape& shape,
                 std::size_t elementSize, std::byte* to);
/// The way back: from is row-major, to has the strides, no two of which meet.
void scatterStrided(const float* from, const Strides& strides, const Shape& shape, float* to);

} // namespace gradus::kernel
