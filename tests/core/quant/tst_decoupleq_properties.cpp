// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "tests/support/decoupleq_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

void setGroup(SolvableLayer& layer, std::int64_t group)
{
    layer.scheme.granularity = group > 0 ? Granularity::Group : Granularity::Channel;
    layer.scheme.groupSize = group;
}

} // namespace

class TestDecoupleqProperties : public QObject
{
    Q_OBJECT

private slots:
    void representableRowsAreFound()
    {
        // Reference, test T3.
        SolvableLayer layer = correlatedLayer(10, 24);
        for (std::size_t r = 0; r < 10; ++r)
            for (std::size_t c = 0; c < 24; ++c)
                layer.weight.floats()[r * 24 + c] =
                    0.25F * (static_cast<float>((c * 7 + r) % 4) - 2);
        for (int n = 0; n <= 4; ++n) {
            DecoupleqOptions options;
            options.iterations = n;
            const SolveResult result = layer.solveWith(options);
            QVERIFY(layer.relativeErrorOf(result) < 1e-12);
            for (std::size_t r = 0; r < 10; ++r)
                for (std::size_t c = 0; c < 24; ++c)
                    QCOMPARE(static_cast<std::size_t>(result.weight.codes[r * 24 + c]),
                             (c * 7 + r) % 4);
        }
    }

    void scaleDoesNotMatter()
    {
        // Reference, test T11.
        SolvableLayer layer = correlatedLayer(20, 48);
        for (const std::int64_t group : {0, 16})
            for (const IntegerSolver solver : {IntegerSolver::Sweep, IntegerSolver::BoxDescent}) {
                setGroup(layer, group);
                DecoupleqOptions options;
                options.solver = solver;
                options.polish = 2;
                const SolveResult result = layer.solveWith(options);
                for (const double c : {1e-8, 1e-6, 1e-3, 1e8}) {
                    std::vector<double> h = layer.inputs->hessian;
                    for (double& value : h)
                        value *= c;
                    SolvableLayer other(layer.weight.clone(), h);
                    other.scheme = layer.scheme;
                    const SolveResult scaled = other.solveWith(options);
                    QVERIFY(scaled.weight.codes == result.weight.codes);
                    QVERIFY(allClose(std::span<const float>(scaled.weight.scales),
                                     std::span<const float>(result.weight.scales), 1e-6, 0));
                }
                for (const float c : {1e-3F, 64.0F}) {
                    SolvableLayer other(layer.weight.clone(), layer.inputs->hessian);
                    other.scheme = layer.scheme;
                    for (float& w : other.weight.floats())
                        w *= c;
                    const SolveResult scaled = other.solveWith(options);
                    QVERIFY(scaled.weight.codes == result.weight.codes);
                    for (std::size_t i = 0; i < scaled.weight.scales.size(); ++i)
                        QVERIFY(isClose(static_cast<double>(scaled.weight.scales[i]),
                                        static_cast<double>(c * result.weight.scales[i]), 1e-5));
                }
            }
    }

    void permutedInputsPermuteTheCodes()
    {
        // Reference, test T12.
        const SolvableLayer layer = correlatedLayer(12, 30);
        Tensor w(Shape{12, 30});
        std::vector<double> h(900);
        const auto from = [](std::size_t j) { return (j * 7 + 3) % 30; };
        for (std::size_t j = 0; j < 30; ++j) {
            for (std::int64_t r = 0; r < 12; ++r)
                w.matrix().row(r)[j] = layer.weight.matrix().row(r)[from(j)];
            for (std::size_t k = 0; k < 30; ++k)
                h[j * 30 + k] = layer.inputs->hessian[from(j) * 30 + from(k)];
        }
        const SolvableLayer permuted(std::move(w), h);
        const SolveResult a = layer.solveWith(DecoupleqOptions{});
        const SolveResult b = permuted.solveWith(DecoupleqOptions{});
        for (std::size_t r = 0; r < 12; ++r)
            for (std::size_t j = 0; j < 30; ++j)
                QCOMPARE(b.weight.codes[r * 30 + j], a.weight.codes[r * 30 + from(j)]);
    }

