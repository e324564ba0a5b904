// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/random.h"
#include "core/io/byte_source.h"
#include "core/session/quantize.h"
#include "core/session/stale.h"
#include "tests/support/layers.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

/// GPTQ, or rounding to nearest, everywhere on calibration text.
Recipe calibrated(CalibrationMode mode, const MethodOptions& method = GptqOptions{})
{
    Recipe recipe;
    recipe.standard.method = method;
    recipe.calibration.data = "text.txt";
    recipe.calibration.context = 64;
    recipe.calibration.mode = mode;
    return recipe;
}

/// What a full run of the recipe would give, as far as freshness looks at it.
Results fullResults(const Model& model, const Recipe& recipe)
{
    const auto choices = resolve(recipe, model);
    const auto origins = inputOrigins(model, recipe, choices);
    const auto shared = std::make_shared<const Recipe>(recipe);
    Results results;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        MeasuredLayer& measured = results[model.layers[i].name];
        measured.result.name = model.layers[i].name;
        measured.result.choice = choices[i];
        measured.result.origin = origins[i];
        measured.recipe = shared;
    }
    return results;
}

LayerChoice withBits(LayerChoice choice, int bits)
{
    choice.scheme.bits = bits;
    return choice;
}

/// "F" fresh, "C" choice, "T" calibration text and settings, "E" earlier, "-" no result.
std::string lettersOf(const Model& model, const Recipe& recipe, const Results& results)
{
    std::string text;
    for (const auto& one : freshness(model, recipe, results))
        text += !one                                    ? '-'
                : *one == Freshness::Fresh              ? 'F'
                : *one == Freshness::ChoiceChanged      ? 'C'
                : *one == Freshness::CalibrationChanged ? 'T'
                                                        : 'E';
    return text;
}

Run runOf(const QuantizeRequest& request)
{
    Monitor monitor;
    return *quantize(request, monitor);
}

std::string bytesOf(const Run& run, const TemporaryFolder& folder)
{
    Monitor monitor;
    writeRun(run, folder / "run.gradus", monitor);
    return readTextFile(folder / "run.gradus");
}

} // namespace

class TestStale : public QObject
{
    Q_OBJECT

private slots:
    void rules()
    {
        // embed, then two layers in each of three blocks.
        const auto model = madeUpModel(3);
        const Recipe before = calibrated(CalibrationMode::Sequential);
        const Results results = fullResults(*model, before);
        QCOMPARE(lettersOf(*model, before, results), std::string("FFFFFFF"));
        QVERIFY(staleLayers(*model, before, results).empty());

        Recipe recipe = before;
        recipe.overrides["blocks.1.up"] = withBits(recipe.standard, 3);
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFCFEE"));
        QCOMPARE(staleLayers(*model, recipe, results),
                 (std::set<std::string>{"blocks.1.up", "blocks.2.up", "blocks.2.down"}));
        recipe.overrides.clear(); // and back
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFFFFF"));

        recipe.overrides["embed"].method = RtnOptions{};
        QCOMPARE(lettersOf(*model, recipe, results), std::string("CEEEEEE"));

        for (const auto& edit : std::vector<std::function<void(Recipe&)>>{
                 [](Recipe& r) { r.seed = 1; }, [](Recipe& r) { r.calibration.data = "other.txt"; },
                 [](Recipe& r) { r.calibration.samples = 3; },
                 [](Recipe& r) { r.calibration.context = 32; },
                 [](Recipe& r) { r.calibration.mode = CalibrationMode::Float; },
                 [](Recipe& r) { r.calibration.data.clear(); }}) {
            recipe = before;
            edit(recipe);
            QCOMPARE(lettersOf(*model, recipe, results), std::string("FTTTTTT"));
        }
        recipe = before;
        recipe.locked.insert("blocks.0.up"); // concerns bulk edits only
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFFFFF"));
    }

    void floatModeLooksAtNoOtherLayer()
    {
        const auto model = madeUpModel(3);
        Recipe recipe = calibrated(CalibrationMode::Float);
        const Results results = fullResults(*model, recipe);
        recipe.overrides["blocks.0.up"] = withBits(recipe.standard, 3);
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FCFFFFF"));
    }

