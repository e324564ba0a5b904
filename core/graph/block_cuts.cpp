// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/block_cuts.h"

#include "core/base/text.h"
#include "core/graph/graph_passes.h"
#include "core/graph/node_range.h"
#include "core/graph/shape_inference.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace gradus {

namespace {

/// A place before a node where one value crosses.
struct Cut
{
    int position = 0;
    ValueId value = 0;
};

/// Where values are made and read last, by the order of nodes.
struct Lifetime
{
    int made = -1; ///< −1: an input of the graph
    int lastRead = -1;
};

bool isProduct(const Operator& op)
{
    return std::holds_alternative<op::Linear>(op) || std::holds_alternative<op::Convolution>(op);
}

/// Which values have the samples along their first axis, as what goes from block to block must:
/// shapes for a batch of a size that nothing else in the graph has, and other such sizes for what
/// else is open. Where shapes cannot be told by that, the benefit of the doubt.
class BatchAxis
{
public:
    explicit BatchAxis(const Model& model)
    {
        constexpr std::int64_t sizes[] = {10'007, 1009, 1013, 1019, 1021, 1031, 1033, 1039};
        const Shape& first = model.graph.inputs.front().shape;
        if (first.empty() || first.front() == 1)
            return; // one sample at a time is a whole, whatever its axes
        m_samples = first.front() < 0 ? sizes[0] : first.front();
        std::map<ValueId, Shape> fed;
        for (const GraphPort& port : model.graph.inputs) {
            Shape& shape = fed[port.value] = port.shape;
            for (std::size_t axis = 0; axis < shape.size(); ++axis)
                if (shape[axis] < 0)
                    shape[axis] = sizes[std::min(axis, std::size(sizes) - 1)];
        }
        m_shapes.emplace(model, fed);
    }
    [[nodiscard]] bool isFirstOf(ValueId value) const
    {
        const SymbolicShape* shape = m_shapes ? m_shapes->shape(value) : nullptr;
        if (!shape)
            return true;
        return !shape->empty() &&
               (!shape->front().isNumber() || shape->front().number == m_samples);
    }

private:
    std::int64_t m_samples = 1;
    std::optional<ShapeInference> m_shapes;
};

class Cutter
{
public:
    explicit Cutter(const Model& model)
        : m_model(model)
        , m_nodes(model.graph.nodes)
        , m_count(static_cast<int>(model.graph.nodes.size()))
        , m_batch(model)
    {
        findLifetimes();
        findCuts();
        for (const Layer& layer : model.layers)
            if (layer.node >= 0)
                m_layerOfNode.emplace(layer.node, &layer);
    }

    std::vector<Block> cut()
    {
        std::vector<Cut> boundaries;
        std::vector<std::string> names;
        if (!cutByNames(boundaries, names) && !cutByStructure(boundaries, names) &&
            !cutByLayers(boundaries, names))
            wholeGraph(boundaries, names);
        return blocksBetween(std::move(boundaries), std::move(names));
    }

private:
    void findLifetimes();
    void findCuts();
    void keepFirstInputTogether(int first);
    [[nodiscard]] ValueId firstInput(int first, int next) const;
    /// The last cut in (after, at], or the start itself; null when there is none.
    [[nodiscard]] const Cut* lastUpTo(int at, int after) const;
    [[nodiscard]] const Cut* firstFrom(int at) const;
    [[nodiscard]] std::string keyOf(int node) const;
    [[nodiscard]] std::string signature(int first, int end) const;
    bool cutByNames(std::vector<Cut>& boundaries, std::vector<std::string>& names) const;
    bool cutByStructure(std::vector<Cut>& boundaries, std::vector<std::string>& names) const;
    bool cutByLayers(std::vector<Cut>& boundaries, std::vector<std::string>& names) const;
    void wholeGraph(std::vector<Cut>& boundaries, std::vector<std::string>& names) const;
    [[nodiscard]] std::vector<Block> blocksBetween(std::vector<Cut> boundaries,
                                                   std::vector<std::string> names) const;
    /// Layers that products make, in the order of their nodes; tables of embeddings aside.
    [[nodiscard]] std::vector<const Layer*> products() const;

