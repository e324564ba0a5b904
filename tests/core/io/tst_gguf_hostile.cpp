// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/model.h"
#include "core/io/gguf_file.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <fstream>
#include <functional>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

namespace fs = std::filesystem;

template <class T>
std::string raw(T value)
{
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
}

std::string text(const std::string& value)
{
    return raw<std::uint64_t>(value.size()) + value;
}

enum Type : std::int32_t
{
    u32 = 4,
    f32 = 6,
    boolean = 7,
    words = 8,
    list = 9,
    u64 = 10,
    i64 = 11
};

std::string pair(const std::string& key, std::int32_t type, const std::string& value)
{
    return text(key) + raw(type) + value;
}
std::string number(const std::string& key, std::uint32_t value)
{
    return pair(key, u32, raw(value));
}
std::string listOf(const std::string& key, std::int32_t type, std::uint64_t count,
                   const std::string& elements)
{
    return pair(key, list, raw(type) + raw(count) + elements);
}

/// A tensor's entry; sizes fastest first, as the file has them.
std::string info(const std::string& name, const std::vector<std::int64_t>& sizes,
                 std::int32_t type = 0, std::uint64_t offset = 0)
{
    std::string out = text(name) + raw<std::uint32_t>(static_cast<std::uint32_t>(sizes.size()));
    for (const std::int64_t size : sizes)
        out += raw(size);
    return out + raw(type) + raw(offset);
}

std::string header(std::int64_t tensors, std::int64_t pairs, std::uint32_t version = 3)
{
    return "GGUF" + raw(version) + raw(tensors) + raw(pairs);
}

struct Content
{
    std::vector<std::string> pairs = {};
    std::vector<std::string> infos = {info("w", {4})};
    std::size_t data = 64;
    std::size_t alignment = 32;

    [[nodiscard]] std::string bytes() const
    {
        std::string out = header(static_cast<std::int64_t>(infos.size()),
                                 static_cast<std::int64_t>(pairs.size()));
        for (const std::string& one : pairs)
            out += one;
        for (const std::string& one : infos)
            out += one;
        out.resize((out.size() + alignment - 1) / alignment * alignment);
        return out + std::string(data, '\1');
    }
};

std::string withPair(const std::string& one)
{
    return Content{{one}}.bytes();
}
std::string withInfo(const std::string& one)
{
    return Content{{}, {one}}.bytes();
}

/// A llama of one block whose queries have these rows.
std::string llama(const std::vector<std::string>& pairs, std::int64_t rows = 4)
{
    Content content;
    content.pairs = {pair("general.architecture", words, text("llama"))};
    content.pairs.insert(content.pairs.end(), pairs.begin(), pairs.end());
    content.infos = {info("blk.0.attn_q.weight", {4, rows})};
    content.data = 256;
    return content.bytes();
}

std::shared_ptr<const ByteSource> sourceOf(const std::string& content)
{
    const auto* begin = reinterpret_cast<const std::byte*>(content.data());
    return memorySource({begin, begin + content.size()}, "the file");
}

OpenedGguf opened(const std::string& content)
{
    return openGguf(sourceOf(content), "the file");
}

QByteArray failureOf(const std::function<void()>& body)
{
    try {
        body();
    } catch (const Error& error) {
        const bool known =
            error.code() == ErrorCode::Format || error.code() == ErrorCode::Unsupported;
        return known ? QByteArray(error.what()) : QByteArray("of another code");
    }
    return "it went through";
}

} // namespace

/// GGUF files that no writer writes.
class TestGgufHostile : public QObject
{
    Q_OBJECT

private slots:
    void theGoodOneIsGood()
    {
        const OpenedGguf plain = opened(Content{}.bytes());
        QCOMPARE(plain.tensors->tensors().size(), std::size_t(1));
        QCOMPARE(plain.tensors->read("w").count(), std::int64_t(4));
        QVERIFY(!opened(llama({number("llama.attention.head_count", 2)})).config.empty());
    }

