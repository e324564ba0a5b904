// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme.h"

#include <QTest>

#include <cmath>

using namespace gradus;

class TestTheme : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void ramp_data();
    void ramp();
    void categories();
};

void TestTheme::ramp_data()
{
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
}

/// More is always further from the ground, in even steps, and text can be read on all of it.
void TestTheme::ramp()
{
    QFETCH(bool, dark);
    const Theme theme = dark ? Theme::Dark : Theme::Light;
    const QColor black(0, 0, 0);
    const auto lightness = [&](double t) { // CIE L*
        const double y = 0.05 * (contrastRatio(sequentialColour(t, theme), black) - 1);
        return 116 * std::cbrt(y) - 16;
    };
    const double first = lightness(0);
    const double whole = lightness(1) - first;
    QVERIFY(dark ? whole > 45 : whole < -45);
    double before = first;
    for (int i = 1; i <= 64; ++i) {
        const double now = lightness(i / 64.0);
        const double step = (now - before) / whole * 64;
        QVERIFY2(step > 0.2 && step < 2.2, qPrintable(QString::number(i)));
        before = now;
        const QColor ground = sequentialColour(i / 64.0, theme);
        QVERIFY(contrastRatio(ground, textColourOn(ground)) >= 4.5);
    }
    QCOMPARE(sequentialColour(-1, theme), sequentialColour(0, theme));
    QCOMPARE(sequentialColour(7, theme), sequentialColour(1, theme));
    QCOMPARE(sequentialColour(std::nan(""), theme), sequentialColour(0, theme));
}

void TestTheme::categories()
{
    for (const Theme theme : {Theme::Light, Theme::Dark}) {
        for (int i = 0; i < 7; ++i) {
            const QColor ground = categoryColour(i, theme);
            QVERIFY(contrastRatio(ground, textColourOn(ground)) >= 4.5);
            for (int j = 0; j < i; ++j)
                QVERIFY(ground != categoryColour(j, theme));
        }
        QCOMPARE(categoryColour(7, theme), categoryColour(0, theme));
        QCOMPARE(categoryColour(-1, theme), categoryColour(6, theme));
    }
}

QTEST_APPLESS_MAIN(TestTheme)
#include "tst_theme.moc"
