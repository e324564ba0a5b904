// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/power_errors.h"
#include "tests/support/power_samples.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

Scheme schemeOf(int bits, Granularity granularity = Granularity::Tensor, std::int64_t group = 0)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = granularity;
    scheme.groupSize = group;
    scheme.symmetric = true;
    scheme.levels = Levels::Power;
    return scheme;
}

/// Equation (3) with p = 2 as it stands; the place of a weight as the grid's thresholds have it.
double oracleError(ConstMatrixView w, const Scheme& scheme, const PowerLevels& levels,
                   PowerRounding rounding, double clip)
{
    const std::vector<double> thresholds = levels.thresholds(rounding);
    long double sum = 0;
    for (std::int64_t r = 0; r < w.rows; ++r)
        for (std::int64_t c = 0; c < w.cols; ++c) {
            float s = 0;
            for (const float x : granuleOf(w, scheme, r, c))
                s = std::max(s, std::fabs(x));
            const float size = std::fabs(w.row(r)[static_cast<std::size_t>(c)]);
            if (s == 0)
                continue;
            const float u = size / s;
            std::size_t place = 0;
            while (place < thresholds.size() && u >= static_cast<float>(thresholds[place] * clip))
                ++place;
            const long double distance = static_cast<long double>(size) -
                                         static_cast<long double>(clip) *
                                             static_cast<long double>(s) *
                                             static_cast<long double>(levels.magnitudes()[place]);
            sum += distance * distance;
        }
    return static_cast<double>(sum);
}

Tensor awkwardMatrix()
{
    Tensor w = randomMatrix(9, 70, 0.03, 2);
    std::fill(w.matrix().row(2).begin(), w.matrix().row(2).end(), 0.0F);
    std::fill(w.matrix().row(3).begin(), w.matrix().row(3).end(), -0.25F);
    w.matrix().row(4)[7] = 80; // rows of very different size: unweighted rows would show
    w.matrix().row(5)[8] = 1e-40F;
    return w;
}

} // namespace

