// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/graph/gradient.h"
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/tensor/linalg.h"
#include "tests/support/scalar_operators.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <functional>

using namespace gradus;
using namespace gradus::test;

namespace {

using Values64 = std::vector<double>;

Tensor randomTensor(std::int64_t rows, std::int64_t cols, std::string_view name, double size = 1)
{
    RandomStream random(11, name, "gradient");
    Tensor tensor({rows, cols});
    for (float& value : tensor.floats())
        value = static_cast<float>(size * random.normal());
    return tensor;
}

Values64 wide(std::span<const float> values)
{
    return {values.begin(), values.end()};
}

/// d(Σ c·f(x))/dx by central differences in double.
Values64 differences(const std::function<Values64(const Values64&)>& function, Values64 x,
                     std::span<const float> c)
{
    constexpr double h = 1e-5;
    const auto weighted = [&](const Values64& at) {
        const Values64 y = function(at);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i)
            sum += static_cast<double>(c[i]) * y[i];
        return sum;
    };
    Values64 slopes;
    for (double& value : x) {
        const double middle = value;
        value = middle + h;
        const double above = weighted(x);
        value = middle - h;
        slopes.push_back((above - weighted(x)) / (2 * h));
        value = middle;
    }
    return slopes;
}

/// The float gradient has some 1e-7 of the largest terms that it sums.
bool matches(std::span<const float> actual, const Values64& expected, double atol = 1e-5)
{
    return allClose(actual, std::span<const double>(expected), 1e-4, atol);
}

struct AttentionCase
{
    op::Attention attention;
    std::int64_t sequence = 0;
    std::int64_t batch = 1;
    Tensor q, k, v, dy, dq, dk, dv;

    AttentionCase(std::int64_t heads, std::int64_t kvHeads, std::int64_t window,
                  std::int64_t length, std::int64_t windows)
        : attention{heads, kvHeads, 4, 0.5F, window}
        , sequence(length)
        , batch(windows)
        , q(randomTensor(length * windows, heads * 4, "q"))
        , k(randomTensor(length * windows, kvHeads * 4, "k"))
        , v(randomTensor(length * windows, kvHeads * 4, "v"))
        , dy(randomTensor(length * windows, heads * 4, "dy"))
        , dq(q.shape())
        , dk(k.shape())
        , dv(v.shape())
    {
    }
    void run()
    {
        kernel::attentionBackward(std::as_const(q).matrix(), std::as_const(k).matrix(),
                                  std::as_const(v).matrix(), attention, batch, {},
                                  std::as_const(dy).matrix(), dq.matrix(), dk.matrix(), dv.matrix(),
                                  {}, Monitor());
    }
};

/// Gradients of a tiny llama's mean negative log-likelihood by GradientPass: of every parameter but
/// the embedding, by tensor, and of the first block's input.
struct ModelGradients
{
    std::map<std::string, std::vector<float>> parameters;
    Tensor input;
    double loss = 0;
};

