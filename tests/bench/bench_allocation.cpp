// SPDX-License-Identifier: GPL-3.0-or-later
// The exact allocation beside the Lagrangian and the greedy one: milliseconds of a solution from
// the options on (nothing is kept between two), at ten budgets from the cheapest allocation to the
// dearest, the longest of which counts. Before that, answers are checked: within the budget, never
// worse than the others, not below the bound of the relaxation, proven.
#include "core/alloc/allocation.h"
#include "tests/support/allocation_cases.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr std::uint64_t budgets = 10;

struct Name
{
    LargeKind kind;
    const char* name;
};
constexpr Name names[] = {
    {LargeKind::Transformer, "transformer"},
    {LargeKind::TransformerTies, "transformer_ties"},
    {LargeKind::TransformerLine, "transformer_line"},
    {LargeKind::DistinctSizes, "distinct_sizes"},
    {LargeKind::Uncorrelated, "uncorrelated"},
    {LargeKind::WeaklyCorrelated, "weakly_correlated"},
    {LargeKind::OneLine, "one_line"},
};

std::uint64_t budgetOf(const AllocationFront& front, std::uint64_t k)
{
    const std::uint64_t least = front.steps.front().cost;
    return least + (front.steps.back().cost - least) / budgets * k + 1;
}

/// Empty when the answer is right.
std::string problemOf(const AllocationProblem& problem, const AllocationFront& front,
                      std::uint64_t budget)
{
    const Allocation exact = leastError(problem, budget, Monitor());
    const double least = std::min(lagrangianAllocation(problem, budget).error,
                                  greedyAllocation(problem, budget).error);
    if (exact.cost > budget)
        return "the budget is not kept";
    if (!(exact.error <= least * (1 + 1e-13)))
        return "another solver is better";
    const std::size_t at = front.within(budget);
    if (at + 1 < front.steps.size() &&
        exact.error <
            (front.steps[at].error -
             front.steps[at + 1].gain * static_cast<double>(budget - front.steps[at].cost)) *
                (1 - 1e-9))
        return "the error is below the bound of the relaxation";
    return exact.optimal ? "" : "the solution is not proven";
}

template <class Solve>
double longestMilliseconds(const AllocationFront& front, const Solve& solve)
{
    double longest = 0;
    for (std::uint64_t k = 0; k < budgets; ++k) {
        const auto begin = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(solve(budgetOf(front, k)));
        const auto end = std::chrono::steady_clock::now();
        longest = std::max(longest, std::chrono::duration<double, std::milli>(end - begin).count());
    }
    return longest;
}

void allocation(benchmark::State& state, LargeKind kind, int items, int options)
{
    const AllocationProblem problem = largeProblem(kind, items, options, 11);
    const AllocationFront front = lagrangianFront(problem);
    for (std::uint64_t k = 0; k < budgets; ++k)
        if (const std::string wrong = problemOf(problem, front, budgetOf(front, k));
            !wrong.empty()) {
            state.SkipWithError(wrong.c_str());
            return;
        }
    double exact = 1e9;
    double lagrangian = 1e9;
    double greedy = 1e9;
    for ([[maybe_unused]] auto _ : state) {
        exact = std::min(exact, longestMilliseconds(front, [&](std::uint64_t budget) {
                             return leastError(problem, budget, Monitor());
                         }));
        lagrangian = std::min(lagrangian, longestMilliseconds(front, [&](std::uint64_t budget) {
                                  return lagrangianAllocation(problem, budget);
                              }));
        greedy = std::min(greedy, longestMilliseconds(front, [&](std::uint64_t budget) {
                              return greedyAllocation(problem, budget);
                          }));
    }
    double worse[2] = {};
    for (std::uint64_t k = 0; k < budgets; ++k) {
        const std::uint64_t budget = budgetOf(front, k);
        const double best = leastError(problem, budget, Monitor()).error;
        if (best > 0) {
            worse[0] = std::max(worse[0], lagrangianAllocation(problem, budget).error / best);
            worse[1] = std::max(worse[1], greedyAllocation(problem, budget).error / best);
        }
    }
    state.counters["exact_ms"] = exact;
    state.counters["of_lagrangian"] = exact / lagrangian;
    state.counters["of_greedy"] = exact / greedy;
    state.counters["lagrangian_error"] = worse[0];
    state.counters["greedy_error"] = worse[1];
}

const bool registered = [] {
    for (const auto& [items, options] : {std::pair(300, 8), std::pair(2000, 12)})
        for (const Name& name : names)
            benchmark::RegisterBenchmark(("allocation/" + std::string(name.name) + "/" +
                                          std::to_string(items) + "x" + std::to_string(options))
                                             .c_str(),
                                         allocation, name.kind, items, options)
                ->Iterations(5)
                ->Unit(benchmark::kMillisecond);
    return true;
}();

} // namespace
