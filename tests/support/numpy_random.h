// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

/// numpy.random.default_rng with the same numbers, for reference values that were made with it.
namespace gradus::test {

/// Doornik's ziggurat for the normal distribution: 256 layers of equal area (2005).
struct Ziggurat
{
    static constexpr double tail = 3.6541528853610088; ///< where the lowest layer's tail begins
    static constexpr double area = 0.0049286732339746519;
    static constexpr double steps = 0x1p52; ///< magnitudes within a layer

    std::array<double, 256> step{};         ///< width of a layer / steps
    std::array<std::uint64_t, 256> inner{}; ///< steps that lie below the curve for certain
    std::array<double, 256> height{};       ///< of the curve at the layer's end

    /// numpy's tables are results of this recurrence, in double: the lowest layers lead to the
    /// upper ones, and so do their roundings. exp is rounded correctly, except where the program
    /// that made the tables had it a bit larger.
    Ziggurat()
    {
        const auto curve = [](double x) {
            return static_cast<double>(std::exp(static_cast<long double>(-0.5 * x * x)));
        };
        constexpr std::size_t larger = 38;
        std::array<double, 256> width{};
        width[255] = tail;
        height[255] = curve(tail);
        for (std::size_t i = 254; i >= 1; --i) {
            const double end = height[i + 1] + area / width[i + 1];
            width[i] = std::sqrt(-2 * static_cast<double>(std::log(static_cast<long double>(end))));
            height[i] = i == larger ? std::nextafter(curve(width[i]), 1) : curve(width[i]);
        }
        height[0] = 1;
        for (std::size_t i = 1; i < 256; ++i) {
            step[i] = width[i] / steps;
            inner[i] = static_cast<std::uint64_t>(std::nearbyint(width[i - 1] / width[i] * steps));
        }
        step[0] = area / height[255] / steps; // as wide as if its tail were part of a rectangle
        inner[0] = static_cast<std::uint64_t>(std::nearbyint(tail * height[255] / area * steps));
    }
};

/// PCG64 (XSL-RR 128/64, O'Neill 2014), started from a SeedSequence over one small seed.
class NumpyRandom
{
public:
    explicit NumpyRandom(std::uint32_t seed)
    {
        const std::array<std::uint64_t, 4> words = seedSequence(seed);
        m_increment = joined(words[2], words[3]) << 1 | 1;
        advance();
        m_state += joined(words[0], words[1]);
        advance();
    }

    std::uint64_t next()
    {
        advance();
        const auto high = static_cast<std::uint64_t>(m_state >> 64);
        return std::rotr(high ^ static_cast<std::uint64_t>(m_state), static_cast<int>(high >> 58));
    }
    /// In [0, 1).
    double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

    double normal()
    {
        static const Ziggurat ziggurat;
        for (;;) {
            const std::uint64_t bits = next(); // layer, sign and magnitude, from the lowest bit on
            const std::size_t layer = bits & 0xFF;
            const double sign = (bits >> 8 & 1) != 0 ? -1 : 1;
            const std::uint64_t magnitude = bits >> 9 & ((std::uint64_t(1) << 52) - 1);
            const double x = static_cast<double>(magnitude) * ziggurat.step[layer];
            if (magnitude < ziggurat.inner[layer])
                return sign * x;
            if (layer == 0) // where the sign is another bit
                return (magnitude >> 8 & 1) != 0 ? -beyondTail() : beyondTail();
            const double low = ziggurat.height[layer];
            if ((ziggurat.height[layer - 1] - low) * uniform() + low < std::exp(-0.5 * x * x))
                return sign * x;
        }
    }
    /// Of scale 1, by its quantile function.
    double laplace()
    {
        double p = uniform();
        while (p == 0)
            p = uniform();
        return p < 0.5 ? std::log(p + p) : -std::log(2 - p - p);
    }
    double studentT(double freedom)
    {
        const double top = normal();
        return std::sqrt(freedom / 2) * top / std::sqrt(gamma(freedom / 2));
    }

private:
    __extension__ using Wide = unsigned __int128;

    static Wide joined(std::uint64_t high, std::uint64_t low) { return Wide(high) << 64 | low; }
    void advance()
    {
        m_state = m_state * joined(0x2360ED051FC65DA4, 0x4385DF649FCCF645) + m_increment;
    }

    /// O'Neill's seed_seq (2015): a pool of four words, each stirred into each other, then drawn
    /// from in turn.
    static std::array<std::uint64_t, 4> seedSequence(std::uint32_t seed)
    {
        const auto hash = [](std::uint32_t value, std::uint32_t& key, std::uint32_t factor) {
            value ^= key;
            key *= factor;
            value *= key;
            return value ^ value >> 16;
        };
        std::array<std::uint32_t, 4> pool{seed, 0, 0, 0};
        std::uint32_t key = 0x43B0D7E5;
        constexpr std::uint32_t stir = 0x931E8875;
        for (std::uint32_t& word : pool)
            word = hash(word, key, stir);
        for (std::size_t from = 0; from < 4; ++from)
            for (std::size_t to = 0; to < 4; ++to)
                if (from != to) {
                    const std::uint32_t mixed =
                        0xCA01F9DDU * pool[to] - 0x4973F715U * hash(pool[from], key, stir);
                    pool[to] = mixed ^ mixed >> 16;
                }
        key = 0x8B51F9DD;
        constexpr std::uint32_t draw = 0x58F38DED;
        std::array<std::uint64_t, 4> words{};
        for (std::size_t i = 0; i < 8; ++i)
            words[i / 2] |= std::uint64_t(hash(pool[i % 4], key, draw)) << (i % 2 * 32);
        return words;
    }

    /// A normal number given that it is beyond the ziggurat's tail (Marsaglia 1964).
    double beyondTail()
    {
        for (;;) {
            const double x = -std::log1p(-uniform()) * (1 / Ziggurat::tail);
            const double y = -std::log1p(-uniform());
            if (y + y > x * x)
                return Ziggurat::tail + x;
        }
    }
    /// Marsaglia and Tsang (2000); shape > 1.
    double gamma(double shape)
    {
        const double b = shape - 1.0 / 3;
        const double c = 1 / std::sqrt(9 * b);
        for (;;) {
            double x = normal();
            double root = 1 + c * x;
            while (root <= 0) {
                x = normal();
                root = 1 + c * x;
            }
            const double v = root * root * root;
            const double u = uniform();
            if (u < 1 - 0.0331 * (x * x) * (x * x) ||
                std::log(u) < 0.5 * x * x + b * (1 - v + std::log(v)))
                return b * v;
        }
    }

    Wide m_state = 0;
    Wide m_increment = 0;
};

} // namespace gradus::test
