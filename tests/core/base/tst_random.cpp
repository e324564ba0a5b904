// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/random.h"
#include "tests/support/support.h"

#include <QtTest>

#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace gradus;

namespace {

// The published generators, written down again from their description.

std::uint64_t splitmix64(std::uint64_t& state)
{
    state += 0x9e3779b97f4a7c15;
    std::uint64_t z = state;
    z ^= z >> 30;
    z *= 0xbf58476d1ce4e5b9;
    z ^= z >> 27;
    z *= 0x94d049bb133111eb;
    z ^= z >> 31;
    return z;
}

std::uint64_t rotateLeft(std::uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

struct Xoshiro
{
    std::array<std::uint64_t, 4> s;

    std::uint64_t next()
    {
        const std::uint64_t out = rotateLeft(s[1] * 5, 7) * 9;
        const std::uint64_t t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotateLeft(s[3], 45);
        return out;
    }
};

std::uint64_t fnv1a(const std::string& bytes)
{
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : bytes) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211U;
    }
    return hash;
}

Xoshiro oracle(std::uint64_t seed, const std::string& layer, const std::string& purpose)
{
    std::uint64_t state = seed ^ fnv1a(layer + '\xFF' + purpose + '\xFF');
    Xoshiro generator{};
    for (auto& word : generator.s)
        word = splitmix64(state);
    return generator;
}

} // namespace

class TestRandom : public QObject
{
    Q_OBJECT

private slots:
    void oracleGivesThePublishedNumbers()
    {
        // splitmix64 from 1234567; xoshiro256** from the state 1, 2, 3, 4; FNV-1a of "foobar".
        std::uint64_t state = 1234567;
        for (const std::uint64_t expected : {6457827717110365317U, 3203168211198807973U,
                                             9817491932198370423U, 4593380528125082431U})
            QCOMPARE(splitmix64(state), expected);
        Xoshiro generator{{1, 2, 3, 4}};
        for (const std::uint64_t expected :
             {std::uint64_t(11520), std::uint64_t(0), std::uint64_t(1509978240),
              std::uint64_t(1215971899390074240), std::uint64_t(1216172134540287360)})
            QCOMPARE(generator.next(), expected);
        QCOMPARE(fnv1a("foobar"), 0x85944171f73967e8U);
    }

    void streamsFollowTheOracle()
    {
        for (const std::uint64_t seed : {std::uint64_t(0), std::uint64_t(1), ~std::uint64_t(0)})
            for (const std::string layer : {"", "model.layers.0.mlp.up_proj"})
                for (const std::string purpose : {"", "windows"}) {
                    RandomStream stream(seed, layer, purpose);
                    Xoshiro expected = oracle(seed, layer, purpose);
                    for (int i = 0; i < 1000; ++i)
                        QCOMPARE(stream.next(), expected.next());
                }
    }

    void streamsDiffer()
    {
        std::set<std::uint64_t> first;
        int streams = 0;
        for (std::uint64_t seed = 0; seed < 4; ++seed)
            for (const char* layer : {"", "a", "ab", "b"})
                for (const char* purpose : {"", "a", "b", "bc", "c"}) {
                    first.insert(RandomStream(seed, layer, purpose).next());
                    ++streams;
                }
        QCOMPARE(static_cast<int>(first.size()), streams); // ("ab", "c") is not ("a", "bc")
    }

    void belowIsUniform()
    {
        RandomStream random(5, "below");
        for (int i = 0; i < 100; ++i)
            QCOMPARE(random.below(1), std::uint64_t(0));
        constexpr std::size_t bins = 10;
        constexpr double draws = 200'000;
        std::array<double, bins> counts{};
        for (int i = 0; i < static_cast<int>(draws); ++i) {
            const std::uint64_t value = random.below(bins);
            QVERIFY(value < bins);
            ++counts[value];
        }
        double chiSquare = 0;
        for (const double count : counts)
            chiSquare += (count - draws / bins) * (count - draws / bins) / (draws / bins);
        QVERIFY(chiSquare < 27.88); // 9 degrees of freedom: 0.999 quantile

        // A bound just above 2^63: without rejection small values would come twice as often.
        const std::uint64_t large = (std::uint64_t(1) << 63) + (std::uint64_t(1) << 62);
        int lowHalf = 0;
        constexpr int trials = 40'000;
        for (int i = 0; i < trials; ++i)
            lowHalf += random.below(large) < large / 2 ? 1 : 0;
        QVERIFY(std::abs(lowHalf - trials / 2) < 4 * 100); // 4 standard deviations
    }

    void uniformFillsTheUnitInterval()
    {
        RandomStream random(6);
        constexpr int draws = 200'000;
        double sum = 0;
        double low = 1;
        double high = 0;
        for (int i = 0; i < draws; ++i) {
            const double value = random.uniform();
            QVERIFY(value >= 0 && value < 1);
            sum += value;
            low = std::min(low, value);
            high = std::max(high, value);
        }
        QVERIFY(test::isClose(sum / draws, 0.5, 0, 4 * std::sqrt(1.0 / 12 / draws)));
        QVERIFY(low < 1e-4 && high > 1 - 1e-4);
    }

    void normalHasItsMoments()
    {
        RandomStream random(7);
        constexpr int draws = 400'000;
        std::array<double, 5> moments{};
        int within = 0;
        for (int i = 0; i < draws; ++i) {
            const double value = random.normal();
            double power = 1;
            for (double& moment : moments) {
                moment += power / draws;
                power *= value;
            }
            within += std::fabs(value) < 1 ? 1 : 0;
        }
        // Four standard errors of each sample moment: var(xᵏ) = 1, 2, 15, 96.
        const double unit = 4 / std::sqrt(double(draws));
        QVERIFY(test::isClose(moments[1], 0, 0, unit));
        QVERIFY(test::isClose(moments[2], 1, 0, unit * std::sqrt(2.0)));
        QVERIFY(test::isClose(moments[3], 0, 0, unit * std::sqrt(15.0)));
        QVERIFY(test::isClose(moments[4], 3, 0, unit * std::sqrt(96.0)));
        QVERIFY(test::isClose(double(within) / draws, 0.6826895, 0, unit / 2));
    }

    void spareValueBelongsToItsStream()
    {
        RandomStream one(8);
        RandomStream two(8);
        std::vector<double> alone;
        for (int i = 0; i < 6; ++i)
            alone.push_back(one.normal());
        RandomStream other(9);
        for (const double expected : alone) {
            (void)other.normal();
            QVERIFY(two.normal() == expected);
        }
    }
};

QTEST_APPLESS_MAIN(TestRandom)
#include "tst_random.moc"
