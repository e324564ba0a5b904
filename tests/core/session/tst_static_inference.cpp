// SPDX-License-Identifier: GPL-3.0-or-later
//
// Networks with quantized inputs as they are used: generation from cached keys, kinds of grids side
// by side in a block, convolutions, methods of weights beneath them.
#include "core/base/parallel.h"
#include "core/graph/executor.h"
#include "core/io/byte_source.h"
#include "core/quant/static_settings.h"
#include "core/session/language.h"
#include "tests/support/npy.h"
#include "tests/support/signal_to_noise.h"
#include "tests/support/support.h"
#include "tests/support/tiny_image_model.h"
#include "tests/support/toy_vit.h"
#include "tests/support/trained_model.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

namespace {

std::shared_ptr<const Run> runOf(const QuantizeRequest& request)
{
    Monitor monitor;
    return quantize(request, monitor);
}

std::string bytesOf(const Run& run, const TemporaryFolder& folder)
{
    Monitor monitor;
    writeRun(run, folder / "written.gradus", monitor);
    return readTextFile(folder / "written.gradus", std::size_t(1) << 28);
}

void choose(Recipe& recipe, const MethodOptions& method, int bits)
{
    recipe.standard.method = method;
    recipe.standard.scheme = {bits, Granularity::Channel, 0, false, DType::F32};
    recipe.standard.activation = defaultActivation(method, bits);
}

std::vector<Token> someTokens(std::size_t count)
{
    RandomStream random(5, "tokens", "inference");
    std::vector<Token> tokens(count);
    for (Token& token : tokens)
        token = static_cast<Token>(random.below(2048));
    return tokens;
}

std::vector<float> valuesOf(const Tensor& tensor)
{
    return {tensor.floats().begin(), tensor.floats().end()};
}

/// Positions in steps, each with the keys of those before it.
std::vector<float> inSteps(const Executor& executor, const std::vector<Token>& tokens,
                           const std::vector<std::size_t>& steps)
{
    KeyValueCache cache;
    std::vector<float> logits;
    std::size_t first = 0;
    for (const std::size_t step : steps) {
        const std::vector<Token> some(tokens.begin() + std::ptrdiff_t(first),
                                      tokens.begin() + std::ptrdiff_t(first + step));
        const auto own = valuesOf(executor.logits(some, 1, Monitor(), &cache));
        logits.insert(logits.end(), own.begin(), own.end());
        first += step;
    }
    return logits;
}

/// A tiny ViT whose norms have channels that differ.
struct SmallVit
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model;
    QuantizeRequest request;

    SmallVit()
    {
        ToyVit tiny;
        tiny.hidden = 24;
        tiny.intermediate = 40;
        tiny.blocks = 2;
        tiny.image = 12;
        tiny.classes = 5;
        tiny.write(folder / "model");
        tiny.writeImages(folder / "images.npy", 12, "calibration");
        model = openModel(folder / "model");
        request.model = model;
        request.recipe.calibration.data = (folder / "images.npy").string();
        request.recipe.calibration.samples = 12;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
    }
    [[nodiscard]] std::string name(std::string_view part) const
    {
        for (const Layer& layer : model->layers)
            if (layer.name.find(part) != std::string::npos)
                return layer.name;
        return {};
    }
    [[nodiscard]] std::vector<float> outputs(const Weights& weights,
                                             const InputObserver& observer = {}) const
    {
        const auto array = readNpy<float>(folder / "images.npy");
        Tensor pixels(Shape(array.shape.begin(), array.shape.end()));
        std::copy(array.values.begin(), array.values.end(), pixels.floats().begin());
        std::vector<Tensor> fed;
        fed.push_back(std::move(pixels));
        return valuesOf(Executor(*model, weights).run(std::move(fed), Monitor(), observer).front());
    }
};

