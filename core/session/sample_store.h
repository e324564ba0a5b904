// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/activation_store.h"

namespace gradus {

/// One value of all samples between two blocks, in memory or spilled (see ActivationStore). Tensors
/// go in and out with the batch in front.
class SampleStore
{
public:
    /// As large as what batch holds of each of its samples: any shape, float32 or int64. A batch of
    /// one may come without an axis for it. Throws Error(Shape) when the samples cannot be told
    /// apart, Error(Unsupported) for another dtype.
    SampleStore(std::int64_t samples, const Tensor& batch, std::int64_t batchSamples,
                std::uint64_t memoryBytes);

    /// Whether write() takes it.
    [[nodiscard]] bool fits(const Tensor& batch, std::int64_t batchSamples) const;
    void write(std::int64_t first, const Tensor& batch);
    [[nodiscard]] Tensor read(std::int64_t first, std::int64_t count) const;

    /// Of one sample; the shape of the stored rows' memory is samples × this.
    [[nodiscard]] const Shape& shape() const { return m_shape; }
    /// Rows of rows() that a sample has: its elements but for the last axis.
    [[nodiscard]] std::int64_t rowsPerSample() const { return m_rowsPerSample; }
    [[nodiscard]] const ActivationStore& rows() const { return *m_rows; }
    [[nodiscard]] bool isFloat() const { return m_dtype == DType::F32; }
    [[nodiscard]] bool spilled() const { return m_rows->spilled(); }

private:
    /// Of a batch's samples; whole: there is no axis for them.
    struct Layout
    {
        Shape shape;
        bool whole = false;
        bool operator==(const Layout&) const = default;
    };
    [[nodiscard]] static Layout layoutOf(const Tensor& batch, std::int64_t batchSamples);

    DType m_dtype;
    Shape m_shape;
    bool m_whole;
    std::int64_t m_rowsPerSample = 0;
    std::unique_ptr<ActivationStore> m_rows;
};

} // namespace gradus
