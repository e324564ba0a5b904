// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/solve.h"
#include "core/tensor/half.h"
#include "tests/support/power_samples.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

Scheme schemeOf(int bits, Granularity granularity = Granularity::Channel, std::int64_t group = 0,
                DType type = DType::F32)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = granularity;
    scheme.groupSize = group;
    scheme.scaleType = type;
    return scheme;
}

LayerProblem problemOf(const Tensor& w, const Scheme& scheme)
{
    LayerProblem problem;
    problem.name = "layer";
    problem.weight = w.matrix();
    problem.scheme = scheme;
    return problem;
}

SolveResult solved(const Tensor& w, const Scheme& scheme, const PowerquantOptions& options)
{
    Monitor monitor;
    return solve(problemOf(w, scheme), options, monitor);
}

/// By decoding.
double nmseOf(const Tensor& w, const QuantizedWeight& q)
{
    const Tensor decoded = dequantize(q);
    double error = 0;
    double energy = 0;
    for (std::size_t i = 0; i < w.floats().size(); ++i) {
        const auto x = static_cast<double>(w.floats()[i]);
        const double distance = x - static_cast<double>(decoded.floats()[i]);
        error += distance * distance;
        energy += x * x;
    }
    return energy > 0 ? error / energy : 0;
}

PowerquantOptions optionsOf(PowerRounding rounding, PowerClip clip = PowerClip::None,
                            double outliers = 0)
{
    PowerquantOptions options;
    options.rounding = rounding;
    options.clip = clip;
    options.outliers = outliers;
    return options;
}

constexpr auto power = PowerRounding::PowerDomain;
constexpr auto nearest = PowerRounding::Nearest;

Tensor spoiledMatrix()
{
    Tensor w = randomMatrix(12, 100, 0.05, 4);
    std::fill(w.matrix().row(2).begin(), w.matrix().row(2).end(), 0.0F);
    std::fill(w.matrix().row(3).begin(), w.matrix().row(3).end(), -0.25F);
    w.matrix().row(5)[17] = 3;
    w.matrix().row(7)[1] = -2;
    w.matrix().row(8)[2] = 1e-40F;
    return w;
}

} // namespace

