// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/export_dialog.h"
#include "app/gui/shortcuts_dialog.h"
#include "tests/support/support.h"
#include "tests/support/window_session.h"
#include "widgets/models/comparison_model.h"
#include "widgets/models/layer_tree.h"
#include "widgets/models/runs_model.h"
#include "widgets/panels/channel_panel.h"
#include "widgets/panels/error_panel.h"
#include "widgets/panels/exponent_panel.h"
#include "widgets/panels/filter_line.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/rules_dialog.h"
#include "widgets/panels/run_comparison.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/panels/weight_panel.h"
#include "widgets/plots/error_plot.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"

#include <QAbstractSpinBox>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QDockWidget>
#include <QFile>
#include <QFileDialog>
#include <QHeaderView>
#include <QImage>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <QTreeWidget>

#include <cmath>

using namespace gradus;
using test::await;
using test::openSample;
using test::planned;
using test::quiet;

/// Sessions in the window as a person has them, from the keyboard and with the mouse.
class TestWindowSession : public QObject
{
    Q_OBJECT
private:
    using Names = std::vector<std::string>;

    static inline const std::string gate = "model.layers.0.mlp.gate_proj";

    QString path(const char* name) { return pathText(m_folder / name); }
    static void show(MainWindow& window)
    {
        window.show();
        window.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&window));
    }
    static bool idle(MainWindow& window)
    {
        return QTest::qWaitFor([&] { return !window.workbench()->isBusy(); }, 120'000) &&
               planned(window);
    }
    /// A dock behind another tab is moved out of the window.
    static bool isOnTop(const QDockWidget& dock)
    {
        return dock.isVisible() && dock.geometry().right() >= 0 && dock.geometry().bottom() >= 0;
    }
    /// Chooses in the one file dialog that is open.
    static bool chooseFile(MainWindow& window, const QString& path)
    {
        auto* dialog = window.findChild<QFileDialog*>();
        if (!dialog)
            return false;
        auto* name = dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
        name->setText(path);
        QMetaObject::invokeMethod(dialog, "accept");
        const bool closed = QTest::qWaitFor([&] { return !dialog->isVisible(); }, 5000);
        if (!closed)
            dialog->reject();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        return closed;
    }
    static QAction* runsAction(MainWindow& window, const QString& text)
    {
        for (QAction* each : window.runsPanel()->findChildren<QAction*>()) {
            if (each->text() == text)
                return each;
        }
        return nullptr;
    }
    static void copyModel(const QString& to)
    {
        QVERIFY(QDir().mkpath(to));
        for (const char* name :
             {"config.json", "model.safetensors", "tokenizer.model", "calibration.txt"})
            QVERIFY(QFile::copy(test::samplePath() + '/' + name, to + '/' + name));
    }
    /// Changes the header without changing what it describes, in place.
    static void changeModel(const QString& folder)
    {
        QFile file(folder + "/model.safetensors");
        QVERIFY(file.open(QIODevice::ReadWrite));
        const QByteArray head = file.read(64 << 10);
        const qsizetype at = head.indexOf("\"pt\"");
        QVERIFY(at > 0);
        QVERIFY(file.seek(at) && file.write("\"np\"") == 4);
    }

private Q_SLOTS:
    void initTestCase();
    void init();
    void editsManyRowsFromTheKeyboard();
    void keysOfTheWindow();
    void dragsAClipLimit();
    void cancelsAndExportsWhatIsThere();
    void runsWhatIsSelectedAndWhatIsStale();
    void comparesNamesAndRemovesRuns();
    void reports();
    void exportsFromTheRuns();
    void asksBeforeClosing();
    void asksBeforeAnotherModel();
    void recentFiles();
    void saysThatTheModelChanged();
    void findsAModelThatMoved();
    void layouts();
    void computesWhatIsLookedAt();
    void remembersTheLayout();
    void shortcuts();
    void everythingHasAName();
    void tabGoesRound();
    void themes();
    void screenshots_data();
    void screenshots();

private:
    test::TemporaryFolder m_folder;
};

void TestWindowSession::initTestCase()
{
    QCoreApplication::setOrganizationName(QStringLiteral("gradus-test"));
    QSettings::setDefaultFormat(QSettings::IniFormat);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, path("settings"));
}

void TestWindowSession::init()
{
    QSettings().clear();
}

