// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/main_window.h"
#include "app/gui/startup.h"
#include "core/session/statistics.h"
#include "tests/support/support.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/weight_panel.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"

#include <QAction>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QElapsedTimer>
#include <QFile>
#include <QImage>
#include <QMenu>
#include <QMimeData>
#include <QProcess>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>

#include <cmath>

using namespace gradus;

namespace {
const QString sample = QStringLiteral(GRADUS_SOURCE_DIR "/resources/samples/lm-kjv-3M");

MainWindow::Options quiet()
{
    MainWindow::Options options;
    options.remember = false;
    options.confirmClose = false;
    return options;
}

/// Runs a verb and waits for its end.
bool await(const std::function<void(Workbench::Then)>& verb)
{
    std::optional<bool> result;
    verb([&](bool ok) { result = ok; });
    QElapsedTimer clock;
    clock.start();
    while (!result && clock.elapsed() < 120'000)
        QTest::qWait(5);
    return result.value_or(false);
}
} // namespace

class TestMainWindow : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void empty();
    void fromOpenToExport();
    void cancelKeepsWhatIsFinished();
    void closesDuringARun();
    void problemsAreSentences();
    void dropsAnything();
    void remembers();
    void program_data();
    void program();
    void screenshots();

private:
    /// Opens the sample and waits for the plan; few calibration tokens, so that runs are short.
    bool open(MainWindow& window)
    {
        Workbench* bench = window.workbench();
        if (!await([&](auto then) { bench->openModel(sample, then); }))
            return false;
        CalibrationChoice calibration = bench->document()->recipe().calibration;
        calibration.samples = 2;
        calibration.context = 64;
        bench->document()->setCalibration(calibration, "calibration");
        return planned(window);
    }
    static bool planned(MainWindow& window)
    {
        return QTest::qWaitFor(
            [&] {
                return window.workbench()->isPlanned() && window.workbench()->document()->plan();
            },
            20'000);
    }
    static QString cell(MainWindow& window, int row, int column)
    {
        return window.layerPanel()->model()->index(row, column).data().toString();
    }
    test::TemporaryFolder m_folder;
    QString path(const char* name) { return QString::fromStdString((m_folder / name).string()); }
};

void TestMainWindow::init()
{
    QVERIFY2(QDir(sample).exists(), "the bundled sample is missing");
}

void TestMainWindow::empty()
{
    MainWindow window(quiet());
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QCOMPARE(window.windowTitle(), QString("Gradus"));
    QVERIFY(!window.layerPanel()->isVisible());
    QCOMPARE(window.totalsText(), QString("No model"));
    QCOMPARE(window.workbench()->obstacle(), QString("Open a model first"));
    QVERIFY(!await([&](auto then) { window.workbench()->quantize(then); }));
    QCOMPARE(window.messageText(), QString("Open a model first"));
}

void TestMainWindow::fromOpenToExport()
{
    MainWindow window(quiet());
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QVERIFY(open(window));
    Workbench* bench = window.workbench();
    Document* document = bench->document();
    LayerTableModel* table = window.layerPanel()->model();
    QVERIFY(window.layerPanel()->isVisible());
    QCOMPARE(window.windowTitle(), QString("lm-kjv-3M[*] – Gradus"));
    QCOMPARE(table->rowCount(), static_cast<int>(document->model()->layers.size()));
    QVERIFY(
        QString::fromStdString(document->recipe().calibration.data).endsWith("calibration.txt"));

    // The first layer that is quantized is selected, and its histogram follows.
    const std::string layer = window.layerPanel()->currentLayer();
    const int row = table->rowOf(layer);
    QVERIFY(row >= 0);
    QTRY_VERIFY(window.weightPanel()->plot()->preview());
    QCOMPARE(window.weightPanel()->plot()->preview()->layer, layer);
    QCOMPARE(window.weightPanel()->plot()->preview()->levels.size(), std::size_t(16));

    // An edit in the table, undone and done again.
    QCOMPARE(cell(window, row, LayerTableModel::Bits), QString("4"));
    const QString totals = window.totalsText();
    QVERIFY(table->setData(table->index(row, LayerTableModel::Bits), "3", Qt::EditRole));
    QVERIFY(planned(window));
    QCOMPARE(cell(window, row, LayerTableModel::Bits), QString("3"));
    QVERIFY(window.totalsText() != totals);
    QVERIFY(window.isWindowModified());
    QTRY_COMPARE(window.weightPanel()->plot()->preview()->levels.size(), std::size_t(8));
    document->undoStack()->undo();
    QVERIFY(planned(window));
    QCOMPARE(cell(window, row, LayerTableModel::Bits), QString("4"));
    QCOMPARE(window.totalsText(), totals);
    document->undoStack()->redo();
    QVERIFY(planned(window));
    QCOMPARE(cell(window, row, LayerTableModel::Bits), QString("3"));

    // A recipe file gives the same recipe.
    const Recipe recipe = document->recipe();
    QVERIFY(await([&](auto then) { bench->saveRecipe(path("recipe.json"), then); }));
    document->undoStack()->undo();
    QVERIFY(!(document->recipe() == recipe));
    QVERIFY(await([&](auto then) { bench->openRecipe(path("recipe.json"), then); }));
    QVERIFY(document->recipe() == recipe);
    QVERIFY(planned(window));

    // The run fills the table.
    QSignalSpy results(document, &Document::resultsChanged);
    QCOMPARE(cell(window, row, LayerTableModel::OutputError), QString("–"));
    QVERIFY(await([&](auto then) { bench->quantize(then); }));
    QVERIFY(document->runIsCurrent());
    QVERIFY(bench->hasUnsavedRun());
    QVERIFY2(results.size() > 2, "layers arrive one by one");
    for (int r = 0; r < table->rowCount(); ++r) {
        const LayerRow& shown = table->row(r);
        QCOMPARE(shown.measured, true);
        QVERIFY(shown.stale.isEmpty());
        if (shown.choice.keepFloat)
            continue;
        QVERIFY2(shown.relativeOutputError > 0 && shown.relativeOutputError < 1,
                 shown.name.c_str());
        QVERIFY2(shown.weightSqnrDb > 5 && shown.weightSqnrDb < 60, shown.name.c_str());
    }
    // 3 bits are coarser than 4 in the same layer of the next block.
    const double atThree = table->row(row).weightSqnrDb;
    const double atFour = table->row(row + 1).weightSqnrDb;
    QVERIFY(atThree < atFour);
    QTRY_VERIFY(window.weightPanel()->plot()->preview()->fromRun);

    // Measured on a piece of the evaluation text.
    QFile evaluation(sample + "/evaluation.txt");
    QVERIFY(evaluation.open(QIODevice::ReadOnly));
    QFile piece(path("piece.txt"));
    QVERIFY(piece.open(QIODevice::WriteOnly) && piece.write(evaluation.read(8000)) == 8000);
    piece.close();
    QVERIFY(await([&](auto then) {
        bench->evaluate(path("piece.txt"), PerplexityConvention::Gptq, 128, then);
    }));
    QVERIFY2(bench->perplexityText().contains("→ quantized"), qPrintable(bench->perplexityText()));
    QVERIFY(window.runPanel()->logText().contains("Perplexity: float"));

    // Exported, read back, compared.
    for (const ExportFormat format :
         {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
        const QString target = path(std::string(exportFormatName(format)).c_str());
        QVERIFY2(
            await([&](auto then) { bench->exportRun(format, target, GptqZeros::Automatic, then); }),
            qPrintable(window.messageText()));
        QVERIFY2(window.messageText().contains("all equal"), qPrintable(window.messageText()));
        QVERIFY(QFileInfo::exists(target));
    }
    // What was exported is a model that opens and has the quantized weights.
    const auto exported = gradus::openModel(toPath(path("safetensors")));
    const Layer* changed = exported->findLayer(layer);
    QVERIFY(changed);
    const Tensor weight = layerWeight(*exported, *changed);
    const Tensor original = layerWeight(*document->model(), *document->model()->findLayer(layer));
    QCOMPARE(weight.count(), original.count());
    QVERIFY(std::memcmp(weight.bytes().data(), original.bytes().data(), weight.bytes().size()) !=
            0);

    // Saved and opened again, the run shows the same table.
    const double error = table->row(row).relativeOutputError;
    QVERIFY(await([&](auto then) { bench->saveRun(path("run.gradus"), then); }));
    QVERIFY(!bench->hasUnsavedRun());
    MainWindow second(quiet());
    QVERIFY(await([&](auto then) { second.workbench()->open(path("run.gradus"), then); }));
    QVERIFY(planned(second));
    QVERIFY(second.workbench()->document()->recipe() == recipe);
    QCOMPARE(second.layerPanel()->model()->row(row).stale, QString());
    QVERIFY(second.layerPanel()->model()->row(row).relativeOutputError == error);

    // An edit after the run dims that layer's numbers and keeps the others'.
    QVERIFY(table->setData(table->index(row, LayerTableModel::Bits), "8", Qt::EditRole));
    QVERIFY(planned(window));
    QVERIFY(!table->row(row).stale.isEmpty());
    QVERIFY(!document->runIsCurrent());
}

void TestMainWindow::cancelKeepsWhatIsFinished()
{
    MainWindow window(quiet());
    QVERIFY(open(window));
    Workbench* bench = window.workbench();
    connect(bench->document(), &Document::resultsChanged, &window, [&] {
        if (bench->document()->results().size() == 3)
            bench->cancel();
    });
    QVERIFY(!await([&](auto then) { bench->quantize(then); }));
    QVERIFY(!bench->isBusy());
    QVERIFY(!bench->document()->run());
    const std::size_t kept = bench->document()->results().size();
    QVERIFY2(kept >= 3 && kept < bench->document()->model()->layers.size(),
             qPrintable(QString::number(kept)));
    QVERIFY(window.runPanel()->logText().contains("cancelled"));
}

void TestMainWindow::closesDuringARun()
{
    auto window = std::make_unique<MainWindow>(quiet());
    window->show();
    QVERIFY(open(*window));
    CalibrationChoice calibration = window->workbench()->document()->recipe().calibration;
    calibration.samples = 128;
    calibration.context = 0;
    window->workbench()->document()->setCalibration(calibration, "calibration");
    QVERIFY(planned(*window));
    bool over = false;
    window->workbench()->quantize([&](bool) { over = true; });
    QTest::qWait(50);
    QVERIFY2(window->workbench()->isBusy(), "the run was over before it could be closed");
    QElapsedTimer clock;
    clock.start();
    QVERIFY(window->close());
    window.reset();
    QVERIFY2(clock.elapsed() < 2000, qPrintable(QString::number(clock.elapsed())));
    QCoreApplication::processEvents();
    QVERIFY(!over);
}

void TestMainWindow::problemsAreSentences()
{
    MainWindow window(quiet());
    window.show();
    Workbench* bench = window.workbench();
    QVERIFY(!await([&](auto then) { bench->open(path("no-such-model"), then); }));
    QVERIFY2(window.messageText().contains("no-such-model"), qPrintable(window.messageText()));
    QVERIFY(!bench->document()->model());
    QFile bad(path("bad.safetensors"));
    QVERIFY(bad.open(QIODevice::WriteOnly) && bad.write("\xff\xff\xff\xff") == 4);
    bad.close();
    QVERIFY(!await([&](auto then) { bench->open(path("bad.safetensors"), then); }));
    QVERIFY2(window.messageText().contains("bad.safetensors"), qPrintable(window.messageText()));

    QVERIFY(open(window));
    QVERIFY(window.messageText().isEmpty());
    QFile recipe(path("bad.json"));
    const QByteArray strange = QByteArray::fromStdString(toJson(bench->document()->recipe()))
                                   .replace("\"seed\"", "\"flavour\"");
    QVERIFY(strange.contains("flavour"));
    QVERIFY(recipe.open(QIODevice::WriteOnly) && recipe.write(strange) == strange.size());
    recipe.close();
    const Recipe before = bench->document()->recipe();
    QVERIFY(!await([&](auto then) { bench->openRecipe(path("bad.json"), then); }));
    QVERIFY2(window.messageText().contains("flavour"), qPrintable(window.messageText()));
    QVERIFY(bench->document()->recipe() == before);
    QVERIFY(!await([&](auto then) {
        bench->exportRun(ExportFormat::Gptq, path("x"), GptqZeros::Automatic, then);
    }));
    QVERIFY(window.messageText().contains("quantize first"));
    // A calibration text that is not there: the run says so, the window stays.
    CalibrationChoice calibration = before.calibration;
    calibration.data = path("missing.txt").toStdString();
    bench->document()->setCalibration(calibration, "calibration");
    QVERIFY(planned(window));
    QVERIFY(!await([&](auto then) { bench->quantize(then); }));
    QVERIFY2(window.messageText().contains("missing.txt"), qPrintable(window.messageText()));
}

void TestMainWindow::dropsAnything()
{
    MainWindow window(quiet());
    window.show();
    const auto drop = [&](const QString& file) {
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(file)});
        QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, &data, Qt::LeftButton,
                              Qt::NoModifier);
        QApplication::sendEvent(&window, &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent event(QPointF(50, 50), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(&window, &event);
    };
    drop(sample);
    QTRY_VERIFY(window.workbench()->document()->model());
    QVERIFY(planned(window));
    drop(sample + "/evaluation.txt");
    QCOMPARE(QString::fromStdString(window.workbench()->document()->recipe().calibration.data),
             QDir(sample).absoluteFilePath("evaluation.txt"));
    QCOMPARE(window.workbench()->document()->undoStack()->count(), 1);
}

void TestMainWindow::remembers()
{
    QSettings::setDefaultFormat(QSettings::IniFormat);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, path("settings"));
    MainWindow::Options options = quiet();
    options.remember = true;
    {
        MainWindow window(options);
        window.resize(1111, 777);
        window.show();
        QVERIFY(open(window));
        window.weightPanel()->plot()->setLogScale(false);
        QVERIFY(window.close());
    }
    MainWindow window(options);
    QCOMPARE(window.size(), QSize(1111, 777));
    QVERIFY(!window.weightPanel()->plot()->logScale());
    bool listed = false;
    for (const QAction* each : window.findChildren<QAction*>())
        listed = listed || each->text() == QDir(sample).absolutePath();
    QVERIFY(listed);
}

