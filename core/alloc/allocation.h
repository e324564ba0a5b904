// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// One of the ways to store something that is decided as one.
struct AllocationOption
{
    std::uint64_t cost = 0; ///< bytes, or bit-operations: see AllocationSetup
    double error = 0;       ///< finite, ≥ 0; errors of several items add up
    bool operator==(const AllocationOption&) const = default;
};

/// A layer, or layers that have to agree: exactly one option of each item is chosen. Not empty.
struct AllocationItem
{
    std::vector<AllocationOption> options;
};

/// The multiple-choice knapsack.
struct AllocationProblem
{
    std::vector<AllocationItem> items;
    /// Throws Error(Usage) on an item without options, Error(Numeric) on an error that is negative
    /// or not finite, Error(Shape) when the largest sum of costs does not fit 63 bits.
    void validate() const;
    [[nodiscard]] std::uint64_t leastCost() const;
};

/// An option for every item.
struct Allocation
{
    std::vector<int> chosen; ///< by item
    std::uint64_t cost = 0;
    double error = 0; ///< Σ in the order of the items
    /// No allocation within the budget has a smaller error (within a bound on the error: a smaller
    /// cost), up to the rounding of the sums.
    bool optimal = false;
};
/// The sums of these options.
[[nodiscard]] Allocation allocationOf(const AllocationProblem& problem, std::vector<int> chosen);

/// The least error at a cost of at most `budget`; among equal errors the least cost. Exact, by
/// dynamic programming over undominated partial sums, which bounds of the Lagrangian relaxation
/// thin out (Pisinger, A minimal algorithm for the multiple-choice knapsack problem, 1995, in
/// idea). Deterministic; options that are alike in cost and error go to the first.
///
/// Time and memory are bounded by counts (see choice_knapsack.h), not by clocks. Where they are not
/// enough, which takes thousands of options that all lie within a fraction of a percent of one
/// line, partial sums with the weakest bounds are given up: the result is the best that was met,
/// at least as good as the Lagrangian one, and says optimal = false unless the bounds of what was
/// given up prove it all the same. Only then a larger budget may come out worse.
/// Throws Error(Usage) naming the least cost when that is above the budget.
[[nodiscard]] Allocation leastError(const AllocationProblem& problem, std::uint64_t budget,
                                    const Monitor& monitor);
/// The least cost at an error of at most `bound`, of those the least error; likewise. Throws
/// Error(Usage) naming the least error when that is above the bound.
[[nodiscard]] Allocation leastCost(const AllocationProblem& problem, double bound,
                                   const Monitor& monitor);

/// Along the front one item after the other changes.
struct FrontStep
{
    int item = -1; ///< −1 for the first point, which is the cheapest allocation
    int option = 0;
    std::uint64_t cost = 0; ///< after the step
    double error = 0;
    double gain = 0; ///< error saved per unit of cost by this step; falls along the front
};
/// The supported points of the Pareto front: what minimizes error + λ·cost for some λ, by
/// increasing cost and falling error.
struct AllocationFront
{
    std::vector<int> first; ///< options of the cheapest point (of its ties, that of least error)
    std::vector<FrontStep> steps; ///< the first stands for `first`
    /// Options after steps[step].
    [[nodiscard]] std::vector<int> chosenAt(std::size_t step) const;
    /// The last step within the budget. Throws Error(Usage) when even the first is above.
    [[nodiscard]] std::size_t within(std::uint64_t budget) const;
};
[[nodiscard]] AllocationFront lagrangianFront(const AllocationProblem& problem);

/// The front's best point within the budget (what a Lagrangian multiplier alone finds).
[[nodiscard]] Allocation lagrangianAllocation(const AllocationProblem& problem,
                                              std::uint64_t budget);
/// From the cheapest options on, again and again the change of one item that saves most error per
/// unit of cost among those that fit.
[[nodiscard]] Allocation greedyAllocation(const AllocationProblem& problem, std::uint64_t budget);

} // namespace gradus
