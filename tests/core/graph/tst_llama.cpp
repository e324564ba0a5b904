// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/graph/executor.h"
#include "tests/support/npy.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <algorithm>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<Token> someTokens(int count, int vocabulary)
{
    RandomStream random(3, "tokens", "llama");
    std::vector<Token> tokens;
    for (int i = 0; i < count; ++i)
        tokens.push_back(static_cast<Token>(random.below(static_cast<std::uint64_t>(vocabulary))));
    return tokens;
}

std::vector<float> run(const std::shared_ptr<const Model>& model, const std::vector<Token>& tokens,
                       std::int64_t batch = 1)
{
    const Weights weights(model, 1 << 28);
    const Tensor logits = Executor(*model, weights).logits(tokens, batch, Monitor());
    return {logits.floats().begin(), logits.floats().end()};
}

} // namespace

class TestLlama : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithScalarOracle_data()
    {
        QTest::addColumn<int>("variant");
        QTest::newRow("tied, grouped queries") << 0;
        QTest::newRow("untied head") << 1;
        QTest::newRow("biases (qwen2)") << 2;
        QTest::newRow("sliding window (mistral)") << 3;
        QTest::newRow("linear rotary scaling") << 4;
        QTest::newRow("llama3 rotary scaling") << 5;
        QTest::newRow("float16 weights") << 6;
        QTest::newRow("bfloat16 weights, one head per key") << 7;
        QTest::newRow("window from a block on (qwen2)") << 8;
        QTest::newRow("windows by list") << 9;
        QTest::newRow("qwen2 whose window is switched off") << 10;
        QTest::newRow("yarn") << 11;
        QTest::newRow("yarn over the whole head") << 12;
        QTest::newRow("heads wider than the hidden size") << 13;
    }
    void agreesWithScalarOracle()
    {
        QFETCH(int, variant);
        TinyLlama tiny;
        switch (variant) {
        case 1:
            tiny.tied = false;
            break;
        case 2:
            tiny.biases = true;
            tiny.type = "qwen2";
            break;
        case 3:
            tiny.window = 5;
            tiny.type = "mistral";
            break;
        case 4:
            tiny.ropeScaling = {{"rope_type", "linear"}, {"factor", 4.0}};
            break;
        case 5:
            tiny.ropeScaling = {{"rope_type", "llama3"},
                                {"factor", 8.0},
                                {"low_freq_factor", 1.0},
                                {"high_freq_factor", 4.0},
                                {"original_max_position_embeddings", 32}};
            break;
        case 6:
            tiny.dtype = DType::F16;
            break;
        case 7:
            tiny.dtype = DType::BF16;
            tiny.kvHeads = 4;
            break;
        case 8:
        case 9:
        case 10:
            tiny.window = 5;
            tiny.firstWindow = variant == 10 ? 2 : 1;
            tiny.type = "qwen2";
            break;
        case 11:
        case 12:
            tiny.ropeScaling = {
                {"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}};
            if (variant == 12) {
                tiny.ropeScaling["beta_fast"] = 8.0;
                tiny.ropeScaling["attention_factor"] = 1.25;
                tiny.ropeScaling["truncate"] = false;
                tiny.ownHeadDim = 16;
            }
            break;
        case 13:
            tiny.ownHeadDim = 10;
            break;
        default:
            break;
        }
        const TemporaryFolder folder;
        tiny.write(folder.path());
        if (tiny.type == "qwen2" && tiny.window > 0) {
            auto config = tiny.config();
            config["use_sliding_window"] = variant != 10;
            if (variant == 8)
                config["max_window_layers"] = 1;
            else if (variant == 9)
                config["layer_types"] = {"full_attention", "sliding_attention"};
            TinyLlama::writeConfig(folder.path(), config);
        }
        const auto model = openModel(folder.path());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->blocks.size(), std::size_t(2));
        const auto tokens = someTokens(23, tiny.vocabulary);
        const auto expected = flat(tiny.logits({tokens.begin(), tokens.end()}));
        const auto actual = run(model, tokens);
        QVERIFY(
            allClose(std::span<const float>(actual), std::span<const float>(expected), 1e-4, 1e-4));
    }

    void windowsOfABatchDoNotMix()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someTokens(36, tiny.vocabulary);
        const auto together = run(model, tokens, 3);
        std::vector<float> apart;
        for (int w = 0; w < 3; ++w) {
            const auto part = run(model, {tokens.begin() + w * 12, tokens.begin() + (w + 1) * 12});
            apart.insert(apart.end(), part.begin(), part.end());
        }
        QVERIFY(
            allClose(std::span<const float>(together), std::span<const float>(apart), 1e-5, 1e-5));
    }

    void cacheContinuesLikeTheWhole()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someTokens(17, tiny.vocabulary);
        const auto whole = run(model, tokens);
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
        QVERIFY(
            allClose(std::span<const float>(pieces), std::span<const float>(whole), 1e-4, 1e-5));
    }

    void threadsDoNotChangeBits()
    {
        TinyLlama tiny;
        tiny.hidden = 64;
        tiny.intermediate = 300;
        tiny.vocabulary = 700;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someTokens(600, tiny.vocabulary);
        std::vector<float> results[2];
        for (int threads = 1; threads <= 2; ++threads) {
            const ThreadLimit limit(threads);
            results[threads - 1] = run(model, tokens, 10);
        }
        QVERIFY(results[0] == results[1]);
    }

    void weightsBeyondTheBudgetAreReadAnew()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto tokens = someTokens(9, tiny.vocabulary);
        const Weights small(model, 1);
        const Tensor logits = Executor(*model, small).logits(tokens, 1, Monitor());
        const auto expected = run(model, tokens);
        QVERIFY(std::equal(expected.begin(), expected.end(), logits.floats().begin()));
    }

    void cancelsAtEveryEarlyCheckpoint()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const Weights weights(model, 1 << 28);
        const auto tokens = someTokens(9, tiny.vocabulary);
        for (int k = 0; k < 30; ++k) {
            const StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)Executor(*model, weights).logits(tokens, 1, stop),
                                     Cancelled);
        }
    }

    void saysWhyAModelCannotRun_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("expected");
        QTest::newRow("unknown type") << "model_type"
                                      << "\"mamba\""
                                      << "mamba";
        QTest::newRow("missing size") << "hidden_size"
                                      << "null"
                                      << "hidden_size";
        QTest::newRow("negative size") << "hidden_size"
                                       << "-4"
                                       << "hidden_size";
        QTest::newRow("absurd blocks") << "num_hidden_layers"
                                       << "99999"
                                       << "model.layers.2";
        QTest::newRow("text for number") << "num_attention_heads"
                                         << "\"four\""
                                         << "num_attention_heads";
        QTest::newRow("wrong shape") << "intermediate_size"
                                     << "41"
                                     << "gate_proj";
        QTest::newRow("uneven sharing") << "num_key_value_heads"
                                        << "3"
                                        << "evenly";
        QTest::newRow("activation") << "hidden_act"
                                    << "\"gelu\""
                                    << "gelu";
        QTest::newRow("odd head") << "head_dim"
                                  << "7"
                                  << "odd";
        QTest::newRow("rotary scaling") << "rope_scaling"
                                        << "{\"rope_type\": \"dynamic\", \"factor\": 2}"
                                        << "dynamic";
        QTest::newRow("yarn") << "rope_scaling"
                              << "{\"rope_type\": \"yarn\", \"factor\": 2, \"beta_slow\": 64}"
                              << "yarn";
        QTest::newRow("list of windows") << "layer_types"
                                         << "[\"full_attention\"]"
                                         << "layer_types";
        QTest::newRow("no head") << "tie_word_embeddings"
                                 << "false"
                                 << "lm_head";
        QTest::newRow("theta") << "rope_theta"
                               << "0"
                               << "rope_theta";
    }
    void saysWhyAModelCannotRun()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, expected);
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        auto config = tiny.config();
        if (key == "layer_types")
            config["model_type"] = "mistral";
        config[key.toStdString()] = nlohmann::json::parse(value.toStdString());
        TinyLlama::writeConfig(folder.path(), config);
        const auto model = openModel(folder.path());
        QVERIFY(!model->canRun());
        QVERIFY2(QString::fromStdString(model->whyNotRunnable).contains(expected),
                 model->whyNotRunnable.c_str());
        QVERIFY(!model->layers.empty()); // still open for the data-free methods
        const Weights weights(model, 1 << 20);
        QVERIFY_EXCEPTION_THROWN(Executor(*model, weights), Error);
    }

    void nanWeightsAreNamed()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        Weights weights(model, 1 << 28);
        QVERIFY(weights.get("model.norm.weight"));
        // The same file with one NaN.
        std::filesystem::create_directories(folder / "bad");
        TinyLlama::writeConfig(folder / "bad", tiny.config());
        std::vector<TensorToWrite> tensors;
        for (const auto& [name, values] : tiny.weights) {
            auto damaged = values;
            if (name == "model.layers.1.mlp.up_proj.weight")
                damaged[3] = std::nanf("");
            TensorToWrite tensor;
            tensor.name = name;
            tensor.shape = tiny.shapes.at(name);
            tensor.produce = [damaged, shape = tensor.shape] {
                return fromFloat(damaged, DType::F32, shape);
            };
            tensors.push_back(std::move(tensor));
        }
        Monitor monitor;
        writeSafetensors(folder / "bad" / "model.safetensors", std::move(tensors), {}, monitor);
        const auto bad = openModel(folder / "bad");
        try {
            (void)run(bad, {1, 2, 3});
            QFAIL("NaN weights ran");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains("model.layers.1.mlp.up_proj.weight"),
                     error.what());
        }
    }

    void tokensOutsideTheVocabularyAreRefused()
    {
        TinyLlama tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        QVERIFY_EXCEPTION_THROWN((void)run(model, {1, 50}), Error);
        QVERIFY_EXCEPTION_THROWN((void)run(model, {-1}), Error);
    }

    void goldenLogitsOfStories260K()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: no real model to compare with");
        const auto folder = *data / "lm-stories260K";
        const auto ids = readNpy<std::int32_t>(folder / "golden_ids.npy");
        const auto golden = readNpy<float>(folder / "golden_logits.npy");
        const std::vector<Token> tokens(ids.values.begin(), ids.values.end());
        for (const auto& path : {folder, folder / "stories260K.bin"}) {
            const auto model = openModel(path);
            QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
            const auto logits = run(model, tokens);
            QVERIFY(allClose(std::span<const float>(logits), std::span<const float>(golden.values),
                             1e-4, 1e-4));
        }
    }
};

QTEST_APPLESS_MAIN(TestLlama)
#include "tst_llama.moc"
