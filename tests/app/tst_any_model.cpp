// SPDX-License-Identifier: GPL-3.0-or-later
//
// The window on models that read no text: an ONNX file from facts to export, and the dialogs.
#include "app/gui/evaluate_dialog.h"
#include "app/gui/export_dialog.h"
#include "app/gui/main_window.h"
#include "app/gui/sample_dialog.h"
#include "core/io/npy.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/support.h"
#include "tests/support/window_session.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/run_panel.h"

#include <QApplication>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>

#include <fstream>

using namespace gradus;
using namespace gradus::test;

namespace {

/// Images 3 × 8 × 8 through a convolution, a depthwise one and a linear head to 4 class scores;
/// lstm: and through what cannot be run.
std::string network(bool lstm)
{
    const auto weight = [](const std::string& name, const std::vector<std::int64_t>& dims) {
        std::int64_t count = 1;
        for (const std::int64_t size : dims)
            count *= size;
        std::vector<float> values;
        for (std::int64_t i = 0; i < count; ++i)
            values.push_back(static_cast<float>((i * 7919) % 101 - 50) / 100);
        return onnx::initializer(onnx::floats(name, dims, values));
    };
    std::string graph =
        onnx::input("pixels", 1, {-1, 3, 8, 8}) + weight("stem.weight", {6, 3, 3, 3}) +
        weight("depthwise.weight", {6, 1, 3, 3}) + weight("head.weight", {4, 6}) +
        onnx::node("Conv", {"pixels", "stem.weight"}, {"a"}) + onnx::node("Relu", {"a"}, {"b"}) +
        onnx::node("Conv", {"b", "depthwise.weight"}, {"c"}, onnx::attribute("group", 6)) +
        onnx::node("GlobalAveragePool", {"c"}, {"d"}) + onnx::node("Flatten", {"d"}, {"e"}) +
        onnx::node("Gemm", {"e", "head.weight"}, {"f"}, onnx::attribute("transB", 1));
    if (lstm)
        graph += onnx::node("LSTM", {"f"}, {"g"}) + onnx::output("g");
    else
        graph += onnx::node("Softmax", {"f"}, {"scores"}, onnx::attribute("axis", 1)) +
                 onnx::output("scores", 1, {-1, 4});
    return onnx::model(graph);
}

} // namespace

class TestAnyModel : public QObject
{
    Q_OBJECT
private:
    QString path(const char* name) const
    {
        return QString::fromStdString((m_folder.path() / name).string());
    }
    /// Opens the model and gives it 6 images with labels.
    bool openImages(MainWindow& window)
    {
        if (!await([&](auto then) { window.workbench()->openModel(path("net.onnx"), then); }))
            return false;
        CalibrationChoice data = window.workbench()->document()->recipe().calibration;
        data.data = path("images.npy").toStdString();
        data.labels = path("labels.npy").toStdString();
        window.workbench()->document()->setCalibration(data, QStringLiteral("data"));
        return planned(window);
    }
    static QStringList exportTitles(MainWindow& window)
    {
        QStringList titles;
        for (const QMenu* menu : window.findChildren<QMenu*>())
            if (menu->title().remove('&') == QLatin1String("Export"))
                for (const QAction* each : menu->actions())
                    titles.append(each->text());
        return titles;
    }

