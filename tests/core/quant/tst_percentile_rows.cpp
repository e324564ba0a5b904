// SPDX-License-Identifier: GPL-3.0-or-later
// Percentile ranges of weights against a scalar oracle in double, and static methods as weights.
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/quant/methods/percentile_rows.h"
#include "core/quant/solve.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

/// Normal values, a few of them far out.
std::vector<float> samples(std::size_t count, std::uint64_t seed)
{
    RandomStream random(seed);
    std::vector<float> values(count);
    for (float& value : values) {
        value = static_cast<float>(random.normal());
        if (random.uniform() < 0.002)
            value *= 12;
    }
    return values;
}

double quantileOf(const std::vector<float>& sorted, double p)
{
    const double rank = p * static_cast<double>(sorted.size() - 1);
    const double below = std::floor(rank);
    const auto at = [&](double i) {
        return static_cast<double>(
            sorted[std::min(static_cast<std::size_t>(i), sorted.size() - 1)]);
    };
    return at(below) + (rank - below) * (at(below + 1) - at(below));
}

struct Chosen
{
    double p = 0;
    UniformGrid grid;
    double error = std::numeric_limits<double>::infinity();
};

Chosen oracle(std::vector<float> values, const Scheme& scheme)
{
    const std::vector<float> original = values;
    std::sort(values.begin(), values.end());
    Chosen best;
    for (const double p : {0.999, 0.9999, 0.99999}) {
        const UniformGrid grid = gridForRange(static_cast<float>(quantileOf(values, 1 - p)),
                                              static_cast<float>(quantileOf(values, p)), scheme);
        double error = 0;
        for (const float w : original) {
            const auto off =
                static_cast<double>(w) - static_cast<double>(grid.decode(grid.encode(w)));
            error += off * off;
        }
        if (error < best.error)
            best = {p, grid, error};
    }
    return best;
}

LayerProblem problemOf(const Tensor& weight, const Scheme& scheme)
{
    LayerProblem problem;
    problem.name = "l";
    problem.weight = weight.matrix();
    problem.scheme = scheme;
    return problem;
}

} // namespace

class TestPercentileRows : public QObject
{
    Q_OBJECT

private slots:
    void gridsAreTheOracles()
    {
        // Beyond 8192 only the ends are sorted.
        for (const std::size_t count : {1U, 2U, 3U, 192U, 1001U, 8191U, 8192U, 30011U})
            for (const int bits : {2, 4, 8})
                for (const bool symmetric : {false, true}) {
                    Scheme scheme;
                    scheme.bits = bits;
                    scheme.symmetric = symmetric;
                    scheme.scaleType = DType::F32;
                    std::vector<float> values = samples(count, count * 31 + std::uint64_t(bits));
                    const Chosen expected = oracle(values, scheme);
                    const UniformGrid grid = gridByPercentile(values, scheme);
                    QCOMPARE(grid.scale, expected.grid.scale);
                    QCOMPARE(grid.zero, expected.grid.zero);
                }
    }

    void theThreeAreDifferentAndTheBestIsTaken()
    {
        Scheme scheme;
        scheme.bits = 4;
        scheme.scaleType = DType::F32;
        // One value far out is kept where cutting it off costs more than it saves, section 10.
        std::vector<float> one;
        for (int i = 0; i <= 2000; ++i)
            one.push_back(static_cast<float>(i) / 1000 - 1);
        one.push_back(50);
        QCOMPARE(oracle(one, scheme).p, 0.99999);
        QVERIFY(gridByPercentile(one, scheme).scale > 3);
        const std::vector<float> spread = samples(20001, 3);
        QCOMPARE(oracle(spread, scheme).p, 0.999);
        std::vector<float> copy = spread;
        QVERIFY(gridByPercentile(copy, scheme).scale <
                0.7F * *std::max_element(spread.begin(), spread.end()) / 7);
    }

