// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/monitor.h"
#include "tests/support/support.h"

#include <QtTest>

#include <vector>

using namespace gradus;

namespace {

class Recorder final : public Monitor
{
public:
    void report(double fraction, std::string_view stage) override
    {
        fractions.push_back(fraction);
        stages.emplace_back(stage);
    }
    void note(std::string_view line) override { notes.emplace_back(line); }
    [[nodiscard]] bool stopRequested() const override { return stop; }

    std::vector<double> fractions;
    std::vector<std::string> stages;
    std::vector<std::string> notes;
    bool stop = false;
};

} // namespace

class TestMonitor : public QObject
{
    Q_OBJECT

private slots:
    void silentMonitorNeverStops()
    {
        Monitor monitor;
        monitor.report(0.5, "half");
        monitor.note("line");
        monitor.checkpoint();
        QVERIFY(!monitor.stopRequested());
    }

    void checkpointThrowsWhenAsked()
    {
        Recorder monitor;
        monitor.checkpoint();
        monitor.stop = true;
        QVERIFY_EXCEPTION_THROWN(monitor.checkpoint(), Cancelled);
    }

    void cancelledIsNoError()
    {
        Recorder monitor;
        monitor.stop = true;
        bool error = false;
        try {
            monitor.checkpoint();
        } catch (const Error&) {
            error = true;
        } catch (const Cancelled& cancelled) {
            QCOMPARE(QString(cancelled.what()), QString("cancelled"));
        }
        QVERIFY(!error);
    }

    void partsMapOntoTheirParent()
    {
        Recorder parent;
        SubMonitor half(parent, 0.5, 1.0);
        SubMonitor quarter(half, 0.5, 1.0);
        half.report(0, "a");
        half.report(1, "b");
        quarter.report(0, "c");
        quarter.report(0.5, "d");
        quarter.note("kept 8 bits");
        QVERIFY((parent.fractions == std::vector<double>{0.5, 1.0, 0.75, 0.875}));
        QVERIFY((parent.stages == std::vector<std::string>{"a", "b", "c", "d"}));
        QVERIFY((parent.notes == std::vector<std::string>{"kept 8 bits"}));
        QVERIFY(!quarter.stopRequested());
        parent.stop = true;
        QVERIFY_EXCEPTION_THROWN(quarter.checkpoint(), Cancelled);
    }

    void errorsGainContext()
    {
        const Error inner(ErrorCode::Shape, "expected 3 columns, found 4");
        const Error outer = inner.within("layer q_proj").within("model.safetensors");
        QVERIFY(outer.code() == ErrorCode::Shape);
        QCOMPARE(QString(outer.what()),
                 QString("model.safetensors: layer q_proj: expected 3 columns, found 4"));
        QCOMPARE(QString(inner.what()), QString("expected 3 columns, found 4"));
    }

    void stopAtCountsCheckpoints()
    {
        const test::StopAt monitor(2);
        monitor.checkpoint();
        monitor.checkpoint();
        QVERIFY_EXCEPTION_THROWN(monitor.checkpoint(), Cancelled);
        QVERIFY_EXCEPTION_THROWN(monitor.checkpoint(), Cancelled);
    }
};

QTEST_APPLESS_MAIN(TestMonitor)
#include "tst_monitor.moc"
