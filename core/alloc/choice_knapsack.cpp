// SPDX-License-Identifier: GPL-3.0-or-later
//
// Dynamic programming over partial sums, item by item, in the order of the core (Pisinger 1995, in
// idea): items whose choice the Lagrangian relaxation leaves most open come first. Of what is left
// to decide, the lower convex hulls of the items' options, merged by slope, tell two things for
// every partial sum: the least value that relaxed choices reach with the capacity left (a bound,
// by which most partial sums are dropped), and real choices at the next corner below (a solution,
// by which the bound to beat falls). Options that by their reduced cost are in no better solution
// are dropped whenever a better one was found.
#include "core/alloc/choice_knapsack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

namespace gradus {

namespace {

__extension__ typedef __int128 Wide;

/// From one corner of an item's hull to the next.
struct Segment
{
    std::int64_t dWeight = 0; ///< > 0
    std::int64_t dValue = 0;  ///< saved, > 0
    int item = 0;
    int to = 0; ///< index of the option it leads to
};

bool steeper(const Segment& a, const Segment& b)
{
    return Wide(a.dValue) * b.dWeight > Wide(b.dValue) * a.dWeight;
}

/// A partial sum.
struct State
{
    std::int64_t weight = 0;
    std::int64_t value = 0;
    int node = -1;  ///< of the choices that make it
    int choice = 0; ///< of the item just decided, until it has a node of its own
};

/// A choice and those before it.
struct Node
{
    int parent = -1;
    int item = 0;
    int choice = 0;
};

class Solver
{
public:
    Solver(const KnapsackItems& items, std::int64_t capacity, const Monitor& monitor,
           const KnapsackLimits& limits)
        : m_limits(limits)
        , m_monitor(monitor)
        , m_capacity(capacity)
    {
        normalize(items);
        std::size_t options = 0;
        for (const Item& item : m_items)
            options += item.size();
        if (m_limits.visits == 0)
            m_limits.visits =
                std::clamp(1000 * options, std::size_t(1) << 20, std::size_t(1) << 25);
    }

    KnapsackSolution solve();

private:
    using Item = std::vector<KnapsackOption>;

    /// What is known of an item that is not decided.
    struct Open
    {
        std::vector<Wide> reduced; ///< reduced cost by option
        std::vector<bool> kept;    ///< by option
        int count = 0;             ///< of those kept
    };

    void normalize(const KnapsackItems& items);
    void hullOf(int item, std::vector<Segment>& segments) const;
    [[nodiscard]] int firstKept(int item) const;
    void rebuildRemainder();
    void dropItem(int item);
    void prefixSums();
    bool chooseMultiplier();
    void improveBySwaps(const std::vector<int>& base);
    bool reduce();
    void decide(int item, std::size_t itemsLeft);
    [[nodiscard]] std::size_t statesFor(std::size_t itemsLeft) const;
    void extend(const KnapsackOption& option, int choice, std::vector<State>& result);
    void limitStates(std::size_t most);
    void adopt(std::vector<int> choices);
    void adoptPending(int item);
    [[nodiscard]] KnapsackSolution solution(bool optimal) const;

    KnapsackLimits m_limits;
    const Monitor& m_monitor;
    std::int64_t m_capacity = 0; ///< above the least weights, over their common divisor
    std::vector<Item> m_items;   ///< undominated, by rising weight and falling value, from 0
    std::vector<Open> m_open;
    std::vector<bool> m_decided;

    // The Lagrangian multiplier m_p / m_q and the least sum of m_q · value + m_p · weight.
    Wide m_p = 0;
    Wide m_q = 1;
    Wide m_leastSum = 0;

    // The best solution known.
    std::vector<int> m_best;
    std::int64_t m_bestValue = std::numeric_limits<std::int64_t>::max();
    std::int64_t m_bestWeight = 0;

    // The undecided items: their hulls, merged, and sums along them from the cheapest options on.
    std::vector<Segment> m_segments;
    std::vector<std::int64_t> m_weights;
    std::vector<std::int64_t> m_values;

    std::vector<State> m_states;
    std::vector<Node> m_nodes;
    std::size_t m_visits = 0;
    /// Least bound of the partial sums that the limits made us give up.
    double m_givenUp = std::numeric_limits<double>::infinity();

