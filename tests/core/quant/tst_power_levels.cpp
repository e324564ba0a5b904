// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/grid.h"
#include "core/quant/power_direct.h"
#include "core/tensor/half.h"
#include "tests/support/power_samples.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

Scheme powerScheme(int bits, bool midRise = false)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.symmetric = true;
    scheme.levels = midRise ? Levels::PowerMidRise : Levels::Power;
    return scheme;
}

/// |code| by the formula of section 3, a power for every weight.
int oraclePlace(double u, double exponent, int largest, bool midRise, PowerRounding rounding)
{
    u = std::min(std::fabs(u), 1.0);
    const double shift = midRise ? 0.5 : 0;
    if (rounding == PowerRounding::PowerDomain) {
        const double t = (largest + shift) * std::pow(u, exponent);
        return std::min(largest, static_cast<int>(std::floor(midRise ? t : t + 0.5)));
    }
    int best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i <= largest; ++i) {
        const double level = std::pow((i + shift) / (largest + shift), 1 / exponent);
        if (std::fabs(u - level) <= least) { // ties go up
            least = std::fabs(u - level);
            best = i;
        }
    }
    return best;
}

} // namespace

class TestPowerLevels : public QObject
{
    Q_OBJECT

private slots:
    void referenceLevels()
    {
        // nupes.md 13.4.
        const PowerLevels half(7, 0.5);
        for (int k = 0; k <= 7; ++k)
            QVERIFY(isClose(half.magnitudes()[std::size_t(k)], k * k / 49.0, 1e-14, 1e-300));
        const PowerLevels four(7, 0.65);
        const double kappa[] = {0,         .05010132, .1455366,  .27157005,
                                .42276138, .59591956, .78886909, 1};
        QVERIFY(allClose(four.magnitudes(), std::span<const double>(kappa), 0, 5e-9));
        const double tau[] = {.0172475,  .09348863, .20514672, .34425236,
                              .50674736, .69003114, .89224701};
        const std::vector<double> borders = four.thresholds(PowerRounding::PowerDomain);
        QVERIFY(allClose(std::span<const double>(borders), std::span<const double>(tau), 0, 5e-9));
        const double three[] = {0, .18448765, .53590816, 1};
        QVERIFY(
            allClose(PowerLevels(3, 0.65).magnitudes(), std::span<const double>(three), 0, 5e-9));
        // Int8 codebooks; the second exponent with a digit more, as 42.5 is near.
        const int first[] = {0, 6, 19, 35, 54, 76, 100, 127};
        const int second[] = {0, 3, 11, 24, 43, 66, 94, 127};
        for (int k = 0; k < 8; ++k) {
            const auto at = static_cast<std::size_t>(k);
            QCOMPARE(std::lround(127 * PowerLevels(7, .6524).magnitudes()[at]), long(first[at]));
            QCOMPARE(std::lround(127 * PowerLevels(7, .51125).magnitudes()[at]), long(second[at]));
        }
    }

    void referenceVector_data()
    {
        QTest::addColumn<double>("exponent");
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("nearest");
        QTest::addColumn<QVector<int>>("codes");
        QTest::addColumn<double>("error");
        QTest::newRow("a 1 b 4") << 1.0 << 4 << false << QVector<int>{7, -3, 2, 0, 0, 0, 5, -2}
                                 << .0134428571;
        QTest::newRow("a 1 b 3") << 1.0 << 3 << false << QVector<int>{3, -1, 1, 0, 0, 0, 2, -1}
                                 << .0323;
        QTest::newRow("a 1 b 2") << 1.0 << 2 << false << QVector<int>{1, 0, 0, 0, 0, 0, 1, 0}
                                 << .4223;
        QTest::newRow("a 1/2 b 4")
            << .5 << 4 << false << QVector<int>{7, -5, 3, 2, -1, 0, 6, -4} << .0062008746;
        QTest::newRow("a 1/2 b 3")
            << .5 << 3 << false << QVector<int>{3, -2, 1, 1, 0, 0, 2, -2} << .0623;
        QTest::newRow("a 1/2 b 2")
            << .5 << 2 << false << QVector<int>{1, -1, 0, 0, 0, 0, 1, -1} << .6923;
        QTest::newRow("a 1/2 b 2 nearest")
            << .5 << 2 << true << QVector<int>{1, 0, 0, 0, 0, 0, 1, 0} << .4223;
    }
    void referenceVector()
    {
        QFETCH(double, exponent);
        QFETCH(int, bits);
        QFETCH(bool, nearest);
        QFETCH(QVector<int>, codes);
        QFETCH(double, error);
        const float w[] = {.9F, -.44F, .2F, .05F, -.01F, 0, .6F, -.31F};
        const PowerRounding rounding =
            nearest ? PowerRounding::Nearest : PowerRounding::PowerDomain;
        const Scheme scheme = powerScheme(bits);
        const DirectPowerGrid grid(scheme, exponent, rounding);
        std::uint8_t own[8];
        grid.encode(w, .9F, own);
        for (int i = 0; i < 8; ++i)
            QCOMPARE(int(own[i]) - (1 << (bits - 1)), codes[i]);
        QVERIFY(isClose(grid.error(w, .9F, 2), error, 1e-6));
    }

