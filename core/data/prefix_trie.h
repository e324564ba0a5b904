// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

/// A set of byte strings with a value each, walked byte by byte. Immutable.
class PrefixTrie
{
public:
    static constexpr int none = -1;
    static constexpr int root = 0;

    /// Keys are unique and not empty; values are not negative. Takes O(total length) memory.
    explicit PrefixTrie(std::vector<std::pair<std::string, std::int32_t>> entries = {});

    [[nodiscard]] bool empty() const { return m_nodes.size() == 1; }
    /// The node behind one more byte, or none.
    [[nodiscard]] int step(int node, char byte) const;
    /// The value of the key that ends at the node, or none.
    [[nodiscard]] int value(int node) const
    {
        return m_nodes[static_cast<std::size_t>(node)].value;
    }

    struct Match
    {
        std::size_t length = 0;
        std::int32_t value = 0;
    };
    /// The longest key that text starts with.
    [[nodiscard]] std::optional<Match> longest(std::string_view text) const;

private:
    struct Node
    {
        std::int32_t firstChild = 0; ///< children are neighbours, ordered by label
        std::int32_t value = none;
        std::uint16_t children = 0;
        unsigned char label = 0;
    };
    std::vector<Node> m_nodes;
};

} // namespace gradus
