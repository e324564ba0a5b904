// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/allocate.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/graph/fused_names.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>
#include <unordered_map>

namespace gradus {

namespace {

constexpr std::array solvers{AllocationSolver::Exact,     AllocationSolver::Lagrangian,
                             AllocationSolver::Greedy,    AllocationSolver::Uniform,
                             AllocationSolver::FirstLast, AllocationSolver::LlamaCpp};

constexpr int floatBits = 32;

/// What rules about bits and rules of thumb take for a layer that stays float.
int bitsOf(const LayerChoice& choice)
{
    return choice.keepFloat ? floatBits : choice.scheme.bits;
}

std::uint64_t storedBytes(const Layer& layer, const LayerChoice& choice)
{
    if (choice.keepFloat)
        return 0;
    return storedSize(storedScheme(choice.scheme, choice.method), layer.rows, layer.cols,
                      storedExtras(choice.scheme, choice.method, layer.rows, layer.cols))
        .bytes();
}

/// The candidate, on inputs as the recipe wants them where it says nothing of its own.
LayerChoice onInputsOf(const LayerChoice& candidate, const LayerChoice& recipe)
{
    LayerChoice choice = candidate;
    if (!choice.activation.enabled())
        choice.activation = recipe.activation;
    return choice;
}

std::string_view lastPart(std::string_view name)
{
    return name.substr(name.find_last_of("./") + 1); // npos + 1 is 0
}

/// "q_proj, k_proj and v_proj"
std::string listOf(const std::vector<std::string>& names)
{
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += concat(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
    return text;
}

class SetupBuilder
{
public:
    SetupBuilder(const Model& model, const Recipe& recipe, const SensitivityTable& table,
                 SensitivityMetric metric, const AllocationRules& rules)
        : m_model(model)
        , m_table(table)
        , m_metric(metric)
        , m_rules(rules)
        , m_choices(resolve(recipe, model))
    {
        for (const BitsRule& rule : rules.bits)
            m_patterns.emplace_back(rule.pattern);
        for (std::size_t i = 0; i < model.layers.size(); ++i)
            m_indices.emplace(model.layers[i].name, i);
        m_locked = recipe.locked;
        for (const std::string& name : rules.locked) {
            if (!m_indices.count(name))
                throw Error(ErrorCode::Usage,
                            concat("the model has no layer ", quoted(name), " to lock"));
            m_locked.insert(name);
        }
        m_setup.unit = rules.cost ? rules.unit : AllocationCost::StoredBytes;
    }

    AllocationSetup build()
    {
        m_setup.fixedCost = m_rules.fixedCost;
        std::vector<std::optional<std::size_t>> rowOf(m_model.layers.size());
        for (std::size_t r = 0; r < m_table.rows.size(); ++r) {
            const auto found = m_indices.find(m_table.rows[r].layer);
            if (found == m_indices.end())
                throw Error(ErrorCode::Usage,
                            concat("the sensitivity table is of another model, which has a layer ",
                                   quoted(m_table.rows[r].layer)));
            if (m_table.rows[r].candidates.size() != m_table.candidates.size())
                throw Error(ErrorCode::Shape,
                            concat("the sensitivity table has ", m_table.rows[r].candidates.size(),
                                   " candidates for ", m_table.rows[r].layer, ", expected ",
                                   m_table.candidates.size()));
            if (!m_locked.count(m_table.rows[r].layer))
                rowOf[found->second] = r;
        }
        for (std::size_t i = 0; i < m_model.layers.size(); ++i)
            if (!rowOf[i])
                addFixed(i);

        std::vector<bool> done(m_model.layers.size(), false);
        std::unordered_map<std::size_t, std::vector<std::size_t>> groupOf;
        if (m_rules.fuse)
            for (const std::vector<std::size_t>& group : fusedGroups(m_model))
                for (const std::size_t i : group)
                    groupOf.emplace(i, group);
        for (std::size_t i = 0; i < m_model.layers.size(); ++i) {
            if (!rowOf[i] || done[i])
                continue;
            std::vector<std::size_t> layers{i};
            if (const auto group = groupOf.find(i); group != groupOf.end())
                layers = openOf(group->second, rowOf);
            std::vector<std::size_t> rows;
            for (const std::size_t layer : layers) {
                done[layer] = true;
                rows.push_back(*rowOf[layer]);
            }
            addPart(layers, rows);
        }
        for (const auto& [text, count] : m_fused)
            m_setup.notes.push_back(
                count == 1 ? concat(text, " are decided as one")
                           : concat(text, " are decided as one, in ", count, " places"));
        return std::move(m_setup);
    }

private:
    /// Members of a fused group that are to be decided.
    std::vector<std::size_t> openOf(const std::vector<std::size_t>& group,
                                    const std::vector<std::optional<std::size_t>>& rowOf)
    {
        std::vector<std::size_t> open;
        std::vector<std::string> names;
        std::vector<std::string> kept;
        for (const std::size_t i : group) {
            (rowOf[i] ? names : kept).emplace_back(lastPart(m_model.layers[i].name));
            if (rowOf[i])
                open.push_back(i);
        }
        if (open.size() > 1)
            countFused(listOf(names));
        if (!kept.empty())
            m_setup.notes.push_back(
                concat(m_model.layers[open.front()].name, open.size() > 1 ? " and others" : "",
                       " may differ from what runtimes fuse with ", open.size() > 1 ? "them" : "it",
                       ", as ", listOf(kept),
                       kept.size() > 1 ? " keep their choices" : " keeps its choice"));
        return open;
    }
    void countFused(const std::string& text)
    {
        for (auto& [known, count] : m_fused)
            if (known == text) {
                ++count;
                return;
            }
        m_fused.emplace_back(text, 1);
    }

    void addFixed(std::size_t index)
    {
        const Layer& layer = m_model.layers[index];
        LayerChoice choice = m_choices[index];
        std::optional<std::uint64_t> cost;
        if (!m_rules.cost)
            cost = storedBytes(layer, choice);
        else if (!(cost = m_rules.cost(layer, choice))) {
            choice.keepFloat = true; // what the format cannot hold stays float in it
            cost = m_rules.cost(layer, choice);
        }
        if (!cost)
            throw Error(ErrorCode::Usage, concat("the format cannot hold the layer ", layer.name));
        m_setup.fixedCost += *cost;
        if (choice.keepFloat && !m_rules.cost)
            return;
        const std::int64_t weights = choice.keepFloat ? 0 : layer.parameters();
        m_setup.weights += weights;
        m_setup.fixed.push_back({layer.name, choice, *cost, weights});
    }

    [[nodiscard]] const BitsRule* ruleFor(const Layer& layer) const
    {
        const BitsRule* last = nullptr;
        for (std::size_t k = 0; k < m_patterns.size(); ++k)
            if (m_rules.bits[k].pattern.empty() || m_patterns[k].search(layer.name))
                last = &m_rules.bits[k];
        return last;
    }

    /// Nothing where the layer cannot have the candidate; `why` says the reason then.
    [[nodiscard]] std::optional<AllocationOption>
    optionOf(std::size_t index, std::size_t row, std::size_t candidate, std::string& why) const
    {
        const Layer& layer = m_model.layers[index];
        const Sensitivity& entry = m_table.rows[row].candidates[candidate];
        const LayerChoice& choice = m_table.candidates[candidate];
        if (!entry.possible) {
            why = entry.note;
            return std::nullopt;
        }
        if (const BitsRule* rule = ruleFor(layer);
            rule && (bitsOf(choice) < rule->minimum || bitsOf(choice) > rule->maximum)) {
            why = concat("a rule asks for ", rule->minimum, " to ", rule->maximum, " bits");
            return std::nullopt;
        }
        AllocationOption option;
        option.cost = entry.bytes;
        if (m_rules.cost) {
            const auto cost = m_rules.cost(layer, onInputsOf(choice, m_choices[index]));
            if (!cost) {
                why = "the format cannot hold it";
                return std::nullopt;
            }
            option.cost = *cost;
        }
        // A mean of divergences next to nothing may come out below 0.
        option.error = std::max(entry.error(m_metric), 0.0);
        if (!std::isfinite(option.error))
            throw Error(ErrorCode::Usage,
                        concat("the sensitivity table has no ", sensitivityMetricName(m_metric),
                               " error of ", layer.name, " with ", candidateName(choice)));
        return option;
    }

    void addPart(const std::vector<std::size_t>& layers, const std::vector<std::size_t>& rows)
    {
        AllocationItem item;
        AllocationSetup::Part part;
        RuleItem ruleItem;
        std::string why;
        for (std::size_t c = 0; c < m_table.candidates.size(); ++c) {
            AllocationOption sum;
            bool possible = true;
            for (std::size_t k = 0; k < layers.size() && possible; ++k) {
                const auto option = optionOf(layers[k], rows[k], c, why);
                possible = option.has_value();
                if (possible) {
                    sum.cost += option->cost;
                    sum.error += option->error;
                }
            }
            if (!possible)
                continue;
            item.options.push_back(sum);
            part.candidates.push_back(c);
            ruleItem.bits.push_back(bitsOf(m_table.candidates[c]));
        }
        if (item.options.empty())
            throw Error(ErrorCode::Usage,
                        concat("no candidate is left for ", m_model.layers[layers.front()].name,
                               layers.size() > 1 ? " and the layers decided with it" : "",
                               why.empty() ? "" : ": ", why));
        for (const std::size_t i : layers) {
            ruleItem.layers.push_back(m_model.layers[i].name);
            m_setup.weights += m_model.layers[i].parameters();
        }
        ruleItem.block = m_model.layers[layers.front()].block;
        part.rows = rows;
        m_setup.problem.items.push_back(std::move(item));
        m_setup.parts.push_back(std::move(part));
        m_setup.ruleItems.push_back(std::move(ruleItem));
    }

    const Model& m_model;
    const SensitivityTable& m_table;
    SensitivityMetric m_metric;
    const AllocationRules& m_rules;
    std::vector<LayerChoice> m_choices; ///< the recipe's, by layer
    std::vector<Regex> m_patterns;
    std::unordered_map<std::string, std::size_t> m_indices;
    std::set<std::string> m_locked;
    std::vector<std::pair<std::string, int>> m_fused;
    AllocationSetup m_setup;
};

std::uint64_t mostCost(const AllocationProblem& problem)
{
    std::uint64_t sum = 0;
    for (const AllocationItem& item : problem.items)
        sum += std::max_element(item.options.begin(), item.options.end(),
                                [](const auto& a, const auto& b) { return a.cost < b.cost; })
                   ->cost;
    return sum;
}

double bitsPerWeight(const AllocationSetup& setup, std::uint64_t cost)
{
    if (setup.unit != AllocationCost::StoredBytes || setup.weights == 0)
        return std::numeric_limits<double>::quiet_NaN();
    return 8 * static_cast<double>(cost) / static_cast<double>(setup.weights);
}

/// A cost as its budget would be written.
std::string costText(const AllocationSetup& setup, AllocationBudget::Kind kind, std::uint64_t cost)
{
    if (kind == AllocationBudget::Kind::BitsPerWeight)
        return concat(formatReal(bitsPerWeight(setup, cost), 6), " bits per weight");
    if (kind == AllocationBudget::Kind::BitOperations)
        return concat(cost, " bit-operations");
    return concat(cost, " bytes");
}

/// The budget as a cost of all, fixed ones included.
std::uint64_t costBudget(const AllocationSetup& setup, const AllocationBudget& budget)
{
    using Kind = AllocationBudget::Kind;
    const bool operations = setup.unit == AllocationCost::BitOperations;
    if (budget.kind == Kind::BitsPerWeight && setup.unit != AllocationCost::StoredBytes)
        throw Error(ErrorCode::Usage,
                    "a budget in bits per weight is one of stored bytes; here costs are others");
    if ((budget.kind == Kind::BitOperations) != operations)
        throw Error(ErrorCode::Usage, operations
                                          ? "costs are bit-operations, expected a budget of such"
                                          : "costs are bytes, not bit-operations");
    const long double value =
        budget.kind == Kind::BitsPerWeight
            ? static_cast<long double>(budget.value) * static_cast<long double>(setup.weights) / 8
            : static_cast<long double>(budget.value);
    if (!(value >= 0))
        throw Error(ErrorCode::Usage,
                    concat("the budget is ", budget.value, ", expected a number above 0"));
    return static_cast<std::uint64_t>(std::min(value, 0x1p62L));
}

Allocation solved(const AllocationSetup& setup, AllocationSolver solver, std::uint64_t budget,
                  const Monitor& monitor)
{
    switch (solver) {
    case AllocationSolver::Exact:
        return leastError(setup.problem, budget, monitor);
    case AllocationSolver::Lagrangian:
        return lagrangianAllocation(setup.problem, budget);
    case AllocationSolver::Greedy:
        return greedyAllocation(setup.problem, budget);
    case AllocationSolver::Uniform:
        return ruleAllocation(AllocationRule::Uniform, setup.problem, setup.ruleItems, budget);
    case AllocationSolver::FirstLast:
        return ruleAllocation(AllocationRule::FirstLast, setup.problem, setup.ruleItems, budget);
    case AllocationSolver::LlamaCpp:
        return ruleAllocation(AllocationRule::LlamaCpp, setup.problem, setup.ruleItems, budget);
    }
    throw Error(ErrorCode::Internal, "unknown solver");
}

} // namespace

std::string_view allocationSolverName(AllocationSolver solver)
{
    switch (solver) {
    case AllocationSolver::Exact:
        return "exact";
    case AllocationSolver::Lagrangian:
        return "lagrangian";
    case AllocationSolver::Greedy:
        return "greedy";
    case AllocationSolver::Uniform:
        return allocationRuleName(AllocationRule::Uniform);
    case AllocationSolver::FirstLast:
        return allocationRuleName(AllocationRule::FirstLast);
    case AllocationSolver::LlamaCpp:
        return allocationRuleName(AllocationRule::LlamaCpp);
    }
    return "exact";
}

std::optional<AllocationSolver> allocationSolverFromName(std::string_view name)
{
    for (const AllocationSolver solver : solvers)
        if (allocationSolverName(solver) == name)
            return solver;
    return std::nullopt;
}

AllocationRules::CostOf bitOperationsCost(const Model& model, SampleWork work)
{
    return [&model, work = std::move(work)](
               const Layer& layer, const LayerChoice& choice) -> std::optional<std::uint64_t> {
        if (layer.kind == LayerKind::Embedding)
            return 0;
        const auto bits = static_cast<std::uint64_t>(bitsOf(choice));
        const auto inputs = static_cast<std::uint64_t>(
            !choice.keepFloat && choice.activation.enabled() ? choice.activation.bits : floatBits);
        return static_cast<std::uint64_t>(work.rows(model, layer)) *
               static_cast<std::uint64_t>(layer.parameters()) * bits * inputs;
    };
}

AllocationSetup allocationSetup(const Model& model, const Recipe& recipe,
                                const SensitivityTable& table, SensitivityMetric metric,
                                const AllocationRules& rules)
{
    AllocationSetup setup = SetupBuilder(model, recipe, table, metric, rules).build();
    setup.problem.validate();
    return setup;
}

AllocationResult allocate(const AllocationSetup& setup, const AllocationBudget& budget,
                          AllocationSolver solver, const Monitor& monitor)
{
    AllocationResult result;
    result.solver = solver;
    if (budget.kind == AllocationBudget::Kind::Error) {
        if (solver != AllocationSolver::Exact)
            throw Error(ErrorCode::Usage, concat("a bound on the error is for the exact solver, "
                                                 "this is ",
                                                 allocationSolverName(solver)));
        result.allocation = leastCost(setup.problem, budget.value, monitor);
    } else {
        const std::uint64_t whole = costBudget(setup, budget);
        const std::uint64_t least = setup.problem.leastCost() + setup.fixedCost;
        if (whole < least)
            throw Error(
                ErrorCode::Usage,
                concat("a budget of ", budgetText(budget), " cannot be met: the least is ",
                       costText(setup, budget.kind, least), ", the most ",
                       costText(setup, budget.kind, mostCost(setup.problem) + setup.fixedCost)));
        result.allocation = solved(setup, solver, whole - setup.fixedCost, monitor);
    }
    result.cost = result.allocation.cost + setup.fixedCost;
    result.bitsPerWeight = bitsPerWeight(setup, result.cost);
    result.predictedError = result.allocation.error;
    return result;
}

Recipe allocatedRecipe(const Recipe& recipe, const Model& model, const SensitivityTable& table,
                       const AllocationSetup& setup, const Allocation& allocation)
{
    Recipe result = recipe;
    for (const AllocationSetup::Part& part : setup.parts)
        for (const std::size_t row : part.rows)
            result.overrides.erase(table.rows.at(row).layer);
    const std::vector<LayerChoice> before = resolve(recipe, model);
    const std::vector<LayerChoice> without = resolve(result, model);
    std::unordered_map<std::string_view, std::size_t> indices;
    for (std::size_t i = 0; i < model.layers.size(); ++i)
        indices.emplace(model.layers[i].name, i);
    for (std::size_t k = 0; k < setup.parts.size(); ++k) {
        const AllocationSetup::Part& part = setup.parts[k];
        const LayerChoice& candidate = table.candidates.at(
            part.candidates.at(static_cast<std::size_t>(allocation.chosen.at(k))));
        for (const std::size_t row : part.rows) {
            const std::string& name = table.rows[row].layer;
            const std::size_t i = indices.at(name);
            const LayerChoice choice = onInputsOf(candidate, before[i]);
            if (choice != without[i])
                result.overrides[name] = choice;
        }
    }
    return result;
}

std::vector<std::vector<std::size_t>> fusedGroups(const Model& model)
{
    std::vector<std::vector<std::size_t>> groups;
    std::map<std::tuple<std::string, int, ValueId, LayerKind>, std::size_t> places;
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        FusedPart part = fusedPartOf(layer.name);
        if (!part.names)
            continue;
        const auto [place, isNew] = places.emplace(
            std::tuple(std::move(part.group), layer.block, layer.input, layer.kind), groups.size());
        if (isNew)
            groups.emplace_back();
        groups[place->second].push_back(i);
    }
    groups.erase(std::remove_if(groups.begin(), groups.end(),
                                [](const auto& group) { return group.size() < 2; }),
                 groups.end());
    return groups;
}

} // namespace gradus
