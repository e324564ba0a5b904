// SPDX-License-Identifier: GPL-3.0-or-later
// Allocating bits in the window: measuring, dragging, adopting, locking, evaluating.
#include "app/gui/command_text.h"
#include "app/gui/evaluate_dialog.h"
#include "app/gui/session_store.h"
#include "app/gui/translation.h"
#include "core/export/export_size.h"
#include "tests/support/support.h"
#include "tests/support/window_session.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/panels/allocation_form.h"
#include "widgets/panels/allocation_panel.h"
#include "widgets/panels/bits_rules_form.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/plots/allocation_plot.h"
#include "widgets/plots/option_curve_plot.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDockWidget>
#include <QFile>
#include <QLabel>
#include <QSignalSpy>
#include <QTest>
#include <QTranslator>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

class TestAllocator : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void emptyStates();
    void measureAndDrag();
    void adoptAnyPoint();
    void locksAreKept();
    void rulesAndSolvers();
    void unitsOfTheBudget();
    void bytesOfAFile();
    void undoBringsTheBudgetBack();
    void measuringIsCancelled();
    void evaluate();
    void settingsAreKept();
    void command();
    void menuAndDock();
    void germanPanel();

private:
    /// The sample, its weights' errors measured, the panel in sight.
    void start(MainWindow& window, std::vector<int> bits = {2, 3, 4, 6, 8})
    {
        window.resize(1280, 800);
        window.show();
        QVERIFY(QTest::qWaitForWindowExposed(&window));
        QVERIFY(openSample(window));
        window.docks().allocation->raise();
        AllocationSettings settings = window.allocator()->settings();
        settings.metric = SensitivityMetric::Weight;
        settings.bits = std::move(bits);
        settings.budget = 0;
        window.allocator()->setSettings(settings);
        QVERIFY(idle(window));
        QVERIFY(await([&](auto then) { window.allocator()->measure(then); }));
        QVERIFY(idle(window));
        QVERIFY(!window.allocator()->picture().front.empty());
    }
    static bool idle(MainWindow& window)
    {
        return QTest::qWaitFor([&] { return window.allocator()->isIdle(); }, 60'000) &&
               planned(window);
    }
    static double planBits(MainWindow& window)
    {
        return window.workbench()->document()->plan()->totals.bitsPerWeight;
    }
    static const LayerChoice& choiceOf(MainWindow& window, const std::string& layer)
    {
        return *window.workbench()->document()->choiceOf(layer);
    }
    test::TemporaryFolder m_folder;
    QString path(const char* name) { return QString::fromStdString((m_folder / name).string()); }
};

void TestAllocator::emptyStates()
{
    MainWindow window(quiet());
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    AllocationPanel* panel = window.allocationPanel();
    QVERIFY(panel->plot()->isEmpty());
    QCOMPARE(window.allocator()->measureObstacle(), QString("Open a model first"));
    QVERIFY(!await([&](auto then) { window.allocator()->measure(then); }));
    QVERIFY(window.allocator()->command().isEmpty());
    QVERIFY(openSample(window));
    window.docks().allocation->raise();
    QVERIFY(idle(window));
    // What measuring would take is said.
    QVERIFY(panel->plot()->isEmpty());
    const QString text = panel->plot()->findChild<QLabel*>()->text();
    const auto layers = static_cast<qsizetype>(
        std::count_if(window.workbench()->document()->plan()->rows.begin(),
                      window.workbench()->document()->plan()->rows.end(),
                      [](const Plan::Row& row) { return !row.choice.keepFloat; }));
    QVERIFY2(text.contains(
                 QStringLiteral("each of %1 layers loses under each of 6 candidates").arg(layers)),
             qPrintable(text));
    // Without data only the weights can be measured: the text and the metrics say so.
    CalibrationChoice none = window.workbench()->document()->recipe().calibration;
    none.data.clear();
    window.workbench()->document()->setCalibration(none, QStringLiteral("none"));
    QVERIFY(idle(window));
    QVERIFY(panel->plot()->findChild<QLabel*>()->text().contains("Without calibration data"));
    QVERIFY(await([&](auto then) { window.allocator()->measure(then); }));
    QVERIFY(idle(window));
    QVERIFY(!panel->plot()->isEmpty());
    QVERIFY2(panel->noticeText().contains("there is no calibration data"),
             qPrintable(panel->noticeText()));
    // A layer that nobody allocates.
    for (const Plan::Row& row : window.workbench()->document()->plan()->rows)
        if (row.choice.keepFloat)
            window.layerPanel()->selectLayer(row.layer);
    QTRY_VERIFY(panel->curvePlot()->isEmpty());
    // Without a model everything goes.
    window.workbench()->closeModel();
    QTRY_VERIFY(panel->plot()->isEmpty());
    QCOMPARE(window.allocator()->measureObstacle(), QString("Open a model first"));
}

