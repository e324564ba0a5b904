// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/eval/distribution.h"
#include "core/eval/exponent_study.h"
#include "tests/support/power_samples.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

Scheme schemeOf(int bits, bool midRise = false)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = Granularity::Tensor;
    scheme.symmetric = true;
    scheme.levels = midRise ? Levels::PowerMidRise : Levels::Power;
    return scheme;
}

ExponentStudy studyOf(const Tensor& w, const Scheme& scheme)
{
    Monitor monitor;
    return exponentStudy(PowerErrors::sorted(w.matrix(), scheme, monitor), scheme, .05, monitor);
}

} // namespace

class TestExponentStudy : public QObject
{
    Q_OBJECT

private slots:
    void gauss()
    {
        const Tensor w = quantileSample(gaussQuantile);
        const ExponentStudy study = studyOf(w, schemeOf(4));
        QVERIFY(study.exponents == scannedExponents(0));
        QCOMPARE(study.exponents.size(), std::size_t(98));
        QVERIFY(study.power.size() == 98 && study.nearest.size() == 98 &&
                study.clipped.size() == 98);
        for (std::size_t i = 0; i < 98; ++i) {
            QVERIFY(isClose(study.power[i],
                            powerGridNmse(w.matrix(), schemeOf(4), study.exponents[i]), 1e-4));
            QVERIFY(study.nearest[i] <= study.power[i] * (1 + 1e-12));
            QVERIFY(study.clipped[i] <= study.nearest[i]);
            QVERIFY(study.bestPower.error <= study.power[i]);
            QVERIFY(study.bestNearest.error <= study.nearest[i]);
            QVERIFY(study.bestClipped.error <= study.clipped[i] * (1 + 1e-4));
        }
        QVERIFY(isClose(study.uniform, 3.181111e-2, 1e-5));
        QVERIFY(isClose(study.bestPower.error, 2.160023e-2, 1e-3));
        QVERIFY(isClose(study.bestNearest.error, 2.120039e-2, 1e-4));
        QVERIFY(isClose(study.bestClipped.error, .01172947, 1e-4));
        QVERIFY(isClose(study.bestClipped.clip, .592, .01));
        QVERIFY(isClose(study.uniformClipped.error, .01288019, 1e-4));
        QVERIFY(isClose(study.uniformClipped.clip, .5720, .01));
        QVERIFY(isClose(study.predictedExponent, .6480, 0, 1e-3));
        QVERIFY(isClose(study.predictedNmse, 2.160969e-2, 1e-3));
        QCOMPARE(study.basins.size(), std::size_t(1));
        QVERIFY(study.basins[0].exponent == study.bestPower.exponent);
    }

    void curvesAreTheErrorsAtTheirPoints()
    {
        // Groups with scales of their own, sorted and in bins.
        Scheme scheme = schemeOf(4);
        scheme.granularity = Granularity::Group;
        scheme.groupSize = 64;
        const Tensor w = randomMatrix(300, 512, 0.02, 6);
        Monitor monitor;
        for (const bool binned : {false, true}) {
            const PowerErrors errors = binned ? PowerErrors::binned(w.matrix(), scheme, monitor)
                                              : PowerErrors::sorted(w.matrix(), scheme, monitor);
            const ExponentStudy study = exponentStudy(errors, scheme, .05, monitor);
            for (std::size_t i = 0; i < study.exponents.size(); ++i) {
                const double exact = powerGridNmse(w.matrix(), scheme, study.exponents[i]);
                QVERIFY(isClose(study.power[i], exact, binned ? 3e-4 : 1e-5));
            }
            const ExponentFit fit = fitExponent(w.matrix(), scheme, monitor);
            QVERIFY(isClose(study.bestPower.error, fit.bestNmse, 3e-4));
            QVERIFY(isClose(study.uniform, fit.uniformNmse, 3e-4));
        }
    }

    void basins()
    {
        // Student-t at 3 bits has two.
        const ExponentStudy study = studyOf(quantileSample(t4Quantile), schemeOf(3));
        QCOMPARE(study.basins.size(), std::size_t(2));
        QVERIFY(isClose(study.basins[0].exponent, .371, 0, .003));
        QVERIFY(isClose(study.basins[1].exponent, .754, 0, .03));
        QVERIFY(isClose(study.basins[0].error, .3628, 1e-3));
        QVERIFY(isClose(study.basins[1].error, .7364, 1e-2));
        QVERIFY(studyOf(quantileSample(t4Quantile), schemeOf(4)).basins.size() == 1);
        // The nearest of {−1, 0, 1} is the same at every exponent.
        const ExponentStudy flat = studyOf(quantileSample(gaussQuantile), schemeOf(2));
        QVERIFY(flat.bestNearest.exponent == 1);
        QVERIFY(flat.nearest.front() == flat.nearest.back());
        const ExponentStudy four = studyOf(quantileSample(gaussQuantile), schemeOf(2, true));
        QVERIFY(isClose(four.bestClipped.error, .1174706, 1e-4));
    }

