// SPDX-License-Identifier: GPL-3.0-or-later
//
// The verbs over models of images and of several inputs: run, evaluate, quantize.
#include "core/graph/executor.h"
#include "core/io/npy.h"
#include "tests/support/cli.h"
#include "tests/support/npy.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/support.h"

#include <QJsonArray>
#include <QTest>

#include <cmath>
#include <csignal>
#include <fstream>

using namespace gradus;
using namespace gradus::test;

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t samples = 12;
constexpr std::int64_t side = 4;
constexpr std::int64_t classes = 6;

void write(const fs::path& path, const std::string& content)
{
    std::ofstream(path, std::ios::binary) << content;
}

std::vector<float> wave(std::int64_t count, double phase)
{
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<float>(std::sin(phase + 1.3 * static_cast<double>(i))));
    return values;
}

std::string weight(const std::string& name, const std::vector<std::int64_t>& dims, double phase)
{
    std::int64_t count = 1;
    for (const std::int64_t size : dims)
        count *= size;
    std::vector<float> values = wave(count, phase);
    for (float& value : values)
        value *= std::sqrt(static_cast<float>(dims[0]) / static_cast<float>(count));
    return onnx::initializer(onnx::floats(name, dims, values));
}

/// pixels → Conv → Relu → Conv over everything → scores of classes.
std::string classifier(double phase = 0)
{
    return onnx::model(
        onnx::input("pixels", 1, {-1, 3, side, side}) + onnx::output("scores", 1, {-1, classes}) +
            weight("w", {8, 3, 3, 3}, 1 + phase) + weight("v", {classes, 8, 2, 2}, 2 + phase) +
            onnx::node("Conv", {"pixels", "w"}, {"a"}) + onnx::node("Relu", {"a"}, {"b"}) +
            onnx::node("Conv", {"b", "v"}, {"c"}) + onnx::node("Flatten", {"c"}, {"scores"}),
        13);
}

/// left · W + right: two inputs.
std::string pairwise()
{
    return onnx::model(onnx::input("left", 1, {-1, 6}) + onnx::input("right", 1, {-1, 5}) +
                           onnx::output("sum", 1, {-1, 5}) + weight("w", {6, 5}, 3) +
                           onnx::node("MatMul", {"left", "w"}, {"a"}) +
                           onnx::node("Tanh", {"a"}, {"b"}) +
                           onnx::node("Add", {"b", "right"}, {"sum"}),
                       13);
}

/// Layers wide enough for a run to be interrupted.
std::string deepNetwork(int layers)
{
    constexpr std::int64_t width = 96;
    std::string graph = onnx::input("pixels", 1, {-1, 3, 8, 8}) +
                        onnx::output("scores", 1, {-1, classes}) +
                        weight("w0", {width, 3, 3, 3}, 1);
    const auto convolved = [&](const std::string& from, const std::string& kernel,
                               const std::string& to) {
        return onnx::node("Conv", {from, kernel}, {to + "c"}, onnx::axes("pads", {1, 1, 1, 1})) +
               onnx::node("Relu", {to + "c"}, {to});
    };
    graph += convolved("pixels", "w0", "v0");
    for (int i = 1; i < layers; ++i) {
        const std::string n = std::to_string(i);
        graph += weight("w" + n, {width, width, 3, 3}, i) +
                 convolved("v" + std::to_string(i - 1), "w" + n, "v" + n);
    }
    graph += onnx::node("GlobalAveragePool", {"v" + std::to_string(layers - 1)}, {"p"}) +
             onnx::node("Flatten", {"p"}, {"f"}) + weight("h", {width, classes}, 7) +
             onnx::node("MatMul", {"f", "h"}, {"scores"});
    return onnx::model(graph, 13);
}

/// Bytes 0 … 255.
Tensor pixels(Shape shape)
{
    Tensor tensor(DType::U8, std::move(shape));
    unsigned value = 7;
    for (std::byte& byte : tensor.bytes()) {
        value = (value * 137 + 29) % 251;
        byte = static_cast<std::byte>(value);
    }
    return tensor;
}

Tensor normalized(const Tensor& bytes)
{
    Tensor tensor(bytes.shape());
    for (std::size_t i = 0; i < tensor.floats().size(); ++i)
        tensor.floats()[i] =
            (static_cast<float>(std::to_integer<int>(bytes.bytes()[i])) - 120.0F) / 60.0F;
    return tensor;
}

} // namespace

