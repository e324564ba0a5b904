// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/activation_grid.h"
#include "core/quant/quantized_weight.h"
#include "core/quant/solve.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

enum class Inputs
{
    Gauss,
    Relu,
    Silu,
    Gelu,
};

std::vector<float> inputsOf(Inputs shape, std::size_t count, std::uint64_t seed)
{
    RandomStream random(seed);
    std::vector<float> values(count);
    for (float& value : values) {
        const double x = 1.5 * random.normal();
        switch (shape) {
        case Inputs::Gauss:
            value = static_cast<float>(x);
            break;
        case Inputs::Relu:
            value = static_cast<float>(std::max(0.0, x));
            break;
        case Inputs::Silu:
            value = static_cast<float>(x / (1 + std::exp(-x)));
            break;
        case Inputs::Gelu:
            value = static_cast<float>(x * 0.5 * std::erfc(-x / std::sqrt(2.0)));
            break;
        }
    }
    return values;
}

SignedMagnitudes magnitudesOf(const std::vector<float>& values)
{
    SignedMagnitudes magnitudes;
    magnitudes.add(values);
    return magnitudes;
}

ActivationChoice choiceOf(int bits, ActivationExponent exponent, bool clip, bool shift)
{
    ActivationChoice choice;
    choice.bits = bits;
    choice.exponent = exponent;
    choice.clip = clip;
    choice.shift = shift;
    return choice;
}

/// The nearest of all levels by its definition, with a power for each.
double oracleValue(const ActivationGrid& grid, double x)
{
    const int largest = grid.largest();
    double best = 0;
    double distance = std::numeric_limits<double>::infinity();
    const double moved = x + static_cast<double>(grid.shift);
    for (int code = grid.isSigned ? -largest : 0; code <= largest; ++code) {
        const double level = static_cast<double>(grid.limit) * (code < 0 ? -1 : 1) *
                             std::pow(std::abs(code) / static_cast<double>(largest),
                                      1 / static_cast<double>(grid.exponent));
        if (std::fabs(level - moved) < distance) {
            distance = std::fabs(level - moved);
            best = level;
        }
    }
    return best - static_cast<double>(grid.shift);
}

double oracleError(const ActivationGrid& grid, const std::vector<float>& values)
{
    double error = 0;
    double energy = 0;
    for (const float value : values) {
        const auto x = static_cast<double>(value);
        const double difference = x - oracleValue(grid, x);
        error += difference * difference;
        energy += x * x;
    }
    return error / energy;
}

ActivationGrid gridOf(int bits, bool isSigned, float exponent, float limit, float shift = 0)
{
    ActivationGrid grid;
    grid.bits = bits;
    grid.isSigned = isSigned;
    grid.exponent = exponent;
    grid.limit = limit;
    grid.shift = shift;
    return grid;
}

ConstMatrixView rowOf(const std::vector<float>& values)
{
    return {values.data(), 1, static_cast<std::int64_t>(values.size())};
}

std::vector<float> simulated(const ActivationGrid& grid, const std::vector<float>& values)
{
    std::vector<float> out(values.size());
    simulateActivations(grid, rowOf(values), {out.data(), 1, std::int64_t(out.size())});
    return out;
}

std::vector<std::int16_t> encoded(const ActivationGrid& grid, const std::vector<float>& values)
{
    std::vector<std::int16_t> codes(values.size());
    encodeActivations(grid, rowOf(values), codes.data());
    return codes;
}

} // namespace

class TestActivationGrid : public QObject
{
    Q_OBJECT

private slots:
    void errorIsWhatItSays_data()
    {
        QTest::addColumn<int>("shape");
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("exponent");
        QTest::addColumn<bool>("clip");
        QTest::addColumn<bool>("shift");
        for (int shape = 0; shape < 4; ++shape)
            for (const int bits : {2, 4, 8})
                for (int exponent = 0; exponent < 4; ++exponent)
                    for (const bool clip : {false, true})
                        QTest::addRow("inputs %d, %d bits, exponent %d, clip %d", shape, bits,
                                      exponent, clip)
                            << shape << bits << exponent << clip << (shape >= 2);
    }
    void errorIsWhatItSays()
    {
        // relativeError, which comes from a histogram, against every value's nearest level.
        QFETCH(int, shape);
        QFETCH(int, bits);
        QFETCH(int, exponent);
        QFETCH(bool, clip);
        QFETCH(bool, shift);
        const std::vector<float> values = inputsOf(static_cast<Inputs>(shape), 4000, 5);
        const ActivationChoice choice =
            choiceOf(bits, static_cast<ActivationExponent>(exponent), clip, shift);
        const ActivationGrid grid = solveActivation(magnitudesOf(values), choice, 0.7);
        QVERIFY(!grid.validate());
        QCOMPARE(grid.bits, bits);
        const double expected = oracleError(grid, values);
        // A bin that a border cuts counts as even, which at 8 bits is a tenth of all bins.
        QVERIFY2(isClose(grid.relativeError, expected, bits == 8 ? 0.02 : 2e-3),
                 QByteArray::number(grid.relativeError / expected));
        if (shape == 1)
            QVERIFY(!grid.isSigned && grid.shift == 0);
        if (choice.exponent == ActivationExponent::Half)
            QVERIFY(grid.exponent == 0.5F);
        if (choice.exponent == ActivationExponent::Uniform)
            QVERIFY(grid.exponent == 1.0F);
        if (choice.exponent == ActivationExponent::Shared)
            QVERIFY(grid.exponent == 0.7F);
        const float largest = *std::max_element(values.begin(), values.end());
        if (!clip && !grid.isSigned)
            QVERIFY(grid.limit == largest + grid.shift);
    }

