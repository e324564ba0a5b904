// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/eval/distribution.h"
#include "tests/support/power_samples.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

Scheme schemeOf(int bits, Granularity granularity = Granularity::Tensor, std::int64_t group = 0)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = granularity;
    scheme.groupSize = group;
    return scheme;
}

/// By the definition, a power for every weight.
double oraclePowerNmse(ConstMatrixView w, const Scheme& scheme, double exponent)
{
    const double n = (1 << (scheme.bits - 1)) - 1;
    double error = 0;
    double total = 0;
    for (std::int64_t r = 0; r < w.rows; ++r) {
        double s = 0;
        for (std::int64_t c = 0; c < w.cols; ++c) {
            if (c == 0 || (scheme.granularity == Granularity::Group && c % scheme.groupSize == 0)) {
                s = 0;
                for (const float x : granuleOf(w, scheme, r, c))
                    s = std::max(s, std::fabs(static_cast<double>(x)));
            }
            const double x = static_cast<double>(w.row(r)[static_cast<std::size_t>(c)]);
            const double code =
                s > 0 ? std::floor(n * std::pow(std::fabs(x) / s, exponent) + 0.5) : 0;
            const double decoded = std::copysign(s * std::pow(code / n, 1 / exponent), x);
            error += (x - decoded) * (x - decoded);
            total += x * x;
        }
    }
    return total > 0 ? error / total : 0;
}

} // namespace

class TestDistribution : public QObject
{
    Q_OBJECT

private slots:
    void momentsOfKnownDistributions()
    {
        // Excess kurtosis: Laplace 3, uniform −6/5, less what the sample's finite tails lack.
        const Tensor uniform = quantileSample(uniformQuantile);
        const Moments u = moments(uniform.floats());
        QCOMPARE(u.count, std::int64_t(quantileSampleSize));
        QVERIFY(std::fabs(u.mean) < 1e-8);
        QVERIFY(isClose(u.std, 1 / std::sqrt(3.0), 1e-6));
        QVERIFY(isClose(u.excessKurtosis, -1.2, 1e-5));
        const Moments l = moments(quantileSample(laplaceQuantile).floats());
        QVERIFY(isClose(l.std, std::sqrt(2.0), 1e-3));
        QVERIFY(isClose(l.excessKurtosis, 3, 0.02));
        QVERIFY(isClose(l.maximum, 11.090355, 1e-6));
        const Moments g = moments(quantileSample(gaussQuantile).floats());
        QVERIFY(isClose(g.maximum, 4.324919, 1e-6));
        QVERIFY(std::fabs(g.excessKurtosis) < 0.01);
        QVERIFY(isClose(moments(quantileSample(t4Quantile).floats()).maximum, 24.974735, 1e-6));
    }

    void momentsAgreeWithTheOracle()
    {
        for (const std::size_t count : {1, 2, 7, 8, 9, 65535, 65536, 65537, 200000}) {
            std::vector<float> values(count);
            RandomStream random(count, "moments");
            for (float& x : values) // far from zero: one-pass formulas lose everything here
                x = static_cast<float>(1000 + random.normal() * random.normal());
            double mean = 0;
            for (const float x : values)
                mean += static_cast<double>(x);
            mean /= static_cast<double>(count);
            double m2 = 0;
            double m4 = 0;
            for (const float x : values) {
                const double square = std::pow(static_cast<double>(x) - mean, 2);
                m2 += square;
                m4 += square * square;
            }
            m2 /= static_cast<double>(count);
            m4 /= static_cast<double>(count);
            const Moments m = moments(values);
            QVERIFY(isClose(m.mean, mean, 1e-13));
            QVERIFY(isClose(m.std, std::sqrt(m2), 1e-10, 1e-30));
            if (count > 1)
                QVERIFY(isClose(m.excessKurtosis, m4 / (m2 * m2) - 3, 1e-8));
        }
    }

    void momentsOfAwkwardValues()
    {
        QCOMPARE(moments({}).count, std::int64_t(0));
        const std::vector<float> constant(1000, 0.1F);
        const Moments c = moments(constant);
        QVERIFY(c.std == 0 && c.excessKurtosis == 0 && c.minimum == c.maximum);
        const float infinity = std::numeric_limits<float>::infinity();
        const std::vector<float> mixed{1, infinity, 3, -infinity, std::nanf(""), 2};
        const Moments m = moments(mixed);
        QCOMPARE(m.count, std::int64_t(3));
        QCOMPARE(m.nonFinite, std::int64_t(3));
        QVERIFY(m.mean == 2 && m.minimum == 1 && m.maximum == 3);
        QVERIFY(isClose(m.std, std::sqrt(2.0 / 3), 1e-15));
    }

