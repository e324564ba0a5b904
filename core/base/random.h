// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

namespace gradus {

/// A random stream of its own for every (seed, layer, purpose), so that no result depends on the
/// order in which layers run. xoshiro256** (Blackman and Vigna) seeded by splitmix64.
class RandomStream
{
public:
    explicit RandomStream(std::uint64_t seed, std::string_view layer = {},
                          std::string_view purpose = {});

    [[nodiscard]] std::uint64_t next();
    [[nodiscard]] std::uint64_t below(std::uint64_t bound); ///< uniform in [0, bound), bound > 0
    [[nodiscard]] double uniform();                         ///< uniform in [0, 1)
    [[nodiscard]] double normal();                          ///< mean 0, variance 1 (polar method)

private:
    std::uint64_t m_state[4];
    double m_spare = 0;
    bool m_hasSpare = false;
};

} // namespace gradus
