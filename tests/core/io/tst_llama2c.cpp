// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/llama2c.h"
#include "tests/support/support.h"

#include <QTest>

#include <array>
#include <cstring>
#include <functional>
#include <map>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Counts
{
    std::int32_t dim = 12, hidden = 8, layers = 2, heads = 3, kvHeads = 1, vocabulary = 10,
                 sequence = 4;
    bool shared = true;
    std::int32_t group = 4;
};

void append(std::string& out, const void* data, std::size_t size)
{
    out.append(static_cast<const char*>(data), size);
}
void append(std::string& out, std::int32_t value)
{
    append(out, &value, 4);
}

/// Writes checkpoints as the original's export does, with values that tell where they belong.
class Writer
{
public:
    Writer(const Counts& counts, int version)
        : m_counts(counts)
        , m_version(version)
    {
        const std::array<std::int32_t, 7> seven{
            counts.dim,     counts.hidden,
            counts.layers,  counts.heads,
            counts.kvHeads, version == 0 && !counts.shared ? -counts.vocabulary : counts.vocabulary,
            counts.sequence};
        if (version > 0) {
            append(bytes, 0x616B3432);
            append(bytes, version);
        }
        for (const std::int32_t count : seven)
            append(bytes, count);
        if (version > 0) {
            bytes += counts.shared ? '\1' : '\0';
            if (version == 2)
                append(bytes, counts.group);
            bytes.resize(256);
        }
        const int kv = counts.dim / counts.heads * counts.kvHeads;
        const auto norms = [&](const char* kind) {
            for (int layer = 0; layer < counts.layers; ++layer)
                vector(kind + std::to_string(layer), counts.dim);
        };
        const auto matrices = [&](const char* kind, int rows, int cols) {
            for (int layer = 0; layer < counts.layers; ++layer)
                matrix(kind + std::to_string(layer), rows, cols);
        };
        const auto attention = [&] {
            matrices("q", counts.dim, counts.dim);
            matrices("k", kv, counts.dim);
            matrices("v", kv, counts.dim);
            matrices("o", counts.dim, counts.dim);
        };
        const auto feedForward = [&] {
            matrices("w1", counts.hidden, counts.dim);
            matrices("w2", counts.dim, counts.hidden);
            matrices("w3", counts.hidden, counts.dim);
        };
        if (version == 0) {
            matrix("embedding", counts.vocabulary, counts.dim);
            norms("attention");
            attention();
            norms("ffn");
            feedForward();
            vector("final", counts.dim);
            vector("cos", counts.sequence * (counts.dim / counts.heads / 2));
            vector("sin", counts.sequence * (counts.dim / counts.heads / 2));
        } else {
            norms("attention");
            norms("ffn");
            vector("final", counts.dim);
            matrix("embedding", counts.vocabulary, counts.dim);
            attention();
            feedForward();
        }
        if (!counts.shared)
            matrix("classifier", counts.vocabulary, counts.dim);
    }

    std::string bytes;
    std::map<std::string, std::vector<float>> values; ///< as read, rows in the file's order

private:
    void vector(const std::string& name, int count)
    {
        std::vector<float>& out = values[name];
        for (int i = 0; i < count; ++i)
            out.push_back(static_cast<float>(m_next++) / 8);
        append(bytes, out.data(), out.size() * 4);
    }
    void matrix(const std::string& name, int rows, int cols)
    {
        if (m_version != 2) {
            vector(name, rows * cols);
            return;
        }
        std::vector<float>& out = values[name];
        std::vector<float> scales;
        for (int i = 0; i < rows * cols; ++i) {
            if (i % m_counts.group == 0)
                scales.push_back(static_cast<float>(1 + m_next++ % 97) / 64);
            const auto code = static_cast<std::int8_t>(m_next++ % 255 - 127);
            append(bytes, &code, 1);
            out.push_back(static_cast<float>(code) * scales.back());
        }
        append(bytes, scales.data(), scales.size() * 4);
    }

    Counts m_counts;
    int m_version;
    int m_next = 1;
};

std::shared_ptr<const ByteSource> source(const std::string& content)
{
    const auto* begin = reinterpret_cast<const std::byte*>(content.data());
    return memorySource({begin, begin + content.size()}, "the file");
}

} // namespace

class TestLlama2c : public QObject
{
    Q_OBJECT

private slots:
    void readsEveryVersion_data()
    {
        QTest::addColumn<int>("version");
        QTest::addColumn<bool>("shared");
        for (int version = 0; version <= 2; ++version) {
            QTest::addRow("version %d, shared", version) << version << true;
            QTest::addRow("version %d, separate", version) << version << false;
        }
    }

