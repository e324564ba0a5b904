// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs with static inputs as whole networks: what folds leave alone, what they cost, parts, stops,
// what becomes stale, and products in integers.
#include "core/base/parallel.h"
#include "core/graph/executor.h"
#include "core/graph/static_sites.h"
#include "core/io/byte_source.h"
#include "core/quant/affine_linear.h"
#include "core/quant/static_settings.h"
#include "core/session/forward.h"
#include "core/session/language.h"
#include "core/session/stale.h"
#include "core/session/statistics.h"
#include "tests/support/npy.h"
#include "tests/support/sample_run.h"
#include "tests/support/signal_to_noise.h"
#include "tests/support/support.h"
#include "tests/support/toy_vit.h"
#include "tests/support/trained_model.h"
#include "tests/support/windowed_onnx.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

Q_DECLARE_METATYPE(gradus::CalibrationMode)

namespace {

std::shared_ptr<const Run> runOf(const QuantizeRequest& request, const LayerSink& sink = {})
{
    Monitor monitor;
    return quantize(request, monitor, sink);
}

std::string bytesOf(const Run& run, const TemporaryFolder& folder)
{
    Monitor monitor;
    writeRun(run, folder / "written.gradus", monitor);
    return readTextFile(folder / "written.gradus", std::size_t(1) << 28);
}

QuantizeRequest requestOf(std::shared_ptr<const Model> model, const std::filesystem::path& data,
                          const MethodOptions& method, int bits,
                          CalibrationMode mode = CalibrationMode::Sequential)
{
    QuantizeRequest request;
    request.model = std::move(model);
    request.recipe.standard.method = method;
    request.recipe.standard.scheme = {bits, Granularity::Channel, 0, false, DType::F32};
    request.recipe.standard.activation = defaultActivation(method, bits);
    request.recipe.calibration.data = data.string();
    request.recipe.calibration.samples = 32;
    request.recipe.calibration.mean = {0};
    request.recipe.calibration.deviation = {1};
    request.recipe.calibration.mode = mode;
    return request;
}

std::string nameIn(const Model& model, int block, std::string_view part)
{
    for (const Layer& layer : model.layers)
        if (layer.block == block && layer.name.find(part) != std::string::npos)
            return layer.name;
    return {};
}

Tensor pixelsIn(const std::filesystem::path& file)
{
    const auto array = readNpy<float>(file);
    Tensor tensor(Shape(array.shape.begin(), array.shape.end()));
    std::copy(array.values.begin(), array.values.end(), tensor.floats().begin());
    return tensor;
}

/// A small one, for runs of many kinds.
struct Small
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model;

    Small()
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
    }
    [[nodiscard]] QuantizeRequest request(const MethodOptions& method, int bits = 4,
                                          CalibrationMode mode = CalibrationMode::Sequential) const
    {
        return requestOf(model, folder / "images.npy", method, bits, mode);
    }
};

std::vector<float> outputs(const Model& model, const Weights& weights, const Tensor& pixels,
                           const InputObserver& observer = {})
{
    std::vector<Tensor> fed;
    fed.push_back(pixels.clone());
    const Tensor out =
        std::move(Executor(model, weights).run(std::move(fed), Monitor(), observer).front());
    return {out.floats().begin(), out.floats().end()};
}

/// W·diag(ratio).
std::shared_ptr<const Tensor> multiplied(const Model& model, const Layer& layer,
                                         const std::vector<float>& ratio)
{
    Tensor weight = layerWeight(model, layer).clone();
    for (std::int64_t r = 0; r < layer.rows && !ratio.empty(); ++r)
        for (std::int64_t j = 0; j < layer.cols; ++j)
            weight.matrix().row(r)[static_cast<std::size_t>(j)] *=
                ratio[static_cast<std::size_t>(j)];
    return std::make_shared<const Tensor>(std::move(weight));
}

