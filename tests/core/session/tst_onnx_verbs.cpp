// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX files through the verbs: language models, images that a preprocessor describes, and graphs
// that take a fixed number of samples.
#include "core/data/text_windows.h"
#include "core/graph/executor.h"
#include "core/io/npy.h"
#include "core/session/evaluate.h"
#include "core/session/forward.h"
#include "core/session/language.h"
#include "core/session/quantize.h"
#include "core/session/samples.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <fstream>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t vocabulary = 2048;
constexpr std::int64_t features = 8;

std::string weight(const std::string& name, const std::vector<std::int64_t>& dims, double phase)
{
    std::int64_t count = 1;
    for (const std::int64_t size : dims)
        count *= size;
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<float>(std::sin(phase + 1.7 * static_cast<double>(i))));
    return onnx::initializer(onnx::floats(name, dims, values));
}

/// h = (table[ids] + tanh(table[ids] · W)) · mask, twice, then a head: blocks read the mask.
std::string languageGraph(const std::string& moreInputs = {}, const std::string& output = "logits")
{
    std::string graph =
        onnx::input("input_ids", 7, {-1, -1}) + onnx::input("attention_mask", 7, {-1, -1}) +
        moreInputs + onnx::output(output, 1, {-1, -1, vocabulary}) +
        weight("table", {vocabulary, features}, 0.3) + weight("head", {features, vocabulary}, 0.9) +
        onnx::initializer(onnx::integers("last", {2})) +
        onnx::node("Gather", {"table", "input_ids"}, {"h0"}) +
        onnx::node("Cast", {"attention_mask"}, {"m"}, onnx::attribute("to", 1)) +
        onnx::node("Unsqueeze", {"m", "last"}, {"mask"});
    for (int layer = 0; layer < 2; ++layer) {
        const std::string at = std::to_string(layer);
        const std::string name = "layers." + at + ".weight";
        graph += weight(name, {features, features}, 0.1 + layer) +
                 onnx::node("MatMul", {"h" + at, name}, {"p" + at}) +
                 onnx::node("Tanh", {"p" + at}, {"t" + at}) +
                 onnx::node("Add", {"h" + at, "t" + at}, {"s" + at}) +
                 onnx::node("Mul", {"s" + at, "mask"}, {"h" + std::to_string(layer + 1)});
    }
    return graph + onnx::node("MatMul", {"h2", "head"}, {output});
}

void write(const fs::path& path, const std::string& content)
{
    std::ofstream(path, std::ios::binary) << content;
}

fs::path sampleFolder()
{
    return fs::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";
}

/// A classifier of 4 images at once, each by its own pixels.
std::string fixedGraph(const std::vector<std::int64_t>& shape)
{
    return onnx::input("x", 1, shape) + onnx::output("y", 1, {shape[0], 3}) +
           weight("conv", {5, 3, 3, 3}, 0.4) + weight("dense", {5, 3}, 0.8) +
           onnx::initializer(onnx::integers("flat", {shape[0], 5})) +
           onnx::node("Conv", {"x", "conv"}, {"a"}) +
           onnx::node("GlobalAveragePool", {"a"}, {"b"}) +
           onnx::node("Reshape", {"b", "flat"}, {"c"}) +
           onnx::node("MatMul", {"c", "dense"}, {"y"});
}

Tensor images(std::int64_t count)
{
    Tensor tensor({count, 3, 6, 6});
    double at = 0;
    for (float& value : tensor.floats())
        value = static_cast<float>(std::sin(at += 0.37));
    return tensor;
}

} // namespace

