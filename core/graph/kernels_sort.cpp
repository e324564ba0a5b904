// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_sort.h"

#include "core/graph/lanes.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace gradus::kernel {

namespace {

/// A strict order of all values, those that are no numbers last.
bool before(float a, float b)
{
    if (a != a || b != b)
        return a == a && b != b;
    return a < b;
}
bool before(std::int64_t a, std::int64_t b)
{
    return a < b;
}

/// Calls line(first element, index of the line among outer × inner) in parallel.
template <class Line>
void overLines(std::int64_t outer, std::int64_t size, std::int64_t inner, const Line& line)
{
    parallelFor(outer * inner, rowGrain(4 * size), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            line(i / inner * size * inner + i % inner, i / inner, i % inner);
    });
}

template <class T>
void argExtremeOf(const T* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                  bool maximum, bool last, std::int64_t* out)
{
    overLines(outer, size, inner, [&](std::int64_t first, std::int64_t o, std::int64_t i) {
        const T* from = x + first;
        std::int64_t best = 0;
        for (std::int64_t j = 1; j < size; ++j) {
            const T a = from[best * inner];
            const T b = from[j * inner];
            const bool better = maximum ? before(a, b) : before(b, a);
            const bool worse = maximum ? before(b, a) : before(a, b);
            if (better || (last && !worse))
                best = j;
        }
        out[o * inner + i] = best;
    });
}

template <class T>
void topIndicesOf(const T* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                  std::int64_t k, bool largest, std::int64_t* out)
{
    overLines(outer, size, inner, [&](std::int64_t first, std::int64_t o, std::int64_t i) {
        const T* from = x + first;
        std::vector<std::int64_t> order(static_cast<std::size_t>(size));
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(),
                          [&](std::int64_t a, std::int64_t b) {
                              const T u = from[a * inner];
                              const T v = from[b * inner];
                              if (before(u, v))
                                  return !largest;
                              if (before(v, u))
                                  return largest;
                              return a < b;
                          });
        for (std::int64_t j = 0; j < k; ++j)
            out[(o * k + j) * inner + i] = order[static_cast<std::size_t>(j)];
    });
}

template <class T, class Sum>
void cumulativeSumOf(const T* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                     bool exclusive, bool reverse, T* out)
{
    overLines(outer, size, inner, [&](std::int64_t first, std::int64_t, std::int64_t) {
        Sum sum = 0;
        for (std::int64_t j = 0; j < size; ++j) {
            const std::int64_t at = first + (reverse ? size - 1 - j : j) * inner;
            const Sum with = sum + static_cast<Sum>(x[at]);
            out[at] = static_cast<T>(exclusive ? sum : with);
            sum = with;
        }
    });
}

} // namespace

void argExtreme(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                bool maximum, bool last, std::int64_t* out)
{
    argExtremeOf(x, outer, size, inner, maximum, last, out);
}

void argExtreme(const std::int64_t* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                bool maximum, bool last, std::int64_t* out)
{
    argExtremeOf(x, outer, size, inner, maximum, last, out);
}

void topIndices(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                std::int64_t k, bool largest, std::int64_t* out)
{
    topIndicesOf(x, outer, size, inner, k, largest, out);
}

void topIndices(const std::int64_t* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                std::int64_t k, bool largest, std::int64_t* out)
{
    topIndicesOf(x, outer, size, inner, k, largest, out);
}

void cumulativeSum(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                   bool exclusive, bool reverse, float* out)
{
    cumulativeSumOf<float, double>(x, outer, size, inner, exclusive, reverse, out);
}

void cumulativeSum(const std::int64_t* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                   bool exclusive, bool reverse, std::int64_t* out)
{
    cumulativeSumOf<std::int64_t, std::uint64_t>(x, outer, size, inner, exclusive, reverse, out);
}

} // namespace gradus::kernel
