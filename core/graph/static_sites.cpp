// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/static_sites.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/graph_passes.h"
#include "core/graph/shape_inference.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

namespace gradus {

namespace {

class SiteFinder
{
public:
    explicit SiteFinder(const Model& model)
        : m_model(model)
        , m_nodes(model.graph.nodes)
        , m_shapes(model)
    {
        for (int n = 0; n < static_cast<int>(m_nodes.size()); ++n) {
            const Node& node = m_nodes[static_cast<std::size_t>(n)];
            for (const ValueId output : node.outputs)
                if (output != noValue)
                    m_makers[output] = n;
            forEachRead(node, [&](ValueId value) { m_readers[value].insert(n); });
        }
        countTensors(m_nodes);
        for (const auto& [value, constant] : model.graph.constants)
            if (!constant.tensor.empty())
                ++m_tensorReaders[constant.tensor];
        for (std::size_t i = 0; i < model.layers.size(); ++i)
            if (model.layers[i].kind == LayerKind::Linear && model.layers[i].node >= 0)
                m_layers.emplace(model.layers[i].node, i);
    }

    [[nodiscard]] StaticSite find(const Layer& layer)
    {
        StaticSite site;
        if (layer.kind != LayerKind::Linear || layer.node < 0)
            return site;
        const int source = sourceOf(layer.input, layer.cols);
        if (source >= 0 && std::holds_alternative<op::Attention>(opOf(source)))
            site.attention = source;
        else if (source >= 0)
            site = normSite(source, layer.cols);
        const auto& linear = std::get<op::Linear>(opOf(layer.node));
        site.sharesBias = !linear.bias.empty() && isShared(linear.bias);
        return site;
    }

private:
    [[nodiscard]] const Operator& opOf(int node) const
    {
        return m_nodes[static_cast<std::size_t>(node)].op;
    }

    void countTensors(const std::vector<Node>& nodes)
    {
        for (const Node& node : nodes) {
            for (const std::string& name : parametersOf(node.op))
                ++m_tensorReaders[name];
            if (const auto* branches = std::get_if<op::If>(&node.op))
                for (const auto& branch : {branches->thenBranch, branches->elseBranch})
                    countTensors(branch->nodes);
        }
    }

    [[nodiscard]] bool hasWidth(ValueId value, std::int64_t width) const
    {
        const SymbolicShape* shape = m_shapes.shape(value);
        return shape && !shape->empty() && shape->back() == SymbolicSize{width, 0};
    }

    [[nodiscard]] std::int64_t rankOf(ValueId value) const
    {
        const SymbolicShape* shape = m_shapes.shape(value);
        return shape ? static_cast<std::int64_t>(shape->size()) : 0;
    }

    [[nodiscard]] bool isLast(std::int64_t axis, std::int64_t rank) const
    {
        return axis == -1 || axis == rank - 1;
    }

    /// Whether the operator leaves the last axis of what it reads alone, however it moves the rows.
    [[nodiscard]] bool keepsLastAxis(const Node& node) const
    {
        const std::int64_t rank = rankOf(node.inputs.front());
        if (std::holds_alternative<op::Reshape>(node.op) ||
            std::holds_alternative<op::Flatten>(node.op) ||
            std::holds_alternative<op::Squeeze>(node.op) ||
            std::holds_alternative<op::Unsqueeze>(node.op))
            return true; // of the same width, as whoever asks has seen
        if (const auto* transpose = std::get_if<op::Transpose>(&node.op))
            return !transpose->permutation.empty() && transpose->permutation.back() == rank - 1;
        if (const auto* concat = std::get_if<op::Concat>(&node.op))
            return !isLast(concat->axis, rank);
        if (const auto* split = std::get_if<op::Split>(&node.op))
            return !isLast(split->axis, rank);
        if (const auto* gather = std::get_if<op::Gather>(&node.op))
            return !isLast(gather->axis, rank);
        if (std::holds_alternative<op::Slice>(node.op))
            return axesExcludeLast(node, 3, node.inputs[1], rank);
        if (std::holds_alternative<op::Pad>(node.op))
            return padsZeros(node, rank);
        return false;
    }

