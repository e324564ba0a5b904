// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/format.h"
#include "tests/support/cli.h"
#include "tests/support/support.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonObject>
#include <QMap>
#include <QProcess>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <csignal>

using namespace gradus;
using namespace gradus::test;

namespace {

const QString sample = QStringLiteral(GRADUS_SOURCE_DIR "/resources/samples/lm-kjv-3M");

/// GPTQ over the whole sample on a little text: long enough to be interrupted. Options may be set
/// anew.
QStringList quantizeArguments(const QString& out, const QStringList& more = {})
{
    QStringList arguments{"quantize", sample};
    QMap<QString, QString> once{
        {"--method", "gptq"}, {"--bits", "4"},
        {"--group", "64"},    {"--calibration", sample + "/calibration.txt"},
        {"--samples", "16"},  {"--context", "128"},
        {"--out", out}};
    for (qsizetype i = 0; i + 1 < more.size(); i += 2) {
        if (once.contains(more[i]))
            once[more[i]] = more[i + 1];
        else
            arguments << more[i] << more[i + 1];
    }
    for (auto option = once.begin(); option != once.end(); ++option)
        arguments << option.key() << option.value();
    return arguments;
}

} // namespace

class TestCli : public QObject
{
    Q_OBJECT

private:
    TemporaryFolder m_folder;
    QString path(const char* name) const
    {
        return QString::fromStdString((m_folder / name).string());
    }

private slots:
    void inspectsTheSample()
    {
        const CliResult result = runCli({"inspect", sample, "--json"});
        QCOMPARE(result.status, 0);
        const QJsonObject json = result.json();
        QCOMPARE(json["format"].toString(), QStringLiteral("safetensors"));
        QCOMPARE(json["architecture"].toString(), QStringLiteral("llama"));
        QCOMPARE(json["parameters"].toInteger(), 3049920);
        const QJsonArray layers = json["layers"].toArray();
        QCOMPARE(layers.size(), 6 * 7 + 1);
        const QJsonObject layer = layers[1].toObject();
        QCOMPARE(layer["name"].toString(), QStringLiteral("model.layers.0.self_attn.q_proj"));
        QCOMPARE(layer["kind"].toString(), QStringLiteral("linear"));
        QCOMPARE(layer["block"].toString(), QStringLiteral("model.layers.0"));
        QCOMPARE(layer["parameters"].toInteger(), 192 * 192);
        QCOMPARE(layer["dtype"].toString(), QStringLiteral("F16"));
    }

    void listsMethodsAndStatistics()
    {
        const CliResult methods = runCli({"methods", "--json"});
        QCOMPARE(methods.status, 0);
        QStringList names;
        for (const QJsonValue& method : methods.json()["methods"].toArray())
            names << method["name"].toString();
        QCOMPARE(names, QStringList({"rtn", "rtn-mse", "gptq", "decoupleq", "powerquant", "nupes",
                                     "minmax-static", "percentile-static", "mse-static",
                                     "smoothquant", "repq-vit", "repquant"}));

        const CliResult stats = runCli({"stats", sample, "--layer", "layers\\.3\\.mlp", "--bits",
                                        "3", "--model-exponent", "--json"});
        QCOMPARE(stats.status, 0);
        const QJsonArray rows = stats.json()["layers"].toArray();
        QCOMPARE(rows.size(), 3);
        for (const QJsonValue& row : rows) {
            QVERIFY(row["best_exponent"].toDouble() > 0.1 && row["best_exponent"].toDouble() < 2);
            QVERIFY(row["exponent_nmse"].toDouble() <= row["uniform_nmse"].toDouble());
            QVERIFY(row["std"].toDouble() > 0);
            QVERIFY(row["nearest_nmse"].toDouble() <= row["exponent_nmse"].toDouble() * 1.001);
            QVERIFY(row["clipped_nmse"].toDouble() <= row["nearest_nmse"].toDouble());
            QVERIFY(row["clipped_nmse"].toDouble() <= row["uniform_clipped_nmse"].toDouble());
            QVERIFY(row["uniform_clipped_nmse"].toDouble() <= row["uniform_nmse"].toDouble());
            QVERIFY(row["clipped_clip"].toDouble() > 0.1 && row["clipped_clip"].toDouble() <= 1);
            QVERIFY(std::abs(row["predicted_exponent"].toDouble() -
                             row["best_exponent"].toDouble()) < 0.1);
        }
        const QJsonObject whole = stats.json()["model"].toObject();
        QVERIFY(whole["exponent"].toDouble() > 0.5 && whole["exponent"].toDouble() < 1);
        QVERIFY(whole["exponent_nmse"].toDouble() < whole["uniform_nmse"].toDouble());
        QVERIFY(!runCli({"stats", sample, "--layer", "layers\\.3\\.mlp\\.up", "--json"})
                     .json()
                     .contains("model"));
    }

