// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/eval/metrics.h"
#include "core/quant/grid.h"
#include "core/quant/solve.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<Scheme> schemesFor(std::int64_t group)
{
    std::vector<Scheme> all;
    for (int bits = 2; bits <= 8; ++bits)
        for (const bool symmetric : {false, true})
            for (const Granularity granularity :
                 {Granularity::Tensor, Granularity::Channel, Granularity::Group}) {
                Scheme scheme;
                scheme.bits = bits;
                scheme.symmetric = symmetric;
                scheme.granularity = granularity;
                scheme.groupSize = group;
                scheme.scaleType = bits % 2 == 0 ? DType::F16 : DType::F32;
                all.push_back(scheme);
            }
    return all;
}

LayerProblem problemOf(const Tensor& w, const Scheme& scheme)
{
    LayerProblem problem;
    problem.name = "blocks.0.q";
    problem.weight = w.matrix();
    problem.scheme = scheme;
    return problem;
}

QuantizedWeight solved(const Tensor& w, const Scheme& scheme, const MethodOptions& options)
{
    Monitor monitor;
    return solve(problemOf(w, scheme), options, monitor).weight;
}

/// Random, with the rows that break naive code: zeros, a constant of either sign, an outlier.
Tensor awkwardMatrix(std::int64_t rows, std::int64_t cols)
{
    Tensor w = randomMatrix(rows, cols, 0.05, static_cast<std::uint64_t>(rows * 1000 + cols));
    const auto fill = [&](std::int64_t r, float value) {
        if (r < rows)
            std::fill(w.matrix().row(r).begin(), w.matrix().row(r).end(), value);
    };
    fill(1, 0.0F);
    fill(2, 0.37F);
    fill(3, -0.37F);
    if (rows > 4)
        w.matrix().row(4)[static_cast<std::size_t>(cols / 2)] = 100;
    return w;
}

bool sameBits(const QuantizedWeight& a, const QuantizedWeight& b)
{
    return a.codes == b.codes && a.scales == b.scales && a.zeros == b.zeros &&
           a.groupIndex == b.groupIndex && a.scheme == b.scheme;
}

double errorOf(const Tensor& w, const QuantizedWeight& quantized)
{
    const Tensor decoded = dequantize(quantized);
    return weightError(w.matrix(), decoded.matrix()).relative;
}

} // namespace

