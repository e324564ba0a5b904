// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/model_exponent.h"
#include "core/quant/power_search.h"
#include "tests/support/power_samples.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <map>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr auto power = PowerRounding::PowerDomain;
constexpr auto nearest = PowerRounding::Nearest;

using Quantile = double (*)(double);
constexpr Quantile quantiles[] = {gaussQuantile, laplaceQuantile, t4Quantile, uniformQuantile};

const PowerErrors& errorsOf(int distribution)
{
    static std::map<int, PowerErrors> known;
    const auto found = known.find(distribution);
    if (found != known.end())
        return found->second;
    Monitor monitor;
    Scheme scheme;
    scheme.granularity = Granularity::Tensor;
    const Tensor w = quantileSample(quantiles[distribution]);
    return known.emplace(distribution, PowerErrors::sorted(w.matrix(), scheme, monitor))
        .first->second;
}

PowerFamily family(int bits, PowerRounding rounding, bool midRise = false)
{
    return {(1 << (bits - 1)) - 1, midRise, rounding, ExponentChoice::Free, std::nullopt};
}

double nmse(const PowerErrors& errors, const PowerFamily& grids, double exponent, double clip = 1)
{
    const PreparedLevels levels(grids, exponent);
    return errors.error(levels.magnitudes, levels.thresholds, clip) / errors.energy();
}

ExponentPoint search(const PowerErrors& errors, const PowerFamily& grids)
{
    return searchExponent([&](double a) { return nmse(errors, grids, a); },
                          errors.predictedExponent(), grids.exponents);
}

PowerFit searchBoth(const PowerErrors& errors, const PowerFamily& grids)
{
    Monitor monitor;
    PowerFit fit = searchPowerGrid(errors, grids, 0.05, monitor);
    fit.error /= errors.energy();
    return fit;
}

} // namespace

class TestPowerSearch : public QObject
{
    Q_OBJECT

private slots:
    void table131_data()
    {
        QTest::addColumn<int>("distribution");
        QTest::addColumn<int>("bits");
        QTest::addColumn<QVector<double>>("row");
        // uniform, ½ power, ½ nearest, a and NMSE of power, of nearest.
        const auto add = [](int distribution, int bits, const QVector<double>& row) {
            QTest::addRow("%d at %d", distribution, bits) << distribution << bits << row;
        };
        add(0, 2, {9.059994e-1, 2.383197, 9.059994e-1, 1, 9.059994e-1, 1, 9.059994e-1});
        add(0, 3, {1.731803e-1, 1.316672e-1, 1.170848e-1, .6753, 1.173819e-1, .6536, 1.064673e-1});
        add(0, 4, {3.181111e-2, 2.357148e-2, 2.308436e-2, .6534, 2.160023e-2, .6524, 2.120039e-2});
        add(0, 5, {6.927556e-3, 5.116471e-3, 5.093490e-3, .6473, 4.705355e-3, .6500, 4.686049e-3});
        add(0, 8, {9.664187e-5, 7.132085e-5, 7.131679e-5, .6482, 6.561172e-5, .6482, 6.560805e-5});
        add(1, 2, {9.567897e-1, 2.228946, 9.567897e-1, 1, 9.567897e-1, 1, 9.567897e-1});
        add(1, 3, {4.030309e-1, 2.116427e-1, 1.627099e-1, .5042, 2.115463e-1, .5229, 1.616530e-1});
        add(1, 4, {9.741687e-2, 3.803645e-2, 3.643452e-2, .5071, 3.801989e-2, .5112, 3.641262e-2});
        add(1, 8, {3.177457e-4, 1.148222e-4, 1.148081e-4, .5145, 1.145379e-4, .5145, 1.145239e-4});
        add(2, 2, {9.773678e-1, 1.341324, 9.773678e-1, 1, 9.773678e-1, 1, 9.773678e-1});
        add(2, 3, {8.043938e-1, 6.388559e-1, 3.245392e-1, .3715, 3.627608e-1, .3966, 2.255612e-1});
        add(2, 4, {4.084347e-1, 8.736188e-2, 7.922759e-2, .3900, 7.819673e-2, .3845, 7.131922e-2});
        add(2, 8, {1.617745e-3, 2.592974e-4, 2.592192e-4, .3791, 2.304682e-4, .3791, 2.304081e-4});
        add(3, 4, {5.101807e-3, 1.017733e-2, 1.009950e-2, 1, 5.101807e-3, 1, 5.101807e-3});
    }
    void table131()
    {
        QFETCH(int, distribution);
        QFETCH(int, bits);
        QFETCH(QVector<double>, row);
        const PowerErrors& errors = errorsOf(distribution);
        QVERIFY(isClose(nmse(errors, family(bits, power), 1), row[0], 1e-5));
        QVERIFY(isClose(nmse(errors, family(bits, power), .5), row[1], 1e-5));
        QVERIFY(isClose(nmse(errors, family(bits, nearest), .5), row[2], 1e-5));
        const double width = bits >= 4 ? .005 : .01;
        for (const auto& [rounding, a, error] :
             {std::tuple{power, row[3], row[4]}, std::tuple{nearest, row[5], row[6]}}) {
            const ExponentPoint best = search(errors, family(bits, rounding));
            QVERIFY(isClose(best.error, error, 1e-3));
            QVERIFY2(std::fabs(best.exponent - a) <= width,
                     qPrintable(QString::number(best.exponent)));
        }
        // O1, O2.
        QVERIFY(search(errors, family(bits, nearest)).error <=
                search(errors, family(bits, power)).error);
        QVERIFY(search(errors, family(bits, power)).error <= nmse(errors, family(bits, power), 1));
    }