/// The network with folded parameters and folded weights that stay float; of layers that read
/// `only` alone where it is given.
void fold(const Model& model, const Run& run, Weights& weights, ValueId only = noValue)
{
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        const auto& inputs = run.layers[i].staticInputs;
        if (!inputs || inputs->ratio.empty() || (only != noValue && layer.input != only))
            continue;
        weights.replace(layer.weight, multiplied(model, layer, inputs->ratio));
        for (const auto& [name, value] : inputs->parameters)
            weights.replace(name, value);
    }
}

std::shared_ptr<const Run> resumedAfter(QuantizeRequest request, int layers,
                                        const TemporaryFolder& folder)
{
    request.output = folder / "resumed.gradus";
    Monitor monitor;
    int seen = 0;
    try {
        (void)quantize(request, monitor, [&](const LayerResult&) {
            if (++seen == layers)
                throw Cancelled();
        });
        return nullptr;
    } catch (const Cancelled&) {
    }
    request.resume = true;
    return quantize(request, monitor);
}

RepquantOptions repquant()
{
    RepquantOptions options;
    options.lambda = 0.1;
    return options;
}

std::vector<std::pair<const char*, MethodOptions>> methods()
{
    RepquantOptions decoupleq = repquant();
    decoupleq.weights = ReconstructedWeight::Decoupleq;
    RepquantOptions nupes = repquant();
    nupes.weights = ReconstructedWeight::Nupes;
    RepqVitOptions official;
    official.official = true;
    return {{"min-max", MinmaxStaticOptions{}}, {"smoothquant", SmoothquantOptions{}},
            {"repq-vit", RepqVitOptions{}},     {"official", official},
            {"repquant", repquant()},           {"repquant with decoupleq", decoupleq},
            {"repquant with nupes", nupes}};
}

void addMethodsAndModes()
{
    QTest::addColumn<int>("method");
    QTest::addColumn<CalibrationMode>("mode");
    int index = 0;
    for (const auto& [name, method] : methods()) {
        const auto mode = std::array{CalibrationMode::Sequential, CalibrationMode::TrueSequential,
                                     CalibrationMode::Float}[static_cast<std::size_t>(index % 3)];
        QTest::newRow(concat(name, ", ", calibrationModeName(mode)).c_str()) << index++ << mode;
    }
}

MethodOptions methodOf(int index)
{
    return methods()[static_cast<std::size_t>(index)].second;
}

} // namespace

class TestStaticSession : public QObject
{
    Q_OBJECT

private slots:
    /// I1: with the quantizers off, the folded network is the network. I2: each norm gives the
    /// codes that its channels' grids gave before.
    void foldsLeaveTheNetworkAlone_data()
    {
        QTest::addColumn<int>("method");
        QTest::newRow("smoothquant") << 1;
        QTest::newRow("repq-vit") << 2;
    }
    void foldsLeaveTheNetworkAlone()
    {
        QFETCH(int, method);
        const Small small;
        const Model& model = *small.model;
        const Tensor pixels = pixelsIn(small.folder / "images.npy");
        const Weights plain(small.model, 1 << 28);
        std::map<int, Tensor> before;
        const auto exact = outputs(model, plain, pixels, [&](int node, const Tensor& x) {
            before.insert_or_assign(node, x.clone());
        });
        const auto run = runOf(small.request(methodOf(method), 4, CalibrationMode::Float));
        Weights folded(small.model, 1 << 28);
        fold(model, *run, folded);
        const auto after = outputs(model, folded, pixels);
        QVERIFY(exact != after);
        QVERIFY2(sqnr(exact, after) > 100, qPrintable(QString::number(sqnr(exact, after))));

        std::int64_t codes = 0;
        std::int64_t differing = 0;
        int norms = 0;
        for (std::size_t i = 0; i < model.layers.size(); ++i) {
            const auto& inputs = run->layers[i].staticInputs;
            if (!inputs || !inputs->norm)
                continue;
            ++norms;
            const Layer& layer = model.layers[i];
            Weights one(small.model, 1 << 28);
            fold(model, *run, one, layer.input); // the others as they were: the same x^
            Tensor fed;
            (void)outputs(model, one, pixels, [&](int node, const Tensor& x) {
                if (node == layer.node)
                    fed = x.clone();
            });
            AffineGrid channels = *inputs->grid;
            channels.scales = inputs->norm->scales;
            channels.zeros = inputs->norm->zeros;
            const Tensor& was = before.at(layer.node);
            std::vector<std::uint8_t> expected(static_cast<std::size_t>(was.count()));
            std::vector<std::uint8_t> actual(expected.size());
            encodeToGrid(channels, was.matrix(), expected.data());
            QVERIFY(inputs->grid->hasOneScale());
            encodeToGrid(*inputs->grid, fed.matrix(), actual.data());
            codes += was.count();
            for (std::size_t c = 0; c < expected.size(); ++c)
                if (expected[c] != actual[c]) {
                    QCOMPARE(std::abs(int(expected[c]) - int(actual[c])), 1);
                    ++differing;
                }
        }
        QCOMPARE(norms, 4);
        QVERIFY2(double(differing) < 1e-4 * double(codes), qPrintable(QString::number(differing)));
    }

