// SPDX-License-Identifier: GPL-3.0-or-later
// The decoupleQ panel and its plots, on values made by hand: what is drawn, said and copied.
#include "tests/support/support.h"
#include "widgets/models/decibel.h"
#include "widgets/models/runs_model.h"
#include "widgets/models/trace_model.h"
#include "widgets/models/training_model.h"
#include "widgets/panels/convergence_panel.h"
#include "widgets/panels/value_table.h"
#include "widgets/plots/convergence_plot.h"
#include "widgets/plots/training_plot.h"

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QSignalSpy>
#include <QTabWidget>
#include <QTest>
#include <qcustomplot.h>

#include <cmath>
#include <set>

using namespace gradus;

namespace {

std::vector<TracePoint> trace()
{
    using S = TraceStage;
    return {{S::RoundToNearest, 0, 0.2, 1, 0, 0},     {S::Sweep, 0, 0.08, 0.9, 0, 0},
            {S::GridSearch, 0, 0.05, 0.75, 0.1, 0.5}, {S::Integers, 2, 0.04, 1, 0, 0},
            {S::Scales, 2, 0.03, 1, 0.02, 0.125},     {S::Polish, 1, 0.025, 0.5, 0.01, 0.0625},
            {S::Block, 0, 0.0275, 1, 0.001, 0.03125}};
}

/// Two epochs of three steps; the first epoch is kept.
std::shared_ptr<TuningOutcome> outcome(int block, double before = 0.04)
{
    auto o = std::make_shared<TuningOutcome>();
    o->name = block < 0 ? "fine-tuning" : "model.layers." + std::to_string(block);
    o->block = block;
    const auto f = [](double value) { return static_cast<float>(value); };
    o->losses = {f(before),       f(before * 0.75),  f(before * 0.5),
                 f(before * 0.5), f(before * 0.625), f(before * 0.75)};
    o->epochLosses = {before, before / 2, before * 0.75};
    o->bestEpoch = 1;
    o->stoppedEarly = true;
    o->scaleChange = 0.015625;
    o->zeroChange = 0.25;
    return o;
}

Results trained()
{
    Results results;
    const auto first = outcome(0);
    const auto second = outcome(1, 0.02);
    const auto last = outcome(-1, 2.5);
    const auto add = [&](const std::string& name,
                         std::vector<std::shared_ptr<const TuningOutcome>> tunings) {
        MeasuredLayer measured;
        measured.result.name = name;
        measured.result.tunings = std::move(tunings);
        results[name] = measured;
    };
    add("b.1.up", {second, last});
    add("b.0.up", {first, last});
    add("b.0.down", {first, last});
    add("head", {});
    return results;
}

TrainingProgress step(int block, int epoch, std::int64_t at, double loss, std::int64_t steps = 4)
{
    return {
        block < 0 ? "fine-tuning" : "b." + std::to_string(block), block, epoch, at, steps, loss};
}

QCustomPlot& canvas(PlotView& view)
{
    return *view.findChild<QCustomPlot*>();
}
} // namespace

class TestConvergencePanel : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void decibels();
    void traceTable();
    void convergenceDrawsEveryStep();
    void convergenceComparesTwoRuns();
    void convergenceWithoutErrorHasNoPlace();
    void convergenceLabelsWhatFits();
    void stagesDifferByShape();
    void trainingsOfARun();
    void trainingLogFollowsTheSteps();
    void runningTrainingsGiveWay();
    void trainingPlotOfOneBlock();
    void trainingPlotOfAllBlocks();
    void trainingPlotKeepsAChosenRange();
    void fineTuningIsInNats();
    void panelIsEmptyAtFirst();
    void panelShowsALayer();
    void panelShowsTrainings();
    void panelFollowsARun();
    void tablesAreCopied();
    void runsTellOfTrainings();
    void everythingHasAName();
};

void TestConvergencePanel::decibels()
{
    QCOMPARE(gainDecibel(0.1, 0.01), 10.0);
    QVERIFY(std::isnan(gainDecibel(0, 1)) && std::isnan(gainDecibel(1, 0)));
    QVERIFY(std::isnan(gainDecibel(std::nan(""), 1)));
    QCOMPARE(errorDecibel(0.01), 20.0);
    QVERIFY(std::isinf(errorDecibel(0)));
    QCOMPARE(signedDecibel(1.316), QString("+1.32 dB"));
    QCOMPARE(signedDecibel(-0.2), QString("−0.20 dB"));
    QCOMPARE(signedDecibel(0.001), QString("0.00 dB"));
    QCOMPARE(signedDecibel(12.34), QString("+12.3 dB"));
    QCOMPARE(signedDecibel(std::nan("")), QString("–"));
}

