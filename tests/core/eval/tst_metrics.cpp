// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/data/calibration.h"
#include "core/eval/metrics.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

/// w with an error of a hundredth of its size.
Tensor disturbed(const Tensor& w, std::uint64_t seed)
{
    Tensor out = w.clone();
    RandomStream random(seed, "disturbed");
    for (float& x : out.floats())
        x += static_cast<float>(0.01 * random.normal());
    return out;
}

std::vector<double> hessianOf(std::int64_t d, std::uint64_t seed)
{
    const Tensor x = correlatedInputs(3 * d, d, seed);
    return oracleGram(x.matrix());
}

} // namespace

class TestMetrics : public QObject
{
    Q_OBJECT

private slots:
    void rowEnergiesAgreeWithTheOracle()
    {
        for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{
                 {1, 1}, {3, 7}, {2, 256}, {5, 257}, {520, 40}, {4, 300}}) {
            const Tensor a = randomMatrix(rows, cols, 1, 5);
            std::vector<double> h = hessianOf(cols, 3);
            for (double& x : h)
                x *= 1e-60; // far below float
            const std::vector<double> energies = rowEnergies(a.matrix(), h);
            QCOMPARE(energies.size(), std::size_t(rows));
            for (int r = 0; r < rows; ++r)
                QVERIFY(isClose(energies[std::size_t(r)],
                                oracleOutputError(a.matrix().block(r, 0, 1, cols), {}, h), 1e-5));
        }
        const Tensor a = randomMatrix(3, 4, 1, 5);
        QCOMPARE(rowEnergies(a.matrix(), std::vector<double>(16)), std::vector<double>(3));
        QVERIFY(rowEnergies(a.matrix().block(0, 0, 0, 4), std::vector<double>(16, 1)).empty());
    }

    void rowEnergiesSumToTheTraces()
    {
        // Deeper than one piece of H, taller than one panel of rows.
        const Tensor w = randomMatrix(700, 1300, 0.02, 6);
        const Tensor q = disturbed(w, 7);
        Tensor e = w.clone();
        for (std::size_t i = 0; i < e.floats().size(); ++i)
            e.floats()[i] -= q.floats()[i];
        InputAccumulator accumulator(1300, true);
        const Tensor x = correlatedInputs(300, 1300, 3);
        accumulator.add(x.matrix());
        const std::vector<double> h = accumulator.finish().hessian;
        const auto trace = [&](const Tensor& a) {
            const auto with = [&](int threads) {
                const ThreadLimit limit(threads);
                return rowEnergies(a.matrix(), h);
            };
            const std::vector<double> energies = with(1);
            if (with(2) != energies || with(4) != energies)
                return -1.0;
            return std::accumulate(energies.begin(), energies.end(), 0.0);
        };
        QVERIFY(isClose(trace(e) / trace(w), relativeOutputError(w.matrix(), q.matrix(), h), 1e-5));
        int stops = 0;
        for (bool finished = false; !finished && stops < 30;) {
            StopAt monitor(stops);
            try {
                (void)rowEnergies(w.matrix(), h, &monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(stops >= 6);
    }

    void weightErrorByHand()
    {
        Tensor w(Shape{1, 2});
        Tensor q(Shape{1, 2});
        w.floats()[0] = 3;
        w.floats()[1] = 4;
        q.floats()[0] = 3;
        q.floats()[1] = 4.5F;
        const WeightError error = weightError(w.matrix(), q.matrix());
        QVERIFY(error.relative == 0.01);
        QVERIFY(isClose(error.sqnrDb, 20, 1e-12));
        QVERIFY(error.maximum == 0.5);
        QVERIFY(isClose(error.cosine, 27 / (5 * std::sqrt(29.25)), 1e-12));
        QVERIFY(toDecibel(0.001) == 30);
    }

    void weightErrorAgreesWithTheOracle()
    {
        for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{
                 {1, 1}, {3, 7}, {2, 8}, {5, 9}, {100, 1000}, {1, 70001}}) {
            const Tensor w = randomMatrix(rows, cols, 1, 1);
            const Tensor q = disturbed(w, 2);
            double error = 0;
            double ww = 0;
            double qq = 0;
            double wq = 0;
            double most = 0;
            for (std::size_t i = 0; i < w.floats().size(); ++i) {
                const double a = static_cast<double>(w.floats()[i]);
                const double b = static_cast<double>(q.floats()[i]);
                error += (a - b) * (a - b);
                ww += a * a;
                qq += b * b;
                wq += a * b;
                most = std::max(most, std::fabs(a - b));
            }
            const WeightError actual = weightError(w.matrix(), q.matrix());
            // Sums in double in another order.
            QVERIFY(isClose(actual.relative, error / ww, 1e-11));
            QVERIFY(isClose(actual.cosine, wq / std::sqrt(ww * qq), 1e-11));
            QVERIFY(actual.maximum == most);
        }
    }

    void limitsOfTheWeightError()
    {
        Tensor zero = Tensor::zeros(DType::F32, {2, 2});
        const Tensor w = randomMatrix(2, 2, 1, 3);
        const WeightError same = weightError(w.matrix(), w.matrix());
        QVERIFY(same.relative == 0 && std::isinf(same.sqnrDb) && same.sqnrDb > 0);
        QVERIFY(same.cosine == 1 && same.maximum == 0);
        const ConstMatrixView zeros = std::as_const(zero).matrix();
        QVERIFY(weightError(zeros, zeros).relative == 0);
        QVERIFY(weightError(w.matrix(), zeros).relative == 1);
        QVERIFY(std::isnan(weightError(zeros, w.matrix()).relative));
    }

    void outputErrorAgreesWithTheOracle()
    {
        for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{
                 {1, 1}, {3, 7}, {70, 64}, {5, 255}, {4, 256}, {3, 257}, {300, 30}}) {
            const Tensor w = randomMatrix(rows, cols, 1, 1);
            const Tensor q = disturbed(w, 2);
            for (const double size : {1.0, 1e-60, 1e60}) { // H itself would leave float's range
                std::vector<double> h = hessianOf(cols, 5);
                const double expected = oracleOutputError(w.matrix(), q.floats(), h) /
                                        oracleOutputError(w.matrix(), {}, h);
                for (double& value : h)
                    value *= size;
                QVERIFY(isClose(relativeOutputError(w.matrix(), q.matrix(), h), expected, 1e-4));
            }
        }
    }

    void outputErrorIsTheErrorOfTheOutputs()
    {
        // ‖X(W−Ŵ)ᵀ‖² / ‖XWᵀ‖² computed from the outputs themselves.
        const Tensor x = correlatedInputs(200, 40, 4);
        const Tensor w = randomMatrix(30, 40, 1, 1);
        const Tensor q = disturbed(w, 2);
        double error = 0;
        double output = 0;
        for (std::int64_t n = 0; n < 200; ++n)
            for (std::int64_t r = 0; r < 30; ++r) {
                double y = 0;
                double e = 0;
                for (std::size_t k = 0; k < 40; ++k) {
                    const double in = static_cast<double>(x.matrix().row(n)[k]);
                    const double weight = static_cast<double>(w.matrix().row(r)[k]);
                    y += in * weight;
                    e += in * (weight - static_cast<double>(q.matrix().row(r)[k]));
                }
                output += y * y;
                error += e * e;
            }
        QVERIFY(isClose(relativeOutputError(w.matrix(), q.matrix(), oracleGram(x.matrix())),
                        error / output, 1e-4));
    }

    void limitsOfTheOutputError()
    {
        const Tensor w = randomMatrix(3, 5, 1, 1);
        const Tensor q = disturbed(w, 2);
        const Tensor zero = Tensor::zeros(DType::F32, {3, 5});
        const std::vector<double> h = hessianOf(5, 1);
        QVERIFY(relativeOutputError(w.matrix(), w.matrix(), h) == 0);
        QVERIFY(isClose(relativeOutputError(w.matrix(), zero.matrix(), h), 1, 1e-6));
        QVERIFY(std::isnan(relativeOutputError(zero.matrix(), q.matrix(), h)));
        QVERIFY(std::isnan(relativeOutputError(w.matrix(), q.matrix(), std::vector<double>(25))));
        // With H = 1 it is the weight error.
        std::vector<double> one(25);
        for (std::size_t j = 0; j < 5; ++j)
            one[j * 6] = 1;
        QVERIFY(isClose(relativeOutputError(w.matrix(), q.matrix(), one),
                        weightError(w.matrix(), q.matrix()).relative, 1e-6));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor w = randomMatrix(700, 300, 1, 1);
        const Tensor q = disturbed(w, 2);
        const std::vector<double> h = hessianOf(300, 5);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            const WeightError error = weightError(w.matrix(), q.matrix());
            return std::vector<std::uint64_t>{
                std::bit_cast<std::uint64_t>(error.relative),
                std::bit_cast<std::uint64_t>(error.cosine),
                std::bit_cast<std::uint64_t>(relativeOutputError(w.matrix(), q.matrix(), h))};
        };
        const auto one = with(1);
        for (int repeat = 0; repeat < 5; ++repeat)
            QVERIFY(with(2) == one);
    }
};

QTEST_APPLESS_MAIN(TestMetrics)
#include "tst_metrics.moc"
