// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "tests/support/graph_runs.h"
#include "tests/support/support.h"
#include "tests/support/tiny_bert.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Texts
{
    std::vector<std::vector<int>> ids;
    std::vector<std::vector<int>> mask;
    std::vector<std::vector<int>> types;
};

/// Two sequences; the second ends in padding.
Texts texts(const TinyBert& tiny)
{
    Texts result;
    for (int b = 0; b < 2; ++b) {
        auto ids = someInts(11, tiny.vocabulary - 2, concat("ids", b));
        for (int& id : ids)
            id += 2; // no padding by chance
        std::vector<int> mask(11, 1);
        std::vector<int> types(11, 0);
        for (std::size_t i = 0; i < 11; ++i) {
            types[i] = i > 5 ? 1 : 0;
            if (b == 1 && i > 6) {
                mask[i] = 0;
                ids[i] = tiny.padding;
            }
        }
        result.ids.push_back(ids);
        result.mask.push_back(mask);
        result.types.push_back(types);
    }
    return result;
}

std::vector<Tensor> inputsOf(const Model& model, const Texts& texts)
{
    std::vector<Tensor> inputs;
    for (const GraphPort& port : model.graph.inputs)
        inputs.push_back(integerRows(port.name == "input_ids"        ? texts.ids
                                     : port.name == "attention_mask" ? texts.mask
                                                                     : texts.types));
    return inputs;
}

std::vector<Tensor> run(const std::shared_ptr<const Model>& model, const Texts& texts,
                        const Monitor& monitor = Monitor())
{
    const Weights weights(model, 1 << 28);
    return Executor(*model, weights).run(inputsOf(*model, texts), monitor);
}

} // namespace