    void quantizesExportsAndVerifies()
    {
        const QString file = path("main.gradus");
        const CliResult quantized = runCli(quantizeArguments(file) << "--json");
        QCOMPARE(quantized.status, 0);
        const QJsonObject json = quantized.json();
        QCOMPARE(json["layers"].toArray().size(), 43);
        const QJsonObject totals = json["totals"].toObject();
        // 4 bits, a float16 scale and a 4-bit zero for every 64 weights.
        QVERIFY(isClose(totals["bits_per_weight"].toDouble(), 4 + (16.0 + 4) / 64, 1e-3));
        QVERIFY(totals["peak_memory_bytes"].toDouble() > 1e6);
        for (const QJsonValue& layer : json["layers"].toArray())
            if (layer["method"].toString() == "gptq") {
                QVERIFY(layer["relative_output_error"].toDouble() > 0);
                QVERIFY(layer["relative_output_error"].toDouble() < 0.05);
                QVERIFY(layer["weight_sqnr_db"].toDouble() > 15);
            }

        for (const char* format : {"safetensors", "gptq", "hdf5"}) {
            const QString out = path(format);
            QCOMPARE(runCli({"export", file, "--format", format, "--out", out}).status, 0);
            const CliResult verified = runCli({"verify", out, "--against", file, "--json"});
            QCOMPARE(verified.status, 0);
            QCOMPARE(verified.json()["equal"].toBool(), true);
            QVERIFY(verified.json()["checked"].toInt() >= 42);
        }

        // The exported folder is a model, and as good as the run.
        const QStringList data{"--data", sample + "/calibration.txt", "--context", "256", "--json"};
        const double ofRun =
            runCli(QStringList{"evaluate", file} + data).json()["value"].toDouble();
        const double ofExport =
            runCli(QStringList{"evaluate", path("safetensors")} + data).json()["value"].toDouble();
        const double ofFloat =
            runCli(QStringList{"evaluate", sample} + data).json()["value"].toDouble();
        QVERIFY(isClose(ofExport, ofRun, 5e-4)); // float16 rounding of the dequantized weights
        QVERIFY(ofFloat < ofRun && ofRun < 1.1 * ofFloat);

        // Packed codes multiply to the same.
        const CliResult packed = runCli(QStringList{"evaluate", file, "--packed"} + data);
        QCOMPARE(packed.json()["packed"].toBool(), true);
        QCOMPARE(packed.json()["packed_layers"].toInt(), 42);
        QVERIFY(isClose(packed.json()["value"].toDouble(), ofRun, 1e-4));
        const QStringList prompt{"--prompt", "In the beginning", "--tokens", "8"};
        QCOMPARE(runCli(QStringList{"generate", file, "--packed"} + prompt).out,
                 runCli(QStringList{"generate", file} + prompt).out);
        for (const QStringList& verb : {QStringList{"evaluate", sample, "--packed"} + data,
                                        QStringList{"generate", sample, "--packed"} + prompt}) {
            const CliResult refused = runCli(verb);
            QCOMPARE(refused.status, 2);
            QVERIFY(refused.out.isEmpty());
            QVERIFY(refused.err.contains("a float model has no codes"));
        }

        // A report of it, and against itself: equal bytes twice, and never over a run.
        const QStringList report{"report", file, "--title", "A <title>", "--csv", path("r.csv")};
        QCOMPARE(runCli(QStringList(report) << "--out" << path("a.html")).status, 0);
        QCOMPARE(runCli(QStringList(report) << "--out" << path("b.html")).status, 0);
        const QByteArray html = contentOf(path("a.html"));
        QVERIFY(html.startsWith("<!DOCTYPE html>") && html.endsWith("</html>\n"));
        QVERIFY(html.contains("<h1>A &lt;title&gt;</h1>"));
        QVERIFY(html == contentOf(path("b.html")));
        QCOMPARE(contentOf(path("r.csv")).count('\n'), 1 + 43);
        const CliResult compared =
            runCli({"report", file, "--compare", file, "--out", path("compared.html")});
        QCOMPARE(compared.status, 0);
        QVERIFY(compared.out.contains("compared.html"));
        QVERIFY(contentOf(path("compared.html")).contains("0 of 43 shared layers differ"));
        const QByteArray before = contentOf(file);
        QCOMPARE(runCli({"report", file, "--out", file}).status, 2);
        QCOMPARE(runCli(QStringList(report) << "--out" << path("r.csv")).status, 2);
        QVERIFY(contentOf(file) == before);

        // One flipped bit in the packed codes is found.
        QFile damaged(path("gptq") + "/model.safetensors");
        QVERIFY(damaged.open(QIODevice::ReadWrite));
        QByteArray bytes = damaged.readAll();
        const auto at = bytes.size() - 1000;
        bytes[at] = static_cast<char>(bytes[at] ^ 4);
        damaged.seek(0);
        damaged.write(bytes);
        damaged.close();
        const CliResult verified = runCli({"verify", path("gptq"), "--against", file});
        QCOMPARE(verified.status, 1);
    }