    void degenerateRows_data()
    {
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        QTest::addColumn<bool>("floatZeros");
        QTest::addColumn<int>("solver");
        for (const int group : {0, 8})
            for (const bool symmetric : {false, true})
                for (const bool zeros : {true, false})
                    for (const int solver : {0, 1, 2})
                        QTest::addRow("group %d%s%s, solver %d", group,
                                      symmetric ? ", symmetric" : "",
                                      zeros ? "" : ", integer zeros", solver)
                            << group << symmetric << zeros << solver;
    }
    void degenerateRows()
    {
        // Reference, test T14: a zero row, constant ones, an outlier; fewer inputs than features;
        // a dead feature and two that are the same.
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        QFETCH(bool, floatZeros);
        QFETCH(int, solver);
        Tensor x = correlatedInputs(10, 32, 3);
        for (std::int64_t n = 0; n < 10; ++n) {
            x.matrix().row(n)[5] = 0;
            x.matrix().row(n)[9] = x.matrix().row(n)[8];
        }
        SolvableLayer layer(randomMatrix(6, 32, 0.05, 8), meanGram(x), 10);
        std::fill_n(layer.weight.matrix().row(0).begin(), 32, 0.0F);
        std::fill_n(layer.weight.matrix().row(1).begin(), 32, 0.3F);
        std::fill_n(layer.weight.matrix().row(2).begin(), 32, -0.3F);
        layer.weight.matrix().row(3)[7] = 40;
        layer.scheme.symmetric = symmetric;
        setGroup(layer, group);
        DecoupleqOptions options;
        options.floatZeros = floatZeros;
        options.solver = static_cast<IntegerSolver>(solver);
        options.polish = 1;
        for (const double damping : {0.01, 0.0}) {
            options.damping = damping;
            options.iterations = 0;
            options.polish = 0;
            const std::vector<double> nearest = layer.errorsOf(layer.solveWith(options), damping);
            options.iterations = 3;
            options.polish = 1;
            const SolveResult result = layer.solveWith(options);
            const std::vector<double> errors = layer.errorsOf(result, damping);
            for (std::size_t r = 0; r < 6; ++r)
                QVERIFY(errors[r] <= nearest[r] * (1 + 1e-5) + 1e-12);
            QVERIFY(errors[0] == 0);
            for (std::size_t i = 0; i < result.weight.scales.size(); ++i) {
                QVERIFY(std::isfinite(result.weight.scales[i]) && result.weight.scales[i] > 0);
                QVERIFY(std::isfinite(result.weight.zeros[i]));
            }
            QCOMPARE(result.report.deadColumns, std::int64_t(1));
            for (const char* part : {"1 dead column", "only 10 calibration rows", "1 row of zeros"})
                QVERIFY2(result.report.note.find(part) != std::string::npos,
                         result.report.note.c_str());
            if (damping == 0)
                QVERIFY2(result.report.note.find("damping raised") != std::string::npos,
                         result.report.note.c_str());
        }
    }

    void nothingButDeadInputs()
    {
        const SolvableLayer layer(randomMatrix(4, 8, 1, 3), std::vector<double>(64));
        const SolveResult result = layer.solveWith(DecoupleqOptions{});
        QCOMPARE(result.report.deadColumns, std::int64_t(8));
        QVERIFY(result.report.note.find("all inputs are zero") != std::string::npos);
        QVERIFY(result.weight.codes == layer.solveWith(RtnOptions{}).weight.codes);
    }

    /// A dead column costs no error without damping, whatever its code: it keeps that of the start.
    void polishLeavesDeadColumnsAlone()
    {
        constexpr std::int64_t d = 6;
        const DecoupleqFixture fixture(4, d, schemeOf(2));
        std::vector<double> h(fixture.layer().hessian.begin(), fixture.layer().hessian.end());
        for (std::size_t k = 0; k < d; ++k)
            h[2 * d + k] = h[k * d + 2] = 0;
        SolvableLayer layer(randomMatrix(40, d, 1, 3), h);
        DecoupleqOptions options;
        options.iterations = 0;
        options.damping = 0;
        const SolveResult start = layer.solveWith(options);
        options.polish = 3;
        const SolveResult polished = layer.solveWith(options);
        QVERIFY(polished.weight.codes != start.weight.codes);
        for (std::size_t r = 0; r < 40; ++r)
            QCOMPARE(int(polished.weight.codes[r * d + 2]), int(start.weight.codes[r * d + 2]));
    }

    /// Nine times a ninth is more than one in doubles: a run with such a share could not be stored.
    void sharesOverGroupsStayShares()
    {
        constexpr std::int64_t d = 4;
        const DecoupleqFixture fixture(4, d, schemeOf(2));
        const auto h = fixture.layer().hessian;
        for (const std::int64_t groups : {9, 48}) {
            SolvableLayer layer(randomMatrix(2 * groups, d, 1, 5), {});
            layer.inputs->groups = groups;
            for (std::int64_t g = 0; g < groups; ++g)
                layer.inputs->hessian.insert(layer.inputs->hessian.end(), h.begin(), h.end());
            const SolveResult result = layer.solveWith(DecoupleqOptions{});
            QVERIFY(!result.report.trace.empty());
            QVERIFY(result.report.trace.front().accepted == 1);
            for (const TracePoint& point : result.report.trace)
                QVERIFY(point.accepted >= 0 && point.accepted <= 1);
        }
    }