    TemporaryFolder m_folder;

private Q_SLOTS:
    void initTestCase()
    {
        QCoreApplication::setOrganizationName(QStringLiteral("gradus-test"));
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, path("settings"));
        std::ofstream(m_folder.path() / "net.onnx", std::ios::binary) << network(false);
        std::ofstream(m_folder.path() / "lstm.onnx", std::ios::binary) << network(true);
        Tensor images({6, 3, 8, 8});
        float next = -1;
        for (float& value : images.floats())
            value = (next = next > 1 ? -1 : next + 0.37F);
        writeNpy(m_folder.path() / "images.npy", images.view());
        Tensor labels(DType::I64, {6});
        auto* to = reinterpret_cast<std::int64_t*>(labels.bytes().data());
        for (std::int64_t i = 0; i < 6; ++i)
            to[i] = i % 4;
        writeNpy(m_folder.path() / "labels.npy", labels.view());
    }

    /// Folding is an edit of the recipe like others: the table stays, weights and undo follow.
    void batchNormsAreFolded()
    {
        std::string graph = onnx::input("x", 1, {-1, 2, 4, 4}) + onnx::output("y");
        const auto add = [&](const char* name, const std::vector<std::int64_t>& dims, float first) {
            std::int64_t count = 1;
            for (const std::int64_t size : dims)
                count *= size;
            std::vector<float> values;
            for (std::int64_t i = 0; i < count; ++i)
                values.push_back(first + 0.25F * static_cast<float>(i % 5));
            graph += onnx::initializer(onnx::floats(name, dims, values));
        };
        add("first", {3, 2, 3, 3}, -0.5F);
        add("second", {4, 3, 1, 1}, -0.25F);
        for (const char* each : {"gamma", "beta", "mean", "variance"})
            add(each, {4}, 0.5F);
        graph +=
            onnx::node("Conv", {"x", "first"}, {"a"}) + onnx::node("Relu", {"a"}, {"b"}) +
            onnx::node("Conv", {"b", "second"}, {"c"}) +
            onnx::node("BatchNormalization", {"c", "gamma", "beta", "mean", "variance"}, {"y"});
        std::ofstream(m_folder.path() / "norm.onnx", std::ios::binary) << onnx::model(graph);
        MainWindow window(quiet());
        window.show();
        QVERIFY(openImages(window));
        QAction* fold = menuAction(window, QStringLiteral("Fold batch norms"));
        QVERIFY(fold && !fold->isEnabled()); // there are none
        Workbench* bench = window.workbench();
        QVERIFY(await([&](auto then) { bench->openModel(path("norm.onnx"), then); }));
        QVERIFY(planned(window));
        QVERIFY(fold->isEnabled() && !fold->isChecked());
        window.layerPanel()->selectLayer("second");
        const auto weight = [&] {
            return bench->document()->model()->source.tensors->readFloat("second").floats()[0];
        };
        const float before = weight();
        fold->trigger();
        QVERIFY(planned(window));
        QVERIFY(fold->isChecked() && bench->document()->recipe().foldBatchNorms);
        QCOMPARE(window.layerPanel()->currentLayer(), std::string("second"));
        const double factor = 0.5 / std::sqrt(0.5 + 1e-5); // of channel 0
        QVERIFY(isClose(static_cast<double>(weight()), static_cast<double>(before) * factor, 1e-6));
        bench->document()->undoStack()->undo();
        QVERIFY(planned(window));
        QVERIFY(!fold->isChecked());
        QVERIFY(weight() == before);
    }

    void aboutTheModel()
    {
        MainWindow window(quiet());
        window.show();
        QVERIFY(openImages(window));
        QAction* action = menuAction(window, QStringLiteral("About the model…"));
        QVERIFY(action && action->isEnabled());
        action->trigger();
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        QVERIFY(box);
        QVERIFY(box->text().endsWith("net.onnx"));
        for (const char* fact :
             {"image classification", "Input pixels: batch × 3 × 8 × 8", "Output scores: batch × 4",
              "layers: 3", "It can be run, calibrated and measured."})
            QVERIFY2(box->informativeText().contains(QString::fromUtf8(fact)),
                     qPrintable(box->informativeText()));
        box->reject();
    }

    void exportsTheModelsOwnFile()
    {
        MainWindow window(quiet());
        window.show();
        QVERIFY(openImages(window));
        Workbench* bench = window.workbench();
        QVERIFY(await([&](auto then) { bench->quantize(then); }));
        QCOMPARE(exportTitles(window).value(0), QString("Dequantized ONNX…"));
        QAction* action = menuAction(window, QStringLiteral("Dequantized ONNX…"));
        QVERIFY(action && action->isEnabled());
        action->trigger();
        auto* dialog = qobject_cast<ExportDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog);
        auto* edit = dialog->findChild<QLineEdit*>();
        QCOMPARE(edit->accessibleName(), QString("File"));
        QVERIFY(edit->text().endsWith("net-quantized.onnx"));
        const auto* notes = dialog->findChild<QPlainTextEdit*>();
        QVERIFY(QTest::qWaitFor([&] { return notes->toPlainText() != "Looking…"; }, 20'000));
        QVERIFY(!notes->toPlainText().isEmpty());
        QPushButton* button = nullptr;
        for (QPushButton* each : dialog->findChildren<QPushButton*>())
            if (each->text().remove('&') == QLatin1String("Export"))
                button = each;
        QVERIFY(button && button->isEnabled());
        // Not over the model, not a folder, not nothing.
        for (const QString& bad : {path("net.onnx"), path(""), QString()}) {
            edit->setText(bad);
            QVERIFY2(!button->isEnabled(), qPrintable(bad));
            QVERIFY(!button->toolTip().isEmpty());
        }
        edit->setText(path("out.onnx"));
        QVERIFY(button->isEnabled());
        QSignalSpy succeeded(bench, &Workbench::succeeded);
        button->click();
        QVERIFY(QTest::qWaitFor([&] { return !succeeded.isEmpty(); }, 30'000));
        QVERIFY(succeeded.front().front().toString().contains("all equal to the run"));
        const auto before = openModel(m_folder.path() / "net.onnx");
        const auto after = openModel(m_folder.path() / "out.onnx");
        QVERIFY(after->canRun());
        QCOMPARE(after->layers.size(), before->layers.size());
        const auto bytesOf = [&](const char* name) {
            QFile file(path(name));
            return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
        };
        QCOMPARE(bytesOf("out.onnx").size(), bytesOf("net.onnx").size());
        QVERIFY(bytesOf("out.onnx") != bytesOf("net.onnx"));
        // Models of safetensors have no file of that kind.
        QVERIFY(openSample(window));
        QCOMPARE(exportTitles(window).value(0), QString("Dequantized safetensors…"));
        QVERIFY(!exportTitles(window).contains("Dequantized ONNX…"));
    }

    void measures()
    {
        MainWindow window(quiet());
        window.show();
        QVERIFY(openImages(window));
        Workbench* bench = window.workbench();
        QVERIFY(await([&](auto then) { bench->quantize(then); }));
        QAction* action = menuAction(window, QStringLiteral("Measure outputs…"));
        QVERIFY(action && action->isEnabled());
        action->trigger();
        auto* dialog = qobject_cast<SampleDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog);
        const auto* metric = dialog->findChild<QComboBox*>();
        QVERIFY(metric->currentText().startsWith("Accuracy"));
        bool proposed = false; // the calibration's data
        for (const QLineEdit* edit : dialog->findChildren<QLineEdit*>())
            proposed = proposed || edit->text() == path("images.npy");
        QVERIFY(proposed);
        QSignalSpy asked(dialog, &SampleDialog::evaluateRequested);
        static_cast<QDialog*>(dialog)->accept();
        QCOMPARE(asked.count(), 1);
        QVERIFY(QTest::qWaitFor([&] { return !bench->perplexityText().isEmpty(); }, 30'000));
        QVERIFY2(bench->perplexityText().startsWith("Top-1: float "),
                 qPrintable(bench->perplexityText()));
        QVERIFY(bench->perplexityText().contains("6 labeled samples, 4 classes"));
        SampleEvaluation outputs;
        outputs.metric = SampleMetric::Outputs;
        outputs.data = bench->document()->recipe().calibration;
        QVERIFY(await([&](auto then) { bench->evaluateSamples(outputs, then); }));
        QVERIFY(bench->perplexityText().contains("nats/sample"));
        QVERIFY(!bench->perplexityText().contains("token"));
    }

    /// What cannot run says so, and what goes without.
    void cannotRun()
    {
        MainWindow window(quiet());
        window.show();
        Workbench* bench = window.workbench();
        QVERIFY(await([&](auto then) { bench->openModel(path("lstm.onnx"), then); }));
        QVERIFY(planned(window));
        QVERIFY(!bench->document()->model()->canRun());
        QCOMPARE(bench->obstacle(), QString());
        for (const auto& [method, instead] :
             {std::pair("nupes", "PowerQuant"), std::pair("gptq", "Round to nearest, clipped")}) {
            LayerChoice choice = bench->document()->recipe().standard;
            choice.method = findMethod(method)->defaults;
            bench->document()->setStandard(choice, "method");
            QVERIFY(planned(window));
            QVERIFY2(
                bench->obstacle().contains(QString("choose %1, which needs none").arg(instead)),
                qPrintable(bench->obstacle()));
            QVERIFY(bench->obstacle().contains("LSTM"));
        }
        QAction* action = menuAction(window, QStringLiteral("Measure outputs…"));
        QVERIFY(action && !action->isEnabled() && action->toolTip().contains("LSTM"));
    }

    /// The inputs of convolutions cannot be quantized: their fields say why.
    void inputsOfConvolutions()
    {
        MainWindow window(quiet());
        window.show();
        QVERIFY(openImages(window));
        const auto bits = [&] {
            const QComboBox* found = nullptr;
            for (const QComboBox* each : window.findChildren<QComboBox*>())
                if (each->accessibleName() == QLatin1String("Bits of the inputs"))
                    found = each;
            return found;
        };
        const auto said = [&] {
            const auto labels = window.findChildren<QLabel*>();
            return std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
                return !label->isHidden() && label->text().startsWith("Inputs of convolutions");
            });
        };
        const auto& layers = window.workbench()->document()->model()->layers;
        QVERIFY(bits());
        for (const Layer& layer : layers) {
            window.layerPanel()->selectLayer(layer.name);
            const bool convolution = layer.kind == LayerKind::Convolution;
            QTRY_COMPARE(bits()->isEnabled(), !convolution);
            QCOMPARE(said(), convolution);
        }
    }

    /// A text can be judged by KL where there is a run to compare.
    void metricsOfTexts()
    {
        for (const bool haveRun : {false, true}) {
            EvaluateDialog dialog(QStringLiteral("text.txt"), 256, haveRun);
            auto* metric = dialog.findChild<QComboBox*>();
            QCOMPARE(metric->count(), 2);
            QPushButton* measure = nullptr;
            for (QPushButton* each : dialog.findChildren<QPushButton*>())
                if (each->text().remove('&') == QLatin1String("Measure"))
                    measure = each;
            QVERIFY(measure && measure->isEnabled());
            metric->setCurrentIndex(1);
            QCOMPARE(measure->isEnabled(), haveRun);
            QSignalSpy asked(&dialog, &EvaluateDialog::evaluateRequested);
            static_cast<QDialog&>(dialog).accept();
            QCOMPARE(asked.count(), haveRun ? 1 : 0);
            if (haveRun)
                QCOMPARE(asked.front().front().value<TextMetric>(), TextMetric::Divergence);
        }
        MainWindow window(quiet());
        window.show();
        QVERIFY(openSample(window));
        Workbench* bench = window.workbench();
        const QString text = path("text.txt");
        std::ofstream(m_folder.path() / "text.txt")
            << "In the beginning God created the heaven and the earth. And the earth was without "
               "form, and void; and darkness was upon the face of the deep.";
        QVERIFY(!await([&](auto then) {
            bench->evaluateDivergence(text, PerplexityConvention::Gptq, 16, then);
        })); // nothing to compare
        QVERIFY(await([&](auto then) { bench->quantize(then); }));
        QVERIFY(await([&](auto then) {
            bench->evaluateDivergence(text, PerplexityConvention::Gptq, 16, then);
        }));
        QVERIFY2(bench->perplexityText().startsWith("KL to float: "),
                 qPrintable(bench->perplexityText()));
        QVERIFY(bench->perplexityText().contains("nats/token"));
        QVERIFY(bench->document()->shownRun()->perplexity.startsWith("KL to float: "));
    }
};

QTEST_MAIN(TestAnyModel)
#include "tst_any_model.moc"
