// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/graph/executor.h"
#include "core/io/byte_source.h"
#include "core/quant/solve.h"
#include "core/session/evaluate.h"
#include "core/session/language.h"
#include "core/session/quantize.h"
#include "core/session/statistics.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <fstream>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

EvaluateRequest sampleRequest()
{
    EvaluateRequest request;
    request.model = openModel(sample);
    request.data = sample / "evaluation.txt";
    request.context = 256;
    return request;
}

/// The first part of the evaluation text, for tests that need not see all of it.
std::filesystem::path shortText(const TemporaryFolder& folder)
{
    const std::string text = readTextFile(sample / "evaluation.txt");
    std::ofstream(folder / "short.txt") << text.substr(0, text.find(' ', 12000)) << '\n';
    return folder / "short.txt";
}

/// Rounded to nearest, all layers of the model that are matrices; the first one to 8 bits.
std::shared_ptr<const Run> roundedRun(const Model& model, int bits, std::int64_t group)
{
    auto run = std::make_shared<Run>();
    Monitor monitor;
    for (const Layer& layer : model.layers) {
        if (layer.node < 0)
            continue;
        const Tensor weight = layerWeight(model, layer);
        LayerProblem problem;
        problem.name = layer.name;
        problem.weight = weight.matrix();
        problem.scheme.bits = layer.name == "model.layers.0.self_attn.q_proj" ? 8 : bits;
        problem.scheme.granularity = group > 0 ? Granularity::Group : Granularity::Channel;
        problem.scheme.groupSize = group;
        LayerResult result;
        result.name = layer.name;
        result.weight =
            std::make_shared<const QuantizedWeight>(solve(problem, RtnOptions{}, monitor).weight);
        run->layers.push_back(std::move(result));
    }
    return run;
}

/// Power levels at ½ in all layers that are matrices, inputs on a grid but for the first one.
std::shared_ptr<const Run> powerRun(const Model& model, float inputExponent)
{
    auto run = std::make_shared<Run>();
    Monitor monitor;
    for (const Layer& layer : model.layers) {
        if (layer.node < 0)
            continue;
        const Tensor weight = layerWeight(model, layer);
        LayerProblem problem;
        problem.name = layer.name;
        problem.weight = weight.matrix();
        problem.scheme.bits = 4;
        PowerquantOptions options;
        options.exponent = 0.5;
        options.outliers = 0.001;
        LayerResult result;
        result.name = layer.name;
        result.weight =
            std::make_shared<const QuantizedWeight>(solve(problem, options, monitor).weight);
        if (layer.name != "model.layers.0.self_attn.q_proj") {
            ActivationGrid grid;
            grid.exponent = inputExponent;
            grid.limit = 6;
            result.activation = grid;
        }
        run->layers.push_back(std::move(result));
    }
    return run;
}

class Notes final : public Monitor
{
public:
    void note(std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
};

} // namespace

class TestEvaluate : public QObject
{
    Q_OBJECT

private slots:
    void knownAnswersOfTheSample_data()
    {
        QTest::addColumn<bool>("llamaCpp");
        QTest::addColumn<double>("expected");
        QTest::newRow("gptq") << false << 17.7243;
        QTest::newRow("llama.cpp") << true << 16.9733;
    }
    void knownAnswersOfTheSample()
    {
        // Made with PyTorch when the sample was trained; see its README.
        QFETCH(bool, llamaCpp);
        QFETCH(double, expected);
        EvaluateRequest request = sampleRequest();
        request.convention = llamaCpp ? PerplexityConvention::LlamaCpp : PerplexityConvention::Gptq;
        Monitor monitor;
        const Perplexity result = evaluatePerplexity(request, monitor);
        QVERIFY(isClose(result.value, expected, 1e-3));
        QCOMPARE(result.windows, 226);
        QCOMPARE(result.tokens, 226 * (llamaCpp ? 127 : 255));
    }

    void agreesWithScalarOracle()
    {
        // The sample's text through a tiny random model and the oracle's logits.
        TinyLlama tiny;
        tiny.vocabulary = 2048;
        const TemporaryFolder folder;
        tiny.write(folder / "tiny");
        EvaluateRequest request;
        request.model = openModel(folder / "tiny");
        request.data = shortText(folder);
        request.tokenizer = sample / "tokenizer.model";
        request.context = 20;
        const auto tokenizer = openTokenizer(request.tokenizer, 2048);
        const TokenWindows windows = cutWindows(tokenizeFile(*tokenizer, request.data), 20);
        for (const bool llamaCpp : {false, true}) {
            double sum = 0;
            std::int64_t scored = 0;
            for (std::int64_t w = 0; w < windows.count(); ++w) {
                const auto window = windows.window(w);
                std::vector<int> tokens(window.begin(), window.end());
                if (llamaCpp)
                    tokens[0] = 1;
                const TinyLlama::Rows logits = tiny.logits(tokens);
                for (std::size_t target = llamaCpp ? 11 : 1; target < 20; ++target) {
                    double total = 0;
                    for (const double logit : logits[target - 1])
                        total += std::exp(logit);
                    sum += std::log(total) -
                           logits[target - 1][static_cast<std::size_t>(window[target])];
                    ++scored;
                }
            }
            request.convention =
                llamaCpp ? PerplexityConvention::LlamaCpp : PerplexityConvention::Gptq;
            Monitor monitor;
            const Perplexity result = evaluatePerplexity(request, monitor);
            QCOMPARE(result.tokens, scored);
            QVERIFY(isClose(result.meanNll, sum / static_cast<double>(scored), 1e-4));
        }
    }

