// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/graph/executor.h"
#include "core/io/gguf_file.h"
#include "core/tensor/half.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/npy.h"
#include "tests/support/support.h"

#include <QTest>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <map>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<const ModelFile> opened(const std::string& content)
{
    const auto* begin = reinterpret_cast<const std::byte*>(content.data());
    return openGguf(memorySource({begin, begin + content.size()}, "the file"), "m.gguf").tensors;
}

std::string bytesOfHex(const std::string& text)
{
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    return bytes;
}

/// What ggml makes of blocks of each type; see tests/data/make_gguf_blocks.py.
const nlohmann::json& recorded()
{
    static const nlohmann::json json = [] {
        std::ifstream file(fs::path(GRADUS_SOURCE_DIR) / "tests/data/gguf_blocks.json");
        return nlohmann::json::parse(file);
    }();
    return json;
}

const std::map<std::string, std::int32_t>& blockTypes()
{
    static const std::map<std::string, std::int32_t> types = {
        {"Q4_0", 2},   {"Q4_1", 3},   {"Q5_0", 6},   {"Q5_1", 7},   {"Q8_0", 8},    {"Q2_K", 10},
        {"Q3_K", 11},  {"Q4_K", 12},  {"Q5_K", 13},  {"Q6_K", 14},  {"IQ4_NL", 20}, {"IQ4_XS", 23},
        {"TQ1_0", 34}, {"TQ2_0", 35}, {"MXFP4", 39}, {"NVFP4", 40}, {"Q1_0", 41},   {"Q2_0", 42},
    };
    return types;
}

std::string floatBytes(const std::vector<float>& values)
{
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

/// A file of one tensor of 2 × 3 floats.
GgufWriter small()
{
    GgufWriter file;
    file.word("general.architecture", "something");
    file.tensor("a.weight", {3, 2}, 0, floatBytes({1, 2, 3, 4, 5, 6}));
    return file;
}

std::string withVersion(std::uint32_t version)
{
    std::string content = small().content();
    std::memcpy(content.data() + 4, &version, sizeof version);
    return content;
}

/// The 8 bytes at `at` of a header replaced.
std::string withNumber(std::size_t at, std::int64_t value)
{
    std::string content = small().content();
    std::memcpy(content.data() + at, &value, sizeof value);
    return content;
}

} // namespace

