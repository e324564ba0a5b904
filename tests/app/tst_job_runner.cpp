// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/job_runner.h"

#include <QCoreApplication>
#include <QSemaphore>
#include <QSignalSpy>
#include <QTest>
#include <QThread>

#include <stdexcept>

using namespace gradus;

class TestJobRunner : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void value();
    void moveOnlyValue();
    void errors_data();
    void errors();
    void cancel();
    void cancelBeforeItStarts();
    void completedAllTheSame();
    void latestWins();
    void othersAreNotSuperseded();
    void progressAndPosts();
    void postsOfTheSuperseded();
    void destroyWhileRunning();
    void startFromDone();

private:
    /// Holds the worker until told, or until it is asked to stop.
    static void spin(JobMonitor& monitor)
    {
        while (true) {
            monitor.checkpoint();
            QThread::msleep(1);
        }
    }
};

void TestJobRunner::value()
{
    JobRunner runner;
    QSignalSpy started(&runner, &JobRunner::started);
    QSignalSpy finished(&runner, &JobRunner::finished);
    QThread* const gui = QThread::currentThread();
    bool elsewhere = false;
    bool here = false;
    int got = 0;
    runner.start(
        "a",
        [&](JobMonitor&) {
            elsewhere = QThread::currentThread() != gui;
            return 42;
        },
        [&](Outcome<int> outcome) {
            here = QThread::currentThread() == gui;
            got = std::get<int>(outcome);
        });
    QVERIFY(runner.isRunning("a"));
    QTRY_COMPARE(got, 42);
    QVERIFY(elsewhere && here);
    QVERIFY(runner.isIdle());
    QCOMPARE(started.size(), 1);
    QCOMPARE(finished.size(), 1);
}

void TestJobRunner::moveOnlyValue()
{
    JobRunner runner;
    std::unique_ptr<int> got;
    runner.start(
        "a", [](JobMonitor&) { return std::make_unique<int>(7); },
        [&](Outcome<std::unique_ptr<int>> outcome) {
            got = std::move(std::get<std::unique_ptr<int>>(outcome));
        });
    QTRY_VERIFY(got);
    QCOMPARE(*got, 7);
}

void TestJobRunner::errors_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("message");
    QTest::newRow("gradus") << 0 << static_cast<int>(ErrorCode::Format) << "file: bad magic";
    QTest::newRow("standard") << 1 << static_cast<int>(ErrorCode::Internal)
                              << "internal error: odd";
    QTest::newRow("memory") << 2 << static_cast<int>(ErrorCode::Internal) << "out of memory";
    QTest::newRow("anything") << 3 << static_cast<int>(ErrorCode::Internal) << "internal error";
}

void TestJobRunner::errors()
{
    QFETCH(int, kind);
    QFETCH(int, code);
    QFETCH(QString, message);
    JobRunner runner;
    std::optional<Failure> got;
    runner.start(
        "a",
        [kind](JobMonitor&) -> int {
            switch (kind) {
            case 0:
                throw Error(ErrorCode::Format, "file: bad magic");
            case 1:
                throw std::runtime_error("odd");
            case 2:
                throw std::bad_alloc();
            default:
                throw 3;
            }
        },
        [&](Outcome<int> outcome) { got = std::get<Failure>(outcome); });
    QTRY_VERIFY(got);
    QCOMPARE(static_cast<int>(got->code), code);
    QCOMPARE(got->message, message);
}

void TestJobRunner::cancel()
{
    JobRunner runner;
    bool cancelled = false;
    QSemaphore running;
    runner.start(
        "a",
        [&](JobMonitor& monitor) {
            running.release();
            spin(monitor);
            return 1;
        },
        [&](Outcome<int> outcome) { cancelled = std::holds_alternative<Cancelled>(outcome); });
    running.acquire();
    runner.cancel("b"); // no such job: nothing happens
    QCOMPARE(runner.isRunning("a"), true);
    runner.cancel("a");
    QTRY_VERIFY(cancelled);
    QVERIFY(runner.isIdle());
}

void TestJobRunner::cancelBeforeItStarts()
{
    JobRunner runner;
    QSemaphore hold;
    runner.start(
        "first", [&](JobMonitor&) { return hold.acquire(), 1; }, [](Outcome<int>) {});
    bool ran = false;
    bool cancelled = false;
    runner.start(
        "second", [&](JobMonitor&) { return ran = true; },
        [&](Outcome<bool> outcome) { cancelled = std::holds_alternative<Cancelled>(outcome); });
    runner.cancel("second");
    hold.release();
    QTRY_VERIFY(cancelled);
    QVERIFY(!ran);
}

