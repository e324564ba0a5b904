// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/sample_store.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace gradus {

SampleStore::Layout SampleStore::layoutOf(const Tensor& batch, std::int64_t batchSamples)
{
    const Shape& shape = batch.shape();
    if (!shape.empty() && shape.front() == batchSamples)
        return {Shape(shape.begin() + 1, shape.end()), false};
    if (batchSamples == 1)
        return {shape, true};
    throw Error(ErrorCode::Shape, concat("a value of ", batchSamples, " samples is ",
                                         shapeText(shape), ", expected them along its first axis"));
}

SampleStore::SampleStore(std::int64_t samples, const Tensor& batch, std::int64_t batchSamples,
                         std::uint64_t memoryBytes)
    : m_dtype(batch.dtype())
{
    if (m_dtype != DType::F32 && m_dtype != DType::I64)
        throw Error(ErrorCode::Unsupported, concat("a value between blocks is ", dtypeName(m_dtype),
                                                   ", expected F32 or I64"));
    Layout layout = layoutOf(batch, batchSamples);
    m_shape = std::move(layout.shape);
    m_whole = layout.whole;
    const std::int64_t words = m_dtype == DType::I64 ? 2 : 1; // floats per element
    const std::int64_t last = m_shape.empty() ? 1 : m_shape.back();
    m_rowsPerSample = last == 0 ? 0 : elementCount(m_shape) / last;
    m_rows =
        std::make_unique<ActivationStore>(samples * m_rowsPerSample, last * words, memoryBytes);
}

bool SampleStore::fits(const Tensor& batch, std::int64_t batchSamples) const
{
    return batch.dtype() == m_dtype && layoutOf(batch, batchSamples) == Layout{m_shape, m_whole};
}

void SampleStore::write(std::int64_t first, const Tensor& batch)
{
    const std::int64_t count = m_whole ? 1 : batch.shape().front();
    const MatrixView to = m_rows->rows(first * m_rowsPerSample, count * m_rowsPerSample);
    if (!batch.empty())
        std::memcpy(to.data, batch.bytes().data(), batch.bytes().size());
}

Tensor SampleStore::read(std::int64_t first, std::int64_t count) const
{
    assert(!m_whole || count == 1);
    Shape shape = m_shape;
    if (!m_whole)
        shape.insert(shape.begin(), count);
    Tensor batch(m_dtype, std::move(shape));
    const ConstMatrixView from =
        std::as_const(*m_rows).rows(first * m_rowsPerSample, count * m_rowsPerSample);
    if (!batch.empty())
        std::memcpy(batch.bytes().data(), from.data, batch.bytes().size());
    return batch;
}

} // namespace gradus