    void thresholdsAreTheFormula()
    {
        // Away from ties: random magnitudes do not hit them.
        std::vector<float> w;
        for (std::uint64_t i = 0; i < 20000; ++i)
            w.push_back(static_cast<float>(2.4 * (splitmixUniform(i) - 0.5)));
        for (const bool midRise : {false, true})
            for (int bits = 2; bits <= 8; ++bits)
                for (const double exponent : {.15, .5, .65, 1.0, 1.6})
                    for (const PowerRounding rounding :
                         {PowerRounding::PowerDomain, PowerRounding::Nearest}) {
                        const Scheme scheme = powerScheme(bits, midRise);
                        const int largest = (1 << (bits - 1)) - 1;
                        const PowerEncoder encoder(scheme, exponent, rounding);
                        const DirectPowerGrid grid(scheme, exponent, rounding);
                        std::vector<std::uint8_t> codes(w.size());
                        std::vector<float> rounded(w.size());
                        grid.encode(w, 1, codes.data());
                        grid.round(w, 1, rounded.data());
                        int differing = 0;
                        for (std::size_t i = 0; i < w.size(); ++i) {
                            // A code and its decoding agree everywhere.
                            QVERIFY(codes[i] == encoder.encode(w[i], 1));
                            QVERIFY(rounded[i] == encoder.level(codes[i]));
                            const int place = oraclePlace(static_cast<double>(w[i]), exponent,
                                                          largest, midRise, rounding);
                            const int middle = largest + 1;
                            const int code =
                                w[i] < 0 ? middle - place - (midRise ? 1 : 0) : middle + place;
                            differing += codes[i] != code ? 1 : 0;
                            QVERIFY(codes[i] > 0 || midRise);
                        }
                        // Thresholds are floats: one in a million may fall between.
                        QVERIFY2(differing <= 2, qPrintable(QString::number(differing)));
                    }
    }

    void exponentOneIsUniform()
    {
        // ŵ = M k/N: the symmetric uniform grid with 2N + 1 levels, code for code.
        const Tensor w = randomMatrix(4, 500, 1, 3);
        for (int bits = 2; bits <= 8; ++bits) {
            const int n = (1 << (bits - 1)) - 1;
            const PowerEncoder encoder(powerScheme(bits), 1, PowerRounding::Nearest);
            for (const float x : w.floats()) {
                const double t = n * std::min(1.0, std::fabs(static_cast<double>(x)) / 2);
                const int k = static_cast<int>(std::floor(t + 0.5));
                QCOMPARE(int(encoder.encode(x, 2)), (n + 1) + (x < 0 ? -k : k));
            }
        }
    }

    void levelsComeBack()
    {
        // Of a ≠ 1: a decoder that forgets the inverse power fails.
        for (const bool midRise : {false, true})
            for (int bits = 2; bits <= 8; ++bits)
                for (const PowerRounding rounding :
                     {PowerRounding::PowerDomain, PowerRounding::Nearest}) {
                    const Scheme scheme = powerScheme(bits, midRise);
                    const PowerEncoder encoder(scheme, .6, rounding);
                    // Mid-rise cells of the power domain have their levels inside, too.
                    for (int code = midRise ? 0 : 1; code < 1 << bits; ++code) {
                        const auto own = static_cast<std::uint8_t>(code);
                        QCOMPARE(encoder.encode(0.03F * encoder.level(own), 0.03F), own);
                    }
                }
    }