class TestPowerErrors : public QObject
{
    Q_OBJECT

private slots:
    void exactAgreesWithTheDefinition()
    {
        const Tensor w = awkwardMatrix();
        Monitor monitor;
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const int bits : {2, 3, 4, 8}) {
                const Scheme scheme = schemeOf(bits, granularity, 32);
                const PowerErrors errors = PowerErrors::sorted(w.matrix(), scheme, monitor);
                for (const bool midRise : {false, true})
                    for (const double exponent : {.2, .5, .77, 1.0, 1.5})
                        for (const double clip : {1.0, .63, .2})
                            for (const PowerRounding rounding :
                                 {PowerRounding::PowerDomain, PowerRounding::Nearest}) {
                                const PowerLevels levels((1 << (bits - 1)) - 1, exponent, midRise);
                                QVERIFY(
                                    isClose(errors.error(levels, rounding, clip),
                                            oracleError(w.matrix(), scheme, levels, rounding, clip),
                                            1e-12, 1e-14 * errors.energy()));
                            }
            }
    }

    void manyAgreeWithTheDefinition()
    {
        // The radix sort of chunks, whose last is short.
        const Tensor w = splitmixSample(laplaceQuantile, 300, 450);
        Monitor monitor;
        const Scheme scheme = schemeOf(4, Granularity::Channel);
        const PowerErrors errors = PowerErrors::sorted(w.matrix(), scheme, monitor);
        std::vector<float> largest = granuleMagnitudes(w.matrix(), scheme, monitor);
        for (const double exponent : {.4, .66}) {
            const PowerLevels levels(7, exponent);
            const std::vector<double> thresholds = levels.thresholds(PowerRounding::PowerDomain);
            double sum = 0;
            for (std::int64_t r = 0; r < 300; ++r)
                for (const float x : w.matrix().row(r)) {
                    const float s = largest[static_cast<std::size_t>(r)];
                    const float u = std::fabs(x) / s;
                    std::size_t place = 0;
                    while (place < 7 && u >= static_cast<float>(thresholds[place]))
                        ++place;
                    const double distance = std::fabs(static_cast<double>(x)) -
                                            static_cast<double>(s) * levels.magnitudes()[place];
                    sum += distance * distance;
                }
            QVERIFY(isClose(errors.error(levels, PowerRounding::PowerDomain), sum, 1e-12));
        }
    }

    void binsAreClose()
    {
        Monitor monitor;
        for (auto* quantile : {gaussQuantile, laplaceQuantile, t4Quantile})
            for (const std::int64_t rows : {1, 64}) {
                // Chance decides who is in a bin that a border cuts: little where the two levels
                // beside it are equally far, or the levels many.
                const Tensor w =
                    rows == 1 ? quantileSample(quantile) : splitmixSample(quantile, rows, 4096);
                const Scheme scheme = schemeOf(8, Granularity::Channel);
                const PowerErrors exact = PowerErrors::sorted(w.matrix(), scheme, monitor);
                const PowerErrors bins = PowerErrors::binned(w.matrix(), scheme, monitor);
                QVERIFY(isClose(bins.energy(), exact.energy(), 1e-12));
                for (const int bits : {2, 3, 4, 6, 8})
                    for (const double exponent : {.35, .5, .65, .8, 1.0})
                        for (const double clip : {1.0, .5})
                            for (const PowerRounding rounding :
                                 {PowerRounding::PowerDomain, PowerRounding::Nearest}) {
                                const PowerLevels levels((1 << (bits - 1)) - 1, exponent);
                                const bool rough =
                                    rounding == PowerRounding::PowerDomain && bits < 6;
                                QVERIFY(isClose(bins.error(levels, rounding, clip),
                                                exact.error(levels, rounding, clip),
                                                rough       ? 1e-3
                                                : rows == 1 ? 1e-4
                                                            : 2e-4));
                            }
                QVERIFY(isClose(bins.predictedExponent(), exact.predictedExponent(), 1e-4));
            }
    }

    void histogramOfMagnitudesIsClose()
    {
        Monitor monitor;
        const Tensor w = quantileSample(gaussQuantile);
        MagnitudeHistogram magnitudes;
        magnitudes.add(w.floats());
        const PowerErrors own = PowerErrors::ofMagnitudes(magnitudes);
        const PowerErrors exact = PowerErrors::sorted(w.matrix(), schemeOf(8), monitor);
        QVERIFY(isClose(own.energy(), exact.energy(), 1e-6));
        for (const int largest : {7, 15, 127, 255})
            for (const double exponent : {.5, .65, 1.0})
                for (const double clip : {1.0, .6}) {
                    const PowerLevels levels(largest, exponent);
                    QVERIFY(isClose(own.error(levels, PowerRounding::Nearest, clip),
                                    exact.error(levels, PowerRounding::Nearest, clip), 1e-3));
                }
        QVERIFY(PowerErrors::ofMagnitudes(MagnitudeHistogram()).energy() == 0);
    }

    void prediction()
    {
        // nupes.md 13.1: within 1 % of the measured minimum for Gaussian, b ≥ 4.
        Monitor monitor;
        const auto of = [&](double (*quantile)(double)) {
            const Tensor w = quantileSample(quantile);
            return PowerErrors::sorted(std::as_const(w).matrix(), schemeOf(4), monitor);
        };
        const PowerErrors gauss = of(gaussQuantile);
        const double a = gauss.predictedExponent();
        QVERIFY(isClose(a, .6480, 0, 1e-4));
        QVERIFY(isClose(gauss.predictedNmse(7, a), 2.160969e-2, 1e-4));
        QVERIFY(isClose(gauss.predictedNmse(127, a), 6.565038e-5, 1e-4));
        QVERIFY(isClose(of(laplaceQuantile).predictedExponent(), .5032, 0, 1e-4));
        QVERIFY(isClose(of(t4Quantile).predictedExponent(), .3738, 0, 1e-4));
        QVERIFY(isClose(of(uniformQuantile).predictedExponent(), 1, 0, 1e-3));
        // Clipped: of the Gaussian cut at K sigmas, the closed form of section 2. The sample's
        // magnitudes beyond K do not count, so it is that of the truncated distribution.
        const double clip = 2.5 / 4.324919;
        const double clipped = gauss.predictedExponent(clip);
        QVERIFY(clipped > a && clipped < 1);
        // Against direct sums.
        double sum = 0;
        double energy = 0;
        const Tensor w = quantileSample(gaussQuantile);
        const double limit = clip * 4.324919;
        for (const float x : w.floats()) {
            const double size = std::fabs(static_cast<double>(x));
            energy += size * size;
            sum += size > limit ? (size - limit) * (size - limit)
                                : limit * limit / (12 * 49 * .64) * std::pow(size / limit, 2 - 1.6);
        }
        QVERIFY(isClose(gauss.predictedNmse(7, .8, clip), sum / energy, 1e-4));
    }

    void scaleDoesNotMatter()
    {
        Monitor monitor;
        const Tensor w = randomMatrix(20, 64, 1, 8);
        Tensor other = w.clone();
        for (float& x : other.floats())
            x *= -0x1p-20F;
        const Scheme scheme = schemeOf(4, Granularity::Group, 16);
        const PowerErrors a = PowerErrors::sorted(w.matrix(), scheme, monitor);
        const PowerErrors b = PowerErrors::sorted(std::as_const(other).matrix(), scheme, monitor);
        const PowerLevels levels(7, .6);
        QVERIFY(b.error(levels, PowerRounding::PowerDomain) * 0x1p40 ==
                a.error(levels, PowerRounding::PowerDomain));
    }

    void givenScales()
    {
        // Scales below the largest magnitude are the clip.
        Monitor monitor;
        const Tensor w = randomMatrix(6, 200, 1, 4);
        const Scheme scheme = schemeOf(3, Granularity::Channel);
        std::vector<float> scales = granuleMagnitudes(w.matrix(), scheme, monitor);
        const PowerErrors whole = PowerErrors::sorted(w.matrix(), scheme, monitor);
        for (float& s : scales)
            s *= 0.5F;
        const PowerLevels levels(3, .7);
        for (const bool binned : {false, true}) {
            const PowerErrors half = binned
                                         ? PowerErrors::binned(w.matrix(), scheme, scales, monitor)
                                         : PowerErrors::sorted(w.matrix(), scheme, scales, monitor);
            QVERIFY(isClose(half.error(levels, PowerRounding::Nearest),
                            whole.error(levels, PowerRounding::Nearest, .5),
                            binned ? 2e-3 : 1e-12));
        }
        // Limits of the user cut the magnitudes.
        Scheme limited = scheme;
        limited.clip = ClipLimits{-0.1F, 0.7F};
        for (const float s : granuleMagnitudes(w.matrix(), limited, monitor))
            QVERIFY(s == 0.7F);
    }

    void nothingAndHoles()
    {
        Monitor monitor;
        const PowerLevels levels(7, .6);
        for (const Shape& shape : {Shape{3, 5}, Shape{0, 5}, Shape{4, 0}}) {
            const Tensor zeros = Tensor::zeros(DType::F32, shape);
            for (const PowerErrors& errors :
                 {PowerErrors::sorted(zeros.matrix(), schemeOf(4), monitor),
                  PowerErrors::binned(zeros.matrix(), schemeOf(4), monitor)}) {
                QVERIFY(errors.error(levels, PowerRounding::Nearest) == 0);
                QVERIFY(errors.energy() == 0 && errors.nmse(levels, PowerRounding::Nearest) == 0);
                QVERIFY(errors.predictedExponent() == 1);
                QVERIFY(errors.predictedNmse(7, 1) == 0);
            }
        }
        Tensor holes = randomMatrix(3, 40, 1, 1);
        const PowerErrors before = PowerErrors::sorted(
            std::as_const(holes).matrix().block(0, 0, 3, 39), schemeOf(4), monitor);
        for (std::int64_t r = 0; r < 3; ++r)
            holes.matrix().row(r)[39] =
                r == 0 ? std::nanf("") : std::numeric_limits<float>::infinity();
        const PowerErrors after =
            PowerErrors::sorted(std::as_const(holes).matrix(), schemeOf(4), monitor);
        QVERIFY(isClose(after.error(levels, PowerRounding::Nearest),
                        before.error(levels, PowerRounding::Nearest), 1e-13));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor w = randomMatrix(600, 500, 1, 6);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            Monitor monitor;
            std::vector<std::uint64_t> bits;
            const Scheme scheme = schemeOf(4, Granularity::Channel);
            for (const PowerErrors& errors : {PowerErrors::sorted(w.matrix(), scheme, monitor),
                                              PowerErrors::binned(w.matrix(), scheme, monitor)})
                for (const double exponent : {.5, .63, 1.0})
                    bits.push_back(std::bit_cast<std::uint64_t>(
                        errors.error(PowerLevels(7, exponent), PowerRounding::PowerDomain)));
            return bits;
        };
        const auto one = with(1);
        for (int repeat = 0; repeat < 3; ++repeat)
            QVERIFY(with(2) == one);
    }

    void stops()
    {
        const Tensor w = randomMatrix(600, 500, 1, 6);
        int stops = 0;
        for (bool finished = false; !finished;) {
            StopAt monitor(stops);
            try {
                (void)PowerErrors::sorted(w.matrix(), schemeOf(4), monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(stops >= 10);
    }
};

QTEST_APPLESS_MAIN(TestPowerErrors)
#include "tst_power_errors.moc"
