// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/eval/metrics.h"
#include "core/graph/executor.h"
#include "core/session/evaluate.h"
#include "core/session/forecast.h"
#include "core/session/journal.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/statistics.h"
#include "tests/support/layers.h"
#include "tests/support/sample_run.h"
#include "tests/support/trained_model.h"

#include <QTest>

#include <cmath>
#include <stdexcept>

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

std::set<std::string> namesOf(const Model& model, const std::string& part)
{
    std::set<std::string> names;
    for (const Layer& layer : model.layers)
        if (layer.name.find(part) != std::string::npos)
            names.insert(layer.name);
    return names;
}

void addModes()
{
    QTest::addColumn<CalibrationMode>("mode");
    for (const CalibrationMode mode :
         {CalibrationMode::Float, CalibrationMode::Sequential, CalibrationMode::TrueSequential})
        QTest::newRow(std::string(calibrationModeName(mode)).c_str()) << mode;
}

/// ‖y − ŷ‖²/‖y‖² of a block, the float block's output y for inputs behind the blocks before it that
/// the weights hold.
double blockLoss(const Model& model, const Weights& before, const Weights& after, int block,
                 const TokenWindows& windows)
{
    Monitor monitor;
    const Executor prefix(model, before);
    Tensor hidden = prefix.embed(windows.tokens, windows.count());
    for (int b = 0; b < block; ++b)
        prefix.runBlock(b, hidden, monitor);
    Tensor target = hidden.clone();
    prefix.runBlock(block, target, monitor);
    Executor(model, after).runBlock(block, hidden, monitor);
    double error = 0;
    double size = 0;
    for (std::int64_t i = 0; i < target.count(); ++i) {
        const double y = target.floats()[static_cast<std::size_t>(i)];
        const double d = y - hidden.floats()[static_cast<std::size_t>(i)];
        error += d * d;
        size += y * y;
    }
    return error / size;
}

/// Counts layers by how often they come.
struct Seen
{
    std::map<std::string, int> times;
    std::vector<LayerResult> all;
    LayerSink sink()
    {
        return [this](const LayerResult& layer) {
            ++times[layer.name];
            all.push_back(layer);
        };
    }
};

} // namespace

class TestTrainedRun : public QObject
{
    Q_OBJECT

private slots:
    void subsetsFollowTheGraph()
    {
        const TemporaryFolder folder;
        const auto model = tinyRequest(folder.path()).model;
        const CalibrationStages plain(*model, CalibrationMode::Sequential);
        QCOMPARE(plain.blocks[1].size(), std::size_t(1));
        const CalibrationStages stages(*model, CalibrationMode::TrueSequential);
        std::string text;
        for (const auto& subset : stages.blocks[1]) {
            for (const std::size_t i : subset)
                text += model->layers[i].name.substr(model->layers[i].name.rfind('.') + 1) + " ";
            text += "| ";
        }
        QCOMPARE(text, std::string("q_proj k_proj v_proj | o_proj | gate_proj up_proj | "
                                   "down_proj | "));
        QCOMPARE(stages.layersOf(1).size(), plain.layersOf(1).size());
        // Without a graph to tell, a block is one subset.
        const CalibrationStages none(*madeUpModel(2), CalibrationMode::TrueSequential);
        QCOMPARE(none.blocks[1].size(), std::size_t(1));
    }

