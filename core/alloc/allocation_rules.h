// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/allocation.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// What rules of thumb look at, of an item.
struct RuleItem
{
    /// Names of its layers: "model.layers.0.mlp.down_proj".
    std::vector<std::string> layers;
    int block = -1; ///< of the first layer; −1 outside of any
    /// Bits of each option, rising costs not being required.
    std::vector<int> bits;
};

/// How people allocate without looking at errors: what a solver has to beat. Each is a sequence of
/// allocations, from the cheapest up, of which the dearest within the budget is taken; what is left
/// goes to single items in their order, so that all spend as much of it as they can.
enum class AllocationRule
{
    /// The same bits everywhere; between two numbers of bits, items spread evenly over the model
    /// have the larger one.
    Uniform,
    /// The first and the last block get the most bits, then as Uniform.
    FirstLast,
    /// llama.cpp's static recipe (users.md 2c.7): value and down projections in the first and
    /// last eighth of the blocks and in each third block between get the next larger number of
    /// bits, the language-model head the largest, the rest as Uniform.
    LlamaCpp,
};
[[nodiscard]] std::string_view allocationRuleName(AllocationRule rule); ///< "uniform", …
/// Throws Error(Usage) naming the least cost when that is above the budget.
[[nodiscard]] Allocation ruleAllocation(AllocationRule rule, const AllocationProblem& problem,
                                        std::span<const RuleItem> items, std::uint64_t budget);

} // namespace gradus
