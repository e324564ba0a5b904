// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/alloc/allocation_rules.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <QTest>

using namespace gradus;

namespace {

const std::vector<int> levels{2, 3, 4, 8};

/// Layers of a llama, one item each, costs as bits.
struct Case
{
    AllocationProblem problem;
    std::vector<RuleItem> items;

    explicit Case(int blocks)
    {
        for (int block = 0; block < blocks; ++block)
            for (const char* name : {"self_attn.v_proj", "self_attn.o_proj", "mlp.down_proj"})
                add(concat("model.layers.", block, ".", name), block);
        add("lm_head", -1);
    }
    void add(const std::string& name, int block)
    {
        RuleItem rule{{name}, block, levels};
        AllocationItem item;
        for (const int bits : levels)
            item.options.push_back({static_cast<std::uint64_t>(bits), 1.0 / bits});
        items.push_back(rule);
        problem.items.push_back(item);
    }
    std::vector<int> bitsAt(AllocationRule rule, std::uint64_t budget) const
    {
        const Allocation a = ruleAllocation(rule, problem, items, budget);
        std::vector<int> bits;
        for (std::size_t i = 0; i < items.size(); ++i)
            bits.push_back(items[i].bits[static_cast<std::size_t>(a.chosen[i])]);
        return bits;
    }
};

constexpr std::array rules{AllocationRule::Uniform, AllocationRule::FirstLast,
                           AllocationRule::LlamaCpp};

} // namespace

class TestAllocationRules : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void uniformSpreadsEvenly()
    {
        const Case c(3); // 10 items
        QCOMPARE(c.bitsAt(AllocationRule::Uniform, 20), std::vector<int>(10, 2));
        QCOMPARE(c.bitsAt(AllocationRule::Uniform, 30), std::vector<int>(10, 3));
        QCOMPARE(c.bitsAt(AllocationRule::Uniform, 80), std::vector<int>(10, 8));
        QCOMPARE(c.bitsAt(AllocationRule::Uniform, 1000), std::vector<int>(10, 8));
        QCOMPARE(c.bitsAt(AllocationRule::Uniform, 25),
                 (std::vector<int>{2, 3, 2, 3, 2, 3, 2, 3, 2, 3}));
        // Four bits more at once: three of ten have them within 40 + 15.
        QCOMPARE(c.bitsAt(AllocationRule::Uniform, 55),
                 (std::vector<int>{4, 4, 4, 8, 4, 4, 8, 4, 4, 8}));
    }

    void firstAndLastGetTheMost()
    {
        const Case c(4);
        // 13 items: 6 in the first and last block at 8, 7 others at 2.
        const std::vector<int> expected{8, 8, 8, 2, 2, 2, 2, 2, 2, 8, 8, 8, 2};
        QCOMPARE(c.bitsAt(AllocationRule::FirstLast, 6 * 8 + 7 * 2), expected);
        std::vector<int> more = expected;
        for (int& bits : more)
            bits = bits == 2 ? 3 : bits;
        QCOMPARE(c.bitsAt(AllocationRule::FirstLast, 6 * 8 + 7 * 3), more);
        // Below that the ends get what there is.
        QCOMPARE(c.bitsAt(AllocationRule::FirstLast, 6 * 4 + 7 * 2),
                 (std::vector<int>{4, 4, 4, 2, 2, 2, 2, 2, 2, 4, 4, 4, 2}));
    }

    void llamaCppRaisesSomeBlocks()
    {
        const Case c(16);
        // Blocks 0, 1 and 14, 15 are the eighths; of those between 4, 7, 10, 13.
        const std::vector<int> raised{0, 1, 4, 7, 10, 13, 14, 15};
        const std::uint64_t budget = 8 + 16 * 4 + (8 * 2 * 4 + 8 * 2 * 8);
        const std::vector<int> bits = c.bitsAt(AllocationRule::LlamaCpp, budget);
        for (std::size_t i = 0; i < c.items.size(); ++i) {
            const RuleItem& item = c.items[i];
            const std::string& name = item.layers.front();
            const bool up = name.find("o_proj") == std::string::npos &&
                            std::find(raised.begin(), raised.end(), item.block) != raised.end();
            QVERIFY2(bits[i] == (up || name == "lm_head" ? 8 : 4), name.c_str());
        }
    }

    void namesOfOtherModels()
    {
        for (const char* name :
             {"encoder.layer.0.output.dense", "h.0.mlp.c_proj", "h.0.attn.c_attn",
              "encoder.layer.0.attention.self.value", "decoder.layers.0.fc2"}) {
            Case c(0);
            c.add(name, 0);
            c.add("h.0.attn.c_proj", 0);
            c.add("encoder.layer.0.attention.output.dense", 0);
            // All at 2 with the head at 8 first; then the raised one.
            QCOMPARE(c.bitsAt(AllocationRule::LlamaCpp, 8 + 3 + 2 + 2),
                     (std::vector<int>{8, 3, 2, 2}));
        }
    }

    void budgetsAreSpentAndKept()
    {
        for (const AllocationRule rule : rules) {
            const Case c(5);
            std::uint64_t before = 0;
            for (std::uint64_t budget = 32; budget <= 130; ++budget) {
                const Allocation a = ruleAllocation(rule, c.problem, c.items, budget);
                QVERIFY(a.cost <= budget);
                QVERIFY(a.cost >= before); // all costs alike: nothing is left of a step
                QVERIFY(!a.optimal);
                before = a.cost;
            }
            QCOMPARE(ruleAllocation(rule, c.problem, c.items, 128).cost, std::uint64_t(128));
            try {
                (void)ruleAllocation(rule, c.problem, c.items, 31);
                QFAIL("a budget of 31 was met");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Usage);
                QVERIFY(std::string(error.what()).find("32") != std::string::npos);
            }
        }
    }

    /// Items that lack a number of bits take the next smaller one, or the least that they have; of
    /// options with the same bits the cheapest is taken.
    void itemsMayLackBits()
    {
        Case c(1);
        c.items[0].bits = {3, 8};
        c.problem.items[0].options = {{3, 1}, {8, 0}};
        c.items[1].bits = {4, 2, 4, 8};
        c.problem.items[1].options = {{5, 1}, {2, 1}, {4, 1}, {8, 0}};
        const auto chosenAt = [&](std::uint64_t budget) {
            return ruleAllocation(AllocationRule::Uniform, c.problem, c.items, budget).chosen;
        };
        QCOMPARE(chosenAt(9), (std::vector<int>{0, 1, 0, 0}));
        QCOMPARE(chosenAt(15), (std::vector<int>{0, 2, 2, 2}));
        QCOMPARE(chosenAt(32), (std::vector<int>{1, 3, 3, 3}));
        c.items.pop_back();
        QVERIFY_EXCEPTION_THROWN((void)chosenAt(32), Error);
    }
};

QTEST_GUILESS_MAIN(TestAllocationRules)
#include "tst_allocation_rules.moc"