    void searchAndClipHelp()
    {
        for (int shape = 0; shape < 4; ++shape)
            for (const int bits : {3, 4, 6}) {
                const SignedMagnitudes magnitudes =
                    magnitudesOf(inputsOf(static_cast<Inputs>(shape), 20000, 8));
                const auto error = [&](ActivationExponent exponent, bool clip, bool shift) {
                    return solveActivation(magnitudes, choiceOf(bits, exponent, clip, shift), 0.7)
                        .relativeError;
                };
                const double best = error(ActivationExponent::Searched, true, false);
                for (const ActivationExponent other :
                     {ActivationExponent::Half, ActivationExponent::Uniform,
                      ActivationExponent::Shared}) {
                    QVERIFY(best <= error(other, true, false) * 1.001);
                    QVERIFY(error(other, true, false) <= error(other, false, false));
                    QVERIFY(error(other, true, true) <= error(other, true, false));
                }
            }
    }

    void matchesABruteSearch()
    {
        // Exponent and limit together, on a grid of both.
        const std::vector<float> values = inputsOf(Inputs::Gauss, 3000, 4);
        const ActivationGrid found = solveActivation(
            magnitudesOf(values), choiceOf(4, ActivationExponent::Searched, true, false), {});
        double best = 1;
        const float largest = std::max(*std::max_element(values.begin(), values.end()),
                                       -*std::min_element(values.begin(), values.end()));
        for (int i = 0; i < 40; ++i)
            for (int k = 0; k < 30; ++k)
                best = std::min(best,
                                oracleError(gridOf(4, true, 0.3F + 0.03F * static_cast<float>(i),
                                                   largest * (1 - 0.02F * static_cast<float>(k))),
                                            values));
        QVERIFY(found.relativeError <= best * 1.01);
    }

    void shiftOfSiluAndGelu()
    {
        // Section 9.4: δ never exceeds the functions' minima, and the shifted grid wins where
        // signed codes waste half of themselves.
        struct Case
        {
            Inputs shape;
            double at;
            double minimum;
        };
        for (const Case& c : {Case{Inputs::Silu, -1.2784645614, -0.2784645428},
                              Case{Inputs::Gelu, -0.7517915280, -0.1699712075}}) {
            const double x = c.at;
            const double value = c.shape == Inputs::Silu ? x / (1 + std::exp(-x))
                                                         : x * 0.5 * std::erfc(-x / std::sqrt(2.0));
            QVERIFY(isClose(value, c.minimum, 1e-9));
            const SignedMagnitudes magnitudes = magnitudesOf(inputsOf(c.shape, 20000, 3));
            for (const int bits : {4, 8}) {
                const auto solved = [&](bool shift) {
                    return solveActivation(
                        magnitudes, choiceOf(bits, ActivationExponent::Uniform, true, shift), {});
                };
                const ActivationGrid grid = solved(true);
                QVERIFY(!grid.isSigned && grid.shift > 0);
                QVERIFY(static_cast<double>(grid.shift) <= -c.minimum * (1 + 1e-6));
                QVERIFY(static_cast<double>(grid.shift) >= -c.minimum * 0.999);
                QVERIFY(grid.relativeError < 0.6 * solved(false).relativeError);
                QVERIFY(solved(false).isSigned);
            }
        }
        // Symmetric inputs gain nothing.
        const ActivationGrid gauss =
            solveActivation(magnitudesOf(inputsOf(Inputs::Gauss, 20000, 3)),
                            choiceOf(4, ActivationExponent::Searched, true, true), {});
        QVERIFY(gauss.isSigned && gauss.shift == 0);
    }