    void outliersAreCounted()
    {
        std::vector<float> values(10000, 0.0F);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = i % 2 ? 1.0F : -1.0F;
        values[5] = 50;
        values[6] = -50;
        const Moments m = moments(values);
        QVERIFY(outlierShare(values, m) == 2e-4);
        QVERIFY(outlierShare(values, m, 100) == 0);
        QVERIFY(outlierShare(values, m, 0.5) == 1);
        QVERIFY(outlierShare({}, Moments{}) == 0);
    }

    void histogramCountsEveryValueOnce()
    {
        const std::vector<float> values{-1, 0, 0.1F, 0.25F, 0.5F, 0.75F, 1, 1.5F, std::nanf("")};
        const Histogram h = histogram(values, 0, 1, 4);
        QVERIFY((h.counts == std::vector<std::int64_t>{2, 1, 1, 2}));
        QCOMPARE(h.below, std::int64_t(1));
        QCOMPARE(h.above, std::int64_t(1));
        QVERIFY(h.binWidth() == 0.25);
        const Histogram point = histogram(values, 0.5, 0.5, 3);
        QCOMPARE(point.counts[0], std::int64_t(1));
        QCOMPARE(point.below + point.above, std::int64_t(7));

        const Tensor many = quantileSample(laplaceQuantile);
        const Histogram all = histogram(many.floats(), -2, 3, 97);
        std::vector<std::int64_t> expected(97);
        std::int64_t below = 0;
        for (const float x : many.floats()) {
            below += x < -2;
            if (x >= -2 && x <= 3)
                ++expected[static_cast<std::size_t>(
                    std::min((static_cast<double>(x) + 2) / 5 * 97, 96.0))];
        }
        QCOMPARE(all.below, below);
        std::int64_t total = all.below + all.above;
        std::int64_t moved = 0;
        for (std::size_t i = 0; i < 97; ++i) {
            total += all.counts[i];
            moved += std::abs(all.counts[i] - expected[i]);
        }
        QCOMPARE(total, std::int64_t(quantileSampleSize));
        QVERIFY(moved <= 4); // a value on a border may round to either side
    }

    void referenceNmse_data()
    {
        // nupes.md 13.1: power-domain rounding, per tensor, scale max|w|.
        QTest::addColumn<int>("distribution");
        QTest::addColumn<int>("bits");
        QTest::addColumn<double>("uniform");
        QTest::addColumn<double>("half");
        QTest::addColumn<double>("exponent");
        QTest::addColumn<double>("best");
        const auto row = [](const char* name, int d, int bits, double uniform, double half,
                            double exponent, double best) {
            QTest::addRow("%s %d bits", name, bits)
                << d << bits << uniform << half << exponent << best;
        };
        row("gauss", 0, 2, 9.059994e-1, 2.383197, 1, 9.059994e-1);
        row("gauss", 0, 3, 1.731803e-1, 1.316672e-1, .6753, 1.173819e-1);
        row("gauss", 0, 4, 3.181111e-2, 2.357148e-2, .6534, 2.160023e-2);
        row("gauss", 0, 5, 6.927556e-3, 5.116471e-3, .6473, 4.705355e-3);
        row("gauss", 0, 8, 9.664187e-5, 7.132085e-5, .6482, 6.561172e-5);
        row("laplace", 1, 2, 9.567897e-1, 2.228946, 1, 9.567897e-1);
        row("laplace", 1, 3, 4.030309e-1, 2.116427e-1, .5042, 2.115463e-1);
        row("laplace", 1, 4, 9.741687e-2, 3.803645e-2, .5071, 3.801989e-2);
        row("laplace", 1, 8, 3.177457e-4, 1.148222e-4, .5145, 1.145379e-4);
        row("t4", 2, 2, 9.773678e-1, 1.341324, 1, 9.773678e-1);
        row("t4", 2, 3, 8.043938e-1, 6.388559e-1, .3715, 3.627608e-1); // the other basin: .754
        row("t4", 2, 4, 4.084347e-1, 8.736188e-2, .3900, 7.819673e-2);
        row("t4", 2, 8, 1.617745e-3, 2.592974e-4, .3791, 2.304682e-4);
        row("uniform", 3, 4, 5.101807e-3, 1.017733e-2, 1, 5.101807e-3);
    }
    void referenceNmse()
    {
        QFETCH(int, distribution);
        QFETCH(int, bits);
        QFETCH(double, uniform);
        QFETCH(double, half);
        QFETCH(double, exponent);
        QFETCH(double, best);
        double (*const quantiles[])(double) = {gaussQuantile, laplaceQuantile, t4Quantile,
                                               uniformQuantile};
        const Tensor w = quantileSample(quantiles[distribution]);
        const Scheme scheme = schemeOf(bits);
        // The reference's own tolerance: 1e-3 of the NMSE, .005 of the exponent.
        QVERIFY(isClose(powerGridNmse(w.matrix(), scheme, 1), uniform, 1e-3));
        QVERIFY(isClose(powerGridNmse(w.matrix(), scheme, 0.5), half, 1e-3));
        Monitor monitor;
        const ExponentFit fit = fitExponent(w.matrix(), scheme, monitor);
        QVERIFY(fit.bestNmse <= best * 1.001);
        QVERIFY(isClose(fit.bestNmse, best, 2e-3));
        QVERIFY(isClose(fit.uniformNmse, uniform, 1e-3));
        QVERIFY2(std::fabs(fit.bestExponent - exponent) <= (bits >= 4 ? 0.006 : 0.01),
                 qPrintable(QString::number(fit.bestExponent)));
    }

