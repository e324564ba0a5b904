// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/graph/node_range.h"
#include "core/session/block_pass.h"
#include "core/session/capture.h"
#include "core/session/evaluate.h"
#include "core/session/forecast.h"
#include "core/session/forward.h"
#include "core/session/journal.h"
#include "core/session/language.h"
#include "core/session/quantize.h"
#include "core/session/samples.h"
#include "core/session/statistics.h"
#include "tests/support/support.h"
#include "tests/support/tiny_image_model.h"

#include <QTest>

#include <cmath>
#include <fstream>
#include <iterator>

using namespace gradus;
using namespace gradus::test;

namespace {

std::string contentOf(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Fixture
{
    TemporaryFolder folder;
    TinyImageModel tiny{folder / "model"};

    Fixture() { tiny.writeData(folder.path(), 20); }

    [[nodiscard]] CalibrationChoice calibration(CalibrationMode mode) const
    {
        CalibrationChoice choice;
        choice.data = (folder / "images.npy").string();
        choice.samples = 12;
        choice.mode = mode;
        choice.mean = {0};
        choice.deviation = {1};
        return choice;
    }
    [[nodiscard]] QuantizeRequest request(const MethodOptions& method, int bits = 4,
                                          CalibrationMode mode = CalibrationMode::Sequential) const
    {
        QuantizeRequest request;
        request.model = tiny.model();
        request.recipe.standard.method = method;
        request.recipe.standard.scheme.bits = bits;
        request.recipe.calibration = calibration(mode);
        return request;
    }
    [[nodiscard]] EvaluateRequest evaluation() const
    {
        EvaluateRequest request;
        request.model = tiny.model();
        request.data = folder / "images.npy";
        request.labels = folder / "labels.npy";
        return request;
    }
};

/// The images that a calibration sees, as the layer's node sees them in the float network.
Tensor inputOf(const Fixture& fixture, const Layer& layer)
{
    Monitor monitor;
    const Model& model = *fixture.tiny.model();
    const CalibrationSamples samples =
        calibrationSamples(model, fixture.calibration(CalibrationMode::Float), 0, {}, monitor);
    const Weights weights(fixture.tiny.model(), std::uint64_t(1) << 28);
    Tensor seen;
    (void)Executor(model, weights)
        .run(samples.data->batch(samples.chosen), monitor, [&](int node, const Tensor& x) {
            if (node == layer.node)
                seen = x.clone();
        });
    return seen;
}

} // namespace

class TestImageSession : public QObject
{
    Q_OBJECT

private slots:
    void groupsHaveHessiansOfTheirOwn()
    {
        const Fixture fixture;
        const Model& model = *fixture.tiny.model();
        CaptureRequest request;
        request.model = fixture.tiny.model();
        request.calibration = fixture.calibration(CalibrationMode::Float);
        Monitor monitor;
        std::map<std::string, std::shared_ptr<const InputStatistics>> captured;
        captureInputs(request, monitor,
                      [&](const Layer& layer, std::shared_ptr<const InputStatistics> inputs) {
                          captured[layer.name] = std::move(inputs);
                      });
        QCOMPARE(captured.size(), std::size_t(5));
        for (const char* name : {"stem", "blocks.0.depthwise", "blocks.1.grouped"}) {
            const Layer& layer = *model.findLayer(name);
            const auto& geometry = std::get<op::Convolution>(
                                       model.graph.nodes[static_cast<std::size_t>(layer.node)].op)
                                       .geometry;
            const Tensor x = inputOf(fixture, layer);
            const std::int64_t n = x.shape()[0];
            const std::int64_t side = x.shape()[2];
            const auto at = [&](std::int64_t image, std::int64_t c, std::int64_t y,
                                std::int64_t w) {
                if (y < 0 || w < 0 || y >= side || w >= side)
                    return 0.0;
                return static_cast<double>(x.floats()[static_cast<std::size_t>(
                    ((image * geometry.channels + c) * side + y) * side + w)]);
            };
            const std::int64_t d = geometry.features();
            const std::int64_t perGroup = geometry.channels / geometry.groups;
            const InputStatistics& actual = *captured.at(name);
            QCOMPARE(actual.groups, geometry.groups);
            QCOMPARE(actual.features, d);
            const std::int64_t out = (side - 1) / geometry.stride[0] + 1;
            QCOMPARE(actual.rows, n * out * out);
            for (std::int64_t g = 0; g < geometry.groups; ++g) {
                std::vector<double> hessian(static_cast<std::size_t>(d * d));
                std::vector<double> column(static_cast<std::size_t>(d));
                for (std::int64_t p = 0; p < n * out * out; ++p) {
                    const std::int64_t oy = p / out % out;
                    const std::int64_t ox = p % out;
                    for (std::int64_t f = 0; f < d; ++f) {
                        const std::int64_t taps = geometry.kernel[0] * geometry.kernel[1];
                        const std::int64_t tap = f % taps;
                        column[static_cast<std::size_t>(f)] =
                            at(p / (out * out), g * perGroup + f / taps,
                               oy * geometry.stride[0] + tap / geometry.kernel[1] -
                                   geometry.padding[0],
                               ox * geometry.stride[1] + tap % geometry.kernel[1] -
                                   geometry.padding[1]);
                    }
                    for (std::size_t i = 0; i < column.size(); ++i)
                        for (std::size_t j = 0; j < column.size(); ++j)
                            hessian[i * column.size() + j] += column[i] * column[j];
                }
                for (std::size_t i = 0; i < hessian.size(); ++i)
                    QVERIFY(
                        isClose(actual.hessian[static_cast<std::size_t>(g) * hessian.size() + i],
                                hessian[i] / static_cast<double>(n * out * out), 1e-5, 1e-5));
            }
        }
    }