    void curves()
    {
        const double gauss[][2] = {{.3, .038956},  {.4, .028137}, {.5, .023571}, {.6, .021810},
                                   {.65, .021602}, {.7, .021763}, {.8, .023187}, {.9, .026334},
                                   {1, .031811},   {1.2, .052848}};
        for (const auto& [a, error] : gauss)
            QVERIFY(isClose(nmse(errorsOf(0), family(4, power), a), error, 1e-3));
        const double laplace[][2] = {
            {.4, .040681}, {.5, .038036}, {.6, .039605}, {.8, .055244}, {1, .097417}};
        for (const auto& [a, error] : laplace)
            QVERIFY(isClose(nmse(errorsOf(1), family(4, power), a), error, 1e-3));
        const double t4[][2] = {{.3, .5204}, {.35, .3735}, {.4, .3896}, {.5, .6389}, {.6, .7574},
                                {.7, .7420}, {.75, .7364}, {.8, .7405}, {1, .8044}};
        for (const auto& [a, error] : t4)
            QVERIFY(isClose(nmse(errorsOf(2), family(3, power), a), error, 1e-3));
    }

    void halfNormalOnAnUnsignedGrid()
    {
        for (const auto& [largest, uniform, a, best] :
             {std::tuple{15, 6.927556e-3, .6473, 4.705355e-3},
              std::tuple{255, 2.397221e-5, .6529, 1.627901e-5}}) {
            const PowerFamily grids{largest, false, power, ExponentChoice::Free, std::nullopt};
            QVERIFY(isClose(nmse(errorsOf(0), grids, 1), uniform, 1e-5));
            const ExponentPoint found = search(errorsOf(0), grids);
            QVERIFY(isClose(found.error, best, 1e-3));
            QVERIFY(std::fabs(found.exponent - a) <= .005);
        }
    }

