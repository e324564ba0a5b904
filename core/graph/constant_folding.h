// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <optional>

namespace gradus {

/// Nodes whose inputs are constants of the graph can be computed once, when it is built.

/// Whether nodes of this operator are computed at all.
[[nodiscard]] bool isFoldable(const Operator& op);

/// How many elements the result has at most; nothing when that cannot be told. All inputs are
/// constants with a value or a name.
[[nodiscard]] std::optional<std::int64_t> foldedElements(const Model& model, const Node& node);

/// The node's outputs. Throws what the operator throws.
[[nodiscard]] std::vector<Tensor> foldNode(const Model& model, const Node& node);

} // namespace gradus
