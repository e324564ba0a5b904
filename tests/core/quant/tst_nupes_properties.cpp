// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/quant/asymmetric_target.h"
#include "tests/support/nupes_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The grid of the reference's table: largest magnitudes as scales, levels with zero.
NupesOptions plainOptions()
{
    NupesOptions options;
    options.clip = PowerClip::None;
    options.midRise = MidRise::Never;
    return options;
}

double reachedBy(const SolveResult& result)
{
    return result.report.trace.back().relativeError;
}

/// What has to hold of any result.
void verifyResult(const SolvableLayer& layer, const SolveResult& result)
{
    const QuantizedWeight& weight = result.weight;
    QVERIFY(weight.scheme.levels != Levels::Uniform);
    QVERIFY(!weight.scheme.symmetric || weight.zeros[0] > 0);
    for (const float scale : weight.scales) {
        QVERIFY(scale > 0 && std::isfinite(scale));
        if (layer.scheme.scaleType == DType::F16)
            QCOMPARE(scale, roundToHalf(scale));
    }
    for (const std::uint8_t code : weight.codes)
        QVERIFY(code < 1 << weight.scheme.bits &&
                (code > 0 || weight.scheme.levels == Levels::PowerMidRise));
    for (const float exponent : weight.exponents)
        QVERIFY(exponent >= 0.15F && exponent <= 1.6F);
    const auto& trace = result.report.trace;
    QVERIFY(trace.size() > 1);
    // Learning never raises the error.
    bool learning = false;
    for (std::size_t i = 1; i < trace.size(); ++i) {
        learning = learning || trace[i].stage == TraceStage::Sweep ||
                   trace[i].stage == TraceStage::Gradient || trace[i].stage == TraceStage::Integers;
        if (learning)
            QVERIFY(trace[i].relativeError <= trace[i - 1].relativeError * (1 + 1e-6) + 2e-9);
        QVERIFY(trace[i].accepted >= 0 && trace[i].accepted <= 1);
        QVERIFY(trace[i].exponent > 0);
    }
    QVERIFY(learning);
    QVERIFY(isClose(trace.back().relativeError, layer.relativeErrorOf(result), 2e-4, 1e-9));
    const Tensor decoded = dequantize(weight);
    double e = 0;
    double w = 0;
    for (std::size_t i = 0; i < decoded.floats().size(); ++i) {
        const auto x = static_cast<double>(layer.weight.floats()[i]);
        const double difference = static_cast<double>(decoded.floats()[i]) - x;
        e += difference * difference;
        w += x * x;
    }
    QVERIFY(isClose(trace.back().weightError, e / w, 1e-4, 1e-9));
    double exponents = 0;
    for (const float exponent : weight.exponents)
        exponents += static_cast<double>(exponent);
    QVERIFY(isClose(trace.back().exponent, exponents / static_cast<double>(weight.exponents.size()),
                    1e-6));
}

/// W and H of grouped inputs side by side.
SolvableLayer groupedLayer(std::int64_t groups, std::int64_t rows, std::int64_t cols)
{
    std::vector<double> hessian;
    for (std::int64_t g = 0; g < groups; ++g) {
        const std::vector<double> own =
            meanGram(correlatedInputs(4 * cols, cols, static_cast<std::uint64_t>(g + 1)));
        hessian.insert(hessian.end(), own.begin(), own.end());
    }
    SolvableLayer layer(splitmixSample(t4Quantile, groups * rows, cols, .05), hessian);
    layer.inputs->groups = groups;
    layer.scheme.bits = 3;
    return layer;
}

} // namespace