    void keptFloatIsKeptFloat()
    {
        const auto model = madeUpModel(2);
        Recipe recipe = calibrated(CalibrationMode::Sequential);
        recipe.overrides["blocks.0.up"].keepFloat = true;
        const Results results = fullResults(*model, recipe);
        recipe.overrides["blocks.0.up"].scheme.bits = 7; // means nothing
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFFF"));
        recipe.overrides["blocks.1.down"].keepFloat = true;
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFFC"));
        QCOMPARE(staleLayers(*model, recipe, results), std::set<std::string>{"blocks.1.down"});
    }

    void missingResultsAreToBeComputed()
    {
        const auto model = madeUpModel(2);
        const Recipe recipe = calibrated(CalibrationMode::Float);
        Results results = fullResults(*model, recipe);
        results.erase("blocks.0.down");
        results.erase("embed"); // stays float: nothing to compute
        QCOMPARE(lettersOf(*model, recipe, results), std::string("-F-FF"));
        QCOMPARE(staleLayers(*model, recipe, results), std::set<std::string>{"blocks.0.down"});
    }

    void withoutTextNothingDependsOnIt()
    {
        const auto model = madeUpModel(2);
        Recipe recipe = calibrated(CalibrationMode::Sequential, RtnOptions{});
        recipe.calibration.data.clear();
        const Results results = fullResults(*model, recipe);
        for (const auto& [name, measured] : results)
            QVERIFY(measured.result.origin == InputOrigin{});
        recipe.seed = 5;
        recipe.calibration.samples = 7;
        recipe.overrides["blocks.0.up"] = withBits(recipe.standard, 3);
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FCFFF"));
    }

    void methodsThatDoNotLookAtInputsStopTheChain()
    {
        // Block 1 rounds to nearest: what it comes out as does not depend on block 0, yet its
        // output error does. Block 2 sees block 0 all the same.
        const auto model = madeUpModel(3);
        Recipe recipe = calibrated(CalibrationMode::Sequential, RtnOptions{});
        const Results results = fullResults(*model, recipe);
        recipe.overrides["blocks.0.up"] = withBits(recipe.standard, 3);
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FCFEEEE"));
    }

    void resultsComputedAfterOthersAreFoundOut()
    {
        // Block 0 was recomputed after an edit, block 1 not: all choices are the recipe's, but
        // block 1 came behind the old block 0.
        const auto model = madeUpModel(2);
        Recipe recipe = calibrated(CalibrationMode::Sequential);
        Results results = fullResults(*model, recipe);
        recipe.overrides["blocks.0.up"] = withBits(recipe.standard, 3);
        const Results now = fullResults(*model, recipe);
        for (const char* name : {"blocks.0.up", "blocks.0.down"})
            results[name] = now.at(name);
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFEE"));

        // The same without origins: then the recipe tells.
        for (auto& [name, measured] : results)
            measured.result.origin = {};
        QCOMPARE(lettersOf(*model, recipe, results), std::string("FFFEE"));
    }

    void ordersAndSizesDoNotMatter()
    {
        // A hundred distinct choices, more than are remembered, give the same origins every time.
        const auto model = madeUpModel(100);
        Recipe recipe = calibrated(CalibrationMode::Sequential);
        for (int b = 0; b < 100; ++b) {
            LayerChoice choice = recipe.standard;
            choice.scheme.granularity = Granularity::Group;
            choice.scheme.groupSize = 8 + b;
            recipe.overrides["blocks." + std::to_string(b) + ".up"] = choice;
        }
        const Results results = fullResults(*model, recipe);
        QCOMPARE(lettersOf(*model, recipe, results), std::string(201, 'F'));
        std::set<std::string> distinct;
        for (const auto& [name, measured] : results)
            distinct.insert(measured.result.origin.earlier);
        // One per block, and the embedding's empty one, which the first block shares.
        QCOMPARE(distinct.size(), std::size_t(100));
    }

