// SPDX-License-Identifier: GPL-3.0-or-later
//
// Errors become whole numbers, so that sums do not depend on their order, ties are ties, and no
// rounding drops the best solution: they are multiplied by a power of two, as large as sums of 62
// bits allow when options are left out whose own error is above that of a whole solution.
#include "core/alloc/allocation.h"
#include "core/alloc/choice_knapsack.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace gradus {

namespace {

/// Errors as whole numbers of 2^-exponent.
class ErrorScale
{
public:
    /// For sums over the items of errors of at most `limit`.
    ErrorScale(const AllocationProblem& problem, double limit)
    {
        double sum = 0;
        for (const AllocationItem& item : problem.items) {
            double most = 0;
            for (const AllocationOption& option : item.options)
                if (option.error <= limit)
                    most = std::max(most, option.error);
            // Not more than the items together may: sums of errors near the largest double.
            sum += std::ldexp(most, -12);
        }
        int exponent = 0;
        (void)std::frexp(sum, &exponent); // sum < 2^exponent
        m_exponent = sum > 0 ? std::clamp(60 - 12 - exponent, -1100, 1100) : 0;
    }

    [[nodiscard]] std::int64_t whole(double error) const
    {
        return std::llround(std::ldexp(error, m_exponent));
    }
    [[nodiscard]] double scaled(double error) const { return std::ldexp(error, m_exponent); }

private:
    int m_exponent = 0;
};

double slackened(double error)
{
    return error * (1 + 1e-9);
}

} // namespace

Allocation leastError(const AllocationProblem& problem, std::uint64_t budget,
                      const Monitor& monitor)
{
    // No option of the best solution has an error above that of any solution as a whole.
    const double limit = slackened(lagrangianAllocation(problem, budget).error);
    const ErrorScale scale(problem, limit);
    KnapsackItems items;
    items.reserve(problem.items.size());
    for (const AllocationItem& item : problem.items) {
        std::vector<KnapsackOption> options;
        for (std::size_t j = 0; j < item.options.size(); ++j)
            if (item.options[j].error <= limit)
                options.push_back({static_cast<std::int64_t>(item.options[j].cost),
                                   scale.whole(item.options[j].error), static_cast<int>(j)});
        items.push_back(std::move(options));
    }
    constexpr auto largest = std::uint64_t(std::numeric_limits<std::int64_t>::max());
    const KnapsackSolution solution =
        solveKnapsack(items, static_cast<std::int64_t>(std::min(budget, largest)), monitor);
    Allocation result = allocationOf(problem, solution.chosen);
    result.optimal = solution.optimal;
    return result;
}

Allocation leastCost(const AllocationProblem& problem, double bound, const Monitor& monitor)
{
    problem.validate();
    std::vector<int> best;
    for (const AllocationItem& item : problem.items)
        best.push_back(static_cast<int>(
            std::min_element(item.options.begin(), item.options.end(),
                             [](const AllocationOption& a, const AllocationOption& b) {
                                 return std::tie(a.error, a.cost) < std::tie(b.error, b.cost);
                             }) -
            item.options.begin()));
    Allocation least = allocationOf(problem, std::move(best));
    if (!(least.error <= bound))
        throw Error(ErrorCode::Usage, concat("an error of at most ", bound,
                                             " cannot be met, the least is ", least.error));
    const double limit = std::min(slackened(bound), std::numeric_limits<double>::max());
    const ErrorScale scale(problem, limit);
    KnapsackItems items;
    items.reserve(problem.items.size());
    std::int64_t leastWhole = 0;
    double mostWhole = 0;
    for (const AllocationItem& item : problem.items) {
        std::vector<KnapsackOption> options;
        for (std::size_t j = 0; j < item.options.size(); ++j)
            if (item.options[j].error <= limit)
                options.push_back({scale.whole(item.options[j].error),
                                   static_cast<std::int64_t>(item.options[j].cost),
                                   static_cast<int>(j)});
        const auto [low, high] =
            std::minmax_element(options.begin(), options.end(),
                                [](const auto& a, const auto& b) { return a.weight < b.weight; });
        leastWhole += low->weight;
        mostWhole += static_cast<double>(high->weight);
        items.push_back(std::move(options));
    }
    // The bound is on the sum as doubles give it. Their rounding, and that of the whole numbers,
    // may go either way: the widest capacity first, of which the result may be too large by that.
    const double target = std::min(scale.scaled(bound), mostWhole);
    const auto count = static_cast<double>(problem.items.size());
    const double slack = count / 2 + 1 + target * count * 0x1p-53;
    for (const double capacity : {target + slack, target, target - slack}) {
        const double fitting = std::min(capacity, 0x1p62);
        if (fitting < static_cast<double>(leastWhole))
            continue;
        const KnapsackSolution solution =
            solveKnapsack(items, static_cast<std::int64_t>(fitting), monitor);
        Allocation result = allocationOf(problem, solution.chosen);
        if (result.error <= bound) {
            result.optimal = solution.optimal;
            return result;
        }
    }
    least.optimal = true; // the bound leaves nothing but rounding above it
    return least;
}

} // namespace gradus
