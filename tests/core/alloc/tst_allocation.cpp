// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/alloc/allocation.h"
#include "core/alloc/choice_knapsack.h"
#include "core/base/random.h"
#include "tests/support/allocation_cases.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>
#include <optional>
#include <tuple>

using namespace gradus;
using namespace gradus::test;

namespace {

struct BruteForce
{
    bool any = false;
    double error = 0;
    std::uint64_t cost = 0;
};

/// Every allocation, one after the other; `better` says whether the first is to be preferred.
template <class Fits, class Better>
BruteForce bestOf(const AllocationProblem& problem, Fits fits, Better better)
{
    BruteForce best;
    std::vector<int> chosen(problem.items.size(), 0);
    while (true) {
        const Allocation a = allocationOf(problem, chosen);
        const BruteForce now{true, a.error, a.cost};
        if (fits(now) && (!best.any || better(now, best)))
            best = now;
        std::size_t i = 0;
        while (i < chosen.size() &&
               ++chosen[i] == static_cast<int>(problem.items[i].options.size()))
            chosen[i++] = 0;
        if (i == chosen.size())
            return best;
    }
}

BruteForce leastErrorByForce(const AllocationProblem& problem, std::uint64_t budget)
{
    return bestOf(
        problem, [&](const BruteForce& a) { return a.cost <= budget; },
        [](const BruteForce& a, const BruteForce& b) {
            return std::tie(a.error, a.cost) < std::tie(b.error, b.cost);
        });
}

BruteForce leastCostByForce(const AllocationProblem& problem, double bound)
{
    return bestOf(
        problem, [&](const BruteForce& a) { return a.error <= bound; },
        [](const BruteForce& a, const BruteForce& b) {
            return std::tie(a.cost, a.error) < std::tie(b.cost, b.error);
        });
}

std::uint64_t mostCost(const AllocationProblem& problem)
{
    std::uint64_t sum = 0;
    for (const AllocationItem& item : problem.items) {
        std::uint64_t most = 0;
        for (const AllocationOption& option : item.options)
            most = std::max(most, option.cost);
        sum += most;
    }
    return sum;
}

/// Stops at the n-th question.
class StoppingMonitor final : public Monitor
{
public:
    explicit StoppingMonitor(int after)
        : m_left(after)
    {
    }
    [[nodiscard]] bool stopRequested() const override { return m_left-- <= 0; }

private:
    mutable int m_left;
};

template <class F>
std::optional<ErrorCode> codeOf(F&& f)
{
    try {
        f();
    } catch (const Error& error) {
        return error.code();
    }
    return std::nullopt;
}

} // namespace

