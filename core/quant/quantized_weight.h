// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/scheme.h"
#include "core/tensor/tensor.h"

#include <vector>

namespace gradus {

/// Weights that are kept as floats in place of what their codes say, row by row.
struct SparseWeights
{
    std::vector<std::uint32_t> rowStarts; ///< rows + 1 places in columns and values; empty for none
    std::vector<std::uint32_t> columns;   ///< ascending within a row
    std::vector<float> values;            ///< exact in the scheme's scaleType
    [[nodiscard]] bool empty() const { return columns.empty(); }
    bool operator==(const SparseWeights&) const = default;
};

/// A quantized weight in memory: unpacked codes, stored scales and zeros. Immutable once made.
struct QuantizedWeight
{
    Scheme scheme;                   ///< without clip: scales and zeros are what came of it
    std::int64_t rows = 0;           ///< out
    std::int64_t cols = 0;           ///< in
    std::vector<std::uint8_t> codes; ///< rows × cols, 0 … 2^bits−1, original column order
    std::vector<float> scales;       ///< rows × groups (1 for tensor granularity), as stored
    /// Like scales. Codes (0 … 2^bits−1), or any numbers exact in scaleType with floatZeros;
    /// 2^(bits−1) everywhere when symmetric.
    std::vector<float> zeros;
    /// Group of each input column when it is not column / group (act-order with groups found on
    /// the way); empty otherwise.
    std::vector<std::int32_t> groupIndex;
    /// Of power levels: one for all rows, or one for each; empty for uniform levels. As stored.
    std::vector<float> exponents;
    SparseWeights outliers;

    [[nodiscard]] std::int64_t groups() const; ///< per row
    [[nodiscard]] float exponent(std::int64_t row) const
    {
        return exponents[exponents.size() == 1 ? 0 : static_cast<std::size_t>(row)];
    }
    [[nodiscard]] StoredSize size() const
    {
        return storedSize(scheme, rows, cols,
                          {!groupIndex.empty(), static_cast<std::int64_t>(exponents.size()),
                           static_cast<std::int64_t>(outliers.columns.size())});
    }
    /// Index into scales and zeros.
    [[nodiscard]] std::size_t parameterIndex(std::int64_t row, std::int64_t col) const;
};

/// ŵ of one row: scale · (code − zero), or scale · level (see Levels), and the outliers; out: cols
/// floats. For passes that need not keep all of ŵ.
void dequantizeRow(const QuantizedWeight& weight, std::int64_t row, float* out);
/// The same of all as rows × cols floats.
void dequantize(const QuantizedWeight& weight, MatrixView out);
[[nodiscard]] Tensor dequantize(const QuantizedWeight& weight);

} // namespace gradus