void TestWindowSession::editsManyRowsFromTheKeyboard()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Document* document = window.workbench()->document();
    LayerTablePanel* table = window.layerPanel();
    const int before = document->undoStack()->count();
    table->selectLayer(gate);
    table->view()->setFocus();
    QTest::keyClick(table->view(), Qt::Key_Down, Qt::ShiftModifier);
    QTest::keyClick(table->view(), Qt::Key_Down, Qt::ShiftModifier);
    const Names chosen = table->selectedLayers();
    QCOMPARE(chosen.size(), std::size_t(3));
    // A digit sets the bits of all of them: one step.
    QTest::keyClick(table->view(), Qt::Key_3);
    QCOMPARE(document->undoStack()->count(), before + 1);
    QCOMPARE(document->undoStack()->undoText(), QString("bits 3 of 3 layers"));
    QVERIFY(planned(window));
    QCOMPARE(table->selectedLayers(), chosen);
    for (const std::string& name : chosen)
        QCOMPARE(document->choiceOf(name)->scheme.bits, 3);
    // In the cell: a method for all of them.
    QTest::keyClick(table->view(), Qt::Key_Home);
    const QModelIndex method =
        table->view()->currentIndex().siblingAtColumn(LayerTableModel::Method);
    QVERIFY(method.isValid());
    table->selectLayers(chosen);
    table->view()->selectionModel()->setCurrentIndex(
        table->tree()
            ->indexOfLayer(table->model()->rowOf(chosen[1]))
            .siblingAtColumn(LayerTableModel::Method),
        QItemSelectionModel::NoUpdate);
    QTest::keyClick(table->view(), Qt::Key_F2);
    auto* combo = table->view()->viewport()->findChild<QComboBox*>();
    QVERIFY(combo);
    QTRY_VERIFY(combo->view()->isVisible());
    combo->view()->setCurrentIndex(combo->model()->index(combo->findData("gptq"), 0));
    QTest::keyClick(combo->view(), Qt::Key_Return);
    QTRY_COMPARE(document->undoStack()->count(), before + 2);
    QVERIFY(planned(window));
    for (const std::string& name : chosen) {
        QCOMPARE(QString::fromStdString(std::string(methodName(document->choiceOf(name)->method))),
                 QString("gptq"));
        QCOMPARE(document->choiceOf(name)->scheme.bits, 3); // the other fields stay
    }
    // Locked, the three are left alone by an edit of many.
    table->view()->setFocus();
    table->selectLayers(chosen);
    QTest::keyClick(table->view(), Qt::Key_Space);
    QCOMPARE(document->recipe().locked.size(), std::size_t(3));
    QVERIFY(planned(window));
    QTest::keyClick(table->view(), Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(table->view(), Qt::Key_8);
    QVERIFY(planned(window));
    QCOMPARE(document->choiceOf(chosen[0])->scheme.bits, 3);
    QCOMPARE(document->choiceOf("model.layers.1.mlp.gate_proj")->scheme.bits, 8);
    QVERIFY2(window.messageText().contains("locked"), qPrintable(window.messageText()));
    // Back, step by step, with the keys everybody knows.
    while (document->undoStack()->count() > 0 && document->undoStack()->index() > before)
        QTest::keyClick(&window, Qt::Key_Z, Qt::ControlModifier);
    QVERIFY(document->recipe().overrides.empty());
    QVERIFY(document->recipe().locked.empty());
    QTest::keyClick(&window, Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(document->recipe().overrides.size(), std::size_t(3));
    // Del: what the recipe says in general.
    QVERIFY(planned(window));
    table->view()->setFocus();
    table->selectLayers(chosen);
    QTest::keyClick(table->view(), Qt::Key_Delete);
    QVERIFY(document->recipe().overrides.empty());
}

void TestWindowSession::keysOfTheWindow()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    LayerTablePanel* table = window.layerPanel();
    table->view()->setFocus();
    QTest::keyClick(&window, Qt::Key_F, Qt::ControlModifier);
    auto* line = qobject_cast<QLineEdit*>(window.focusWidget());
    QVERIFY(line && line == table->findChild<FilterLine*>());
    const std::size_t all = table->shownLayers().size();
    QTest::keyClicks(line, "down_proj");
    QCOMPARE(table->shownLayers().size(), std::size_t(6));
    // While a run goes on, Esc in the line is the line's: the run is cancelled from elsewhere.
    QVERIFY(test::setTokens(window, 128, 0));
    line->setFocus();
    window.workbench()->quantize();
    QVERIFY(window.workbench()->isBusy());
    QTest::keyClick(line, Qt::Key_Escape);
    QTest::keyClick(window.focusWidget(), Qt::Key_F, Qt::ControlModifier);
    QCOMPARE(window.focusWidget(), line);
    QTest::keyClick(line, Qt::Key_Escape);
    QTest::qWait(30);
    QVERIFY(window.workbench()->isBusy());
    QVERIFY(!window.runPanel()->logText().contains("cancelled"));
    table->view()->setFocus();
    QTest::keyClick(table->view(), Qt::Key_Escape);
    QVERIFY(idle(window));
    QVERIFY(window.runPanel()->logText().contains("cancelled"));
    table->setFilterText({});
    QCOMPARE(table->shownLayers().size(), all);
}

void TestWindowSession::dragsAClipLimit()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Document* document = window.workbench()->document();
    const int before = document->undoStack()->count();
    window.layerPanel()->selectLayer(gate);
    HistogramPlot* plot = window.weightPanel()->plot();
    QTRY_VERIFY(plot->preview() && plot->preview()->layer == gate);
    QVERIFY(plot->isVisible());
    plot->replotNow();
    QVERIFY(plot->clip());
    const ClipLimits ends = *plot->clip();
    const double target = static_cast<double>(ends.high) / 2;
    QWidget* canvas = nullptr;
    for (QWidget* each : plot->findChildren<QWidget*>()) {
        if (each->inherits("QCustomPlot"))
            canvas = each;
    }
    QVERIFY(canvas);
    const auto at = [&](double x) { return canvas->mapFrom(plot, plot->positionOf(x, 10)); };
    const double before16 = plot->preview()->weightSqnrDb;
    QTest::mousePress(canvas, Qt::LeftButton, {}, at(static_cast<double>(ends.high)));
    for (const double share : {0.9, 0.7, 0.5}) {
        const QPoint to = at(static_cast<double>(ends.high) * share);
        QMouseEvent move(QEvent::MouseMove, to, canvas->mapToGlobal(to), Qt::NoButton,
                         Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(canvas, &move);
        QTest::qWait(5);
    }
    // What it would do is shown before the button is let go; the recipe waits.
    QTRY_VERIFY(plot->preview()->choice.scheme.clip);
    QCOMPARE(document->undoStack()->count(), before);
    QTest::mouseRelease(canvas, Qt::LeftButton, {}, at(target));
    QCOMPARE(document->undoStack()->count(), before + 1);
    QVERIFY2(document->undoStack()->undoText().startsWith("clip " + QString::fromStdString(gate)),
             qPrintable(document->undoStack()->undoText()));
    const auto clip = document->recipe().overrides.at(gate).scheme.clip;
    QVERIFY(clip);
    QVERIFY(std::fabs(static_cast<double>(clip->high) / target - 1) < 0.05);
    QVERIFY(clip->low == ends.low);
    QVERIFY(planned(window));
    QTRY_VERIFY(plot->preview()->choice.scheme.clip == clip);
    QVERIFY(plot->preview()->weightSqnrDb != before16);
    QVERIFY(plot->preview()->clipHigh <= static_cast<double>(clip->high) * 1.1);
    document->undoStack()->undo();
    QVERIFY(planned(window));
    QVERIFY(document->recipe().overrides.empty());
    QTRY_VERIFY(!plot->preview()->choice.scheme.clip);
    QVERIFY(plot->preview()->weightSqnrDb == before16);
    QVERIFY((*plot->clip() == ends));
}

