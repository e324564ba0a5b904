// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/data/calibration.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

/// x fed in batches of the given number of rows.
InputStatistics collected(const Tensor& x, std::int64_t batch, bool withHessian,
                          std::int64_t sampleRows = 0)
{
    const ConstMatrixView all = x.matrix();
    InputAccumulator accumulator(all.cols, withHessian, sampleRows);
    for (std::int64_t r = 0; r < all.rows; r += batch)
        accumulator.add(all.block(r, 0, std::min(batch, all.rows - r), all.cols));
    return accumulator.finish();
}

/// The same beside the inputs of another network.
InputStatistics paired(const Tensor& x, const Tensor& other, std::int64_t batch)
{
    InputAccumulator accumulator(x.matrix().cols, true);
    accumulator.collectCross();
    for (std::int64_t r = 0; r < x.matrix().rows; r += batch) {
        const std::int64_t count = std::min(batch, x.matrix().rows - r);
        accumulator.addBeside(x.matrix().block(r, 0, count, x.matrix().cols),
                              other.matrix().block(r, 0, count, x.matrix().cols));
    }
    return accumulator.finish();
}

} // namespace

class TestCalibration : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithTheOracle_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("cols");
        QTest::addColumn<int>("batch");
        const int table[][3] = {
            {1, 1, 1}, {7, 5, 3}, {600, 33, 600}, {513, 257, 511}, {300, 300, 64}};
        for (const auto& row : table)
            QTest::addRow("%d x %d by %d", row[0], row[1], row[2]) << row[0] << row[1] << row[2];
    }
    void agreesWithTheOracle()
    {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, batch);
        Tensor x = correlatedInputs(rows, cols, 3);
        for (std::int64_t r = 0; r < rows; ++r)
            x.matrix().row(r)[0] = -5 - static_cast<float>(r % 3); // never reaches zero
        std::vector<double> expected = oracleGram(std::as_const(x).matrix());
        for (double& value : expected)
            value /= rows;
        const auto d = static_cast<std::size_t>(cols);
        for (const bool withHessian : {true, false}) {
            const InputStatistics s = collected(x, batch, withHessian);
            QCOMPARE(s.features, std::int64_t(cols));
            QCOMPARE(s.rows, std::int64_t(rows));
            QVERIFY(s.sample.empty());
            QCOMPARE(s.hessian.size(), withHessian ? d * d : 0);
            // Products in float over blocks of 512 rows: 1e-5 of the geometric mean of the
            // diagonal elements bounds the rounding of a sum of that many products.
            for (std::size_t i = 0; i < s.hessian.size(); ++i) {
                const double size =
                    std::sqrt(expected[i / d * (d + 1)] * expected[i % d * (d + 1)]);
                QVERIFY(std::fabs(s.hessian[i] - expected[i]) <= 1e-5 * size);
                QVERIFY(s.hessian[i] == s.hessian[i % d * d + i / d]);
            }
            for (std::size_t c = 0; c < d; ++c) {
                float lo = x.floats()[c];
                float hi = lo;
                for (std::int64_t r = 0; r < rows; ++r) {
                    lo = std::min(lo, x.matrix().row(r)[c]);
                    hi = std::max(hi, x.matrix().row(r)[c]);
                }
                QVERIFY(s.minimum[c] == lo && s.maximum[c] == hi);
                QVERIFY(
                    isClose(s.secondMoment[c], expected[c * (d + 1)], withHessian ? 1e-5 : 1e-13));
            }
        }
    }

    void samplesEvenlyWhateverTheBatches()
    {
        for (const std::int64_t rows : {1, 3, 4, 5, 8, 9, 31, 100, 1000}) {
            Tensor x(Shape{rows, 2});
            for (std::int64_t r = 0; r < rows; ++r)
                x.matrix().row(r)[0] = x.matrix().row(r)[1] = static_cast<float>(r);
            const InputStatistics whole = collected(x, rows, false, 4);
            const std::int64_t kept = std::min<std::int64_t>(rows, 4);
            QVERIFY((whole.sample.shape() == Shape{kept, 2}));
            for (std::int64_t i = 0; i < kept; ++i) {
                const std::span<const float> row = whole.sample.matrix().row(i);
                QVERIFY(row[0] == row[1]);
                // Within one spacing (a half of it, doubled while it grows) of the even place.
                const double place = static_cast<double>(i * rows) / static_cast<double>(kept);
                QVERIFY(std::fabs(static_cast<double>(row[0]) - place) <=
                        static_cast<double>(rows) / static_cast<double>(kept));
                if (i > 0)
                    QVERIFY(row[0] > whole.sample.matrix().row(i - 1)[0]);
            }
            for (const std::int64_t batch : {1, 2, 7, 64}) {
                const InputStatistics pieces = collected(x, batch, false, 4);
                QVERIFY(std::equal(whole.sample.floats().begin(), whole.sample.floats().end(),
                                   pieces.sample.floats().begin()));
            }
        }
    }

    void nothingAdded()
    {
        InputAccumulator accumulator(3, true, 2);
        accumulator.add(ConstMatrixView(nullptr, 0, 3));
        const InputStatistics s = accumulator.finish();
        QCOMPARE(s.rows, std::int64_t(0));
        QVERIFY(s.sample.empty());
        for (const double value : s.hessian)
            QVERIFY(value == 0);
    }

    void refusesAndStaysAsItWas()
    {
        Tensor x = correlatedInputs(100, 20, 3);
        InputAccumulator accumulator(20, true, 5);
        accumulator.add(std::as_const(x).matrix());
        const auto codeOf = [&](ConstMatrixView rows) {
            try {
                accumulator.add(rows);
            } catch (const Error& error) {
                return std::optional<ErrorCode>(error.code());
            }
            return std::optional<ErrorCode>();
        };
        QVERIFY(codeOf(std::as_const(x).matrix().block(0, 0, 5, 19)) == ErrorCode::Shape);
        for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity()}) {
            Tensor worse = x.clone();
            worse.floats()[1999] = bad;
            QVERIFY(codeOf(std::as_const(worse).matrix()) == ErrorCode::Numeric);
        }
        const InputStatistics s = accumulator.finish();
        const InputStatistics expected = collected(x, 100, true, 5);
        QVERIFY(s.hessian == expected.hessian && s.maximum == expected.maximum);
        QCOMPARE(s.rows, std::int64_t(100));
    }

    void crossAgreesWithTheOracle_data() { agreesWithTheOracle_data(); }
    void crossAgreesWithTheOracle()
    {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, batch);
        const Tensor x = correlatedInputs(rows, cols, 3);
        const Tensor other = correlatedInputs(rows, cols, 4);
        const InputStatistics s = paired(x, other, batch);
        const auto d = static_cast<std::size_t>(cols);
        QCOMPARE(s.cross.size(), d * d);
        for (std::size_t i = 0; i < d; ++i)
            for (std::size_t j = 0; j < d; ++j) {
                double sum = 0;
                double left = 0;
                double right = 0;
                for (std::int64_t r = 0; r < rows; ++r) {
                    const double a = other.matrix().row(r)[i];
                    const double b = x.matrix().row(r)[j];
                    sum += a * b;
                    left += a * a;
                    right += b * b;
                }
                QVERIFY(std::fabs(s.cross[i * d + j] - sum / rows) <=
                        1e-5 * std::sqrt(left * right) / rows);
            }
        // The rest is what it is without the pairs.
        const InputStatistics alone = collected(x, batch, true);
        QVERIFY(s.hessian == alone.hessian && s.maximum == alone.maximum);
        QVERIFY(alone.cross.empty());
    }

    void pairsAreRefusedTogether()
    {
        const Tensor x = correlatedInputs(100, 20, 3);
        const Tensor other = correlatedInputs(100, 20, 4);
        InputAccumulator accumulator(20, true);
        accumulator.collectCross();
        accumulator.addBeside(x.matrix(), other.matrix());
        const auto codeOf = [&](ConstMatrixView rows, ConstMatrixView beside) {
            try {
                accumulator.addBeside(rows, beside);
            } catch (const Error& error) {
                return std::optional<ErrorCode>(error.code());
            }
            return std::optional<ErrorCode>();
        };
        QVERIFY(codeOf(x.matrix(), other.matrix().block(0, 0, 99, 20)) == ErrorCode::Shape);
        QVERIFY(codeOf(x.matrix(), other.matrix().block(0, 0, 100, 19)) == ErrorCode::Shape);
        Tensor bad = other.clone();
        bad.floats()[77] = std::nanf("");
        QVERIFY(codeOf(x.matrix(), bad.matrix()) == ErrorCode::Numeric);
        QVERIFY(codeOf(bad.matrix(), x.matrix()) == ErrorCode::Numeric);
        const InputStatistics s = accumulator.finish();
        const InputStatistics expected = paired(x, other, 100);
        QVERIFY(s.cross == expected.cross && s.hessian == expected.hessian);
        QCOMPARE(s.rows, std::int64_t(100));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor x = correlatedInputs(700, 600, 3);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            return collected(x, 600, true).hessian;
        };
        const std::vector<double> one = with(1);
        QVERIFY(with(2) == one);
        QVERIFY(with(4) == one);
        const Tensor other = correlatedInputs(700, 600, 4);
        const auto crossWith = [&](int threads) {
            const ThreadLimit limit(threads);
            return paired(x, other, 600).cross;
        };
        QVERIFY(crossWith(3) == crossWith(1));
    }

    void stopsAtEveryCheckpoint()
    {
        const Tensor x = correlatedInputs(600, 300, 3);
        int stops = 0;
        for (bool finished = false; !finished && stops < 60;) {
            StopAt monitor(stops);
            InputAccumulator accumulator(300, true);
            try {
                accumulator.add(x.matrix(), &monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(stops >= 10);
    }
};

QTEST_APPLESS_MAIN(TestCalibration)
#include "tst_calibration.moc"
