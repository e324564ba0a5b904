// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_fit.h"
#include "core/quant/methods/decoupleq_start.h"
#include "tests/support/decoupleq_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<double> identity(std::size_t d)
{
    std::vector<double> h(d * d);
    for (std::size_t j = 0; j < d; ++j)
        h[j * d + j] = 1;
    return h;
}

Tensor rowOf(const std::vector<float>& values)
{
    Tensor w(Shape{1, static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), w.floats().begin());
    return w;
}

std::vector<double> residualOf(const DecoupleqLayer& layer, const GridState& state,
                               std::int64_t row)
{
    std::vector<double> e;
    for (std::int64_t c = 0; c < layer.cols; ++c) {
        const auto g = static_cast<std::size_t>(row * layer.groups + c / layer.group);
        const auto code =
            static_cast<double>(state.codes[static_cast<std::size_t>(row * layer.cols + c)]);
        e.push_back(static_cast<double>(state.scales[g]) *
                        (code - static_cast<double>(state.zeros[g])) -
                    static_cast<double>(layer.weight.row(row)[static_cast<std::size_t>(c)]));
    }
    return e;
}

/// From the ranges, rounded to nearest.
GridState started(const DecoupleqFixture& fixture)
{
    const DecoupleqLayer& layer = fixture.layer();
    GridState state(layer);
    startFromRanges(layer, layer.scheme, state);
    roundRows(layer, fixture.allRows(), state);
    evaluateRows(layer, fixture.allRows(), state);
    return state;
}

GridState fitted(const DecoupleqFixture& fixture, const GridState& state)
{
    GridState result = state;
    DecoupleqFit(fixture.layer()).run(fixture.allRows(), state, result);
    return result;
}

} // namespace

class TestDecoupleqFit : public QObject
{
    Q_OBJECT

private slots:
    void knownStartAndFit()
    {
        // Reference, test T2; z = −s · (zero − 2) in its words.
        const std::vector<float> w{-.9F, -.2F, .3F, 1.2F};
        for (const bool symmetric : {false, true}) {
            DecoupleqFixture fixture(rowOf(w), identity(4), schemeOf(2, 0, symmetric), 0);
            GridState state = started(fixture);
            QVERIFY(isClose(static_cast<double>(state.scales[0]), symmetric ? 0.8 : 0.7, 1e-6));
            QVERIFY(isClose(static_cast<double>(state.scales[0]) *
                                (2 - static_cast<double>(state.zeros[0])),
                            symmetric ? 0 : 0.5, 1e-6, 1e-7));
            state.codes = {0, 1, 2, 3};
            evaluateRows(fixture.layer(), fixture.allRows(), state);
            const GridState best = fitted(fixture, state);
            const auto s = static_cast<double>(best.scales[0]);
            QVERIFY(isClose(s, symmetric ? 3.2 / 6 : 0.68, 1e-6));
            QVERIFY(isClose(s * (2 - static_cast<double>(best.zeros[0])), symmetric ? 0 : 0.44,
                            1e-6, 1e-7));
            QVERIFY(isClose(best.errors[0], symmetric ? 0.673333333 : 0.028, 1e-6));
        }
    }

    void rangeHoldsZero()
    {
        // Reference, test T7.
        DecoupleqFixture fixture(rowOf({.5F, .7F, .9F, 1.1F}), identity(4), schemeOf(2), 0);
        const GridState state = started(fixture);
        QVERIFY(isClose(static_cast<double>(state.scales[0]), 1.1 / 3, 1e-6));
        QVERIFY(isClose(static_cast<double>(state.scales[0]) *
                            (2 - static_cast<double>(state.zeros[0])),
                        2.2 / 3, 1e-6));
        QCOMPARE(state.codes, (std::vector<std::uint8_t>{1, 2, 2, 3}));
    }

    void tiesRoundUpwards()
    {
        // Reference, test T6.
        const float from[] = {-1.5F, -.5F, .5F, 1.5F, 2.5F, .49999997F};
        const float to[] = {-1, 0, 1, 2, 3, 0};
        for (std::size_t i = 0; i < std::size(from); ++i)
            QVERIFY(roundHalfUp(from[i]) == to[i]);
    }

