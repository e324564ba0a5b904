// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/order_statistics.h"
#include "tests/support/affine_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <array>

using namespace gradus;
using namespace gradus::test;

namespace {

enum class Values
{
    Gauss,
    Heavy,
    Rectified,
    Sorted,
    Reversed,
    FewValues,
    Constant,
    OneOutlier,
};

std::vector<float> valuesOf(Values shape, std::size_t count, std::uint64_t seed)
{
    RandomStream random(seed);
    std::vector<float> x(count);
    for (std::size_t i = 0; i < count; ++i) {
        const double n = random.normal();
        switch (shape) {
        case Values::Gauss:
            x[i] = static_cast<float>(n);
            break;
        case Values::Heavy:
            x[i] = static_cast<float>(n * std::exp(n * n / 3) + 2);
            break;
        case Values::Rectified:
            x[i] = static_cast<float>(std::max(0.0, n));
            break;
        case Values::Sorted:
            x[i] = static_cast<float>(i);
            break;
        case Values::Reversed:
            x[i] = -static_cast<float>(i);
            break;
        case Values::FewValues:
            x[i] = static_cast<float>(random.below(3));
            break;
        case Values::Constant:
            x[i] = 3.7F;
            break;
        case Values::OneOutlier:
            x[i] = i == count / 2 ? 9.0F : 0.0F;
            break;
        }
    }
    return x;
}

constexpr std::array allShapes = {Values::Gauss,    Values::Heavy,     Values::Rectified,
                                  Values::Sorted,   Values::Reversed,  Values::FewValues,
                                  Values::Constant, Values::OneOutlier};
constexpr std::array percentiles = {0.999, 0.9999, 0.99999};

bool sameBounds(const InputBounds& a, const InputBounds& b)
{
    return a.low == b.low && a.high == b.high && a.step.scale == b.step.scale &&
           a.step.zero == b.step.zero && a.squaredError == b.squaredError;
}

} // namespace

class AffineRangeTest : public QObject
{
    Q_OBJECT

private slots:
    void namesComeBack();
    void quantileInterpolates();
    void tailsAgreeWithASort_data();
    void tailsAgreeWithASort();
    void medianAgreesWithASort();
    void ascendingRamp();
    void oneOutlierStays();
    void positiveThroughout();
    void constants();
    void quantilesThatMeet();
    void percentileIsTheBestOfThree();
    void mseIsTheBestOfItsSteps();
    void minMax();
    void channelsAreTheirOwnTensors();
    void channelsBeatOneGrid();
    void relativeErrorIsMeasured();
    void notFinite();
    void nothingAtAll();
    void anyNumberOfThreads();
};

void AffineRangeTest::namesComeBack()
{
    for (const InputRange range : {InputRange::MinMax, InputRange::Percentile, InputRange::Mse})
        QVERIFY(inputRangeFromName(inputRangeName(range)) == range);
    QVERIFY(inputRangeName(InputRange::MinMax) == "min-max");
    QVERIFY(!inputRangeFromName("Percentile"));
}

void AffineRangeTest::quantileInterpolates()
{
    const std::vector<float> x = {-1, 0, 4, 10};
    QVERIFY(quantile(x, 0) == -1);
    QVERIFY(quantile(x, 1) == 10);
    QVERIFY(isClose(quantile(x, 0.5), 2, 1e-12));
    QVERIFY(isClose(quantile(x, 0.9), 8.2, 1e-12));
    const std::vector<float> one = {7};
    QVERIFY(quantile(one, 0.3) == 7);
    // A weight row of 192: 0.999 lies between the two largest (section 2.2).
    std::vector<float> row(192);
    for (std::size_t i = 0; i < row.size(); ++i)
        row[i] = static_cast<float>(i * i);
    QVERIFY(isClose(quantile(row, 0.999), 190.0 * 190 + 0.809 * (191.0 * 191 - 190.0 * 190), 1e-9));
}

void AffineRangeTest::tailsAgreeWithASort_data()
{
    QTest::addColumn<int>("count");
    for (const int count : {1, 2, 3, 10, 192, 999, 1000, 1001, 4095, 4096, 6304, 200003})
        QTest::addRow("%d", count) << count;
}