void TestJobRunner::completedAllTheSame()
{
    JobRunner runner;
    QSemaphore running;
    QSemaphore hold;
    int got = 0;
    runner.start(
        "a",
        [&](JobMonitor&) {
            running.release();
            hold.acquire();
            return 5;
        },
        [&](Outcome<int> outcome) { got = std::get<int>(outcome); });
    running.acquire();
    runner.cancel("a");
    hold.release();
    QTRY_COMPARE(got, 5);
}

void TestJobRunner::latestWins()
{
    JobRunner runner;
    QSignalSpy started(&runner, &JobRunner::started);
    QSignalSpy finished(&runner, &JobRunner::finished);
    QList<int> got;
    for (int i = 0; i < 50; ++i)
        runner.start(
            "preview",
            [i](JobMonitor& monitor) {
                for (int k = 0; k < 3; ++k) {
                    monitor.checkpoint();
                    QThread::usleep(200);
                }
                return i;
            },
            [&](Outcome<int> outcome) { got.append(std::get<int>(outcome)); });
    QTRY_VERIFY(runner.isIdle());
    QTest::qWait(30);
    QCOMPARE(got, QList<int>{49});
    QCOMPARE(started.size(), 1);
    QCOMPARE(finished.size(), 1);
}

void TestJobRunner::othersAreNotSuperseded()
{
    JobRunner runner;
    QStringList got;
    for (const char* id : {"a", "b", "c"})
        runner.start(
            id, [id](JobMonitor&) { return QString(id); },
            [&](Outcome<QString> outcome) { got.append(std::get<QString>(outcome)); });
    QTRY_COMPARE(got, (QStringList{"a", "b", "c"})); // one after the other, in order
}

void TestJobRunner::progressAndPosts()
{
    JobRunner runner;
    QSignalSpy progress(&runner, &JobRunner::progressed);
    QSignalSpy notes(&runner, &JobRunner::noted);
    QList<int> parts;
    bool done = false;
    runner.start(
        "a",
        [&](JobMonitor& monitor) {
            for (int i = 0; i < 1000; ++i) {
                monitor.report(i / 1000.0, "step");
                if (i % 250 == 0)
                    monitor.post([&parts, i] { parts.append(i); });
            }
            monitor.note("a line");
            monitor.report(1, "end");
            return 1;
        },
        [&](Outcome<int>) {
            // Everything that was posted before has arrived.
            QCOMPARE(parts, (QList<int>{0, 250, 500, 750}));
            done = true;
        });
    QTRY_VERIFY(done);
    QVERIFY2(progress.size() < 100, "progress is not throttled");
    QVERIFY(progress.size() >= 2);
    QCOMPARE(progress.last()[1].toDouble(), 1.0);
    QCOMPARE(progress.last()[2].toString(), QString("end"));
    QCOMPARE(notes.size(), 1);
}

void TestJobRunner::postsOfTheSuperseded()
{
    JobRunner runner;
    QSemaphore posted;
    bool stale = false;
    runner.start(
        "a",
        [&](JobMonitor& monitor) {
            monitor.post([&] { stale = true; });
            posted.release();
            return 1;
        },
        [&](Outcome<int>) { stale = true; });
    posted.acquire();
    bool done = false;
    runner.start(
        "a", [](JobMonitor&) { return 2; }, [&](Outcome<int>) { done = true; });
    QTRY_VERIFY(done);
    QVERIFY(!stale);
}

void TestJobRunner::destroyWhileRunning()
{
    auto alive = std::make_shared<int>(1);
    std::weak_ptr<int> watch = alive;
    bool delivered = false;
    QSemaphore running;
    {
        JobRunner runner;
        for (const char* id : {"a", "a", "b", "c"}) // one superseded, two queued behind
            runner.start(
                id,
                [&running, alive](JobMonitor& monitor) {
                    running.release();
                    spin(monitor);
                    return *alive;
                },
                [&](Outcome<int>) { delivered = true; });
        running.acquire();
        alive.reset();
    }
    QCoreApplication::processEvents();
    QVERIFY(!delivered);
    QVERIFY(watch.expired()); // nothing that jobs held is left behind
}

void TestJobRunner::startFromDone()
{
    JobRunner runner;
    int got = 0;
    runner.start(
        "a", [](JobMonitor&) { return 1; },
        [&](Outcome<int>) {
            runner.start(
                "a", [](JobMonitor&) { return 2; },
                [&](Outcome<int> outcome) { got = std::get<int>(outcome); });
        });
    QTRY_COMPARE(got, 2);
}

QTEST_GUILESS_MAIN(TestJobRunner)
#include "tst_job_runner.moc"