class TestGgufFile : public QObject
{
    Q_OBJECT

private slots:
    void blocksAreThoseOfGgml_data()
    {
        QTest::addColumn<QString>("name");
        for (const auto& [name, id] : blockTypes())
            QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    void blocksAreThoseOfGgml()
    {
        QFETCH(QString, name);
        const std::string type = name.toStdString();
        QVERIFY(recorded().contains(type));
        const std::string blocks = bytesOfHex(recorded().at(type).at("blocks"));
        const std::string bytes = bytesOfHex(recorded().at(type).at("values"));
        std::vector<float> expected(bytes.size() / sizeof(float));
        std::memcpy(expected.data(), bytes.data(), bytes.size());
        const auto count = static_cast<std::int64_t>(expected.size());
        // As one row, and as rows of one block each.
        const GgufType* known = findGgufType(blockTypes().at(type));
        QVERIFY(known && known->isRead());
        const auto perBlock = static_cast<std::int64_t>(known->blockValues);
        for (const std::vector<std::int64_t>& dims :
             {std::vector<std::int64_t>{count},
              std::vector<std::int64_t>{perBlock, count / perBlock}}) {
            const auto file =
                opened(GgufWriter().tensor("t", dims, blockTypes().at(type), blocks).content());
            QCOMPARE(file->tensors().size(), std::size_t(1));
            QCOMPARE(file->tensors()[0].stored, type);
            QCOMPARE(file->tensors()[0].dtype, DType::F32);
            QCOMPARE(file->tensors()[0].bytes, static_cast<std::uint64_t>(blocks.size()));
            const Tensor found = file->read("t");
            QCOMPARE(found.count(), count);
            for (std::size_t i = 0; i < expected.size(); ++i) {
                const float value = found.floats()[i];
                // ggml's −0 may be our 0.
                QVERIFY2(std::bit_cast<std::uint32_t>(value) ==
                                 std::bit_cast<std::uint32_t>(expected[i]) ||
                             (value == 0.0F && expected[i] == 0.0F),
                         qPrintable(QString("value %1 is %2, expected %3")
                                        .arg(i)
                                        .arg(static_cast<double>(value))
                                        .arg(static_cast<double>(expected[i]))));
            }
        }
    }

    void everyTypeIsReadOrRefusedByName_data()
    {
        QTest::addColumn<int>("id");
        QTest::addColumn<QString>("name");
        const std::map<int, const char*> refused = {
            {9, "Q8_1"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
            {19, "IQ1_S"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {29, "IQ1_M"},
        };
        for (const auto& [id, name] : refused)
            QTest::newRow(name) << id << QString(name);
    }
    void everyTypeIsReadOrRefusedByName()
    {
        QFETCH(int, id);
        QFETCH(QString, name);
        const GgufType* type = findGgufType(id);
        QVERIFY(type && !type->isRead());
        const auto file =
            opened(GgufWriter()
                       .tensor("odd", {static_cast<std::int64_t>(type->blockValues), 1}, id,
                               std::string(type->blockBytes, '\1'))
                       .tensor("plain", {2}, 0, floatBytes({7, 8}))
                       .content());
        QCOMPARE(file->tensors().size(), std::size_t(1)); // the rest can be looked at
        QCOMPARE(file->readFloat("plain").floats()[1], 8.0F);
        QCOMPARE(file->unread().size(), std::size_t(1));
        QVERIFY2(QString::fromStdString(file->unread()[0].why).contains("type " + name),
                 file->unread()[0].why.c_str());
        QVERIFY_EXCEPTION_THROWN((void)file->read("odd"), Error);
    }

    /// Every number up to the newest is a type that is read, one that is refused by name, or none.
    void noTypeIsForgotten()
    {
        std::size_t read = 0;
        for (std::int32_t id = 0; id <= 42; ++id) {
            const GgufType* type = findGgufType(id);
            const bool removed =
                id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38);
            QCOMPARE(type == nullptr, removed);
            if (type && type->decode) {
                QVERIFY2(blockTypes().contains(std::string(type->name)), type->name.data());
                ++read;
            }
        }
        QCOMPARE(read, blockTypes().size());
        QCOMPARE(recorded().size(), blockTypes().size());
    }

    void plainTypes()
    {
        const auto file =
            opened(GgufWriter(2)
                       .tensor("f32", {2}, 0, floatBytes({1.5F, -2}))
                       .tensor("f16", {2}, 1,
                               GgufWriter::of(floatToHalf(0.5F)) + GgufWriter::of(floatToHalf(-3)))
                       .tensor("i8", {3}, 24, "\x01\xff\x7f")
                       .tensor("i32", {1}, 26, GgufWriter::of(std::int32_t(-70000)))
                       .tensor("i64", {1}, 27, GgufWriter::of(std::int64_t(1) << 40))
                       .tensor("f64", {1}, 28, GgufWriter::of(0.1))
                       .tensor("bf16", {1}, 30, GgufWriter::of(std::uint16_t(0x3fc0)))
                       .content());
        QCOMPARE(file->tensors().size(), std::size_t(7));
        QCOMPARE(file->readFloat("f32").floats()[1], -2.0F);
        QCOMPARE(file->read("f16").dtype(), DType::F16);
        QCOMPARE(file->readFloat("f16").floats()[1], -3.0F);
        QCOMPARE(file->readFloat("i8").floats()[1], -1.0F);
        QCOMPARE(file->readFloat("i32").floats()[0], -70000.0F);
        QCOMPARE(file->read("i64").dtype(), DType::I64);
        QCOMPARE(file->readFloat("f64").floats()[0], 0.1F);
        QCOMPARE(file->readFloat("bf16").floats()[0], 1.5F);
    }

    void shapesAreReversedAndMetadataIsTyped()
    {
        GgufWriter file(3, 64);
        file.word("general.name", "näme").number("a.count", 7).real("a.epsilon", 1e-5F);
        file.add("a.flag", 7, std::string(1, '\1'));
        file.add("a.list", 9,
                 GgufWriter::of(std::int32_t(5)) + GgufWriter::of(std::uint64_t(2)) +
                     GgufWriter::of(std::int32_t(-1)) + GgufWriter::of(std::int32_t(9)));
        file.add("a.words", 9,
                 GgufWriter::of(std::int32_t(8)) + GgufWriter::of(std::uint64_t(2)) +
                     GgufWriter::text("one") + GgufWriter::text(""));
        file.tensor("t", {3, 2}, 0, floatBytes({1, 2, 3, 4, 5, 6}));
        const std::string content = file.content();
        const auto* begin = reinterpret_cast<const std::byte*>(content.data());
        const auto source = memorySource({begin, begin + content.size()}, "the file");
        const GgufHeader header = readGgufHeader(*source);
        QCOMPARE(header.dataStart % 64, std::uint64_t(0));
        QCOMPARE(header.tensors[0].shape, (Shape{2, 3}));
        const GgufMetadata& metadata = header.metadata;
        QCOMPARE(metadata.text("general.name"), std::optional<std::string_view>("näme"));
        QCOMPARE(metadata.integer("a.count"), std::optional<std::int64_t>(7));
        QCOMPARE(metadata.real("a.epsilon"), std::optional<double>(1e-5));
        QCOMPARE(metadata.boolean("a.flag"), std::optional<bool>(true));
        QCOMPARE(metadata.integers("a.list"), (std::vector<std::int64_t>{-1, 9}));
        QCOMPARE(metadata.integers("a.count"), (std::vector<std::int64_t>{7}));
        QCOMPARE(metadata.texts("a.words"), (std::vector<std::string_view>{"one", ""}));
        QVERIFY(!metadata.integer("missing"));
        QVERIFY_EXCEPTION_THROWN((void)metadata.integer("general.name"), Error);
        QVERIFY_EXCEPTION_THROWN((void)metadata.text("a.count"), Error);
        QVERIFY_EXCEPTION_THROWN((void)metadata.integer("a.list"), Error);
    }

    void badFiles_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* name, const std::string& content, const char* message) {
            QTest::newRow(name) << QByteArray(content.data(), static_cast<int>(content.size()))
                                << QString(message);
        };
        const std::string floats = floatBytes({1, 2, 3, 4, 5, 6});
        row("another magic", "GGML" + small().content().substr(4), "does not start with");
        row("version 0", withVersion(0), "version 0");
        row("version 1", withVersion(1), "version 1");
        row("version 4", withVersion(4), "version 4");
        row("big-endian", withVersion(0x03000000), "big-endian");
        row("more tensors than bytes", withNumber(8, std::int64_t(1) << 40), "more than its");
        row("tensors below zero", withNumber(8, -1), "-1 tensors");
        row("more entries than bytes", withNumber(16, std::int64_t(1) << 60), "more than its");
        row("a key without an end", withNumber(24, std::int64_t(1) << 29), "cut short");
        row("a key beyond reason", withNumber(24, std::int64_t(1) << 40), "a text of");
        row("no key", GgufWriter().word("", "x").content(), "without a key");
        row("a key twice", GgufWriter().word("k", "x").word("k", "y").content(), "appears twice");
        row("an unknown type of value", GgufWriter().add("k", 13, "12345678").content(),
            "unknown type 13");
        row("a list of lists",
            GgufWriter()
                .add("k", 9, GgufWriter::of(9) + GgufWriter::of(std::uint64_t(0)))
                .content(),
            "list of lists");
        row("a list without an end",
            GgufWriter()
                .add("k", 9, GgufWriter::of(10) + GgufWriter::of(std::uint64_t(1) << 28))
                .content(),
            "cut short");
        row("an alignment that is no power of two",
            GgufWriter().number("general.alignment", 24).content(), "general.alignment is 24");
        row("an alignment of 0", GgufWriter().number("general.alignment", 0).content(),
            "general.alignment is 0");
        row("a tensor twice", small().tensor("a.weight", {1}, 0, floatBytes({1})).content(),
            "appears twice");
        row("a tensor over another", small().tensor("b", {3, 2}, 0, floats, 0).content(),
            "lies at offset 0");
        row("a gap", small().tensor("b", {3, 2}, 0, floats, 64).content(), "lies at offset 64");
        row("a tensor without a name", GgufWriter().tensor("", {1}, 0, "1234").content(),
            "name of 0 bytes");
        row("five dimensions", GgufWriter().tensor("t", {1, 1, 1, 1, 1}, 0, "1234").content(),
            "5 dimensions");
        row("a size below zero", GgufWriter().tensor("t", {-3}, 0, "1234").content(),
            "impossible size");
        row("sizes that overflow",
            GgufWriter()
                .tensor("t", {std::int64_t(1) << 40, std::int64_t(1) << 40}, 0, "1234")
                .content(),
            "impossible size");
        row("more values than bytes",
            GgufWriter().tensor("t", {std::int64_t(1) << 40}, 0, "1234").content(), "cut short");
        row("a removed type", GgufWriter().tensor("t", {32}, 4, "1234").content(),
            "type 4, which is none");
        row("a newer type", GgufWriter().tensor("t", {32}, 43, "1234").content(), "newer");
        row("rows that are no blocks",
            GgufWriter().tensor("t", {33}, 8, std::string(68, 'x')).content(), "multiple of 32");
        // Cut at every byte of the header, and in the weights; 8 bytes of padding are behind them.
        const std::string whole = small().content();
        for (std::size_t size = 4; size < whole.size() - 8; ++size)
            QTest::newRow(qPrintable(QString("cut at %1").arg(size)))
                << QByteArray(whole.data(), static_cast<int>(size)) << QString();
    }
    void badFiles()
    {
        QFETCH(QByteArray, content);
        QFETCH(QString, message);
        try {
            (void)opened(content.toStdString());
            QFAIL("no error");
        } catch (const Error& error) {
            const QString what(error.what());
            QVERIFY2(what.contains("the file") && what.contains(message), error.what());
        }
    }

