// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_oracle.h"

#include <QTest>

#include <set>

using namespace gradus;
using namespace gradus::test;

/// Whoever adds an operator is told here what is missing: every one has a definition in double, and
/// every differentiable one is held against its differences.
class TestOperatorRegistry : public QObject
{
    Q_OBJECT

private slots:
    void everyOperatorHasAnOracle_data()
    {
        QTest::addColumn<int>("index");
        const std::vector<Operator> all = everyOperator();
        for (std::size_t i = 0; i < all.size(); ++i)
            QTest::newRow(std::string(operatorName(all[i])).c_str()) << static_cast<int>(i);
    }
    void everyOperatorHasAnOracle()
    {
        QFETCH(int, index);
        const Operator op = everyOperator()[static_cast<std::size_t>(index)];
        const auto found = operatorOracles().find(operatorName(op));
        QVERIFY2(found != operatorOracles().end(), "nobody has defined it in tests/support");
        QVERIFY(found->second.evaluate);
        int cases = 0;
        int smooth = 0;
        for (const OperatorCase& test : found->second.cases) {
            QCOMPARE(operatorName(test.op), operatorName(op));
            ++cases;
            smooth += test.smooth ? 1 : 0;
        }
        QVERIFY2(cases > 0, "it is tried on nothing");
        if (isDifferentiable(op))
            QVERIFY2(smooth > 0, "no case of it is smooth: its gradient is not checked");
    }

    void oraclesAreOfOperators()
    {
        std::set<std::string, std::less<>> names;
        for (const Operator& op : everyOperator())
            names.emplace(operatorName(op));
        for (const auto& [name, oracle] : operatorOracles())
            QVERIFY2(names.contains(name), name.c_str());
    }
};

QTEST_APPLESS_MAIN(TestOperatorRegistry)
#include "tst_operator_registry.moc"
