// SPDX-License-Identifier: GPL-3.0-or-later
//
// Sensitivities of networks of all kinds, of models that cannot run, and of damaged ones.
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "core/session/evaluate.h"
#include "core/session/output_distance.h"
#include "core/session/quantize.h"
#include "tests/support/sensitivity_tables.h"
#include "tests/support/support.h"
#include "tests/support/tiny_image_model.h"
#include "tests/support/tiny_llama.h"

#include <QTest>
#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

class Notes final : public Monitor
{
public:
    void note(std::string_view line) override { text += line; }
    void report(double fraction, std::string_view) override
    {
        rising = rising && fraction >= last && fraction <= 1;
        last = fraction;
    }
    std::string text;
    double last = 0;
    bool rising = true;
};

struct Fixture
{
    TemporaryFolder folder;
    TinyImageModel tiny{folder / "model"};

    explicit Fixture(std::int64_t images = 20) { tiny.writeData(folder.path(), images); }

    [[nodiscard]] SensitivityRequest request(std::int64_t images = 20) const
    {
        SensitivityRequest request;
        request.model = tiny.model();
        request.recipe.calibration.data = (folder / "images.npy").string();
        request.recipe.calibration.samples = images;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
        request.candidates = {candidate(3, RtnOptions{}), candidate(6, GptqOptions{})};
        return request;
    }
};

std::shared_ptr<const Run> runOf(const SensitivityRequest& wanted, const LayerChoice& choice,
                                 const std::string& layer)
{
    QuantizeRequest request;
    request.model = wanted.model;
    request.recipe = wanted.recipe;
    request.recipe.standard = choice;
    request.recipe.calibration.mode = CalibrationMode::Float;
    request.only = std::set{layer};
    Monitor silent;
    return quantize(request, silent);
}

OutputSimilarity similarity(const SensitivityRequest& wanted, std::shared_ptr<const Run> run)
{
    EvaluateRequest request;
    request.model = wanted.model;
    request.run = std::move(run);
    request.data = wanted.recipe.calibration.data;
    Monitor silent;
    return evaluateOutputs(request, nullptr, silent);
}

/// Geometric mean of what Fisher errors are of the measured divergences.
double fisherShare(const SensitivityTable& table)
{
    double sum = 0;
    int count = 0;
    for (const SensitivityTable::Row& row : table.rows)
        for (const Sensitivity& s : row.candidates)
            if (s.fisher > 0 && s.divergence > 0) {
                sum += std::log(s.fisher / s.divergence);
                ++count;
            }
    return count == 0 ? 0 : std::exp(sum / count);
}

} // namespace

class TestSensitivityModels : public QObject
{
    Q_OBJECT

private slots:
    void classifiersWithConvolutions()
    {
        constexpr std::int64_t images = 300;
        const Fixture f(images);
        SensitivityRequest wanted = f.request(images);
        wanted.metric = SensitivityMetric::Divergence;
        Notes notes;
        const SensitivityTable table = measureSensitivity(wanted, notes);
        QVERIFY(notes.rising);
        QCOMPARE(notes.last, 1.0);
        for (const SensitivityTable::Row& row : table.rows) {
            const bool spare = row.layer == "spare";
            for (std::size_t c = 0; c < 2; ++c) {
                const Sensitivity& s = row.candidates[c];
                QVERIFY(s.possible && s.weight > 0);
                QCOMPARE(s.output == 0, spare);
                QCOMPARE(s.fisher == 0, spare);
                QVERIFY(s.output >= 0 && s.fisher >= 0);
                QCOMPARE(s.note.find("nothing leads from it") != std::string::npos, spare);
                const auto run = runOf(wanted, table.candidates[c], row.layer);
                QVERIFY(spare || same(s.output, run->find(row.layer)->relativeOutputError));
                const OutputSimilarity expected = similarity(wanted, run);
                QVERIFY(isClose(s.divergence, expected.divergence, 1e-6, 1e-9));
                QVERIFY(isClose(s.divergenceError, expected.divergenceStandardError, 1e-5, 1e-9));
            }
        }
        // Neighboring pixels move together, which the diagonal knows nothing of.
        const double share = fisherShare(table);
        QVERIFY2(share > 0.3 && share < 3, std::to_string(share).c_str());
    }

