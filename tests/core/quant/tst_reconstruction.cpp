// SPDX-License-Identifier: GPL-3.0-or-later
// Reconstruction of weights under quantized inputs (reference repquant.md, section 7), against
// plain loops in double.
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/quant/affine_grid.h"
#include "core/quant/reconstruction.h"
#include "core/quant/solve.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Layer
{
    Tensor weight;
    Tensor inputs;
    Tensor targets;

    /// Correlated inputs with means, rounded to a grid of so many bits; targets before rounding.
    explicit Layer(std::int64_t rows = 6, std::int64_t features = 16, std::int64_t tokens = 400,
                   int bits = 4)
        : weight({rows, features})
        , inputs({tokens, features})
        , targets({tokens, features})
    {
        RandomStream random(3, "layer", "reconstruction");
        for (float& value : weight.floats())
            value = static_cast<float>(0.2 * random.normal());
        for (std::int64_t t = 0; t < tokens; ++t) {
            const double common = random.normal();
            for (std::int64_t d = 0; d < features; ++d)
                targets.matrix().row(t)[std::size_t(d)] = static_cast<float>(
                    0.7 * common + random.normal() + 0.3 * static_cast<double>(d % 5));
        }
        const AffineGrid grid = tensorGrid(targets.matrix(), bits, InputRange::MinMax);
        roundToGrid(grid, targets.matrix(), inputs.matrix());
    }
    [[nodiscard]] ReconstructionProblem problem(MethodOptions method, double lambda) const
    {
        ReconstructionProblem problem;
        problem.name = "layer";
        problem.weight = weight.matrix();
        problem.inputs = inputs.matrix();
        problem.targets = targets.matrix();
        problem.scheme.bits = 3;
        problem.scheme.scaleType = DType::F32;
        problem.method = std::move(method);
        problem.lambda = lambda;
        return problem;
    }
    /// Integers with exact means, so that all products and sums are exact in floats too.
    void makeExact()
    {
        RandomStream random(4, "exact", "reconstruction");
        for (std::int64_t t = 0; t < inputs.shape()[0]; t += 2)
            for (std::int64_t d = 0; d < inputs.shape()[1]; ++d)
                for (Tensor* tensor : {&inputs, &targets}) {
                    const auto value = static_cast<float>(random.below(9)) - 4.0F;
                    const auto at = std::size_t(d);
                    tensor->matrix().row(t)[at] = value + static_cast<float>(d % 3);
                    tensor->matrix().row(t + 1)[at] = -value + static_cast<float>(d % 3);
                }
    }
};

using Doubles = std::vector<double>;

/// ‖Â_c Ŵᵀ − Y_c‖²/N + tr((Ŵ−W)Λ(Ŵ−W)ᵀ) by its definition; with a bias in place of centring when
/// there is one.
double energy(const Layer& layer, const Doubles& w, double lambda, const Doubles* bias = nullptr)
{
    const auto n = std::size_t(layer.inputs.shape()[0]);
    const auto d = std::size_t(layer.inputs.shape()[1]);
    const auto rows = std::size_t(layer.weight.shape()[0]);
    const auto x = layer.inputs.floats();
    const auto y = layer.targets.floats();
    const auto original = layer.weight.floats();
    Doubles xMean(d);
    Doubles yMean(d);
    for (std::size_t t = 0; t < n; ++t)
        for (std::size_t c = 0; c < d; ++c) {
            xMean[c] += double(x[t * d + c]) / double(n);
            yMean[c] += double(y[t * d + c]) / double(n);
        }
    double meanDiagonal = 0;
    for (std::size_t t = 0; t < n; ++t)
        for (std::size_t c = 0; c < d; ++c)
            meanDiagonal += std::pow(double(x[t * d + c]) - xMean[c], 2) / double(n * d);
    double sum = 0;
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t t = 0; t < n; ++t) {
            double difference = bias ? (*bias)[r] : 0;
            for (std::size_t c = 0; c < d; ++c)
                difference +=
                    (double(x[t * d + c]) - (bias ? 0 : xMean[c])) * w[r * d + c] -
                    (double(y[t * d + c]) - (bias ? 0 : yMean[c])) * double(original[r * d + c]);
            sum += difference * difference / double(n);
        }
        for (std::size_t c = 0; c < d; ++c)
            sum += lambda * meanDiagonal * std::pow(w[r * d + c] - double(original[r * d + c]), 2);
    }
    return sum;
}