class TestBert : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithScalarOracle_data()
    {
        QTest::addColumn<QString>("type");
        QTest::addColumn<QString>("architecture");
        QTest::addColumn<QString>("prefix");
        QTest::addColumn<bool>("oldNorms");
        const auto row = [](const char* name, const char* type, const char* architecture,
                            const char* prefix, bool old) {
            QTest::newRow(name) << QString(type) << QString(architecture) << QString(prefix) << old;
        };
        row("bert", "bert", "BertModel", "", false);
        row("bert, prefix", "bert", "BertModel", "bert.", false);
        row("bert, old names of norms", "bert", "BertForMaskedLM", "bert.", true);
        row("bert, classes", "bert", "BertForSequenceClassification", "bert.", false);
        row("bert, classes of tokens", "bert", "BertForTokenClassification", "bert.", false);
        row("bert, masked words", "bert", "BertForMaskedLM", "bert.", false);
        row("bert, answers", "bert", "BertForQuestionAnswering", "bert.", false);
        row("roberta", "roberta", "RobertaModel", "", false);
        row("roberta, classes", "roberta", "RobertaForSequenceClassification", "roberta.", false);
        row("roberta, masked words", "roberta", "RobertaForMaskedLM", "roberta.", false);
        row("roberta, answers", "roberta", "RobertaForQuestionAnswering", "roberta.", false);
        row("distilbert", "distilbert", "DistilBertModel", "", false);
        row("distilbert, answers", "distilbert", "DistilBertForQuestionAnswering", "distilbert.",
            false);
        row("distilbert, classes", "distilbert", "DistilBertForSequenceClassification",
            "distilbert.", false);
        row("distilbert, masked words", "distilbert", "DistilBertForMaskedLM", "distilbert.",
            false);
    }
    void agreesWithScalarOracle()
    {
        QFETCH(QString, type);
        QFETCH(QString, architecture);
        QFETCH(QString, prefix);
        QFETCH(bool, oldNorms);
        TinyBert tiny;
        tiny.type = type.toStdString();
        tiny.architecture = architecture.toStdString();
        tiny.prefix = prefix.toStdString();
        tiny.oldNorms = oldNorms;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->architecture, tiny.type);
        QCOMPARE(model->graph.inputs.size(), std::size_t(tiny.type == "bert" ? 3 : 2));
        QCOMPARE(model->blocks.size(), std::size_t(2));
        QCOMPARE(model->blocks[1].sides.size(), std::size_t(1)); // the mask
        const bool classes = architecture.contains("SequenceClassification");
        QVERIFY(model->task == (classes ? ModelTask::Classification : ModelTask::Other));
        if (classes)
            QCOMPARE(model->labels, (std::vector<std::string>{"no", "maybe", "yes"}));
        const Texts in = texts(tiny);
        const auto outputs = run(model, in);
        TinyModel::Rows expected;
        TinyModel::Rows pooled;
        for (std::size_t b = 0; b < 2; ++b) {
            for (auto& row : tiny.output(in.ids[b], in.mask[b], in.types[b]))
                expected.push_back(row);
            if (tiny.weights.count("pooler.dense.weight") > 0)
                pooled.push_back(tiny.pooled(tiny.encoded(in.ids[b], in.mask[b], in.types[b]))[0]);
        }
        const auto flat = flatRows(expected);
        QVERIFY(allClose(outputs[0].floats(), std::span<const float>(flat), 1e-4, 1e-4));
        const bool two = architecture == "BertModel";
        QCOMPARE(outputs.size(), std::size_t(two ? 2 : 1));
        if (tiny.answers()) {
            QCOMPARE(outputs[0].shape().back(), std::int64_t(2));
            QVERIFY(model->findLayer("qa_outputs"));
        }
        const auto flatPooled = flatRows(pooled);
        if (two)
            QVERIFY(allClose(outputs[1].floats(), std::span<const float>(flatPooled), 1e-4, 1e-4));
    }

    void activationsAreReadFromTheConfiguration()
    {
        for (const char* name : {"relu", "gelu_new", "quick_gelu"}) {
            TinyBert tiny;
            tiny.activation = name;
            const TemporaryFolder folder;
            tiny.write(folder.path());
            const auto model = openModel(folder.path());
            const Texts in = texts(tiny);
            TinyModel::Rows expected;
            for (std::size_t b = 0; b < 2; ++b)
                expected.push_back(tiny.output(in.ids[b], in.mask[b], in.types[b])[0]);
            const auto flat = flatRows(expected);
            const auto outputs = run(model, in);
            QVERIFY(allClose(outputs[0].floats(), std::span<const float>(flat), 1e-4, 1e-4));
        }
    }

    /// What padding holds changes nothing.
    void paddingIsNotSeen()
    {
        TinyBert tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        Texts in = texts(tiny);
        const auto before = run(model, in);
        in.ids[1][9] = 17;
        const auto after = run(model, in);
        QVERIFY(std::equal(before[0].floats().begin(), before[0].floats().end(),
                           after[0].floats().begin()));
        in.ids[1][3] = in.ids[1][3] == 17 ? 18 : 17;
        const auto moved = run(model, in);
        QVERIFY(!std::equal(before[0].floats().begin(), before[0].floats().end(),
                            moved[0].floats().begin()));
    }

    void gradientsOfABlockAgreeWithFiniteDifferences()
    {
        TinyBert tiny;
        tiny.hidden = 12;
        tiny.intermediate = 16;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const std::vector<int> mask{1, 1, 1, 1, 0};
        Tensor additive = Tensor::zeros(DType::F32, {1, 1, 1, 5});
        additive.floats()[4] = std::numeric_limits<float>::lowest();
        Values sides;
        sides.emplace(model->blocks[1].sides.at(0), std::move(additive));
        const auto input = randomRows(5, tiny.hidden, "input");
        const auto c = randomRows(5, tiny.hidden, "c");
        const BlockGradients actual = blockGradients(model, 1, input, sides, c);
        const auto expected = inputDifferences(
            [&](const TinyModel::Rows& x) { return tiny.block(x, 1, mask); }, input, c);
        QVERIFY(allClose(std::span<const float>(actual.input), std::span<const double>(expected),
                         1e-3, 1e-4));
        QCOMPARE(actual.weights.size(), std::size_t(6));
    }

    void threadsDoNotChangeBits()
    {
        TinyBert tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const Texts in = texts(tiny);
        std::vector<float> results[2];
        for (int threads = 1; threads <= 2; ++threads) {
            const ThreadLimit limit(threads);
            const auto output = run(model, in);
            results[threads - 1].assign(output[0].floats().begin(), output[0].floats().end());
        }
        QVERIFY(results[0] == results[1]);
    }

    void cancelsAtEveryEarlyCheckpoint()
    {
        TinyBert tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        for (int k = 0; k < 30; ++k) {
            const StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN((void)run(model, texts(tiny), stop), Cancelled);
        }
    }

    void tooLongIsAnErrorThatNamesTheTable()
    {
        TinyBert tiny;
        tiny.positions = 10;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        try {
            (void)run(model, texts(tiny));
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains("position_embeddings"), error.what());
        }
    }

    void saysWhyAModelCannotRun_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("expected");
        const auto row = [](const char* key, const char* value, const char* expected) {
            QTest::newRow(key) << QString(key) << QString(value) << QString(expected);
        };
        row("hidden_size", "23", "divisible");
        row("intermediate_size", "41", "intermediate.dense");
        row("type_vocab_size", "3", "token_type_embeddings");
        row("vocab_size", "-1", "vocab_size");
        row("position_embedding_type", "\"relative_key\"", "relative_key");
        row("is_decoder", "true", "decoder");
        row("architectures", "[\"BertForMultipleChoice\"]", "BertForMultipleChoice");
        row("hidden_act", "\"sine\"", "sine");
        row("num_hidden_layers", "99999", "layer.2");
    }
    void saysWhyAModelCannotRun()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, expected);
        TinyBert tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        auto config = tiny.config();
        config[key.toStdString()] = nlohmann::json::parse(value.toStdString());
        TinyModel::writeJson(folder / "config.json", config);
        const auto model = openModel(folder.path());
        QVERIFY(!model->canRun());
        QVERIFY2(QString::fromStdString(model->whyNotRunnable).contains(expected),
                 model->whyNotRunnable.c_str());
    }
};

QTEST_APPLESS_MAIN(TestBert)
#include "tst_bert.moc"
