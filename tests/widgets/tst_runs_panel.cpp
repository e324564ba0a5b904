// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/session_runs.h"
#include "tests/support/support.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/runs_panel.h"

#include <QAbstractItemModelTester>
#include <QAction>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>

using namespace gradus;
using gradus::test::madeUpModel;
using gradus::test::madeUpRun;

class TestRunsPanel : public QObject
{
    Q_OBJECT
private:
    std::shared_ptr<Model> m_model = madeUpModel(2);
    std::shared_ptr<SessionRun> m_four = madeUpRun(1, QStringLiteral("four"), *m_model, 4);
    std::shared_ptr<SessionRun> m_three = madeUpRun(2, QStringLiteral("three"), *m_model, 3);
    std::shared_ptr<SessionRun> m_part = madeUpRun(7, QStringLiteral("part"), *m_model, 2, 3);
    std::unique_ptr<RunsPanel> m_panel;

    QModelIndex at(int row, int column) { return m_panel->model()->index(row, column); }
    void clickCell(int row, int column)
    {
        QTest::mouseClick(m_panel->view()->viewport(), Qt::LeftButton, {},
                          m_panel->view()->visualRect(at(row, column)).center());
    }
    QAction* action(const QString& text)
    {
        for (QAction* each : m_panel->findChildren<QAction*>()) {
            if (each->text() == text)
                return each;
        }
        return nullptr;
    }

private Q_SLOTS:
    void init();
    void lists();
    void totals();
    void marks();
    void renames();
    void actions();
    void keepsItsPlace();
};

void TestRunsPanel::init()
{
    m_panel = std::make_unique<RunsPanel>();
    m_three->perplexity = QStringLiteral("float 7.93 → quantized 8.11 (+2.3 %)");
    m_panel->setRuns({m_four, m_three, m_part}, 1, 2, 5);
    m_panel->resize(900, 240);
    m_panel->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
}