/// relu(conv(x̂, Ŵ) + b), in double, image by image; groups of equal size, padded by half a kernel.
std::vector<double> convolved(const op::Convolution& op, const Tensor& x, const Tensor& weight,
                              std::span<const float> bias, const AffineGrid& grid)
{
    const Shape& in = x.shape();
    Tensor rounded = x.clone();
    const MatrixView rows(rounded.floats().data(), in[0] * in[1], in[2] * in[3]);
    roundToGrid(grid, rows, rows);
    const auto outputs = static_cast<std::int64_t>(bias.size());
    const std::int64_t kernel = op.geometry.kernel[0];
    const std::int64_t stride = op.geometry.stride[0];
    const std::int64_t size = (in[2] - 1) / stride + 1;
    const std::int64_t perGroup = in[1] / op.geometry.groups;
    std::vector<double> result;
    for (std::int64_t n = 0; n < in[0]; ++n)
        for (std::int64_t o = 0; o < outputs; ++o)
            for (std::int64_t y = 0; y < size; ++y)
                for (std::int64_t z = 0; z < size; ++z) {
                    double sum = static_cast<double>(bias[std::size_t(o)]);
                    const std::int64_t group = o / (outputs / op.geometry.groups);
                    for (std::int64_t c = 0; c < perGroup; ++c)
                        for (std::int64_t i = 0; i < kernel; ++i)
                            for (std::int64_t j = 0; j < kernel; ++j) {
                                const std::int64_t row = y * stride + i - kernel / 2;
                                const std::int64_t col = z * stride + j - kernel / 2;
                                if (row < 0 || col < 0 || row >= in[2] || col >= in[3])
                                    continue;
                                const std::int64_t channel = group * perGroup + c;
                                const std::int64_t at =
                                    ((n * in[1] + channel) * in[2] + row) * in[3] + col;
                                const std::int64_t tap =
                                    ((o * perGroup + c) * kernel + i) * kernel + j;
                                sum += static_cast<double>(rounded.floats()[std::size_t(at)]) *
                                       static_cast<double>(weight.floats()[std::size_t(tap)]);
                            }
                    result.push_back(std::max(sum, 0.0));
                }
    return result;
}

} // namespace

