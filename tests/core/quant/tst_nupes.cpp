// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_codes.h"
#include "core/quant/methods/nupes_exponent.h"
#include "core/quant/methods/nupes_fit.h"
#include "tests/support/nupes_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The example of the reference's section 7.1: a = ½, N = 7, M = 1.
constexpr double exampleWeights[2] = {0.62, 0.05};

double exampleLevel(int k)
{
    return k * std::fabs(k) / 49.0;
}

double exampleError(int k, int l, double h)
{
    const double a = exampleWeights[0] - exampleLevel(k);
    const double b = exampleWeights[1] - exampleLevel(l);
    return a * a + 2 * h * a * b + b * b;
}

Tensor exampleWeight()
{
    Tensor w(Shape{1, 2});
    w.floats()[0] = static_cast<float>(exampleWeights[0]);
    w.floats()[1] = static_cast<float>(exampleWeights[1]);
    return w;
}

/// The state's codes by coordinate descent until none moves.
void descend(NupesFixture& fixture, const std::vector<std::uint8_t>* floors = nullptr)
{
    std::vector<std::int64_t> rows = allRows(fixture.layer());
    for (int i = 0; i < 100 && !rows.empty(); ++i)
        rows = descendCodes(fixture.layer(), rows, fixture.state, floors);
}

/// Section 7.3 with what is learned: as much as there is a table for.
double alternated(NupesFixture& fixture, bool scales, bool exponents)
{
    const std::vector<std::int64_t> rows = allRows(fixture.layer());
    const auto factor = sweepFactor(fixture.hessian(), fixture.layer().cols, fixture.order(), 0,
                                    0.01, fixture.monitor());
    const PanelFactor panel(factor->u, PanelFactor::evenBorders(fixture.layer().cols, 128), 128,
                            fixture.monitor());
    sweepLevels(fixture.layer(), panel, rows, fixture.state);
    evaluateRows(fixture.layer(), rows, fixture.state);
    for (int round = 0; round < 8; ++round) {
        const double before = fixture.state.total();
        descendCodes(fixture.layer(), rows, fixture.state);
        if (scales)
            fitScales(fixture.layer(), rows, fixture.state);
        if (exponents)
            stepExponents(fixture.layer(), rows, ExponentChoice::Free, fixture.state);
        if (before - fixture.state.total() < 1e-4 * before)
            break;
    }
    return fixture.relativeError();
}

} // namespace

class TestNupes : public QObject
{
    Q_OBJECT

private slots:
    void twoWeights_data()
    {
        QTest::addColumn<double>("h");
        QTest::addColumn<int>("first");
        QTest::addColumn<int>("second");
        QTest::addColumn<double>("best");
        QTest::addColumn<double>("restricted");
        QTest::newRow("0.5") << 0.5 << 5 << 2 << .00958263 << .00958263;
        QTest::newRow("0.8") << 0.8 << 6 << -1 << .00519138 << .00749875;
        QTest::newRow("0.9") << 0.9 << 6 << -2 << .00330641 << .00680412;
        QTest::newRow("0.95") << 0.95 << 6 << -2 << .00179667 << .00645681;
        QTest::newRow("0.99") << 0.99 << 6 << -2 << .00058887 << .00617896;
    }