    void table132_data()
    {
        QTest::addColumn<int>("distribution");
        QTest::addColumn<int>("bits");
        QTest::addColumn<QVector<double>>("row");
        // Uniform: NMSE, clip; power: NMSE, a, clip; nearest: NMSE; Lloyd-Max (0: not known).
        const auto add = [](int distribution, int bits, const QVector<double>& row) {
            QTest::addRow("%d at %d", distribution, bits) << distribution << bits << row;
        };
        add(0, 2, {.1901630, .2830, .1901630, 1, .2830, .1901630, .1901630});
        add(0, 3, {.04684918, .4514, .04518446, .867, .461, .04473238, .04398989});
        add(0, 4, {.01288019, .5720, .01180214, .807, .591, .01172947, .01072888});
        add(0, 8, {8.511678e-5, .9026, 6.250892e-5, .668, .937, 6.250588e-5, 0});
        add(1, 2, {.2641644, .1803, .2641644, 1, .1803, .2641644, .2641644});
        add(1, 3, {.08300136, .3143, .07343945, .742, .341, .07022973, .06800617});
        add(1, 4, {.02731676, .4345, .02050911, .659, .493, .02012827, .01722720});
        add(1, 8, {2.738030e-4, .8745, 1.126153e-4, .511, .971, 1.126034e-4, 0});
        add(2, 2, {.3110692, .0729, .3110692, 1, .0729, .3110692, .3110692});
        add(2, 3, {.1225256, .1427, .1084700, .711, .167, .1036645, .09662874});
        add(2, 4, {.05320309, .2269, .03849070, .569, .312, .03770033, .02676404});
        add(2, 8, {1.383632e-3, .8534, 2.293792e-4, .370, .990, 2.293209e-4, 0});
    }
    void table132()
    {
        QFETCH(int, distribution);
        QFETCH(int, bits);
        QFETCH(QVector<double>, row);
        const PowerErrors& errors = errorsOf(distribution);
        PowerFamily grids = family(bits, power);
        grids.fixedExponent = 1;
        const PowerFit uniform = searchBoth(errors, grids);
        QVERIFY(isClose(uniform.error, row[0], 1e-3));
        QVERIFY(isClose(uniform.clip, row[1], .01));
        const PowerFit best = searchBoth(errors, family(bits, power));
        QVERIFY(isClose(best.error, row[2], 1e-3));
        QVERIFY(isClose(best.exponent, row[3], 0, .012));
        QVERIFY(isClose(best.clip, row[4], .015));
        const PowerFit near = searchBoth(errors, family(bits, nearest));
        QVERIFY(isClose(near.error, row[5], 1e-3));
        QVERIFY(near.error >= row[6] * (1 - 1e-6)); // O4
        // O3, O11, O12.
        QVERIFY(best.error <= uniform.error);
        QVERIFY(best.error <= search(errors, family(bits, power)).error);
        const double wide = search(errors, family(bits, power)).error;
        if (bits == 3 || bits == 4) {
            QVERIFY(best.exponent > search(errors, family(bits, power)).exponent);
            QVERIFY(uniform.error < wide);
        }
        if (bits == 8)
            QVERIFY(wide < uniform.error);
    }