void AffineRangeTest::tailsAgreeWithASort()
{
    QFETCH(const int, count);
    for (const Values shape : allShapes) {
        std::vector<float> x = valuesOf(shape, static_cast<std::size_t>(count), 9);
        const TailQuantiles tails(x, 1 - percentiles[0]);
        std::sort(x.begin(), x.end());
        QVERIFY(tails.smallest() == x.front());
        QVERIFY(tails.largest() == x.back());
        for (const double p : percentiles) {
            QVERIFY(tails.at(p) == quantile(x, p));
            QVERIFY(tails.at(1 - p) == quantile(x, 1 - p));
            QVERIFY(isClose(tails.at(p), oracleQuantile(x, p), 1e-12, 1e-12));
        }
        QVERIFY(tails.at(0) == static_cast<double>(x.front()));
        QVERIFY(tails.at(1) == static_cast<double>(x.back()));
    }
    // A sample at even distances may see nothing of the tails: then they are found otherwise.
    std::vector<float> hidden(200003, 0);
    for (std::size_t i = 0; i < 2000; ++i)
        hidden[i * 100 + 7] = static_cast<float>(i) - 1000;
    const TailQuantiles tails(hidden, 1 - percentiles[0]);
    for (const double p : percentiles)
        QVERIFY(isClose(tails.at(p), oracleQuantile(hidden, p), 1e-12));
}

void AffineRangeTest::medianAgreesWithASort()
{
    for (const Values shape : allShapes)
        for (const std::size_t count : {1U, 2U, 3U, 4U, 101U, 5000U}) {
            const std::vector<float> x = valuesOf(shape, count, 4);
            QVERIFY(isClose(medianOf(x), oracleQuantile(x, 0.5), 1e-12, 1e-12));
        }
}

// V2 (a).
void AffineRangeTest::ascendingRamp()
{
    std::vector<float> x(1001);
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(i);
    const InputBounds bounds = boundsOf(x, 4, InputRange::Percentile);
    QVERIFY(isClose(bounds.high, 999, 1e-12));
    QVERIFY(isClose(bounds.low, 1, 1e-12));
    QVERIFY(isClose(static_cast<double>(bounds.step.scale), 66.533333, 1e-7));
    QCOMPARE(bounds.step.zero, 0);
}

// V2 (b): one error of 49 is worse than 2001 spoiled values, so the outlier stays.
void AffineRangeTest::oneOutlierStays()
{
    std::vector<float> x;
    for (int i = 0; i <= 2000; ++i)
        x.push_back(static_cast<float>(-1 + i / 1000.0));
    x.push_back(50);
    const InputBounds bounds = boundsOf(x, 4, InputRange::Percentile);
    // The reference's figure is of a rank in float, a hundred-thousandth off.
    QVERIFY(isClose(static_cast<double>(bounds.step.scale), 3.334602, 2e-5));
    QCOMPARE(bounds.step.zero, 0);
}

// V2 (c).
void AffineRangeTest::positiveThroughout()
{
    std::vector<float> x;
    for (int i = 0; i <= 1000; ++i)
        x.push_back(static_cast<float>(5 + i / 1000.0));
    const InputBounds bounds = boundsOf(x, 4, InputRange::Percentile);
    QVERIFY(isClose(static_cast<double>(bounds.step.scale), 0.0665333, 1e-5));
    QCOMPARE(bounds.step.zero, -75);
    double worst = 0;
    for (const float value : x) {
        const auto exact = static_cast<double>(value);
        worst = std::max(
            worst, std::fabs(exact - oracleRounded(exact, static_cast<double>(bounds.step.scale),
                                                   bounds.step.zero, 4)));
    }
    // Beyond the quantile at the lower end, too.
    QVERIFY(isClose(worst, 0.03327, 0.05));
}

// V2 (d).
void AffineRangeTest::constants()
{
    for (const InputRange range : {InputRange::MinMax, InputRange::Percentile, InputRange::Mse})
        for (const float constant : {0.0F, 3.7F, -0.1F, 1e20F, -3e-20F}) {
            const std::vector<float> x(777, constant);
            const InputBounds bounds = boundsOf(x, 4, range);
            QVERIFY(bounds.squaredError == 0);
            QVERIFY(bounds.low == static_cast<double>(constant));
            QVERIFY(bounds.high == static_cast<double>(constant));
        }
}

