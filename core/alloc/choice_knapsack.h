// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <cstdint>
#include <vector>

namespace gradus {

/// An option of a multiple-choice knapsack of integers: what it takes, and what is to be small.
struct KnapsackOption
{
    std::int64_t weight = 0; ///< ≥ 0
    std::int64_t value = 0;  ///< ≥ 0
    int option = 0;          ///< the caller's name for it
};

/// By item. The sum of the largest weights fits 63 bits, so does that of the largest values, and
/// their bits together are at most 124.
using KnapsackItems = std::vector<std::vector<KnapsackOption>>;

/// When to give up exactness. The first half of the visits is spent freely, the second shared
/// evenly by the items that are left.
struct KnapsackLimits
{
    std::size_t states = std::size_t(1) << 18; ///< partial sums kept at once
    /// Partial sums looked at in all; 0: 1000 for every option, at least 2^20, at most 2^25.
    std::size_t visits = 0;
};

struct KnapsackSolution
{
    std::vector<int> chosen; ///< KnapsackOption::option by item
    /// The value is the least. Otherwise the limits were hit: partial sums with the weakest bounds
    /// were given up, and these are the best choices that were met.
    bool optimal = false;
};

/// One option of every item so that the sum of values is least while that of weights is at most
/// `capacity`; of those the one of least weight; remaining ties in a fixed way, options that are
/// alike in both going to the first. All arithmetic is exact. The least weights fit the capacity.
[[nodiscard]] KnapsackSolution solveKnapsack(const KnapsackItems& items, std::int64_t capacity,
                                             const Monitor& monitor,
                                             const KnapsackLimits& limits = {});

} // namespace gradus