    void memoryDecidesNothing()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.metric = SensitivityMetric::Divergence;
        wanted.pairs = 3;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        for (const std::uint64_t bytes : {std::uint64_t(1) << 16, std::uint64_t(1) << 12}) {
            wanted.memoryBytes = bytes;
            QVERIFY(same(measureSensitivity(wanted, silent), table));
        }
    }

    void lockedLayersAreNotRunAlone()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.metric = SensitivityMetric::Divergence;
        Monitor silent;
        const SensitivityTable all = measureSensitivity(wanted, silent);
        wanted.recipe.locked = {"stem", "head"};
        wanted.pairs = 100;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        QCOMPARE(table.rows.size(), all.rows.size());
        for (std::size_t r = 0; r < table.rows.size(); ++r)
            for (std::size_t c = 0; c < table.candidates.size(); ++c) {
                const Sensitivity& s = table.rows[r].candidates[c];
                const bool locked = wanted.recipe.locked.contains(table.rows[r].layer);
                QCOMPARE(std::isnan(s.divergence), locked);
                QVERIFY(locked || same(s, all.rows[r].candidates[c]));
                QVERIFY(same(s.fisher, all.rows[r].candidates[c].fisher));
            }
        QCOMPARE(table.pairs.size(), std::size_t(4 * 3 / 2));
        for (const SensitivityPair& pair : table.pairs)
            for (const std::size_t row : {pair.firstRow, pair.secondRow})
                QVERIFY(!wanted.recipe.locked.contains(table.rows[row].layer));
        QCOMPARE(*table.best(wanted.recipe.locked), SensitivityMetric::Divergence);
    }

    void languageModelsMayPutOutProbabilities()
    {
        TemporaryFolder folder;
        TinyLlama tiny;
        tiny.write(folder / "model");
        const auto logits = openModel(folder / "model");
        auto scores = std::make_shared<Model>(*logits);
        Node node;
        node.op = op::Softmax{};
        node.inputs = {scores->graph.output};
        node.outputs = {scores->graph.values++};
        scores->graph.output = scores->graph.outputs.front().value = node.output();
        scores->graph.nodes.push_back(node);
        CalibrationSamples samples;
        samples.windows.length = 16;
        RandomStream random(9);
        for (int i = 0; i < 3 * 16; ++i)
            samples.windows.tokens.push_back(
                static_cast<Token>(random.below(static_cast<std::uint64_t>(tiny.vocabulary))));
        samples.chosen = allSamples(3);
        samples.context = 16;
        std::vector<SampleMean> means;
        for (const std::shared_ptr<const Model>& model :
             {logits, std::shared_ptr<const Model>(scores)}) {
            samples.data = windowsDataset(*model, samples.windows);
            const Weights weights(model, std::uint64_t(1) << 26);
            OutputDistance distance(*model, weights, samples, std::uint64_t(1) << 26);
            Monitor silent;
            distance.prepare(silent);
            const Layer& layer = *model->findLayer("model.layers.0.mlp.down_proj");
            means.push_back(distance.measure(
                {layer.weight},
                [&](Weights& changed) {
                    Tensor half = weights.get(layer.weight)->clone();
                    for (float& value : half.floats())
                        value /= 2;
                    changed.replace(layer.weight, std::make_shared<const Tensor>(std::move(half)));
                },
                silent));
        }
        QVERIFY(means[0].value > 1e-3);
        QVERIFY2(isClose(means[0].value, means[1].value, 1e-3),
                 (std::to_string(means[0].value) + " " + std::to_string(means[1].value)).c_str());
    }

    void otherOutputsAreComparedByTheirSquares()
    {
        const Fixture f;
        const auto model = f.tiny.changeable();
        model->task = ModelTask::Other;
        SensitivityRequest wanted = f.request();
        wanted.metric = SensitivityMetric::Divergence;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        QCOMPARE(table.unit, SensitivityTable::Unit::OutputShare);
        const double share = fisherShare(table);
        QVERIFY2(share > 0.3 && share < 3, std::to_string(share).c_str());
        // The last layer's outputs are the model's: only the signs are left to chance.
        const auto head = std::find_if(table.rows.begin(), table.rows.end(),
                                       [](const auto& row) { return row.layer == "head"; });
        for (const Sensitivity& s : head->candidates)
            QVERIFY(isClose(s.fisher, s.divergence, 0.4));
    }

    void floatIsACandidateWithoutErrors()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        LayerChoice kept;
        kept.keepFloat = true;
        wanted.candidates.push_back(kept);
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        for (const SensitivityTable::Row& row : table.rows) {
            const Sensitivity& s = row.candidates[2];
            QVERIFY(s.weight == 0 && s.output == 0 && s.fisher == 0 && s.divergence == 0);
            QCOMPARE(s.bytes, static_cast<std::uint64_t>(
                                  4 * wanted.model->findLayer(row.layer)->parameters()));
        }
    }

    void withoutDataThereAreWeightErrors()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.recipe.calibration.data.clear();
        Notes notes;
        const SensitivityTable table = measureSensitivity(wanted, notes);
        QVERIFY(notes.text.find("no calibration data") != std::string::npos);
        for (const SensitivityTable::Row& row : table.rows) {
            QVERIFY(row.candidates[0].weight > 0 && std::isnan(row.candidates[0].output));
            QVERIFY(!row.candidates[1].possible && std::isnan(row.candidates[1].weight));
            QVERIFY(row.candidates[1].note.find("gptq") != std::string::npos ||
                    row.candidates[1].note.find("calibration") != std::string::npos);
        }
        QCOMPARE(*table.best(), SensitivityMetric::Weight);
    }

    void modelsThatCannotRunHaveWeightErrors()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.model = openModel(f.folder / "model/model.safetensors");
        QVERIFY(!wanted.model->canRun());
        wanted.recipe.rules = {{".", candidate(4, RtnOptions{})}};
        Notes notes;
        const SensitivityTable table = measureSensitivity(wanted, notes);
        QVERIFY(notes.text.find("cannot be run") != std::string::npos);
        for (const SensitivityTable::Row& row : table.rows)
            QVERIFY(row.candidates[0].weight > 0);
    }

    void weightsThatAreNoNumbersAreNamed()
    {
        TemporaryFolder folder;
        Tensor weight({4, 4});
        for (float& value : weight.floats())
            value = 1;
        weight.floats()[5] = std::numeric_limits<float>::quiet_NaN();
        std::vector<TensorToWrite> tensors;
        tensors.push_back(
            {"bad.weight", DType::F32, weight.shape(), [&] { return weight.clone(); }});
        Monitor silent;
        writeSafetensors(folder / "model.safetensors", std::move(tensors), {}, silent);
        SensitivityRequest wanted;
        wanted.model = openModel(folder / "model.safetensors");
        wanted.recipe.rules = {{".", candidate(4, RtnOptions{})}};
        wanted.candidates = {candidate(3, RtnOptions{})};
        try {
            (void)measureSensitivity(wanted, silent);
            QFAIL("it was measured");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Numeric);
            QVERIFY(std::string(error.what()).find("bad") != std::string::npos);
        }
    }

    void wrongRequestsAreRefused()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        Monitor silent;
        wanted.candidates.clear();
        QVERIFY_THROWS_EXCEPTION(Error, (void)measureSensitivity(wanted, silent));
        wanted.candidates = {candidate(99, RtnOptions{})};
        QVERIFY_THROWS_EXCEPTION(Error, (void)measureSensitivity(wanted, silent));
        wanted = f.request();
        wanted.recipe.standard.keepFloat = true;
        QVERIFY_THROWS_EXCEPTION(Error, (void)measureSensitivity(wanted, silent));
        wanted = f.request();
        LayerChoice statics = candidate(4, MinmaxStaticOptions{});
        statics.activation.bits = 8;
        wanted.candidates = {statics, candidate(4, RtnOptions{})};
        const SensitivityTable table = measureSensitivity(wanted, silent);
        for (const SensitivityTable::Row& row : table.rows) {
            QVERIFY(!row.candidates[0].possible && !row.candidates[0].note.empty());
            QVERIFY(row.candidates[1].possible);
        }
    }

    void inputsOnPowerGridsCount()
    {
        const Fixture f(40);
        SensitivityRequest wanted = f.request(40);
        LayerChoice coarse = candidate(8, PowerquantOptions{});
        LayerChoice fine = coarse;
        coarse.activation.bits = 3;
        fine.activation.bits = 8;
        wanted.candidates = {candidate(8, PowerquantOptions{}), fine, coarse};
        wanted.metric = SensitivityMetric::Divergence;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        for (const SensitivityTable::Row& row : table.rows) {
            if (row.layer != "head")
                continue;
            const auto& c = row.candidates;
            QVERIFY(same(c[0].weight, c[2].weight) && same(c[0].output, c[2].output));
            QVERIFY(c[2].fisher > 10 * c[1].fisher && c[1].fisher > c[0].fisher);
            QVERIFY(c[2].divergence > 10 * c[1].divergence);
            QVERIFY(c[2].fisher / c[2].divergence > 0.3 && c[2].fisher / c[2].divergence < 3);
        }
    }

    void candidatesOfBitsAndGroups()
    {
        const LayerChoice base = candidate(4, GptqOptions{}, 128);
        const auto made = candidatesOf(base, {2, 3}, {0, 64});
        QCOMPARE(made.size(), std::size_t(4));
        QCOMPARE(made[0].scheme.bits, 2);
        QCOMPARE(made[0].scheme.granularity, Granularity::Channel);
        QCOMPARE(made[1].scheme.groupSize, 64);
        QCOMPARE(made[3].scheme.bits, 3);
        QVERIFY(made[3].method == base.method);
        QVERIFY(candidatesOf(base, {}, {}) == std::vector<LayerChoice>{base});
    }

    void whatWasNotMeasuredHasNoRank()
    {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        QVERIFY(std::isnan(rankCorrelation({1, nan, 3}, {1, 2, 3})));
        QVERIFY(std::isnan(rankCorrelation({1, 2, 3}, {nan, nan, nan})));
        QCOMPARE(rankCorrelation({1, 2, 3}, {2, 4, 9}), 1.0);
    }

    void tablesAsText()
    {
        SensitivityTable table;
        table.candidates = {candidate(3, RtnOptions{}, 64), candidate(4, GptqOptions{})};
        Sensitivity s;
        s.bytes = 12;
        s.weight = 0.1;
        s.fisher = 1.0 / 3;
        s.note = "a, \"b\"";
        table.candidates[1].activation.bits = 8;
        Sensitivity refused;
        refused.possible = false;
        table.rows = {{"layer,1", {s, refused}}};
        QCOMPARE(sensitivityCsv(table),
                 std::string(
                     "layer,method,bits,group,bytes,weight_error,output_error,fisher,kl,kl_error,"
                     "input_bits,possible,note\n"
                     "\"layer,1\",rtn,3,64,12,0.1,,0.3333333333333333,,,,yes,\"a, \"\"b\"\"\"\n"
                     "\"layer,1\",gptq,4,0,0,,,,,,8,no,\n"));
        const auto json = nlohmann::json::parse(sensitivityJson(table));
        QCOMPARE(json["unit"].get<std::string>(), std::string("nats per token"));
        QCOMPARE(json["layers"][0]["candidates"][0]["fisher"].get<double>(), 1.0 / 3);
        QVERIFY(json["layers"][0]["candidates"][0]["kl"].is_null());
        QCOMPARE(json["candidates"].size(), std::size_t(2));
    }

    void realModels_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<int>("samples");
        QTest::addColumn<QString>("layers");
        QTest::newRow("mobilenet")
            << "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.onnx" << 4 << ".";
        QTest::newRow("vit-tiny") << "vit-tiny-tinyimagenet" << 3 << "layer\\.(0|11)\\.";
        QTest::newRow("mnist") << "onnx-ultraface/mnist.onnx" << 40 << "^Parameter(5|87|193)$";
    }

    void realModels()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set");
        QFETCH(QString, path);
        QFETCH(int, samples);
        QFETCH(QString, layers);
        TemporaryFolder folder;
        SensitivityRequest wanted;
        wanted.model = openModel(*data / path.toStdString());
        QVERIFY2(wanted.model->canRun(), wanted.model->whyNotRunnable.c_str());
        wanted.recipe.standard.keepFloat = true;
        wanted.recipe.rules = {{layers.toStdString(), candidate(4, RtnOptions{})}};
        CalibrationChoice& calibration = wanted.recipe.calibration;
        calibration.data = (*data / "imagenet-images/images_u8_nchw.npy").string();
        calibration.samples = samples;
        calibration.mean = {127.5F};
        calibration.deviation = {127.5F};
        wanted.recipe.foldBatchNorms = true;
        if (path.contains("mnist")) { // digits are not at hand
            Tensor images({samples, 1, 28, 28});
            RandomStream random(2);
            for (std::int64_t n = 0; n < samples; ++n)
                for (int y = 0; y < 28; ++y)
                    for (int x = 0; x < 28; ++x)
                        images.floats()[static_cast<std::size_t>((n * 28 + y) * 28 + x)] =
                            std::abs(x - 14) < 2 + n % 3 && y > 4 && y < 24
                                ? static_cast<float>(0.5 + random.uniform())
                                : 0;
            writeNpy(folder / "digits.npy", images.view());
            calibration.data = (folder / "digits.npy").string();
            calibration.mean = {0};
            calibration.deviation = {1};
        }
        wanted.candidates = {candidate(6, RtnOptions{})};
        wanted.metric = SensitivityMetric::Divergence;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        QCOMPARE(table.unit, SensitivityTable::Unit::NatsPerSample);
        QVERIFY(table.rows.size() > 2);
        for (const SensitivityTable::Row& row : table.rows)
            QVERIFY2(row.candidates[0].fisher > 0, row.layer.c_str());
        QVERIFY(table.has(SensitivityMetric::Divergence));
        const double share = fisherShare(table);
        QVERIFY2(share > 0.1 && share < 10, std::to_string(share).c_str());
        std::vector<double> fisher;
        std::vector<double> measured;
        for (const SensitivityTable::Row& row : table.rows) {
            fisher.push_back(row.candidates[0].fisher);
            measured.push_back(row.candidates[0].divergence);
        }
        QVERIFY(rankCorrelation(fisher, measured) > 0.4);
    }
};

QTEST_APPLESS_MAIN(TestSensitivityModels)
#include "tst_sensitivity_models.moc"