class TestPowerquant : public QObject
{
    Q_OBJECT

private slots:
    void referenceLayer_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<QVector<double>>("row");
        // Weight NMSE: uniform, a and NMSE of power, of nearest; output NMSE of uniform, nearest.
        QTest::newRow("4") << 4 << QVector<double>{.02956994, .62596,  .01714839, .65006,
                                                   .01673659, .030178, .015649};
        QTest::newRow("3") << 3 << QVector<double>{.14771912, .60956,  .09284724, .59108,
                                                   .08132030, .133811, .079399};
        QTest::newRow("2") << 2 << QVector<double>{.59585839, 1,       .59585839, 1,
                                                   .59585839, .641618, .641618};
    }
    void referenceLayer()
    {
        // nupes.md, sections 7.4 and 15.
        QFETCH(int, bits);
        QFETCH(QVector<double>, row);
        const Tensor w = test::referenceLayer();
        LayerProblem problem = problemOf(w, schemeOf(bits));
        problem.inputs = referenceInputs();
        Monitor monitor;
        for (const PowerRounding rounding : {power, nearest}) {
            PowerquantOptions options = optionsOf(rounding);
            options.midRise = MidRise::Never;
            const SolveResult result = solve(problem, options, monitor);
            const bool near = rounding == nearest;
            QVERIFY(isClose(nmseOf(w, result.weight), row[near ? 4 : 2], near ? 1e-5 : 1e-3));
            QVERIFY(isClose(static_cast<double>(result.weight.exponents[0]), row[near ? 3 : 1], 0,
                            near ? 5e-4 : .004));
            const std::vector<TracePoint>& trace = result.report.trace;
            QCOMPARE(trace.size(), std::size_t(near ? 3 : 2));
            QVERIFY(trace.front().stage == TraceStage::RoundToNearest);
            QVERIFY(isClose(trace.front().weightError, row[0], 1e-6));
            QVERIFY(isClose(trace.front().relativeError, row[5], 2e-5));
            QVERIFY(isClose(trace.back().weightError, nmseOf(w, result.weight), 1e-9));
            if (near)
                QVERIFY(isClose(trace.back().relativeError, row[6], 1e-4));
        }
    }

    void anyGridAgreesWithItsReport()
    {
        const Tensor w = spoiledMatrix();
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const int bits : {2, 3, 4})
                for (const PowerClip clip :
                     {PowerClip::None, PowerClip::Common, PowerClip::Granule})
                    for (const ExponentScope scope : {ExponentScope::Layer, ExponentScope::Row})
                        for (const DType type : {DType::F16, DType::F32}) {
                            PowerquantOptions options =
                                optionsOf(bits == 3 ? power : nearest, clip, bits == 4 ? 0.005 : 0);
                            options.exponentScope = scope;
                            const Scheme scheme = schemeOf(bits, granularity, 32, type);
                            const SolveResult result = solved(w, scheme, options);
                            const QuantizedWeight& q = result.weight;
                            QCOMPARE(q.exponents.size(),
                                     std::size_t(scope == ExponentScope::Row ? 12 : 1));
                            QCOMPARE(std::int64_t(q.outliers.columns.size()),
                                     outlierCount(options, 12, 100));
                            QCOMPARE(q.size().bytes(),
                                     storedSize(storedScheme(scheme, options), 12, 100,
                                                storedExtras(scheme, options, 12, 100))
                                         .bytes());
                            QVERIFY(isClose(result.report.trace.back().weightError, nmseOf(w, q),
                                            1e-6, 1e-14));
                            // O2, O3: never worse than the uniform start.
                            QVERIFY(nmseOf(w, q) <=
                                    result.report.trace.front().weightError * (1 + 1e-9));
                            for (const float scale : q.scales)
                                QVERIFY(scale > 0 &&
                                        (type == DType::F32 || roundToHalf(scale) == scale));
                            for (const std::uint8_t code : q.codes)
                                QVERIFY(code > 0 || q.scheme.levels == Levels::PowerMidRise);
                            QVERIFY(q.scheme.symmetric && !result.report.note.empty());
                            for (const float zero : q.zeros)
                                QVERIFY(zero == static_cast<float>(1 << (bits - 1)));
                        }
    }

    void orderings()
    {
        // O1, O2, O3, O6 at equal options; F32 scales.
        for (const int bits : {3, 4, 8})
            for (const Tensor& w :
                 {splitmixSample(t4Quantile, 12, 128), splitmixSample(gaussQuantile, 12, 128)}) {
                const auto error = [&](PowerquantOptions options) {
                    return nmseOf(w, solved(w, schemeOf(bits), options).weight);
                };
                for (const PowerRounding rounding : {power, nearest})
                    for (const PowerClip clip :
                         {PowerClip::None, PowerClip::Common, PowerClip::Granule}) {
                        PowerquantOptions options = optionsOf(rounding, clip);
                        const double best = error(options);
                        options.exponent = 1;
                        QVERIFY(best <= error(options) * (1 + 1e-12));
                        options.exponent = 0;
                        options.exponentScope = ExponentScope::Row;
                        QVERIFY(error(options) <= best * (1 + 1e-12));
                        options.exponentScope = ExponentScope::Layer;
                        options.exponents = ExponentChoice::Exact;
                        QVERIFY(best <= error(options) * (1 + 1e-4));
                    }
                QVERIFY(error(optionsOf(nearest)) <= error(optionsOf(power)));
                const double none = error(optionsOf(nearest));
                const double common = error(optionsOf(nearest, PowerClip::Common));
                const double granule = error(optionsOf(nearest, PowerClip::Granule));
                QVERIFY(common <= none && granule <= common);
            }
    }

    void chosenExponents()
    {
        const Tensor w = splitmixSample(laplaceQuantile, 16, 128);
        PowerquantOptions options = optionsOf(power);
        options.exponent = .7;
        QVERIFY(solved(w, schemeOf(4), options).weight.exponents == std::vector<float>{.7F});
        options.exponentScope = ExponentScope::Row;
        QCOMPARE(solved(w, schemeOf(4), options).weight.exponents, std::vector<float>(16, .7F));
        options = optionsOf(power);
        options.exponentScope = ExponentScope::Model;
        LayerProblem problem = problemOf(w, schemeOf(4));
        Monitor monitor;
        const float alone = solve(problem, options, monitor).weight.exponents[0];
        problem.modelExponent = .81;
        QVERIFY(solve(problem, options, monitor).weight.exponents == std::vector<float>{.81F});
        QVERIFY(alone == solved(w, schemeOf(4), optionsOf(power)).weight.exponents[0]);
        options.exponents = ExponentChoice::Exact;
        problem.modelExponent.reset();
        const float exact = solve(problem, options, monitor).weight.exponents[0];
        QVERIFY(exact == .5F || exact == 1);
    }

    void otherSearches()
    {
        const Tensor w = quantileSample(t4Quantile);
        const Scheme scheme = schemeOf(3, Granularity::Tensor);
        PowerquantOptions options = optionsOf(power);
        QVERIFY(isClose(static_cast<double>(solved(w, scheme, options).weight.exponents[0]), .371,
                        0, .003));
        options.search = ExponentSearch::NelderMead; // the wrong basin
        QVERIFY(isClose(static_cast<double>(solved(w, scheme, options).weight.exponents[0]), .754,
                        0, .02));
        for (const PowerClip clip : {PowerClip::Common, PowerClip::Granule}) {
            options.clip = clip;
            const double walked = nmseOf(w, solved(w, scheme, options).weight);
            QVERIFY(isClose(walked, .10847, .05)); // with a clip there is one basin
        }
        // Other norms: less of that error than the squares' optimum, by brute force.
        for (const std::int64_t rows : {8, 400}) { // few weights, and bins
            const Tensor x = splitmixSample(laplaceQuantile, rows, 200);
            for (const double norm : {1.0, 2.5}) {
                PowerquantOptions other = optionsOf(nearest);
                other.norm = norm;
                const auto loss = [&](const PowerquantOptions& chosen) {
                    const Tensor decoded = dequantize(solved(x, schemeOf(4), chosen).weight);
                    double sum = 0;
                    for (std::size_t i = 0; i < x.floats().size(); ++i)
                        sum += std::pow(std::fabs(static_cast<double>(x.floats()[i]) -
                                                  static_cast<double>(decoded.floats()[i])),
                                        norm);
                    return sum;
                };
                const double found = loss(other);
                QVERIFY(found <= loss(optionsOf(nearest)) * 1.0005);
                PowerquantOptions fixed = optionsOf(nearest);
                for (const double a : {.4, .5, .6, .7, .8, 1.0}) {
                    fixed.exponent = a;
                    QVERIFY(found <= loss(fixed) * 1.0005);
                }
            }
        }
    }

    void outliersSave()
    {
        // Section 10: 0.1 % and 1 % of a Gaussian multiplied by 10.
        Tensor w = quantileSample(gaussQuantile);
        for (const std::uint64_t every : {1000, 100}) {
            Tensor spoiled(Shape{1, quantileSampleSize});
            for (std::size_t i = 0; i < quantileSampleSize; ++i) {
                const bool out = splitmixUniform(i) * static_cast<double>(every) < 1;
                spoiled.floats()[i] = w.floats()[i] * (out ? 10 : 1);
            }
            const double share = 1.0 / static_cast<double>(every);
            const Scheme scheme = schemeOf(4, Granularity::Tensor);
            const auto error = [&](const PowerquantOptions& options) {
                return nmseOf(spoiled, solved(spoiled, scheme, options).weight);
            };
            PowerquantOptions uniform = optionsOf(power);
            uniform.exponent = 1;
            const double plain = error(uniform);
            const double best = error(optionsOf(power));
            const double clipped = error(optionsOf(power, PowerClip::Common));
            PowerquantOptions keptUniform = uniform;
            keptUniform.outliers = share;
            const double kept = error(optionsOf(power, PowerClip::None, share));
            QVERIFY(best < plain / 4);
            QVERIFY(clipped <= best);
            QVERIFY(kept < clipped / 3);
            QVERIFY(kept < error(keptUniform) && error(keptUniform) < best);
            // Their places hold the weights as stored, their codes the level next to zero.
            const QuantizedWeight q =
                solved(spoiled, scheme, optionsOf(power, PowerClip::None, share)).weight;
            QCOMPARE(std::int64_t(q.outliers.columns.size()),
                     std::int64_t(std::llround(share * quantileSampleSize)));
            QVERIFY(q.outliers.rowStarts ==
                    (std::vector<std::uint32_t>{0, std::uint32_t(q.outliers.columns.size())}));
            QVERIFY(std::is_sorted(q.outliers.columns.begin(), q.outliers.columns.end()));
            for (std::size_t i = 0; i < q.outliers.columns.size(); ++i) {
                QVERIFY(q.outliers.values[i] == spoiled.floats()[q.outliers.columns[i]]);
                QCOMPARE(int(q.codes[q.outliers.columns[i]]), 8);
            }
        }
        // In rows of their own scale a huge weight has no error itself, but makes its row's.
        Tensor rows = randomMatrix(16, 256, 1, 5);
        for (std::int64_t r = 0; r < 16; r += 2)
            rows.matrix().row(r)[static_cast<std::size_t>(3 * r)] = 300;
        const QuantizedWeight q = solved(rows, schemeOf(4, Granularity::Channel, 0, DType::F16),
                                         optionsOf(power, PowerClip::None, 8.0 / (16 * 256)))
                                      .weight;
        for (const float value : q.outliers.values)
            QVERIFY(value == 300);
        QCOMPARE(q.outliers.values.size(), std::size_t(8));
    }

    void twoBitsHaveFourLevels()
    {
        const Tensor w = quantileSample(gaussQuantile);
        const Scheme scheme = schemeOf(2, Granularity::Tensor);
        PowerquantOptions options = optionsOf(nearest, PowerClip::Common);
        const SolveResult four = solved(w, scheme, options);
        QVERIFY(four.weight.scheme.levels == Levels::PowerMidRise);
        QVERIFY(isClose(nmseOf(w, four.weight), .1174706, 1e-5));
        options.midRise = MidRise::Never;
        const SolveResult three = solved(w, scheme, options);
        QVERIFY(three.weight.scheme.levels == Levels::Power);
        QVERIFY(isClose(nmseOf(w, three.weight), .1901630, 1e-5));
        QVERIFY(three.weight.exponents[0] == 1);
        options.midRise = MidRise::Always;
        QVERIFY(solved(w, schemeOf(3), options).weight.scheme.levels == Levels::PowerMidRise);
        options.midRise = MidRise::Auto;
        QVERIFY(solved(w, schemeOf(3), options).weight.scheme.levels == Levels::Power);
        // Most weights zero: three levels lose less.
        Tensor sparse = Tensor::zeros(DType::F32, {4, 64});
        for (std::int64_t r = 0; r < 4; ++r)
            sparse.matrix().row(r)[static_cast<std::size_t>(r)] = 1;
        const SolveResult zeros = solved(sparse, schemeOf(2), options);
        QVERIFY(zeros.weight.scheme.levels == Levels::Power);
        QVERIFY(nmseOf(sparse, zeros.weight) == 0);
    }

    void levelsComeBack()
    {
        // A weight made of levels: no error, its codes recovered; its scale does not matter.
        Scheme scheme = schemeOf(4, Granularity::Channel);
        Scheme levels = scheme;
        levels.symmetric = true;
        levels.levels = Levels::Power;
        const std::vector<float> table = PowerLevels(levels, .61).table(4);
        Tensor w(Shape{6, 64});
        for (std::size_t i = 0; i < w.floats().size(); ++i)
            w.floats()[i] = 0.25F * table[1 + static_cast<std::size_t>(15 * splitmixUniform(i))];
        for (std::int64_t r = 0; r < 6; ++r)
            w.matrix().row(r)[static_cast<std::size_t>(r)] = .25F;
        PowerquantOptions options = optionsOf(nearest);
        options.exponent = .61;
        const SolveResult result = solved(w, scheme, options);
        QVERIFY(nmseOf(w, result.weight) < 1e-13);
        for (std::size_t i = 0; i < w.floats().size(); ++i)
            QVERIFY(.25F * table[result.weight.codes[i]] == w.floats()[i]);
        Tensor larger = w.clone();
        for (float& x : larger.floats())
            x *= 64;
        QVERIFY(solved(larger, scheme, options).weight.codes == result.weight.codes);
    }

    void limitsOfTheUser()
    {
        const Tensor w = randomMatrix(6, 200, 1, 4);
        Scheme scheme = schemeOf(4);
        scheme.clip = ClipLimits{-0.5F, 1.25F};
        const QuantizedWeight q = solved(w, scheme, optionsOf(power)).weight;
        QVERIFY(!q.scheme.clip);
        for (const float scale : q.scales)
            QVERIFY(scale == 1.25F);
        scheme.clip = ClipLimits{-0.5F, 0.25F};
        for (const float scale :
             solved(w, scheme, optionsOf(nearest, PowerClip::Granule)).weight.scales)
            QVERIFY(scale <= .5F);
    }

    void awkwardWeights()
    {
        Monitor monitor;
        for (const PowerClip clip : {PowerClip::None, PowerClip::Common, PowerClip::Granule})
            for (const Shape& shape : {Shape{3, 5}, Shape{0, 5}, Shape{4, 0}}) {
                const Tensor zeros = Tensor::zeros(DType::F32, shape);
                const SolveResult result = solved(zeros, schemeOf(4), optionsOf(nearest, clip));
                QVERIFY(nmseOf(zeros, result.weight) == 0);
                QVERIFY(result.weight.exponents[0] > 0);
            }
        // All weights alike: codes ±N, no error (test 30).
        Tensor same(Shape{2, 7});
        std::fill(same.floats().begin(), same.floats().end(), -.375F);
        same.floats()[3] = .375F;
        const QuantizedWeight q = solved(same, schemeOf(3), optionsOf(power)).weight;
        QVERIFY(nmseOf(same, q) == 0 && q.codes[0] == 1 && q.codes[3] == 7);
        // Too large for half precision, and not finite.
        Tensor huge = randomMatrix(2, 8, 1, 1);
        huge.floats()[3] = 1e6F;
        for (const float bad : {1e6F, std::numeric_limits<float>::quiet_NaN(),
                                std::numeric_limits<float>::infinity()}) {
            huge.floats()[3] = bad;
            try {
                (void)solved(huge, schemeOf(4, Granularity::Channel, 0, DType::F16),
                             optionsOf(power));
                QFAIL("accepted");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Numeric);
                QVERIFY(std::string_view(error.what()).find("layer") != std::string_view::npos);
            }
        }
        // Subnormal weights.
        Tensor tiny = randomMatrix(2, 50, 1e-41, 1);
        const SolveResult small = solved(tiny, schemeOf(4), optionsOf(power));
        QVERIFY(std::isfinite(small.report.trace.back().weightError));
    }

    void rowsDoNotDependOnTheirPlace()
    {
        // Test 29: other rows, the same codes.
        const Tensor w = splitmixSample(t4Quantile, 10, 64);
        Tensor turned(Shape{10, 64});
        for (std::int64_t r = 0; r < 10; ++r)
            std::copy_n(w.matrix().row(r).data(), 64, turned.matrix().row(9 - r).data());
        const QuantizedWeight a = solved(w, schemeOf(4), optionsOf(nearest)).weight;
        const QuantizedWeight b = solved(turned, schemeOf(4), optionsOf(nearest)).weight;
        QVERIFY(a.exponents == b.exponents);
        for (std::size_t r = 0; r < 10; ++r)
            for (std::size_t c = 0; c < 64; ++c)
                QCOMPARE(a.codes[r * 64 + c], b.codes[(9 - r) * 64 + c]);
    }

    void sharedWithInputs()
    {
        // One exponent between that of the weights and that of the inputs.
        const Tensor w = splitmixSample(gaussQuantile, 24, 96);
        auto inputs = referenceInputsCopy();
        auto magnitudes = std::make_shared<SignedMagnitudes>();
        const Tensor x = splitmixSample(t4Quantile, 64, 96, 1, 77777);
        magnitudes->add(x.floats());
        inputs->magnitudes = magnitudes;
        LayerProblem problem = problemOf(w, schemeOf(4));
        problem.inputs = inputs;
        Monitor monitor;
        const auto exponent = [&](ActivationExponent shared) {
            problem.activation.bits = 8;
            problem.activation.clip = false;
            problem.activation.exponent = shared;
            return solve(problem, optionsOf(nearest), monitor).weight.exponents[0];
        };
        const float alone = exponent(ActivationExponent::Searched);
        const float shared = exponent(ActivationExponent::Shared);
        QVERIFY(shared <= alone);
        QVERIFY(alone == solved(w, schemeOf(4), optionsOf(nearest)).weight.exponents[0]);
        // By brute force: no exponent has a lower sum.
        const auto sum = [&](double a) {
            PowerquantOptions fixed = optionsOf(nearest);
            fixed.exponent = a;
            return nmseOf(w, solved(w, schemeOf(4), fixed).weight) +
                   activationError(*magnitudes, problem.activation, a);
        };
        const double found = sum(static_cast<double>(shared));
        for (double a = .3; a < 1.1; a += .05)
            QVERIFY(found <= sum(a) * 1.0001);
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor w = splitmixSample(t4Quantile, 48, 256);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            std::vector<QuantizedWeight> all;
            for (const PowerClip clip : {PowerClip::None, PowerClip::Granule})
                for (const ExponentScope scope : {ExponentScope::Layer, ExponentScope::Row}) {
                    PowerquantOptions options = optionsOf(power, clip, .01);
                    options.exponentScope = scope;
                    all.push_back(solved(w, schemeOf(4, Granularity::Group, 64), options).weight);
                }
            return all;
        };
        const auto one = with(1);
        const auto two = with(2);
        for (std::size_t i = 0; i < one.size(); ++i)
            QVERIFY(one[i].codes == two[i].codes && one[i].scales == two[i].scales &&
                    one[i].exponents == two[i].exponents && one[i].outliers == two[i].outliers);
    }

    void stops()
    {
        const Tensor w = splitmixSample(t4Quantile, 96, 256);
        for (const int k : {0, 3, 20, 100, 500}) {
            StopAt monitor(k);
            try {
                (void)solve(problemOf(w, schemeOf(4)), optionsOf(nearest, PowerClip::Granule, .01),
                            monitor);
                QFAIL("did not stop");
            } catch (const Cancelled&) {
            }
        }
    }

private:
    static std::shared_ptr<InputStatistics> referenceInputsCopy()
    {
        const auto from = referenceInputs();
        auto copy = std::make_shared<InputStatistics>();
        copy->features = from->features;
        copy->rows = from->rows;
        copy->hessian = from->hessian;
        copy->minimum = from->minimum;
        copy->maximum = from->maximum;
        copy->secondMoment = from->secondMoment;
        return copy;
    }
};

QTEST_APPLESS_MAIN(TestPowerquant)
#include "tst_powerquant.moc"
