// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/export.h"
#include "core/io/byte_source.h"
#include "core/session/evaluate.h"
#include "core/session/journal.h"
#include "core/session/quantize.h"
#include "core/session/stale.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <fstream>
#include <stdexcept>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";
constexpr const char* chosen = "model.layers.1.mlp.down_proj";

QuantizeRequest request(CalibrationMode mode = CalibrationMode::Sequential)
{
    QuantizeRequest request;
    request.model = openModel(sample);
    request.recipe.standard.method = GptqOptions{};
    request.recipe.standard.scheme.bits = 3;
    request.recipe.calibration.data = (sample / "calibration.txt").string();
    request.recipe.calibration.samples = 3;
    request.recipe.calibration.context = 48;
    request.recipe.calibration.mode = mode;
    return request;
}

std::string errorOf(const QuantizeRequest& request)
{
    Monitor monitor;
    try {
        (void)quantize(request, monitor);
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

} // namespace

class TestPartialRun : public QObject
{
    Q_OBJECT

private slots:
    void onlyTheNamedLayersAreComputed()
    {
        QuantizeRequest part = request();
        part.only = std::set<std::string>{chosen};
        Monitor monitor;
        std::vector<std::string> captured;
        part.inputSink = [&](const Layer& layer, std::shared_ptr<const InputStatistics> inputs) {
            captured.push_back(layer.name);
            QCOMPARE(inputs->features, layer.cols);
            QCOMPARE(inputs->hessian.size(), static_cast<std::size_t>(layer.cols * layer.cols));
        };
        const auto run = quantize(part, monitor);
        QCOMPARE(captured, std::vector<std::string>{chosen});
        QCOMPARE(run->layers.size(), part.model->layers.size());
        for (const LayerResult& layer : run->layers) {
            QCOMPARE(layer.weight != nullptr, layer.name == chosen);
            if (!layer.weight) {
                QVERIFY(layer.choice.keepFloat);
                QCOMPARE(layer.note, std::string(layer.name == "model.embed_tokens"
                                                     ? "stays float unless a rule includes it"
                                                     : "left out of this run"));
            }
        }
        // Behind the float blocks, it is what float mode gives.
        QuantizeRequest whole = request(CalibrationMode::Float);
        const auto expected = quantize(whole, monitor);
        QVERIFY(run->find(chosen)->weight->codes == expected->find(chosen)->weight->codes);

        // The recipe is still wanted as a whole.
        QVERIFY(run->recipe == part.recipe);
        const auto stale = staleLayers(*part.model, part.recipe, resultsOf(*run));
        QCOMPARE(stale.size(), run->layers.size() - 1); // all but the embeddings
    }

    void partialRunsExportAndEvaluate()
    {
        QuantizeRequest part = request();
        part.only = std::set<std::string>{chosen};
        const TemporaryFolder folder;
        part.output = folder / "part.gradus";
        Monitor monitor;
        (void)quantize(part, monitor);
        const auto run = readRun(part.output);
        QCOMPARE(run->totals.weights, part.model->findLayer(chosen)->parameters());
        const auto& inputs = run->find(chosen)->origin;
        QVERIFY(!inputs.calibration.empty());

        ExportRequest target;
        target.model = part.model;
        target.run = run;
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
            target.format = format;
            target.output = folder / std::string(exportFormatName(format));
            (void)exportRun(target, monitor);
            QVERIFY(verifyExport(target.output, *run, *part.model, monitor).equal);
        }

        std::ofstream(folder / "text.txt")
            << readTextFile(sample / "evaluation.txt").substr(0, 3000);
        EvaluateRequest evaluation;
        evaluation.model = part.model;
        evaluation.run = run;
        evaluation.data = folder / "text.txt";
        evaluation.context = 64;
        const Perplexity quantized = evaluatePerplexity(evaluation, monitor);
        evaluation.run = nullptr;
        QVERIFY(quantized.value != evaluatePerplexity(evaluation, monitor).value);
    }

    void progressMovesEvenly()
    {
        class Progress final : public Monitor
        {
        public:
            void report(double fraction, std::string_view) override
            {
                falls = falls || fraction < last;
                largestStep = std::max(largestStep, fraction - last);
                last = fraction;
            }
            double last = 0;
            double largestStep = 0;
            bool falls = false;
        };
        // A layer in the last block: nearly all of the time goes into the passes before it.
        QuantizeRequest part = request();
        part.recipe.calibration.samples = 60;
        part.recipe.calibration.context = 128;
        part.only = std::set<std::string>{"model.layers.5.self_attn.q_proj"};
        Progress some;
        (void)quantize(part, some);
        QVERIFY(!some.falls);
        QCOMPARE(some.last, 1.0);
        QVERIFY2(some.largestStep < 0.1, qPrintable(QString::number(some.largestStep)));

        part.only.reset();
        for (const CalibrationMode mode : {CalibrationMode::Float, CalibrationMode::Sequential}) {
            part.recipe.calibration.mode = mode;
            Progress all;
            (void)quantize(part, all);
            QVERIFY(!all.falls);
            QCOMPARE(all.last, 1.0);
            QVERIFY2(all.largestStep < 0.1, qPrintable(QString::number(all.largestStep)));
        }
    }

    void finishedLayersAreTakenOverAsTheyAre()
    {
        Monitor monitor;
        QuantizeRequest whole = request();
        const auto run = quantize(whole, monitor);
        QuantizeRequest part = request();
        part.recipe.seed = 5; // all of them are stale, and taken over all the same
        for (const LayerResult& layer : run->layers)
            if (layer.name != chosen)
                part.finished[layer.name] = layer;
        std::size_t seen = 0;
        const auto mixed = quantize(part, monitor, [&](const LayerResult&) { ++seen; });
        QCOMPARE(seen, run->layers.size());
        for (const LayerResult& layer : run->layers) {
            const LayerResult& now = *mixed->find(layer.name);
            QCOMPARE(now.weight == layer.weight, layer.name != chosen || !layer.weight);
            QCOMPARE(now.origin == layer.origin, layer.name != chosen);
        }
        // Named by `only`, a finished layer is computed.
        part.only = std::set<std::string>{"model.layers.0.mlp.up_proj", chosen};
        const auto again = quantize(part, monitor);
        QVERIFY(again->find("model.layers.0.mlp.up_proj")->weight !=
                run->find("model.layers.0.mlp.up_proj")->weight);
    }

    void layersLeftOutNeedNoCalibration()
    {
        QuantizeRequest part = request();
        part.recipe.calibration.data.clear();
        part.recipe.overrides[chosen] = part.recipe.standard;
        part.recipe.overrides[chosen].method = RtnOptions{};
        QVERIFY(errorOf(part).find("calibration") != std::string::npos);
        part.only = std::set<std::string>{chosen};
        QVERIFY(errorOf(part).empty());
    }

    void badRequestsAreSaid()
    {
        QuantizeRequest part = request();
        part.only = std::set<std::string>{"no.such.layer"};
        QVERIFY(errorOf(part).find("no.such.layer") != std::string::npos);

        part = request();
        part.finished["no.such.layer"] = {};
        QVERIFY(errorOf(part).find("no.such.layer") != std::string::npos);

        part = request();
        LayerResult wrong;
        wrong.name = chosen;
        auto weight = std::make_shared<QuantizedWeight>();
        weight->rows = 3;
        weight->cols = 5;
        wrong.weight = weight;
        part.finished[chosen] = wrong;
        QVERIFY(errorOf(part).find("3 × 5") != std::string::npos);
    }

    void interruptedPartsResume()
    {
        const TemporaryFolder folder;
        QuantizeRequest part = request();
        part.only.emplace();
        for (const Layer& layer : part.model->layers)
            if (layer.name.find("layers.1.") != std::string::npos)
                part.only->insert(layer.name);
        Monitor monitor;
        part.output = folder / "whole.gradus";
        (void)quantize(part, monitor);
        const std::string expected = readTextFile(part.output);

        part.output = folder / "part.gradus";
        int left = 3;
        try {
            (void)quantize(part, monitor, [&](const LayerResult& layer) {
                if (layer.weight && --left == 0)
                    throw std::runtime_error("stop");
            });
            QFAIL("expected a stop");
        } catch (const std::runtime_error&) {
        }
        part.resume = true;
        // Another part of the same recipe is another run.
        QuantizeRequest other = part;
        other.only->erase(chosen);
        QVERIFY(errorOf(other).find("belongs to another run") != std::string::npos);
        (void)quantize(part, monitor);
        QVERIFY(readTextFile(part.output) == expected);
    }
};

QTEST_APPLESS_MAIN(TestPartialRun)
#include "tst_partial_run.moc"
