// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/data/calibration.h"
#include "core/data/tokenizer.h"
#include "core/session/stored_weight.h"
#include "tests/support/power_block.h"

#include <QTest>

#include <algorithm>

using namespace gradus;
using namespace gradus::test;

namespace {

/// A whole tiny model with all linear layers of its blocks rounded to 2 bits, and random text.
struct ModelFixture
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model;
    std::unique_ptr<Weights> weights;
    TokenWindows windows;
    FineTuningProblem problem;

    explicit ModelFixture(TinyLlama tiny = {}, bool head = false)
    {
        tiny.write(folder.path());
        model = openModel(folder.path());
        weights = std::make_unique<Weights>(model, std::uint64_t(1) << 28);
        windows.length = 14;
        RandomStream random(2, "tokens", "fine-tuning");
        for (int i = 0; i < 3 * 14; ++i)
            windows.tokens.push_back(
                static_cast<Token>(random.below(static_cast<std::uint64_t>(tiny.vocabulary))));
        problem.model = model;
        problem.weights = weights.get();
        problem.windows = &windows;
        Scheme scheme;
        scheme.bits = 2;
        scheme.floatZeros = true;
        for (const Layer& layer : model->layers)
            if (head || layer.quantizedByDefault) {
                auto weight = roundedWeight(*weights, layer, scheme);
                weights->replace(layer.weight, std::make_shared<const Tensor>(dequantize(*weight)));
                problem.layers.push_back({&layer, std::move(weight)});
            }
    }

    [[nodiscard]] double loss(const TuningResult& result) const
    {
        Weights with = Weights::over(*weights);
        for (std::size_t i = 0; i < problem.layers.size(); ++i)
            with.replace(problem.layers[i].layer->weight,
                         std::make_shared<const Tensor>(dequantize(*result.weights[i])));
        for (const auto& [name, value] : result.outcome->parameters)
            with.replace(name, value);
        double sum = 0;
        for (std::int64_t w = 0; w < windows.count(); ++w) {
            const auto tokens = windows.window(w);
            const Tensor logits = Executor(*model, with).logits(tokens, 1, Monitor());
            for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
                double total = 0;
                const auto row = logits.matrix().row(std::int64_t(t));
                for (const float logit : row)
                    total += std::exp(static_cast<double>(logit));
                sum += std::log(total) -
                       static_cast<double>(row[static_cast<std::size_t>(tokens[t + 1])]);
            }
        }
        return sum / static_cast<double>(windows.count() * (windows.length - 1));
    }
};

TrainingOptions options(int epochs, double rate = 1e-3)
{
    TrainingOptions o;
    o.epochs = epochs;
    o.rate = rate;
    o.patience = 0;
    return o;
}

TuningResult tune(const FineTuningProblem& problem, const TrainingOptions& o)
{
    Monitor monitor;
    return fineTune(problem, o, monitor);
}

bool sameTuning(const TuningResult& a, const TuningResult& b)
{
    for (std::size_t i = 0; i < a.weights.size(); ++i)
        if (a.weights[i]->scales != b.weights[i]->scales ||
            a.weights[i]->zeros != b.weights[i]->zeros)
            return false;
    return a.outcome->losses == b.outcome->losses &&
           a.outcome->epochLosses == b.outcome->epochLosses;
}

} // namespace

