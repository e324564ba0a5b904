// SPDX-License-Identifier: GPL-3.0-or-later
// Attentions with kernels of their own, their runs, and convolutions that round their inputs.
#include "core/base/random.h"
#include "core/graph/attention_kernel.h"
#include "core/graph/attention_runs.h"
#include "tests/support/one_node_model.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <atomic>
#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The float attention times a factor.
class Scaled final : public AttentionKernel
{
public:
    explicit Scaled(float factor)
        : m_factor(factor)
    {
    }
    void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch,
               const kernel::AttentionMask& mask, MatrixView out,
               const Monitor& monitor) const override
    {
        kernel::attention(q, k, v, attention, batch, mask, out, monitor);
        for (std::int64_t r = 0; r < out.rows; ++r)
            for (float& value : out.row(r))
                value *= m_factor;
        ++calls;
    }
    mutable std::atomic<int> calls = 0;

private:
    float m_factor;
};

/// To whole numbers, and 0 to 7: what padding must not become.
class ToWhole final : public InputRounding
{
public:
    void apply(Tensor& x) const override
    {
        for (float& value : x.floats())
            value = std::nearbyint(value) == 0 ? 7.0F : std::nearbyint(value);
    }
};

Tensor randomTensor(Shape shape, const std::string& what)
{
    RandomStream random(5, what, "attention kernels");
    Tensor tensor(std::move(shape));
    for (float& value : tensor.floats())
        value = static_cast<float>(random.normal());
    return tensor;
}

std::vector<float> valuesOf(const Tensor& tensor)
{
    return {tensor.floats().begin(), tensor.floats().end()};
}

struct SmallAttention
{
    op::Attention op{4, 2, 8, 0.4F, 0, true};
    OneNodeModel model{op, {true, true, true}};
    Tensor q = randomTensor({2, 5, 32}, "q");
    Tensor k = randomTensor({2, 7, 16}, "k");
    Tensor v = randomTensor({2, 7, 16}, "v");

    std::vector<float> run(const Weights& weights) const
    {
        Values values;
        values.emplace(0, q.clone());
        values.emplace(1, k.clone());
        values.emplace(2, v.clone());
        const Values out =
            runNodes(model.model(), weights, 0, 1, std::move(values), {}, {3}, Monitor());
        return valuesOf(out.at(3));
    }
};

struct SmallConvolution
{
    OneNodeModel model;

    SmallConvolution()
        : model(operation(), {true}, 1, parameters())
    {
    }
    static op::Convolution operation()
    {
        op::Convolution convolution;
        convolution.weight = "weight";
        convolution.geometry.channels = 3;
        convolution.geometry.kernel = {3, 3};
        convolution.geometry.padding = {1, 1, 1, 1};
        return convolution;
    }
    static std::map<std::string, Tensor> parameters()
    {
        std::map<std::string, Tensor> tensors;
        tensors.emplace("weight", randomTensor({4, 3, 3, 3}, "weight"));
        return tensors;
    }
    std::vector<float> run(const Weights& weights, const Tensor& x) const
    {
        Values values;
        values.emplace(0, x.clone());
        const Values out =
            runNodes(model.model(), weights, 0, 1, std::move(values), {}, {0, 1}, Monitor());
        if (valuesOf(out.at(0)) != valuesOf(x))
            return {}; // what others read must stay
        return valuesOf(out.at(1));
    }
};

} // namespace

class TestAttentionKernels : public QObject
{
    Q_OBJECT

private slots:
    void nodesUseTheirKernel()
    {
        const SmallAttention a;
        Weights weights = Weights::over(a.model.weights());
        const auto plain = a.run(weights);
        const auto twice = std::make_shared<Scaled>(2.0F);
        weights.replace(0, twice);
        QVERIFY(weights.attentionKernel(0) == twice);
        QVERIFY(!weights.attentionKernel(1));
        const auto doubled = a.run(weights);
        QCOMPARE(twice->calls.load(), 1);
        for (std::size_t i = 0; i < plain.size(); ++i)
            QVERIFY(doubled[i] == 2 * plain[i]);
        Weights above = Weights::over(weights);
        QVERIFY(a.run(above) == doubled);
        above.replace(0, std::shared_ptr<const AttentionKernel>());
        QVERIFY(a.run(above) == plain);
        above.restoreAttention(0);
        QVERIFY(a.run(above) == doubled);
        weights.restoreAttention(0);
        QVERIFY(a.run(above) == plain);
    }