    void referenceCurve()
    {
        // nupes.md 13.1, Gaussian and Student-t curves.
        const Tensor gauss = quantileSample(gaussQuantile);
        const double curve[][2] = {{.3, .038956}, {.4, .028137}, {.6, .021810}, {.7, .021763},
                                   {.8, .023187}, {.9, .026334}, {1, .031811},  {1.2, .052848}};
        for (const auto& [exponent, nmse] : curve)
            QVERIFY(isClose(powerGridNmse(gauss.matrix(), schemeOf(4), exponent), nmse, 1e-3));
        const Tensor t4 = quantileSample(t4Quantile);
        const double basins[][2] = {{.3, .5204},  {.35, .3735}, {.4, .3896}, {.6, .7574},
                                    {.75, .7364}, {.8, .7405},  {1, .8044}};
        for (const auto& [exponent, nmse] : basins)
            QVERIFY(isClose(powerGridNmse(t4.matrix(), schemeOf(3), exponent), nmse, 1e-3));
    }

    void referenceVector()
    {
        // nupes.md 13.4.
        Tensor w(Shape{1, 8});
        const float values[] = {.9F, -.44F, .2F, .05F, -.01F, 0, .6F, -.31F};
        std::copy_n(values, 8, w.floats().begin());
        double squares = 0;
        for (const float x : values)
            squares += static_cast<double>(x) * static_cast<double>(x);
        const struct
        {
            double exponent;
            int bits;
            double sse;
        } table[] = {{1, 4, .0134428571},  {1, 3, .0323},  {1, 2, .4223},
                     {.5, 4, .0062008746}, {.5, 3, .0623}, {.5, 2, .6923}};
        for (const auto& one : table)
            QVERIFY(isClose(powerGridNmse(w.matrix(), schemeOf(one.bits), one.exponent) * squares,
                            one.sse, 1e-6));
    }

    void referenceLayerSharesOneExponent()
    {
        // nupes.md 15: per-row scale, shared exponent, rows weighted by their scales.
        const Tensor w = referenceLayer();
        QVERIFY(isClose(static_cast<double>(w.floats()[0]), .07013068470778, 1e-6));
        QVERIFY(isClose(static_cast<double>(w.floats()[2]), -.13610918193199, 1e-6));
        Monitor monitor;
        const Scheme four = schemeOf(4, Granularity::Channel);
        ExponentFit fit = fitExponent(w.matrix(), four, monitor);
        QVERIFY(isClose(fit.uniformNmse, .02956994, 1e-5));
        QVERIFY(fit.bestNmse <= .01714839 * 1.007); // the reference's bound for few weights
        QVERIFY(isClose(powerGridNmse(w.matrix(), four, .62596), .01714839, 1e-3));
        fit = fitExponent(w.matrix(), schemeOf(3, Granularity::Channel), monitor);
        QVERIFY(isClose(fit.uniformNmse, .14771912, 1e-5));
        QVERIFY(fit.bestNmse <= .09284724 * 1.007);
        fit = fitExponent(w.matrix(), schemeOf(2, Granularity::Channel), monitor);
        QVERIFY(isClose(fit.uniformNmse, .59585839, 1e-5));
        QVERIFY(fit.bestNmse <= fit.uniformNmse);
    }

