// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <span>

namespace gradus {

/// The narrow door to Eigen's matrix products: they are instantiated once, in linalg.cpp. All are
/// parallel over fixed tiles and bit-identical for any number of threads. Shapes are asserted.

/// C (m × n) = A (m × k) · B (n × k)ᵀ, or C += … with accumulate.
void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate = false,
                        const Monitor* monitor = nullptr);

/// C (m × n) = A (m × k) · B (k × n), or C += … with accumulate.
void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate = false,
              const Monitor* monitor = nullptr);

/// C (m × n) = A (k × m)ᵀ · B (k × n), or C += … with accumulate: a weight's gradient from those of
/// its outputs and its inputs, for instance.
void multiplyLeftTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c,
                            bool accumulate = false, const Monitor* monitor = nullptr);

/// Single-threaded variants for use inside a parallel chunk.
void multiplyTransposedSerial(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate);
void multiplySerial(ConstMatrixView a, ConstMatrixView b, MatrixView c, bool accumulate);
void multiplyLeftTransposedSerial(ConstMatrixView a, ConstMatrixView b, MatrixView c,
                                  bool accumulate);

/// Matrices of doubles: row r starts at data + r · stride.
struct ConstDoubleView
{
    const double* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;
};
struct DoubleView
{
    double* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;
};
void multiplySerial(ConstDoubleView a, ConstDoubleView b, DoubleView c, bool accumulate);

/// H (d × d, row-major, lower triangle including the diagonal) += Xᵀ·X for X (n × d).
/// Products in float over blocks of at most 512 rows, sums over blocks in double.
void accumulateGram(ConstMatrixView x, std::span<double> h, const Monitor* monitor = nullptr);

/// C (m × k, row-major) += Aᵀ·B for A (n × m) and B (n × k), with the products and sums of
/// accumulateGram.
void accumulateCross(ConstMatrixView a, ConstMatrixView b, std::span<double> c,
                     const Monitor* monitor = nullptr);

/// Copies the lower triangle of H (d × d) onto the upper one.
void mirrorLower(std::span<double> h, std::int64_t d);

/// U (d × d, row-major, upper triangular, zeros below) with UᵀU = H⁻¹ for symmetric positive
/// definite H (full storage). Returns false when H is not numerically positive definite; u is
/// unspecified then. One Cholesky factorisation of the reversed matrix and one triangular inverse:
/// 2/3·d³ flops in double.
[[nodiscard]] bool inverseCholeskyUpper(std::span<const double> h, std::int64_t d,
                                        std::span<double> u, const Monitor* monitor = nullptr);
/// The same without a copy of H, which is destroyed.
[[nodiscard]] bool inverseCholeskyUpperInPlace(std::span<double> h, std::int64_t d,
                                               std::span<double> u,
                                               const Monitor* monitor = nullptr);

} // namespace gradus