void TestConvergencePanel::traceTable()
{
    TraceModel model;
    QAbstractItemModelTester tester(&model);
    model.setTrace(trace());
    QCOMPARE(model.rowCount(), 7);
    const auto text = [&](int row, int column) {
        return model.index(row, column).data().toString();
    };
    QCOMPARE(text(0, TraceModel::Stage), QString("Round to nearest"));
    QCOMPARE(text(0, TraceModel::Error), QString("20.0 %"));
    QCOMPARE(text(0, TraceModel::Accepted), QString("–"));
    QCOMPARE(text(0, TraceModel::Gain), QString("–"));
    QCOMPARE(text(3, TraceModel::Stage), QString("Integers, round 2"));
    QCOMPARE(text(3, TraceModel::Gain), QString("+0.97 dB"));
    QCOMPARE(text(2, TraceModel::Accepted), QString("75.0 %"));
    QCOMPARE(text(4, TraceModel::ScaleChange), QString("2.00 %"));
    QCOMPARE(text(4, TraceModel::ZeroChange), QString("0.125"));
    QCOMPARE(text(6, TraceModel::Gain), QString("−0.41 dB")); // a layer may lose
    QVERIFY(model.index(6, 0).data(Qt::ToolTipRole).toString().contains("may rise"));
    model.setTrace({});
    QCOMPARE(model.rowCount(), 0);
}

void TestConvergencePanel::convergenceDrawsEveryStep()
{
    ConvergencePlot plot;
    QVERIFY(plot.isEmpty());
    QVERIFY(plot.csv().isEmpty());
    plot.setTraces("b.0.up", {"Run 1", trace()});
    QVERIFY(!plot.isEmpty());
    QCOMPARE(plot.legendTexts(),
             (QStringList{"Round to nearest", "GPTQ sweep", "Grid search", "Integers",
                          "Scales and zeros", "Polish", "Block stage"}));
    const QStringList lines = plot.csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 8);
    QCOMPARE(lines[0], QString("run,first,last,stage,round,relative_error,accepted,scale_change,"
                               "zero_change"));
    QCOMPARE(lines[5], QString("A,4,4,scales,2,0.03,1,0.02,0.125"));
    const auto [low, high] = plot.shownRange(Qt::Vertical);
    QVERIFY(low < 2.5 && high > 20); // percent
    QVERIFY(low > 0);
    const QString said = plot.readout(4.2, 3);
    QVERIFY2(said.contains("step 4: Scales and zeros, round 2"), qPrintable(said));
    QVERIFY(said.contains("3.00 %") && said.contains("15.2 dB") && said.contains("+1.25 dB"));
    QVERIFY(plot.readout(7.1, 3).isEmpty());
    plot.setShownRange(Qt::Horizontal, 1.5, 3.5);
    QCOMPARE(plot.visibleCsv().split('\n', Qt::SkipEmptyParts).size(), 3);
    QSignalSpy clicked(&plot, &ConvergencePlot::stepClicked);
    plot.resize(600, 400);
    plot.show();
    plot.fit();
    plot.replotNow();
    QTest::mouseClick(&canvas(plot), Qt::LeftButton, Qt::NoModifier, plot.positionOf(2, 5));
    QCOMPARE(clicked.size(), 1);
    QCOMPARE(clicked.front().front().toInt(), 2);
}

void TestConvergencePanel::convergenceComparesTwoRuns()
{
    ConvergencePlot plot;
    auto other = trace();
    other.resize(3);
    plot.setTraces("b.0.up", {"Run 2", trace()}, {"Run 1", other});
    QCOMPARE(plot.legendTexts().last(), QString("Run 1"));
    QCOMPARE(plot.csv().count("\nB,"), 3);
    QVERIFY(plot.readout(1, 1).contains("Run 1: 8.00 %"));
    QVERIFY(!plot.readout(5, 1).contains("Run 1"));
    plot.setTraces("b.0.up", {"Run 2", trace()});
    QVERIFY(!plot.legendTexts().contains("Run 1"));
}

