// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/data/calibration.h"
#include "core/eval/metrics.h"
#include "core/graph/executor.h"
#include "core/io/byte_source.h"
#include "core/quant/solve.h"
#include "core/session/journal.h"
#include "core/session/language.h"
#include "core/session/quantize.h"
#include "core/session/statistics.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <fstream>
#include <iterator>
#include <stdexcept>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

std::string contentOf(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// GPTQ on the bundled sample's first two blocks, a few short windows.
Recipe smallRecipe(CalibrationMode mode = CalibrationMode::Sequential)
{
    Recipe recipe;
    recipe.standard.method = GptqOptions{};
    recipe.standard.scheme.bits = 3;
    recipe.standard.scheme.granularity = Granularity::Group;
    recipe.standard.scheme.groupSize = 64;
    Rule keep;
    keep.pattern = "layers\\.[2-5]\\.";
    keep.choice = recipe.standard;
    keep.choice.keepFloat = true;
    recipe.rules.push_back(keep);
    recipe.calibration.data = (sample / "calibration.txt").string();
    recipe.calibration.samples = 6;
    recipe.calibration.context = 64;
    recipe.calibration.mode = mode;
    return recipe;
}

QuantizeRequest smallRequest(const std::filesystem::path& output = {})
{
    QuantizeRequest request;
    request.model = openModel(sample);
    request.recipe = smallRecipe();
    request.output = output;
    return request;
}

std::size_t layerIndex(const Model& model, const char* name)
{
    return static_cast<std::size_t>(model.findLayer(name) - model.layers.data());
}

/// The message of the Error that the call throws; fails the test otherwise.
template <class Call>
std::string errorOf(const Call& call)
{
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

} // namespace

class TestQuantize : public QObject
{
    Q_OBJECT

private slots:
    void sequentialModeSeesQuantizedBlocks_data()
    {
        QTest::addColumn<bool>("sequential");
        QTest::newRow("sequential") << true;
        QTest::newRow("float") << false;
    }
    void sequentialModeSeesQuantizedBlocks()
    {
        // The second block's codes are those of GPTQ on Hessians gathered here by hand, behind the
        // quantized (or the float) first block.
        QFETCH(bool, sequential);
        QuantizeRequest request = smallRequest();
        request.recipe =
            smallRecipe(sequential ? CalibrationMode::Sequential : CalibrationMode::Float);
        Monitor monitor;
        const auto run = quantize(request, monitor);
        const Model& model = *request.model;

        Weights weights(request.model, std::uint64_t(1) << 30);
        if (sequential) {
            Run firstBlock = *run;
            for (LayerResult& result : firstBlock.layers)
                if (result.name.find("layers.0.") == std::string::npos)
                    result.weight = nullptr;
            applyRun(model, firstBlock, weights);
        }
        const auto tokenizer = modelTokenizer(model, {});
        const TokenWindows windows =
            sampleWindows(tokenizeFile(*tokenizer, sample / "calibration.txt"), 64, 6, 0);
        QCOMPARE(windows.count(), 6);
        const Executor executor(model, weights);
        Tensor hidden = executor.embed(windows.tokens, windows.count());
        executor.runBlock(0, hidden, monitor);
        for (const char* name :
             {"model.layers.1.self_attn.k_proj", "model.layers.1.mlp.down_proj"}) {
            const Layer& layer = *model.findLayer(name);
            InputAccumulator accumulator(layer.cols, true);
            Tensor copy = hidden.clone();
            executor.runBlock(1, copy, monitor, [&](int node, const Tensor& input) {
                const ConstMatrixView x = input.matrix();
                if (node == layer.node)
                    accumulator.add(x);
            });
            const Tensor weight = layerWeight(model, layer);
            LayerProblem problem;
            problem.name = layer.name;
            problem.weight = weight.matrix();
            problem.scheme = request.recipe.standard.scheme;
            problem.inputs = std::make_shared<const InputStatistics>(accumulator.finish());
            const SolveResult expected = solve(problem, request.recipe.standard.method, monitor);
            const LayerResult& actual = run->layers[layerIndex(model, name)];
            QVERIFY(actual.weight->codes == expected.weight.codes);
            QVERIFY(actual.weight->scales == expected.weight.scales);
            const Tensor quantized = dequantize(expected.weight);
            QVERIFY(isClose(
                actual.relativeOutputError,
                relativeOutputError(problem.weight, quantized.matrix(), problem.inputs->hessian),
                1e-9));
        }
    }

    void runIsTheSameForAnyNumberOfThreads()
    {
        const TemporaryFolder folder;
        for (int threads = 1; threads <= 2; ++threads) {
            const ThreadLimit limit(threads);
            Monitor monitor;
            (void)quantize(smallRequest(folder / concat(threads, ".gradus")), monitor);
        }
        const std::string one = contentOf(folder / "1.gradus");
        QVERIFY(one.size() > 10000);
        QVERIFY(one == contentOf(folder / "2.gradus"));
        QVERIFY(!std::filesystem::exists(journalPath(folder / "1.gradus")));
    }

    void spilledActivationsChangeNothing()
    {
        QuantizeRequest request = smallRequest();
        Monitor monitor;
        const auto expected = quantize(request, monitor);
        request.memoryBytes = 1 << 16; // far below the activations and one block's weights
        const auto actual = quantize(request, monitor);
        for (std::size_t i = 0; i < expected->layers.size(); ++i) {
            QCOMPARE(actual->layers[i].weight == nullptr, expected->layers[i].weight == nullptr);
            if (expected->layers[i].weight)
                QVERIFY(actual->layers[i].weight->codes == expected->layers[i].weight->codes);
        }
    }

    void interruptedRunsResumeToTheSameBytes()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        (void)quantize(smallRequest(folder / "whole.gradus"), monitor);
        const std::string whole = contentOf(folder / "whole.gradus");

        QuantizeRequest request = smallRequest(folder / "parts.gradus");
        int rounds = 0;
        for (bool done = false; !done; ++rounds) {
            // Every session dies after three new layers, as if the process were killed.
            request.resume = rounds > 0;
            int fresh = 0;
            const int known = 3 * rounds;
            int seen = 0;
            try {
                (void)quantize(request, monitor, [&](const LayerResult& result) {
                    if (++seen > known && !result.choice.keepFloat && ++fresh == 4)
                        throw std::runtime_error("killed");
                });
                done = true;
            } catch (const std::runtime_error& error) {
                QCOMPARE(std::string(error.what()), std::string("killed"));
                QVERIFY(!std::filesystem::exists(request.output));
            }
            QVERIFY(rounds < 40);
        }
        QVERIFY(rounds > 2);
        QVERIFY(whole == contentOf(folder / "parts.gradus"));
    }

    void anotherRecipeDoesNotResume()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = smallRequest(folder / "run.gradus");
        Monitor monitor;
        QVERIFY_EXCEPTION_THROWN(
            (void)quantize(request, monitor, [](const LayerResult&) { throw Cancelled(); }),
            Cancelled);
        request.resume = true;
        request.recipe.standard.scheme.bits = 4;
        QVERIFY_EXCEPTION_THROWN((void)quantize(request, monitor), Error);
    }

    void cancelsAtEveryEarlyCheckpoint()
    {
        const TemporaryFolder folder;
        for (int k = 0; k < 60; k += k < 20 ? 1 : 7) {
            StopAt stop(k);
            const QuantizeRequest request = smallRequest(folder / "run.gradus");
            QVERIFY_EXCEPTION_THROWN((void)quantize(request, stop), Cancelled);
            QVERIFY(!std::filesystem::exists(request.output));
        }
    }

    void dataFreeMethodsNeedNoCalibration()
    {
        QuantizeRequest request = smallRequest();
        request.recipe.calibration = {};
        request.recipe.standard.method = RtnOptions{};
        request.recipe.rules.clear();
        Monitor monitor;
        int seen = 0;
        const auto run = quantize(request, monitor, [&](const LayerResult&) { ++seen; });
        QCOMPARE(static_cast<std::size_t>(seen), request.model->layers.size());
        QCOMPARE(run->layers.size(), request.model->layers.size());
        std::int64_t weights = 0;
        std::uint64_t bytes = 0;
        for (const LayerResult& layer : run->layers) {
            QVERIFY(std::isnan(layer.relativeOutputError));
            QCOMPARE(layer.weight == nullptr, layer.name == "model.embed_tokens");
            if (layer.weight) {
                weights += layer.weight->rows * layer.weight->cols;
                bytes += layer.bytes();
                // 3 bits, a float16 scale and a 3-bit zero for every 64 weights.
                QVERIFY(isClose(layer.bitsPerWeight(), 3 + (16.0 + 3.0) / 64, 1e-3));
            }
        }
        QCOMPARE(run->totals.weights, weights);
        QCOMPARE(run->totals.bytes, bytes);
        const Plan planned = plan(*request.model, request.recipe);
        QCOMPARE(planned.totals.bytes, bytes);
        QCOMPARE(planned.totals.floatBytes, run->totals.floatBytes);
    }

    void embeddingsAreQuantizedWhenARuleSaysSo()
    {
        QuantizeRequest request = smallRequest();
        Rule rule;
        rule.pattern = "embed_tokens";
        rule.choice.method = RtnOptions{};
        rule.choice.scheme.bits = 8;
        request.recipe.rules.insert(request.recipe.rules.begin(), rule);
        Monitor monitor;
        const auto run = quantize(request, monitor);
        QVERIFY(run->find("model.embed_tokens")->weight);
    }

    void errorsAreSentences()
    {
        Monitor monitor;
        const TemporaryFolder folder;
        QuantizeRequest request = smallRequest();
        request.recipe.calibration.data = {};
        QVERIFY(errorOf([&] { (void)quantize(request, monitor); }).find("calibration") !=
                std::string::npos);

        request = smallRequest();
        std::ofstream(folder / "empty.txt").close();
        request.recipe.calibration.data = (folder / "empty.txt").string();
        QVERIFY(errorOf([&] { (void)quantize(request, monitor); }).find("empty.txt") !=
                std::string::npos);

        request = smallRequest(folder / "no" / "such" / "folder" / "run.gradus");
        QVERIFY(errorOf([&] { (void)quantize(request, monitor); }).find("folder") !=
                std::string::npos);

        request = smallRequest();
        request.recipe.calibration.context = 100000;
        QVERIFY(errorOf([&] { (void)quantize(request, monitor); }).find("100000") !=
                std::string::npos);

        std::filesystem::create_directories(folder / "untokenized");
        for (const char* file : {"model.safetensors", "config.json"})
            std::filesystem::copy_file(sample / file, folder / "untokenized" / file);
        request = smallRequest();
        request.model = openModel(folder / "untokenized");
        QVERIFY(errorOf([&] { (void)quantize(request, monitor); }).find("tokenizer") !=
                std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestQuantize)
#include "tst_quantize.moc"
