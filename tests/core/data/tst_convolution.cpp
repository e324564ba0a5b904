// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/convolution_accumulator.h"
#include "core/quant/solve.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<float> randomImages(std::int64_t count, std::uint64_t seed)
{
    const Tensor values = randomMatrix(1, count, 1, seed);
    return {values.floats().begin(), values.floats().end()};
}

/// A convolution without bias from its definition; weight: outputs × features. Returns the mean of
/// the squared output over images and pixels, summed over the outputs of each group.
std::vector<double> meanSquares(const ConvolutionGeometry& g, const std::vector<float>& images,
                                std::int64_t height, std::int64_t width, ConstMatrixView weight)
{
    const auto [outHeight, outWidth] = g.output(height, width);
    const std::int64_t count =
        static_cast<std::int64_t>(images.size()) / (g.channels * height * width);
    const std::int64_t inputs = g.channels / g.groups;
    const std::int64_t outputs = weight.rows / g.groups;
    std::vector<double> squares(static_cast<std::size_t>(g.groups));
    for (std::int64_t n = 0; n < count; ++n)
        for (std::int64_t o = 0; o < weight.rows; ++o)
            for (std::int64_t y = 0; y < outHeight; ++y)
                for (std::int64_t x = 0; x < outWidth; ++x) {
                    double sum = 0;
                    for (std::int64_t c = 0; c < inputs; ++c)
                        for (std::int64_t i = 0; i < g.kernel[0]; ++i)
                            for (std::int64_t j = 0; j < g.kernel[1]; ++j) {
                                const std::int64_t v =
                                    y * g.stride[0] + i * g.dilation[0] - g.padding[0];
                                const std::int64_t h =
                                    x * g.stride[1] + j * g.dilation[1] - g.padding[1];
                                if (v < 0 || v >= height || h < 0 || h >= width)
                                    continue;
                                const std::int64_t channel = o / outputs * inputs + c;
                                sum += static_cast<double>(weight.row(o)[static_cast<std::size_t>(
                                           (c * g.kernel[0] + i) * g.kernel[1] + j)]) *
                                       static_cast<double>(images[static_cast<std::size_t>(
                                           ((n * g.channels + channel) * height + v) * width + h)]);
                            }
                    squares[static_cast<std::size_t>(o / outputs)] += sum * sum;
                }
    for (double& square : squares)
        square /= static_cast<double>(count * outHeight * outWidth);
    return squares;
}

} // namespace

class TestConvolution : public QObject
{
    Q_OBJECT

private slots:
    void outputSizes()
    {
        // The reference's example: 3 × 3, stride 2, padding 1 on 2 × 3 × 8 × 8.
        ConvolutionGeometry g;
        g.channels = 3;
        g.kernel = {3, 3};
        g.stride = {2, 2};
        g.padding = {1, 1, 1, 1};
        ConvolutionAccumulator accumulator(g, true);
        accumulator.add(randomImages(2 * 3 * 8 * 8, 1), 8, 8);
        const InputStatistics s = accumulator.finish();
        QCOMPARE(s.rows, std::int64_t(32));
        QCOMPARE(s.features, std::int64_t(27));
        QCOMPARE(s.hessian.size(), std::size_t(27 * 27));
    }

