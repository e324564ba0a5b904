// SPDX-License-Identifier: GPL-3.0-or-later
//
// Bits per layer from the command line: the table, the budgets, what is locked, and the recipe that
// quantize makes the promised bytes of.
#include "tests/support/cli.h"
#include "tests/support/support.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonObject>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

const QString sample = QStringLiteral(GRADUS_SOURCE_DIR "/resources/samples/lm-kjv-3M");

/// Bits by layer.
std::map<QString, int> bitsOf(const QJsonObject& json)
{
    std::map<QString, int> bits;
    for (const QJsonValue& layer : json["layers"].toArray())
        if (layer["bits"].toInt() > 0) // else it stays float
            bits[layer["name"].toString()] = layer["bits"].toInt();
    return bits;
}

double sumOf(const QJsonObject& json)
{
    double sum = 0;
    for (const QJsonValue& layer : json["layers"].toArray())
        sum += layer["predicted_error"].toDouble();
    return sum;
}

} // namespace

class TestCliAllocate : public QObject
{
    Q_OBJECT

private:
    TemporaryFolder m_folder;
    QString path(const char* name) const
    {
        return QString::fromStdString((m_folder / name).string());
    }
    /// Round to nearest on a little text: what is measured once serves all tests.
    CliResult allocate(const QStringList& more) const
    {
        return runCli(QStringList{"allocate", sample, "--method", "rtn-mse", "--group", "64",
                                  "--calibration", sample + "/calibration.txt", "--samples", "4",
                                  "--context", "128", "--cache", path("cache")} +
                      more);
    }

private slots:
    void recipeHasThePromisedBytes()
    {
        const CliResult result =
            allocate({"--budget", "3.25bpw", "--out", path("a.json"), "--json"});
        QVERIFY2(result.status == 0, result.err.constData());
        const QJsonObject json = result.json();
        QCOMPARE(json["budget"].toString(), QStringLiteral("3.25bpw"));
        QCOMPARE(json["metric"].toString(), QStringLiteral("fisher"));
        QCOMPARE(json["unit"].toString(), QStringLiteral("nats per token"));
        QVERIFY(json["optimal"].toBool());
        QVERIFY(json["bits_per_weight"].toDouble() <= 3.25);
        QVERIFY(json["bits_per_weight"].toDouble() > 3.2);
        QCOMPARE(json["layers"].toArray().size(), 42);
        QVERIFY(isClose(json["predicted_error"].toDouble(), sumOf(json), 1e-9));
        // Layers that are fused agree; others do not all.
        const auto bits = bitsOf(json);
        std::set<int> different;
        for (const auto& [name, value] : bits) {
            different.insert(value);
            QString partner = name;
            partner.replace(QLatin1String(".k_proj"), QLatin1String(".q_proj"))
                .replace(QLatin1String(".v_proj"), QLatin1String(".q_proj"))
                .replace(QLatin1String(".up_proj"), QLatin1String(".gate_proj"));
            QCOMPARE(value, bits.at(partner));
        }
        QVERIFY(different.size() > 1);
        // The front falls, and no other solver does better.
        const QJsonArray front = json["front"].toArray();
        QVERIFY(front.size() > 10);
        for (qsizetype i = 1; i < front.size(); ++i) {
            QVERIFY(front[i]["cost"].toInteger() > front[i - 1]["cost"].toInteger());
            QVERIFY(front[i]["predicted_error"].toDouble() <
                    front[i - 1]["predicted_error"].toDouble());
        }
        QCOMPARE(json["others"].toArray().size(), 5);
        for (const QJsonValue& other : json["others"].toArray()) {
            QVERIFY(other["bits_per_weight"].toDouble() <= 3.25);
            QVERIFY(other["predicted_error"].toDouble() >=
                    json["predicted_error"].toDouble() * (1 - 1e-12));
        }

        const CliResult run = runCli(
            {"quantize", sample, "--recipe", path("a.json"), "--out", path("a.gradus"), "--json"});
        QVERIFY2(run.status == 0, run.err.constData());
        QCOMPARE(run.json()["totals"].toObject()["bytes"].toInteger(), json["bytes"].toInteger());
        QCOMPARE(bitsOf(run.json()), bits);
    }

    void errorBoundsAndBytesAreBudgetsToo()
    {
        const QJsonObject wide = allocate({"--budget", "4bpw", "--json"}).json();
        const double error = wide["predicted_error"].toDouble();
        QVERIFY(error > 0);
        const QJsonObject bound =
            allocate({"--budget", QStringLiteral("error:%1").arg(error * 1.000001, 0, 'g', 12),
                      "--json"})
                .json();
        QVERIFY(bound["predicted_error"].toDouble() <= error * 1.000001);
        QVERIFY(bound["bytes"].toInteger() <= wide["bytes"].toInteger());
        const QString bytes = QString::number(wide["bytes"].toInteger());
        const QJsonObject same = allocate({"--budget", bytes + "B", "--json"}).json();
        QCOMPARE(bitsOf(same), bitsOf(wide));
        const CliResult tight = allocate({"--budget", "1000B", "--json"});
        QCOMPARE(tight.status, 2);
        QVERIFY2(tight.err.contains("least"), tight.err.constData());
    }