    void neverWorseThanGptqFromTheSameStart()
    {
        // With integer zeros the start is GPTQ's grid; the factor is damped twice.
        for (const int bits : {2, 3, 4, 8})
            for (const std::int64_t group : {0, 32})
                for (const bool order : {false, true}) {
                    if (group > 0 && !order)
                        continue; // GPTQ finds the grids of groups on the way: another start
                    SolvableLayer layer = correlatedLayer(40, 96);
                    layer.scheme.bits = bits;
                    layer.scheme.scaleType = DType::F16;
                    setGroup(layer, group);
                    GptqOptions gptq;
                    gptq.actOrder = order;
                    gptq.damping = 0.01 + 0.01 * 1.01;
                    const std::vector<double> limit = layer.errorsOf(layer.solveWith(gptq));
                    DecoupleqOptions options;
                    options.actOrder = order;
                    options.floatZeros = false;
                    for (const int n : {1, 2, 4}) {
                        options.iterations = n;
                        const SolveResult result = layer.solveWith(options);
                        const std::vector<double> errors = layer.errorsOf(result);
                        for (std::size_t r = 0; r < errors.size(); ++r)
                            QVERIFY(errors[r] <= limit[r] * (1 + 1e-5));
                        QVERIFY(!result.weight.scheme.floatZeros);
                        for (const float zero : result.weight.zeros)
                            QVERIFY(zero == std::rint(zero) && zero >= 0 &&
                                    zero <= static_cast<float>(layer.scheme.maximumCode()));
                    }
                }
    }

    void errorsFallAndAreAsTraced_data()
    {
        QTest::addColumn<int>("solver");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        QTest::addColumn<bool>("half");
        for (const int solver : {0, 1, 2})
            for (const int group : {0, 16})
                for (const bool symmetric : {false, true})
                    for (const bool half : {false, true})
                        QTest::addRow("solver %d, group %d%s%s", solver, group,
                                      symmetric ? ", symmetric" : "", half ? ", half" : "")
                            << solver << group << symmetric << half;
    }
    void errorsFallAndAreAsTraced()
    {
        QFETCH(int, solver);
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        QFETCH(bool, half);
        SolvableLayer layer = correlatedLayer(30, 64);
        layer.scheme.symmetric = symmetric;
        layer.scheme.scaleType = half ? DType::F16 : DType::F32;
        setGroup(layer, group);
        DecoupleqOptions options;
        options.solver = static_cast<IntegerSolver>(solver);
        options.lookahead = 2;
        std::vector<double> last;
        for (const int n : {0, 1, 2, 3, 5}) {
            options.iterations = n;
            options.polish = n == 5 ? 3 : 0;
            const SolveResult result = layer.solveWith(options);
            const std::vector<double> errors = layer.errorsOf(result);
            for (std::size_t r = 0; r < last.size(); ++r)
                QVERIFY(errors[r] <= last[r] * (1 + 1e-6));
            last = errors;
            const std::vector<TracePoint>& trace = result.report.trace;
            QVERIFY(!trace.empty());
            QVERIFY(trace.front().stage == TraceStage::RoundToNearest);
            QVERIFY(isClose(trace.back().relativeError, layer.relativeErrorOf(result), 1e-4));
            for (const TracePoint& point : trace)
                QVERIFY(point.accepted >= 0 && point.accepted <= 1 &&
                        std::isfinite(point.scaleChange) && std::isfinite(point.zeroChange));
            if (half)
                for (std::size_t i = 0; i < result.weight.scales.size(); ++i) {
                    QVERIFY(result.weight.scales[i] == roundToHalf(result.weight.scales[i]));
                    QVERIFY(result.weight.zeros[i] == roundToHalf(result.weight.zeros[i]));
                }
        }
    }