    void nmseAgreesWithTheDefinition()
    {
        Tensor w = randomMatrix(9, 70, 0.03, 2);
        for (float& x : w.matrix().row(2))
            x = 0;
        for (float& x : w.matrix().row(3))
            x = -0.25F;
        w.matrix().row(4)[7] = 80;
        w.matrix().row(5)[8] = 1e-30F;
        w.matrix().row(5)[9] = -0.0F;
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (int bits = 2; bits <= 8; ++bits)
                for (const double exponent : {0.15, 0.37, 0.5, 0.77, 1.0, 1.6, 3.0}) {
                    const Scheme scheme = schemeOf(bits, granularity, 32);
                    QVERIFY(isClose(powerGridNmse(w.matrix(), scheme, exponent),
                                    oraclePowerNmse(w.matrix(), scheme, exponent), 1e-5));
                }
    }

    void manyWeightsFindTheSameAsFew()
    {
        // Above 2^17 weights the search runs on a profile. Rows of very different size.
        Tensor w = randomMatrix(300, 512, 1, 6);
        for (std::int64_t r = 0; r < 300; ++r)
            for (float& x : w.matrix().row(r))
                x *= static_cast<float>(std::exp(3 * std::sin(static_cast<double>(r))));
        Monitor monitor;
        for (const int bits : {3, 4, 8})
            for (const Granularity granularity : {Granularity::Channel, Granularity::Group}) {
                const Scheme scheme = schemeOf(bits, granularity, 64);
                const ExponentFit fit = fitExponent(w.matrix(), scheme, monitor);
                double least = std::numeric_limits<double>::infinity();
                for (double exponent = 0.3; exponent < 1.3; exponent += 0.01)
                    least = std::min(least, powerGridNmse(w.matrix(), scheme, exponent));
                QVERIFY(fit.bestNmse <= least * 1.001);
                QVERIFY(fit.bestNmse == powerGridNmse(w.matrix(), scheme, fit.bestExponent));
                QVERIFY(fit.uniformNmse == powerGridNmse(w.matrix(), scheme, 1));
                QVERIFY(fit.bestNmse <= fit.uniformNmse);
            }
    }