    void gradientVanishes_data()
    {
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        for (const int group : {0, 16, 13, 1000})
            for (const bool symmetric : {false, true})
                QTest::addRow("group %d%s", group, symmetric ? ", symmetric" : "")
                    << group << symmetric;
    }
    void gradientVanishes()
    {
        // In exact arithmetic Bᵀ·H·e = 0; what is left is the storing of scales in float, which
        // another fit from there sees: its changes are roundings.
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        DecoupleqFixture fixture(70, 64, schemeOf(3, group, symmetric));
        const DecoupleqLayer& layer = fixture.layer();
        const GridState first = started(fixture);
        const GridState best = fitted(fixture, first);
        for (std::int64_t row = 0; row < layer.rows; ++row) {
            const auto r = static_cast<std::size_t>(row);
            const std::vector<double> e = residualOf(layer, best, row);
            QVERIFY(isClose(best.errors[r], quadraticForm(layer, e), 1e-5));
            QVERIFY(best.errors[r] <= first.errors[r] * (1 + 1e-9));
            // Any small change of a parameter raises the error.
            for (std::int64_t g = 0; g < layer.groups; ++g)
                for (const bool scale : {true, false}) {
                    if (!scale && symmetric)
                        continue;
                    GridState other = best;
                    const auto at = static_cast<std::size_t>(row * layer.groups + g);
                    double slope = 0;
                    for (const float sign : {-1.0F, 1.0F}) {
                        (scale ? other.scales : other.zeros)[at] =
                            scale ? best.scales[at] * (1 + sign * 0.01F)
                                  : best.zeros[at] + sign * 0.01F;
                        const double error = quadraticForm(layer, residualOf(layer, other, row));
                        QVERIFY(error > best.errors[r] * (1 - 1e-6));
                        slope += static_cast<double>(sign) * error;
                    }
                    QVERIFY(std::fabs(slope) <= 1e-3 * best.errors[r]);
                }
        }
    }

    void groupsOfABlockDiagonalHessianAreAlone()
    {
        // Reference, test T10: G independent instances.
        std::vector<double> h(64);
        for (std::size_t i = 0; i < 8; ++i)
            for (std::size_t j = 0; j < 8; ++j)
                h[i * 8 + j] = i / 4 != j / 4 ? 0 : i == j ? 1.0 : 0.4;
        const Tensor w = randomMatrix(3, 8, 1, 4);
        DecoupleqFixture whole(w.clone(), h, schemeOf(2, 4), 0.01);
        const GridState best = fitted(whole, started(whole));
        for (std::int64_t g = 0; g < 2; ++g) {
            std::vector<double> part;
            Tensor half(Shape{3, 4});
            for (std::size_t i = 0; i < 4; ++i)
                for (std::size_t j = 0; j < 4; ++j)
                    part.push_back(h[i * 8 + j]);
            for (std::int64_t r = 0; r < 3; ++r)
                std::copy_n(w.matrix().row(r).begin() + g * 4, 4, half.matrix().row(r).begin());
            DecoupleqFixture alone(std::move(half), part, schemeOf(2), 0.01);
            const GridState single = fitted(alone, started(alone));
            for (std::size_t r = 0; r < 3; ++r) {
                const std::size_t at = r * 2 + static_cast<std::size_t>(g);
                QVERIFY(isClose(static_cast<double>(best.scales[at]),
                                static_cast<double>(single.scales[r]), 1e-6));
                QVERIFY(isClose(static_cast<double>(best.zeros[at]),
                                static_cast<double>(single.zeros[r]), 1e-6, 1e-6));
            }
        }
    }

