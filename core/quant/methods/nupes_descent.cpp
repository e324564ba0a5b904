// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_descent.h"

#include "core/tensor/linalg.h"

#include <algorithm>

namespace gradus {

NupesDescent::NupesDescent(const NupesLayer& layer, const NupesOptions& options,
                           const NupesState& start)
    : m_layer(layer)
    , m_options(options)
    , m_state(start)
    , m_share(layer.energy > 0 ? static_cast<double>(layer.rows * layer.cols) / layer.energy : 0)
{
    for (std::int64_t row = 0; row < layer.rows; row += chunkRows) {
        Chunk chunk;
        chunk.first = row;
        chunk.count = std::min(chunkRows, layer.rows - row);
        chunk.learned.resize(static_cast<std::size_t>(chunk.count * layer.cols));
        m_chunks.push_back(std::move(chunk));
    }
}

std::vector<double> NupesDescent::errorsOf(const Chunk& chunk, std::vector<float>& values,
                                           std::vector<float>& gradient) const
{
    const std::int64_t d = m_layer.cols;
    for (std::int64_t r = 0; r < chunk.count; ++r) {
        float* e = values.data() + r * d;
        setOutliers(chunk.first + r, e);
        const float* w = m_layer.weight.data + (chunk.first + r) * m_layer.weight.stride;
        for (std::int64_t c = 0; c < d; ++c)
            e[c] -= w[c];
    }
    gradient.resize(values.size());
    constexpr std::int64_t width = 512; // columns of H between two checkpoints
    for (std::int64_t c = 0; c < d; c += width) {
        m_layer.monitor.checkpoint();
        const std::int64_t some = std::min(width, d - c);
        multiplySerial(ConstMatrixView(values.data(), chunk.count, d),
                       ConstMatrixView(m_layer.h.data() + c, d, some, d),
                       MatrixView(gradient.data() + c, chunk.count, some, d), false);
    }
    std::vector<double> errors(static_cast<std::size_t>(chunk.count));
    for (std::int64_t r = 0; r < chunk.count; ++r) {
        const float* e = values.data() + r * d;
        const float* g = gradient.data() + r * d;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t c = 0; c < d; ++c)
            sum += static_cast<double>(e[c]) * static_cast<double>(g[c]);
        errors[static_cast<std::size_t>(r)] = std::max(sum, 0.0);
    }
    return errors;
}

template <class Visit>
void NupesDescent::overOutliers(std::int64_t row, const Visit& visit) const
{
    const SparseWeights& outliers = m_layer.outliers;
    if (outliers.empty())
        return;
    const auto r = static_cast<std::size_t>(row);
    for (std::size_t k = outliers.rowStarts[r]; k < outliers.rowStarts[r + 1]; ++k)
        visit(outliers.columns[k], outliers.values[k]);
}

void NupesDescent::setOutliers(std::int64_t row, float* values) const
{
    overOutliers(row, [&](std::size_t column, float value) { values[column] = value; });
}

void NupesDescent::clearOutliers(std::int64_t row, float* gradient) const
{
    overOutliers(row, [&](std::size_t column, float) { gradient[column] = 0; });
}

void NupesDescent::clearOutliers(std::int64_t row, std::uint8_t* codes) const
{
    const auto neutral = static_cast<std::uint8_t>(m_layer.middle());
    overOutliers(row, [&](std::size_t column, float) { codes[column] = neutral; });
}

} // namespace gradus
