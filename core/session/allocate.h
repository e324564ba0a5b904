// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/allocation.h"
#include "core/alloc/allocation_rules.h"
#include "core/alloc/sensitivity_table.h"
#include "core/graph/model.h"
#include "core/session/recipe.h"
#include "core/session/workload.h"

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
    AllocationCost unit = AllocationCost::FileBytes; ///< what `cost` counts
    std::uint64_t fixedCost = 0;                     ///< of the file besides
};

/// AllocationRules::cost of BitOperations. A choice that keeps the weight float, and inputs that
/// stay float, count 32 bits; embeddings multiply nothing. `work` is of the samples that count as
/// one pass. The model has to outlive it.
[[nodiscard]] AllocationRules::CostOf bitOperationsCost(const Model& model, SampleWork work);

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
    /// Layers that keep the recipe's choice, locked or not in the table: bytes and weights count
    /// towards the budget, errors are the same for all allocations. Layers that stay float are
    /// among them only with a cost of their own (AllocationRules::cost).
    struct Fixed
    {
        std::string layer;
        LayerChoice choice;
        std::uint64_t cost = 0;
        std::int64_t weights = 0; ///< 0 where it is kept float
    };
    std::vector<Fixed> fixed;
    AllocationCost unit = AllocationCost::StoredBytes;
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

/// A budget as a person writes it: "3.5bpw", "12MiB" (or kB, KiB, MB, GB, GiB), "123456B",
/// "3.2Gbops" (bit-operations of a pass; k, M, G, T or nothing), or "error:0.1", a bound on the
/// predicted error.
struct AllocationBudget
{
    enum class Kind
    {
        BitsPerWeight,
        Bytes,
        BitOperations,
        Error,
    };
    Kind kind = Kind::BitsPerWeight;
    double value = 0; ///< > 0; of Bytes and BitOperations a whole number below 2^63
    bool operator==(const AllocationBudget&) const = default;
};
/// Throws Error(Usage) on anything else.
[[nodiscard]] AllocationBudget parseBudget(std::string_view text);
/// What parseBudget() reads the same budget from.
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
/// met, and when it is not one of what the setup's costs count: BitsPerWeight of stored bytes,
/// Bytes of stored or file bytes, BitOperations of such. An Error budget is for Exact alone.
[[nodiscard]] AllocationResult allocate(const AllocationSetup& setup,
                                        const AllocationBudget& budget, AllocationSolver solver,
                                        const Monitor& monitor);

/// The recipe with the allocation's choices for the layers that it decides, as overrides where they
/// differ from what the recipe says without one; all else stays. A candidate that leaves inputs
/// float takes what the recipe says of the layer's inputs.
[[nodiscard]] Recipe allocatedRecipe(const Recipe& recipe, const Model& model,
                                     const SensitivityTable& table, const AllocationSetup& setup,
                                     const Allocation& allocation);

/// Layers that runtimes fuse into one matrix, as indices of Model::layers in rising order: those of
/// one kind that read the same value in one block and are called q/k/v (query/key/value) or gate/up
/// (see graph/fused_names.h). At least two each.
[[nodiscard]] std::vector<std::vector<std::size_t>> fusedGroups(const Model& model);

} // namespace gradus
