// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>

namespace gradus {

/// While it lives, parallelFor() of this thread hands chunks to helpers that stay awake for a while
/// after each call: for stretches of many short calls, such as a forward pass, where waking threads
/// would take longer than the work. What is computed does not change.
class QuickCalls
{
public:
    QuickCalls();
    ~QuickCalls();
    QuickCalls(const QuickCalls&) = delete;
    QuickCalls& operator=(const QuickCalls&) = delete;

    [[nodiscard]] static bool active(); ///< in this thread, outside of chunks

private:
    bool m_before;
};

/// For parallelFor(): runs all chunks with at most so many threads, this one among them; the first
/// exception comes out. False, and nothing happened, when the helpers work for somebody else.
[[nodiscard]] bool runQuickly(std::int64_t chunks, int threads,
                              const std::function<void(std::int64_t chunk)>& runChunk);

} // namespace gradus