void TestWindowSession::cancelsAndExportsWhatIsThere()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Workbench* bench = window.workbench();
    Document* document = bench->document();
    connect(document, &Document::resultsChanged, &window, [&] {
        if (document->results().size() == 3)
            bench->cancel();
    });
    bench->quantize();
    QVERIFY(bench->isBusy());
    // The run that goes on is neither removed nor exported.
    QCOMPARE(window.runsPanel()->currentRun(), bench->runInProgress());
    for (const char* text : {"Remove", "Save…", "Export…", "Report…"})
        QVERIFY2(!runsAction(window, QString::fromUtf8(text))->isEnabled(), text);
    QVERIFY(idle(window));
    document->disconnect(&window);
    QVERIFY(!document->run());
    const Results kept = document->results();
    const std::size_t layers = document->model()->layers.size();
    QVERIFY(kept.size() >= 3 && kept.size() < layers);
    const RunsModel* runs = window.runsPanel()->model();
    QCOMPARE(runs->rowCount(), 1);
    QCOMPARE(runs->index(0, RunsModel::State).data().toString(),
             QString("%1 of %2 layers").arg(kept.size()).arg(layers));
    for (const char* text : {"Remove", "Save…", "Export…", "Report…"})
        QVERIFY2(runsAction(window, QString::fromUtf8(text))->isEnabled(), text);
    const QString target = path("cancelled");
    QVERIFY2(await([&](auto then) {
                 bench->exportRun(ExportFormat::Safetensors, target, GptqZeros::Automatic, then);
             }),
             qPrintable(window.messageText()));
    // What had finished is quantized, the rest is what it was.
    const auto exported = gradus::openModel(toPath(target));
    for (const Layer& layer : document->model()->layers) {
        const Tensor a = layerWeight(*document->model(), layer);
        const Tensor b = layerWeight(*exported, *exported->findLayer(layer.name));
        const bool same = std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
        const auto found = kept.find(layer.name);
        const bool quantized = found != kept.end() && found->second.result.weight;
        QVERIFY2(same == !quantized, layer.name.c_str());
    }
    // Saved and opened again it is a run like any other.
    QVERIFY(await([&](auto then) { bench->saveRun(path("cancelled.gradus"), then); }));
    QVERIFY(await([&](auto then) { bench->openRun(path("cancelled.gradus"), then); }));
    QCOMPARE(document->runs().size(), std::size_t(2));
    QCOMPARE(document->shownRun()->name, QString("cancelled"));
    QVERIFY(document->run());
}

void TestWindowSession::runsWhatIsSelectedAndWhatIsStale()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Workbench* bench = window.workbench();
    Document* document = bench->document();
    LayerTablePanel* table = window.layerPanel();
    QAction* selected = test::menuAction(window, "Quantize selected layers");
    QAction* stale = test::menuAction(window, "Quantize what is stale");
    QVERIFY(selected && stale);
    const Names two{"model.layers.2.mlp.gate_proj", "model.layers.4.self_attn.q_proj"};
    table->selectLayers(two);
    QVERIFY(selected->isEnabled());
    selected->trigger();
    QVERIFY(idle(window));
    QVERIFY2(document->run(), qPrintable(window.messageText()));
    for (const LayerResult& layer : document->run()->layers)
        QCOMPARE(bool(layer.weight), layer.name == two[0] || layer.name == two[1]);
    // The rest is missing; then everything is there.
    QVERIFY(stale->isEnabled());
    QTest::keyClick(&window, Qt::Key_F5);
    QVERIFY(idle(window));
    QCOMPARE(document->runs().size(), std::size_t(2));
    QCOMPARE(bench->staleCount(), std::size_t(0));
    QVERIFY(!stale->isEnabled());
    const int full = document->shownRun()->id;
    // One layer in the middle: the earlier ones are kept, the later ones see other inputs.
    table->selectLayer(two[1]);
    table->view()->setFocus();
    QTest::keyClick(table->view(), Qt::Key_2);
    QVERIFY(planned(window));
    const std::size_t count = bench->staleCount();
    QVERIFY2(count > 1 && count < 30, qPrintable(QString::number(count)));
    QVERIFY(stale->isEnabled());
    QSignalSpy results(document, &Document::resultsChanged);
    QTest::keyClick(&window, Qt::Key_F5, Qt::ShiftModifier);
    QVERIFY(idle(window));
    QVERIFY(document->runIsCurrent());
    QCOMPARE(bench->staleCount(), std::size_t(0));
    const std::shared_ptr<const Run> updated = document->run();
    // The run before is as it was.
    QCOMPARE(document->findRun(full)->results.at(two[1]).result.choice.scheme.bits, 4);
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    QVERIFY(test::sameResults(*updated, *document->run()));
    for (const LayerResult& layer : updated->layers)
        QVERIFY(
            !(layer.origin.calibration != document->run()->find(layer.name)->origin.calibration));
}