    /// The best completion met while an item is decided: adopted when all its options are done.
    struct Pending
    {
        bool any = false;
        int node = -1;
        int choice = 0;
        std::size_t corner = 0;
    } m_pending;
};

void Solver::normalize(const KnapsackItems& items)
{
    std::int64_t weightDivisor = 0;
    std::int64_t valueDivisor = 0;
    m_items.reserve(items.size());
    for (const std::vector<KnapsackOption>& options : items) {
        Item sorted = options;
        std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
            return std::tie(a.weight, a.value, a.option) < std::tie(b.weight, b.value, b.option);
        });
        Item item;
        for (const KnapsackOption& option : sorted)
            if (item.empty() || option.value < item.back().value)
                item.push_back(option);
        const std::int64_t leastWeight = item.front().weight;
        const std::int64_t leastValue = item.back().value;
        m_capacity -= leastWeight;
        for (KnapsackOption& option : item) {
            option.weight -= leastWeight;
            option.value -= leastValue;
            weightDivisor = std::gcd(weightDivisor, option.weight);
            valueDivisor = std::gcd(valueDivisor, option.value);
        }
        m_items.push_back(std::move(item));
    }
    weightDivisor = std::max<std::int64_t>(weightDivisor, 1);
    valueDivisor = std::max<std::int64_t>(valueDivisor, 1);
    m_capacity /= weightDivisor;
    m_open.resize(m_items.size());
    m_decided.assign(m_items.size(), false);
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        Item& item = m_items[i];
        for (KnapsackOption& option : item) {
            option.weight /= weightDivisor;
            option.value /= valueDivisor;
        }
        while (item.back().weight > m_capacity) // the first weighs nothing
            item.pop_back();
        m_open[i].kept.assign(item.size(), true);
        m_open[i].count = static_cast<int>(item.size());
    }
}

int Solver::firstKept(int item) const
{
    const std::vector<bool>& kept = m_open[static_cast<std::size_t>(item)].kept;
    return static_cast<int>(std::find(kept.begin(), kept.end(), true) - kept.begin());
}

/// Appends the lower convex hull of the options that are kept.
void Solver::hullOf(int item, std::vector<Segment>& segments) const
{
    const Item& options = m_items[static_cast<std::size_t>(item)];
    const std::vector<bool>& kept = m_open[static_cast<std::size_t>(item)].kept;
    const std::size_t begin = segments.size();
    const int first = firstKept(item);
    for (int to = first + 1; to < static_cast<int>(options.size()); ++to) {
        if (!kept[static_cast<std::size_t>(to)])
            continue;
        while (true) {
            const int from = segments.size() > begin ? segments.back().to : first;
            const KnapsackOption& a = options[static_cast<std::size_t>(from)];
            const KnapsackOption& b = options[static_cast<std::size_t>(to)];
            const Segment next{b.weight - a.weight, a.value - b.value, item, to};
            if (segments.size() > begin && !steeper(segments.back(), next)) {
                segments.pop_back();
                continue;
            }
            segments.push_back(next);
            break;
        }
    }
}

void Solver::prefixSums()
{
    m_weights.resize(m_segments.size() + 1);
    m_values.resize(m_segments.size() + 1);
    for (std::size_t k = 0; k < m_segments.size(); ++k) {
        m_weights[k + 1] = m_weights[k] + m_segments[k].dWeight;
        m_values[k + 1] = m_values[k] - m_segments[k].dValue;
    }
}

void Solver::rebuildRemainder()
{
    m_segments.clear();
    m_weights.assign(1, 0);
    m_values.assign(1, 0);
    for (int i = 0; i < static_cast<int>(m_items.size()); ++i) {
        if (m_decided[static_cast<std::size_t>(i)])
            continue;
        const KnapsackOption& first =
            m_items[static_cast<std::size_t>(i)][static_cast<std::size_t>(firstKept(i))];
        m_weights[0] += first.weight;
        m_values[0] += first.value;
        hullOf(i, m_segments);
    }
    std::stable_sort(m_segments.begin(), m_segments.end(), steeper);
    prefixSums();
}

