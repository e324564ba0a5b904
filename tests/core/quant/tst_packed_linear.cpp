// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/packed_linear.h"
#include "core/tensor/linalg.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/quantized_weights.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The largest error of an element of y = x·Wᵀ in units of ‖x row‖·‖w row‖, against sums in double.
double worstError(ConstMatrixView x, ConstMatrixView w, ConstMatrixView y)
{
    const auto norm = [](std::span<const float> values) {
        double squares = 0;
        for (const float value : values)
            squares += static_cast<double>(value) * static_cast<double>(value);
        return std::sqrt(squares);
    };
    double worst = 0;
    for (std::int64_t t = 0; t < x.rows; ++t)
        for (std::int64_t r = 0; r < w.rows; ++r) {
            double sum = 0;
            for (std::int64_t c = 0; c < x.cols; ++c)
                sum += static_cast<double>(x.row(t)[static_cast<std::size_t>(c)]) *
                       static_cast<double>(w.row(r)[static_cast<std::size_t>(c)]);
            const double size = norm(x.row(t)) * norm(w.row(r));
            const double error =
                std::fabs(sum - static_cast<double>(y.row(t)[static_cast<std::size_t>(r)]));
            if (error > 0 && !(error <= worst * size))
                worst = error / size;
        }
    return worst;
}

bool sameBits(const Tensor& a, const Tensor& b)
{
    return a.bytes().size() == b.bytes().size() &&
           std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

Scheme schemeOf(int bits, std::int64_t group, bool symmetric, bool floatZeros,
                DType scaleType = DType::F16)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = group < 0    ? Granularity::Tensor
                         : group == 0 ? Granularity::Channel
                                      : Granularity::Group;
    scheme.groupSize = std::max<std::int64_t>(0, group);
    scheme.symmetric = symmetric;
    scheme.floatZeros = floatZeros;
    scheme.scaleType = scaleType;
    return scheme;
}

/// y by each way that there is; all instruction sets give the same bits.
Tensor lookUp(const PackedLinear& packed, ConstMatrixView x)
{
    Tensor first(Shape{x.rows, packed.rows()});
    for (const InstructionSet set : instructionSets()) {
        Tensor y(Shape{x.rows, packed.rows()});
        packed.applyLookUp(set, x, y.matrix(), Monitor());
        if (set == InstructionSet::Plain)
            first = std::move(y);
        else if (!sameBits(y, first))
            throw std::runtime_error("an instruction set gives other bits");
    }
    return first;
}

} // namespace

