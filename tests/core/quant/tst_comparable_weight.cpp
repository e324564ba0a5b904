// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/quant/comparable_weight.h"
#include "tests/support/quantized_weights.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

class TestComparableWeight : public QObject
{
    Q_OBJECT

private slots:
    void columnsAreDivided()
    {
        const QuantizedWeight weight =
            sampleWeight({4, Granularity::Group, 8, false, DType::F16}, 5, 20, 1);
        std::vector<float> ratio;
        for (int c = 0; c < 20; ++c)
            ratio.push_back(0.25F + 0.5F * static_cast<float>(c));
        const Tensor plain = dequantize(weight);
        const Tensor divided = comparableWeight(weight, ratio);
        std::vector<float> row(20);
        bool differs = false;
        for (std::int64_t r = 0; r < 5; ++r) {
            comparableRow(weight, ratio, r, row.data());
            for (std::size_t c = 0; c < 20; ++c) {
                const float stored = plain.floats()[std::size_t(r) * 20 + c];
                QCOMPARE(row[c], stored / ratio[c]);
                QCOMPARE(divided.floats()[std::size_t(r) * 20 + c], row[c]);
                differs = differs || row[c] != stored;
            }
        }
        QVERIFY(differs);
    }

    void withoutRatioItIsTheStoredWeight()
    {
        const QuantizedWeight weight =
            sampleWeight({4, Granularity::Channel, 0, false, DType::F16}, 3, 7, 2);
        const Tensor plain = dequantize(weight);
        const Tensor same = comparableWeight(weight, {});
        QVERIFY(std::equal(plain.floats().begin(), plain.floats().end(), same.floats().begin()));
    }

    void anotherSizeIsRefused()
    {
        const QuantizedWeight weight =
            sampleWeight({4, Granularity::Channel, 0, false, DType::F16}, 3, 7, 2);
        const std::vector<float> ratio(6, 1.0F);
        std::vector<float> row(7);
        QVERIFY_EXCEPTION_THROWN((void)comparableWeight(weight, ratio), Error);
        QVERIFY_EXCEPTION_THROWN(comparableRow(weight, ratio, 0, row.data()), Error);
    }
};

QTEST_APPLESS_MAIN(TestComparableWeight)
#include "tst_comparable_weight.moc"
