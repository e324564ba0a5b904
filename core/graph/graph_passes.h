// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <set>
#include <vector>

namespace gradus {

/// The dtype of an operator's output, by those of its inputs. Of op::If the branches tell it.
[[nodiscard]] DType resultDType(const Operator& op, const std::vector<DType>& inputs,
                                std::size_t output);

/// Any tensor as F32, I64 or Bool; reals are cut off towards 0, other than 0 is true.
[[nodiscard]] Tensor convertedTo(Tensor tensor, DType dtype);

/// Removes nodes that lead to none of these values. An output that nobody reads is noValue then.
void removeUnread(std::vector<Node>& nodes, const std::set<ValueId>& outputs);

/// The same for a whole graph, and constants and computed tensors that nothing reads.
void forgetUnread(Graph& graph);

/// The parameters of an operator: names of tensors, none of them empty.
[[nodiscard]] std::vector<std::string> parametersOf(const Operator& op);

} // namespace gradus