ModelGradients gradientsOf(const std::shared_ptr<const Model>& model,
                           const std::vector<Token>& tokens, std::int64_t batch)
{
    const Monitor monitor;
    const Weights weights(model, 1 << 28);
    const Executor executor(*model, weights);
    const auto& nodes = model->graph.nodes;
    ModelGradients result;
    const auto add = [&](const std::string& tensor, std::span<const float> values) {
        auto& sum = result.parameters[tensor];
        sum.resize(values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            sum[i] += values[i];
    };
    GradientSink sink;
    sink.linear = [&](int node, ConstMatrixView x, ConstMatrixView delta) {
        const auto& linear = std::get<op::Linear>(nodes[static_cast<std::size_t>(node)].op);
        Tensor weight({delta.cols, x.cols});
        multiplyLeftTransposed(delta, x, weight.matrix());
        add(linear.weight, weight.floats());
        if (linear.bias.empty())
            return;
        std::vector<float> bias(static_cast<std::size_t>(delta.cols));
        kernel::addColumnSums(delta, bias);
        add(linear.bias, bias);
    };
    sink.norm = [&](int, const std::string& tensor, std::span<const float> gradient) {
        add(tensor, gradient);
    };
    const auto wanted = [&](const NodeRange& range) {
        std::set<int> all;
        for (int n = range.first; n < range.first + range.count; ++n) {
            const Operator& op = nodes[static_cast<std::size_t>(n)].op;
            if (std::holds_alternative<op::Linear>(op) || std::holds_alternative<op::RmsNorm>(op))
                all.insert(n);
        }
        return all;
    };

    std::vector<NodeRange> ranges;
    for (int block = 0; block < static_cast<int>(model->blocks.size()); ++block)
        ranges.push_back(blockRange(*model, block));
    ranges.push_back(headRange(*model));
    Tensor value = executor.embed(tokens, batch);
    std::vector<GradientPass> passes;
    for (const NodeRange& range : ranges) {
        passes.emplace_back(*model, weights, range, wanted(range), true);
        value = passes.back().forward(std::move(value), monitor);
    }
    // Every position but the last of a window predicts the token after it.
    const auto count = static_cast<std::int64_t>(tokens.size());
    const std::int64_t length = count / batch;
    const float factor = 1.0F / static_cast<float>(count - batch);
    std::vector<double> nll(1);
    for (std::int64_t r = 0; r < count; ++r) {
        const MatrixView row = value.matrix().block(r, 0, 1, value.shape().back());
        if ((r + 1) % length == 0) {
            std::fill(row.row(0).begin(), row.row(0).end(), 0.0F);
            continue;
        }
        kernel::crossEntropyBackward(
            row, std::span<const Token>(&tokens[static_cast<std::size_t>(r + 1)], 1), factor, nll);
        result.loss += nll[0] * static_cast<double>(factor);
    }
    while (!passes.empty()) {
        value = passes.back().backward(std::move(value), sink, monitor);
        passes.pop_back();
    }
    result.input = std::move(value);
    return result;
}

/// The same loss by the scalar oracle, in double.
double oracleLoss(const TinyLlama& tiny, const std::vector<Token>& tokens, std::int64_t batch)
{
    const std::size_t length = tokens.size() / static_cast<std::size_t>(batch);
    double sum = 0;
    for (std::size_t start = 0; start < tokens.size(); start += length) {
        const std::vector<int> window(tokens.begin() + static_cast<std::ptrdiff_t>(start),
                                      tokens.begin() + static_cast<std::ptrdiff_t>(start + length));
        const auto logits = tiny.logits(window);
        for (std::size_t t = 0; t + 1 < length; ++t) {
            double total = 0;
            for (const double logit : logits[t])
                total += std::exp(logit);
            sum += std::log(total) - logits[t][static_cast<std::size_t>(window[t + 1])];
        }
    }
    return sum / static_cast<double>(tokens.size() - static_cast<std::size_t>(batch));
}

std::vector<Token> someTokens(int count)
{
    RandomStream random(5, "tokens", "gradient");
    std::vector<Token> tokens;
    for (int i = 0; i < count; ++i)
        tokens.push_back(static_cast<Token>(random.below(20)));
    return tokens;
}

TinyLlama smallLlama()
{
    TinyLlama tiny;
    tiny.hidden = 16;
    tiny.intermediate = 20;
    tiny.vocabulary = 20;
    tiny.tied = false;
    return tiny;
}

} // namespace

