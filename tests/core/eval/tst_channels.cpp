// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/eval/distribution.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Heavy tails, equal values, and rows and columns that are constant or not finite.
Tensor awkward(std::int64_t rows, std::int64_t cols)
{
    Tensor w = randomMatrix(rows, cols, 1, 3);
    for (float& x : w.floats())
        x = std::round(x * x * x * 8) / 8;
    if (rows > 3 && cols > 3) {
        std::fill(w.matrix().row(1).begin(), w.matrix().row(1).end(), 0.25F);
        std::fill(w.matrix().row(2).begin(), w.matrix().row(2).end(), std::nanf(""));
        w.matrix().row(0)[0] = infinity;
        w.matrix().row(3)[2] = -infinity;
        for (std::int64_t r = 0; r < rows; ++r)
            w.matrix().row(r)[3] = std::nanf("");
    }
    return w;
}

std::vector<float> channelOf(ConstMatrixView w, ChannelAxis axis, std::int64_t channel)
{
    std::vector<float> values;
    const bool output = axis == ChannelAxis::Output;
    for (std::int64_t i = 0; i < (output ? w.cols : w.rows); ++i) {
        const float x = output ? w.row(channel)[std::size_t(i)] : w.row(i)[std::size_t(channel)];
        if (std::isfinite(x))
            values.push_back(x);
    }
    return values;
}

/// Stops at the first checkpoint, the second, … until the work goes through.
int stopsOf(const std::function<void(Monitor&)>& work)
{
    for (int stops = 0; stops < 50; ++stops) {
        StopAt monitor(stops);
        try {
            work(monitor);
            return stops;
        } catch (const Cancelled&) {
        }
    }
    return 50;
}

const std::vector<std::pair<int, int>> shapes{{1, 1},  {1, 9},    {9, 1},   {5, 40},
                                              {40, 5}, {70, 130}, {300, 33}};

} // namespace

