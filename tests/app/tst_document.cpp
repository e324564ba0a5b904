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
    void anotherModelStartsAnew();
    void resultsStayWhenARunIsCancelled();
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
    document.setRun(run);
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
    LayerResult layer;
    layer.name = "blocks.0.up";
    layer.weightSqnrDb = 12;
    document.addResult(layer, std::make_shared<const Recipe>(document.recipe()));
    const auto rows = layerRows(*document.model(), document.recipe(), nullptr, document.results());
    QVERIFY(rows[1].measured);
    QVERIFY(!rows[2].measured);
    QVERIFY(!document.run());
}

QTEST_GUILESS_MAIN(TestDocument)
#include "tst_document.moc"
