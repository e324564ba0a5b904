// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/random.h"
#include "core/graph/element_functions.h"
#include "core/graph/kernels_elements.h"
#include "tests/support/operator_rows.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::vector<std::string>& names()
{
    static const std::vector<std::string> all = [] {
        std::vector<std::string> found{"Where", "Cast"};
        for (const Operator& any : everyOperator())
            if (std::holds_alternative<op::Unary>(any) || std::holds_alternative<op::Binary>(any))
                found.emplace_back(operatorName(any));
        return found;
    }();
    return all;
}

/// The largest error of a function over a range, divided by scale(exact value).
template <class F, class G, class Scale>
double worst(float low, float high, const F& function, const G& exact, const Scale& scale)
{
    double result = 0;
    for (float x = low; x < high; x += (high - low) / 400000) {
        const double e = exact(static_cast<double>(x));
        result = std::max(result, std::fabs(static_cast<double>(function(x)) - e) / scale(e));
    }
    return result;
}

} // namespace

class TestOperatorsElements : public QObject
{
    Q_OBJECT

private slots:
    GRADUS_OPERATOR_TESTS(names())

    void functionsAreAccurate()
    {
        const auto one = [](double) { return 1.0; };
        const auto itself = [](double e) { return std::fabs(e) + 1e-30; };
        using namespace gradus::kernel;
        const auto erf64 = [](double x) { return std::erf(x); };
        const auto tanh64 = [](double x) { return std::tanh(x); };
        const auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
        QVERIFY(worst(-6, 6, erfOf, erf64, one) < 1.5e-7);
        QVERIFY(worst(-1, 1, erfOf, erf64, itself) < 3e-7);
        QVERIFY(worst(-12, 12, tanhOf, tanh64, itself) < 3e-7);
        QVERIFY(worst(-9, 9, normalCdfOf, phi, one) < 1.2e-7);
        QVERIFY(worst(-5, 0, normalCdfOf, phi, itself) < 5e-6);
        QVERIFY(worst(
                    -20, 20, sigmoidOf, [](double x) { return 1 / (1 + std::exp(-x)); }, itself) <
                5e-7);
    }

    /// In units of the last place of the exact value, over all floats where they are not too many.
    void functionsOfLogarithmsAndAngles()
    {
        using namespace gradus::kernel;
        const auto units = [](float value, double exact) {
            const auto nearest = static_cast<float>(exact);
            if (!std::isfinite(nearest) || !std::isfinite(value))
                return std::isnan(exact) ? (std::isnan(value) ? 0.0 : 1e9)
                                         : (value == nearest ? 0.0 : 1e9);
            const double unit = std::ldexp(1.0, std::max(-149, std::ilogb(nearest) - 23));
            return nearest == 0.0F ? std::fabs(static_cast<double>(value)) * 1e45
                                   : std::fabs(static_cast<double>(value) - exact) / unit;
        };
        double log = 0;
        double softplus = 0;
        double sine = 0;
        for (std::uint32_t bits = 1; bits < 0x7f800000U; bits += 4999) {
            const auto x = std::bit_cast<float>(bits);
            const auto exact = static_cast<double>(x);
            log = std::max(log, units(logOf(x), std::log(exact)));
            for (const float turned : {x, -x}) {
                const auto at = static_cast<double>(turned);
                if (x < 85)
                    softplus =
                        std::max(softplus, units(softplusOf(turned), std::log1p(std::exp(at))));
                if (x <= largestAngle) {
                    sine = std::max(sine, units(sineOf(turned, 0), std::sin(at)));
                    sine = std::max(sine, units(sineOf(turned, 1), std::cos(at)));
                }
            }
        }
        QVERIFY2(log < 1, qPrintable(QString::number(log)));
        QVERIFY2(softplus < 3.1, qPrintable(QString::number(softplus)));
        QVERIFY2(sine < 0.51, qPrintable(QString::number(sine)));
        const float infinity = std::numeric_limits<float>::infinity();
        QVERIFY(logOf(infinity) == infinity && logOf(0) == -infinity && logOf(-0.0F) == -infinity);
        QVERIFY(std::isnan(logOf(-1)) && std::isnan(logOf(-infinity)) &&
                std::isnan(logOf(std::numeric_limits<float>::quiet_NaN())));
        QVERIFY(softplusOf(infinity) == infinity && softplusOf(-infinity) == 0);
        // Angles that are not reduced here, among others, wherever they stand.
        std::vector<float> x(150, 1e-3F);
        x[3] = 1e9F;
        x[149] = -3e30F;
        x[70] = infinity;
        std::vector<float> y(x.size());
        kernel::unary({op::UnaryKind::Cos, 0, 0}, x, y);
        QVERIFY(units(y[3], std::cos(1e9)) < 1 && std::isnan(y[70]) && y[4] == sineOf(1e-3F, 1));
        QVERIFY(units(y[149], std::cos(static_cast<double>(-3e30F))) < 1);
    }

