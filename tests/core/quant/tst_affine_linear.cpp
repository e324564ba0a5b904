// SPDX-License-Identifier: GPL-3.0-or-later
// Layers with affine inputs: simulated, and in integers against plain loops over their codes.
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/quant/affine_linear.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Case
{
    std::int64_t rows = 1;
    std::int64_t cols = 1;
    std::int64_t tokens = 1;
    int bits = 8;
    int inputBits = 8;
    std::int64_t groupSize = 0; ///< 0: one per row
    bool symmetric = false;
    bool zeroPerFeature = false;
};

QuantizedWeight weightOf(const Case& c)
{
    RandomStream random(7, "weight", "affine");
    QuantizedWeight weight;
    weight.scheme.bits = c.bits;
    weight.scheme.symmetric = c.symmetric;
    weight.scheme.scaleType = DType::F32;
    weight.rows = c.rows;
    weight.cols = c.cols;
    if (c.groupSize > 0) {
        weight.scheme.granularity = Granularity::Group;
        weight.scheme.groupSize = c.groupSize;
    }
    const int last = weight.scheme.maximumCode();
    for (std::int64_t i = 0; i < c.rows * c.cols; ++i)
        weight.codes.push_back(static_cast<std::uint8_t>(random.below(std::uint64_t(last) + 1)));
    for (std::int64_t i = 0; i < c.rows * weight.groups(); ++i) {
        weight.scales.push_back(0.01F + 0.002F * static_cast<float>(i % 7));
        weight.zeros.push_back(c.symmetric ? static_cast<float>((last + 1) / 2)
                                           : static_cast<float>(random.below(std::uint64_t(last))));
    }
    return weight;
}

AffineGrid gridOf(const Case& c)
{
    AffineGrid grid;
    grid.bits = c.inputBits;
    grid.scales = {4.0F / static_cast<float>(grid.largest())};
    for (std::int64_t d = 0; d < (c.zeroPerFeature ? c.cols : 1); ++d)
        grid.zeros.push_back(grid.largest() / 2 + (c.zeroPerFeature ? int(d % 40) * 7 - 140 : 0));
    return grid;
}

Tensor inputsOf(const Case& c)
{
    RandomStream random(8, "inputs", "affine");
    Tensor x({c.tokens, c.cols});
    for (float& value : x.floats())
        value = static_cast<float>(1.3 * random.normal());
    return x;
}

/// By its definition: clamp(rne(x/s) + z, 0, L).
std::int64_t codeOf(const AffineGrid& grid, float x, std::size_t feature)
{
    const double code =
        std::nearbyint(static_cast<double>(x / grid.scales.front())) + grid.zero(feature);
    return static_cast<std::int64_t>(std::min(std::max(code, 0.0), double(grid.largest())));
}

/// Integers by plain loops, scaled in double and group by group: the very floats.
std::vector<float> oracle(const Case& c, const QuantizedWeight& weight, const AffineGrid& grid,
                          const Tensor& x)
{
    std::vector<float> y;
    const std::int64_t size = c.groupSize > 0 ? c.groupSize : c.cols;
    for (std::int64_t t = 0; t < c.tokens; ++t)
        for (std::int64_t r = 0; r < c.rows; ++r) {
            double sum = 0;
            for (std::int64_t first = 0; first < c.cols; first += size) {
                const std::size_t p = weight.parameterIndex(r, first);
                std::int64_t exact = 0;
                for (std::int64_t d = first; d < std::min(c.cols, first + size); ++d) {
                    const auto at = static_cast<std::size_t>(d);
                    exact += (codeOf(grid, x.floats()[std::size_t(t * c.cols + d)], at) -
                              grid.zero(at)) *
                             (weight.codes[std::size_t(r * c.cols + d)] -
                              static_cast<std::int64_t>(weight.zeros[p]));
                }
                sum += static_cast<double>(weight.scales[p]) * static_cast<double>(exact);
            }
            y.push_back(static_cast<float>(sum * static_cast<double>(grid.scales.front())));
        }
    return y;
}

std::vector<float> apply(const LinearKernel& kernel, const Tensor& x)
{
    Tensor y({x.shape()[0], kernel.rows()});
    kernel.apply(x.matrix(), y.matrix(), Monitor());
    return {y.floats().begin(), y.floats().end()};
}

} // namespace

