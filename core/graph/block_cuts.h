// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <vector>

namespace gradus {

/// Blocks of a graph whose nodes are in order and none of them unread: ranges of nodes between
/// places where one value crosses, values of the prelude aside. They are chosen by names with a
/// number ("encoder.layer.3"), else by a structure that repeats, else so that every block holds a
/// layer; what cannot be cut is one block. The model's layers know their nodes.
[[nodiscard]] std::vector<Block> cutIntoBlocks(const Model& model);

} // namespace gradus
