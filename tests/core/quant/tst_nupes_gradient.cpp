// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/methods/nupes_codes.h"
#include "core/quant/methods/nupes_gradient.h"
#include "core/quant/power_gradient.h"
#include "tests/support/nupes_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

int placeOf(double u, const PowerLevels& levels, PowerRounding rounding)
{
    int place = 0;
    for (const double border : levels.thresholds(rounding))
        place += std::fabs(u) >= border ? 1 : 0;
    return place;
}

/// Σ2(û−u)·dû/da over a sample, and the error, both with scale 1 = largest.
struct SampleSlope
{
    double held = 0;
    double straight = 0;
    double error = 0;
};
SampleSlope slopeAt(std::span<const double> sample, int largest, double a, PowerRounding rounding)
{
    const PowerLevels levels(largest, a);
    const std::vector<double> slopes = heldExponentSlopes(levels);
    const std::vector<double> borders = levels.thresholds(rounding);
    SampleSlope sum;
    for (const double u : sample) {
        const auto place = static_cast<std::size_t>(
            std::upper_bound(borders.begin(), borders.end(), u) - borders.begin());
        const double e = levels.magnitudes()[place] - u;
        sum.held += 2 * e * slopes[place];
        sum.straight += 2 * e * straightThrough(u, 1, static_cast<int>(place), levels).exponent;
        sum.error += e * e;
    }
    return sum;
}

/// |w| of a sample over the largest, each second value of one half of it.
std::vector<double> normalizedSample(double (*quantile)(double), int count)
{
    std::vector<double> u;
    for (int i = count / 2; i < count; ++i)
        u.push_back(quantile((i + 0.5) / count));
    for (double& x : u)
        x /= u.back();
    return u;
}

NupesOptions gradientOptions(int steps)
{
    NupesOptions options;
    options.steps = steps;
    return options;
}

} // namespace

class TestNupesGradient : public QObject
{
    Q_OBJECT

private slots:
    void table_data()
    {
        QTest::addColumn<double>("u");
        QTest::addColumn<int>("largest");
        QTest::addColumn<double>("a");
        QTest::addColumn<int>("place");
        QTest::addColumn<double>("value");
        QTest::addColumn<double>("straight");
        QTest::addColumn<double>("held");
        QTest::addColumn<double>("weight");
        const auto row = [](double u, int n, double a, int q, double value, double straight,
                            double held, double weight) {
            QTest::addRow("u %g, N %d, a %g", u, n, a)
                << u << n << a << q << value << straight << held << weight;
        };
        row(.3, 7, .5, 4, .326530612, -.022722472, .730926743, 1.043281062);
        row(.05, 7, .5, 2, .081632653, .026284830, .409065459, 1.277753130);
        row(.01, 7, .5, 1, .020408163, .027273517, .158849808, 1.428571429);
        row(.005, 7, .5, 0, 0, 0, 0, 1);
        row(.9, 7, .65, 7, 1, -.151363849, 0, 1.037564542);
        row(.3, 7, 1, 2, .285714286, -.003259565, .357932277, 1);
        row(.6, 15, .65, 11, .620542348, -.021583280, .455536728, 1.011852155);
        row(1, 7, .5, 7, 1, 0, 0, 1);
    }

    /// Reference, table 13.4 and test 16; odd in w, and proportional to the scale.
    void table()
    {
        QFETCH(double, u);
        QFETCH(int, largest);
        QFETCH(double, a);
        QFETCH(int, place);
        QFETCH(double, value);
        QFETCH(double, straight);
        QFETCH(double, held);
        QFETCH(double, weight);
        const PowerLevels levels(largest, a);
        QCOMPARE(placeOf(u, levels, PowerRounding::PowerDomain), place);
        QVERIFY(isClose(levels.magnitudes()[static_cast<std::size_t>(place)], value, 0, 5e-10));
        QVERIFY(
            isClose(heldExponentSlopes(levels)[static_cast<std::size_t>(place)], held, 0, 5e-10));
        for (const double scale : {1.0, 0.125, 4.0})
            for (const double sign : {1.0, -1.0}) {
                const PowerDerivatives d = straightThrough(sign * u * scale, scale, place, levels);
                QVERIFY(isClose(d.exponent, sign * scale * straight, 0, 5e-10 * scale));
                QVERIFY(isClose(d.weight, weight, 0, 5e-10));
            }
    }

