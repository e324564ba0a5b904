// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/random.h"

#include <bit>
#include <cmath>

namespace gradus {

namespace {

std::uint64_t splitmix(std::uint64_t& state)
{
    std::uint64_t z = state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

std::uint64_t mix(std::uint64_t hash, std::string_view text)
{
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL; // FNV-1a
    return (hash ^ 0xFFU) * 0x100000001B3ULL; // separates ("ab", "c") from ("a", "bc")
}

} // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view layer, std::string_view purpose)
{
    std::uint64_t state = seed ^ mix(mix(0xCBF29CE484222325ULL, layer), purpose);
    for (std::uint64_t& word : m_state)
        word = splitmix(state);
}

std::uint64_t RandomStream::next()
{
    const std::uint64_t result = std::rotl(m_state[1] * 5, 7) * 9;
    const std::uint64_t shifted = m_state[1] << 17;
    m_state[2] ^= m_state[0];
    m_state[3] ^= m_state[1];
    m_state[1] ^= m_state[2];
    m_state[0] ^= m_state[3];
    m_state[2] ^= shifted;
    m_state[3] = std::rotl(m_state[3], 45);
    return result;
}

std::uint64_t RandomStream::below(std::uint64_t bound)
{
    // Rejection keeps every value equally likely.
    const std::uint64_t limit = (0 - bound) % bound;
    for (;;) {
        const std::uint64_t value = next();
        if (value >= limit)
            return value % bound;
    }
}

double RandomStream::uniform()
{
    return static_cast<double>(next() >> 11) * 0x1p-53;
}

double RandomStream::normal()
{
    if (m_hasSpare) {
        m_hasSpare = false;
        return m_spare;
    }
    double u = 0;
    double v = 0;
    double s = 0;
    do {
        u = 2 * uniform() - 1;
        v = 2 * uniform() - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double factor = std::sqrt(-2 * std::log(s) / s);
    m_spare = v * factor;
    m_hasSpare = true;
    return u * factor;
}

} // namespace gradus