void TestAllocator::measureAndDrag()
{
    MainWindow window(quiet());
    start(window);
    Document* document = window.workbench()->document();
    Allocator* allocator = window.allocator();
    AllocationPlot* plot = window.allocationPanel()->plot();
    // Nothing is changed by looking; the budget stands where the recipe is.
    const Recipe before = document->recipe();
    const int steps = document->undoStack()->index();
    QVERIFY(test::isClose(allocator->picture().budget, planBits(window), 0, 1e-3));
    QVERIFY(allocator->picture().recipe.has_value());
    QVERIFY(allocator->picture().solution->error <= allocator->picture().recipe->error);
    QVERIFY(!allocator->picture().live);
    QCOMPARE(plot->picture().front.size(), allocator->picture().front.size());

    // A drag over many places is one step; everything has followed when it ends.
    QSignalSpy recipes(document, &Document::recipeChanged);
    for (const double bits : {4.0, 3.9, 3.7, 3.5, 3.2}) {
        Q_EMIT plot->budgetMoved(bits, false);
        QTest::qWait(20);
    }
    QTest::qWait(1700); // longer than what edits that follow each other have
    Q_EMIT plot->budgetMoved(3.0, true);
    QVERIFY(idle(window));
    QVERIFY2(recipes.size() >= 3, "the recipe follows while the line moves");
    QCOMPARE(document->undoStack()->index(), steps + 1);
    QCOMPARE(document->undoStack()->undoText(), QString("Allocate 3.00 bits per weight"));
    QVERIFY(planBits(window) <= 3.0 + 1e-9);
    QVERIFY(planBits(window) > 2.9);
    QVERIFY(allocator->picture().live);
    QVERIFY(test::isClose(allocator->picture().recipe->bitsPerWeight, planBits(window), 1e-9, 0));
    QCOMPARE(allocator->picture().recipe->error, allocator->picture().solution->error);
    const AllocationSpot atThree = *allocator->picture().recipe;
    const Recipe three = document->recipe();
    document->undoStack()->undo();
    QVERIFY(document->recipe() == before);
    QVERIFY(idle(window));
    QVERIFY(!allocator->picture().live);
    document->undoStack()->redo();
    QVERIFY(document->recipe() == three);

    // More room, less error; keys that follow each other at once are one step, too.
    QVERIFY(idle(window));
    for (int i = 0; i < 5; ++i)
        QTest::keyClick(plot, Qt::Key_Right);
    QVERIFY(idle(window));
    QCOMPARE(document->undoStack()->index(), steps + 2);
    QVERIFY(test::isClose(allocator->picture().budget, 3.25, 0, 1e-6));
    QVERIFY(allocator->picture().recipe->error < atThree.error);
    QVERIFY(planBits(window) > 3.0 && planBits(window) <= 3.25 + 1e-9);
    QVERIFY2(allocator->slowestSolution() < 5000, "milliseconds");
    qInfo("slowest solution: %.2f ms", allocator->slowestSolution());
}

