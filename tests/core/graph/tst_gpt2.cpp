// SPDX-License-Identifier: GPL-3.0-or-later
// Language models with learned positions: GPT-2 and OPT.
#include "core/base/parallel.h"
#include "tests/support/graph_runs.h"
#include "tests/support/support.h"
#include "tests/support/tiny_gpt2.h"
#include "tests/support/tiny_opt.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<float> run(const std::shared_ptr<const Model>& model, const std::vector<int>& tokens,
                       std::int64_t batch = 1)
{
    const Weights weights(model, 1 << 28);
    const std::vector<Token> ids(tokens.begin(), tokens.end());
    const Tensor logits = Executor(*model, weights).logits(ids, batch, Monitor());
    return {logits.floats().begin(), logits.floats().end()};
}

bool agrees(const std::vector<float>& actual, const TinyModel::Rows& expected)
{
    const auto flat = flatRows(expected);
    return allClose(std::span<const float>(actual), std::span<const float>(flat), 1e-4, 1e-4);
}

} // namespace

class TestGpt2 : public QObject
{
    Q_OBJECT

private slots:
    void gpt2AgreesWithScalarOracle_data()
    {
        QTest::addColumn<int>("variant");
        QTest::newRow("tied") << 0;
        QTest::newRow("untied head") << 1;
        QTest::newRow("no prefix") << 2;
        QTest::newRow("scaled by depth") << 3;
        QTest::newRow("not scaled") << 4;
    }
    void gpt2AgreesWithScalarOracle()
    {
        QFETCH(int, variant);
        TinyGpt2 tiny;
        tiny.tied = variant != 1;
        tiny.prefix = variant == 2 ? "" : "transformer.";
        tiny.scalesByDepth = variant == 3;
        tiny.scales = variant != 4;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->architecture, std::string("gpt2"));
        QVERIFY(model->task == ModelTask::Language);
        QCOMPARE(model->vocabularySize, std::int64_t(50));
        QCOMPARE(model->hiddenSize, std::int64_t(24));
        QCOMPARE(model->maximumContext, std::int64_t(64));
        QCOMPARE(model->blocks.size(), std::size_t(2));
        QVERIFY(model->blocks[0].sides.empty());
        const Layer* fused = model->findLayer(tiny.prefix + "h.1.attn.c_attn");
        QVERIFY(fused);
        QCOMPARE(fused->rows, std::int64_t(72));
        QCOMPARE(fused->cols, std::int64_t(24));
        QVERIFY(!fused->layout.isPlain());
        const auto tokens = someInts(23, tiny.vocabulary, "tokens");
        QVERIFY(agrees(run(model, tokens), tiny.logits(tokens)));
    }

    void optAgreesWithScalarOracle_data()
    {
        QTest::addColumn<int>("variant");
        QTest::newRow("norms first") << 0;
        QTest::newRow("norms last") << 1;
        QTest::newRow("narrow embedding") << 2;
        QTest::newRow("narrow embedding, norms last") << 3;
        QTest::newRow("no biases") << 4;
        QTest::newRow("prefix of a bare decoder") << 5;
        QTest::newRow("no prefix") << 6;
    }
    void optAgreesWithScalarOracle()
    {
        QFETCH(int, variant);
        TinyOpt tiny;
        tiny.normalizesFirst = variant != 1 && variant != 3;
        tiny.embedded = variant == 2 || variant == 3 ? 10 : 24;
        tiny.biases = variant != 4;
        tiny.prefix = variant == 5 ? "decoder." : variant == 6 ? "" : "model.decoder.";
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QVERIFY(model->task == ModelTask::Language);
        QCOMPARE(model->maximumContext, std::int64_t(64));
        const auto tokens = someInts(23, tiny.vocabulary, "tokens");
        QVERIFY(agrees(run(model, tokens), tiny.logits(tokens)));
    }

    void windowsOfABatchDoNotMix()
    {
        TinyGpt2 tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someInts(36, tiny.vocabulary, "tokens");
        std::vector<float> apart;
        for (int w = 0; w < 3; ++w) {
            const auto part = run(model, {tokens.begin() + w * 12, tokens.begin() + (w + 1) * 12});
            apart.insert(apart.end(), part.begin(), part.end());
        }
        const auto together = run(model, tokens, 3);
        QVERIFY(
            allClose(std::span<const float>(together), std::span<const float>(apart), 1e-5, 1e-5));
    }

    void cacheContinuesAtItsPosition_data()
    {
        QTest::addColumn<bool>("opt");
        QTest::newRow("gpt2") << false;
        QTest::newRow("opt") << true;
    }
    void cacheContinuesAtItsPosition()
    {
        QFETCH(bool, opt);
        const TemporaryFolder folder;
        if (opt)
            TinyOpt().write(folder.path());
        else
            TinyGpt2().write(folder.path());
        const auto model = openModel(folder.path());
        const auto ints = someInts(17, 50, "tokens");
        const std::vector<Token> tokens(ints.begin(), ints.end());
        const Weights weights(model, 1 << 28);
        const Executor executor(*model, weights);
        KeyValueCache cache;
        std::vector<float> pieces;
        for (const auto& [begin, end] : {std::pair(0, 9), std::pair(9, 10), std::pair(10, 17)}) {
            const Tensor logits =
                executor.logits(std::span(tokens).subspan(static_cast<std::size_t>(begin),
                                                          static_cast<std::size_t>(end - begin)),
                                1, Monitor(), &cache);
            pieces.insert(pieces.end(), logits.floats().begin(), logits.floats().end());
        }
        const auto whole = run(model, ints);
        QVERIFY(
            allClose(std::span<const float>(pieces), std::span<const float>(whole), 1e-4, 1e-5));
    }

    void longerThanThePositionsIsAnError()
    {
        TinyGpt2 tiny;
        tiny.positions = 16;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        (void)run(model, someInts(16, 50, "tokens"));
        try {
            (void)run(model, someInts(17, 50, "tokens"));
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains("17 tokens"), error.what());
        }
    }

    void threadsDoNotChangeBits()
    {
        TinyGpt2 tiny;
        tiny.hidden = 64;
        tiny.inner = 300;
        tiny.vocabulary = 700;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someInts(600, tiny.vocabulary, "tokens");
        std::vector<float> results[2];
        for (int threads = 1; threads <= 2; ++threads) {
            const ThreadLimit limit(threads);
            results[threads - 1] = run(model, tokens, 10);
        }
        QVERIFY(results[0] == results[1]);
    }

    /// Through norms, the fused layer and its split, attention and the activation.
    void gradientsOfABlockAgreeWithFiniteDifferences()
    {
        TinyGpt2 tiny;
        tiny.hidden = 12;
        tiny.inner = 16;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto input = randomRows(5, tiny.hidden, "input");
        const auto c = randomRows(5, tiny.hidden, "c");
        const BlockGradients actual = blockGradients(model, 1, input, {}, c);
        const auto expected =
            inputDifferences([&](const TinyModel::Rows& x) { return tiny.block(x, 1); }, input, c);
        QVERIFY(allClose(std::span<const float>(actual.input), std::span<const double>(expected),
                         1e-3, 1e-4));
        for (const char* name : {"attn.c_attn", "mlp.c_proj"}) {
            const auto& gradient = actual.weights.at(concat("transformer.h.1.", name));
            auto& stored = tiny.weights.at(concat("h.1.", name, ".weight"));
            const auto in =
                static_cast<std::size_t>(tiny.shapes.at(concat("h.1.", name, ".weight"))[0]);
            const std::size_t out = stored.size() / in;
            for (std::size_t i = 0; i < stored.size(); i += 37) {
                const float old = stored[i];
                constexpr float step = 1e-2F; // exact enough: the loss is smooth and in double
                stored[i] = old + step;
                const double moved = static_cast<double>(stored[i]);
                const double above = innerProduct(tiny.block(input, 1), c);
                stored[i] = old - step;
                const double width = moved - static_cast<double>(stored[i]);
                const double difference = (above - innerProduct(tiny.block(input, 1), c)) / width;
                stored[i] = old;
                QVERIFY(isClose(gradient[i % out * in + i / out], difference, 5e-3, 2e-3));
            }
        }
    }

    void cancelsAtEveryEarlyCheckpoint()
    {
        TinyGpt2 tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const Weights weights(model, 1 << 28);
        const std::vector<Token> tokens{1, 2, 3};
        for (int k = 0; k < 20; ++k) {
            const StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)Executor(*model, weights).logits(tokens, 1, stop),
                                     Cancelled);
        }
    }

    void saysWhyAModelCannotRun_data()
    {
        QTest::addColumn<bool>("opt");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("expected");
        const auto row = [](const char* name, bool opt, const char* key, const char* value,
                            const char* expected) {
            QTest::newRow(name) << opt << QString(key) << QString(value) << QString(expected);
        };
        row("gpt2 without size", false, "n_embd", "null", "n_embd");
        row("gpt2 heads", false, "n_head", "5", "divisible");
        row("gpt2 inner", false, "n_inner", "41", "c_fc");
        row("gpt2 positions", false, "n_positions", "63", "wpe");
        row("gpt2 activation", false, "activation_function", "\"sine\"", "sine");
        row("gpt2 absurd blocks", false, "n_layer", "9999", "h.2");
        row("gpt2 classes", false, "architectures", "[\"GPT2ForSequenceClassification\"]",
            "GPT2ForSequenceClassification");
        row("gpt2 untied without head", false, "tie_word_embeddings", "false", "lm_head");
        row("opt positions", true, "max_position_embeddings", "66", "embed_positions");
        row("opt projection", true, "word_embed_proj_dim", "8", "embed_tokens");
        row("opt plain norms", true, "layer_norm_elementwise_affine", "false", "norms");
        row("opt heads", true, "num_attention_heads", "0", "num_attention_heads");
    }
    void saysWhyAModelCannotRun()
    {
        QFETCH(bool, opt);
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, expected);
        const TemporaryFolder folder;
        nlohmann::json config;
        if (opt) {
            TinyOpt tiny;
            tiny.write(folder.path());
            config = tiny.config();
        } else {
            TinyGpt2 tiny;
            tiny.write(folder.path());
            config = tiny.config();
        }
        config[key.toStdString()] = nlohmann::json::parse(value.toStdString());
        TinyModel::writeJson(folder / "config.json", config);
        const auto model = openModel(folder.path());
        QVERIFY(!model->canRun());
        QVERIFY2(QString::fromStdString(model->whyNotRunnable).contains(expected),
                 model->whyNotRunnable.c_str());
        QVERIFY(!model->layers.empty());
    }
};

QTEST_APPLESS_MAIN(TestGpt2)
#include "tst_gpt2.moc"
