// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/static_inputs.h"

#include <optional>
#include <string>

namespace gradus {

/// What is wrong with a layer's static inputs that come from a file (or go into one): grids of
/// another size than the layer's weight wants, numbers that make no grid, parameters that do not
/// fit. weight: rows and cols of it; both 0 where the layer was kept float. Nothing when all is
/// well.
[[nodiscard]] std::optional<std::string> staticInputsProblem(const StaticInputs& inputs,
                                                             std::int64_t rows, std::int64_t cols);

} // namespace gradus