void TestAllocator::adoptAnyPoint()
{
    MainWindow window(quiet());
    start(window);
    Document* document = window.workbench()->document();
    Allocator* allocator = window.allocator();
    const auto adopt = [&](AllocationMark::Kind kind, std::size_t index) {
        const int steps = document->undoStack()->index();
        const AllocationSpot wanted = *allocator->picture().find({kind, index});
        const bool same = allocator->picture().recipe &&
                          wanted.bytes == allocator->picture().recipe->bytes &&
                          wanted.error == allocator->picture().recipe->error;
        Q_EMIT window.allocationPanel()->plot()->markActivated({kind, index});
        QVERIFY(idle(window));
        // What the recipe is already is no edit.
        QCOMPARE(document->undoStack()->index(), steps + (same ? 0 : 1));
        QVERIFY(document->undoStack()->undoText().startsWith("Allocate "));
        QCOMPARE(allocator->picture().recipe->bytes, wanted.bytes);
        QCOMPARE(allocator->picture().recipe->error, wanted.error);
        QVERIFY(test::isClose(planBits(window), wanted.bitsPerWeight, 1e-9, 0));
    };
    const auto& references = allocator->picture().references;
    QCOMPARE(references.size(), std::size_t(4 + 2)); // 2, 3, 4 and 8 bits; two rules of thumb
    QCOMPARE(references[1].name, QString("3 bit"));
    adopt(AllocationMark::Kind::Reference, 1);
    for (const Plan::Row& row : document->plan()->rows)
        QVERIFY(row.choice.keepFloat || row.choice.scheme.bits == 3);
    // Its budget could have had less error.
    QVERIFY(allocator->picture().solution->error <= allocator->picture().recipe->error);
    adopt(AllocationMark::Kind::Front, allocator->picture().front.size() / 2);
    adopt(AllocationMark::Kind::Reference, 5);
    adopt(AllocationMark::Kind::Front, 0);
    for (const Plan::Row& row : document->plan()->rows)
        QVERIFY(row.choice.keepFloat || row.choice.scheme.bits == 2);
    // A layer changed by hand: the recipe's point moves, the budget's stays.
    const AllocationSpot before = *allocator->picture().recipe;
    const std::string layer = window.layerPanel()->currentLayer();
    LayerChoice own = choiceOf(window, layer);
    own.scheme.bits = 8;
    document->editLayers({{layer, own}}, QStringLiteral("bits"));
    QVERIFY(idle(window));
    QVERIFY(allocator->picture().recipe.has_value()); // even where one of q, k and v differs
    QVERIFY(allocator->picture().recipe->bytes > before.bytes);
    QVERIFY(!allocator->picture().live);
    // One that is none of the candidates: there is no point for it.
    own.scheme.bits = 7;
    document->editLayers({{layer, own}}, QStringLiteral("bits"));
    QVERIFY(idle(window));
    QVERIFY(!allocator->picture().recipe);
}

void TestAllocator::locksAreKept()
{
    MainWindow window(quiet());
    start(window);
    Document* document = window.workbench()->document();
    Allocator* allocator = window.allocator();
    allocator->moveBudget(3, true);
    QVERIFY(idle(window));
    // A layer of fewest bits is locked there; more room is for others.
    std::string layer;
    for (const Plan::Row& row : document->plan()->rows)
        if (!row.choice.keepFloat && row.choice.scheme.bits == 2)
            layer = row.layer;
    QVERIFY(!layer.empty());
    const int steps = document->undoStack()->index();
    Q_EMIT window.layerPanel()->lockRequested({layer}, true);
    QVERIFY(idle(window));
    QCOMPARE(document->undoStack()->index(), steps + 1);
    QCOMPARE(document->undoStack()->undoText(),
             QStringLiteral("lock of %1").arg(QString::fromStdString(layer)));
    QCOMPARE(document->recipe().locked, std::set<std::string>{layer});
    allocator->moveBudget(5, true);
    QVERIFY(idle(window));
    QCOMPARE(choiceOf(window, layer).scheme.bits, 2); // a person's word
    QVERIFY(planBits(window) > 4.5 && planBits(window) <= 5 + 1e-9);
    // Unlocked, it has what it deserves at once.
    const int locked = document->undoStack()->index();
    Q_EMIT window.layerPanel()->lockRequested({layer}, false);
    QVERIFY(idle(window));
    QCOMPARE(document->undoStack()->index(), locked + 1);
    QVERIFY(choiceOf(window, layer).scheme.bits > 2);
    QVERIFY(planBits(window) <= 5 + 1e-9);
    document->undoStack()->undo();
    QVERIFY(idle(window));
    QCOMPARE(choiceOf(window, layer).scheme.bits, 2);
    QCOMPARE(document->recipe().locked, std::set<std::string>{layer});
    QVERIFY2(document->undoStack()->canRedo(), "following an undo is no edit");
    // Everything locked: a sentence.
    std::vector<std::string> all;
    for (const Layer& each : document->model()->layers)
        all.push_back(each.name);
    document->lockLayers(all, true);
    QVERIFY(idle(window));
    QVERIFY(window.allocationPanel()->plot()->isEmpty());
    QVERIFY2(window.allocationPanel()->noticeText().contains("locked"),
             qPrintable(window.allocationPanel()->noticeText()));
}