    /// Test 18: with a = 1, (6) is LSQ's; in general, (6) is what follows from homogeneity.
    void scaleSlope()
    {
        for (const double u : {0.02, 0.17, 0.4, 0.66, 0.93})
            for (const int largest : {1, 3, 7, 127}) {
                const PowerLevels uniform(largest, 1);
                const int k = placeOf(u, uniform, PowerRounding::PowerDomain);
                const double t = largest * u;
                const double lsq = k == 0 ? 0 : (k - t) / largest;
                QVERIFY(isClose(straightThrough(u, 1, k, uniform).scale, lsq, 1e-9, 1e-12));
                for (const double a : {0.4, 0.65}) {
                    const PowerLevels levels(largest, a);
                    const int q = placeOf(u, levels, PowerRounding::PowerDomain);
                    if (q == 0)
                        continue;
                    const PowerDerivatives d = straightThrough(-u, 1, q, levels);
                    const double rho = largest * std::pow(u, a) / q;
                    QVERIFY(isClose(d.scale, -std::pow(q / double(largest), 1 / a) * (1 - rho),
                                    1e-9, 1e-12));
                    QVERIFY(isClose(d.weight, std::pow(rho, -(1 - a) / a), 1e-9));
                }
            }
        // Clipped.
        const PowerDerivatives clipped = straightThrough(-3, 2, 7, PowerLevels(7, .5));
        QCOMPARE(clipped.weight, 0.0);
        QCOMPARE(clipped.scale, -1.0);
        QCOMPARE(clipped.exponent, 0.0);
    }

    /// (7) is the slope of a rounding whose remainder is held: of (⌊t⌉ − t₀ + t)/N, to the 1/a.
    void straightThroughIsAFiniteDifference()
    {
        for (const bool midRise : {false, true})
            for (const double u : {0.03, 0.2, 0.55, 0.97}) {
                const double a = 0.6;
                const PowerLevels levels(7, a, midRise);
                const double shift = midRise ? 0.5 : 0;
                const int place = placeOf(u, levels, PowerRounding::PowerDomain);
                if (place == 0)
                    continue;
                const double rest = place + shift - (7 + shift) * std::pow(u, a);
                const auto soft = [&](double w, double scale, double exponent) {
                    const double t = (7 + shift) * std::pow(w / scale, exponent);
                    return scale * std::pow((t + rest) / (7 + shift), 1 / exponent);
                };
                const PowerDerivatives d = straightThrough(u, 1, place, levels);
                constexpr double eps = 1e-6;
                QVERIFY(isClose(d.exponent, (soft(u, 1, a + eps) - soft(u, 1, a - eps)) / 2 / eps,
                                1e-6, 1e-8));
                QVERIFY(isClose(d.weight, (soft(u + eps, 1, a) - soft(u - eps, 1, a)) / 2 / eps,
                                1e-6, 1e-8));
                QVERIFY(isClose(d.scale, (soft(u, 1 + eps, a) - soft(u, 1 - eps, a)) / 2 / eps,
                                1e-6, 1e-8));
            }
    }

    /// Reference, test 16 and section 5.1: finite wherever the obvious forms are not.
    void nothingBreaks()
    {
        for (const bool midRise : {false, true})
            for (const double a : {0.2, 0.5, 1.0, 1.5})
                for (const int largest : {1, 7, 127}) {
                    const PowerLevels levels(largest, a, midRise);
                    for (const double w : {0.0, -0.0, 5e-324, -1e-310, 1e-45, 1e-30, 1.0, 2.0})
                        for (const double scale : {0.0, 5e-324, 1e-30, 1.0, 1e30}) {
                            const double u = scale > 0 ? std::min(std::fabs(w) / scale, 1.0) : 0;
                            const int place = placeOf(u, levels, PowerRounding::PowerDomain);
                            const PowerDerivatives d = straightThrough(w, scale, place, levels);
                            QVERIFY(std::isfinite(d.weight) && d.weight >= 0);
                            QVERIFY(std::isfinite(d.scale) && std::fabs(d.scale) <= 1);
                            QVERIFY(std::isfinite(d.exponent));
                            if (w == 0)
                                QCOMPARE(d.weight, 1.0);
                        }
                }
        // Secants are positive at every level, zero included.
        for (const int bits : {2, 3, 4})
            for (const bool midRise : {false, true}) {
                const PowerLevels levels((1 << (bits - 1)) - 1, 0.4, midRise);
                const std::vector<float> table = levels.table(bits);
                const std::vector<float> slopes = secantSlopes(levels, bits);
                for (std::size_t code = midRise ? 0 : 1; code + 1 < table.size(); ++code) {
                    QVERIFY(slopes[code] > 0);
                    QCOMPARE(slopes[code], table[code + 1] - table[code]);
                }
            }
    }

