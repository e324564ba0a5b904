// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/solve.h"
#include "tests/support/decoupleq_layers.h"
#include "tests/support/support.h"

#include <QTest>

#include <utility>

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

    void goldenFirstLevel()
    {
        DecoupleqOptions options;
        options.solver = IntegerSolver::ProjectedAdam;
        options.relaxation = 50;
        options.lookahead = 20;
        options.adamStep = 1e-2;
        const GoldenLayer a(4, 8, 40);
        const double errorsOfA[] = {0.011425, 0.034661, 0.032316, 0.032688};
        for (const int n : {2, 4}) {
            options.iterations = n;
            QVERIFY(allClose(std::span<const double>(solveGolden(a, 2, options).errors),
                             std::span<const double>(errorsOfA), 2e-6, 6e-7));
        }
        const GoldenLayer b(6, 16, 80);
        options.iterations = 2;
        double sum = 0;
        for (const double error : solveGolden(b, 2, options).errors)
            sum += error;
        QVERIFY(isClose(sum, 0.322180, 0, 3e-6));
        options.iterations = 4;
        options.lookahead = 50;
        const double errorsOfB[] = {.031700, .038506, .033757, .064807, .025032, .060564};
        QVERIFY(allClose(std::span<const double>(solveGolden(b, 2, options).errors),
                         std::span<const double>(errorsOfB), 2e-6, 6e-7));
    }

    void goldenIntegers()
    {
        const int codes[6][16] = {{-1, 0, 0, -1, -2, -2, -1, 0, 1, 1, 0, -1, -1, 0, 1, 1},
                                  {0, -1, -2, -2, -2, -1, 0, 0, 0, -1, -1, -1, 0, 1, 1, 0},
                                  {-2, -2, -2, 0, 0, 1, 0, -1, -1, -1, 0, 1, 1, 1, 0, 0},
                                  {-2, -1, 0, 0, 0, -1, -2, -1, 0, 1, 1, 1, 0, -1, 0, 1},
                                  {-1, 0, -1, -2, -2, -2, -1, 0, 1, 0, -1, -2, -1, 0, 1, 1},
                                  {-1, -1, -2, -2, -1, 0, 0, 0, -1, -1, -1, 0, 1, 1, 0, 0}};
        const double scales[] = {.36226, .46818, .43215, .35981, .39864, .48875};
        const double shifts[] = {.51943, .67464, .46450, .44632, .67214, .62363};
        const GoldenLayer layer(6, 16, 80);
        const QuantizedWeight weight = solveGolden(layer, 2, {}).result.weight;
        for (std::size_t r = 0; r < 6; ++r) {
            for (std::size_t c = 0; c < 16; ++c)
                QCOMPARE(weight.codes[r * 16 + c] - 2, codes[r][c]);
            const auto scale = static_cast<double>(weight.scales[r]);
            QVERIFY(isClose(scale, scales[r], 0, 6e-6));
            QVERIFY(
                isClose(scale * (2 - static_cast<double>(weight.zeros[r])), shifts[r], 0, 6e-6));
        }
    }

    void neverBelowTheOptimum()
    {
        // Reference, test T17, and property O5.
        const GoldenLayer layer(4, 8, 40);
        const double optimum[] = {0.011425, 0.019315, 0.032169, 0.022869};
        const std::vector<double> h = dampedHessian(layer.inputs->hessian, 0.01);
        DecoupleqOptions options;
        options.polish = 10;
        const std::vector<double> polished = solveGolden(layer, 2, options).errors;
        const std::vector<double> plain = solveGolden(layer, 2, {}).errors;
        for (std::int64_t r = 0; r < 4; ++r) {
            const auto row = static_cast<std::size_t>(r);
            const double least = bruteForce(layer.weight.matrix().row(r), h, 2);
            QVERIFY(isClose(least, optimum[r], 0, 6e-7));
            QVERIFY(polished[row] >= least * (1 - 1e-6));
            QVERIFY(polished[row] <= plain[row] * (1 + 1e-6));
        }
        QVERIFY(isClose(plain[0], optimum[0], 0, 6e-7));
    }

    void nearTheOptimumOnSmallRows()
    {
        // Reference, section 5.6: N = 4 about twice the sum of the optima, a third of the rows hit.
        const SolvableLayer layer = correlatedLayer(60, 6);
        const std::vector<double> h = dampedHessian(layer.inputs->hessian, 0.01);
        const std::vector<double> errors = layer.errorsOf(layer.solveWith(DecoupleqOptions{}));
        double sum = 0;
        double least = 0;
        int hit = 0;
        for (std::int64_t r = 0; r < 60; ++r) {
            const double optimum = bruteForce(layer.weight.matrix().row(r), h, 2);
            const double error = errors[static_cast<std::size_t>(r)];
            QVERIFY(error >= optimum * (1 - 1e-6));
            hit += error <= optimum * 1.0001;
            sum += error;
            least += optimum;
        }
        QVERIFY2(sum < 4 * least, qPrintable(QString::number(sum / least)));
        QVERIFY2(hit >= 10, qPrintable(QString::number(hit)));
    }
};

QTEST_APPLESS_MAIN(TestDecoupleq)
#include "tst_decoupleq.moc"