void Solver::dropItem(int item)
{
    const KnapsackOption& first =
        m_items[static_cast<std::size_t>(item)][static_cast<std::size_t>(firstKept(item))];
    m_decided[static_cast<std::size_t>(item)] = true;
    m_weights[0] -= first.weight;
    m_values[0] -= first.value;
    m_segments.erase(std::remove_if(m_segments.begin(), m_segments.end(),
                                    [&](const Segment& s) { return s.item == item; }),
                     m_segments.end());
    prefixSums();
}

void Solver::adopt(std::vector<int> choices)
{
    std::int64_t weight = 0;
    std::int64_t value = 0;
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        const KnapsackOption& option = m_items[i][static_cast<std::size_t>(choices[i])];
        weight += option.weight;
        value += option.value;
    }
    if (weight > m_capacity || std::tie(value, weight) >= std::tie(m_bestValue, m_bestWeight))
        return;
    m_best = std::move(choices);
    m_bestValue = value;
    m_bestWeight = weight;
}

/// False when the relaxation's solution is one of the problem.
bool Solver::chooseMultiplier()
{
    std::vector<int> choices(m_items.size(), 0);
    std::size_t k = 0;
    while (k < m_segments.size() && m_weights[k + 1] <= m_capacity) {
        choices[static_cast<std::size_t>(m_segments[k].item)] = m_segments[k].to;
        ++k;
    }
    adopt(choices);
    if (k == m_segments.size())
        return false;
    m_p = m_segments[k].dValue;
    m_q = m_segments[k].dWeight;
    m_leastSum = 0;
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        std::vector<Wide>& reduced = m_open[i].reduced;
        for (const KnapsackOption& option : m_items[i])
            reduced.push_back(m_q * option.value + m_p * option.weight);
        const Wide least = *std::min_element(reduced.begin(), reduced.end());
        for (Wide& cost : reduced)
            cost -= least;
        m_leastSum += least;
    }
    improveBySwaps(choices);
    // What still fits of the later segments, an item's only after those before it.
    std::int64_t left = m_capacity - m_weights[k];
    std::vector<bool> blocked(m_items.size(), false);
    for (; k < m_segments.size(); ++k) {
        const Segment& segment = m_segments[k];
        const auto i = static_cast<std::size_t>(segment.item);
        if (blocked[i] || segment.dWeight > left) {
            blocked[i] = true;
            continue;
        }
        left -= segment.dWeight;
        choices[i] = segment.to;
    }
    adopt(choices);
    improveBySwaps(choices);
    return true;
}

/// Adopts the best change of one item.
void Solver::improveBySwaps(const std::vector<int>& base)
{
    std::int64_t weight = 0;
    for (std::size_t i = 0; i < m_items.size(); ++i)
        weight += m_items[i][static_cast<std::size_t>(base[i])].weight;
    std::int64_t bestSaving = 0;
    std::size_t bestItem = 0;
    int bestOption = -1;
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        const KnapsackOption& from = m_items[i][static_cast<std::size_t>(base[i])];
        for (std::size_t j = 0; j < m_items[i].size(); ++j) {
            const KnapsackOption& to = m_items[i][j];
            if (from.value - to.value > bestSaving &&
                to.weight - from.weight <= m_capacity - weight) {
                bestSaving = from.value - to.value;
                bestItem = i;
                bestOption = static_cast<int>(j);
            }
        }
    }
    if (bestOption < 0)
        return;
    std::vector<int> choices = base;
    choices[bestItem] = bestOption;
    adopt(std::move(choices));
}

/// Drops options that are in no better solution: with reduced costs r ≥ 0 that sum to R, any
/// solution has q · value + p · weight = least sum + R. True when any was dropped.
bool Solver::reduce()
{
    const Wide byValue = m_q * (m_bestValue - 1) + m_p * m_capacity - m_leastSum;
    const Wide byWeight = m_q * m_bestValue + m_p * (m_bestWeight - 1) - m_leastSum;
    const Wide most = std::max(byValue, byWeight);
    bool any = false;
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        Open& open = m_open[i];
        if (m_decided[i] || open.count < 2)
            continue;
        for (std::size_t j = 0; j < open.kept.size(); ++j) {
            // One is left in any case: with nothing better to be found its value does not matter.
            if (open.kept[j] && open.reduced[j] > most && open.count > 1) {
                open.kept[j] = false;
                --open.count;
                any = true;
            }
        }
    }
    return any;
}

