// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/attention_kernel.h"
#include "core/graph/executor.h"
#include "core/quant/affine_grid.h"
#include "core/quant/packed_sums.h"
#include "core/quant/quantized_weight.h"

#include <memory>
#include <optional>
#include <string>

namespace gradus {

/// A layer whose inputs are rounded to an affine grid, simulated in floats: y = x̂·Ŵᵀ. Biases are
/// the graph's affair.
[[nodiscard]] std::shared_ptr<const LinearKernel>
roundedLinear(std::shared_ptr<const Tensor> weight, std::int64_t rows, const AffineGrid& grid);

/// Of a convolution's inputs, by channel or all together.
[[nodiscard]] std::shared_ptr<const InputRounding> roundedInputs(const AffineGrid& grid);

/// Why a layer cannot be multiplied in integers, or nothing: uniform weights (symmetric or not)
/// whose zeros are codes, without outliers, and inputs on a grid with one scale and no fraction.
[[nodiscard]] std::optional<std::string> whyNotAffineInteger(const QuantizedWeight& weight,
                                                             const AffineGrid& grid);
/// Codes of 8 or 4 bits of both, sums in 32 bits, per row (and group of inputs):
/// Y_o = s̃·s_w·(Σ a·w − z_w·Σa − Σ z_d·w_d + Σ z_d·z_w) (reference repquant.md, section 4; with
/// zeros per feature section 3.7). Throws Error(Unsupported) when whyNotAffineInteger(); its
/// apply() Error(Numeric) on NaN, which has no code. set: the fastest, if not given; all give the
/// same.
[[nodiscard]] std::shared_ptr<const LinearKernel>
affineIntegerLinear(const QuantizedWeight& weight, const AffineGrid& grid,
                    std::optional<InstructionSet> set = std::nullopt);

} // namespace gradus