void TestConvergencePanel::convergenceWithoutErrorHasNoPlace()
{
    ConvergencePlot plot;
    auto points = trace();
    points[3].relativeError = 0;
    points[4].relativeError = std::nan("");
    plot.setTraces("b.0.up", {"Run 1", points});
    const auto [low, high] = plot.shownRange(Qt::Vertical);
    QVERIFY(std::isfinite(low) && std::isfinite(high) && low > 0 && low < 2.5);
    QVERIFY(plot.readout(3, 1).contains("∞ dB"));
    for (TracePoint& point : points)
        point.relativeError = 0;
    plot.setTraces("b.0.up", {"Run 1", points});
    plot.fit();
    QVERIFY(plot.shownRange(Qt::Vertical).first > 0);
}

void TestConvergencePanel::convergenceLabelsWhatFits()
{
    ConvergencePlot plot;
    std::vector<TracePoint> points;
    for (int round = 1; round <= 40; ++round)
        points.push_back({TraceStage::Integers, round, 1.0 / round, 1, 0, 0});
    plot.setTraces("b.0.up", {"Run 1", points});
    plot.resize(500, 300);
    plot.show();
    plot.replotNow();
    const auto few = plot.tickTexts().size();
    QVERIFY(few >= 4 && few <= 20);
    plot.setShownRange(Qt::Horizontal, 0, 4);
    plot.replotNow();
    QCOMPARE(plot.tickTexts().size(), 40); // all, of which four are seen
}

/// Nothing is said by colour alone: no two stages have the same mark.
void TestConvergencePanel::stagesDifferByShape()
{
    ConvergencePlot plot;
    std::vector<TracePoint> points;
    for (int stage = 0; stage <= int(TraceStage::FineTuning); ++stage)
        points.push_back({TraceStage(stage), 0, 0.1, 1, 0, 0});
    plot.setTraces("b.0.up", {"Run 1", points});
    std::set<std::pair<int, bool>> looks;
    int marks = 0;
    for (int i = 0; i < canvas(plot).graphCount(); ++i) {
        const QCPGraph* graph = canvas(plot).graph(i);
        if (graph->lineStyle() != QCPGraph::lsNone)
            continue;
        const QColor ground = plot.palette().color(QPalette::Base);
        looks.insert(
            {int(graph->scatterStyle().shape()), graph->scatterStyle().brush().color() == ground});
        ++marks;
    }
    QCOMPARE(marks, 13);
    QCOMPARE(looks.size(), std::size_t(13));
}

void TestConvergencePanel::trainingsOfARun()
{
    const TrainingCurves curves = trainingsOf(trained());
    QCOMPARE(curves.size(), std::size_t(3));
    QCOMPARE(curves[0].block, 0);
    QCOMPARE(curves[0].layers, std::int64_t(2));
    QCOMPARE(curves[1].block, 1);
    QVERIFY(curves[2].isFineTuning());
    QCOMPARE(curves[2].layers, std::int64_t(3));
    QCOMPARE(curves[0].epochSteps, std::int64_t(3));
    QCOMPARE(curves[0].epochOf(2), 0);
    QCOMPARE(curves[0].epochOf(3), 1);
    QCOMPARE(curves[0].before(), 0.04);
    QCOMPARE(curves[0].after(), 0.02);
    const std::vector<double> means = curves[0].epochMeans();
    QCOMPARE(means.size(), std::size_t(2));
    QVERIFY(std::fabs(means[0] - 0.03) < 1e-8 && std::fabs(means[1] - 0.025) < 1e-8);
    QCOMPARE(trainingState(curves[0]), QString("stopped early; epoch 1 kept"));
    QCOMPARE(trainingSummary(curves),
             QString("2 blocks trained: +3.01 dB on average; fine-tuning: 2.5 nats → 1.25 nats "
                     "per token"));
    QVERIFY(trainingSummary({}).isEmpty());
    // Cancelled within its second epoch: how long an epoch is cannot be told.
    auto cut = outcome(0);
    cut->losses.resize(5);
    cut->epochLosses = {0.04, 0.02};
    cut->cancelled = true;
    Results results;
    results["a"].result.tunings = {cut};
    const TrainingCurves one = trainingsOf(results);
    QCOMPARE(one.size(), std::size_t(1));
    QCOMPARE(trainingState(one[0]), QString("cancelled"));
    // Without any epoch done nothing is known of it.
    cut->epochLosses.clear();
    const TrainingCurves none = trainingsOf(results);
    QVERIFY(std::isnan(none[0].before()) && std::isnan(none[0].after()));
    QCOMPARE(none[0].epochOf(0), -1);
    QCOMPARE(none[0].epochMeans().size(), std::size_t(1));
}