    void constantGroupKeepsItsScale()
    {
        // One constant group in one row: finite, no worse than any scale of it, and nothing
        // changes in the other rows.
        DecoupleqFixture fixture(9, 24, schemeOf(2, 8));
        const DecoupleqLayer& layer = fixture.layer();
        GridState state = started(fixture);
        const GridState usual = fitted(fixture, state);
        for (std::size_t c = 8; c < 16; ++c)
            state.codes[4 * 24 + c] = 2;
        evaluateRows(layer, fixture.allRows(), state);
        const GridState best = fitted(fixture, state);
        QVERIFY(best.scales[4 * 3 + 1] == state.scales[4 * 3 + 1]);
        QVERIFY(std::isfinite(best.zeros[4 * 3 + 1]));
        QVERIFY(best.errors[4] < state.errors[4]);
        QVERIFY(isClose(best.errors[4], quadraticForm(layer, residualOf(layer, best, 4)), 1e-5));
        for (const float factor : {0.5F, 2.0F, 3.0F}) {
            GridState other = state;
            other.scales[4 * 3 + 1] *= factor;
            evaluateRows(layer, fixture.allRows(), other);
            QVERIFY(isClose(fitted(fixture, other).errors[4], best.errors[4], 1e-5));
        }
        for (std::size_t i = 0; i < usual.scales.size(); ++i)
            if (i / 3 != 4) {
                QVERIFY(usual.scales[i] == best.scales[i]);
                QVERIFY(usual.zeros[i] == best.zeros[i]);
            }
    }

    void negativeScaleMirrorsTheCodes()
    {
        DecoupleqFixture fixture(rowOf({-.9F, -.2F, .3F, 1.2F}), identity(4), schemeOf(2), 0);
        GridState state = started(fixture);
        state.codes = {3, 2, 1, 0};
        evaluateRows(fixture.layer(), fixture.allRows(), state);
        const GridState best = fitted(fixture, state);
        QCOMPARE(best.codes, (std::vector<std::uint8_t>{0, 1, 2, 3}));
        QVERIFY(isClose(static_cast<double>(best.scales[0]), 0.68, 1e-6));
        QVERIFY(isClose(best.errors[0], 0.028, 1e-4));
    }

    void finerGroupsAndZerosAreNoWorse()
    {
        // Reference, property O4, for the same codes.
        DecoupleqFixture coarse(20, 64, schemeOf(2));
        const GridState codes = started(coarse);
        std::vector<double> last = fitted(coarse, codes).errors;
        for (const std::int64_t group : {32, 16, 8}) {
            DecoupleqFixture fine(20, 64, schemeOf(2, group));
            GridState state = started(fine);
            state.codes = codes.codes;
            evaluateRows(fine.layer(), fine.allRows(), state);
            const std::vector<double> errors = fitted(fine, state).errors;
            for (std::size_t r = 0; r < errors.size(); ++r)
                QVERIFY(errors[r] <= last[r] * (1 + 1e-5));
            last = errors;
        }
        DecoupleqFixture symmetric(20, 64, schemeOf(2, 0, true));
        GridState state = started(symmetric);
        const std::vector<double> without = fitted(symmetric, state).errors;
        DecoupleqFixture asymmetric(20, 64, schemeOf(2));
        GridState with = started(asymmetric);
        with.codes = state.codes;
        evaluateRows(asymmetric.layer(), asymmetric.allRows(), with);
        const std::vector<double> errors = fitted(asymmetric, with).errors;
        for (std::size_t r = 0; r < errors.size(); ++r)
            QVERIFY(errors[r] <= without[r] * (1 + 1e-5));
    }

    void integerZerosStayCodes()
    {
        Scheme scheme = schemeOf(3, 16);
        scheme.floatZeros = false;
        scheme.scaleType = DType::F16;
        DecoupleqFixture fixture(30, 64, scheme);
        const GridState best = fitted(fixture, started(fixture));
        for (const float zero : best.zeros)
            QVERIFY(zero == std::rint(zero) && zero >= 0 && zero <= 7);
        for (std::int64_t row = 0; row < 30; ++row)
            QVERIFY(isClose(best.errors[static_cast<std::size_t>(row)],
                            quadraticForm(fixture.layer(), residualOf(fixture.layer(), best, row)),
                            1e-5));
    }
};

QTEST_APPLESS_MAIN(TestDecoupleqFit)
#include "tst_decoupleq_fit.moc"
