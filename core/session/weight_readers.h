// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <string>
#include <vector>

namespace gradus {

/// Who reads a tensor of a model.
struct WeightReaders
{
    std::vector<int> nodes;  ///< in rising order; an op::If for what its branches read
    bool asConstant = false; ///< as a value, which any node may read
};
[[nodiscard]] WeightReaders readersOf(const Graph& graph, const std::string& tensor);

/// Whether a path leads from them to the model's first output, through operators of any kind.
[[nodiscard]] bool leadToOutput(const Graph& graph, const WeightReaders& readers);

} // namespace gradus
