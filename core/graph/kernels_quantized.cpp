// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_quantized.h"

#include "core/graph/element_functions.h"

#include <vector>

namespace gradus {

std::optional<ScaleLayout> scaleLayout(const Shape& x, const Shape& scale, std::int64_t axis,
                                       std::int64_t blockSize)
{
    const std::int64_t count = elementCount(x);
    ScaleLayout layout;
    if (blockSize < 0)
        return std::nullopt;
    if (blockSize == 0 && elementCount(scale) == 1) {
        layout.size = count;
        layout.block = std::max<std::int64_t>(1, count);
        return layout;
    }
    const auto rank = static_cast<std::int64_t>(x.size());
    if (axis < -rank || axis >= rank)
        return std::nullopt;
    const auto at = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
    for (std::size_t i = 0; i < x.size(); ++i)
        (i < at ? layout.outer : i == at ? layout.size : layout.inner) *= x[i];
    if (blockSize == 0) {
        layout.groups = layout.size;
        if (scale.size() != 1 || scale[0] != layout.size)
            return std::nullopt;
        return layout;
    }
    layout.each = true;
    layout.block = blockSize;
    layout.groups = layout.size / blockSize + (layout.size % blockSize == 0 ? 0 : 1);
    Shape expected = x;
    expected[at] = layout.groups;
    return scale == expected ? std::optional(layout) : std::nullopt;
}

namespace kernel {

namespace {

/// Calls run(element, count, scale, step): so many elements from there on, whose scales begin there
/// and go on by step (0 or 1). In parallel when wanted.
template <class Run>
void overRuns(const ScaleLayout& s, bool parallel, const Run& run)
{
    const bool scalesAreRow = !s.each && s.groups == s.size && s.inner == 1; // per last axis
    const auto row = [&](std::int64_t o) {
        if (scalesAreRow)
            return run(o * s.size, s.size, 0, 1);
        for (std::int64_t g = 0; g < s.groups; ++g) {
            const std::int64_t first = g * s.block;
            const std::int64_t places = std::min(s.block, s.size - first);
            const std::int64_t scale = s.each ? (o * s.groups + g) * s.inner : g;
            if (!s.each || s.inner == 1)
                run((o * s.size + first) * s.inner, places * s.inner, scale, 0);
            else
                for (std::int64_t i = first; i < first + places; ++i)
                    run((o * s.size + i) * s.inner, s.inner, scale, 1);
        }
    };
    if (parallel && s.outer == 1 && s.groups == 1 && !s.each) {
        parallelFor(s.size, elementGrain,
                    [&](std::int64_t begin, std::int64_t end) { run(begin, end - begin, 0, 0); });
        return;
    }
    parallelFor(s.outer, parallel ? rowGrain(s.size * s.inner) : s.outer,
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t o = begin; o < end; ++o)
                        row(o);
                });
}

} // namespace

void quantizeLinear(const ScaleLayout& layout, const float* x, std::span<const float> scale,
                    std::span<const float> zero, float minimum, float maximum, float* out)
{
    overRuns(layout, true,
             [&](std::int64_t first, std::int64_t count, std::int64_t at, std::int64_t step) {
                 const float* from = x + first;
                 const float* by = scale.data() + at;
                 const float* offset = zero.empty() ? nullptr : zero.data() + at;
                 float* to = out + first;
                 GRADUS_ELEMENTWISE
                 for (std::int64_t i = 0; i < count; ++i) {
                     const float code = std::nearbyint(from[i] / by[i * step]) +
                                        (offset ? offset[i * step] : 0.0F);
                     const float above = code < minimum ? minimum : code;
                     to[i] = above > maximum ? maximum : above;
                 }
             });
}

void dequantizeLinear(const ScaleLayout& layout, const float* x, std::span<const float> scale,
                      std::span<const float> zero, float* out)
{
    overRuns(layout, true,
             [&](std::int64_t first, std::int64_t count, std::int64_t at, std::int64_t step) {
                 const float* from = x + first;
                 const float* by = scale.data() + at;
                 const float* offset = zero.empty() ? nullptr : zero.data() + at;
                 float* to = out + first;
                 GRADUS_ELEMENTWISE
                 for (std::int64_t i = 0; i < count; ++i)
                     to[i] = (from[i] - (offset ? offset[i * step] : 0.0F)) * by[i * step];
             });
}

void dequantizeLinearBackward(const ScaleLayout& layout, const float* x,
                              std::span<const float> scale, std::span<const float> zero,
                              const float* dy, float* dx, std::span<float> dscale,
                              std::span<float> dzero)
{
    std::vector<double> scaleSums(dscale.size());
    std::vector<double> zeroSums(dzero.size());
    if (!dscale.empty() || !dzero.empty())
        overRuns(layout, false,
                 [&](std::int64_t first, std::int64_t count, std::int64_t at, std::int64_t step) {
                     for (std::int64_t i = 0; i < count; ++i) {
                         const auto s = static_cast<std::size_t>(at + i * step);
                         const float pull = dy[first + i];
                         const float offset = zero.empty() ? 0.0F : zero[s];
                         if (!dscale.empty())
                             scaleSums[s] += static_cast<double>(pull * (x[first + i] - offset));
                         if (!dzero.empty())
                             zeroSums[s] -= static_cast<double>(pull * scale[s]);
                     }
                 });
    for (std::size_t s = 0; s < dscale.size(); ++s)
        dscale[s] = static_cast<float>(scaleSums[s]);
    for (std::size_t s = 0; s < dzero.size(); ++s)
        dzero[s] = static_cast<float>(zeroSums[s]);
    if (dx)
        dequantizeLinear(layout, dy, scale, {}, dx);
}

} // namespace kernel

} // namespace gradus
