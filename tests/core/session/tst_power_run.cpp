// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs with power grids: one exponent for the model, what makes results stale, resuming, parts,
// grids of inputs, sizes and forecasts.
#include "core/quant/model_exponent.h"
#include "core/session/evaluate.h"
#include "core/session/forecast.h"
#include "core/session/journal.h"
#include "core/session/statistics.h"
#include "tests/support/sample_run.h"
#include "tests/support/trained_model.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

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

/// One exponent for the q, k and v of all blocks; the others have a fixed one or are uniform.
QuantizeRequest sharingRequest(const TemporaryFolder& folder, bool calibrated,
                               CalibrationMode mode = CalibrationMode::Sequential)
{
    QuantizeRequest request = tinyRequest(folder.path(), mode);
    Recipe& recipe = request.recipe;
    recipe.standard.method = RtnOptions{};
    recipe.standard.scheme.bits = 3;
    PowerquantOptions options;
    options.exponentScope = ExponentScope::Model;
    Rule shared{"self_attn\\.[qk]_proj", recipe.standard};
    shared.choice.method = options;
    Rule fixed{"gate_proj", shared.choice};
    options.exponent = 0.625;
    fixed.choice.method = options;
    recipe.rules = {shared, fixed};
    if (calibrated) {
        NupesOptions nupes;
        nupes.exponentScope = ExponentScope::Model;
        nupes.rounds = 2;
        nupes.learnExponent = false;
        Rule learned{"self_attn\\.v_proj", recipe.standard};
        learned.choice.method = nupes;
        learned.choice.activation = {8, ActivationQuantizer::Method, ActivationExponent::Searched};
        recipe.rules.push_back(learned);
    } else {
        recipe.calibration.data.clear();
    }
    return request;
}

bool shares(const std::string& name, bool calibrated)
{
    return name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos ||
           (calibrated && name.find("v_proj") != std::string::npos);
}

/// Stops the run after so many layers.
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

class TestPowerRun : public QObject
{
    Q_OBJECT

private slots:
    void layersShareOneExponent()
    {
        const TemporaryFolder folder;
        const QuantizeRequest request = sharingRequest(folder, false);
        const auto run = runOf(request);
        ModelExponent expected;
        Monitor monitor;
        std::set<float> exponents;
        for (const LayerResult& layer : run->layers) {
            const Layer* place = request.model->findLayer(layer.name);
            if (shares(layer.name, false)) {
                const auto& options = std::get<PowerquantOptions>(layer.choice.method);
                expected.add(layerWeight(*request.model, *place).matrix(), layer.choice.scheme,
                             options, options.rounding, monitor);
                QCOMPARE(layer.weight->exponents.size(), std::size_t(1));
                exponents.insert(layer.weight->exponents[0]);
                QVERIFY(!layer.origin.exponents.empty());
            } else {
                QVERIFY(layer.origin.exponents.empty());
            }
            if (layer.name.find("gate_proj") != std::string::npos)
                QCOMPARE(layer.weight->exponents, std::vector<float>{0.625F});
        }
        QCOMPARE(expected.layers(), std::size_t(6));
        QCOMPARE(exponents.size(), std::size_t(1));
        QCOMPARE(*exponents.begin(),
                 static_cast<float>(expected.solve(ExponentChoice::Free, monitor)));
        // Left to themselves, they differ.
        QuantizeRequest own = request;
        std::get<PowerquantOptions>(own.recipe.rules[0].choice.method).exponentScope =
            ExponentScope::Layer;
        exponents.clear();
        const auto apart = runOf(own);
        for (const LayerResult& layer : apart->layers)
            if (shares(layer.name, false))
                exponents.insert(layer.weight->exponents[0]);
        QVERIFY(exponents.size() > 1);
    }