    /// Reference, test 17: the wrong gradient for codes rounded in the power domain is positive
    /// everywhere; for the nearest levels the same one is the slope of the error.
    void heldCodesCollapse()
    {
        for (double (*const quantile)(double) : {gaussQuantile, laplaceQuantile, t4Quantile}) {
            const std::vector<double> sample = normalizedSample(quantile, 65536);
            for (const int largest : {3, 7, 127})
                for (double a = 0.3; a < 1.31; a += 0.1)
                    QVERIFY(slopeAt(sample, largest, a, PowerRounding::PowerDomain).held > 0);
        }
        const std::vector<double> sample = normalizedSample(gaussQuantile, 2048);
        int compared = 0;
        for (double a = 0.4; a < 1.2; a += 0.0137) {
            constexpr double eps = 1e-7;
            const auto at = [&](double exponent) {
                return slopeAt(sample, 7, exponent, PowerRounding::Nearest);
            };
            const double difference = (at(a + eps).error - at(a - eps).error) / (2 * eps);
            QVERIFY(isClose(at(a).held, difference, 1e-4, 1e-6));
            ++compared;
        }
        QVERIFY(compared > 50);
    }

    /// Section 5: zeros of (8) with nearest levels and of (7) with the power domain's.
    void exponentsWhereTheSlopesVanish()
    {
        const std::vector<double> sample = normalizedSample(gaussQuantile, 65536);
        const auto zero = [&](int largest, PowerRounding rounding) {
            double low = 0.4;
            double high = 1.0;
            for (int i = 0; i < 24; ++i) {
                const double a = (low + high) / 2;
                const SampleSlope slope = slopeAt(sample, largest, a, rounding);
                const bool beyond =
                    (rounding == PowerRounding::Nearest ? slope.held : slope.straight) > 0;
                (beyond ? high : low) = a;
            }
            return (low + high) / 2;
        };
        QVERIFY(isClose(zero(3, PowerRounding::Nearest), .654, 0, .003));
        QVERIFY(isClose(zero(7, PowerRounding::Nearest), .652, 0, .003));
        QVERIFY(isClose(zero(7, PowerRounding::PowerDomain), .657, 0, .005));
        QVERIFY(isClose(zero(3, PowerRounding::PowerDomain), .727, 0, .008));
    }

    void exponentParameter()
    {
        for (const double a : {0.21, 0.5, 0.65, 1.0, 1.49})
            QVERIFY(isClose(ExponentParameter::of(a).exponent(), a, 1e-9));
        QVERIFY(ExponentParameter::of(0.1).exponent() > ExponentParameter::low);
        QVERIFY(ExponentParameter::of(9).exponent() < ExponentParameter::high);
        QVERIFY(ExponentParameter::of(9).slope() > 0);
        const ExponentParameter p = ExponentParameter::of(0.7);
        const double eps = 1e-6;
        QVERIFY(isClose(p.slope(),
                        (ExponentParameter{p.theta + eps}.exponent() -
                         ExponentParameter{p.theta - eps}.exponent()) /
                            (2 * eps),
                        1e-8));
    }

    void signedTables()
    {
        for (const bool midRise : {false, true}) {
            const PowerLevels levels(3, 0.6, midRise);
            const std::vector<float> table = heldExponentTable(levels, 3);
            const std::vector<double> slopes = heldExponentSlopes(levels);
            constexpr double eps = 1e-6;
            const PowerLevels above(3, 0.6 + eps, midRise);
            const PowerLevels below(3, 0.6 - eps, midRise);
            for (std::size_t i = 0; i < 4; ++i) {
                QVERIFY(isClose(slopes[i],
                                (above.magnitudes()[i] - below.magnitudes()[i]) / (2 * eps), 1e-7,
                                1e-9));
                QVERIFY(isClose(double(table[4 + i]), slopes[i], 1e-6, 1e-9));
                QCOMPARE(table[midRise ? 3 - i : 4 - i] == 0, table[4 + i] == 0);
                QCOMPARE(table[midRise ? 3 - i : 4 - i], -table[4 + i]);
            }
        }
    }