Q_DECLARE_METATYPE(Case)

class TestAffineLinear : public QObject
{
    Q_OBJECT

private slots:
    /// V11 of the reference.
    void theReferencesVector()
    {
        QuantizedWeight weight;
        weight.scheme.bits = 4;
        weight.scheme.scaleType = DType::F32;
        weight.rows = 1;
        weight.cols = 2;
        weight.codes = {2, 0};
        weight.scales = {0.25F};
        weight.zeros = {1};
        AffineGrid grid;
        grid.bits = 4;
        grid.scales = {0.5F};
        grid.zeros = {1};
        Tensor x({1, 2});
        x.floats()[0] = 1; // code 3
        x.floats()[1] = 0; // code 1
        const auto y = apply(*affineIntegerLinear(weight, grid), x);
        QCOMPARE(y.size(), std::size_t(1));
        QVERIFY(y[0] == 0.25F); // with the bias of 0.1 it is the reference's 0.35
    }

    void integersAreThoseOfPlainLoops_data()
    {
        QTest::addColumn<Case>("c");
        QTest::newRow("one") << Case{};
        QTest::newRow("8 bits") << Case{70, 130, 7, 8, 8, 0, false, false};
        QTest::newRow("8 bits, zeros by feature") << Case{33, 61, 5, 8, 8, 0, false, true};
        QTest::newRow("8 bits, groups") << Case{20, 50, 3, 8, 8, 16, false, true};
        QTest::newRow("4 bits") << Case{130, 67, 6, 4, 4, 0, false, false};
        QTest::newRow("4 bits, groups") << Case{65, 70, 9, 4, 8, 10, false, true};
        QTest::newRow("3 bits, symmetric") << Case{17, 30, 2, 3, 6, 0, true, true};
        QTest::newRow("5 bits, symmetric groups") << Case{17, 32, 4, 5, 4, 8, true, false};
        QTest::newRow("long sums") << Case{3, 70000, 2, 8, 8, 0, false, true};
        QTest::newRow("many tokens") << Case{16, 24, 300, 8, 6, 0, false, true};
    }
    void integersAreThoseOfPlainLoops()
    {
        QFETCH(Case, c);
        const QuantizedWeight weight = weightOf(c);
        const AffineGrid grid = gridOf(c);
        const Tensor x = inputsOf(c);
        const auto expected = oracle(c, weight, grid, x);
        for (const InstructionSet set : instructionSets())
            QVERIFY(apply(*affineIntegerLinear(weight, grid, set), x) == expected);
        const Tensor floats = affineIntegerLinear(weight, grid)->floats();
        const Tensor dequantized = dequantize(weight);
        QVERIFY(allClose(floats.floats(), dequantized.floats(), 1e-6, 1e-12));
        // The simulation differs by the rounding of float sums alone.
        const auto simulated = apply(
            *roundedLinear(std::make_shared<const Tensor>(dequantized.clone()), c.rows, grid), x);
        double largest = 0;
        for (const float value : expected)
            largest = std::max(largest, std::fabs(static_cast<double>(value)));
        QVERIFY(allClose(std::span<const float>(simulated), std::span<const float>(expected), 1e-5,
                         1e-5 * largest));
    }

    void largestOperandsDoNotSaturate()
    {
        Case c{64, 4096, 4, 8, 8, 0, false, false};
        QuantizedWeight weight = weightOf(c);
        AffineGrid grid = gridOf(c);
        Tensor x = inputsOf(c);
        for (const int code : {0, 255}) {
            std::fill(weight.codes.begin(), weight.codes.end(), std::uint8_t(code));
            std::fill(weight.zeros.begin(), weight.zeros.end(), code == 0 ? 255.0F : 0.0F);
            grid.zeros = {0};
            std::fill(x.floats().begin(), x.floats().end(), 100.0F);
            for (const InstructionSet set : instructionSets())
                QVERIFY(apply(*affineIntegerLinear(weight, grid, set), x) ==
                        oracle(c, weight, grid, x));
        }
    }

