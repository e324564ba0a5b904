// SPDX-License-Identifier: GPL-3.0-or-later
// Attention with masks and with keys of another length, against its definition in double.
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/graph/differentiation.h"
#include "core/graph/kernels.h"
#include "core/graph/node_range.h"
#include "tests/support/support.h"

#include <QTest>

#include <array>
#include <functional>
#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

using Values64 = std::vector<double>;
constexpr double noSight = -std::numeric_limits<double>::infinity();

Tensor randomTensor(Shape shape, const std::string& what)
{
    RandomStream random(5, what, "attention");
    Tensor tensor(std::move(shape));
    for (float& value : tensor.floats())
        value = static_cast<float>(random.normal());
    return tensor;
}

Values64 wide(const Tensor& tensor)
{
    return {tensor.floats().begin(), tensor.floats().end()};
}

struct Case
{
    std::int64_t batch = 1;
    std::int64_t heads = 2;
    std::int64_t kvHeads = 2;
    std::int64_t queries = 1;
    std::int64_t keys = 1;
    bool causal = false;
    Shape maskShape; ///< empty: none
    std::int64_t window = 0;
    static constexpr std::int64_t headDim = 4;

    op::Attention operation() const { return {heads, kvHeads, headDim, 0.5F, window, causal}; }
    Shape scores() const { return {batch, heads, queries, keys}; }
    Tensor q() const { return randomTensor({batch, queries, heads * headDim}, "q"); }
    Tensor k() const { return randomTensor({batch, keys, kvHeads * headDim}, "k"); }
    Tensor v() const { return randomTensor({batch, keys, kvHeads * headDim}, "v"); }
    Tensor mask() const { return maskShape.empty() ? Tensor() : randomTensor(maskShape, "mask"); }

    /// Where the mask's element for a score stands, by the rules of broadcasting.
    std::size_t maskIndex(std::array<std::int64_t, 4> at) const
    {
        std::int64_t index = 0;
        for (std::size_t axis = 0; axis < maskShape.size(); ++axis) {
            const std::int64_t size = maskShape[axis];
            const std::int64_t place = at[4 - maskShape.size() + axis];
            index = index * size + (size == 1 ? 0 : place);
        }
        return static_cast<std::size_t>(index);
    }

    Values64 definition(const Values64& q, const Values64& k, const Values64& v,
                        const Values64& mask) const
    {
        Values64 y(q.size());
        const auto element = [&](const Values64& of, std::int64_t row, std::int64_t features,
                                 std::int64_t column) {
            return of[static_cast<std::size_t>(row * features + column)];
        };
        for (std::int64_t b = 0; b < batch; ++b)
            for (std::int64_t h = 0; h < heads; ++h)
                for (std::int64_t i = 0; i < queries; ++i) {
                    const std::int64_t kv = h / (heads / kvHeads);
                    const std::int64_t position = keys - queries + i;
                    Values64 score(static_cast<std::size_t>(keys), noSight);
                    double sum = 0;
                    for (std::int64_t j = 0; j < keys; ++j) {
                        if (causal && (j > position || (window > 0 && j <= position - window)))
                            continue;
                        double dot = 0;
                        for (std::int64_t d = 0; d < headDim; ++d)
                            dot += element(q, b * queries + i, heads * headDim, h * headDim + d) *
                                   element(k, b * keys + j, kvHeads * headDim, kv * headDim + d);
                        dot *= 0.5;
                        if (!mask.empty())
                            dot += mask[maskIndex({b, h, i, j})];
                        score[static_cast<std::size_t>(j)] = dot;
                        sum += std::exp(dot);
                    }
                    for (std::int64_t j = 0; j < keys && sum > 0; ++j)
                        for (std::int64_t d = 0; d < headDim; ++d)
                            y[static_cast<std::size_t>((b * queries + i) * heads * headDim +
                                                       h * headDim + d)] +=
                                std::exp(score[static_cast<std::size_t>(j)]) / sum *
                                element(v, b * keys + j, kvHeads * headDim, kv * headDim + d);
                }
        return y;
    }

