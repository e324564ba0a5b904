// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/half.h"

#include <QTest>

#include <cmath>
#include <cstring>
#include <vector>

using namespace gradus;

namespace {

/// Independent scalar oracle: the value of half bits by arithmetic.
double valueOf(std::uint16_t bits)
{
    const int exponent = bits >> 10 & 31;
    const double fraction = bits & 1023;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

} // namespace

class TestHalf : public QObject
{
    Q_OBJECT

private slots:
    void everyHalfDecodesAndComesBack()
    {
        for (unsigned bits = 0; bits < 65536; ++bits) {
            const auto half = static_cast<std::uint16_t>(bits);
            const float value = halfToFloat(half);
            if ((bits & 0x7FFF) > 0x7C00) {
                QVERIFY(std::isnan(value));
                QVERIFY(std::isnan(halfToFloat(floatToHalf(value))));
            } else if ((bits & 0x7FFF) == 0x7C00) {
                QVERIFY(std::isinf(value) && std::signbit(value) == (bits >> 15 != 0));
            } else {
                QVERIFY(static_cast<double>(value) == valueOf(half));
                QCOMPARE(floatToHalf(value), half);
            }
        }
    }

    void roundsToNearestTiesToEven()
    {
        // Midpoints between neighbours go to the even one; a hair more or less to the nearer.
        for (unsigned bits = 0; bits + 1 < 0x7C00; ++bits) {
            const auto lower = static_cast<std::uint16_t>(bits);
            const auto upper = static_cast<std::uint16_t>(bits + 1);
            const float middle = static_cast<float>((valueOf(lower) + valueOf(upper)) / 2);
            QCOMPARE(floatToHalf(middle), bits % 2 == 0 ? lower : upper);
            QCOMPARE(floatToHalf(std::nextafter(middle, 1e9F)), upper);
            QCOMPARE(floatToHalf(std::nextafter(middle, -1e9F)), lower);
        }
        QCOMPARE(floatToHalf(65519.0F), std::uint16_t(0x7BFF));
        QCOMPARE(floatToHalf(65520.0F), std::uint16_t(0x7C00));
        QCOMPARE(floatToHalf(-1e30F), std::uint16_t(0xFC00));
    }

    void arraysAgreeWithScalars()
    {
        std::vector<std::uint16_t> bits(65536);
        for (unsigned i = 0; i < 65536; ++i)
            bits[i] = static_cast<std::uint16_t>(i);
        for (const std::size_t length :
             {std::size_t(0), std::size_t(7), std::size_t(8), std::size_t(9), bits.size()}) {
            std::vector<float> values(length);
            halfToFloat({bits.data(), length}, values);
            std::vector<std::uint16_t> back(length);
            floatToHalf(values, back);
            for (std::size_t i = 0; i < length; ++i) {
                const float scalar = halfToFloat(bits[i]);
                if (std::isnan(scalar)) {
                    QVERIFY(std::isnan(values[i]));
                } else {
                    QVERIFY(std::memcmp(&values[i], &scalar, sizeof scalar) == 0);
                    QCOMPARE(back[i], bits[i]);
                }
            }
        }
    }

    void bfloat16RoundsToNearestEven()
    {
        QCOMPARE(floatToBfloat16(1.0F), std::uint16_t(0x3F80));
        QCOMPARE(floatToBfloat16(std::bit_cast<float>(0x3F808000U)), std::uint16_t(0x3F80));
        QCOMPARE(floatToBfloat16(std::bit_cast<float>(0x3F818000U)), std::uint16_t(0x3F82));
        QCOMPARE(floatToBfloat16(std::bit_cast<float>(0x3F808001U)), std::uint16_t(0x3F81));
        QVERIFY(std::isnan(bfloat16ToFloat(floatToBfloat16(std::nanf("")))));
        for (unsigned bits = 0; bits < 0x7F80; ++bits)
            QCOMPARE(floatToBfloat16(bfloat16ToFloat(static_cast<std::uint16_t>(bits))),
                     static_cast<std::uint16_t>(bits));
    }
};

QTEST_APPLESS_MAIN(TestHalf)
#include "tst_half.moc"
