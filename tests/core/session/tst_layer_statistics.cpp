// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/statistics.h"
#include "tests/support/support.h"

#include <QTest>

#include <string>
#include <vector>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

} // namespace

class TestLayerStatistics : public QObject
{
    Q_OBJECT

private slots:
    void sinkSeesEveryLayerAsItFinishes()
    {
        class Progress final : public Monitor
        {
        public:
            void report(double fraction, std::string_view) override
            {
                falls = falls || fraction < last - 1e-12;
                last = fraction;
            }
            double last = 0;
            bool falls = false;
        };
        const auto model = openModel(sample);
        Progress monitor;
        std::vector<std::string> seen;
        std::vector<double> at;
        const auto rows =
            layerStatistics(*model, "layers\\.0\\.", {}, monitor, [&](const LayerStatistics& row) {
                seen.push_back(row.name);
                at.push_back(monitor.last);
            });
        QCOMPARE(rows.size(), std::size_t(7));
        QCOMPARE(seen.size(), rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i)
            QCOMPARE(seen[i], rows[i].name);
        QVERIFY(at.front() < 0.5);
        QVERIFY(!monitor.falls);
        QCOMPARE(monitor.last, 1.0);
    }

    void whatWasSeenBeforeAStopIsWhole()
    {
        class StopAfter final : public Monitor
        {
        public:
            bool stopRequested() const override { return finished == 2; }
            int finished = 0;
        };
        const auto model = openModel(sample);
        Monitor silent;
        const auto all = layerStatistics(*model, "k_proj", {}, silent);
        StopAfter monitor;
        std::vector<LayerStatistics> seen;
        QVERIFY_EXCEPTION_THROWN((void)layerStatistics(*model, "k_proj", {}, monitor,
                                                       [&](const LayerStatistics& row) {
                                                           seen.push_back(row);
                                                           ++monitor.finished;
                                                       }),
                                 Cancelled);
        QCOMPARE(seen.size(), std::size_t(2));
        for (std::size_t i = 0; i < seen.size(); ++i) {
            QCOMPARE(seen[i].name, all[i].name);
            QVERIFY(seen[i].exponent.bestExponent == all[i].exponent.bestExponent);
            QVERIFY(seen[i].outlierShare == all[i].outlierShare);
        }
    }

    void noLayerIsNoRow()
    {
        Monitor monitor;
        QVERIFY(layerStatistics(*openModel(sample), "no such", {}, monitor).empty());
    }
};

QTEST_APPLESS_MAIN(TestLayerStatistics)
#include "tst_layer_statistics.moc"
