// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/activation_linear.h"
#include "core/quant/quantized_weight.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/quantized_weights.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

ActivationGrid gridOf(bool isSigned, float shift)
{
    ActivationGrid grid;
    grid.bits = 6;
    grid.isSigned = isSigned;
    grid.exponent = 0.6F;
    grid.limit = 2.5F;
    grid.shift = shift;
    return grid;
}

std::shared_ptr<const Tensor> weightOf(std::int64_t rows, std::int64_t cols)
{
    return std::make_shared<const Tensor>(randomMatrix(rows, cols, 0.1, 7));
}

} // namespace

class TestActivationLinear : public QObject
{
    Q_OBJECT

private slots:
    void equalsTheProductOfRoundedInputs_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<bool>("isSigned");
        QTest::addColumn<float>("shift");
        for (const int tokens : {1, 3, 600}) {
            QTest::addRow("%d tokens, signed", tokens) << tokens << true << 0.0F;
            QTest::addRow("%d tokens, unsigned", tokens) << tokens << false << 0.0F;
            QTest::addRow("%d tokens, shifted", tokens) << tokens << false << 0.28F;
        }
    }
    void equalsTheProductOfRoundedInputs()
    {
        // Σ ŵ·x̂ in doubles. The shifted form differs by how it is summed only.
        QFETCH(int, tokens);
        QFETCH(bool, isSigned);
        QFETCH(float, shift);
        const std::int64_t rows = 33;
        const std::int64_t cols = 70;
        const auto weight = weightOf(rows, cols);
        const ActivationGrid grid = gridOf(isSigned, shift);
        const ActivationLinear linear(weight, rows, grid);
        QCOMPARE(linear.rows(), rows);
        QCOMPARE(linear.cols(), cols);
        const Tensor x = randomMatrix(tokens, cols, 1, 8);
        Tensor rounded(Shape{tokens, cols});
        simulateActivations(grid, x.matrix(), rounded.matrix());
        Tensor y(Shape{tokens, rows});
        linear.apply(x.matrix(), y.matrix(), Monitor());
        bool differs = false;
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t r = 0; r < rows; ++r) {
                double sum = 0;
                double unrounded = 0;
                for (std::size_t c = 0; c < std::size_t(cols); ++c) {
                    const auto w = static_cast<double>(weight->matrix().row(r)[c]);
                    sum += w * static_cast<double>(rounded.matrix().row(t)[c]);
                    unrounded += w * static_cast<double>(x.matrix().row(t)[c]);
                }
                const auto value = static_cast<double>(y.matrix().row(t)[std::size_t(r)]);
                QVERIFY(isClose(value, sum, 1e-5, 1e-5));
                differs = differs || std::fabs(value - unrounded) > 1e-3;
            }
        QVERIFY(differs);
    }

    void floatsAreTheWeight()
    {
        const auto weight = weightOf(5, 9);
        const ActivationLinear linear(weight, 5, gridOf(true, 0));
        const Tensor floats = linear.floats();
        QVERIFY(std::equal(floats.bytes().begin(), floats.bytes().end(), weight->bytes().begin(),
                           weight->bytes().end()));
    }

    void correctionIsOfTheQuantizedWeight()
    {
        // Section 9.4: with inputs that are all 0 on the shifted grid's nearest point, what is left
        // is Ŵ1 times the rounding of δ alone.
        const auto weight = weightOf(8, 40);
        const ActivationGrid grid = gridOf(false, 0.28F);
        const ActivationLinear linear(weight, 8, grid);
        const Tensor x = Tensor::zeros(DType::F32, {1, 40});
        Tensor y(Shape{1, 8});
        linear.apply(x.matrix(), y.matrix(), Monitor());
        float zero = 0;
        simulateActivations(grid, {&zero, 1, 1}, {&zero, 1, 1});
        const std::vector<float> sums = shiftCorrection(weight->matrix(), 1);
        for (std::size_t r = 0; r < 8; ++r)
            QVERIFY(isClose(double(y.floats()[r]), double(zero) * double(sums[r]), 1e-3, 1e-5));
    }

    void nanStaysVisible()
    {
        const ActivationLinear linear(weightOf(3, 2), 3, gridOf(true, 0));
        Tensor x(Shape{1, 2});
        x.floats()[0] = std::numeric_limits<float>::quiet_NaN();
        x.floats()[1] = 1;
        Tensor y(Shape{1, 3});
        linear.apply(std::as_const(x).matrix(), y.matrix(), Monitor());
        for (const float value : y.floats())
            QVERIFY(std::isnan(value));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const ActivationLinear linear(weightOf(150, 333), 150, gridOf(false, 0.2F));
        const Tensor x = randomMatrix(700, 333, 1, 2);
        const auto run = [&](int threads) {
            const ThreadLimit limit(threads);
            Tensor y(Shape{700, 150});
            linear.apply(x.matrix(), y.matrix(), Monitor());
            return y;
        };
        const Tensor one = run(1);
        const Tensor many = run(5);
        QVERIFY(std::memcmp(one.bytes().data(), many.bytes().data(), one.bytes().size()) == 0);
    }

    void stops()
    {
        const ActivationLinear linear(weightOf(50, 100), 50, gridOf(true, 0));
        const Tensor x = randomMatrix(1200, 100, 1, 2);
        Tensor y(Shape{1200, 50});
        const StopAt stop(3);
        QVERIFY_EXCEPTION_THROWN(linear.apply(x.matrix(), y.matrix(), stop), Cancelled);
    }
};

QTEST_APPLESS_MAIN(TestActivationLinear)
#include "tst_activation_linear.moc"