void TestAllocator::rulesAndSolvers()
{
    MainWindow window(quiet());
    start(window);
    Document* document = window.workbench()->document();
    Allocator* allocator = window.allocator();
    allocator->moveBudget(4, true);
    QVERIFY(idle(window));
    const double exact = allocator->picture().recipe->error;
    // Rules hold at once while the recipe follows.
    Q_EMIT window.allocationPanel()->rulesForm()->rulesChanged({{"down_proj", 8, 8}}, true);
    QVERIFY(idle(window));
    for (const Plan::Row& row : document->plan()->rows)
        if (row.layer.find("down_proj") != std::string::npos)
            QCOMPARE(row.choice.scheme.bits, 8);
    QVERIFY(planBits(window) <= 4 + 1e-9);
    QVERIFY(allocator->picture().recipe->error >= exact);
    // A pattern that is none is a sentence, and the next one works.
    Q_EMIT window.allocationPanel()->rulesForm()->rulesChanged({{"(", 2, 8}}, true);
    QVERIFY(idle(window));
    QVERIFY(!window.allocationPanel()->noticeText().isEmpty());
    Q_EMIT window.allocationPanel()->rulesForm()->rulesChanged({}, true);
    QVERIFY(idle(window));
    QVERIFY(!window.allocationPanel()->plot()->isEmpty());
    QVERIFY(window.allocationPanel()->noticeText().isEmpty());
    // Fused layers agree, and may differ when nobody asks for it.
    const auto agree = [&] {
        for (const auto& group : fusedGroups(*document->model()))
            for (const std::size_t at : group)
                if (choiceOf(window, document->model()->layers[at].name).scheme.bits !=
                    choiceOf(window, document->model()->layers[group.front()].name).scheme.bits)
                    return false;
        return true;
    };
    QVERIFY(!fusedGroups(*document->model()).empty());
    allocator->moveBudget(3.4, true);
    QVERIFY(idle(window));
    QVERIFY(agree());
    const double fused = allocator->picture().recipe->error;
    Q_EMIT window.allocationPanel()->rulesForm()->rulesChanged({}, false);
    QVERIFY(idle(window));
    QVERIFY(allocator->picture().recipe->error <= fused);
    // Other solvers find nothing better, and say their names.
    const double best = allocator->picture().solution->error;
    QVERIFY(allocator->picture().optimal);
    for (const AllocationSolver solver :
         {AllocationSolver::Lagrangian, AllocationSolver::Greedy, AllocationSolver::LlamaCpp}) {
        AllocationSettings settings = allocator->settings();
        settings.solver = solver;
        allocator->setSettings(settings);
        QVERIFY(idle(window));
        QVERIFY(allocator->picture().solution->error >= best);
        QCOMPARE(allocator->picture().solver, solverTitle(solver));
    }
    // Why the selected layer has its bits.
    const std::string layer = window.layerPanel()->currentLayer();
    const OptionCurve& curve = window.allocationPanel()->curvePlot()->curve();
    QCOMPARE(curve.layer, layer);
    QCOMPARE(curve.options.size(), std::size_t(5));
    QVERIFY(curve.chosen() >= 0);
    QCOMPARE(curve.options[static_cast<std::size_t>(curve.chosen())].bits,
             choiceOf(window, layer).scheme.bits);
    QVERIFY(window.allocationPanel()->whyText().contains("The budget's price"));
}