void TestWindowSession::comparesNamesAndRemovesRuns()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Workbench* bench = window.workbench();
    Document* document = bench->document();
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    LayerChoice three = document->recipe().standard;
    three.scheme.bits = 3;
    document->setStandard(three, "bits 3");
    QVERIFY(planned(window));
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    QCOMPARE(document->shownRun()->id, 2);
    QCOMPARE(document->comparedRun()->id, 1);
    // The table of differences has the totals and every layer, the plot two series.
    window.setLayoutPreset(LayoutPreset::Compare);
    const ComparisonModel* table = window.comparisonPanel()->model();
    const auto layers = static_cast<int>(document->model()->layers.size());
    QCOMPARE(table->rowCount(), layers + 1);
    QVERIFY(table->row(0).total);
    QVERIFY(table->row(0).a.bytes < table->row(0).b.bytes);
    int compared = 0;
    for (int row = 1; row <= layers; ++row) {
        if (!table->row(row).differs)
            continue;
        ++compared;
        QVERIFY(table->row(row).sqnrDifference() > 1); // a bit is worth 6 dB
    }
    QCOMPARE(compared, 42);
    for (const ErrorPlot* plot : {window.errorPanel()->plot(), window.comparisonPanel()->plot()}) {
        const std::vector<std::string> shown = plot->shownLayers();
        int both = 0;
        for (std::size_t i = 0; i < shown.size(); ++i) {
            const double a = plot->value(static_cast<int>(i), 0);
            const double b = plot->value(static_cast<int>(i), 1);
            both += std::isfinite(a) && std::isfinite(b) && a > b ? 1 : 0;
        }
        QCOMPARE(both, 42);
    }
    // A name, in the cell.
    QTableView* view = window.runsPanel()->view();
    view->setFocus();
    view->setCurrentIndex(window.runsPanel()->model()->index(0, RunsModel::Name));
    QCOMPARE(window.runsPanel()->currentRun(), 1);
    QTest::keyClick(view, Qt::Key_F2);
    auto* editor = view->viewport()->findChild<QLineEdit*>();
    QVERIFY(editor);
    editor->selectAll();
    QTest::keyClicks(editor, "four bits");
    QTest::keyClick(editor, Qt::Key_Return);
    QTRY_COMPARE(document->findRun(1)->name, QString("four bits"));
    QVERIFY(window.errorPanel()->plot()->csv().contains("four bits"));
    QVERIFY(window.comparisonPanel()->csv().contains("four bits"));
    QCOMPARE(window.runsPanel()->currentRun(), 1); // one stays on the line
    // A and B change places with a key.
    view->setFocus();
    view->setCurrentIndex(window.runsPanel()->model()->index(0, RunsModel::Shown));
    QTest::keyClick(view, Qt::Key_Space);
    QCOMPARE(document->shownRun()->id, 1);
    QCOMPARE(document->comparedRun()->id, 2);
    QVERIFY(table->row(0).a.bytes > table->row(0).b.bytes);
    QCOMPARE(
        window.layerPanel()->model()->row(window.layerPanel()->model()->rowOf(gate)).weightSqnrDb,
        document->findRun(1)->results.at(gate).result.weightSqnrDb);
    // Removed, the comparison is over.
    view->setFocus();
    view->setCurrentIndex(window.runsPanel()->model()->index(1, RunsModel::Name));
    QTest::keyClick(view, Qt::Key_Delete);
    QCOMPARE(document->runs().size(), std::size_t(1));
    QVERIFY(!document->comparedRun());
    QCOMPARE(table->rowCount(), 0);
    // What is left belongs to the recipe before the edit.
    QVERIFY(!std::isfinite(window.errorPanel()->plot()->value(5, 0)));
    document->undoStack()->undo();
    QVERIFY(planned(window));
    QVERIFY(std::isfinite(window.errorPanel()->plot()->value(5, 0)));
}

void TestWindowSession::reports()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Workbench* bench = window.workbench();
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    bench->document()->renameRun(1, "größer <4 bits>");
    QTest::keyClick(&window, Qt::Key_R, Qt::ControlModifier);
    QVERIFY(chooseFile(window, path("report.html")));
    QVERIFY(idle(window));
    QVERIFY2(window.messageText().contains("report.html"), qPrintable(window.messageText()));
    QFile page(path("report.html"));
    QVERIFY(page.open(QIODevice::ReadOnly));
    const QString html = QString::fromUtf8(page.readAll());
    QVERIFY(html.contains("größer &lt;4 bits&gt;"));
    QVERIFY(html.contains("<svg"));
    QVERIFY(!html.contains("<script src"));
    QFile table(path("report.csv"));
    QVERIFY(table.open(QIODevice::ReadOnly));
    const QList<QByteArray> lines = table.readAll().trimmed().split('\n');
    int layers = 0;
    for (const QByteArray& line : lines)
        layers += line.contains("model.layers.") ? 1 : 0;
    QCOMPARE(layers, 42);
}

void TestWindowSession::exportsFromTheRuns()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    Workbench* bench = window.workbench();
    Document* document = bench->document();
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    LayerChoice two = document->recipe().standard;
    two.scheme.bits = 2;
    document->setStandard(two, "bits 2");
    QVERIFY(planned(window));
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    // Not the one that is shown.
    window.setLayoutPreset(LayoutPreset::Compare);
    window.runsPanel()->view()->setCurrentIndex(
        window.runsPanel()->model()->index(0, RunsModel::Name));
    runsAction(window, "Export…")->trigger();
    auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
    QVERIFY(menu);
    QAction* hdf5 = nullptr;
    for (QAction* each : menu->actions()) {
        if (each->text().contains("HDF5"))
            hdf5 = each;
    }
    QVERIFY(hdf5);
    hdf5->trigger();
    menu->close();
    auto* dialog = window.findChild<ExportDialog*>();
    QVERIFY(dialog && dialog->isVisible());
    auto* notes = dialog->findChild<QPlainTextEdit*>();
    QTRY_VERIFY2(!notes->toPlainText().startsWith("Looking"), qPrintable(notes->toPlainText()));
    dialog->findChild<QLineEdit*>()->setText(path("first.h5"));
    for (QPushButton* button : dialog->findChildren<QPushButton*>()) {
        if (button->text() == "Export")
            button->click();
    }
    QVERIFY(bench->isBusy());
    QVERIFY(idle(window));
    QVERIFY2(window.messageText().contains("all equal"), qPrintable(window.messageText()));
    const auto written = readRun(toPath(path("first.h5")));
    QVERIFY(test::sameResults(*written, *document->findRun(1)->run));
    QCOMPARE(written->recipe.standard.scheme.bits, 4);
}

