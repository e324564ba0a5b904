// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/allocate.h"
#include "core/session/sensitivity.h"
#include "widgets/models/allocation_picture.h"
#include "widgets/models/allocation_settings.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// What the settings ask to be measured of the recipe's layers.
[[nodiscard]] std::vector<LayerChoice> candidatesOf(const AllocationSettings& settings,
                                                    const LayerChoice& standard);

/// A table with what follows from it for a recipe: what every budget is solved on. Made by a job,
/// not changed afterwards.
struct AllocationBasis
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const SensitivityTable> table;
    SensitivityMetric metric = SensitivityMetric::Weight; ///< the one in use
    AllocationSetup setup;
    AllocationFront front;
    std::vector<LayerChoice> candidates;      ///< of the table, as far as the weights go
    std::vector<std::size_t> layers;          ///< of the model, by row of the table
    std::vector<AllocationSpot> spots;        ///< of the front
    std::vector<AllocationReference> uniform; ///< one number of bits everywhere
    std::vector<std::vector<int>> uniformChosen;
    double fixedBytes = 0; ///< bytes = fixedBytes + bits per weight · weights / 8

    [[nodiscard]] AllocationSpot spotOf(const Allocation& allocation) const;
    [[nodiscard]] double positionOf(std::uint64_t cost) const; ///< in bits per weight
    /// The largest cost that a position allows.
    [[nodiscard]] std::uint64_t costAt(double bitsPerWeight) const;
    /// Error saved by the last byte that this position buys; NaN where nothing can be bought.
    [[nodiscard]] double priceAt(double bitsPerWeight) const;
    /// The options that these choices are, in the model's order of layers; nothing when a layer has
    /// none of the candidates.
    [[nodiscard]] std::optional<std::vector<int>>
    chosenBy(const std::vector<LayerChoice>& choices) const;
    /// Where these choices stand, also where layers that are decided as one differ; nothing when a
    /// layer has none of the candidates.
    [[nodiscard]] std::optional<AllocationSpot>
    spotBy(const std::vector<LayerChoice>& choices) const;
    /// The item that decides a layer; −1 for none.
    [[nodiscard]] int itemOf(const std::string& layer) const;
};

/// wanted: the metric, or the best there is while the table lacks it. Throws what allocationSetup
/// throws, and Error(Usage) when the table has no metric throughout.
[[nodiscard]] AllocationBasis allocationBasis(std::shared_ptr<const Model> model,
                                              const Recipe& recipe,
                                              std::shared_ptr<const SensitivityTable> table,
                                              SensitivityMetric wanted,
                                              const AllocationRules& rules);

/// What a position gives, and what the rules of thumb make of it.
struct AllocationSolution
{
    double position = 0; ///< of the budget, in bits per weight
    Allocation allocation;
    AllocationSolver solver = AllocationSolver::Exact;
    std::vector<AllocationReference> rules;
    std::vector<std::vector<int>> rulesChosen;
};
/// A bound on the error in place of the position, where one is given.
[[nodiscard]] AllocationSolution solveAllocation(const AllocationBasis& basis, double position,
                                                 std::optional<double> errorBound,
                                                 AllocationSolver solver, const Monitor& monitor);

/// The selected layer's candidates, under the options that are chosen. Without options when no item
/// decides the layer.
[[nodiscard]] OptionCurve optionCurve(const AllocationBasis& basis, const std::string& layer,
                                      const std::vector<int>* chosen, double position,
                                      const std::vector<BitsRule>& rules);

} // namespace gradus