    void traceIsThatOfTheConvolution_data()
    {
        QTest::addColumn<int>("groups");
        QTest::addColumn<QList<int>>("shape"); // kernel, stride, dilation, padding
        const QList<int> plain{3, 3, 1, 1, 1, 1, 0, 0, 0, 0};
        const QList<int> strided{3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
        const QList<int> odd{2, 3, 1, 2, 2, 1, 0, 2, 1, 0};
        const QList<int> point{1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
        for (const int groups : {1, 2, 6}) {
            QTest::addRow("plain, %d groups", groups) << groups << plain;
            QTest::addRow("strided, %d groups", groups) << groups << strided;
            QTest::addRow("odd, %d groups", groups) << groups << odd;
            QTest::addRow("pointwise, %d groups", groups) << groups << point;
        }
    }
    void traceIsThatOfTheConvolution()
    {
        QFETCH(int, groups);
        QFETCH(QList<int>, shape);
        ConvolutionGeometry g;
        g.channels = 6;
        g.groups = groups;
        g.kernel = {shape[0], shape[1]};
        g.stride = {shape[2], shape[3]};
        g.dilation = {shape[4], shape[5]};
        g.padding = {shape[6], shape[7], shape[8], shape[9]};
        const std::vector<float> images = randomImages(3 * 6 * 7 * 9, 5);
        ConvolutionAccumulator accumulator(g, true, 5);
        const std::size_t half = 6 * 7 * 9;
        accumulator.add(std::span(images).first(half), 7, 9);
        accumulator.add(std::span(images).subspan(half), 7, 9);
        const InputStatistics s = accumulator.finish();
        QCOMPARE(s.groups, std::int64_t(groups));
        QCOMPARE(std::as_const(s.sample).matrix().cols, s.features * groups);
        const Tensor weight = randomMatrix(12, g.features(), 1, 9);
        const std::vector<double> expected = meanSquares(g, images, 7, 9, weight.matrix());
        const auto d = static_cast<std::size_t>(s.features);
        for (std::int64_t k = 0; k < groups; ++k) {
            const std::span<const double> h =
                std::span(s.hessian).subspan(static_cast<std::size_t>(k) * d * d, d * d);
            const ConstMatrixView rows =
                weight.matrix().block(k * 12 / groups, 0, 12 / groups, s.features);
            QVERIFY(isClose(oracleOutputError(rows, {}, h), expected[static_cast<std::size_t>(k)],
                            1e-5));
            for (std::size_t j = 0; j < d; ++j)
                QCOMPARE(s.secondMoment[static_cast<std::size_t>(k) * d + j], h[j * d + j]);
        }
    }

    void groupsAreSolvedByThemselves()
    {
        ConvolutionGeometry g;
        g.channels = 4;
        g.groups = 2;
        g.kernel = {3, 3};
        ConvolutionAccumulator accumulator(g, true);
        accumulator.add(randomImages(4 * 12 * 12, 5), 12, 12);
        const auto all = std::make_shared<InputStatistics>(accumulator.finish());
        const Tensor weight = randomMatrix(10, 18, 0.1, 3);
        LayerProblem problem;
        problem.name = "conv";
        problem.weight = weight.matrix();
        problem.inputs = all;
        problem.scheme.bits = 3;
        Monitor monitor;
        for (const MethodOptions& options :
             {MethodOptions(GptqOptions{}), MethodOptions(DecoupleqOptions{})}) {
            const SolveResult whole = solve(problem, options, monitor);
            QCOMPARE(whole.weight.rows, std::int64_t(10));
            QCOMPARE(whole.weight.codes.size(), std::size_t(180));
            double error = 0;
            double energy = 0;
            for (std::int64_t k = 0; k < 2; ++k) {
                LayerProblem part = problem;
                part.weight = weight.matrix().block(5 * k, 0, 5, 18);
                auto inputs = std::make_shared<InputStatistics>();
                inputs->features = 18;
                inputs->rows = all->rows;
                const auto begin = all->hessian.begin() + static_cast<std::ptrdiff_t>(k * 324);
                inputs->hessian.assign(begin, begin + 324);
                part.inputs = inputs;
                const SolveResult alone = solve(part, options, monitor);
                QVERIFY(
                    std::equal(alone.weight.codes.begin(), alone.weight.codes.end(),
                               whole.weight.codes.begin() + static_cast<std::ptrdiff_t>(k * 90)));
                QVERIFY(
                    std::equal(alone.weight.scales.begin(), alone.weight.scales.end(),
                               whole.weight.scales.begin() + static_cast<std::ptrdiff_t>(k * 5)));
                const Tensor decoded = dequantize(alone.weight);
                error += oracleOutputError(part.weight, decoded.floats(), inputs->hessian);
                energy += oracleOutputError(part.weight, {}, inputs->hessian);
            }
            if (!whole.report.trace.empty())
                QVERIFY(isClose(whole.report.trace.back().relativeError, error / energy, 1e-4));
        }
    }

    void refusesWhatDoesNotFit()
    {
        ConvolutionGeometry g;
        g.channels = 4;
        g.groups = 3;
        QVERIFY_EXCEPTION_THROWN(ConvolutionAccumulator(g, true), Error);
        g.groups = 2;
        g.kernel = {3, 3};
        ConvolutionAccumulator accumulator(g, true);
        std::vector<float> images = randomImages(4 * 5 * 5, 1);
        QVERIFY_EXCEPTION_THROWN(accumulator.add(images, 5, 6), Error);
        QVERIFY_EXCEPTION_THROWN(accumulator.add(std::span(images).first(16), 2, 2), Error);
        std::vector<float> broken = images;
        broken[3] = std::numeric_limits<float>::quiet_NaN();
        QVERIFY_EXCEPTION_THROWN(accumulator.add(broken, 5, 5), Error);
        accumulator.add(images, 5, 5);
        QCOMPARE(accumulator.finish().rows, std::int64_t(9));
        LayerProblem problem;
        problem.name = "conv";
        const Tensor weight = randomMatrix(5, 2, 1, 3);
        problem.weight = weight.matrix();
        auto inputs = std::make_shared<InputStatistics>();
        inputs->features = 2;
        inputs->groups = 2;
        inputs->hessian.assign(8, 1.0);
        problem.inputs = inputs;
        Monitor monitor;
        QVERIFY_EXCEPTION_THROWN((void)solve(problem, GptqOptions{}, monitor), Error);
    }
};

QTEST_APPLESS_MAIN(TestConvolution)
#include "tst_convolution.moc"