    /// Reference, section 7.1 and test 19: an up-or-down search cannot find the best codes.
    void twoWeights()
    {
        QFETCH(double, h);
        QFETCH(int, first);
        QFETCH(int, second);
        QFETCH(double, best);
        QFETCH(double, restricted);
        // The table itself, by enumeration.
        double least = 1;
        for (int k = -7; k <= 7; ++k)
            for (int l = -7; l <= 7; ++l)
                least = std::min(least, exampleError(k, l, h));
        QVERIFY(isClose(least, best, 0, 5e-9));
        QVERIFY(isClose(exampleError(first, second, h), best, 0, 5e-9));

        double found = 1;
        double foundRestricted = 1;
        NupesFixture fixture(exampleWeight(), {1, h, h, 1}, powerSchemeOf(4), 0.5);
        fixture.state.weight.scales[0] = 1; // not the largest weight
        const std::vector<std::uint8_t> floors = floorCodes(fixture.layer(), fixture.state.weight);
        QCOMPARE(int(floors[0]), 8 + 5);
        QCOMPARE(int(floors[1]), 8 + 1);
        std::vector<std::uint8_t> bestCodes;
        for (int k = -7; k <= 7; ++k)
            for (int l = -7; l <= 7; ++l) {
                const auto restart = [&] {
                    fixture.state.weight.codes = {static_cast<std::uint8_t>(8 + k),
                                                  static_cast<std::uint8_t>(8 + l)};
                };
                const auto reached = [&] {
                    return exampleError(fixture.state.weight.codes[0] - 8,
                                        fixture.state.weight.codes[1] - 8, h);
                };
                restart();
                descend(fixture);
                QVERIFY(reached() <= exampleError(k, l, h) + 1e-8);
                QVERIFY(isClose(fixture.state.total() * 1.0, reached(), 0, 1e-7));
                if (reached() < found) {
                    found = reached();
                    bestCodes = fixture.state.weight.codes;
                }
                if (k < 5 || k > 6 || l < 1 || l > 2)
                    continue;
                restart();
                descend(fixture, &floors);
                QVERIFY(fixture.state.weight.codes[0] - 13U <= 1);
                QVERIFY(fixture.state.weight.codes[1] - 9U <= 1);
                foundRestricted = std::min(foundRestricted, reached());
            }
        QVERIFY(isClose(found, best, 0, 5e-9));
        QCOMPARE(int(bestCodes[0]) - 8, first);
        QCOMPARE(int(bestCodes[1]) - 8, second);
        QVERIFY(isClose(foundRestricted, restricted, 0, 5e-9));
        if (h > 0.6)
            QVERIFY(foundRestricted > 1.4 * found);
    }

