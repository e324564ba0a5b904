// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/alloc/allocation_rules.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <set>

namespace gradus {

namespace {

constexpr std::array ruleNames{"uniform", "first-last", "llama.cpp"};

/// The last part of a name, and the one before it.
std::pair<std::string_view, std::string_view> lastParts(std::string_view name)
{
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos)
        return {name, {}};
    const std::string_view before = name.substr(0, dot);
    return {name.substr(dot + 1), before.substr(before.rfind('.') + 1)};
}

/// Projections to values, alone or with queries and keys, and the way out of a feed-forward part.
bool isValueOrDown(std::string_view name)
{
    constexpr std::array<std::string_view, 12> names{"v_proj",   "value",    "attn_v", "wv",
                                                     "c_attn",   "qkv_proj", "qkv",    "down_proj",
                                                     "ffn_down", "w2",       "fc2",    "in_proj"};
    const auto [last, before] = lastParts(name);
    if (std::find(names.begin(), names.end(), last) != names.end())
        return true;
    // GPT-2's mlp.c_proj beside attn.c_proj; BERT's output.dense beside attention.output.dense.
    if (last == "c_proj")
        return before == "mlp";
    return last == "dense" && before == "output" &&
           name.find("attention.output.dense") == std::string_view::npos;
}

bool isHead(std::string_view name)
{
    const std::string_view last = lastParts(name).first;
    return last == "lm_head" || last == "embed_out" || name == "output";
}

/// llama.cpp: the first and the last eighth, and each third one between.
bool isRaisedBlock(int block, int blocks)
{
    return block >= 0 &&
           (block < blocks / 8 || block >= 7 * blocks / 8 || (block - blocks / 8) % 3 == 2);
}

/// Allocations from the cheapest up, as numbers of bits (an index into `levels`) by item; only the
/// last that fits is of interest.
class Ladder
{
public:
    Ladder(const AllocationProblem& problem, std::span<const RuleItem> items, std::uint64_t budget)
        : m_problem(problem)
        , m_budget(budget)
    {
        std::set<int> all;
        for (const RuleItem& item : items)
            all.insert(item.bits.begin(), item.bits.end());
        const std::vector<int> bits(all.begin(), all.end());
        levels = static_cast<int>(bits.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
            std::vector<int> options;
            for (const int b : bits)
                options.push_back(optionFor(i, items[i].bits, b));
            m_options.push_back(std::move(options));
        }
        m_levels.assign(items.size(), 0);
        for (std::size_t i = 0; i < items.size(); ++i)
            m_cost += costOf(i, 0);
        m_least = m_cost;
        offer();
    }

    /// Raises these items to a level, one more at every step, spread evenly over the model.
    void raise(const std::vector<std::size_t>& items, int level)
    {
        const std::vector<int> before = m_levels;
        std::vector<bool> had(items.size(), false);
        for (std::size_t m = 1; m <= items.size(); ++m) {
            for (std::size_t k = 0; k < items.size(); ++k) {
                const bool has = (k + 1) * m / items.size() > k * m / items.size();
                if (has == had[k])
                    continue;
                had[k] = has;
                const int old = before[items[k]];
                set(items[k], has ? std::max(level, old) : old);
            }
            offer();
        }
    }

    /// Gives what is left of the budget to single items, in their order: one level more each.
    void spendRest()
    {
        if (!m_any)
            return;
        for (std::size_t i = 0; i < m_best.size(); ++i) {
            if (m_best[i] + 1 >= levels)
                continue;
            const std::uint64_t now = costOf(i, m_best[i]);
            const std::uint64_t then = costOf(i, m_best[i] + 1);
            if (then < now || then - now > m_budget - m_bestCost)
                continue;
            m_bestCost += then - now;
            ++m_best[i];
        }
    }

    [[nodiscard]] Allocation result() const
    {
        if (!m_any)
            throw Error(ErrorCode::Usage,
                        concat("a budget of ", m_budget, " cannot be met, the least is ", m_least));
        std::vector<int> chosen;
        for (std::size_t i = 0; i < m_best.size(); ++i)
            chosen.push_back(m_options[i][static_cast<std::size_t>(m_best[i])]);
        return allocationOf(m_problem, std::move(chosen));
    }