class TestRtn : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithTheOracle_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("cols");
        for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{
                 {1, 1}, {5, 1}, {5, 15}, {5, 16}, {5, 17}, {7, 31}, {6, 32}, {6, 33}, {3, 97}})
            QTest::addRow("%d x %d", rows, cols) << rows << cols;
    }
    void agreesWithTheOracle()
    {
        QFETCH(int, rows);
        QFETCH(int, cols);
        const Tensor w = awkwardMatrix(rows, cols);
        for (const std::int64_t group : {1, 16, 32})
            for (const Scheme& scheme : schemesFor(group)) {
                const QuantizedWeight weight = solved(w, scheme, RtnOptions{});
                const OracleWeight oracle = oracleRtn(w.matrix(), scheme);
                QCOMPARE(weight.codes, oracle.codes);
                QVERIFY(weight.scheme == scheme);
                QCOMPARE(std::int64_t(weight.scales.size()), scaleCount(scheme, rows, cols));
                QCOMPARE(weight.zeros.size(), weight.scales.size());
                QVERIFY(weight.groupIndex.empty());
                const Tensor decoded = dequantize(weight);
                for (std::size_t i = 0; i < oracle.decoded.size(); ++i)
                    QVERIFY(decoded.floats()[i] == oracle.decoded[i]);
                if (scheme.symmetric)
                    for (const float zero : weight.zeros)
                        QCOMPARE(int(zero), 1 << (scheme.bits - 1));
            }
    }

    void stridedWeightsAreReadInPlace()
    {
        const Tensor wide = randomMatrix(6, 50, 1, 3);
        const ConstMatrixView part = wide.matrix().block(1, 7, 4, 33);
        Tensor copy(Shape{4, 33});
        for (std::int64_t r = 0; r < 4; ++r)
            std::copy(part.row(r).begin(), part.row(r).end(), copy.matrix().row(r).begin());
        for (const Scheme& scheme : schemesFor(16))
            for (const MethodOptions& options :
                 {MethodOptions(RtnOptions{}), MethodOptions(RtnMseOptions{})}) {
                LayerProblem problem = problemOf(copy, scheme);
                problem.weight = part;
                Monitor monitor;
                QVERIFY(sameBits(solve(problem, options, monitor).weight,
                                 solved(copy, scheme, options)));
            }
    }

    void clippedIsTheBestGridOfEachGranule()
    {
        const Tensor w = awkwardMatrix(6, 45);
        RtnMseOptions options;
        options.steps = 25;
        for (const Scheme& scheme : schemesFor(16)) {
            const QuantizedWeight weight = solved(w, scheme, options);
            for (std::int64_t r = 0; r < 6; ++r)
                for (std::int64_t c = 0; c < 45; ++c) {
                    const std::vector<float> granule = granuleOf(w.matrix(), scheme, r, c);
                    const UniformGrid best = gridByMse(granule, scheme, 0.4, 25);
                    const std::size_t i = weight.parameterIndex(r, c);
                    // Sums in another order may prefer another of two equal grids.
                    const UniformGrid chosen{weight.scales[i], int(weight.zeros[i]),
                                             scheme.maximumCode()};
                    QVERIFY(isClose(squaredError(granule, chosen), squaredError(granule, best),
                                    1e-12, 1e-30));
                    QCOMPARE(int(weight.codes[static_cast<std::size_t>(r * 45 + c)]),
                             chosen.encode(w.matrix().row(r)[static_cast<std::size_t>(c)]));
                }
            QVERIFY(errorOf(w, weight) <= errorOf(w, solved(w, scheme, RtnOptions{})));
        }
    }

    void clippedToLimits()
    {
        const Tensor w = awkwardMatrix(6, 97);
        for (const std::int64_t group : {16, 97})
            for (Scheme scheme : schemesFor(group)) {
                Scheme plain = scheme;
                scheme.clip = {-0.04F, 0.06F};
                const QuantizedWeight weight = solved(w, scheme, RtnOptions{});
                QCOMPARE(weight.codes, oracleRtn(w.matrix(), scheme).codes);
                QVERIFY(weight.scheme == plain); // the scales say it
                QVERIFY(weight.codes != solved(w, plain, RtnOptions{}).codes);
                const Tensor decoded = dequantize(weight);
                const float slack = scheme.symmetric ? 0.06F * 2 / 3 : 0.0251F;
                for (const float x : decoded.floats())
                    QVERIFY(std::fabs(x) <= 0.06F + slack);
                // Limits that no weight reaches change nothing.
                scheme.clip = {-1000, 1000};
                QVERIFY(sameBits(solved(w, scheme, RtnOptions{}), solved(w, plain, RtnOptions{})));
                RtnMseOptions mse;
                mse.steps = 9;
                QVERIFY(sameBits(solved(w, scheme, mse), solved(w, plain, mse)));
                // The search starts at the limits, so that nothing leaves them.
                scheme.clip = {-0.04F, 0.06F};
                const QuantizedWeight searched = solved(w, scheme, mse);
                for (std::size_t i = 0; i < weight.scales.size(); ++i)
                    QVERIFY(searched.scales[i] <= weight.scales[i]);
                QVERIFY(errorOf(w, searched) <= errorOf(w, weight));
            }
    }

    void moreBitsAreNeverWorse()
    {
        const Tensor w = randomMatrix(40, 256, 0.02, 9);
        for (const bool symmetric : {false, true})
            for (const Granularity granularity :
                 {Granularity::Tensor, Granularity::Channel, Granularity::Group})
                for (const MethodOptions& options :
                     {MethodOptions(RtnOptions{}), MethodOptions(RtnMseOptions{})}) {
                    double last = std::numeric_limits<double>::infinity();
                    for (int bits = 2; bits <= 8; ++bits) {
                        Scheme scheme;
                        scheme.bits = bits;
                        scheme.symmetric = symmetric;
                        scheme.granularity = granularity;
                        scheme.groupSize = 64;
                        scheme.scaleType = DType::F32;
                        const double error = errorOf(w, solved(w, scheme, options));
                        QVERIFY(error < last);
                        last = error;
                    }
                }
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor w = randomMatrix(300, 700, 0.02, 11);
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const MethodOptions& options :
                 {MethodOptions(RtnOptions{}), MethodOptions(RtnMseOptions{})}) {
                Scheme scheme;
                scheme.granularity = granularity;
                scheme.groupSize = 128;
                const auto with = [&](int threads) {
                    const ThreadLimit limit(threads);
                    return solved(w, scheme, options);
                };
                const QuantizedWeight one = with(1);
                QVERIFY(sameBits(one, with(2)));
                QVERIFY(sameBits(one, with(4)));
            }
    }

    void longGranulesAreSearchedInPieces()
    {
        // Longer than a task: cut up in parallel, and still the best clip to rounding.
        const Tensor w = randomMatrix(1, 90001, 1, 12);
        RtnMseOptions options;
        options.steps = 60;
        const QuantizedWeight weight = solved(w, Scheme{}, options);
        const UniformGrid best = gridByMse(w.floats(), Scheme{}, 0.4, 60);
        const UniformGrid chosen{weight.scales[0], int(weight.zeros[0]), 15};
        QVERIFY(isClose(squaredError(w.floats(), chosen), squaredError(w.floats(), best), 1e-12));
    }

    void refusesWhatIsNotFinite()
    {
        const float nan = std::numeric_limits<float>::quiet_NaN();
        const float infinity = std::numeric_limits<float>::infinity();
        for (const float bad : {nan, infinity, -infinity})
            for (const Scheme& scheme : schemesFor(16))
                for (const MethodOptions& options :
                     {MethodOptions(RtnOptions{}), MethodOptions(RtnMseOptions{})}) {
                    Tensor w = randomMatrix(4, 40, 1, 5);
                    w.matrix().row(2)[33] = bad;
                    try {
                        (void)solved(w, scheme, options);
                        QFAIL("accepted");
                    } catch (const Error& error) {
                        QCOMPARE(error.code(), ErrorCode::Numeric);
                        const std::string what = error.what();
                        QVERIFY2(what.find("blocks.0.q") != std::string::npos, what.c_str());
                        QVERIFY2(what.find("row 2, column 33") != std::string::npos, what.c_str());
                    }
                }
    }

    void refusesSchemesAndOptions()
    {
        const Tensor w = randomMatrix(2, 8, 1, 5);
        const auto refused = [&](const Scheme& scheme, const MethodOptions& options,
                                 const char* words) {
            try {
                (void)solved(w, scheme, options);
            } catch (const Error& error) {
                return error.code() == ErrorCode::Usage &&
                       std::string(error.what()).find(words) != std::string::npos;
            }
            return false;
        };
        Scheme scheme;
        scheme.bits = 9;
        QVERIFY(refused(scheme, RtnOptions{}, "bits is 9"));
        RtnMseOptions clip;
        clip.minimumClip = 0;
        QVERIFY(refused(Scheme{}, clip, "minimum_clip"));
        QVERIFY(refused(Scheme{}, GptqOptions{}, "calibration"));
    }

    void stopsAtEveryCheckpoint()
    {
        const Tensor w = randomMatrix(200, 700, 0.02, 11);
        for (const Granularity granularity : {Granularity::Tensor, Granularity::Group})
            for (const MethodOptions& options :
                 {MethodOptions(RtnOptions{}), MethodOptions(RtnMseOptions{})}) {
                Scheme scheme;
                scheme.granularity = granularity;
                scheme.groupSize = 128;
                int stops = 0;
                for (bool finished = false; !finished && stops < 60;) {
                    StopAt monitor(stops);
                    try {
                        (void)solve(problemOf(w, scheme), options, monitor);
                        finished = true;
                    } catch (const Cancelled&) {
                        ++stops;
                    }
                }
                QVERIFY(stops >= 2);
            }
    }

    void emptyWeights()
    {
        for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{0, 5}, {5, 0}, {0, 0}})
            for (const Scheme& scheme : schemesFor(16)) {
                const Tensor w(Shape{rows, cols});
                for (const MethodOptions& options :
                     {MethodOptions(RtnOptions{}), MethodOptions(RtnMseOptions{})}) {
                    const QuantizedWeight weight = solved(w, scheme, options);
                    QVERIFY(weight.codes.empty());
                    QCOMPARE(dequantize(weight).count(), std::int64_t(0));
                }
            }
    }
};

QTEST_APPLESS_MAIN(TestRtn)
#include "tst_rtn.moc"