    void wholeModel()
    {
        const Tensor a = quantileSample(gaussQuantile);
        const Tensor b = splitmixSample(t4Quantile, 32, 128, 3);
        const std::vector<ExponentStudy> layers{studyOf(a, schemeOf(4)), studyOf(b, schemeOf(4))};
        const ExponentStudy all = wholeModelStudy(layers);
        QVERIFY(isClose(all.energy, layers[0].energy + layers[1].energy, 1e-12));
        const auto sum = [&](auto curve, std::size_t i) {
            return ((layers[0].*curve)[i] * layers[0].energy +
                    (layers[1].*curve)[i] * layers[1].energy) /
                   all.energy;
        };
        for (std::size_t i = 0; i < all.exponents.size(); ++i) {
            QVERIFY(isClose(all.power[i], sum(&ExponentStudy::power, i), 1e-12));
            QVERIFY(isClose(all.nearest[i], sum(&ExponentStudy::nearest, i), 1e-12));
            QVERIFY(isClose(all.clipped[i], sum(&ExponentStudy::clipped, i), 1e-12));
            QVERIFY(all.bestPower.error <= all.power[i]);
            QVERIFY(all.bestClipped.error <= all.clipped[i]);
            if (all.exponents[i] == 1)
                QVERIFY(isClose(all.uniform, all.power[i], 1e-12));
        }
        QVERIFY(!all.basins.empty() && all.basins[0].error == all.bestPower.error);
        QVERIFY(all.predictedExponent > layers[1].predictedExponent &&
                all.predictedExponent < layers[0].predictedExponent);
        // Of one layer it is that layer's; of none there is nothing.
        const ExponentStudy one = wholeModelStudy({layers[0]});
        QVERIFY(isClose(one.uniformClipped.error, layers[0].uniformClipped.error, 1e-12));
        QVERIFY(isClose(one.power[40], layers[0].power[40], 1e-12));
        const ExponentStudy none = wholeModelStudy({});
        QVERIFY(none.energy == 0 && none.bestPower.exponent == 1 && none.power.size() == 98);
    }

    void zeros()
    {
        const Tensor w = Tensor::zeros(DType::F32, {3, 5});
        const ExponentStudy study = studyOf(w, schemeOf(4));
        QVERIFY(study.energy == 0 && study.uniform == 0 && study.bestPower.exponent == 1);
        QVERIFY(study.bestClipped.error == 0 && study.predictedExponent == 1);
        for (const double error : study.clipped)
            QVERIFY(error == 0);
    }

    void viewOfTheGrid()
    {
        // The companded histogram and the codes, by definition.
        const Tensor w = randomMatrix(6, 200, .05, 3);
        Monitor monitor;
        for (const bool midRise : {false, true})
            for (const PowerRounding rounding :
                 {PowerRounding::PowerDomain, PowerRounding::Nearest})
                for (const double clip : {1.0, .6}) {
                    Scheme scheme = schemeOf(3, midRise);
                    scheme.granularity = Granularity::Channel;
                    const PowerGridView view = powerGridView(w.matrix(), scheme, .55, -.2, .2, 16,
                                                             monitor, rounding, clip);
                    QVERIFY(view.largest == 3 && view.midRise == midRise && view.clip == clip);
                    const double end = midRise ? 4 : 3.5;
                    QVERIFY(view.companded.lo == -end && view.companded.hi == end);
                    QCOMPARE(view.occupancy.size(), std::size_t(midRise ? 8 : 7));
                    std::vector<float> t;
                    std::vector<std::int64_t> occupancy(view.occupancy.size());
                    const PowerEncoder encoder(scheme, .55, rounding);
                    double error = 0;
                    double energy = 0;
                    for (std::int64_t r = 0; r < 6; ++r) {
                        float most = 0;
                        for (const float x : w.matrix().row(r))
                            most = std::max(most, std::fabs(x));
                        const double s = clip * static_cast<double>(most);
                        for (const float x : w.matrix().row(r)) {
                            const double u = std::fabs(static_cast<double>(x)) / s;
                            const double place = (midRise ? 3.5 : 3) * std::pow(u, .55);
                            t.push_back(static_cast<float>(
                                std::copysign(std::min(place, end * (1 - 1e-6)), x)));
                            const std::uint8_t code = encoder.encode(x, static_cast<float>(s));
                            ++occupancy[static_cast<std::size_t>(code - (midRise ? 0 : 1))];
                            const double distance = static_cast<double>(x) -
                                                    s * static_cast<double>(encoder.level(code));
                            error += distance * distance;
                            energy += static_cast<double>(x) * static_cast<double>(x);
                        }
                    }
                    QVERIFY(view.occupancy == occupancy);
                    QVERIFY(isClose(view.nmse, error / energy, 1e-5));
                    const Histogram expected =
                        histogram(t, -end, end, static_cast<int>(view.companded.counts.size()));
                    std::int64_t moved = 0;
                    for (std::size_t i = 0; i < expected.counts.size(); ++i)
                        moved += std::abs(expected.counts[i] - view.companded.counts[i]);
                    QVERIFY(moved <= 4);
                    QCOMPARE(std::accumulate(view.companded.counts.begin(),
                                             view.companded.counts.end(), std::int64_t(0)),
                             std::int64_t(1200));
                }
    }

    void sameBitsForAnyNumberOfThreadsAndStops()
    {
        const Tensor w = quantileSample(laplaceQuantile);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            const ExponentStudy study = studyOf(w, schemeOf(4));
            std::vector<std::uint64_t> bits;
            for (const auto& curve : {study.power, study.nearest, study.clipped})
                for (const double error : curve)
                    bits.push_back(std::bit_cast<std::uint64_t>(error));
            bits.push_back(std::bit_cast<std::uint64_t>(study.bestClipped.error));
            return bits;
        };
        QVERIFY(with(1) == with(2));
        Monitor silent;
        const PowerErrors errors = PowerErrors::sorted(w.matrix(), schemeOf(4), silent);
        for (const int k : {0, 10, 100}) {
            StopAt monitor(k);
            try {
                (void)exponentStudy(errors, schemeOf(4), .1, monitor);
                QFAIL("did not stop");
            } catch (const Cancelled&) {
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestExponentStudy)
#include "tst_exponent_study.moc"
