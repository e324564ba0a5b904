// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/kernels_product.h"
#include "core/graph/operators.h"

namespace gradus {

/// How an op::MatMul's operands are stacks of matrices, and which of them meet.
struct MatMulShape
{
    kernel::MatrixStack a; ///< data is left to the caller
    kernel::MatrixStack b;
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::int64_t n = 0;
    Shape result;
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs; ///< for each matrix of the result
    std::int64_t aCount = 0;                                  ///< matrices
    std::int64_t bCount = 0;
};

/// False when the shapes do not fit together. Vectors are matrices of one row (on the left) or one
/// column, as in ONNX. Many matrices against one are one high matrix.
[[nodiscard]] bool matMulShape(const op::MatMul& matMul, const Shape& a, const Shape& b,
                               MatMulShape& result);

} // namespace gradus
