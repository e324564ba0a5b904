// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/packed_linear.h"
#include "core/quant/power_linear.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/quantized_weights.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>

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

bool sameBits(const Tensor& a, const Tensor& b)
{
    return a.bytes().size() == b.bytes().size() &&
           std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

Tensor lookUp(const PowerLinear& linear, ConstMatrixView x)
{
    Tensor first(Shape{x.rows, linear.rows()});
    for (const InstructionSet set : instructionSets()) {
        Tensor y(Shape{x.rows, linear.rows()});
        linear.applyLookUp(set, x, y.matrix(), Monitor());
        if (set == InstructionSet::Plain)
            first = std::move(y);
        else if (!sameBits(y, first))
            throw std::runtime_error("an instruction set gives other bits");
    }
    return first;
}

/// The largest error of an element in units of ‖x row‖·‖w row‖, against sums in double.
double worstError(ConstMatrixView x, ConstMatrixView w, ConstMatrixView y)
{
    double worst = 0;
    for (std::int64_t t = 0; t < x.rows; ++t)
        for (std::int64_t r = 0; r < w.rows; ++r) {
            double sum = 0;
            double xs = 0;
            double ws = 0;
            for (std::size_t c = 0; c < static_cast<std::size_t>(x.cols); ++c) {
                const auto a = static_cast<double>(x.row(t)[c]);
                const auto b = static_cast<double>(w.row(r)[c]);
                sum += a * b;
                xs += a * a;
                ws += b * b;
            }
            const double error =
                std::fabs(sum - static_cast<double>(y.row(t)[static_cast<std::size_t>(r)]));
            const double size = std::sqrt(xs * ws);
            if (error > 0 && !(error <= worst * size))
                worst = error / size;
        }
    return worst;
}

} // namespace