    /// Section 7.2: exponents converge to the same value from far away; best codes are kept, so
    /// that the result is better than nearest levels by far, which the last step would not be.
    void exponentsConverge_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<double>("low");
        QTest::addColumn<double>("high");
        QTest::addColumn<double>("bound");
        QTest::newRow("4") << 4 << .57 << .71 << .0080;
        QTest::newRow("3") << 3 << .57 << .80 << .0430;
    }
    void exponentsConverge()
    {
        QFETCH(int, bits);
        QFETCH(double, low);
        QFETCH(double, high);
        QFETCH(double, bound);
        for (const double a : {0.4, 1.0}) {
            NupesFixture fixture(referenceLayer(), referenceHessian(), powerSchemeOf(bits), a);
            NupesOptions options = gradientOptions(1500);
            options.exponentRate = 3e-3;
            const NupesState found = gradientCodes(fixture.layer(), options, true, fixture.state);
            const auto reached = static_cast<double>(found.weight.exponents[0]);
            QVERIFY2(reached > low && reached < high, qPrintable(QString::number(reached)));
            const double error = fixture.relativeError(found.weight);
            QVERIFY2(error < bound, qPrintable(QString::number(error)));
            QVERIFY(isClose(found.total() / fixture.layer().energy, error, 1e-4));
        }
    }

    void gradientKeepsWhatItMay()
    {
        for (const bool midRise : {false, true}) {
            Scheme scheme = powerSchemeOf(3, 32, DType::F16);
            if (midRise)
                scheme.levels = Levels::PowerMidRise;
            NupesFixture fixture(referenceLayer(), referenceHessian(), scheme, 0.6, true);
            fixture.state.weight.exponents.assign(48, 0.6F);
            NupesOptions options = gradientOptions(200);
            const NupesState all = gradientCodes(fixture.layer(), options, true, fixture.state);
            QVERIFY(all.weight.outliers == fixture.state.weight.outliers);
            QVERIFY(all.weight.scales != fixture.state.weight.scales);
            QVERIFY(all.weight.exponents != fixture.state.weight.exponents);
            QVERIFY(all.weight.exponents[0] != all.weight.exponents[7]);
            for (const float scale : all.weight.scales)
                QCOMPARE(scale, roundToHalf(scale));
            for (std::size_t i = 0; i < all.weight.codes.size(); ++i)
                QVERIFY(midRise || all.weight.codes[i] > 0);
            QVERIFY(isClose(all.total() / fixture.layer().energy, fixture.relativeError(all.weight),
                            1e-4));
            QVERIFY(fixture.relativeError(all.weight) < 0.75 * fixture.relativeError());
            options.learnScale = false;
            const NupesState codes = gradientCodes(fixture.layer(), options, false, fixture.state);
            QVERIFY(codes.weight.scales == fixture.state.weight.scales);
            QVERIFY(codes.weight.exponents == fixture.state.weight.exponents);
            QVERIFY(codes.weight.codes != fixture.state.weight.codes);
        }
    }

    void upOrDown_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<double>("strength");
        QTest::addColumn<double>("expected");
        // Section 7.2, 4 bits: what annealing without a regularizer gives is no better than
        // nothing.
        QTest::newRow("4 bits, 1e-4") << 4 << 1e-4 << .0067;
        QTest::newRow("4 bits, 1e-5") << 4 << 1e-5 << .0074;
        QTest::newRow("3 bits, 1e-4") << 3 << 1e-4 << .0345;
    }
    void upOrDown()
    {
        QFETCH(int, bits);
        QFETCH(double, strength);
        QFETCH(double, expected);
        NupesFixture fixture = referenceFixture(bits);
        const std::vector<std::uint8_t> floors = floorCodes(fixture.layer(), fixture.state.weight);
        NupesOptions options = gradientOptions(1500);
        options.regularization = strength;
        const NupesState found = upOrDownCodes(fixture.layer(), options, floors, fixture.state);
        for (std::size_t i = 0; i < floors.size(); ++i)
            QVERIFY(unsigned(found.weight.codes[i]) - floors[i] <= 1U);
        const double error = fixture.relativeError(found.weight);
        QVERIFY2(isClose(error, expected, 0.12), qPrintable(QString::number(error)));
        QVERIFY(isClose(found.total() / fixture.layer().energy, error, 1e-4));
    }

    void threadsDoNotMatter()
    {
        NupesFixture fixture(splitmixSample(t4Quantile, 150, 96, .05), referenceHessian(),
                             powerSchemeOf(3), 0.6);
        const std::vector<std::uint8_t> floors = floorCodes(fixture.layer(), fixture.state.weight);
        std::optional<NupesState> first;
        std::optional<NupesState> firstUp;
        for (const int threads : {1, 3}) {
            const ThreadLimit limit(threads);
            NupesState state =
                gradientCodes(fixture.layer(), gradientOptions(60), true, fixture.state);
            NupesState up =
                upOrDownCodes(fixture.layer(), gradientOptions(60), floors, fixture.state);
            if (first) {
                QVERIFY(state.weight.codes == first->weight.codes);
                QVERIFY(state.weight.scales == first->weight.scales);
                QVERIFY(state.weight.exponents == first->weight.exponents);
                QVERIFY(up.weight.codes == firstUp->weight.codes);
            }
            first = std::move(state);
            firstUp = std::move(up);
        }
    }
};

QTEST_GUILESS_MAIN(TestNupesGradient)
#include "tst_nupes_gradient.moc"
