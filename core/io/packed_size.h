// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>

namespace gradus {

/// What unpacked data of strangers may take: at most limit bytes, and past a size that hurts
/// nobody at most a few hundred times what is packed (deflate can reach a thousand, which real
/// arrays do not).
[[nodiscard]] inline std::uint64_t largestUnpacked(std::uint64_t packed, std::uint64_t limit)
{
    constexpr std::uint64_t harmless = std::uint64_t(16) << 20;
    constexpr std::uint64_t ratio = 256;
    const std::uint64_t byRatio = packed > (limit / ratio) ? limit : packed * ratio;
    return std::min(limit, std::max(harmless, byRatio));
}

} // namespace gradus