    void memoryBudgetAndThreadsChangeNothing()
    {
        const TemporaryFolder folder;
        EvaluateRequest request = sampleRequest();
        request.data = shortText(folder);
        Monitor monitor;
        const double expected = evaluatePerplexity(request, monitor).value;
        request.memoryBytes = 1 << 16;
        QVERIFY(evaluatePerplexity(request, monitor).value == expected);
        const ThreadLimit limit(1);
        QVERIFY(evaluatePerplexity(request, monitor).value == expected);
    }

    void knownAnswersOfRealModels_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<int>("context");
        QTest::addColumn<double>("expected");
        QTest::newRow("stories260K.bin, 128") << "stories260K.bin" << 128 << 7.0238;
        QTest::newRow("stories260K.bin, 256") << "stories260K.bin" << 256 << 7.5577;
        QTest::newRow("folder, 128") << "" << 128 << 7.0238;
    }
    void knownAnswersOfRealModels()
    {
        // llama-perplexity of llama.cpp on the same text; see the data's README.
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: no real model to compare with");
        QFETCH(QString, model);
        QFETCH(int, context);
        QFETCH(double, expected);
        EvaluateRequest request;
        request.model = openModel(model.isEmpty() ? *data / "lm-stories260K"
                                                  : *data / "lm-stories260K" / model.toStdString());
        request.data = *data / "text" / "tinystories.txt";
        request.tokenizer = *data / "lm-stories260K" / "tokenizer.bin";
        request.context = context;
        request.convention = PerplexityConvention::LlamaCpp;
        Monitor monitor;
        QVERIFY(isClose(evaluatePerplexity(request, monitor).value, expected, 1e-3));
    }

    void generatesTheSameTextWithAndWithoutCache()
    {
        GenerateRequest request;
        request.model = openModel(sample);
        request.prompt = "And the LORD said unto";
        request.tokens = 20;
        Monitor monitor;
        std::string pieces;
        const std::string text =
            generate(request, monitor, [&](std::string_view piece) { pieces += piece; });
        QVERIFY(text == request.prompt + pieces);
        QVERIFY(text.size() > request.prompt.size() + 20);
        // One token at a time from scratch, which uses no cached positions.
        request.tokens = 1;
        std::string slow = request.prompt;
        const auto tokenizer = modelTokenizer(*request.model, {});
        Weights weights(request.model, std::uint64_t(1) << 30);
        std::vector<Token> tokens{*tokenizer->bos()};
        const auto prompt = tokenizer->encode(request.prompt);
        tokens.insert(tokens.end(), prompt.begin(), prompt.end());
        const std::size_t start = tokens.size();
        for (int i = 0; i < 20; ++i) {
            const Tensor logits = Executor(*request.model, weights).logits(tokens, 1, monitor);
            const auto row = std::as_const(logits).matrix().row(logits.shape()[0] - 1);
            tokens.push_back(
                static_cast<Token>(std::max_element(row.begin(), row.end()) - row.begin()));
        }
        slow += tokenizer->decode(std::span<const Token>(tokens).subspan(start), false);
        QCOMPARE(text, slow);
        // Sampling depends on the seed alone.
        request.tokens = 12;
        request.temperature = 1;
        request.seed = 5;
        const std::string first = generate(request, monitor);
        QCOMPARE(generate(request, monitor), first);
        request.seed = 6;
        QVERIFY(generate(request, monitor) != first);
    }

    void packedEqualsDequantized_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::newRow("2 bits, channel") << 2 << 0;
        QTest::newRow("3 bits, groups of 48") << 3 << 48;
        QTest::newRow("4 bits, groups of 64") << 4 << 64;
    }
    void packedEqualsDequantized()
    {
        // Every linear layer and the head, whose weight is the embedding's too; one layer has more
        // bits than can be packed.
        QFETCH(int, bits);
        QFETCH(int, group);
        const TemporaryFolder folder;
        EvaluateRequest request = sampleRequest();
        request.data = shortText(folder);
        const auto run = roundedRun(*request.model, bits, group);
        request.run = run;
        Notes notes;
        const Perplexity floats = evaluatePerplexity(request, notes);
        QCOMPARE(floats.packedLayers, 0);
        QVERIFY(notes.lines.empty());
        request.products = RunProducts::Packed;
        const Perplexity packed = evaluatePerplexity(request, notes);
        QCOMPARE(packed.packedLayers, static_cast<std::int64_t>(run->layers.size()) - 1);
        QCOMPARE(notes.lines.size(), 1U);
        QCOMPARE(notes.lines[0], "model.layers.0.self_attn.q_proj is not packed: 8 bits");
        QVERIFY(isClose(packed.value, floats.value, 1e-4));
        const Divergence divergence = evaluateDivergence(request, nullptr, notes);
        QCOMPARE(divergence.packedLayers, packed.packedLayers);
        {
            const ThreadLimit one(1);
            QCOMPARE(evaluatePerplexity(request, notes).meanNll, packed.meanNll);
        }
        GenerateRequest text;
        text.model = request.model;
        text.run = run;
        text.prompt = "And it came to pass";
        text.tokens = 12;
        const std::string expected = generate(text, notes);
        text.products = RunProducts::Packed;
        QCOMPARE(generate(text, notes), expected);
    }

    void integersEqualTheSimulation_data()
    {
        QTest::addColumn<float>("exponent");
        QTest::newRow("inputs at 1/2") << 0.5F;
        QTest::newRow("uniform inputs") << 1.0F;
    }
    void integersEqualTheSimulation()
    {
        QFETCH(float, exponent);
        const TemporaryFolder folder;
        EvaluateRequest request = sampleRequest();
        request.data = shortText(folder);
        const auto run = powerRun(*request.model, exponent);
        request.run = run;
        Notes notes;
        const Perplexity simulated = evaluatePerplexity(request, notes);
        QVERIFY(notes.lines.empty());
        request.products = RunProducts::Integers;
        const Perplexity integers = evaluatePerplexity(request, notes);
        QCOMPARE(integers.packedLayers, static_cast<std::int64_t>(run->layers.size()) - 1);
        QCOMPARE(notes.lines.size(), 1U);
        QCOMPARE(notes.lines[0], "model.layers.0.self_attn.q_proj is not multiplied in integers: "
                                 "its inputs are floats");
        // Sums of floats round; a few inputs on a border then get another code.
        QVERIFY(isClose(integers.value, simulated.value, 2e-3));
        request.products = RunProducts::Packed;
        const Perplexity packed = evaluatePerplexity(request, notes);
        QCOMPARE(packed.packedLayers, static_cast<std::int64_t>(run->layers.size()));
        QVERIFY(isClose(packed.value, simulated.value, 2e-3));
        // The grids do something.
        auto floats = std::make_shared<Run>(*run);
        for (LayerResult& layer : floats->layers)
            layer.activation.reset();
        request.run = floats;
        request.products = RunProducts::Floats;
        const Perplexity unrounded = evaluatePerplexity(request, notes);
        QVERIFY(unrounded.value != simulated.value);
        request.run = nullptr;
        request.products = RunProducts::Integers;
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, notes), Error);
    }

    void packedWeightsAreHeldOnce()
    {
        // A kernel answers for its floats, on request and no sooner; a tied embedding has both.
        const auto model = openModel(sample);
        const auto run = roundedRun(*model, 4, 64);
        Weights weights(model, std::uint64_t(1) << 30);
        Notes notes;
        (void)applyRunPacked(*model, *run, weights, notes);
        for (const LayerResult& result : run->layers) {
            const Layer& layer = *model->findLayer(result.name);
            const Tensor expected = dequantize(*result.weight);
            const auto floats = weights.get(layer.weight);
            QVERIFY(std::equal(expected.floats().begin(), expected.floats().end(),
                               floats->floats().begin(), floats->floats().end()));
            const auto kernel = weights.kernel(layer.weight);
            QCOMPARE(kernel != nullptr, result.weight->scheme.bits == 4);
        }
        const std::string& first = model->findLayer(run->layers.back().name)->weight;
        weights.restore(first);
        QVERIFY(!weights.kernel(first));
        EvaluateRequest request = sampleRequest();
        request.products = RunProducts::Packed;
        Monitor monitor;
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, monitor), Error);
    }

    void errorsAreSentences()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        EvaluateRequest request = sampleRequest();
        request.data = folder / "missing.txt";
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, monitor), Error);
        std::ofstream(folder / "tiny.txt") << "word";
        request.data = folder / "tiny.txt";
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, monitor), Error);
        request = sampleRequest();
        request.context = 1;
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, monitor), Error);
        request.context = 513; // the sample holds 512 positions
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, monitor), Error);
    }

    void cancelsAtEveryEarlyCheckpoint()
    {
        const TemporaryFolder folder;
        EvaluateRequest request = sampleRequest();
        request.data = shortText(folder);
        for (int k = 0; k < 40; ++k) {
            StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(request, stop), Cancelled);
        }
    }
};

QTEST_APPLESS_MAIN(TestEvaluate)
#include "tst_evaluate.moc"