    /// Of an operator with axes at input `place`, or else as many as `counted` has elements.
    [[nodiscard]] bool axesExcludeLast(const Node& node, std::size_t place, ValueId counted,
                                       std::int64_t rank) const
    {
        if (node.inputs.size() <= place || node.inputs[place] == noValue) {
            const SymbolicShape* starts = m_shapes.elements(counted);
            return starts && static_cast<std::int64_t>(starts->size()) < rank;
        }
        const SymbolicShape* axes = m_shapes.elements(node.inputs[place]);
        return axes && std::all_of(axes->begin(), axes->end(), [&](const SymbolicSize& axis) {
                   return axis.isNumber() && !isLast(axis.number, rank);
               });
    }

    /// A single number, which lies in the graph or in the model's file.
    [[nodiscard]] bool isZero(ValueId value) const
    {
        const auto constant = m_model.graph.constants.find(value);
        const SymbolicShape* shape = m_shapes.shape(value);
        if (constant == m_model.graph.constants.end() || !shape || shape->size() > 1 ||
            (shape->size() == 1 && shape->front() != SymbolicSize{1, 0}))
            return false;
        if (!constant->second.value)
            return m_model.source.tensors->readFloat(constant->second.tensor).floats()[0] == 0;
        return constant->second.value->dtype() == DType::F32 &&
               constant->second.value->floats()[0] == 0;
    }

    [[nodiscard]] bool padsZeros(const Node& node, std::int64_t rank) const
    {
        if (std::get<op::Pad>(node.op).mode != op::PadMode::Constant)
            return false;
        if (node.inputs.size() > 2 && node.inputs[2] != noValue && !isZero(node.inputs[2]))
            return false;
        if (node.inputs.size() > 3 && node.inputs[3] != noValue)
            return axesExcludeLast(node, 3, noValue, rank);
        const SymbolicShape* pads = m_shapes.elements(node.inputs[1]);
        if (!pads || pads->size() != static_cast<std::size_t>(2 * rank))
            return false;
        const SymbolicSize none{0, 0};
        return (*pads)[static_cast<std::size_t>(rank - 1)] == none && pads->back() == none;
    }

    /// Operators whose first input alone is the value that is moved.
    [[nodiscard]] bool moves(const Node& node, std::int64_t width) const
    {
        return hasWidth(node.inputs.front(), width) &&
               std::all_of(
                   node.outputs.begin(), node.outputs.end(),
                   [&](ValueId output) { return output == noValue || hasWidth(output, width); }) &&
               keepsLastAxis(node);
    }

    /// The norm or attention whose rows a value holds; −1: none.
    [[nodiscard]] int sourceOf(ValueId value, std::int64_t width)
    {
        const auto [known, added] = m_sources.try_emplace({value, width}, -1);
        if (added)
            known->second = findSource(value, width);
        return known->second;
    }

    [[nodiscard]] int findSource(ValueId value, std::int64_t width) const
    {
        std::vector<ValueId> waiting{value};
        std::set<ValueId> seen{value};
        int source = -1;
        while (!waiting.empty()) {
            const ValueId next = waiting.back();
            waiting.pop_back();
            const auto maker = m_makers.find(next);
            if (maker == m_makers.end())
                return -1;
            const Operator& op = opOf(maker->second);
            if (std::holds_alternative<op::LayerNorm>(op) ||
                std::holds_alternative<op::RmsNorm>(op) ||
                std::holds_alternative<op::Attention>(op)) {
                if (source >= 0 && source != maker->second)
                    return -1;
                source = maker->second;
                continue;
            }
            const Node& node = m_nodes[static_cast<std::size_t>(maker->second)];
            if (node.inputs.empty() || !moves(node, width))
                return -1;
            const std::size_t count =
                std::holds_alternative<op::Concat>(op) ? node.inputs.size() : 1;
            for (std::size_t i = 0; i < count; ++i)
                if (seen.insert(node.inputs[i]).second)
                    waiting.push_back(node.inputs[i]);
        }
        return source;
    }

    [[nodiscard]] bool isShared(const std::string& tensor) const
    {
        const auto found = m_tensorReaders.find(tensor);
        return found != m_tensorReaders.end() && found->second > 1;
    }