class TestNupesProperties : public QObject
{
    Q_OBJECT

private slots:
    void allWays_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<int>("solver");
        QTest::addColumn<int>("scope");
        QTest::addColumn<double>("outliers");
        QTest::addColumn<bool>("half");
        QTest::addColumn<bool>("midRise");
        int number = 0;
        for (const int bits : {2, 3, 4, 8})
            for (const int group : {0, 32, -1})
                for (const int solver : {0, 1, 2}) {
                    ++number;
                    if (bits == 8 && number % 2 == 0)
                        continue; // the search for the start takes long
                    const int scope = bits == 8 ? number % 3 / 2 : number % 3;
                    const double outliers = number % 2 == 0 ? 0.02 : 0;
                    const bool half = number % 4 < 2;
                    const bool midRise = number % 5 == 0;
                    QTest::addRow("%d bits, group %d, solver %d, scope %d, outliers %g%s%s", bits,
                                  group, solver, scope, outliers, half ? ", float16" : "",
                                  midRise ? ", mid-rise" : "")
                        << bits << group << solver << scope << outliers << half << midRise;
                }
    }

    void allWays()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(int, solver);
        QFETCH(int, scope);
        QFETCH(double, outliers);
        QFETCH(bool, half);
        QFETCH(bool, midRise);
        SolvableLayer layer = solvableReference(bits, std::max(group, 0));
        if (group < 0)
            layer.scheme.granularity = Granularity::Tensor;
        layer.scheme.scaleType = half ? DType::F16 : DType::F32;
        NupesOptions options;
        options.solver = static_cast<NupesSolver>(solver);
        options.exponentScope = static_cast<ExponentScope>(scope);
        options.outliers = outliers;
        options.midRise = midRise ? MidRise::Always : MidRise::Auto;
        options.steps = 150;
        options.rounds = 4;
        const SolveResult result = layer.solveWith(options);
        verifyResult(layer, result);
        QCOMPARE(result.weight.outliers.columns.size(),
                 static_cast<std::size_t>(std::llround(outliers * 48 * 96)));
        QCOMPARE(result.weight.exponents.size(),
                 options.exponentScope == ExponentScope::Row ? std::size_t{48} : std::size_t{1});
        // Better than where it began, by much.
        PowerquantOptions free;
        static_cast<PowerGridOptions&>(free) = options;
        free.rounding = PowerRounding::Nearest;
        const SolveResult start = layer.solveWith(free);
        QVERIFY(layer.relativeErrorOf(result) < 0.75 * layer.relativeErrorOf(start));
        QVERIFY(result.weight.outliers == start.weight.outliers);
        if (options.solver == NupesSolver::UpDown)
            QCOMPARE(result.weight.exponents, start.weight.exponents);
        // The way of the start is told, too.
        QCOMPARE(result.report.trace.front().stage, start.report.trace.front().stage);
        QVERIFY(result.report.note.find("exponent") == 0);
    }

    /// Reference, section 15 and test 23, the whole method.
    void referenceBounds_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<double>("bound");
        QTest::newRow("4") << 4 << .0042;
        QTest::newRow("3") << 3 << .0205;
        QTest::newRow("2") << 2 << .156;
    }
    void referenceBounds()
    {
        QFETCH(int, bits);
        QFETCH(double, bound);
        const SolvableLayer layer = solvableReference(bits);
        const SolveResult plain = layer.solveWith(plainOptions());
        QVERIFY(layer.relativeErrorOf(plain) <= bound);
        // With a clip to start from, still.
        NupesOptions clipped = plainOptions();
        clipped.clip = PowerClip::Granule;
        QVERIFY(layer.relativeErrorOf(layer.solveWith(clipped)) <= bound);
        // Reference, section 18: at least 2.5 times lower than the start.
        for (const TracePoint& point : plain.report.trace)
            if (point.stage == TraceStage::Nearest)
                QVERIFY(reachedBy(plain) < point.relativeError / 2.5);
    }

    /// Table 7.4: exploration is never worse, at 3 and 2 bits much better.
    void exploration()
    {
        for (const int bits : {2, 3, 4}) {
            const SolvableLayer layer = solvableReference(bits);
            NupesOptions options = plainOptions();
            const double without = layer.relativeErrorOf(layer.solveWith(options));
            options.explore = true;
            options.steps = 600;
            const SolveResult result = layer.solveWith(options);
            const double explored = layer.relativeErrorOf(result);
            QVERIFY(explored <= without * (1 + 1e-6));
            if (bits < 4)
                QVERIFY(explored < 0.95 * without);
            verifyResult(layer, result);
        }
    }

    /// Each thing learned lowers the error; the uniform grid, and up or down, are worse.
    void whatIsLearnedPays()
    {
        for (const int bits : {3, 4}) {
            const SolvableLayer layer = solvableReference(bits);
            const auto reached = [&](auto change) {
                NupesOptions options = plainOptions();
                change(options);
                return layer.relativeErrorOf(layer.solveWith(options));
            };
            const double all = reached([](NupesOptions&) {});
            const double codes = reached([](NupesOptions& options) {
                options.learnScale = false;
                options.learnExponent = false;
            });
            const double uniform = reached([](NupesOptions& options) { options.exponent = 1; });
            const double upDown = reached([](NupesOptions& options) {
                options.solver = NupesSolver::UpDown;
                options.rounds = 0;
            });
            const double sweep = reached([](NupesOptions& options) { options.rounds = 0; });
            QVERIFY(all < codes);
            QVERIFY(codes < 0.95 * sweep);
            QVERIFY(sweep < upDown);
            QVERIFY(all < uniform / 1.6);
            GptqOptions gptq;
            QVERIFY(all < layer.relativeErrorOf(layer.solveWith(gptq)));
        }
    }

    void exponentsThatAreGivenStay()
    {
        SolvableLayer layer = solvableReference(4);
        NupesOptions options = plainOptions();
        options.exponent = 0.8;
        for (const NupesSolver solver :
             {NupesSolver::Alternation, NupesSolver::Gradient, NupesSolver::UpDown}) {
            options.solver = solver;
            options.steps = 50;
            QCOMPARE(layer.solveWith(options).weight.exponents, std::vector<float>{0.8F});
        }
        options = plainOptions();
        options.exponents = ExponentChoice::Exact;
        for (const NupesSolver solver : {NupesSolver::Alternation, NupesSolver::Gradient}) {
            options.solver = solver;
            options.steps = 50;
            const float exact = layer.solveWith(options).weight.exponents[0];
            QVERIFY(exact == 0.5F || exact == 1.0F);
        }
        options.solver = NupesSolver::Alternation;
        options.exponents = ExponentChoice::Free;
        options.learnExponent = false;
        const SolveResult held = layer.solveWith(options);
        const TracePoint* nearest = nullptr;
        for (const TracePoint& point : held.report.trace)
            if (point.stage == TraceStage::Nearest)
                nearest = &point;
        QVERIFY(nearest);
        QVERIFY(isClose(static_cast<double>(held.weight.exponents[0]), nearest->exponent, 1e-6));
        QVERIFY(isClose(nearest->exponent, .65006, 0, .005));

        LayerProblem problem;
        problem.name = "layer";
        problem.weight = std::as_const(layer.weight).matrix();
        problem.inputs = layer.inputs;
        problem.scheme = layer.scheme;
        problem.modelExponent = static_cast<double>(0.55F);
        options.learnExponent = true;
        options.exponentScope = ExponentScope::Model;
        Monitor monitor;
        QCOMPARE(solve(problem, options, monitor).weight.exponents, std::vector<float>{0.55F});
    }

    /// Reference, test 30: rows of one magnitude.
    void equalMagnitudesAreExact()
    {
        SolvableLayer layer(Tensor(Shape{5, 12}), referenceHessian());
        for (std::size_t i = 0; i < 60; ++i)
            layer.weight.floats()[i] = (i * i) % 3 == 0 ? 0.25F : -0.25F;
        layer = SolvableLayer(layer.weight.clone(), meanGram(correlatedInputs(60, 12, 3)));
        layer.scheme.bits = 3;
        const SolveResult result = layer.solveWith(plainOptions());
        QVERIFY(layer.relativeErrorOf(result) == 0);
        for (std::size_t i = 0; i < 60; ++i)
            QCOMPARE(int(result.weight.codes[i]), layer.weight.floats()[i] > 0 ? 7 : 1);
    }

    /// Reference, test 2: weights that are levels are found again.
    void levelsAreFound()
    {
        for (const Levels levels : {Levels::Power, Levels::PowerMidRise}) {
            SolvableLayer layer = solvableReference(4);
            Scheme scheme = powerSchemeOf(4);
            scheme.levels = levels;
            QuantizedWeight made =
                nearestPowerWeight(std::as_const(layer.weight).matrix(), scheme, 0.55);
            const Tensor exact = dequantize(made);
            std::copy(exact.floats().begin(), exact.floats().end(), layer.weight.floats().begin());
            NupesOptions options = plainOptions();
            options.midRise = levels == Levels::Power ? MidRise::Never : MidRise::Always;
            options.exponent = static_cast<double>(0.55F);
            const SolveResult result = layer.solveWith(options);
            QVERIFY(layer.relativeErrorOf(result) < 1e-10);
            QVERIFY(result.weight.codes == made.codes);
        }
    }

    /// Reference, tests 3 and 4.
    void scaleAndSignDoNotMatter()
    {
        const SolvableLayer layer = solvableReference(3, 32);
        const SolveResult result = layer.solveWith(plainOptions());
        for (const double factor : {1e-8, 1e-3, 1e8}) {
            std::vector<double> h = referenceHessian();
            for (double& value : h)
                value *= factor;
            SolvableLayer other(layer.weight.clone(), h);
            other.scheme = layer.scheme;
            const SolveResult scaled = other.solveWith(plainOptions());
            QVERIFY(scaled.weight.codes == result.weight.codes);
        }
        for (const float factor : {0x1p-10F, 64.0F, -1.0F}) {
            SolvableLayer other(layer.weight.clone(), referenceHessian());
            other.scheme = layer.scheme;
            for (float& w : other.weight.floats())
                w *= factor;
            const SolveResult scaled = other.solveWith(plainOptions());
            QVERIFY(scaled.weight.exponents == result.weight.exponents);
            for (std::size_t i = 0; i < result.weight.codes.size(); ++i)
                QCOMPARE(int(scaled.weight.codes[i]),
                         factor > 0 ? int(result.weight.codes[i]) : 8 - result.weight.codes[i]);
            for (std::size_t i = 0; i < result.weight.scales.size(); ++i)
                QCOMPARE(scaled.weight.scales[i], std::fabs(factor) * result.weight.scales[i]);
        }
    }

    /// Reference, test 29.
    void threadsAndOrderOfRowsDoNotMatter()
    {
        SolvableLayer layer(splitmixSample(t4Quantile, 200, 96, .05), referenceHessian());
        layer.scheme.bits = 3;
        NupesOptions options;
        options.outliers = 0.01;
        options.exponentScope = ExponentScope::Row;
        options.explore = true;
        options.steps = 20;
        std::optional<SolveResult> first;
        for (const int threads : {1, 2, 5}) {
            const ThreadLimit limit(threads);
            SolveResult result = layer.solveWith(options);
            if (first) {
                QVERIFY(result.weight.codes == first->weight.codes);
                QVERIFY(result.weight.scales == first->weight.scales);
                QVERIFY(result.weight.exponents == first->weight.exponents);
                QCOMPARE(reachedBy(result), reachedBy(*first));
            }
            first = std::move(result);
        }
        // One exponent for the layer is a sum over rows: their order must not change the codes.
        options = plainOptions();
        options.exponent = 0.6;
        const SolveResult straight = layer.solveWith(options);
        SolvableLayer turned(Tensor(Shape{200, 96}), referenceHessian());
        turned.scheme = layer.scheme;
        const auto from = [](std::size_t r) { return (r * 77 + 5) % 200; };
        for (std::size_t r = 0; r < 200; ++r)
            std::copy_n(layer.weight.floats().begin() + static_cast<std::ptrdiff_t>(from(r) * 96),
                        96, turned.weight.floats().begin() + static_cast<std::ptrdiff_t>(r * 96));
        const SolveResult permuted = turned.solveWith(options);
        for (std::size_t r = 0; r < 200; ++r)
            for (std::size_t c = 0; c < 96; ++c)
                QCOMPARE(permuted.weight.codes[r * 96 + c],
                         straight.weight.codes[from(r) * 96 + c]);
    }

    void deadInputs()
    {
        std::vector<double> h = referenceHessian();
        const auto dead = [](std::size_t j) { return j % 5 == 2; };
        for (std::size_t j = 0; j < 96; ++j)
            for (std::size_t k = 0; k < 96; ++k)
                if (dead(j) || dead(k))
                    h[j * 96 + k] = 0;
        SolvableLayer layer(referenceLayer(), h);
        layer.scheme = solvableReference(4).scheme;
        NupesOptions options = plainOptions();
        options.learnScale = false;
        options.learnExponent = false;
        const SolveResult result = layer.solveWith(options);
        QCOMPARE(result.report.deadColumns, 19);
        QVERIFY(result.report.note.find("19 dead columns") != std::string::npos);
        const PowerEncoder encoder(result.weight.scheme,
                                   static_cast<double>(result.weight.exponents[0]),
                                   PowerRounding::Nearest);
        for (std::size_t r = 0; r < 48; ++r)
            for (std::size_t j = 0; j < 96; ++j)
                if (dead(j))
                    QCOMPARE(
                        result.weight.codes[r * 96 + j],
                        encoder.encode(layer.weight.floats()[r * 96 + j], result.weight.scales[r]));

        SolvableLayer none(referenceLayer(), std::vector<double>(96 * 96));
        none.scheme = layer.scheme;
        const SolveResult start = none.solveWith(plainOptions());
        QVERIFY(start.report.note.find("all inputs are zero") != std::string::npos);
        PowerquantOptions free;
        free.rounding = PowerRounding::Nearest;
        free.midRise = MidRise::Never;
        QVERIFY(start.weight.codes == none.solveWith(free).weight.codes);
    }

    void degenerateWeights()
    {
        for (const NupesSolver solver :
             {NupesSolver::Alternation, NupesSolver::Gradient, NupesSolver::UpDown})
            for (const std::int64_t group : {0, 7}) {
                SolvableLayer layer = solvableReference(3, group);
                std::fill_n(layer.weight.floats().begin(), 2 * 96, 0.0F); // rows of zeros
                std::fill_n(layer.weight.floats().begin() + 300, 7, -0.0F);
                layer.weight.floats()[500] = 1e-40F;
                layer.weight.floats()[600] = 500.0F; // an outlier that is left in
                NupesOptions options = plainOptions();
                options.solver = solver;
                options.steps = 60;
                const SolveResult result = layer.solveWith(options);
                verifyResult(layer, result);
                for (std::size_t i = 0; i < 2 * 96; ++i)
                    QCOMPARE(int(result.weight.codes[i]), 4);
            }
        // All of it zeros.
        SolvableLayer layer(Tensor(Shape{6, 96}), referenceHessian());
        std::fill(layer.weight.floats().begin(), layer.weight.floats().end(), 0.0F);
        layer.scheme.bits = 4;
        const SolveResult result = layer.solveWith(NupesOptions{});
        QCOMPARE(reachedBy(result), 0.0);
        const Tensor decoded = dequantize(result.weight);
        for (const float w : decoded.floats())
            QCOMPARE(w, 0.0F);
        // One weight.
        SolvableLayer one(splitmixSample(t4Quantile, 1, 1), {2.0});
        one.scheme.bits = 3;
        QVERIFY(one.relativeErrorOf(one.solveWith(NupesOptions{})) < 1e-6);
    }

    void hessiansThatAreSingular()
    {
        // Ten rows of inputs for 96 columns.
        SolvableLayer layer(referenceLayer(), meanGram(correlatedInputs(10, 96, 5)), 10);
        layer.scheme = solvableReference(3).scheme;
        NupesOptions options;
        options.damping = 0;
        const SolveResult result = layer.solveWith(options);
        verifyResult(layer, result);
        QVERIFY(result.report.note.find("damping raised") != std::string::npos);
    }

    void weightsThatAreNotFinite()
    {
        SolvableLayer layer = solvableReference(4);
        layer.weight.floats()[100] = std::numeric_limits<float>::quiet_NaN();
        QVERIFY_EXCEPTION_THROWN((void)layer.solveWith(NupesOptions{}), Error);
    }

    void stops()
    {
        const SolvableLayer layer = solvableReference(4, 32);
        for (const NupesSolver solver :
             {NupesSolver::Alternation, NupesSolver::Gradient, NupesSolver::UpDown}) {
            NupesOptions options;
            options.solver = solver;
            options.steps = 30;
            for (int k = 0; k < 1000; k = k * 2 + 1) {
                StopAt monitor(k);
                try {
                    (void)layer.solveWith(options, monitor);
                    QVERIFY(k > 50); // it came to its end
                    break;
                } catch (const Cancelled&) {
                }
            }
        }
    }

    /// The asymmetric problem is that of another weight, and is judged by the layer's own.
    void asymmetricProblemsAreThoseOfAnotherWeight()
    {
        for (const std::int64_t groups : {1, 3}) {
            const std::int64_t rows = 12 / groups;
            const std::int64_t d = 18;
            const SolvableLayer layer = groupedLayer(groups, rows, d);
            std::vector<double> cross = layer.inputs->hessian;
            RandomStream random(3, "cross", "test");
            for (double& value : cross)
                value *= 1 + 0.2 * random.normal();
            LayerProblem problem;
            problem.name = "layer";
            problem.weight = layer.weight.matrix();
            problem.inputs = layer.inputs;
            problem.scheme = layer.scheme;
            problem.cross = cross;
            NupesOptions options;
            options.asymmetric = true;
            options.outliers = 0.02;
            Monitor monitor;
            const SolveResult result = solve(problem, options, monitor);

            Tensor target({12, d});
            const std::span<const double> h = layer.inputs->hessian;
            const auto square = static_cast<std::size_t>(d * d);
            for (std::int64_t g = 0; g < groups; ++g) {
                const auto at = static_cast<std::size_t>(g) * square;
                const Tensor part =
                    asymmetricTarget(problem.weight.block(g * rows, 0, rows, d),
                                     h.subspan(at, square),
                                     std::span<const double>(cross).subspan(at, square),
                                     options.damping, monitor)
                        .weight;
                std::copy(part.floats().begin(), part.floats().end(),
                          target.floats().begin() + g * rows * d);
            }
            SolvableLayer other(std::move(target), layer.inputs->hessian);
            other.inputs->groups = groups;
            other.scheme = layer.scheme;
            options.asymmetric = false;
            const SolveResult expected = other.solveWith(options);
            QVERIFY(result.weight.codes == expected.weight.codes);
            QVERIFY(result.weight.scales == expected.weight.scales);
            QVERIFY(result.weight.outliers.values == expected.weight.outliers.values);
            QVERIFY(result.report.note.find(expected.report.note) == 0);

            double energy = 0;
            double error = 0;
            const Tensor decoded = dequantize(result.weight);
            for (std::int64_t g = 0; g < groups; ++g) {
                const ConstMatrixView part = problem.weight.block(g * rows, 0, rows, d);
                const auto own = h.subspan(static_cast<std::size_t>(g) * square, square);
                error += oracleOutputError(
                    part,
                    decoded.floats().subspan(static_cast<std::size_t>(g * rows * d),
                                             static_cast<std::size_t>(rows * d)),
                    own);
                energy += oracleOutputError(part, {}, own);
            }
            QVERIFY(isClose(reachedBy(result), error / energy, 1e-4));
            // The note's error is the one that the other problem reached.
            QVERIFY2(result.report.note.find("error " + formatReal(reachedBy(expected), 3)) !=
                         std::string::npos,
                     result.report.note.c_str());

            // Without pairs of inputs nothing changes but the note; wrong sizes are refused.
            problem.cross = {};
            options.asymmetric = true;
            const SolveResult none = solve(problem, options, monitor);
            options.asymmetric = false;
            QVERIFY(none.weight.codes == solve(problem, options, monitor).weight.codes);
            QVERIFY(none.report.note.find("asymmetric: no effect") != std::string::npos);
            problem.cross = std::span<const double>(cross).subspan(1);
            QVERIFY(solve(problem, options, monitor).weight.codes == none.weight.codes);
            options.asymmetric = true;
            QVERIFY_EXCEPTION_THROWN((void)solve(problem, options, monitor), Error);
        }
    }

    void groupsSayWhatIsSpecial()
    {
        constexpr std::int64_t cols = 18;
        constexpr std::size_t gram = cols * cols;
        SolvableLayer layer = groupedLayer(6, 4, cols);
        std::vector<double>& h = layer.inputs->hessian;
        std::fill(h.begin() + 2 * gram, h.begin() + 3 * gram, 0.0);
        const std::vector<double> thin = meanGram(correlatedInputs(3, cols, 9));
        std::copy(thin.begin(), thin.end(), h.begin() + 4 * gram);
        NupesOptions options;
        options.damping = 0;
        const std::string note = layer.solveWith(options).report.note;
        const auto says = [&](const char* part) { return note.find(part) != std::string::npos; };
        // The layer first; what its groups learned is not listed.
        QVERIFY2(note.find("exponent ") == 0, note.c_str());
        QVERIFY2(note.find("exponent", 1) == std::string::npos && !says("round"), note.c_str());
        QVERIFY2(says("; 18 dead columns"), note.c_str());
        QVERIFY2(says("; all inputs are zero: the data-free result (1 of 6 groups)"), note.c_str());
        QVERIFY2(says("; damping raised to ") && says(" (1 of 6 groups)"), note.c_str());
        // Nothing special, nothing said.
        const std::string plain = groupedLayer(6, 4, cols).solveWith({}).report.note;
        QVERIFY2(plain.find(';') == std::string::npos, plain.c_str());
    }

    void groupsOfAConvolution()
    {
        for (const bool byRow : {false, true}) {
            SolvableLayer layer = groupedLayer(6, 4, 18);
            NupesOptions options;
            options.outliers = 0.05;
            options.exponentScope = byRow ? ExponentScope::Row : ExponentScope::Layer;
            const SolveResult result = layer.solveWith(options);
            const QuantizedWeight& weight = result.weight;
            QCOMPARE(weight.rows, 24);
            QCOMPARE(weight.exponents.size(), byRow ? std::size_t{24} : std::size_t{1});
            QCOMPARE(weight.outliers.columns.size(),
                     static_cast<std::size_t>(std::llround(0.05 * 24 * 18)));
            QCOMPARE(weight.size().bytes(),
                     storedSize(weight.scheme, 24, 18, storedExtras(layer.scheme, options, 24, 18))
                         .bytes());
            // Errors of the groups together are the traced one.
            const Tensor decoded = dequantize(weight);
            double error = 0;
            double energy = 0;
            for (std::int64_t g = 0; g < 6; ++g) {
                const ConstMatrixView part =
                    std::as_const(layer.weight).matrix().block(4 * g, 0, 4, 18);
                const auto h = std::span(layer.inputs->hessian)
                                   .subspan(static_cast<std::size_t>(g) * 18 * 18, 18 * 18);
                error += oracleOutputError(
                    part, decoded.floats().subspan(static_cast<std::size_t>(g) * 4 * 18, 4 * 18),
                    h);
                energy += oracleOutputError(part, {}, h);
            }
            const auto& trace = result.report.trace;
            QVERIFY(isClose(reachedBy(result), error / energy, 1e-4));
            QVERIFY(trace.front().stage == TraceStage::RoundToNearest);
            std::set<TraceStage> stages;
            for (std::size_t i = 0; i < trace.size(); ++i) {
                stages.insert(trace[i].stage);
                QVERIFY(trace[i].weightError > 0);
                QVERIFY(trace[i].exponent > 0);
                if (trace[i].stage == TraceStage::Integers || trace[i].stage == TraceStage::Sweep)
                    QVERIFY(trace[i].relativeError <= trace[i - 1].relativeError * (1 + 1e-6));
            }
            QVERIFY(stages.count(TraceStage::Sweep) == 1);
            QVERIFY(stages.count(TraceStage::Outliers) == 1);
            double nearest = 0;
            for (const TracePoint& point : trace)
                if (point.stage == TraceStage::Nearest)
                    nearest = point.relativeError;
            QVERIFY(reachedBy(result) < 0.7 * nearest);
        }
    }
};

QTEST_GUILESS_MAIN(TestNupesProperties)
#include "tst_nupes_properties.moc"