    void partsAndResumedRunsEqualFullOnes_data()
    {
        QTest::addColumn<bool>("calibrated");
        QTest::newRow("data-free") << false;
        QTest::newRow("calibrated") << true;
    }
    void partsAndResumedRunsEqualFullOnes()
    {
        QFETCH(bool, calibrated);
        const TemporaryFolder folder;
        const QuantizeRequest request = sharingRequest(folder, calibrated);
        const auto whole = runOf(request);
        const std::string bytes = bytesOf(*whole, folder);

        for (const int layers : {2, 9, 15}) {
            const auto resumed = resumedAfter(request, layers, folder);
            QVERIFY(resumed != nullptr);
            QVERIFY(bytesOf(*resumed, folder) == bytes);
            std::filesystem::remove(folder / "resumed.gradus");
        }

        // One of them asked for: all that share are computed with it.
        const std::string one = "model.layers.1.self_attn.k_proj";
        std::set<std::string> coupled;
        for (const Layer& layer : request.model->layers)
            if (shares(layer.name, calibrated))
                coupled.insert(layer.name);
        QVERIFY(coupledLayers(*request.model, request.recipe, {one}) == coupled);
        QuantizeRequest part = request;
        part.only = std::set<std::string>{one};
        const auto partial = runOf(part);
        for (const LayerResult& layer : partial->layers)
            QCOMPARE(layer.weight != nullptr, coupled.contains(layer.name));
        const std::string other = "model.layers.0.mlp.up_proj";
        QVERIFY(coupledLayers(*request.model, request.recipe, {other}) ==
                std::set<std::string>{other});

        // The others taken over from a run: the same bytes again.
        for (const LayerResult& layer : whole->layers)
            part.finished.emplace(layer.name, layer);
        std::set<std::string> computed;
        const auto again = runOf(part);
        QVERIFY(bytesOf(*again, folder) == bytes);
    }

    void aChangeOfOneMakesAllStale_data() { partsAndResumedRunsEqualFullOnes_data(); }
    void aChangeOfOneMakesAllStale()
    {
        QFETCH(bool, calibrated);
        const TemporaryFolder folder;
        const QuantizeRequest request = sharingRequest(folder, calibrated, CalibrationMode::Float);
        const Model& model = *request.model;
        const auto run = runOf(request);
        Monitor monitor;
        writeRun(*run, folder / "r.gradus", monitor);
        // As measured and as read from a file.
        for (const auto& results : {resultsOf(*run), resultsOf(*readRun(folder / "r.gradus"))}) {
            QCOMPARE(staleLayers(model, request.recipe, results).size(), std::size_t(0));
            Recipe changed = request.recipe;
            LayerChoice& own = changed.overrides["model.layers.2.self_attn.q_proj"];
            own = request.recipe.rules[0].choice;
            own.scheme.bits = 4;
            std::set<std::string> sharing;
            for (const Layer& layer : model.layers)
                if (shares(layer.name, calibrated))
                    sharing.insert(layer.name);
            QVERIFY(staleLayers(model, changed, results) == sharing);
            const auto fresh = freshness(model, changed, results);
            for (std::size_t i = 0; i < model.layers.size(); ++i)
                if (sharing.contains(model.layers[i].name))
                    QCOMPARE(*fresh[i], model.layers[i].name == "model.layers.2.self_attn.q_proj"
                                            ? Freshness::ChoiceChanged
                                            : Freshness::EarlierChanged);
            // Leaving the scope changes those that stay in it, too.
            own.scheme.bits = 3;
            own.method = RtnOptions{};
            QVERIFY(staleLayers(model, changed, results) == sharing);
            // What has no effect on the exponent does not.
            own = request.recipe.rules[0].choice;
            own.scheme.symmetric = true;
            QVERIFY(staleLayers(model, changed, results) ==
                    std::set<std::string>{"model.layers.2.self_attn.q_proj"});
        }
        // Computing what is stale gives what a full run gives.
        QuantizeRequest next = request;
        next.recipe.overrides["model.layers.2.self_attn.q_proj"] = request.recipe.rules[0].choice;
        next.recipe.overrides["model.layers.2.self_attn.q_proj"].scheme.bits = 2;
        const auto expected = runOf(next);
        next.only = staleLayers(model, next.recipe, resultsOf(*run));
        for (const LayerResult& layer : run->layers)
            next.finished.emplace(layer.name, layer);
        QVERIFY(bytesOf(*runOf(next), folder) == bytesOf(*expected, folder));
    }

    /// In sequential modes what follows sees the shared exponent.
    void laterLayersAreStaleBehindThem()
    {
        const TemporaryFolder folder;
        const QuantizeRequest request = sharingRequest(folder, true);
        const auto run = runOf(request);
        Recipe changed = request.recipe;
        LayerChoice& own = changed.overrides["model.layers.2.self_attn.q_proj"];
        own = request.recipe.rules[0].choice;
        own.scheme.bits = 4;
        const auto stale = staleLayers(*request.model, changed, resultsOf(*run));
        // The exponent of block 0 is another now, so block 1 sees other inputs.
        QVERIFY(stale.contains("model.layers.1.mlp.up_proj"));
        QVERIFY(!stale.contains("model.layers.0.mlp.up_proj"));
    }