class TestFineTuning : public QObject
{
    Q_OBJECT

private slots:
    void lossFallsAndTheBestIsKept()
    {
        TinyLlama tiny;
        tiny.biases = true;
        tiny.type = "qwen2";
        const ModelFixture fixture(tiny);
        TrainingOptions o = options(4);
        o.biases = true;
        const TuningResult result = tune(fixture.problem, o);
        const TuningOutcome& outcome = *result.outcome;
        QCOMPARE(QString::fromStdString(outcome.name), QString("fine-tuning"));
        QCOMPARE(outcome.block, -1);
        QCOMPARE(outcome.epochLosses.size(), std::size_t(5));
        QCOMPARE(outcome.losses.size(), std::size_t(12));
        QVERIFY(outcome.after() < 0.9 * outcome.before());
        QVERIFY(isClose(fixture.loss(result), outcome.after(), 1e-5));
        // The first step is judged before anything moved, on the first window.
        QVERIFY(outcome.losses[0] > 0);
        // Two blocks of two norms and three biases, and the norm before the head; nothing else.
        QCOMPARE(outcome.parameters.size(), std::size_t(11));
        QVERIFY(outcome.parameters.contains("model.norm.weight"));
        for (std::size_t i = 0; i < result.weights.size(); ++i) {
            QVERIFY(!weightProblem(*result.weights[i]));
            QVERIFY(result.weights[i]->codes == fixture.problem.layers[i].weight->codes);
            QVERIFY(result.weights[i]->scales != fixture.problem.layers[i].weight->scales);
        }
    }

    /// Of power levels scales are trained, codes and exponents are not, whatever the rates.
    void powerLevelsKeepCodesAndExponents()
    {
        ModelFixture fixture;
        for (std::size_t i = 0; i < fixture.problem.layers.size(); i += 2) {
            TrainedLayer& layer = fixture.problem.layers[i];
            fixture.weights->restore(layer.layer->weight);
            layer.weight =
                powerWeight(fixture.weights->get(layer.layer->weight)->matrix(), {powerScheme(3)});
            fixture.weights->replace(layer.layer->weight,
                                     std::make_shared<const Tensor>(dequantize(*layer.weight)));
        }
        TrainingOptions o = options(3);
        o.codeRate = 0.1;
        o.exponentRate = 0.1;
        const TuningResult result = tune(fixture.problem, o);
        QVERIFY(result.outcome->bestEpoch > 0);
        QVERIFY(isClose(fixture.loss(result), result.outcome->after(), 1e-5));
        QCOMPARE(result.outcome->codeChange, 0.0);
        QCOMPARE(result.outcome->exponentChange, 0.0);
        for (std::size_t i = 0; i < result.weights.size(); ++i) {
            const QuantizedWeight& start = *fixture.problem.layers[i].weight;
            QVERIFY(result.weights[i]->codes == start.codes);
            QVERIFY(result.weights[i]->exponents == start.exponents);
            QVERIFY(result.weights[i]->scales != start.scales);
        }
    }

    void headsAreTrainedUnlessTheyShareTheEmbedding()
    {
        for (const bool tied : {false, true}) {
            TinyLlama tiny;
            tiny.tied = tied;
            const ModelFixture fixture(tiny, true);
            const TuningResult result = tune(fixture.problem, options(2));
            QVERIFY(result.outcome->bestEpoch > 0);
            QVERIFY(isClose(fixture.loss(result), result.outcome->after(), 1e-5));
            for (std::size_t i = 0; i < result.weights.size(); ++i) {
                const auto& layer = fixture.problem.layers[i];
                QCOMPARE(result.weights[i] == layer.weight,
                         layer.layer->kind == LayerKind::Embedding);
            }
        }
    }

    void onlyTheFinalNorm()
    {
        ModelFixture fixture;
        fixture.problem.layers.clear();
        const TuningResult result = tune(fixture.problem, options(2));
        QVERIFY(result.outcome->after() < result.outcome->before());
        QVERIFY(isClose(fixture.loss(result), result.outcome->after(), 1e-5));
    }

    void theTrainingLossIsThatOfTheWindow()
    {
        // One window, before its update: the start's own loss.
        ModelFixture fixture;
        fixture.windows.tokens.resize(14);
        const TuningResult result = tune(fixture.problem, options(1));
        QVERIFY(isClose(static_cast<double>(result.outcome->losses[0]), result.outcome->before(),
                        1e-5));
    }

