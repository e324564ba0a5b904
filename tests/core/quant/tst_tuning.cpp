// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/session/stored_weight.h"
#include "core/tensor/half.h"
#include "tests/support/block_problem.h"

#include <QTest>

#include <algorithm>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Form
{
    const char* name;
    Scheme scheme;
    bool indexed = false;
};

const std::vector<Form>& forms()
{
    static const std::vector<Form> all = [] {
        const auto scheme = [](Granularity granularity, std::int64_t group, bool symmetric,
                               bool floatZeros, DType type) {
            Scheme s;
            s.bits = 3;
            s.granularity = granularity;
            s.groupSize = group;
            s.symmetric = symmetric;
            s.floatZeros = floatZeros;
            s.scaleType = type;
            return s;
        };
        using enum Granularity;
        return std::vector<Form>{
            {"channel", scheme(Channel, 0, false, true, DType::F16)},
            {"channel, float32", scheme(Channel, 0, false, true, DType::F32)},
            {"groups with a short one", scheme(Group, 10, false, true, DType::F16)},
            {"groups by index", scheme(Group, 8, false, true, DType::F32), true},
            {"tensor", scheme(Tensor, 0, false, true, DType::F16)},
            {"symmetric groups", scheme(Group, 8, true, false, DType::F16)},
            {"whole zeros", scheme(Channel, 0, false, false, DType::F16)},
            {"whole zeros, index", scheme(Group, 8, false, false, DType::F16), true},
        };
    }();
    return all;
}

TrainingOptions fastOptions(int epochs)
{
    TrainingOptions options;
    options.epochs = epochs;
    options.rate = 2e-3;
    options.patience = 0;
    return options;
}

TuningResult train(const BlockFixture& fixture, const TrainingOptions& options)
{
    Monitor monitor;
    return trainBlock(fixture.problem, options, monitor);
}

bool sameWeight(const QuantizedWeight& a, const QuantizedWeight& b)
{
    return a.codes == b.codes && a.scales == b.scales && a.zeros == b.zeros &&
           a.scheme == b.scheme && a.groupIndex == b.groupIndex;
}

bool sameTraining(const TuningResult& a, const TuningResult& b)
{
    for (std::size_t i = 0; i < a.weights.size(); ++i)
        if (!sameWeight(*a.weights[i], *b.weights[i]))
            return false;
    const auto& x = a.outcome->parameters;
    const auto& y = b.outcome->parameters;
    return a.outcome->losses == b.outcome->losses &&
           a.outcome->epochLosses == b.outcome->epochLosses &&
           std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& p, const auto& q) {
               return p.first == q.first &&
                      std::ranges::equal(p.second->floats(), q.second->floats());
           });
}

TinyLlama biasedLlama()
{
    TinyLlama tiny;
    tiny.biases = true;
    tiny.type = "qwen2";
    return tiny;
}

} // namespace

