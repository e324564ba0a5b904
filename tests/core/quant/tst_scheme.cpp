// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/quantized_weight.h"
#include "core/quant/scheme.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;

class TestScheme : public QObject
{
    Q_OBJECT

private slots:
    void refusesWhatItCannotMean()
    {
        QVERIFY(!Scheme{}.validate());
        for (const int bits : {-1, 0, 1, 9, 16}) {
            Scheme scheme;
            scheme.bits = bits;
            const auto wrong = scheme.validate();
            QVERIFY(wrong && wrong->find("bits is " + std::to_string(bits)) == 0);
        }
        Scheme scheme;
        scheme.granularity = Granularity::Group;
        QVERIFY(scheme.validate()); // group size 0
        scheme.groupSize = 1;
        QVERIFY(!scheme.validate());
        scheme.scaleType = DType::BF16;
        QVERIFY(scheme.validate());
        scheme.granularity = Granularity::Tensor;
        scheme.scaleType = DType::F32;
        scheme.groupSize = -5; // does not count
        QVERIFY(!scheme.validate());
    }

    void clipLimitsHoldZero()
    {
        const float infinity = std::numeric_limits<float>::infinity();
        const auto valid = [](float low, float high) {
            Scheme scheme;
            scheme.clip = {low, high};
            const auto problem = scheme.validate();
            return !problem || problem->find("clip limits are") != 0;
        };
        QVERIFY(valid(-1, 1) && valid(0, 1e-30F) && valid(-2, 0) && valid(-0.0F, 3));
        QVERIFY(!valid(0, 0) && !valid(1, 2) && !valid(-2, -1) && !valid(1, -1));
        QVERIFY(!valid(-infinity, 1) && !valid(-1, infinity) && !valid(std::nanf(""), 1) &&
                !valid(-1, std::nanf("")));
        Scheme clipped;
        clipped.clip = {-1, 1};
        QVERIFY(clipped != Scheme{});
        QCOMPARE(storedSize(clipped, 30, 40).bytes(), storedSize(Scheme{}, 30, 40).bytes());
    }

    void countsGroups()
    {
        Scheme scheme;
        scheme.granularity = Granularity::Group;
        scheme.groupSize = 32;
        QCOMPARE(groupsPerRow(scheme, 31), std::int64_t(1));
        QCOMPARE(groupsPerRow(scheme, 32), std::int64_t(1));
        QCOMPARE(groupsPerRow(scheme, 33), std::int64_t(2));
        QCOMPARE(effectiveGroup(scheme, 20), std::int64_t(20));
        QCOMPARE(effectiveGroup(scheme, 100), std::int64_t(32));
        QCOMPARE(scaleCount(scheme, 7, 100), std::int64_t(28));
        scheme.groupSize = INT64_MAX;
        QCOMPARE(groupsPerRow(scheme, 100), std::int64_t(1));
        scheme.granularity = Granularity::Channel;
        QCOMPARE(scaleCount(scheme, 7, 100), std::int64_t(7));
        scheme.granularity = Granularity::Tensor;
        QCOMPARE(scaleCount(scheme, 7, 100), std::int64_t(1));
    }

    void storedSizeIsExact()
    {
        // By hand: 3 × 37 weights of 3 bits = 333 bits; groups of 16: 3 a row, 9 in all; scales
        // 144 bits, zeros 27 bits; a group index 37 · 32 bits.
        Scheme scheme;
        scheme.bits = 3;
        scheme.granularity = Granularity::Group;
        scheme.groupSize = 16;
        const StoredSize size = storedSize(scheme, 3, 37, {true});
        QCOMPARE(size.codeBits, std::uint64_t(333));
        QCOMPARE(size.scaleBits, std::uint64_t(144));
        QCOMPARE(size.zeroBits, std::uint64_t(27));
        QCOMPARE(size.indexBits, std::uint64_t(1184));
        QCOMPARE(size.bytes(), std::uint64_t(42 + 18 + 4 + 148));
        QVERIFY(size.bitsPerWeight(111) == 212 * 8 / 111.0);
        scheme.symmetric = true;
        scheme.scaleType = DType::F32;
        QCOMPARE(storedSize(scheme, 3, 37).bytes(), std::uint64_t(42 + 36));
        // The number everyone quotes: 4 bits in groups of 128 with zeros are 4.15625.
        Scheme usual;
        usual.granularity = Granularity::Group;
        usual.groupSize = 128;
        QVERIFY(storedSize(usual, 256, 1024).bitsPerWeight(256 * 1024) == 4.15625);
    }

    void decodesByGranuleAndIndex()
    {
        QuantizedWeight weight;
        weight.scheme.granularity = Granularity::Group;
        weight.scheme.groupSize = 2;
        weight.rows = 2;
        weight.cols = 3;
        weight.codes = {0, 1, 2, 3, 4, 5};
        weight.scales = {1, 10, 0.5F, 2};
        weight.zeros = {1, 0, 3, 6};
        const auto values = [&] {
            const Tensor out = dequantize(weight);
            return std::vector<float>(out.floats().begin(), out.floats().end());
        };
        QVERIFY((values() == std::vector<float>{-1, 0, 20, 0, 0.5F, -2}));
        QCOMPARE(weight.parameterIndex(1, 2), std::size_t(3));
        weight.groupIndex = {1, 0, 0};
        QVERIFY((values() == std::vector<float>{0, 0, 1, -6, 0.5F, 1}));
        QCOMPARE(weight.parameterIndex(1, 0), std::size_t(3));
        weight.groupIndex.clear();
        weight.scheme.granularity = Granularity::Tensor;
        weight.scales = {2};
        weight.zeros = {2};
        QVERIFY((values() == std::vector<float>{-4, -2, 0, 2, 4, 6}));
        QCOMPARE(weight.parameterIndex(1, 2), std::size_t(0));
    }
};

QTEST_APPLESS_MAIN(TestScheme)
#include "tst_scheme.moc"
