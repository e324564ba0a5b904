// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/session_store.h"
#include "core/base/error.h"
#include "core/session/journal.h"
#include "tests/support/support.h"
#include "tests/support/window_session.h"
#include "widgets/text.h"

#include <QDir>
#include <QFile>
#include <QLockFile>
#include <QProcess>
#include <QRegularExpression>
#include <QTest>
#include <unistd.h>

#include <csignal>

using namespace gradus;

/// What is kept against a crash.
class TestSessionStore : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void roundTrip();
    void staysInItsFolder();
    void damagedFiles_data();
    void damagedFiles();
    void nowhereToKeep();
    void ordinaryEnd();
    void livingProgramsAreLeftAlone();
    void takesOver();
    void anotherStartFindsWhatWasNotAdopted();
    void discards();
    void emptySessionsAreSweptAway();
    void restoresAfterAKill();
    void aMissingModelLosesNothing();

private:
    static Recipe recipe()
    {
        Recipe recipe;
        recipe.seed = 0xfedcba9876543211U; // no double holds it
        recipe.calibration.data = "/somewhere/Grüße \"quoted\"\nnext line.txt";
        recipe.standard.scheme.clip = ClipLimits{-0.1F, 0.3F};
        recipe.overrides["blocks.0.up"].scheme.bits = 3;
        recipe.locked.insert("blocks.0.down");
        Rule rule;
        rule.pattern = "up$|\\.ä\"";
        recipe.rules.push_back(rule);
        return recipe;
    }
    static SavedSession session()
    {
        SavedSession saved;
        saved.model = "/models/Lübeck's \"best\"\nmodel";
        saved.recipePath = "/recipes/größer.json";
        saved.recipeChanged = true;
        saved.recipe = recipe();
        SavedSession::SavedRun whole;
        whole.name = "4 bits, \"groups\" of 64 – für µ\tund";
        whole.file = "one.gradus";
        whole.complete = true;
        whole.perplexity = "float 7.93 → quantized 8.11 (+2.3 %)";
        whole.started = QDateTime(QDate(2024, 2, 29), QTime(23, 59, 58, 123));
        whole.seconds = 12.5;
        SavedSession::SavedRun part;
        part.name = "Run 2";
        part.file = "two.gradus";
        part.recipe = recipe();
        part.recipe.seed = ~std::uint64_t(0);
        saved.runs = {whole, part};
        return saved;
    }
    /// A store that ends as by a crash: its folder stays, its lock names no living process.
    QString crashed(const std::optional<SavedSession>& saved)
    {
        const QString folder = QDir(m_base).filePath(QString("crashed-%1").arg(++m_crashes));
        QDir().mkpath(folder);
        if (saved)
            SessionStore::write(folder + "/session.json", *saved);
        return folder;
    }
    [[nodiscard]] QStringList folders() const
    {
        return QDir(m_base).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    }

    std::unique_ptr<test::TemporaryFolder> m_folder;
    QString m_base;
    int m_crashes = 0;
};

void TestSessionStore::init()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral("lock file")));
    m_folder = std::make_unique<test::TemporaryFolder>();
    m_base = pathText(*m_folder / "sessions");
    QVERIFY(QDir().mkpath(m_base));
}

void TestSessionStore::roundTrip()
{
    const QString file = m_base + "/session.json";
    const SavedSession before = session();
    SessionStore::write(file, before);
    const SavedSession after = SessionStore::read(file);
    QCOMPARE(after.model, before.model);
    QCOMPARE(after.recipePath, before.recipePath);
    QCOMPARE(after.recipeChanged, true);
    QVERIFY(after.recipe == before.recipe);
    QCOMPARE(after.recipe.seed, std::uint64_t(0xfedcba9876543211U));
    QCOMPARE(after.runs.size(), std::size_t(2));
    for (std::size_t i = 0; i < 2; ++i) {
        QCOMPARE(after.runs[i].name, before.runs[i].name);
        QCOMPARE(after.runs[i].complete, before.runs[i].complete);
        QCOMPARE(after.runs[i].perplexity, before.runs[i].perplexity);
        QCOMPARE(after.runs[i].started, before.runs[i].started);
        QVERIFY(after.runs[i].seconds == before.runs[i].seconds);
        QCOMPARE(after.runs[i].file, QDir(m_base).filePath(before.runs[i].file));
    }
    QVERIFY(after.runs[1].recipe == before.runs[1].recipe);
    // An empty session is one too.
    SessionStore::write(file, {});
    QVERIFY(SessionStore::read(file).model.isEmpty());
    QVERIFY(SessionStore::read(file).runs.empty());
}

