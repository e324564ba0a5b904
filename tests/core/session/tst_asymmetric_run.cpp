// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs whose layers aim at the float network's outputs: what they are solved on, what it brings,
// parts, resuming, threads, stops, what becomes stale, and forecasts.
#include "core/base/parallel.h"
#include "core/graph/executor.h"
#include "core/session/block_pass.h"
#include "core/session/evaluate.h"
#include "core/session/forecast.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/statistics.h"
#include "tests/support/sample_run.h"
#include "tests/support/trained_model.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

Q_DECLARE_METATYPE(gradus::CalibrationMode)

namespace {

constexpr std::string_view noEffect = "asymmetric: no effect";

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

NupesOptions nupesOptions(bool asymmetric)
{
    NupesOptions options;
    options.rounds = 2;
    options.asymmetric = asymmetric;
    return options;
}

/// The tiny model's layers by NUPES.
QuantizeRequest asymmetricRequest(const TemporaryFolder& folder, CalibrationMode mode,
                                  bool asymmetric = true)
{
    QuantizeRequest request = tinyRequest(folder.path(), mode);
    request.recipe.standard.method = nupesOptions(asymmetric);
    request.recipe.standard.scheme.bits = 3;
    return request;
}

void addModes()
{
    QTest::addColumn<CalibrationMode>("mode");
    for (const CalibrationMode mode :
         {CalibrationMode::Sequential, CalibrationMode::TrueSequential})
        QTest::newRow(std::string(calibrationModeName(mode)).c_str()) << mode;
}

TokenWindows windowsOf(const QuantizeRequest& request)
{
    Monitor monitor;
    return calibrationWindows(*request.model, request.recipe.calibration, 0, {}, monitor);
}

/// A layer's inputs for all windows.
Tensor inputsOf(const QuantizeRequest& request, const Weights& weights, const Layer& layer)
{
    const Monitor monitor;
    const TokenWindows windows = windowsOf(request);
    const Executor executor(*request.model, weights);
    Tensor hidden = executor.embed(windows.tokens, windows.count());
    Tensor inputs;
    for (int b = 0; b <= layer.block; ++b)
        executor.runBlock(b, hidden, monitor, [&](int node, const Tensor& seen) {
            const ConstMatrixView x = seen.matrix();
            if (node != layer.node)
                return;
            inputs = Tensor({x.rows, x.cols});
            for (std::int64_t r = 0; r < x.rows; ++r)
                std::copy(x.row(r).begin(), x.row(r).end(), inputs.matrix().row(r).begin());
        });
    return inputs;
}

/// AᵀB/n, element by element.
std::vector<double> oracleCross(const Tensor& a, const Tensor& b)
{
    const std::int64_t d = a.matrix().cols;
    std::vector<double> cross;
    for (std::int64_t i = 0; i < d; ++i)
        for (std::int64_t j = 0; j < d; ++j) {
            double sum = 0;
            for (std::int64_t t = 0; t < a.matrix().rows; ++t)
                sum += static_cast<double>(a.matrix().row(t)[static_cast<std::size_t>(i)]) *
                       static_cast<double>(b.matrix().row(t)[static_cast<std::size_t>(j)]);
            cross.push_back(sum / static_cast<double>(a.matrix().rows));
        }
    return cross;
}

/// ‖X·Wᵀ − X̂·Ŵᵀ‖² by plain sums.
double outputDistance(const Tensor& x, const Tensor& w, const Tensor& xHat, const Tensor& wHat)
{
    double total = 0;
    for (std::int64_t t = 0; t < x.matrix().rows; ++t)
        for (std::int64_t r = 0; r < w.matrix().rows; ++r) {
            double y = 0;
            for (std::size_t c = 0; c < static_cast<std::size_t>(w.matrix().cols); ++c)
                y += static_cast<double>(x.matrix().row(t)[c]) *
                         static_cast<double>(w.matrix().row(r)[c]) -
                     static_cast<double>(xHat.matrix().row(t)[c]) *
                         static_cast<double>(wHat.matrix().row(r)[c]);
            total += y * y;
        }
    return total;
}

/// The run's layers that come before this one for it.
Run before(const Run& run, const Model& model, const Layer& layer, CalibrationMode mode)
{
    const CalibrationStages stages(model, mode);
    Run earlier = run;
    bool reached = false;
    for (const auto& subset : stages.blocks[static_cast<std::size_t>(layer.block)]) {
        for (const std::size_t i : subset)
            reached = reached || model.layers[i].name == layer.name;
        for (const std::size_t i : subset)
            if (reached)
                earlier.layers[i].weight = nullptr;
    }
    for (std::size_t i = 0; i < model.layers.size(); ++i)
        if (model.layers[i].block > layer.block)
            earlier.layers[i].weight = nullptr;
    return earlier;
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

} // namespace

class TestAsymmetricRun : public QObject
{
    Q_OBJECT

private slots:
    void layersAreSolvedOnPairsOfInputs_data() { addModes(); }
    void layersAreSolvedOnPairsOfInputs()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        const QuantizeRequest request = asymmetricRequest(folder, mode);
        const Model& model = *request.model;
        const auto run = runOf(request);
        Monitor monitor;
        const Weights floats(request.model, std::uint64_t(1) << 30);
        for (const char* name : {"model.layers.1.self_attn.q_proj", "model.layers.1.mlp.down_proj",
                                 "model.layers.2.self_attn.o_proj"}) {
            const Layer& layer = *model.findLayer(name);
            Weights weights(request.model, std::uint64_t(1) << 30);
            applyRun(model, before(*run, model, layer, mode), weights);
            const Tensor x = inputsOf(request, floats, layer);
            const Tensor xHat = inputsOf(request, weights, layer);
            InputAccumulator accumulator(layer.cols, true);
            accumulator.collectCross();
            accumulator.addBeside(xHat.matrix(), x.matrix());
            auto statistics = std::make_shared<InputStatistics>(accumulator.finish());
            const std::vector<double> expectedCross = oracleCross(x, xHat);
            const auto d = static_cast<std::size_t>(layer.cols);
            for (std::size_t i = 0; i < expectedCross.size(); ++i)
                QVERIFY(std::fabs(statistics->cross[i] - expectedCross[i]) <=
                        1e-5 * std::sqrt(std::fabs(expectedCross[i / d * (d + 1)] *
                                                   expectedCross[i % d * (d + 1)])) +
                            1e-6);
            const std::vector<double> cross = std::exchange(statistics->cross, {});

            const Tensor weight = layerWeight(model, layer);
            LayerProblem problem;
            problem.name = name;
            problem.weight = weight.matrix();
            problem.scheme = request.recipe.standard.scheme;
            problem.inputs = statistics;
            problem.cross = cross;
            const SolveResult expected = solve(problem, request.recipe.standard.method, monitor);
            const LayerResult& result = *run->find(name);
            QVERIFY(result.weight->codes == expected.weight.codes);
            QVERIFY(result.weight->scales == expected.weight.scales);
            QCOMPARE(result.note, expected.report.note);
            QVERIFY(result.note.find("asymmetric: error") != std::string::npos);

            // Its own outputs come nearer to the float network's than they do without; the errors
            // it reports are against its weight all the same.
            problem.cross = {};
            const SolveResult plain = solve(problem, request.recipe.standard.method, monitor);
            QVERIFY(plain.report.note.find(noEffect) != std::string::npos);
            const double with = outputDistance(x, weight, xHat, dequantize(*result.weight));
            const double without = outputDistance(x, weight, xHat, dequantize(plain.weight));
            QVERIFY2(with < without, qPrintable(QString("%1 %2").arg(with).arg(without)));
            const double own =
                outputDistance(xHat, weight, xHat, dequantize(*result.weight)) /
                outputDistance(xHat, weight, xHat, Tensor::zeros(DType::F32, weight.shape()));
            QVERIFY(isClose(result.relativeOutputError, own, 1e-4));
            QVERIFY(isClose(result.trace.back().relativeError, own, 1e-4));
            QVERIFY(isClose(result.trace.back().weightError,
                            std::pow(10, -result.weightSqnrDb / 10), 1e-4));
            QVERIFY(result.trace.back().relativeError > plain.report.trace.back().relativeError);
        }
    }

