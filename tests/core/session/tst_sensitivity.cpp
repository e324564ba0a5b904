// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/session/evaluate.h"
#include "core/session/quantize.h"
#include "core/session/sensitivity.h"
#include "tests/support/sensitivity_tables.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

/// Two blocks of the sample's six.
SensitivityRequest request()
{
    SensitivityRequest request;
    request.model = openModel(sample);
    request.recipe.standard = candidate(4, GptqOptions{}, 64);
    LayerChoice left;
    left.keepFloat = true;
    request.recipe.rules = {{"layers\\.[0-3]\\.", left}};
    request.recipe.calibration.data = (sample / "calibration.txt").string();
    request.recipe.calibration.samples = 6;
    request.recipe.calibration.context = 64;
    request.recipe.seed = 3;
    request.candidates = {candidate(2, RtnOptions{}, 64), candidate(3, GptqOptions{}, 64),
                          candidate(8, RtnOptions{})};
    return request;
}

/// As quantize has it, with all candidates' layers in mode float.
std::shared_ptr<const Run> runOf(const SensitivityRequest& wanted, const LayerChoice& choice,
                                 const std::optional<std::set<std::string>>& only = std::nullopt)
{
    QuantizeRequest request;
    request.model = wanted.model;
    request.recipe = wanted.recipe;
    request.recipe.standard = choice;
    request.recipe.calibration.mode = CalibrationMode::Float;
    request.only = only;
    Monitor silent;
    return quantize(request, silent);
}

} // namespace

class TestSensitivity : public QObject
{
    Q_OBJECT

private slots:
    void measuresWhatQuantizeMeasures()
    {
        const SensitivityRequest wanted = request();
        std::set<std::pair<std::size_t, std::size_t>> streamed;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(
            wanted, silent, [&](std::size_t row, std::size_t candidate, const Sensitivity&) {
                streamed.emplace(row, candidate);
            });
        QCOMPARE(table.rows.size(), std::size_t(14));
        QCOMPARE(streamed.size(), table.rows.size() * table.candidates.size());
        QCOMPARE(table.unit, SensitivityTable::Unit::NatsPerToken);
        QVERIFY(table.has(SensitivityMetric::Fisher));
        QCOMPARE(*table.best(), SensitivityMetric::Fisher);
        for (std::size_t c = 0; c < table.candidates.size(); ++c) {
            const auto run = runOf(wanted, table.candidates[c]);
            for (const SensitivityTable::Row& row : table.rows) {
                const LayerResult* result = run->find(row.layer);
                const Sensitivity& s = row.candidates[c];
                QVERIFY(same(s.output, result->relativeOutputError));
                QVERIFY(isClose(-10 * std::log10(s.weight), result->weightSqnrDb, 1e-12));
                QCOMPARE(s.bytes, result->bytes());
                QCOMPARE(s.note, result->note);
                QVERIFY(s.fisher > 0);
            }
        }
        for (const SensitivityTable::Row& row : table.rows)
            QVERIFY(row.candidates[0].fisher > 10 * row.candidates[2].fisher);
    }

    void divergenceIsThatOfARunWithOneLayer()
    {
        SensitivityRequest wanted = request();
        wanted.candidates.pop_back();
        wanted.metric = SensitivityMetric::Divergence;
        wanted.pairs = 4;
        // A text that is all used, so that both look at the same windows.
        TemporaryFolder folder;
        const std::filesystem::path text = folder / "text.txt";
        {
            std::FILE* file = std::fopen(text.c_str(), "w");
            for (int i = 0; i < 40; ++i)
                std::fprintf(file, "And God said unto Noah in the %dth year, Make thee an ark.\n",
                             i);
            std::fclose(file);
        }
        wanted.recipe.calibration.data = text.string();
        wanted.recipe.calibration.samples = 1000;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        QVERIFY(table.has(SensitivityMetric::Divergence));
        for (const std::size_t row : {std::size_t(0), std::size_t(9)}) {
            EvaluateRequest evaluation;
            evaluation.model = wanted.model;
            evaluation.run = runOf(wanted, table.candidates[1], std::set{table.rows[row].layer});
            evaluation.data = text;
            evaluation.context = wanted.recipe.calibration.context;
            const Divergence expected = evaluateDivergence(evaluation, nullptr, silent);
            const Sensitivity& s = table.rows[row].candidates[1];
            QVERIFY(isClose(s.divergence, expected.value, 1e-6));
            QVERIFY(isClose(s.divergenceError, expected.standardError, 1e-6));
        }
        // Errors of the second order: the diagonal of the Fisher matrix leaves out what errors of
        // one layer's outputs have to do with each other.
        double ratio = 0;
        for (const SensitivityTable::Row& row : table.rows)
            ratio += std::log(row.candidates[1].fisher / row.candidates[1].divergence);
        ratio = std::exp(ratio / static_cast<double>(table.rows.size()));
        QVERIFY(ratio > 0.5 && ratio < 2);
        QCOMPARE(table.pairs.size(), std::size_t(4));
        for (const SensitivityPair& pair : table.pairs)
            QVERIFY(pair.together > 0 && pair.firstRow < pair.secondRow);
        const double interaction = interactionOf(table);
        QVERIFY(interaction > 0.5 && interaction < 2);
    }

    void doesNotDependOnThreads()
    {
        SensitivityRequest wanted = request();
        wanted.metric = SensitivityMetric::Divergence;
        wanted.pairs = 3;
        Monitor silent;
        SensitivityTable one;
        {
            const ThreadLimit limit(1);
            one = measureSensitivity(wanted, silent);
        }
        const ThreadLimit limit(4);
        QVERIFY(same(one, measureSensitivity(wanted, silent)));
    }
};

QTEST_APPLESS_MAIN(TestSensitivity)
#include "tst_sensitivity.moc"