    void midRise_data()
    {
        QTest::addColumn<int>("distribution");
        QTest::addColumn<QVector<double>>("row");
        // Clipped: uniform, power NMSE and a, nearest NMSE and a = Lloyd-4.
        QTest::newRow("Gauss") << 0 << QVector<double>{.1188347, .1175561, .918, .1174706, .912};
        QTest::newRow("Laplace") << 1 << QVector<double>{.1962197, .1775673, .766, .1761127, .745};
        QTest::newRow("t4") << 2 << QVector<double>{.2280317, .2163024, 0, .2154303, 0};
    }
    void midRise()
    {
        QFETCH(int, distribution);
        QFETCH(QVector<double>, row);
        const PowerErrors& errors = errorsOf(distribution);
        PowerFamily grids = family(2, power, true);
        grids.fixedExponent = 1;
        QVERIFY(isClose(searchBoth(errors, grids).error, row[0], 1e-5));
        const PowerFit best = searchBoth(errors, family(2, power, true));
        const PowerFit near = searchBoth(errors, family(2, nearest, true));
        QVERIFY(isClose(best.error, row[1], 1e-4));
        // Two free numbers fix both levels: Lloyd's four.
        QVERIFY(isClose(near.error, row[3], 1e-6));
        if (row[2] > 0) {
            QVERIFY(isClose(best.exponent, row[2], 0, .005));
            QVERIFY(isClose(near.exponent, row[4], 0, .005));
        }
        if (distribution == 0) {
            QVERIFY(isClose(nmse(errors, family(2, power, true), 1), .7711984, 1e-5));
            const ExponentPoint wide = search(errors, family(2, power, true));
            QVERIFY(isClose(wide.error, .3493768, 1e-4));
            QVERIFY(isClose(wide.exponent, .6552, 0, .003));
            QVERIFY(isClose(search(errors, family(2, nearest, true)).error, .3395584, 1e-6));
        }
    }