class TestGradient : public QObject
{
    Q_OBJECT

private slots:
    void rmsNorm()
    {
        const Tensor x = randomTensor(5, 19, "x");
        const Tensor weight = randomTensor(1, 19, "weight");
        const Tensor dy = randomTensor(5, 19, "dy");
        Tensor dx(x.shape());
        std::vector<float> dw(19, 1.0F); // added to
        kernel::rmsNormBackward(x.matrix(), weight.floats(), 0.01F, dy.matrix(), dx.matrix(), false,
                                dw);
        const auto expected = differences(
            [&](const Values64& at) { return scalar::rmsNorm(at, wide(weight.floats()), 0.01F); },
            wide(x.floats()), dy.floats());
        QVERIFY(matches(std::as_const(dx).floats(), expected));
        auto expectedWeight = differences(
            [&](const Values64& at) { return scalar::rmsNorm(wide(x.floats()), at, 0.01F); },
            wide(weight.floats()), dy.floats());
        for (double& value : expectedWeight)
            value += 1;
        QVERIFY(matches(dw, expectedWeight));
        // Added to what is there: twice the same.
        kernel::rmsNormBackward(x.matrix(), weight.floats(), 0.01F, dy.matrix(), dx.matrix(), true,
                                {});
        Values64 twice = expected;
        for (double& value : twice)
            value *= 2;
        QVERIFY(matches(std::as_const(dx).floats(), twice));
    }

    void rmsNormOfZerosIsFinite()
    {
        const Tensor x = Tensor::zeros(DType::F32, {2, 8});
        const Tensor dy = randomTensor(2, 8, "dy");
        const std::vector<float> weight(8, 2.0F);
        Tensor dx(x.shape());
        kernel::rmsNormBackward(x.matrix(), weight, 0.25F, dy.matrix(), dx.matrix(), false, {});
        for (std::int64_t i = 0; i < dy.count(); ++i) // 2 · dy / √0.25
            QCOMPARE(dx.floats()[std::size_t(i)], 4 * dy.floats()[std::size_t(i)]);
    }

    void rotary()
    {
        const op::Rotary rotary{6, {1.0F, 0.3F, 0.01F}};
        const Tensor x = randomTensor(14, 12, "x");
        Tensor gradient = randomTensor(14, 12, "dy");
        const Tensor dy = gradient.clone();
        kernel::rotary(gradient.matrix(), rotary, 7, 0, true);
        const auto expected =
            differences([&](const Values64& at) { return scalar::rotary(at, 12, rotary, 7); },
                        wide(x.floats()), dy.floats());
        QVERIFY(matches(std::as_const(gradient).floats(), expected));
    }

    void attention_data()
    {
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("kvHeads");
        QTest::addColumn<int>("window");
        QTest::addColumn<int>("sequence");
        QTest::addColumn<int>("batch");
        QTest::newRow("one token") << 1 << 1 << 0 << 1 << 1;
        QTest::newRow("own keys") << 3 << 3 << 0 << 9 << 1;
        QTest::newRow("shared keys") << 4 << 2 << 0 << 7 << 1;
        QTest::newRow("all share, two sequences") << 3 << 1 << 0 << 5 << 2;
        QTest::newRow("window") << 2 << 1 << 3 << 10 << 1;
    }
    void attention()
    {
        QFETCH(int, heads);
        QFETCH(int, kvHeads);
        QFETCH(int, window);
        QFETCH(int, sequence);
        QFETCH(int, batch);
        AttentionCase c(heads, kvHeads, window, sequence, batch);
        c.run();
        const Values64 q = wide(c.q.floats());
        const Values64 k = wide(c.k.floats());
        const Values64 v = wide(c.v.floats());
        const auto out = [&](const Values64& a, const Values64& b, const Values64& d) {
            return scalar::attention(a, b, d, c.attention, sequence);
        };
        const auto dy = std::as_const(c.dy).floats();
        QVERIFY(matches(std::as_const(c.dq).floats(),
                        differences([&](const Values64& at) { return out(at, k, v); }, q, dy)));
        QVERIFY(matches(std::as_const(c.dk).floats(),
                        differences([&](const Values64& at) { return out(q, at, v); }, k, dy)));
        QVERIFY(matches(std::as_const(c.dv).floats(),
                        differences([&](const Values64& at) { return out(q, k, at); }, v, dy)));
    }