    void spilledActivationsChangeNothing()
    {
        ModelFixture fixture;
        TrainingOptions o = options(1);
        o.batch = 2;
        const TuningResult inMemory = tune(fixture.problem, o);
        fixture.problem.memoryBytes = 0;
        QVERIFY(sameTuning(inMemory, tune(fixture.problem, o)));
        const ThreadLimit limit(1);
        QVERIFY(sameTuning(inMemory, tune(fixture.problem, o)));
    }

    void stoppedAnywhereItReturnsAValidState()
    {
        const ModelFixture fixture;
        int stopped = 0;
        for (int k = 0; k < 100000; k += 1 + k / 5) {
            StopAt monitor(k);
            const TuningResult result = fineTune(fixture.problem, options(2), monitor);
            QCOMPARE(result.weights.size(), fixture.problem.layers.size());
            for (const auto& weight : result.weights)
                QVERIFY(!weightProblem(*weight));
            if (!result.outcome->epochLosses.empty())
                QVERIFY(isClose(fixture.loss(result), result.outcome->after(), 1e-5));
            if (!result.outcome->cancelled) {
                QVERIFY(stopped > 10);
                return;
            }
            ++stopped;
        }
        QFAIL("it never ended");
    }

    /// The bundled model at 2 bits by GPTQ, fine-tuned on three windows of its calibration text.
    void bundledSampleAtTwoBits()
    {
        const std::filesystem::path folder =
            std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";
        const auto model = openModel(folder);
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        const auto tokenizer = openTokenizer(folder / "tokenizer.model", model->vocabularySize);
        const auto tokens = tokenizeFile(*tokenizer, folder / "calibration.txt");
        const TokenWindows windows = sampleWindows(tokens, 128, 3, 1);
        Weights weights(model, std::uint64_t(1) << 28);
        std::map<ValueId, InputAccumulator> accumulators;
        const Executor executor(*model, weights);
        Tensor hidden = executor.embed(windows.tokens, windows.count());
        for (int block = 0; block < static_cast<int>(model->blocks.size()); ++block)
            executor.runBlock(block, hidden, Monitor(), [&](int node, const Tensor& seen) {
                const ConstMatrixView x = seen.matrix();
                const ValueId input =
                    model->graph.nodes[static_cast<std::size_t>(node)].inputs.front();
                auto [place, fresh] = accumulators.try_emplace(input, x.cols, true);
                if (fresh)
                    place->second.add(x);
            });
        std::map<ValueId, std::shared_ptr<const InputStatistics>> inputs;
        for (auto& [value, accumulator] : accumulators)
            inputs[value] = std::make_shared<const InputStatistics>(accumulator.finish());
        FineTuningProblem problem;
        problem.model = model;
        problem.weights = &weights;
        problem.windows = &windows;
        Monitor monitor;
        for (const Layer& layer : model->layers) {
            if (!layer.quantizedByDefault)
                continue;
            LayerProblem layerProblem;
            layerProblem.name = layer.name;
            const auto weight = weights.get(layer.weight);
            layerProblem.weight = weight->matrix();
            layerProblem.scheme.bits = 2;
            layerProblem.inputs = inputs.at(layer.input);
            auto solved = std::make_shared<QuantizedWeight>(
                solve(layerProblem, GptqOptions{}, monitor).weight);
            solved->scheme.floatZeros = true;
            weights.replace(layer.weight, std::make_shared<const Tensor>(dequantize(*solved)));
            problem.layers.push_back({&layer, std::move(solved)});
        }
        const TuningResult result = tune(problem, options(1, 1e-4));
        QCOMPARE(result.outcome->bestEpoch, 1);
        // Three steps win back 0.08 of 3.23 nats.
        QVERIFY(result.outcome->after() < result.outcome->before() - 0.05);
    }
};

QTEST_APPLESS_MAIN(TestFineTuning)
#include "tst_fine_tuning.moc"
