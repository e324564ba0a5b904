// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/quick_calls.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
#    include <immintrin.h>
#endif

namespace gradus {

namespace {

thread_local bool isActive = false;

void pause()
{
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

/// Threads that work on one job at a time. Nobody waits for a helper that has not begun: who comes
/// too late finds the job closed.
class Crew
{
public:
    static Crew& instance()
    {
        static Crew crew;
        return crew;
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;
    ~Crew()
    {
        m_ends = true;
        announce();
        for (std::thread& helper : m_helpers)
            helper.join();
    }

    bool run(std::int64_t chunks, int threads, const std::function<void(std::int64_t)>& runChunk)
    {
        const std::unique_lock owner(m_owner, std::try_to_lock);
        if (!owner)
            return false;
        m_runChunk = &runChunk;
        m_chunks = chunks;
        m_allowed = threads - 1;
        m_next = 0;
        m_failure = nullptr;
        m_failed = false;
        m_open = true;
        announce();
        work();
        m_open = false;
        constexpr int patience = 2000; // a helper may have lost its processor
        for (int i = 0; m_inside != 0; ++i)
            i < patience ? pause() : std::this_thread::yield();
        if (m_failure)
            std::rethrow_exception(m_failure);
        return true;
    }

private:
    Crew()
    {
        const int helpers = std::max(1, static_cast<int>(std::thread::hardware_concurrency())) - 1;
        for (int i = 0; i < helpers; ++i)
            m_helpers.emplace_back([this, i] { help(i); });
    }

    void announce()
    {
        ++m_calls;
        if (m_sleeping > 0)
            m_calls.notify_all();
    }

    void work()
    {
        for (std::int64_t chunk = m_next++; chunk < m_chunks; chunk = m_next++)
            try {
                (*m_runChunk)(chunk);
            } catch (...) {
                if (!m_failed.exchange(true))
                    m_failure = std::current_exception();
                m_next = m_chunks;
            }
    }

    void help(int index)
    {
        std::uint64_t seen = 0;
        while (!m_ends) {
            seen = waitForCall(seen);
            // Either this thread sees that the job is closed, or its owner that it is inside.
            ++m_inside;
            if (m_open && index < m_allowed)
                work();
            --m_inside;
        }
    }

    /// Returns the number of calls once it is another than seen.
    std::uint64_t waitForCall(std::uint64_t seen)
    {
        using Clock = std::chrono::steady_clock;
        constexpr auto patience = std::chrono::microseconds(200);
        const auto end = Clock::now() + patience;
        constexpr int looks = 64; // between two looks at the clock
        do {
            for (int i = 0; i < looks; ++i) {
                if (const std::uint64_t now = m_calls; now != seen)
                    return now;
                pause();
            }
        } while (Clock::now() < end);
        ++m_sleeping;
        m_calls.wait(seen);
        --m_sleeping;
        return m_calls;
    }

    std::mutex m_owner;
    std::vector<std::thread> m_helpers;
    std::atomic<bool> m_ends = false;
    // Sequentially consistent, all of them: pairs of threads each write one and read another.
    alignas(64) std::atomic<std::uint64_t> m_calls = 0;
    alignas(64) std::atomic<int> m_sleeping = 0;
    alignas(64) std::atomic<int> m_inside = 0;
    alignas(64) std::atomic<bool> m_open = false;
    alignas(64) std::atomic<std::int64_t> m_next = 0;
    // Of the open job; written while nobody is inside.
    alignas(64) const std::function<void(std::int64_t)>* m_runChunk = nullptr;
    std::int64_t m_chunks = 0;
    int m_allowed = 0;
    std::atomic<bool> m_failed = false;
    std::exception_ptr m_failure;
};

} // namespace

QuickCalls::QuickCalls()
    : m_before(isActive)
{
    isActive = true;
}

QuickCalls::~QuickCalls()
{
    isActive = m_before;
}

bool QuickCalls::active()
{
    return isActive;
}

bool runQuickly(std::int64_t chunks, int threads, const std::function<void(std::int64_t)>& runChunk)
{
    // What a chunk calls itself finds its own threads.
    isActive = false;
    struct Back
    {
        ~Back() { isActive = true; }
    } const back;
    return Crew::instance().run(chunks, threads, runChunk);
}

} // namespace gradus