/// The partial sums with this option, as far as they can lead to anything better.
void Solver::extend(const KnapsackOption& option, int choice, std::vector<State>& result)
{
    std::size_t corner = m_segments.size();
    std::size_t tieCorner = m_segments.size();
    for (const State& state : m_states) {
        const std::int64_t weight = state.weight + option.weight;
        const std::int64_t value = state.value + option.value;
        const std::int64_t left = m_capacity - weight;
        if (left < m_weights[0])
            break; // and so are all that follow
        ++m_visits;
        while (m_weights[corner] > left)
            --corner;
        const std::int64_t totalValue = value + m_values[corner];
        const std::int64_t totalWeight = weight + m_weights[corner];
        if (std::tie(totalValue, totalWeight) < std::tie(m_bestValue, m_bestWeight)) {
            m_bestValue = totalValue;
            m_bestWeight = totalWeight;
            m_pending = {true, state.node, choice, corner};
        }
        if (corner == m_segments.size())
            continue; // nothing better than that
        const auto reaches = [&](std::size_t at, std::int64_t room, std::int64_t limit) {
            const std::int64_t missing = value + m_values[at] - limit;
            return missing <= 0 || (at < m_segments.size() &&
                                    Wide(missing) * m_segments[at].dWeight <=
                                        Wide(m_segments[at].dValue) * (room - m_weights[at]));
        };
        bool useful = reaches(corner, left, m_bestValue - 1);
        if (!useful) {
            // As good a value with less weight?
            const std::int64_t room = m_bestWeight - 1 - weight;
            if (room >= m_weights[0]) {
                tieCorner = std::min(tieCorner, corner);
                // The best weight may have grown since the last state.
                while (tieCorner < corner && m_weights[tieCorner + 1] <= room)
                    ++tieCorner;
                while (m_weights[tieCorner] > room)
                    --tieCorner;
                useful = reaches(tieCorner, room, m_bestValue);
            }
        }
        if (useful)
            result.push_back({weight, value, state.node, choice});
    }
}

/// Both lists by rising weight and falling value; so is the result, without what is dominated.
std::vector<State> mergeUndominated(const std::vector<State>& a, const std::vector<State>& b)
{
    std::vector<State> merged;
    merged.reserve(a.size() + b.size());
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    auto i = a.begin();
    auto j = b.begin();
    while (i != a.end() || j != b.end()) {
        const bool first = j == b.end() || (i != a.end() && std::tie(i->weight, i->value) <=
                                                                std::tie(j->weight, j->value));
        const State& next = first ? *i++ : *j++;
        if (next.value < best) {
            best = next.value;
            merged.push_back(next);
        }
    }
    return merged;
}

/// Choices of the best completion: a partial sum, this item's option, the rest along the hulls.
void Solver::adoptPending(int item)
{
    std::vector<int> choices(m_items.size(), 0);
    for (int i = 0; i < static_cast<int>(m_items.size()); ++i)
        choices[static_cast<std::size_t>(i)] = firstKept(i);
    for (std::size_t k = 0; k < m_pending.corner; ++k)
        choices[static_cast<std::size_t>(m_segments[k].item)] = m_segments[k].to;
    choices[static_cast<std::size_t>(item)] = m_pending.choice;
    for (int node = m_pending.node; node >= 0;
         node = m_nodes[static_cast<std::size_t>(node)].parent)
        choices[static_cast<std::size_t>(m_nodes[static_cast<std::size_t>(node)].item)] =
            m_nodes[static_cast<std::size_t>(node)].choice;
    m_best = std::move(choices);
    m_pending = {};
}