    void powerGridViewAgreesWithTheDefinition()
    {
        Tensor w = randomMatrix(9, 70, 0.03, 2);
        std::fill(w.matrix().row(2).begin(), w.matrix().row(2).end(), 0.0F);
        w.matrix().row(4)[7] = 80;
        Monitor monitor;
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const int bits : {2, 4, 8})
                for (const double exponent : {0.37, 1.0, 1.6}) {
                    const Scheme scheme = schemeOf(bits, granularity, 32);
                    const PowerGridView view = powerGridView(std::as_const(w).matrix(), scheme,
                                                             exponent, -0.1, 0.1, 20, monitor);
                    QVERIFY(view.exponent == exponent);
                    QVERIFY(view.nmse ==
                                powerGridNmse(std::as_const(w).matrix(), scheme, exponent) ||
                            isClose(view.nmse,
                                    oraclePowerNmse(std::as_const(w).matrix(), scheme, exponent),
                                    1e-5)); // floats, as they are stored
                    // The levels by definition, and every decoded weight one of its granule's.
                    const int n = (1 << (bits - 1)) - 1;
                    std::vector<float> decoded;
                    float most = 0;
                    for (std::int64_t r = 0; r < 9; ++r)
                        for (std::int64_t c = 0; c < 70; ++c) {
                            most = 0;
                            for (const float x : granuleOf(w.matrix(), scheme, r, c))
                                most = std::max(most, std::fabs(x));
                            const double s = static_cast<double>(most);
                            const double x =
                                static_cast<double>(w.matrix().row(r)[static_cast<std::size_t>(c)]);
                            const double code =
                                s > 0 ? std::floor(n * std::pow(std::fabs(x) / s, exponent) + 0.5)
                                      : 0;
                            decoded.push_back(static_cast<float>(
                                std::copysign(s * std::pow(code / n, 1 / exponent), x)));
                            if (r == 0 && c == 0) {
                                QCOMPARE(view.levels.size(), std::size_t(2 * n + 1));
                                for (int k = -n; k <= n; ++k)
                                    QVERIFY(isClose(
                                        static_cast<double>(view.levels[std::size_t(k + n)]),
                                        std::copysign(
                                            s * std::pow(std::abs(k) / double(n), 1 / exponent), k),
                                        1e-6, 1e-30));
                            }
                        }
                    const Histogram expected = histogram(decoded, -0.1, 0.1, 20);
                    std::int64_t moved = 0;
                    for (std::size_t i = 0; i < 20; ++i)
                        moved += std::abs(expected.counts[i] - view.dequantized.counts[i]);
                    QVERIFY(moved <= 2);
                    QCOMPARE(view.dequantized.below, expected.below);
                    QCOMPARE(view.dequantized.above, expected.above);
                }
        try {
            (void)powerGridView(std::as_const(w).matrix(), schemeOf(4), 0, -1, 1, 4, monitor);
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
        }
        const Tensor zeros = Tensor::zeros(DType::F32, {3, 5});
        const PowerGridView flat =
            powerGridView(zeros.matrix(), schemeOf(4), 0.5, -1, 1, 3, monitor);
        QCOMPARE(flat.levels, std::vector<float>{0});
        QCOMPARE(flat.dequantized.counts[1], std::int64_t(15));
        QVERIFY(flat.nmse == 0);
    }

    void scaleAndSignDoNotMatter()
    {
        const Tensor w = randomMatrix(20, 64, 1, 8);
        Tensor other = w.clone();
        for (float& x : other.floats())
            x *= -0x1p-20F;
        const Scheme scheme = schemeOf(4, Granularity::Channel);
        QVERIFY(powerGridNmse(w.matrix(), scheme, 0.6) ==
                powerGridNmse(std::as_const(other).matrix(), scheme, 0.6));
    }

    void awkwardWeightsFit()
    {
        Monitor monitor;
        const Scheme scheme = schemeOf(4, Granularity::Channel);
        const Tensor zeros = Tensor::zeros(DType::F32, {3, 5});
        const ExponentFit none = fitExponent(zeros.matrix(), scheme, monitor);
        QVERIFY(none.bestExponent == 1 && none.bestNmse == 0 && none.uniformNmse == 0);
        Tensor constant(Shape{3, 5});
        std::fill(constant.floats().begin(), constant.floats().end(), 0.3F);
        const ExponentFit exact = fitExponent(std::as_const(constant).matrix(), scheme, monitor);
        QVERIFY(exact.bestNmse < 1e-30 && exact.bestExponent == 1);
        // Values that are not finite are left out.
        Tensor holes = randomMatrix(3, 40, 1, 1);
        const double before =
            powerGridNmse(std::as_const(holes).matrix().block(0, 0, 3, 39), scheme, 0.6);
        for (std::int64_t r = 0; r < 3; ++r)
            holes.matrix().row(r)[39] =
                r == 0 ? std::nanf("") : std::numeric_limits<float>::infinity();
        QVERIFY(isClose(powerGridNmse(std::as_const(holes).matrix(), scheme, 0.6), before, 1e-12));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor w = randomMatrix(300, 500, 1, 6);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            Monitor monitor;
            const ExponentFit fit =
                fitExponent(w.matrix(), schemeOf(4, Granularity::Channel), monitor);
            const Moments m = moments(w.floats());
            const PowerGridView view = powerGridView(w.matrix(), schemeOf(4, Granularity::Channel),
                                                     0.6, -2, 2, 50, monitor);
            std::vector<std::uint64_t> bits{std::bit_cast<std::uint64_t>(view.nmse)};
            for (const std::int64_t count : view.dequantized.counts)
                bits.push_back(static_cast<std::uint64_t>(count));
            for (const double value :
                 {fit.bestExponent, fit.bestNmse, fit.uniformNmse, m.mean, m.std, m.excessKurtosis})
                bits.push_back(std::bit_cast<std::uint64_t>(value));
            return bits;
        };
        const auto one = with(1);
        for (int repeat = 0; repeat < 3; ++repeat)
            QVERIFY(with(2) == one);
    }

    void stopsAtEveryCheckpoint()
    {
        const Tensor w = randomMatrix(300, 500, 1, 6);
        int stops = 0;
        for (bool finished = false; !finished && stops < 60;) {
            StopAt monitor(stops);
            try {
                (void)fitExponent(w.matrix(), schemeOf(4, Granularity::Channel), monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(stops >= 10);
    }
};

QTEST_APPLESS_MAIN(TestDistribution)
#include "tst_distribution.moc"
