// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace gradus {

/// The only door to threads. Chunk borders depend on count and grain alone, never on the number of
/// threads, so results that are computed per chunk and combined in chunk order are bit-identical
/// for any number of threads.

/// Calls body(begin, end) for consecutive chunks of at most grain items covering [0, count).
/// With a monitor, its checkpoint() is called before every chunk; Cancelled and Error come out with
/// their type. Nested calls are fine.
void parallelFor(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t begin, std::int64_t end)>& body,
                 const Monitor* monitor = nullptr);

/// Deterministic reduction: map(begin, end) per chunk, in parallel; join(total, part) in chunk
/// order.
template <class T, class Map, class Join>
T parallelReduce(std::int64_t count, std::int64_t grain, T identity, const Map& map,
                 const Join& join, const Monitor* monitor = nullptr)
{
    if (count <= 0)
        return identity;
    std::vector<T> parts(static_cast<std::size_t>((count + grain - 1) / grain), identity);
    parallelFor(
        count, grain,
        [&](std::int64_t begin, std::int64_t end) {
            parts[static_cast<std::size_t>(begin / grain)] = map(begin, end);
        },
        monitor);
    T total = std::move(identity);
    for (T& part : parts)
        join(total, part);
    return total;
}

/// Limits the threads used by parallelFor in this process while it lives; 0 means all processors.
class ThreadLimit
{
public:
    explicit ThreadLimit(int threads);
    ~ThreadLimit();
    ThreadLimit(const ThreadLimit&) = delete;
    ThreadLimit& operator=(const ThreadLimit&) = delete;

private:
    struct Control;
    std::unique_ptr<Control> m_control;
};

/// Threads that parallelFor will use now.
[[nodiscard]] int threadCount();

} // namespace gradus
