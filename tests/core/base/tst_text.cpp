// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/checked.h"
#include "core/base/format.h"
#include "core/base/text.h"

#include <QtTest>

#include <cmath>
#include <limits>
#include <string>

using namespace gradus;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double notANumber = std::nan("");

QString q(const std::string& text)
{
    return QString::fromStdString(text);
}

} // namespace

class TestText : public QObject
{
    Q_OBJECT

private slots:
    void concatenates()
    {
        QCOMPARE(q(concat("row ", 3, " of ", 7.5, '!')), QString("row 3 of 7.5!"));
    }

    void utf8_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<bool>("valid");
        QTest::newRow("empty") << QByteArray() << true;
        QTest::newRow("ascii") << QByteArray("model.norm") << true;
        QTest::newRow("zero byte") << QByteArray("a\0b", 3) << true;
        QTest::newRow("two bytes") << QByteArray("\xC3\xA9") << true;
        QTest::newRow("three bytes") << QByteArray("\xE2\x96\x81") << true;
        QTest::newRow("four bytes") << QByteArray("\xF0\x9F\x99\x82") << true;
        QTest::newRow("last code point") << QByteArray("\xF4\x8F\xBF\xBF") << true;
        QTest::newRow("beyond the last") << QByteArray("\xF4\x90\x80\x80") << false;
        QTest::newRow("lead F5") << QByteArray("\xF5\x80\x80\x80") << false;
        QTest::newRow("lead FF") << QByteArray("\xFF") << false;
        QTest::newRow("lonely continuation") << QByteArray("\x80") << false;
        QTest::newRow("cut after two") << QByteArray("\xE2\x96") << false;
        QTest::newRow("cut after one") << QByteArray("ab\xC3") << false;
        QTest::newRow("no continuation") << QByteArray("\xC3("
                                                       "a")
                                         << false;
        QTest::newRow("overlong slash") << QByteArray("\xC0\xAF") << false;
        QTest::newRow("overlong, three bytes") << QByteArray("\xE0\x9F\xBF") << false;
        QTest::newRow("overlong, four bytes") << QByteArray("\xF0\x8F\xBF\xBF") << false;
        QTest::newRow("first surrogate") << QByteArray("\xED\xA0\x80") << false;
        QTest::newRow("last surrogate") << QByteArray("\xED\xBF\xBF") << false;
        QTest::newRow("before the surrogates") << QByteArray("\xED\x9F\xBF") << true;
    }

    void utf8()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(bool, valid);
        QCOMPARE(isValidUtf8(bytes.toStdString()), valid);
    }

    void quotes_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<int>("limit");
        QTest::addColumn<QString>("expected");
        QTest::newRow("plain") << QByteArray("q_proj") << 80 << "\"q_proj\"";
        QTest::newRow("empty") << QByteArray() << 80 << "\"\"";
        QTest::newRow("control bytes")
            << QByteArray("a\n\x1b[31m\x7f", 8) << 80 << "\"a\\x0a\\x1b[31m\\x7f\"";
        QTest::newRow("zero byte") << QByteArray("a\0b", 3) << 80 << "\"a\\x00b\"";
        QTest::newRow("at the limit") << QByteArray("abcd") << 4 << "\"abcd\"";
        QTest::newRow("beyond the limit") << QByteArray("abcde") << 4 << "\"abcd…\"";
        QTest::newRow("letters beyond ASCII") << QByteArray("é▁") << 80 << "\"é▁\"";
        QTest::newRow("limit inside a letter") << QByteArray("ab▁") << 3 << "\"ab…\"";
        QTest::newRow("no UTF-8") << QByteArray("a\xFF\xC3(") << 80 << "\"a\\xff\\xc3(\"";
    }

    void quotes()
    {
        QFETCH(QByteArray, text);
        QFETCH(int, limit);
        QFETCH(QString, expected);
        const std::string shown = quoted(text.toStdString(), static_cast<std::size_t>(limit));
        QCOMPARE(q(shown), expected);
        QVERIFY(isValidUtf8(shown)); // messages go into JSON and onto terminals
    }

    void integers_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("good");
        QTest::addColumn<qint64>("value");
        QTest::newRow("zero") << "0" << true << qint64(0);
        QTest::newRow("negative") << "-12" << true << qint64(-12);
        QTest::newRow("largest") << "9223372036854775807" << true
                                 << std::numeric_limits<qint64>::max();
        QTest::newRow("too large") << "9223372036854775808" << false << qint64(0);
        QTest::newRow("empty") << "" << false << qint64(0);
        QTest::newRow("space before") << " 1" << false << qint64(0);
        QTest::newRow("space after") << "1 " << false << qint64(0);
        QTest::newRow("unit") << "128k" << false << qint64(0);
        QTest::newRow("real") << "1.5" << false << qint64(0);
        QTest::newRow("hexadecimal") << "0x10" << false << qint64(0);
        QTest::newRow("sign only") << "-" << false << qint64(0);
    }

    void integers()
    {
        QFETCH(QString, text);
        QFETCH(bool, good);
        QFETCH(qint64, value);
        long long parsed = 0;
        QCOMPARE(parseInteger(text.toStdString(), parsed), good);
        if (good)
            QCOMPARE(parsed, value);
    }

    void reals_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("good");
        QTest::addColumn<double>("value");
        QTest::newRow("integer") << "3" << true << 3.0;
        QTest::newRow("fraction") << "0.01" << true << 0.01;
        QTest::newRow("exponent") << "-2.5e-3" << true << -0.0025;
        QTest::newRow("too large") << "1e400" << false << 0.0;
        QTest::newRow("infinity") << "inf" << false << 0.0;
        QTest::newRow("not a number") << "nan" << false << 0.0;
        QTest::newRow("decimal comma") << "0,5" << false << 0.0;
        QTest::newRow("two points") << "1.2.3" << false << 0.0;
        QTest::newRow("percent") << "5%" << false << 0.0;
        QTest::newRow("empty") << "" << false << 0.0;
    }

    void reals()
    {
        QFETCH(QString, text);
        QFETCH(bool, good);
        QFETCH(double, value);
        double parsed = 0;
        QCOMPARE(parseReal(text.toStdString(), parsed), good);
        if (good)
            QVERIFY(parsed == value);
    }

    void bytesAreShortened()
    {
        QCOMPARE(q(formatBytes(0)), QString("0 B"));
        QCOMPARE(q(formatBytes(1023)), QString("1023 B"));
        QCOMPARE(q(formatBytes(1024)), QString("1.00 KiB"));
        QCOMPARE(q(formatBytes(1536 * 1024)), QString("1.50 MiB"));
        QCOMPARE(q(formatBytes(12'345'678)), QString("11.8 MiB"));
        QCOMPARE(q(formatBytes(std::uint64_t(300) << 30)), QString("300 GiB"));
        QCOMPARE(q(formatBytes(std::numeric_limits<std::uint64_t>::max())), QString("16.0 EiB"));
    }

    void countsAreGrouped()
    {
        QCOMPARE(q(formatCount(0)), QString("0"));
        QCOMPARE(q(formatCount(999)), QString("999"));
        QCOMPARE(q(formatCount(1000)), QString("1,000"));
        QCOMPARE(q(formatCount(3'049'920)), QString("3,049,920"));
        QCOMPARE(q(formatCount(-100)), QString("-100"));
        QCOMPARE(q(formatCount(-1000)), QString("-1,000"));
        QCOMPARE(q(formatCount(std::numeric_limits<std::int64_t>::min())),
                 QString("-9,223,372,036,854,775,808"));
    }

    void measuresAreShort()
    {
        QCOMPARE(q(formatDecibel(21.34)), QString("21.3 dB"));
        QCOMPARE(q(formatDecibel(infinity)), QString("∞ dB"));
        QCOMPARE(q(formatDecibel(-infinity)), QString("−∞ dB"));
        QCOMPARE(q(formatDecibel(notANumber)), QString("–"));
        QCOMPARE(q(formatPercent(0.0073)), QString("0.73 %"));
        QCOMPARE(q(formatPercent(0)), QString("0.00 %"));
        QCOMPARE(q(formatPercent(0.25)), QString("25.0 %"));
        QCOMPARE(q(formatPercent(0.0000123)), QString("0.0012 %"));
        QCOMPARE(q(formatPercent(notANumber)), QString("–"));
        QCOMPARE(q(formatSeconds(0.0304)), QString("30 ms"));
        QCOMPARE(q(formatSeconds(12.44)), QString("12.4 s"));
        QCOMPARE(q(formatSeconds(200)), QString("3 min 20 s"));
        QCOMPARE(q(formatSeconds(3599.7)), QString("1 h 0 min"));
        QCOMPARE(q(formatSeconds(7265)), QString("2 h 1 min"));
        QCOMPARE(q(formatSeconds(notANumber)), QString("–"));
        QCOMPARE(q(formatBitsPerWeight(4.25)), QString("4.25"));
        QCOMPARE(q(formatBitsPerWeight(notANumber)), QString("–"));
        QCOMPARE(q(formatReal(0.000123456)), QString("0.0001235"));
        QCOMPARE(q(formatReal(17.7243, 3)), QString("17.7"));
        QCOMPARE(q(formatReal(notANumber)), QString("–"));
    }

    void productsAndSumsAreChecked()
    {
        constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
        QVERIFY(checkedMultiply(0, largest) == std::optional<std::uint64_t>(0));
        QVERIFY(checkedMultiply(1U << 31, 1U << 31) == std::optional(std::uint64_t(1) << 62));
        QVERIFY(checkedMultiply(largest, 1) == std::optional(largest));
        QVERIFY(!checkedMultiply(largest, 2));
        QVERIFY(!checkedMultiply(std::uint64_t(1) << 32, std::uint64_t(1) << 32));
        QVERIFY(checkedAdd(largest, 0) == std::optional(largest));
        QVERIFY(checkedAdd(largest - 5, 5) == std::optional(largest));
        QVERIFY(!checkedAdd(largest, 1));
        QVERIFY(!checkedAdd(largest, largest));
    }
};

QTEST_APPLESS_MAIN(TestText)
#include "tst_text.moc"