    void nupesRunsComeBackWhole()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        NupesOptions nupes;
        nupes.rounds = 2;
        nupes.outliers = 0.02;
        request.recipe.standard.method = nupes;
        request.recipe.standard.scheme.bits = 3;
        request.recipe.standard.activation = {8, ActivationQuantizer::Method,
                                              ActivationExponent::Shared};
        request.output = folder / "run.gradus";
        const auto run = runOf(request);
        const auto read = readRun(request.output);
        Run timeless = *run;
        QVERIFY(sameRun(timeless, *read));
        int grids = 0;
        for (const LayerResult& layer : read->layers)
            if (layer.weight) {
                QVERIFY(layer.activation.has_value());
                QCOMPARE(layer.activation->bits, 8);
                QCOMPARE(layer.activation->exponent, layer.weight->exponents[0]);
                QVERIFY(layer.activation->relativeError > 0);
                QVERIFY(layer.activation->relativeError < 0.1);
                QCOMPARE(layer.weight->outliers.columns.size(),
                         std::size_t(std::llround(0.02 * double(layer.weight->codes.size()))));
                QVERIFY(!layer.trace.empty());
                ++grids;
            }
        QVERIFY(grids >= 21);
        QCOMPARE(staleLayers(*request.model, request.recipe, resultsOf(*read)).size(),
                 std::size_t(0));
        QVERIFY(bytesOf(*resumedAfter(request, 8, folder), folder) == bytesOf(*run, folder));
        Recipe changed = request.recipe;
        changed.standard.activation.bits = 4;
        for (const auto& fresh : freshness(*request.model, changed, resultsOf(*read)))
            QVERIFY(*fresh == Freshness::Fresh || *fresh == Freshness::ChoiceChanged);
        QVERIFY(staleLayers(*request.model, changed, resultsOf(*read)).size() >= 21);
    }

    void plansHaveTheSizesOfRuns()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        request.recipe.calibration.data.clear();
        for (const auto scope : {ExponentScope::Layer, ExponentScope::Row})
            for (const auto midRise : {MidRise::Auto, MidRise::Always})
                for (const double outliers : {0.0, 0.013}) {
                    PowerquantOptions options;
                    options.exponentScope = scope;
                    options.midRise = midRise;
                    options.outliers = outliers;
                    request.recipe.standard.method = options;
                    request.recipe.standard.scheme = {2, Granularity::Group, 8, false, DType::F16};
                    const Plan planned = plan(*request.model, request.recipe);
                    const auto run = runOf(request);
                    QCOMPARE(planned.totals.bytes, run->totals.bytes);
                    for (std::size_t i = 0; i < run->layers.size(); ++i)
                        QCOMPARE(planned.rows[i].bytes, run->layers[i].bytes());
                    QVERIFY(!planned.needsCalibration);
                }
        request.recipe.standard.activation.bits = 8;
        QVERIFY(plan(*request.model, request.recipe).needsCalibration);
    }

    void activationsNeedCalibration()
    {
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        request.recipe.standard.method = PowerquantOptions{};
        request.recipe.standard.activation.bits = 8;
        request.recipe.calibration.data.clear();
        try {
            (void)runOf(request);
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Usage);
            QVERIFY2(std::string(error.what()).find("activations need calibration") !=
                         std::string::npos,
                     error.what());
        }
    }

    void cancelsWhileTheExponentIsSought()
    {
        const TemporaryFolder folder;
        const QuantizeRequest request = sharingRequest(folder, false);
        for (int k = 0; k < 30; k += 3) {
            StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)quantize(request, stop), Cancelled);
        }
    }

    void forecastsCountThem()
    {
        const TemporaryFolder folder;
        ForecastRequest request;
        QuantizeRequest sharing = sharingRequest(folder, true);
        request.model = sharing.model;
        request.recipe = sharing.recipe;
        request.machine = {1e10, 5e9, 1e8, 1e9, 5e9, 1e9};
        const auto secondsOf = [&](const char* method) {
            double seconds = 0;
            for (const ForecastPart& part : forecast(request).parts)
                if (part.method == method)
                    seconds += part.seconds;
            return seconds;
        };
        const double powerquant = secondsOf("powerquant");
        const double nupes = secondsOf("nupes");
        QVERIFY(powerquant > 0);
        QVERIFY(nupes > 0);
        // More to try takes longer.
        auto& options = std::get<PowerquantOptions>(request.recipe.rules[0].choice.method);
        options.clip = PowerClip::Common;
        QVERIFY(secondsOf("powerquant") > powerquant);
        auto& learned = std::get<NupesOptions>(request.recipe.rules[2].choice.method);
        learned.rounds = 8;
        QVERIFY(secondsOf("nupes") > nupes);
    }
};

QTEST_GUILESS_MAIN(TestPowerRun)
#include "tst_power_run.moc"
