// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

/// Choosing and summing along the middle of outer × size × inner. What is no number counts as
/// greater than every number, as in NumPy.
namespace gradus::kernel {

/// outer × inner indices; size > 0.
void argExtreme(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                bool maximum, bool last, std::int64_t* out);
void argExtreme(const std::int64_t* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                bool maximum, bool last, std::int64_t* out);

/// outer × k × inner indices of the k ≤ size first in order; of equals the lower index comes first.
void topIndices(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                std::int64_t k, bool largest, std::int64_t* out);
void topIndices(const std::int64_t* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                std::int64_t k, bool largest, std::int64_t* out);

/// out (outer × k × inner) = the elements that indices, which are in range, name along the middle.
template <class T>
void pick(const T* x, const std::int64_t* indices, std::int64_t outer, std::int64_t size,
          std::int64_t inner, std::int64_t k, T* out)
{
    for (std::int64_t o = 0; o < outer; ++o)
        for (std::int64_t j = 0; j < k; ++j)
            for (std::int64_t i = 0; i < inner; ++i) {
                const std::int64_t at = (o * k + j) * inner + i;
                out[at] = x[(o * size + indices[at]) * inner + i];
            }
}

/// Sums of floats in double; integers wrap around. out may not be in place.
void cumulativeSum(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                   bool exclusive, bool reverse, float* out);
void cumulativeSum(const std::int64_t* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                   bool exclusive, bool reverse, std::int64_t* out);

} // namespace gradus::kernel
