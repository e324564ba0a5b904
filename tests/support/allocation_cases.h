// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/allocation.h"
#include "core/base/random.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus::test {

/// Few items, small whole numbers: ties, zero errors, single options, options that are alike, and
/// in every fourth case nearly all on one line.
inline AllocationProblem smallProblem(RandomStream& random)
{
    AllocationProblem problem;
    const std::uint64_t count = 1 + random.below(6);
    const bool line = random.below(4) == 0;
    const std::uint64_t range = random.below(2) == 0 ? 6 : 100;
    problem.items.resize(count);
    for (AllocationItem& item : problem.items) {
        const std::uint64_t options = 1 + random.below(5);
        for (std::uint64_t j = 0; j < options; ++j) {
            const std::uint64_t cost = random.below(range);
            const std::uint64_t error = line ? range - cost + random.below(2) : random.below(range);
            item.options.push_back({cost, static_cast<double>(error)});
        }
    }
    return problem;
}

enum class LargeKind
{
    Uncorrelated,     ///< errors that have nothing to do with costs: no curve is convex
    Transformer,      ///< seven sizes again and again, errors falling by 4 with every bit
    TransformerTies,  ///< the same with equal errors for all layers
    TransformerLine,  ///< errors nearly in proportion to bytes
    DistinctSizes,    ///< no two layers alike
    WeaklyCorrelated, ///< errors within 1 % of a line
    OneLine,          ///< all options on one line
};
inline constexpr std::array largeKinds{LargeKind::Uncorrelated,    LargeKind::Transformer,
                                       LargeKind::TransformerTies, LargeKind::TransformerLine,
                                       LargeKind::DistinctSizes,   LargeKind::WeaklyCorrelated,
                                       LargeKind::OneLine};

inline AllocationProblem largeProblem(LargeKind kind, int items, int options, std::uint64_t seed)
{
    constexpr std::array<double, 7> sizes{16777216, 4194304,  4194304, 16777216,
                                          58720256, 58720256, 58720256};
    constexpr std::array<double, 12> bits{2, 3, 4, 5, 6, 8, 2.5, 3.5, 4.5, 16, 7, 5.5};
    RandomStream random(seed, "allocation");
    AllocationProblem problem;
    for (int i = 0; i < items; ++i) {
        const double size = kind == LargeKind::DistinctSizes
                                ? std::floor(1e6 * (1 + 20 * random.uniform()))
                                : sizes[static_cast<std::size_t>(i) % sizes.size()];
        const double sensitivity = std::exp(3 * random.uniform());
        AllocationItem item;
        for (int j = 0; j < options; ++j) {
            const double b = bits[static_cast<std::size_t>(j) % bits.size()];
            const double noise = random.uniform();
            double cost = std::floor(size * b / 8);
            double error = 0;
            switch (kind) {
            case LargeKind::Uncorrelated:
                cost = std::floor(1e9 * random.uniform());
                error = noise;
                break;
            case LargeKind::Transformer:
            case LargeKind::DistinctSizes:
                error = sensitivity * (0.9 + 0.2 * noise) * size * 1e-7 * std::pow(4, -b);
                break;
            case LargeKind::TransformerTies:
                error = std::ldexp(1, static_cast<int>(-2 * b) + 40);
                break;
            case LargeKind::TransformerLine:
                error = (20 - b) * size / 4194304 * (1 + 0.01 * noise);
                break;
            case LargeKind::WeaklyCorrelated:
                cost = std::floor(1e6 * random.uniform());
                error = 1e6 - cost + 1e4 * noise;
                break;
            case LargeKind::OneLine:
                cost = 1 + static_cast<double>(random.below(1000));
                error = 1100 - cost;
                break;
            }
            item.options.push_back({static_cast<std::uint64_t>(cost), error});
        }
        problem.items.push_back(std::move(item));
    }
    return problem;
}

} // namespace gradus::test
