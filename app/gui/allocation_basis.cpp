// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/allocation_basis.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "widgets/models/choice.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(Allocation)
};

/// As far as the weights go.
std::vector<LayerChoice> ofWeights(std::vector<LayerChoice> choices)
{
    for (LayerChoice& choice : choices)
        choice.activation = {};
    return choices;
}

int bitsOf(const AllocationBasis& basis, std::size_t item, std::size_t option)
{
    return basis.setup.ruleItems[item].bits[option];
}
} // namespace

std::vector<LayerChoice> candidatesOf(const AllocationSettings& settings,
                                      const LayerChoice& standard)
{
    LayerChoice base = standard;
    if (base.keepFloat) {
        base = LayerChoice();
        base.method = findMethod("gptq")->defaults;
    }
    if (!settings.method.empty())
        base = edited(base, {ChoiceField::Method, toQString(settings.method), {}}, base);
    base.scheme.clip.reset(); // limits are of one layer
    std::vector<std::int64_t> groups = settings.groups;
    if (groups.empty())
        groups.push_back(base.scheme.granularity == Granularity::Group ? base.scheme.groupSize : 0);
    return candidatesOf(base, settings.bits, groups);
}

AllocationSpot AllocationBasis::spotOf(const Allocation& allocation) const
{
    const std::uint64_t cost = allocation.cost + setup.fixedCost;
    return {positionOf(cost), cost, allocation.error};
}

double AllocationBasis::positionOf(std::uint64_t cost) const
{
    return 8 * (static_cast<double>(cost) - fixedBytes) / static_cast<double>(setup.weights);
}

std::uint64_t AllocationBasis::costAt(double bitsPerWeight) const
{
    // A position that was made of a cost gives that cost again.
    const double bytes = fixedBytes + bitsPerWeight * static_cast<double>(setup.weights) / 8;
    return static_cast<std::uint64_t>(std::max(0.0, std::floor(bytes + 1e-6)));
}

double AllocationBasis::priceAt(double bitsPerWeight) const
{
    const std::uint64_t cost = costAt(bitsPerWeight);
    if (front.steps.size() < 2)
        return std::numeric_limits<double>::quiet_NaN();
    std::size_t last = 1;
    for (std::size_t i = 1; i < front.steps.size(); ++i)
        if (front.steps[i].cost + setup.fixedCost <= cost)
            last = i;
    return front.steps[last].gain;
}

std::optional<std::vector<int>>
AllocationBasis::chosenBy(const std::vector<LayerChoice>& choices) const
{
    const std::vector<LayerChoice> wanted = ofWeights(choices);
    std::vector<int> chosen;
    for (const AllocationSetup::Part& part : setup.parts) {
        const auto isOf = [&](std::size_t candidate) {
            return std::all_of(part.rows.begin(), part.rows.end(), [&](std::size_t row) {
                return layers[row] < wanted.size() && wanted[layers[row]] == candidates[candidate];
            });
        };
        const auto found = std::find_if(part.candidates.begin(), part.candidates.end(), isOf);
        if (found == part.candidates.end())
            return std::nullopt;
        chosen.push_back(static_cast<int>(found - part.candidates.begin()));
    }
    return chosen;
}

std::optional<AllocationSpot> AllocationBasis::spotBy(const std::vector<LayerChoice>& choices) const
{
    if (const auto chosen = chosenBy(choices))
        return spotOf(allocationOf(setup.problem, *chosen));
    if (setup.unit != AllocationCost::StoredBytes) // costs are known of whole items only
        return std::nullopt;
    const std::vector<LayerChoice> wanted = ofWeights(choices);
    Allocation sum;
    for (const AllocationSetup::Part& part : setup.parts)
        for (const std::size_t row : part.rows) {
            if (layers[row] >= wanted.size())
                return std::nullopt;
            const auto found = std::find(candidates.begin(), candidates.end(), wanted[layers[row]]);
            if (found == candidates.end())
                return std::nullopt;
            const Sensitivity& cell =
                table->rows[row].candidates[static_cast<std::size_t>(found - candidates.begin())];
            if (!cell.possible)
                return std::nullopt;
            sum.cost += cell.bytes;
            sum.error += cell.error(metric);
        }
    return spotOf(sum);
}

int AllocationBasis::itemOf(const std::string& layer) const
{
    for (std::size_t i = 0; i < setup.parts.size(); ++i)
        for (const std::size_t row : setup.parts[i].rows)
            if (table->rows[row].layer == layer)
                return static_cast<int>(i);
    return -1;
}

