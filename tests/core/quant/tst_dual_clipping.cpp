// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/dual_clipping.h"
#include "tests/support/affine_oracles.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

ConstMatrixView nobody()
{
    return {};
}

std::vector<InputBounds> clipped(const Tensor& x, int bits, ClipSearch search,
                                 ConstMatrixView heldOut = {}, std::uint64_t seed = 1)
{
    return dualClipping(x.matrix(), heldOut, bits, search, seed, Monitor());
}

double errorOf(std::span<const float> x, double low, double high, int bits)
{
    const double scale = (high - low) / ((1 << bits) - 1);
    return oracleError(x, scale, std::nearbyint(-low / scale), bits);
}

double errorOf(std::span<const float> x, const InputBounds& bounds, int bits)
{
    return oracleError(x, static_cast<double>(bounds.step.scale), bounds.step.zero, bits);
}

/// Errors of the pairs of factors 0.20, 0.22, … 1.00, by the definition of section 6.
struct FactorErrors
{
    double pair;   ///< the least of all 41²
    double single; ///< the least of equal ones
    double open;   ///< of (1, 1)
};

FactorErrors factorErrors(std::span<const float> x, int bits, bool pairs)
{
    const std::vector<float> values(x.begin(), x.end());
    const double middle = oracleQuantile(values, 0.5);
    const double smallest = oracleQuantile(values, 0);
    const double largest = oracleQuantile(values, 1);
    const auto at = [&](int upper, int lower) {
        return errorOf(x, middle - (0.2 + 0.02 * lower) * (middle - smallest),
                       middle + (0.2 + 0.02 * upper) * (largest - middle), bits);
    };
    FactorErrors errors{};
    errors.open = at(40, 40);
    errors.single = errors.open;
    for (int i = 0; i <= 40; ++i)
        errors.single = std::min(errors.single, at(i, i));
    errors.pair = errors.single;
    if (pairs)
        for (int i = 0; i <= 40; ++i)
            for (int k = 0; k <= 40; ++k)
                errors.pair = std::min(errors.pair, at(i, k));
    return errors;
}

/// Oracles compute in double, the library what floats come out as.
constexpr double slack = 1 + 1e-4;

bool same(const std::vector<InputBounds>& a, const std::vector<InputBounds>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const InputBounds& left, const InputBounds& right) {
                          return left.low == right.low && left.high == right.high &&
                                 left.step.scale == right.step.scale &&
                                 left.step.zero == right.step.zero &&
                                 left.squaredError == right.squaredError;
                      });
}

} // namespace

class DualClippingTest : public QObject
{
    Q_OBJECT

private slots:
    void namesComeBack();
    void gradientVector();
    void gradientsAreDifferences();
    void noneIsThePercentiles();
    void gridIsOrdered_data();
    void gridIsOrdered();
    void gridBesideTheFullGrid();
    void neverWorseThanPercentiles();
    void learnedComesNearTheGrid();
    void heldOutRowsDecide();
    void offsetFeatures();
    void oneFarOutlierStays();
    void degenerateFeatures();
    void notFinite();
    void seedsMatterToTheLearnedAlone();
    void stops();
    void anyNumberOfThreads();
};

void DualClippingTest::namesComeBack()
{
    for (const ClipSearch search : {ClipSearch::None, ClipSearch::Grid, ClipSearch::Learned})
        QVERIFY(clipSearchFromName(clipSearchName(search)) == search);
    QVERIFY(clipSearchName(ClipSearch::Learned) == "learned");
    QVERIFY(!clipSearchFromName("dual"));
}