    void interruptKeepsLayersAndResumeGivesTheSameBytes_data()
    {
        QTest::addColumn<int>("signal");
        QTest::addColumn<int>("status");
        QTest::addColumn<QStringList>("more");
        const QStringList trained{"--keep",    "layers\\.[3-5]\\.|lm_head",
                                  "--method",  "decoupleq",
                                  "--option",  "iterations=1",
                                  "--option",  "block_epochs=1",
                                  "--samples", "4",
                                  "--context", "64"};
        QTest::newRow("Ctrl-C") << SIGINT << 130 << QStringList();
        QTest::newRow("kill -9") << SIGKILL << -1 << QStringList();
        QTest::newRow("Ctrl-C, trained blocks") << SIGINT << 130 << trained;
        QTest::newRow("kill -9, trained blocks") << SIGKILL << -1 << trained;
    }
    void interruptKeepsLayersAndResumeGivesTheSameBytes()
    {
        QFETCH(int, signal);
        QFETCH(int, status);
        QFETCH(QStringList, more);
        const QString whole = path(more.isEmpty() ? "whole.gradus" : "whole-trained.gradus");
        if (!QFile::exists(whole))
            QCOMPARE(runCli(quantizeArguments(whole, more)).status, 0);
        const QString file = path("interrupted.gradus");
        QFile::remove(file);
        QProcess process;
        process.start(QStringLiteral(GRADUS_CLI), quantizeArguments(file, more));
        // Interrupt once some layers are in the journal.
        QTRY_VERIFY_WITH_TIMEOUT(QFile(file + ".journal").size() > 100000 ||
                                     process.state() == QProcess::NotRunning,
                                 60000);
        QCOMPARE(process.state(), QProcess::Running);
        ::kill(static_cast<pid_t>(process.processId()), signal);
        process.waitForFinished(-1);
        QCOMPARE(process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1, status);
        QVERIFY(!QFile::exists(file));
        QVERIFY(QFile::exists(file + ".journal"));
        const CliResult resumed = runCli(quantizeArguments(file, more) << "--resume");
        QCOMPARE(resumed.status, 0);
        QVERIFY2(resumed.err.contains("resumed"), resumed.err);
        QVERIFY(!QFile::exists(file + ".journal"));
        QVERIFY(contentOf(file).size() > 100000);
        QVERIFY(contentOf(file) == contentOf(whole));
    }

