// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/element_functions.h"
#include "core/graph/kernels_elements.h"
#include "tests/support/operator_rows.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;

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
        QVERIFY(worst(-6, 6, erfOf, erf64, one) < 1.2e-7);
        QVERIFY(worst(-1, 1, erfOf, erf64, itself) < 3e-7);
        QVERIFY(worst(-12, 12, tanhOf, tanh64, itself) < 3e-7);
        QVERIFY(worst(-9, 9, normalCdfOf, phi, one) < 1.2e-7);
        QVERIFY(worst(-5, 0, normalCdfOf, phi, itself) < 5e-6);
        QVERIFY(worst(
                    -20, 20, sigmoidOf, [](double x) { return 1 / (1 + std::exp(-x)); }, itself) <
                5e-7);
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