void TestMainWindow::program_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("says");
    const QString shots = path("none");
    QTest::newRow("help") << QStringList{"--help"} << 0 << "--screenshot";
    QTest::newRow("version") << QStringList{"--version"} << 0 << "gradus ";
    QTest::newRow("no display") << QStringList{} << 1 << "no display";
    QTest::newRow("unknown option") << QStringList{"--flavour"} << 2 << "flavour";
    QTest::newRow("bad export") << QStringList{sample, "--export", "floppy:x"} << 2 << "floppy";
    QTest::newRow("nothing to quantize") << QStringList{"--quantize"} << 2 << "MODEL";
    QTest::newRow("no model") << QStringList{"/no/such/model", "--screenshot", shots} << 1
                              << "/no/such/model";
    QTest::newRow("no recipe") << QStringList{sample, "--recipe", "/no/recipe.json", "--screenshot",
                                              shots}
                               << 1 << "/no/recipe.json";
    QTest::newRow("no folder") << QStringList{sample, "--screenshot", "/proc/none"} << 1
                               << "/proc/none";
}

void TestMainWindow::program()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, says);
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* variable : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
        environment.remove(variable);
    process.setProcessEnvironment(environment);
    process.start(GRADUS_PROGRAM, arguments);
    QVERIFY(process.waitForFinished(60'000));
    const QString text = QString::fromUtf8(process.readAllStandardOutput()) +
                         QString::fromUtf8(process.readAllStandardError());
    QCOMPARE(process.exitStatus(), QProcess::NormalExit);
    QVERIFY2(process.exitCode() == status, qPrintable(text));
    QVERIFY2(text.contains(says), qPrintable(text));
}

void TestMainWindow::screenshots()
{
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* variable : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
        environment.remove(variable);
    process.setProcessEnvironment(environment);
    const QString folder = path("shots");
    process.start(GRADUS_PROGRAM, {sample, "--screenshot", folder, "--theme", "dark"});
    QVERIFY(process.waitForFinished(60'000));
    const QByteArray complaint = process.readAllStandardError();
    QVERIFY2(process.exitCode() == 0, complaint);
    for (const char* name : {"window", "layers", "weights", "method", "run"}) {
        const QImage image(folder + "/" + name + ".png");
        QCOMPARE(image.size(), QSize(1280, 800));
        QVERIFY2(qGray(image.pixel(4, 400)) < 90, name); // dark
    }
}

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
