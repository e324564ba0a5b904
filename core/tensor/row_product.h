// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <functional>
#include <span>

namespace gradus {

/// Products of activations with weights, faster than multiplyTransposed() for the sizes of layers:
/// operands are laid out once for each task, a tile of the result stays in registers while the
/// whole sum passes by, and what follows happens while the values are in a core's cache.
/// Every element is summed in one order: bit-identical for any number of threads.

/// Called with a part of a result's row that is complete: its row, its first column, its values.
using RowFinish = std::function<void(std::int64_t row, std::int64_t col, std::span<float> values)>;

/// c = a · bᵀ + bias (of the columns, may be empty); finish, if given, sees every element once,
/// called from several threads.
void multiplyRows(ConstMatrixView a, ConstMatrixView b, std::span<const float> bias, MatrixView c,
                  const RowFinish& finish = {}, const Monitor* monitor = nullptr);

/// c = a · bᵀ and c = a · b, by the caller's thread.
void multiplyRowsSerial(ConstMatrixView a, ConstMatrixView bTransposed, MatrixView c);
void multiplyColumnsSerial(ConstMatrixView a, ConstMatrixView b, MatrixView c);

} // namespace gradus