    /// A graph of this one node, whose values are given as sides.
    Model model() const
    {
        Model model;
        Node node;
        node.op = operation();
        node.name = "attention";
        node.inputs = {0, 1, 2, maskShape.empty() ? noValue : 3};
        node.outputs = {4};
        model.graph.nodes.push_back(node);
        model.graph.values = 5;
        return model;
    }
};

class NoTensors final : public ModelFile
{
protected:
    [[nodiscard]] Tensor readTensor(std::size_t) const override { return {}; }
};

Values64 differences(const std::function<Values64(const Values64&)>& f, Values64 at,
                     const Values64& weights)
{
    constexpr double step = 1e-5;
    const auto loss = [&] {
        const Values64 y = f(at);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i)
            sum += y[i] * weights[i];
        return sum;
    };
    Values64 gradient;
    for (double& value : at) {
        const double old = value;
        value = old + step;
        const double above = loss();
        value = old - step;
        gradient.push_back((above - loss()) / (2 * step));
        value = old;
    }
    return gradient;
}

} // namespace

Q_DECLARE_METATYPE(Case)

class TestAttention : public QObject
{
    Q_OBJECT

    static void cases(bool large)
    {
        QTest::addColumn<Case>("c");
        QTest::newRow("one query, one key") << Case{1, 1, 1, 1, 1, false, {}, 0};
        QTest::newRow("sees everything") << Case{1, 2, 2, 7, 7, false, {}, 0};
        QTest::newRow("batch, shared keys") << Case{3, 4, 2, 5, 5, false, {}, 0};
        QTest::newRow("fewer keys") << Case{2, 2, 1, 6, 3, false, {}, 0};
        QTest::newRow("more keys") << Case{2, 3, 3, 2, 9, false, {}, 0};
        QTest::newRow("causal at the end of the keys") << Case{2, 2, 2, 3, 8, true, {}, 0};
        QTest::newRow("causal, window") << Case{2, 2, 1, 6, 8, true, {}, 3};
        QTest::newRow("mask of scores") << Case{2, 2, 2, 4, 5, false, {2, 2, 4, 5}, 0};
        QTest::newRow("mask of keys") << Case{3, 2, 1, 4, 6, false, {3, 1, 1, 6}, 0};
        QTest::newRow("mask of queries") << Case{2, 2, 1, 4, 6, false, {2, 1, 4, 1}, 0};
        QTest::newRow("mask of heads") << Case{2, 2, 1, 4, 6, false, {2, 4, 6}, 0};
        QTest::newRow("one number") << Case{2, 2, 1, 4, 6, false, {1}, 0};
        QTest::newRow("causal, window, mask") << Case{2, 2, 1, 6, 8, true, {6, 8}, 3};
        if (!large)
            return;
        QTest::newRow("several runs") << Case{2, 2, 1, 300, 150, false, {}, 0};
        QTest::newRow("several runs, mask") << Case{2, 2, 1, 140, 300, false, {2, 1, 1, 300}, 0};
        QTest::newRow("several causal runs, mask") << Case{1, 2, 1, 300, 310, true, {300, 310}, 50};
    }

private slots:
    void agreesWithDefinition_data() { cases(true); }
    void agreesWithDefinition()
    {
        QFETCH(Case, c);
        Values values;
        values.emplace(0, c.q());
        values.emplace(1, c.k());
        values.emplace(2, c.v());
        if (!c.maskShape.empty())
            values.emplace(3, c.mask());
        const auto expected = c.definition(wide(values.at(0)), wide(values.at(1)),
                                           wide(values.at(2)), wide(c.mask()));
        const Tensor actual = run(c, std::move(values));
        QCOMPARE(actual.shape(), c.q().shape());
        QVERIFY(allClose(actual.floats(), std::span<const double>(expected), 1e-5, 2e-6));
    }