class TestStaticInference : public QObject
{
    Q_OBJECT

private slots:
    /// What is generated from cached keys is what the whole window gives. Sums of integers have no
    /// order, so that what is left are those of the float head.
    void cachedKeys_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("softmax");
        for (const int bits : {8, 4})
            for (const ProbabilityQuantizer softmax :
                 {ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
                  ProbabilityQuantizer::Uniform})
                QTest::addRow("%d bits, %s", bits,
                              std::string(probabilityQuantizerName(softmax)).c_str())
                    << bits << static_cast<int>(softmax);
    }
    void cachedKeys()
    {
        QFETCH(int, bits);
        QFETCH(int, softmax);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        choose(request.recipe, RepqVitOptions{}, bits);
        request.recipe.standard.activation.softmax = static_cast<ProbabilityQuantizer>(softmax);
        const auto run = runOf(request);
        const std::vector<Token> tokens = someTokens(21);
        const auto both = [&](RunProducts products) {
            Weights weights(request.model, std::uint64_t(1) << 28);
            Monitor monitor;
            (void)useRun(*request.model, run.get(), products, weights, monitor);
            const Executor executor(*request.model, weights);
            return std::pair(valuesOf(executor.logits(tokens, 1, Monitor())),
                             inSteps(executor, tokens, {7, 1, 1, 4, 1, 1, 6}));
        };
        const auto [whole, steps] = both(RunProducts::Integers);
        QCOMPARE(steps.size(), whole.size());
        QVERIFY2(sqnr(whole, steps) > 120, std::to_string(sqnr(whole, steps)).c_str());
        const auto [simulated, simulatedSteps] = both(RunProducts::Floats);
        QCOMPARE(simulatedSteps.size(), simulated.size());
        // A code of the simulated network may fall to the other side.
        QVERIFY2(sqnr(simulated, simulatedSteps) > 25,
                 std::to_string(sqnr(simulated, simulatedSteps)).c_str());
        QVERIFY2(sqnr(simulated, whole) > 25, std::to_string(sqnr(simulated, whole)).c_str());
    }

    /// Each layer of a block rounds its inputs by its own kind of grid.
    void kindsOfGridsInABlock()
    {
        SmallVit vit;
        choose(vit.request.recipe, RepqVitOptions{}, 8);
        const std::set<std::string> powers = {vit.name("0.intermediate.dense"),
                                              vit.name("1.attention.attention.key"),
                                              vit.name("1.output.dense")};
        LayerChoice power = vit.request.recipe.standard;
        power.method = PowerquantOptions{};
        power.activation = {};
        power.activation.bits = 8;
        for (const std::string& name : powers)
            vit.request.recipe.overrides[name] = power;
        const auto run = runOf(vit.request);
        int folded = 0;
        for (const LayerResult& result : run->layers) {
            const Layer& layer = *vit.model->findLayer(result.name);
            if (!result.weight || layer.kind != LayerKind::Linear)
                continue;
            const bool isPower = powers.contains(result.name);
            QCOMPARE(result.activation.has_value(), isPower);
            QCOMPARE(result.staticInputs && result.staticInputs->grid, !isPower);
            folded += result.staticInputs && !result.staticInputs->ratio.empty() ? 1 : 0;
        }
        // q, k and v of the first block and the second one's first layer behind its norm; the other
        // norms are read by what goes to powers.
        QCOMPARE(folded, 4);

        Weights weights(vit.model, std::uint64_t(1) << 28);
        applyRun(*vit.model, *run, weights);
        std::map<int, Tensor> inputs;
        const auto outputs = vit.outputs(
            weights, [&](int node, const Tensor& x) { inputs.emplace(node, x.clone()); });
        for (const LayerResult& result : run->layers) {
            const Layer& layer = *vit.model->findLayer(result.name);
            if (!result.weight || layer.kind != LayerKind::Linear)
                continue;
            const ConstMatrixView x = std::as_const(inputs.at(layer.node)).matrix();
            Tensor rounded(Shape{x.rows, x.cols});
            if (result.activation) {
                const ActivationLevels levels(*result.activation);
                for (std::int64_t r = 0; r < x.rows; ++r)
                    levels.round(x.row(r), rounded.matrix().row(r).data());
            } else {
                roundToGrid(*result.staticInputs->grid, x, rounded.matrix());
            }
            const Tensor weight = dequantize(*result.weight);
            std::vector<double> expected;
            double largest = 0;
            for (std::int64_t r = 0; r < x.rows; ++r)
                for (std::int64_t o = 0; o < layer.rows; ++o) {
                    double sum = 0;
                    for (std::int64_t j = 0; j < layer.cols; ++j)
                        sum += static_cast<double>(rounded.matrix().row(r)[std::size_t(j)]) *
                               static_cast<double>(weight.matrix().row(o)[std::size_t(j)]);
                    expected.push_back(sum);
                    largest = std::max(largest, std::fabs(sum));
                }
            Tensor actual(Shape{x.rows, layer.rows});
            weights.kernel(layer.weight)->apply(x, actual.matrix(), Monitor());
            QVERIFY2(allClose(std::as_const(actual).floats(), std::span<const double>(expected),
                              1e-5, 1e-5 * largest),
                     result.name.c_str());
        }
        const Weights floats(vit.model, std::uint64_t(1) << 28);
        const double decibels = sqnr(vit.outputs(floats), outputs);
        QVERIFY2(decibels > 10, std::to_string(decibels).c_str());
        // In integers, each by its own kernel.
        Weights integers(vit.model, std::uint64_t(1) << 28);
        Monitor monitor;
        QVERIFY(applyRunIntegers(*vit.model, *run, integers, monitor) >= 10);
        QVERIFY(sqnr(outputs, vit.outputs(integers)) > 20);
    }

    /// Memory that is there decides where values are kept, not what comes of them.
    void memoryDoesNotChangeBytes()
    {
        SmallVit vit;
        RepquantOptions method;
        method.lambda = 0.3;
        choose(vit.request.recipe, method, 4);
        std::string expected;
        for (const std::uint64_t memory : {std::uint64_t(2) << 30, std::uint64_t(1) << 16}) {
            for (const int threads : {2, 1}) {
                const ThreadLimit limit(threads);
                vit.request.memoryBytes = memory;
                const std::string bytes = bytesOf(*runOf(vit.request), vit.folder);
                if (expected.empty())
                    expected = bytes;
                QVERIFY(bytes == expected);
            }
        }
    }

    /// All convolutions of a network, dense, depthwise, pointwise and grouped, on uniform inputs.
    void convolutions()
    {
        const TemporaryFolder folder;
        const TinyImageModel tiny(folder / "model");
        tiny.writeData(folder.path(), 12);
        QuantizeRequest request;
        request.model = tiny.model();
        choose(request.recipe, PercentileStaticOptions{}, 6);
        request.recipe.calibration.data = (folder / "images.npy").string();
        request.recipe.calibration.samples = 12;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
        const auto run = runOf(request);
        Weights weights(request.model, std::uint64_t(1) << 28);
        applyRun(*request.model, *run, weights);
        std::map<int, Tensor> inputs;
        const auto array = readNpy<float>(folder / "images.npy");
        Tensor pixels(Shape(array.shape.begin(), array.shape.end()));
        std::copy(array.values.begin(), array.values.end(), pixels.floats().begin());
        std::vector<Tensor> fed;
        fed.push_back(std::move(pixels));
        (void)Executor(*request.model, weights)
            .run(std::move(fed), Monitor(),
                 [&](int node, const Tensor& x) { inputs.emplace(node, x.clone()); });
        const std::vector<std::string> names = {"stem", "blocks.0.depthwise", "blocks.0.pointwise",
                                                "blocks.1.grouped", "head"};
        for (std::size_t i = 0; i + 1 < names.size(); ++i) {
            const Layer& layer = *request.model->findLayer(names[i]);
            const LayerResult* result = run->find(names[i]);
            QVERIFY(result->staticInputs && result->staticInputs->grid);
            const AffineGrid& grid = *result->staticInputs->grid;
            QCOMPARE(grid.bits, i == 0 ? 8 : 6); // images keep more
            QVERIFY(grid.relativeError > 0);
            const auto& node = request.model->graph.nodes[std::size_t(layer.node)];
            const auto expected = convolved(std::get<op::Convolution>(node.op),
                                            inputs.at(layer.node), dequantize(*result->weight),
                                            weights.get(names[i] + ".bias")->floats(), grid);
            const Tensor& next = inputs.at(request.model->findLayer(names[i + 1])->node);
            std::vector<double> actual(next.floats().begin(), next.floats().end());
            std::vector<double> wanted = expected;
            if (i + 2 == names.size()) { // pooled
                const std::size_t plane = expected.size() / actual.size();
                wanted.assign(actual.size(), 0);
                for (std::size_t e = 0; e < expected.size(); ++e)
                    wanted[e / plane] += expected[e] / double(plane);
            }
            QCOMPARE(actual.size(), wanted.size());
            for (std::size_t e = 0; e < wanted.size(); ++e)
                QVERIFY2(std::fabs(actual[e] - wanted[e]) < 1e-5, names[i].c_str());
        }
    }

    /// RepQuant with each quantizer of weights, on norms without a bias.
    void weightsOfALlama_data()
    {
        QTest::addColumn<int>("weights");
        QTest::newRow("to nearest") << int(ReconstructedWeight::Rtn);
        QTest::newRow("gptq") << int(ReconstructedWeight::Gptq);
        QTest::newRow("decoupleq") << int(ReconstructedWeight::Decoupleq);
        QTest::newRow("nupes") << int(ReconstructedWeight::Nupes);
    }
    void weightsOfALlama()
    {
        QFETCH(int, weights);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        RepquantOptions method;
        method.weights = static_cast<ReconstructedWeight>(weights);
        choose(request.recipe, method, 6);
        const auto run = runOf(request);
        int layers = 0;
        for (const LayerResult& result : run->layers) {
            if (!result.weight || !result.staticInputs)
                continue;
            ++layers;
            QVERIFY(result.staticInputs->grid->hasOneScale());
            QVERIFY(std::isfinite(result.staticInputs->errors.both));
            QVERIFY2(result.staticInputs->errors.both < 0.05, result.name.c_str());
            const Levels levels = result.weight->scheme.levels;
            QCOMPARE(levels != Levels::Uniform, method.weights == ReconstructedWeight::Nupes);
            QCOMPARE(result.weight->scheme.floatZeros,
                     method.weights == ReconstructedWeight::Decoupleq);
        }
        QCOMPARE(layers, 21);
        const std::vector<Token> tokens = someTokens(24);
        Weights floats(request.model, std::uint64_t(1) << 28);
        Weights quantized(request.model, std::uint64_t(1) << 28);
        applyRun(*request.model, *run, quantized);
        const auto exact = valuesOf(Executor(*request.model, floats).logits(tokens, 1, Monitor()));
        const auto actual =
            valuesOf(Executor(*request.model, quantized).logits(tokens, 1, Monitor()));
        const double decibels = sqnr(exact, actual);
        QVERIFY2(decibels > 8, std::to_string(decibels).c_str());
        QVERIFY(bytesOf(*runOf(request), folder) == bytesOf(*run, folder));
    }
};

QTEST_GUILESS_MAIN(TestStaticInference)
#include "tst_static_inference.moc"
