// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/fusion.h"
#include "core/graph/graph_matcher.h"
#include "core/graph/graph_passes.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace gradus {

namespace {

/// The zeros that a node puts around images: top, left, bottom, right; nothing for other padding.
std::optional<std::array<std::int64_t, 4>> zerosAround(GraphMatcher& graph, const Node& node)
{
    const auto given = [&](std::size_t i) {
        return i < node.inputs.size() && node.inputs[i] != noValue;
    };
    if (std::get<op::Pad>(node.op).mode != op::PadMode::Constant || !given(1) || given(3) ||
        (given(2) && !graph.isScalar(node.inputs[2], 0)))
        return std::nullopt;
    const auto& constants = graph.model().graph.constants;
    const auto found = constants.find(node.inputs[1]);
    constexpr std::int64_t axes = 4;
    if (found == constants.end() || !found->second.value ||
        found->second.value->dtype() != DType::I64 || found->second.value->count() != 2 * axes)
        return std::nullopt;
    const std::span<const std::int64_t> pads(
        reinterpret_cast<const std::int64_t*>(found->second.value->bytes().data()), 2 * axes);
    // More than a kernel needs is no padding of a convolution, but a file's mistake or mischief.
    constexpr std::int64_t most = 64;
    const bool fits = std::all_of(pads.begin(), pads.end(),
                                  [](std::int64_t pad) { return pad >= 0 && pad <= most; }) &&
                      pads[0] == 0 && pads[1] == 0 && pads[4] == 0 && pads[5] == 0;
    return fits ? std::optional(std::array{pads[2], pads[3], pads[6], pads[7]}) : std::nullopt;
}

} // namespace

void fuseConvolutionPadding(GraphMatcher& graph)
{
    for (std::size_t n = 0; n < graph.size(); ++n) {
        const auto* convolution = std::get_if<op::Convolution>(&graph.node(n).op);
        if (!convolution || convolution->isLine ||
            convolution->geometry.autoPad != AutoPad::Explicit)
            continue;
        const ValueId x = graph.node(n).inputs.front();
        const Node* pad = graph.maker<op::Pad>(x);
        if (!pad || !graph.isReadOnce(x))
            continue;
        const auto zeros = zerosAround(graph, *pad);
        if (!zeros)
            continue;
        op::Convolution padded = *convolution;
        for (std::size_t i = 0; i < zeros->size(); ++i)
            padded.geometry.padding[i] += (*zeros)[i];
        const ValueId from = pad->inputs.front();
        graph.replace(n, std::move(padded), {from});
    }
}

void fusePadding(Model& model)
{
    GraphMatcher matcher(model);
    fuseConvolutionPadding(matcher);
    forgetUnread(model.graph);
}

} // namespace gradus
