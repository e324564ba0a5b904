// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <string>
#include <vector>

namespace gradus {

/// Blocks of a graph whose nodes are in order and none of them unread: ranges of nodes between
/// places where one value crosses, its samples along the first axis, values of the prelude aside.
/// They are chosen by names with a number ("encoder.layer.3"), else by a structure that repeats,
/// else so that every block holds a layer; what cannot be cut is one block. The model's layers know
/// their nodes.
[[nodiscard]] std::vector<Block> cutIntoBlocks(const Model& model);

/// Puts nodes that need no product with a weight in front of all others: masks and positions that
/// an exporter computes where they are read first are the prelude's then. The order stays a valid
/// one.
void bringForward(std::vector<Node>& nodes);

/// "encoder.layers.3.fc1" → "encoder.layers.3": the name up to its first number, by which blocks
/// repeat; empty when there is none.
[[nodiscard]] std::string blockPrefix(const std::string& name);

} // namespace gradus
