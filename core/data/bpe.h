// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <queue>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gradus::bpe {

/// A stretch of text that is one token so far; symbols form a linked list in text order.
struct Symbol
{
    std::string_view text; ///< empty once it has been merged into its left neighbour
    std::int32_t id = -1;  ///< for callers that merge by id
    bool frozen = false;   ///< never merged
    std::int32_t previous = -1;
    std::int32_t next = -1;
};

/// What two neighbours would become.
struct Merge
{
    double priority = 0; ///< the highest is done first; among equals the leftmost
    std::int32_t id = -1;
};

/// Sets the links of symbols that stand in text order.
inline void link(std::vector<Symbol>& symbols)
{
    const auto count = static_cast<std::int32_t>(symbols.size());
    for (std::int32_t i = 0; i < count; ++i) {
        symbols[static_cast<std::size_t>(i)].previous = i - 1;
        symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
    }
}

/// Merges neighbours until mergeOf(left, right) -> std::optional<Merge> knows no more pair.
/// O(n log n) calls and steps for n symbols: candidates wait in a heap and are dropped there when
/// one of their symbols has changed meanwhile.
template <class MergeOf>
void mergeAll(std::vector<Symbol>& symbols, const MergeOf& mergeOf)
{
    struct Candidate
    {
        Merge merge;
        std::int32_t left;
        std::int32_t right;
        std::size_t leftSize;
        std::size_t rightSize;
    };
    const auto later = [](const Candidate& a, const Candidate& b) {
        return a.merge.priority < b.merge.priority ||
               (a.merge.priority == b.merge.priority && a.left > b.left);
    };
    const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    std::vector<Candidate> initial;
    const auto candidate = [&](std::int32_t left, std::int32_t right) -> std::optional<Candidate> {
        if (left < 0 || right < 0 || at(left).frozen || at(right).frozen)
            return std::nullopt;
        const std::optional<Merge> merge = mergeOf(at(left), at(right));
        if (!merge)
            return std::nullopt;
        return Candidate{*merge, left, right, at(left).text.size(), at(right).text.size()};
    };
    for (std::size_t i = 1; i < symbols.size(); ++i)
        if (const auto pair =
                candidate(static_cast<std::int32_t>(i) - 1, static_cast<std::int32_t>(i)))
            initial.push_back(*pair);
    std::priority_queue<Candidate, std::vector<Candidate>, decltype(later)> agenda(
        later, std::move(initial));
    while (!agenda.empty()) {
        const Candidate top = agenda.top();
        agenda.pop();
        Symbol& left = at(top.left);
        Symbol& right = at(top.right);
        // Symbols only grow or vanish, so equal sizes mean that nothing has changed.
        if (left.text.size() != top.leftSize || right.text.size() != top.rightSize)
            continue;
        left.text = {left.text.data(), left.text.size() + right.text.size()};
        left.id = top.merge.id;
        left.next = right.next;
        if (right.next >= 0)
            at(right.next).previous = top.left;
        right.text = {};
        if (const auto pair = candidate(left.previous, top.left))
            agenda.push(*pair);
        if (const auto pair = candidate(top.left, left.next))
            agenda.push(*pair);
    }
}

} // namespace gradus::bpe
