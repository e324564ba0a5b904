// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/prefix_trie.h"

#include <algorithm>

namespace gradus {

PrefixTrie::PrefixTrie(std::vector<std::pair<std::string, std::int32_t>> entries)
{
    std::sort(entries.begin(), entries.end());
    // Breadth first: a node's keys are a range of the sorted entries that share `depth` bytes.
    struct Range
    {
        std::size_t begin, end, depth;
    };
    std::vector<Range> ranges{{0, entries.size(), 0}};
    m_nodes.emplace_back();
    for (std::size_t at = 0; at < m_nodes.size(); ++at) {
        auto [begin, end, depth] = ranges[at];
        if (begin < end && entries[begin].first.size() == depth)
            m_nodes[at].value = entries[begin++].second;
        m_nodes[at].firstChild = static_cast<std::int32_t>(m_nodes.size());
        while (begin < end) {
            const char label = entries[begin].first[depth];
            std::size_t next = begin + 1;
            while (next < end && entries[next].first[depth] == label)
                ++next;
            Node child;
            child.label = static_cast<unsigned char>(label);
            m_nodes.push_back(child);
            ranges.push_back({begin, next, depth + 1});
            ++m_nodes[at].children;
            begin = next;
        }
    }
}

int PrefixTrie::step(int node, char byte) const
{
    const Node& from = m_nodes[static_cast<std::size_t>(node)];
    const auto first = m_nodes.begin() + from.firstChild;
    const auto last = first + from.children;
    const auto found = std::lower_bound(
        first, last, static_cast<unsigned char>(byte),
        [](const Node& child, unsigned char label) { return child.label < label; });
    if (found == last || found->label != static_cast<unsigned char>(byte))
        return none;
    return static_cast<int>(found - m_nodes.begin());
}

std::optional<PrefixTrie::Match> PrefixTrie::longest(std::string_view text) const
{
    std::optional<Match> best;
    int node = root;
    for (std::size_t i = 0; i < text.size(); ++i) {
        node = step(node, text[i]);
        if (node == none)
            break;
        if (value(node) != none)
            best = Match{i + 1, value(node)};
    }
    return best;
}

} // namespace gradus