void TestRunsPanel::lists()
{
    QAbstractItemModelTester tester(m_panel->model(),
                                    QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(m_panel->model()->rowCount(), 3);
    QCOMPARE(at(0, RunsModel::Name).data().toString(), QStringLiteral("four"));
    QCOMPARE(at(0, RunsModel::State).data().toString(), QStringLiteral("complete"));
    QCOMPARE(at(2, RunsModel::State).data().toString(), QStringLiteral("3 of 5 layers"));
    QCOMPARE(at(1, RunsModel::PerplexityText).data().toString(), m_three->perplexity);
    QCOMPARE(at(0, RunsModel::PerplexityText).data().toString(), QStringLiteral("–"));
    QCOMPARE(at(0, RunsModel::Took).data().toString(), QStringLiteral("12.0 s"));
    QVERIFY(at(0, RunsModel::Started).data().toString().size() > 5); // another day: with its date
    QCOMPARE(at(0, RunsModel::Shown).data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    QCOMPARE(at(1, RunsModel::Shown).data(Qt::CheckStateRole).toInt(), int(Qt::Unchecked));
    QCOMPARE(at(1, RunsModel::Compared).data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    QVERIFY(at(2, RunsModel::Name)
                .data(Qt::ToolTipRole)
                .toString()
                .contains(QLatin1String("3 of 5 layers had finished")));
    m_panel->setRuns({m_four, m_three}, 2, 0, 5);
    QCOMPARE(at(1, RunsModel::Shown).data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
    m_panel->setRuns({}, 0, 0, 0);
    QCOMPARE(m_panel->model()->rowCount(), 0);
    QVERIFY(!m_panel->view()->isVisible()); // what to do is said instead
}

void TestRunsPanel::totals()
{
    const RunTotals whole = totalsOfRun(*m_four);
    QCOMPARE(whole.layers, 5);
    QCOMPARE(whole.quantized, 4);
    QCOMPARE(whole.bytes, m_four->run->totals.bytes + 12800);
    const RunTotals part = totalsOfRun(*m_part);
    QCOMPARE(part.layers, 3);
    QCOMPARE(part.quantized, 2);
    QCOMPARE(part.bytes, std::uint64_t(0)); // of the whole model nobody knows yet
    const StoredSize up = m_part->results.at("blocks.0.up").result.weight->size();
    const StoredSize down = m_part->results.at("blocks.0.down").result.weight->size();
    QVERIFY(test::isClose(part.bitsPerWeight,
                          8.0 * double(up.bytes() + down.bytes()) / (2 * 128 * 64), 1e-12));
}

void TestRunsPanel::marks()
{
    QSignalSpy shown(m_panel.get(), &RunsPanel::runShown);
    QSignalSpy compared(m_panel.get(), &RunsPanel::compareRequested);
    clickCell(1, RunsModel::Shown);
    QCOMPARE(shown.size(), 1);
    QCOMPARE(shown[0][0].toInt(), 2);
    clickCell(0, RunsModel::Shown); // it is shown already, and one always is
    QCOMPARE(shown.size(), 1);
    clickCell(2, RunsModel::Compared);
    QCOMPARE(compared.last()[0].toInt(), 7);
    clickCell(1, RunsModel::Compared); // is B: not any more
    QCOMPARE(compared.last()[0].toInt(), 0);
    // By keys.
    m_panel->view()->setCurrentIndex(at(2, RunsModel::Shown));
    QTest::keyClick(m_panel->view(), Qt::Key_Space);
    QCOMPARE(shown.last()[0].toInt(), 7);
    // The marks are what was told from outside, until it is told anew.
    QCOMPARE(at(0, RunsModel::Shown).data(Qt::CheckStateRole).toInt(), int(Qt::Checked));
}

void TestRunsPanel::renames()
{
    QSignalSpy renamed(m_panel.get(), &RunsPanel::renamed);
    m_panel->view()->setCurrentIndex(at(1, RunsModel::State));
    action(QStringLiteral("Rename"))->trigger();
    auto* editor = m_panel->view()->viewport()->findChild<QLineEdit*>();
    QVERIFY(editor);
    QCOMPARE(editor->text(), QStringLiteral("three"));
    editor->setText(QStringLiteral("  another \n name "));
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_COMPARE(renamed.size(), 1);
    QCOMPARE(renamed[0][0].toInt(), 2);
    QCOMPARE(renamed[0][1].toString(), QStringLiteral("another name"));
    QVERIFY(!m_panel->model()->setData(at(1, RunsModel::Name), QStringLiteral("  "), Qt::EditRole));
    QVERIFY(m_panel->model()->setData(at(1, RunsModel::Name), QStringLiteral("three"),
                                      Qt::EditRole)); // the same
    QCOMPARE(renamed.size(), 1);
}

void TestRunsPanel::actions()
{
    QSignalSpy removed(m_panel.get(), &RunsPanel::removeRequested);
    QSignalSpy saved(m_panel.get(), &RunsPanel::saveRequested);
    QSignalSpy exported(m_panel.get(), &RunsPanel::exportRequested);
    QSignalSpy reported(m_panel.get(), &RunsPanel::reportRequested);
    QSignalSpy shown(m_panel.get(), &RunsPanel::runShown);
    QSignalSpy compared(m_panel.get(), &RunsPanel::compareRequested);
    m_panel->view()->setCurrentIndex(at(1, RunsModel::Name));
    for (const char* text : {"Remove", "Save…", "Export…", "Report…", "Show"})
        action(QString::fromUtf8(text))->trigger();
    for (QSignalSpy* spy : {&removed, &saved, &exported, &reported, &shown}) {
        QCOMPARE(spy->size(), 1);
        QCOMPARE(spy->first()[0].toInt(), 2);
    }
    action(QStringLiteral("Stop comparing"))->trigger();
    QCOMPARE(compared.last()[0].toInt(), 0);
    // What a cancelled run has finished can be saved and exported too.
    m_panel->view()->setCurrentIndex(at(2, RunsModel::Name));
    QVERIFY(!m_panel->model()->row(2).run->isComplete());
    for (const char* text : {"Remove", "Save…", "Export…", "Report…", "Show"})
        QVERIFY2(action(QString::fromUtf8(text))->isEnabled(), text);
    action(QStringLiteral("Compare"))->trigger();
    QCOMPARE(compared.last()[0].toInt(), 7);
    // A run is not compared with itself.
    m_panel->view()->setCurrentIndex(at(0, RunsModel::Name));
    QVERIFY(!action(QStringLiteral("Compare"))->isEnabled());
    QVERIFY(!action(QStringLiteral("Show"))->isEnabled());
    m_panel->setRuns({}, 0, 0, 0);
    QVERIFY(!action(QStringLiteral("Remove"))->isEnabled());
    QCOMPARE(m_panel->currentRun(), 0);
}

void TestRunsPanel::keepsItsPlace()
{
    m_panel->view()->setCurrentIndex(at(1, RunsModel::Name));
    m_panel->setRuns({m_three, m_part}, 7, 0, 5);
    QCOMPARE(m_panel->currentRun(), 2);
    m_panel->setRuns({m_four, m_part}, 7, 0, 5); // it is gone: the one that is shown
    QCOMPARE(m_panel->currentRun(), 7);
}

QTEST_MAIN(TestRunsPanel)
#include "tst_runs_panel.moc"