    void infiniteSamples()
    {
        // nupes.md 13.3, by closed forms of each cell.
        struct Moments
        {
            double p, f1, f2;
        };
        const auto phi = [](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); };
        const auto cdf = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
        const auto gauss = [&](double l, double h) {
            const bool last = std::isinf(h);
            const double p = 2 * ((last ? 1 : cdf(h)) - cdf(l));
            const double tail = last ? 0 : h * phi(h);
            return Moments{p, 2 * (phi(l) - (last ? 0 : phi(h))), p + 2 * (l * phi(l) - tail)};
        };
        const auto laplace = [](double l, double h) {
            const double e = std::isinf(h) ? 0 : std::exp(-h);
            const double g = std::isinf(h) ? 0 : h;
            return Moments{std::exp(-l) - e, (l + 1) * std::exp(-l) - (g + 1) * e,
                           (l * l + 2 * l + 2) * std::exp(-l) - (g * g + 2 * g + 2) * e};
        };
        const auto error = [](const auto& cell, double m, const PreparedLevels& levels) {
            double sum = 0;
            for (std::size_t i = 0; i < levels.magnitudes.size(); ++i) {
                const double l = i > 0 ? m * levels.thresholds[i - 1] : 0;
                const double h = i < levels.thresholds.size()
                                     ? m * levels.thresholds[i]
                                     : std::numeric_limits<double>::infinity();
                const Moments own = cell(l, h);
                const double c = m * levels.magnitudes[i];
                sum += own.f2 - 2 * c * own.f1 + c * c * own.p;
            }
            return sum;
        };
        const auto verify = [&](const auto& cell, double unit, double m, int bits,
                                std::array<double, 6> row) {
            const auto at = [&](PowerRounding rounding, double a) {
                return error(cell, m, PreparedLevels(family(bits, rounding), a)) / unit;
            };
            QVERIFY(isClose(at(power, 1), row[0], 1e-6, 6e-9));
            if (row[1] > 0)
                QVERIFY(isClose(at(power, .5), row[1], 1e-6, 6e-9));
            for (const auto& [rounding, a, least] :
                 {std::tuple{power, row[2], row[3]}, std::tuple{nearest, row[4], row[5]}}) {
                if (a == 0)
                    continue;
                const PowerRounding own = rounding;
                const ExponentPoint best =
                    searchExponent([&](double x) { return at(own, x); }, .6, ExponentChoice::Free);
                QVERIFY(isClose(best.error, least, 1e-6, 6e-9));
                QVERIFY2(isClose(best.exponent, a, 0, 3e-5),
                         qPrintable(QString::number(best.exponent, 'f', 6)));
            }
        };
        verify(gauss, 1, 2.5, 4, {.01289932, .01545212, .81469, .01184743, .80895, .01178144});
        verify(gauss, 1, 3, 3, {.08357005, .08971822, .76267, .06994706, .73279, .06681299});
        verify(gauss, 1, 3, 4, {.01567379, .01658610, .76251, .01321919, .75839, .01308510});
        verify(gauss, 1, 4, 2, {.86414876, 2.20543653, 1, .86414876, 0, 0});
        verify(gauss, 1, 4, 3, {.14814705, .12027262, .68961, .10570439, .66595, .09704904});
        verify(gauss, 1, 4, 4, {.02721559, .02179621, .67543, .01947784, .67484, .01915188});
        verify(gauss, 1, 4, 8, {.00008884, .00007212, .67109, .00006539, .67112, .00006539});
        verify(gauss, 1, 5, 4, {.04251703, .02726880, .61192, .02594872, .61253, .02537498});
        verify(laplace, 2, 8, 3, {.24483890, 0, .57133, .14771501, .56959, .12241915});
        verify(laplace, 2, 8, 4, {.05273551, 0, .57447, .02694184, .58033, .02608175});
        verify(laplace, 2, 10, 4, {.08027299, 0, .52793, .03416902, .53284, .03284381});
        verify(laplace, 2, 10, 8, {.00030368, 0, .52326, .00014840, 0, 0});
    }

    void powersOfUniformNumbers()
    {
        // |u| as v^(1/a0): a* = (a0 + 2)/3, not a0. Test 9.
        Monitor monitor;
        Scheme scheme;
        scheme.granularity = Granularity::Tensor;
        for (const auto& [a0, expected] : {std::pair{.25, .753}, std::pair{.5, .836},
                                           std::pair{1.0, 1.0}, std::pair{2.0, 1.326}}) {
            Tensor w(Shape{1, quantileSampleSize});
            for (std::size_t i = 0; i < quantileSampleSize; ++i)
                w.floats()[i] = static_cast<float>(
                    std::pow((static_cast<double>(i) + .5) / quantileSampleSize, 1 / a0));
            const PowerErrors errors =
                PowerErrors::sorted(std::as_const(w).matrix(), scheme, monitor);
            const ExponentPoint best = search(errors, family(8, power));
            QVERIFY2(isClose(best.exponent, expected, 0, .006),
                     qPrintable(QString::number(best.exponent)));
            QVERIFY(isClose(errors.predictedExponent(), (a0 + 2) / 3, 0, .002));
        }
    }

    void predictionNearTheMinimum()
    {
        for (const auto& [distribution, tolerance] :
             {std::pair{0, .01}, std::pair{1, .015}, std::pair{2, .03}})
            for (const int bits : {4, 8}) {
                const PowerErrors& errors = errorsOf(distribution);
                const double least = search(errors, family(bits, power)).error;
                QVERIFY(isClose(nmse(errors, family(bits, power), errors.predictedExponent()),
                                least, tolerance));
            }
    }

    void twoBasins()
    {
        // Student-t, 3 bits: .371, not .754; Nelder-Mead from 1 sees only the second.
        const PowerErrors& errors = errorsOf(2);
        const auto error = [&](double a) { return nmse(errors, family(3, power), a); };
        QVERIFY(isClose(search(errors, family(3, power)).exponent, .371, 0, .003));
        const ExponentPoint walked = nelderMeadExponent(error);
        QVERIFY(isClose(walked.exponent, .754, 0, .02));
        QVERIFY(walked.error > 2 * search(errors, family(3, power)).error);
        // Where there is one basin both agree, whatever the unit of the error.
        const auto tiny = [&](double a) { return 1e-9 * nmse(errorsOf(0), family(4, power), a); };
        const ExponentPoint gauss = nelderMeadExponent(tiny);
        QVERIFY(isClose(gauss.error, 1e-9 * search(errorsOf(0), family(4, power)).error, 1e-3));
        QVERIFY(nelderMeadExponent([](double) { return 0.0; }).exponent == 1);
        QVERIFY(nelderMeadExponent([](double a) { return a; }).exponent >= .15);
    }

    void twoBits()
    {
        // O13: {−1, 0, 1} do not depend on the exponent.
        for (const int distribution : {0, 1, 2}) {
            const PowerErrors& errors = errorsOf(distribution);
            for (const double a : {.3, .5, .8, 1.4}) {
                QVERIFY(nmse(errors, family(2, nearest), a) == nmse(errors, family(2, nearest), 1));
                QVERIFY(nmse(errors, family(2, power), a) >= nmse(errors, family(2, power), 1));
            }
            QVERIFY(search(errors, family(2, nearest)).exponent == 1);
            QVERIFY(search(errors, family(2, power)).exponent == 1);
        }
    }

    void orderings()
    {
        for (const int bits : {3, 4, 8}) { // O7
            const double gauss = search(errorsOf(0), family(bits, power)).exponent;
            const double laplace = search(errorsOf(1), family(bits, power)).exponent;
            const double t4 = search(errorsOf(2), family(bits, power)).exponent;
            QVERIFY(t4 < laplace && laplace < gauss && gauss < 1);
        }
        const auto gain = [&](int distribution, int bits) { // O8
            return 10 * std::log10(nmse(errorsOf(distribution), family(bits, power), 1) /
                                   search(errorsOf(distribution), family(bits, power)).error);
        };
        for (const int bits : {4, 8}) {
            QVERIFY(isClose(gain(0, bits), 1.68, 0, .05));
            QVERIFY(gain(1, bits) > 4.0 && gain(1, bits) < 4.5);
            QVERIFY(gain(2, bits) > 7.1 && gain(2, bits) < 8.5);
        }
        // O10: 5 to 6 bits.
        QVERIFY(isClose(search(errorsOf(0), family(5, power)).error /
                            search(errorsOf(0), family(6, power)).error,
                        4.3, .03));
    }

    void choices()
    {
        const PowerErrors& errors = errorsOf(0);
        PowerFamily grids = family(4, power);
        grids.exponents = ExponentChoice::Exact;
        QVERIFY(search(errors, grids).exponent == .5);
        QVERIFY(searchBoth(errors, grids).exponent == 1); // with its clip, uniform is better
        grids.exponents = ExponentChoice::PreferExact;    // ½ costs .38 dB here
        QVERIFY(isClose(search(errors, grids).exponent, .6534, 0, .005));
        QVERIFY(search(errorsOf(1), grids).exponent == .5); // and nothing here
        QVERIFY(search(errorsOf(3), grids).exponent == 1);
        // Exactly the tenth of a decibel.
        const double tenth = std::pow(10, .01);
        const auto chosen = [&](double factor) {
            return chosenExponent({.7, 1}, {.5, factor}, {1, 9}, ExponentChoice::PreferExact);
        };
        QVERIFY(chosen(tenth * (1 - 1e-12)).exponent == .5);
        QVERIFY(chosen(tenth * (1 + 1e-12)).exponent == .7);
        // Ties go to 1.
        QVERIFY(searchExponent([](double) { return 3.0; }, .6, ExponentChoice::Free).exponent == 1);
        std::vector<ExponentPoint> scan;
        (void)searchExponent([](double a) { return a * a; }, .61, ExponentChoice::Exact, &scan);
        QCOMPARE(scan.size(), std::size_t(99));
        QVERIFY(scan.front().exponent == .15 && scan.back().exponent == 1.6);
        QVERIFY(std::is_sorted(scan.begin(), scan.end(), [](const auto& a, const auto& b) {
            return a.exponent < b.exponent;
        }));
    }

    void closeToADenseScan()
    {
        // Section 4.3: nearest within .01 %, power within .7 % at n ≥ 256.
        Monitor monitor;
        Scheme scheme;
        scheme.granularity = Granularity::Tensor;
        for (Quantile quantile : {gaussQuantile, laplaceQuantile, t4Quantile})
            for (const std::int64_t n : {256, 4096})
                for (const int bits : {3, 4}) {
                    const Tensor w = splitmixSample(quantile, 1, n);
                    const PowerErrors errors = PowerErrors::sorted(w.matrix(), scheme, monitor);
                    for (const PowerRounding rounding : {power, nearest}) {
                        const PowerFamily grids = family(bits, rounding);
                        double least = 1e9;
                        for (double a = .15; a < 1.6; a += 1e-3)
                            least = std::min(least, nmse(errors, grids, a));
                        const double found = search(errors, grids).error;
                        QVERIFY(found <= least * (rounding == power ? 1.012 : 1.001));
                    }
                }
    }

    void oneExponentForAModel()
    {
        // The sum over layers, by brute force; a layer of large weights counts more.
        Monitor monitor;
        const Tensor a = splitmixSample(gaussQuantile, 16, 512, 1);
        const Tensor b = splitmixSample(t4Quantile, 8, 512, .5, 9000);
        Scheme scheme;
        scheme.symmetric = true;
        for (const PowerClip clip : {PowerClip::None, PowerClip::Common}) {
            PowerGridOptions options;
            options.clip = clip;
            ModelExponent model;
            model.add(a.matrix(), scheme, options, nearest, monitor);
            model.add(b.matrix(), scheme, options, nearest, monitor);
            QCOMPARE(model.layers(), std::size_t(2));
            const double found = model.solve(ExponentChoice::Free, monitor);
            const PowerErrors first = PowerErrors::sorted(a.matrix(), scheme, monitor);
            const PowerErrors second = PowerErrors::sorted(b.matrix(), scheme, monitor);
            const auto sum = [&](double exponent) {
                const PreparedLevels levels(family(4, nearest), exponent);
                const double least = clip == PowerClip::None ? 1 : options.minimumClip;
                return searchClip(powerObjective(first), levels, least).error +
                       searchClip(powerObjective(second), levels, least).error;
            };
            double best = 1e9;
            for (double exponent = .3; exponent < 1.2; exponent += .005)
                best = std::min(best, sum(exponent));
            QVERIFY(sum(found) <= best * 1.001);
            const double exact = model.solve(ExponentChoice::Exact, monitor);
            QVERIFY(exact == .5 || exact == 1);
        }
        QVERIFY(ModelExponent().solve(ExponentChoice::Free, monitor) == 1);
        // The only layer's exponent is the model's; outliers do not count.
        Tensor spoiled = a.clone();
        for (std::size_t i = 0; i < 8; ++i)
            spoiled.floats()[i * 1024] = 300;
        PowerGridOptions options;
        options.outliers = 8.0 / (16 * 512);
        ModelExponent kept;
        kept.add(std::as_const(spoiled).matrix(), scheme, options, power, monitor);
        ModelExponent lost;
        lost.add(std::as_const(spoiled).matrix(), scheme, {}, power, monitor);
        QVERIFY(kept.solve(ExponentChoice::Free, monitor) > .6);
        QVERIFY(lost.solve(ExponentChoice::Free, monitor) < .5);
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const PowerErrors& errors = errorsOf(1);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            const PowerFit fit = searchBoth(errors, family(4, power));
            return std::array{std::bit_cast<std::uint64_t>(fit.exponent),
                              std::bit_cast<std::uint64_t>(fit.clip),
                              std::bit_cast<std::uint64_t>(fit.error)};
        };
        QVERIFY(with(1) == with(2));
    }

    void stops()
    {
        const PowerErrors& errors = errorsOf(0);
        for (const int k : {0, 5, 100, 1000}) {
            StopAt monitor(k);
            try {
                (void)searchPowerGrid(errors, family(4, power), .1, monitor);
                QFAIL("did not stop");
            } catch (const Cancelled&) {
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestPowerSearch)
#include "tst_power_search.moc"
