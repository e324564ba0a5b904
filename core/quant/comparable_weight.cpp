// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/comparable_weight.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>

namespace gradus {

namespace {

void requireRatio(const QuantizedWeight& weight, std::span<const float> ratio)
{
    if (!ratio.empty() && static_cast<std::int64_t>(ratio.size()) != weight.cols)
        throw Error(ErrorCode::Shape, concat("the weight has ", weight.cols, " columns, but ",
                                             ratio.size(), " ratios are given"));
}

void divide(float* row, std::span<const float> ratio)
{
    for (std::size_t c = 0; c < ratio.size(); ++c)
        row[c] /= ratio[c];
}

} // namespace

Tensor comparableWeight(const QuantizedWeight& weight, std::span<const float> ratio)
{
    requireRatio(weight, ratio);
    Tensor values = dequantize(weight);
    if (ratio.empty())
        return values;
    const MatrixView rows = values.matrix();
    parallelFor(rows.rows, std::max<std::int64_t>(1, 65536 / rows.cols),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t r = begin; r < end; ++r)
                        divide(rows.row(r).data(), ratio);
                });
    return values;
}

void foldedRow(std::span<const float> row, std::span<const float> ratio, std::span<float> out)
{
    for (std::size_t c = 0; c < row.size(); ++c)
        out[c] = ratio.empty() ? row[c] : row[c] * ratio[c];
}

Tensor foldedWeight(ConstMatrixView weight, std::span<const float> ratio)
{
    if (!ratio.empty() && static_cast<std::int64_t>(ratio.size()) != weight.cols)
        throw Error(ErrorCode::Shape, concat("the weight has ", weight.cols, " columns, but ",
                                             ratio.size(), " ratios are given"));
    Tensor values(DType::F32, {weight.rows, weight.cols});
    const MatrixView rows = values.matrix();
    for (std::int64_t r = 0; r < rows.rows; ++r)
        foldedRow(weight.row(r), ratio, rows.row(r));
    return values;
}

void comparableRow(const QuantizedWeight& weight, std::span<const float> ratio, std::int64_t row,
                   float* out)
{
    requireRatio(weight, ratio);
    dequantizeRow(weight, row, out);
    divide(out, ratio);
}

} // namespace gradus