    void farBelowGptqOnTheDeterministicLayer()
    {
        SolvableLayer layer = deterministicLayer(256, 256);
        QVERIFY(isClose(static_cast<double>(layer.weight.floats()[0]), .07013068470778, 1e-6));
        const double atLeast[] = {2.0, 1.4, 1.1};
        for (const int bits : {2, 3, 4}) {
            layer.scheme.bits = bits;
            GptqOptions gptq;
            gptq.actOrder = true;
            const double reference = layer.relativeErrorOf(layer.solveWith(gptq));
            const double error = layer.relativeErrorOf(layer.solveWith(DecoupleqOptions{}));
            qInfo("%d bits: %.5f, GPTQ %.5f, ratio %.3f", bits, error, reference,
                  reference / error);
            QVERIFY(reference > atLeast[bits - 2] * error);
        }
    }

    void orderOfTheSolvers()
    {
        // Reference, properties O6 to O8, as sums over the rows.
        const SolvableLayer layer = correlatedLayer(96, 128);
        DecoupleqOptions options;
        std::vector<double> errors;
        for (const int n : {0, 1, 2, 4}) {
            options.iterations = n;
            errors.push_back(layer.relativeErrorOf(layer.solveWith(options)));
        }
        QVERIFY(errors[1] < 0.7 * errors[0]);
        QVERIFY(errors[2] < 0.7 * errors[1]);
        QVERIFY(errors[3] <= errors[2]);
        options.actOrder = false;
        QVERIFY(errors[3] < 1.05 * layer.relativeErrorOf(layer.solveWith(options)));
        options.actOrder = true;
        options.solver = IntegerSolver::BoxDescent;
        const double box = layer.relativeErrorOf(layer.solveWith(options));
        options.solver = IntegerSolver::ProjectedAdam;
        const double adam = layer.relativeErrorOf(layer.solveWith(options));
        options.solver = IntegerSolver::Sweep;
        options.polish = 10;
        const double polished = layer.relativeErrorOf(layer.solveWith(options));
        qInfo("N = 4 %.5f, box %.5f, Adam %.5f, polished %.5f", errors[3], box, adam, polished);
        QVERIFY(box < 0.95 * errors[3]);
        QVERIFY(box < 1.05 * adam);
        QVERIFY(polished < 0.98 * errors[3]);
    }

    void clipIsHonored()
    {
        SolvableLayer layer = correlatedLayer(8, 16);
        layer.scheme.clip = ClipLimits{-0.02F, 0.03F};
        DecoupleqOptions options;
        options.iterations = 0;
        const SolveResult result = layer.solveWith(options);
        QVERIFY(!result.weight.scheme.clip);
        for (const float scale : result.weight.scales)
            QVERIFY(scale <= 0.05F / 3 * 1.0001F);
    }

    void threadsDoNotMatter()
    {
        SolvableLayer layer = correlatedLayer(150, 80);
        for (const int solver : {0, 1, 2})
            for (const std::int64_t group : {0, 16}) {
                setGroup(layer, group);
                DecoupleqOptions options;
                options.solver = static_cast<IntegerSolver>(solver);
                options.lookahead = 1;
                options.relaxation = 10;
                options.polish = 1;
                const auto run = [&](int threads) {
                    const ThreadLimit limit(threads);
                    return layer.solveWith(options);
                };
                const SolveResult one = run(1);
                const SolveResult four = run(4);
                QVERIFY(one.weight.codes == four.weight.codes);
                QVERIFY(one.weight.scales == four.weight.scales);
                QVERIFY(one.weight.zeros == four.weight.zeros);
                QVERIFY(one.report.trace.size() == four.report.trace.size());
            }
    }

    void cancelled()
    {
        const SolvableLayer layer = correlatedLayer(70, 40);
        for (const int solver : {0, 1, 2}) {
            DecoupleqOptions options;
            options.solver = static_cast<IntegerSolver>(solver);
            options.lookahead = 1;
            options.relaxation = 2;
            options.polish = 1;
            for (int k = 0; k < 60; ++k) {
                StopAt monitor(k);
                QVERIFY_EXCEPTION_THROWN((void)layer.solveWith(options, monitor), Cancelled);
            }
        }
    }

    void refusesWhatItCannotDo()
    {
        SolvableLayer layer = correlatedLayer(4, 8);
        layer.scheme.granularity = Granularity::Tensor;
        QVERIFY_EXCEPTION_THROWN((void)layer.solveWith(DecoupleqOptions{}), Error);
        layer.scheme.granularity = Granularity::Channel;
        layer.weight.floats()[5] = std::numeric_limits<float>::infinity();
        QVERIFY_EXCEPTION_THROWN((void)layer.solveWith(DecoupleqOptions{}), Error);
    }
};

QTEST_APPLESS_MAIN(TestDecoupleqProperties)
#include "tst_decoupleq_properties.moc"