    void paddingHasTheCodeOfTheShift()
    {
        // A convolution over shifted codes pads with the code of δ, which stands for 0: with code
        // 0, that of −δ, its borders are wrong.
        const ActivationGrid grid = gridOf(8, false, 1, 4, 0.25F);
        const std::vector<float> signal{1, 2, 0.5F, -0.2F};
        const std::vector<float> kernel{0.5F, -1, 2};
        std::vector<std::int16_t> codes = encoded(grid, signal);
        const std::int16_t zero = encoded(grid, {0.0F}).front();
        QCOMPARE(int(zero), 16); // 0.25 · 255/4 = 15.94
        const ActivationLevels levels(grid);
        float sum = 0;
        for (const float w : kernel)
            sum += w;
        for (const std::int16_t pad : {zero, std::int16_t(0)}) {
            double worst = 0;
            for (int i = 0; i < 4; ++i) {
                float y = -grid.shift * sum; // W^x'^ + (b − δ·W^1)
                float expected = 0;
                for (int k = 0; k < 3; ++k) {
                    const int at = i + k - 1;
                    const bool inside = at >= 0 && at < 4;
                    const auto place = static_cast<std::size_t>(inside ? at : 0);
                    y += kernel[static_cast<std::size_t>(k)] *
                         levels.level(inside ? codes[place] : pad);
                    expected += inside ? kernel[static_cast<std::size_t>(k)] * signal[place] : 0;
                }
                worst = std::max(worst, std::fabs(static_cast<double>(y - expected)));
            }
            QVERIFY(pad == zero ? worst < 0.03 : worst > 0.1);
        }
    }