    void cachedPositionsGoThroughTheKernel()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        Weights weights(model, 1 << 28);
        const auto kernel = std::make_shared<Scaled>(0.5F);
        int attentions = 0;
        for (std::size_t n = 0; n < model->graph.nodes.size(); ++n)
            if (std::holds_alternative<op::Attention>(model->graph.nodes[n].op)) {
                weights.replace(static_cast<int>(n), kernel);
                ++attentions;
            }
        QCOMPARE(attentions, 2);
        const std::vector<Token> tokens{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
        const Executor executor(*model, weights);
        const Tensor whole = executor.logits(tokens, 1, Monitor());
        QCOMPARE(kernel->calls.load(), 2);
        const Weights untouched(model, 1 << 28);
        const Tensor plain = Executor(*model, untouched).logits(tokens, 1, Monitor());
        QVERIFY(valuesOf(plain) != valuesOf(whole));
        KeyValueCache cache;
        std::vector<float> pieces;
        for (const auto& [begin, count] :
             {std::pair<std::size_t, std::size_t>(0, 6), {6, 1}, {7, 4}}) {
            const Tensor part =
                executor.logits(std::span(tokens).subspan(begin, count), 1, Monitor(), &cache);
            pieces.insert(pieces.end(), part.floats().begin(), part.floats().end());
        }
        QCOMPARE(kernel->calls.load(), 8);
        QVERIFY(allClose(std::span<const float>(pieces), whole.floats(), 1e-4, 1e-5));
    }

