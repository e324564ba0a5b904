// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/fusion.h"

#include "core/graph/graph_matcher.h"
#include "core/graph/graph_passes.h"

#include <optional>
#include <utility>

namespace gradus {

namespace {

/// The product with the constant as its bias; nothing where it is no bias of it.
std::optional<Operator> withBias(GraphMatcher& graph, ValueId x, ValueId constant)
{
    const SymbolicShape* shape = graph.shapes().shape(x);
    if (!graph.isReadOnce(x) || !shape || shape->empty())
        return std::nullopt;
    const auto added = [&](auto op, std::string bias) -> std::optional<Operator> {
        if (bias.empty())
            return std::nullopt;
        op.bias = std::move(bias);
        return op;
    };
    if (const Node* node = graph.maker<op::Linear>(x)) {
        const auto& linear = std::get<op::Linear>(node->op);
        if (linear.bias.empty() && shape->back().isNumber())
            return added(linear, graph.vectorParameter(constant, shape->back().number));
        return std::nullopt;
    }
    const auto ofChannels = [&](const auto& op) -> std::optional<Operator> {
        if (!op.bias.empty() || shape->size() < 2 || !(*shape)[1].isNumber())
            return std::nullopt;
        return added(op, graph.channelParameter(constant, (*shape)[1].number, shape->size()));
    };
    if (const Node* node = graph.maker<op::Convolution>(x))
        return ofChannels(std::get<op::Convolution>(node->op));
    if (const Node* node = graph.maker<op::ConvolutionTranspose>(x))
        return ofChannels(std::get<op::ConvolutionTranspose>(node->op));
    return std::nullopt;
}

} // namespace

void fuseBiases(GraphMatcher& graph)
{
    for (std::size_t n = 0; n < graph.size(); ++n) {
        const Node& node = graph.node(n);
        const auto* sum = std::get_if<op::Binary>(&node.op);
        if (!sum || sum->kind != op::BinaryKind::Add)
            continue;
        for (const auto& [x, constant] : {std::pair(node.inputs[0], node.inputs[1]),
                                          std::pair(node.inputs[1], node.inputs[0])}) {
            auto product = withBias(graph, x, constant);
            if (!product)
                continue;
            const Node& maker = *graph.maker(x);
            const std::string name = maker.name;
            graph.replace(n, std::move(*product), {maker.inputs.front()});
            graph.node(n).name = name;
            break;
        }
    }
}

void fusePatterns(Model& model)
{
    // Each starts from what the ones before have left.
    for (const auto fuse :
         {fuseBiases, fuseLayerNorm, fuseActivations, fuseAttention, fuseConvolutionPadding}) {
        GraphMatcher matcher(model);
        fuse(matcher);
        forgetUnread(model.graph);
    }
}

} // namespace gradus
