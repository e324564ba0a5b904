// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/block_cuts.h"

namespace gradus {
std::vector<Block> cutIntoBlocks(const Model& model)
{
    Block all;
    all.name = "graph";
    all.nodeCount = static_cast<int>(model.graph.nodes.size());
    all.input = model.graph.inputs.front().value;
    all.output = model.graph.output;
    return {all};
}
} // namespace gradus