class TestCliImages : public QObject
{
    Q_OBJECT

private:
    TemporaryFolder m_folder;
    Tensor m_scores;                    ///< of the float model
    std::vector<std::int64_t> m_labels; ///< what it finds; every fourth −1, one wrong

    QString path(const char* name) const
    {
        return QString::fromStdString((m_folder / name).string());
    }
    /// A word of the rows below that stands for a file of the folder: "@images.npy".
    QStringList inFolder(const QStringList& words) const
    {
        QStringList result;
        for (QString word : words)
            result << word.replace("@", QString::fromStdString(m_folder.path().string()) + "/");
        return result;
    }
    QStringList data() const
    {
        return {"--data", path("images.npy"), "--normalize", "120,60", "--json"};
    }

private slots:
    void initTestCase()
    {
        write(m_folder / "net.onnx", classifier());
        write(m_folder / "other.onnx", classifier(0.2));
        write(m_folder / "pair.onnx", pairwise());
        const Tensor images = pixels({samples, 3, side, side});
        writeNpy(m_folder / "images.npy", images.view());
        writeNpy(m_folder / "floats.npy", normalized(images).view());
        const auto model = openModel(m_folder / "net.onnx");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        const Weights weights(model, 1 << 20);
        std::vector<Tensor> inputs;
        inputs.push_back(normalized(images));
        m_scores = std::move(Executor(*model, weights).run(std::move(inputs), Monitor()).front());
        Tensor labels(DType::I64, {samples});
        auto* to = reinterpret_cast<std::int64_t*>(labels.bytes().data());
        for (std::int64_t i = 0; i < samples; ++i) {
            const auto row = m_scores.matrix().row(i);
            const auto best = std::max_element(row.begin(), row.end()) - row.begin();
            m_labels.push_back(i % 4 == 3 ? -1 : i == 1 ? (best + 1) % classes : best);
            to[i] = m_labels.back();
        }
        writeNpy(m_folder / "labels.npy", labels.view());
        std::string lines;
        for (const std::int64_t label : m_labels)
            lines += std::to_string(label) + "\n";
        write(m_folder / "labels.txt", lines);
        write(m_folder / "short.txt", lines.substr(0, lines.find('\n') + 1));
        write(m_folder / "odd.txt", "0\nelephant\n");
        write(m_folder / "none.txt", "-1\n-1\n");
        writeNpy(m_folder / "float-labels.npy", m_scores.view());
        Tensor left({samples, 6});
        Tensor right({samples, 5});
        const auto a = wave(samples * 6, 0.3);
        const auto b = wave(samples * 5, 0.9);
        std::copy(a.begin(), a.end(), left.floats().begin());
        std::copy(b.begin(), b.end(), right.floats().begin());
        writeNpy(m_folder / "left.npy", left.view());
        writeNpy(m_folder / "right.npy", right.view());
        Tensor few({samples - 1, 5});
        std::fill(few.floats().begin(), few.floats().end(), 0.5F);
        writeNpy(m_folder / "few.npy", few.view());
    }

    void runWritesTheOutputs()
    {
        const QStringList verb{"run", path("net.onnx"), "--output"};
        const CliResult raw = runCli(
            verb + QStringList{path("out"), "--input", "pixels=" + path("floats.npy"), "--json"});
        QVERIFY2(raw.status == 0, raw.err.constData());
        const QJsonArray outputs = raw.json()["outputs"].toArray();
        QCOMPARE(outputs.size(), 1);
        QCOMPARE(outputs[0]["name"].toString(), QStringLiteral("scores"));
        QCOMPARE(outputs[0]["file"].toString(), QStringLiteral("scores.npy"));
        QCOMPARE(outputs[0]["dtype"].toString(), QStringLiteral("F32"));
        QCOMPARE(outputs[0]["shape"].toArray(), (QJsonArray{qint64(samples), qint64(classes)}));
        const auto scores = readNpy<float>(m_folder / "out/scores.npy");
        QVERIFY(allClose(std::span<const float>(scores.values),
                         std::span<const float>(m_scores.floats()), 1e-6, 1e-6));

        // Bytes, normalized as told; a table instead of JSON.
        const CliResult bytes =
            runCli(verb + QStringList{path("bytes"), "--input", "pixels=" + path("images.npy"),
                                      "--normalize", "120,60", "--layout", "nchw"});
        QVERIFY2(bytes.status == 0, bytes.err.constData());
        QVERIFY2(bytes.out.contains("scores.npy") && bytes.out.contains("12 × 6"),
                 bytes.out.constData());
        QVERIFY(
            allClose(std::span<const float>(readNpy<float>(m_folder / "bytes/scores.npy").values),
                     std::span<const float>(m_scores.floats()), 1e-5, 1e-5));

        const CliResult both =
            runCli({"run", path("pair.onnx"), "--input", "left=" + path("left.npy"), "--input",
                    "right=" + path("right.npy"), "--output", path("pair")});
        QVERIFY2(both.status == 0, both.err.constData());
        QVERIFY(QFile::exists(path("pair") + "/sum.npy"));
    }

