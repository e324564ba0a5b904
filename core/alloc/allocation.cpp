// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/alloc/allocation.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <queue>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace gradus {

namespace {

/// Indices of the options that are the best for some cost, by rising cost and falling error: of
/// several that are alike the first.
std::vector<int> undominated(const AllocationItem& item)
{
    std::vector<int> order(item.options.size());
    for (std::size_t j = 0; j < order.size(); ++j)
        order[j] = static_cast<int>(j);
    const auto option = [&](int j) -> const AllocationOption& {
        return item.options[static_cast<std::size_t>(j)];
    };
    std::sort(order.begin(), order.end(), [&](int a, int b) {
        return std::tie(option(a).cost, option(a).error, a) <
               std::tie(option(b).cost, option(b).error, b);
    });
    std::vector<int> kept;
    for (const int j : order)
        if (kept.empty() || option(j).error < option(kept.back()).error)
            kept.push_back(j);
    return kept;
}

double gainOf(const AllocationOption& from, const AllocationOption& to)
{
    return (from.error - to.error) / static_cast<double>(to.cost - from.cost);
}

struct HullStep
{
    int item = 0;
    int from = 0;
    int to = 0;
    double gain = 0;
};

/// Appends the corners of the lower convex hull of an item, gains falling.
void hullOf(const AllocationItem& item, int index, const std::vector<int>& kept,
            std::vector<HullStep>& steps)
{
    const std::size_t begin = steps.size();
    for (std::size_t k = 1; k < kept.size(); ++k) {
        const int to = kept[k];
        while (true) {
            const int from = steps.size() > begin ? steps.back().to : kept.front();
            const double gain = gainOf(item.options[static_cast<std::size_t>(from)],
                                       item.options[static_cast<std::size_t>(to)]);
            if (steps.size() > begin && gain >= steps.back().gain) {
                steps.pop_back();
                continue;
            }
            steps.push_back({index, from, to, gain});
            break;
        }
    }
}

[[noreturn]] void refuseBudget(std::uint64_t budget, std::uint64_t least)
{
    throw Error(ErrorCode::Usage,
                concat("a budget of ", budget, " cannot be met, the least is ", least));
}

} // namespace

void AllocationProblem::validate() const
{
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].options.empty())
            throw Error(ErrorCode::Usage, concat("item ", i, " of the allocation has no options"));
        std::uint64_t most = 0;
        for (const AllocationOption& option : items[i].options) {
            if (!std::isfinite(option.error) || option.error < 0)
                throw Error(ErrorCode::Numeric,
                            concat("item ", i, " of the allocation has the error ", option.error,
                                   ", expected a finite number of at least 0"));
            most = std::max(most, option.cost);
        }
        const auto sum = checkedAdd(total, most);
        if (!sum || *sum > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
            throw Error(ErrorCode::Shape,
                        "the costs of the allocation add up to more than 63 bits hold");
        total = *sum;
    }
}

std::uint64_t AllocationProblem::leastCost() const
{
    std::uint64_t sum = 0;
    for (const AllocationItem& item : items) {
        std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
        for (const AllocationOption& option : item.options)
            least = std::min(least, option.cost);
        sum += least;
    }
    return sum;
}

Allocation allocationOf(const AllocationProblem& problem, std::vector<int> chosen)
{
    Allocation result;
    for (std::size_t i = 0; i < problem.items.size(); ++i) {
        const AllocationOption& option =
            problem.items[i].options.at(static_cast<std::size_t>(chosen.at(i)));
        result.cost += option.cost;
        result.error += option.error;
    }
    result.chosen = std::move(chosen);
    return result;
}

std::vector<int> AllocationFront::chosenAt(std::size_t step) const
{
    std::vector<int> chosen = first;
    for (std::size_t k = 1; k <= step; ++k)
        chosen[static_cast<std::size_t>(steps.at(k).item)] = steps[k].option;
    return chosen;
}