    void gradientAgreesWithFiniteDifferences_data() { cases(false); }
    void gradientAgreesWithFiniteDifferences()
    {
        QFETCH(Case, c);
        const std::array<Tensor, 4> inputs{c.q(), c.k(), c.v(), c.mask()};
        const Tensor dy = randomTensor(c.q().shape(), "dy");
        const auto gradients = gradientsOf(c, inputs, dy);
        std::array<Values64, 4> at;
        for (std::size_t i = 0; i < 4; ++i)
            at[i] = wide(inputs[i]);
        for (std::size_t i = 0; i < (c.maskShape.empty() ? 3U : 4U); ++i) {
            const auto expected = differences(
                [&](const Values64& moved) {
                    auto changed = at;
                    changed[i] = moved;
                    return c.definition(changed[0], changed[1], changed[2], changed[3]);
                },
                at[i], wide(dy));
            QVERIFY2(gradients[i].shape() == inputs[i].shape(), std::to_string(i).c_str());
            QVERIFY(allClose(gradients[i].floats(), std::span<const double>(expected), 1e-4, 1e-5));
        }
    }

    void aQueryThatSeesNothingGetsZero()
    {
        const Case c{1, 2, 2, 3, 4, false, {3, 4}, 0};
        std::array<Tensor, 4> inputs{c.q(), c.k(), c.v(), c.mask()};
        for (std::size_t j = 4; j < 8; ++j)
            inputs[3].floats()[j] = -std::numeric_limits<float>::infinity();
        inputs[3].floats()[1] = -std::numeric_limits<float>::infinity();
        const Tensor dy = randomTensor(c.q().shape(), "dy");
        for (const Tensor& gradient : gradientsOf(c, inputs, dy))
            QCOMPARE(countNonFinite(gradient.floats()), std::int64_t(0));
        Values values;
        for (int i = 0; i < 4; ++i)
            values.emplace(i, inputs[static_cast<std::size_t>(i)].clone());
        const auto expected =
            c.definition(wide(inputs[0]), wide(inputs[1]), wide(inputs[2]), wide(inputs[3]));
        const Tensor actual = run(c, std::move(values));
        QVERIFY(allClose(actual.floats(), std::span<const double>(expected), 1e-5, 2e-6));
        for (const float value : std::as_const(actual).matrix().row(1))
            QCOMPARE(value, 0.0F);
    }

    /// Masking keys by the lowest float is what encoders do: the same bits as without those keys.
    void lowestFloatHidesKeys()
    {
        const Case all{1, 2, 2, 5, 9, false, {1, 1, 1, 9}, 0};
        Case some = all;
        some.keys = 6;
        some.maskShape = {1, 1, 1, 6};
        Values values;
        Values fewer;
        values.emplace(0, all.q());
        fewer.emplace(0, all.q());
        values.emplace(3, Tensor::zeros(DType::F32, all.maskShape));
        fewer.emplace(3, Tensor::zeros(DType::F32, some.maskShape));
        for (std::size_t j = 6; j < 9; ++j)
            values.at(3).floats()[j] = std::numeric_limits<float>::lowest();
        for (const int i : {1, 2}) {
            values.emplace(i, i == 1 ? all.k() : all.v());
            Tensor part({1, 6, 8});
            std::copy_n(std::as_const(values.at(i)).floats().begin(), 48, part.floats().begin());
            fewer.emplace(i, std::move(part));
        }
        const Tensor masked = run(all, std::move(values));
        const Tensor without = run(some, std::move(fewer));
        QVERIFY(allClose(masked.floats(), without.floats(), 1e-6, 1e-7));
    }

    void threadsDoNotChangeBits()
    {
        const Case c{3, 4, 2, 150, 170, false, {3, 1, 1, 170}, 0};
        const Tensor dy = randomTensor(c.q().shape(), "dy");
        std::array<std::vector<std::vector<float>>, 2> results;
        for (const int threads : {1, 2}) {
            const ThreadLimit limit(threads);
            Values values;
            values.emplace(0, c.q());
            values.emplace(1, c.k());
            values.emplace(2, c.v());
            values.emplace(3, c.mask());
            auto& result = results[static_cast<std::size_t>(threads - 1)];
            const Tensor y = run(c, std::move(values));
            result.emplace_back(y.floats().begin(), y.floats().end());
            for (const Tensor& g : gradientsOf(c, {c.q(), c.k(), c.v(), c.mask()}, dy))
                result.emplace_back(g.floats().begin(), g.floats().end());
        }
        QVERIFY(results[0] == results[1]);
    }