void TestWindowSession::asksBeforeClosing()
{
    MainWindow::Options options = quiet();
    options.confirmClose = true;
    options.sessions = path("sessions");
    auto window = std::make_unique<MainWindow>(options);
    show(*window);
    QVERIFY(openSample(*window));
    QVERIFY(test::setTokens(*window, 128, 0));
    window->workbench()->quantize();
    QTRY_VERIFY(!window->workbench()->document()->results().empty());
    QVERIFY(!window->close());
    auto* box = window->findChild<QMessageBox*>("Losses");
    QVERIFY(box && box->isVisible());
    QVERIFY2(box->text().contains("Quantizing is still running"), qPrintable(box->text()));
    QVERIFY2(box->text().contains("changes that are not saved"), qPrintable(box->text()));
    QTest::keyClick(box, Qt::Key_Escape); // the harmless answer
    QTRY_VERIFY(!window->findChild<QMessageBox*>("Losses"));
    QVERIFY(window->isVisible());
    QVERIFY(window->workbench()->isBusy());
    QVERIFY(!window->close());
    box = window->findChild<QMessageBox*>("Losses");
    QVERIFY(box);
    QCOMPARE(box->defaultButton(), box->button(QMessageBox::Cancel));
    QElapsedTimer clock;
    clock.start();
    for (QAbstractButton* button : box->buttons()) {
        if (box->buttonRole(button) == QMessageBox::DestructiveRole)
            button->click();
    }
    QVERIFY(!window->isVisible());
    window.reset();
    QVERIFY2(clock.elapsed() < 2000, qPrintable(QString::number(clock.elapsed())));
    QVERIFY(QDir(path("sessions")).isEmpty());
}

void TestWindowSession::asksBeforeAnotherModel()
{
    MainWindow::Options options = quiet();
    options.confirmClose = true;
    options.remember = true;
    const QString other = path("other");
    copyModel(other);
    Settings settings(true);
    settings.addRecentFile(other);
    MainWindow window(options);
    show(window);
    QVERIFY(openSample(window));
    Document* document = window.workbench()->document();
    const auto model = document->model();
    QAction* recent = test::menuAction(window, other);
    QVERIFY(recent && recent->isEnabled());
    recent->trigger();
    auto* box = window.findChild<QMessageBox*>("Losses");
    QVERIFY(box);
    box->button(QMessageBox::Cancel)->click();
    QTest::qWait(50);
    QVERIFY(!window.workbench()->isBusy());
    QVERIFY(document->model() == model);
    // A text joins what is open.
    QFile text(path("words.txt"));
    QVERIFY(text.open(QIODevice::WriteOnly));
    text.close();
    window.workbench()->open(text.fileName());
    QVERIFY(document->model() == model);
    document->undoStack()->undo();
    document->undoStack()->undo(); // as it was opened: nothing is lost
    QVERIFY(document->isClean());
    recent->trigger();
    QTRY_VERIFY(document->model() != model);
    QCOMPARE(pathText(document->model()->source.path), other);
    QVERIFY(idle(window));
}

void TestWindowSession::recentFiles()
{
    const QString there = path("there.txt");
    QFile file(there);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.close();
    const QString gone = path("gone.gradus");
    Settings settings(true);
    settings.addRecentFile(gone);
    settings.addRecentFile(there);
    MainWindow::Options options = quiet();
    options.remember = true;
    MainWindow window(options);
    show(window);
    QAction* missing = test::menuAction(window, gone);
    QAction* present = test::menuAction(window, there);
    QVERIFY(missing && present);
    QVERIFY(!missing->isEnabled());
    QVERIFY(present->isEnabled());
    // On the first page too.
    int links = 0;
    int faint = 0;
    for (const QLabel* label : window.findChildren<QLabel*>()) {
        links += label->toolTip() == there && label->isEnabled() ? 1 : 0;
        faint += label->toolTip().contains(gone) && !label->isEnabled() &&
                         !label->text().contains("href")
                     ? 1
                     : 0;
    }
    QCOMPARE(links, 1);
    QCOMPARE(faint, 1);
    // Files come and go while the program runs: looked at when the menu opens.
    QVERIFY(QFile::rename(there, gone));
    auto* menu = qobject_cast<QMenu*>(missing->parent());
    QVERIFY(menu);
    Q_EMIT menu->aboutToShow();
    QVERIFY(missing->isEnabled());
    QVERIFY(!present->isEnabled());
    QAction* clear = test::menuAction(window, "Clear the list");
    QVERIFY(clear);
    clear->trigger();
    QVERIFY(settings.recentFiles().isEmpty());
    QVERIFY(!menu->isEnabled());
}

void TestWindowSession::saysThatTheModelChanged()
{
    const QString folder = path("changing");
    copyModel(folder);
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window, folder));
    const auto before = window.workbench()->document()->model();
    // The same content again is no news, though it is another file.
    QVERIFY(QFile::copy(folder + "/model.safetensors", folder + "/new"));
    QVERIFY(std::rename(qPrintable(folder + "/new"), qPrintable(folder + "/model.safetensors")) ==
            0);
    QTest::qWait(300);
    QVERIFY(planned(window));
    QCOMPARE(window.messageText(), QString());
    changeModel(folder);
    QTRY_VERIFY2_WITH_TIMEOUT(window.messageText().contains("has changed since it was opened"),
                              qPrintable(window.messageText()), 10'000);
    QVERIFY(window.messageText().contains("changing"));
    QVERIFY(test::clickMessage(window, "Open it again"));
    QVERIFY(idle(window));
    const auto after = window.workbench()->document()->model();
    QVERIFY(after != before);
    QVERIFY(after->source.fingerprint != before->source.fingerprint);
    QCOMPARE(window.messageText(), QString());
    QVERIFY(QFile::remove(folder + "/model.safetensors"));
    QTRY_VERIFY2_WITH_TIMEOUT(window.messageText().contains("no longer"),
                              qPrintable(window.messageText()), 10'000);
}

void TestWindowSession::findsAModelThatMoved()
{
    const QString folder = path("before");
    copyModel(folder);
    {
        MainWindow window(quiet());
        QVERIFY(openSample(window, folder));
        QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));
        QVERIFY(await([&](auto then) { window.workbench()->saveRun(path("moved.gradus"), then); }));
    }
    QVERIFY(QDir().rename(folder, path("after")));
    MainWindow window(quiet());
    show(window);
    Workbench* bench = window.workbench();
    for (const char* file : {"model.safetensors", "config.json"}) {
        bench->closeModel();
        QVERIFY(!await([&](auto then) { bench->open(path("moved.gradus"), then); }));
        QVERIFY2(window.messageText().contains("before"), qPrintable(window.messageText()));
        QVERIFY(test::clickMessage(window, "Locate the model…"));
        QVERIFY(chooseFile(window, path("after") + '/' + file));
        QVERIFY(idle(window));
        QVERIFY2(bench->document()->run(), qPrintable(window.messageText()));
        QCOMPARE(bench->document()->shownRun()->name, QString("moved"));
        QVERIFY(pathText(bench->document()->model()->source.path).startsWith(path("after")));
    }
    // Another model is refused and said to be one.
    changeModel(path("after"));
    bench->closeModel();
    QVERIFY(!await([&](auto then) { bench->openRun(path("moved.gradus"), then, path("after")); }));
    QVERIFY2(window.messageText().contains("fingerprint"), qPrintable(window.messageText()));
}