    const Model& m_model;
    const std::vector<Node>& m_nodes;
    int m_count = 0;
    BatchAxis m_batch;
    std::map<ValueId, Lifetime> m_lifetimes;
    std::vector<Cut> m_cuts; ///< the first is where the prelude ends; its value is not known yet
    std::map<int, const Layer*> m_layerOfNode;
};

void Cutter::findLifetimes()
{
    for (const GraphPort& port : m_model.graph.inputs)
        m_lifetimes[port.value] = {};
    for (int n = 0; n < m_count; ++n) {
        const Node& node = m_nodes[static_cast<std::size_t>(n)];
        forEachRead(node, [&](ValueId value) {
            if (const auto found = m_lifetimes.find(value); found != m_lifetimes.end())
                found->second.lastRead = n;
        });
        for (const ValueId output : node.outputs)
            if (output != noValue)
                m_lifetimes[output] = {n, -1};
    }
    for (const GraphPort& port : m_model.graph.outputs)
        if (const auto found = m_lifetimes.find(port.value); found != m_lifetimes.end())
            found->second.lastRead = m_count; // whoever runs the graph reads it
}

/// A prelude may leave values for everyone (masks, positions); behind it one value crosses each
/// cut. At every place the two that were made last tell for which preludes it is a cut: those that
/// end behind the second. The prelude that allows most cuts is taken, the shortest of equals.
void Cutter::findCuts()
{
    struct Place
    {
        int last = -1;   ///< the node that made the latest value that crosses
        int second = -1; ///< and the one before
        ValueId value = noValue;
    };
    std::vector<Place> places(static_cast<std::size_t>(m_count) + 1);
    std::set<std::pair<int, ValueId>> crossing; // by the node that made it
    std::vector<std::vector<std::pair<int, ValueId>>> ending(static_cast<std::size_t>(m_count) + 1);
    for (int p = 0; p <= m_count; ++p) {
        // What node p − 1 made begins to cross; what it read last ends.
        if (p > 0) {
            for (const ValueId output : m_nodes[static_cast<std::size_t>(p - 1)].outputs) {
                const auto life = m_lifetimes.find(output);
                if (output == noValue || life == m_lifetimes.end() || life->second.lastRead < p)
                    continue;
                crossing.emplace(p - 1, output);
                ending[static_cast<std::size_t>(life->second.lastRead)].emplace_back(p - 1, output);
            }
            for (const auto& ended : ending[static_cast<std::size_t>(p - 1)])
                crossing.erase(ended);
        }
        Place& place = places[static_cast<std::size_t>(p)];
        auto at = crossing.rbegin();
        if (at == crossing.rend() || !m_batch.isFirstOf(at->second))
            continue;
        place.last = at->first;
        place.value = at->second;
        if (++at != crossing.rend())
            place.second = at->first;
    }
    std::vector<int> change(static_cast<std::size_t>(m_count) + 2, 0);
    for (const Place& place : places)
        if (place.last > place.second) {
            ++change[static_cast<std::size_t>(place.second + 1)];
            --change[static_cast<std::size_t>(place.last + 1)];
        }
    // Masks and positions need no product with a weight. What does is no prelude but a part of the
    // network, unless that cannot be cut otherwise.
    int product = 0;
    while (product < m_count && !isProduct(m_nodes[static_cast<std::size_t>(product)].op))
        ++product;
    int first = 0;
    int most = 0;
    for (int start = 0, cuts = 0; start <= m_count; ++start) {
        if (start > product && most > 1)
            break;
        cuts += change[static_cast<std::size_t>(start)];
        if (cuts > most) {
            most = cuts;
            first = start;
        }
    }
    m_cuts.push_back({first, noValue});
    for (int p = first + 1; p <= m_count; ++p) {
        const Place& place = places[static_cast<std::size_t>(p)];
        if (place.last >= first && place.second < first)
            m_cuts.push_back({p, place.value});
    }
    keepFirstInputTogether(first);
}

/// What the network itself starts from crosses like any other value, as long as a way around the
/// first layers lasts; only masks and their like cross for all.
void Cutter::keepFirstInputTogether(int first)
{
    std::vector<std::pair<int, ValueId>> candidates; // the latest first, then by their order
    for (const auto& [value, life] : m_lifetimes)
        if (life.made < first && life.lastRead >= first)
            candidates.emplace_back(-life.made, value);
    std::sort(candidates.begin(), candidates.end());
    for (const auto& [made, value] : candidates) {
        const int last = m_lifetimes.at(value).lastRead;
        const auto crosses = [&](const Cut& cut) {
            return cut.position > first && cut.position <= last;
        };
        const auto gone = std::count_if(m_cuts.begin(), m_cuts.end(), crosses);
        if (2 * gone > static_cast<std::ptrdiff_t>(m_cuts.size()))
            continue; // a mask
        std::erase_if(m_cuts, crosses);
        return;
    }
}

/// What the first block takes as its input: the latest value of the prelude (or input of the graph)
/// that nobody behind the block reads; noValue when there is none.
ValueId Cutter::firstInput(int first, int next) const
{
    ValueId found = noValue;
    int latest = -2;
    std::set<ValueId> read;
    for (int n = first; n < next; ++n)
        forEachRead(m_nodes[static_cast<std::size_t>(n)], [&](ValueId value) {
            if (!m_model.graph.constants.contains(value))
                read.insert(value);
        });
    for (const ValueId value : read) {
        const auto life = m_lifetimes.find(value);
        if (life == m_lifetimes.end() || life->second.made >= first ||
            life->second.lastRead >= next || life->second.made <= latest ||
            !m_batch.isFirstOf(value))
            continue;
        latest = life->second.made;
        found = value;
    }
    return found;
}

const Cut* Cutter::lastUpTo(int at, int after) const
{
    const auto behind =
        std::upper_bound(m_cuts.begin(), m_cuts.end(), at,
                         [](int position, const Cut& cut) { return position < cut.position; });
    return behind != m_cuts.begin() && behind[-1].position > after ? &behind[-1] : nullptr;
}

const Cut* Cutter::firstFrom(int at) const
{
    const auto found =
        std::lower_bound(m_cuts.begin(), m_cuts.end(), at,
                         [](const Cut& cut, int position) { return cut.position < position; });
    return found == m_cuts.end() ? nullptr : &*found;
}

std::vector<const Layer*> Cutter::products() const
{
    std::vector<const Layer*> layers;
    for (const auto& [node, layer] : m_layerOfNode)
        if (layer->kind != LayerKind::Embedding)
            layers.push_back(layer);
    return layers;
}

// -------------------------------------------------------------------------------------- by names

std::string Cutter::keyOf(int node) const
{
    if (const auto layer = m_layerOfNode.find(node); layer != m_layerOfNode.end())
        return blockPrefix(layer->second->name);
    const Node& at = m_nodes[static_cast<std::size_t>(node)];
    for (const std::string& parameter : parametersOf(at.op))
        if (std::string key = blockPrefix(parameter); !key.empty())
            return key;
    std::string name = at.name;
    std::replace(name.begin(), name.end(), '/', '.');
    while (name.starts_with('.'))
        name.erase(0, 1);
    return blockPrefix(name);
}

bool Cutter::cutByNames(std::vector<Cut>& boundaries, std::vector<std::string>& names) const
{
    struct Group
    {
        std::string key;
        int first = 0;
        int last = 0;
    };
    std::vector<Group> groups;
    std::size_t layers = 0;
    for (const auto& [n, layer] : m_layerOfNode) {
        const std::string key = keyOf(n);
        if (key.empty() || layer->kind == LayerKind::Embedding)
            continue;
        ++layers;
        if (groups.empty() || groups.back().key != key)
            groups.push_back({key, n, n});
        groups.back().last = n;
    }
    if (groups.size() < 2 || 2 * layers < products().size())
        return false;
    // Other nodes of the same name around the layers: norms before them, sums behind.
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const int before = g == 0 ? -1 : groups[g - 1].last;
        const int behind = g + 1 == groups.size() ? m_count : groups[g + 1].first;
        while (groups[g].last + 1 < behind && keyOf(groups[g].last + 1) == groups[g].key)
            ++groups[g].last;
        for (int n = groups[g].first - 1; n > before; --n)
            if (keyOf(n) == groups[g].key)
                groups[g].first = n;
    }
    int after = -1; // the last node of the group before
    for (const Group& group : groups) {
        // Without a cut between them it goes on with the block before.
        if (const Cut* cut = lastUpTo(group.first, after)) {
            boundaries.push_back(*cut);
            names.push_back(group.key);
        }
        after = group.last;
    }
    const Cut* end = firstFrom(groups.back().last + 1);
    if (end && !boundaries.empty() && end->position > boundaries.back().position)
        boundaries.push_back(*end);
    else if (!names.empty())
        names.pop_back(); // the last one has no end of its own
    return names.size() >= 2;
}

// ---------------------------------------------------------------------------------- by structure

std::string Cutter::signature(int first, int end) const
{
    std::string text;
    for (int n = first; n < end; ++n) {
        text += operatorName(m_nodes[static_cast<std::size_t>(n)].op);
        if (const auto layer = m_layerOfNode.find(n); layer != m_layerOfNode.end())
            text += concat(' ', layer->second->rows, 'x', layer->second->cols);
        text += ';';
    }
    return text;
}

bool Cutter::cutByStructure(std::vector<Cut>& boundaries, std::vector<std::string>& names) const
{
    constexpr std::size_t longestPeriod = 256;
    const std::size_t segments = m_cuts.size() - 1;
    std::map<std::string, int> numbers;
    std::vector<int> kinds;
    std::vector<int> layers{0}; // before each segment
    for (std::size_t s = 0; s < segments; ++s) {
        const int first = m_cuts[s].position;
        const int end = m_cuts[s + 1].position;
        kinds.push_back(
            numbers.emplace(signature(first, end), static_cast<int>(numbers.size())).first->second);
        int count = 0;
        for (auto layer = m_layerOfNode.lower_bound(first);
             layer != m_layerOfNode.end() && layer->first < end; ++layer)
            count += layer->second->kind == LayerKind::Embedding ? 0 : 1;
        layers.push_back(layers.back() + count);
    }
    std::size_t bestStart = 0;
    std::size_t bestPeriod = 0;
    std::size_t bestRepeats = 0;
    int bestLayers = 0;
    for (std::size_t period = 1; period <= std::min(longestPeriod, segments / 2); ++period)
        for (std::size_t start = 0; start + 2 * period <= segments;) {
            std::size_t end = start;
            while (end + period < segments && kinds[end] == kinds[end + period])
                ++end;
            const std::size_t repeats = (end - start) / period + 1;
            const int held = layers[start + repeats * period] - layers[start];
            if (repeats >= 2 && held > bestLayers && layers[start + period] > layers[start]) {
                bestStart = start;
                bestPeriod = period;
                bestRepeats = repeats;
                bestLayers = held;
            }
            start = end + 1;
        }
    if (bestRepeats < 2 || 2 * static_cast<std::size_t>(bestLayers) < products().size())
        return false;
    for (std::size_t r = 0; r <= bestRepeats; ++r)
        boundaries.push_back(m_cuts[bestStart + r * bestPeriod]);
    for (std::size_t r = 0; r < bestRepeats; ++r)
        names.push_back(concat("block.", r));
    return true;
}

// ------------------------------------------------------------------------------------- by layers

bool Cutter::cutByLayers(std::vector<Cut>& boundaries, std::vector<std::string>& names) const
{
    const std::vector<const Layer*> layers = products();
    int before = -1;
    for (const Layer* layer : layers) {
        const Cut* cut = lastUpTo(layer->node, before);
        if (cut && (boundaries.empty() || cut->position > boundaries.back().position)) {
            boundaries.push_back(*cut);
            names.push_back(layer->name);
        }
        before = layer->node;
    }
    if (boundaries.empty())
        return false;
    const Cut* end = firstFrom(layers.back()->node + 1);
    if (end && end->position > boundaries.back().position)
        boundaries.push_back(*end);
    else
        names.pop_back();
    return !names.empty();
}

void Cutter::wholeGraph(std::vector<Cut>& boundaries, std::vector<std::string>& names) const
{
    boundaries = {m_cuts.front()};
    names.clear();
    if (m_cuts.size() < 2)
        return;
    boundaries.push_back(m_cuts.back());
    names.emplace_back("graph");
}

std::vector<Block> Cutter::blocksBetween(std::vector<Cut> boundaries,
                                         std::vector<std::string> names) const
{
    if (boundaries.size() > 1 && boundaries.front().position == m_cuts.front().position) {
        boundaries.front().value = firstInput(boundaries[0].position, boundaries[1].position);
        if (boundaries.front().value == noValue) { // the first block becomes part of the prelude
            boundaries.erase(boundaries.begin());
            names.erase(names.begin());
        }
    }
    std::vector<Block> blocks;
    for (std::size_t b = 0; b + 1 < boundaries.size(); ++b) {
        Block block;
        block.name = names[b];
        block.firstNode = boundaries[b].position;
        block.nodeCount = boundaries[b + 1].position - block.firstNode;
        block.input = boundaries[b].value;
        block.output = boundaries[b + 1].value;
        block.sides = valuesFromOutside(m_model, block.firstNode, block.nodeCount);
        std::erase(block.sides, block.input);
        blocks.push_back(std::move(block));
    }
    if (blocks.empty()) {
        // Nothing can be cut off: everything is head.
        Block block;
        block.name = "graph";
        block.input = block.output = m_model.graph.inputs.front().value;
        blocks.push_back(std::move(block));
    }
    return blocks;
}

} // namespace

std::string blockPrefix(const std::string& name)
{
    for (std::size_t at = name.find('.'); at != std::string::npos; at = name.find('.', at + 1)) {
        const std::size_t end = name.find_first_not_of("0123456789", at + 1);
        if (end != std::string::npos && end > at + 1 && name[end] == '.')
            return name.substr(0, end);
    }
    return {};
}

std::vector<Block> cutIntoBlocks(const Model& model)
{
    return Cutter(model).cut();
}

void bringForward(std::vector<Node>& nodes)
{
    std::set<ValueId> late;
    std::vector<Node> early;
    std::vector<Node> others;
    for (Node& node : nodes) {
        bool waits = isProduct(node.op);
        forEachRead(node, [&](ValueId value) { waits = waits || late.contains(value); });
        if (waits)
            late.insert(node.outputs.begin(), node.outputs.end());
        (waits ? others : early).push_back(std::move(node));
    }
    late.erase(noValue);
    nodes = std::move(early);
    nodes.insert(nodes.end(), std::make_move_iterator(others.begin()),
                 std::make_move_iterator(others.end()));
}

} // namespace gradus