void TestConvergencePanel::trainingLogFollowsTheSteps()
{
    TrainingLog log;
    log.add(step(1, 0, 1, 0.5));
    log.add(step(1, 0, 2, 0.4));
    QVERIFY(log.curves()[0].running);
    QCOMPARE(trainingState(log.curves()[0]), QString("step 2 of 4"));
    QCOMPARE(log.curves()[0].epochSteps, std::int64_t(0));
    log.add(step(1, 1, 3, 0.3));
    QCOMPARE(log.curves()[0].epochSteps, std::int64_t(2));
    log.add(step(1, 1, 4, 0.2));
    QVERIFY(!log.curves()[0].running);
    log.add(step(-1, 0, 1, 3));
    log.add(step(0, 0, 1, 0.7));
    QCOMPARE(log.curves().size(), std::size_t(3));
    QCOMPARE(log.curves()[0].block, 0); // in the blocks' order, the fine-tuning last
    QCOMPARE(log.curves()[1].block, 1);
    QVERIFY(log.curves()[2].isFineTuning());
    QVERIFY(!log.curves()[2].running); // one after another
    QCOMPARE(log.curves()[1].losses, (std::vector<float>{0.5F, 0.4F, 0.3F, 0.2F}));
    log.add(step(1, 0, 1, 0.9)); // anew
    QCOMPARE(log.curves()[1].losses, (std::vector<float>{0.9F}));
    log.clear();
    QVERIFY(log.curves().empty());
}

void TestConvergencePanel::runningTrainingsGiveWay()
{
    TrainingLog log;
    log.add(step(0, 0, 1, 0.5));
    log.add(step(2, 0, 1, 0.4));
    const TrainingCurves all = withRunning(trainingsOf(trained()), log.curves());
    QCOMPARE(all.size(), std::size_t(4));
    QCOMPARE(all[0].losses.size(), std::size_t(6)); // the run's, not the one that ran
    QCOMPARE(all[2].block, 2);
    QVERIFY(all[3].isFineTuning());
}

void TestConvergencePanel::trainingPlotOfOneBlock()
{
    TrainingPlot plot;
    QVERIFY(plot.isEmpty() && plot.csv().isEmpty());
    plot.setCurves("Block 0", {trainingsOf(trained())[0]});
    QVERIFY(!plot.isEmpty());
    const QStringList lines = plot.csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 1 + 6 + 3);
    QCOMPARE(lines[4], QString("model.layers.0,0,3,4,4,2,0.0199999996,,"));
    QCOMPARE(lines[8], QString("model.layers.0,0,3,3,,1,,0.02,1")); // the epoch that was kept
    QVERIFY(lines[9].endsWith(",0.03,0"));
    const QString said = plot.readout(3.5, 1);
    QVERIFY2(said.contains("step 4 of 6, epoch 2") && said.contains("4.00 % → 2.00 %"),
             qPrintable(said));
    const auto [low, high] = plot.shownRange(Qt::Vertical);
    QVERIFY(low > 0 && low < 2 && high > 4);
    QVERIFY(plot.accessibleDescription().contains("+3.01 dB"));
}

void TestConvergencePanel::trainingPlotOfAllBlocks()
{
    TrainingPlot plot;
    TrainingCurves curves = trainingsOf(trained());
    curves.pop_back();
    curves[0].losses.resize(3); // shorter: ends half way through its place
    curves[0].steps = 3;
    plot.resize(600, 400);
    plot.show();
    plot.setCurves("All blocks", curves);
    const auto [left, right] = plot.shownRange(Qt::Horizontal);
    QVERIFY(left < 0 && right > 1.9 && right < 2.2);
    QVERIFY(plot.readout(1.2, 1).startsWith("Block 1"));
    QVERIFY(plot.readout(0.9, 1).contains("step 3 of 3"));
    QVERIFY(plot.readout(2.01, 1).isEmpty());
    QCOMPARE(plot.csv().count("\nmodel.layers.1,"), 9);
    QSignalSpy clicked(&plot, &TrainingPlot::curveClicked);
    plot.replotNow();
    QTest::mouseClick(&canvas(plot), Qt::LeftButton, Qt::NoModifier, plot.positionOf(1.5, 1));
    QCOMPARE(clicked.size(), 1);
    QCOMPARE(clicked.front().front().toInt(), 1);
}