void TestSessionStore::staysInItsFolder()
{
    SavedSession evil = session();
    evil.runs[0].file = "/etc/../etc/passwd";
    const QString file = m_base + "/session.json";
    SessionStore::write(file, evil);
    QCOMPARE(SessionStore::read(file).runs[0].file, m_base + "/passwd");
    // Also when the file itself says so.
    QFile stored(file);
    QVERIFY(stored.open(QIODevice::ReadOnly));
    const QByteArray text = stored.readAll().replace("\"passwd\"", "\"../../passwd\"");
    stored.close();
    QVERIFY(text.contains("../../passwd"));
    QVERIFY(stored.open(QIODevice::WriteOnly) && stored.write(text) == text.size());
    stored.close();
    QCOMPARE(SessionStore::read(file).runs[0].file, m_base + "/passwd");
}

void TestSessionStore::damagedFiles_data()
{
    QTest::addColumn<QByteArray>("text");
    const QString file = QDir::temp().filePath(QString("gradus-state-%1.json").arg(getpid()));
    SessionStore::write(file, session());
    QFile stored(file);
    QVERIFY(stored.open(QIODevice::ReadOnly));
    const QByteArray whole = stored.readAll();
    stored.remove();
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("torn") << whole.left(whole.size() / 2);
    QTest::newRow("no JSON") << QByteArray("\xff\xfe\0 binary", 9);
    QTest::newRow("an array") << QByteArray("[1, 2]");
    QTest::newRow("no version") << QByteArray(whole).replace("\"version\"", "\"flavour\"");
    QTest::newRow("another version")
        << QByteArray(whole).replace("\"version\": 1", "\"version\": 2");
    QTest::newRow("no recipe") << QByteArray(whole).replace("\"recipe\":", "\"dish\":");
    QTest::newRow("a bad recipe") << QByteArray(whole).replace("standard", "flavour");
}

void TestSessionStore::damagedFiles()
{
    QFETCH(QByteArray, text);
    const QString folder = crashed(session());
    const QString path = folder + "/session.json";
    QVERIFY(SessionStore::read(path).model == session().model);
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(text) == text.size());
    file.close();
    try {
        (void)SessionStore::read(path);
        QFAIL("it was read");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Format);
        QVERIFY2(QString(error.what()).contains("session.json"), error.what());
    }
    SessionStore store(m_base);
    QVERIFY(!store.takeOver());
    QVERIFY(!QDir(folder).exists());
    QVERIFY(store.isActive());
}