// V7.
void DualClippingTest::gradientVector()
{
    const BoundGradient inside = boundGradient(0.3, -1, 2, 2);
    QVERIFY(isClose(inside.upper, -0.1, 1e-12));
    QVERIFY(isClose(inside.lower, 0.1, 1e-12));
    const BoundGradient above = boundGradient(5, -1, 2, 2);
    QVERIFY(above.upper == 1 && above.lower == 0);
    const BoundGradient below = boundGradient(-4, -1, 2, 2);
    QVERIFY(below.upper == 0 && below.lower == 1);
    const BoundGradient none = boundGradient(1, 2, 2, 4);
    QVERIFY(none.upper == 0 && none.lower == 0);
}

// I10: straight through both roundings, that is with what they add held fast.
void DualClippingTest::gradientsAreDifferences()
{
    RandomStream random(10);
    int inside = 0;
    for (int trial = 0; trial < 4000; ++trial) {
        const int bits = 2 + static_cast<int>(random.below(7));
        const double top = (1 << bits) - 1;
        const double low = 3 * random.normal();
        const double high = low + std::exp(random.normal());
        const double x = low + (high - low) * (3 * random.uniform() - 1);
        const double scale = (high - low) / top;
        const double ofSteps = std::nearbyint(x / scale) - x / scale;
        const double ofZero = std::nearbyint(-low / scale) + low / scale;
        const double code = std::nearbyint(x / scale) + std::nearbyint(-low / scale);
        const auto through = [&](double l, double u) {
            const double s = (u - l) / top;
            const double z = -l / s + ofZero;
            const double c = code < 0 ? 0 : code > top ? top : x / s + ofSteps + z;
            return s * (c - z);
        };
        const double h = 1e-5 * (high - low);
        const double upper = (through(low, high + h) - through(low, high - h)) / (2 * h);
        const double lower = (through(low + h, high) - through(low - h, high)) / (2 * h);
        const BoundGradient own = boundGradient(x, low, high, bits);
        const bool isInside = code >= 0 && code <= top;
        inside += isInside ? 1 : 0;
        // Beyond the range a rounded zero moves it by up to half a step.
        const double tolerance = isInside ? 1e-6 : 0.5 / top + 1e-6;
        QVERIFY(std::fabs(own.upper - upper) <= tolerance);
        QVERIFY(std::fabs(own.lower - lower) <= tolerance);
        // With zeros that are whole exactly.
        if (!isInside) {
            QVERIFY(std::fabs(own.upper - (upper + ofZero / top)) <= 1e-6);
            QVERIFY(std::fabs(own.lower - (lower - ofZero / top)) <= 1e-6);
        }
    }
    QVERIFY(inside > 1000 && inside < 3000);
}

void DualClippingTest::noneIsThePercentiles()
{
    const Tensor x = skewedRows(700, 20, 3);
    const std::vector<InputBounds> bounds = clipped(x, 4, ClipSearch::None);
    QCOMPARE(bounds.size(), std::size_t(20));
    for (std::int64_t d = 0; d < 20; ++d)
        QVERIFY(same({bounds[static_cast<std::size_t>(d)]},
                     {boundsOf(columnOf(x.matrix(), d), 4, InputRange::Percentile)}));
}

void DualClippingTest::gridIsOrdered_data()
{
    QTest::addColumn<int>("bits");
    for (const int bits : {2, 3, 4, 6, 8})
        QTest::addRow("%d bits", bits) << bits;
}

// J(dual) ≤ J(single) ≤ J(min-max), and J(dual) ≤ J(percentile): theorems of section 12.
void DualClippingTest::gridIsOrdered()
{
    QFETCH(const int, bits);
    const Tensor x = skewedRows(1500, 33, static_cast<std::uint64_t>(bits));
    const std::vector<InputBounds> dual = clipped(x, bits, ClipSearch::Grid);
    for (std::int64_t d = 0; d < 33; ++d) {
        const std::vector<float> column = columnOf(x.matrix(), d);
        const InputBounds& own = dual[static_cast<std::size_t>(d)];
        QVERIFY(isClose(own.squaredError, errorOf(column, own, bits), 1e-3));
        const FactorErrors errors = factorErrors(column, bits, false);
        QVERIFY(own.squaredError <= errors.single * slack);
        QVERIFY(errors.single <= errors.open);
        QVERIFY(errors.open <= boundsOf(column, bits, InputRange::MinMax).squaredError * slack);
        QVERIFY(own.squaredError <= boundsOf(column, bits, InputRange::Percentile).squaredError);
        QVERIFY(own.squaredError <= boundsOf(column, bits, InputRange::MinMax).squaredError);
    }
}