/// Keeps those with the least bounds.
void Solver::limitStates(std::size_t most)
{
    if (m_states.size() <= most)
        return;
    std::vector<std::pair<double, std::size_t>> bounds;
    bounds.reserve(m_states.size());
    std::size_t corner = m_segments.size();
    for (std::size_t s = 0; s < m_states.size(); ++s) {
        const std::int64_t left = m_capacity - m_states[s].weight;
        while (m_weights[corner] > left)
            --corner;
        double bound = static_cast<double>(m_states[s].value + m_values[corner]);
        if (corner < m_segments.size())
            bound -= static_cast<double>(m_segments[corner].dValue) *
                     static_cast<double>(left - m_weights[corner]) /
                     static_cast<double>(m_segments[corner].dWeight);
        bounds.emplace_back(bound, s);
    }
    const auto cut = bounds.begin() + static_cast<std::ptrdiff_t>(most);
    std::nth_element(bounds.begin(), cut, bounds.end());
    m_givenUp = std::min(m_givenUp, cut->first);
    std::sort(bounds.begin(), cut,
              [](const auto& a, const auto& b) { return a.second < b.second; });
    std::vector<State> kept;
    kept.reserve(most);
    for (auto at = bounds.begin(); at != cut; ++at)
        kept.push_back(m_states[at->second]);
    m_states = std::move(kept);
}

/// How many partial sums may stay when so many items are still to be decided.
std::size_t Solver::statesFor(std::size_t itemsLeft) const
{
    if (2 * m_visits < m_limits.visits || itemsLeft == 0)
        return m_limits.states;
    const std::size_t left = m_limits.visits - std::min(m_visits, m_limits.visits);
    return std::clamp<std::size_t>(left / (4 * itemsLeft), 16, m_limits.states);
}

void Solver::decide(int item, std::size_t itemsLeft)
{
    const Item& options = m_items[static_cast<std::size_t>(item)];
    const std::vector<bool> kept = m_open[static_cast<std::size_t>(item)].kept;
    dropItem(item);
    std::vector<std::vector<State>> lists;
    for (std::size_t j = 0; j < options.size(); ++j) {
        if (!kept[j])
            continue;
        m_monitor.checkpoint();
        std::vector<State> list;
        extend(options[j], static_cast<int>(j), list);
        if (!list.empty())
            lists.push_back(std::move(list));
    }
    if (m_pending.any)
        adoptPending(item);
    while (lists.size() > 1) {
        std::vector<std::vector<State>> merged;
        for (std::size_t k = 0; k < lists.size(); k += 2)
            merged.push_back(k + 1 < lists.size() ? mergeUndominated(lists[k], lists[k + 1])
                                                  : std::move(lists[k]));
        lists = std::move(merged);
    }
    m_states = lists.empty() ? std::vector<State>() : std::move(lists.front());
    limitStates(statesFor(itemsLeft));
    for (State& state : m_states) {
        m_nodes.push_back({state.node, item, state.choice});
        state.node = static_cast<int>(m_nodes.size()) - 1;
    }
}

KnapsackSolution Solver::solution(bool optimal) const
{
    KnapsackSolution result;
    result.optimal = optimal;
    for (std::size_t i = 0; i < m_items.size(); ++i)
        result.chosen.push_back(m_items[i][static_cast<std::size_t>(m_best[i])].option);
    return result;
}

KnapsackSolution Solver::solve()
{
    rebuildRemainder();
    if (!chooseMultiplier())
        return solution(true);
    reduce();
    rebuildRemainder();

    // The core first: by the least reduced cost of any option but the relaxation's own.
    std::vector<std::pair<Wide, int>> order;
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        if (m_open[i].count < 2)
            continue;
        std::vector<Wide> costs = m_open[i].reduced;
        std::nth_element(costs.begin(), costs.begin() + 1, costs.end());
        order.emplace_back(costs[1], static_cast<int>(i));
    }
    std::sort(order.begin(), order.end());

    m_states.push_back({});
    for (std::size_t k = 0; k < order.size() && !m_states.empty(); ++k) {
        const int item = order[k].second;
        if (m_open[static_cast<std::size_t>(item)].count < 2)
            continue;
        const std::int64_t value = m_bestValue;
        decide(item, order.size() - k - 1);
        if (m_bestValue < value && reduce())
            rebuildRemainder();
    }
    // Whole numbers: what has a bound above best − 1 is not better.
    const bool hopeless = m_givenUp * (1 - 1e-12) > static_cast<double>(m_bestValue) - 1;
    return solution(!std::isfinite(m_givenUp) || hopeless);
}

} // namespace

KnapsackSolution solveKnapsack(const KnapsackItems& items, std::int64_t capacity,
                               const Monitor& monitor, const KnapsackLimits& limits)
{
    return Solver(items, capacity, monitor, limits).solve();
}

} // namespace gradus
