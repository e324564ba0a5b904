// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/command_text.h"
#include "core/session/quantize.h"
#include "tests/support/support.h"
#include "widgets/text.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QProcess>
#include <QTest>

#include <cstdlib>
#include <fstream>
#include <limits>

using namespace gradus;

/// The line that is copied does in a shell what is on screen.
class TestCommandText : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void words_data();
    void words();
    void flags();
    void dryRuns_data();
    void dryRuns();
    void runs_data();
    void runs();
    void savedRecipe();

private:
    static QString sample()
    {
        return QStringLiteral(GRADUS_SOURCE_DIR "/resources/samples/lm-kjv-3M");
    }
    QString path(const char* name) { return pathText(m_folder / name); }
    /// Runs the text in a shell that finds gradus-cli, in the test's folder; its standard output.
    QByteArray shell(const QString& text)
    {
        QProcess process;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("PATH",
                           QFileInfo(GRADUS_CLI).absolutePath() + ":" + environment.value("PATH"));
        process.setProcessEnvironment(environment);
        process.setWorkingDirectory(pathText(m_folder.path()));
        process.start("sh", {"-e", "-c", text});
        if (!process.waitForFinished(120'000) || process.exitCode() != 0)
            qWarning().noquote() << text << '\n' << process.readAllStandardError();
        m_status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
        return process.readAllStandardOutput();
    }
    static void cases();

    test::TemporaryFolder m_folder;
    int m_status = 0;
};

void TestCommandText::words_data()
{
    QTest::addColumn<QString>("word");
    QTest::addColumn<QString>("quoted");
    QTest::newRow("plain") << "model-3M_v1.2"
                           << "model-3M_v1.2";
    QTest::newRow("path") << "/a/b@c:d,e=f+g%"
                          << "/a/b@c:d,e=f+g%";
    QTest::newRow("empty") << ""
                           << "''";
    QTest::newRow("space") << "my model"
                           << "'my model'";
    QTest::newRow("quote") << "it's"
                           << "'it'\\''s'";
    QTest::newRow("only quotes") << "''"
                                 << "''\\'''\\'''";
    QTest::newRow("dollar") << "$HOME/`x`"
                            << "'$HOME/`x`'";
    QTest::newRow("glob") << "*.bin"
                          << "'*.bin'";
    QTest::newRow("tilde") << "~/x"
                           << "'~/x'";
    QTest::newRow("newline") << "a\nb"
                             << "'a\nb'";
    QTest::newRow("trailing newline") << "a\n"
                                      << "'a\n'";
    QTest::newRow("umlaut") << "Lübeck"
                            << "'Lübeck'";
    QTest::newRow("backslash") << "a\\b"
                               << "'a\\b'";
    QTest::newRow("semicolon") << "a;rm"
                               << "'a;rm'";
}

void TestCommandText::words()
{
    QFETCH(QString, word);
    QFETCH(QString, quoted);
    QCOMPARE(shellWord(word), quoted);
    // What the shell itself makes of it; the end mark keeps a last newline.
    QCOMPARE(QString::fromUtf8(shell("printf %s# " + shellWord(word))), word + '#');
}

void TestCommandText::flags()
{
    Recipe recipe;
    recipe.standard.scheme = {3, Granularity::Group, 64, true, DType::F16, {}};
    QCOMPARE(quantizeCommand("/m", recipe, {}, false),
             QString("gradus-cli quantize /m --method rtn --bits 3 --group 64 --symmetric "
                     "--out run.gradus"));
    recipe.standard.scheme = {8, Granularity::Tensor, 0, false, DType::F16, {}};
    recipe.calibration.data = "/a text.txt";
    recipe.calibration.samples = 7;
    recipe.calibration.context = 256;
    recipe.calibration.mode = CalibrationMode::Float;
    recipe.seed = std::numeric_limits<std::int64_t>::max();
    QCOMPARE(quantizeCommand("my model", recipe, {}, false),
             QString("gradus-cli quantize 'my model' --method rtn --bits 8 --granularity tensor "
                     "--calibration '/a text.txt' --samples 7 --context 256 "
                     "--calibration-mode float --seed 9223372036854775807 --out run.gradus"));
    Recipe sequence;
    sequence.standard.method = DecoupleqOptions();
    setOption(sequence.standard.method, "solver", "box-descent");
    setOption(sequence.standard.method, "block_rate", "2.5e-6");
    sequence.calibration.data = "/t.txt";
    sequence.calibration.mode = CalibrationMode::TrueSequential;
    QCOMPARE(quantizeCommand("/m", sequence, {}, false),
             QString("gradus-cli quantize /m --method decoupleq --bits 4 --option "
                     "solver=box-descent --option block_rate=2.5e-06 --calibration /t.txt "
                     "--calibration-mode true-sequential --out run.gradus"));
    // Locks concern edits only.
    recipe.locked.insert("x");
    QVERIFY(!quantizeCommand("/m", recipe, "/r.json", true).contains("--recipe"));
    // What flags cannot say goes into a file.
    for (int what = 0; what < 5; ++what) {
        Recipe more = recipe;
        if (what == 0)
            more.overrides["a"] = {};
        else if (what == 1)
            more.rules.push_back({"a", {}});
        else if (what == 2)
            more.standard.keepFloat = true;
        else if (what == 3)
            more.standard.scheme.scaleType = DType::F32;
        else
            more.seed = std::uint64_t(1) << 63; // the flag's number has a sign
        QCOMPARE(quantizeCommand("/m", more, "/my recipe.json", true),
                 QString("gradus-cli quantize /m --recipe '/my recipe.json' --out run.gradus"));
        // Not one that has been edited since.
        const QString text = quantizeCommand("/m", more, "/my recipe.json", false);
        QVERIFY(text.contains(QString::fromStdString(toJson(more)).trimmed()));
        QVERIFY(!text.contains("my recipe"));
    }
}

void TestCommandText::cases()
{
    QTest::addColumn<QByteArray>("json");
    const auto add = [](const char* name, const std::function<void(Recipe&)>& change) {
        Recipe recipe;
        recipe.calibration.data = (sample() + "/calibration.txt").toStdString();
        recipe.calibration.samples = 2;
        recipe.calibration.context = 64;
        change(recipe);
        QTest::newRow(name) << QByteArray::fromStdString(toJson(recipe));
    };
    add("as it comes", [](Recipe&) {});
    add("group, symmetric, seed", [](Recipe& recipe) {
        recipe.standard.scheme = {3, Granularity::Group, 48, true, DType::F16, {}};
        recipe.seed = 123456789012345;
        recipe.calibration.mode = CalibrationMode::Float;
    });
    add("clip", [](Recipe& recipe) {
        recipe.standard.scheme.clip = ClipLimits{-0.1234567F, 1.0F / 3};
    });
    add("one-sided clip", [](Recipe& recipe) {
        recipe.standard.scheme.granularity = Granularity::Tensor;
        recipe.standard.scheme.clip = ClipLimits{0, 1e-3F};
    });
    add("options", [](Recipe& recipe) {
        recipe.standard.method = findMethod("gptq")->defaults;
        setOption(recipe.standard.method, "damping", "0.0312345678901234");
        setOption(recipe.standard.method, "act_order", "true");
    });
    add("decoupleQ, true-sequential", [](Recipe& recipe) {
        recipe.standard.method = findMethod("decoupleq")->defaults;
        setOption(recipe.standard.method, "solver", "projected-adam");
        setOption(recipe.standard.method, "block_epsilon", "1.5e-12");
        setOption(recipe.standard.method, "fine_tune", "true");
        recipe.calibration.mode = CalibrationMode::TrueSequential;
    });
    add("overrides", [](Recipe& recipe) {
        LayerChoice choice;
        choice.scheme.bits = 8;
        choice.scheme.clip = ClipLimits{-0.05F, 0.05F};
        recipe.overrides["model.layers.0.mlp.down_proj"] = choice;
        choice.keepFloat = true;
        recipe.overrides["model.layers.1.mlp.up_proj"] = choice;
        recipe.locked.insert("model.layers.1.mlp.up_proj");
    });
    add("rules", [](Recipe& recipe) {
        Rule rule;
        rule.pattern = "(gate|up)_proj$|it's \"$HOME\" `x`";
        rule.choice.scheme.bits = 2;
        recipe.rules.push_back(rule);
        rule.pattern = "q_proj";
        rule.choice.method = findMethod("gptq")->defaults;
        recipe.rules.push_back(rule);
    });
    add("float32 scales, large seed", [](Recipe& recipe) {
        recipe.standard.scheme.scaleType = DType::F32;
        recipe.seed = ~std::uint64_t(0);
    });
}

void TestCommandText::dryRuns_data()
{
    cases();
}

void TestCommandText::dryRuns()
{
    QFETCH(QByteArray, json);
    const Recipe recipe = recipeFromJson(json.toStdString(), "json");
    const QByteArray own =
        shell(quantizeCommand(sample(), recipe, {}, false) + " --dry-run --json -");
    QCOMPARE(m_status, 0);
    QFile file(path("whole.json"));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(json) == json.size());
    file.close();
    const QByteArray expected = shell(QString("gradus-cli quantize %1 --recipe %2 --out x.gradus "
                                              "--dry-run --json -")
                                          .arg(shellWord(sample()), file.fileName()));
    QCOMPARE(m_status, 0);
    // All but the forecast, whose measurement of the machine differs.
    const auto upTo = [](const QByteArray& text) { return text.left(text.indexOf("forecast")); };
    QVERIFY(own.contains("\"layers\""));
    QCOMPARE(upTo(own), upTo(expected));
}