    int levels = 0;

private:
    /// The cheapest option of the most bits up to these, else of the least.
    [[nodiscard]] int optionFor(std::size_t item, const std::vector<int>& bits, int most) const
    {
        const auto& options = m_problem.items[item].options;
        int best = 0;
        for (int j = 1; j < static_cast<int>(bits.size()); ++j) {
            const auto at = static_cast<std::size_t>(j);
            const auto current = static_cast<std::size_t>(best);
            const bool fits = bits[at] <= most;
            const bool bestFits = bits[current] <= most;
            const bool better = fits != bestFits ? fits
                                : bits[at] != bits[current]
                                    ? (bits[at] > bits[current]) == fits
                                    : options[at].cost < options[current].cost;
            if (better)
                best = j;
        }
        return best;
    }
    [[nodiscard]] std::uint64_t costOf(std::size_t item, int level) const
    {
        const int option = m_options[item][static_cast<std::size_t>(level)];
        return m_problem.items[item].options[static_cast<std::size_t>(option)].cost;
    }
    void set(std::size_t item, int level)
    {
        m_cost += costOf(item, level);
        m_cost -= costOf(item, m_levels[item]);
        m_levels[item] = level;
    }
    /// Of equal costs the later one.
    void offer()
    {
        if (m_cost > m_budget || (m_any && m_cost < m_bestCost))
            return;
        m_best = m_levels;
        m_bestCost = m_cost;
        m_any = true;
    }

    const AllocationProblem& m_problem;
    std::uint64_t m_budget;
    std::vector<std::vector<int>> m_options; ///< by item and level
    std::vector<int> m_levels;
    std::uint64_t m_cost = 0;
    std::uint64_t m_least = 0;
    std::vector<int> m_best;
    std::uint64_t m_bestCost = 0;
    bool m_any = false;
};

} // namespace

std::string_view allocationRuleName(AllocationRule rule)
{
    return ruleNames[static_cast<std::size_t>(rule)];
}

Allocation ruleAllocation(AllocationRule rule, const AllocationProblem& problem,
                          std::span<const RuleItem> items, std::uint64_t budget)
{
    problem.validate();
    int blocks = 0;
    for (std::size_t i = 0; i < problem.items.size(); ++i) {
        if (i >= items.size() || items[i].bits.size() != problem.items[i].options.size())
            throw Error(ErrorCode::Internal, "the rule's items are not those of the problem");
        blocks = std::max(blocks, items[i].block + 1);
    }
    std::vector<std::size_t> top;    // the most bits
    std::vector<std::size_t> raised; // one level more than the rest
    std::vector<std::size_t> rest;
    for (std::size_t i = 0; i < problem.items.size(); ++i) {
        const RuleItem& item = items[i];
        const auto any = [&](bool (*is)(std::string_view)) {
            return std::any_of(item.layers.begin(), item.layers.end(), is);
        };
        const bool ends = item.block >= 0 && (item.block == 0 || item.block == blocks - 1);
        if (rule == AllocationRule::FirstLast && ends)
            top.push_back(i);
        else if (rule == AllocationRule::LlamaCpp && any(isHead))
            top.push_back(i);
        else if (rule == AllocationRule::LlamaCpp && isRaisedBlock(item.block, blocks) &&
                 any(isValueOrDown))
            raised.push_back(i);
        else
            rest.push_back(i);
    }
    Ladder ladder(problem, items.first(problem.items.size()), budget);
    const int last = ladder.levels - 1;
    for (int level = 1; level <= last; ++level)
        ladder.raise(top, level);
    if (last >= 1)
        ladder.raise(raised, 1);
    for (int level = 1; level <= last; ++level) {
        ladder.raise(rest, level);
        ladder.raise(raised, std::min(level + 1, last));
    }
    ladder.spendRest();
    return ladder.result();
}

} // namespace gradus
