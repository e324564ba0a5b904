// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "tests/support/support.h"

#include <QtTest>

#include <atomic>
#include <bit>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

using namespace gradus;

namespace {

/// The sum of values, chunk by chunk in order: what parallelReduce promises, without threads.
float serialSum(const std::vector<float>& values, std::int64_t grain)
{
    const auto count = static_cast<std::int64_t>(values.size());
    float total = 0;
    for (std::int64_t begin = 0; begin < count; begin += grain) {
        float part = 0;
        for (std::int64_t i = begin; i < std::min(count, begin + grain); ++i)
            part += values[static_cast<std::size_t>(i)];
        total += part;
    }
    return total;
}

float parallelSum(const std::vector<float>& values, std::int64_t grain)
{
    return parallelReduce<float>(
        static_cast<std::int64_t>(values.size()), grain, 0.0F,
        [&](std::int64_t begin, std::int64_t end) {
            float part = 0;
            for (std::int64_t i = begin; i < end; ++i)
                part += values[static_cast<std::size_t>(i)];
            return part;
        },
        [](float& total, float part) { total += part; });
}

} // namespace

class TestParallel : public QObject
{
    Q_OBJECT

private slots:
    void coversEveryItemOnce_data()
    {
        QTest::addColumn<qint64>("count");
        QTest::addColumn<qint64>("grain");
        for (const qint64 count : {0, 1, 7, 8, 9, 1009})
            for (const qint64 grain : {-1, 0, 1, 8, 1009, 5000})
                QTest::addRow("%lld by %lld", count, grain) << count << grain;
        QTest::newRow("negative count") << qint64(-3) << qint64(4);
    }

    void coversEveryItemOnce()
    {
        QFETCH(qint64, count);
        QFETCH(qint64, grain);
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(std::max<qint64>(count, 0)));
        std::atomic<bool> wellFormed = true;
        const std::int64_t largest = std::max<std::int64_t>(grain, 1);
        parallelFor(count, grain, [&](std::int64_t begin, std::int64_t end) {
            // Chunks start at multiples of the grain: borders do not depend on threads.
            if (begin % largest != 0 || end - begin > largest || begin >= end)
                wellFormed = false;
            for (std::int64_t i = begin; i < end; ++i)
                ++visits[static_cast<std::size_t>(i)];
        });
        QVERIFY(wellFormed);
        for (const auto& visit : visits)
            QCOMPARE(visit.load(), 1);
    }

    void reductionIsTheSameForAnyThreads()
    {
        RandomStream random(3, "parallel");
        std::vector<float> values(100'003);
        for (float& value : values) // of very different sizes, so that the order of sums matters
            value = static_cast<float>(random.normal() * std::exp(8 * random.normal()));
        const std::int64_t grain = 97;
        const auto expected = std::bit_cast<std::uint32_t>(serialSum(values, grain));
        QVERIFY(expected != std::bit_cast<std::uint32_t>(serialSum(values, 89)));
        for (const int threads : {1, 2, 3, 0}) {
            const ThreadLimit limit(threads);
            for (int repeat = 0; repeat < 20; ++repeat)
                QCOMPARE(std::bit_cast<std::uint32_t>(parallelSum(values, grain)), expected);
        }
    }

    void reductionOfNothingIsTheIdentity()
    {
        QCOMPARE(parallelReduce<int>(
                     0, 4, 42, [](std::int64_t, std::int64_t) { return 1; },
                     [](int& total, int part) { total += part; }),
                 42);
    }

    void errorsComeOutWithTheirType()
    {
        for (const std::int64_t count : {1, 1000}) {
            bool caught = false;
            try {
                parallelFor(count, 1, [&](std::int64_t begin, std::int64_t) {
                    if (begin == count / 2)
                        throw Error(ErrorCode::Numeric, "layer x: NaN");
                });
            } catch (const Error& error) {
                caught = true;
                QVERIFY(error.code() == ErrorCode::Numeric);
                QCOMPARE(QString(error.what()), QString("layer x: NaN"));
            }
            QVERIFY(caught);
        }
        // The scheduler is sound afterwards.
        std::atomic<int> ran = 0;
        parallelFor(100, 1, [&](std::int64_t, std::int64_t) { ++ran; });
        QCOMPARE(ran.load(), 100);
    }

    void stopsAtEveryCheckpoint()
    {
        constexpr int chunks = 40;
        for (int k = 0; k < chunks; ++k) {
            const test::StopAt monitor(k);
            std::atomic<int> ran = 0;
            QVERIFY_EXCEPTION_THROWN(
                parallelFor(
                    chunks * 3, 3, [&](std::int64_t, std::int64_t) { ++ran; }, &monitor),
                Cancelled);
            QCOMPARE(ran.load(), k); // one checkpoint before every chunk, none after a stop
        }
        const test::StopAt late(chunks);
        std::atomic<int> ran = 0;
        parallelFor(
            chunks * 3, 3, [&](std::int64_t, std::int64_t) { ++ran; }, &late);
        QCOMPARE(ran.load(), chunks);
    }

    void nestedCallsWork()
    {
        std::vector<std::atomic<int>> visits(64 * 64);
        parallelFor(64, 1, [&](std::int64_t row, std::int64_t) {
            parallelFor(64, 5, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    ++visits[static_cast<std::size_t>(row * 64 + i)];
            });
        });
        for (const auto& visit : visits)
            QCOMPARE(visit.load(), 1);
    }

    void threadLimitHoldsWhileItLives()
    {
        const int all = threadCount();
        QVERIFY(all >= 1);
        {
            const ThreadLimit limit(1);
            QCOMPARE(threadCount(), 1);
            std::mutex mutex;
            std::set<std::thread::id> seen;
            parallelFor(500, 1, [&](std::int64_t, std::int64_t) {
                const std::lock_guard lock(mutex);
                seen.insert(std::this_thread::get_id());
            });
            QVERIFY(seen == std::set{std::this_thread::get_id()});
        }
        QCOMPARE(threadCount(), all);
        const ThreadLimit none(0);
        QCOMPARE(threadCount(), all);
    }
};

QTEST_APPLESS_MAIN(TestParallel)
#include "tst_parallel.moc"