Doubles wide(const Tensor& tensor)
{
    return {tensor.floats().begin(), tensor.floats().end()};
}

} // namespace

class TestReconstruction : public QObject
{
    Q_OBJECT

private slots:
    /// V9: one input, x = (1, 3), â = (1, 2), not centred, λ = 0: 1.4 w.
    void theReferencesRidge()
    {
        Layer layer(1, 1, 2);
        layer.weight.floats()[0] = 0.5F;
        layer.targets.floats()[0] = layer.inputs.floats()[0] = 1;
        layer.targets.floats()[1] = 3;
        layer.inputs.floats()[1] = 2;
        ReconstructionProblem problem = layer.problem(RtnOptions(), 0);
        problem.centred = false;
        const RidgeTarget target = ridgeTarget(problem, 0, Monitor());
        QVERIFY(isClose(target.weight[0], 0.7, 1e-12));
        QCOMPARE(target.inputMean[0], 0.0);
    }

    /// V8: GPTQ with G = [[2, 1], [1, 2]], w = (0.4, 0.4) on the unit grid gives (0, 1), where
    /// rounding gives (0, 0). Other weights of the row fix the grid, with inputs of their own.
    void theReferencesSweep()
    {
        Layer layer(1, 4, 8);
        const float x[8][4] = {{1, 1, 0, 0}, {-1, -1, 0, 0}, {1, 0, 0, 0}, {-1, 0, 0, 0},
                               {0, 1, 0, 0}, {0, -1, 0, 0},  {0, 0, 1, 0}, {0, 0, 0, 1}};
        for (std::size_t i = 0; i < 32; ++i)
            layer.inputs.floats()[i] = layer.targets.floats()[i] = x[i / 4][i % 4];
        const float w[4] = {0.4F, 0.4F, -3, 4};
        std::copy(w, w + 4, layer.weight.floats().begin());
        GptqOptions gptq;
        gptq.damping = 0;
        ReconstructionProblem problem =
            layer.problem(gptq, std::numeric_limits<double>::infinity());
        problem.centred = false;
        Monitor monitor;
        const Tensor swept = dequantize(reconstructWeight(problem, monitor).weight);
        problem.method = RtnOptions();
        const Tensor rounded = dequantize(reconstructWeight(problem, monitor).weight);
        QVERIFY(wide(swept) == (Doubles{0, 1, -3, 4}));
        QVERIFY(wide(rounded) == (Doubles{0, 0, -3, 4}));
    }

    /// I9: E(Ŵ) = E(W*) + tr((Ŵ−W*)(H+Λ)(Ŵ−W*)ᵀ) for any Ŵ.
    void squareCompletion_data()
    {
        QTest::addColumn<double>("lambda");
        QTest::newRow("0") << 0.0;
        QTest::newRow("0.1") << 0.1;
        QTest::newRow("3") << 3.0;
    }
    void squareCompletion()
    {
        QFETCH(double, lambda);
        Layer layer(3, 7, 64);
        layer.makeExact();
        const Doubles best =
            ridgeTarget(layer.problem(RtnOptions(), lambda), lambda, Monitor()).weight;
        const double least = energy(layer, best, lambda);
        RandomStream random(6, "any", "reconstruction");
        for (int i = 0; i < 10; ++i) {
            Doubles any = best;
            Doubles way(any.size());
            for (std::size_t k = 0; k < any.size(); ++k) {
                way[k] = random.normal();
                any[k] += way[k];
            }
            // The quadratic term by itself: E along the way of targets that are 0.
            Layer zero(3, 7, 64);
            zero.inputs = layer.inputs.clone();
            zero.targets = layer.targets.clone();
            std::fill(zero.weight.floats().begin(), zero.weight.floats().end(), 0.0F);
            const double expected = least + energy(zero, way, lambda);
            QVERIFY(isClose(energy(layer, any, lambda), expected, 1e-12));
            QVERIFY(energy(layer, any, lambda) >= least);
        }
    }