    void runsCoverAnAttentionOnce_data()
    {
        QTest::addColumn<int>("queries");
        QTest::addColumn<int>("keys");
        QTest::addColumn<bool>("causal");
        QTest::addColumn<int>("window");
        QTest::newRow("one") << 1 << 1 << false << 0;
        QTest::newRow("several runs") << 300 << 40 << false << 0;
        QTest::newRow("causal") << 131 << 300 << true << 0;
        QTest::newRow("window") << 260 << 300 << true << 20;
    }
    void runsCoverAnAttentionOnce()
    {
        QFETCH(int, queries);
        QFETCH(int, keys);
        QFETCH(bool, causal);
        QFETCH(int, window);
        constexpr std::int64_t batch = 2;
        const op::Attention attention{4, 2, 8, 0.3F, window, causal};
        const Tensor q = randomTensor({batch * queries, 32}, "q");
        const Tensor k = randomTensor({batch * keys, 16}, "k");
        const Tensor v = randomTensor({batch * keys, 16}, "v");
        Tensor expected({batch * queries, 32});
        kernel::attention(q.matrix(), k.matrix(), v.matrix(), attention, batch, {},
                          expected.matrix(), Monitor());
        const kernel::AttentionRuns runs(attention, batch, q.shape()[0], k.shape()[0]);
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(batch * 4 * queries));
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(runs.count()));
        std::atomic<int> wrongSums = 0;
        Tensor out({batch * queries, 32});
        kernel::attentionVisited(
            q.matrix(), k.matrix(), v.matrix(), attention, batch, {}, out.matrix(), Monitor(),
            [&](const kernel::AttentionRun& run, MatrixView probabilities) {
                ++visits[static_cast<std::size_t>(run.index)];
                for (std::int64_t r = 0; r < run.count; ++r) {
                    ++seen[static_cast<std::size_t>((run.sequence * 4 + run.head) * queries +
                                                    run.first + r)];
                    double sum = 0;
                    std::int64_t sights = 0;
                    for (const float p : probabilities.row(r)) {
                        sum += static_cast<double>(p);
                        sights += p > 0;
                    }
                    const std::int64_t position = keys - queries + run.first + r;
                    const std::int64_t most = !causal ? keys
                                              : window > 0
                                                  ? std::min<std::int64_t>(window, position + 1)
                                                  : position + 1;
                    if (std::fabs(sum - 1) > 1e-5 || sights != most)
                        ++wrongSums;
                }
            });
        QCOMPARE(wrongSums.load(), 0);
        for (const auto& count : seen)
            QCOMPARE(count.load(), 1);
        for (const auto& count : visits)
            QCOMPARE(count.load(), 1);
        QVERIFY(valuesOf(out) == valuesOf(expected));
    }

    void visitorsMayChangeProbabilities()
    {
        const SmallAttention a;
        Tensor out({10, 32});
        kernel::attentionVisited(a.q.matrix(), a.k.matrix(), a.v.matrix(), a.op, 2, {},
                                 out.matrix(), Monitor(),
                                 [](const kernel::AttentionRun& run, MatrixView probabilities) {
                                     for (std::int64_t r = 0; r < run.count; ++r) {
                                         const auto row = probabilities.row(r);
                                         std::fill(row.begin(), row.end(), 0.0F);
                                         row[0] = 2;
                                     }
                                 });
        for (std::int64_t r = 0; r < 10; ++r)
            for (std::int64_t c = 0; c < 32; ++c)
                QVERIFY(out.floats()[std::size_t(r * 32 + c)] ==
                        2 * a.v.floats()[std::size_t(r / 5 * 7 * 16 + c / 16 * 8 + c % 8)]);
    }

    void convolutionsRoundBeforePadding()
    {
        const SmallConvolution c;
        const Tensor x = randomTensor({2, 3, 6, 5}, "x");
        Tensor rounded = x.clone();
        ToWhole().apply(rounded);
        const auto expected = c.run(c.model.weights(), rounded);
        const auto plain = c.run(c.model.weights(), x);
        QVERIFY(!plain.empty() && plain != expected);
        Weights weights = Weights::over(c.model.weights());
        weights.roundInputs("weight", std::make_shared<ToWhole>());
        QVERIFY(weights.inputRounding("weight") && !weights.inputRounding("other"));
        QVERIFY(c.run(weights, x) == expected);
        Weights above = Weights::over(weights);
        QVERIFY(c.run(above, x) == expected);
        above.replace("weight", c.model.weights().get("weight"));
        QVERIFY(c.run(above, x) == expected);
        above.roundInputs("weight", nullptr);
        QVERIFY(c.run(above, x) == plain);
        above.restore("weight");
        QVERIFY(c.run(above, x) == expected);
        weights.restore("weight");
        QVERIFY(c.run(above, x) == plain);
    }

    /// x + convolution(x), as one node with what follows it: only the convolution reads rounded
    /// values.
    void aResidualReadsWhatWasNotRounded()
    {
        auto model = std::make_shared<Model>();
        std::map<std::string, Tensor> tensors;
        tensors.emplace("weight", randomTensor({3, 3, 3, 3}, "weight"));
        model->source.tensors = std::make_shared<MemoryFile>(std::move(tensors));
        model->graph.nodes.push_back({SmallConvolution::operation(), {0}, {1}, "convolution"});
        model->graph.nodes.push_back({op::Binary{op::BinaryKind::Add}, {1, 0}, {2}, "sum"});
        model->graph.values = 3;
        const Weights plain(model, 1 << 20);
        Weights rounding = Weights::over(plain);
        rounding.roundInputs("weight", std::make_shared<ToWhole>());
        const Tensor x = randomTensor({1, 3, 4, 4}, "x");
        Tensor rounded = x.clone();
        ToWhole().apply(rounded);
        const auto run = [&](const Weights& weights, int count, const Tensor& input) {
            Values values;
            values.emplace(0, input.clone());
            const Values out =
                runNodes(*model, weights, 0, count, std::move(values), {}, {count}, Monitor());
            return valuesOf(out.at(count));
        };
        std::vector<float> expected = run(plain, 1, rounded);
        for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] += x.floats()[i];
        QVERIFY(run(rounding, 2, x) == expected);
    }
};

QTEST_GUILESS_MAIN(TestAttentionKernels)
#include "tst_attention_kernels.moc"
