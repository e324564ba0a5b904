// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/session_runs.h"
#include "tests/support/support.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/run_comparison.h"

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QFile>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QTest>

#include <cmath>

using namespace gradus;
using gradus::test::isClose;
using gradus::test::madeUpModel;
using gradus::test::madeUpRun;
using gradus::test::rowsOf;

using Names = std::vector<std::string>;

class TestRunComparison : public QObject
{
    Q_OBJECT
private:
    std::shared_ptr<Model> m_model = madeUpModel(2);
    std::shared_ptr<SessionRun> m_a;
    std::shared_ptr<SessionRun> m_b;
    std::unique_ptr<RunComparison> m_panel;

    const QAbstractItemModel& shown() { return *m_panel->view()->model(); }
    QStringList names()
    {
        QStringList list;
        for (int row = 0; row < shown().rowCount(); ++row)
            list.append(shown().index(row, ComparisonModel::Name).data().toString());
        return list;
    }
    QString cell(int row, int column) { return shown().index(row, column).data().toString(); }

private Q_SLOTS:
    void init();
    void numbers();
    void startsWithWhatThereIs();
    void largestChangeFirst();
    void totalsStayOnTop();
    void onlyDifferent();
    void unevenRuns();
    void activates();
    void copiesAndSaves();
    void emptyStates();
};

/// B has 3 bits instead of 4; its last layer is the same as A's and its "blocks.1.up" got better.
void TestRunComparison::init()
{
    m_a = madeUpRun(1, QStringLiteral("four, plain"), *m_model, 4);
    m_b = madeUpRun(2, QStringLiteral("three"), *m_model, 3);
    m_b->perplexity = QStringLiteral("8.11");
    m_b->results["blocks.1.down"] = m_a->results["blocks.1.down"];
    m_b->results["blocks.1.up"].result.relativeOutputError =
        m_a->results["blocks.1.up"].result.relativeOutputError / 10;
    m_panel = std::make_unique<RunComparison>();
    m_panel->setRows(rowsOf(*m_model, m_a->run->recipe, m_a->results));
    m_panel->setRuns(m_a, m_b);
    m_panel->resize(1200, 500);
    m_panel->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
}

void TestRunComparison::numbers()
{
    QAbstractItemModelTester tester(m_panel->model(),
                                    QAbstractItemModelTester::FailureReportingMode::QtTest);
    const int row = static_cast<int>(names().indexOf(QStringLiteral("blocks.0.up")));
    QVERIFY(row > 0);
    using M = ComparisonModel;
    QCOMPARE(cell(row, M::ChoiceA), QStringLiteral("RTN 4 bit"));
    QCOMPARE(cell(row, M::ChoiceB), QStringLiteral("RTN 3 bit"));
    QCOMPARE(cell(row, M::ErrorA), QStringLiteral("1.25 %"));
    QCOMPARE(cell(row, M::ErrorB), QStringLiteral("2.50 %"));
    QCOMPARE(cell(row, M::ErrorRatio), QStringLiteral("× 2.00"));
    QCOMPARE(cell(row, M::SqnrA), QStringLiteral("24.0 dB"));
    QCOMPARE(cell(row, M::SqnrDifference), QStringLiteral("−6.0 dB"));
    QCOMPARE(cell(row, M::BitsA), QStringLiteral("4.25"));
    QCOMPARE(cell(row, M::BitsB), QStringLiteral("3.25"));
    QCOMPARE(shown().index(row, M::ErrorRatio).data(RatingRole).toInt(), int(Rating::Fair));
    const int better = static_cast<int>(names().indexOf(QStringLiteral("blocks.1.up")));
    QCOMPARE(shown().index(better, M::ErrorRatio).data(RatingRole).toInt(), int(Rating::Good));
    const int same = static_cast<int>(names().indexOf(QStringLiteral("blocks.1.down")));
    QCOMPARE(cell(same, M::SqnrDifference), QStringLiteral("0.0 dB"));
    QCOMPARE(shown().index(same, M::ErrorRatio).data(RatingRole).toInt(), int(Rating::None));
    const int kept = static_cast<int>(names().indexOf(QStringLiteral("embed")));
    QCOMPARE(cell(kept, M::ChoiceA), QStringLiteral("float"));
    QCOMPARE(cell(kept, M::ErrorRatio), QStringLiteral("–"));
    QCOMPARE(cell(kept, M::BitsB), QStringLiteral("16.00"));
    // Totals.
    QCOMPARE(cell(0, M::Name), QStringLiteral("Whole model"));
    QCOMPARE(cell(0, M::BitsA), QStringLiteral("4.19"));
    QCOMPARE(cell(0, M::ErrorA), QString());
    QVERIFY(shown().index(0, M::SizeRatio).data(SortRole).toDouble() < 1);
    bool said = false;
    for (const QLabel* label : m_panel->findChildren<QLabel*>())
        said =
            said || (label->text().contains(QStringLiteral("A: four, plain · 4.19 bits/weight")) &&
                     label->text().contains(QStringLiteral(" · 8.11")));
    QVERIFY(said);
    QCOMPARE(m_panel->plot()->shownLayers().size(), std::size_t(5));
    QVERIFY(isClose(m_panel->plot()->value(1, 1), 2.5, 1e-12));
}