class TestAllocation : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    /// Errors and costs that are whole numbers, so that sums are exact and ties are many.
    void exactIsWhatBruteForceFinds()
    {
        int solved = 0;
        for (std::uint64_t seed = 0; seed < 600; ++seed) {
            RandomStream random(seed);
            const AllocationProblem problem = smallProblem(random);
            const std::uint64_t least = problem.leastCost();
            const std::uint64_t most = mostCost(problem);
            for (int k = 0; k <= 6; ++k) {
                const std::uint64_t budget = least + (most - least) * std::uint64_t(k) / 6;
                const BruteForce expected = leastErrorByForce(problem, budget);
                const Allocation found = leastError(problem, budget, Monitor());
                QVERIFY(found.optimal);
                QVERIFY(found.cost <= budget);
                QCOMPARE(found.cost, allocationOf(problem, found.chosen).cost);
                QVERIFY2(found.error == expected.error,
                         qPrintable(QString("seed %1: %2, expected %3")
                                        .arg(seed)
                                        .arg(found.error)
                                        .arg(expected.error)));
                QCOMPARE(found.cost, expected.cost);
                const Allocation dual = leastCost(problem, found.error, Monitor());
                const BruteForce cheapest = leastCostByForce(problem, found.error);
                QVERIFY(dual.optimal);
                QCOMPARE(dual.cost, cheapest.cost);
                QVERIFY(dual.error == cheapest.error);
                ++solved;
            }
            if (least > 0)
                QCOMPARE(codeOf([&] { (void)leastError(problem, least - 1, Monitor()); }),
                         std::optional(ErrorCode::Usage));
        }
        QCOMPARE(solved, 600 * 7);
    }

    /// Errors of any size: the sums' own rounding is all that may differ.
    void exactIsRightUpToRounding()
    {
        for (std::uint64_t seed = 0; seed < 200; ++seed) {
            RandomStream random(seed);
            AllocationProblem problem = smallProblem(random);
            for (AllocationItem& item : problem.items)
                for (AllocationOption& option : item.options) {
                    option.error = std::exp(30 * (random.uniform() - 0.5));
                    option.cost = option.cost * 1000003ULL * 977ULL + (option.cost * 31) % 7;
                }
            const std::uint64_t least = problem.leastCost();
            const std::uint64_t most = mostCost(problem);
            double before = std::numeric_limits<double>::infinity();
            for (int k = 0; k <= 4; ++k) {
                const std::uint64_t budget = least + (most - least) / 4 * std::uint64_t(k);
                const Allocation found = leastError(problem, budget, Monitor());
                QVERIFY(found.optimal);
                QVERIFY(isClose(found.error, leastErrorByForce(problem, budget).error, 1e-14));
                QVERIFY(found.error <= before * (1 + 1e-14));
                before = found.error;
                const Allocation dual = leastCost(problem, found.error, Monitor());
                QVERIFY(dual.error <= found.error);
                QCOMPARE(dual.cost, leastCostByForce(problem, found.error).cost);
            }
        }
    }

    /// Instances of every hard kind: bounds hold, and a larger budget never costs error.
    void largeInstancesAreOrdered()
    {
        for (const LargeKind kind : largeKinds) {
            const AllocationProblem problem = largeProblem(kind, 120, 8, 7);
            const AllocationFront front = lagrangianFront(problem);
            const std::uint64_t least = front.steps.front().cost;
            const std::uint64_t most = front.steps.back().cost;
            double before = std::numeric_limits<double>::infinity();
            for (std::uint64_t k = 0; k <= 8; ++k) {
                const std::uint64_t budget = least + (most - least) / 8 * k;
                const Allocation exact = leastError(problem, budget, Monitor());
                const Allocation lagrangian = lagrangianAllocation(problem, budget);
                const Allocation greedy = greedyAllocation(problem, budget);
                QVERIFY(exact.optimal);
                for (const Allocation* a : {&exact, &lagrangian, &greedy})
                    QVERIFY(a->cost <= budget);
                QVERIFY(exact.error <= lagrangian.error * (1 + 1e-14));
                QVERIFY(exact.error <= greedy.error * (1 + 1e-14));
                QVERIFY(exact.error <= before * (1 + 1e-14));
                before = exact.error;
                // The relaxation's bound: on the line between the front's points around the budget.
                const std::size_t at = front.within(budget);
                if (at + 1 < front.steps.size()) {
                    const FrontStep& next = front.steps[at + 1];
                    const double bound =
                        front.steps[at].error -
                        next.gain * static_cast<double>(budget - front.steps[at].cost);
                    QVERIFY(exact.error >= bound * (1 - 1e-9));
                }
                const Allocation again = leastError(problem, budget, Monitor());
                QVERIFY(again.chosen == exact.chosen);
                const Allocation dual = leastCost(problem, exact.error, Monitor());
                QVERIFY(dual.cost <= exact.cost && dual.error <= exact.error);
            }
        }
    }

    void frontIsWhatMinimizesErrorPlusCost()
    {
        for (std::uint64_t seed = 0; seed < 100; ++seed) {
            RandomStream random(seed);
            const AllocationProblem problem = smallProblem(random);
            const AllocationFront front = lagrangianFront(problem);
            for (std::size_t k = 0; k < front.steps.size(); ++k) {
                const FrontStep& step = front.steps[k];
                const Allocation point = allocationOf(problem, front.chosenAt(k));
                QCOMPARE(point.cost, step.cost);
                QVERIFY(point.error == step.error); // whole numbers
                if (k == 0) {
                    QCOMPARE(step.cost, problem.leastCost());
                    QVERIFY(step.error == leastErrorByForce(problem, step.cost).error);
                    continue;
                }
                QVERIFY(step.cost > front.steps[k - 1].cost);
                QVERIFY(step.error < front.steps[k - 1].error);
                QVERIFY(k == 1 || step.gain <= front.steps[k - 1].gain);
                // Both ends of the step minimize error + gain · cost.
                const double lambda = step.gain;
                const auto sum = [&](double error, std::uint64_t cost) {
                    return error + lambda * static_cast<double>(cost);
                };
                const BruteForce best = bestOf(
                    problem, [](const BruteForce&) { return true; },
                    [&](const BruteForce& a, const BruteForce& b) {
                        return sum(a.error, a.cost) < sum(b.error, b.cost);
                    });
                QVERIFY(isClose(sum(step.error, step.cost), sum(best.error, best.cost), 1e-12));
                QVERIFY(isClose(sum(front.steps[k - 1].error, front.steps[k - 1].cost),
                                sum(best.error, best.cost), 1e-12));
            }
            QVERIFY(front.steps.back().error ==
                    leastErrorByForce(problem, mostCost(problem)).error);
        }
    }

    /// By hand: from (10, 8) the ratios are item 0: 4/2, 7/4, item 1: 3/1.
    void greedyTakesTheBestRatioThatFits()
    {
        AllocationProblem problem;
        problem.items = {{{{0, 10}, {2, 6}, {4, 3}}}, {{{0, 8}, {1, 5}}}};
        QCOMPARE(greedyAllocation(problem, 1).chosen, (std::vector<int>{0, 1}));
        QCOMPARE(greedyAllocation(problem, 2).chosen, (std::vector<int>{0, 1}));
        QCOMPARE(greedyAllocation(problem, 3).chosen, (std::vector<int>{1, 1}));
        QCOMPARE(greedyAllocation(problem, 5).chosen, (std::vector<int>{2, 1}));
        QCOMPARE(leastError(problem, 2, Monitor()).chosen, (std::vector<int>{1, 0}));
        QCOMPARE(lagrangianAllocation(problem, 2).chosen, (std::vector<int>{0, 1}));
    }

    void alikeOptionsGoToTheFirst()
    {
        AllocationProblem problem;
        problem.items = {{{{5, 1}, {3, 1}, {3, 1}, {3, 2}}}, {{{1, 0}, {1, 0}}}};
        for (const Allocation& a :
             {leastError(problem, 100, Monitor()), leastCost(problem, 100, Monitor()),
              greedyAllocation(problem, 100), lagrangianAllocation(problem, 100)}) {
            QCOMPARE(a.chosen, (std::vector<int>{1, 0}));
            QCOMPARE(a.cost, std::uint64_t(4));
        }
    }

    void emptyAndExtreme()
    {
        const Allocation none = leastError({}, 0, Monitor());
        QVERIFY(none.optimal && none.chosen.empty() && none.cost == 0 && none.error == 0);
        AllocationProblem problem;
        constexpr auto half = std::uint64_t(std::numeric_limits<std::int64_t>::max()) / 2;
        constexpr double large = std::numeric_limits<double>::max() / 4;
        problem.items = {{{{0, large}, {half, 1e-300}}}, {{{1, large}, {half, 0}}}};
        const Allocation best =
            leastError(problem, std::numeric_limits<std::uint64_t>::max(), Monitor());
        QCOMPARE(best.chosen, (std::vector<int>{1, 1}));
        // Either way one large error is left: the cheaper one.
        QCOMPARE(leastError(problem, half + 1, Monitor()).cost, half);
        QCOMPARE(leastCost(problem, 1, Monitor()).cost, 2 * half);
        QCOMPARE(leastCost(problem, std::numeric_limits<double>::infinity(), Monitor()).cost,
                 std::uint64_t(1));
    }

    void refusesWhatIsNoProblem()
    {
        AllocationProblem problem;
        problem.items.resize(1);
        QCOMPARE(codeOf([&] { problem.validate(); }), std::optional(ErrorCode::Usage));
        for (const double error : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
            problem.items[0].options = {{1, error}};
            QCOMPARE(codeOf([&] { problem.validate(); }), std::optional(ErrorCode::Numeric));
            QVERIFY(codeOf([&] { (void)leastError(problem, 9, Monitor()); }));
        }
        problem.items[0].options = {{std::uint64_t(1) << 63, 0}};
        QCOMPARE(codeOf([&] { problem.validate(); }), std::optional(ErrorCode::Shape));
        problem.items = {{{{std::uint64_t(1) << 62, 0}}}, {{{std::uint64_t(1) << 62, 0}}}};
        QCOMPARE(codeOf([&] { problem.validate(); }), std::optional(ErrorCode::Shape));
        problem.items = {{{{7, 2}}}};
        QCOMPARE(codeOf([&] { (void)leastCost(problem, 1.5, Monitor()); }),
                 std::optional(ErrorCode::Usage));
        QCOMPARE(codeOf([&] { (void)leastCost(problem, std::nan(""), Monitor()); }),
                 std::optional(ErrorCode::Usage));
        for (auto* solve : {&lagrangianAllocation, &greedyAllocation})
            QCOMPARE(codeOf([&] { (void)solve(problem, 6); }), std::optional(ErrorCode::Usage));
        try {
            (void)leastError(problem, 6, Monitor());
            QFAIL("a budget of 6 was met");
        } catch (const Error& error) {
            QVERIFY(std::string(error.what()).find('7') != std::string::npos);
        }
    }

    void stopsWhenAsked()
    {
        const AllocationProblem problem = largeProblem(LargeKind::WeaklyCorrelated, 120, 8, 3);
        const AllocationFront front = lagrangianFront(problem);
        const std::uint64_t budget = (front.steps.front().cost + front.steps.back().cost) / 2 + 1;
        for (const int after : {0, 1, 5}) {
            QVERIFY_EXCEPTION_THROWN((void)leastError(problem, budget, StoppingMonitor(after)),
                                     Cancelled);
            QVERIFY_EXCEPTION_THROWN(
                (void)leastCost(problem, front.steps[40].error * 0.999, StoppingMonitor(after)),
                Cancelled);
        }
    }

    /// Beyond the limits the best that was met is there, and it does not claim to be more.
    void limitsAreKeptHonestly()
    {
        RandomStream random(5);
        KnapsackItems items(60);
        std::int64_t most = 0;
        for (auto& options : items) {
            for (int j = 0; j < 8; ++j) {
                const auto weight = static_cast<std::int64_t>(random.uniform() * 1e9);
                options.push_back({weight, std::int64_t(1000000000) - weight, j});
            }
            most += 500000000;
        }
        const KnapsackLimits limits{64, 20000};
        const KnapsackSolution rough = solveKnapsack(items, most, Monitor(), limits);
        QVERIFY(!rough.optimal);
        const KnapsackSolution again = solveKnapsack(items, most, Monitor(), limits);
        QVERIFY(rough.chosen == again.chosen);
        std::int64_t weight = 0;
        for (std::size_t i = 0; i < items.size(); ++i)
            weight += items[i][static_cast<std::size_t>(rough.chosen[i])].weight;
        QVERIFY(weight <= most);
        QVERIFY(weight > most - most / 10000); // on a line: as much weight as fits is best
    }
};

QTEST_GUILESS_MAIN(TestAllocation)
#include "tst_allocation.moc"
