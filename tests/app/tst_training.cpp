// SPDX-License-Identifier: GPL-3.0-or-later
// From a run that trains to the decoupleQ panel: every step arrives, in bundles; the panel shows
// the layer's steps and the blocks' losses while the run goes on, after it, and from its file.
#include "app/gui/main_window.h"
#include "app/gui/training_feed.h"
#include "tests/support/support.h"
#include "tests/support/window_session.h"
#include "widgets/panels/convergence_panel.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/plots/convergence_plot.h"
#include "widgets/plots/training_plot.h"

#include <QLabel>
#include <QSignalSpy>
#include <QTest>

#include <thread>

using namespace gradus;
using namespace gradus::test;

namespace {
const std::string layer = "model.layers.0.mlp.gate_proj";

bool chooseDecoupleq(MainWindow& window, bool fineTune = false)
{
    LayerChoice standard = window.workbench()->document()->recipe().standard;
    DecoupleqOptions options;
    options.iterations = 2;
    options.blockEpochs = 2;
    options.fineTune = fineTune;
    standard.method = options;
    standard.scheme.bits = 2;
    standard.keepFloat = false;
    window.workbench()->document()->setStandard(standard, QStringLiteral("decoupleQ"));
    return planned(window);
}
} // namespace

class TestTraining : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void feedLosesNothing();
    void feedForgetsAnotherRun();
    void aRunShowsItsStepsAndLosses();
    void aSavedRunShowsTheSame();
    void methodsInOneStepSaySo();

private:
    TemporaryFolder m_folder;
};

void TestTraining::feedLosesNothing()
{
    TrainingFeed feed;
    std::vector<TrainingProgress> got;
    int bundles = 0;
    const auto* gui = QThread::currentThread();
    connect(&feed, &TrainingFeed::advanced, this, [&](const std::vector<TrainingProgress>& steps) {
        QCOMPARE(QThread::currentThread(), gui);
        got.insert(got.end(), steps.begin(), steps.end());
        ++bundles;
    });
    constexpr int count = 5000;
    std::thread worker([&] {
        for (int i = 1; i <= count; ++i)
            feed.push({"b", i % 3, 0, i, count, 1.0 / i});
    });
    worker.join();
    QTRY_COMPARE(got.size(), std::size_t(count));
    for (int i = 0; i < count; ++i)
        QCOMPARE(got[static_cast<std::size_t>(i)].step, i + 1);
    QVERIFY2(bundles < 50, qPrintable(QString::number(bundles))); // not one by one
    feed.push({"b", 0, 0, 1, 1, 0.5});
    feed.flush(); // at once
    QCOMPARE(got.size(), std::size_t(count) + 1);
    feed.flush();
    QCOMPARE(got.size(), std::size_t(count) + 1);
}

void TestTraining::feedForgetsAnotherRun()
{
    TrainingFeed feed;
    QSignalSpy advanced(&feed, &TrainingFeed::advanced);
    feed.push({"b", 0, 0, 1, 1, 0.5});
    feed.clear();
    QTest::qWait(80);
    QCOMPARE(advanced.size(), 0);
    feed.push({"b", 0, 0, 1, 1, 0.5});
    QTRY_COMPARE(advanced.size(), 1);
}

void TestTraining::aRunShowsItsStepsAndLosses()
{
    MainWindow window(quiet());
    window.show();
    QVERIFY(openSample(window));
    QVERIFY(chooseDecoupleq(window));
    ConvergencePanel* panel = window.convergencePanel();
    window.layerPanel()->selectLayer(layer);
    QVERIFY(panel->convergencePlot()->isEmpty());
    std::vector<TrainingProgress> live;
    connect(window.workbench(), &Workbench::trainingAdvanced, this,
            [&](const std::vector<TrainingProgress>& steps) {
                live.insert(live.end(), steps.begin(), steps.end());
            });
    QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));

    const SessionRun* run = window.workbench()->document()->shownRun();
    QVERIFY(run && run->run);
    const LayerResult& result = *run->run->find(layer);
    QVERIFY(result.trace.size() >= 3);
    QTRY_VERIFY(!panel->convergencePlot()->isEmpty());
    QCOMPARE(panel->convergencePlot()->shown().points.size(), result.trace.size());
    QCOMPARE(panel->convergencePlot()->shown().run, run->name);
    const TrainingCurves curves = trainingsOf(run->results);
    QCOMPARE(curves.size(), window.workbench()->document()->model()->blocks.size());
    std::size_t steps = 0;
    for (const TrainingCurve& curve : curves) {
        QVERIFY(!curve.losses.empty());
        QVERIFY(curve.after() <= curve.before());
        steps += curve.losses.size();
    }
    QCOMPARE(live.size(), steps); // each of them was told while it ran
    QCOMPARE(panel->trainingPlot()->curves().size(), curves.size());
    QVERIFY(!panel->trainingPlot()->curves().back().running);
    const QModelIndex gain = window.layerPanel()->model()->index(
        window.layerPanel()->model()->rowOf(layer), LayerTableModel::BlockGain);
    QVERIFY(gain.data().toString().endsWith("dB"));
}

void TestTraining::aSavedRunShowsTheSame()
{
    const QString file = QString::fromStdString((m_folder / "trained.gradus").string());
    QString steps;
    QString losses;
    {
        MainWindow window(quiet());
        window.show();
        QVERIFY(openSample(window));
        QVERIFY(chooseDecoupleq(window, true));
        window.layerPanel()->selectLayer(layer);
        QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));
        QVERIFY(await([&](auto then) { window.workbench()->saveRun(file, then); }));
        QTRY_VERIFY(!window.convergencePanel()->convergencePlot()->isEmpty());
        steps = window.convergencePanel()->convergencePlot()->csv();
        losses = window.convergencePanel()->trainingPlot()->csv();
        window.convergencePanel()->chooseTraining(ConvergencePanel::fineTuning);
        QVERIFY(window.convergencePanel()->trainingPlot()->curves().front().isFineTuning());
    }
    MainWindow window(quiet());
    window.show();
    QVERIFY(await([&](auto then) { window.workbench()->openRun(file, then); }));
    QVERIFY(planned(window));
    window.layerPanel()->selectLayer(layer);
    QTRY_COMPARE(window.convergencePanel()->convergencePlot()->csv(), steps);
    QCOMPARE(window.convergencePanel()->trainingPlot()->csv(), losses);
}

void TestTraining::methodsInOneStepSaySo()
{
    MainWindow window(quiet());
    window.show();
    QVERIFY(openSample(window));
    window.layerPanel()->selectLayer(layer);
    const auto says = [&](const char* text) {
        for (const QLabel* label : window.convergencePanel()->findChildren<QLabel*>())
            if (label->text().contains(QLatin1String(text)))
                return true;
        return false;
    };
    QVERIFY(says("has not been computed yet"));
    QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));
    QTRY_VERIFY(says("goes in one step"));
    QVERIFY(says("Nothing was trained"));
    QVERIFY(window.convergencePanel()->convergencePlot()->isEmpty());
}

QTEST_MAIN(TestTraining)
#include "tst_training.moc"