    void referenceLayerStart_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<double>("output");
        QTest::addColumn<double>("weight");
        QTest::newRow("4") << 4 << .015649 << .01673659;
        QTest::newRow("3") << 3 << .079399 << .08132030;
        QTest::newRow("2") << 2 << .641618 << .59585839;
    }

    /// Reference, section 15: the data-free errors, exact.
    void referenceLayerStart()
    {
        QFETCH(int, bits);
        QFETCH(double, output);
        QFETCH(double, weight);
        const NupesFixture fixture = referenceFixture(bits);
        QVERIFY(isClose(fixture.layer().squares, 22.308568057658, 1e-6));
        QVERIFY(
            isClose(fixture.layer().energy * fixture.order().meanDiagonal, 36.149977781337, 1e-5));
        QVERIFY(isClose(fixture.toldError(), output, 0, 1e-6));
        QVERIFY(isClose(fixture.relativeError(), output, 0, 1e-6));
        QVERIFY(
            isClose(squaredError(fixture.layer(), fixture.state.weight) / fixture.layer().squares,
                    weight, 1e-5));
    }

    void referenceTable_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("scales");
        QTest::addColumn<bool>("exponents");
        QTest::addColumn<double>("expected");
        QTest::addColumn<double>("bound");
        const auto row = [](int bits, double codes, double a, double m, double both, double bound) {
            QTest::addRow("%d bits, codes", bits)
                << bits << false << false << codes << codes * 1.03;
            QTest::addRow("%d bits, a", bits) << bits << false << true << a << a * 1.03;
            QTest::addRow("%d bits, M", bits) << bits << true << false << m << m * 1.03;
            QTest::addRow("%d bits, a and M", bits) << bits << true << true << both << bound;
        };
        row(4, .004125, .004117, .003999, .003965, .0042);
        row(3, .020559, .020491, .019470, .019254, .0205);
        row(2, .201921, .201921, .149115, .149115, .156);
    }

    /// Reference, table 7.4 and test 23.
    void referenceTable()
    {
        QFETCH(int, bits);
        QFETCH(bool, scales);
        QFETCH(bool, exponents);
        QFETCH(double, expected);
        QFETCH(double, bound);
        NupesFixture fixture = referenceFixture(bits);
        const double error = alternated(fixture, scales, exponents);
        QVERIFY2(isClose(error, expected, 0.03), qPrintable(QString::number(error)));
        QVERIFY(error <= bound);
        QVERIFY(isClose(fixture.toldError(), error, 1e-4));
        if (exponents && scales && bits == 4)
            QVERIFY(isClose(static_cast<double>(fixture.state.weight.exponents[0]), .655, 0, .01));
    }

    void restrictedTable_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<double>("full");
        QTest::newRow("4") << 4 << .004923;
        QTest::newRow("3") << 3 << .022524;
        QTest::newRow("2") << 2 << .226656;
    }

    /// Reference, test 22: full from restricted is never worse, and up or down costs something.
    void restrictedTable()
    {
        QFETCH(int, bits);
        QFETCH(double, full);
        NupesFixture fixture = referenceFixture(bits);
        const double start = fixture.relativeError();
        const NupesState nearest = fixture.state;
        descend(fixture);
        QVERIFY(isClose(fixture.relativeError(), full, 0.03));

        fixture.state = nearest;
        const std::vector<std::uint8_t> floors = floorCodes(fixture.layer(), nearest.weight);
        for (std::size_t i = 0; i < floors.size(); ++i) // the nearest level is one of the two
            QVERIFY(unsigned(nearest.weight.codes[i]) - floors[i] <= 1U);
        descend(fixture, &floors);
        for (std::size_t i = 0; i < floors.size(); ++i)
            QVERIFY(unsigned(fixture.state.weight.codes[i]) - floors[i] <= 1U);
        const double restricted = fixture.relativeError();
        QVERIFY(restricted < 0.45 * start);
        descend(fixture);
        QVERIFY(fixture.relativeError() < restricted);
        // What is found cannot be improved by any one code.
        const double best = fixture.relativeError();
        for (std::size_t i = 0; i < floors.size(); i += 97)
            for (int code = 1; code < 1 << bits; ++code) {
                QuantizedWeight other = fixture.state.weight;
                other.codes[i] = static_cast<std::uint8_t>(code);
                QVERIFY(fixture.relativeError(other) >= best * (1 - 1e-6));
            }
    }

    /// Reference, tests 20 and 21.
    void withoutCorrelationsNearestIsBest_data()
    {
        QTest::addColumn<bool>("identity");
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("midRise");
        for (const bool identity : {true, false})
            for (const int bits : {2, 3, 4, 8})
                for (const bool midRise : {false, true})
                    QTest::addRow("%s, %d bits%s", identity ? "identity" : "diagonal", bits,
                                  midRise ? ", mid-rise" : "")
                        << identity << bits << midRise;
    }
    void withoutCorrelationsNearestIsBest()
    {
        QFETCH(bool, identity);
        QFETCH(int, bits);
        QFETCH(bool, midRise);
        constexpr std::size_t d = 40;
        std::vector<double> h(d * d);
        for (std::size_t j = 0; j < d; ++j)
            h[j * d + j] = identity ? 1 : 0.1 + static_cast<double>(j * j % 13);
        Scheme scheme = powerSchemeOf(bits, 16);
        if (midRise)
            scheme.levels = Levels::PowerMidRise;
        NupesFixture fixture(splitmixSample(t4Quantile, 70, d, .05), h, scheme, 0.6);
        const std::vector<std::uint8_t> nearest = fixture.state.weight.codes;
        alternated(fixture, false, false);
        QVERIFY(fixture.state.weight.codes == nearest);
        // From anywhere else, too.
        for (std::size_t i = 0; i < nearest.size(); ++i)
            fixture.state.weight.codes[i] =
                static_cast<std::uint8_t>(1 + i * 5 % ((std::size_t{1} << bits) - 1));
        descend(fixture);
        std::size_t others = 0; // ties after rounding of the gradient
        for (std::size_t i = 0; i < nearest.size(); ++i)
            others += fixture.state.weight.codes[i] != nearest[i] ? 1 : 0;
        QVERIFY2(others <= (bits == 8 ? 3 : 0), qPrintable(QString::number(others)));
        roundToLevels(fixture.layer(), fixture.state);
        QVERIFY(fixture.state.weight.codes == nearest);
    }

    /// All code triples of a tiny layer: the best of the descents from all of them is the best.
    void bruteForce_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("midRise");
        QTest::newRow("2") << 2 << false;
        QTest::newRow("2, mid-rise") << 2 << true;
        QTest::newRow("3") << 3 << false;
        QTest::newRow("3, mid-rise") << 3 << true;
    }
    void bruteForce()
    {
        QFETCH(int, bits);
        QFETCH(bool, midRise);
        Scheme scheme = powerSchemeOf(bits);
        if (midRise)
            scheme.levels = Levels::PowerMidRise;
        const std::vector<double> h{1, .9, .7, .9, 1.4, .8, .7, .8, .9};
        // All starts as rows of one layer.
        const int first = midRise ? 0 : 1;
        const int count = (1 << bits) - first;
        for (int seed = 0; seed < 6; ++seed) {
            Tensor w(Shape{std::int64_t{count} * count * count, 3});
            for (std::size_t i = 0; i < w.floats().size(); ++i)
                w.floats()[i] = static_cast<float>(
                    uniformQuantile(splitmixUniform(i % 3 + 3 * static_cast<std::uint64_t>(seed))));
            NupesFixture fixture(std::move(w), h, scheme, 0.6);
            auto& codes = fixture.state.weight.codes;
            for (int i = 0; i < count * count * count; ++i) {
                const auto at = static_cast<std::size_t>(3 * i);
                codes[at] = static_cast<std::uint8_t>(first + i % count);
                codes[at + 1] = static_cast<std::uint8_t>(first + i / count % count);
                codes[at + 2] = static_cast<std::uint8_t>(first + i / count / count);
            }
            const auto errors = [&] { return rowErrors(fixture.view(), fixture.state.weight, h); };
            const std::vector<double> before = errors();
            const double least = *std::min_element(before.begin(), before.end());
            descend(fixture);
            const std::vector<double> after = errors();
            for (std::size_t r = 0; r < after.size(); ++r) {
                QVERIFY(after[r] <= before[r] + 1e-7);
                QVERIFY(after[r] >= least - 1e-12);
            }
            QVERIFY(isClose(*std::min_element(after.begin(), after.end()), least, 0, 1e-7));
        }
    }

    void scales_data()
    {
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("half");
        QTest::addColumn<bool>("outliers");
        for (const int group : {0, 16, 20, -1})
            for (const bool half : {false, true})
                for (const bool outliers : {false, true})
                    QTest::addRow("group %d%s%s", group, half ? ", float16" : "",
                                  outliers ? ", outliers" : "")
                        << group << half << outliers;
    }

    /// Scales are the best for the codes: any of them moved by a little is worse.
    void scales()
    {
        QFETCH(int, group);
        QFETCH(bool, half);
        QFETCH(bool, outliers);
        Scheme scheme = powerSchemeOf(3, group, half ? DType::F16 : DType::F32);
        if (group < 0)
            scheme.granularity = Granularity::Tensor;
        NupesFixture fixture(referenceLayer(), referenceHessian(), scheme, 0.6, outliers);
        const double before = fixture.relativeError();
        const std::vector<float> old = fixture.state.weight.scales;
        const auto changed = fitScales(fixture.layer(), allRows(fixture.layer()), fixture.state);
        QVERIFY(changed.size() > 40);
        QVERIFY(fixture.state.weight.scales != old);
        const double best = fixture.relativeError();
        QVERIFY(best < before);
        QVERIFY(isClose(fixture.toldError(), best, 2e-5));
        for (std::size_t i = 0; i < old.size(); i += 1 + old.size() / 30) {
            const float fitted = fixture.state.weight.scales[i];
            QVERIFY(fitted > 0);
            if (half)
                QCOMPARE(fitted, roundToHalf(fitted));
            for (const float factor : {0.98F, 0.995F, 1.005F, 1.02F}) {
                QuantizedWeight other = fixture.state.weight;
                other.scales[i] = fitted * factor;
                QVERIFY(fixture.relativeError(other) > best * (1 - 1e-7));
            }
        }
    }

    /// Reference, trap 15: codes of the wrong sign.
    void scalesThatWouldBeNegativeStay()
    {
        NupesFixture fixture = referenceFixture(3);
        for (std::size_t c = 0; c < 96; ++c)
            fixture.state.weight.codes[c] =
                static_cast<std::uint8_t>(8 - fixture.state.weight.codes[c]);
        const std::vector<float> old = fixture.state.weight.scales;
        const auto changed = fitScales(fixture.layer(), allRows(fixture.layer()), fixture.state);
        QCOMPARE(fixture.state.weight.scales[0], old[0]);
        QVERIFY(!changed.empty() && changed[0] != 0);
        // And of no sign at all.
        std::fill_n(fixture.state.weight.codes.begin(), 96, std::uint8_t{4});
        fitScales(fixture.layer(), allRows(fixture.layer()), fixture.state);
        QCOMPARE(fixture.state.weight.scales[0], old[0]);
    }

    void exponentForms_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("midRise");
        QTest::addColumn<bool>("outliers");
        QTest::addColumn<bool>("byRow");
        QTest::newRow("4") << 4 << 0 << false << false << false;
        QTest::newRow("4, by row") << 4 << 0 << false << false << true;
        QTest::newRow("3, groups, outliers") << 3 << 32 << false << true << false;
        QTest::newRow("2, mid-rise") << 2 << 0 << true << false << false;
        QTest::newRow("3, mid-rise, outliers, by row") << 3 << 20 << true << true << true;
        QTest::newRow("8") << 8 << 0 << false << false << false;
    }

    /// (10) is the error of the stored weight, whatever the exponent.
    void exponentForms()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(bool, midRise);
        QFETCH(bool, outliers);
        QFETCH(bool, byRow);
        Scheme scheme = powerSchemeOf(bits, group);
        if (midRise)
            scheme.levels = Levels::PowerMidRise;
        constexpr double a = 0.7;
        NupesFixture fixture(referenceLayer(), referenceHessian(), scheme, a, outliers);
        const std::vector<std::int64_t> rows = allRows(fixture.layer());
        const std::vector<MagnitudeForm> forms =
            magnitudeForms(fixture.layer(), rows, fixture.state, byRow);
        QCOMPARE(forms.size(), byRow ? rows.size() : std::size_t{1});
        const auto h = std::vector<double>(fixture.hessian().begin(), fixture.hessian().end());
        const auto errorsAt = [&](double exponent) {
            QuantizedWeight other = fixture.state.weight;
            other.exponents[0] = static_cast<float>(exponent);
            return rowErrors(fixture.view(), other, h);
        };
        const std::vector<double> start = errorsAt(a);
        const PowerLevels old(scheme, static_cast<double>(static_cast<float>(a)));
        for (const double exponent : {0.55, 0.65, 0.71, 1.0, 1.4}) {
            const std::vector<double> moved = errorsAt(exponent);
            const PowerLevels levels(scheme, static_cast<double>(static_cast<float>(exponent)));
            std::vector<double> delta;
            for (std::size_t i = 0; i < levels.magnitudes().size(); ++i)
                delta.push_back(levels.magnitudes()[i] - old.magnitudes()[i]);
            double all = 0;
            double expected = 0;
            double size = 0;
            for (std::size_t r = 0; r < rows.size(); ++r) {
                expected += moved[r] - start[r];
                size += moved[r] + start[r];
                if (!byRow)
                    continue;
                const double told = forms[r].change(delta) * fixture.order().meanDiagonal;
                QVERIFY(isClose(told, moved[r] - start[r], 1e-4, 1e-5 * (moved[r] + start[r])));
                all += told;
            }
            if (!byRow)
                all = forms[0].change(delta) * fixture.order().meanDiagonal;
            QVERIFY(isClose(all, expected, 1e-4, 1e-6 * size));
        }
    }

    /// The step finds the best exponent of its interval, and nothing where there is nothing.
    void exponentSteps()
    {
        for (const bool byRow : {false, true}) {
            NupesFixture fixture(referenceLayer(), referenceHessian(), powerSchemeOf(4), 0.75);
            if (byRow)
                fixture.state.weight.exponents.assign(48, 0.75F);
            const NupesState start = fixture.state;
            const auto moved = stepExponents(fixture.layer(), allRows(fixture.layer()),
                                             ExponentChoice::Free, fixture.state);
            QCOMPARE(moved.size(), std::size_t{48});
            const double reached = fixture.relativeError();
            QVERIFY(isClose(fixture.toldError(), reached, 1e-5));
            if (!byRow) {
                double least = 1;
                for (double a = 0.6; a < 0.9375; a += 0.001) {
                    QuantizedWeight other = start.weight;
                    other.exponents[0] = static_cast<float>(a);
                    least = std::min(least, fixture.relativeError(other));
                }
                QVERIFY(reached <= least * (1 + 1e-6));
                continue;
            }
            for (std::size_t r = 0; r < 48; ++r)
                QVERIFY(fixture.state.errors[r] < start.errors[r]);
        }
    }

    void exponentChoices()
    {
        const auto stepped = [](double a, ExponentChoice choice, int bits = 4) {
            NupesFixture fixture(referenceLayer(), referenceHessian(), powerSchemeOf(bits), a);
            const double before = fixture.relativeError();
            stepExponents(fixture.layer(), allRows(fixture.layer()), choice, fixture.state);
            const double after = fixture.relativeError();
            if (!(after <= before))
                return -1.0F;
            return fixture.state.weight.exponents[0];
        };
        // Codes chosen for an exponent keep it, more or less; exact ones are few.
        for (const double a : {0.5, 0.58, 0.8, 1.0}) {
            const float exact = stepped(a, ExponentChoice::Exact);
            QVERIFY(exact == static_cast<float>(a) || exact == 0.5F || exact == 1.0F);
            QVERIFY(stepped(a, ExponentChoice::Free) > 0);
        }
        QCOMPARE(stepped(0.5, ExponentChoice::Exact), 0.5F);
        QVERIFY(stepped(1.0, ExponentChoice::Free) != 1.0F);
        // Of 8 bits, codes chosen for ½ gain less than 0.1 dB elsewhere; of 4 bits, those for 1
        // more.
        QCOMPARE(stepped(0.5, ExponentChoice::PreferExact, 8), 0.5F);
        QVERIFY(stepped(0.5, ExponentChoice::Free, 8) != 0.5F);
        QVERIFY(stepped(1.0, ExponentChoice::PreferExact) != 1.0F);
        // Of {−1, 0, 1} it changes nothing.
        QCOMPARE(stepped(0.8, ExponentChoice::Free, 2), 0.8F);
    }
};

QTEST_GUILESS_MAIN(TestNupes)
#include "tst_nupes.moc"
