// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace gradus::kernel {

/// Matrices that lie one after the other, each rows × cols as stored.
struct MatrixStack
{
    const float* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    bool transposed = false; ///< what is multiplied is its transpose

    [[nodiscard]] ConstMatrixView at(std::int64_t i) const
    {
        return {data + i * rows * cols, rows, cols};
    }
};

/// Which matrices of a and of b add up to one of the result, in this order.
using ProductTerms = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// out[i] (m × n) = scale · Σ over terms[i] of a · b. In tiles over all of them at once, so that
/// many small products and one large one are alike parallel. No terms: 0.
void multiplyStacks(const MatrixStack& a, const MatrixStack& b,
                    const std::vector<ProductTerms>& terms, float scale, std::int64_t m,
                    std::int64_t n, float* out, const Monitor& monitor);

} // namespace gradus::kernel