/// Section 6.4: the descent over either factor beside all 41² pairs.
void DualClippingTest::gridBesideTheFullGrid()
{
    const Tensor x = skewedRows(800, 24, 41);
    double ratios = 0;
    double worst = 0;
    const std::vector<InputBounds> dual = clipped(x, 4, ClipSearch::Grid);
    for (std::int64_t d = 0; d < 24; ++d) {
        const std::vector<float> column = columnOf(x.matrix(), d);
        const double least = std::min(factorErrors(column, 4, true).pair,
                                      boundsOf(column, 4, InputRange::Percentile).squaredError);
        const double own = errorOf(column, dual[static_cast<std::size_t>(d)], 4);
        QVERIFY(own >= least / slack);
        ratios += own / least;
        worst = std::max(worst, own / least);
    }
    qInfo("error against the best of all pairs: %.5f in the mean, %.5f at worst", ratios / 24,
          worst);
    QVERIFY(ratios / 24 < 1.02);
    QVERIFY(worst < 1.2);
}

void DualClippingTest::neverWorseThanPercentiles()
{
    for (const int bits : {3, 4, 8}) {
        const Tensor x = skewedRows(900, 20, 60U + static_cast<std::uint64_t>(bits));
        const Tensor other = skewedRows(300, 20, 60U + static_cast<std::uint64_t>(bits));
        for (const ClipSearch search : {ClipSearch::Grid, ClipSearch::Learned}) {
            const std::vector<InputBounds> own = clipped(x, bits, search);
            const std::vector<InputBounds> held = clipped(x, bits, search, other.matrix());
            for (std::int64_t d = 0; d < 20; ++d) {
                const auto at = static_cast<std::size_t>(d);
                const std::vector<float> column = columnOf(x.matrix(), d);
                const InputBounds percentile = boundsOf(column, bits, InputRange::Percentile);
                QVERIFY(own[at].squaredError <= percentile.squaredError);
                QVERIFY(
                    isClose(own[at].squaredError, squaredError(column, own[at].step, bits), 1e-12));
                const std::vector<float> deciding = columnOf(other.matrix(), d);
                QVERIFY(squaredError(deciding, held[at].step, bits) <=
                        squaredError(deciding, percentile.step, bits));
                QVERIFY(isClose(held[at].squaredError, squaredError(column, held[at].step, bits),
                                1e-12));
            }
        }
    }
}

void DualClippingTest::learnedComesNearTheGrid()
{
    const Tensor x = skewedRows(2500, 24, 77);
    const std::vector<InputBounds> grid = clipped(x, 4, ClipSearch::Grid);
    const std::vector<InputBounds> learned = clipped(x, 4, ClipSearch::Learned);
    double gridRatio = 0;
    double learnedRatio = 0;
    int better = 0;
    for (std::int64_t d = 0; d < 24; ++d) {
        const auto at = static_cast<std::size_t>(d);
        const double percentile =
            boundsOf(columnOf(x.matrix(), d), 4, InputRange::Percentile).squaredError;
        gridRatio += grid[at].squaredError / percentile / 24;
        learnedRatio += learned[at].squaredError / percentile / 24;
        better += learned[at].squaredError < percentile ? 1 : 0;
    }
    qInfo("error against percentiles: grid %.4f, learned %.4f; learned bounds kept of %d of 24",
          gridRatio, learnedRatio, better);
    QVERIFY(better >= 12);
    QVERIFY(learnedRatio < 0.97);
    QVERIFY(learnedRatio < gridRatio * 1.1);
}

