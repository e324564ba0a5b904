// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/explorer.h"
#include "app/gui/facts_cache.h"
#include "app/gui/workbench.h"
#include "core/base/random.h"
#include "core/io/safetensors.h"
#include "core/session/weight_view.h"
#include "tests/support/sample_model.h"
#include "tests/support/support.h"
#include "widgets/text.h"

#include <QElapsedTimer>
#include <QSignalSpy>
#include <QTest>

#include <cmath>

using namespace gradus;

/// What is computed for the panels, when, and what is not.
class TestExplorer : public QObject
{
    Q_OBJECT
private:
    using Names = std::vector<std::string>;
    using Previews = std::vector<std::shared_ptr<const WeightPreview>>;

    static QString sample()
    {
        return QStringLiteral(GRADUS_SOURCE_DIR "/resources/samples/lm-kjv-3M");
    }
    static bool await(const std::function<void(Workbench::Then)>& verb)
    {
        std::optional<bool> result;
        verb([&](bool ok) { result = ok; });
        QElapsedTimer clock;
        clock.start();
        while (!result && clock.elapsed() < 120'000)
            QTest::qWait(5);
        return result.value_or(false);
    }

private Q_SLOTS:
    void init();
    void cleanup();
    void followsTheSelection();
    void sortedErrorsAreKept();
    void theLatestSelectionWins();
    void theLatestEditWins();
    void severalLayers();
    void nothingSelected();
    void onlyWhatIsWanted();
    void sampledThenExact();
    void runsOwnCodes();
    void exponentOfTheModel();
    void clipWhileDragging();
    void exponents();
    void powerGrids();
    void outliersAndStrip();
    void anotherModelDropsAnswers();
    void unreadableLayer();
    void surveyIsDoneAgainAfterAnEdit();
    void surveyWithoutASelection();

private:
    bool open(const QString& path)
    {
        return await([&](auto then) { m_bench->openModel(path, then); }) && planned();
    }
    bool planned()
    {
        return QTest::qWaitFor([&] { return m_bench->isPlanned() && m_document->plan(); }, 30'000);
    }
    bool settled()
    {
        return QTest::qWaitFor([&] { return m_explorer->isSettled(); }, 30'000);
    }
    bool surveyed()
    {
        return QTest::qWaitFor([&] { return m_explorer->isSurveyed(); }, 60'000);
    }
    /// A small file: 40 × 32 each, one of them with a NaN when asked for.
    QString writeModel(const char* name, const Names& layers, const std::string& bad = {})
    {
        std::vector<TensorToWrite> tensors;
        for (const std::string& layer : layers)
            tensors.push_back({layer + ".weight", DType::F32, Shape{40, 32}, [layer, bad] {
                                   RandomStream random(3, layer);
                                   Tensor tensor = Tensor::zeros(DType::F32, Shape{40, 32});
                                   for (float& value : tensor.floats())
                                       value = static_cast<float>(0.05 * random.normal());
                                   if (layer == bad)
                                       tensor.floats()[77] = std::nanf("");
                                   return tensor;
                               }});
        Monitor monitor;
        writeSafetensors(m_folder / name, std::move(tensors), {}, monitor);
        return pathText(m_folder / name);
    }
    void setBits(const std::string& layer, int bits)
    {
        LayerChoice choice = *m_document->choiceOf(layer);
        choice.scheme.bits = bits;
        m_document->editLayers({{layer, choice}}, "bits");
    }

    test::TemporaryFolder m_folder;
    std::unique_ptr<Workbench> m_bench;
    std::unique_ptr<Explorer> m_explorer;
    Document* m_document = nullptr;
    std::vector<Previews> m_previews; ///< as they came
    QStringList m_failures;
};

void TestExplorer::init()
{
    m_bench = std::make_unique<Workbench>(QString());
    m_document = m_bench->document();
    m_explorer = std::make_unique<Explorer>(m_document);
    connect(m_bench.get(), &Workbench::inputsCaptured, m_explorer.get(), &Explorer::keepInputs);
    connect(m_document, &Document::planChanged, m_explorer.get(), &Explorer::refresh);
    m_previews.clear();
    m_failures.clear();
    connect(m_explorer.get(), &Explorer::previewsReady, this,
            [this](const Previews& previews) { m_previews.push_back(previews); });
    connect(m_explorer.get(), &Explorer::previewFailed, this,
            [this](const QString& why) { m_failures.append(why); });
}

void TestExplorer::cleanup()
{
    m_explorer.reset();
    m_bench.reset();
}

/// By layer, granules and their scales: bits do not matter.
void TestExplorer::sortedErrorsAreKept()
{
    Monitor monitor;
    const QString file = writeModel("kept.safetensors", {"a.b.c", "a.b.d"});
    FactsCache cache(gradus::openModel(toPath(file)), 1 << 20);
    const auto weight = cache.get("a.b.c", monitor);
    Scheme scheme;
    scheme.granularity = Granularity::Channel;
    const std::vector<float> some(40, 0.25F);
    const std::vector<float> others(40, 0.125F);
    const auto first = cache.powerErrors(*weight, scheme, some, monitor);
    scheme.bits = 8;
    scheme.levels = Levels::PowerMidRise;
    QCOMPARE(cache.powerErrors(*weight, scheme, some, monitor), first);
    const auto second = cache.powerErrors(*weight, scheme, others, monitor);
    QVERIFY(second != first);
    QVERIFY(cache.powerErrors(*weight, scheme, monitor) != first);
    QVERIFY(cache.powerErrors(*cache.get("a.b.d", monitor), scheme, some, monitor) != first);
    QCOMPARE(cache.powerErrors(*weight, scheme, some, monitor), first);
    QCOMPARE(cache.powerErrors(*weight, scheme, others, monitor), second);
    // They are what they would be if they were not kept.
    const PowerErrors made = PowerErrors::sorted(weight->weight.matrix(), scheme, some, monitor);
    const PowerLevels levels(scheme, 0.5);
    QVERIFY(made.error(levels, PowerRounding::Nearest) ==
            first->error(levels, PowerRounding::Nearest));
}

void TestExplorer::followsTheSelection()
{
    QVERIFY(open(sample()));
    const std::string layer = "model.layers.0.mlp.down_proj";
    m_explorer->select({layer});
    QVERIFY(settled());
    QTRY_VERIFY(!m_previews.empty());
    QCOMPARE(m_previews.back().size(), std::size_t(1));
    QCOMPARE(m_previews.back()[0]->layer, layer);
    QCOMPARE(m_previews.back()[0]->levels.size(), std::size_t(16));
    QVERIFY(std::isnan(m_previews.back()[0]->relativeOutputError)); // no inputs yet
    QVERIFY(!m_previews.back()[0]->fromRun);
    setBits(layer, 3);
    QTRY_COMPARE(m_previews.back()[0]->levels.size(), std::size_t(8));
    m_document->undoStack()->undo();
    QTRY_COMPARE(m_previews.back()[0]->levels.size(), std::size_t(16));
    // The same selection again asks for nothing.
    QVERIFY(settled());
    m_previews.clear();
    m_explorer->select({layer});
    QVERIFY(m_explorer->isSettled());
}

void TestExplorer::theLatestSelectionWins()
{
    QVERIFY(open(sample()));
    m_explorer->setWanted(Explorer::Aspect::Channels, true);
    Names channels;
    connect(m_explorer.get(), &Explorer::channelsReady, this,
            [&](const std::shared_ptr<const LayerChannels>& c) {
                channels.push_back(c->facts->layer);
            });
    std::vector<std::string> curves;
    m_explorer->setWanted(Explorer::Aspect::Exponents, true);
    connect(m_explorer.get(), &Explorer::exponentsReady, this,
            [&](const std::vector<LayerCurve>& list) { curves.push_back(list.front().layer); });
    Names outliers;
    connect(m_explorer.get(), &Explorer::outliersReady, this,
            [&](const std::string& layer) { outliers.push_back(layer); });
    const auto& layers = m_document->model()->layers;
    for (const Layer& layer : layers)
        m_explorer->select({layer.name});
    QVERIFY(settled());
    const std::string last = layers.back().name;
    QTRY_VERIFY(!m_previews.empty() && !channels.empty() && !curves.empty() && !outliers.empty());
    for (const Previews& each : m_previews)
        QCOMPARE(each[0]->layer, last);
    for (const Names& names : {channels, curves, outliers}) {
        for (const std::string& name : names)
            QCOMPARE(name, last);
    }
}

void TestExplorer::theLatestEditWins()
{
    QVERIFY(open(sample()));
    const std::string layer = "model.layers.0.mlp.down_proj";
    m_explorer->select({layer});
    QVERIFY(settled());
    for (const int bits : {2, 3, 5, 6, 7, 8}) {
        LayerChoice choice = *m_document->choiceOf(layer);
        choice.scheme.bits = bits;
        m_document->editLayers({{layer, choice}}, "bits");
        QTest::qWait(1);
    }
    QVERIFY(planned());
    QVERIFY(settled());
    QTRY_COMPARE(m_previews.back()[0]->choice.scheme.bits, 8);
    QTest::qWait(50); // and nothing older comes after it
    QCOMPARE(m_previews.back()[0]->choice.scheme.bits, 8);
}

void TestExplorer::severalLayers()
{
    QVERIFY(open(sample()));
    Names names;
    for (const Layer& layer : m_document->model()->layers) {
        if (layer.quantizedByDefault && names.size() < 9)
            names.push_back(layer.name);
    }
    QCOMPARE(names.size(), std::size_t(9));
    m_explorer->select(names);
    QVERIFY(settled());
    QTRY_VERIFY(!m_previews.empty() && m_previews.back().size() > 1);
    // The current one at once, then as many as can be read in one picture.
    QCOMPARE(m_previews.front().size(), std::size_t(1));
    QCOMPARE(m_previews.back().size(), Explorer::maximumLayers);
    for (std::size_t i = 0; i < Explorer::maximumLayers; ++i)
        QCOMPARE(m_previews.back()[i]->layer, names[i]);
    QCOMPARE(m_explorer->selected(), names);
}

void TestExplorer::nothingSelected()
{
    QVERIFY(open(sample()));
    QSignalSpy dropped(m_explorer.get(), &Explorer::previewDropped);
    m_explorer->select({"model.layers.0.mlp.down_proj"});
    m_explorer->select({});
    QCOMPARE(dropped.size(), 1);
    QVERIFY(settled());
    QTest::qWait(30);
    QVERIFY(m_previews.empty());
    m_explorer->select({"nobody"});
    QCOMPARE(dropped.size(), 2);
    // Also when an answer is half on its way: its first part, or a job that ended all the same.
    for (int pause = 0; pause < 12; ++pause) {
        m_explorer->select({"model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"});
        QTest::qSleep(pause);
        m_explorer->select({});
        m_previews.clear();
        QVERIFY(settled());
        QTest::qWait(5);
        QVERIFY(m_previews.empty());
    }
}

void TestExplorer::onlyWhatIsWanted()
{
    QVERIFY(open(sample()));
    QSignalSpy channels(m_explorer.get(), &Explorer::channelsReady);
    QSignalSpy curves(m_explorer.get(), &Explorer::exponentsReady);
    QSignalSpy strips(m_explorer.get(), &Explorer::stripReady);
    m_explorer->select({"model.layers.0.mlp.down_proj"});
    QVERIFY(settled());
    setBits("model.layers.0.mlp.down_proj", 5);
    QVERIFY(planned());
    QVERIFY(settled());
    QTest::qWait(20);
    QCOMPARE(channels.size(), 0);
    QCOMPARE(curves.size(), 0);
    QCOMPARE(strips.size(), 0);
    QVERIFY(m_explorer->exponents().empty());
    // Wanted by now: for the layer that is selected already.
    m_explorer->setWanted(Explorer::Aspect::Channels, true);
    m_explorer->setWanted(Explorer::Aspect::Exponents, true);
    QTRY_COMPARE(channels.size(), 1);
    QTRY_COMPARE(curves.size(), 1);
    m_explorer->setWanted(Explorer::Aspect::Channels, true); // no news
    // An edit changes curves; ranges of the weights stay.
    setBits("model.layers.0.mlp.down_proj", 6);
    QTRY_COMPARE(curves.size(), 2);
    QCOMPARE(channels.size(), 1);
    m_explorer->setWanted(Explorer::Aspect::Channels, false);
    m_explorer->setWanted(Explorer::Aspect::Exponents, false);
    m_explorer->select({"model.layers.1.mlp.down_proj"});
    QVERIFY(settled());
    QTest::qWait(20);
    QCOMPARE(channels.size(), 1);
    QCOMPARE(curves.size(), 2);
}

void TestExplorer::sampledThenExact()
{
    QVERIFY(open(sample()));
    CalibrationChoice calibration = m_document->recipe().calibration;
    calibration.samples = 2;
    calibration.context = 64;
    m_document->setCalibration(calibration, "calibration");
    QVERIFY(planned());
    const std::string layer = "model.layers.0.mlp.gate_proj"; // 512 × 192
    m_explorer->select({layer});
    QVERIFY(settled());
    QSignalSpy inputs(m_explorer.get(), &Explorer::inputsChanged);
    QVERIFY(!m_explorer->hasInputs());
    QVERIFY(await([&](auto then) { m_bench->captureInputs(then); }));
    QVERIFY(m_explorer->hasInputs());
    QVERIFY(inputs.size() > 10);
    QVERIFY(m_explorer->inputsOf(layer));
    QVERIFY(!m_explorer->inputsOf("nobody"));
    QVERIFY(settled());
    // The capture itself brought the number, without another selection or edit.
    QTRY_VERIFY(m_previews.back()[0]->exact() &&
                std::isfinite(m_previews.back()[0]->relativeOutputError));
    m_previews.clear();
    setBits(layer, 3);
    QVERIFY(planned());
    QVERIFY(settled());
    QTRY_VERIFY(!m_previews.empty() && m_previews.back()[0]->exact());
    const WeightPreview& first = *m_previews.front()[0];
    const WeightPreview& last = *m_previews.back()[0];
    QVERIFY(!first.exact());
    QVERIFY(first.outputErrorRows >= 64 && first.outputErrorRows < 512);
    QCOMPARE(last.outputErrorRows, std::int64_t(512));
    QVERIFY(std::fabs(first.relativeOutputError / last.relativeOutputError - 1) < 0.3);
    // Everything else was exact at once.
    QVERIFY(first.weightSqnrDb == last.weightSqnrDb);
    QVERIFY(first.bytes == last.bytes);
    Monitor monitor;
    PreviewRequest request;
    request.facts =
        weightFacts(*m_document->model(), *m_document->model()->findLayer(layer), 160, monitor);
    request.choice = last.choice;
    request.inputs = m_explorer->inputsOf(layer);
    QVERIFY(previewWeight(request, monitor).relativeOutputError == last.relativeOutputError);
}

void TestExplorer::runsOwnCodes()
{
    QVERIFY(open(sample()));
    CalibrationChoice calibration;
    calibration.data.clear();
    m_document->setCalibration(calibration, "none"); // round to nearest needs no text
    const std::string layer = "model.layers.0.mlp.gate_proj";
    QVERIFY(planned());
    m_explorer->select({layer});
    QVERIFY(await([&](auto then) { m_bench->quantize(then); }));
    QTRY_VERIFY(!m_previews.empty() && m_previews.back()[0]->fromRun);
    setBits(layer, 3);
    QTRY_VERIFY(m_previews.back()[0]->choice.scheme.bits == 3);
    QVERIFY(!m_previews.back()[0]->fromRun);
    m_document->undoStack()->undo();
    QTRY_VERIFY(m_previews.back()[0]->fromRun);
    // What is dragged is no run's.
    QVERIFY(settled());
    m_explorer->previewClip(layer, {-0.02F, 0.02F});
    QTRY_VERIFY(!m_previews.back()[0]->fromRun);
}

/// One exponent for the model is known from runs that had one, not from others.
void TestExplorer::exponentOfTheModel()
{
    QVERIFY(open(writeModel("two.safetensors", {"a", "b"})));
    const auto choose = [&](ExponentScope scope, int bits) {
        PowerquantOptions options;
        options.exponentScope = scope;
        LayerChoice choice = *m_document->choiceOf("a");
        choice.keepFloat = false;
        choice.method = options;
        choice.scheme.bits = bits;
        m_document->editLayers({{"a", choice}, {"b", choice}}, "powerquant");
        return planned();
    };
    const auto shows = [&](int bits, bool fromRun) {
        return QTest::qWaitFor([&] {
            if (m_previews.empty())
                return false;
            const WeightPreview& last = *m_previews.back()[0];
            return last.choice.scheme.bits == bits && last.fromRun == fromRun && settled();
        });
    };
    m_explorer->select({"a"});
    QVERIFY(choose(ExponentScope::Layer, 4));
    QVERIFY(await([&](auto then) { m_bench->quantize(then); }));
    QVERIFY(shows(4, true));
    QVERIFY(choose(ExponentScope::Model, 3));
    QVERIFY(shows(3, false));
    QVERIFY(!m_previews.back()[0]->ofMethod);
    QVERIFY(await([&](auto then) { m_bench->quantize(then); }));
    QVERIFY(shows(3, true));
    const double common = m_previews.back()[0]->exponentLow;
    QVERIFY(choose(ExponentScope::Model, 5));
    QVERIFY(shows(5, false));
    QVERIFY(m_previews.back()[0]->ofMethod);
    QCOMPARE(m_previews.back()[0]->exponentLow, common);
}

void TestExplorer::clipWhileDragging()
{
    QVERIFY(open(sample()));
    const std::string layer = "model.layers.0.mlp.gate_proj";
    m_explorer->select({layer});
    QVERIFY(settled());
    QTRY_VERIFY(!m_previews.empty());
    const double before = m_previews.back()[0]->weightSqnrDb;
    const Recipe recipe = m_document->recipe();
    m_previews.clear();
    for (const float limit : {0.1F, 0.05F, 0.01F})
        m_explorer->previewClip(layer, {-limit, limit});
    QVERIFY(settled());
    QTRY_COMPARE(m_previews.size(), std::size_t(1)); // the last one alone
    QVERIFY((m_previews.back()[0]->choice.scheme.clip == ClipLimits{-0.01F, 0.01F}));
    QVERIFY(m_previews.back()[0]->weightSqnrDb < before);
    QVERIFY(m_document->recipe() == recipe);
    m_previews.clear();
    m_explorer->previewClip("model.layers.1.mlp.gate_proj", {-0.01F, 0.01F}); // another layer's
    QVERIFY(m_explorer->isSettled());
    m_explorer->refresh(); // let go without a change
    QTRY_COMPARE(m_previews.size(), std::size_t(1));
    QVERIFY(!m_previews.back()[0]->choice.scheme.clip);
}

void TestExplorer::exponents()
{
    QVERIFY(open(sample()));
    const Names layers{"model.layers.0.mlp.gate_proj", "model.layers.1.mlp.gate_proj"};
    std::vector<std::vector<LayerCurve>> answers;
    std::vector<std::string> facts;
    connect(m_explorer.get(), &Explorer::exponentsReady, this,
            [&](const std::vector<LayerCurve>& list) { answers.push_back(list); });
    connect(m_explorer.get(), &Explorer::factsReady, this,
            [&](const std::shared_ptr<const WeightFacts>& f) { facts.push_back(f->layer); });
    m_explorer->setWanted(Explorer::Aspect::Exponents, true);
    m_explorer->select(layers);
    QVERIFY(settled());
    QTRY_VERIFY(!answers.empty() && answers.back().size() == 2);
    QCOMPARE(answers.front().size(), std::size_t(1)); // the current one first
    for (std::size_t i = 0; i < 2; ++i) {
        QCOMPARE(answers.back()[i].layer, layers[i]);
        QVERIFY(answers.back()[i].study);
        QVERIFY(!answers.back()[i].chosen); // round to nearest has no power grid
    }
    for (const std::string& name : facts)
        QCOMPARE(name, layers[0]);
    std::shared_ptr<const PowerGridView> grid;
    connect(m_explorer.get(), &Explorer::powerGridReady, this,
            [&](const std::string& layer, const std::shared_ptr<const PowerGridView>& view) {
                QCOMPARE(layer, layers[0]);
                grid = view;
            });
    for (const double exponent : {0.3, 0.5, 0.7})
        m_explorer->previewExponent(layers[0], exponent);
    QTRY_VERIFY(grid);
    QCOMPARE(grid->exponent, 0.7);
}

/// The recipe's grid decides what is drawn beside the curve; the whole model is summed up.
void TestExplorer::powerGrids()
{
    QVERIFY(open(sample()));
    const std::string layer = "model.layers.0.mlp.gate_proj";
    LayerChoice choice = *m_document->choiceOf(layer);
    NupesOptions nupes;
    nupes.exponent = 0.625;
    choice.method = nupes;
    m_document->editLayers({{layer, choice}}, "nupes");
    std::vector<LayerCurve> curves;
    connect(m_explorer.get(), &Explorer::exponentsReady, this,
            [&](const std::vector<LayerCurve>& list) { curves = list; });
    std::shared_ptr<const PowerGridView> grid;
    connect(
        m_explorer.get(), &Explorer::powerGridReady, this,
        [&](const std::string&, const std::shared_ptr<const PowerGridView>& view) { grid = view; });
    m_explorer->setWanted(Explorer::Aspect::Exponents, true);
    m_explorer->select({layer});
    QTRY_VERIFY(!curves.empty() && curves.front().chosen);
    QCOMPARE(*curves.front().chosen, 0.625);
    QVERIFY(curves.front().rule == ExponentRule::Clipped);
    QVERIFY(!curves.front().computed);
    m_explorer->previewExponent(layer, 0.625);
    QTRY_VERIFY(grid);
    QVERIFY(grid->rounding == PowerRounding::Nearest);
    QVERIFY(grid->clip < 1);
    const double drawn = errorAt(*curves.front().study, ExponentRule::Clipped, 0.625);
    QVERIFY(std::fabs(grid->nmse / drawn - 1) < 0.02);
    QCOMPARE(grid->occupancy.size(), std::size_t(15));

    std::size_t layers = 0;
    std::shared_ptr<const ExponentStudy> sum;
    connect(
        m_explorer.get(), &Explorer::modelStudyReady, this,
        [&](const std::shared_ptr<const ExponentStudy>& study, std::size_t count, std::size_t of) {
            QVERIFY(count <= of);
            QVERIFY(count >= layers); // it grows
            layers = count;
            sum = study;
        });
    m_explorer->setWanted(Explorer::Aspect::AllExponents, true);
    QTRY_COMPARE_WITH_TIMEOUT(layers, m_document->model()->layers.size(), 30'000);
    QVERIFY(sum && sum->energy > curves.front().study->energy);
    QVERIFY(sum->bestPower.error <= sum->uniform);
}

void TestExplorer::outliersAndStrip()
{
    QVERIFY(open(sample()));
    const std::string layer = "model.layers.0.mlp.gate_proj";
    std::shared_ptr<const OutlierList> outliers;
    connect(m_explorer.get(), &Explorer::outliersReady, this,
            [&](const std::string& of, const std::shared_ptr<const OutlierList>& list) {
                QCOMPARE(of, layer);
                outliers = list;
            });
    m_explorer->select({layer});
    QTRY_VERIFY(outliers);
    QCOMPARE(outliers->multiple, 6.0);
    const std::int64_t few = outliers->count;
    m_explorer->setOutlierMultiple(2.5);
    QTRY_COMPARE(outliers->multiple, 2.5);
    QVERIFY(outliers->count > few);
    std::shared_ptr<const ChannelStrip> strip;
    connect(m_explorer.get(), &Explorer::stripReady, this,
            [&](const std::string& of, const std::shared_ptr<const ChannelStrip>& s) {
                QCOMPARE(of, layer);
                strip = s;
            });
    m_explorer->requestStrip(layer, ChannelAxis::Output);
    m_explorer->requestStrip(layer, ChannelAxis::Input); // the latest
    QTRY_VERIFY(strip);
    QCOMPARE(strip->axis, ChannelAxis::Input);
    QCOMPARE(strip->channels, std::int64_t(192));
}

void TestExplorer::anotherModelDropsAnswers()
{
    const QString small = writeModel("small.safetensors", {"one", "two"});
    QVERIFY(open(sample()));
    m_explorer->setWanted(Explorer::Aspect::Channels, true);
    m_explorer->setWanted(Explorer::Aspect::Exponents, true);
    auto inputs = std::make_shared<InputStatistics>();
    inputs->features = 512;
    m_explorer->keepInputs("model.layers.0.mlp.down_proj", inputs);
    m_explorer->select({"model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"});
    QVERIFY(!m_explorer->isSettled());
    QTest::qSleep(20); // the first parts of the answers wait to be delivered
    int answers = 0;
    const auto count = [&answers] { ++answers; };
    connect(m_explorer.get(), &Explorer::previewsReady, this, count);
    connect(m_explorer.get(), &Explorer::channelsReady, this, count);
    connect(m_explorer.get(), &Explorer::exponentsReady, this, count);
    connect(m_explorer.get(), &Explorer::factsReady, this, count);
    connect(m_explorer.get(), &Explorer::outliersReady, this, count);
    m_document->setModel(gradus::openModel(toPath(small)), {});
    QVERIFY(m_explorer->selected().empty());
    QVERIFY(!m_explorer->hasInputs());
    QVERIFY(m_explorer->statistics().empty());
    QVERIFY(planned());
    QVERIFY(settled());
    QTest::qWait(30);
    QCOMPARE(answers, 0);
    QVERIFY(surveyed());
    QTRY_COMPARE(m_explorer->statistics().size(), std::size_t(2));
    m_explorer->select({"two"});
    QTRY_VERIFY(!m_previews.empty());
    QCOMPARE(m_previews.back()[0]->layer, std::string("two"));
    m_document->setModel(nullptr, {});
    QVERIFY(m_explorer->isSurveyed());
    m_explorer->requestStrip("two", ChannelAxis::Output); // of nothing
    m_explorer->previewExponent("two", 0.5);
    QVERIFY(m_explorer->isSettled() || settled());
}

void TestExplorer::unreadableLayer()
{
    QVERIFY(open(writeModel("bad.safetensors", {"a", "b", "c", "d"}, "b")));
    m_explorer->setWanted(Explorer::Aspect::AllExponents, true);
    m_explorer->select({"b"});
    QTRY_COMPARE(m_failures.size(), 1);
    QVERIFY2(m_failures[0].contains("b"), qPrintable(m_failures[0]));
    QVERIFY2(m_failures[0].contains("NaN"), qPrintable(m_failures[0]));
    QVERIFY(m_previews.empty());
    // The others are looked at all the same.
    QVERIFY(surveyed());
    QTRY_COMPARE(m_explorer->exponents().size(), std::size_t(3));
    for (const LayerStatistics& each : m_explorer->exponents()) {
        QVERIFY(each.name != "b");
        QVERIFY(std::isfinite(each.exponent.bestExponent));
    }
    m_explorer->select({"c"});
    QTRY_VERIFY(!m_previews.empty());
    QCOMPARE(m_previews.back()[0]->layer, std::string("c"));
    // A run says the same, by name.
    QSignalSpy failed(m_bench.get(), &Workbench::failed);
    QVERIFY(!await([&](auto then) { m_bench->quantize(then); }));
    QVERIFY2(failed.last()[0].toString().contains("b"), qPrintable(failed.last()[0].toString()));
}

void TestExplorer::surveyIsDoneAgainAfterAnEdit()
{
    QVERIFY(open(writeModel("three.safetensors", {"a", "b", "c"})));
    m_explorer->setWanted(Explorer::Aspect::AllExponents, true);
    m_explorer->select({"a"});
    QVERIFY(settled());
    QVERIFY(surveyed());
    QTRY_COMPARE(m_explorer->exponents().size(), std::size_t(3));
    const auto nmse = [&](std::size_t i) { return m_explorer->exponents()[i].exponent.bestNmse; };
    const double ofB = nmse(1);
    const double ofC = nmse(2);
    setBits("b", 2);
    QVERIFY(planned());
    QVERIFY(settled());
    QTRY_VERIFY(surveyed() && nmse(1) > 4 * ofB);
    QVERIFY(nmse(2) == ofC);
}

void TestExplorer::surveyWithoutASelection()
{
    QSignalSpy statistics(m_explorer.get(), &Explorer::statisticsChanged);
    QVERIFY(open(writeModel("unseen.safetensors", {"a", "b", "c"})));
    QVERIFY(surveyed());
    QCOMPARE(m_explorer->statistics().size(), std::size_t(3));
    QTRY_VERIFY(statistics.size() >= 2);
    m_explorer->setWanted(Explorer::Aspect::AllExponents, true);
    QVERIFY(surveyed());
    QTRY_COMPARE(m_explorer->exponents().size(), std::size_t(3));
}

QTEST_GUILESS_MAIN(TestExplorer)
#include "tst_explorer.moc"
