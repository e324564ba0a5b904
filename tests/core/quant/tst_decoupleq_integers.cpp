// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_box.h"
#include "core/quant/methods/decoupleq_start.h"
#include "core/quant/methods/decoupleq_sweep.h"
#include "tests/support/decoupleq_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

Tensor rowOf(const std::vector<float>& values)
{
    Tensor w(Shape{1, static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), w.floats().begin());
    return w;
}

/// Codes by GPTQ's sweep without a second damping, which examples on paper do not have.
void sweep(const DecoupleqFixture& fixture, GridState& state, double secondDamping = 0)
{
    const DecoupleqLayer& layer = fixture.layer();
    const auto factor = sweepFactor(layer.hessian, layer.cols, fixture.order(), layer.damping,
                                    secondDamping, layer.monitor);
    QVERIFY(factor.has_value());
    const PanelFactor panel(factor->u, PanelFactor::evenBorders(layer.cols, 128), 128,
                            layer.monitor);
    sweepIntegers(layer, panel, fixture.allRows(), state);
    evaluateRows(layer, fixture.allRows(), state);
}

/// s = 1 and, in the reference's words, z = 0.
GridState unitGrid(const DecoupleqFixture& fixture)
{
    GridState state(fixture.layer());
    std::fill(state.zeros.begin(), state.zeros.end(), 2.0F);
    return state;
}

const std::vector<double> correlatedPair{1, .9, .9, 1};

} // namespace

class TestDecoupleqIntegers : public QObject
{
    Q_OBJECT

private slots:
    void diagonalHessianGivesRoundToNearest()
    {
        // Reference, test T1.
        std::vector<double> h(20 * 20);
        for (std::size_t j = 0; j < 20; ++j)
            h[j * 21] = 1 + static_cast<double>(j % 7);
        DecoupleqFixture fixture(randomMatrix(10, 20, 1, 3), h, schemeOf(2), 0.01, true);
        GridState nearest(fixture.layer());
        startFromRanges(fixture.layer(), fixture.layer().scheme, nearest);
        GridState swept = nearest;
        roundRows(fixture.layer(), fixture.allRows(), nearest);
        sweep(fixture, swept, 0.01);
        QVERIFY(swept.codes == nearest.codes);
    }

    void sweepOfTwo()
    {
        // Reference, test T4: (0, 1) with error 0.088, round to nearest (0, 0) with 0.608.
        DecoupleqFixture fixture(rowOf({.4F, .4F}), correlatedPair, schemeOf(2), 0);
        GridState state = unitGrid(fixture);
        roundRows(fixture.layer(), fixture.allRows(), state);
        evaluateRows(fixture.layer(), fixture.allRows(), state);
        QCOMPARE(state.codes, (std::vector<std::uint8_t>{2, 2}));
        QVERIFY(isClose(state.errors[0], 0.608, 1e-5));
        sweep(fixture, state);
        QCOMPARE(state.codes, (std::vector<std::uint8_t>{2, 3}));
        QVERIFY(isClose(state.errors[0], 0.088, 1e-5));
    }

    void boxMatters()
    {
        // Reference, test T5: the sweep ignores the box, the first level does not once it has
        // been relaxed before the first rounding.
        DecoupleqFixture fixture(rowOf({.4F, 2.0F}), correlatedPair, schemeOf(2), 0);
        const OrderedHessian h(fixture.layer());
        const auto errorOf = [&](const auto& solver) {
            GridState state = unitGrid(fixture);
            solver(state);
            evaluateRows(fixture.layer(), fixture.allRows(), state);
            return state.errors[0];
        };
        const std::vector<std::int64_t> rows = fixture.allRows();
        QVERIFY(isClose(errorOf([&](GridState& s) { sweep(fixture, s); }), 1.88, 1e-5));
        QVERIFY(isClose(errorOf([&](GridState& s) {
                            adamIntegers(fixture.layer(), h, 1000, 50, 1e-2, rows, s);
                        }),
                        0.28, 1e-5));
        QVERIFY(isClose(errorOf([&](GridState& s) {
                            adamIntegers(fixture.layer(), h, 0, 2000, 1e-2, rows, s);
                        }),
                        1.88, 1e-5));
        QVERIFY(isClose(
            errorOf([&](GridState& s) { boxIntegers(fixture.layer(), h, 200, 4, rows, s); }), 0.28,
            1e-5));
    }

    void mirroredGridGivesMirroredCodes()
    {
        // Reference, test T13: (−s, zero mirrored) is the same box and the same values.
        DecoupleqFixture fixture(70, 40, schemeOf(2));
        const DecoupleqLayer& layer = fixture.layer();
        const OrderedHessian h(layer);
        GridState state(layer);
        startFromRanges(layer, layer.scheme, state);
        for (float& zero : state.zeros)
            zero = std::rint(zero * 8) / 8; // so that mirroring it is exact
        GridState mirrored = state;
        for (float& scale : mirrored.scales)
            scale = -scale;
        for (float& zero : mirrored.zeros)
            zero = 3 - zero;
        boxIntegers(layer, h, 50, 4, fixture.allRows(), state);
        boxIntegers(layer, h, 50, 4, fixture.allRows(), mirrored);
        std::size_t equal = 0;
        for (std::size_t i = 0; i < state.codes.size(); ++i)
            equal += state.codes[i] + mirrored.codes[i] == 3;
        QCOMPARE(equal, state.codes.size());
    }

    void polishEndsWhereNoCodeIsBetter()
    {
        DecoupleqFixture fixture(66, 150, schemeOf(2, 32));
        const DecoupleqLayer& layer = fixture.layer();
        const OrderedHessian h(layer);
        GridState state(layer);
        startFromRanges(layer, layer.scheme, state);
        roundRows(layer, fixture.allRows(), state);
        evaluateRows(layer, fixture.allRows(), state);
        for (int sweeps = 0; sweeps < 40; ++sweeps) {
            const std::vector<double> before = state.errors;
            polishIntegers(layer, h, fixture.allRows(), state);
            evaluateRows(layer, fixture.allRows(), state);
            for (std::size_t r = 0; r < before.size(); ++r)
                QVERIFY(state.errors[r] <= before[r] * (1 + 1e-6));
        }
        // No single code of the first rows can go up or down by one and lower the error.
        for (const std::int64_t row : {0, 1, 65}) {
            const auto at = static_cast<std::size_t>(row * layer.cols);
            for (std::size_t c = 0; c < static_cast<std::size_t>(layer.cols); ++c)
                for (const int step : {-1, 1}) {
                    GridState other = state;
                    const int code = other.codes[at + c] + step;
                    if (code < 0 || code > 3)
                        continue;
                    other.codes[at + c] = static_cast<std::uint8_t>(code);
                    const std::vector<std::int64_t> one{row};
                    evaluateRows(layer, one, other);
                    QVERIFY(other.errors[static_cast<std::size_t>(row)] >=
                            state.errors[static_cast<std::size_t>(row)] * (1 - 1e-5));
                }
        }
    }
};

QTEST_APPLESS_MAIN(TestDecoupleqIntegers)
#include "tst_decoupleq_integers.moc"