    void everyMethodQuantizesConvolutions()
    {
        const Fixture fixture;
        const std::vector<MethodOptions> methods = {RtnOptions{},        RtnMseOptions{},
                                                    GptqOptions{},       DecoupleqOptions{},
                                                    PowerquantOptions{}, NupesOptions{}};
        for (const MethodOptions& method : methods) {
            QuantizeRequest request = fixture.request(method);
            Monitor monitor;
            const auto run = quantize(request, monitor);
            for (const LayerResult& layer : run->layers) {
                QVERIFY2(layer.weight, layer.name.c_str());
                if (layer.name == "spare") {
                    QVERIFY(std::isnan(layer.relativeOutputError));
                    QCOMPARE(layer.note.find("not reached") != std::string::npos,
                             needsCalibration(method));
                    continue;
                }
                QVERIFY2(layer.relativeOutputError > 0 && layer.relativeOutputError < 0.2,
                         concat(methodName(method), " ", layer.name, " ", layer.relativeOutputError)
                             .c_str());
            }
        }
    }

    void outputErrorsOfGroupsAreThoseOfTheConvolution()
    {
        // ‖conv(x, W − Ŵ)‖² / ‖conv(x, W)‖², by running the network with these weights.
        const Fixture fixture;
        const Model& model = *fixture.tiny.model();
        Monitor monitor;
        const auto run =
            quantize(fixture.request(RtnOptions{}, 3, CalibrationMode::Float), monitor);
        const Layer& layer = *model.findLayer("blocks.1.grouped");
        const Tensor x = inputOf(fixture, layer);
        const auto energy = [&](Tensor weight) {
            Weights weights(fixture.tiny.model(), std::uint64_t(1) << 28);
            weights.replace(layer.weight, std::make_shared<const Tensor>(std::move(weight)));
            weights.replace("blocks.1.grouped.bias",
                            std::make_shared<const Tensor>(Tensor::zeros(DType::F32, {12})));
            Values values;
            values.emplace(layer.input, x.clone());
            const ValueId out = model.graph.nodes[static_cast<std::size_t>(layer.node)].output();
            const Values result =
                runNodes(model, weights, layer.node, 1, std::move(values), {}, {out}, monitor);
            double sum = 0;
            for (const float value : result.at(out).floats())
                sum += static_cast<double>(value) * static_cast<double>(value);
            return sum;
        };
        const LayerResult& result = *run->find("blocks.1.grouped");
        Tensor difference = layerWeight(model, layer);
        const Tensor quantized = dequantize(*result.weight);
        for (std::size_t i = 0; i < difference.floats().size(); ++i)
            difference.floats()[i] -= quantized.floats()[i];
        const double expected = energy(std::move(difference)) / energy(layerWeight(model, layer));
        QVERIFY(isClose(result.relativeOutputError, expected, 1e-4));
    }

