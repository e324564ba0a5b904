// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <vector>

namespace gradus {

/// How a stored tensor is a weight matrix out × in: seen with `sizes`, its axes are taken in
/// `order` and joined to rows and columns. TensorFlow keeps kernels as in × out, and so do MatMul
/// nodes of ONNX; methods, groups and scales want rows of inputs. No order: it lies as it is used.
struct WeightLayout
{
    Shape sizes;            ///< as many elements as the tensor has
    std::vector<int> order; ///< a permutation of the axes of sizes

    [[nodiscard]] bool isPlain() const { return order.empty(); }
};

/// The layout of that view; plain when the axes that hold more than one element stay in order.
[[nodiscard]] WeightLayout weightLayout(Shape sizes, std::vector<int> order);

/// The F32 elements of a stored tensor as rows × cols.
[[nodiscard]] Tensor matrixOfStored(Tensor stored, const WeightLayout& layout, std::int64_t rows,
                                    std::int64_t cols);
/// Its inverse: rows × cols as they lie in the file, with the tensor's own shape.
[[nodiscard]] Tensor storedOfMatrix(Tensor matrix, const WeightLayout& layout, const Shape& shape);

} // namespace gradus
