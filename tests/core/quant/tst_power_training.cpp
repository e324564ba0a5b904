// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/power_gradient.h"
#include "core/quant/trained_weight.h"
#include "core/session/stored_weight.h"
#include "tests/support/power_block.h"

#include <QTest>

#include <algorithm>

using namespace gradus;
using namespace gradus::test;

namespace {

struct NamedForm
{
    const char* name;
    PowerForm form;
};

const std::vector<NamedForm>& forms()
{
    using enum Granularity;
    static const std::vector<NamedForm> all = {
        {"channel", {powerScheme(3)}},
        {"channel, power domain",
         {.scheme = powerScheme(4), .rounding = PowerRounding::PowerDomain}},
        {"groups with a short one", {powerScheme(3, Group, 10)}},
        {"groups by index", {.scheme = powerScheme(3, Group, 8), .indexed = true}},
        {"tensor", {powerScheme(3, Tensor)}},
        {"own exponents", {powerScheme(4), {0.4F, 0.8F, 0.6F}, true}},
        {"outliers", {.scheme = powerScheme(3), .outlierEvery = 17}},
        {"mid-rise", {powerScheme(2, Channel, 0, true)}},
        {"mid-rise, outliers, own", {powerScheme(2, Group, 8, true), {0.7F, 0.5F}, true, 13}},
        {"two bits", {powerScheme(2)}},
        {"eight bits", {powerScheme(8)}},
    };
    return all;
}

TrainingOptions fastOptions(int epochs)
{
    TrainingOptions options;
    options.epochs = epochs;
    options.rate = 2e-3;
    options.patience = 0;
    options.codeRate = 2e-2;
    options.exponentRate = 1e-2;
    return options;
}

TuningResult train(const BlockFixture& fixture, const TrainingOptions& options)
{
    Monitor monitor;
    return trainBlock(fixture.problem, options, monitor);
}

/// A sentence about what is not as a stored power weight has to be.
std::string flaw(const QuantizedWeight& weight, const QuantizedWeight& start)
{
    if (const auto problem = weightProblem(weight))
        return *problem;
    if (weight.scheme != start.scheme || weight.zeros != start.zeros ||
        weight.groupIndex != start.groupIndex || weight.exponents.size() != start.exponents.size())
        return "not the same kind of weight";
    if (!(weight.outliers == start.outliers))
        return "other outliers";
    for (std::int64_t r = 0; r + 1 < std::int64_t(start.outliers.rowStarts.size()); ++r)
        for (auto i = start.outliers.rowStarts[std::size_t(r)];
             i < start.outliers.rowStarts[std::size_t(r + 1)]; ++i) {
            const auto at = std::size_t(r * start.cols + start.outliers.columns[i]);
            if (weight.codes[at] != start.codes[at])
                return "an outlier has another code";
        }
    if (weight.scheme.levels == Levels::Power && std::ranges::count(weight.codes, 0) > 0)
        return "code 0 is none";
    for (const float exponent : weight.exponents)
        if (!(exponent >= 0.2F && exponent <= 1.5F))
            return "an exponent is beyond its range";
    return {};
}

bool sameTraining(const TuningResult& a, const TuningResult& b)
{
    for (std::size_t i = 0; i < a.weights.size(); ++i)
        if (a.weights[i]->codes != b.weights[i]->codes ||
            a.weights[i]->scales != b.weights[i]->scales ||
            a.weights[i]->exponents != b.weights[i]->exponents)
            return false;
    return a.outcome->losses == b.outcome->losses &&
           a.outcome->epochLosses == b.outcome->epochLosses;
}

} // namespace

class TestPowerTraining : public QObject
{
    Q_OBJECT

    static void formRows()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < forms().size(); ++i)
            QTest::newRow(forms()[i].name) << int(i);
    }

