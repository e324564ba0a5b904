// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/activation_grid.h"
#include "core/quant/quantized_weight.h"

#include <optional>
#include <string>

namespace gradus {

/// What is wrong with a weight that comes from a file (or goes into one): sizes that do not follow
/// from scheme and shape, codes, zeros or group numbers out of range, scales that are not finite,
/// not positive or not exact in their storage type, zeros that are none of the scheme's, exponents
/// that make no grid, outliers out of place. Nothing when all is well.
[[nodiscard]] std::optional<std::string> weightProblem(const QuantizedWeight& weight);

/// The sizes alone, before anything is allocated: a sentence when scheme and shape cannot belong
/// to a weight.
[[nodiscard]] std::optional<std::string> weightShapeProblem(const Scheme& scheme, std::int64_t rows,
                                                            std::int64_t cols);

/// Exponents may be one for all rows, or one for each; none for uniform levels.
[[nodiscard]] std::optional<std::string>
exponentCountProblem(const Scheme& scheme, std::int64_t rows, std::int64_t exponents);
/// Outliers are at most as many as weights, and are counted in 32 bits.
[[nodiscard]] std::optional<std::string> outlierCountProblem(std::int64_t rows, std::int64_t cols,
                                                             std::int64_t outliers);

/// The same for the grid of a layer's inputs.
[[nodiscard]] std::optional<std::string> activationProblem(const ActivationGrid& grid);

} // namespace gradus