void TestWindowSession::layouts()
{
    MainWindow window(quiet());
    show(window);
    for (const QDockWidget* each : window.docks().all())
        QVERIFY(each->isHidden()); // nothing to show yet
    QVERIFY(openSample(window));
    const Docks& docks = window.docks();
    const auto onTop = [](QDockWidget* dock) {
        QCoreApplication::processEvents();
        return isOnTop(*dock);
    };
    QTRY_VERIFY(onTop(docks.weights) && onTop(docks.method) && onTop(docks.run));
    QTest::keyClick(&window, Qt::Key_2, Qt::ControlModifier);
    QTRY_VERIFY(onTop(docks.errors) && onTop(docks.comparison) && onTop(docks.runs));
    QCOMPARE(window.dockWidgetArea(docks.runs), Qt::RightDockWidgetArea);
    QTest::keyClick(&window, Qt::Key_3, Qt::ControlModifier);
    QTRY_VERIFY(onTop(docks.bitsMap) && onTop(docks.errors) && onTop(docks.method));
    QCOMPARE(window.dockWidgetArea(docks.bitsMap), Qt::RightDockWidgetArea);
    QTest::keyClick(&window, Qt::Key_1, Qt::ControlModifier);
    QTRY_VERIFY(onTop(docks.weights));
    // Torn out, closed, columns hidden: reset puts all of it back.
    const std::vector<int> columns = window.layerPanel()->visibleColumns();
    docks.weights->setFloating(true);
    docks.run->close();
    window.layerPanel()->setColumnShown(LayerTableModel::Bits, false);
    window.resize(1000, 700);
    QAction* reset = test::menuAction(window, "Reset");
    QVERIFY(reset);
    reset->trigger();
    QTRY_VERIFY(onTop(docks.weights) && onTop(docks.run));
    QVERIFY(!docks.weights->isFloating());
    QCOMPARE(window.size(), QSize(1280, 800));
    QTRY_COMPARE(window.layerPanel()->visibleColumns(), columns);
    // Each dock has an entry in the View menu.
    for (QDockWidget* each : docks.all()) {
        QAction* toggle = each->toggleViewAction();
        QVERIFY(!toggle->text().isEmpty());
        each->hide();
        QVERIFY(!toggle->isChecked());
        toggle->trigger();
        QVERIFY(!each->isHidden());
    }
}

void TestWindowSession::computesWhatIsLookedAt()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    const Docks& docks = window.docks();
    const Explorer* explorer = window.explorer();
    QSignalSpy channels(explorer, &Explorer::channelsReady);
    QSignalSpy curves(explorer, &Explorer::exponentsReady);
    const auto select = [&](const std::string& layer) {
        window.layerPanel()->selectLayer(layer);
        return QTest::qWaitFor(
            [&] {
                const WeightPreview* shown = window.weightPanel()->plot()->preview();
                return explorer->isSettled() && shown && shown->layer == layer;
            },
            20'000);
    };
    QVERIFY(select(gate));
    QTest::qWait(50);
    QCOMPARE(channels.size(), 0);
    QCOMPARE(curves.size(), 0);
    docks.channels->raise();
    QTRY_COMPARE(channels.size(), 1);
    docks.exponent->raise();
    QTRY_COMPARE(curves.size(), 1);
    QVERIFY(select("model.layers.1.mlp.gate_proj"));
    QTRY_COMPARE(curves.size(), 2);
    QCOMPARE(channels.size(), 1);
    docks.exponent->hide();
    QVERIFY(select("model.layers.2.mlp.gate_proj"));
    QTest::qWait(50);
    QCOMPARE(curves.size(), 2);
    docks.channels->raise();
    QTRY_VERIFY(channels.size() >= 2);
    docks.channels->setFloating(true); // a window of its own is seen, whatever the tabs do
    docks.weights->raise();
    const int before = static_cast<int>(channels.size());
    QVERIFY(select("model.layers.3.mlp.gate_proj"));
    QTRY_VERIFY(channels.size() > before);
}

void TestWindowSession::remembersTheLayout()
{
    MainWindow::Options options = quiet();
    options.remember = true;
    struct Place
    {
        bool hidden;
        bool floating;
        Qt::DockWidgetArea area;
        bool operator==(const Place&) const = default;
    };
    const auto places = [](const MainWindow& window) {
        std::vector<Place> all;
        for (QDockWidget* each : window.docks().all())
            all.push_back({each->isHidden(), each->isFloating(), window.dockWidgetArea(each)});
        return all;
    };
    std::vector<Place> before;
    {
        MainWindow window(options);
        show(window);
        QVERIFY(openSample(window));
        window.setLayoutPreset(LayoutPreset::WholeModel);
        window.docks().runs->setFloating(true);
        window.docks().exponent->hide();
        before = places(window);
        QVERIFY(before[2].hidden);
        QVERIFY(window.close());
    }
    MainWindow window(options);
    show(window);
    QVERIFY(openSample(window));
    QVERIFY(places(window) == before);
    // Closing the model hides the docks; the next model has them where they were.
    window.workbench()->closeModel();
    for (const QDockWidget* each : window.docks().all())
        QVERIFY(each->isHidden());
    QVERIFY(window.close());
    MainWindow third(options);
    show(third);
    QVERIFY(openSample(third));
    QVERIFY(places(third) == before);
}

