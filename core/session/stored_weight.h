// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_weight.h"

#include <optional>
#include <string>

namespace gradus {

/// What is wrong with a weight that comes from a file (or goes into one): sizes that do not follow
/// from scheme and shape, codes, zeros or group numbers out of range, scales that are not finite,
/// not positive or not exact in their storage type, zeros that are none of the scheme's. Nothing
/// when all is well.
[[nodiscard]] std::optional<std::string> weightProblem(const QuantizedWeight& weight);

/// The sizes alone, before anything is allocated: a sentence when scheme and shape cannot belong
/// to a weight.
[[nodiscard]] std::optional<std::string> weightShapeProblem(const Scheme& scheme, std::int64_t rows,
                                                            std::int64_t cols);

} // namespace gradus