    /// I13: padded tokens are what they were, as zeros stay with their channels.
    void paddedWindows()
    {
        const TemporaryFolder folder;
        writeBytes(folder / "m.onnx", WindowedOnnx().text());
        const auto model = openModel(folder / "m.onnx");
        QCOMPARE(model->whyNotRunnable, std::string());
        Tensor x({12, 6, 6, 8});
        RandomStream random(4, "x", "windows");
        for (float& value : x.floats())
            value = static_cast<float>(random.normal());
        writeNpy(folder / "x.npy", x.view());
        const auto run = runOf(requestOf(model, folder / "x.npy", RepqVitOptions{}, 4));
        const LayerResult* layer = nullptr;
        for (const LayerResult& one : run->layers)
            if (one.name.find("qkv") != std::string::npos)
                layer = &one;
        QVERIFY(layer && layer->staticInputs);
        QVERIFY2(!layer->staticInputs->ratio.empty(), layer->note.c_str());
        QCOMPARE(layer->staticInputs->grid->zeros.size(), std::size_t(8)); // per channel
        const Weights plain(model, 1 << 28);
        Weights folded(model, 1 << 28);
        fold(*model, *run, folded);
        const auto exact = outputs(*model, plain, x);
        const auto after = outputs(*model, folded, x);
        QVERIFY(exact != after);
        QVERIFY2(sqnr(exact, after) > 100, qPrintable(QString::number(sqnr(exact, after))));
    }

    void runsAreTheSameHoweverTheyCome_data() { addMethodsAndModes(); }
    void runsAreTheSameHoweverTheyCome()
    {
        QFETCH(int, method);
        QFETCH(CalibrationMode, mode);
        const Small small;
        QuantizeRequest request = small.request(methodOf(method), 4, mode);
        std::shared_ptr<const Run> whole;
        {
            const ThreadLimit one(1);
            whole = runOf(request);
        }
        const std::string bytes = bytesOf(*whole, small.folder);
        QVERIFY(bytesOf(*runOf(request), small.folder) == bytes);
        for (const int layers : {3, 8}) {
            const auto resumed = resumedAfter(request, layers, small.folder);
            QVERIFY(resumed != nullptr);
            QVERIFY(bytesOf(*resumed, small.folder) == bytes);
            std::filesystem::remove(small.folder / "resumed.gradus");
        }
        // One layer brings those along that read its norm.
        std::string key;
        for (const Layer& layer : small.model->layers)
            if (layer.block == 1 && layer.name.find("key") != std::string::npos)
                key = layer.name;
        const bool folds = !whole->find(key)->staticInputs->ratio.empty();
        QCOMPARE(folds, method != 0);
        const auto coupled = coupledLayers(*small.model, request.recipe, {key});
        QCOMPARE(coupled.size(), folds ? std::size_t(3) : std::size_t(1));
        QuantizeRequest part = request;
        part.only = std::set<std::string>{key};
        for (const LayerResult& layer : whole->layers)
            part.finished.emplace(layer.name, layer);
        QVERIFY(bytesOf(*runOf(part), small.folder) == bytes);
        // As it is stored.
        Monitor monitor;
        writeRun(*whole, small.folder / "r.gradus", monitor);
        QCOMPARE(staleLayers(*small.model, request.recipe,
                             resultsOf(*readRun(small.folder / "r.gradus")))
                     .size(),
                 std::size_t(0));
        // Another choice of one makes all of them stale.
        Recipe changed = request.recipe;
        changed.overrides[key] = request.recipe.standard;
        changed.overrides[key].activation.bits = 6;
        const auto stale = staleLayers(*small.model, changed, resultsOf(*whole));
        for (const std::string& name : coupled)
            QVERIFY(stale.contains(name));
        part = request;
        part.recipe = changed;
        const std::string expected = bytesOf(*runOf(part), small.folder);
        part.only = stale;
        for (const LayerResult& layer : whole->layers)
            part.finished.emplace(layer.name, layer);
        QVERIFY(bytesOf(*runOf(part), small.folder) == expected);
    }