class TestTuning : public QObject
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
        const Form& form = forms()[std::size_t(index)];
        const BlockFixture fixture(form.scheme, form.indexed, biasedLlama());
        TrainingOptions options = fastOptions(5);
        options.biases = true;
        const TuningResult result = train(fixture, options);
        const TuningOutcome& outcome = *result.outcome;
        QCOMPARE(outcome.epochLosses.size(), std::size_t(6));
        QCOMPARE(outcome.losses.size(), std::size_t(15));
        QVERIFY(!outcome.cancelled && !outcome.stoppedEarly);
        const auto best = std::ranges::min_element(outcome.epochLosses);
        QCOMPARE(outcome.bestEpoch, int(best - outcome.epochLosses.begin()));
        QVERIFY(outcome.after() < 0.9 * outcome.before());
        QVERIFY(outcome.scaleChange > 0);
        // What is returned has the loss that was reported, as stored.
        QVERIFY(isClose(fixture.relativeLoss(result), outcome.after(), 1e-5));
        for (std::size_t i = 0; i < result.weights.size(); ++i) {
            const QuantizedWeight& weight = *result.weights[i];
            const QuantizedWeight& start = *fixture.problem.layers[i].weight;
            const auto problem = weightProblem(weight);
            QVERIFY2(!problem, problem ? problem->c_str() : "");
            QVERIFY(weight.codes == start.codes && weight.groupIndex == start.groupIndex);
            QVERIFY(weight.scheme == start.scheme);
            QVERIFY(weight.scales != start.scales);
            QCOMPARE(weight.zeros != start.zeros, form.scheme.floatZeros);
        }
        QCOMPARE(outcome.zeroChange > 0, form.scheme.floatZeros);
        QCOMPARE(outcome.parameters.size(), std::size_t(5)); // two norms, three biases
    }

    void gradientsMatchFiniteDifferences_data() { formRows(); }
    /// With an epsilon far above all gradients Adam is gradient descent: p − p' = rate/ε · g. One
    /// step on one window, without momentum, shows the gradients.
    void gradientsMatchFiniteDifferences()
    {
        QFETCH(int, index);
        Form form = forms()[std::size_t(index)];
        form.scheme.scaleType = DType::F32;
        BlockFixture fixture(form.scheme, form.indexed, biasedLlama(), 1, 24);
        TrainingOptions options;
        options.epochs = 1;
        options.beta1 = 0;
        options.beta2 = 0;
        options.epsilon = 1e6;
        // One scale for a whole layer has far larger gradients.
        const double step = form.scheme.granularity == Granularity::Tensor ? 1e-4 : 2e-3;
        options.rate = options.epsilon * step;
        options.decay = 0;
        options.biases = true;
        const TuningResult result = train(fixture, options);
        QCOMPARE(result.outcome->bestEpoch, 1);
        const auto elements = static_cast<double>(24 * fixture.model->hiddenSize);
        const auto slope = [&](const std::string& tensor, const auto& change) {
            const auto lossAt = [&](float h) {
                Weights with = Weights::over(*fixture.weights);
                Tensor moved = fixture.weights->get(tensor)->clone();
                change(moved.floats(), h);
                with.replace(tensor, std::make_shared<const Tensor>(std::move(moved)));
                return fixture.squares(with).first / elements;
            };
            constexpr float h = 0x1p-8F;
            return (lossAt(h) - lossAt(-h)) / (2 * static_cast<double>(h));
        };
        const auto agrees = [&](double before, double after, double expected) {
            return isClose((before - after) / step, expected, 0.02, 2e-3);
        };
        double largest = 0;
        for (std::size_t i = 0; i < result.weights.size(); ++i) {
            const QuantizedWeight& start = *fixture.problem.layers[i].weight;
            const QuantizedWeight& weight = *result.weights[i];
            const std::string& tensor = fixture.problem.layers[i].layer->weight;
            const auto middle = static_cast<float>(1 << (start.scheme.bits - 1));
            const bool moving = start.scheme.floatZeros;
            for (std::size_t p = 0; p < start.scales.size(); p += 1 + start.scales.size() / 3) {
                const auto granule = [&](const auto& per) {
                    return slope(tensor, [&](std::span<float> values, float h) {
                        for (std::int64_t r = 0; r < start.rows; ++r)
                            for (std::int64_t c = 0; c < start.cols; ++c)
                                if (start.parameterIndex(r, c) == p) {
                                    const auto at = std::size_t(r * start.cols + c);
                                    values[at] += h * per(float(start.codes[at]));
                                }
                    });
                };
                const double scaleSlope =
                    granule([&](float code) { return code - (moving ? middle : start.zeros[p]); });
                largest = std::max(largest, std::fabs(scaleSlope));
                QVERIFY2(agrees(start.scales[p], weight.scales[p], scaleSlope), tensor.c_str());
                if (!moving)
                    continue;
                const auto offset = [&](const QuantizedWeight& of) {
                    return static_cast<double>(of.scales[p]) *
                           (static_cast<double>(middle) - static_cast<double>(of.zeros[p]));
                };
                QVERIFY2(agrees(offset(start), offset(weight), granule([](float) { return 1; })),
                         tensor.c_str());
            }
        }
        QVERIFY(largest > 0.05); // far above the tolerance
        for (const auto& [name, value] : result.outcome->parameters) {
            const auto start = fixture.weights->get(name);
            for (const std::size_t i : {std::size_t(0), std::size_t(7)}) {
                const double expected =
                    slope(name, [&](std::span<float> values, float h) { values[i] += h; });
                QVERIFY2(agrees(start->floats()[i], value->floats()[i], expected), name.c_str());
            }
        }
    }

    /// The reference's T15. Only the last layer of the block is trained, in which the loss is
    /// quadratic: per row the least squares fit of t = y − residual by s·(Q·x) + z·Σx.
    void oneLinearLayerReachesItsClosedForm()
    {
        Scheme scheme = forms()[1].scheme;
        scheme.bits = 2;
        BlockFixture fixture(scheme);
        const Layer& down = *fixture.model->findLayer("model.layers.1.mlp.down_proj");
        for (const TrainedLayer& layer : fixture.problem.layers)
            fixture.weights->restore(layer.layer->weight);
        fixture.problem.layers.clear();
        const auto start = roundedWeight(*fixture.weights, down, scheme);
        const auto original = fixture.weights->get(down.weight);
        fixture.add(down, start);
        // The layer's inputs, and so its float outputs, which are to be matched.
        Tensor x;
        {
            Tensor hidden({3, 16, fixture.model->hiddenSize});
            std::copy_n(std::as_const(*fixture.inputs).rows(0, 1).data, hidden.count(),
                        hidden.floats().data());
            Executor(*fixture.model, *fixture.weights)
                .runBlock(1, hidden, Monitor(), [&](int node, const Tensor& input) {
                    const ConstMatrixView view = input.matrix();
                    if (node == down.node) {
                        x = Tensor({view.rows, view.cols});
                        std::copy_n(view.data, x.count(), x.floats().data());
                    }
                });
        }
        double best = 0;
        double whole = fixture.squares(*fixture.weights).second;
        for (std::int64_t r = 0; r < down.rows; ++r) {
            double aa = 0, ab = 0, bb = 0, at = 0, bt = 0, tt = 0;
            for (std::int64_t n = 0; n < x.matrix().rows; ++n) {
                double a = 0, b = 0, t = 0;
                for (std::int64_t c = 0; c < down.cols; ++c) {
                    const auto i = std::size_t(c);
                    const auto value = static_cast<double>(x.matrix().row(n)[i]);
                    a += (start->codes[std::size_t(r * down.cols + c)] - 2) * value;
                    b += value;
                    t += static_cast<double>(original->matrix().row(r)[i]) * value;
                }
                aa += a * a, ab += a * b, bb += b * b, at += a * t, bt += b * t, tt += t * t;
            }
            const double det = aa * bb - ab * ab;
            const double s = (at * bb - bt * ab) / det;
            const double z = (bt * aa - at * ab) / det;
            best += tt - s * at - z * bt;
        }
        TrainingOptions options = fastOptions(600);
        options.norms = false;
        options.batch = 3;
        options.rate = 1e-3;
        options.epsilon = 1e-8;
        options.decay = 0;
        const TuningResult result = train(fixture, options);
        QVERIFY(result.outcome->before() > 1.05 * best / whole);
        QVERIFY(isClose(result.outcome->after(), best / whole, 1e-3));
    }

    void withoutErrorNothingMoves()
    {
        BlockFixture fixture(forms()[5].scheme);
        fixture.setTargets(*fixture.weights); // the quantized block's own output
        TrainingOptions options = fastOptions(2);
        options.decay = 0;
        const TuningResult result = train(fixture, options);
        QVERIFY(std::ranges::all_of(result.outcome->losses, [](float loss) { return loss == 0; }));
        QCOMPARE(result.outcome->bestEpoch, 0);
        QVERIFY(result.outcome->parameters.empty());
        for (std::size_t i = 0; i < result.weights.size(); ++i)
            QCOMPARE(result.weights[i], fixture.problem.layers[i].weight);
    }

    void risingLossesEndIt_data()
    {
        QTest::addColumn<double>("rate");
        QTest::addColumn<int>("judged");
        QTest::newRow("far too fast") << 0.5 << 3;
        QTest::newRow("not finite") << 1e30 << 1;
    }
    void risingLossesEndIt()
    {
        QFETCH(double, rate);
        QFETCH(int, judged);
        const BlockFixture fixture(forms()[0].scheme);
        TrainingOptions options = fastOptions(20);
        options.rate = rate;
        options.patience = 2;
        const TuningResult result = train(fixture, options);
        QVERIFY(result.outcome->stoppedEarly);
        QCOMPARE(result.outcome->epochLosses.size(), std::size_t(judged));
        QCOMPARE(result.outcome->bestEpoch, 0);
        QVERIFY(result.outcome->parameters.empty());
        QCOMPARE(result.outcome->scaleChange, 0.0);
        for (std::size_t i = 0; i < result.weights.size(); ++i)
            QCOMPARE(result.weights[i], fixture.problem.layers[i].weight);
    }

    void negativeScalesAreTurned_data()
    {
        QTest::addColumn<int>("index");
        QTest::newRow("float zeros") << 1;
        QTest::newRow("whole zeros") << 6;
        QTest::newRow("symmetric") << 5;
    }
    /// Codes of a row the wrong way around want a negative scale; a stored one is positive.
    void negativeScalesAreTurned()
    {
        QFETCH(int, index);
        const Scheme& scheme = forms()[std::size_t(index)].scheme;
        BlockFixture fixture(scheme);
        const std::size_t last = fixture.problem.layers.size() - 1; // down_proj
        auto& layer = fixture.problem.layers[last];
        auto reversed = std::make_shared<QuantizedWeight>(*layer.weight);
        const auto cols = static_cast<std::ptrdiff_t>(reversed->cols);
        for (auto code = reversed->codes.begin(); code != reversed->codes.begin() + cols; ++code)
            *code = static_cast<std::uint8_t>(reversed->scheme.maximumCode() - *code);
        layer.weight = reversed;
        TrainingOptions options = fastOptions(120);
        options.batch = 3;
        options.rate = 1e-2;
        const TuningResult result = train(fixture, options);
        QVERIFY(result.outcome->after() < 0.3 * result.outcome->before());
        QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
        const auto problem = weightProblem(*result.weights[last]);
        QVERIFY2(!problem, problem ? problem->c_str() : "");
        const auto& codes = result.weights[last]->codes;
        const bool turned =
            !std::equal(codes.begin(), codes.begin() + cols, reversed->codes.begin());
        QCOMPARE(turned, !scheme.symmetric);
        QVERIFY(std::equal(codes.begin() + cols, codes.end(), reversed->codes.begin() + cols));
    }

    void hugeZerosStayInTheirType()
    {
        // A constant row: z is all there is, s next to nothing.
        const Scheme scheme = forms()[0].scheme;
        BlockFixture fixture(scheme);
        auto& layer = fixture.problem.layers.back();
        auto flat = std::make_shared<QuantizedWeight>(*layer.weight);
        flat->scales[0] = 0x1p-20F;
        flat->zeros[0] = -60000.0F;
        flat->zeros[0] = roundToHalf(flat->zeros[0]);
        layer.weight = flat;
        const TuningResult result = train(fixture, fastOptions(20));
        QVERIFY(result.outcome->bestEpoch > 0);
        const auto problem = weightProblem(*result.weights.back());
        QVERIFY2(!problem, problem ? problem->c_str() : "");
        QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
    }

    void normsAreRoundedToTheModelsType()
    {
        for (const DType dtype : {DType::F16, DType::BF16}) {
            TinyLlama tiny;
            tiny.dtype = dtype;
            const BlockFixture fixture(forms()[0].scheme, false, tiny);
            const TuningResult result = train(fixture, fastOptions(3));
            QCOMPARE(result.outcome->parameters.size(), std::size_t(2));
            QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
            for (const auto& [name, value] : result.outcome->parameters) {
                const Tensor rounded =
                    toFloat(fromFloat(value->floats(), dtype, value->shape()).view());
                QVERIFY(std::ranges::equal(rounded.floats(), value->floats()));
                QVERIFY(!std::ranges::equal(fixture.weights->get(name)->floats(), value->floats()));
            }
        }
    }

    void frozenPartsStayFrozen()
    {
        BlockFixture fixture(forms()[0].scheme, false, biasedLlama());
        const TrainedLayer only = fixture.problem.layers[1];
        fixture.problem.layers = {only};
        TrainingOptions options = fastOptions(3);
        options.norms = false;
        const TuningResult result = train(fixture, options);
        QCOMPARE(result.weights.size(), std::size_t(1));
        QVERIFY(result.outcome->parameters.empty());
        QVERIFY(result.outcome->bestEpoch > 0);
        QVERIFY(isClose(fixture.relativeLoss(result), result.outcome->after(), 1e-5));
        // And nothing at all to train is no error.
        fixture.problem.layers.clear();
        const TuningResult none = train(fixture, options);
        QVERIFY(none.weights.empty() && none.outcome->losses.empty());
        QCOMPARE(none.outcome->epochLosses.size(), std::size_t(1));
    }

    void progressAndBatches()
    {
        const BlockFixture fixture(forms()[0].scheme);
        TrainingOptions options = fastOptions(2);
        options.batch = 2; // of three windows: two steps an epoch
        std::vector<TrainingProgress> seen;
        Monitor monitor;
        const TuningResult result =
            trainBlock(fixture.problem, options, monitor,
                       [&](const TrainingProgress& progress) { seen.push_back(progress); });
        QCOMPARE(seen.size(), std::size_t(4));
        for (std::size_t i = 0; i < 4; ++i) {
            QCOMPARE(seen[i].step, std::int64_t(i + 1));
            QCOMPARE(seen[i].steps, std::int64_t(4));
            QCOMPARE(seen[i].epoch, int(i / 2));
            QCOMPARE(seen[i].block, 1);
            QCOMPARE(QString::fromStdString(seen[i].name), QString("model.layers.1"));
            QVERIFY(static_cast<float>(seen[i].loss) == result.outcome->losses[i]);
        }
    }

    void sameBitsForAnyNumberOfThreads()
    {
        Scheme scheme = forms()[2].scheme;
        TinyLlama tiny = biasedLlama();
        tiny.hidden = 64;
        tiny.intermediate = 300;
        const BlockFixture fixture(scheme, false, tiny, 2, 150);
        TrainingOptions options = fastOptions(2);
        options.biases = true;
        std::optional<TuningResult> first;
        for (const int threads : {1, 2, 5}) {
            const ThreadLimit limit(threads);
            TuningResult result = train(fixture, options);
            if (!first)
                first = std::move(result);
            else
                QVERIFY(sameTraining(*first, result));
        }
    }

    void stoppedAnywhereItReturnsAValidState()
    {
        const BlockFixture fixture(forms()[0].scheme);
        const TrainingOptions options = fastOptions(2);
        int stopped = 0;
        bool improved = false;
        for (int k = 0; k < 100000; k += 1 + k / 7) {
            StopAt monitor(k);
            const TuningResult result = trainBlock(fixture.problem, options, monitor);
            QCOMPARE(result.weights.size(), fixture.problem.layers.size());
            for (const auto& weight : result.weights)
                QVERIFY(!weightProblem(*weight));
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
};

QTEST_APPLESS_MAIN(TestTuning)
#include "tst_tuning.moc"
