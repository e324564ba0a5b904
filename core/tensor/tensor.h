// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/tensor/dtype.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Sizes from the slowest dimension to the fastest (row-major). An empty shape is a scalar.
using Shape = std::vector<std::int64_t>;

/// Product of the sizes; throws Error(Shape) when a size is negative or the product overflows.
[[nodiscard]] std::int64_t elementCount(const Shape& shape);
[[nodiscard]] std::string shapeText(const Shape& shape); ///< "4096 × 11008", "scalar"

/// A float matrix somewhere in memory: row r starts at data + r · stride.
struct ConstMatrixView
{
    const float* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;

    ConstMatrixView() = default;
    ConstMatrixView(const float* d, std::int64_t r, std::int64_t c)
        : ConstMatrixView(d, r, c, c)
    {
    }
    ConstMatrixView(const float* d, std::int64_t r, std::int64_t c, std::int64_t s)
        : data(d)
        , rows(r)
        , cols(c)
        , stride(s)
    {
    }

    [[nodiscard]] std::span<const float> row(std::int64_t r) const
    {
        assert(r >= 0 && r < rows);
        return {data + r * stride, static_cast<std::size_t>(cols)};
    }
    [[nodiscard]] ConstMatrixView block(std::int64_t row, std::int64_t col, std::int64_t rowCount,
                                        std::int64_t colCount) const
    {
        assert(row >= 0 && col >= 0 && row + rowCount <= rows && col + colCount <= cols);
        return {data + row * stride + col, rowCount, colCount, stride};
    }
};

struct MatrixView
{
    float* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;

    MatrixView() = default;
    MatrixView(float* d, std::int64_t r, std::int64_t c)
        : MatrixView(d, r, c, c)
    {
    }
    MatrixView(float* d, std::int64_t r, std::int64_t c, std::int64_t s)
        : data(d)
        , rows(r)
        , cols(c)
        , stride(s)
    {
    }

    operator ConstMatrixView() const { return {data, rows, cols, stride}; } // NOLINT: like span
    [[nodiscard]] std::span<float> row(std::int64_t r) const
    {
        assert(r >= 0 && r < rows);
        return {data + r * stride, static_cast<std::size_t>(cols)};
    }
    [[nodiscard]] MatrixView block(std::int64_t row, std::int64_t col, std::int64_t rowCount,
                                   std::int64_t colCount) const
    {
        assert(row >= 0 && col >= 0 && row + rowCount <= rows && col + colCount <= cols);
        return {data + row * stride + col, rowCount, colCount, stride};
    }
};

/// Elements that somebody else owns: contiguous, row-major, perhaps unaligned (mapped files).
struct TensorView
{
    DType dtype = DType::F32;
    Shape shape;
    std::span<const std::byte> bytes;
};

/// Owns 64-byte aligned memory. Move-only: copies are said aloud with clone(), sharing is
/// shared_ptr<const Tensor>.
class Tensor
{
public:
    Tensor() = default;
    /// Uninitialised elements; throws Error(Shape) on an impossible shape.
    Tensor(DType dtype, Shape shape);
    explicit Tensor(Shape shape)
        : Tensor(DType::F32, std::move(shape))
    {
    }
    Tensor(Tensor&&) noexcept = default;
    Tensor& operator=(Tensor&&) noexcept = default;

    [[nodiscard]] static Tensor zeros(DType dtype, Shape shape);
    [[nodiscard]] static Tensor copyOf(const TensorView& view);
    [[nodiscard]] Tensor clone() const;

    [[nodiscard]] DType dtype() const { return m_dtype; }
    [[nodiscard]] const Shape& shape() const { return m_shape; }
    [[nodiscard]] std::int64_t count() const { return m_count; }
    [[nodiscard]] bool empty() const { return m_count == 0; }
    [[nodiscard]] std::span<std::byte> bytes() { return {m_data.get(), byteCount()}; }
    [[nodiscard]] std::span<const std::byte> bytes() const { return {m_data.get(), byteCount()}; }
    [[nodiscard]] TensorView view() const { return {m_dtype, m_shape, bytes()}; }

    /// The same elements under another shape of equal count.
    void reshape(Shape shape);

    /// F32 elements; asserts the dtype.
    [[nodiscard]] std::span<float> floats()
    {
        assert(m_dtype == DType::F32);
        return {reinterpret_cast<float*>(m_data.get()), static_cast<std::size_t>(m_count)};
    }
    [[nodiscard]] std::span<const float> floats() const
    {
        assert(m_dtype == DType::F32);
        return {reinterpret_cast<const float*>(m_data.get()), static_cast<std::size_t>(m_count)};
    }
    /// F32 elements as rows × (last size); a scalar is 1 × 1.
    [[nodiscard]] MatrixView matrix();
    [[nodiscard]] ConstMatrixView matrix() const;

private:
    [[nodiscard]] std::size_t byteCount() const
    {
        return static_cast<std::size_t>(m_count) * dtypeSize(m_dtype);
    }
    struct Free
    {
        void operator()(std::byte* p) const;
    };
    DType m_dtype = DType::F32;
    Shape m_shape{0};
    std::int64_t m_count = 0;
    std::unique_ptr<std::byte[], Free> m_data;
};

/// Any dtype as F32 (integers and booleans by value; F64 rounded). Parallel over large tensors.
[[nodiscard]] Tensor toFloat(const TensorView& view);

/// F32 rounded to a floating dtype (ties to even). Throws Error(Unsupported) for other dtypes.
[[nodiscard]] Tensor fromFloat(std::span<const float> values, DType dtype, Shape shape);

/// Number of NaN and infinite values.
[[nodiscard]] std::int64_t countNonFinite(std::span<const float> values);

} // namespace gradus