void TestCommandText::runs_data()
{
    cases();
}

void TestCommandText::runs()
{
    QFETCH(QByteArray, json);
    Recipe recipe = recipeFromJson(json.toStdString(), "json");
    QFile::remove(path("run.gradus"));
    shell(quantizeCommand(sample(), recipe, {}, false));
    QCOMPARE(m_status, 0);
    const std::shared_ptr<const Run> run = readRun(m_folder / "run.gradus");
    if (recipe.overrides.empty() && recipe.rules.empty())
        recipe.locked.clear();
    QCOMPARE(QString::fromStdString(toJson(run->recipe)), QString::fromStdString(toJson(recipe)));
}

void TestCommandText::savedRecipe()
{
    Recipe recipe;
    recipe.overrides["model.layers.0.mlp.down_proj"].scheme.bits = 2;
    const QString file = path("it's a recipe.json");
    QFile saved(file);
    QVERIFY(saved.open(QIODevice::WriteOnly));
    saved.write(QByteArray::fromStdString(toJson(recipe)));
    saved.close();
    QFile::remove(path("run.gradus"));
    shell(quantizeCommand(sample(), recipe, file, true));
    QCOMPARE(m_status, 0);
    QVERIFY(readRun(m_folder / "run.gradus")->recipe == recipe);
}

QTEST_GUILESS_MAIN(TestCommandText)
#include "tst_command_text.moc"