    void exitStatusSaysHowItEnded_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("status");
        QTest::addColumn<QByteArray>("message");
        QTest::newRow("no verb") << QStringList() << 2 << QByteArray();
        QTest::newRow("unknown verb") << QStringList{"frobnicate"} << 2 << QByteArray();
        QTest::newRow("help") << QStringList{"--help"} << 0 << QByteArray();
        QTest::newRow("missing model")
            << QStringList{"inspect", "/no/such/model"} << 1 << QByteArray("/no/such/model");
        QTest::newRow("unknown method")
            << QStringList{"quantize", sample, "--method", "magic", "--bits", "4", "--out", "x"}
            << 2 << QByteArray("magic");
        QTest::newRow("bits out of range")
            << QStringList{"quantize", sample, "--method", "rtn", "--bits", "9", "--out", "x"} << 2
            << QByteArray("9");
        QTest::newRow("unknown option")
            << QStringList{"quantize", sample,     "--method", "gptq",  "--bits",
                           "4",        "--option", "wings=2",  "--out", "x"}
            << 2 << QByteArray("wings");
        QTest::newRow("clip without high")
            << QStringList{"quantize", sample,   "--method", "rtn",   "--bits",
                           "4",        "--clip", "-0.1",     "--out", "x"}
            << 2 << QByteArray("LOW,HIGH");
        QTest::newRow("clip without zero")
            << QStringList{"quantize", sample,   "--method", "rtn",   "--bits",
                           "4",        "--clip", "0.1,0.2",  "--out", "x"}
            << 2 << QByteArray("clip limits are 0.1 and 0.2");
        QTest::newRow("no calibration")
            << QStringList{"quantize", sample, "--method", "gptq", "--bits", "4", "--out", "x"} << 2
            << QByteArray("calibration");
        QTest::newRow("inputs without bits")
            << QStringList{"quantize", sample,           "--method", "rtn",   "--bits",
                           "4",        "--act-exponent", "half",     "--out", "x"}
            << 2 << QByteArray("--act-bits");
        QTest::newRow("inputs of one bit")
            << QStringList{"quantize", sample,       "--method", "rtn",   "--bits",
                           "4",        "--act-bits", "1",        "--out", "x"}
            << 2 << QByteArray("bits of activations is 1");
        QTest::newRow("range of power grids")
            << QStringList{"quantize",   sample, "--method",    "rtn", "--bits", "4",
                           "--act-bits", "8",    "--act-range", "mse", "--out",  "x"}
            << 2 << QByteArray("are of uniform grids");
        QTest::newRow("exponent of uniform grids")
            << QStringList{"quantize", sample,           "--method", "repquant", "--bits",
                           "4",        "--act-exponent", "half",     "--out",    "x"}
            << 2 << QByteArray("are of power grids");
        QTest::newRow("unknown range")
            << QStringList{"quantize", sample,  "--method", "repquant",    "--bits",
                           "4",        "--out", "x",        "--act-range", "max"}
            << 2 << QByteArray("--act-range");
        QTest::newRow("nine bits of attention") << QStringList{"quantize",
                                                               sample,
                                                               "--method",
                                                               "repquant",
                                                               "--bits",
                                                               "4",
                                                               "--act-attention-bits",
                                                               "9",
                                                               "--out",
                                                               "x"}
                                                << 2 << QByteArray("--act-attention-bits");
        QTest::newRow("static without calibration")
            << QStringList{"quantize", sample, "--method", "minmax-static",
                           "--bits",   "4",    "--out",    "x"}
            << 2 << QByteArray("minmax-static needs calibration");
        QTest::newRow("inputs and a recipe")
            << QStringList{"quantize",   sample, "--recipe", "r.json",
                           "--act-bits", "8",    "--out",    "x"}
            << 2 << QByteArray("activations");
        QTest::newRow("inputs without calibration")
            << QStringList{"quantize", sample,       "--method", "rtn",   "--bits",
                           "4",        "--act-bits", "8",        "--out", "x"}
            << 2 << QByteArray("activations need calibration");
        QTest::newRow("unwritable target")
            << QStringList{"quantize", sample, "--method", "rtn",
                           "--bits",   "4",    "--out",    "/no/such/folder/x.gradus"}
            << 1 << QByteArray("/no/such/folder");
        QTest::newRow("not a run")
            << QStringList{"export", sample + "/config.json", "--format", "gptq", "--out", "x"} << 1
            << QByteArray("config.json");
        QTest::newRow("report of a model")
            << QStringList{"report", sample, "--out", "x"} << 1 << QByteArray("lm-kjv-3M");
        QTest::newRow("report without a file")
            << QStringList{"report", "x.gradus"} << 2 << QByteArray("--out");
        QTest::newRow("bad pattern")
            << QStringList{"stats", sample, "--layer", "(("} << 2 << QByteArray("((");
    }
    void exitStatusSaysHowItEnded()
    {
        QFETCH(QStringList, arguments);
        QFETCH(int, status);
        QFETCH(QByteArray, message);
        const CliResult result = runCli(arguments);
        QVERIFY2(result.err.contains(message), result.err);
        QCOMPARE(result.status, status);
    }

    /// What is not said of inputs follows from the method.
    void plansStaticMethods()
    {
        const auto inputsOf = [](const QStringList& more) {
            const CliResult result =
                runCli(QStringList{"quantize", sample, "--bits", "5", "--dry-run", "--json"} +
                       more + QStringList{"--calibration", sample + "/calibration.txt"});
            if (result.status != 0)
                return QString::fromUtf8(result.err);
            for (const QJsonValue& layer : result.json()["layers"].toArray())
                if (layer["method"].toString() != "float")
                    return layer["activation_bits"].isUndefined()
                               ? QStringLiteral("float")
                               : QStringLiteral("%1 %2")
                                     .arg(layer["activation_bits"].toInt())
                                     .arg(layer["activation_quantizer"].toString());
            return QString();
        };
        QCOMPARE(inputsOf({"--method", "repquant"}), QStringLiteral("5 uniform"));
        QCOMPARE(inputsOf({"--method", "minmax-static", "--act-bits", "8"}),
                 QStringLiteral("8 uniform"));
        QCOMPARE(inputsOf({"--method", "repq-vit", "--act-bits", "0"}), QStringLiteral("float"));
        QCOMPARE(inputsOf({"--method", "gptq"}), QStringLiteral("float"));
        QCOMPARE(inputsOf({"--method", "gptq", "--act-bits", "8"}), QStringLiteral("8 power"));
        QCOMPARE(inputsOf({"--method", "gptq", "--act-bits", "8", "--act-quantizer", "uniform",
                           "--act-range", "min-max", "--act-softmax", "log2"}),
                 QStringLiteral("8 uniform"));
    }

    void quantizesInputsOnPowerGrids()
    {
        const QString file = path("power.gradus");
        const CliResult result =
            runCli(QStringList{"quantize", sample, "--method", "powerquant", "--bits", "4"}
                   << "--layers"
                   << "layers\\.0\\.mlp"
                   << "--option"
                   << "outliers=0.01"
                   << "--act-bits"
                   << "8"
                   << "--act-exponent"
                   << "shared"
                   << "--act-no-clip"
                   << "--act-shift"
                   << "--calibration" << sample + "/calibration.txt"
                   << "--samples"
                   << "4"
                   << "--context"
                   << "64"
                   << "--out" << file << "--json");
        QVERIFY2(result.status == 0, result.err);
        int layers = 0;
        for (const QJsonValue& layer : result.json()["layers"].toArray()) {
            if (layer["method"].toString() != "powerquant") {
                QVERIFY(layer["exponent"].isUndefined());
                continue;
            }
            ++layers;
            QCOMPARE(layer["levels"].toString(), QStringLiteral("power"));
            QCOMPARE(layer["symmetric"].toBool(), true);
            QCOMPARE(layer["exponents"].toInt(), 1);
            QCOMPARE(layer["outliers"].toInt(), qRound(0.01 * 192 * 512));
            const QJsonValue grid = layer["activation"];
            QCOMPARE(grid["bits"].toInt(), 8);
            QCOMPARE(grid["exponent"].toDouble(), layer["exponent"].toDouble());
            QVERIFY(grid["relative_error"].toDouble() > 0);
            QVERIFY(grid["relative_error"].toDouble() < 0.01);
            const QJsonValue last = layer["trace"].toArray().last();
            QVERIFY(last["weight_error"].toDouble() > 0);
            QVERIFY(last["exponent"].toDouble() > 0);
        }
        QCOMPARE(layers, 3);
        for (const char* format : {"safetensors", "hdf5"}) {
            const QString out = path("power-") + format;
            QCOMPARE(runCli({"export", file, "--format", format, "--out", out}).status, 0);
            QCOMPARE(runCli({"verify", out, "--against", file}).status, 0);
        }
        const CliResult exported =
            runCli({"export", file, "--format", "gptq", "--out", path("power-g")});
        QVERIFY2((exported.out + exported.err).contains("power function"), exported.err);
    }

    void dryRunComputesNothing()
    {
        QStringList arguments = quantizeArguments(path("dry.gradus"));
        arguments << "--dry-run";
        const CliResult result = runCli(arguments);
        QCOMPARE(result.status, 0);
        QVERIFY(!QFile::exists(path("dry.gradus")));
        QVERIFY(result.out.contains("bits per weight"));
        QVERIFY(result.out.contains("expected: about"));

        const QJsonObject json = runCli(arguments << "--json").json();
        QCOMPARE(json["layers"].toArray().size(), 43);
        QVERIFY(json["forecast_seconds"].toDouble() > 0);
        QVERIFY(json["forecast_peak_memory_bytes"].toDouble() > 1e6);
        QVERIFY(json["totals"]["bytes"].toDouble() > 1e6);
    }

    void quantizesOnlySomeLayers()
    {
        const QString file = path("some.gradus");
        QStringList arguments = quantizeArguments(file);
        arguments << "--layers"
                  << "layers\\.0\\.mlp";
        const auto quantized = [](const QJsonObject& json) {
            int count = 0;
            for (const QJsonValue& layer : json["layers"].toArray())
                count += layer["method"].toString() == "gptq" ? 1 : 0;
            return count;
        };
        const QJsonObject planned = runCli(arguments + QStringList{"--dry-run", "--json"}).json();
        QCOMPARE(quantized(planned), 3);
        const QJsonObject json = runCli(arguments + QStringList{"--json"}).json();
        QCOMPARE(quantized(json), 3);
        for (const char* total : {"bytes", "float_bytes", "weights"})
            QCOMPARE(json["totals"][total].toDouble(), planned["totals"][total].toDouble());
        const CliResult exported =
            runCli({"export", file, "--format", "gptq", "--out", path("some-gptq")});
        QCOMPARE(exported.status, 0);
        QCOMPARE(runCli({"verify", path("some-gptq"), "--against", file}).status, 0);

        arguments.last() = "no such layer";
        const CliResult none = runCli(arguments);
        QVERIFY2(none.err.contains("matches none of the 43 layers"), none.err);
        QCOMPARE(none.status, 2);
    }

    void trainingsOfPowerLevelsTellWhatElseMoved()
    {
        QStringList arguments{"quantize",
                              sample,
                              "--method",
                              "nupes",
                              "--bits",
                              "2",
                              "--symmetric",
                              "--keep",
                              "layers\\.[1-5]\\.|lm_head",
                              "--calibration",
                              sample + "/calibration.txt",
                              "--samples",
                              "2",
                              "--context",
                              "32",
                              "--out",
                              path("trained-power.gradus")};
        for (const char* option : {"rounds=0", "learn_scale=false", "block_stage=true",
                                   "block_epochs=4", "block_code_rate=0.003"})
            arguments << "--option" << option;
        const QString json = path("trained-power.json");
        const CliResult table = runCli(arguments + QStringList{"--json", json});
        QVERIFY2(table.status == 0, table.err.constData());
        QFile file(json);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QJsonObject training =
            QJsonDocument::fromJson(file.readAll()).object()["trainings"].toArray()[0].toObject();
        QVERIFY(training["code_change"].toDouble() > 0);
        QVERIFY(training["exponent_change"].toDouble() > 0);
        QStringList lines = QString::fromUtf8(table.out).split('\n');
        const auto header = std::find_if(lines.begin(), lines.end(), [](const QString& line) {
            return line.startsWith(QStringLiteral("training"));
        });
        QVERIFY2(header != lines.end(), table.out.constData());
        QVERIFY(header->endsWith(QStringLiteral("codes changed  exponents moved")));
        QVERIFY((header + 1)
                    ->contains(
                        QString::fromStdString(formatPercent(training["code_change"].toDouble()))));
        QVERIFY((header + 1)
                    ->endsWith(QString::fromStdString(
                        formatReal(training["exponent_change"].toDouble(), 3))));
    }

    void trainingsAreReported()
    {
        const QString file = path("trained.gradus");
        QStringList arguments{"quantize",
                              sample,
                              "--method",
                              "decoupleq",
                              "--bits",
                              "2",
                              "--keep",
                              "layers\\.[1-5]\\.|lm_head",
                              "--option",
                              "iterations=1",
                              "--option",
                              "block_epochs=1",
                              "--option",
                              "block_rate=1e-4",
                              "--calibration",
                              sample + "/calibration.txt",
                              "--calibration-mode",
                              "true-sequential",
                              "--samples",
                              "2",
                              "--context",
                              "32",
                              "--out",
                              file};
        const CliResult quantized = runCli(arguments + QStringList{"--json"});
        QVERIFY2(quantized.status == 0, quantized.err.constData());
        const QJsonArray trainings = quantized.json()["trainings"].toArray();
        QCOMPARE(trainings.size(), 1);
        const QJsonObject training = trainings[0].toObject();
        QCOMPARE(training["name"].toString(), QStringLiteral("model.layers.0"));
        QCOMPARE(training["steps"].toInt(), 2);
        QCOMPARE(training["epochs"].toInt(), 1);
        QVERIFY(training["after"].toDouble() <= training["before"].toDouble());
        QVERIFY(training["before"].toDouble() > 0);
        QVERIFY(training.contains("best_epoch") && training.contains("stopped_early"));
        int traced = 0;
        for (const QJsonValue& value : quantized.json()["layers"].toArray()) {
            const QJsonArray trace = value.toObject()["trace"].toArray();
            if (trace.isEmpty())
                continue;
            ++traced;
            const QJsonObject last = trace.last().toObject();
            QCOMPARE(last["stage"].toString(), QStringLiteral("block"));
            QCOMPARE(last["relative_output_error"].toDouble(),
                     value.toObject()["relative_output_error"].toDouble());
            QVERIFY(last.contains("scale_change") && last.contains("zero_change") &&
                    last.contains("accepted") && last.contains("round"));
        }
        QCOMPARE(traced, 7);

        const CliResult table = runCli(arguments);
        QVERIFY2(table.out.contains("loss before") && table.out.contains("model.layers.0 "),
                 table.out.constData());
        QVERIFY(table.out.contains("scales moved") && !table.out.contains("codes changed"));
        const CliResult off =
            runCli(arguments + QStringList{"--option", "block_stage=off", "--json"});
        QVERIFY2(off.status == 0, off.err.constData());
        QVERIFY(off.json()["trainings"].toArray().isEmpty());

        const QString out = path("trained");
        const CliResult exported =
            runCli({"export", file, "--format", "safetensors", "--out", out, "--json"});
        QVERIFY2(exported.status == 0, exported.err.constData());
        QCOMPARE(runCli({"verify", out, "--against", file}).status, 0);
    }

    void clipLimitsReachTheRun()
    {
        const auto sqnr = [&](const QStringList& more) {
            const CliResult result =
                runCli(QStringList{"quantize", sample, "--method", "rtn", "--bits", "4", "--group",
                                   "64", "--json", "-", "--out", path("clip.gradus")} +
                       more);
            const QJsonArray layers = result.json()["layers"].toArray();
            return layers.size() > 1 ? layers[1].toObject()["weight_sqnr_db"].toDouble() : -1.0;
        };
        const double plain = sqnr({});
        QVERIFY(plain > 15);
        QVERIFY(sqnr({"--clip", "-1000,1000"}) == plain);
        const double tight = sqnr({"--clip", "-0.01,0.01"});
        QVERIFY(tight > 0 && tight < plain - 5);
    }

    void generatesText()
    {
        const CliResult result =
            runCli({"generate", sample, "--prompt", "In the beginning", "--tokens", "8"});
        QCOMPARE(result.status, 0);
        QVERIFY(result.out.startsWith("In the beginning"));
        QVERIFY(result.out.size() > 20);
    }
};

QTEST_GUILESS_MAIN(TestCli)
#include "tst_cli.moc"