    void powers()
    {
        const float infinity = std::numeric_limits<float>::infinity();
        const float nothing = std::numeric_limits<float>::quiet_NaN();
        std::vector<float> special{0,       -0.0F,   1,         -1,        infinity,  -infinity,
                                   2,       -2,      0.5F,      -0.5F,     3,         -3,
                                   1e-40F,  -1e-40F, 3e38F,     -3e38F,    16777216,  16777215,
                                   nothing, 1e10F,   0.999999F, 1.000001F, -16777215, -1.5F};
        for (const float a : special)
            for (const float b : special) {
                const float expected = std::pow(a, b);
                const float power = kernel::powerOf(a, b);
                const bool same = std::isnan(expected)
                                      ? std::isnan(power)
                                      : std::signbit(power) == std::signbit(expected) &&
                                            (power == expected ||
                                             isClose(static_cast<double>(power),
                                                     static_cast<double>(expected), 1.3e-7, 1e-45));
                QVERIFY2(same, qPrintable(QString("%1 ^ %2 = %3").arg(a).arg(b).arg(power)));
            }
        RandomStream random(1, "powers", "test");
        for (int i = 0; i < 200000; ++i) {
            const auto a = static_cast<float>(std::exp(20 * random.normal()));
            const auto b = static_cast<float>(random.normal() * 2);
            const double exact = std::pow(static_cast<double>(a), static_cast<double>(b));
            if (exact > 1e-37 && exact < 3e38)
                QVERIFY(isClose(static_cast<double>(kernel::powerOf(a, b)), exact, 6e-8, 0));
        }
    }

    void functionsAtTheEnds()
    {
        using namespace gradus::kernel;
        const float infinity = std::numeric_limits<float>::infinity();
        const float nothing = std::numeric_limits<float>::quiet_NaN();
        QVERIFY(erfOf(infinity) == 1 && erfOf(-infinity) == -1 && std::isnan(erfOf(nothing)));
        QVERIFY(tanhOf(infinity) == 1 && tanhOf(-infinity) == -1 && std::isnan(tanhOf(nothing)));
        QVERIFY(normalCdfOf(infinity) == 1 && normalCdfOf(-infinity) == 0);
        QVERIFY(std::signbit(tanhOf(-0.0F)) && std::signbit(erfOf(-0.0F)));
        // Far from 0 an activation is 0 or the value itself, whatever the size.
        std::vector<float> x{-1e30F, -1e4F, -90, 90, 1e4F, 1e30F};
        for (const auto kind : {op::UnaryKind::Gelu, op::UnaryKind::GeluTanh, op::UnaryKind::Silu,
                                op::UnaryKind::QuickGelu, op::UnaryKind::Mish}) {
            std::vector<float> y(x.size());
            unary({kind, 0, 0}, x, y);
            for (std::size_t i = 0; i < x.size(); ++i)
                QVERIFY(x[i] < 0 ? std::fabs(y[i]) < 1e-30F : y[i] == x[i]);
        }
        std::vector<float> y(x.size());
        unary({op::UnaryKind::Softplus, 0, 0}, x, y);
        QVERIFY(y[0] == 0 && y[3] == 90 && y[5] == 1e30F);
    }

    void integersWrapAround()
    {
        const auto smallest = std::numeric_limits<std::int64_t>::min();
        std::vector<std::int64_t> x{smallest, -1};
        std::vector<std::int64_t> y(2);
        kernel::unary(op::Unary{op::UnaryKind::Abs, 0, 0}, x, y);
        QVERIFY(y[0] == smallest && y[1] == 1);
        kernel::unary(op::Unary{op::UnaryKind::Clip, -3e38F, 3e38F}, x, y);
        QVERIFY(y == x);
    }
};

QTEST_APPLESS_MAIN(TestOperatorsElements)
#include "tst_operators_elements.moc"