    void evaluateCountsLabels()
    {
        for (const char* labels : {"labels.npy", "labels.txt"}) {
            const CliResult result = runCli(QStringList{"evaluate", path("net.onnx"), "--metric",
                                                        "top1", "--labels", path(labels)} +
                                            data());
            QVERIFY2(result.status == 0, result.err.constData());
            const QJsonObject json = result.json();
            QCOMPARE(json["metric"].toString(), QStringLiteral("top1"));
            QCOMPARE(json["samples"].toInt(), 9);
            QCOMPARE(json["unlabelled"].toInt(), 3);
            QCOMPARE(json["classes"].toInt(), int(classes));
            QVERIFY(isClose(json["value"].toDouble(), 8.0 / 9, 1e-12));
            QVERIFY(json["top5"].toDouble() >= 8.0 / 9);
        }
        // The metric that fits is found, and people get a sentence.
        const CliResult plain = runCli({"evaluate", path("net.onnx"), "--data", path("images.npy"),
                                        "--normalize", "120,60", "--labels", path("labels.npy")});
        QCOMPARE(plain.status, 0);
        QVERIFY2(plain.out.startsWith("top-1 88.9"), plain.out.constData());
    }

    void evaluateComparesModels()
    {
        const auto value = [&](const QString& metric, const QString& reference) {
            const CliResult result = runCli(QStringList{"evaluate", path("net.onnx"), "--metric",
                                                        metric, "--reference", reference} +
                                            data());
            return result.status == 0 ? result.json()["value"].toDouble() : NAN;
        };
        QVERIFY(std::fabs(value("kl", path("net.onnx"))) < 1e-7);
        QVERIFY(isClose(value("cosine", path("net.onnx")), 1, 1e-6));
        QVERIFY(value("kl", path("other.onnx")) > 1e-3);
        const double near = value("cosine", path("other.onnx"));
        QVERIFY(near < 0.9999 && near > -1);
    }

    void labelsOfAnotherNumberAreSaid()
    {
        const CliResult result = runCli(QStringList{"evaluate", path("net.onnx"), "--metric",
                                                    "top1", "--labels", path("short.txt")} +
                                        data());
        QCOMPARE(result.status, 0);
        QCOMPARE(result.json()["samples"].toInt(), 1);
        QVERIFY2(result.err.contains("1 labels for 12 samples"), result.err.constData());
    }