void AffineRangeTest::quantilesThatMeet()
{
    // Of 5000 zeros and one outlier 0.99999 alone sees it.
    const std::vector<float> few = valuesOf(Values::OneOutlier, 5001, 0);
    const InputBounds seen = boundsOf(few, 4, InputRange::Percentile);
    QVERIFY(seen.low == 0);
    QVERIFY(isClose(seen.high, 0.95 * 9, 1e-9));
    QVERIFY(isClose(seen.high, oracleQuantile(few, 0.99999), 1e-12));
    // Of many nothing does: the range is the constant.
    const std::vector<float> many = valuesOf(Values::OneOutlier, 400000, 0);
    const InputBounds missed = boundsOf(many, 4, InputRange::Percentile);
    QVERIFY(missed.low == 0 && missed.high == 0);
    QVERIFY(missed.step.scale == 1);
}

// A theorem of section 12.
void AffineRangeTest::percentileIsTheBestOfThree()
{
    for (const Values shape : {Values::Gauss, Values::Heavy, Values::Rectified, Values::FewValues})
        for (const std::size_t count : {50U, 192U, 5000U, 40000U})
            for (const int bits : {2, 4, 6, 8}) {
                const std::vector<float> x = valuesOf(shape, count, count + 1);
                const InputBounds chosen = boundsOf(x, bits, InputRange::Percentile);
                const double error =
                    oracleError(x, static_cast<double>(chosen.step.scale), chosen.step.zero, bits);
                QVERIFY(isClose(chosen.squaredError, error, 1e-4, 1e-9));
                bool found = false;
                for (const double p : percentiles) {
                    const double low = oracleQuantile(x, 1 - p);
                    const double high = oracleQuantile(x, p);
                    const double scale = (high - low) / ((1 << bits) - 1);
                    const double zero = std::nearbyint(-low / scale);
                    QVERIFY(chosen.squaredError <=
                            oracleError(x, scale, zero, bits) * (1 + 1e-4) + 1e-9);
                    found = found || (std::fabs(chosen.low - low) < 1e-9 &&
                                      std::fabs(chosen.high - high) < 1e-9);
                }
                QVERIFY(found);
            }
}

void AffineRangeTest::mseIsTheBestOfItsSteps()
{
    for (const Values shape : {Values::Gauss, Values::Heavy, Values::Rectified}) {
        const std::vector<float> x = valuesOf(shape, 3000, 6);
        const double middle = oracleQuantile(x, 0.5);
        const auto low = static_cast<double>(*std::min_element(x.begin(), x.end()));
        const auto high = static_cast<double>(*std::max_element(x.begin(), x.end()));
        for (const int bits : {2, 4, 8}) {
            const InputBounds chosen = boundsOf(x, bits, InputRange::Mse);
            double least = std::numeric_limits<double>::infinity();
            for (int i = 0; i <= 60; ++i) {
                const double factor = 1 - 0.8 * i / 60;
                const double scale = factor * (high - low) / ((1 << bits) - 1);
                const double zero = std::nearbyint(-(middle + factor * (low - middle)) / scale);
                least = std::min(least, oracleError(x, scale, zero, bits));
            }
            QVERIFY(isClose(chosen.squaredError, least, 1e-4));
            QVERIFY(chosen.squaredError <= boundsOf(x, bits, InputRange::MinMax).squaredError);
        }
    }
}

void AffineRangeTest::minMax()
{
    const std::vector<float> x = {3, -1, 2, 5};
    const InputBounds bounds = boundsOf(x, 2, InputRange::MinMax);
    QVERIFY(bounds.low == -1 && bounds.high == 5);
    QVERIFY(bounds.step.scale == 2);
    QCOMPARE(bounds.step.zero, 0); // half a step to even
}