    void theOptionMattersWhereInputsDiffer_data() { addModes(); }
    void theOptionMattersWhereInputsDiffer()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        const auto with = runOf(asymmetricRequest(folder, mode, true));
        const QuantizeRequest request = asymmetricRequest(folder, mode, false);
        const auto without = runOf(request);
        const CalibrationStages stages(*request.model, mode);
        std::set<std::string> first;
        for (const std::size_t i : stages.blocks[0][0])
            first.insert(request.model->layers[i].name);
        for (const LayerResult& layer : with->layers) {
            if (!layer.weight)
                continue;
            const LayerResult& other = *without->find(layer.name);
            const bool same = first.contains(layer.name);
            QCOMPARE(sameWeight(*layer.weight, *other.weight), same);
            QCOMPARE(layer.note.find(noEffect) != std::string::npos, same);
            QVERIFY(other.note.find("asymmetric") == std::string::npos);
        }
    }

    void withoutSequentialCalibrationItHasNoEffect()
    {
        const TemporaryFolder folder;
        const auto with = runOf(asymmetricRequest(folder, CalibrationMode::Float));
        const auto without = runOf(asymmetricRequest(folder, CalibrationMode::Float, false));
        for (std::size_t i = 0; i < with->layers.size(); ++i) {
            const LayerResult& layer = with->layers[i];
            QCOMPARE(layer.note.find(noEffect) != std::string::npos, layer.weight != nullptr);
            if (layer.weight)
                QVERIFY(sameWeight(*layer.weight, *without->layers[i].weight));
        }
    }

    void sameBytesForAnyNumberOfThreads_data() { addModes(); }
    void sameBytesForAnyNumberOfThreads()
    {
        // And with everything spilled.
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = asymmetricRequest(folder, mode);
        const std::string expected = bytesOf(*runOf(request), folder);
        for (const int threads : {1, 3}) {
            const ThreadLimit limit(threads);
            request.memoryBytes = 4096;
            QVERIFY(bytesOf(*runOf(request), folder) == expected);
        }
    }

    void partsAndResumedRunsEqualFullOnes_data() { addModes(); }
    void partsAndResumedRunsEqualFullOnes()
    {
        QFETCH(CalibrationMode, mode);
        const TemporaryFolder folder;
        QuantizeRequest request = asymmetricRequest(folder, mode);
        // Some take no part in it, and one block has nobody who does.
        request.recipe.rules = {{"layers\\.1\\.", request.recipe.standard},
                                {"up_proj", request.recipe.standard}};
        request.recipe.rules[0].choice.method = nupesOptions(false);
        request.recipe.rules[1].choice.method = GptqOptions{};
        const auto whole = runOf(request);
        const std::string bytes = bytesOf(*whole, folder);
        for (const int layers : {1, 11, 18}) {
            const auto resumed = resumedAfter(request, layers, folder);
            QVERIFY(resumed != nullptr);
            QVERIFY(bytesOf(*resumed, folder) == bytes);
            std::filesystem::remove(folder / "resumed.gradus");
        }
        for (const char* name : {"model.layers.0.mlp.down_proj", "model.layers.2.self_attn.k_proj",
                                 "model.layers.2.mlp.gate_proj"}) {
            QuantizeRequest part = request;
            part.only = std::set<std::string>{name};
            for (const LayerResult& layer : whole->layers)
                part.finished.emplace(layer.name, layer);
            QVERIFY(bytesOf(*runOf(part), folder) == bytes);
        }
    }

    void trainedBlocksResumeToo()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = asymmetricRequest(folder, CalibrationMode::TrueSequential);
        auto& options = std::get<NupesOptions>(request.recipe.standard.method);
        options.blockStage = true;
        options.blockEpochs = 1;
        const std::string bytes = bytesOf(*runOf(request), folder);
        const auto resumed = resumedAfter(request, 9, folder);
        QVERIFY(resumed != nullptr);
        QVERIFY(bytesOf(*resumed, folder) == bytes);
    }

    void aChangeMakesTheRightLayersStale()
    {
        const TemporaryFolder folder;
        for (const CalibrationMode mode : {CalibrationMode::Float, CalibrationMode::Sequential,
                                           CalibrationMode::TrueSequential}) {
            const QuantizeRequest request = asymmetricRequest(folder, mode, false);
            const Model& model = *request.model;
            const auto run = runOf(request);
            Monitor monitor;
            writeRun(*run, folder / "r.gradus", monitor);
            const std::string changedLayer = "model.layers.1.self_attn.o_proj";
            QuantizeRequest next = request;
            next.recipe.overrides[changedLayer] = request.recipe.standard;
            next.recipe.overrides[changedLayer].method = nupesOptions(true);
            std::set<std::string> expected{changedLayer};
            for (const Layer& layer : model.layers) {
                const bool later = layer.block > 1;
                const bool behind = mode == CalibrationMode::TrueSequential && layer.block == 1 &&
                                    layer.name.find("mlp") != std::string::npos;
                if (mode != CalibrationMode::Float && (later || behind))
                    expected.insert(layer.name);
            }
            for (const auto& results : {resultsOf(*run), resultsOf(*readRun(folder / "r.gradus"))})
                QVERIFY(staleLayers(model, next.recipe, results) == expected);
            const auto full = runOf(next);
            next.only = expected;
            for (const LayerResult& layer : run->layers)
                next.finished.emplace(layer.name, layer);
            QVERIFY(bytesOf(*runOf(next), folder) == bytesOf(*full, folder));
            QVERIFY(staleLayers(model, next.recipe, resultsOf(*full)).empty());
        }
    }

    void cancelsAnywhere()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = asymmetricRequest(folder, CalibrationMode::TrueSequential);
        request.recipe.calibration.samples = 2;
        const std::string bytes = bytesOf(*runOf(request), folder);
        for (int k = 0; k < 4000; k += 397) {
            StopAt stop(k);
            request.output = folder / "stopped.gradus";
            request.resume = false;
            try {
                (void)quantize(request, stop);
                break; // it comes to its end
            } catch (const Cancelled&) {
            }
            QVERIFY(!std::filesystem::exists(request.output));
            if (k % (397 * 3) != 0)
                continue;
            request.resume = true;
            QVERIFY(bytesOf(*runOf(request), folder) == bytes);
            std::filesystem::remove(request.output);
        }
    }

    void progressNeverFalls()
    {
        class Progress final : public Monitor
        {
        public:
            void report(double fraction, std::string_view what) override
            {
                falls = falls || fraction < last;
                last = fraction;
                if (what != "done" && what != "writing the run")
                    beforeTheEnd = fraction;
            }
            double last = 0;
            double beforeTheEnd = 0;
            bool falls = false;
        };
        const TemporaryFolder folder;
        for (const CalibrationMode mode :
             {CalibrationMode::Sequential, CalibrationMode::TrueSequential}) {
            Progress progress;
            (void)quantize(asymmetricRequest(folder, mode), progress);
            QVERIFY(!progress.falls);
            QCOMPARE(progress.last, 1.0);
            // All that was counted was done, and no more: what is left is writing.
            QVERIFY(isClose(progress.beforeTheEnd, 0.98, 1e-9));
        }
    }

    void forecastsCountTheFloatNetwork()
    {
        const TemporaryFolder folder;
        const auto partOf = [&](CalibrationMode mode, bool asymmetric, ForecastPart::Stage stage) {
            const QuantizeRequest quantization = asymmetricRequest(folder, mode, asymmetric);
            ForecastRequest request;
            request.model = quantization.model;
            request.recipe = quantization.recipe;
            request.machine = {1e10, 5e9, 1e8, 1e9, 5e9, 1e9};
            for (const ForecastPart& part : forecast(request).parts)
                if (part.stage == stage)
                    return part;
            return ForecastPart();
        };
        for (const auto stage : {ForecastPart::Stage::Calibration, ForecastPart::Stage::Hessians}) {
            for (const auto mode : {CalibrationMode::Sequential, CalibrationMode::TrueSequential}) {
                const ForecastPart with = partOf(mode, true, stage);
                const ForecastPart without = partOf(mode, false, stage);
                QVERIFY(with.seconds > 1.2 * without.seconds);
                QVERIFY(with.memoryBytes > without.memoryBytes);
            }
            QCOMPARE(partOf(CalibrationMode::Float, true, stage).seconds,
                     partOf(CalibrationMode::Float, false, stage).seconds);
        }
        // Block by block the float network passes each of the three blocks once. Layer by layer it
        // does so for every value that layers read: four times, but for the first block's first.
        const double once =
            partOf(CalibrationMode::Float, false, ForecastPart::Stage::Calibration).seconds;
        const auto extra = [&](CalibrationMode mode) {
            return partOf(mode, true, ForecastPart::Stage::Calibration).seconds -
                   partOf(mode, false, ForecastPart::Stage::Calibration).seconds;
        };
        QVERIFY(isClose(extra(CalibrationMode::Sequential), once, 0.02));
        QVERIFY(isClose(extra(CalibrationMode::TrueSequential), once * 11 / 3, 0.02));
    }

    void perplexityOfARealModelFalls()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: no real model to quantize");
        const TemporaryFolder folder;
        const std::string text = readTextFile(*data / "text" / "tinystories.txt");
        std::ofstream(folder / "calibration.txt") << text.substr(0, 60'000);
        std::ofstream(folder / "evaluation.txt") << text.substr(200'000, 30'000);
        QuantizeRequest request;
        request.model = openModel(*data / "lm-stories260K");
        request.tokenizer = *data / "lm-stories260K" / "tokenizer.bin";
        Recipe& recipe = request.recipe;
        recipe.standard.scheme = {2, Granularity::Group, 32, true, DType::F16};
        recipe.calibration.data = (folder / "calibration.txt").string();
        recipe.calibration.samples = 48;
        recipe.calibration.context = 128;
        recipe.calibration.mode = CalibrationMode::TrueSequential;
        const auto perplexity = [&](bool asymmetric) {
            recipe.standard.method = nupesOptions(asymmetric);
            EvaluateRequest evaluation;
            evaluation.model = request.model;
            evaluation.run = runOf(request);
            evaluation.data = folder / "evaluation.txt";
            evaluation.tokenizer = request.tokenizer;
            evaluation.context = 128;
            Monitor monitor;
            return evaluatePerplexity(evaluation, monitor).value;
        };
        const double with = perplexity(true);
        const double without = perplexity(false);
        QVERIFY2(with < 0.92 * without,
                 qPrintable(QString("%1 with, %2 without").arg(with).arg(without)));
    }
};

QTEST_GUILESS_MAIN(TestAsymmetricRun)
#include "tst_asymmetric_run.moc"