    void correctedBiasIsTheBest_data()
    {
        QTest::addColumn<int>("method");
        QTest::newRow("rtn") << 0;
        QTest::newRow("gptq") << 1;
        QTest::newRow("decoupleq") << 2;
        QTest::newRow("nupes") << 3;
    }
    /// On the rows that were solved for: not above no change, not above changes near it; and not
    /// below W*, which nothing is.
    void correctedBiasIsTheBest()
    {
        QFETCH(int, method);
        const Layer layer;
        const MethodOptions options = method == 0   ? MethodOptions(RtnOptions())
                                      : method == 1 ? MethodOptions(GptqOptions())
                                      : method == 2 ? MethodOptions(DecoupleqOptions())
                                                    : MethodOptions(NupesOptions());
        Monitor monitor;
        for (const double lambda : {0.1, std::numeric_limits<double>::infinity()}) {
            const ReconstructionProblem problem = layer.problem(options, lambda);
            const ReconstructionResult result = reconstructWeight(problem, monitor);
            QVERIFY(std::isnan(result.heldOutError));
            QCOMPARE(std::isfinite(result.lambda), std::isfinite(lambda));
            const Doubles rounded = wide(dequantize(result.weight));
            QCOMPARE(result.biasChange.size(), std::size_t(6));
            const double error = energy(layer, rounded, 0, &result.biasChange);
            QVERIFY(isClose(error, energy(layer, rounded, 0), 1e-6));
            const Doubles none(6);
            QVERIFY(error <= energy(layer, rounded, 0, &none));
            for (const double step : {-0.01, 0.01}) {
                Doubles other = result.biasChange;
                other[2] += step;
                QVERIFY(error < energy(layer, rounded, 0, &other));
            }
            const Doubles target = ridgeTarget(problem, 0, Monitor()).weight;
            QVERIFY(energy(layer, target, 0) <= error);
        }
    }

    /// With λ given the weight is the method's on W* under the centred Hessian.
    void methodsSeeTheTarget()
    {
        const Layer layer;
        const ReconstructionProblem problem = layer.problem(RtnOptions(), 0.3);
        Monitor monitor;
        const QuantizedWeight weight = reconstructWeight(problem, monitor).weight;
        const Doubles target = ridgeTarget(problem, 0.3, Monitor()).weight;
        Tensor floats({6, 16});
        std::transform(target.begin(), target.end(), floats.floats().begin(),
                       [](double value) { return static_cast<float>(value); });
        LayerProblem plain;
        plain.name = "plain";
        plain.weight = std::as_const(floats).matrix();
        plain.scheme = problem.scheme;
        QVERIFY(solve(plain, RtnOptions(), monitor).weight.codes == weight.codes);
    }

    void wholeSamplesChooseTheRidge_data() { correctedBiasIsTheBest_data(); }
    void wholeSamplesChooseTheRidge()
    {
        QFETCH(int, method);
        const Layer layer(5, 12, 100);
        const MethodOptions options = method == 0   ? MethodOptions(RtnOptions())
                                      : method == 1 ? MethodOptions(GptqOptions())
                                      : method == 2 ? MethodOptions(DecoupleqOptions())
                                                    : MethodOptions(NupesOptions());
        Monitor monitor;
        const ReconstructionResult chosen = reconstructWeight(layer.problem(options, -1), monitor);
        // The last fifth judges what each ridge makes of the rows before it.
        Layer solved(5, 12, 80);
        Layer judging(5, 12, 20);
        for (std::int64_t t = 0; t < 100; ++t) {
            Layer& part = t < 80 ? solved : judging;
            for (std::size_t c = 0; c < 12; ++c) {
                part.inputs.matrix().row(t % 80)[c] = layer.inputs.matrix().row(t)[c];
                part.targets.matrix().row(t % 80)[c] = layer.targets.matrix().row(t)[c];
            }
        }
        for (Layer* part : {&solved, &judging})
            part->weight = layer.weight.clone();
        double outputs = 0;
        for (std::int64_t t = 0; t < 20; ++t)
            for (std::int64_t r = 0; r < 5; ++r) {
                double y = 0;
                for (std::size_t c = 0; c < 12; ++c)
                    y += double(judging.targets.matrix().row(t)[c]) *
                         double(judging.weight.matrix().row(r)[c]);
                outputs += y * y / 20;
            }
        const auto errorWith = [&](double lambda) {
            const ReconstructionResult result =
                reconstructWeight(solved.problem(options, lambda), monitor);
            return energy(judging, wide(dequantize(result.weight)), 0, &result.biasChange) /
                   outputs;
        };
        constexpr double none = std::numeric_limits<double>::infinity();
        QVERIFY(isClose(chosen.heldOutError, errorWith(chosen.lambda), 1e-5));
        QVERIFY(chosen.heldOutError <= errorWith(none) * (1 + 1e-6));
        if (method < 2) // the others choose among no ridge and what GPTQ chooses
            for (const double lambda : {0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0})
                QVERIFY(chosen.heldOutError <= errorWith(lambda) * (1 + 1e-6));
        // It is solved on all rows then.
        const ReconstructionResult all =
            reconstructWeight(layer.problem(options, chosen.lambda), monitor);
        QVERIFY(chosen.weight.codes == all.weight.codes);
        QVERIFY(chosen.weight.scales == all.weight.scales);
        QVERIFY(chosen.biasChange == all.biasChange);
    }