    void whatDiffersIsNotFolded()
    {
        const Small small;
        const std::string block = "layer.1.attention.attention.";
        for (int variant = 0; variant < 4; ++variant) {
            QuantizeRequest request = small.request(repquant());
            std::string query;
            for (const Layer& layer : small.model->layers)
                if (layer.name.find(block + "query") != std::string::npos)
                    query = layer.name;
            LayerChoice& own = request.recipe.overrides[query];
            own = request.recipe.standard;
            if (variant == 0)
                own.keepFloat = true;
            else if (variant == 1)
                own.activation.bits = 6;
            else if (variant == 2)
                std::get<RepquantOptions>(own.method).reconstruct = false;
            else
                own.method = GptqOptions{};
            const auto run = runOf(request);
            for (const LayerResult& layer : run->layers) {
                if (layer.name.find(block) == std::string::npos || layer.name == query)
                    continue;
                QVERIFY(layer.staticInputs);
                QVERIFY(layer.staticInputs->ratio.empty());
                QVERIFY2(layer.note.find("not folded: " + query) != std::string::npos,
                         layer.note.c_str());
            }
        }
    }

    /// Results of a folded norm are of use together only.
    void halfAFoldIsNotTakenOver()
    {
        const Small small;
        for (const char* changes : {"query", "key"}) {
            QuantizeRequest request =
                small.request(SmoothquantOptions(), 4, CalibrationMode::Float);
            const auto whole = runOf(request);
            const std::string name = nameIn(*small.model, 1, changes);
            LayerChoice& own = request.recipe.overrides[name];
            own = request.recipe.standard;
            own.method = RtnOptions{};
            own.activation = {};
            const std::string expected = bytesOf(*runOf(request), small.folder);
            const std::string other = nameIn(*small.model, 1, "attention.output.dense");
            for (const std::string& only : {name, other}) {
                QuantizeRequest part = request;
                part.only = std::set<std::string>{only, name};
                for (const LayerResult& layer : whole->layers)
                    if (layer.name != name)
                        part.finished.emplace(layer.name, layer);
                // Who asks beforehand hears of the other readers.
                const auto along =
                    coupledLayers(*small.model, request.recipe, *part.only, part.finished);
                for (const char* reader : {"query", "key", "value"})
                    QVERIFY(along.contains(nameIn(*small.model, 1, reader)));
                QVERIFY(!along.contains(nameIn(*small.model, 0, "query")));
                QCOMPARE(coupledLayers(*small.model, request.recipe, *part.only).size(),
                         part.only->size());
                QVERIFY(bytesOf(*runOf(part), small.folder) == expected);
            }
            // Where it stays float, nothing of the fold is left either.
            own.keepFloat = true;
            const auto floats = runOf(request);
            QuantizeRequest part = request;
            part.only = std::set<std::string>{other};
            for (const LayerResult& layer : whole->layers)
                if (layer.name != name)
                    part.finished.emplace(layer.name, layer);
            QVERIFY(bytesOf(*runOf(part), small.folder) == bytesOf(*floats, small.folder));
        }
    }

