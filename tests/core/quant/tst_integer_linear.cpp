// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/activation_linear.h"
#include "core/quant/integer_linear.h"
#include "core/quant/product_linear.h"
#include "core/tensor/linalg.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/quantized_weights.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <limits>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

Scheme schemeOf(int bits, std::int64_t group, Levels levels = Levels::Power)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = group < 0    ? Granularity::Tensor
                         : group == 0 ? Granularity::Channel
                                      : Granularity::Group;
    scheme.groupSize = std::max<std::int64_t>(0, group);
    scheme.levels = levels;
    return scheme;
}

ActivationGrid gridOf(int bits, bool isSigned, float exponent, float limit = 2, float shift = 0)
{
    ActivationGrid grid;
    grid.bits = bits;
    grid.isSigned = isSigned;
    grid.exponent = exponent;
    grid.limit = limit;
    grid.shift = shift;
    return grid;
}

bool sameBits(const Tensor& a, const Tensor& b)
{
    return a.bytes().size() == b.bytes().size() &&
           std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

/// By all instruction sets, which must agree bit for bit.
Tensor multiplied(const IntegerLinear& linear, ConstMatrixView x)
{
    Tensor first(Shape{x.rows, linear.rows()});
    for (const InstructionSet set : instructionSets()) {
        Tensor y(Shape{x.rows, linear.rows()});
        linear.applyWith(set, x, y.matrix(), Monitor());
        if (set == InstructionSet::Plain)
            first = std::move(y);
        else if (!sameBits(y, first))
            throw std::runtime_error("an instruction set gives other bits");
    }
    return first;
}

/// The integer that stands for a level, from the formulas of section 9.2 alone.
std::int64_t oracleOperand(double level, double exponent, int largest, int bits)
{
    if (exponent == 1)
        return std::llround(level * largest);
    if (exponent == 0.5)
        return std::llround(level * largest * largest);
    return std::llround(level * (bits <= 4 ? 127 : 32767));
}

double oracleDivisor(double exponent, int largest, int bits)
{
    return exponent == 1     ? largest
           : exponent == 0.5 ? double(largest) * largest
           : bits <= 4       ? 127
                             : 32767;
}

/// y by sums in 64 bits, group by group.
Tensor oracleProduct(const QuantizedWeight& weight, const ActivationGrid& grid, ConstMatrixView x)
{
    Tensor y(Shape{x.rows, weight.rows});
    const int most = (1 << (weight.scheme.bits - 1)) - 1;
    const int middle = most + 1;
    std::vector<std::int16_t> codes(static_cast<std::size_t>(x.cols));
    const std::int64_t group = effectiveGroup(weight.scheme, weight.cols);
    for (std::int64_t t = 0; t < x.rows; ++t) {
        encodeActivations(grid, x.block(t, 0, 1, x.cols), codes.data());
        for (std::int64_t r = 0; r < weight.rows; ++r) {
            const auto exponent = static_cast<double>(weight.exponent(r));
            const double divisor = oracleDivisor(exponent, most, weight.scheme.bits);
            const double inputDivisor =
                oracleDivisor(static_cast<double>(grid.exponent), grid.largest(), 8);
            double total = 0;
            double outliers = 0;
            std::size_t next =
                weight.outliers.empty() ? 0 : weight.outliers.rowStarts[std::size_t(r)];
            for (std::int64_t c = 0; c < weight.cols; c += group) {
                std::int64_t sum = 0;
                for (std::int64_t j = c; j < std::min(c + group, weight.cols); ++j) {
                    const int k =
                        int(weight.codes[static_cast<std::size_t>(r * weight.cols + j)]) - middle;
                    const double level =
                        (k < 0 ? -1 : 1) * std::pow(std::abs(k) / double(most), 1 / exponent);
                    const int code = codes[static_cast<std::size_t>(j)];
                    const std::int64_t input = grid.exponent == 1.0F ? code : code * std::abs(code);
                    sum += oracleOperand(level, exponent, most, weight.scheme.bits) * input;
                    if (!weight.outliers.empty() &&
                        next < weight.outliers.rowStarts[std::size_t(r) + 1] &&
                        weight.outliers.columns[next] == j)
                        outliers += double(weight.outliers.values[next++]) * divisor *
                                    static_cast<double>(input);
                }
                total += static_cast<double>(weight.scales[weight.parameterIndex(r, c)]) *
                         static_cast<double>(sum);
            }
            total += outliers;
            y.matrix().row(t)[static_cast<std::size_t>(r)] = static_cast<float>(
                total * (static_cast<double>(grid.limit) / (divisor * inputDivisor)));
        }
    }
    return y;
}

/// Inputs that use all of the grid and more.
Tensor inputsOf(std::int64_t rows, std::int64_t cols, std::uint64_t seed)
{
    return randomMatrix(rows, cols, 1.3, seed);
}

} // namespace