    /// Beyond one run of queries, where finite differences would take too long: Σ c·y is linear in
    /// v, and shifting all keys of a head by one vector changes nothing.
    void attentionOverSeveralRuns()
    {
        for (const std::int64_t window : {0, 100}) {
            AttentionCase c(2, 1, window, 300, 1);
            c.run();
            const auto y = scalar::attention(wide(c.q.floats()), wide(c.k.floats()),
                                             wide(c.v.floats()), c.attention, 300);
            const auto dot = [](const auto& a, const auto& b) {
                double sum = 0;
                for (std::size_t i = 0; i < a.size(); ++i)
                    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
                return sum;
            };
            QVERIFY(isClose(dot(c.dv.floats(), c.v.floats()), dot(c.dy.floats(), y), 1e-5, 1e-4));
            double largest = 0;
            std::vector<double> columns(4);
            for (std::int64_t r = 0; r < 300; ++r)
                for (std::size_t i = 0; i < 4; ++i) {
                    const double value = static_cast<double>(c.dk.matrix().row(r)[i]);
                    columns[i] += value;
                    largest = std::max(largest, std::fabs(value));
                }
            for (const double sum : columns)
                QVERIFY(std::fabs(sum) < 1e-4 * largest);
        }
    }

    void silu()
    {
        Tensor x = randomTensor(3, 21, "x", 3);
        x.floats()[0] = 0;
        const Tensor dy = randomTensor(3, 21, "dy");
        Tensor dx(x.shape());
        kernel::siluBackward(x.floats(), dy.floats(), dx.floats());
        const auto expected = differences([](const Values64& at) { return scalar::silu(at); },
                                          wide(x.floats()), dy.floats());
        QVERIFY(matches(std::as_const(dx).floats(), expected));
        // Far out the slope is 1 or 0, never a NaN.
        const std::vector<float> far = {200.0F, -200.0F, 88.8F, -88.8F};
        const std::vector<float> ones(4, 1.0F);
        std::vector<float> slopes(4);
        kernel::siluBackward(far, ones, slopes);
        QVERIFY(matches(slopes, {1, 0, 1, 0}));
    }

    void crossEntropy()
    {
        const Tensor logits = randomTensor(4, 13, "logits", 4);
        const std::vector<std::int32_t> targets = {3, 0, 12, 3};
        Tensor gradient = logits.clone();
        std::vector<double> nll(4);
        kernel::crossEntropyBackward(gradient.matrix(), targets, 0.5F, nll);
        const std::vector<float> half(4, 0.5F);
        const auto function = [&](const Values64& at) {
            return scalar::negativeLogLikelihood(at, 13, targets);
        };
        QVERIFY(matches(std::as_const(gradient).floats(),
                        differences(function, wide(logits.floats()), half)));
        QVERIFY(allClose(std::span<const double>(nll),
                         std::span<const double>(function(wide(logits.floats()))), 1e-6, 1e-6));
    }

    void crossEntropyOfLargeLogits()
    {
        // A rounded log Σ exp would be off by half an ulp of 1e5 in every exponent.
        Tensor logits({1, 3});
        logits.floats()[0] = 100000.0F;
        logits.floats()[1] = 100001.0F;
        logits.floats()[2] = -100000.0F;
        std::vector<double> nll(1);
        kernel::crossEntropyBackward(logits.matrix(), std::vector<std::int32_t>{0}, 1, nll);
        const double p = 1 / (1 + std::exp(1.0));
        QVERIFY(matches(std::as_const(logits).floats(), {p - 1, 1 - p, 0}, 1e-7));
    }

    void squaredError()
    {
        const Tensor y = randomTensor(6, 11, "y");
        const Tensor target = randomTensor(6, 11, "target");
        Tensor gradient(y.shape());
        const auto sums =
            kernel::squaredErrorBackward(y.matrix(), target.matrix(), 2.0F / 66, gradient.matrix());
        double error = 0;
        double whole = 0;
        Values64 expected;
        for (std::size_t i = 0; i < 66; ++i) {
            const double t = static_cast<double>(target.floats()[i]);
            const double d = static_cast<double>(y.floats()[i]) - t;
            error += d * d;
            whole += t * t;
            expected.push_back(2 * d / 66);
        }
        QVERIFY(isClose(sums.error, error, 1e-6));
        QVERIFY(isClose(sums.target, whole, 1e-6));
        QVERIFY(matches(std::as_const(gradient).floats(), expected, 1e-7));
    }