class TestOnnxVerbs : public QObject
{
    Q_OBJECT

private slots:
    void languageModelsHavePerplexity()
    {
        TemporaryFolder folder;
        write(folder / "model.onnx", onnx::model(languageGraph(), 13));
        write(folder / "config.json",
              R"({"architectures": ["TinyForCausalLM"], "max_position_embeddings": 77})");
        fs::copy_file(sampleFolder() / "tokenizer.model", folder / "tokenizer.model");
        write(folder / "text.txt", "In the beginning God created the heaven and the earth. And the "
                                   "earth was without form, and void; and darkness was upon the "
                                   "face of the deep. And the Spirit of God moved.");
        const auto model = openModel(folder / "model.onnx");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->task, ModelTask::Language);
        QCOMPARE(model->vocabularySize, vocabulary);
        QCOMPARE(model->hiddenSize, features);
        QCOMPARE(model->maximumContext, std::int64_t(77));

        EvaluateRequest request;
        request.model = model;
        request.data = folder / "text.txt";
        request.context = 10;
        Monitor monitor;
        const Perplexity found = evaluatePerplexity(request, monitor);
        // The same by the whole graph, window by window.
        const auto tokenizer = modelTokenizer(*model, {});
        const TokenWindows windows = cutWindows(tokenizeFile(*tokenizer, request.data), 10);
        const Weights weights(model, std::uint64_t(1) << 24);
        double sum = 0;
        for (std::int64_t w = 0; w < windows.count(); ++w) {
            const auto window = windows.window(w);
            const Tensor logits = Executor(*model, weights).logits(window, 1, monitor);
            QCOMPARE(logits.shape(), (Shape{10, vocabulary}));
            for (std::size_t p = 0; p + 1 < window.size(); ++p) {
                const auto row = logits.matrix().row(static_cast<std::int64_t>(p));
                double total = 0;
                for (const float value : row)
                    total += std::exp(static_cast<double>(value));
                sum += std::log(total) -
                       static_cast<double>(row[static_cast<std::size_t>(window[p + 1])]);
            }
        }
        QVERIFY(windows.count() > 2);
        QVERIFY(std::abs(found.meanNll - sum / static_cast<double>(9 * windows.count())) < 1e-5);

