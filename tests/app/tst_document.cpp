// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/document.h"
#include "tests/support/layers.h"

#include <QSignalSpy>
#include <QTest>

using namespace gradus;

class TestDocument : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void editsAreUndoable();
    void quickEditsOfAFieldMerge();
    void aRoundTripLeavesNothing();
    void staticMethodsAreCalibratedLayerByLayer();
    void anotherModelStartsAnew();
    void resultsStayWhenARunIsCancelled();
    void runsEnd();
    void nothingFinishedIsNoRun();
    void shownAndCompared();
    void namesAndFiles();
    void runsComeAndGo();
    void rules();
    void clip();
    void choicesFollowThePlan();

private:
    static LayerResult layer(const std::string& name, double sqnr = 12)
    {
        LayerResult result;
        result.name = name;
        result.weightSqnrDb = sqnr;
        return result;
    }
    static std::shared_ptr<Run> complete(const Document& document,
                                         const std::vector<std::string>& layers)
    {
        auto run = std::make_shared<Run>();
        run->recipe = document.recipe();
        for (const std::string& name : layers)
            run->layers.push_back(layer(name, 20));
        return run;
    }
};

void TestDocument::editsAreUndoable()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    const Recipe start = document.recipe();
    QSignalSpy changed(&document, &Document::recipeChanged);
    LayerChoice three;
    three.scheme.bits = 3;
    document.editLayers({{"blocks.0.up", three}}, "bits 3 of blocks.0.up");
    document.lockLayers({"blocks.0.up", "blocks.0.down"}, true);
    document.setStandard(three, "bits 3 as standard");
    CalibrationChoice calibration;
    calibration.samples = 8;
    document.setCalibration(calibration, "calibration samples");
    document.setSeed(5);
    document.resetLayers({"blocks.0.up"});
    QCOMPARE(changed.size(), 6);
    QUndoStack* stack = document.undoStack();
    QCOMPARE(stack->count(), 6);
    QCOMPARE(stack->undoText(), QString("reset of blocks.0.up"));
    const Recipe end = document.recipe();
    QVERIFY(end.overrides.empty());
    QCOMPARE(end.locked.size(), std::size_t(2));
    QCOMPARE(end.seed, std::uint64_t(5));
    while (stack->canUndo())
        stack->undo();
    QVERIFY(document.recipe() == start);
    while (stack->canRedo())
        stack->redo();
    QVERIFY(document.recipe() == end);
    document.editRecipe(end, "nothing");
    QCOMPARE(stack->count(), 6);
}

void TestDocument::quickEditsOfAFieldMerge()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    for (int samples : {10, 11, 12}) {
        CalibrationChoice calibration = document.recipe().calibration;
        calibration.samples = samples;
        document.setCalibration(calibration, "calibration samples", "samples");
    }
    QCOMPARE(document.undoStack()->count(), 1);
    CalibrationChoice calibration = document.recipe().calibration;
    calibration.context = 64;
    document.setCalibration(calibration, "calibration context", "context");
    QCOMPARE(document.undoStack()->count(), 2); // another field
    document.undoStack()->undo();
    document.undoStack()->undo();
    QCOMPARE(document.recipe().calibration.samples, std::int64_t(128));
    // Edits without a key never merge.
    LayerChoice choice;
    for (int bits : {3, 5, 6}) {
        choice.scheme.bits = bits;
        document.setStandard(choice, "bits");
    }
    QCOMPARE(document.undoStack()->count(), 3);
}

void TestDocument::aRoundTripLeavesNothing()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    LayerChoice choice = document.recipe().standard;
    choice.scheme.bits = 5;
    document.setStandard(choice, "bits", "bits");
    choice.scheme.bits = 4;
    document.setStandard(choice, "bits", "bits");
    QCOMPARE(document.undoStack()->count(), 0);
    QVERIFY(document.undoStack()->isClean());
}