/// Runs without data have no output errors to draw: their SQNR stands for them.
void TestRunComparison::startsWithWhatThereIs()
{
    QCOMPARE(m_panel->plot()->measure(), Measure::OutputError);
    const auto without = [](const std::shared_ptr<SessionRun>& run) {
        auto result = std::make_shared<SessionRun>(*run);
        for (auto& [name, layer] : result->results)
            layer.result.relativeOutputError = std::nan("");
        return result;
    };
    m_panel->setRuns(without(m_a), without(m_b));
    QCOMPARE(m_panel->plot()->measure(), Measure::WeightSqnr);
    QVERIFY(!m_panel->plot()->isEmpty());
    m_panel->setRuns(m_a, without(m_b)); // one of the two is not enough
    QCOMPARE(m_panel->plot()->measure(), Measure::WeightSqnr);
    m_panel->setRuns(m_a, m_b);
    QCOMPARE(m_panel->plot()->measure(), Measure::OutputError);
}

void TestRunComparison::largestChangeFirst()
{
    const QStringList order = names();
    QCOMPARE(order[0], QStringLiteral("Whole model"));
    QCOMPARE(order[1], QStringLiteral("blocks.1.up")); // ten times, if to the better
    QCOMPARE(order.mid(2, 2), (QStringList{"blocks.0.up", "blocks.0.down"}));
    QCOMPARE(order.mid(4), (QStringList{"embed", "blocks.1.down"})); // no change: model order
}

void TestRunComparison::totalsStayOnTop()
{
    for (const int column : {int(ComparisonModel::ErrorRatio), int(ComparisonModel::Name),
                             int(ComparisonModel::SizeA)}) {
        for (const Qt::SortOrder order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
            m_panel->view()->sortByColumn(column, order);
            QCOMPARE(names()[0], QStringLiteral("Whole model"));
            QCOMPARE(names().size(), 6);
        }
    }
    m_panel->view()->sortByColumn(ComparisonModel::ErrorRatio, Qt::DescendingOrder);
    QCOMPARE(cell(1, ComparisonModel::ErrorRatio), QStringLiteral("× 2.00"));
    m_panel->view()->sortByColumn(-1, Qt::DescendingOrder);
    QCOMPARE(names()[1], QStringLiteral("blocks.1.up"));
}

void TestRunComparison::onlyDifferent()
{
    m_panel->setOnlyDifferent(true);
    QCOMPARE(names(), (QStringList{"Whole model", "blocks.1.up", "blocks.0.up", "blocks.0.down"}));
    m_panel->setOnlyDifferent(false);
    QCOMPARE(names().size(), 6);
}

void TestRunComparison::unevenRuns()
{
    // Cancelled after two layers, and one layer float in B only.
    auto part = madeUpRun(3, QStringLiteral("part"), *m_model, 3, 2);
    part->results["blocks.0.up"].result.weight.reset();
    part->results["blocks.0.up"].result.weightSqnrDb = std::nan("");
    part->results["blocks.0.up"].result.relativeOutputError = std::nan("");
    m_panel->setRuns(m_a, part);
    QCOMPARE(names()[1], QStringLiteral("blocks.0.up")); // quantized or not: the largest of all
    QCOMPARE(cell(1, ComparisonModel::ChoiceB), QStringLiteral("float"));
    QCOMPARE(cell(1, ComparisonModel::ErrorRatio), QStringLiteral("–"));
    const int missing = static_cast<int>(names().indexOf(QStringLiteral("blocks.1.up")));
    QCOMPARE(cell(missing, ComparisonModel::ChoiceB), QStringLiteral("–"));
    QCOMPARE(cell(missing, ComparisonModel::SizeB), QStringLiteral("–"));
    QCOMPARE(cell(0, ComparisonModel::SizeB), QStringLiteral("–"));
    QCOMPARE(cell(0, ComparisonModel::SizeRatio), QStringLiteral("–"));
}