    void trueSequentialSeesEarlierLayersOfTheBlock()
    {
        // GPTQ, so that nothing is trained: down_proj of the second block is solved behind the
        // quantized first block and the quantized other layers of its own.
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), CalibrationMode::TrueSequential);
        request.recipe.standard.method = GptqOptions{};
        request.recipe.standard.scheme.bits = 3;
        std::vector<std::string> captured;
        request.inputSink = [&](const Layer& layer, const auto&) {
            captured.push_back(layer.name);
        };
        const auto run = runOf(request);
        QCOMPARE(captured.size(), run->layers.size() - 1);
        const Model& model = *request.model;
        const Layer& down = *model.findLayer("model.layers.1.mlp.down_proj");

        Run earlier = *run;
        for (LayerResult& result : earlier.layers)
            if (result.name.find("layers.2.") != std::string::npos || result.name == down.name)
                result.weight = nullptr;
        Weights weights(request.model, std::uint64_t(1) << 30);
        applyRun(model, earlier, weights);
        Monitor monitor;
        const TokenWindows windows =
            calibrationWindows(model, request.recipe.calibration, 0, {}, monitor);
        const Executor executor(model, weights);
        Tensor hidden = executor.embed(windows.tokens, windows.count());
        executor.runBlock(0, hidden, monitor);
        InputAccumulator accumulator(down.cols, true);
        executor.runBlock(1, hidden, monitor, [&](int node, const Tensor& input) {
            const ConstMatrixView x = input.matrix();
            if (node == down.node)
                accumulator.add(x);
        });
        const Tensor weight = layerWeight(model, down);
        LayerProblem problem;
        problem.name = down.name;
        problem.weight = weight.matrix();
        problem.scheme = request.recipe.standard.scheme;
        problem.inputs = std::make_shared<const InputStatistics>(accumulator.finish());
        const SolveResult expected = solve(problem, request.recipe.standard.method, monitor);
        QVERIFY(run->find(down.name)->weight->codes == expected.weight.codes);

        request.recipe.calibration.mode = CalibrationMode::Sequential;
        QVERIFY(runOf(request)->find(down.name)->weight->codes != expected.weight.codes);
    }

    void blocksAreTrained_data() { addModes(); }
    void blocksAreTrained()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        std::vector<TrainingProgress> steps;
        request.trainingSink = [&](const TrainingProgress& step) { steps.push_back(step); };
        Seen seen;
        const auto run = runOf(request, seen.sink());
        const Model& model = *request.model;
        for (const LayerResult& layer : run->layers) {
            QCOMPARE(seen.times[layer.name], 1);
            if (!layer.weight)
                continue;
            QCOMPARE(layer.tunings.size(), std::size_t(1));
            const TuningOutcome& outcome = *layer.tunings.front();
            const Layer& place = *model.findLayer(layer.name);
            QCOMPARE(outcome.block, place.block);
            QCOMPARE(outcome.name, model.blocks[static_cast<std::size_t>(place.block)].name);
            QVERIFY(outcome.after() <= outcome.before());
            QVERIFY(outcome.bestEpoch > 0);
            QCOMPARE(outcome.parameters.size(), std::size_t(2)); // the block's norms
            QVERIFY(layer.trace.size() > 2);
            QVERIFY(layer.trace.back().stage == TraceStage::Block);
            QVERIFY(sameBits(layer.trace.back().relativeError, layer.relativeOutputError));
            QVERIFY(layer.weight->scheme.floatZeros);
        }
        // Layers of one block share the training.
        QVERIFY(run->find("model.layers.0.mlp.up_proj")->tunings ==
                run->find("model.layers.0.self_attn.q_proj")->tunings);
        // Two epochs of four windows for each of three blocks.
        QCOMPARE(steps.size(), std::size_t(3 * 2 * 4));
        QCOMPARE(steps.front().block, 0);
        QCOMPARE(steps.back().block, 2);

        // The loss that the last block kept is that of the run's own weights.
        Monitor monitor;
        const TokenWindows windows =
            calibrationWindows(model, request.recipe.calibration, 0, {}, monitor);
        for (const int block : {0, 2}) {
            Run prefix = *run;
            for (LayerResult& result : prefix.layers)
                if (mode == CalibrationMode::Float ||
                    model.findLayer(result.name)->block >= block) {
                    result.weight = nullptr;
                    result.tunings.clear();
                }
            Weights before(request.model, std::uint64_t(1) << 30);
            applyRun(model, prefix, before);
            Weights after(request.model, std::uint64_t(1) << 30);
            applyRun(model, *run, after);
            const auto& outcome =
                *run->find(model.blocks[static_cast<std::size_t>(block)].name + ".mlp.up_proj")
                     ->tunings.front();
            QVERIFY(
                isClose(blockLoss(model, before, after, block, windows), outcome.after(), 1e-4));
        }
    }

    void anotherRunGivesTheSameBytes_data() { addModes(); }
    void anotherRunGivesTheSameBytes()
    {
        // For any number of threads and with everything spilled; read back, it is the same run.
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        std::get<DecoupleqOptions>(request.recipe.standard.method).fineTune = true;
        const auto run = runOf(request);
        const std::string expected = bytesOf(*run, folder);
        {
            const ThreadLimit one(1);
            request.memoryBytes = 4096;
            QVERIFY(bytesOf(*runOf(request), folder) == expected);
        }
        const auto read = readRun(folder / "written.gradus");
        QVERIFY(sameRun(*run, *read));
        for (const LayerResult& layer : run->layers) {
            QVERIFY(layer.trace.empty() == !layer.weight);
            QCOMPARE(layer.tunings.size(), layer.weight ? std::size_t(2) : std::size_t(0));
        }
    }

    void othersAreFrozen_data() { addModes(); }
    void othersAreFrozen()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        Recipe& recipe = request.recipe;
        const std::string rtn = "model.layers.0.mlp.up_proj";
        const std::string off = "model.layers.0.self_attn.o_proj";
        const std::string other = "model.layers.0.self_attn.k_proj";
        const std::string kept = "model.layers.0.self_attn.v_proj";
        recipe.overrides[rtn] = recipe.standard;
        recipe.overrides[rtn].method = RtnOptions{};
        recipe.overrides[off] = withOptions(recipe, [](auto& o) { o.blockStage = false; });
        recipe.overrides[other] = withOptions(recipe, [](auto& o) { o.blockEpochs = 1; });
        recipe.overrides[kept].keepFloat = true;
        const auto run = runOf(request);
        for (const std::string& name : {rtn, off, kept})
            QVERIFY(run->find(name)->tunings.empty());
        QVERIFY(run->find(off)->trace.back().stage != TraceStage::Block);
        QVERIFY(run->find(other)->note.find("block options of") != std::string::npos);
        QCOMPARE(run->find(other)->tunings.front()->epochLosses.size(), std::size_t(3));

        // What is frozen comes out as without any training.
        recipe.standard = withOptions(recipe, [](auto& o) { o.blockStage = false; });
        recipe.overrides.erase(other);
        const auto untrained = runOf(request);
        for (const std::string& name : {rtn, off})
            QVERIFY(sameWeight(*run->find(name)->weight, *untrained->find(name)->weight));
        QVERIFY(tunedParameters(untrained->layers).empty());
        const std::string moved = "model.layers.0.self_attn.q_proj";
        QVERIFY(run->find(moved)->weight->codes == untrained->find(moved)->weight->codes);
        QVERIFY(run->find(moved)->weight->scales != untrained->find(moved)->weight->scales);
    }

    void withoutTextThereIsNoTraining()
    {
        const auto model = madeUpModel(2);
        Recipe recipe;
        recipe.standard.method = DecoupleqOptions{};
        const auto choices = resolve(recipe, *model);
        for (const InputOrigin& origin : inputOrigins(*model, recipe, choices))
            QVERIFY(origin == InputOrigin{});
    }

    void freshnessKnowsWhatIsTrainedTogether()
    {
        // Three blocks of two layers behind an embedding, which stays float.
        const auto model = madeUpModel(3);
        Recipe recipe;
        recipe.standard.method = DecoupleqOptions{};
        recipe.calibration.data = "text.txt";
        recipe.calibration.context = 64;
        const auto staleAfter = [&](const std::function<void(Recipe&)>& edit) {
            const auto origins = inputOrigins(*model, recipe, resolve(recipe, *model));
            Results results;
            for (std::size_t i = 0; i < model->layers.size(); ++i) {
                auto& measured = results[model->layers[i].name];
                measured.result.name = model->layers[i].name;
                measured.result.choice = resolve(recipe, *model)[i];
                measured.result.origin = origins[i];
            }
            Recipe changed = recipe;
            edit(changed);
            std::string text;
            for (const std::string& name : staleLayers(*model, changed, results))
                text += name.substr(7) + " ";
            return text;
        };
        const auto bits = [](Recipe& r) {
            r.overrides["blocks.1.up"] = r.standard;
            r.overrides["blocks.1.up"].scheme.bits = 3;
        };
        recipe.calibration.mode = CalibrationMode::Float;
        QCOMPARE(staleAfter(bits), std::string("1.down 1.up "));
        recipe.calibration.mode = CalibrationMode::Sequential;
        QCOMPARE(staleAfter(bits), std::string("1.down 1.up 2.down 2.up "));
        // An untrained neighbor is seen by the training, but does not see it.
        recipe.overrides["blocks.1.down"] = recipe.standard;
        recipe.overrides["blocks.1.down"].method = RtnOptions{};
        recipe.calibration.mode = CalibrationMode::Float;
        QCOMPARE(staleAfter(bits), std::string("1.up "));
        QCOMPARE(staleAfter([](Recipe& r) { r.overrides["blocks.1.down"].scheme.bits = 3; }),
                 std::string("1.down 1.up "));
        // With fine-tuning, those that it trains depend on all.
        recipe.overrides["blocks.2.up"] = withOptions(recipe, [](auto& o) { o.fineTune = true; });
        QCOMPARE(staleAfter(bits), std::string("1.up 2.up "));
    }

    void coupledLayersAreComputedTogether()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        const Model& model = *request.model;
        const std::string one = "model.layers.1.mlp.up_proj";
        request.only = std::set<std::string>{one};
        class Notes final : public Monitor
        {
        public:
            void note(std::string_view line) override { text += std::string(line) + "\n"; }
            std::string text;
        } notes;
        const auto run = quantize(request, notes);
        QVERIFY2(notes.text.find("6 layers are computed besides") != std::string::npos,
                 notes.text.c_str());
        const auto block = namesOf(model, "layers.1.");
        for (const LayerResult& layer : run->layers)
            QCOMPARE(layer.weight != nullptr, block.contains(layer.name));
        QVERIFY(coupledLayers(model, request.recipe, {one}) == block);
        // Without a block stage it is alone.
        Recipe plain = request.recipe;
        plain.standard = withOptions(plain, [](auto& o) { o.blockStage = false; });
        QVERIFY(coupledLayers(model, plain, {one}) == std::set<std::string>{one});
        // With fine-tuning, all are coupled.
        Recipe tuned = request.recipe;
        tuned.standard = withOptions(tuned, [](auto& o) { o.fineTune = true; });
        QCOMPARE(coupledLayers(model, tuned, {one}).size(), model.layers.size() - 1);
    }

    void rerunningStaleLayersEqualsAFullRun_data() { addModes(); }
    void rerunningStaleLayersEqualsAFullRun()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        Recipe& recipe = request.recipe;
        const Model& model = *request.model;
        Results results = resultsOf(*runOf(request));
        QVERIFY(staleLayers(model, recipe, results).empty());
        const std::vector<std::string> names{
            "model.layers.0.self_attn.k_proj", "model.layers.1.self_attn.o_proj",
            "model.layers.1.mlp.up_proj", "model.layers.2.mlp.down_proj"};
        RandomStream random(3, "edits", calibrationModeName(mode));
        for (int round = 0; round < 8; ++round) {
            const std::string& name = names[random.below(names.size())];
            LayerChoice choice = recipe.standard;
            switch (random.below(6)) {
            case 0:
                choice.scheme.bits = 3;
                break;
            case 1:
                choice.method = RtnOptions{};
                break;
            case 2:
                choice.method = GptqOptions{};
                break;
            case 3:
                choice = withOptions(recipe, [](auto& o) { o.blockStage = false; });
                break;
            case 4:
                choice = withOptions(recipe, [](auto& o) { o.fineTune = true; });
                break;
            default:
                break;
            }
            recipe.overrides[name] = choice;
            QuantizeRequest part = request;
            part.only = staleLayers(model, recipe, results);
            for (const auto& [layer, measured] : results)
                if (!part.only->contains(layer))
                    part.finished[layer] = measured.result;
            const auto rerun = runOf(part);
            QVERIFY(bytesOf(*rerun, folder) == bytesOf(*runOf(request), folder));
            results = resultsOf(*rerun);
            QVERIFY(staleLayers(model, recipe, results).empty());
        }
    }

    void aLayerThatWasRedoneAloneIsRedoneExactly()
    {
        // true-sequential: o_proj is behind q, k and v as they were before the training. Its result
        // is lost, all others are fresh.
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), CalibrationMode::TrueSequential);
        const std::string name = "model.layers.1.self_attn.o_proj";
        request.recipe.overrides[name] = request.recipe.standard;
        request.recipe.overrides[name].method = GptqOptions{};
        const auto whole = runOf(request);
        Results results = resultsOf(*whole);
        results.erase(name);
        QuantizeRequest part = request;
        part.only = staleLayers(*request.model, request.recipe, results);
        QVERIFY(*part.only == std::set<std::string>{name});
        for (const auto& [layer, measured] : results)
            part.finished[layer] = measured.result;
        QVERIFY(bytesOf(*runOf(part), folder) == bytesOf(*whole, folder));
    }

    void interruptedRunsResumeToTheSameBytes_data() { addModes(); }
    void interruptedRunsResumeToTheSameBytes()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        request.recipe.overrides["model.layers.1.self_attn.o_proj"] =
            withOptions(request.recipe, [](auto& o) { o.blockStage = false; });
        request.recipe.overrides["model.layers.2.mlp.up_proj"] =
            withOptions(request.recipe, [](auto& o) { o.fineTune = true; });
        request.output = folder / "whole.gradus";
        (void)runOf(request);
        const auto limit = std::size_t(1) << 28;
        const std::string whole = readTextFile(request.output, limit);

        request.output = folder / "parts.gradus";
        int rounds = 0;
        for (bool done = false; !done; ++rounds) {
            QVERIFY(rounds < 60);
            // Killed after one layer more than the time before, also between the layers of a
            // block that were trained together.
            request.resume = rounds > 0;
            int left = 3 + rounds;
            try {
                (void)runOf(request, [&](const LayerResult&) {
                    if (--left == 0)
                        throw std::runtime_error("killed");
                });
                done = true;
            } catch (const std::runtime_error& error) {
                QCOMPARE(std::string(error.what()), std::string("killed"));
            }
        }
        QVERIFY(rounds > 10);
        QVERIFY(readTextFile(request.output, limit) == whole);
    }

    void aCancelledTrainingLeavesStaleResults_data()
    {
        QTest::addColumn<bool>("fineTuning");
        QTest::newRow("block") << false;
        QTest::newRow("fine-tuning") << true;
    }
    void aCancelledTrainingLeavesStaleResults()
    {
        QFETCH(bool, fineTuning);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        std::get<DecoupleqOptions>(request.recipe.standard.method).fineTune = fineTuning;
        request.output = folder / "run.gradus";
        class Stop final : public Monitor
        {
        public:
            [[nodiscard]] bool stopRequested() const override { return wanted; }
            bool wanted = false;
        } stop;
        // In the second epoch of the second block, or of the fine-tuning.
        request.trainingSink = [&](const TrainingProgress& step) {
            stop.wanted = fineTuning ? step.block == -1 : step.block == 1 && step.epoch == 1;
        };
        Seen seen;
        QVERIFY_EXCEPTION_THROWN((void)quantize(request, stop, seen.sink()), Cancelled);
        Results results;
        const auto recipe = std::make_shared<const Recipe>(request.recipe);
        std::set<std::string> cancelled;
        for (const LayerResult& layer : seen.all) {
            results[layer.name] = {layer, recipe};
            if (!layer.tunings.empty() && layer.tunings.back()->cancelled) {
                cancelled.insert(layer.name);
                QVERIFY(layer.weight);
                QCOMPARE(layer.origin.earlier, std::string("unfinished"));
            }
        }
        const Model& model = *request.model;
        QCOMPARE(cancelled.size(), fineTuning ? model.layers.size() - 1 : std::size_t(7));
        const auto stale = staleLayers(model, request.recipe, results);
        for (const std::string& name : cancelled)
            QVERIFY(stale.contains(name));
        if (!fineTuning) // the first block is as good as ever
            QVERIFY(!stale.contains("model.layers.0.mlp.up_proj"));
        // Not one of them is in the journal, so that resuming gives what a whole run does.
        request.trainingSink = {};
        request.resume = true;
        const auto resumed = runOf(request);
        request.output.clear();
        request.resume = false;
        QVERIFY(bytesOf(*resumed, folder) == bytesOf(*runOf(request), folder));
    }

    void cancelsAtEveryCheckpoint()
    {
        const TemporaryFolder folder;
        const QuantizeRequest request = tinyRequest(folder.path());
        for (int k = 0; k < 4000; k += k < 20 ? 1 : 131) {
            StopAt stop(k);
            try {
                (void)quantize(request, stop);
                break;
            } catch (const Cancelled&) {
            }
        }
    }

    void fineTuningIsKeptAndMeasured_data() { addModes(); }
    void fineTuningIsKeptAndMeasured()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        std::get<DecoupleqOptions>(request.recipe.standard.method).fineTune = true;
        Seen seen;
        const auto run = runOf(request, seen.sink());
        const Model& model = *request.model;
        const std::string name = "model.layers.2.mlp.gate_proj";
        const LayerResult& layer = *run->find(name);
        QCOMPARE(seen.times[name], 2);
        QCOMPARE(layer.tunings.size(), std::size_t(2));
        QCOMPARE(layer.tunings[1]->name, std::string("fine-tuning"));
        QCOMPARE(layer.tunings[1]->block, -1);
        QVERIFY(layer.trace.back().stage == TraceStage::FineTuning);
        QVERIFY(sameBits(layer.trace.back().relativeError, layer.relativeOutputError));
        QVERIFY(layer.tunings[1]->after() <= layer.tunings[1]->before());

        // The error is that on the inputs that the final model gives (in float mode the float one).
        Weights weights(request.model, std::uint64_t(1) << 30);
        if (mode != CalibrationMode::Float)
            applyRun(model, *run, weights);
        Monitor monitor;
        const TokenWindows windows =
            calibrationWindows(model, request.recipe.calibration, 0, {}, monitor);
        const Executor executor(model, weights);
        Tensor hidden = executor.embed(windows.tokens, windows.count());
        const Layer& place = *model.findLayer(name);
        InputAccumulator accumulator(place.cols, true);
        for (int block = 0; block < 3; ++block)
            executor.runBlock(block, hidden, monitor, [&](int node, const Tensor& input) {
                const ConstMatrixView x = input.matrix();
                if (node == place.node)
                    accumulator.add(x);
            });
        const Tensor quantized = dequantize(*layer.weight);
        const Tensor weight = layerWeight(model, place);
        QVERIFY(isClose(
            layer.relativeOutputError,
            relativeOutputError(weight.matrix(), quantized.matrix(), accumulator.finish().hessian),
            1e-6));
    }

    void progressNeverFalls_data() { addModes(); }
    void progressNeverFalls()
    {
        QFETCH(CalibrationMode, mode);
        class Progress final : public Monitor
        {
        public:
            void report(double fraction, std::string_view stage) override
            {
                falls = falls || fraction < last;
                last = fraction;
                trained = trained || stage.find("training, epoch 2, loss ") != stage.npos;
            }
            double last = 0;
            bool falls = false;
            bool trained = false;
        } progress;
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path(), mode);
        std::get<DecoupleqOptions>(request.recipe.standard.method).fineTune = true;
        (void)quantize(request, progress);
        QVERIFY(!progress.falls);
        QVERIFY(progress.trained);
        QCOMPARE(progress.last, 1.0);
    }

    /// A fine-tuning stands for the blocks' own trainings, also where only another layer had one.
    void fineTunedFloatsStandForTrainedOnes()
    {
        const auto outcome = [](int block, float value) {
            auto made = std::make_shared<TuningOutcome>();
            made->block = block;
            Tensor tensor(Shape{1});
            tensor.floats()[0] = value;
            made->parameters["norm"] = std::make_shared<const Tensor>(std::move(tensor));
            return made;
        };
        std::vector<LayerResult> layers(2);
        layers[0].tunings = {outcome(-1, 2)};
        layers[1].tunings = {outcome(1, 1)};
        QCOMPARE(tunedParameters(layers).at("norm")->floats()[0], 2.0F);
    }

    void trainedFloatsReachEvaluation()
    {
        const TemporaryFolder folder;
        const QuantizeRequest request = tinyRequest(folder.path());
        auto run = std::make_shared<Run>(*runOf(request));
        QCOMPARE(tunedParameters(run->layers).size(), std::size_t(6));
        EvaluateRequest evaluation;
        evaluation.model = request.model;
        evaluation.run = run;
        evaluation.data = folder / "text.txt";
        evaluation.context = 24;
        Monitor monitor;
        const double with = evaluatePerplexity(evaluation, monitor).value;
        auto without = std::make_shared<Run>(*run);
        for (LayerResult& layer : without->layers)
            layer.tunings.clear();
        evaluation.run = without;
        QVERIFY(with != evaluatePerplexity(evaluation, monitor).value);

        // A file may say what it likes.
        auto outcome = std::make_shared<TuningOutcome>(*run->layers.back().tunings.front());
        outcome->parameters["no.such.tensor"] = outcome->parameters.begin()->second;
        run->layers.back().tunings.front() = outcome;
        evaluation.run = run;
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(evaluation, monitor), Error);
        outcome = std::make_shared<TuningOutcome>(*outcome);
        outcome->parameters.erase("no.such.tensor");
        const Layer& layer = *request.model->findLayer(run->layers.back().name);
        outcome->parameters[layer.weight] = std::make_shared<const Tensor>(Tensor(layer.shape));
        run->layers.back().tunings.front() = outcome;
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(evaluation, monitor), Error);
        outcome = std::make_shared<TuningOutcome>(*outcome);
        outcome->parameters.erase(layer.weight);
        outcome->parameters.begin()->second = std::make_shared<const Tensor>(Tensor({3, 5}));
        run->layers.back().tunings.front() = outcome;
        QVERIFY_EXCEPTION_THROWN((void)evaluatePerplexity(evaluation, monitor), Error);
    }

    void forecastsCountTrainings()
    {
        const TemporaryFolder folder;
        const QuantizeRequest request = tinyRequest(folder.path());
        ForecastRequest wanted;
        wanted.model = request.model;
        wanted.recipe = request.recipe;
        wanted.machine = {1e11, 1.2e10, 3.3e8, 2e9, 1e10, 1.8e9};
        const auto secondsOf = [&](ForecastPart::Stage stage) {
            double seconds = 0;
            for (const ForecastPart& part : forecast(wanted).parts)
                if (part.stage == stage)
                    seconds += part.seconds;
            return seconds;
        };
        const double two = secondsOf(ForecastPart::Stage::Training);
        const double passes = secondsOf(ForecastPart::Stage::Calibration);
        QVERIFY(two > passes);
        auto& options = std::get<DecoupleqOptions>(wanted.recipe.standard.method);
        options.blockEpochs = 4;
        QVERIFY(secondsOf(ForecastPart::Stage::Training) > 1.5 * two);
        // One layer brings its block along, and no other.
        wanted.only = std::set<std::string>{"model.layers.0.mlp.up_proj"};
        QVERIFY(isClose(secondsOf(ForecastPart::Stage::Training) * 3, two * 17 / 9, 0.01));
        options.blockStage = false;
        QCOMPARE(secondsOf(ForecastPart::Stage::Training), 0.0);
        wanted.only.reset();
        options.fineTune = true;
        QVERIFY(secondsOf(ForecastPart::Stage::Training) > 0);
        options.fineTune = false;
        const double sequential = secondsOf(ForecastPart::Stage::Calibration);
        wanted.recipe.calibration.mode = CalibrationMode::TrueSequential;
        QVERIFY(secondsOf(ForecastPart::Stage::Calibration) > 2 * sequential);
    }
};

QTEST_APPLESS_MAIN(TestTrainedRun)
#include "tst_trained_run.moc"
