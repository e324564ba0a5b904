// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/fused_names.h"
#include "core/session/allocate.h"
#include "core/session/quantize.h"
#include "tests/support/support.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_gpt2.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

template <class F>
std::string messageOf(F&& f)
{
    try {
        f();
    } catch (const Error& error) {
        return error.code() == ErrorCode::Usage ? error.what() : "not a usage error";
    }
    return "";
}

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

LayerChoice bits(int count)
{
    LayerChoice choice;
    choice.scheme = {count, Granularity::Group, 8, false, DType::F16};
    return choice;
}

Recipe recipeOf(int count)
{
    Recipe recipe;
    recipe.standard = bits(count);
    return recipe;
}

/// Errors that fall with bits, more steeply for later layers.
SensitivityTable tableOf(const Model& model, const Recipe& recipe,
                         const std::vector<int>& counts = {2, 3, 4, 8})
{
    SensitivityTable table;
    for (const int count : counts)
        table.candidates.push_back(bits(count));
    const auto choices = resolve(recipe, model);
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        if (choices[i].keepFloat)
            continue;
        const Layer& layer = model.layers[i];
        SensitivityTable::Row row;
        row.layer = layer.name;
        for (const LayerChoice& candidate : table.candidates) {
            Sensitivity entry;
            entry.bytes = storedSize(candidate.scheme, layer.rows, layer.cols).bytes();
            entry.weight = static_cast<double>(i + 1) * std::pow(4, -candidate.scheme.bits);
            row.candidates.push_back(entry);
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

constexpr auto weightMetric = SensitivityMetric::Weight;

} // namespace

class TestAllocate : public QObject
{
    Q_OBJECT

private:
    TemporaryFolder m_folder;
    std::shared_ptr<const Model> m_model;

    AllocationSetup setupOf(const Recipe& recipe, const AllocationRules& rules = {})
    {
        return allocationSetup(*m_model, recipe, tableOf(*m_model, recipe), weightMetric, rules);
    }

private Q_SLOTS:
    void initTestCase()
    {
        TinyLlama tiny;
        tiny.write(m_folder / "llama");
        m_model = openModel(m_folder / "llama");
    }

    void runtimesFuseWhatReadsOneValue()
    {
        const auto namesOf = [](const Model& model) {
            std::vector<std::string> names;
            for (const auto& group : fusedGroups(model)) {
                std::string text;
                for (const std::size_t i : group)
                    text += (text.empty() ? "" : " ") + model.layers[i].name;
                names.push_back(text);
            }
            return names;
        };
        std::vector<std::string> expected;
        for (const char* block : {"model.layers.0.", "model.layers.1."}) {
            const std::string attention = std::string(block) + "self_attn.";
            const std::string mlp = std::string(block) + "mlp.";
            expected.push_back(attention + "q_proj " + attention + "k_proj " + attention +
                               "v_proj");
            expected.push_back(mlp + "gate_proj " + mlp + "up_proj");
        }
        QCOMPARE(namesOf(*m_model), expected);

        TinyBert bert;
        bert.write(m_folder / "bert");
        const auto groups = namesOf(*openModel(m_folder / "bert"));
        QVERIFY(!groups.empty());
        for (const std::string& group : groups)
            QVERIFY(has(group, "query") && has(group, "key") && has(group, "value"));

        // One layer makes all three already.
        TinyGpt2 gpt2;
        gpt2.write(m_folder / "gpt2");
        QVERIFY(namesOf(*openModel(m_folder / "gpt2")).empty());

        QCOMPARE(fusedPartOf("a/k_proj/MatMul").group, std::string("a/q_proj/MatMul"));
        QCOMPARE(fusedPartOf("up_proj").group, std::string("gate_proj"));
        QVERIFY(!fusedPartOf("my_q_proj").names);
        QVERIFY(!fusedPartOf("").names);
    }

    void setupHoldsEveryLayerOnce()
    {
        Recipe recipe = recipeOf(4);
        const SensitivityTable table = tableOf(*m_model, recipe);
        const AllocationSetup setup = setupOf(recipe);
        QCOMPARE(setup.notes.size(), std::size_t(2));
        QVERIFY(has(setup.notes[0], "q_proj, k_proj and v_proj"));
        QVERIFY(has(setup.notes[1], "gate_proj and up_proj"));
        std::vector<bool> seen(table.rows.size(), false);
        std::int64_t weights = 0;
        for (std::size_t k = 0; k < setup.parts.size(); ++k) {
            for (std::size_t c = 0; c < setup.parts[k].candidates.size(); ++c) {
                std::uint64_t bytes = 0;
                double error = 0;
                for (const std::size_t row : setup.parts[k].rows) {
                    bytes += table.rows[row].candidates[c].bytes;
                    error += table.rows[row].candidates[c].weight;
                }
                QCOMPARE(setup.problem.items[k].options[c].cost, bytes);
                QVERIFY(setup.problem.items[k].options[c].error == error);
            }
            for (const std::size_t row : setup.parts[k].rows) {
                QVERIFY(!seen[row]);
                seen[row] = true;
                weights += m_model->findLayer(table.rows[row].layer)->parameters();
            }
            QCOMPARE(setup.ruleItems[k].bits, (std::vector<int>{2, 3, 4, 8}));
        }
        QVERIFY(std::find(seen.begin(), seen.end(), false) == seen.end());
        QCOMPARE(setup.weights, weights);
        QCOMPARE(setup.parts.size(), std::size_t(8)); // q/k/v, o, gate/up, down in two blocks

        AllocationRules apart;
        apart.fuse = false;
        QCOMPARE(setupOf(recipe, apart).parts.size(), table.rows.size());
    }

    void lockedLayersKeepTheirChoice()
    {
        const std::string down = "model.layers.1.mlp.down_proj";
        const std::string key = "model.layers.0.self_attn.k_proj";
        Recipe recipe = recipeOf(4);
        recipe.overrides[down] = bits(6);
        recipe.locked.insert(down);
        AllocationRules rules;
        rules.locked.push_back(key);
        const SensitivityTable table = tableOf(*m_model, recipe);
        const AllocationSetup setup = setupOf(recipe, rules);
        QCOMPARE(setup.fixed.size(), std::size_t(2));
        QCOMPARE(setup.fixed[0].layer, key);
        QCOMPARE(setup.fixed[1].layer, down);
        QVERIFY(setup.fixed[1].choice == bits(6));
        const Layer& layer = *m_model->findLayer(down);
        QCOMPARE(setup.fixed[1].cost, storedSize(bits(6).scheme, layer.rows, layer.cols).bytes());
        QCOMPARE(setup.fixed[1].weights, layer.parameters());
        QCOMPARE(setup.fixedCost, setup.fixed[0].cost + setup.fixed[1].cost);
        QVERIFY(has(listed(setup.notes), "k_proj keeps its choice"));

        const AllocationResult result =
            allocate(setup, parseBudget("5.2bpw"), AllocationSolver::Exact, Monitor());
        const Recipe allocated = allocatedRecipe(recipe, *m_model, table, setup, result.allocation);
        const auto choices = resolve(allocated, *m_model);
        for (std::size_t i = 0; i < choices.size(); ++i) {
            if (m_model->layers[i].name == down)
                QVERIFY(choices[i] == bits(6));
            if (m_model->layers[i].name == key)
                QVERIFY(choices[i] == bits(4));
        }
        QVERIFY(!allocated.overrides.count(key));
        // What the plan says of the recipe is what the allocation said.
        QCOMPARE(plan(*m_model, allocated).totals.bytes, result.cost);
        QCOMPARE(plan(*m_model, allocated).totals.weights, setup.weights);
        QVERIFY(
            isClose(plan(*m_model, allocated).totals.bitsPerWeight, result.bitsPerWeight, 1e-14));
        QVERIFY(result.bitsPerWeight <= 5.2);

        rules.locked = {"model.layers.7.mlp"};
        QVERIFY(has(messageOf([&] { (void)setupOf(recipe, rules); }), "model.layers.7.mlp"));
    }

    void rulesAboutBitsNarrow()
    {
        AllocationRules rules;
        rules.bits = {{"", 3, 8}, {"down_proj", 4, 4}, {"layers\\.0\\..*down_proj", 2, 3}};
        const Recipe recipe = recipeOf(4);
        const AllocationSetup setup = setupOf(recipe, rules);
        for (const RuleItem& item : setup.ruleItems) {
            const std::string& name = item.layers.front();
            const std::vector<int> expected = name == "model.layers.0.mlp.down_proj"
                                                  ? std::vector<int>{2, 3}
                                              : has(name, "down_proj") ? std::vector<int>{4}
                                                                       : std::vector<int>{3, 4, 8};
            QCOMPARE(item.bits, expected);
        }
        rules.bits = {{"o_proj", 5, 7}};
        const std::string message = messageOf([&] { (void)setupOf(recipe, rules); });
        QVERIFY2(has(message, "model.layers.0.self_attn.o_proj") && has(message, "5 to 7"),
                 message.c_str());
        rules.bits = {{"(", 2, 8}};
        QVERIFY(messageOf([&] { (void)setupOf(recipe, rules); }) != "");
    }

    void whatIsNotPossibleIsNotOffered()
    {
        const Recipe recipe = recipeOf(4);
        SensitivityTable table = tableOf(*m_model, recipe);
        // Of q, k and v one cannot have 2 bits: none has.
        table.rows[1].candidates[0].possible = false;
        table.rows[1].candidates[0].weight = std::nan("");
        const auto setup = allocationSetup(*m_model, recipe, table, weightMetric, {});
        QCOMPARE(setup.parts[0].rows, (std::vector<std::size_t>{0, 1, 2}));
        QCOMPARE(setup.ruleItems[0].bits, (std::vector<int>{3, 4, 8}));
        QCOMPARE(setup.ruleItems[1].bits, (std::vector<int>{2, 3, 4, 8}));

        for (Sensitivity& entry : table.rows[3].candidates)
            entry = {.note = "it is too narrow", .possible = false};
        const auto build = [&] {
            (void)allocationSetup(*m_model, recipe, table, weightMetric, {});
        };
        QVERIFY2(has(messageOf(build), "self_attn.o_proj: it is too narrow"),
                 messageOf(build).c_str());

        table = tableOf(*m_model, recipe);
        QVERIFY(has(messageOf([&] {
                        (void)allocationSetup(*m_model, recipe, table, SensitivityMetric::Fisher,
                                              {});
                    }),
                    "fisher error of model.layers.0.self_attn.q_proj"));
        table.rows[0].layer = "another";
        QVERIFY(has(messageOf(build), "another model"));
    }

    /// A mean of measured divergences that are next to nothing may come out as -2e-36.
    void errorsBelowNothingAreNothing()
    {
        const Recipe recipe = recipeOf(4);
        SensitivityTable table = tableOf(*m_model, recipe);
        table.rows[0].candidates[3].weight = -2.1e-36;
        const auto setup = allocationSetup(*m_model, recipe, table, weightMetric, {});
        for (const AllocationItem& item : setup.problem.items)
            for (const AllocationOption& option : item.options)
                QVERIFY(option.error >= 0);
        (void)allocate(setup, parseBudget("5bpw"), AllocationSolver::Exact, Monitor());
        table.rows[0].candidates[3].weight = std::numeric_limits<double>::quiet_NaN();
        QVERIFY(has(
            messageOf([&] { (void)allocationSetup(*m_model, recipe, table, weightMetric, {}); }),
            table.rows[0].layer));
    }

    void budgetsAreReadStrictly()
    {
        using Kind = AllocationBudget::Kind;
        const std::vector<std::pair<std::string, AllocationBudget>> good = {
            {"3.5bpw", {Kind::BitsPerWeight, 3.5}},
            {"12MiB", {Kind::Bytes, 12 * 0x1p20}},
            {"12MB", {Kind::Bytes, 12e6}},
            {"123456B", {Kind::Bytes, 123456}},
            {"0.1MB", {Kind::Bytes, 100000}},
            {"1.5kB", {Kind::Bytes, 1500}},
            {"2KiB", {Kind::Bytes, 2048}},
            {"4GB", {Kind::Bytes, 4e9}},
            {"0.5GiB", {Kind::Bytes, 0x1p29}},
            {"error:0.1", {Kind::Error, 0.1}},
            {"error:1e-3", {Kind::Error, 1e-3}},
            {"3.2Gbops", {Kind::BitOperations, 3.2e9}},
            {"7bops", {Kind::BitOperations, 7}},
            {"1Tbops", {Kind::BitOperations, 1e12}},
            {"1e2B", {Kind::Bytes, 100}}};
        for (const auto& [text, budget] : good) {
            QVERIFY2(parseBudget(text) == budget, text.c_str());
            QVERIFY2(parseBudget(budgetText(budget)) == budget, budgetText(budget).c_str());
        }
        QCOMPARE(budgetText({Kind::Bytes, 12 * 0x1p20}), std::string("12MiB"));
        QCOMPARE(budgetText({Kind::BitsPerWeight, 3.1}), std::string("3.1bpw"));
        for (const std::string text : {"",
                                       "bpw",
                                       "3.5",
                                       "3,5bpw",
                                       " 3bpw",
                                       "3 bpw",
                                       "3bpw ",
                                       "-3bpw",
                                       "0bpw",
                                       "nanbpw",
                                       "infbpw",
                                       "1e999bpw",
                                       "12mib",
                                       "12Mib",
                                       "MiB",
                                       "-1B",
                                       "0B",
                                       "0.4B",
                                       "1.5B",
                                       "1e30B",
                                       "9223372036854775808B",
                                       "99999999999GiB",
                                       "error:",
                                       "error:-1",
                                       "error:0",
                                       "error:nan",
                                       "error:0.1x",
                                       "Error:0.1",
                                       "0x10bpw",
                                       "3bpwbpw",
                                       "3.5bpw\n",
                                       "12TB",
                                       "1e-300kB",
                                       "--3bpw",
                                       "3..5bpw"})
            QVERIFY2(has(messageOf([&] { (void)parseBudget(text); }), "is no budget"),
                     text.c_str());
        QVERIFY(messageOf([] { (void)parseBudget(std::string_view("3\0bpw", 5)); }) != "");
        QVERIFY(messageOf([] { (void)parseBudget(std::string(100000, '9') + "bpw"); }).size() <
                1000);
    }

    void budgetsAreMet()
    {
        const Recipe recipe = recipeOf(4);
        const AllocationSetup setup = setupOf(recipe);
        double before = std::numeric_limits<double>::infinity();
        for (const char* text : {"4.5bpw", "5.2bpw", "6.25bpw", "8.5bpw", "20bpw"}) {
            const AllocationBudget budget = parseBudget(text);
            double exact = 0;
            for (const auto solver : {AllocationSolver::Exact, AllocationSolver::Lagrangian,
                                      AllocationSolver::Greedy, AllocationSolver::Uniform,
                                      AllocationSolver::FirstLast, AllocationSolver::LlamaCpp}) {
                const AllocationResult result = allocate(setup, budget, solver, Monitor());
                QVERIFY(result.bitsPerWeight <= budget.value);
                QVERIFY(result.solver == solver);
                QCOMPARE(result.cost, result.allocation.cost + setup.fixedCost);
                QVERIFY(result.predictedError == result.allocation.error);
                if (solver == AllocationSolver::Exact) {
                    exact = result.predictedError;
                    QVERIFY(result.allocation.optimal);
                }
                QVERIFY(result.predictedError >= exact * (1 - 1e-14));
            }
            QVERIFY(exact <= before);
            before = exact;
            // The same bytes as a budget, and the error as a bound, lead to the same place.
            const AllocationResult result =
                allocate(setup, budget, AllocationSolver::Exact, Monitor());
            const AllocationResult bytes =
                allocate(setup, {AllocationBudget::Kind::Bytes, double(result.cost)},
                         AllocationSolver::Exact, Monitor());
            QVERIFY(bytes.allocation.chosen == result.allocation.chosen);
            const AllocationResult bound =
                allocate(setup, {AllocationBudget::Kind::Error, result.predictedError},
                         AllocationSolver::Exact, Monitor());
            QVERIFY(bound.cost <= result.cost && bound.predictedError <= result.predictedError);
        }
        const std::string message = messageOf([&] {
            (void)allocate(setup, parseBudget("1bpw"), AllocationSolver::Exact, Monitor());
        });
        QVERIFY2(has(message, "1bpw cannot be met") && has(message, "the least is") &&
                     has(message, "the most"),
                 message.c_str());
        QVERIFY(messageOf([&] {
                    (void)allocate(setup, parseBudget("error:1e-30"), AllocationSolver::Exact,
                                   Monitor());
                }) != "");
        QVERIFY(has(messageOf([&] {
                        (void)allocate(setup, parseBudget("error:1"), AllocationSolver::Greedy,
                                       Monitor());
                    }),
                    "greedy"));
        QVERIFY(messageOf([&] {
                    (void)allocate(setup, parseBudget("9Gbops"), AllocationSolver::Exact,
                                   Monitor());
                }) != "");
        for (const char* name :
             {"exact", "lagrangian", "greedy", "uniform", "first-last", "llama.cpp"})
            QCOMPARE(allocationSolverName(allocationSolverFromName(name).value()), name);
        QVERIFY(!allocationSolverFromName("best"));
    }

    void recipesSayOnlyWhatDiffers()
    {
        Recipe recipe = recipeOf(4);
        recipe.rules.push_back({"o_proj", bits(8)});
        recipe.standard.activation.bits = 8;
        recipe.rules[0].choice.activation.bits = 6;
        const std::string stale = "model.layers.0.mlp.down_proj";
        recipe.overrides[stale] = bits(2);
        recipe.overrides[stale].activation.bits = 5;
        const SensitivityTable table = tableOf(*m_model, recipe);
        const AllocationSetup setup = setupOf(recipe);
        Allocation allocation;
        for (const AllocationSetup::Part& part : setup.parts) {
            // o_proj as its rule says, all else as standard: no override is left but one whose
            // inputs are others.
            const bool o = has(table.rows[part.rows.front()].layer, "o_proj");
            allocation.chosen.push_back(o ? 3 : 2);
        }
        Recipe result = allocatedRecipe(recipe, *m_model, table, setup, allocation);
        QCOMPARE(result.overrides.size(), std::size_t(1));
        QVERIFY(result.overrides.at(stale).scheme == bits(4).scheme);
        QCOMPARE(result.overrides.at(stale).activation.bits, 5);

        allocation.chosen.assign(setup.parts.size(), 1); // 3 bits for all
        result = allocatedRecipe(recipe, *m_model, table, setup, allocation);
        QCOMPARE(result.overrides.size(), table.rows.size());
        for (const auto& [name, choice] : result.overrides) {
            QCOMPARE(choice.scheme.bits, 3);
            QCOMPARE(choice.activation.bits, has(name, "o_proj") ? 6 : name == stale ? 5 : 8);
        }
        // Done twice is done once; the rest of the recipe stays.
        QVERIFY(allocatedRecipe(result, *m_model, table, setup, allocation) == result);
        Recipe rest = result;
        rest.overrides = recipe.overrides;
        QVERIFY(rest == recipe);
    }

    void bitOperationsAreCounted()
    {
        const Recipe recipe = [] {
            Recipe r = recipeOf(4);
            r.standard.activation.bits = 8;
            return r;
        }();
        SampleWork work;
        work.samples = 3;
        work.context = 7;
        AllocationRules rules;
        rules.cost = bitOperationsCost(*m_model, work);
        rules.unit = AllocationCost::BitOperations;
        const Layer& layer = *m_model->findLayer("model.layers.0.self_attn.o_proj");
        const auto macs = static_cast<std::uint64_t>(21 * layer.rows * layer.cols);
        QCOMPARE(rules.cost(layer, bits(4)).value(), macs * 4 * 32);
        QCOMPARE(rules.cost(layer, recipe.standard).value(), macs * 4 * 8);
        LayerChoice kept = recipe.standard;
        kept.keepFloat = true;
        QCOMPARE(rules.cost(layer, kept).value(), macs * 32 * 32);
        QCOMPARE(rules.cost(*m_model->findLayer("model.embed_tokens"), kept).value(),
                 std::uint64_t(0));

        const AllocationSetup setup = setupOf(recipe, rules);
        std::uint64_t most = setup.fixedCost;
        for (std::size_t k = 0; k < setup.parts.size(); ++k)
            most += setup.problem.items[k].options.back().cost;
        const AllocationResult result =
            allocate(setup, {AllocationBudget::Kind::BitOperations, double(most) / 2},
                     AllocationSolver::Exact, Monitor());
        QVERIFY(result.cost <= most / 2 && result.cost > most / 4);
        QVERIFY(std::isnan(result.bitsPerWeight));
        for (const char* text : {"4bpw", "5MiB"})
            QVERIFY(messageOf([&] {
                        (void)allocate(setup, parseBudget(text), AllocationSolver::Exact,
                                       Monitor());
                    }) != "");
    }

    void targetFormatsNarrow()
    {
        const Recipe recipe = recipeOf(4);
        AllocationRules rules;
        // Holds even numbers of bits, and floats; 1 per layer.
        rules.cost = [](const Layer&, const LayerChoice& choice) -> std::optional<std::uint64_t> {
            if (choice.keepFloat)
                return 1000;
            return choice.scheme.bits % 2 == 0
                       ? std::optional<std::uint64_t>(std::uint64_t(choice.scheme.bits))
                       : std::nullopt;
        };
        rules.fixedCost = 5;
        rules.locked.push_back("model.layers.0.self_attn.o_proj");
        Recipe odd = recipe;
        odd.overrides["model.layers.0.self_attn.o_proj"] = bits(3); // the format keeps it float
        const AllocationSetup setup = setupOf(odd, rules);
        for (const RuleItem& item : setup.ruleItems)
            QCOMPARE(item.bits, (std::vector<int>{2, 4, 8}));
        std::uint64_t floats = 0;
        for (const AllocationSetup::Fixed& fixed : setup.fixed) {
            QVERIFY(fixed.choice.keepFloat);
            QCOMPARE(fixed.weights, std::int64_t(0));
            floats += fixed.cost;
        }
        QCOMPARE(floats % 1000, std::uint64_t(0));
        QCOMPARE(setup.fixedCost, floats + 5);
        QVERIFY(has(messageOf([&] {
                        (void)allocate(setup, parseBudget("4bpw"), AllocationSolver::Exact,
                                       Monitor());
                    }),
                    "stored bytes"));
    }

private:
    static std::string listed(const std::vector<std::string>& lines)
    {
        std::string text;
        for (const std::string& line : lines)
            text += line + "\n";
        return text;
    }
};

QTEST_GUILESS_MAIN(TestAllocate)
#include "tst_allocate.moc"
