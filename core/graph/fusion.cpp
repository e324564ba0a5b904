// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/fusion.h"

#include "core/graph/graph_matcher.h"
#include "core/graph/graph_passes.h"

#include <utility>

namespace gradus {

void fuseLinearBias(GraphMatcher& graph)
{
    for (std::size_t n = 0; n < graph.size(); ++n) {
        const Node& node = graph.node(n);
        const auto* sum = std::get_if<op::Binary>(&node.op);
        if (!sum || sum->kind != op::BinaryKind::Add)
            continue;
        for (const auto& [x, constant] : {std::pair(node.inputs[0], node.inputs[1]),
                                          std::pair(node.inputs[1], node.inputs[0])}) {
            const Node* product = graph.maker<op::Linear>(x);
            const SymbolicShape* shape = graph.shapes().shape(x);
            if (!product || !graph.isReadOnce(x) || !shape || shape->empty() ||
                !shape->back().isNumber())
                continue;
            op::Linear linear = std::get<op::Linear>(product->op);
            if (!linear.bias.empty())
                continue;
            linear.bias = graph.vectorParameter(constant, shape->back().number);
            if (linear.bias.empty())
                continue;
            const std::string name = product->name;
            graph.replace(n, std::move(linear), {product->inputs.front()});
            graph.node(n).name = name;
            break;
        }
    }
}

void fusePatterns(Model& model)
{
    // Each starts from what the ones before have left.
    for (const auto fuse :
         {fuseLinearBias, fuseLayerNorm, fuseActivations, fuseAttention, fuseConvolutionPadding}) {
        GraphMatcher matcher(model);
        fuse(matcher);
        forgetUnread(model.graph);
    }
}

} // namespace gradus