    void readersOfOneValueShareWhatIsKnown()
    {
        const Small small;
        QuantizeRequest request = small.request(MinmaxStaticOptions());
        for (const bool calibrated : {true, false}) {
            LayerChoice& own = request.recipe.overrides[nameIn(*small.model, 1, "value")];
            own = request.recipe.standard;
            own.method = calibrated ? MethodOptions(GptqOptions{}) : MethodOptions(RtnOptions{});
            own.activation = {};
            const auto run = runOf(request);
            const LayerResult* value = run->find(nameIn(*small.model, 1, "value"));
            QVERIFY(std::isfinite(value->relativeOutputError));
            QVERIFY(value->note.find("gives way") == std::string::npos);
        }
    }

    /// A block is trained on what its folded layers are, in every mode.
    void trainedBesideAFold()
    {
        const Small small;
        for (const CalibrationMode mode : {CalibrationMode::Float, CalibrationMode::Sequential}) {
            QuantizeRequest request = small.request(SmoothquantOptions(), 8, mode);
            const std::string name = nameIn(*small.model, 1, "1.output.dense");
            LayerChoice& own = request.recipe.overrides[name];
            own = request.recipe.standard;
            DecoupleqOptions options;
            options.blockEpochs = 1;
            own.method = options;
            own.activation = {};
            const auto run = runOf(request);
            const auto& tunings = run->find(name)->tunings;
            QCOMPARE(tunings.size(), std::size_t(1));
            QVERIFY2(tunings.front()->before() < 0.01,
                     std::to_string(tunings.front()->before()).c_str());
        }
    }

    void oneExponentForTheModel()
    {
        const Small small;
        PowerquantOptions options;
        options.exponentScope = ExponentScope::Model;
        QuantizeRequest request = small.request(options);
        request.recipe.standard.activation.bits = 8;
        request.recipe.standard.activation.quantizer = ActivationQuantizer::Uniform;
        std::set<float> exponents;
        const auto run = runOf(request);
        for (const LayerResult& layer : run->layers)
            if (layer.weight && layer.staticInputs)
                exponents.insert(layer.weight->exponents.begin(), layer.weight->exponents.end());
        QCOMPARE(exponents.size(), std::size_t(1));
    }

    void nupesAimsAtTheFloatNetwork()
    {
        const Small small;
        std::vector<std::vector<std::uint8_t>> codes[2];
        for (const bool asymmetric : {false, true}) {
            NupesOptions options;
            options.rounds = 2;
            options.asymmetric = asymmetric;
            QuantizeRequest request = small.request(options, 3, CalibrationMode::TrueSequential);
            request.recipe.standard.activation.bits = 4;
            request.recipe.standard.activation.quantizer = ActivationQuantizer::Uniform;
            const auto run = runOf(request);
            for (const LayerResult& layer : run->layers)
                if (layer.weight)
                    codes[asymmetric ? 1 : 0].push_back(layer.weight->codes);
        }
        QVERIFY(codes[0] != codes[1]);
    }

    /// A stop leaves all readers of a folded norm, or none: half of a fold is of no use.
    void foldsAreHandedOverWhole()
    {
        const Small small;
        const StaticSites sites(*small.model);
        int stopped = 0;
        int partly = 0;
        for (int k = 0;; ++k) {
            StopAt stop(k);
            std::set<std::string> names;
            try {
                (void)quantize(small.request(SmoothquantOptions()), stop,
                               [&](const LayerResult& layer) {
                                   if (layer.staticInputs && !layer.staticInputs->ratio.empty())
                                       names.insert(layer.name);
                               });
                break;
            } catch (const Cancelled&) {
                ++stopped;
            }
            partly += names.empty() ? 0 : 1;
            for (std::size_t i = 0; i < small.model->layers.size(); ++i)
                if (names.contains(small.model->layers[i].name))
                    for (const std::size_t reader : sites.of(i).readers)
                        QVERIFY(names.contains(small.model->layers[reader].name));
        }
        QVERIFY(stopped > 20 && partly > 3);
    }

