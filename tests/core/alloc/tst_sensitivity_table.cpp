// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/alloc/sensitivity_table.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

class TestSensitivityTable : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void ranksCorrelateAsSpearmanSays()
    {
        // Worked by hand: d = (0, 1, -1, 0), 1 - 6·2/(4·15) = 0.8.
        QVERIFY(isClose(rankCorrelation({1, 2, 3, 4}, {10, 30, 20, 1000}), 0.8, 1e-15));
        QVERIFY(isClose(rankCorrelation({1, 2, 3}, {-1, -8, -27}), -1, 1e-15));
        // Ties at their mean rank: ranks 1.5 1.5 3 4 against 1 2 3 4, Pearson's of those.
        QVERIFY(
            isClose(rankCorrelation({5, 5, 6, 7}, {1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5), 1e-15));
        QVERIFY(std::isnan(rankCorrelation({1}, {1})));
        QVERIFY(std::isnan(rankCorrelation({1, 1}, {1, 2})));
        QVERIFY(std::isnan(rankCorrelation({1, 2}, {1, 2, 3})));
    }

    void bestMetricIsTheLastThatEveryCandidateHas()
    {
        SensitivityTable table;
        QVERIFY(!table.best());
        table.candidates.resize(2);
        table.rows = {{"a", std::vector<Sensitivity>(2)}, {"b", std::vector<Sensitivity>(2)}};
        QVERIFY(!table.best());
        for (auto& row : table.rows)
            for (Sensitivity& s : row.candidates)
                s.weight = s.output = 0.1;
        QCOMPARE(table.best(), std::optional(SensitivityMetric::Output));
        table.rows[0].candidates[0].fisher = 1;
        QCOMPARE(table.best(), std::optional(SensitivityMetric::Output));
        table.rows[0].candidates[1].fisher = 1;
        table.rows[1].candidates[1].fisher = 1;
        table.rows[1].candidates[0].possible = false; // asks for nothing
        QCOMPARE(table.best(), std::optional(SensitivityMetric::Fisher));
        QCOMPARE(table.find("b"), &table.rows[1]);
        QVERIFY(table.find("c") == nullptr);
    }

    void layersThatAreDecidedNeedNoErrors()
    {
        SensitivityTable table;
        table.candidates.resize(1);
        table.rows = {{"a", std::vector<Sensitivity>(1)}, {"b", std::vector<Sensitivity>(1)}};
        table.rows[0].candidates[0].weight = table.rows[1].candidates[0].weight = 0.1;
        table.rows[0].candidates[0].fisher = 1;
        QCOMPARE(table.lacking(SensitivityMetric::Fisher), &table.rows[1]);
        QCOMPARE(table.best(), std::optional(SensitivityMetric::Weight));
        QVERIFY(table.has(SensitivityMetric::Fisher, {"b"}));
        QVERIFY(!table.has(SensitivityMetric::Fisher, {"a"}));
        QVERIFY(table.lacking(SensitivityMetric::Fisher, {"b"}) == nullptr);
        QCOMPARE(table.best({"b"}), std::optional(SensitivityMetric::Fisher));
    }

    void interactionIsOfTheSums()
    {
        SensitivityTable table;
        QVERIFY(std::isnan(interactionOf(table)));
        table.pairs.push_back({0, 1, 0, 0, 0.25, 0.5});
        table.pairs.push_back({0, 2, 0, 0, 0.75, 0.75});
        QVERIFY(isClose(interactionOf(table), 1.25, 1e-15));
    }

    void candidatesHaveNames()
    {
        LayerChoice choice;
        choice.scheme.bits = 3;
        QCOMPARE(candidateName(choice), std::string("3-bit rtn"));
        choice.scheme.granularity = Granularity::Group;
        choice.scheme.groupSize = 64;
        choice.activation.bits = 8;
        QCOMPARE(candidateName(choice), std::string("3-bit rtn, groups of 64, inputs 8-bit"));
        choice.keepFloat = true;
        QCOMPARE(candidateName(choice), std::string("float"));
        for (const auto metric : {SensitivityMetric::Weight, SensitivityMetric::Output,
                                  SensitivityMetric::Fisher, SensitivityMetric::Divergence})
            QCOMPARE(sensitivityMetricFromName(sensitivityMetricName(metric)),
                     std::optional(metric));
        QVERIFY(!sensitivityMetricFromName("loss"));
    }
};

QTEST_GUILESS_MAIN(TestSensitivityTable)
#include "tst_sensitivity_table.moc"