        // Calibrated on text, and generating.
        QuantizeRequest quantized;
        quantized.model = model;
        quantized.recipe.standard.method = GptqOptions{};
        quantized.recipe.standard.scheme.bits = 4;
        quantized.recipe.calibration.data = (folder / "text.txt").string();
        quantized.recipe.calibration.context = 10;
        quantized.recipe.calibration.samples = 3;
        const auto run = quantize(quantized, monitor);
        QVERIFY(run->find("layers.0")->weight || run->find("layers.0.weight"));
        request.run = run;
        QVERIFY(std::isfinite(evaluatePerplexity(request, monitor).value));
        GenerateRequest generated;
        generated.model = model;
        generated.prompt = "In the";
        generated.tokens = 3;
        QVERIFY(generate(generated, monitor).size() > generated.prompt.size());
    }

    void otherModelsOfTokensAreNone_data()
    {
        QTest::addColumn<QString>("architecture");
        QTest::addColumn<bool>("segments");
        QTest::addColumn<QString>("output");
        QTest::newRow("masked") << "TinyForMaskedLM" << false << "logits";
        QTest::newRow("segments") << "" << true << "logits";
        QTest::newRow("states") << "" << false << "last_hidden_state";
    }
    void otherModelsOfTokensAreNone()
    {
        QFETCH(QString, architecture);
        QFETCH(bool, segments);
        QFETCH(QString, output);
        TemporaryFolder folder;
        const std::string graph =
            languageGraph(segments ? onnx::input("token_type_ids", 7, {-1, -1}) : std::string(),
                          output.toStdString());
        write(folder / "model.onnx", onnx::model(graph, 13));
        if (!architecture.isEmpty())
            write(folder / "config.json",
                  "{\"architectures\": [\"" + architecture.toStdString() + "\"]}");
        const auto model = openModel(folder / "model.onnx");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->task, ModelTask::Other);
    }

    void preprocessorsTellHowImagesAreFed_data()
    {
        QTest::addColumn<bool>("above"); // in a folder "onnx" below the configuration
        QTest::addColumn<bool>("sized"); // the graph says the size
        QTest::newRow("beside, no size") << false << false;
        QTest::newRow("beside, a size") << false << true;
        QTest::newRow("above, no size") << true << false;
    }
    void preprocessorsTellHowImagesAreFed()
    {
        QFETCH(bool, above);
        QFETCH(bool, sized);
        TemporaryFolder folder;
        const fs::path at = above ? folder / "onnx" : folder.path();
        fs::create_directories(at);
        const std::int64_t side = sized ? 6 : -1;
        write(at / "model.onnx", onnx::model(fixedGraph({1, 3, side, side}), 13));
        write(folder / "preprocessor_config.json",
              R"({"size": {"height": 12, "width": 10}, "image_mean": [0.5, 0.25, 0.125],
                  "image_std": [0.5, 0.5, 0.25], "rescale_factor": 0.00390625})");
        const auto model = openModel(at / "model.onnx");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QVERIFY(model->image.has_value());
        QCOMPARE(model->image->height, std::int64_t(sized ? 6 : 12));
        QCOMPARE(model->image->width, std::int64_t(sized ? 6 : 10));
        QVERIFY(model->image->channelsFirst);
        QCOMPARE(model->image->mean, (std::vector<float>{128, 64, 32}));
        QCOMPARE(model->image->deviation, (std::vector<float>{128, 128, 64}));
        QCOMPARE(model->task, ModelTask::Classification);
    }

    void lastBatchIsFilledUp()
    {
        TemporaryFolder folder;
        write(folder / "four.onnx", onnx::model(fixedGraph({4, 3, 6, 6}), 13));
        write(folder / "one.onnx", onnx::model(fixedGraph({1, 3, 6, 6}), 13));
        writeNpy(folder / "x.npy", images(10).view());
        const auto four = openModel(folder / "four.onnx");
        const auto one = openModel(folder / "one.onnx");
        QVERIFY2(four->canRun(), four->whyNotRunnable.c_str());
        QCOMPARE(fixedBatch(*four), std::int64_t(4));

        Monitor monitor;
        const auto outputOf = [&](const std::shared_ptr<const Model>& model) {
            ForwardRequest request;
            request.model = model;
            request.inputs["x"] = folder / "x.npy";
            return std::move(runModel(request, monitor).front().value);
        };
        const Tensor found = outputOf(four);
        const Tensor expected = outputOf(one);
        QCOMPARE(found.shape(), (Shape{10, 3}));
        QCOMPARE(found.shape(), expected.shape());
        QVERIFY(
            std::equal(found.floats().begin(), found.floats().end(), expected.floats().begin()));

        // Judged over the ten images, whatever the batches.
        QuantizeRequest request;
        request.recipe.standard.method = GptqOptions{};
        request.recipe.standard.scheme.bits = 3;
        request.recipe.calibration.data = (folder / "x.npy").string();
        request.recipe.calibration.samples = 10;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
        request.model = four;
        const auto run = quantize(request, monitor);
        EvaluateRequest evaluation;
        evaluation.run = run;
        evaluation.data = folder / "x.npy";
        evaluation.model = four;
        const OutputSimilarity four10 = evaluateOutputs(evaluation, nullptr, monitor);
        evaluation.model = one;
        const OutputSimilarity one10 = evaluateOutputs(evaluation, nullptr, monitor);
        QCOMPARE(four10.samples, std::int64_t(10));
        QCOMPARE(four10.samples, one10.samples);
        QVERIFY(std::abs(four10.cosine - one10.cosine) < 1e-9);
    }

    void batchesAreFilledWithTheLastSample()
    {
        QCOMPARE(inWholeBatches({1, 2, 3}, 2), (std::vector<std::int64_t>{1, 2, 3, 3}));
        QCOMPARE(inWholeBatches({1, 2}, 2), (std::vector<std::int64_t>{1, 2}));
        QCOMPARE(inWholeBatches({7}, 1), (std::vector<std::int64_t>{7}));
        QVERIFY(inWholeBatches({}, 3).empty());
    }
};

QTEST_GUILESS_MAIN(TestOnnxVerbs)
#include "tst_onnx_verbs.moc"