std::size_t AllocationFront::within(std::uint64_t budget) const
{
    if (steps.front().cost > budget)
        refuseBudget(budget, steps.front().cost);
    const auto after =
        std::upper_bound(steps.begin(), steps.end(), budget,
                         [](std::uint64_t b, const FrontStep& step) { return b < step.cost; });
    return static_cast<std::size_t>(after - steps.begin()) - 1;
}

AllocationFront lagrangianFront(const AllocationProblem& problem)
{
    problem.validate();
    AllocationFront front;
    std::vector<HullStep> steps;
    // Wider than the errors, so that the sums along the front are as good as sums of their own.
    long double error = 0;
    std::uint64_t cost = 0;
    for (std::size_t i = 0; i < problem.items.size(); ++i) {
        const AllocationItem& item = problem.items[i];
        const std::vector<int> kept = undominated(item);
        const AllocationOption& cheapest = item.options[static_cast<std::size_t>(kept.front())];
        front.first.push_back(kept.front());
        cost += cheapest.cost;
        error += static_cast<long double>(cheapest.error);
        hullOf(item, static_cast<int>(i), kept, steps);
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const HullStep& a, const HullStep& b) { return a.gain > b.gain; });
    front.steps.reserve(steps.size() + 1);
    front.steps.push_back({-1, 0, cost, static_cast<double>(error), 0});
    for (const HullStep& step : steps) {
        const auto& options = problem.items[static_cast<std::size_t>(step.item)].options;
        const AllocationOption& from = options[static_cast<std::size_t>(step.from)];
        const AllocationOption& to = options[static_cast<std::size_t>(step.to)];
        cost += to.cost - from.cost;
        error -= static_cast<long double>(from.error) - static_cast<long double>(to.error);
        error = std::max(error, 0.0L); // what rounding may have left
        front.steps.push_back({step.item, step.to, cost, static_cast<double>(error), step.gain});
    }
    return front;
}

Allocation lagrangianAllocation(const AllocationProblem& problem, std::uint64_t budget)
{
    const AllocationFront front = lagrangianFront(problem);
    return allocationOf(problem, front.chosenAt(front.within(budget)));
}

Allocation greedyAllocation(const AllocationProblem& problem, std::uint64_t budget)
{
    problem.validate();
    struct Change
    {
        double gain = 0;
        int item = 0;
        int to = -1;
        /// Larger gains first, then earlier items.
        bool operator<(const Change& other) const
        {
            return std::tie(gain, other.item) < std::tie(other.gain, item);
        }
    };
    std::vector<std::vector<int>> kept;
    std::vector<int> chosen;
    std::uint64_t cost = 0;
    for (const AllocationItem& item : problem.items) {
        kept.push_back(undominated(item));
        chosen.push_back(kept.back().front());
        cost += item.options[static_cast<std::size_t>(chosen.back())].cost;
    }
    if (cost > budget)
        refuseBudget(budget, cost);
    std::priority_queue<Change> changes;
    const auto offer = [&](std::size_t i) {
        const auto& options = problem.items[i].options;
        const AllocationOption& from = options[static_cast<std::size_t>(chosen[i])];
        Change best{-1, static_cast<int>(i), -1};
        for (const int j : kept[i]) {
            const AllocationOption& to = options[static_cast<std::size_t>(j)];
            if (to.cost <= from.cost || to.cost - from.cost > budget - cost)
                continue;
            const double gain = gainOf(from, to);
            if (gain > best.gain) {
                best.gain = gain;
                best.to = j;
            }
        }
        if (best.to >= 0)
            changes.push(best);
    };
    for (std::size_t i = 0; i < problem.items.size(); ++i)
        offer(i);
    while (!changes.empty()) {
        const Change change = changes.top();
        changes.pop();
        const auto i = static_cast<std::size_t>(change.item);
        const auto& options = problem.items[i].options;
        const std::uint64_t more = options[static_cast<std::size_t>(change.to)].cost -
                                   options[static_cast<std::size_t>(chosen[i])].cost;
        if (more <= budget - cost) {
            cost += more;
            chosen[i] = change.to;
        }
        offer(i); // what it may do next, or what still fits
    }
    return allocationOf(problem, std::move(chosen));
}

} // namespace gradus