    void readsEveryVersion()
    {
        QFETCH(int, version);
        QFETCH(bool, shared);
        Counts counts;
        counts.shared = shared;
        const Writer writer(counts, version);
        const Llama2cModel model = openLlama2c(source(writer.bytes));
        QCOMPARE(model.header.version, version);
        QCOMPARE(model.header.sharedClassifier, shared);
        QCOMPARE(model.header.vocabulary, std::int64_t(10));
        QCOMPARE(model.header.sequenceLength, std::int64_t(4));
        QCOMPARE(model.tensors->tensors().size(), std::size_t(2 + 2 * 9 + (shared ? 0 : 1)));
        const auto equal = [&](const std::string& name, const std::string& written) {
            const Tensor found = model.tensors->readFloat(name);
            const std::vector<float>& expected = writer.values.at(written);
            return static_cast<std::size_t>(found.count()) == expected.size() &&
                   std::memcmp(found.floats().data(), expected.data(), expected.size() * 4) == 0;
        };
        QVERIFY(equal("model.embed_tokens.weight", "embedding"));
        QVERIFY(equal("model.norm.weight", "final"));
        if (!shared)
            QVERIFY(equal("lm_head.weight", "classifier"));
        for (const std::string layer : {"0", "1"}) {
            const std::string prefix = "model.layers." + layer + ".";
            QVERIFY(equal(prefix + "input_layernorm.weight", "attention" + layer));
            QVERIFY(equal(prefix + "post_attention_layernorm.weight", "ffn" + layer));
            QVERIFY(equal(prefix + "self_attn.v_proj.weight", "v" + layer));
            QVERIFY(equal(prefix + "self_attn.o_proj.weight", "o" + layer));
            QVERIFY(equal(prefix + "mlp.gate_proj.weight", "w1" + layer));
            QVERIFY(equal(prefix + "mlp.down_proj.weight", "w2" + layer));
            QVERIFY(equal(prefix + "mlp.up_proj.weight", "w3" + layer));
            for (const auto& [name, written, heads] :
                 {std::tuple("self_attn.q_proj.weight", "q", 3),
                  std::tuple("self_attn.k_proj.weight", "k", 1)}) {
                // Heads of 4 rows: pairs (0,1) and (2,3) become the halves (0,2) and (1,3).
                const Tensor found = model.tensors->readFloat(prefix + name);
                QVERIFY(found.shape() == (Shape{heads * 4, 12}));
                const std::vector<float>& expected = writer.values.at(written + layer);
                const std::array<int, 4> fileRow{0, 2, 1, 3};
                for (int head = 0; head < heads; ++head)
                    for (int row = 0; row < 4; ++row)
                        for (int col = 0; col < 12; ++col)
                            QVERIFY(found.matrix().row(head * 4 + row)[std::size_t(col)] ==
                                    expected[std::size_t(
                                        (head * 4 + fileRow[std::size_t(row)]) * 12 + col)]);
            }
        }
    }

    void everyCutIsAnError_data() { readsEveryVersion_data(); }
    void everyCutIsAnError()
    {
        QFETCH(int, version);
        QFETCH(bool, shared);
        Counts counts;
        counts.shared = shared;
        const std::string whole = Writer(counts, version).bytes;
        for (std::size_t length = 0; length < whole.size(); length += length < 300 ? 1 : 13)
            QVERIFY_EXCEPTION_THROWN((void)openLlama2c(source(whole.substr(0, length))), Error);
        QVERIFY_EXCEPTION_THROWN((void)openLlama2c(source(whole + "x")), Error);
    }

    void bad_data()
    {
        QTest::addColumn<int>("version");
        QTest::addColumn<int>("at"); // of the seven counts; 7 the flag, 8 the group, −1 the version
        QTest::addColumn<int>("value");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, int version, int at, int value, const char* message) {
            QTest::newRow(name) << version << at << value << QByteArray(message);
        };
        for (const int version : {0, 1, 2}) {
            const auto all = [&](const char* name, int at, int value, const char* message) {
                row(qPrintable(QString("version %1, %2").arg(version).arg(name)), version, at,
                    value, message);
            };
            all("dim 0", 0, 0, "dim is 0");
            all("dim negative", 0, -12, "dim is -12");
            all("dim of another size", 0, 24, "implies");
            all("hidden 0", 1, 0, "hidden_dim is 0");
            all("hidden huge", 1, 2147483647, "implies");
            all("layers negative", 2, -1, "n_layers is -1");
            all("layers huge", 2, 2147483647, "at most 10000");
            all("layers many", 2, 9999, "implies");
            all("heads 0", 3, 0, "n_heads is 0");
            all("heads that do not divide", 3, 5, "heads of an even size");
            all("heads of odd size", 3, 4, "heads of an even size");
            all("kv heads that do not divide", 4, 2, "multiple of n_kv_heads");
            all("more kv heads than heads", 4, 6, "multiple of n_kv_heads");
            all("vocabulary 0", 5, 0, "vocab_size is 0");
            all("vocabulary huge", 5, 2147483647, "implies");
            all("sequence 0", 6, 0, "seq_len is 0");
        }
        row("version 0, vocabulary lowest", 0, 5, std::numeric_limits<std::int32_t>::min(),
            "implies");
        row("version 1, vocabulary negative", 1, 5, -10, "vocab_size is -10");
        row("version 0, sequence huge", 0, 6, 2147483647, "implies");
        row("version 3", 1, -1, 3, "version 3");
        row("version -1", 1, -1, -1, "version -1");
        row("flag", 1, 7, 2, "flag is 2");
        row("group 0", 2, 8, 0, "group size 0");
        row("group negative", 2, 8, -4, "group size -4");
        row("group that does not divide", 2, 8, 5, "group size 5");
        row("group of another size", 2, 8, 3, "implies");
    }

    void bad()
    {
        QFETCH(int, version);
        QFETCH(int, at);
        QFETCH(int, value);
        QFETCH(QByteArray, message);
        std::string bytes = Writer({}, version).bytes;
        const std::size_t counts = version == 0 ? 0 : 8;
        if (at == 7)
            bytes[counts + 28] = static_cast<char>(value);
        else
            std::memcpy(bytes.data() + (at < 0    ? 4
                                        : at == 8 ? counts + 29
                                                  : counts + static_cast<std::size_t>(at) * 4),
                        &value, 4);
        try {
            (void)openLlama2c(source(bytes));
            QFAIL("was opened");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
            QVERIFY2(QByteArray(error.what()).startsWith("the file"), error.what());
        }
    }
};

QTEST_APPLESS_MAIN(TestLlama2c)
#include "tst_llama2c.moc"