    void cancels()
    {
        const Case c{2, 2, 2, 300, 300, false, {}, 0};
        const auto attempt = [&](int k) {
            const StopAt stop(k);
            Tensor out(c.q().shape());
            const Tensor q = c.q();
            const Tensor key = c.k();
            kernel::attention(q.matrix(), key.matrix(), key.matrix(), c.operation(), 2, {},
                              out.matrix(), stop);
        };
        QVERIFY_EXCEPTION_THROWN(attempt(0), Cancelled);
        QVERIFY_EXCEPTION_THROWN(attempt(3), Cancelled);
    }

    void wrongInputsAreNamed_data()
    {
        QTest::addColumn<int>("which");
        QTest::addColumn<QString>("expected");
        QTest::newRow("features") << 0 << "features";
        QTest::newRow("batch of keys") << 1 << "batch";
        QTest::newRow("values unlike keys") << 2 << "values";
        QTest::newRow("mask") << 3 << "mask";
        QTest::newRow("integer mask") << 4 << "mask";
        QTest::newRow("too few keys for causal") << 5 << "keys";
        QTest::newRow("no keys") << 6 << "keys";
        QTest::newRow("two axes") << 7 << "batch";
    }
    void wrongInputsAreNamed()
    {
        QFETCH(int, which);
        QFETCH(QString, expected);
        Case c{2, 2, 1, 4, 6, which == 5, {4, 6}, 0};
        Values values;
        values.emplace(0, which == 0 ? Tensor::zeros(DType::F32, {2, 4, 9}) : c.q());
        const std::int64_t keys = which == 5 ? 3 : which == 6 ? 0 : 6;
        values.emplace(1, Tensor::zeros(DType::F32, {which == 1 ? 3 : 2, keys, 4}));
        values.emplace(
            2, Tensor::zeros(DType::F32, {which == 1 ? 3 : 2, which == 2 ? keys - 1 : keys, 4}));
        values.emplace(3, Tensor::zeros(which == 4 ? DType::I64 : DType::F32,
                                        which == 3 ? Shape{5, 6} : Shape{4, 6}));
        if (which == 7)
            values.insert_or_assign(0, Tensor::zeros(DType::F32, {8, 8}));
        try {
            (void)run(c, std::move(values));
            QFAIL("no error");
        } catch (const Error& error) {
            const QString what = QString::fromStdString(error.what());
            QVERIFY2(what.contains(expected) && what.contains("attention"), error.what());
        }
    }

private:
    static Tensor run(const Case& c, Values values)
    {
        const auto model = modelOf(c);
        const Weights weights(model, 0);
        const Monitor monitor;
        values = runNodes(*model, weights, 0, 1, std::move(values), {}, {4}, monitor, {});
        return std::move(values.at(4));
    }

    static std::shared_ptr<const Model> modelOf(const Case& c)
    {
        auto model = std::make_shared<Model>(c.model());
        model->source.tensors = std::make_shared<NoTensors>();
        return model;
    }

    static std::array<Tensor, 4> gradientsOf(const Case& c, const std::array<Tensor, 4>& inputs,
                                             const Tensor& dy)
    {
        const auto model = modelOf(c);
        const Weights weights(model, 0);
        const Monitor monitor;
        Values values;
        std::map<ValueId, Shape> shapes;
        std::set<ValueId> moving;
        for (int i = 0; i < (c.maskShape.empty() ? 3 : 4); ++i) {
            values.emplace(i, inputs[static_cast<std::size_t>(i)].clone());
            shapes[i] = values.at(i).shape();
            moving.insert(i);
        }
        const Values sides;
        const GradientSink sink;
        Differentiation d(*model, weights, values, sides, shapes, moving, sink, monitor);
        d.start(4, dy.clone());
        d.run(0, model->graph.nodes[0], false);
        return {d.takeGradient(0), d.takeGradient(1), d.takeGradient(2), d.takeGradient(3)};
    }
};

QTEST_APPLESS_MAIN(TestAttention)
#include "tst_attention.moc"