    void threadsDoNotChangeBits()
    {
        const Case c{200, 300, 90, 4, 8, 64, false, true};
        const auto kernel = affineIntegerLinear(weightOf(c), gridOf(c));
        const auto rounded = roundedLinear(std::make_shared<const Tensor>(dequantize(weightOf(c))),
                                           c.rows, gridOf(c));
        const Tensor x = inputsOf(c);
        std::vector<float> results[2][2];
        for (const int threads : {1, 2}) {
            const ThreadLimit limit(threads);
            results[0][threads - 1] = apply(*kernel, x);
            results[1][threads - 1] = apply(*rounded, x);
        }
        QVERIFY(results[0][0] == results[0][1]);
        QVERIFY(results[1][0] == results[1][1]);
    }

    void saysWhyNot()
    {
        const Case c{4, 6, 1, 4, 8, 0, false, false};
        const QuantizedWeight weight = weightOf(c);
        const AffineGrid grid = gridOf(c);
        QVERIFY(!whyNotAffineInteger(weight, grid));
        AffineGrid other = grid;
        other.fraction = 0.5F;
        QVERIFY(whyNotAffineInteger(weight, other));
        QVERIFY_EXCEPTION_THROWN((void)affineIntegerLinear(weight, other), Error);
        other = grid;
        other.scales.assign(6, 0.1F);
        QVERIFY(whyNotAffineInteger(weight, other));
        QuantizedWeight changed = weight;
        changed.scheme.levels = Levels::Power;
        QVERIFY(whyNotAffineInteger(changed, grid));
        changed = weight;
        changed.scheme.floatZeros = true;
        QVERIFY(whyNotAffineInteger(changed, grid));
        changed = weight;
        changed.groupIndex.assign(6, 0);
        QVERIFY(whyNotAffineInteger(changed, grid));
        changed = weight;
        changed.outliers.columns = {1};
        QVERIFY(whyNotAffineInteger(changed, grid));
    }

    void nanHasNoCodeAndStaysNan()
    {
        const Case c{4, 6, 2, 4, 8, 0, false, false};
        Tensor x = inputsOf(c);
        x.floats()[8] = std::numeric_limits<float>::quiet_NaN();
        const auto kernel = affineIntegerLinear(weightOf(c), gridOf(c));
        QVERIFY_EXCEPTION_THROWN((void)apply(*kernel, x), Error);
        const auto simulated = apply(
            *roundedLinear(std::make_shared<const Tensor>(dequantize(weightOf(c))), 4, gridOf(c)),
            x);
        for (std::size_t i = 0; i < simulated.size(); ++i)
            QCOMPARE(std::isnan(simulated[i]), i >= 4);
    }

    void convolutionsRoundByChannel()
    {
        AffineGrid grid;
        grid.bits = 4;
        grid.scales = {0.5F, 0.25F, 1};
        grid.zeros = {3, 8, -2};
        RandomStream random(9, "image", "affine");
        Tensor x({2, 3, 5, 4});
        for (float& value : x.floats())
            value = static_cast<float>(3 * random.normal());
        Tensor rounded = x.clone();
        roundedInputs(grid)->apply(rounded);
        for (std::size_t i = 0; i < x.floats().size(); ++i) {
            const std::size_t channel = i / 20 % 3;
            AffineGrid one = grid;
            one.scales = {grid.scales[channel]};
            one.zeros = {grid.zeros[channel]};
            const float expected =
                one.scales[0] *
                static_cast<float>(codeOf(one, x.floats()[i], 0) - grid.zeros[channel]);
            QVERIFY(rounded.floats()[i] == expected);
        }
        Tensor wrong({1, 4, 2, 2});
        QVERIFY_EXCEPTION_THROWN(roundedInputs(grid)->apply(wrong), Error);
        grid.scales = {0.5F};
        grid.zeros = {3};
        Tensor all = x.clone();
        roundedInputs(grid)->apply(all);
        for (std::size_t i = 0; i < x.floats().size(); ++i)
            QVERIFY(all.floats()[i] ==
                    0.5F * static_cast<float>(codeOf(grid, x.floats()[i], 0) - 3));
    }
};

QTEST_GUILESS_MAIN(TestAffineLinear)
#include "tst_affine_linear.moc"