AllocationBasis allocationBasis(std::shared_ptr<const Model> model, const Recipe& recipe,
                                std::shared_ptr<const SensitivityTable> table,
                                SensitivityMetric wanted, const AllocationRules& rules)
{
    AllocationBasis basis;
    basis.model = std::move(model);
    basis.table = std::move(table);
    std::set<std::string> decided = recipe.locked;
    decided.insert(rules.locked.begin(), rules.locked.end());
    const std::optional<SensitivityMetric> best = basis.table->best(decided);
    if (!best)
        throw Error(ErrorCode::Usage, "nothing has been measured yet");
    basis.metric = basis.table->has(wanted, decided) ? wanted : *best;
    basis.candidates = ofWeights(basis.table->candidates);
    for (const SensitivityTable::Row& row : basis.table->rows) {
        const Layer* layer = basis.model->findLayer(row.layer);
        basis.layers.push_back(layer ? static_cast<std::size_t>(layer - basis.model->layers.data())
                                     : basis.model->layers.size());
    }
    basis.setup = allocationSetup(*basis.model, recipe, *basis.table, basis.metric, rules);
    const AllocationSetup& setup = basis.setup;
    basis.fixedBytes = static_cast<double>(setup.fixedCost);
    for (const AllocationSetup::Fixed& fixed : setup.fixed)
        if (fixed.weights > 0) // its bytes are bits per weight, too
            basis.fixedBytes -= static_cast<double>(fixed.cost);
    if (setup.problem.items.empty() || setup.weights <= 0)
        throw Error(ErrorCode::Usage, "every layer is locked or kept float: there is nothing to "
                                      "allocate");
    basis.front = lagrangianFront(setup.problem);
    for (const FrontStep& step : basis.front.steps) {
        const std::uint64_t cost = step.cost + setup.fixedCost;
        basis.spots.push_back({basis.positionOf(cost), cost, step.error});
    }
    for (const int bits : {2, 3, 4, 8}) {
        std::vector<int> chosen;
        for (std::size_t i = 0; i < setup.parts.size(); ++i)
            for (std::size_t option = 0; option < setup.parts[i].candidates.size(); ++option)
                if (bitsOf(basis, i, option) == bits) { // of several groups the first
                    chosen.push_back(static_cast<int>(option));
                    break;
                }
        if (chosen.size() != setup.parts.size())
            continue;
        basis.uniform.push_back({AllocationReference::Kind::Uniform, Text::tr("%1 bit").arg(bits),
                                 basis.spotOf(allocationOf(setup.problem, chosen))});
        basis.uniformChosen.push_back(std::move(chosen));
    }
    return basis;
}

AllocationSolution solveAllocation(const AllocationBasis& basis, double position,
                                   std::optional<double> errorBound, AllocationSolver solver,
                                   const Monitor& monitor)
{
    AllocationSolution solution;
    solution.solver = errorBound ? AllocationSolver::Exact : solver;
    const AllocationSpot& least = basis.spots.front();
    const AllocationSpot& most = basis.spots.back();
    AllocationBudget budget;
    if (errorBound) {
        budget = {AllocationBudget::Kind::Error, std::max(*errorBound, most.error)};
    } else {
        solution.position = std::clamp(position, least.bitsPerWeight, most.bitsPerWeight);
        budget = {AllocationBudget::Kind::Bytes,
                  static_cast<double>(basis.costAt(solution.position))};
    }
    solution.allocation = allocate(basis.setup, budget, solution.solver, monitor).allocation;
    if (errorBound)
        solution.position = basis.spotOf(solution.allocation).bitsPerWeight;
    const std::uint64_t cost = basis.costAt(solution.position);
    const std::pair<AllocationRule, AllocationReference::Kind> rules[] = {
        {AllocationRule::FirstLast, AllocationReference::Kind::FirstLast},
        {AllocationRule::LlamaCpp, AllocationReference::Kind::LlamaCpp}};
    for (const auto& [rule, kind] : rules) {
        if (cost < basis.setup.fixedCost)
            continue;
        Allocation made = ruleAllocation(rule, basis.setup.problem, basis.setup.ruleItems,
                                         cost - basis.setup.fixedCost);
        solution.rules.push_back(
            {kind,
             solverTitle(rule == AllocationRule::FirstLast ? AllocationSolver::FirstLast
                                                           : AllocationSolver::LlamaCpp),
             basis.spotOf(made)});
        solution.rulesChosen.push_back(std::move(made.chosen));
    }
    return solution;
}

OptionCurve optionCurve(const AllocationBasis& basis, const std::string& layer,
                        const std::vector<int>* chosen, double position,
                        const std::vector<BitsRule>& rules)
{
    OptionCurve curve;
    curve.layer = layer;
    curve.errorTitle = errorTitle(basis.metric, basis.table->unit);
    curve.errorUnit = errorUnit(basis.metric, basis.table->unit);
    const int item = basis.itemOf(layer);
    if (item < 0) {
        curve.locked =
            std::any_of(basis.setup.fixed.begin(), basis.setup.fixed.end(),
                        [&](const AllocationSetup::Fixed& each) { return each.layer == layer; });
        return curve;
    }
    const auto at = static_cast<std::size_t>(item);
    const AllocationSetup::Part& part = basis.setup.parts[at];
    for (const std::size_t row : part.rows)
        if (basis.table->rows[row].layer != layer)
            curve.partners.push_back(basis.table->rows[row].layer);
    std::set<std::int64_t> groups;
    for (const std::size_t candidate : part.candidates)
        groups.insert(basis.table->candidates[candidate].scheme.groupSize);
    for (std::size_t i = 0; i < part.candidates.size(); ++i) {
        const AllocationOption& option = basis.setup.problem.items[at].options[i];
        const LayerChoice& choice = basis.table->candidates[part.candidates[i]];
        OptionCurve::Option made;
        made.bits = choice.scheme.bits;
        made.name = groups.size() > 1
                        ? Text::tr("%1 (%2)")
                              .arg(choice.scheme.bits)
                              .arg(groupTitle(choice.scheme.granularity == Granularity::Group
                                                  ? choice.scheme.groupSize
                                                  : 0))
                        : QString::number(choice.scheme.bits);
        made.bytes = option.cost;
        made.error = option.error;
        made.chosen = chosen && (*chosen)[at] == static_cast<int>(i);
        curve.options.push_back(made);
    }
    std::stable_sort(curve.options.begin(), curve.options.end(), [](const auto& a, const auto& b) {
        return a.bytes != b.bytes ? a.bytes < b.bytes : a.error > b.error;
    });
    markHull(curve.options);
    for (const BitsRule& rule : rules) {
        if (!rule.pattern.empty() && !Regex(rule.pattern).search(layer))
            continue;
        curve.minimumBits = rule.minimum;
        curve.maximumBits = rule.maximum;
    }
    curve.price = basis.priceAt(position);
    return curve;
}

} // namespace gradus