/// A method that quantizes inputs is calibrated layer by layer, in the step that chose it; where
/// the recipe has calibrated layers already, their mode stays.
void TestDocument::staticMethodsAreCalibratedLayerByLayer()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    LayerChoice choice = document.recipe().standard;
    choice.method = RepquantOptions();
    document.setStandard(choice, "method");
    QCOMPARE(document.recipe().calibration.mode, CalibrationMode::TrueSequential);
    QCOMPARE(document.undoStack()->count(), 1);
    document.undoStack()->undo();
    QCOMPARE(document.recipe().calibration.mode, CalibrationMode::Sequential);

    const std::string layer = document.model()->layers.front().name;
    document.editLayers({{layer, choice}}, "method");
    QCOMPARE(document.recipe().calibration.mode, CalibrationMode::TrueSequential);
    document.undoStack()->undo();

    choice.method = GptqOptions();
    document.setStandard(choice, "method");
    QCOMPARE(document.recipe().calibration.mode, CalibrationMode::Sequential);
    choice.method = RepqVitOptions();
    document.setStandard(choice, "method");
    QCOMPARE(document.recipe().calibration.mode, CalibrationMode::Sequential);
}

void TestDocument::anotherModelStartsAnew()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    document.setSeed(3);
    auto run = std::make_shared<Run>();
    run->recipe = document.recipe();
    LayerResult layer;
    layer.name = "blocks.0.up";
    run->layers.push_back(layer);
    document.addRun(run, "one");
    QVERIFY(document.runIsCurrent());
    QCOMPARE(document.results().size(), std::size_t(1));
    document.setSeed(4);
    QVERIFY(!document.runIsCurrent());
    document.setModel(test::madeUpModel(3), {});
    QVERIFY(!document.run());
    QVERIFY(document.results().empty());
    QCOMPARE(document.undoStack()->count(), 0);
    QCOMPARE(document.recipe().seed, std::uint64_t(0));
}

void TestDocument::resultsStayWhenARunIsCancelled()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    const int run = document.beginRun({});
    const auto recipe = std::make_shared<const Recipe>(document.recipe());
    document.addResult(run, layer("blocks.0.up"), recipe);
    document.endRun(run, nullptr, 3);
    const auto rows = layerRows(*document.model(), document.recipe(), nullptr, document.results());
    QVERIFY(rows[1].measured);
    QVERIFY(!rows[2].measured);
    QVERIFY(!document.run());
    QVERIFY(!document.runIsCurrent());
    const SessionRun* kept = document.shownRun();
    QVERIFY(kept);
    QVERIFY(!kept->isComplete() && !kept->isRunning());
    QCOMPARE(kept->seconds, 3.0);
    QVERIFY(kept->results.at("blocks.0.up").recipe == recipe);
}

void TestDocument::runsEnd()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    QSignalSpy results(&document, &Document::resultsChanged);
    QSignalSpy list(&document, &Document::runsChanged);
    const int run = document.beginRun({});
    QCOMPARE(document.shownRun()->id, run);
    QVERIFY(document.shownRun()->isRunning());
    QCOMPARE(document.shownRun()->name, QString("Run 1"));
    QVERIFY(document.shownRun()->started.isValid());
    list.clear();
    results.clear();
    document.addResult(run, layer("blocks.0.up"), nullptr);
    document.addResult(run, layer("blocks.0.down"), nullptr);
    document.addResult(99, layer("blocks.0.down"), nullptr); // no such run
    QCOMPARE(results.size(), 2);
    QCOMPARE(list.size(), 0);
    QVERIFY(!document.run());
    const auto whole = complete(document, {"embed", "blocks.0.up", "blocks.0.down"});
    document.endRun(run, whole, 2.5);
    QCOMPARE(list.size(), 1);
    QVERIFY(document.run() == whole);
    QVERIFY(document.runIsCurrent());
    // Its results are those of the run as a whole, not what had arrived.
    QCOMPARE(document.results().size(), std::size_t(3));
    QCOMPARE(document.results().at("blocks.0.up").result.weightSqnrDb, 20.0);
    document.endRun(99, whole, 1); // no such run
    QCOMPARE(document.runs().size(), std::size_t(1));
    // A run that takes over has the other's results from the start.
    const int second = document.beginRun(document.results());
    QCOMPARE(document.results().size(), std::size_t(3));
    QVERIFY(!document.run());
    document.endRun(second, nullptr, 1);
    QCOMPARE(document.results().size(), std::size_t(3));
}

