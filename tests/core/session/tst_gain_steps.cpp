// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/gain_steps.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;

namespace {
constexpr double none = std::numeric_limits<double>::quiet_NaN();

TracePoint point(TraceStage stage, double output, double weight = none, int round = 0)
{
    TracePoint p;
    p.stage = stage;
    p.relativeError = output;
    p.weightError = weight;
    p.round = round;
    return p;
}
} // namespace

class TestGainSteps : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void kindsAddUp();
    void weightsWithoutInputs();
    void unmeasuredPoints();
    void nothing();
    void means();
    void names();
};

void TestGainSteps::kindsAddUp()
{
    const GainSteps steps = gainSteps({
        point(TraceStage::RoundToNearest, 1.0),
        point(TraceStage::Outliers, 0.5),
        point(TraceStage::Clip, 0.25),
        point(TraceStage::Exponent, 0.2),
        point(TraceStage::Nearest, 0.16),
        point(TraceStage::Sweep, 0.08),
        point(TraceStage::Integers, 0.06, none, 1),
        point(TraceStage::Scales, 0.05, none, 1),
        point(TraceStage::Exponent, 0.04, none, 1),
        point(TraceStage::Integers, 0.03, none, 2),
        point(TraceStage::Gradient, 0.02),
        point(TraceStage::Block, 0.025),
    });
    QVERIFY(steps.ofOutputs);
    QCOMPARE(steps.layers, 1);
    const auto decibel = [](double before, double after) {
        return 10 * std::log10(before / after);
    };
    const auto is = [&](GainKind kind, double expected) {
        return steps.has(kind) && test::isClose(steps.of(kind), expected, 1e-9);
    };
    QVERIFY(is(GainKind::Outliers, decibel(1, 0.5)));
    QVERIFY(is(GainKind::Clip, decibel(0.5, 0.25)));
    QVERIFY(is(GainKind::Exponent, decibel(0.25, 0.2)));
    QVERIFY(is(GainKind::Nearest, decibel(0.2, 0.16)));
    QVERIFY(is(GainKind::Codes, decibel(0.16, 0.06) + decibel(0.04, 0.03)));
    QVERIFY(is(GainKind::Scales, decibel(0.06, 0.05)));
    QVERIFY(is(GainKind::ExponentSteps, decibel(0.05, 0.04)));
    QVERIFY(is(GainKind::Gradient, decibel(0.03, 0.02)));
    QVERIFY(is(GainKind::Block, decibel(0.02, 0.025)));
    QVERIFY(steps.of(GainKind::Block) < 0);
    QVERIFY(!steps.has(GainKind::FineTuning));
    QVERIFY(test::isClose(steps.total(), decibel(1, 0.025), 1e-9));
    QVERIFY(steps.first == 1.0 && steps.last == 0.025);
}

void TestGainSteps::weightsWithoutInputs()
{
    const GainSteps steps = gainSteps(
        {point(TraceStage::RoundToNearest, none, 0.1), point(TraceStage::Exponent, none, 0.01)});
    QVERIFY(!steps.ofOutputs);
    QVERIFY(test::isClose(steps.of(GainKind::Exponent), 10, 1e-9));
}

/// A point without the number that is compared is passed over: the next one has its gain too.
void TestGainSteps::unmeasuredPoints()
{
    const GainSteps steps = gainSteps({
        point(TraceStage::RoundToNearest, 1),
        point(TraceStage::Clip, none),
        point(TraceStage::Exponent, 0.1),
        point(TraceStage::Nearest, 0),
    });
    QVERIFY(!steps.has(GainKind::Clip));
    QVERIFY(!steps.has(GainKind::Nearest));
    QVERIFY(test::isClose(steps.of(GainKind::Exponent), 10, 1e-9));
    QVERIFY(std::isfinite(steps.total()));
}

void TestGainSteps::nothing()
{
    QVERIFY(gainSteps({}).empty());
    QVERIFY(gainSteps({point(TraceStage::RoundToNearest, 1)}).empty());
    QVERIFY(meanGain({}).empty());
    QVERIFY(meanGain({GainSteps()}).empty());
}

void TestGainSteps::means()
{
    const GainSteps a =
        gainSteps({point(TraceStage::RoundToNearest, 1), point(TraceStage::Clip, 0.1)});
    const GainSteps b =
        gainSteps({point(TraceStage::RoundToNearest, 0.01), point(TraceStage::Clip, 0.01),
                   point(TraceStage::Exponent, 0.001)});
    const GainSteps weights = gainSteps(
        {point(TraceStage::RoundToNearest, none, 0.1), point(TraceStage::Exponent, none, 0.01)});
    const GainSteps mean = meanGain({a, GainSteps(), b, weights});
    QCOMPARE(mean.layers, 2); // the one of weights is measured otherwise
    QVERIFY(mean.ofOutputs);
    QVERIFY(test::isClose(mean.of(GainKind::Clip), 5, 1e-9));
    QVERIFY(test::isClose(mean.of(GainKind::Exponent), 5, 1e-9));
    QVERIFY(test::isClose(mean.first, 0.1, 1e-9));
    QVERIFY(test::isClose(10 * std::log10(mean.first / mean.last), mean.total(), 1e-9));
    QCOMPARE(meanGain({weights, weights, a}).layers, 2);
}

void TestGainSteps::names()
{
    std::vector<std::string_view> names;
    for (std::size_t k = 0; k < gainKinds; ++k)
        names.push_back(gainKindName(static_cast<GainKind>(k)));
    QCOMPARE(names.front(), std::string_view("outliers"));
    QCOMPARE(names.back(), std::string_view("fine_tuning"));
    std::sort(names.begin(), names.end());
    QVERIFY(std::adjacent_find(names.begin(), names.end()) == names.end());
}

QTEST_APPLESS_MAIN(TestGainSteps)
#include "tst_gain_steps.moc"