    void columnSums()
    {
        const Tensor x = randomTensor(5000, 3, "x");
        std::vector<float> sums = {1, 2, 3};
        kernel::addColumnSums(x.matrix(), sums);
        Values64 expected = {1, 2, 3};
        for (std::int64_t r = 0; r < 5000; ++r)
            for (std::size_t i = 0; i < 3; ++i)
                expected[i] += static_cast<double>(x.matrix().row(r)[i]);
        QVERIFY(matches(sums, expected));
    }

    void leftTransposedProduct()
    {
        // Deeper than one slice, wider than one tile.
        const Tensor a = randomTensor(2100, 3, "a");
        const Tensor b = randomTensor(2100, 600, "b");
        Tensor c = randomTensor(3, 600, "c");
        Values64 expected = wide(c.floats());
        for (std::int64_t k = 0; k < 2100; ++k)
            for (std::size_t i = 0; i < 3; ++i)
                for (std::size_t j = 0; j < 600; ++j)
                    expected[i * 600 + j] += static_cast<double>(a.matrix().row(k)[i]) *
                                             static_cast<double>(b.matrix().row(k)[j]);
        multiplyLeftTransposed(a.matrix(), b.matrix(), c.matrix(), true);
        QVERIFY(matches(std::as_const(c).floats(), expected, 1e-3));
    }

    void wholeModel_data()
    {
        QTest::addColumn<int>("variant");
        QTest::newRow("grouped queries") << 0;
        QTest::newRow("biases") << 1;
        QTest::newRow("sliding window") << 2;
        QTest::newRow("two windows in a batch") << 3;
    }
    /// Every parameter of every block and of the head, and the input, against finite differences of
    /// the scalar oracle.
    void wholeModel()
    {
        QFETCH(int, variant);
        TinyLlama tiny = smallLlama();
        if (variant == 1) {
            tiny.biases = true;
            tiny.type = "qwen2";
        } else if (variant == 2) {
            tiny.window = 3;
            tiny.type = "mistral";
        }
        const std::int64_t batch = variant == 3 ? 2 : 1;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someTokens(12);
        const ModelGradients gradients = gradientsOf(model, tokens, batch);
        QVERIFY(isClose(gradients.loss, oracleLoss(tiny, tokens, batch), 1e-5));

        const auto slope = [&](float& weight) {
            const float middle = weight;
            weight = middle + 0x1p-9F;
            const double above = oracleLoss(tiny, tokens, batch);
            const auto from = static_cast<double>(weight);
            weight = middle - 0x1p-9F;
            const double below = oracleLoss(tiny, tokens, batch);
            const double step = from - static_cast<double>(weight);
            weight = middle;
            return (above - below) / step;
        };
        std::size_t checked = 0;
        for (auto& [name, values] : tiny.weights) {
            if (name == "model.embed_tokens.weight")
                continue;
            QVERIFY2(gradients.parameters.contains(name), name.c_str());
            const auto& actual = gradients.parameters.at(name);
            QCOMPARE(actual.size(), values.size());
            RandomStream random(1, name, "places");
            for (int i = 0; i < 12; ++i, ++checked) {
                const auto at = static_cast<std::size_t>(random.below(values.size()));
                // Truncation: the third derivative times 2⁻¹⁸/6.
                QVERIFY2(isClose(static_cast<double>(actual[at]), slope(values[at]), 2e-3, 2e-5),
                         name.c_str());
            }
        }
        QVERIFY(checked > 200);
        // The first block's input: the sum over the places where a token stands.
        auto& embedding = tiny.weights.at("model.embed_tokens.weight");
        for (std::size_t i = 0; i < 16; ++i) {
            double sum = 0;
            for (std::size_t t = 0; t < tokens.size(); ++t)
                if (tokens[t] == tokens[0])
                    sum += static_cast<double>(gradients.input.floats()[t * 16 + i]);
            QVERIFY(isClose(sum, slope(embedding[static_cast<std::size_t>(tokens[0]) * 16 + i]),
                            2e-3, 2e-5));
        }
    }