void TestDocument::nothingFinishedIsNoRun()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    const int first = document.beginRun({});
    document.endRun(first, nullptr, 1);
    QVERIFY(document.runs().empty());
    QVERIFY(!document.shownRun());
    // What was shown before is shown again.
    const int good = document.addRun(complete(document, {"embed"}), "good");
    const int empty = document.beginRun({});
    QCOMPARE(document.shownRun()->id, empty);
    QCOMPARE(document.comparedRun()->id, good);
    document.endRun(empty, nullptr, 1);
    QCOMPARE(document.shownRun()->id, good);
    QVERIFY(!document.comparedRun());
}

void TestDocument::shownAndCompared()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    const int a = document.addRun(complete(document, {"embed"}), "a");
    QVERIFY(!document.comparedRun());
    const int b = document.addRun(complete(document, {"embed", "blocks.0.up"}), "b");
    QCOMPARE(document.shownRun()->id, b); // the new one
    QCOMPARE(document.comparedRun()->id, a);
    QSignalSpy results(&document, &Document::resultsChanged);
    QSignalSpy list(&document, &Document::runsChanged);
    document.showRun(a); // the two change places
    QCOMPARE(document.shownRun()->id, a);
    QCOMPARE(document.comparedRun()->id, b);
    QCOMPARE(document.results().size(), std::size_t(1));
    QCOMPARE(results.size(), 1);
    QCOMPARE(list.size(), 1);
    document.showRun(a);
    document.showRun(77);
    document.compareRun(b);
    QCOMPARE(list.size(), 1);
    document.compareRun(a); // with itself: with none
    QVERIFY(!document.comparedRun());
    document.compareRun(b);
    document.compareRun(0);
    QVERIFY(!document.comparedRun());
    document.compareRun(b);
    // A chosen comparison stays when a new run comes.
    const int c = document.addRun(complete(document, {}), "c");
    QCOMPARE(document.shownRun()->id, c);
    QCOMPARE(document.comparedRun()->id, b);
}

void TestDocument::namesAndFiles()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    const int run = document.addRun(complete(document, {"embed"}), "a");
    QSignalSpy list(&document, &Document::runsChanged);
    document.renameRun(run, "  4 bits,\n groups of 64 ");
    QCOMPARE(document.shownRun()->name, QString("4 bits, groups of 64"));
    document.renameRun(run, "  ");
    QCOMPARE(document.shownRun()->name, QString("4 bits, groups of 64"));
    document.setRunFile(run, "x.gradus");
    document.setPerplexity(run, "float 7 → quantized 8");
    QCOMPARE(document.shownRun()->file, QString("x.gradus"));
    QCOMPARE(document.shownRun()->perplexity, QString("float 7 → quantized 8"));
    QCOMPARE(list.size(), 3);
    document.setRunFile(run, "x.gradus");
    document.setPerplexity(run, "float 7 → quantized 8");
    document.renameRun(99, "nobody");
    document.setRunFile(99, "x");
    document.setPerplexity(99, "x");
    document.setKept(99, "x", {}, 0);
    QCOMPARE(list.size(), 3);
    // Nothing of this is an edit.
    QCOMPARE(document.undoStack()->count(), 0);
}