    void codesAreNearestLevels_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<bool>("isSigned");
        QTest::addColumn<float>("exponent");
        QTest::addColumn<float>("shift");
        for (const int bits : {2, 3, 4, 7, 8})
            for (const float exponent : {0.37F, 0.5F, 1.0F, 1.4F}) {
                QTest::addRow("%d bits, exponent %g", bits, double(exponent))
                    << bits << true << exponent << 0.0F;
                QTest::addRow("%d bits unsigned, exponent %g", bits, double(exponent))
                    << bits << false << exponent << 0.0F;
                QTest::addRow("%d bits shifted, exponent %g", bits, double(exponent))
                    << bits << false << exponent << 0.3F;
            }
    }
    void codesAreNearestLevels()
    {
        QFETCH(int, bits);
        QFETCH(bool, isSigned);
        QFETCH(float, exponent);
        QFETCH(float, shift);
        const ActivationGrid grid = gridOf(bits, isSigned, exponent, 2.5F, shift);
        const std::vector<float> values = inputsOf(Inputs::Gauss, 1500, 6);
        const std::vector<float> out = simulated(grid, values);
        const std::vector<std::int16_t> codes = encoded(grid, values);
        const ActivationLevels levels(grid);
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double x = static_cast<double>(values[i]);
            const double nearest = std::fabs(oracleValue(grid, x) - x);
            QVERIFY(std::fabs(static_cast<double>(out[i]) - x) <= nearest + 1e-6);
            QVERIFY(std::abs(codes[i]) <= grid.largest() && (isSigned || codes[i] >= 0));
            QVERIFY(levels.level(codes[i]) - shift == out[i]);
        }
        // What is on the grid stays.
        std::vector<float> points;
        for (int code = isSigned ? -grid.largest() : 0; code <= grid.largest(); ++code)
            points.push_back(levels.level(code));
        if (shift == 0) {
            const std::vector<float> again = simulated(grid, points);
            for (std::size_t i = 0; i < points.size(); ++i)
                QVERIFY(again[i] == points[i]);
        }
    }

    void hostileValues()
    {
        const float infinity = std::numeric_limits<float>::infinity();
        const float nan = std::numeric_limits<float>::quiet_NaN();
        for (const ActivationGrid& grid : {gridOf(4, true, 0.5F, 2), gridOf(4, false, 0.5F, 2),
                                           gridOf(4, false, 0.5F, 2, 0.5F)}) {
            const std::vector<float> out =
                simulated(grid, {infinity, -infinity, -0.0F, 0.0F, 1e-40F, -1e-40F, 3e38F, nan});
            QVERIFY(out[0] == 2 - grid.shift && out[6] == out[0]);
            QVERIFY(out[1] == (grid.isSigned ? -2 : -grid.shift));
            for (const std::size_t i : {2, 3, 4, 5})
                QVERIFY(out[i] == out[3] && !std::signbit(out[i] + grid.shift));
            QVERIFY(std::isnan(out[7]));
            QCOMPARE(encoded(grid, {infinity}).front(), std::int16_t(grid.largest()));
            try {
                (void)encoded(grid, {1, nan, 2, nan});
                QFAIL("NaN has no code");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Numeric);
                QVERIFY(QByteArray(error.what()).contains("2 values that are NaN"));
            }
        }
        // Nothing but zeros, or nothing at all.
        for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>(9)}) {
            const ActivationGrid grid = solveActivation(
                magnitudesOf(values), choiceOf(8, ActivationExponent::Searched, true, true), {});
            QVERIFY(!grid.validate() && grid.relativeError == 0 && !grid.isSigned);
        }
        // Inputs at the ends of the range of floats.
        for (const float size : {1e-45F, 3e-39F, 3e38F}) {
            const ActivationGrid grid =
                solveActivation(magnitudesOf({size, size / 2, -size}),
                                choiceOf(8, ActivationExponent::Searched, true, true), {});
            QVERIFY(!grid.validate());
        }
    }

    void requantizerEqualsThePower()
    {
        // Test 27: over all sums in a range, against ⌊N·u^a + ½⌋.
        for (const int bits : {3, 4, 8})
            for (const bool isSigned : {true, false})
                for (const float exponent : {0.5F, 0.73F, 1.0F}) {
                    const ActivationGrid grid = gridOf(bits, isSigned, exponent, 1.37F);
                    const double factor = 1.23456e-4;
                    const Requantizer requantizer(grid, factor, PowerRounding::PowerDomain);
                    const Requantizer nearest(grid, factor);
                    QCOMPARE(requantizer.thresholds().size(), std::size_t(grid.largest()));
                    const ActivationLevels levels(grid);
                    for (std::int32_t acc = -15000; acc <= 15000; ++acc) {
                        const double x = factor * acc;
                        const double u = std::min(std::fabs(x) / double(grid.limit), 1.0);
                        int code = static_cast<int>(
                            std::floor(grid.largest() * std::pow(u, double(exponent)) + 0.5));
                        if (acc < 0)
                            code = isSigned ? -code : 0;
                        QCOMPARE(requantizer.code(acc), code);
                        if (acc % 16 == 0) {
                            const auto level = static_cast<double>(levels.level(nearest.code(acc)));
                            QVERIFY(std::fabs(level - x) <=
                                    std::fabs(oracleValue(grid, x) - x) + 1e-6);
                        }
                    }
                    QCOMPARE(requantizer.code(std::numeric_limits<std::int32_t>::max()),
                             grid.largest());
                    QCOMPARE(requantizer.code(std::numeric_limits<std::int32_t>::min()),
                             isSigned ? -grid.largest() : 0);
                }
        // Thresholds that no sum reaches.
        QCOMPARE(Requantizer(gridOf(8, true, 0.5F, 3e38F), 1e-30)
                     .code(std::numeric_limits<std::int32_t>::min()),
                 0);
    }

    void validates()
    {
        QVERIFY(!gridOf(8, true, 0.5F, 1).validate());
        const float nan = std::numeric_limits<float>::quiet_NaN();
        const float infinity = std::numeric_limits<float>::infinity();
        for (const ActivationGrid& bad :
             {gridOf(1, true, 0.5F, 1), gridOf(9, true, 0.5F, 1), gridOf(8, true, 0, 1),
              gridOf(8, true, nan, 1), gridOf(8, true, infinity, 1), gridOf(8, true, 0.5F, 0),
              gridOf(8, true, 0.5F, -1), gridOf(8, true, 0.5F, nan),
              gridOf(8, true, 0.5F, infinity), gridOf(8, true, 0.5F, 1, 0.1F),
              gridOf(8, false, 0.5F, 1, -0.1F), gridOf(8, false, 0.5F, 1, nan)})
            QVERIFY(bad.validate());
        ActivationGrid grid;
        grid.relativeError = -1;
        QVERIFY(grid.validate());
        const SignedMagnitudes some = magnitudesOf({1, 2, -3});
        const auto refused = [&](const ActivationChoice& choice) {
            try {
                (void)solveActivation(some, choice, {});
            } catch (const Error& error) {
                return error.code() == ErrorCode::Usage;
            }
            return false;
        };
        QVERIFY(refused(choiceOf(0, ActivationExponent::Half, true, false)));
        QVERIFY(refused(choiceOf(9, ActivationExponent::Half, true, false)));
        QVERIFY(refused(choiceOf(8, ActivationExponent::Shared, true, false)));
    }

    void solveFillsIt()
    {
        const Tensor w = randomMatrix(12, 24, 1, 1);
        const Tensor x = randomMatrix(300, 24, 1, 2);
        InputAccumulator accumulator(24, true);
        accumulator.collectMagnitudes();
        accumulator.add(x.matrix());
        const auto inputs = std::make_shared<const InputStatistics>(accumulator.finish());
        LayerProblem problem;
        problem.name = "fc";
        problem.weight = w.matrix();
        problem.inputs = inputs;
        problem.activation = choiceOf(8, ActivationExponent::Half, true, false);
        Monitor monitor;
        const SolveResult gptq = solve(problem, GptqOptions{}, monitor);
        QVERIFY(gptq.activation && gptq.activation->exponent == 0.5F && gptq.activation->isSigned);
        QVERIFY(*gptq.activation ==
                solveActivation(*inputs->magnitudes, problem.activation, std::nullopt));
        problem.activation.exponent = ActivationExponent::Shared;
        PowerquantOptions power;
        power.exponent = 0.62;
        const SolveResult shared = solve(problem, power, monitor);
        QVERIFY(shared.activation && shared.activation->exponent == shared.weight.exponents[0]);
        try {
            (void)solve(problem, RtnOptions{}, monitor);
            QFAIL("uniform levels have no exponent to share");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            QVERIFY(QByteArray(error.what()).startsWith("layer \"fc\""));
        }
        power.exponentScope = ExponentScope::Row;
        QVERIFY_EXCEPTION_THROWN((void)solve(problem, power, monitor), Error);
        // Nothing captured: no grid, which is said.
        problem.activation.exponent = ActivationExponent::Uniform;
        problem.inputs = nullptr;
        const SolveResult none = solve(problem, RtnOptions{}, monitor);
        QVERIFY(!none.activation);
        QVERIFY(QByteArray::fromStdString(none.report.note).contains("none were captured"));
    }

    void sharedExponentSuitsBoth()
    {
        // Section 9.3: the sum of both relative errors is least; inputs with heavy tails draw the
        // weights' exponent down.
        RandomStream random(4);
        Tensor w(Shape{16, 64});
        for (float& value : w.floats())
            value = static_cast<float>(random.uniform() - 0.5); // best near 1
        Tensor x(Shape{400, 64});
        for (float& value : x.floats())
            value = static_cast<float>(random.normal() * std::exp(random.normal()));
        InputAccumulator accumulator(64, false);
        accumulator.collectMagnitudes();
        accumulator.add(std::as_const(x).matrix());
        LayerProblem problem;
        problem.name = "fc";
        problem.weight = std::as_const(w).matrix();
        problem.scheme.scaleType = DType::F32;
        problem.inputs = std::make_shared<const InputStatistics>(accumulator.finish());
        PowerquantOptions options;
        options.rounding = PowerRounding::Nearest;
        Monitor monitor;
        const auto exponentOf = [&] {
            return static_cast<double>(solve(problem, options, monitor).weight.exponents.at(0));
        };
        const double alone = exponentOf();
        problem.activation = choiceOf(4, ActivationExponent::Shared, false, false);
        const double shared = exponentOf();
        QVERIFY2(shared < alone - 0.05,
                 QByteArray::number(alone) + ' ' + QByteArray::number(shared));
        const auto both = [&](double exponent) {
            options.exponent = exponent;
            const SolveResult result = solve(problem, options, monitor);
            const Tensor quantized = dequantize(result.weight);
            double error = 0;
            double energy = 0;
            for (std::size_t i = 0; i < quantized.floats().size(); ++i) {
                const auto value = static_cast<double>(w.floats()[i]);
                const double off = value - static_cast<double>(quantized.floats()[i]);
                error += off * off;
                energy += value * value;
            }
            return error / energy + result.activation->relativeError;
        };
        const double found = both(shared);
        for (const double exponent : {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1})
            QVERIFY(found <= both(exponent) * 1.02);
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor x = randomMatrix(40, 3000, 1, 2);
        const ActivationGrid grid = gridOf(6, true, 0.6F, 2);
        const auto run = [&](int threads) {
            const ThreadLimit limit(threads);
            Tensor out(Shape{40, 3000});
            simulateActivations(grid, x.matrix(), out.matrix());
            return out;
        };
        const Tensor one = run(1);
        const Tensor many = run(4);
        QVERIFY(std::equal(one.bytes().begin(), one.bytes().end(), many.bytes().begin()));
    }
};

QTEST_APPLESS_MAIN(TestActivationGrid)
#include "tst_activation_grid.moc"