void TestAllocator::unitsOfTheBudget()
{
    MainWindow window(quiet());
    start(window);
    Allocator* allocator = window.allocator();
    allocator->moveBudget(3.5, true);
    QVERIFY(idle(window));
    const std::uint64_t bytes = allocator->picture().recipe->bytes;
    const double error = allocator->picture().recipe->error;
    AllocationSettings settings = allocator->settings();
    settings.unit = BudgetUnit::StoredBytes;
    settings.budget = 0;
    allocator->setSettings(settings);
    QVERIFY(idle(window));
    // The line stands where it stood.
    QVERIFY(test::isClose(allocator->picture().budget, 3.5, 0, 2e-2));
    QVERIFY(test::isClose(allocator->settings().budget, static_cast<double>(bytes), 1e-2, 0));
    allocator->typeBudget(static_cast<double>(bytes));
    QVERIFY(idle(window));
    QVERIFY(allocator->picture().recipe->bytes <= bytes);
    QVERIFY(allocator->picture().recipe->error <= error);
    // A bound on the error: the least bytes that keep it.
    settings = allocator->settings();
    settings.unit = BudgetUnit::Error;
    settings.budget = 0;
    allocator->setSettings(settings);
    QVERIFY(idle(window));
    allocator->typeBudget(error);
    QVERIFY(idle(window));
    QVERIFY(allocator->picture().recipe->error <= error);
    QVERIFY(allocator->picture().recipe->bytes <= bytes);
    const std::uint64_t before = allocator->picture().recipe->bytes;
    allocator->typeBudget(error / 3);
    QVERIFY(idle(window));
    QVERIFY(allocator->picture().recipe->error <= error / 3);
    QVERIFY(allocator->picture().recipe->bytes > before);
    QVERIFY(test::isClose(allocator->picture().budget, allocator->picture().recipe->bitsPerWeight,
                          0, 2e-3));
    // The line can be dragged all the same.
    allocator->moveBudget(3, true);
    QVERIFY(idle(window));
    QVERIFY(planBits(window) <= 3 + 1e-9);
}

void TestAllocator::bytesOfAFile()
{
    MainWindow window(quiet());
    start(window);
    Allocator* allocator = window.allocator();
    Document* document = window.workbench()->document();
    AllocationSettings settings = allocator->settings();
    settings.unit = BudgetUnit::GptqFile;
    settings.budget = 0;
    allocator->setSettings(settings);
    QVERIFY(idle(window));
    QVERIFY2(window.allocationPanel()->noticeText().isEmpty(),
             qPrintable(window.allocationPanel()->noticeText()));
    QCOMPARE(allocator->picture().sizeTitle, QString("size of the GPTQ file"));
    for (const double bits : {3.0, 4.2}) {
        allocator->moveBudget(bits, true);
        QVERIFY(idle(window));
        // The format's bits alone, and a file within the budget, float parts and header included.
        for (const Plan::Row& row : document->plan()->rows)
            QVERIFY(row.choice.keepFloat || row.choice.scheme.bits != 6);
        const std::uint64_t bytes =
            exportBytes(document->model(), document->recipe(), ExportFormat::Gptq);
        QVERIFY(static_cast<double>(bytes) <= allocator->settings().budget);
        QVERIFY(static_cast<double>(bytes) > 0.97 * allocator->settings().budget);
        QVERIFY(allocator->picture().recipe->bytes >= bytes);
    }
    QVERIFY(allocator->command().contains(" --format gptq "));
}

void TestAllocator::undoBringsTheBudgetBack()
{
    MainWindow window(quiet());
    start(window);
    Allocator* allocator = window.allocator();
    Document* document = window.workbench()->document();
    allocator->moveBudget(3, true);
    QVERIFY(idle(window));
    QTest::qWait(1600);
    allocator->moveBudget(5, true);
    QVERIFY(idle(window));
    document->undoStack()->undo();
    QVERIFY(idle(window));
    QVERIFY(test::isClose(allocator->picture().budget, 3, 0, 1e-6));
    QVERIFY(allocator->picture().live);
    QVERIFY(document->undoStack()->canRedo());
    document->undoStack()->redo();
    QVERIFY(idle(window));
    QVERIFY(test::isClose(allocator->picture().budget, 5, 0, 1e-6));
}