void AffineRangeTest::channelsAreTheirOwnTensors()
{
    const Tensor x = skewedRows(500, 37, 7);
    for (const InputRange range : {InputRange::MinMax, InputRange::Percentile, InputRange::Mse}) {
        const AffineGrid grid = channelGrid(x.matrix(), 4, range);
        QVERIFY(!grid.validate(37));
        QVERIFY(!grid.hasOneScale());
        for (std::int64_t d = 0; d < 37; ++d) {
            const std::vector<float> column = columnOf(x.matrix(), d);
            const InputBounds own = boundsOf(column, 4, range);
            QVERIFY(grid.scale(static_cast<std::size_t>(d)) == own.step.scale);
            QCOMPARE(grid.zero(static_cast<std::size_t>(d)), own.step.zero);
            const AffineGrid alone =
                tensorGrid(ConstMatrixView(x.matrix().data + d, 500, 1, 37), 4, range);
            QVERIFY(alone.scale(0) == own.step.scale);
            QCOMPARE(alone.zero(0), own.step.zero);
        }
    }
}

// Expected of features whose widths differ by more than 4 (section 12).
void AffineRangeTest::channelsBeatOneGrid()
{
    const Tensor x = skewedRows(400, 32, 8);
    const double together = tensorGrid(x.matrix(), 4, InputRange::Percentile).relativeError;
    const double apart = channelGrid(x.matrix(), 4, InputRange::Percentile).relativeError;
    QVERIFY(apart < together);
    QVERIFY(apart > 0);
}

void AffineRangeTest::relativeErrorIsMeasured()
{
    const Tensor x = skewedRows(300, 20, 11);
    for (const AffineGrid& grid : {tensorGrid(x.matrix(), 4, InputRange::Mse),
                                   channelGrid(x.matrix(), 4, InputRange::Percentile)}) {
        Tensor out({300, 20});
        roundToGrid(grid, x.matrix(), out.matrix());
        double error = 0;
        double squares = 0;
        for (std::size_t i = 0; i < out.floats().size(); ++i) {
            const auto value = static_cast<double>(x.floats()[i]);
            error += std::pow(value - static_cast<double>(out.floats()[i]), 2);
            squares += value * value;
        }
        QVERIFY(isClose(grid.relativeError, error / squares, 1e-10));
    }
}

void AffineRangeTest::notFinite()
{
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
        Tensor x = skewedRows(50, 20, 2);
        x.matrix().row(31)[17] = bad;
        try {
            (void)channelGrid(x.matrix(), 4, InputRange::Percentile);
            QFAIL("a value that is not finite is accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Numeric);
            QVERIFY(std::string(error.what()).starts_with("feature 17: inputs have 1 value"));
        }
        QVERIFY_EXCEPTION_THROWN((void)tensorGrid(x.matrix(), 4, InputRange::MinMax), Error);
        QVERIFY_EXCEPTION_THROWN((void)boundsOf(x.floats(), 4, InputRange::Mse), Error);
    }
}

void AffineRangeTest::nothingAtAll()
{
    for (const InputRange range : {InputRange::MinMax, InputRange::Percentile, InputRange::Mse}) {
        const AffineGrid none = tensorGrid(ConstMatrixView(nullptr, 0, 5), 4, range);
        QVERIFY(!none.validate(5));
        QVERIFY(none.scale(0) == 1 && none.zero(0) == 0 && none.relativeError == 0);
        const AffineGrid channels = channelGrid(ConstMatrixView(nullptr, 0, 5), 4, range);
        QVERIFY(!channels.validate(5));
        QCOMPARE(channels.scales.size(), std::size_t(5));
        // One row is a constant in every feature.
        const std::vector<float> row = {1, -2, 0};
        const AffineGrid single = channelGrid(oneRow(row), 4, range);
        QVERIFY(single.relativeError == 0);
    }
}

void AffineRangeTest::anyNumberOfThreads()
{
    const Tensor x = skewedRows(3000, 50, 14);
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        std::vector<AffineGrid> grids;
        for (const InputRange range :
             {InputRange::MinMax, InputRange::Percentile, InputRange::Mse}) {
            grids.push_back(channelGrid(x.matrix(), 4, range));
            grids.push_back(tensorGrid(x.matrix(), 4, range));
        }
        return grids;
    };
    const auto one = run(1);
    for (const int threads : {2, 3, 8})
        QVERIFY(run(threads) == one);
    const InputBounds bounds = boundsOf(x.floats(), 4, InputRange::Percentile);
    const ThreadLimit limit(1);
    QVERIFY(sameBounds(boundsOf(x.floats(), 4, InputRange::Percentile), bounds));
}

QTEST_GUILESS_MAIN(AffineRangeTest)
#include "tst_affine_range.moc"