    void threadsDoNotMatter()
    {
        std::string blocks = bytesOfHex(recorded().at("Q4_K").at("blocks"));
        std::string many;
        for (int i = 0; i < 600; ++i)
            many += blocks;
        const auto file = opened(GgufWriter().tensor("t", {512, 600}, 12, many).content());
        Tensor one;
        {
            const ThreadLimit limit(1);
            one = file->read("t");
        }
        const Tensor all = file->read("t");
        QVERIFY(std::equal(one.bytes().begin(), one.bytes().end(), all.bytes().begin()));
    }

    void storiesAreThoseOfHuggingFace()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set");
        const fs::path folder = *data / "lm-stories260K";
        const auto theirs = openModel(folder / "model.safetensors");
        const auto floats = openModel(folder / "stories260K-f32.gguf");
        const auto halves = openModel(folder / "stories260K-f16.gguf");
        QVERIFY2(floats->canRun(), floats->whyNotRunnable.c_str());
        QVERIFY2(halves->canRun(), halves->whyNotRunnable.c_str());
        QVERIFY(!floats->source.tokenizer.empty());
        for (const TensorInfo& info : theirs->source.tensors->tensors()) {
            if (!floats->source.tensors->find(info.name))
                continue; // a tied output
            const Tensor expected = theirs->source.tensors->readFloat(info.name);
            const Tensor same = floats->source.tensors->readFloat(info.name);
            const Tensor near = halves->source.tensors->readFloat(info.name);
            QCOMPARE(same.shape(), expected.shape());
            for (std::size_t i = 0; i < expected.floats().size(); ++i) {
                const float value = expected.floats()[i];
                QCOMPARE(std::bit_cast<std::uint32_t>(same.floats()[i]),
                         std::bit_cast<std::uint32_t>(value));
                QVERIFY(std::abs(near.floats()[i] - value) <= 1e-3F * std::abs(value) + 1e-6F);
            }
        }
        const auto ids = readNpy<std::int32_t>(folder / "golden_ids.npy");
        const auto golden = readNpy<float>(folder / "golden_logits.npy");
        std::vector<Token> tokens(ids.values.begin(), ids.values.end());
        const Weights weights(floats, std::uint64_t(1) << 26);
        const Tensor logits = Executor(*floats, weights).logits(tokens, 1, Monitor());
        QCOMPARE(logits.floats().size(), golden.values.size());
        float largest = 0;
        for (const float value : golden.values)
            largest = std::max(largest, std::abs(value));
        for (std::size_t i = 0; i < golden.values.size(); ++i)
            QVERIFY(std::abs(logits.floats()[i] - golden.values[i]) <= 1e-4F * largest);
    }
};

QTEST_APPLESS_MAIN(TestGgufFile)
#include "tst_gguf_file.moc"