    void runIsTheSameForAnyNumberOfThreads()
    {
        const Fixture fixture;
        for (int threads = 1; threads <= 2; ++threads) {
            const ThreadLimit limit(threads);
            QuantizeRequest request = fixture.request(GptqOptions{});
            request.output = fixture.folder / concat(threads, ".gradus");
            Monitor monitor;
            (void)quantize(request, monitor);
        }
        const std::string one = contentOf(fixture.folder / "1.gradus");
        QVERIFY(one.size() > 1000);
        QVERIFY(one == contentOf(fixture.folder / "2.gradus"));
    }

    void interruptedRunsResumeToTheSameBytes()
    {
        const Fixture fixture;
        Monitor monitor;
        QuantizeRequest request = fixture.request(GptqOptions{});
        request.output = fixture.folder / "whole.gradus";
        (void)quantize(request, monitor);
        request.output = fixture.folder / "parts.gradus";
        int seen = 0;
        QVERIFY_EXCEPTION_THROWN((void)quantize(request, monitor,
                                                [&](const LayerResult&) {
                                                    if (++seen == 3)
                                                        throw Cancelled();
                                                }),
                                 Cancelled);
        request.resume = true;
        (void)quantize(request, monitor);
        QVERIFY(contentOf(fixture.folder / "whole.gradus") ==
                contentOf(fixture.folder / "parts.gradus"));
    }