private slots:
    void lossFallsAndTheBestIsKept_data() { formRows(); }
    void lossFallsAndTheBestIsKept()
    {
        QFETCH(int, index);
        const PowerForm& form = forms()[std::size_t(index)].form;
        const PowerBlock fixture(form);
        const TuningResult result = train(fixture, fastOptions(8));
        const TuningOutcome& outcome = *result.outcome;
        QCOMPARE(outcome.epochLosses.size(), std::size_t(9));
        QVERIFY(!outcome.cancelled && !outcome.stoppedEarly);
        const auto best = std::ranges::min_element(outcome.epochLosses);
        QCOMPARE(outcome.bestEpoch, int(best - outcome.epochLosses.begin()));
        // Little is left to gain of 8 bits in so few steps; of −1, 0 and 1 there is no more.
        const int bits = form.scheme.bits;
        const double share = bits == 8 ? 0.95 : bits == 2 ? 0.7 : 0.5;
        QVERIFY(outcome.after() < share * outcome.before());
        // What is returned has the loss that was reported, as stored.
        QVERIFY(isClose(fixture.relativeLoss(result), outcome.after(), 1e-5));
        std::int64_t changed = 0, codes = 0;
        double exponents = 0;
        std::size_t exponentCount = 0;
        for (std::size_t i = 0; i < result.weights.size(); ++i) {
            const QuantizedWeight& weight = *result.weights[i];
            const QuantizedWeight& start = *fixture.problem.layers[i].weight;
            const std::string problem = flaw(weight, start);
            QVERIFY2(problem.empty(), problem.c_str());
            QVERIFY(weight.scales != start.scales);
            QVERIFY(weight.codes != start.codes);
            // −1, 0 and 1 have no exponent.
            QCOMPARE(weight.exponents != start.exponents,
                     form.scheme.bits > 2 || form.scheme.levels == Levels::PowerMidRise);
            for (std::size_t c = 0; c < weight.codes.size(); ++c)
                changed += weight.codes[c] != start.codes[c] ? 1 : 0;
            codes += std::int64_t(weight.codes.size());
            for (std::size_t e = 0; e < weight.exponents.size(); ++e, ++exponentCount)
                exponents += std::fabs(double(weight.exponents[e]) - double(start.exponents[e]));
        }
        QVERIFY(isClose(outcome.codeChange, double(changed) / double(codes), 1e-12, 1e-15));
        QVERIFY(isClose(outcome.exponentChange, exponents / double(exponentCount), 1e-12, 1e-15));
        QVERIFY(outcome.scaleChange > 0);
        QCOMPARE(outcome.zeroChange, 0.0);
        QCOMPARE(outcome.parameters.size(), std::size_t(2)); // the norms
    }

    /// Codes alone are worth far more than scales alone.
    void codesGainMoreThanScales()
    {
        const PowerBlock fixture(forms()[0].form);
        TrainingOptions options = fastOptions(8);
        const double all = train(fixture, options).outcome->after();
        options.codeRate = 0;
        options.exponentRate = 0;
        QVERIFY(all < 0.7 * train(fixture, options).outcome->after());
    }

    void frozenPartsStayFrozen_data()
    {
        QTest::addColumn<bool>("codes");
        QTest::addColumn<bool>("exponents");
        QTest::newRow("codes") << true << false;
        QTest::newRow("exponents") << false << true;
        QTest::newRow("both") << true << true;
    }
    void frozenPartsStayFrozen()
    {
        QFETCH(bool, codes);
        QFETCH(bool, exponents);
        const PowerBlock fixture(forms()[6].form);
        TrainingOptions options = fastOptions(4);
        if (codes)
            options.codeRate = 0;
        if (exponents)
            options.exponentRate = 0;
        const TuningResult result = train(fixture, options);
        QVERIFY(result.outcome->bestEpoch > 0);
        QCOMPARE(result.outcome->codeChange == 0, codes);
        QCOMPARE(result.outcome->exponentChange == 0, exponents);
        QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
        for (std::size_t i = 0; i < result.weights.size(); ++i) {
            const QuantizedWeight& start = *fixture.problem.layers[i].weight;
            QCOMPARE(result.weights[i]->codes == start.codes, codes);
            QCOMPARE(result.weights[i]->exponents == start.exponents, exponents);
        }
    }

    /// The wrong gradient, codes held while rounding follows the exponent, lets it fall from
    /// everywhere. This one draws starts from both sides together, and stays in the range.
    void exponentsComeFromBothSides()
    {
        std::vector<double> ends;
        for (const float start : {0.3F, 0.65F, 1.3F}) {
            TinyLlama tiny;
            tiny.hidden = 48;
            const PowerBlock fixture({powerScheme(4), {start}}, true, tiny, 8, 24);
            const TuningResult result = train(fixture, fastOptions(16));
            double mean = 0;
            for (const auto& weight : result.weights)
                mean += double(weight->exponents[0]) / double(result.weights.size());
            ends.push_back(mean);
            QVERIFY(result.outcome->after() < 0.6 * result.outcome->before());
        }
        QVERIFY2(ends[0] > 0.33 && ends[0] < ends[1],
                 qPrintable(QString("%1 %2 %3").arg(ends[0]).arg(ends[1]).arg(ends[2])));
        QVERIFY(ends[2] < 1.25 && ends[1] < ends[2]);
        QVERIFY(ends[1] > 0.6 && ends[1] < 0.9);
    }

    void zeroWeightsAreWeights_data()
    {
        QTest::addColumn<bool>("midRise");
        QTest::newRow("power") << false;
        QTest::newRow("mid-rise") << true;
    }
    /// Rows and weights that are exactly zero have finite gradients; every latent can leave 0.
    void zeroWeightsAreWeights()
    {
        QFETCH(bool, midRise);
        const PowerForm form{powerScheme(3, Granularity::Channel, 0, midRise), {0.4F}};
        PowerBlock fixture(form);
        TrainedLayer& layer = fixture.problem.layers.back();
        Tensor values = layer.floatWeight();
        const auto cols = values.matrix().cols;
        std::fill_n(values.floats().data(), cols, 0.0F); // a row
        for (std::int64_t r = 1; r < values.matrix().rows; ++r)
            for (std::int64_t c = r % 3; c < cols; c += 3)
                values.matrix().row(r)[std::size_t(c)] = 0;
        layer.weight = powerWeight(std::as_const(values).matrix(), form);
        const auto shared = std::make_shared<Tensor>(std::move(values));
        layer.floatWeight = [shared] { return shared->clone(); };
        fixture.weights->replace(layer.layer->weight,
                                 std::make_shared<const Tensor>(dequantize(*layer.weight)));
        TrainingOptions options = fastOptions(8);
        options.codeRate = 5e-2;
        const TuningResult result = train(fixture, options);
        for (const double loss : result.outcome->epochLosses)
            QVERIFY(std::isfinite(loss));
        QVERIFY(result.outcome->after() < 0.6 * result.outcome->before());
        QVERIFY(flaw(*result.weights.back(), *layer.weight).empty());
        std::int64_t left = 0;
        for (std::size_t i = std::size_t(cols); i < layer.weight->codes.size(); ++i)
            left += shared->floats()[i] == 0 &&
                    result.weights.back()->codes[i] != layer.weight->codes[i];
        QVERIFY(left > 0);
    }

    /// One Adam step goes by the gradient's sign, which a sum of two gradients changes where one
    /// outweighs the other: so the ratio of the exponent's derivatives shows, against (7) and (8).
    void exponentGradients_data()
    {
        QTest::addColumn<bool>("held");
        QTest::addColumn<bool>("midRise");
        for (const bool held : {false, true})
            for (const bool midRise : {false, true})
                QTest::addRow("%s, %s", held ? "held" : "straight", midRise ? "mid-rise" : "power")
                    << held << midRise;
    }
    void exponentGradients()
    {
        QFETCH(bool, held);
        QFETCH(bool, midRise);
        constexpr std::int64_t rows = 5, cols = 40;
        Tensor values({rows, cols});
        RandomStream random(3, "weights", "gradient");
        for (float& value : values.floats())
            value = static_cast<float>(random.normal());
        PowerForm form{powerScheme(4, Granularity::Group, 16, midRise), {0.55F}};
        form.scheme.scaleType = DType::F32;
        form.rounding = PowerRounding::PowerDomain;
        TrainedLayer layer;
        layer.weight = powerWeight(std::as_const(values).matrix(), form);
        layer.floatWeight = [&] { return values.clone(); };
        const QuantizedWeight& start = *layer.weight;
        const double a = double(start.exponents[0]);
        const PowerLevels levels(start.scheme, a);
        const auto table = heldExponentTable(levels, 4);
        const auto derivative = [&](const Tensor& g) {
            double sum = 0;
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::int64_t c = 0; c < cols; ++c) {
                    const auto i = std::size_t(r * cols + c);
                    const double scale = double(start.scales[start.parameterIndex(r, c)]);
                    const double w = double(values.floats()[i]);
                    // (7) as a difference: the rounding is a shift of t that does not depend on a.
                    const double shift = midRise ? 0.5 : 0;
                    const double limit = 7 + shift;
                    const double q = std::fabs(start.codes[i] - 8 + shift);
                    const auto moved = [&](double exponent) {
                        const double t = limit * std::pow(std::fabs(w) / scale, exponent);
                        const double t0 = limit * std::pow(std::fabs(w) / scale, a);
                        return scale * std::pow((q + t - t0) / limit, 1 / exponent);
                    };
                    double slope = scale * double(table[start.codes[i]]);
                    if (!held)
                        slope = q == 0
                                    ? 0
                                    : (w < 0 ? -1 : 1) * (moved(a + 1e-6) - moved(a - 1e-6)) / 2e-6;
                    sum += double(g.floats()[i]) * slope;
                }
            return sum;
        };
        TrainingOptions options;
        options.codeRate = held ? 0 : 1e-9;
        options.exponentRate = 1e-3;
        const auto goesDown = [&](const Tensor& first, const Tensor& second, double factor) {
            auto trained = trainPower(layer, options);
            for (const auto& [from, weight] :
                 {std::pair(&first, 1.0), std::pair(&second, factor)}) {
                Tensor g = from->clone();
                for (float& value : g.floats())
                    value = static_cast<float>(double(value) * weight);
                trained->addGradient(g.matrix());
            }
            trained->step({});
            const float after = trained->stored().exponents[0];
            return after < start.exponents[0];
        };
        for (int k = 0; k < 8; ++k) {
            Tensor first({rows, cols}), second({rows, cols});
            for (float& value : first.floats())
                value = static_cast<float>(random.normal());
            for (float& value : second.floats())
                value = static_cast<float>(random.normal());
            const double one = derivative(first);
            const double two = derivative(second);
            const double even = -one / two; // no gradient here
            QCOMPARE(goesDown(first, second, 0), one > 0);
            QCOMPARE(goesDown(first, second, even * 1.01), one < 0);
            QCOMPARE(goesDown(first, second, even * 0.99), one > 0);
        }
    }

    /// The first step of the latents: by the rate against their gradients' signs.
    void latentsStartWhereTheWeightsAre()
    {
        constexpr std::int64_t rows = 6, cols = 50;
        Tensor values({rows, cols});
        RandomStream random(5, "weights", "latents");
        for (float& value : values.floats())
            value = static_cast<float>(random.normal());
        for (const bool midRise : {false, true})
            for (const bool withFloats : {false, true}) {
                PowerForm form{powerScheme(3, Granularity::Channel, 0, midRise), {0.55F}};
                form.rounding = PowerRounding::PowerDomain;
                TrainedLayer layer;
                layer.weight = powerWeight(std::as_const(values).matrix(), form);
                if (withFloats)
                    layer.floatWeight = [&] { return values.clone(); };
                const QuantizedWeight& start = *layer.weight;
                TrainingOptions options;
                options.codeRate = 0.3;
                auto trained = trainPower(layer, options);
                QVERIFY(trained->stored().codes == start.codes);
                Tensor gradient({rows, cols});
                for (float& value : gradient.floats())
                    value = static_cast<float>(random.normal());
                Tensor scratch = gradient.clone();
                trained->addGradient(scratch.matrix());
                trained->step({});
                const QuantizedWeight after = trained->stored();
                const double shift = midRise ? 0.5 : 0;
                int moved = 0;
                for (std::int64_t r = 0; r < rows; ++r)
                    for (std::int64_t c = 0; c < cols; ++c) {
                        const auto i = std::size_t(r * cols + c);
                        const double u =
                            double(values.floats()[i]) / double(start.scales[std::size_t(r)]);
                        const double limit = 3 + shift;
                        const double t =
                            withFloats ? std::copysign(limit * std::pow(std::fabs(u), 0.55), u)
                                       : start.codes[i] - 4 + shift;
                        const double v = std::clamp(
                            t - std::copysign(0.3, double(gradient.floats()[i])), -limit, limit);
                        const double place = v - shift + 0.5;
                        if (std::fabs(place - std::round(place)) < 5e-3)
                            continue; // on a border
                        const double expected =
                            std::clamp(std::floor(place), midRise ? -4.0 : -3.0, 3.0);
                        QCOMPARE(int(after.codes[i]) - 4, int(expected));
                        moved += after.codes[i] != start.codes[i] ? 1 : 0;
                    }
                QCOMPARE(moved > 0, withFloats); // 0.3 does not leave a cell from its middle
            }
    }

    void exponentsBeyondTheRangeStay()
    {
        PowerForm form{powerScheme(4), {0.17F, 0.6F, 1.55F}, true};
        const PowerBlock fixture(form);
        const TuningResult result = train(fixture, fastOptions(4));
        QVERIFY(result.outcome->bestEpoch > 0);
        for (const auto& weight : result.weights) {
            QVERIFY(weight->exponents[0] == 0.17F);
            QVERIFY(weight->exponents[1] != 0.6F);
            QVERIFY(weight->exponents[2] == 1.55F);
        }
    }

    /// Where all codes have the wrong sign a scale wants to be negative; a stored one is positive.
    void negativeScalesAreTurned()
    {
        for (const bool midRise : {false, true}) {
            const PowerForm form{powerScheme(3, Granularity::Channel, 0, midRise)};
            PowerBlock fixture(form, false);
            TrainedLayer& layer = fixture.problem.layers.back();
            auto reversed = std::make_shared<QuantizedWeight>(*layer.weight);
            for (std::int64_t c = 0; c < reversed->cols; ++c) {
                auto& code = reversed->codes[std::size_t(c)];
                code = static_cast<std::uint8_t>((midRise ? 7 : 8) - code);
            }
            layer.weight = reversed;
            TrainingOptions options = fastOptions(120);
            options.batch = 3;
            options.rate = 1e-2;
            options.codeRate = 0;
            const TuningResult result = train(fixture, options);
            QVERIFY(result.outcome->after() < 0.5 * result.outcome->before());
            QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
            QVERIFY(flaw(*result.weights.back(), *reversed).empty());
            const auto& codes = result.weights.back()->codes;
            for (std::int64_t c = 0; c < reversed->cols; ++c)
                QCOMPARE(int(codes[std::size_t(c)]),
                         (midRise ? 7 : 8) - int(reversed->codes[std::size_t(c)]));
        }
    }

    void mixedBlocks()
    {
        // Uniform layers keep their codes, power layers change theirs.
        PowerBlock fixture(forms()[0].form);
        Scheme scheme;
        scheme.bits = 3;
        scheme.floatZeros = true;
        TrainedLayer& first = fixture.problem.layers.front();
        fixture.weights->restore(first.layer->weight);
        const auto uniform = roundedWeight(*fixture.weights, *first.layer, scheme);
        first = {first.layer, uniform};
        fixture.weights->replace(first.layer->weight,
                                 std::make_shared<const Tensor>(dequantize(*uniform)));
        const TuningResult result = train(fixture, fastOptions(6));
        QVERIFY(result.outcome->after() < 0.7 * result.outcome->before());
        QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
        QVERIFY(result.weights.front()->codes == uniform->codes);
        QVERIFY(result.weights.front()->zeros != uniform->zeros);
        QVERIFY(result.weights.back()->codes != fixture.problem.layers.back().weight->codes);
        QVERIFY(result.outcome->zeroChange > 0 && result.outcome->codeChange > 0);
    }

    /// Patience begins after 60 % of the epochs.
    void worseIsNotKept()
    {
        const PowerBlock fixture(forms()[0].form);
        TrainingOptions options = fastOptions(12);
        options.codeRate = 20; // codes jump at random
        options.patience = 2;
        const TuningResult result = train(fixture, options);
        QVERIFY(result.outcome->stoppedEarly);
        QCOMPARE(result.outcome->epochLosses.size(), std::size_t(1 + 8 + 2));
        QCOMPARE(result.outcome->bestEpoch, 0);
        QCOMPARE(result.outcome->codeChange, 0.0);
        for (std::size_t i = 0; i < result.weights.size(); ++i)
            QCOMPARE(result.weights[i], fixture.problem.layers[i].weight);
    }

    void sameBitsForAnyNumberOfThreads()
    {
        TinyLlama tiny;
        tiny.hidden = 64;
        tiny.intermediate = 1100; // several tasks of rows
        for (const std::size_t index : {std::size_t(2), std::size_t(5)}) {
            const PowerBlock fixture(forms()[index].form, true, tiny, 2, 40);
            std::optional<TuningResult> first;
            for (const int threads : {1, 2, 5}) {
                const ThreadLimit limit(threads);
                TuningResult result = train(fixture, fastOptions(2));
                QVERIFY(result.outcome->codeChange > 0);
                if (!first)
                    first = std::move(result);
                else
                    QVERIFY(sameTraining(*first, result));
            }
        }
    }

    void stoppedAnywhereItReturnsAValidState()
    {
        const PowerBlock fixture(forms()[6].form);
        const TrainingOptions options = fastOptions(2);
        int stopped = 0;
        bool improved = false;
        for (int k = 0; k < 100000; k += 1 + k / 7) {
            StopAt monitor(k);
            const TuningResult result = trainBlock(fixture.problem, options, monitor);
            for (std::size_t i = 0; i < result.weights.size(); ++i)
                QVERIFY(flaw(*result.weights[i], *fixture.problem.layers[i].weight).empty());
            const TuningOutcome& outcome = *result.outcome;
            if (!outcome.epochLosses.empty())
                QVERIFY(isClose(fixture.relativeLoss(result), outcome.after(), 1e-5));
            if (!outcome.cancelled) {
                QVERIFY(sameTraining(result, train(fixture, options)));
                QVERIFY(stopped > 10);
                QVERIFY(improved); // stopped in the second epoch, with the first one's result
                return;
            }
            ++stopped;
            improved = improved || outcome.bestEpoch > 0;
        }
        QFAIL("it never ended");
    }

    /// An exponent that was chosen, or that other blocks share, is not trained.
    void exponentsThatAreNotTheBlocksOwn()
    {
        NupesOptions options;
        options.blockStage = true;
        QCOMPARE(blockTraining(options)->exponentRate, options.blockExponentRate);
        QCOMPARE(blockTraining(options)->codeRate, options.blockCodeRate);
        const auto frozen = [&](auto change) {
            NupesOptions changed = options;
            change(changed);
            return blockTraining(changed)->exponentRate == 0;
        };
        QVERIFY(frozen([](NupesOptions& o) { o.exponent = 0.5; }));
        QVERIFY(frozen([](NupesOptions& o) { o.learnExponent = false; }));
        QVERIFY(frozen([](NupesOptions& o) { o.exponents = ExponentChoice::PreferExact; }));
        QVERIFY(frozen([](NupesOptions& o) { o.exponentScope = ExponentScope::Model; }));
        QVERIFY(!frozen([](NupesOptions& o) { o.exponentScope = ExponentScope::Row; }));
    }
};

QTEST_APPLESS_MAIN(TestPowerTraining)
#include "tst_power_training.moc"
