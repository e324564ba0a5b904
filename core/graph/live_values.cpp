// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/live_values.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace gradus {

namespace {

std::uint64_t halfOfMemory()
{
    constexpr std::uint64_t least = std::uint64_t(2) << 30;
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long pageSize = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || pageSize <= 0)
        return least;
    return std::max(least,
                    static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(pageSize) / 2);
}

std::atomic<std::uint64_t>& limit()
{
    static std::atomic<std::uint64_t> bytes = halfOfMemory();
    return bytes;
}

} // namespace

std::uint64_t liveValueLimit()
{
    return limit();
}

LiveValueLimit::LiveValueLimit(std::uint64_t bytes)
    : m_before(limit().exchange(bytes))
{
}

LiveValueLimit::~LiveValueLimit()
{
    limit() = m_before;
}

} // namespace gradus