void TestSessionStore::nowhereToKeep()
{
    for (const QString& base : {QString(), QString("/proc/none"), m_base + "/file/below"}) {
        if (base.endsWith("below")) {
            QFile blocking(m_base + "/file");
            QVERIFY(blocking.open(QIODevice::WriteOnly));
        }
        SessionStore store(base);
        QVERIFY(!store.isActive());
        QVERIFY(store.newRunFile().isEmpty());
        QVERIFY(store.stateFile().isEmpty());
        QVERIFY(!store.takeOver());
        store.adopt();
        store.discard();
        QVERIFY(!store.isActive());
    }
    if (geteuid() != 0) { // nothing is read-only to root
        QVERIFY(QFile::setPermissions(m_base, QFile::ReadOwner | QFile::ExeOwner));
        SessionStore store(m_base);
        QVERIFY(!store.isActive());
        QFile::setPermissions(m_base, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    }
    // The window works all the same.
    MainWindow::Options options = test::quiet();
    options.sessions = "/proc/none";
    MainWindow window(options);
    QVERIFY(test::openSample(window));
    window.offerRecovery();
    QCOMPARE(window.messageText(), QString());
}

void TestSessionStore::ordinaryEnd()
{
    {
        SessionStore store(m_base);
        QVERIFY(store.isActive());
        QCOMPARE(folders().size(), 1);
        const QString one = store.newRunFile();
        QVERIFY(one != store.newRunFile());
        QCOMPARE(QFileInfo(one).path(), QFileInfo(store.stateFile()).path());
        SessionStore::write(store.stateFile(), session());
        QFile run(one);
        QVERIFY(run.open(QIODevice::WriteOnly));
    }
    QCOMPARE(folders().size(), 0);
}

void TestSessionStore::livingProgramsAreLeftAlone()
{
    SessionStore living(m_base);
    SessionStore::write(living.stateFile(), session());
    SessionStore second(m_base);
    QVERIFY(second.isActive());
    QVERIFY(!second.takeOver());
    QVERIFY(QFile::exists(living.stateFile()));
    QCOMPARE(folders().size(), 2);
}

void TestSessionStore::takesOver()
{
    SavedSession older = session();
    older.model = "/models/older";
    const QString old = crashed(older);
    QTest::qWait(20); // directories have times
    const QString newer = crashed(session());
    SessionStore store(m_base);
    const QString own = QFileInfo(store.stateFile()).path();
    const auto found = store.takeOver();
    QVERIFY(found);
    QCOMPARE(found->model, session().model);
    QCOMPARE(found->runs[0].file, newer + "/one.gradus");
    QVERIFY(!store.takeOver()); // one at a time
    store.adopt();
    QCOMPARE(QFileInfo(store.stateFile()).path(), newer);
    QVERIFY(!QDir(own).exists());
    // It belongs to this program by now.
    SessionStore second(m_base);
    const auto other = second.takeOver();
    QVERIFY(other);
    QCOMPARE(other->model, QString("/models/older"));
    second.adopt();
    QCOMPARE(QFileInfo(second.stateFile()).path(), old);
}

void TestSessionStore::anotherStartFindsWhatWasNotAdopted()
{
    const QString folder = crashed(session());
    {
        SessionStore store(m_base);
        QVERIFY(store.takeOver());
        SessionStore second(m_base);
        QVERIFY(!second.takeOver()); // not two programs at once
        QVERIFY(QFileInfo(store.stateFile()).path() != folder);
        SessionStore::write(store.stateFile(), {}); // one works on without an answer
    }
    QCOMPARE(folders(), QStringList{QFileInfo(folder).fileName()});
    SessionStore store(m_base);
    const auto found = store.takeOver();
    QVERIFY(found);
    QCOMPARE(found->model, session().model);
}

void TestSessionStore::discards()
{
    const QString folder = crashed(session());
    SessionStore store(m_base);
    const QString state = store.stateFile();
    QVERIFY(store.takeOver());
    store.discard();
    QVERIFY(!QDir(folder).exists());
    QVERIFY(store.isActive());
    QCOMPARE(store.stateFile(), state);
    QCOMPARE(folders().size(), 1);
    store.discard(); // nothing is left to discard
    store.adopt();
    QCOMPARE(store.stateFile(), state);
}

void TestSessionStore::emptySessionsAreSweptAway()
{
    crashed(std::nullopt);
    crashed(SavedSession{}); // nothing was open
    SessionStore store(m_base);
    QVERIFY(!store.takeOver());
    QCOMPARE(folders().size(), 1);
}

/// Kills the real program in the middle of a run, and goes on where it was.
void TestSessionStore::restoresAfterAKill()
{
    // GPTQ on all layers, with enough text that it cannot be over before it is killed.
    Recipe recipe;
    recipe.seed = 0x8000000000000001U;
    recipe.standard.method = findMethod("gptq")->defaults;
    recipe.standard.scheme.granularity = Granularity::Group;
    recipe.standard.scheme.groupSize = 64;
    recipe.calibration.data = (test::samplePath() + "/calibration.txt").toStdString();
    recipe.calibration.samples = 48;
    recipe.calibration.context = 128;
    QFile file(pathText(*m_folder / "recipe.json"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(QByteArray::fromStdString(toJson(recipe)));
    file.close();
    QProcess program;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("QT_QPA_PLATFORM", "offscreen");
    environment.insert("XDG_DATA_HOME", pathText(*m_folder / "data"));
    environment.insert("XDG_CONFIG_HOME", pathText(*m_folder / "config"));
    program.setProcessEnvironment(environment);
    program.start(GRADUS_PROGRAM, {test::samplePath(), "--recipe", file.fileName(), "--quantize"});
    QVERIFY(program.waitForStarted(10'000));
    const QString base = pathText(*m_folder / "data") + "/gradus/gradus/sessions";
    // Until its journal has a few layers and its state names the run.
    const auto isUnderWay = [&] {
        const QStringList sessions = QDir(base).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
        if (sessions.size() != 1)
            return false;
        const QDir folder(base + '/' + sessions[0]);
        const QStringList journals = folder.entryList({"*.gradus.journal"}, QDir::Files);
        if (journals.size() != 1 || QFileInfo(folder.filePath(journals[0])).size() < 60'000)
            return false;
        try {
            return !SessionStore::read(folder.filePath("session.json")).runs.empty();
        } catch (const Error&) {
            return false; // not written yet
        }
    };
    QVERIFY2(QTest::qWaitFor(isUnderWay, 60'000),
             qPrintable(QString::fromUtf8(program.readAllStandardError())));
    ::kill(static_cast<pid_t>(program.processId()), SIGKILL);
    QVERIFY(program.waitForFinished(10'000));
    QCOMPARE(program.exitStatus(), QProcess::CrashExit);

    MainWindow::Options options = test::quiet();
    options.sessions = base;
    {
        MainWindow window(options);
        window.show();
        window.offerRecovery();
        QVERIFY2(window.messageText().contains("lm-kjv-3M"), qPrintable(window.messageText()));
        QVERIFY(test::clickMessage(window, "Restore"));
        QTRY_VERIFY_WITH_TIMEOUT(window.messageText().contains("interrupted"), 20'000);
        Document* document = window.workbench()->document();
        QVERIFY(document->recipe() == recipe);
        QCOMPARE(document->runs().size(), std::size_t(0));
        QVERIFY(test::planned(window));
        QVERIFY(test::clickMessage(window, "Resume"));
        QVERIFY(window.workbench()->isBusy());
        QTRY_VERIFY_WITH_TIMEOUT(!window.workbench()->isBusy(), 120'000);
        QVERIFY2(document->run(), qPrintable(window.messageText()));
        QVERIFY(document->runIsCurrent());
        QCOMPARE(document->shownRun()->name, QString("Run 1"));
        const std::shared_ptr<const Run> resumed = document->run();
        // As if nothing had happened.
        QVERIFY(test::await([&](auto then) { window.workbench()->quantize(then); }));
        QVERIFY(document->run() != resumed);
        QVERIFY(test::sameResults(*resumed, *document->run()));
        document->renameRun(document->runs()[0].id, "before „the“ crash");
        QTest::qWait(1200); // until the session is kept
        QVERIFY(test::planned(window));

        // A crash of this program now: its folder as another program would find it.
        const QStringList sessions = QDir(base).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
        QCOMPARE(sessions.size(), 1);
        const QDir folder(base + '/' + sessions[0]);
        QVERIFY(QDir().mkpath(m_base + "/copy"));
        for (const QString& name : folder.entryList(QDir::Files)) {
            if (!name.endsWith(".lock"))
                QVERIFY(QFile::copy(folder.filePath(name), m_base + "/copy/" + name));
        }
    }
    QVERIFY(QDir(base).entryList(QDir::Dirs | QDir::NoDotAndDotDot).isEmpty());
    options.sessions = m_base;
    MainWindow window(options);
    window.offerRecovery();
    QVERIFY(test::clickMessage(window, "Restore"));
    Document* document = window.workbench()->document();
    QTRY_COMPARE_WITH_TIMEOUT(document->runs().size(), std::size_t(2), 20'000);
    QCOMPARE(document->runs()[0].name, QString("before „the“ crash"));
    QVERIFY(document->runs()[0].started.isValid());
    QVERIFY(document->runs()[0].isComplete());
    QVERIFY(window.workbench()->hasUnsavedRun());
    QCOMPARE(window.messageText(), QString()); // nothing to resume
}

void TestSessionStore::aMissingModelLosesNothing()
{
    const QString folder = crashed(session()); // its model is nowhere
    MainWindow::Options options = test::quiet();
    options.sessions = m_base;
    {
        MainWindow window(options);
        window.offerRecovery();
        QVERIFY(test::clickMessage(window, "Restore"));
        QTRY_VERIFY(!window.workbench()->isBusy());
        QVERIFY2(window.messageText().contains("best"), qPrintable(window.messageText()));
        QVERIFY(window.close());
    }
    QCOMPARE(folders(), QStringList{QFileInfo(folder).fileName()});
    MainWindow window(options);
    window.offerRecovery();
    QVERIFY(test::clickMessage(window, "Discard"));
    QVERIFY(!QDir(folder).exists());
}

QTEST_MAIN(TestSessionStore)
#include "tst_session_store.moc"