void TestWindowSession::shortcuts()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    const ShortcutsDialog dialog(*window.menuBar());
    const QStringList lines = dialog.lines();
    QVERIFY(lines.size() > 30);
    // Every action of the menus has a text, and its keys stand in the dialog exactly once.
    std::map<QString, QString> owner;
    const std::function<void(const QMenu&)> walk = [&](const QMenu& menu) {
        for (QAction* each : menu.actions()) {
            if (each->isSeparator())
                continue;
            QVERIFY2(!each->text().isEmpty(), qPrintable(menu.title()));
            if (each->menu()) {
                walk(*each->menu());
                continue;
            }
            if (each->shortcuts().isEmpty())
                continue;
            QStringList keys;
            for (const QKeySequence& sequence : each->shortcuts()) {
                const QString text = sequence.toString(QKeySequence::NativeText);
                QVERIFY2(!owner.count(text),
                         qPrintable(text + ": " + each->text() + ", " + owner[text]));
                owner[text] = each->text();
                keys.append(text);
            }
            const QString title = each->property("title").toString();
            const QString line = keys.join(", ") + '\t' +
                                 (title.isEmpty() ? each->text().remove(QLatin1Char('&')) : title);
            QVERIFY2(lines.count(line) == 1, qPrintable(line));
        }
    };
    for (const QAction* top : window.menuBar()->actions()) {
        QVERIFY(!top->text().isEmpty());
        QVERIFY(top->menu());
        walk(*top->menu());
    }
    QVERIFY(owner.size() > 20);
    // Actions elsewhere in the window may not take a key of the menus for the whole window.
    for (const QAction* each : window.findChildren<QAction*>()) {
        if (each->shortcutContext() == Qt::WidgetShortcut)
            continue;
        for (const QKeySequence& sequence : each->shortcuts())
            QVERIFY2(owner.count(sequence.toString(QKeySequence::NativeText)),
                     qPrintable(each->text()));
    }
    // Mnemonics of the menu bar and within each menu.
    std::set<QChar> letters;
    for (const QAction* top : window.menuBar()->actions()) {
        const QString text = top->text();
        const qsizetype at = text.indexOf('&');
        QVERIFY2(at >= 0, qPrintable(text));
        QVERIFY2(letters.insert(text[at + 1].toLower()).second, qPrintable(text));
    }
    for (const QString& line : lines)
        QVERIFY2(!line.section('\t', 0, 0).isEmpty() && !line.section('\t', 1).isEmpty(),
                 qPrintable(line));
    QCOMPARE(dialog.findChild<QTreeWidget*>()->accessibleName(), QString("Keyboard shortcuts"));
}

namespace {
/// What a person who does not see it would be told; empty when it is nothing.
QString nameOf(const QWidget& widget, const QList<QLabel*>& labels)
{
    if (!widget.accessibleName().isEmpty())
        return widget.accessibleName();
    if (const auto* button = qobject_cast<const QAbstractButton*>(&widget))
        return button->text();
    for (const QLabel* label : labels) {
        if (label->buddy() == &widget)
            return label->text();
    }
    return {};
}

bool isInput(const QWidget& widget)
{
    const QWidget* parent = widget.parentWidget();
    const QString name = widget.objectName();
    // Parts of other widgets, and those of Qt's own making.
    if (name.startsWith("qt_") || name.startsWith("Scroll") ||
        qobject_cast<const QComboBox*>(parent) || qobject_cast<const QAbstractSpinBox*>(parent) ||
        qobject_cast<const QLineEdit*>(parent) || qobject_cast<const QHeaderView*>(&widget) ||
        widget.inherits("QTableCornerButton") || widget.inherits("QComboBoxListView") ||
        widget.inherits("QLineEditIconButton"))
        return false;
    for (const QWidget* each = parent; each; each = each->parentWidget()) {
        if (qobject_cast<const QMessageBox*>(each) || qobject_cast<const QFileDialog*>(each) ||
            each->inherits("QComboBoxPrivateContainer"))
            return false;
    }
    return qobject_cast<const QAbstractButton*>(&widget) ||
           qobject_cast<const QLineEdit*>(&widget) ||
           qobject_cast<const QAbstractSpinBox*>(&widget) ||
           qobject_cast<const QComboBox*>(&widget) ||
           qobject_cast<const QAbstractItemView*>(&widget) ||
           qobject_cast<const QPlainTextEdit*>(&widget) ||
           qobject_cast<const QTextEdit*>(&widget) || qobject_cast<const PlotView*>(&widget);
}

QStringList nameless(const QWidget& top)
{
    QStringList found;
    const QList<QLabel*> labels = top.findChildren<QLabel*>();
    for (const QWidget* each : top.findChildren<QWidget*>()) {
        if (!isInput(*each) || !nameOf(*each, labels).isEmpty())
            continue;
        QString where = each->metaObject()->className();
        for (const QWidget* up = each->parentWidget(); up; up = up->parentWidget())
            where.prepend(QString::fromLatin1(up->metaObject()->className()) + '/');
        found.append(where);
    }
    return found;
}
} // namespace

void TestWindowSession::everythingHasAName()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    // With a method that has options of every kind.
    LayerChoice gptq = window.workbench()->document()->recipe().standard;
    gptq.method = findMethod("gptq")->defaults;
    window.workbench()->document()->setStandard(gptq, "gptq");
    QVERIFY(planned(window));
    const QStringList inWindow = nameless(window);
    QVERIFY2(inWindow.isEmpty(), qPrintable(inWindow.join('\n')));
    QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));
    // Dialogs.
    for (const char* text : {"Rules…", "Measure outputs…", "Keyboard shortcuts"}) {
        QAction* action = test::menuAction(window, QString::fromUtf8(text));
        QVERIFY2(action, text);
        action->trigger();
        auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
        QVERIFY2(dialog, text);
        const QStringList missing = nameless(*dialog);
        QVERIFY2(missing.isEmpty(), qPrintable(missing.join('\n')));
        QVERIFY2(!dialog->windowTitle().isEmpty(), text);
        dialog->reject();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }
    for (const ExportFormat format :
         {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
        const ExportDialog dialog(window.workbench(), format, 0);
        // The combo's label is its buddy only once it is laid out.
        QCOMPARE(nameless(dialog), QStringList());
        QVERIFY(planned(window));
    }
}

