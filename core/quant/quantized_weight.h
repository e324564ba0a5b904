// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/scheme.h"
#include "core/tensor/tensor.h"

#include <vector>

namespace gradus {

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

    [[nodiscard]] std::int64_t groups() const; ///< per row
    [[nodiscard]] StoredSize size() const
    {
        return storedSize(scheme, rows, cols, !groupIndex.empty());
    }
    /// Index into scales and zeros.
    [[nodiscard]] std::size_t parameterIndex(std::int64_t row, std::int64_t col) const;
};

/// scale · (code − zero) of one row; out: cols floats. For passes that need not keep all of ŵ.
void dequantizeRow(const QuantizedWeight& weight, std::int64_t row, float* out);
/// scale · (code − zero) as rows × cols floats.
void dequantize(const QuantizedWeight& weight, MatrixView out);
[[nodiscard]] Tensor dequantize(const QuantizedWeight& weight);

} // namespace gradus