void DualClippingTest::heldOutRowsDecide()
{
    // Held-out rows are far more spread than those that the search sees: nothing narrower helps.
    Tensor x = skewedRows(1200, 16, 5);
    Tensor wide = x.clone();
    for (std::int64_t d = 0; d < 16; ++d) {
        const InputBounds percentile = boundsOf(columnOf(x.matrix(), d), 4, InputRange::Percentile);
        for (std::int64_t r = 0; r < wide.matrix().rows; ++r)
            wide.matrix().row(r)[static_cast<std::size_t>(d)] =
                static_cast<float>(r % 2 == 0 ? 2 * percentile.high - percentile.low
                                              : 2 * percentile.low - percentile.high);
    }
    const std::vector<InputBounds> held = clipped(x, 4, ClipSearch::Grid, wide.matrix());
    const std::vector<InputBounds> own = clipped(x, 4, ClipSearch::Grid);
    int narrowed = 0;
    for (std::int64_t d = 0; d < 16; ++d) {
        const auto at = static_cast<std::size_t>(d);
        const InputBounds percentile = boundsOf(columnOf(x.matrix(), d), 4, InputRange::Percentile);
        const std::vector<float> deciding = columnOf(wide.matrix(), d);
        narrowed += own[at].high - own[at].low < percentile.high - percentile.low ? 1 : 0;
        QVERIFY(squaredError(deciding, held[at].step, 4) <=
                squaredError(deciding, percentile.step, 4));
        if (squaredError(deciding, own[at].step, 4) > squaredError(deciding, percentile.step, 4))
            QVERIFY(same({held[at]}, {percentile}));
        else
            QVERIFY(same({held[at]}, {own[at]}) || same({held[at]}, {percentile}));
    }
    QVERIFY(narrowed > 8);
}

/// Bounds move towards the median, not towards 0: a feature far from it is clipped like any other.
void DualClippingTest::offsetFeatures()
{
    RandomStream random(6);
    Tensor near({1500, 1});
    Tensor far({1500, 1});
    for (std::size_t i = 0; i < 1500; ++i) {
        const double n = random.normal();
        // In steps of 2^−10, so that the offset rounds nothing.
        const double value = std::nearbyint(1024 * n * std::exp(std::fabs(n))) / 1024;
        near.floats()[i] = static_cast<float>(value);
        far.floats()[i] = static_cast<float>(value + 512);
    }
    const InputBounds atZero = clipped(near, 4, ClipSearch::Grid)[0];
    const InputBounds away = clipped(far, 4, ClipSearch::Grid)[0];
    QVERIFY(away.low > 0 && away.step.zero < 0);
    QVERIFY(away.high - away.low < 0.9 * (oracleQuantile(columnOf(far.matrix(), 0), 1) -
                                          oracleQuantile(columnOf(far.matrix(), 0), 0)));
    // Zeros round otherwise, which a 4-bit step feels.
    QVERIFY(isClose(away.squaredError, atZero.squaredError, 0.15));
}

// Section 10, point 5.
void DualClippingTest::oneFarOutlierStays()
{
    Tensor x({2002, 1});
    for (std::size_t i = 0; i <= 2000; ++i)
        x.floats()[i] = static_cast<float>(-1 + static_cast<double>(i) / 1000);
    x.floats()[2001] = 50;
    const InputBounds dual = clipped(x, 4, ClipSearch::Grid)[0];
    QVERIFY(dual.high > 45);
    const double narrow = errorOf(x.floats(), -1, 1, 4);
    QVERIFY(dual.squaredError < narrow);
}