void TestRunComparison::activates()
{
    std::vector<Names> told;
    connect(m_panel.get(), &RunComparison::layersActivated, this,
            [&](const Names& layers, bool) { told.push_back(layers); });
    const auto click = [&](int row, Qt::KeyboardModifiers modifiers = {}) {
        QTest::mouseClick(m_panel->view()->viewport(), Qt::LeftButton, modifiers,
                          m_panel->view()->visualRect(shown().index(row, 0)).center());
    };
    click(2);
    QCOMPARE(told.back(), Names{"blocks.0.up"});
    click(3, Qt::ControlModifier);
    QCOMPARE(told.back().size(), std::size_t(2));
    const auto before = told.size();
    click(0); // the totals are no layer
    QCOMPARE(told.size(), before);
    m_panel->view()->setCurrentIndex(shown().index(1, 0));
    QTest::keyClick(m_panel->view(), Qt::Key_Return);
    QCOMPARE(told.back(), Names{"blocks.1.up"});
    // Selected elsewhere: shown here, and not told.
    const auto then = told.size();
    m_panel->setSelected({"embed"});
    QCOMPARE(told.size(), then);
    const QModelIndexList rows = m_panel->view()->selectionModel()->selectedRows();
    QCOMPARE(rows.size(), 1);
    QCOMPARE(rows[0].data().toString(), QStringLiteral("embed"));
}

void TestRunComparison::copiesAndSaves()
{
    m_panel->view()->clearSelection();
    QApplication::clipboard()->clear();
    m_panel->view()->setFocus();
    m_panel->copyTable();
    const QStringList lines = QApplication::clipboard()->text().split(QLatin1Char('\n'));
    QCOMPARE(lines.size(), 1 + 6 + 1);
    QCOMPARE(lines[0].count(QLatin1Char('\t')), int(ComparisonModel::ColumnCount) - 1);
    QVERIFY(lines[3].startsWith(QLatin1String("blocks.0.up\tRTN 4 bit\tRTN 3 bit\t1.25 %\t")));

    const test::TemporaryFolder folder;
    const QString path = QString::fromStdString((folder / "table.csv").string());
    QString error;
    QVERIFY(m_panel->saveCsv(path, &error));
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QString text = QString::fromUtf8(file.readAll());
    QVERIFY(
        text.startsWith(QLatin1String("# a,\"four, plain\"\n# b,three\n# perplexity_b,8.11\n")));
    QCOMPARE(text, m_panel->csv());
    const QStringList saved = text.split(QLatin1Char('\n'));
    QCOMPARE(saved[3].count(QLatin1Char(',')), 12);
    QVERIFY(saved[4].startsWith(QLatin1String("(whole model),,,4.1")));
    QVERIFY(text.contains(QLatin1String(",24,18,-6,1.25,2.5,2\n")));
    QVERIFY(!m_panel->saveCsv(path + QStringLiteral("/no"), &error));
    QVERIFY(error.contains(QLatin1String("cannot be written")));
}

void TestRunComparison::emptyStates()
{
    m_panel->setRuns(m_a, nullptr);
    QVERIFY(!m_panel->view()->isVisible());
    QCOMPARE(m_panel->csv(), QString());
    QCOMPARE(m_panel->model()->rowCount(), 0);
    m_panel->setRuns(nullptr, nullptr);
    QVERIFY(!m_panel->view()->isVisible());
    m_panel->copyTable();
    m_panel->setRuns(m_a, m_b);
    QVERIFY(m_panel->view()->isVisible());
    m_panel->setRows(nullptr);
    QVERIFY(!m_panel->view()->isVisible());
}

QTEST_MAIN(TestRunComparison)
#include "tst_run_comparison.moc"
