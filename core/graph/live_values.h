// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace gradus {

/// How many bytes the values of one run may hold together: half of this machine's memory, but no
/// less than 2 GiB. A file of a few bytes can ask for any number of large values, one by one
/// allowed; a model that needs more than this could not be worked with either.
[[nodiscard]] std::uint64_t liveValueLimit();

/// Sets it for this process while it lives.
class LiveValueLimit
{
public:
    explicit LiveValueLimit(std::uint64_t bytes);
    ~LiveValueLimit();
    LiveValueLimit(const LiveValueLimit&) = delete;
    LiveValueLimit& operator=(const LiveValueLimit&) = delete;

private:
    std::uint64_t m_before;
};

} // namespace gradus
