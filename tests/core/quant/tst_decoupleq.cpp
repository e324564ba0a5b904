// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/solve.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

/// A layer of the reference's golden data.
struct GoldenLayer
{
    Tensor weight;
    std::shared_ptr<InputStatistics> inputs = std::make_shared<InputStatistics>();

    GoldenLayer(std::int64_t rows, std::int64_t cols, std::int64_t tokens)
        : weight(Shape{rows, cols})
    {
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t j = 0; j < cols; ++j)
                weight.matrix().row(r)[static_cast<std::size_t>(j)] =
                    static_cast<float>(0.5 * std::sin(1.7 * static_cast<double>(r) +
                                                      0.9 * static_cast<double>(j) + 0.3) +
                                       0.05 * static_cast<double>(j));
        Tensor x(Shape{tokens, cols});
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t j = 0; j < cols; ++j) {
                const auto time = static_cast<double>(t);
                const auto place = static_cast<double>(j);
                x.matrix().row(t)[static_cast<std::size_t>(j)] =
                    static_cast<float>(std::cos(0.37 * time * (place + 1)) +
                                       0.6 * std::sin(0.5 * time + 0.2 * place) + 0.3);
            }
        inputs->features = cols;
        inputs->rows = tokens;
        inputs->hessian = oracleGram(std::as_const(x).matrix());
        for (double& h : inputs->hessian)
            h /= static_cast<double>(tokens);
    }
};

struct Golden
{
    std::vector<double> errors; ///< damped, of each row
    SolveResult result;
};

Golden solveGolden(const GoldenLayer& layer, int bits, const DecoupleqOptions& options,
                   std::int64_t group = 0, bool symmetric = false)
{
    LayerProblem problem;
    problem.name = "golden";
    problem.weight = layer.weight.matrix();
    problem.inputs = layer.inputs;
    problem.scheme.bits = bits;
    problem.scheme.scaleType = DType::F32;
    problem.scheme.symmetric = symmetric;
    if (group > 0) {
        problem.scheme.granularity = Granularity::Group;
        problem.scheme.groupSize = group;
    }
    Monitor monitor;
    Golden golden{{}, solve(problem, options, monitor)};
    const Tensor decoded = dequantize(golden.result.weight);
    std::vector<double> h = layer.inputs->hessian;
    const auto d = static_cast<std::size_t>(problem.weight.cols);
    double mean = 0;
    for (std::size_t j = 0; j < d; ++j)
        mean += h[j * d + j] / static_cast<double>(d);
    for (std::size_t j = 0; j < d; ++j)
        h[j * d + j] += 0.01 * mean;
    for (std::int64_t r = 0; r < problem.weight.rows; ++r)
        golden.errors.push_back(
            oracleOutputError(problem.weight.block(r, 0, 1, problem.weight.cols),
                              decoded.floats().subspan(static_cast<std::size_t>(r) * d, d), h));
    return golden;
}

} // namespace

class TestDecoupleq : public QObject
{
    Q_OBJECT

private slots:
    void goldenErrors_data()
    {
        QTest::addColumn<bool>("small");
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("iterations");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        QTest::addColumn<QList<double>>("errors");
        using E = QList<double>;
        QTest::newRow("A 0") << true << 2 << 0 << 0 << false
                             << E{0.019824, 0.042781, 0.110425, 0.035049};
        QTest::newRow("A 1") << true << 2 << 1 << 0 << false
                             << E{0.019824, 0.042781, 0.067651, 0.035049};
        for (const int n : {2, 3, 4})
            QTest::addRow("A %d", n)
                << true << 2 << n << 0 << false << E{0.011425, 0.034661, 0.032316, 0.032688};
        QTest::newRow("A 4 group 4")
            << true << 2 << 4 << 4 << false << E{0.004304, 0.011080, 0.002612, 0.009722};
        QTest::newRow("A 4 symmetric")
            << true << 2 << 4 << 0 << true << E{0.084973, 0.147830, 0.148516, 0.049942};
        QTest::newRow("A 4, 3 bits")
            << true << 3 << 4 << 0 << false << E{0.003279, 0.004889, 0.004031, 0.006262};
        QTest::newRow("B 0") << false << 2 << 0 << 0 << false
                             << E{.208409, .169040, .302356, .126693, .240327, .253255};
        QTest::newRow("B 1") << false << 2 << 1 << 0 << false
                             << E{.146391, .071619, .095163, .102949, .119586, .074121};
        for (const int n : {2, 3, 4, 8})
            QTest::addRow("B %d", n) << false << 2 << n << 0 << false
                                     << E{.085169, .032199, .063634, .064807, .062203, .060564};
        QTest::newRow("B 4 group 8") << false << 2 << 4 << 8 << false
                                     << E{.029770, .034855, .009560, .009408, .007625, .024884};
    }
    void goldenErrors()
    {
        QFETCH(bool, small);
        QFETCH(int, bits);
        QFETCH(int, iterations);
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        QFETCH(QList<double>, errors);
        const GoldenLayer layer = small ? GoldenLayer(4, 8, 40) : GoldenLayer(6, 16, 80);
        DecoupleqOptions options;
        options.iterations = iterations;
        const Golden golden = solveGolden(layer, bits, options, group, symmetric);
        QVERIFY(allClose(
            std::span<const double>(golden.errors),
            std::span<const double>(errors.constData(), static_cast<std::size_t>(errors.size())),
            2e-6, 6e-7));
    }
};

QTEST_APPLESS_MAIN(TestDecoupleq)
#include "tst_decoupleq.moc"