    void rerunningStaleLayersEqualsAFullRun_data()
    {
        QTest::addColumn<bool>("sequential");
        QTest::newRow("sequential") << true;
        QTest::newRow("float") << false;
    }
    void rerunningStaleLayersEqualsAFullRun()
    {
        QFETCH(bool, sequential);
        const TemporaryFolder folder;
        QuantizeRequest request;
        request.model = openModel(sample);
        const Model& model = *request.model;
        Recipe& recipe = request.recipe;
        recipe.standard.method = GptqOptions{};
        recipe.standard.scheme.bits = 4;
        Rule keep;
        keep.pattern = "layers\\.[3-5]\\.|lm_head";
        keep.choice.keepFloat = true;
        recipe.rules.push_back(keep);
        recipe.calibration.data = (sample / "calibration.txt").string();
        recipe.calibration.samples = 3;
        recipe.calibration.context = 48;
        recipe.calibration.mode = sequential ? CalibrationMode::Sequential : CalibrationMode::Float;
        Results results = resultsOf(runOf(request));
        QVERIFY(staleLayers(model, recipe, results).empty());

        const std::vector<std::string> names{
            "model.layers.1.self_attn.k_proj", "model.layers.0.mlp.down_proj",
            "model.layers.2.self_attn.q_proj", "model.embed_tokens",
            "model.layers.1.mlp.up_proj",      "model.layers.3.self_attn.v_proj"};
        RandomStream random(1, "edits", "test");
        std::size_t reused = 0;
        for (int round = 0; round < 6; ++round) {
            for (int edit = 0; edit < 1 + round % 2; ++edit) {
                const std::string& name = names[random.next() % names.size()];
                LayerChoice choice = recipe.standard;
                switch (random.next() % 4) {
                case 0:
                    choice.scheme.bits = 3;
                    break;
                case 1:
                    choice.method = RtnOptions{};
                    break;
                case 2:
                    choice.keepFloat = true;
                    break;
                default:
                    choice.scheme.symmetric = true;
                    choice.method = RtnMseOptions{};
                }
                if (name == "model.embed_tokens" && needsCalibration(choice.method))
                    choice.method = RtnOptions{};
                recipe.overrides[name] = choice;
            }
            if (round == 4)
                recipe.seed = 9;

            const std::set<std::string> stale = staleLayers(model, recipe, results);
            QuantizeRequest part = request;
            part.only = stale;
            for (const auto& [name, measured] : results)
                if (!stale.contains(name))
                    part.finished[name] = measured.result;
            reused += part.finished.size();
            const Run rerun = runOf(part);
            QVERIFY(bytesOf(rerun, folder) == bytesOf(runOf(request), folder));
            results = resultsOf(rerun);
            QVERIFY(staleLayers(model, recipe, results).empty());
        }
        QVERIFY(reused > 2 * names.size());
    }

    void mixedRunsStayHonest()
    {
        // Choosing to compute block 1 behind a stale block 0, then block 0 alone: block 1 is found
        // to be stale although every choice and the calibration are the recipe's.
        QuantizeRequest request;
        request.model = openModel(sample);
        Recipe& recipe = request.recipe;
        recipe.standard.method = GptqOptions{};
        Rule keep;
        keep.pattern = "layers\\.[2-5]\\.|lm_head";
        keep.choice.keepFloat = true;
        recipe.rules.push_back(keep);
        recipe.calibration.data = (sample / "calibration.txt").string();
        recipe.calibration.samples = 2;
        recipe.calibration.context = 32;
        Results results = resultsOf(runOf(request));
        recipe.seed = 3;

        const auto compute = [&](const std::string& block) {
            QuantizeRequest part = request;
            part.only.emplace();
            for (const Layer& layer : request.model->layers)
                if (layer.name.find(block) != std::string::npos)
                    part.only->insert(layer.name);
            for (const auto& [name, measured] : results)
                part.finished[name] = measured.result;
            results = resultsOf(runOf(part));
        };
        const auto of = [&](const char* name) {
            const auto all = freshness(*request.model, recipe, results);
            return *all[static_cast<std::size_t>(request.model->findLayer(name) -
                                                 request.model->layers.data())];
        };
        const char* const first = "model.layers.0.mlp.up_proj";
        const char* const second = "model.layers.1.mlp.up_proj";
        compute("layers.1.");
        QVERIFY(of(first) == Freshness::CalibrationChanged);
        QVERIFY(of(second) == Freshness::EarlierChanged);
        compute("layers.0.");
        QVERIFY(of(first) == Freshness::Fresh);
        QVERIFY(of(second) == Freshness::EarlierChanged);
        compute("layers.1.");
        QVERIFY(of(second) == Freshness::Fresh);
    }
};

QTEST_APPLESS_MAIN(TestStale)
#include "tst_stale.moc"