void TestConvergencePanel::trainingPlotKeepsAChosenRange()
{
    TrainingPlot plot;
    TrainingLog log;
    for (int i = 1; i <= 20; ++i)
        log.add(step(0, 0, i, 1.0 / i, 100));
    plot.setCurves("Block 0", log.curves());
    QVERIFY(plot.shownRange(Qt::Vertical).first > 3);
    log.add(step(0, 0, 21, 0.001, 100));
    plot.setCurves("Block 0", log.curves());
    QVERIFY(plot.shownRange(Qt::Vertical).first < 0.1); // follows
    plot.setShownRange(Qt::Horizontal, 5, 10);
    log.add(step(0, 0, 22, 0.0001, 100));
    plot.setCurves("Block 0", log.curves());
    QCOMPARE(plot.shownRange(Qt::Horizontal), (std::pair{5.0, 10.0}));
    plot.fit();
    QVERIFY(plot.shownRange(Qt::Horizontal).second > 100);
    plot.setCurves("Block 1", {});
    QVERIFY(plot.isEmpty());
}

void TestConvergencePanel::fineTuningIsInNats()
{
    TrainingPlot plot;
    plot.setCurves("Fine-tuning", {trainingsOf(trained())[2]});
    const auto [low, high] = plot.shownRange(Qt::Vertical);
    QVERIFY(low > 1 && low < 1.25 && high > 2.5 && high < 2.7);
    QVERIFY(plot.readout(0.5, 2).contains("2.5 nats"));
    TrainingModel model;
    QAbstractItemModelTester tester(&model);
    model.setCurves(trainingsOf(trained()));
    QCOMPARE(model.index(2, TrainingModel::Name).data().toString(), QString("Fine-tuning"));
    QCOMPARE(model.index(2, TrainingModel::Gain).data().toString(), QString("−1.25 nats"));
    QCOMPARE(model.index(0, TrainingModel::Gain).data().toString(), QString("+3.01 dB"));
    QCOMPARE(model.index(0, TrainingModel::ScaleChange).data().toString(), QString("1.56 %"));
    QCOMPARE(model.index(0, TrainingModel::Layers).data().toString(), QString("2"));
}

void TestConvergencePanel::panelIsEmptyAtFirst()
{
    ConvergencePanel panel;
    panel.show();
    QVERIFY(panel.convergencePlot()->isEmpty() && panel.trainingPlot()->isEmpty());
    QVERIFY(!panel.traceTable()->isVisible());
    panel.setTab(ConvergencePanel::Training);
    QVERIFY(!panel.trainingTable()->isVisible());
    QStringList texts;
    for (const QLabel* label : panel.findChildren<QLabel*>())
        texts << label->text();
    QVERIFY(!texts.filter("Select a layer").isEmpty());
    QVERIFY(!texts.filter("Nothing was trained").isEmpty());
}

void TestConvergencePanel::panelShowsALayer()
{
    ConvergencePanel panel;
    panel.show();
    panel.setTraces("b.0.up", {"Run 1", trace()}, {}, {});
    QVERIFY(!panel.convergencePlot()->isEmpty());
    QVERIFY(panel.traceTable()->isVisible());
    QCOMPARE(panel.traceTable()->model()->rowCount(), 7);
    Q_EMIT panel.convergencePlot()->stepClicked(3);
    QCOMPARE(panel.traceTable()->selectionModel()->selectedRows().size(), 1);
    QCOMPARE(panel.traceTable()->selectionModel()->selectedRows()[0].row(), 3);
    panel.setTraces("head", {}, {}, "nothing of head");
    QVERIFY(panel.convergencePlot()->isEmpty());
    QVERIFY(!panel.traceTable()->isVisible());
}