    void wrongUse_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("status");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const QStringList& arguments, int status,
                            const char* message) {
            QTest::newRow(name) << arguments << status << QByteArray(message);
        };
        const QStringList run{"run", "@net.onnx", "--output", "@wrong"};
        row("run without an input", run, 2, "--input");
        row("run without a folder", {"run", "@net.onnx", "--input", "pixels=@floats.npy"}, 2,
            "--output");
        row("run, an input without a file", run + QStringList{"--input", "pixels"}, 2, "NAME=FILE");
        row("run, a file without an input", run + QStringList{"--input", "=@floats.npy"}, 2,
            "NAME=FILE");
        row("run, another input", run + QStringList{"--input", "picture=@floats.npy"}, 2,
            "its inputs are");
        row("run, an input twice",
            run + QStringList{"--input", "pixels=@floats.npy", "--input", "pixels=@images.npy"}, 2,
            "given twice");
        row("run, one of two inputs",
            {"run", "@pair.onnx", "--output", "@wrong", "--input", "left=@left.npy"}, 2, "right");
        row("run, no such file", run + QStringList{"--input", "pixels=@nothing.npy"}, 1,
            "nothing.npy");
        row("run, no array", run + QStringList{"--input", "pixels=@labels.txt"}, 1, "labels.txt");
        row("run, another shape", run + QStringList{"--input", "pixels=@left.npy"}, 1, "12 × 6");
        row("run, codes of a model", run + QStringList{"--input", "pixels=@floats.npy", "--packed"},
            2, "no codes");
        row("run, two products",
            run + QStringList{"--input", "pixels=@floats.npy", "--packed", "--integer"}, 2,
            "--packed");
        row("run, a deviation of 0",
            run + QStringList{"--input", "pixels=@images.npy", "--normalize", "120,0"}, 2,
            "deviations above 0");

        const QStringList evaluate{"evaluate",    "@net.onnx",   "--data",
                                   "@images.npy", "--normalize", "120,60"};
        row("evaluate without data", {"evaluate", "@net.onnx"}, 2, "--data");
        row("an unknown metric", evaluate + QStringList{"--metric", "beauty"}, 2, "beauty");
        row("perplexity of images", evaluate + QStringList{"--metric", "perplexity"}, 2,
            "language models");
        row("top1 without labels", evaluate + QStringList{"--metric", "top1"}, 2, "--labels FILE");
        row("labels that are all missing",
            evaluate + QStringList{"--metric", "top1", "--labels", "@none.txt"}, 2,
            "a label of 0 or more");
        row("labels that are not there",
            evaluate + QStringList{"--metric", "top1", "--labels", "@nothing.txt"}, 1,
            "nothing.txt");
        row("labels that are words",
            evaluate + QStringList{"--metric", "top1", "--labels", "@odd.txt"}, 1, "elephant");
        row("labels that are floats",
            evaluate + QStringList{"--metric", "top1", "--labels", "@float-labels.npy"}, 1,
            "whole numbers");
        row("kl against nothing", evaluate + QStringList{"--metric", "kl"}, 2, "--reference");
        row("a reference with other inputs",
            evaluate + QStringList{"--metric", "cosine", "--reference", "@pair.onnx"}, 2,
            "pair.onnx reads \"left\"");
        row("cosine against nothing", evaluate + QStringList{"--metric", "cosine"}, 2,
            "--reference");
        row("a reference that is not there",
            evaluate + QStringList{"--metric", "kl", "--reference", "@nothing.onnx"}, 1,
            "nothing.onnx");
        row("an unknown layout", evaluate + QStringList{"--layout", "hwcn"}, 2, "hwcn");
        row("kl of what has no classes",
            {"evaluate", "@pair.onnx", "--data", "@left.npy", "--input", "right=@right.npy",
             "--metric", "kl", "--reference", "@pair.onnx"},
            2, "cosine");
        row("normalization in words", evaluate + QStringList{"--normalize", "gray"}, 2,
            "--normalize");

        const QStringList quantize{
            "quantize", "@pair.onnx",    "--method",  "gptq",  "--bits",
            "4",        "--calibration", "@left.npy", "--out", "@wrong.gradus"};
        row("quantize, one of two inputs", quantize, 2, "right");
        row("quantize, fewer samples", quantize + QStringList{"--input", "right=@few.npy"}, 1,
            "few.npy");
        row("quantize, another input", quantize + QStringList{"--input", "up=@right.npy"}, 2,
            "its inputs are");
        row("quantize, an input without a file", quantize + QStringList{"--input", "right"}, 2,
            "NAME=FILE");
    }
    void wrongUse()
    {
        QFETCH(QStringList, arguments);
        QFETCH(int, status);
        QFETCH(QByteArray, message);
        const CliResult result = runCli(inFolder(arguments));
        QVERIFY2(result.err.contains(message), result.err);
        QVERIFY2(result.status == status, result.err);
        QVERIFY(result.out.isEmpty());
        QVERIFY(!QFile::exists(path("wrong.gradus")));
    }

    void runsKeepWhatTheyWereFed()
    {
        const QString file = path("images.gradus");
        const CliResult quantized =
            runCli({"quantize", path("net.onnx"), "--method", "gptq", "--bits", "4",
                    "--calibration", path("images.npy"), "--normalize", "120,60", "--out", file});
        QVERIFY2(quantized.status == 0, quantized.err.constData());
        // The normalization is the run's own, and the float model is its reference.
        const auto evaluated = [&](const QStringList& more) {
            return runCli(QStringList{"evaluate", file, "--data", path("images.npy"), "--json"} +
                          more);
        };
        const CliResult top = evaluated({"--labels", path("labels.npy")});
        QVERIFY2(top.status == 0, top.err.constData());
        QVERIFY(top.json()["value"].toDouble() > 0.5);
        const CliResult cosine = evaluated({"--metric", "cosine"});
        QVERIFY(cosine.json()["value"].toDouble() > 0.9);
        QVERIFY(cosine.json()["value"].toDouble() < 1 - 1e-9);
        const CliResult kl = evaluated({"--metric", "kl"});
        QVERIFY(kl.json()["value"].toDouble() > 0);
        const CliResult packed = evaluated({"--metric", "cosine", "--packed"});
        QVERIFY2(packed.status == 0, packed.err.constData());
        QVERIFY(
            isClose(packed.json()["value"].toDouble(), cosine.json()["value"].toDouble(), 1e-5));
        const CliResult outputs = runCli({"run", file, "--input", "pixels=" + path("images.npy"),
                                          "--output", path("quantized")});
        QVERIFY2(outputs.status == 0, outputs.err.constData());
        const auto scores = readNpy<float>(m_folder / "quantized/scores.npy");
        double difference = 0;
        double energy = 0;
        for (std::size_t i = 0; i < scores.values.size(); ++i) {
            const double exact = static_cast<double>(m_scores.floats()[i]);
            difference += std::pow(static_cast<double>(scores.values[i]) - exact, 2);
            energy += exact * exact;
        }
        QVERIFY(difference > 0 && difference < 0.2 * energy);
    }

    /// Further inputs come from files of their own, and are part of the recipe.
    void quantizesWithSeveralInputs()
    {
        const QString file = path("pair.gradus");
        const QStringList arguments{"quantize",      path("pair.onnx"),
                                    "--method",      "gptq",
                                    "--bits",        "3",
                                    "--input",       "right=" + path("right.npy"),
                                    "--calibration", path("left.npy"),
                                    "--json",        "-"};
        const CliResult quantized = runCli(arguments + QStringList{"--out", file});
        QVERIFY2(quantized.status == 0, quantized.err.constData());
        const QJsonArray layers = quantized.json()["layers"].toArray();
        QCOMPARE(layers.size(), 1);
        QVERIFY(layers[0]["relative_output_error"].toDouble() > 0);
        const CliResult cosine =
            runCli({"evaluate", file, "--data", path("left.npy"), "--input",
                    "right=" + path("right.npy"), "--metric", "cosine", "--json"});
        QVERIFY2(cosine.status == 0, cosine.err.constData());
        QVERIFY(cosine.json()["value"].toDouble() > 0.9);
    }

    void killedRunsOfImagesResumeToTheSameBytes()
    {
        write(m_folder / "deep.onnx", deepNetwork(8));
        writeNpy(m_folder / "many.npy", pixels({32, 3, 8, 8}).view());
        const auto arguments = [&](const QString& out) {
            return QStringList{"quantize",      path("deep.onnx"),
                               "--method",      "gptq",
                               "--bits",        "4",
                               "--group",       "96",
                               "--calibration", path("many.npy"),
                               "--normalize",   "120,60",
                               "--out",         out};
        };
        const QString whole = path("whole.gradus");
        const CliResult first = runCli(arguments(whole));
        QVERIFY2(first.status == 0, first.err.constData());
        const QString file = path("killed.gradus");
        QProcess process;
        process.start(QStringLiteral(GRADUS_CLI), arguments(file));
        // Once some of the layers, of 40 kB each, are in the journal.
        QTRY_VERIFY_WITH_TIMEOUT(QFile(file + ".journal").size() > 60000 ||
                                     process.state() == QProcess::NotRunning,
                                 60000);
        QCOMPARE(process.state(), QProcess::Running);
        ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
        process.waitForFinished(-1);
        QVERIFY(!QFile::exists(file));
        const CliResult resumed = runCli(arguments(file) << "--resume");
        QVERIFY2(resumed.status == 0, resumed.err.constData());
        QVERIFY2(resumed.err.contains("resumed"), resumed.err.constData());
        QVERIFY(!QFile::exists(file + ".journal"));
        QVERIFY(contentOf(file).size() > 100000);
        QVERIFY(contentOf(file) == contentOf(whole));
    }
};

QTEST_GUILESS_MAIN(TestCliImages)
#include "tst_cli_images.moc"