void TestWindowSession::tabGoesRound()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    const Docks& docks = window.docks();
    // Two runs, so that every table has rows.
    QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));
    LayerChoice three = window.workbench()->document()->recipe().standard;
    three.scheme.bits = 3;
    window.workbench()->document()->setStandard(three, "bits 3");
    QVERIFY(planned(window));
    QVERIFY(await([&](auto then) { window.workbench()->quantize(then); }));
    for (const LayoutPreset preset :
         {LayoutPreset::Explore, LayoutPreset::Compare, LayoutPreset::WholeModel}) {
        window.setLayoutPreset(preset);
        QTest::qWait(50);
        for (const Qt::Key key : {Qt::Key_Tab, Qt::Key_Backtab}) {
            window.layerPanel()->view()->setFocus();
            QWidget* start = window.focusWidget();
            QVERIFY(start);
            std::vector<QWidget*> visited{start};
            for (int i = 0; i < 300; ++i) {
                QWidget* at = window.focusWidget();
                QTest::keyClick(at, key,
                                key == Qt::Key_Backtab ? Qt::ShiftModifier : Qt::NoModifier);
                QWidget* next = window.focusWidget();
                QVERIFY2(next && next != at,
                         qPrintable(QString("stuck in %1 (%2)")
                                        .arg(at->metaObject()->className(), at->accessibleName())));
                QVERIFY2(next->isVisible(), next->metaObject()->className());
                if (next == start)
                    break;
                QVERIFY2(
                    std::find(visited.begin(), visited.end(), next) == visited.end(),
                    qPrintable(QString("again in %1 (%2)")
                                   .arg(next->metaObject()->className(), next->accessibleName())));
                visited.push_back(next);
            }
            QCOMPARE(visited.size() < 300, true);
            const auto reached = [&](const QWidget* in) {
                return std::any_of(visited.begin(), visited.end(),
                                   [&](const QWidget* each) { return in->isAncestorOf(each); });
            };
            QVERIFY(reached(window.layerPanel()));
            for (QDockWidget* dock : docks.all()) {
                if (isOnTop(*dock))
                    QVERIFY2(reached(dock), qPrintable(dock->windowTitle()));
            }
        }
    }
}

void TestWindowSession::themes()
{
    MainWindow window(quiet());
    show(window);
    QVERIFY(openSample(window));
    QTRY_VERIFY(window.weightPanel()->plot()->preview());
    const auto lightness = [](QWidget* widget) {
        if (auto* plot = qobject_cast<PlotView*>(widget))
            plot->replotNow();
        const QImage image = widget->grab().toImage();
        return qGray(image.pixel(image.width() - 3, image.height() / 2));
    };
    QAction* dark = test::menuAction(window, "Dark");
    QAction* light = test::menuAction(window, "Light");
    QVERIFY(dark && light);
    const std::vector<QWidget*> plots{window.weightPanel()->plot(), window.errorPanel()->plot(),
                                      window.runPanel()};
    for (int round = 0; round < 2; ++round) {
        dark->trigger();
        QVERIFY(dark->isChecked());
        QCoreApplication::processEvents();
        for (QWidget* each : plots)
            QVERIFY2(lightness(each) < 90, each->metaObject()->className());
        light->trigger();
        QCoreApplication::processEvents();
        for (QWidget* each : plots)
            QVERIFY2(lightness(each) > 200, each->metaObject()->className());
    }
}

void TestWindowSession::screenshots_data()
{
    QTest::addColumn<QString>("theme");
    QTest::addColumn<QSize>("size");
    QTest::newRow("light") << "light" << QSize(1280, 800);
    QTest::newRow("dark, large") << "dark" << QSize(2560, 1440);
}

void TestWindowSession::screenshots()
{
    QFETCH(QString, theme);
    QFETCH(QSize, size);
    Recipe recipe;
    recipe.calibration.data = (test::samplePath() + "/calibration.txt").toStdString();
    recipe.calibration.samples = 2;
    recipe.calibration.context = 64;
    recipe.overrides[gate] = {};
    recipe.overrides[gate].scheme.bits = 3;
    QFile file(path("shots.json"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(QByteArray::fromStdString(toJson(recipe)));
    file.close();
    const QString folder = path(QTest::currentDataTag());
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* variable : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
        environment.remove(variable);
    process.setProcessEnvironment(environment);
    process.start(GRADUS_PROGRAM, {test::samplePath(), "--recipe", file.fileName(), "--capture",
                                   "--quantize", "--screenshot", folder, "--theme", theme, "--size",
                                   QString("%1x%2").arg(size.width()).arg(size.height())});
    QVERIFY(process.waitForFinished(120'000));
    const QByteArray said = process.readAllStandardError() + process.readAllStandardOutput();
    QVERIFY2(process.exitCode() == 0, said);
    QCOMPARE(QString::fromUtf8(said), QString()); // not a line, no warning of Qt
    QStringList expected{"window",
                         "compare",
                         "model",
                         "window-channels",
                         "window-exponent",
                         "window-decoupleq",
                         "window-errors",
                         "window-bits",
                         "window-allocation",
                         "window-runs",
                         "window-comparison",
                         "exponent-model",
                         "exponent-gain",
                         "exponent-domain",
                         "layers",
                         "weights",
                         "channels",
                         "exponent",
                         "decoupleq",
                         "errors",
                         "bits",
                         "allocation",
                         "method",
                         "run",
                         "runs",
                         "comparison"};
    for (const QString& name : expected) {
        const QImage image(folder + '/' + name + ".png");
        QVERIFY2(image.size() == size, qPrintable(name));
        const int gray = qGray(image.pixel(4, size.height() / 2));
        QVERIFY2(theme == "dark" ? gray < 110 : gray > 180, qPrintable(name));
        // Something is drawn: there are many colours on it.
        QSet<QRgb> colours;
        for (int y = 0; y < image.height(); y += 3) {
            for (int x = 0; x < image.width(); x += 3)
                colours.insert(image.pixel(x, y));
        }
        QVERIFY2(colours.size() > 20, qPrintable(name));
    }
    QCOMPARE(QDir(folder).entryList({"*.png"}).size(), expected.size());
}

QTEST_MAIN(TestWindowSession)
#include "tst_window_session.moc"
