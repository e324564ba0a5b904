// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/quantized_weight.h"

#include "core/base/parallel.h"
#include "core/quant/power_levels.h"

#include <algorithm>
#include <cassert>

namespace gradus {

std::int64_t QuantizedWeight::groups() const
{
    return groupsPerRow(scheme, cols);
}

std::size_t QuantizedWeight::parameterIndex(std::int64_t row, std::int64_t col) const
{
    assert(row >= 0 && row < rows && col >= 0 && col < cols);
    if (scheme.granularity == Granularity::Tensor)
        return 0;
    const std::int64_t group = groupIndex.empty() ? col / effectiveGroup(scheme, cols)
                                                  : groupIndex[static_cast<std::size_t>(col)];
    return static_cast<std::size_t>(row * groups() + group);
}

namespace {

/// What codes stand for in one row of power levels.
void decodeLevels(const QuantizedWeight& weight, std::int64_t row, const std::vector<float>& table,
                  float* out)
{
    const std::int64_t cols = weight.cols;
    const std::uint8_t* codes = weight.codes.data() + row * cols;
    if (!weight.groupIndex.empty()) {
        for (std::int64_t c = 0; c < cols; ++c)
            out[c] = weight.scales[weight.parameterIndex(row, c)] * table[codes[c]];
        return;
    }
    const std::int64_t group = effectiveGroup(weight.scheme, cols);
    for (std::int64_t c = 0; c < cols; c += group) {
        const float scale = weight.scales[weight.parameterIndex(row, c)];
        const std::int64_t last = std::min(c + group, cols);
        for (std::int64_t k = c; k < last; ++k)
            out[k] = scale * table[codes[k]];
    }
}

void putOutliers(const SparseWeights& outliers, std::int64_t row, float* out)
{
    if (outliers.empty())
        return;
    const auto at = static_cast<std::size_t>(row);
    for (std::size_t i = outliers.rowStarts[at]; i < outliers.rowStarts[at + 1]; ++i)
        out[outliers.columns[i]] = outliers.values[i];
}

void decodeUniform(const QuantizedWeight& weight, std::int64_t row, float* out)
{
    const std::int64_t cols = weight.cols;
    const std::int64_t group = effectiveGroup(weight.scheme, cols);
    const std::int64_t perRow =
        weight.scheme.granularity == Granularity::Tensor ? 0 : weight.groups();
    const std::uint8_t* codes = weight.codes.data() + row * cols;
    const float* scales = weight.scales.data() + row * perRow;
    const float* zeros = weight.zeros.data() + row * perRow;
    if (!weight.groupIndex.empty() && perRow > 0) {
        for (std::int64_t c = 0; c < cols; ++c) {
            const std::int32_t g = weight.groupIndex[static_cast<std::size_t>(c)];
            out[c] = scales[g] * (static_cast<float>(codes[c]) - zeros[g]);
        }
        return;
    }
    for (std::int64_t c = 0, g = 0; c < cols; c += group, ++g) {
        const float scale = scales[g];
        const float zero = zeros[g];
        const std::int64_t last = std::min(c + group, cols);
        for (std::int64_t k = c; k < last; ++k)
            out[k] = scale * (static_cast<float>(codes[k]) - zero);
    }
}

void decodeRow(const QuantizedWeight& weight, std::int64_t row, const std::vector<float>& table,
               float* out)
{
    if (weight.scheme.levels == Levels::Uniform)
        decodeUniform(weight, row, out);
    else
        decodeLevels(weight, row, table, out);
    putOutliers(weight.outliers, row, out);
}

/// By code; empty for uniform levels.
std::vector<float> tableOf(const QuantizedWeight& weight, std::int64_t row)
{
    if (weight.scheme.levels == Levels::Uniform)
        return {};
    return PowerLevels(weight.scheme, static_cast<double>(weight.exponent(row)))
        .table(weight.scheme.bits);
}

} // namespace

void dequantizeRow(const QuantizedWeight& weight, std::int64_t row, float* out)
{
    assert(row >= 0 && row < weight.rows);
    decodeRow(weight, row, tableOf(weight, row), out);
}

void dequantize(const QuantizedWeight& weight, MatrixView out)
{
    assert(out.rows == weight.rows && out.cols == weight.cols);
    assert(weight.codes.size() == static_cast<std::size_t>(weight.rows * weight.cols));
    assert(weight.scales.size() ==
           static_cast<std::size_t>(scaleCount(weight.scheme, weight.rows, weight.cols)));
    assert(weight.zeros.size() == weight.scales.size());
    if (weight.cols == 0 || weight.rows == 0)
        return;
    const bool ownTables = weight.exponents.size() > 1;
    const std::vector<float> shared = ownTables ? std::vector<float>() : tableOf(weight, 0);
    parallelFor(weight.rows, std::max<std::int64_t>(1, 65536 / weight.cols),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t r = begin; r < end; ++r)
                        decodeRow(weight, r, ownTables ? tableOf(weight, r) : shared,
                                  out.data + r * out.stride);
                });
}

Tensor dequantize(const QuantizedWeight& weight)
{
    Tensor out(Shape{weight.rows, weight.cols});
    dequantize(weight, out.matrix());
    return out;
}

} // namespace gradus
