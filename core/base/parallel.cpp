// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"

#include "core/base/quick_calls.h"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <algorithm>

namespace gradus {

void parallelFor(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t, std::int64_t)>& body,
                 const Monitor* monitor)
{
    if (count <= 0)
        return;
    grain = std::max<std::int64_t>(grain, 1);
    const std::int64_t chunks = (count + grain - 1) / grain;
    const auto runChunk = [&](std::int64_t chunk) {
        if (monitor)
            monitor->checkpoint();
        body(chunk * grain, std::min(count, (chunk + 1) * grain));
    };
    if (chunks == 1) {
        runChunk(0);
        return;
    }
    if (QuickCalls::active()) {
        const int threads = threadCount();
        if (threads == 1) {
            for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
                runChunk(chunk);
            return;
        }
        if (runQuickly(chunks, threads, runChunk))
            return;
    }
    tbb::parallel_for(
        tbb::blocked_range<std::int64_t>(0, chunks, 1),
        [&](const tbb::blocked_range<std::int64_t>& range) {
            for (std::int64_t chunk = range.begin(); chunk != range.end(); ++chunk)
                runChunk(chunk);
        },
        tbb::simple_partitioner());
}

struct ThreadLimit::Control
{
    explicit Control(std::size_t threads)
        : control(tbb::global_control::max_allowed_parallelism, threads)
    {
    }
    tbb::global_control control;
};

ThreadLimit::ThreadLimit(int threads)
{
    if (threads > 0)
        m_control = std::make_unique<Control>(static_cast<std::size_t>(threads));
}

ThreadLimit::~ThreadLimit() = default;

int threadCount()
{
    return static_cast<int>(
        tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

} // namespace gradus