void TestDocument::runsComeAndGo()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    const int a = document.addRun(complete(document, {"embed"}), "a");
    const int b = document.addRun(complete(document, {"embed", "blocks.0.up"}), "b");
    const int c = document.addRun(complete(document, {}), "c");
    document.compareRun(b);
    document.removeRun(c); // the last of the others is shown, and nothing with itself compared
    QCOMPARE(document.shownRun()->id, b);
    QVERIFY(!document.comparedRun());
    QCOMPARE(document.results().size(), std::size_t(2));
    document.compareRun(a);
    document.removeRun(a);
    QVERIFY(!document.comparedRun());
    QCOMPARE(document.shownRun()->id, b);
    document.removeRun(99);
    document.removeRun(b);
    QVERIFY(!document.shownRun());
    QVERIFY(document.results().empty());
    // Numbers are not given twice.
    QCOMPARE(document.beginRun({}), c + 1);
    QCOMPARE(document.shownRun()->name, QString("Run 4"));
    document.setModel(test::madeUpModel(), {});
    QVERIFY(document.runs().empty());
    QCOMPARE(document.beginRun({}), 1);
}

void TestDocument::rules()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    Rule up;
    up.pattern = "up$";
    up.choice.scheme.bits = 3;
    Rule down;
    down.pattern = "down$";
    down.choice.scheme.bits = 8;
    LayerChoice own;
    own.scheme.bits = 5;
    document.editLayers({{"blocks.0.up", own}, {"blocks.1.up", own}, {"blocks.0.down", own}},
                        "own");
    document.setRules({down}, "rules");
    document.addRule(up, "bits 3 of up$", {"blocks.0.up", "blocks.1.up"});
    QCOMPARE(document.recipe().rules.size(), std::size_t(2));
    QVERIFY(document.recipe().rules.front() == up); // before all others
    QCOMPARE(document.recipe().overrides.size(), std::size_t(1));
    QCOMPARE(resolve(document.recipe(), *document.model())[1].scheme.bits, 3);
    QCOMPARE(document.undoStack()->undoText(), QString("bits 3 of up$"));
    document.undoStack()->undo(); // rule and released layers are one step
    QCOMPARE(document.recipe().rules.size(), std::size_t(1));
    QCOMPARE(document.recipe().overrides.size(), std::size_t(3));
    document.undoStack()->undo();
    QVERIFY(document.recipe().rules.empty());
}

void TestDocument::clip()
{
    Document document;
    document.setModel(test::madeUpModel(), {});
    // Before there is a plan, nobody knows the layer's choice.
    document.setClip("blocks.0.up", ClipLimits{-0.1F, 0.1F}, "clip", "clip/blocks.0.up");
    QCOMPARE(document.undoStack()->count(), 0);
    document.setPlan(test::madeUpPlan(*document.model(), document.recipe()));
    document.setClip("nobody", ClipLimits{-0.1F, 0.1F}, "clip", "clip/nobody");
    QCOMPARE(document.undoStack()->count(), 0);
    for (const float limit : {0.3F, 0.2F, 0.1F}) {
        document.setClip("blocks.0.up", ClipLimits{-limit, limit}, "clip", "clip/blocks.0.up");
        document.setPlan(test::madeUpPlan(*document.model(), document.recipe()));
    }
    QCOMPARE(document.undoStack()->count(), 1); // one gesture
    const LayerChoice chosen = document.recipe().overrides.at("blocks.0.up");
    QVERIFY((chosen.scheme.clip == ClipLimits{-0.1F, 0.1F}));
    QCOMPARE(chosen.scheme.bits, document.recipe().standard.scheme.bits);
    document.undoStack()->undo();
    QVERIFY(document.recipe().overrides.empty());
}

void TestDocument::choicesFollowThePlan()
{
    Document document;
    QVERIFY(!document.choiceOf("embed"));
    document.setModel(test::madeUpModel(), {});
    QVERIFY(!document.choiceOf("embed"));
    QSignalSpy planned(&document, &Document::planChanged);
    document.setPlan(test::madeUpPlan(*document.model(), document.recipe()));
    QCOMPARE(planned.size(), 1);
    QVERIFY(document.choiceOf("embed")->keepFloat);
    QVERIFY(!document.choiceOf("blocks.1.down")->keepFloat);
    QVERIFY(!document.choiceOf("nobody"));
    document.setPlan(nullptr);
    QVERIFY(!document.choiceOf("embed"));
}

QTEST_GUILESS_MAIN(TestDocument)
#include "tst_document.moc"
