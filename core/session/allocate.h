// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/allocation.h"
#include "core/alloc/allocation_rules.h"
#include "core/alloc/sensitivity_table.h"
#include "core/graph/model.h"
#include "core/session/recipe.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradus {

enum class AllocationSolver
{
    Exact,
    Lagrangian,
    Greedy,
    Uniform,
    FirstLast,
    LlamaCpp,
};
[[nodiscard]] std::string_view allocationSolverName(AllocationSolver solver); ///< "exact", …
[[nodiscard]] std::optional<AllocationSolver> allocationSolverFromName(std::string_view name);

enum class AllocationCost
{
    StoredBytes,   ///< of the quantized layers, as Totals counts them
    FileBytes,     ///< of an exported file, see costs in AllocationRules
    BitOperations, ///< multiplications of a sample × bits of the weight × bits of the input (32:
                   ///< float)
};

/// Bits between these, for layers whose name matches.
struct BitsRule
{
    std::string pattern; ///< a regular expression; empty: all
    int minimum = 2;
    int maximum = 8;
};

/// What a person says about an allocation besides the budget.
struct AllocationRules
{
    /// Layers whose choice stays that of the recipe, besides those that it locks.
    std::vector<std::string> locked;
    std::vector<BitsRule> bits; ///< of several that match, the last
    /// Layers that read one value and are fused by runtimes (q/k/v, gate/up) get one choice.
    bool fuse = true;
    /// Costs of a target format: by layer name and choice, nothing where the format cannot hold it
    /// (see export/export_size.h). Absent: stored bytes.
    using CostOf =
        std::function<std::optional<std::uint64_t>(const Layer& layer, const LayerChoice& choice)>;
    CostOf cost;
    std::uint64_t fixedCost = 0; ///< of the file besides
};

/// A problem made of a table, a model and what a person says; solving it again and again for other
/// budgets costs next to nothing.
struct AllocationSetup
{
    AllocationProblem problem;
    std::vector<RuleItem> ruleItems;
    /// By item: its layers (row of the table) and what each option means (candidate of the table).
    struct Part
    {
        std::vector<std::size_t> rows;
        std::vector<std::size_t> candidates; ///< by option
    };
    std::vector<Part> parts;
    /// Layers that keep the recipe's choice: bytes and weights count towards the budget, errors are
    /// the same for all allocations.
    struct Fixed
    {
        std::string layer;
        LayerChoice choice;
        std::uint64_t cost = 0;
        std::int64_t weights = 0; ///< 0 where it is kept float
    };
    std::vector<Fixed> fixed;
    std::uint64_t fixedCost = 0;    ///< of all that is not the problem's
    std::int64_t weights = 0;       ///< quantized, fixed ones included: what bits per weight are of
    std::vector<std::string> notes; ///< "q_proj, k_proj and v_proj are decided as one", …
};
/// Throws Error(Usage) naming the layer that no candidate is left for, or the metric that the table
/// lacks; and on a pattern that is none.
[[nodiscard]] AllocationSetup allocationSetup(const Model& model, const Recipe& recipe,
                                              const SensitivityTable& table,
                                              SensitivityMetric metric,
                                              const AllocationRules& rules);

/// A budget as a person writes it: "3.5bpw", "12MiB", "123456B", or "error:0.1", a bound on the
/// predicted error.
struct AllocationBudget
{
    enum class Kind
    {
        BitsPerWeight,
        Bytes,
        Error,
    };
    Kind kind = Kind::BitsPerWeight;
    double value = 0;
    bool operator==(const AllocationBudget&) const = default;
};
/// Throws Error(Usage) on anything else.
[[nodiscard]] AllocationBudget parseBudget(std::string_view text);
[[nodiscard]] std::string budgetText(const AllocationBudget& budget);

struct AllocationResult
{
    Allocation allocation;
    std::uint64_t cost = 0;    ///< with what is fixed
    double bitsPerWeight = 0;  ///< of stored bytes; NaN where the cost is another
    double predictedError = 0; ///< in the table's unit
    AllocationSolver solver = AllocationSolver::Exact;
};
/// Throws Error(Usage) naming the least (and the largest) that can be had when the budget cannot be
/// met. An Error budget is for Exact alone.
[[nodiscard]] AllocationResult allocate(const AllocationSetup& setup,
                                        const AllocationBudget& budget, AllocationSolver solver,
                                        const Monitor& monitor);

/// The recipe with the allocation's choices as overrides of the layers that it decides; all else
/// stays.
[[nodiscard]] Recipe allocatedRecipe(const Recipe& recipe, const SensitivityTable& table,
                                     const AllocationSetup& setup, const Allocation& allocation);

/// Layers that runtimes fuse into one matrix, as indices of Model::layers: those of one kind that
/// read the same value in one block and are called q/k/v (query/key/value) or gate/up.
[[nodiscard]] std::vector<std::vector<std::size_t>> fusedGroups(const Model& model);

} // namespace gradus