    void everyGranuleHasItsOwn()
    {
        const std::int64_t rows = 7;
        const std::int64_t cols = 150;
        Tensor weight({rows, cols});
        const std::vector<float> values = samples(std::size_t(rows * cols), 11);
        std::copy(values.begin(), values.end(), weight.floats().begin());
        for (float& w : weight.matrix().row(2))
            w = 0; // a dead row
        for (const auto granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group}) {
            Scheme scheme;
            scheme.bits = 4;
            scheme.granularity = granularity;
            scheme.groupSize = granularity == Granularity::Group ? 64 : 0;
            Monitor monitor;
            const QuantizedWeight solved =
                solve(problemOf(weight, scheme), PercentileStaticOptions{}, monitor).weight;
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::int64_t c = 0; c < cols; ++c) {
                    std::vector<float> granule;
                    const std::int64_t group = effectiveGroup(scheme, cols);
                    const std::int64_t first = c / group * group;
                    const auto row = std::as_const(weight).matrix().row(r);
                    if (granularity == Granularity::Tensor)
                        granule.assign(weight.floats().begin(), weight.floats().end());
                    else
                        granule.assign(row.begin() + first,
                                       row.begin() + std::min(cols, first + group));
                    if (granularity == Granularity::Tensor && (r > 0 || c > 0))
                        break;
                    const UniformGrid grid = oracle(granule, scheme).grid;
                    const std::size_t at = solved.parameterIndex(r, c);
                    QCOMPARE(solved.scales[at], grid.scale);
                    QCOMPARE(solved.zeros[at], static_cast<float>(grid.zero));
                    QCOMPARE(int(solved.codes[std::size_t(r * cols + c)]),
                             grid.encode(row[std::size_t(c)]));
                }
        }
    }

    void theSameForAnyNumberOfThreads()
    {
        Tensor weight({96, 700});
        const std::vector<float> values = samples(96 * 700, 5);
        std::copy(values.begin(), values.end(), weight.floats().begin());
        Monitor monitor;
        const auto run = [&](int threads) {
            const ThreadLimit limit(threads);
            return solve(problemOf(weight, {}), PercentileStaticOptions{}, monitor).weight;
        };
        const QuantizedWeight one = run(1);
        const QuantizedWeight four = run(4);
        QVERIFY(one.codes == four.codes && one.scales == four.scales && one.zeros == four.zeros);
    }

    void staticMethodsAreTheirWeights()
    {
        Tensor weight({16, 40});
        const std::vector<float> values = samples(16 * 40, 9);
        std::copy(values.begin(), values.end(), weight.floats().begin());
        Monitor monitor;
        const auto same = [&](const MethodOptions& method, const MethodOptions& plain) {
            LayerProblem problem = problemOf(weight, {});
            // Uniform inputs are not looked for here: no power grid, and no note of a lack.
            problem.activation.bits = 8;
            const SolveResult result = solve(problem, method, monitor);
            problem.activation = {};
            const QuantizedWeight expected = solve(problem, plain, monitor).weight;
            return !result.activation && result.report.note.empty() &&
                   result.weight.codes == expected.codes &&
                   result.weight.scales == expected.scales && result.weight.zeros == expected.zeros;
        };
        QVERIFY(same(MinmaxStaticOptions{}, RtnOptions{}));
        QVERIFY(same(MseStaticOptions{}, RtnMseOptions{}));
        QVERIFY(same(SmoothquantOptions{}, RtnOptions{}));
        QVERIFY(same(RepqVitOptions{}, PercentileStaticOptions{}));
        RepquantOptions repquant;
        repquant.weights = ReconstructedWeight::Rtn;
        QVERIFY(same(repquant, RtnOptions{}));
        QVERIFY(!same(RepqVitOptions{}, RtnOptions{}));
        // GPTQ is refused without inputs, as it is by itself.
        repquant.weights = ReconstructedWeight::Gptq;
        try {
            (void)solve(problemOf(weight, {}), repquant, monitor);
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Usage);
        }
    }

    void nonsenseIsRefused()
    {
        Tensor weight({2, 3});
        weight.floats()[4] = std::numeric_limits<float>::quiet_NaN();
        Monitor monitor;
        try {
            (void)solve(problemOf(weight, {}), PercentileStaticOptions{}, monitor);
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Numeric);
            QVERIFY(QByteArray(error.what()).contains("row 1, column 1"));
        }
        const Tensor none({0, 3});
        QVERIFY(
            solve(problemOf(none, {}), PercentileStaticOptions{}, monitor).weight.codes.empty());
    }
};

QTEST_APPLESS_MAIN(TestPercentileRows)
#include "tst_percentile_rows.moc"
