// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/one_node_model.h"
#include "tests/support/operator_rows.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::vector<std::string>& names()
{
    static const std::vector<std::string> all = [] {
        std::vector<std::string> found{"LayerNorm", "BatchNorm",  "InstanceNorm", "MatMul",
                                       "Softmax",   "ArgExtreme", "TopK",         "CumSum"};
        for (const Operator& any : everyOperator())
            if (std::holds_alternative<op::Reduce>(any))
                found.emplace_back(operatorName(any));
        return found;
    }();
    return all;
}

/// What an operator makes of float inputs.
Elements result(Operator op, std::vector<Elements> inputs)
{
    const OneNodeModel model(std::move(op), std::vector<bool>(inputs.size(), true));
    std::vector<Tensor> tensors;
    for (const Elements& input : inputs)
        tensors.push_back(tensorOf(input));
    return elementsOf(model.run(std::move(tensors))[0]);
}

} // namespace

class TestOperatorsReductions : public QObject
{
    Q_OBJECT

private slots:
    GRADUS_OPERATOR_TESTS(names())

    void infinitiesDoNotBecomeNothing()
    {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const op::Reduce sum{op::ReduceKind::LogSumExp, {1}, false, false};
        const Elements y = result(sum, {{{3, 2}, {-infinity, -infinity, infinity, 1, 1000, 1000}}});
        QVERIFY(y.at[0] == -infinity && y.at[1] == infinity);
        QVERIFY(std::fabs(y.at[2] - 1000.6931) < 1e-3);
        // A masked position has no share; large scores do not overflow.
        const Elements p = result(op::Softmax{}, {{{2, 3}, {-infinity, 0, 0, 3000, -3000, 2000}}});
        QVERIFY((p.at == std::vector<double>{0, 0.5, 0.5, 1, 0, 0}));
        const Elements most =
            result(op::Reduce{op::ReduceKind::Max, {}, false, false}, {{{0}, {}}});
        QVERIFY(most.at[0] == -infinity);
    }

    /// Rows shorter than vectors go through tiles of many.
    void softmaxOfManyShortRows()
    {
        for (const std::int64_t size : {1, 2, 3, 8, 9})
            for (const bool logarithm : {false, true}) {
                const Elements x = randomElements({700, size}, "x");
                op::Softmax softmax;
                softmax.logarithm = logarithm;
                const Elements y = result(softmax, {x});
                for (std::size_t r = 0; r < 700; ++r) {
                    const auto width = static_cast<std::size_t>(size);
                    double sum = 0;
                    for (std::size_t i = 0; i < width; ++i)
                        sum += std::exp(x.at[r * width + i]);
                    for (std::size_t i = 0; i < width; ++i) {
                        const double share = std::exp(x.at[r * width + i]) / sum;
                        const double expected = logarithm ? std::log(share) : share;
                        QVERIFY(std::fabs(y.at[r * width + i] - expected) < 2e-6);
                    }
                }
            }
    }

    /// What is no number is never lost, and sorts above all numbers.
    void notANumber()
    {
        const double nothing = std::numeric_limits<double>::quiet_NaN();
        const Elements x{{40}, std::vector<double>(40, 1)};
        for (const std::size_t at : {0, 17, 39}) {
            Elements spoiled = x;
            spoiled.at[at] = nothing;
            for (const auto kind : {op::ReduceKind::Max, op::ReduceKind::Min, op::ReduceKind::Sum})
                QVERIFY(std::isnan(result(op::Reduce{kind, {}, false, false}, {spoiled}).at[0]));
            QVERIFY(result(op::ArgExtreme{}, {spoiled}).at[0] == static_cast<double>(at));
            QVERIFY(std::isnan(result(op::TopK{}, {spoiled, integerElements({1})}).at[0]));
        }
    }

    void productGradientWithZeros()
    {
        // d(abc)/da = bc: with one zero only that factor has a gradient, with two none has.
        const auto& oracle = operatorOracles().at("ReduceProduct");
        for (const std::vector<double>& x :
             {std::vector<double>{2, 0, 3, 4}, std::vector<double>{0, 5, 0, 2}}) {
            const OperatorCase test{
                "zeros", op::Reduce{op::ReduceKind::Product, {}, true, false}, {Elements{{4}, x}}};
            const std::string fault = gradientFault(oracle, test);
            QVERIFY2(fault.empty(), fault.c_str());
        }
    }
};

QTEST_APPLESS_MAIN(TestOperatorsReductions)
#include "tst_operators_reductions.moc"
