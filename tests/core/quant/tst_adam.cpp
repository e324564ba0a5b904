// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/adam.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

class TestAdam : public QObject
{
    Q_OBJECT

private slots:
    void firstStepIsAsLongAsTheRate()
    {
        // The reference's T8.
        std::vector<float> p(3, 0.0F);
        const std::vector<float> g = {1, -2, 1e-6F};
        AdamMoments moments;
        adamStep(p, g, moments, 1, {1e-3, 0.9, 0.99, 1e-5, 0});
        const std::vector<double> expected = {-9.9999e-4, 9.99995e-4, -9.0909e-5};
        QVERIFY(allClose(std::span<const float>(p), std::span<const double>(expected), 1e-5, 0));
    }

    void laterStepsFollowTheFormula()
    {
        // By hand, with coupled decay: g₁ = 0.5 + 0.1·1 = 0.6; m = 0.3, v = 0.09; both corrected by
        // 0.5 and 0.25 give 0.6 and 0.36; p = 1 − 0.1·0.6/(0.6 + 0.4) = 0.94. Then g₂ = −0.094 + …
        std::vector<float> p = {1};
        AdamMoments moments;
        const AdamRates rates{0.1, 0.5, 0.75, 0.4, 0.1};
        adamStep(p, std::vector<float>{0.5F}, moments, 1, rates);
        QVERIFY(isClose(static_cast<double>(p[0]), 0.94, 1e-6));
        // g₂ = −0.394 + 0.094 = −0.3; m = 0.15 − 0.15 = 0; v = 0.0675 + 0.0225 = 0.09: no step.
        adamStep(p, std::vector<float>{-0.394F}, moments, 2, rates);
        QVERIFY(isClose(static_cast<double>(p[0]), 0.94, 1e-6));
        QVERIFY(isClose(static_cast<double>(moments.square[0]), 0.09, 1e-6));
        // g₃ = 0.506 + 0.094 = 0.6; m = 0.3; v = 0.0675 + 0.09 = 0.1575.
        adamStep(p, std::vector<float>{0.506F}, moments, 3, rates);
        const double expected =
            0.94 - 0.1 * (0.3 / 0.875) / (std::sqrt(0.1575 / (1 - 0.421875)) + 0.4);
        QVERIFY(isClose(static_cast<double>(p[0]), expected, 1e-6));
    }

    void nothingMovesWithoutGradientAndDecay()
    {
        std::vector<float> p = {1, -2};
        AdamMoments moments;
        adamStep(p, std::vector<float>(2, 0.0F), moments, 1, {1e-3, 0.9, 0.99, 1e-5, 0});
        QVERIFY(p == (std::vector<float>{1, -2}));
    }
};

QTEST_APPLESS_MAIN(TestAdam)
#include "tst_adam.moc"