class TestChannels : public QObject
{
    Q_OBJECT

private slots:
    void outliersAgreeWithTheOracle()
    {
        Monitor monitor;
        for (const auto& [rows, cols] : shapes)
            for (const double multiple : {0.0, 1.0, 3.0, 100.0})
                for (const std::size_t limit : {0, 1, 7, 100000}) {
                    const Tensor w = awkward(rows, cols);
                    const Moments m = moments(w.floats());
                    std::vector<Outlier> all;
                    for (std::int64_t r = 0; r < rows; ++r)
                        for (std::int64_t c = 0; c < cols; ++c) {
                            const float x = w.matrix().row(r)[std::size_t(c)];
                            const double distance = static_cast<double>(x) - m.mean;
                            if (std::isfinite(x) && m.std > 0 &&
                                std::fabs(distance) > multiple * m.std)
                                all.push_back({r, c, x, distance / m.std});
                        }
                    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
                        return std::fabs(a.sigmas) > std::fabs(b.sigmas);
                    });
                    const OutlierList list = findOutliers(w.matrix(), m, multiple, limit, monitor);
                    QVERIFY(list.multiple == multiple);
                    QCOMPARE(list.count, std::int64_t(all.size()));
                    if (m.std > 0)
                        QVERIFY(isClose(double(list.count) / double(m.count),
                                        outlierShare(w.floats(), m, multiple), 1e-15, 1e-30));
                    QCOMPARE(list.largest.size(), std::min(limit, all.size()));
                    for (std::size_t i = 0; i < list.largest.size(); ++i) {
                        QCOMPARE(list.largest[i].row, all[i].row);
                        QCOMPARE(list.largest[i].col, all[i].col);
                        QVERIFY(list.largest[i].value == all[i].value);
                        QVERIFY(list.largest[i].sigmas == all[i].sigmas);
                    }
                }
    }

    void aConstantHasNoOutliers()
    {
        Tensor w(Shape{30, 40});
        std::fill(w.floats().begin(), w.floats().end(), 0.1F);
        Monitor monitor;
        const OutlierList list =
            findOutliers(std::as_const(w).matrix(), moments(w.floats()), 0, 10, monitor);
        QVERIFY(list.count == 0 && list.largest.empty());
    }

    void rangesAreOrderStatistics()
    {
        Monitor monitor;
        for (const auto& [rows, cols] : shapes)
            for (const ChannelAxis axis : {ChannelAxis::Output, ChannelAxis::Input}) {
                const Tensor w = awkward(rows, cols);
                const ChannelRanges ranges = channelRanges(w.matrix(), axis, monitor);
                QVERIFY(ranges.axis == axis);
                const auto channels = std::size_t(axis == ChannelAxis::Output ? rows : cols);
                const std::pair<const std::vector<float>*, double> table[] = {
                    {&ranges.minimum, 0},         {&ranges.low, 0.01},
                    {&ranges.lowerQuartile, .25}, {&ranges.median, 0.5},
                    {&ranges.upperQuartile, .75}, {&ranges.high, 0.99},
                    {&ranges.maximum, 1}};
                for (const auto& [values, q] : table) {
                    QCOMPARE(values->size(), channels);
                    for (std::size_t k = 0; k < channels; ++k) {
                        std::vector<float> channel = channelOf(w.matrix(), axis, std::int64_t(k));
                        std::sort(channel.begin(), channel.end());
                        if (channel.empty()) {
                            QVERIFY(std::isnan((*values)[k]));
                            continue;
                        }
                        const long at = std::lround(q * double(channel.size() - 1));
                        QVERIFY((*values)[k] == channel[std::size_t(at)]);
                    }
                }
            }
    }

    void stripsCountEveryWeight()
    {
        Monitor monitor;
        for (const auto& [rows, cols] : shapes)
            for (const ChannelAxis axis : {ChannelAxis::Output, ChannelAxis::Input})
                for (const std::int64_t most : {1, 3, 1000}) {
                    const Tensor w = awkward(rows, cols);
                    const std::int64_t channels = axis == ChannelAxis::Output ? rows : cols;
                    const ChannelStrip strip =
                        channelStrip(w.matrix(), axis, -2, 3, 16, most, monitor);
                    QVERIFY(strip.lo == -2 && strip.hi == 3 && strip.bins == 16);
                    QCOMPARE(strip.channels, channels);
                    QVERIFY(strip.columns() <= most);
                    QVERIFY(strip.columns() * strip.channelsPerColumn >= channels);
                    QVERIFY((strip.columns() - 1) * strip.channelsPerColumn < channels);
                    QCOMPARE(strip.share.size(), std::size_t(strip.columns()) * 16);
                    for (std::int64_t column = 0; column < strip.columns(); ++column) {
                        std::vector<float> values;
                        for (std::int64_t k = column * strip.channelsPerColumn;
                             k < std::min((column + 1) * strip.channelsPerColumn, channels); ++k) {
                            const auto channel = channelOf(w.matrix(), axis, k);
                            values.insert(values.end(), channel.begin(), channel.end());
                        }
                        const Histogram h = histogram(values, -2, 3, 16);
                        for (std::size_t b = 0; b < 16; ++b) {
                            const float expected = values.empty()
                                                       ? 0
                                                       : static_cast<float>(double(h.counts[b]) /
                                                                            double(values.size()));
                            QVERIFY(strip.share[std::size_t(column) * 16 + b] == expected);
                        }
                    }
                }
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor w = randomMatrix(500, 700, 1, 6);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            Monitor monitor;
            std::vector<float> bits;
            const OutlierList list = findOutliers(w.matrix(), moments(w.floats()), 1, 500, monitor);
            for (const Outlier& one : list.largest)
                bits.insert(bits.end(), {float(one.row), float(one.col), float(one.sigmas)});
            for (const ChannelAxis axis : {ChannelAxis::Output, ChannelAxis::Input}) {
                const auto ranges = channelRanges(w.matrix(), axis, monitor);
                bits.insert(bits.end(), ranges.low.begin(), ranges.low.end());
                bits.insert(bits.end(), ranges.high.begin(), ranges.high.end());
                const auto strip = channelStrip(w.matrix(), axis, -2, 2, 20, 60, monitor);
                bits.insert(bits.end(), strip.share.begin(), strip.share.end());
            }
            return bits;
        };
        const auto one = with(1);
        QVERIFY(with(2) == one);
        QVERIFY(with(4) == one);
    }

    void stopsAtEveryCheckpoint()
    {
        const Tensor w = randomMatrix(400, 700, 1, 6);
        const Moments m = moments(w.floats());
        QVERIFY(stopsOf([&](Monitor& monitor) {
                    (void)findOutliers(w.matrix(), m, 3, 5, monitor);
                }) >= 3);
        for (const ChannelAxis axis : {ChannelAxis::Output, ChannelAxis::Input}) {
            QVERIFY(stopsOf([&](Monitor& monitor) {
                        (void)channelRanges(w.matrix(), axis, monitor);
                    }) >= 3);
            QVERIFY(stopsOf([&](Monitor& monitor) {
                        (void)channelStrip(w.matrix(), axis, -1, 1, 9, 400, monitor);
                    }) >= 3);
        }
    }
};

QTEST_APPLESS_MAIN(TestChannels)
#include "tst_channels.moc"