    void clippingWithoutChannels()
    {
        const Small small;
        QuantizeRequest request = small.request(repquant());
        request.recipe.standard.activation.granularity = InputGranularity::Tensor;
        const auto run = runOf(request);
        const auto isNoted = [&](std::string_view part) {
            const LayerResult* layer = run->find(nameIn(*small.model, 1, part));
            return layer->note.find("clipping does nothing here") != std::string::npos;
        };
        QVERIFY(isNoted("query") && isNoted("intermediate"));
        QVERIFY(!isNoted("1.output.dense"));
        request.recipe.standard.activation.granularity = InputGranularity::Method;
        const auto other = runOf(request);
        for (const LayerResult& layer : other->layers)
            QVERIFY(layer.note.find("clipping") == std::string::npos);
    }

    void stopsAtEveryEarlyCheckpoint()
    {
        const Small small;
        for (int k = 0; k < 60; k += 3) {
            StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)quantize(small.request(repquant()), stop), Cancelled);
        }
    }

    void nonsenseIsNamed()
    {
        const Small small;
        Tensor pixels = pixelsIn(small.folder / "images.npy");
        pixels.floats()[100] = std::numeric_limits<float>::quiet_NaN();
        writeNpy(small.folder / "images.npy", pixels.view());
        try {
            (void)runOf(small.request(RepqVitOptions{}));
            QFAIL("accepted");
        } catch (const Error& error) {
            const std::string text = error.what();
            bool named = false;
            for (const Layer& layer : small.model->layers)
                named = named || text.find(layer.name) != std::string::npos;
            QVERIFY2(named, text.c_str());
        }
    }

    /// Section 3.7: zeros of an RMSNorm stay integers, one for each channel.
    void llama()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        request.recipe.standard.method = repquant();
        request.recipe.standard.scheme = {4, Granularity::Channel, 0, false, DType::F32};
        request.recipe.standard.activation.bits = 4;
        const auto run = runOf(request);
        int folds = 0;
        for (const LayerResult& layer : run->layers)
            if (layer.staticInputs && !layer.staticInputs->ratio.empty()) {
                ++folds;
                QVERIFY(layer.staticInputs->grid->hasOneScale());
                QVERIFY(layer.staticInputs->grid->zeros.size() > 1);
                QCOMPARE(layer.staticInputs->parameters.size(),
                         layer.staticInputs->norm ? std::size_t(1) : std::size_t(0));
            }
        QCOMPARE(folds, 15);
    }

    /// In integers the sums are exact, in floats they are not: a code may come out one beside.
    void integerProductsGiveTheSame()
    {
        const Small small;
        const auto run = runOf(small.request(repquant(), 8));
        ForwardRequest request;
        request.model = small.model;
        request.run = run;
        request.inputs[small.model->graph.inputs.front().name] = small.folder / "images.npy";
        request.mean = {0};
        request.deviation = {1};
        Monitor monitor;
        const auto valuesOf = [&](RunProducts products) {
            request.products = products;
            const Tensor out = std::move(runModel(request, monitor).front().value);
            return std::vector<float>(out.floats().begin(), out.floats().end());
        };
        const auto simulated = valuesOf(RunProducts::Floats);
        const auto integers = valuesOf(RunProducts::Integers);
        QVERIFY2(sqnr(simulated, integers) > 45,
                 qPrintable(QString::number(sqnr(simulated, integers))));
    }
};

QTEST_GUILESS_MAIN(TestStaticSession)
#include "tst_static_session.moc"