    void onlyWhatIsWantedIsComputed()
    {
        TinyLlama tiny = smallLlama();
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const Weights weights(model, 1 << 28);
        const NodeRange range = blockRange(*model, 1);
        const int down = model->findLayer("model.layers.1.mlp.down_proj")->node;
        GradientPass pass(*model, weights, range, {down}, false);
        const Tensor input = randomTensor(6, 16, "input");
        Tensor shaped = input.clone();
        shaped.reshape({1, 6, 16});
        const Tensor y = pass.forward(shaped.clone(), Monitor());
        Tensor expected = shaped.clone();
        Executor(*model, weights).runBlock(1, expected, Monitor());
        QVERIFY(std::ranges::equal(y.floats(), expected.floats()));
        int calls = 0;
        GradientSink sink;
        sink.linear = [&](int node, ConstMatrixView x, ConstMatrixView delta) {
            ++calls;
            QCOMPARE(node, down);
            QCOMPARE(x.cols, std::int64_t(20));
            // The last product's output gradient is the block's own.
            QVERIFY(std::ranges::equal(delta.row(3), y.matrix().row(3)));
        };
        sink.norm = [&](int, const std::string&, std::span<const float>) { ++calls; };
        const Tensor none = pass.backward(y.clone(), sink, Monitor());
        QVERIFY(none.empty());
        QCOMPARE(calls, 1);
    }

    void sameBitsForAnyNumberOfThreads()
    {
        TinyLlama tiny;
        tiny.hidden = 64;
        tiny.intermediate = 96;
        tiny.context = 512;
        tiny.biases = true;
        tiny.type = "qwen2";
        tiny.tied = false;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someTokens(600);
        std::optional<ModelGradients> first;
        for (const int threads : {1, 2, 5}) {
            const ThreadLimit limit(threads);
            ModelGradients gradients = gradientsOf(model, tokens, 2);
            if (!first) {
                first = std::move(gradients);
                continue;
            }
            QVERIFY(first->parameters == gradients.parameters);
            QVERIFY(std::ranges::equal(first->input.floats(), gradients.input.floats()));
        }
    }

    void stopsAtAnyCheckpoint()
    {
        TinyLlama tiny = smallLlama();
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const Weights weights(model, 1 << 28);
        const NodeRange range = blockRange(*model, 0);
        bool finished = false;
        int stops = 0;
        for (int k = 0; !finished && k < 1000; ++k) {
            const StopAt monitor(k);
            GradientPass pass(*model, weights, range, {}, true);
            try {
                Tensor y = pass.forward(Tensor::zeros(DType::F32, {1, 6, 16}), monitor);
                (void)pass.backward(std::move(y), {}, monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(finished);
        QVERIFY(stops > range.count);
    }

    void weightsOverOthersLeaveThemAlone()
    {
        TinyLlama tiny = smallLlama();
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        Weights below(model, 1 << 28);
        below.replace("model.norm.weight",
                      std::make_shared<const Tensor>(randomTensor(1, 16, "n")));
        Weights above = Weights::over(below);
        QCOMPARE(above.get("model.norm.weight"), below.get("model.norm.weight"));
        const std::string other = "model.layers.0.input_layernorm.weight";
        const auto original = below.get(other);
        above.replace(other, std::make_shared<const Tensor>(randomTensor(1, 16, "m")));
        QVERIFY(above.get(other) != original);
        QCOMPARE(below.get(other), original);
        above.restore(other);
        QCOMPARE(above.get(other), original);
    }
};

QTEST_APPLESS_MAIN(TestGradient)
#include "tst_gradient.moc"
