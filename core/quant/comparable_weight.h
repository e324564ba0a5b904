// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_weight.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>

namespace gradus {

// A stored weight beside the model's own: where a norm was folded the stored one is near to
// W·diag(ratio) (see StaticInputs), so that its columns are divided by it before the two are
// compared. ratio: one for each column, or empty.

/// Ŵ·diag(1/ratio).
[[nodiscard]] Tensor comparableWeight(const QuantizedWeight& weight, std::span<const float> ratio);
/// W·diag(ratio): what the stored weight was made of. Its errors are judged beside this one:
/// columns of inputs that hardly vary have next to no ratio, and any error divided by it would
/// drown all others.
[[nodiscard]] Tensor foldedWeight(ConstMatrixView weight, std::span<const float> ratio);
/// One row of it, cols values.
void foldedRow(std::span<const float> row, std::span<const float> ratio, std::span<float> out);
/// One row of Ŵ·diag(1/ratio), cols values.
void comparableRow(const QuantizedWeight& weight, std::span<const float> ratio, std::int64_t row,
                   float* out);

} // namespace gradus
