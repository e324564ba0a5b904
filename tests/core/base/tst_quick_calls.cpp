// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/quick_calls.h"

#include <QTest>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace gradus;

namespace {

/// Every item of [0, count) once, in chunks of grain at most.
bool coversOnce(std::int64_t count, std::int64_t grain)
{
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
    std::atomic<bool> fits = true;
    parallelFor(count, grain, [&](std::int64_t begin, std::int64_t end) {
        if (begin % grain != 0 || end - begin > grain)
            fits = false;
        for (std::int64_t i = begin; i < end; ++i)
            ++seen[static_cast<std::size_t>(i)];
    });
    for (const auto& item : seen)
        if (item != 1)
            return false;
    return fits;
}

} // namespace

class TestQuickCalls : public QObject
{
    Q_OBJECT

private slots:
    void manyShortCalls()
    {
        const QuickCalls quick;
        for (int i = 0; i < 3000; ++i)
            QVERIFY(coversOnce(1 + i % 40, 1 + i % 3));
    }

    void callsAfterThePatienceOfHelpers()
    {
        const QuickCalls quick;
        for (int i = 0; i < 20; ++i) {
            std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
            QVERIFY(coversOnce(50, 1));
        }
    }

    void limitsHold()
    {
        for (const int threads : {1, 2, 4}) {
            const ThreadLimit limit(threads);
            const QuickCalls quick;
            std::atomic<int> inside = 0;
            std::atomic<int> most = 0;
            for (int i = 0; i < 200; ++i)
                parallelFor(16, 1, [&](std::int64_t, std::int64_t) {
                    const int now = ++inside;
                    int before = most;
                    while (before < now && !most.compare_exchange_weak(before, now)) {
                    }
                    --inside;
                });
            QVERIFY(most >= 1 && most <= threads);
        }
    }

    void exceptionsKeepTheirType()
    {
        const QuickCalls quick;
        for (int i = 0; i < 50; ++i) {
            const auto failing = [&] {
                parallelFor(20, 1, [&](std::int64_t begin, std::int64_t) {
                    if (begin == i % 20)
                        throw Error(ErrorCode::Numeric, "chunk");
                });
            };
            QVERIFY_EXCEPTION_THROWN(failing(), Error);
            QVERIFY(coversOnce(20, 1)); // and it goes on
        }
    }

    void nestedCalls()
    {
        const QuickCalls quick;
        std::atomic<int> sum = 0;
        parallelFor(8, 1, [&](std::int64_t, std::int64_t) {
            QVERIFY(!QuickCalls::active());
            parallelFor(100, 10, [&](std::int64_t begin, std::int64_t end) {
                sum += static_cast<int>(end - begin);
            });
        });
        QCOMPARE(sum.load(), 800);
        QVERIFY(QuickCalls::active());
    }

    void severalCallers()
    {
        std::atomic<int> wrong = 0;
        std::vector<std::thread> callers;
        for (int t = 0; t < 4; ++t)
            callers.emplace_back([&] {
                const QuickCalls quick;
                for (int i = 0; i < 300; ++i)
                    wrong += coversOnce(30, 1) ? 0 : 1;
            });
        for (std::thread& caller : callers)
            caller.join();
        QCOMPARE(wrong.load(), 0);
    }

    void scopesEnd()
    {
        QVERIFY(!QuickCalls::active());
        {
            const QuickCalls outer;
            {
                const QuickCalls inner;
            }
            QVERIFY(QuickCalls::active());
        }
        QVERIFY(!QuickCalls::active());
    }
};

QTEST_GUILESS_MAIN(TestQuickCalls)
#include "tst_quick_calls.moc"