    void cancelsAtEveryEarlyCheckpoint()
    {
        const Fixture fixture;
        for (int k = 0; k < 30; k += k < 10 ? 1 : 5) {
            StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)quantize(fixture.request(GptqOptions{}), stop),
                                     Cancelled);
        }
    }

    void spilledValuesChangeNothing()
    {
        const Fixture fixture;
        QuantizeRequest request = fixture.request(GptqOptions{});
        Monitor monitor;
        const auto expected = quantize(request, monitor);
        request.memoryBytes = 1 << 12;
        const auto actual = quantize(request, monitor);
        for (std::size_t i = 0; i < expected->layers.size(); ++i)
            QVERIFY(actual->layers[i].weight->codes == expected->layers[i].weight->codes);
    }

    void blocksOfConvolutionsAreTrained()
    {
        const Fixture fixture;
        DecoupleqOptions method;
        method.blockStage = true;
        QuantizeRequest request = fixture.request(method, 2);
        Monitor monitor;
        const auto run = quantize(request, monitor);
        const LayerResult& layer = *run->find("blocks.0.pointwise");
        QCOMPARE(layer.tunings.size(), std::size_t(1));
        QVERIFY(layer.tunings.front()->after() <= layer.tunings.front()->before());
        QVERIFY(layer.tunings.front()->losses.size() >= 12);
    }

    void accuracyCountsLabelledSamples()
    {
        const Fixture fixture;
        Monitor monitor;
        Accuracy result = evaluateAccuracy(fixture.evaluation(), monitor);
        QCOMPARE(result.value, 1.0);
        QCOMPARE(result.top5, 1.0); // of five classes
        QCOMPARE(result.samples, 16);
        QCOMPARE(result.unlabelled, 4);
        QCOMPARE(result.classes, TinyImageModel::classes);
        EvaluateRequest request = fixture.evaluation();
        request.run = quantize(fixture.request(RtnOptions{}, 2), monitor);
        result = evaluateAccuracy(request, monitor);
        QVERIFY(result.value >= 0 && result.value <= 1);
        QVERIFY(isClose(result.standardError, std::sqrt(result.value * (1 - result.value) / 16),
                        1e-12, 1e-15));
        request = fixture.evaluation();
        request.labels.clear();
        QVERIFY_EXCEPTION_THROWN((void)evaluateAccuracy(request, monitor), Error);
    }

    void outputsAreComparedWithTheFloatModel()
    {
        const Fixture fixture;
        Monitor monitor;
        OutputSimilarity same = evaluateOutputs(fixture.evaluation(), nullptr, monitor);
        QVERIFY(isClose(same.cosine, 1, 1e-12));
        QVERIFY(std::abs(same.divergence) < 1e-12);
        QCOMPARE(same.sameTop, 1.0);
        QVERIFY(!same.probabilities);
        EvaluateRequest request = fixture.evaluation();
        request.run = quantize(fixture.request(RtnOptions{}, 3), monitor);
        const OutputSimilarity result = evaluateOutputs(request, nullptr, monitor);
        QCOMPARE(result.samples, 20);

        // The same by hand.
        ForwardRequest forward;
        forward.model = fixture.tiny.model();
        forward.inputs["pixels"] = fixture.folder / "images.npy";
        const Tensor p = std::move(runModel(forward, monitor).front().value);
        forward.run = request.run;
        const Tensor q = std::move(runModel(forward, monitor).front().value);
        double cosines = 0;
        double divergence = 0;
        for (std::int64_t r = 0; r < 20; ++r) {
            double pp = 0;
            double qq = 0;
            double pq = 0;
            double pSum = 0;
            double qSum = 0;
            const auto a = p.matrix().row(r);
            const auto b = q.matrix().row(r);
            for (std::size_t c = 0; c < a.size(); ++c) {
                const double x = static_cast<double>(a[c]);
                const double y = static_cast<double>(b[c]);
                pp += x * x;
                qq += y * y;
                pq += x * y;
                pSum += std::exp(x);
                qSum += std::exp(y);
            }
            cosines += pq / std::sqrt(pp * qq);
            for (std::size_t c = 0; c < a.size(); ++c) {
                const double x = static_cast<double>(a[c]) - std::log(pSum);
                divergence += std::exp(x) * (x - static_cast<double>(b[c]) + std::log(qSum));
            }
        }
        QVERIFY(isClose(result.cosine, cosines / 20, 1e-9));
        QVERIFY(isClose(result.divergence, divergence / 20, 1e-4, 1e-9));
    }

    void runsOverArraysAreThoseOfTheExecutor()
    {
        const Fixture fixture;
        Monitor monitor;
        ForwardRequest request;
        request.model = fixture.tiny.model();
        request.inputs["pixels"] = fixture.folder / "images.npy";
        const std::vector<NamedOutput> outputs = runModel(request, monitor);
        QCOMPARE(outputs.size(), std::size_t(1));
        QCOMPARE(outputs[0].name, std::string("scores"));
        QVERIFY(outputs[0].value.shape() == (Shape{20, TinyImageModel::classes}));
        request.memoryBytes = 1 << 12; // one at a time
        const std::vector<NamedOutput> single = runModel(request, monitor);
        for (std::size_t i = 0; i < single[0].value.floats().size(); ++i)
            QVERIFY(isClose(static_cast<double>(single[0].value.floats()[i]),
                            static_cast<double>(outputs[0].value.floats()[i]), 1e-5, 1e-6));
        request.inputs["wrong"] = fixture.folder / "images.npy";
        QVERIFY_EXCEPTION_THROWN((void)runModel(request, monitor), Error);
    }

    void calibrationOfImagesIsKeptInTheRecipe()
    {
        Recipe recipe;
        recipe.calibration.data = "images.npy";
        recipe.calibration.labels = "labels.npy";
        recipe.calibration.mean = {127.5F, 120};
        recipe.calibration.deviation = {58, 57};
        recipe.calibration.layout = "nhwc";
        recipe.calibration.inputs = {{"mask", "masks.npy"}, {"left \"side\"", "l.npz:x"}};
        QVERIFY(recipeFromJson(toJson(recipe), "recipe") == recipe);
        for (const char* bad : {"[]", "\"masks.npy\"", "{\"mask\": 3}"})
            QVERIFY_EXCEPTION_THROWN(
                (void)recipeFromJson(
                    concat(R"({"gradus_recipe": 1, "calibration": {"inputs": )", bad, "}}"), "r"),
                Error);
        QVERIFY(toJson(Recipe{}).find("inputs") == std::string::npos);
        QVERIFY(toJson(Recipe{}).find("normalize") == std::string::npos);
        // One of them alone, and one value beside several.
        using Reals = std::vector<float>;
        for (const auto& [mean, deviation] :
             {std::pair(Reals{127.5F}, Reals{}), std::pair(Reals{}, Reals{255}),
              std::pair(Reals{1, 2, 3}, Reals{58}), std::pair(Reals{0}, Reals{1, 2, 3})}) {
            recipe.calibration.mean = mean;
            recipe.calibration.deviation = deviation;
            QVERIFY(recipeFromJson(toJson(recipe), "recipe") == recipe);
        }
    }

    void whatIsSaidGoesBeforeTheRecipe()
    {
        const Fixture fixture;
        Monitor monitor;
        EvaluateRequest request = fixture.evaluation();
        const auto made = quantize(fixture.request(RtnOptions{}, 3), monitor);
        request.run = made; // calibrated with mean 0 and deviation 1
        const double inherited = evaluateOutputs(request, nullptr, monitor).cosine;
        request.mean = {0};
        request.deviation = {2};
        const double said = evaluateOutputs(request, nullptr, monitor).cosine;
        QVERIFY(said != inherited);
        request.mean.clear();
        QCOMPARE(evaluateOutputs(request, nullptr, monitor).cosine - said, 0.0);

        // Three rows of three pixels of three channels: only a layout tells what they are.
        Tensor pixels(DType::U8, {2, 3, 3, 3});
        for (std::size_t i = 0; i < pixels.bytes().size(); ++i)
            pixels.bytes()[i] = static_cast<std::byte>(i * 37 % 256);
        writeNpy(fixture.folder / "pixels.npy", pixels.view());
        auto run = std::make_shared<Run>(*made);
        run->recipe.calibration.layout = "nhwc";
        ForwardRequest forward;
        forward.model = fixture.tiny.model();
        forward.run = run;
        forward.inputs["pixels"] = fixture.folder / "pixels.npy";
        const auto scoresOf = [&](const std::string& layout) {
            forward.layout = layout;
            const Tensor scores = std::move(runModel(forward, monitor).front().value);
            return std::vector<float>(scores.floats().begin(), scores.floats().end());
        };
        QVERIFY(scoresOf("nchw") != scoresOf("nhwc"));
        QVERIFY(scoresOf("") == scoresOf("nhwc"));
    }

    void forecastsCountConvolutions()
    {
        const Fixture fixture;
        ForecastRequest request;
        request.model = fixture.tiny.model();
        request.recipe = fixture.request(GptqOptions{}).recipe;
        request.machine = {1e11, 1.2e10, 3.3e8, 2e9, 1e10, 1.8e9};
        const Forecast few = forecast(request);
        request.recipe.calibration.samples = 120;
        const Forecast many = forecast(request);
        const auto secondsOf = [](const Forecast& forecast, ForecastPart::Stage stage) {
            double seconds = 0;
            for (const ForecastPart& part : forecast.parts)
                if (part.stage == stage)
                    seconds += part.seconds;
            return seconds;
        };
        for (const auto stage : {ForecastPart::Stage::Calibration, ForecastPart::Stage::Hessians})
            QVERIFY(isClose(secondsOf(many, stage) / secondsOf(few, stage), 10, 0.2));
    }
};

QTEST_APPLESS_MAIN(TestImageSession)
#include "tst_image_session.moc"