void TestConvergencePanel::panelShowsTrainings()
{
    ConvergencePanel panel;
    panel.setTab(ConvergencePanel::Training);
    panel.show();
    panel.setTrainings(trainingsOf(trained()), false);
    auto* chooser = panel.findChild<QComboBox*>();
    QStringList titles;
    for (int i = 0; i < chooser->count(); ++i)
        titles << chooser->itemText(i);
    QCOMPARE(titles, (QStringList{"All blocks", "Block 0", "Block 1", "Fine-tuning"}));
    QCOMPARE(panel.trainingPlot()->curves().size(), std::size_t(2)); // blocks have one kind of loss
    chooser->setCurrentIndex(3);
    Q_EMIT chooser->activated(3);
    QCOMPARE(panel.trainingPlot()->curves().size(), std::size_t(1));
    QVERIFY(panel.trainingPlot()->curves()[0].isFineTuning());
    panel.chooseTraining(1);
    QCOMPARE(chooser->currentText(), QString("Block 1"));
    const QRect cell =
        panel.trainingTable()->visualRect(panel.trainingTable()->model()->index(0, 0));
    QTest::mouseClick(panel.trainingTable()->viewport(), Qt::LeftButton, Qt::NoModifier,
                      cell.center());
    QCOMPARE(panel.chosenTraining(), 0);
    Results fineTuned;
    fineTuned["a"].result.tunings = {outcome(-1, 2)};
    panel.setTrainings(trainingsOf(fineTuned), false); // block 0 is not there any more
    QCOMPARE(panel.trainingPlot()->curves().size(), std::size_t(1));
    panel.setTrainings({}, false);
    QVERIFY(panel.trainingPlot()->isEmpty());
}

void TestConvergencePanel::panelFollowsARun()
{
    ConvergencePanel panel;
    panel.setTrainings({}, true);
    panel.advance({step(0, 0, 1, 0.5), step(0, 0, 2, 0.4)});
    QCOMPARE(panel.trainingPlot()->curves().size(), std::size_t(1));
    panel.advance({step(0, 1, 3, 0.3), step(0, 1, 4, 0.2), step(1, 0, 1, 0.1)});
    QCOMPARE(panel.trainingPlot()->curves().size(), std::size_t(2));
    QCOMPARE(panel.trainingPlot()->curves()[0].losses.size(), std::size_t(4)); // no step is lost
    QVERIFY(panel.trainingPlot()->curves()[1].running);
    // Another run is looked at, and this one again.
    panel.setTrainings(trainingsOf(trained()), false);
    panel.advance({step(1, 0, 2, 0.05)});
    QCOMPARE(panel.trainingPlot()->curves()[1].losses.size(), std::size_t(6));
    panel.setTrainings({}, true);
    QCOMPARE(panel.trainingPlot()->curves()[1].losses.size(), std::size_t(2));
    panel.clearRunning();
    QVERIFY(panel.trainingPlot()->isEmpty());
}

void TestConvergencePanel::tablesAreCopied()
{
    ConvergencePanel panel;
    panel.show();
    panel.setTraces("b.0.up", {"Run 1", trace()}, {}, {});
    ValueTable* table = panel.traceTable();
    table->copy();
    QStringList lines = QApplication::clipboard()->text().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 8);
    QVERIFY(lines[0].startsWith("Step\tStage\tError"));
    table->selectRow(1);
    table->copy();
    lines = QApplication::clipboard()->text().split('\n', Qt::SkipEmptyParts);
    QVERIFY(lines.last().startsWith("1\tGPTQ sweep\t8.00 %"));
    QCOMPARE(lines.size(), 2);
    table->copyCsv();
    lines = QApplication::clipboard()->text().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines[0], QString("step,stage,relative_error,sqnr_db,gain_db,accepted,scale_change,"
                               "zero_change"));
    QVERIFY(lines[5].startsWith("4,scales,0.03,"));
}

void TestConvergencePanel::runsTellOfTrainings()
{
    auto run = std::make_shared<SessionRun>();
    run->id = 1;
    run->name = "Run 1";
    run->results = trained();
    RunsModel model;
    model.setRuns({run}, 1, 0, 4);
    QVERIFY(model.index(0, RunsModel::Name)
                .data(Qt::ToolTipRole)
                .toString()
                .contains("2 blocks trained: +3.01 dB on average"));
}

void TestConvergencePanel::everythingHasAName()
{
    ConvergencePanel panel;
    for (const QWidget* widget : panel.findChildren<QWidget*>()) {
        const bool view = qobject_cast<const PlotView*>(widget) ||
                          qobject_cast<const QTableView*>(widget) ||
                          qobject_cast<const QTabWidget*>(widget);
        if (view)
            QVERIFY2(!widget->accessibleName().isEmpty(), widget->metaObject()->className());
    }
}

QTEST_MAIN(TestConvergencePanel)
#include "tst_convergence_panel.moc"