class TestPowerLinear : public QObject
{
    Q_OBJECT

private slots:
    void equalsTheDequantizedProduct_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("midRise");
        for (const int bits : {2, 3, 4, 5, 6, 7, 8})
            for (const int group : {-1, 0, 3, 64, 1000})
                for (const bool midRise : {false, true})
                    QTest::addRow("%d bits, group %d, mid-rise %d", bits, group, midRise)
                        << bits << group << midRise;
    }
    void equalsTheDequantizedProduct()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(bool, midRise);
        const Levels levels = midRise ? Levels::PowerMidRise : Levels::Power;
        const struct
        {
            std::int64_t rows, cols, tokens;
        } sizes[] = {{1, 1, 1}, {37, 77, 7}, {65, 130, 3}, {16, 1100, 2}};
        std::uint64_t seed = 1;
        for (const auto& size : sizes) {
            QuantizedWeight weight = samplePowerWeight(schemeOf(bits, group, levels), size.rows,
                                                       size.cols, {0.6F}, ++seed);
            if (size.rows == 37)
                addOutliers(weight, 4, 9);
            const PowerLinear linear(weight);
            QCOMPARE(linear.rows(), size.rows);
            QCOMPARE(linear.cols(), size.cols);
            const Tensor w = dequantize(weight);
            const Tensor held = linear.floats();
            if (size.rows == 37) // an outlier is what its code lacks
                QVERIFY(allClose(held.floats(), w.floats(), 1e-6, 1e-7));
            else
                QVERIFY(sameBits(held, w));
            const Tensor x = randomMatrix(size.tokens, size.cols, 1, ++seed);
            const Tensor looked = lookUp(linear, x.matrix());
            QVERIFY(worstError(x.matrix(), w.matrix(), looked.matrix()) < 1e-6);
            Tensor decoded(Shape{size.tokens, size.rows});
            linear.applyDecoded(x.matrix(), decoded.matrix(), Monitor());
            QVERIFY(worstError(x.matrix(), w.matrix(), decoded.matrix()) < 1e-6);
        }
    }

    void codesAreReadOneByOne()
    {
        // An input of 1 among zeros reads a column: every code gives its very level.
        for (const int bits : {2, 3, 4, 5, 6, 7, 8}) {
            const std::int64_t codes = std::int64_t(1) << bits;
            QuantizedWeight weight =
                samplePowerWeight(schemeOf(bits, 0), codes, 9, {0.55F}, 1, true);
            for (std::int64_t r = 0; r < codes; ++r) // code 0 reads as code 1
                weight.codes[static_cast<std::size_t>(r * 9 + 5)] = static_cast<std::uint8_t>(r);
            const Tensor w = dequantize(weight);
            Tensor x = Tensor::zeros(DType::F32, {1, 9});
            x.floats()[5] = 1;
            const Tensor y = lookUp(PowerLinear(weight), std::as_const(x).matrix());
            for (std::size_t r = 0; r < static_cast<std::size_t>(codes); ++r)
                QVERIFY(y.floats()[r] == w.floats()[r * 9 + 5]);
        }
    }

    void manyTokens()
    {
        // Also rows of x and y that are not next to each other.
        const QuantizedWeight weight = samplePowerWeight(schemeOf(4, 64), 96, 200, {0.7F}, 5);
        const PowerLinear linear(weight);
        const Tensor w = dequantize(weight);
        for (const std::int64_t tokens : {1, 5, 16, 17, 200}) {
            const Tensor x = randomMatrix(tokens, 217, 1, 6);
            Tensor y(Shape{tokens, 101});
            std::fill(y.floats().begin(), y.floats().end(), 7.0F);
            const ConstMatrixView part = x.matrix().block(0, 9, tokens, 200);
            linear.apply(part, y.matrix().block(0, 2, tokens, 96), Monitor());
            QVERIFY(worstError(part, w.matrix(),
                               std::as_const(y).matrix().block(0, 2, tokens, 96)) < 1e-6);
            for (std::int64_t t = 0; t < tokens; ++t)
                for (const std::size_t c : {0, 1, 98, 99, 100})
                    QVERIFY(y.matrix().row(t)[c] == 7.0F);
        }
    }

    void sameBitsForAnyNumberOfThreads()
    {
        QuantizedWeight weight = samplePowerWeight(schemeOf(3, 64), 900, 500, {0.6F}, 1);
        addOutliers(weight, 3, 2);
        const PowerLinear linear(weight);
        for (const int tokens : {1, 7, 80}) {
            const Tensor x = randomMatrix(tokens, 500, 1, 2);
            const auto run = [&](int threads) {
                const ThreadLimit limit(threads);
                Tensor y(Shape{tokens, 900});
                linear.apply(x.matrix(), y.matrix(), Monitor());
                return y;
            };
            const Tensor one = run(1);
            QVERIFY(sameBits(one, run(2)) && sameBits(one, run(5)));
        }
    }

    void othersAreRefused()
    {
        const QuantizedWeight rows = samplePowerWeight(schemeOf(4, 0), 2, 8, {0.5F, 0.6F}, 1);
        QVERIFY(whyNotPowerLinear(rows));
        QVERIFY_EXCEPTION_THROWN(PowerLinear{rows}, Error);
        const QuantizedWeight uniform = sampleWeight(schemeOf(4, 0, Levels::Uniform), 2, 8, 1);
        QVERIFY(whyNotPowerLinear(uniform));
        QVERIFY(canPack(uniform));
        // The uniform kernel knows neither power levels nor outliers.
        QuantizedWeight power = samplePowerWeight(schemeOf(4, 0), 2, 8, {0.5F}, 1);
        QCOMPARE(*whyNotPacked(power), std::string("power levels"));
        QVERIFY_EXCEPTION_THROWN(PackedLinear{power}, Error);
        QuantizedWeight outliers = uniform;
        addOutliers(outliers, 1, 2);
        QCOMPARE(*whyNotPacked(outliers), std::string("outliers"));
    }

    void stops()
    {
        const PowerLinear linear(samplePowerWeight(schemeOf(4, 64), 512, 1024, {0.6F}, 1));
        for (const std::int64_t tokens : {4, 70}) {
            const Tensor x = randomMatrix(tokens, 1024, 1, 2);
            Tensor y(Shape{tokens, 512});
            const StopAt stop(1);
            QVERIFY_EXCEPTION_THROWN(linear.apply(x.matrix(), y.matrix(), stop), Cancelled);
        }
    }
};

QTEST_APPLESS_MAIN(TestPowerLinear)
#include "tst_power_linear.moc"