class TestPackedLinear : public QObject
{
    Q_OBJECT

private slots:
    void equalsTheDequantizedProduct_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group"); // 0: channel, −1: tensor
        QTest::addColumn<int>("kind");  // symmetric, integer zeros, float zeros, floats in F32
        const char* kinds[] = {"symmetric", "integers", "floats", "f32"};
        for (const int bits : {2, 3, 4})
            for (const int group : {-1, 0, 1, 3, 32, 43, 64, 128, 1000})
                for (int kind = 0; kind < 4; ++kind)
                    QTest::addRow("%d bits, group %d, %s", bits, group, kinds[kind])
                        << bits << group << kind;
    }
    void equalsTheDequantizedProduct()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(int, kind);
        const Scheme scheme =
            schemeOf(bits, group, kind == 0, kind >= 2, kind == 3 ? DType::F32 : DType::F16);
        const struct
        {
            std::int64_t rows, cols, tokens;
        } sizes[] = {{1, 1, 1},    {1, 100, 1},   {16, 32, 2},  {37, 77, 3},
                     {65, 128, 1}, {130, 331, 7}, {64, 1290, 4}};
        std::uint64_t seed = 1;
        for (const auto& size : sizes) {
            const QuantizedWeight weight = sampleWeight(scheme, size.rows, size.cols, ++seed);
            const PackedLinear packed(weight);
            QCOMPARE(packed.rows(), size.rows);
            QCOMPARE(packed.cols(), size.cols);
            const Tensor w = dequantize(weight);
            const Tensor x = randomMatrix(size.tokens, size.cols, 1, ++seed);
            Tensor floats(Shape{size.tokens, size.rows});
            multiplyTransposed(x.matrix(), w.matrix(), floats.matrix());
            const Tensor looked = lookUp(packed, x.matrix());
            Tensor decoded(Shape{size.tokens, size.rows});
            packed.applyDecoded(x.matrix(), decoded.matrix(), Monitor());
            // Rounding of float sums: a few units in the last place of ‖x‖‖w‖, for all three. Q·x
            // and zero·Σx are larger than their difference when a zero is far off the middle.
            const double tolerance = 2e-7 * (1 + 0.02 * std::sqrt(double(size.cols)));
            const double ofFloats = worstError(x.matrix(), w.matrix(), floats.matrix());
            const double ofLookUp =
                worstError(x.matrix(), w.matrix(), std::as_const(looked).matrix());
            const double ofDecoded =
                worstError(x.matrix(), w.matrix(), std::as_const(decoded).matrix());
            const QByteArray errors = QByteArray::number(ofFloats) + ' ' +
                                      QByteArray::number(ofLookUp) + ' ' +
                                      QByteArray::number(ofDecoded);
            QVERIFY2(ofFloats < tolerance, errors);
            QVERIFY2(ofLookUp < 2 * tolerance, errors);
            QVERIFY2(ofDecoded < tolerance, errors);
        }
    }

    void manyTokens_data()
    {
        QTest::addColumn<int>("tokens");
        for (const int tokens : {1, 2, 3, 4, 5, 8, 15, 16, 31, 63, 64, 65, 200})
            QTest::addRow("%d", tokens) << tokens;
    }
    void manyTokens()
    {
        // Also rows of x and y that are not next to each other.
        QFETCH(int, tokens);
        const QuantizedWeight weight = sampleWeight(schemeOf(3, 64, false, true), 96, 200, 5);
        const PackedLinear packed(weight);
        const Tensor w = dequantize(weight);
        const Tensor x = randomMatrix(tokens, 217, 1, 6);
        Tensor y(Shape{tokens, 101});
        std::fill(y.floats().begin(), y.floats().end(), 7.0F);
        packed.apply(x.matrix().block(0, 9, tokens, 200), y.matrix().block(0, 2, tokens, 96),
                     Monitor());
        QVERIFY(worstError(x.matrix().block(0, 9, tokens, 200), w.matrix(),
                           std::as_const(y).matrix().block(0, 2, tokens, 96)) < 1e-6);
        for (std::int64_t t = 0; t < tokens; ++t)
            for (const std::size_t c : {0, 1, 98, 99, 100})
                QVERIFY(y.matrix().row(t)[c] == 7.0F);
    }

    void groupIndex()
    {
        // Groups found on the way belong to scattered inputs, and may differ in size.
        for (const int bits : {2, 3, 4}) {
            QuantizedWeight weight = sampleWeight(schemeOf(bits, 32, false, false), 50, 150, 8);
            RandomStream random(3, "test", "groups");
            for (std::int64_t c = 0; c < weight.cols; ++c)
                weight.groupIndex.push_back(static_cast<std::int32_t>(
                    random.below(static_cast<std::uint64_t>(weight.groups() - 1))));
            const PackedLinear packed(weight);
            const Tensor w = dequantize(weight);
            const Tensor x = randomMatrix(5, 150, 1, 9);
            Tensor y = lookUp(packed, x.matrix());
            QVERIFY(worstError(x.matrix(), w.matrix(), std::as_const(y).matrix()) < 1e-6);
            packed.applyDecoded(x.matrix(), y.matrix(), Monitor());
            QVERIFY(worstError(x.matrix(), w.matrix(), std::as_const(y).matrix()) < 1e-6);
        }
    }

    void extremeScales()
    {
        // Subnormal halves and zeros outside of the codes come through exactly: a single input
        // of 1 reads a column of the weight.
        QuantizedWeight weight = sampleWeight(schemeOf(4, 0, false, true), 48, 1, 8);
        for (std::size_t r = 0; r < weight.scales.size(); ++r) {
            weight.scales[r] = halfToFloat(static_cast<std::uint16_t>(1 + 640 * r));
            weight.zeros[r] =
                halfToFloat(static_cast<std::uint16_t>(r % 2 ? 0x8001 + r : 0x3c00 + 64 * r));
        }
        const Tensor w = dequantize(weight);
        const Tensor x = [] {
            Tensor one(Shape{1, 1});
            one.floats()[0] = 1;
            return one;
        }();
        const Tensor y = lookUp(PackedLinear(weight), x.matrix());
        for (std::size_t r = 0; r < weight.scales.size(); ++r)
            QVERIFY(isClose(double(y.floats()[r]), double(w.floats()[r]), 3e-7,
                            2e-6 * double(weight.scales[r])));
    }

    void largeMean()
    {
        // Inputs far from 0, where Q·x and zero·Σx nearly cancel: the packed sums are centered, so
        // the error stays that of the floats' product.
        const QuantizedWeight weight = sampleWeight(schemeOf(4, 0, true, false), 64, 4096, 4);
        const Tensor w = dequantize(weight);
        Tensor x = randomMatrix(2, 4096, 1, 5);
        for (float& value : x.floats())
            value += 30;
        Tensor floats(Shape{2, 64});
        multiplyTransposed(x.matrix(), w.matrix(), floats.matrix());
        const Tensor y = lookUp(PackedLinear(weight), x.matrix());
        const double ofFloats = worstError(x.matrix(), w.matrix(), floats.matrix());
        const double ofLookUp = worstError(x.matrix(), w.matrix(), y.matrix());
        QVERIFY2(ofLookUp < 1e-6 && ofLookUp < 5 * ofFloats + 1e-7,
                 QByteArray::number(ofFloats) + ' ' + QByteArray::number(ofLookUp));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const QuantizedWeight weight = sampleWeight(schemeOf(2, 64, false, true), 1500, 700, 1);
        const PackedLinear packed(weight);
        for (const int tokens : {1, 4, 7, 80}) {
            const Tensor x = randomMatrix(tokens, 700, 1, 2);
            Tensor one(Shape{tokens, 1500});
            {
                const ThreadLimit limit(1);
                packed.apply(x.matrix(), one.matrix(), Monitor());
            }
            for (const int threads : {2, 3, 8}) {
                const ThreadLimit limit(threads);
                Tensor more(Shape{tokens, 1500});
                packed.apply(x.matrix(), more.matrix(), Monitor());
                QVERIFY(sameBits(one, more));
            }
        }
    }

    void bytesAreThoseOfTheCodes()
    {
        // 2, 3 and 4 bits cost just that; a group's scale and zero 4 bytes in half precision.
        for (const int bits : {2, 3, 4}) {
            const auto bytes = [&](std::int64_t group) {
                return PackedLinear(sampleWeight(schemeOf(bits, group, false, true), 64, 4096, 1))
                    .bytes();
            };
            const std::uint64_t codes = 64 * 4096 * static_cast<std::uint64_t>(bits) / 8;
            QCOMPARE(bytes(0), codes + 64 * 4);
            QCOMPARE(bytes(64), codes + 64 * 64 * 4);
            QCOMPARE(bytes(128), codes + 64 * 32 * 4);
        }
    }

    void othersAreRefused()
    {
        for (const int bits : {5, 6, 7, 8}) {
            const QuantizedWeight weight = sampleWeight(schemeOf(bits, 0, false, false), 4, 4, 1);
            QVERIFY(!canPack(weight));
            QVERIFY_EXCEPTION_THROWN(PackedLinear{weight}, Error);
        }
    }

    void stops()
    {
        const PackedLinear packed(sampleWeight(schemeOf(4, 64, false, true), 512, 2048, 1));
        const Tensor x = randomMatrix(70, 2048, 1, 2);
        Tensor y(Shape{70, 512});
        const StopAt stop(1);
        QVERIFY_EXCEPTION_THROWN(packed.apply(x.matrix(), y.matrix(), stop), Cancelled);
    }
};

QTEST_APPLESS_MAIN(TestPackedLinear)
#include "tst_packed_linear.moc"