void TestAllocator::measuringIsCancelled()
{
    MainWindow::Options options = quiet();
    options.cache = path("cache");
    MainWindow window(options);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QVERIFY(openSample(window));
    window.docks().allocation->raise();
    AllocationSettings settings = window.allocator()->settings();
    settings.metric = SensitivityMetric::Divergence;
    window.allocator()->setSettings(settings);
    QVERIFY(idle(window));
    // Cells come while it goes on: the weights' errors make a picture before the rest is known.
    std::optional<bool> ended;
    window.allocator()->measure([&](bool ok) { ended = ok; });
    QVERIFY(window.allocator()->isMeasuring());
    QVERIFY(QTest::qWaitFor([&] { return !window.allocator()->picture().front.empty(); }, 60'000));
    QVERIFY(!ended.has_value());
    QVERIFY(window.allocationPanel()->noticeText().startsWith("Measuring: "));
    window.workbench()->cancel();
    QVERIFY(QTest::qWaitFor([&] { return ended.has_value(); }, 60'000));
    QCOMPARE(*ended, false);
    QVERIFY(!window.allocator()->isMeasuring());
    QVERIFY(idle(window));
    // What came is there, by the best metric that is known throughout.
    QVERIFY(!window.allocator()->picture().front.empty());
    QVERIFY(window.allocationPanel()->noticeText().startsWith("By: "));
    // Another window finds it at once.
    MainWindow other(options);
    other.show();
    QVERIFY(openSample(other));
    other.docks().allocation->raise();
    other.allocator()->setSettings(settings);
    QVERIFY(idle(other));
    QVERIFY(!other.allocator()->picture().front.empty());
}

void TestAllocator::evaluate()
{
    MainWindow window(quiet());
    start(window);
    Workbench* bench = window.workbench();
    Document* document = bench->document();
    Allocator* allocator = window.allocator();
    QFile evaluation(samplePath() + QStringLiteral("/evaluation.txt"));
    QVERIFY(evaluation.open(QIODevice::ReadOnly));
    QFile piece(path("piece.txt"));
    QVERIFY(piece.open(QIODevice::WriteOnly) && piece.write(evaluation.read(6000)) == 6000);
    piece.close();
    const auto evaluateAt = [&](double bits) {
        allocator->moveBudget(bits, true);
        QVERIFY(idle(window));
        QVERIFY(await([&](auto then) {
            allocator->evaluateText(path("piece.txt"), PerplexityConvention::Gptq, 128, then);
        }));
        QVERIFY(idle(window));
    };
    evaluateAt(2.6);
    QCOMPARE(document->runs().size(), std::size_t(1));
    QCOMPARE(allocator->picture().measured.size(), std::size_t(1));
    const AllocationMeasurement first = allocator->picture().measured[0];
    QVERIFY(first.measured > 0 && first.deviation > 0);
    QCOMPARE(first.spot.bytes, document->runs()[0].run->totals.bytes);
    QCOMPARE(first.spot.error, allocator->picture().recipe->error);
    QVERIFY2(first.figures.contains("Perplexity: float") && first.figures.contains("KL to float"),
             qPrintable(first.figures));
    // Weight errors are no divergences: measured ones have an axis of their own.
    QCOMPARE(allocator->picture().measuredTitle, QString("measured KL (nats/token)"));
    // Again without a change: no other run.
    QVERIFY(await([&](auto then) { allocator->evaluate(false, then); }));
    QCOMPARE(document->runs().size(), std::size_t(1));
    QCOMPARE(allocator->picture().measured.size(), std::size_t(1));
    evaluateAt(3.5);
    evaluateAt(5);
    QCOMPARE(allocator->picture().measured.size(), std::size_t(3));
    QVERIFY2(window.allocationPanel()->plot()->subtitleText().contains("1.00 (3 runs)"),
             qPrintable(window.allocationPanel()->plot()->subtitleText()));
    // Adopting a measured point brings its bits back.
    allocator->adopt({AllocationMark::Kind::Measured, 0});
    QVERIFY(idle(window));
    QCOMPARE(allocator->picture().recipe->bytes, first.spot.bytes);
    // A run that goes takes its point along.
    bench->removeRun(first.run);
    QTRY_COMPARE(allocator->picture().measured.size(), std::size_t(2));
    // Asked for other data, the dialog comes, and measures nothing by itself.
    QVERIFY(!await([&](auto then) { allocator->evaluate(true, then); }));
    auto* dialog = window.findChild<EvaluateDialog*>();
    QVERIFY(dialog);
    dialog->reject();
}

void TestAllocator::settingsAreKept()
{
    SavedSession session;
    session.model = samplePath();
    AllocationSettings settings;
    settings.bits = {3, 4};
    settings.unit = BudgetUnit::BitsPerWeight;
    settings.budget = 3.25;
    settings.metric = SensitivityMetric::Weight;
    session.view = toJson(settings);
    const QString file = path("session.json");
    SessionStore::write(file, session);
    QCOMPARE(SessionStore::read(file).view, session.view);
    MainWindow window(quiet());
    window.show();
    QVERIFY(await([&](auto then) { window.workbench()->restore(session, then); }));
    QCOMPARE(window.allocator()->settings().bits, settings.bits);
    QVERIFY(setTokens(window, 2, 64));
    window.docks().allocation->raise();
    QVERIFY(idle(window));
    QVERIFY(await([&](auto then) { window.allocator()->measure(then); }));
    QVERIFY(idle(window));
    QVERIFY(test::isClose(window.allocator()->picture().budget, 3.25, 0, 1e-6));
    QVERIFY(allocationSettingsFromJson(window.workbench()->viewState()) ==
            window.allocator()->settings());
}

void TestAllocator::command()
{
    MainWindow window(quiet());
    start(window, {2, 3, 4});
    Allocator* allocator = window.allocator();
    allocator->moveBudget(3.5, true);
    QVERIFY(idle(window));
    const QString line = allocator->command();
    QVERIFY2(line.startsWith(QStringLiteral("gradus-cli allocate ")) &&
                 line.contains(" --budget 3.5bpw ") && line.contains(" --choices 2,3,4 ") &&
                 line.contains(" --metric weight ") && line.contains(" --solver exact ") &&
                 line.contains(" --method ") && line.contains(" --calibration ") &&
                 line.contains(" --samples 2 ") && line.endsWith(" --out allocated.json") &&
                 !line.contains('\n'),
             qPrintable(line));
    AllocationSettings settings = allocator->settings();
    settings.rules = {{"down_proj", 3, 4}};
    settings.fuse = false;
    settings.groups = {0, 64};
    settings.solver = AllocationSolver::LlamaCpp;
    allocator->setSettings(settings);
    QVERIFY(idle(window));
    const QString longer = allocator->command();
    QVERIFY2(longer.contains(" --bits-rule down_proj=3..4 ") && longer.contains(" --no-fuse ") &&
                 longer.contains(" --groups channel,64 ") &&
                 longer.contains(" --solver llama.cpp "),
             qPrintable(longer));
    // Locks and rules of the recipe come along as a file.
    window.workbench()->document()->lockLayers({window.layerPanel()->currentLayer()}, true);
    QVERIFY(allocator->command().startsWith("cat > recipe.json"));
    QVERIFY(allocator->command().contains(" --recipe recipe.json "));
    // The table for other programs.
    QVERIFY(allocator->table());
    QVERIFY(await([&](auto then) {
        window.workbench()->saveSensitivity(allocator->table(), path("table.csv"), then);
    }));
    QFile table(path("table.csv"));
    QVERIFY(table.open(QIODevice::ReadOnly));
    QVERIFY(table.readLine().startsWith("layer,"));
}

void TestAllocator::menuAndDock()
{
    MainWindow window(quiet());
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QAction* entry = menuAction(window, QStringLiteral("Allocate bits…"));
    QVERIFY(entry);
    QVERIFY(!entry->isEnabled());
    QVERIFY(openSample(window));
    QVERIFY(entry->isEnabled());
    QDockWidget* dock = window.docks().allocation;
    QVERIFY(window.tabifiedDockWidgets(dock).contains(window.docks().weights));
    QVERIFY(!window.allocationPanel()->plot()->isVisible() ||
            window.allocationPanel()->visibleRegion().isEmpty());
    dock->hide();
    entry->trigger();
    QVERIFY(dock->isVisible());
    QTRY_VERIFY(!window.allocationPanel()->visibleRegion().isEmpty());
    QCOMPARE(dock->toggleViewAction()->text(), QString("Allocation"));
    for (const LayoutPreset preset :
         {LayoutPreset::Compare, LayoutPreset::WholeModel, LayoutPreset::Explore}) {
        window.setLayoutPreset(preset);
        QVERIFY(!window.tabifiedDockWidgets(dock).isEmpty());
    }
}

void TestAllocator::germanPanel()
{
    QCOMPARE(installTranslation(*qApp, QStringLiteral("de")), QStringLiteral("de"));
    {
        MainWindow window(quiet());
        start(window);
        QCOMPARE(window.docks().allocation->windowTitle(), QStringLiteral("Zuteilung"));
        window.allocator()->moveBudget(3.5, true);
        QVERIFY(idle(window));
        QVERIFY(window.workbench()->document()->undoStack()->undoText().contains(
            QStringLiteral("Bit/Gewicht")));
        QVERIFY(window.allocationPanel()->plot()->legendTexts().contains(QStringLiteral("Rezept")));
    }
    for (QTranslator* each : qApp->findChildren<QTranslator*>())
        QVERIFY(qApp->removeTranslator(each));
}

QTEST_MAIN(TestAllocator)
#include "tst_allocator.moc"