    [[nodiscard]] StaticSite normSite(int norm, std::int64_t width)
    {
        if (const auto known = m_norms.find(norm); known != m_norms.end())
            return known->second;
        StaticSite site;
        site.norm = norm;
        const Operator& op = opOf(norm);
        std::string gamma;
        std::string beta;
        if (const auto* layerNorm = std::get_if<op::LayerNorm>(&op)) {
            gamma = layerNorm->weight;
            beta = layerNorm->bias;
        } else {
            gamma = std::get<op::RmsNorm>(op).weight;
        }
        follow(norm, width, site);
        site.biased = !beta.empty();
        for (const std::size_t i : site.readers) {
            const auto& linear = std::get<op::Linear>(opOf(m_model.layers[i].node));
            site.biased = site.biased && !linear.bias.empty() && !isShared(linear.bias);
            if (isShared(linear.weight) && site.whyNotFoldable.empty())
                site.whyNotFoldable =
                    concat("the weight of ", m_model.layers[i].name, " serves elsewhere, too");
        }
        if (site.whyNotFoldable.empty() && gamma.empty())
            site.whyNotFoldable = "it has no weight";
        if (site.whyNotFoldable.empty() && isShared(gamma))
            site.whyNotFoldable = "other norms share its weight";
        if (site.whyNotFoldable.empty() && !beta.empty() && isShared(beta))
            site.whyNotFoldable = "other norms share its bias";
        m_norms[norm] = site;
        return site;
    }

    /// Everything that reads the norm's rows.
    void follow(int norm, std::int64_t width, StaticSite& site)
    {
        std::vector<ValueId> waiting;
        std::set<ValueId> seen;
        const auto go = [&](ValueId value) {
            if (value != noValue && seen.insert(value).second)
                waiting.push_back(value);
        };
        const auto refuse = [&](const std::string& why) {
            if (site.whyNotFoldable.empty())
                site.whyNotFoldable = why;
        };
        for (const ValueId output : m_nodes[static_cast<std::size_t>(norm)].outputs)
            go(output);
        std::set<std::size_t> readers;
        std::set<int> looked; // nodes that read many of the values need one look
        while (!waiting.empty()) {
            const ValueId value = waiting.back();
            waiting.pop_back();
            for (const GraphPort& port : m_model.graph.outputs)
                if (port.value == value)
                    refuse("its outputs are the model's");
            for (const Block& block : m_model.blocks)
                if (block.output == value)
                    refuse(
                        "its outputs are what one block hands to the next (the norm stands behind "
                        "the layers, not before them)");
            const auto found = m_readers.find(value);
            if (found == m_readers.end())
                continue;
            for (const int n : found->second) {
                const Node& node = m_nodes[static_cast<std::size_t>(n)];
                if (const auto layer = m_layers.find(n);
                    layer != m_layers.end() && node.inputs.front() == value) {
                    readers.insert(layer->second);
                    continue;
                }
                if (std::holds_alternative<op::Concat>(node.op) && !looked.insert(n).second)
                    continue;
                const bool all =
                    !std::holds_alternative<op::Concat>(node.op) ||
                    std::all_of(node.inputs.begin(), node.inputs.end(),
                                [&](ValueId input) { return sourceOf(input, width) == norm; });
                if (std::holds_alternative<op::ShapeOf>(node.op) ||
                    std::holds_alternative<op::Size>(node.op))
                    continue;
                if (node.inputs.front() != value && !std::holds_alternative<op::Concat>(node.op)) {
                    refuse(concat("its outputs go to ", node.name, " as well"));
                    continue;
                }
                if (!all || !moves(node, width)) {
                    refuse(concat("its outputs go to ", node.name, " as well"));
                    continue;
                }
                site.padded = site.padded || std::holds_alternative<op::Pad>(node.op);
                for (const ValueId output : node.outputs)
                    go(output);
            }
        }
        site.readers.assign(readers.begin(), readers.end());
    }

    const Model& m_model;
    const std::vector<Node>& m_nodes;
    ShapeInference m_shapes;
    std::map<ValueId, int> m_makers;
    std::map<ValueId, std::set<int>> m_readers;
    std::map<std::string, int> m_tensorReaders;
    std::map<int, std::size_t> m_layers; ///< by node
    std::map<int, StaticSite> m_norms;
    std::map<std::pair<ValueId, std::int64_t>, int> m_sources; ///< of values looked at before
};

} // namespace

StaticSites::StaticSites(const Model& model)
    : m_sites(model.layers.size())
{
    if (!model.canRun())
        return;
    SiteFinder finder(model);
    for (std::size_t i = 0; i < model.layers.size(); ++i)
        m_sites[i] = finder.find(model.layers[i]);
}

} // namespace gradus