void DualClippingTest::degenerateFeatures()
{
    Tensor x({600, 6});
    RandomStream random(9);
    for (std::int64_t r = 0; r < 600; ++r) {
        const std::span<float> row = x.matrix().row(r);
        row[0] = 0;
        row[1] = -2.5F;
        row[2] = r == 17 ? 3.0F : 0.0F;
        row[3] = r % 2 == 0 ? 1.0F : 1.0000001F;
        row[4] = static_cast<float>(1e-39 * random.normal());
        row[5] = static_cast<float>(3e37 * random.normal());
    }
    for (const ClipSearch search : {ClipSearch::None, ClipSearch::Grid, ClipSearch::Learned})
        for (const int bits : {2, 8}) {
            const std::vector<InputBounds> bounds = clipped(x, bits, search);
            for (std::size_t d = 0; d < 6; ++d) {
                QVERIFY(std::isfinite(bounds[d].squaredError));
                QVERIFY(!gridOf(bits, {bounds[d].step.scale}, {bounds[d].step.zero}).validate(1));
            }
            QVERIFY(bounds[0].squaredError == 0 && bounds[1].squaredError == 0);
        }
    for (const ClipSearch search : {ClipSearch::None, ClipSearch::Grid, ClipSearch::Learned}) {
        QCOMPARE(
            dualClipping(ConstMatrixView(nullptr, 0, 3), nobody(), 4, search, 1, Monitor()).size(),
            std::size_t(3));
        QVERIFY(dualClipping(nobody(), nobody(), 4, search, 1, Monitor()).empty());
        const std::vector<float> row = {1, -2, 0};
        for (const InputBounds& bounds :
             dualClipping(oneRow(row), nobody(), 4, search, 1, Monitor()))
            QVERIFY(bounds.squaredError == 0);
    }
}

void DualClippingTest::notFinite()
{
    const Tensor good = skewedRows(40, 20, 1);
    Tensor bad = good.clone();
    bad.matrix().row(5)[18] = std::numeric_limits<float>::quiet_NaN();
    try {
        (void)clipped(bad, 4, ClipSearch::Grid);
        QFAIL("NaN is accepted");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::Numeric);
        QVERIFY(std::string(error.what()).starts_with("feature 18: inputs"));
    }
    try {
        (void)clipped(good, 4, ClipSearch::Grid, bad.matrix());
        QFAIL("held-out NaN is accepted");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::Numeric);
        QVERIFY(std::string(error.what()).starts_with("feature 18: held-out"));
    }
}

void DualClippingTest::seedsMatterToTheLearnedAlone()
{
    const Tensor x = skewedRows(900, 8, 15);
    QVERIFY(same(clipped(x, 4, ClipSearch::Grid, {}, 1), clipped(x, 4, ClipSearch::Grid, {}, 2)));
    QVERIFY(!same(clipped(x, 4, ClipSearch::Learned, {}, 1),
                  clipped(x, 4, ClipSearch::Learned, {}, 2)));
    QVERIFY(
        same(clipped(x, 4, ClipSearch::Learned, {}, 1), clipped(x, 4, ClipSearch::Learned, {}, 1)));
}

void DualClippingTest::stops()
{
    const Tensor x = skewedRows(500, 40, 16);
    for (const ClipSearch search : {ClipSearch::None, ClipSearch::Grid, ClipSearch::Learned})
        for (const int at : {0, 1, 7})
            QVERIFY_EXCEPTION_THROWN(
                (void)dualClipping(x.matrix(), nobody(), 4, search, 1, StopAt(at)), Cancelled);
}

// I14.
void DualClippingTest::anyNumberOfThreads()
{
    const Tensor x = skewedRows(600, 50, 14);
    for (const ClipSearch search : {ClipSearch::Grid, ClipSearch::Learned}) {
        const auto run = [&](int threads) {
            const ThreadLimit limit(threads);
            return clipped(x, 4, search);
        };
        const auto one = run(1);
        for (const int threads : {2, 3, 8})
            QVERIFY(same(run(threads), one));
    }
}

QTEST_GUILESS_MAIN(DualClippingTest)
#include "tst_dual_clipping.moc"
