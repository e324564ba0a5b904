// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/gguf_header.h"
#include "core/io/gguf_llama.h"
#include "core/io/llama2c.h"
#include "core/io/model_source.h"
#include "core/io/safetensors.h"
#include "tests/support/support.h"

#include <QElapsedTimer>
#include <QTest>
#include <nlohmann/json.hpp>

#include <cstring>
#include <fstream>
#include <span>
#include <string_view>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

void writeModel(const fs::path& path, const std::vector<std::string>& names)
{
    std::vector<TensorToWrite> tensors;
    float value = 0;
    for (const std::string& name : names) {
        value += 1;
        tensors.push_back({name, DType::F32, {2, 3}, [value] {
                               Tensor tensor(Shape{2, 3});
                               for (float& element : tensor.floats())
                                   element = value;
                               return tensor;
                           }});
    }
    Monitor silent;
    writeSafetensors(path, std::move(tensors), {{"format", "pt"}}, silent);
}

QByteArray failure(const fs::path& path)
{
    try {
        (void)openModelSource(path);
    } catch (const Error& error) {
        return error.what();
    }
    return "opened";
}

} // namespace

class TestModelSource : public QObject
{
    Q_OBJECT

private slots:
    void listsOfBlocksAreReadByElement()
    {
        constexpr std::int32_t u32 = 4;
        std::vector<std::uint32_t> heads{4, 2, 1};
        const auto metadataOf = [&](std::uint64_t count) {
            const std::string_view llama("\5\0\0\0\0\0\0\0llama", 13);
            return GgufMetadata(
                "m.gguf",
                {{"general.architecture", {8, 1, false, std::as_bytes(std::span(llama))}},
                 {"llama.attention.head_count",
                  {u32, count, count > 1, std::as_bytes(std::span(heads)).first(4 * count)}}});
        };
        const auto rowsOf = [&](const GgufMetadata& metadata, int block) {
            GgufTensor tensor;
            tensor.name = "blk." + std::to_string(block) + ".attn_q.weight";
            tensor.shape = {16, 8};
            return rotaryHeadRows(metadata, tensor);
        };
        for (int block = 0; block < 3; ++block)
            QCOMPARE(rowsOf(metadataOf(3), block), std::int64_t(4) << block);
        QCOMPARE(rowsOf(metadataOf(1), 2), 4); // one for all
        QVERIFY_EXCEPTION_THROWN((void)rowsOf(metadataOf(3), 3), Error);
        QVERIFY_EXCEPTION_THROWN((void)rowsOf(metadataOf(0), 0), Error);
        QCOMPARE(metadataOf(3).count("llama.attention.head_count"), std::uint64_t(3));
        QVERIFY(!metadataOf(3).integer("llama.attention.head_count", 3));
    }

    void folderWithOneFile()
    {
        TemporaryFolder folder;
        writeModel(folder / "model.safetensors", {"a", "b"});
        put(folder / "config.json", "{\"model_type\": \"llama\"}");
        put(folder / "tokenizer.model", "x");
        put(folder / "tokenizer.json", "{}");
        put(folder / "merges.txt", "");
        put(folder / "notes.txt", "");
        const ModelSource model = openModelSource(folder.path());
        QCOMPARE(model.format, std::string("safetensors"));
        QCOMPARE(model.tensors->tensors().size(), std::size_t(2));
        QCOMPARE(model.config, std::string("{\"model_type\": \"llama\"}"));
        QVERIFY(model.tokenizer == folder / "tokenizer.json");
        QCOMPARE(model.companions.size(), std::size_t(3));
        QCOMPARE(model.weightFiles.size(), std::size_t(1));
        QCOMPARE(model.bytes, std::uint64_t(fs::file_size(folder / "model.safetensors")));

        // The same file by its own name, and through a relative path with a slash at the end.
        const ModelSource direct = openModelSource(folder / "model.safetensors");
        QCOMPARE(direct.fingerprint, model.fingerprint);
        QCOMPARE(direct.config, model.config);
        QVERIFY(direct.tokenizer == model.tokenizer);
        const ModelSource slash = openModelSource(folder.path().string() + "/");
        QVERIFY(slash.path == folder.path());
    }

