// SPDX-License-Identifier: GPL-3.0-or-later
//
// The exact solver against GLPK's branch and cut, which shares nothing with it.
#include "core/alloc/allocation.h"
#include "core/base/text.h"
#include "tests/support/allocation_cases.h"
#include "tests/support/support.h"

#include <QTest>
#include <glpk.h>

#include <memory>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Oracle
{
    bool solved = false;
    double bound = 0; ///< no allocation within the budget has a smaller error
    Allocation allocation;
};

/// min Σ error·x, Σ cost·x ≤ budget, Σ x = 1 for every item, x binary; to a gap of 0.
Oracle solveByGlpk(const AllocationProblem& problem, std::uint64_t budget)
{
    const std::unique_ptr<glp_prob, void (*)(glp_prob*)> owner(glp_create_prob(), glp_delete_prob);
    glp_prob* const lp = owner.get();
    const int items = static_cast<int>(problem.items.size());
    glp_set_obj_dir(lp, GLP_MIN);
    glp_add_rows(lp, items + 1);
    // In shares of the budget: the solver's tolerances are absolute.
    const auto unit = static_cast<double>(budget);
    glp_set_row_bnds(lp, items + 1, GLP_UP, 0, 1);
    for (int i = 0; i < items; ++i) {
        glp_set_row_bnds(lp, i + 1, GLP_FX, 1, 1);
        for (const AllocationOption& option : problem.items[static_cast<std::size_t>(i)].options) {
            const int column = glp_add_cols(lp, 1);
            glp_set_col_kind(lp, column, GLP_BV);
            glp_set_obj_coef(lp, column, option.error);
            const int rows[] = {0, i + 1, items + 1};
            const double values[] = {0, 1, static_cast<double>(option.cost) / unit};
            glp_set_mat_col(lp, column, 2, rows, values);
        }
    }
    glp_term_out(GLP_OFF);
    glp_iocp options;
    glp_init_iocp(&options);
    options.presolve = GLP_ON;
    options.mip_gap = 0;
    options.cov_cuts = GLP_ON;
    options.tm_lim = 60000;
    Oracle oracle;
    oracle.solved = glp_intopt(lp, &options) == 0 && glp_mip_status(lp) == GLP_OPT;
    oracle.bound = glp_mip_obj_val(lp);
    std::vector<int> chosen;
    int column = 1;
    for (const AllocationItem& item : problem.items) {
        for (int j = 0; j < static_cast<int>(item.options.size()); ++j, ++column)
            if (glp_mip_col_val(lp, column) > 0.5)
                chosen.push_back(j);
    }
    if (chosen.size() == problem.items.size())
        oracle.allocation = allocationOf(problem, chosen);
    else
        oracle.solved = false;
    return oracle;
}

} // namespace

class TestAllocationGlpk : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void findsWhatGlpkFinds_data()
    {
        QTest::addColumn<int>("kind");
        QTest::addColumn<int>("seed");
        QTest::addColumn<double>("share");
        const auto add = [](const char* name, LargeKind kind, int seed, double share) {
            QTest::addRow("%s %d, %g of the way", name, seed, share)
                << static_cast<int>(kind) << seed << share;
        };
        for (const int seed : {1, 2})
            for (const double share : {0.3, 0.5, 0.7}) {
                add("uncorrelated", LargeKind::Uncorrelated, seed, share);
                add("distinct sizes", LargeKind::DistinctSizes, seed, share);
            }
        // Layers of equal sizes can keep it busy for minutes; these do not.
        for (const int seed : {1, 2, 3, 5})
            add("transformer", LargeKind::Transformer, seed, 0.5);
        add("transformer", LargeKind::Transformer, 1, 0.7);
    }
    void findsWhatGlpkFinds()
    {
        QFETCH(int, kind);
        QFETCH(int, seed);
        QFETCH(double, share);
        const AllocationProblem problem =
            largeProblem(static_cast<LargeKind>(kind), 300, 8, static_cast<std::uint64_t>(seed));
        const AllocationFront front = lagrangianFront(problem);
        const auto span = static_cast<double>(front.steps.back().cost - front.steps.front().cost);
        const auto budget = front.steps.front().cost + static_cast<std::uint64_t>(share * span) + 1;
        const Allocation exact = leastError(problem, budget, Monitor());
        QVERIFY(exact.optimal);
        QVERIFY(exact.cost <= budget);
        const Oracle oracle = solveByGlpk(problem, budget);
        QVERIFY(oracle.solved);
        // Its own tolerances, relative to the bound and to the budget, are 1e-7.
        QVERIFY2(exact.error >= oracle.bound * (1 - 1e-6),
                 concat(exact.error, " below the bound ", oracle.bound).c_str());
        const Allocation same =
            leastError(problem, std::max(budget, oracle.allocation.cost), Monitor());
        QVERIFY2(same.error <= oracle.allocation.error * (1 + 1e-12),
                 concat(same.error, " against ", oracle.allocation.error).c_str());
        QVERIFY(oracle.allocation.cost <= budget + budget / 1000000);
    }
};

QTEST_GUILESS_MAIN(TestAllocationGlpk)
#include "tst_allocation_glpk.moc"