    void withoutBiasNothingIsCentred()
    {
        const Layer layer;
        ReconstructionProblem problem = layer.problem(GptqOptions(), 0.1);
        problem.centred = false;
        Monitor monitor;
        const ReconstructionResult result = reconstructWeight(problem, monitor);
        QVERIFY(result.biasChange.empty());
        // What is not centred has an optimum of its own.
        const Doubles none(6);
        const Doubles target = ridgeTarget(problem, 0, Monitor()).weight;
        problem.centred = true;
        const Doubles other = ridgeTarget(problem, 0, Monitor()).weight;
        QVERIFY(energy(layer, target, 0, &none) < energy(layer, other, 0, &none));
    }

    void largeMeansCostNoDigits()
    {
        Layer layer(3, 7, 64);
        layer.makeExact();
        const Doubles expected =
            ridgeTarget(layer.problem(RtnOptions(), 0.1), 0.1, Monitor()).weight;
        for (Tensor* tensor : {&layer.inputs, &layer.targets})
            for (float& value : tensor->floats())
                value += 1000000;
        const Doubles moved = ridgeTarget(layer.problem(RtnOptions(), 0.1), 0.1, Monitor()).weight;
        QVERIFY(allClose(std::span<const double>(moved), std::span<const double>(expected), 1e-9,
                         1e-9));
    }

    void fewRowsTakeTheDefault()
    {
        const Layer layer(3, 4, 4);
        Monitor monitor;
        const ReconstructionResult result =
            reconstructWeight(layer.problem(RtnOptions(), -1), monitor);
        QVERIFY(std::isnan(result.heldOutError));
        QVERIFY(!result.note.empty());
        QVERIFY(std::isfinite(result.lambda));
    }

    void refusesWhatDoesNotFit()
    {
        Layer layer;
        Monitor monitor;
        ReconstructionProblem problem = layer.problem(RtnOptions(), 0.1);
        problem.targets.rows -= 1;
        QVERIFY_EXCEPTION_THROWN((void)reconstructWeight(problem, monitor), Error);
        layer.inputs.floats()[5] = std::numeric_limits<float>::infinity();
        QVERIFY_EXCEPTION_THROWN((void)reconstructWeight(layer.problem(RtnOptions(), 0.1), monitor),
                                 Error);
    }

    void threadsDoNotChangeBits()
    {
        const Layer layer(40, 64, 700);
        std::vector<Doubles> results[2];
        for (const int threads : {1, 2}) {
            const ThreadLimit limit(threads);
            Monitor monitor;
            const ReconstructionResult result =
                reconstructWeight(layer.problem(GptqOptions(), -1), monitor);
            results[threads - 1] = {wide(dequantize(result.weight)),
                                    result.biasChange,
                                    {result.lambda, result.heldOutError}};
        }
        QVERIFY(results[0] == results[1]);
    }

    void stops()
    {
        const Layer layer(40, 64, 700);
        for (const int k : {0, 3, 20}) {
            StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN(
                (void)reconstructWeight(layer.problem(GptqOptions(), -1), stop), Cancelled);
        }
    }
};

QTEST_GUILESS_MAIN(TestReconstruction)
#include "tst_reconstruction.moc"
