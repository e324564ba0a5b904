// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/block_pool.h"

#include <QTest>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

using namespace gradus;

class TestBlockPool : public QObject
{
    Q_OBJECT

private slots:
    void blocksAreAlignedAndApart()
    {
        std::vector<std::pair<std::byte*, std::size_t>> held;
        for (int round = 0; round < 3; ++round) {
            for (const std::size_t bytes :
                 {std::size_t(0), std::size_t(1), std::size_t(63), std::size_t(32767),
                  std::size_t(32768), std::size_t(40000), std::size_t(1) << 20,
                  (std::size_t(1) << 20) + 1}) {
                std::byte* block = takeBlock(bytes);
                QCOMPARE(reinterpret_cast<std::uintptr_t>(block) % 64, std::uintptr_t(0));
                std::memset(block, static_cast<int>(held.size() + 1), bytes);
                held.emplace_back(block, bytes);
            }
            for (std::size_t i = 0; i < held.size(); ++i)
                for (std::size_t b = 0; b < held[i].second; ++b)
                    QVERIFY(held[i].first[b] == static_cast<std::byte>(i + 1));
            for (const auto& [block, bytes] : held)
                giveBlockBack(block);
            held.clear();
        }
        giveBlockBack(nullptr);
    }

    void moreThanThereIsThrows()
    {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        QSKIP("sanitizers end the program where the heap throws");
#endif
        QVERIFY_EXCEPTION_THROWN((void)takeBlock(~std::size_t(0)), std::bad_alloc);
        QVERIFY_EXCEPTION_THROWN((void)takeBlock(std::size_t(1) << 60), std::bad_alloc);
    }

    void threadsDoNotShareBlocks()
    {
        std::atomic<int> wrong = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&wrong, t] {
                for (int i = 0; i < 500; ++i) {
                    const std::int64_t count = 8192 + i % 7 * 1000;
                    const ScratchFloats floats = scratchFloats(count);
                    const float mark = static_cast<float>(t * 1000 + i);
                    floats[0] = mark;
                    floats[static_cast<std::size_t>(count - 1)] = mark;
                    std::this_thread::yield();
                    if (floats[0] != mark || floats[static_cast<std::size_t>(count - 1)] != mark)
                        ++wrong;
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        QCOMPARE(wrong.load(), 0);
    }
};

QTEST_GUILESS_MAIN(TestBlockPool)
#include "tst_block_pool.moc"