    void bad_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QByteArray>("said");
        const auto row = [](const char* name, const std::string& content, const char* said) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << QByteArray(said);
        };
        constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
        constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
        row("empty", "", "GGUF");
        row("another file", "GGML" + raw(3), "GGUF");
        row("only its name", "GGUF", "cut short");
        row("version 0", header(0, 0, 0), "version 0");
        row("version 1", header(0, 0, 1), "version 1");
        row("version of the future", header(0, 0, 4), "version 4");
        row("the other byte order", header(0, 0, 0x03000000), "big-endian");
        row("no counts", "GGUF" + raw<std::uint32_t>(3), "cut short");
        row("more tensors than bytes", header(most, 0), "can hold");
        row("more pairs than bytes", header(0, most), "can hold");
        row("tensors below 0", header(-1, 0), "can hold");
        row("pairs below 0", header(0, least), "can hold");
        row("a tensor that is not there", header(1, 0) + std::string(24, '\0'), "bytes");
        // metadata
        row("no key", withPair(number("", 1)), "without a key");
        row("a key without end", header(0, 1) + raw(all) + std::string(20, 'x'), "text of");
        row("a key that is cut",
            header(0, 1) + raw<std::uint64_t>(100) + "key" + std::string(20, 'x'), "cut short");
        row("a text without end", withPair(pair("k", words, raw(all))), "text of");
        row("an unknown type", withPair(pair("k", 13, raw<std::uint64_t>(0))), "unknown type 13");
        row("a negative type", withPair(pair("k", -1, raw<std::uint64_t>(0))), "unknown type -1");
        row("lists in lists", withPair(listOf("k", list, 1, raw<std::uint64_t>(0))),
            "list of lists");
        row("a list without end", withPair(listOf("k", u32, all, {})), "elements");
        row("a list of 2^30 texts", withPair(listOf("k", words, std::uint64_t(1) << 30, text("a"))),
            "in the header");
        row("a list of 2^30 numbers", withPair(listOf("k", u64, std::uint64_t(1) << 30, {})),
            "cut short");
        row("a key twice", Content{{number("k", 1), number("k", 2)}}.bytes(), "appears twice");
        row("alignment 0", withPair(number("general.alignment", 0)), "power of two");
        row("alignment 48", withPair(number("general.alignment", 48)), "power of two");
        row("alignment 2^31", withPair(number("general.alignment", 1U << 31)), "power of two");
        row("an alignment in words", withPair(pair("general.alignment", words, text("32"))),
            "integer is expected");
        row("a list of alignments", withPair(listOf("general.alignment", u32, 1, raw(32))),
            "single value");
        // tensors
        row("a tensor without a name", withInfo(info("", {4})), "name of 0 bytes");
        row("a tensor with a long name", withInfo(info(std::string(64, 'n'), {4})),
            "name of 64 bytes");
        row("five dimensions", withInfo(info("w", {1, 1, 1, 1, 1})), "5 dimensions");
        row("2^32 dimensions",
            withInfo(text("w") + raw<std::uint32_t>(~0U) + std::string(64, '\1')), "dimensions");
        row("a size below 0", withInfo(info("w", {-4})), "impossible size");
        row("the least size", withInfo(info("w", {least})), "impossible size");
        row("sizes that overflow", withInfo(info("w", {most, most})), "impossible size");
        row("a giant", withInfo(info("w", {1LL << 20, 1LL << 20})), "cut short");
        row("a giant of blocks", withInfo(info("w", {1LL << 40, 32}, 2)), "cut short");
        row("a type that is none", withInfo(info("w", {4}, -1)), "type -1");
        row("a type that was taken back", withInfo(info("w", {4}, 4)), "type 4");
        row("a type of the future", withInfo(info("w", {4}, 1000)), "newer");
        row("half a block", withInfo(info("w", {16}, 2)), "multiple of 32");
        row("behind the end", Content{{}, {info("w", {64})}, 64}.bytes(), "cut short");
        row("an offset behind the end", withInfo(info("w", {4}, 0, 64)), "is expected");
        row("an offset of all ones", withInfo(info("w", {4}, 0, all)), "is expected");
        row("an offset between", withInfo(info("w", {4}, 0, 1)), "is expected");
        row("one upon the other", Content{{}, {info("a", {8}), info("b", {8})}}.bytes(),
            "is expected");
        row("a name twice", Content{{}, {info("w", {8}), info("w", {8}, 0, 32)}}.bytes(),
            "appears twice");
        row("the same name in two words",
            Content{{pair("general.architecture", words, text("llama")),
                     number("llama.attention.head_count", 2)},
                    {info("token_embd.weight", {8}), info("model.embed_tokens.weight", {8}, 0, 32)}}
                .bytes(),
            "appears twice");
        // llama
        row("no heads", llama({}), "head_count");
        row("heads of 0", llama({number("llama.attention.head_count", 0)}), "cannot share");
        row("heads below 0", llama({pair("llama.attention.head_count", i64, raw(least))}),
            "cannot share");
        row("heads that do not divide", llama({number("llama.attention.head_count", 3)}),
            "cannot share");
        row("heads of odd rows", llama({number("llama.attention.head_count", 2)}, 6),
            "cannot share");
        row("heads in words", llama({pair("llama.attention.head_count", words, text("2"))}),
            "integers are expected");
        row("heads beyond 63 bits", llama({pair("llama.attention.head_count", u64, raw(all))}),
            "integers are expected");
        row("heads of other blocks", llama({listOf("llama.attention.head_count", u32, 0, {})}),
            "missing");
        row("an architecture that is a number", withPair(number("general.architecture", 1)),
            "text is expected");
        row("an epsilon that is none",
            llama({number("llama.attention.head_count", 2),
                   pair("llama.attention.layer_norm_rms_epsilon", f32,
                        raw(std::numeric_limits<float>::quiet_NaN()))}),
            "finite number");
        row("parts of a file in memory", withPair(number("split.count", 2)), "parts of a model");
        row("parts in words", withPair(pair("split.count", words, text("2"))),
            "integer is expected");
    }
    void bad()
    {
        QFETCH(QByteArray, content);
        QFETCH(QByteArray, said);
        const QByteArray found = failureOf([&] { (void)opened(content.toStdString()); });
        QVERIFY2(found.contains(said), found.constData());
        QVERIFY2(found.startsWith("the file"), found.constData());
    }

    /// Nothing but a whole file opens.
    void everyCutIsAnError()
    {
        const std::string whole =
            llama({number("llama.attention.head_count", 2),
                   listOf("tokenizer.ggml.tokens", words, 2, text("a") + text("b"))});
        const std::size_t end = whole.size() - 256 + 64; // behind it is padding
        for (std::size_t length = 0; length < end; ++length)
            QVERIFY2(!failureOf([&] {
                          (void)opened(whole.substr(0, length));
                      }).contains("it went through"),
                     QByteArray::number(qulonglong(length)).constData());
    }

    /// Sizes around one of 0 hold nothing, whatever they multiply to.
    void nothingOfGiantSizes()
    {
        const std::int64_t huge = std::int64_t(1) << 59;
        const std::string content = withInfo(info("w", {0, huge, huge}));
        try {
            const OpenedGguf file = opened(content);
            for (const TensorInfo& tensor : file.tensors->tensors())
                (void)file.tensors->readFloat(tensor.name);
        } catch (const Error&) {
            return;
        }
        QFAIL("such a tensor cannot exist");
    }

    /// A model of a llama whose metadata promises what the tensors do not have: it opens, and says
    /// why it cannot run.
    void promisesOfTheMetadata()
    {
        TemporaryFolder folder;
        const std::string giant =
            llama({number("llama.attention.head_count", 2), number("llama.block_count", ~0U),
                   number("llama.embedding_length", ~0U), number("llama.context_length", ~0U),
                   number("llama.feed_forward_length", ~0U), number("llama.vocab_size", ~0U)});
        std::ofstream(folder / "m.gguf", std::ios::binary) << giant;
        const auto model = openModel(folder / "m.gguf");
        QVERIFY(!model->canRun());
        QVERIFY(!model->whyNotRunnable.empty());
        QCOMPARE(model->layers.size(), std::size_t(1));
    }

    void partsThatAreNotThere()
    {
        TemporaryFolder folder;
        const auto write = [&](const char* name, std::uint32_t no, std::uint32_t count) {
            std::ofstream(folder / name, std::ios::binary) << Content{
                {::number("split.count", count), ::number("split.no", no)},
                {info(name, {4})}}.bytes();
        };
        const auto failure = [&](const char* name) {
            try {
                (void)openGguf(mapFile(folder / name), folder / name);
            } catch (const Error& error) {
                return QByteArray(error.what());
            }
            return QByteArray();
        };
        write("m-00001-of-00002.gguf", 0, 2);
        QVERIFY(failure("m-00001-of-00002.gguf").contains("m-00002-of-00002.gguf"));
        write("m-00002-of-00002.gguf", 1, 2);
        QCOMPARE(failure("m-00001-of-00002.gguf"), QByteArray());
        QCOMPARE(failure("m-00002-of-00002.gguf"), QByteArray());
        write("m-00002-of-00002.gguf", 0, 2); // the first once more
        QVERIFY(failure("m-00001-of-00002.gguf").contains("part 2 of 2"));
        write("m-00001-of-00002.gguf", 0, 70000);
        QVERIFY(failure("m-00001-of-00002.gguf").contains("70000"));
    }
};

QTEST_APPLESS_MAIN(TestGgufHostile)
#include "tst_gguf_hostile.moc"