class TestIntegerLinear : public QObject
{
    Q_OBJECT

private slots:
    void equalsTheIntegerOracle_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<float>("exponent");
        QTest::addColumn<int>("inputBits");
        QTest::addColumn<bool>("isSigned");
        QTest::addColumn<float>("inputExponent");
        for (const int bits : {2, 3, 4, 5, 8})
            for (const int group : {-1, 0, 3, 64})
                for (const float exponent : {0.5F, 1.0F, 0.63F})
                    for (const float inputExponent : {0.5F, 1.0F})
                        for (const int inputBits : {4, 8})
                            for (const bool isSigned : {true, false})
                                QTest::addRow(
                                    "%d bits, group %d, exponent %g, inputs %d bits %g %d", bits,
                                    group, double(exponent), inputBits, double(inputExponent),
                                    isSigned)
                                    << bits << group << exponent << inputBits << isSigned
                                    << inputExponent;
    }
    void equalsTheIntegerOracle()
    {
        // Bit for bit: forms B (a rounded codebook) and C at ½, and what lies between.
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(float, exponent);
        QFETCH(int, inputBits);
        QFETCH(bool, isSigned);
        QFETCH(float, inputExponent);
        const ActivationGrid grid = gridOf(inputBits, isSigned, inputExponent, 2.25F);
        const struct
        {
            std::int64_t rows, cols, tokens;
        } sizes[] = {{1, 1, 1}, {16, 8, 2}, {37, 77, 7}, {81, 130, 3}};
        std::uint64_t seed = 3;
        for (const auto& size : sizes) {
            QuantizedWeight weight =
                samplePowerWeight(schemeOf(bits, group), size.rows, size.cols, {exponent}, ++seed);
            if (size.rows == 37)
                addOutliers(weight, 3, 1);
            const Tensor x = inputsOf(size.tokens, size.cols, ++seed);
            const IntegerLinear linear(weight, grid);
            QCOMPARE(linear.rows(), size.rows);
            QCOMPARE(linear.cols(), size.cols);
            QCOMPARE(linear.exact(), exponent != 0.63F);
            const Tensor y = multiplied(linear, x.matrix());
            const Tensor expected = oracleProduct(weight, grid, x.matrix());
            if (size.rows == 37) // sums of outliers are in doubles, in another order
                QVERIFY(allClose(y.floats(), expected.floats(), 1e-6, 1e-6));
            else
                QVERIFY(sameBits(y, expected));
        }
    }

    void equalsTheFloatsExactly_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<float>("inputExponent");
        QTest::addColumn<float>("exponent");
        for (const int bits : {2, 3, 4})
            for (const int group : {0, 32})
                for (const float inputExponent : {1.0F, 0.5F})
                    for (const float exponent : {0.5F, 0.63F})
                        QTest::addRow("%d bits, group %d, exponents %g and %g", bits, group,
                                      double(exponent), double(inputExponent))
                            << bits << group << inputExponent << exponent;
    }
    void equalsTheFloatsExactly()
    {
        // Test 25: with scales that are powers of two, products of the operands as floats are
        // exact below 2^24, so that a product of floats gives the very same bits.
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(float, inputExponent);
        QFETCH(float, exponent);
        const QuantizedWeight weight =
            samplePowerWeight(schemeOf(bits, group), 50, 96, {exponent}, 4, true);
        const IntegerOperands operands = weightOperands(weight.scheme, exponent);
        ActivationGrid grid = gridOf(4, true, inputExponent);
        const IntegerOperands inputs = inputOperands(grid);
        // limit/(D_w·D_x) = 1, so that levels are the operands times powers of two.
        grid.limit = static_cast<float>(operands.divisor * inputs.divisor);
        const IntegerLinear linear(weight, grid);
        Tensor x = inputsOf(9, 96, 5);
        for (float& value : x.floats())
            value *= grid.limit / 2;
        std::vector<std::int16_t> codes(static_cast<std::size_t>(x.count()));
        encodeActivations(grid, std::as_const(x).matrix(), codes.data());
        Tensor xOperands(Shape{9, 96});
        for (std::size_t i = 0; i < codes.size(); ++i)
            xOperands.floats()[i] = static_cast<float>(
                inputs.values[static_cast<std::size_t>(codes[i] + grid.largest())]);
        Tensor wOperands(Shape{50, 96});
        for (std::int64_t r = 0; r < 50; ++r)
            for (std::int64_t c = 0; c < 96; ++c)
                wOperands.matrix().row(r)[static_cast<std::size_t>(c)] =
                    weight.scales[weight.parameterIndex(r, c)] *
                    static_cast<float>(
                        operands.values[weight.codes[static_cast<std::size_t>(r * 96 + c)]]);
        Tensor expected(Shape{9, 50});
        multiplyTransposed(std::as_const(xOperands).matrix(), std::as_const(wOperands).matrix(),
                           expected.matrix());
        QVERIFY(sameBits(multiplied(linear, std::as_const(x).matrix()), expected));
    }

    void exactFormsEqualTheSimulation()
    {
        // Operands at 1 and ½ are the levels: the integer product is the simulated one but for the
        // rounding of floats; with a shift and outliers, too, and for all that it can hold.
        for (const int bits : {2, 4, 6, 8})
            for (const float exponent : {1.0F, 0.5F})
                for (const Levels levels : {Levels::Power, Levels::PowerMidRise, Levels::Uniform}) {
                    for (const float shift : {0.0F, 0.3F}) {
                        const bool isSigned = shift == 0;
                        const ActivationGrid grid = gridOf(8, isSigned, exponent, 3, shift);
                        QuantizedWeight weight;
                        if (levels == Levels::Uniform) {
                            Scheme scheme = schemeOf(bits, 32, levels);
                            scheme.symmetric = true;
                            weight = sampleWeight(scheme, 40, 100, 5);
                        } else {
                            weight = samplePowerWeight(schemeOf(bits, 32, levels), 40, 100,
                                                       {exponent}, 5);
                            addOutliers(weight, 4, 2);
                        }
                        const Tensor x = inputsOf(5, 100, 6);
                        const IntegerLinear linear(weight, grid);
                        const auto floats = std::make_shared<const Tensor>(dequantize(weight));
                        const bool rounded =
                            levels == Levels::PowerMidRise && bits == 8 && exponent == 0.5F;
                        QCOMPARE(linear.exact(), !rounded);
                        const Tensor held = linear.floats();
                        QVERIFY(allClose(held.floats(), floats->floats(), rounded ? 1e-3 : 1e-6,
                                         rounded ? 1e-5 : 1e-9));
                        Tensor simulated(Shape{5, 40});
                        ActivationLinear(floats, 40, grid)
                            .apply(x.matrix(), simulated.matrix(), Monitor());
                        const Tensor y = multiplied(linear, x.matrix());
                        QVERIFY(allClose(y.floats(), std::as_const(simulated).floats(), 1e-5,
                                         rounded ? 1e-3 : 1e-5));
                    }
                }
    }

    void inversePowerComesBeforeTheSum()
    {
        // Test 25, section 9.1: a = ½, sums of s·q² are 590 and −467; the square of the sum is
        // another number.
        Scheme scheme = schemeOf(4, 0);
        scheme.scaleType = DType::F32;
        QuantizedWeight weight = samplePowerWeight(scheme, 2, 4, {0.5F}, 1, true);
        const int codes[2][4] = {{3, -7, 0, 5}, {1, 2, -6, 4}};
        const int inputs[4] = {7, -1, 4, 2};
        for (std::size_t i = 0; i < 8; ++i)
            weight.codes[i] = static_cast<std::uint8_t>(8 + codes[i / 4][i % 4]);
        weight.scales = {49, 49}; // N²: levels are k|k|
        const ActivationGrid grid = gridOf(4, true, 0.5F, 49);
        Tensor x(Shape{1, 4});
        for (std::size_t i = 0; i < 4; ++i)
            x.floats()[i] = static_cast<float>(inputs[i] * std::abs(inputs[i]));
        const Tensor y = multiplied(IntegerLinear(weight, grid), std::as_const(x).matrix());
        QVERIFY(y.floats()[0] == 590 && y.floats()[1] == -467);
        int sums[2] = {};
        for (int r = 0; r < 2; ++r)
            for (int c = 0; c < 4; ++c)
                sums[r] += codes[r][c] * inputs[c];
        QCOMPARE(sums[0] * std::abs(sums[0]), 1444);
        QCOMPARE(sums[1] * std::abs(sums[1]), -121);
    }

    void sumsDoNotOverflow()
    {
        // Test 26: 32767 · 127 fits 516 times into 32 bits. All operands at their largest.
        const QuantizedWeight form = samplePowerWeight(schemeOf(8, 0), 3, 4, {0.7F}, 1);
        QVERIFY(IntegerLinear(form, gridOf(8, true, 1)).safeInputs() <= 516);
        QVERIFY(IntegerLinear(form, gridOf(8, true, 1)).safeInputs() >= 514);
        for (const int bits : {4, 8})
            for (const float exponent : {1.0F, 0.5F, 0.7F})
                for (const float inputExponent : {1.0F, 0.5F})
                    for (const bool isSigned : {true, false}) {
                        const std::int64_t cols = bits == 4 ? 140000 : 5000;
                        QuantizedWeight weight =
                            samplePowerWeight(schemeOf(bits, 0), 3, cols, {exponent}, 1, true);
                        const auto top = static_cast<std::uint8_t>(weight.scheme.maximumCode());
                        for (std::int64_t i = 0; i < 3 * cols; ++i)
                            weight.codes[static_cast<std::size_t>(i)] =
                                i / cols == 1 ? std::uint8_t(1) : top;
                        weight.scales = {1, 1, 0.5F};
                        const ActivationGrid grid = gridOf(8, isSigned, inputExponent, 1);
                        Tensor x(Shape{1, cols});
                        std::fill(x.floats().begin(), x.floats().end(), 1.0F);
                        const Tensor y =
                            multiplied(IntegerLinear(weight, grid), std::as_const(x).matrix());
                        const auto expected = static_cast<float>(cols);
                        QVERIFY(y.floats()[0] == expected && y.floats()[1] == -expected &&
                                y.floats()[2] == expected / 2);
                    }
    }

    void rowsWithExponentsOfTheirOwn()
    {
        for (const int bits : {3, 4, 6}) {
            std::vector<float> exponents;
            for (int r = 0; r < 21; ++r)
                exponents.push_back(0.4F + 0.03F * static_cast<float>(r)); // one of them is 1
            exponents[4] = 0.5F;
            const QuantizedWeight weight =
                samplePowerWeight(schemeOf(bits, 16), 21, 50, exponents, 8);
            const ActivationGrid grid = gridOf(8, true, 1);
            const IntegerLinear linear(weight, grid);
            QVERIFY(!linear.exact());
            QVERIFY(linear.store() != OperandStore::Nibbles);
            const Tensor x = inputsOf(6, 50, 2);
            const Tensor y = multiplied(linear, x.matrix());
            // The product with the floats that it says it holds.
            Tensor simulated(Shape{6, 21});
            ActivationLinear(std::make_shared<const Tensor>(linear.floats()), 21, grid)
                .apply(x.matrix(), simulated.matrix(), Monitor());
            QVERIFY(allClose(y.floats(), std::as_const(simulated).floats(), 1e-5, 1e-6));
        }
    }

    void roundedCodebookCostsLittle()
    {
        // Section 9.2: 8-bit codebooks up to 4 bits, 16-bit ones beyond, change weights by less
        // than half of 1/127 and 1/32767 of the scale.
        for (const int bits : {3, 4, 5, 8}) {
            const QuantizedWeight weight = samplePowerWeight(schemeOf(bits, 0), 9, 64, {0.6F}, 3);
            const Tensor rounded = IntegerLinear(weight, gridOf(8, true, 1)).floats();
            const Tensor exact = dequantize(weight);
            const double step = bits <= 4 ? 1.0 / 127 : 1.0 / 32767;
            bool any = false;
            for (std::int64_t r = 0; r < 9; ++r)
                for (std::int64_t c = 0; c < 64; ++c) {
                    const auto at = static_cast<std::size_t>(c);
                    const double difference = std::fabs(double(rounded.matrix().row(r)[at]) -
                                                        double(exact.matrix().row(r)[at]));
                    any = any || difference > 0;
                    QVERIFY(difference <= 0.501 * step * double(weight.scales[std::size_t(r)]));
                }
            QVERIFY(any);
        }
    }

    void tableOfProducts()
    {
        // Form C with any exponent: 26 distinct magnitudes of 4 × 4 bits, 488 of 4 × 8 signed ones,
        // each product rounded to 2^−21.
        const std::pair<int, std::size_t> counts[] = {{4, 26}, {8, 488}};
        for (const auto& [inputBits, distinct] : counts) {
            const QuantizedWeight weight = samplePowerWeight(schemeOf(4, 32), 30, 80, {0.6F}, 3);
            const ActivationGrid grid = gridOf(inputBits, true, 0.6F, 2.5F);
            const ProductLinear linear(weight, grid);
            std::set<int> products;
            for (int w = 1; w <= 7; ++w)
                for (int x = 1; x <= grid.largest(); ++x) {
                    products.insert(w * x);
                    const double exact = std::pow(w * x / (7.0 * grid.largest()), 1 / double(0.6F));
                    const int product = linear.product(static_cast<std::uint8_t>(8 + w), x);
                    QVERIFY(std::fabs(product - std::ldexp(exact, 20)) <= 0.5 + 1e-6);
                    QCOMPARE(linear.product(static_cast<std::uint8_t>(8 - w), x), -product);
                    QCOMPARE(linear.product(static_cast<std::uint8_t>(8 + w), -x), -product);
                }
            QCOMPARE(products.size() + 1, distinct); // 0 is one of them
            const Tensor x = inputsOf(4, 80, 9);
            Tensor y(Shape{4, 30});
            linear.apply(x.matrix(), y.matrix(), Monitor());
            const auto floats = std::make_shared<const Tensor>(dequantize(weight));
            Tensor simulated(Shape{4, 30});
            ActivationLinear(floats, 30, grid).apply(x.matrix(), simulated.matrix(), Monitor());
            double largest = 0;
            for (const float scale : weight.scales)
                largest = std::max(largest, double(scale));
            const double bound = 80 * std::ldexp(largest * 2.5, -21);
            QVERIFY(allClose(std::as_const(y).floats(), std::as_const(simulated).floats(), 1e-5,
                             bound + 1e-6));
        }
    }
    void tableOfProductsIsExact()
    {
        // Against sums of the table in 64 bits; long enough for several blocks; at ½ against the
        // exact form, with outliers and a shift.
        QuantizedWeight weight = samplePowerWeight(schemeOf(5, 0), 7, 5000, {0.7F}, 3);
        for (std::int64_t c = 0; c < 5000; ++c)
            weight.codes[static_cast<std::size_t>(c)] = 31; // sums as large as they get
        ActivationGrid grid = gridOf(8, true, 0.7F);
        {
            const ProductLinear linear(weight, grid);
            Tensor x = inputsOf(2, 5000, 4);
            std::fill_n(x.floats().begin(), 5000, 9.0F);
            Tensor y(Shape{2, 7});
            linear.apply(std::as_const(x).matrix(), y.matrix(), Monitor());
            std::vector<std::int16_t> codes(10000);
            encodeActivations(grid, std::as_const(x).matrix(), codes.data());
            for (std::size_t t = 0; t < 2; ++t)
                for (std::size_t r = 0; r < 7; ++r) {
                    std::int64_t sum = 0;
                    for (std::size_t c = 0; c < 5000; ++c)
                        sum += linear.product(weight.codes[r * 5000 + c], codes[t * 5000 + c]);
                    const double scaled = double(sum) * double(weight.scales[r]);
                    const auto expected =
                        static_cast<float>(scaled * std::ldexp(double(grid.limit), -20));
                    QVERIFY(y.floats()[t * 7 + r] == expected);
                }
        }
        weight = samplePowerWeight(schemeOf(4, 32), 20, 90, {0.5F}, 6);
        addOutliers(weight, 3, 7);
        grid = gridOf(8, false, 0.5F, 2, 0.4F);
        const Tensor x = inputsOf(3, 90, 4);
        Tensor y(Shape{3, 20});
        ProductLinear(weight, grid).apply(x.matrix(), y.matrix(), Monitor());
        const Tensor exact = multiplied(IntegerLinear(weight, grid), x.matrix());
        QVERIFY(allClose(std::as_const(y).floats(), exact.floats(), 1e-4, 1e-4));
    }

    void refusals()
    {
        const auto why = [](const QuantizedWeight& weight, const ActivationGrid& grid) {
            const auto reason = whyNotInteger(weight, grid);
            if (reason) {
                bool thrown = false;
                try {
                    (void)integerKernel(weight, grid);
                } catch (const Error& error) {
                    thrown = error.code() == ErrorCode::Unsupported;
                }
                if (!thrown)
                    return std::string("not refused");
            }
            return reason.value_or("");
        };
        const QuantizedWeight power = samplePowerWeight(schemeOf(4, 8), 4, 16, {0.6F}, 1);
        QCOMPARE(why(power, gridOf(8, true, 1)), std::string());
        QCOMPARE(why(power, gridOf(8, true, 0.5F)), std::string());
        QCOMPARE(why(power, gridOf(8, true, 0.6F)), std::string());
        QVERIFY(
            dynamic_cast<const ProductLinear*>(integerKernel(power, gridOf(8, true, 0.6F)).get()));
        QVERIFY(why(power, gridOf(8, true, 0.7F)).find("exponent 0.7") != std::string::npos);
        const Scheme midRise = schemeOf(4, 8, Levels::PowerMidRise);
        QVERIFY(!why(samplePowerWeight(midRise, 4, 16, {0.6F}, 1), gridOf(8, true, 0.6F)).empty());
        Scheme uniform = schemeOf(4, 8, Levels::Uniform);
        QVERIFY(!why(sampleWeight(uniform, 4, 16, 1), gridOf(8, true, 1)).empty());
        uniform.symmetric = true;
        QCOMPARE(why(sampleWeight(uniform, 4, 16, 1), gridOf(8, true, 1)), std::string());
        QVERIFY(!why(sampleWeight(uniform, 4, 16, 1, true), gridOf(8, true, 1)).empty());
    }

    void hostileValues()
    {
        const float infinity = std::numeric_limits<float>::infinity();
        const QuantizedWeight weight = samplePowerWeight(schemeOf(4, 0), 5, 3, {0.5F}, 2);
        for (const float exponent : {0.5F, 1.0F}) {
            const ActivationGrid grid = gridOf(8, true, exponent);
            const auto kernel = integerKernel(weight, grid);
            Tensor x(Shape{1, 3});
            Tensor y(Shape{1, 5});
            const auto with = [&](float a, float b, float c) {
                x.floats()[0] = a;
                x.floats()[1] = b;
                x.floats()[2] = c;
                kernel->apply(std::as_const(x).matrix(), y.matrix(), Monitor());
                return y.clone();
            };
            QVERIFY(sameBits(with(infinity, -infinity, -0.0F), with(2, -2, 0)));
            QVERIFY(sameBits(with(0, 0, 0), Tensor::zeros(DType::F32, {1, 5})));
            try {
                (void)with(1, std::numeric_limits<float>::quiet_NaN(), 0);
                QFAIL("NaN has no code");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Numeric);
            }
        }
    }

    void sameBitsForAnyNumberOfThreads()
    {
        QuantizedWeight weight = samplePowerWeight(schemeOf(4, 64), 700, 333, {0.6F}, 1);
        addOutliers(weight, 5, 4);
        for (const float exponent : {1.0F, 0.5F, 0.6F})
            for (const int tokens : {1, 7, 300}) {
                const auto kernel = integerKernel(weight, gridOf(8, true, exponent));
                const Tensor x = inputsOf(tokens, 333, 2);
                const auto run = [&](int threads) {
                    const ThreadLimit limit(threads);
                    Tensor y(Shape{tokens, 700});
                    kernel->apply(x.matrix(), y.matrix(), Monitor());
                    return y;
                };
                const Tensor one = run(1);
                QVERIFY(sameBits(one, run(2)));
                QVERIFY(sameBits(one, run(5)));
            }
    }

    void stops()
    {
        const QuantizedWeight weight = samplePowerWeight(schemeOf(4, 64), 700, 640, {0.6F}, 1);
        const Tensor x = inputsOf(70, 640, 2);
        Tensor y(Shape{70, 700});
        for (const float exponent : {1.0F, 0.6F}) {
            const auto kernel = integerKernel(weight, gridOf(8, true, exponent));
            const StopAt stop(1);
            QVERIFY_EXCEPTION_THROWN(kernel->apply(x.matrix(), y.matrix(), stop), Cancelled);
        }
    }
};

QTEST_APPLESS_MAIN(TestIntegerLinear)
#include "tst_integer_linear.moc"