    void shards()
    {
        TemporaryFolder folder;
        writeModel(folder / "model-00001-of-00002.safetensors", {"a", "b"});
        writeModel(folder / "model-00002-of-00002.safetensors", {"c"});
        put(folder / "model.safetensors.index.json",
            R"({"metadata": {"total_size": 72}, "weight_map": {
                "a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
                "c": "model-00002-of-00002.safetensors"}})");
        const ModelSource model = openModelSource(folder.path());
        QCOMPARE(model.weightFiles.size(), std::size_t(2));
        QCOMPARE(model.tensors->tensors().size(), std::size_t(3));
        QCOMPARE(model.tensors->readFloat("b").floats()[5], 2.0F);
        QCOMPARE(model.tensors->read("c").floats()[0], 1.0F);
        const ModelSource direct = openModelSource(folder / "model.safetensors.index.json");
        QCOMPARE(direct.fingerprint, model.fingerprint);

        // One shard by name is a model of its own.
        QCOMPARE(openModelSource(folder / "model-00002-of-00002.safetensors").weightFiles.size(),
                 std::size_t(1));
    }

    void badShards_data()
    {
        QTest::addColumn<QByteArray>("index");
        QTest::addColumn<QByteArray>("message");
        QTest::newRow("missing shard") << QByteArray(R"({"weight_map": {"a": "gone.safetensors"}})")
                                       << QByteArray("gone.safetensors");
        QTest::newRow("tensor in no shard")
            << QByteArray(R"({"weight_map": {"a": "one.safetensors", "z": "one.safetensors"}})")
            << QByteArray("\"z\"");
        QTest::newRow("tensor in two shards")
            << QByteArray(R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})")
            << QByteArray("two shards");
        QTest::newRow("outside the folder")
            << QByteArray(R"({"weight_map": {"a": "../one.safetensors"}})")
            << QByteArray("beside the index");
        QTest::newRow("dots") << QByteArray(R"({"weight_map": {"a": ".."}})")
                              << QByteArray("beside the index");
        QTest::newRow("absolute") << QByteArray(R"({"weight_map": {"a": "/etc/passwd"}})")
                                  << QByteArray("beside the index");
        QTest::newRow("not a string")
            << QByteArray(R"({"weight_map": {"a": 7}})") << QByteArray("not the name");
        QTest::newRow("empty map") << QByteArray(R"({"weight_map": {}})") << QByteArray("empty");
        QTest::newRow("no map") << QByteArray(R"({"metadata": {}})") << QByteArray("weight_map");
        QTest::newRow("map is a list")
            << QByteArray(R"({"weight_map": ["a"]})") << QByteArray("weight_map");
        QTest::newRow("duplicate key")
            << QByteArray(R"({"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}})")
            << QByteArray("twice");
        QTest::newRow("cut short")
            << QByteArray("{\"weight_map\": {\"a\": \"one") << QByteArray("JSON");
        QTest::newRow("too deep") << QByteArray("{\"weight_map\":") + QByteArray(100000, '[')
                                  << QByteArray("deeper");
        QTest::newRow("shard is no safetensors")
            << QByteArray(R"({"weight_map": {"a": "bad.safetensors"}})")
            << QByteArray("bad.safetensors");
        QTest::newRow("shard is a folder")
            << QByteArray(R"({"weight_map": {"a": "folder"}})") << QByteArray("folder");
    }

    void badShards()
    {
        QFETCH(QByteArray, index);
        QFETCH(QByteArray, message);
        TemporaryFolder folder;
        writeModel(folder / "one.safetensors", {"a", "b"});
        writeModel(folder / "two.safetensors", {"b"});
        put(folder / "bad.safetensors", "nothing of the kind");
        fs::create_directory(folder / "folder");
        put(folder / "model.safetensors.index.json", index.toStdString());
        const QByteArray text = failure(folder.path());
        QVERIFY2(text.contains(message), text.constData());
        QVERIFY2(text.contains(folder.path().c_str()), text.constData());
    }

    void badPaths()
    {
        TemporaryFolder folder;
        QVERIFY(failure(folder / "absent").contains("absent"));
        QVERIFY(failure(folder.path()).contains("holds no model"));
        put(folder / "a.safetensors", "");
        QVERIFY(failure(folder.path()).contains("is empty"));
        put(folder / "b.safetensors", "");
        QVERIFY(failure(folder.path()).contains("name one of them"));
        put(folder / "x.bin", "PK\x03\x04 and more");
        QVERIFY(failure(folder / "x.bin").contains("ZIP"));
        put(folder / "x.gguf", "GGUF and more");
        QVERIFY(failure(folder / "x.gguf").contains("GGUF"));
        put(folder / "x.txt", "Once upon a time there was a text of some length");
        QVERIFY(failure(folder / "x.txt").contains("neither"));
        put(folder / "x.json", "[]");
        QVERIFY(failure(folder / "x.json").contains("weight_map"));
        put(folder / "short.bin", "1234567890");
        QVERIFY(failure(folder / "short.bin").contains("llama2.c"));
        QVERIFY(failure("/dev/zero").contains("not a regular file"));
    }

    void fingerprintSeesHeaderAndSizeOnly()
    {
        TemporaryFolder folder;
        writeModel(folder / "m.safetensors", {"a", "b"});
        const ModelSource before = openModelSource(folder / "m.safetensors");
        Monitor silent;
        const std::string content = contentHash(before, silent);
        {
            std::fstream file(folder / "m.safetensors",
                              std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(-1, std::ios::end);
            file.put('?');
        }
        const ModelSource after = openModelSource(folder / "m.safetensors");
        QCOMPARE(after.fingerprint, before.fingerprint);
        QVERIFY(contentHash(after, silent) != content);
        writeModel(folder / "m.safetensors", {"a", "c"});
        QVERIFY(openModelSource(folder / "m.safetensors").fingerprint != before.fingerprint);
        StopAt stop(0);
        QVERIFY_EXCEPTION_THROWN((void)contentHash(before, stop), Cancelled);
    }

    void opensHugeFilesAtOnce()
    {
        // A sparse file of 64 GiB: only its header may be touched.
        TemporaryFolder folder;
        const std::uint64_t size = std::uint64_t(64) << 30;
        std::string header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[" + std::to_string(size / 4) +
                             "],\"data_offsets\":[0," + std::to_string(size) + "]}}";
        header.append((8 - header.size() % 8) % 8, ' ');
        const std::uint64_t length = header.size();
        std::string start(8, '\0');
        std::memcpy(start.data(), &length, 8);
        put(folder / "huge.safetensors", start + header);
        std::error_code error;
        fs::resize_file(folder / "huge.safetensors", 8 + length + size, error);
        if (error)
            QSKIP("this file system has no sparse files of 64 GiB");
        QElapsedTimer timer;
        timer.start();
        const ModelSource model = openModelSource(folder / "huge.safetensors");
        QVERIFY(timer.elapsed() < 1000);
        QCOMPARE(model.tensors->tensors().front().bytes, size);
    }

    void realModelsAgreeAcrossContainers()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: real models are not read");
        const ModelSource folder = openModelSource(*data / "lm-stories260K");
        const ModelSource bin = openModelSource(*data / "lm-stories260K" / "stories260K.bin");
        QCOMPARE(folder.format, std::string("safetensors"));
        QCOMPARE(bin.format, std::string("llama2.c"));
        QCOMPARE(bin.tensors->tensors().size(), folder.tensors->tensors().size());
        QCOMPARE(bin.bytes, std::uint64_t(1056540));
        for (const TensorInfo& info : folder.tensors->tensors()) {
            const Tensor expected = folder.tensors->readFloat(info.name);
            const Tensor found = bin.tensors->readFloat(info.name);
            QVERIFY(found.shape() == expected.shape());
            QVERIFY2(std::memcmp(found.bytes().data(), expected.bytes().data(),
                                 expected.bytes().size()) == 0,
                     info.name.c_str());
        }
        QVERIFY(nlohmann::json::parse(bin.config) == nlohmann::json::parse(folder.config));
        QVERIFY(bin.tokenizer.filename() == "tokenizer.bin");
        for (const char* name : {"lm-kjv-3M", "vit-tiny-tinyimagenet", "cnn-faceres-deep"}) {
            const ModelSource model = openModelSource(*data / name);
            QVERIFY(!model.tensors->tensors().empty());
            std::uint64_t bytes = 0;
            for (const TensorInfo& info : model.tensors->tensors()) {
                bytes += info.bytes;
                QCOMPARE(model.tensors->readFloat(info.name).count(), elementCount(info.shape));
            }
            QVERIFY(bytes <= model.bytes && bytes * 10 > model.bytes * 9);
        }
    }
};

QTEST_APPLESS_MAIN(TestModelSource)
#include "tst_model_source.moc"