    void oddAndFreeOfScale()
    {
        const Tensor w = randomMatrix(3, 300, 1, 5);
        for (const bool midRise : {false, true}) {
            const PowerEncoder encoder(powerScheme(4, midRise), .57, PowerRounding::PowerDomain);
            for (const float x : w.floats()) {
                const int code = encoder.encode(x, 2);
                const int negated = encoder.encode(-x, 2);
                if (x != 0)
                    QCOMPARE(negated, midRise ? 15 - code : 16 - code);
                QCOMPARE(int(encoder.encode(x * 0x1p-30F, 0x1p-29F)), code);
            }
            QCOMPARE(int(encoder.encode(0.0F, 1)), 8);
            QCOMPARE(int(encoder.encode(-0.0F, 1)), 8);
        }
    }

    void nearestIsNeverWorse()
    {
        const Tensor w = randomMatrix(1, 2000, 1, 9);
        for (const bool midRise : {false, true})
            for (int bits = 2; bits <= 8; ++bits)
                for (const double exponent : {.2, .5, .8, 1.3}) {
                    const Scheme scheme = powerScheme(bits, midRise);
                    const DirectPowerGrid power(scheme, exponent, PowerRounding::PowerDomain);
                    const DirectPowerGrid nearest(scheme, exponent, PowerRounding::Nearest);
                    for (std::size_t i = 0; i < 200; ++i) {
                        const auto one = w.floats().subspan(10 * i, 10);
                        QVERIFY(nearest.error(one, 3, 2) <= power.error(one, 3, 2) * (1 + 1e-6));
                    }
                }
    }

    void largestWeightsAreExact()
    {
        // |w| = M: codes ±N, no error, at every exponent.
        const float w[] = {.25F, -.25F, .25F};
        for (int bits = 2; bits <= 8; ++bits)
            for (const double exponent : {.15, .7, 1.6}) {
                const DirectPowerGrid grid(powerScheme(bits), exponent, PowerRounding::Nearest);
                std::uint8_t codes[3];
                grid.encode(w, .25F, codes);
                const int n = (1 << (bits - 1)) - 1;
                QCOMPARE(int(codes[0]), n + 1 + n);
                QCOMPARE(int(codes[1]), n + 1 - n);
                QVERIFY(grid.error(w, .25F, 2) == 0);
            }
    }

    void strangeWeights()
    {
        const float nan = std::numeric_limits<float>::quiet_NaN();
        const float w[] = {nan, 0, 1e-45F, -1e-45F, 1e30F, -std::numeric_limits<float>::infinity()};
        for (const bool midRise : {false, true}) {
            const DirectPowerGrid grid(powerScheme(4, midRise), .6, PowerRounding::Nearest);
            std::uint8_t codes[6];
            float rounded[6];
            grid.encode(w, 1, codes);
            grid.round(w, 1, rounded);
            QCOMPARE(int(codes[0]), 8);
            QCOMPARE(int(codes[1]), 8);
            QCOMPARE(int(codes[4]), 15);
            QCOMPARE(int(codes[5]), midRise ? 0 : 1);
            QVERIFY(std::isnan(rounded[0]) && rounded[4] == 1 && rounded[5] == -1);
            for (const double norm : {1.0, 2.0, 2.5}) {
                const double error = grid.error(std::span<const float>(w).first(4), 1, norm);
                QVERIFY(std::isfinite(error) && error >= 0);
            }
        }
    }

    void scalesAreStoredFromAbove()
    {
        for (std::uint64_t i = 0; i < 5000; ++i) {
            const double scale = std::exp(20 * (splitmixUniform(i) - .6));
            for (const DType type : {DType::F16, DType::F32}) {
                const float stored = storedScaleAbove(scale, type);
                QVERIFY(static_cast<double>(stored) >= scale);
                QVERIFY(
                    static_cast<double>(stored) <=
                    std::max(0x1p-14, scale * (type == DType::F16 ? 1 + 0x1p-10 : 1 + 0x1p-23)));
                QVERIFY(type == DType::F32 || roundToHalf(stored) == stored);
                QVERIFY(storedScaleAbove(static_cast<double>(stored), type) == stored);
            }
        }
        QVERIFY(storedScaleAbove(0, DType::F16) == 0x1p-14F);
        QVERIFY(storedScaleAbove(65504, DType::F16) == 65504);
        QVERIFY(storedScaleAbove(1e9, DType::F16) == 65504);
        try {
            requireScalable(70000, DType::F16);
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Numeric);
        }
        requireScalable(70000, DType::F32);
    }
};

QTEST_APPLESS_MAIN(TestPowerLevels)
#include "tst_power_levels.moc"