    void locksAndRulesHold()
    {
        const CliResult result =
            allocate({"--budget", "4.25bpw", "--lock", "layers\\.0\\..*=8", "--lock",
                      "layers\\.5\\.mlp\\.down_proj=float", "--bits-rule", "v_proj=4..8",
                      "--bits-rule", "layers\\.3\\.=3", "--json"});
        QVERIFY2(result.status == 0, result.err.constData());
        const QJsonObject json = result.json();
        QVERIFY(json["bits_per_weight"].toDouble() <= 4.25);
        const auto bits = bitsOf(json);
        QCOMPARE(bits.count(QStringLiteral("model.layers.5.mlp.down_proj")), 0U);
        QCOMPARE(bits.size(), 41U);
        for (const auto& [name, value] : bits) {
            if (name.contains(QLatin1String("layers.0.")))
                QCOMPARE(value, 8);
            else if (name.contains(QLatin1String("layers.3.")))
                QCOMPARE(value, 3);
            else if (name.contains(QLatin1String("v_proj")))
                QVERIFY(value >= 4);
        }
    }

    void tableHasALineForEachLayerAndCandidate()
    {
        const CliResult result = allocate({"--csv", path("table.csv")});
        QVERIFY2(result.status == 0, result.err.constData());
        QFile file(path("table.csv"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QList<QByteArray> lines = file.readAll().trimmed().split('\n');
        QCOMPARE(lines.size(), 1 + 42 * 5);
        QVERIFY(lines[0].startsWith("layer,method,bits,group,bytes,weight_error,output_error,"
                                    "fisher,kl,kl_error"));
        for (const QByteArray& line : lines.mid(1)) {
            const QList<QByteArray> fields = line.split(',');
            for (const int column : {5, 6, 7})
                QVERIFY2(fields[column].toDouble() > 0 && fields[column].toDouble() < 10,
                         line.constData());
        }
    }

    void weightsAloneNeedNoData()
    {
        const CliResult result = runCli({"allocate", sample, "--method", "rtn", "--budget", "4bpw",
                                         "--cache", path("cache"), "--json"});
        QVERIFY2(result.status == 0, result.err.constData());
        QCOMPARE(result.json()["metric"].toString(), QStringLiteral("weight"));
    }

    void theUsersCacheMayBeOutOfReach()
    {
        QFile file(path("file"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.close();
        const QByteArray before = qgetenv("XDG_CACHE_HOME");
        qputenv("XDG_CACHE_HOME", path("file").toLocal8Bit());
        const QStringList arguments{"allocate", sample, "--method", "rtn", "--budget", "4bpw"};
        const CliResult result = runCli(arguments);
        qputenv("XDG_CACHE_HOME", before);
        QVERIFY2(result.status == 0, result.err.constData());
        QVERIFY2(result.err.contains("is not kept"), result.err.constData());
        const CliResult asked =
            runCli(arguments + QStringList{"--cache", path("file") + "/inside"});
        QVERIFY(asked.status != 0);
        QVERIFY2(asked.err.contains("cannot make the folder"), asked.err.constData());
    }

    void layersWithoutTheMetricAreNamedUnlessLocked()
    {
        QFile recipe(path("embedded.json"));
        QVERIFY(recipe.open(QIODevice::WriteOnly));
        recipe.write("{\"gradus_recipe\": 1, \"standard\": {\"keep_float\": true}, \"rules\": "
                     "[{\"pattern\": \"embed_tokens|layers.0.mlp\", \"bits\": 4, "
                     "\"granularity\": \"channel\"}]}");
        recipe.close();
        const QStringList arguments{"allocate",      sample,
                                    "--recipe",      recipe.fileName(),
                                    "--calibration", sample + "/calibration.txt",
                                    "--samples",     "4",
                                    "--context",     "128",
                                    "--cache",       path("cache"),
                                    "--budget",      "5bpw",
                                    "--json"};
        const CliResult whole = runCli(arguments);
        QVERIFY2(whole.status == 0, whole.err.constData());
        QCOMPARE(whole.json()["metric"].toString(), QStringLiteral("weight"));
        QVERIFY2(whole.err.contains("embed_tokens"), whole.err.constData());
        const CliResult rest = runCli(arguments + QStringList{"--lock", "embed_tokens=4"});
        QVERIFY2(rest.status == 0, rest.err.constData());
        QCOMPARE(rest.json()["metric"].toString(), QStringLiteral("fisher"));
        const CliResult asked = runCli(arguments + QStringList{"--metric", "fisher"});
        QVERIFY(asked.status != 0 && asked.err.contains("embed_tokens"));
    }

    void misuseIsSaid_data()
    {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("expected");
        QTest::newRow("budget") << QStringList{"--budget", "3.5"} << "3.5";
        QTest::newRow("no budget") << QStringList{} << "--budget";
        QTest::newRow("lock") << QStringList{"--budget", "4bpw", "--lock", "nothing=4"}
                              << "nothing";
        QTest::newRow("lock bits") << QStringList{"--budget", "4bpw", "--lock", "mlp=9"} << "9";
        QTest::newRow("rule") << QStringList{"--budget", "4bpw", "--bits-rule", "mlp=6..4"}
                              << "mlp=6..4";
        QTest::newRow("rule out of all")
            << QStringList{"--budget", "4bpw", "--bits-rule", "layers\\.2\\.mlp\\.down=7"}
            << "layers.2.mlp.down";
        QTest::newRow("choices") << QStringList{"--budget", "4bpw", "--choices", "2,9"} << "9";
        QTest::newRow("both costs")
            << QStringList{"--budget", "3Gbops", "--format", "gptq"} << "--format";
    }
    void misuseIsSaid()
    {
        QFETCH(QStringList, arguments);
        QFETCH(QString, expected);
        const CliResult result = allocate(arguments);
        QCOMPARE(result.status, 2);
        QVERIFY2(QString::fromUtf8(result.err).contains(expected), result.err.constData());
    }
};

QTEST_GUILESS_MAIN(TestCliAllocate)
#include "tst_cli_allocate.moc"
